"""One height after the other: what Tendermint and QBFT have in common.

In both, validators agree on one block at a time in numbered rounds, each with one proposer and two kinds of votes; q
votes of the second kind, in any one round, make the block final. The base keeps what is the same: the chain with the
certificates of its blocks, messages that are ahead of this node, when a height begins, and how what was lost is learnt.

When a height begins
    Its first round is *due* an interval after the block below it was due, which that block itself says (`created`,
    unless it lies in the future here). It begins when it is due and there is a reason: a transaction waits, or empty
    blocks are wanted always. Proposer and others go by the same rule, so the others' patience starts when the proposer
    should have proposed. It also begins as soon as the proposal is here, or when f + 1 validators have said something
    at that height, one of whom is correct and had a reason.

What is lost
    The papers assume that what one correct node has received reaches all (gossip communication). Here messages get lost
    (a partition, a crash), so the property is made:
    * A validator that has voted and sees nothing move for a quarter of the timeout asks one node, each time the next;
      and where it needs more votes to go on, it says its own of the round again, to everyone.
    * Who is asked answers with final blocks and their certificates, if it has more of them; else with the votes that it
      holds of the asker's round and later ones, as their authors signed them, and with a proposal that the asker lacks.
      Among them are those that made it enter its round, so that what one node can act upon, others can.
    * Messages of later heights are kept, and their sender is asked at once if nothing has moved here for a while; else
      what is missing may be on its way, so only after a while.
    Answers prove themselves. Lies of the asked only cost another question.

Memory
    Of each author at most one message of each type is kept per round, up to `AHEAD` rounds above this node's own (or
    above 0 at later heights) and up to `SPAN` heights above it; of higher rounds, one message.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

import msgspec

from netsim.node.block import Block
from netsim.node.chain import Chain
from netsim.node.consensus import Consensus, tolerated
from netsim.node.context import Context
from netsim.node.mempool import Mempool
from netsim.node.message import Message, Signed
from netsim.node.rhythm import PROPOSE, Rhythm
from netsim.node.tendermint_messages import Answer, Ask, BlockProposal, Vote, Votes

SPAN = 32  # heights ahead of this node's of which messages are kept
AHEAD = 4  # rounds ahead of this node's of which messages are kept
CHUNK = 64  # most blocks in one answer
CHUNK_BYTES = 4 << 20  # no further block is added to an answer that holds more
RETRIES = 4  # how often within `timeout` a node that waits asks

RETRY = "retry"  # the timer, beside those of `rhythm` and of the protocols

_T = TypeVar("_T")
_ENCODER = msgspec.msgpack.Encoder()


class Tally:
    """The votes of one kind in one round: of each author the first."""

    __slots__ = ("_counts", "votes")

    def __init__(self) -> None:
        self.votes: dict[int, Vote] = {}  # by author
        self._counts: dict[bytes | None, int] = {}

    def add(self, vote: Vote) -> bool:
        """Count a vote. False where its author has voted already."""
        if vote.signer in self.votes:
            return False
        self.votes[vote.signer] = vote
        self._counts[vote.block] = self._counts.get(vote.block, 0) + 1
        return True

    def count(self, block: bytes | None) -> int:
        """How many vote for a block, or for nil."""
        return self._counts.get(block, 0)

    def by(self, node: int) -> Vote | None:
        """An author's vote."""
        return self.votes.get(node)

    def certificate(self, round: int, block: bytes, quorum: int) -> Votes:
        """The first `quorum` votes for a block, in the order of their authors."""
        matching = [vote for vote in self.votes.values() if vote.block == block][:quorum]
        matching.sort(key=lambda vote: vote.signer)
        return Votes(tuple(vote.signer for vote in matching), tuple(vote.signature for vote in matching), round, block)


def chosen_quorum(own: int, validators: int, parameters: Mapping[str, Any]) -> int:
    """The protocol's own quorum, or what the parameter says. Raises ValueError for one that cannot exist."""
    chosen: int = parameters.get("quorum") or 0
    if not 0 <= chosen <= validators:
        raise ValueError(f"a quorum of {chosen} of {validators} validators cannot exist")
    return chosen or own


class Heights(Consensus):
    """A node that decides height after height. Parameters: those of every protocol, and

    empty_blocks    "always": a block is proposed without transactions too; "when-needed": only where others wait for
                    one; "never"
    quorum          0 or None: the protocol's own. A smaller one is not safe; it is there to show what goes wrong
    """

    deciding: ClassVar[type[Vote]]  # q of these votes in one round make a block final

    def __init__(self, context: Context, chain: Chain, mempool: Mempool, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, chain, mempool, parameters)
        self.me = context.me
        self.validators = tuple(context.validators)
        self.members = frozenset(self.validators)
        self.others = tuple(node for node in self.validators if node != self.me)
        self.voting = self.me in self.members
        self.faulty = tolerated(len(self.validators))
        self.q = self.quorum(len(self.validators), parameters)

        self.rhythm = Rhythm(context, parameters["block_interval"], parameters["spread"])
        self.block_size: int = parameters["block_size"]
        self.timeout: int = parameters["timeout"]
        self.empty_blocks: str = parameters["empty_blocks"]

        self.round = 0
        self.heard: dict[int, Signed] = {}  # by author, of what it has said at this height a message of its last round
        self.highest = -1  # the highest round in it
        self.decided: Votes | None = None  # a quorum has decided, whether or not the block is here
        self.certificates: list[Votes] = []  # of the final blocks, from height 1 on
        self.early: dict[int, dict[tuple[int, int, int], tuple[int, Signed]]] = {}  # by height: senders and messages
        self.on_time = False  # whether what happens now does because the proposal has become due

        self._delay = max(self.timeout // RETRIES, 1)
        self._waiting = False  # whether the timer RETRY runs
        self._moved_at = 0  # when this node last did anything at its height
        self._goal = 0  # a height that somebody seems to be beyond
        self._asked: int | None = None  # who was asked last, unless the answer has come
        self._asked_at = 0
        self._turn = 0  # how many have been asked in turn

    # ------------------------------------------------------------------------------------------- what a protocol adds

    @abstractmethod
    def proposer(self, round: int) -> int:
        """Who proposes in a round of the present height."""

    @abstractmethod
    def reset(self) -> None:
        """Forget everything about the last height: the next one begins with nothing known."""

    @abstractmethod
    def take(self, sender: int, message: Signed) -> bool:
        """Take note of a message of the present height. Whether anything may follow from it."""

    @abstractmethod
    def act(self) -> None:
        """Do what has become possible at the present height."""

    @abstractmethod
    def recall(self) -> None:
        """After a crash: bring back what was written down about the present height."""

    @property
    @abstractmethod
    def waits(self) -> bool:
        """Whether this node has said something at this height and hopes for others."""

    @property
    def short_of_votes(self) -> bool:
        """Whether this node needs votes of its round to go on: if not, a timer goes on by itself."""
        return True

    @abstractmethod
    def proposal(self, round: int) -> BlockProposal | None:
        """The proposal of a round of the present height, if it is here."""

    @abstractmethod
    def said(self) -> Iterator[Signed]:
        """What this node has said in its present round, its proposal left out."""

    @abstractmethod
    def held(self, round: int) -> Iterator[Signed]:
        """What is held of the present height, by anybody, of a round and of later ones, proposals left out."""

    @property
    def wanted(self) -> bytes | None:
        """The id of a block that is needed and not here."""
        decided = self.decided
        return decided.block if decided is not None and self.chain.get(decided.block) is None else None

    # ------------------------------------------------------------------------------------------- called by the node

    def start(self) -> None:
        if self.context.restore("begun") is None:
            self.context.persist("begun", b"\x01")
            self.rhythm.begin(self.context.now)
            self.advance()
        else:
            self._resume()

    def on_message(self, sender: int, message: Message) -> None:
        if isinstance(message, Ask):
            self._on_ask(sender, message)
        elif isinstance(message, Answer):
            self._on_answer(sender, message)
        elif isinstance(message, Signed):
            height = height_of(message)
            if height == self.height:
                if self.take(sender, message):
                    self.advance()
            elif height > self.height:
                self._keep(sender, message)
                self._sight(sender, height)

    def on_timer(self, name: str) -> None:
        if name == PROPOSE:
            self.on_time = True
            self.advance()
            self.on_time = False
        elif name == RETRY:
            self._retry()
        else:
            self.on_timeout(name)

    def on_timeout(self, name: str) -> None:
        """A timer of the protocol's own is due."""

    def on_transactions(self) -> None:
        self.advance()

    @property
    def height(self) -> int:
        """The height that is being decided."""
        return self.chain.height + 1

    @property
    def leader(self) -> int:
        return self.proposer(self.round)

    def advance(self) -> None:
        """Do what has become possible, height after height."""
        while True:
            self.act()
            if not self._execute():
                break
        if not self._waiting and self._restless:
            self._later(self._delay)

    def moved(self) -> None:
        """This node has taken a step."""
        self._moved_at = self.context.now

    # ------------------------------------------------------------------------------------------------------- heights

    def due(self) -> bool:
        """Whether the first round of the present height may begin, there being a reason to."""
        wanted = self.mempool.pending or self.empty_blocks == "always"
        return len(self.heard) > self.faulty or (wanted and self.rhythm.ready())

    def new_block(self) -> Block | None:
        """What this node proposes, unless there is nothing to. Called once somebody waits for a block."""
        if not self.mempool.pending and self.empty_blocks == "never":
            return None
        # In the first round the block says when it was due, for the rhythm. Later rounds follow no rhythm.
        created = self.rhythm.due(self.on_time) if self.round == 0 else self.context.now
        return Block(self.height, self.chain.head.id, self.me, created, self.mempool.take(self.block_size))

    def possible(self, block: Block) -> bool:
        """Whether a block may stand on the head, whatever its transactions."""
        return (
            block.height == self.height
            and block.parent == self.chain.head.id
            and block.payload <= self.block_size
            and block.proposer in self.members
        )

    def hear(self, message: Signed, round: int) -> None:
        """Somebody has said something at this height."""
        if not self.heard:
            self.moved()
        earlier = self.heard.get(message.signer)
        if earlier is None or round_of(earlier) < round:
            self.heard[message.signer] = message
            self.highest = max(self.highest, round)

    def round_of_others(self) -> int:
        """The highest round such that f + 1 validators are in it or beyond it, a correct one among them; −1 where that
        is no higher than this node's."""
        if self.highest <= self.round or len(self.heard) <= self.faulty:
            return -1
        return sorted(map(round_of, self.heard.values()), reverse=True)[self.faulty]

    def count(self, tally: Tally, vote: Vote) -> bool:
        """Count a vote that may decide. Whether it is news."""
        if not tally.add(vote):
            return False
        if vote.block is not None and self.decided is None and tally.count(vote.block) >= self.q:
            self.decided = tally.certificate(vote.round, vote.block, self.q)
        return True

    def proves(self, votes: Votes, kind: type[Vote]) -> bool:
        """Whether a certificate of the present height is genuine."""
        return votes.proved(kind, self.height, self.q, self.members, self.context.verify)

    def _execute(self) -> bool:
        """Make final what is decided, if the block is here. Whether it was."""
        if self.decided is None:
            return False
        block = self.chain.get(self.decided.block)
        if block is None or block.parent != self.chain.head.id:  # the latter only where the quorum is too small
            return False
        self._finalise(block, self.decided)
        return True

    def _finalise(self, block: Block, proof: Votes) -> None:
        """Make final the block above the head, proved by a quorum's votes, and turn to the next height."""
        self.chain.append(block)
        self.certificates.append(proof)
        self.write(f"final/{block.height}", (block, proof))
        self.mempool.finalised(block)
        self.context.finalise(block)
        self.context.work(execute=block.count)
        self.chain.prune(block.height)
        self.rhythm.pause()
        self._turn_to_next()
        self.moved()

    def _turn_to_next(self) -> None:
        """Begin with the height above the head: with what is already here of it."""
        head = self.chain.head
        self.rhythm.follow(min(head.created, self.context.now))
        self.round = 0
        self.heard = {}
        self.highest = -1
        self.decided = None
        self.reset()
        for sender, message in self.early.pop(self.height, {}).values():
            self.take(sender, message)

    def _keep(self, sender: int, message: Signed) -> None:
        """Keep what is said of a later height."""
        height, round = height_of(message), round_of(message)
        if height <= self.height + SPAN and round < AHEAD:
            self.early.setdefault(height, {}).setdefault((message.tag, message.signer, round), (sender, message))

    # ------------------------------------------------------------------------------------------------ what was lost

    @property
    def _restless(self) -> bool:
        """Whether this node should do something if nothing moves."""
        return (
            self.waits
            or self._goal > self.chain.height
            or self.decided is not None
            or (not self.voting and bool(self.heard))
        )

    def _later(self, delay: int) -> None:
        self._waiting = True
        self.context.set_timer(RETRY, delay)

    def _retry(self) -> None:
        """A while has passed: if nothing has moved, say again what was said, and ask somebody."""
        self._waiting = False
        self._asked = None
        if not self._restless:
            return
        since = self.context.now - self._moved_at
        if since < self._delay:
            self._later(self._delay - since)
            return
        if self.short_of_votes:
            self._repeat()
        self._ask_next()
        self._goal = 0
        self._later(self._delay)

    def _repeat(self) -> None:
        """Say again what was said in this round. Neighbours that have heard it would not relay it again, so it goes to
        everyone directly. A proposal does not: it is large, and sent to those who ask for it."""
        if self.others:
            for message in self.said():
                self.context.send(self.others, message)

    def _sight(self, sender: int, height: int) -> None:
        """Somebody is at a later height. What it decided on is on its way here, or lost."""
        if self.context.now - self._moved_at >= self._delay:
            self._ask(sender)
        self._goal = max(self._goal, height - 1)
        if not self._waiting:
            self._later(self._delay)

    def _ask(self, node: int) -> None:
        """Ask a node for what is lacking here, unless an answer is awaited. Not for long: it may have been lost."""
        recent = self.context.now - self._asked_at < self._delay // RETRIES
        if node == self.me or (recent and self._asked is not None):
            return
        self._asked = node
        self._asked_at = self.context.now
        round = self.round if self.short_of_votes else None
        lacks_proposal = round is not None and self.proposal(round) is None
        self.context.send(node, Ask(self.chain.height, round, lacks_proposal, self.wanted))

    def _ask_next(self) -> None:
        """Ask a validator; they take turns, beginning with the one after this node. Those that have decided, where this
        is known."""
        self.ask_one_of(self.validators if self.decided is None else self.decided.signers)

    def ask_one_of(self, nodes: Iterable[int]) -> None:
        """Ask one of some nodes for what is lacking here, in turn."""
        asked = [node for node in nodes if node != self.me]
        if asked:
            first = sum(node < self.me for node in asked)
            self._ask(asked[(first + self._turn) % len(asked)])
            self._turn += 1

    def _on_ask(self, sender: int, message: Ask) -> None:
        """Somebody lacks something."""
        if message.height > self.chain.height:
            self._sight(sender, message.height + 1)
        blocks: list[tuple[Block, Votes]] = []
        size = 0
        for block in self.chain.above(message.height, CHUNK):
            blocks.append((block, self.certificates[block.height - 1]))
            size += block.payload
            if size > CHUNK_BYTES:
                break
        wanted = self.chain.get(message.block) if message.block is not None and not blocks else None
        if blocks or wanted is not None:
            self.context.send(sender, Answer(self.chain.height, tuple(blocks), wanted))
        elif message.height == self.chain.height and message.round is not None:
            self._pass_on(sender, message.round, message.lacks_proposal)

    def _pass_on(self, asker: int, round: int, lacks_proposal: bool) -> None:
        """Somebody is at the same height, in the same round or another."""
        rounds = [round] if lacks_proposal else []
        if self.round > round:
            rounds.append(self.round)
        for held in (*map(self.proposal, rounds), *self.held(round)):
            if held is not None and held.signer != asker:
                self.context.send(asker, held)

    def _on_answer(self, sender: int, message: Answer) -> None:
        """Somebody has more than this node."""
        self._asked = None
        before = self.chain.height
        for block, proof in message.chain:
            if block.height <= self.chain.height:
                continue
            genuine = self.possible(block) and proof.block == block.id and self.proves(proof, self.deciding)
            if not genuine:
                self.context.reject("block without proof")
                break
            self._finalise(block, proof)
        if message.block is not None and message.block.id == self.wanted:
            self.chain.remember(message.block)
        self.advance()
        if before < self.chain.height < message.height:
            self._ask(sender)  # there may be more where this came from

    # ------------------------------------------------------------------------------------------- crash and restart

    def _resume(self) -> None:
        """Go on from what was written down."""
        while (entry := self.read(f"final/{self.height}", tuple[Block, Votes])) is not None:
            block, proof = entry
            self.chain.append(block)
            self.certificates.append(proof)
            self.mempool.finalised(block)
        self.rhythm.begin(self.context.now)
        if self.chain.height:
            self.rhythm.follow(min(self.chain.head.created, self.context.now))
        self.moved()
        if self.voting:
            self.recall()
            proposal = self.proposal(self.round)
            if self.others and proposal is not None and proposal.signer == self.me:
                self.context.send(self.others, proposal)  # perhaps it never left
            self._repeat()
        self.advance()
        self._ask_next()

    def write(self, key: str, value: object) -> None:
        """Persist a value."""
        self.context.persist(key, _ENCODER.encode(value))

    def read(self, key: str, kind: type[_T]) -> _T | None:
        """What was last persisted under a key."""
        data = self.context.restore(key)
        return msgspec.msgpack.decode(data, type=kind) if data else None


def height_of(message: Signed) -> int:
    """The height that a vote or a proposal is about."""
    return message.about[1]


def round_of(message: Signed) -> int:
    """The round that a vote or a proposal is about."""
    return message.about[2]
