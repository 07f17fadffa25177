"""Snowman: a chain by repeated sampling (Team Rocket, Yin, Sekniqi, van Renesse, Sirer, Scalable and Probabilistic
Leaderless BFT Consensus through Metastability, arXiv 1906.08936; AvalancheGo, snow/consensus/snowman).

Theory of operation
===================

Nobody collects a quorum of all n validators. Each node asks a few at random what they prefer, again and again, and goes
with them; so all end up with the same preference, whatever it was that they began with (metastability).

    proposer    ISSUED(block)               to all, on top of the block that it prefers
    node        QUERY(poll)                 to K validators drawn by stake, as long as a block here is undecided
    asked       CHITS(poll, tip, accepted)  back at once: the tip that it prefers, and its last accepted block
    node        accepts                     a block that α of the K prefer in β polls in a row

A chit for a block is one for each block below it, so one poll serves all that are undecided. Rivals, blocks on one
parent, are chosen between by Snowball (figure 3 of the paper), bit by bit of their ids (see `snowman_tree`): the first
that comes is preferred; with `alpha_preference` votes a side wins the poll; the one that has won most polls is
preferred; what has won β polls in a row by α votes each is accepted, and its rivals are rejected.

Polls follow each other without a pause. With constant delays δ and everybody asked, a block is accepted δ + β · 2δ
after it was issued, and 2βδ at its proposer, which begins a δ earlier. A round of polls costs 2Kn messages at most: K
queries and K chits for each node that polls; a block therefore n − 1 + 2Knβ. Nodes that do not validate (followers) ask
too, and are never asked.

K is `sample`, or as many as there are others; then α and `alpha_preference` shrink in proportion, rounded up. Finality
has no certificate: it is each node's own experience, safe but for a chance ε that falls exponentially with β (section 3
of the paper). α / K is also what liveness needs: with everybody asked, K − α may be down, ⌊(n − 1) / 4⌋ by default.

The end of a poll
    A poll ends when it can say no more: all have answered, the tip that the node prefers has α votes, or too few are
    left to answer for any block to win. Else it ends after `timeout`, and who has not answered has not voted. Where no
    block has won by α votes the next poll begins after a random pause, the longer the more polls have come to nothing,
    up to `timeout` / 10: if all always polled at once, two halves of a network could change over to each other's
    preference for ever. And where everybody is asked there is no chance in a poll, without which two halves may stay as
    they are. So after four polls that came to nothing every other asks 2(K − α) + 1 only, and a majority of these wins;
    where a block is accepted, no more than K − α others are of another mind, which is no majority of so many.

Who proposes (Snowman++ as of Durango, vms/proposervm)
    The time from when a block may be due is cut into windows, and each window of each height has one proposer, drawn by
    stake with height and window as the seed. A block bears its time, so everybody can tell whether it is from the one
    whose window it was. If a proposer is down, the next has its turn a window later; two rivals come about when a block
    takes longer than a window to arrive, or are made by a Byzantine proposer. `block_interval` is the least time from
    one block to the next; without it the next follows when the last is accepted, with it `processing` blocks may be
    undecided.

What is lost
    A block whose parent is not here waits, and the ancestors are asked for (see `ancestry`). A node asks for a block
    that so many of a poll name in their chits that one of them must be honest, K − α + 1, even if it is idle: a node
    with nothing to decide polls once every `timeout`. Chits count for the accepted block where the tip is not known.
    When a poll comes to nothing, a node sends its own undecided blocks again to those that did not vote for them.

Crash and restart
    A node persists each block that it accepts, and each that it makes before it sends it. What it has heard in polls
    is lost, and does not matter: a chit is an answer to a question and no promise. After a restart it asks what others
    have accepted, fetches it, and accepts without polls of its own what α of the asked have in common (*bootstrap*). It
    proposes nothing until it is up to date.

Where this differs from AvalancheGo
    One poll at a time (there up to four at once). A sample holds different validators; there units of stake are drawn,
    so that a rich one may count several times. `alpha_preference` is a majority of the sample, as the paper's α; there
    it is 15 like α, with which a small network that asks everybody may stay split for ever. Blocks spread by the
    scenario's gossip, there with the queries. An idle node polls every `timeout`; there it asks one validator every
    100 ms. There are neither pauses nor smaller polls there: of a thousand validators every sample is one of chance.
    A block from more than 10 s ahead is kept until it is not; there it is refused, and asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from random import Random
from typing import Any, ClassVar

import msgspec

from netsim.node.ancestry import ANCESTRY, Ancestry, Missing
from netsim.node.block import GENESIS, Block, short, short_id
from netsim.node.chain import Chain
from netsim.node.consensus import Consensus
from netsim.node.context import Context
from netsim.node.early import EARLY, Early
from netsim.node.fields import Digest, Natural
from netsim.node.forms import BlockMessage
from netsim.node.mempool import Mempool
from netsim.node.message import About, Message
from netsim.node.once import once
from netsim.node.rhythm import PROPOSE, Rhythm
from netsim.node.snowman_tree import Tree

FUTURE = 10_000_000_000  # ns that a block may be ahead of the receiver's clock (proposervm, maxSkew)
SIBLINGS = 64  # most blocks of one proposer on one parent, beyond which one is kept only if another stands on it
LOOK_AHEAD = 720  # windows, after which anybody may propose (proposervm, MaxLookAheadSlots)
PAUSE = 10  # the part of `timeout` that a poll is put off by at most when the last came to nothing;
SHORTER = 7  # half of it when one less did, and so on down to the 2^7th
STUCK = 4  # polls in a row that come to nothing, from which on every other asks fewer

POLL = "poll"  # the timer, beside those of `rhythm`, `ancestry` and `early`: the next poll begins, or the present ends


class Issued(BlockMessage, frozen=True, tag=80):
    """A block, issued by its proposer."""

    @property
    def slot(self) -> tuple[int, ...]:
        return self.block.height, short_id(self.block.parent)


class Query(Message, frozen=True, tag=81):
    """What does the asked node prefer?"""

    relayed: ClassVar[bool] = False

    poll: Natural

    def __str__(self) -> str:
        return f"Query {self.poll}"


class Chits(Message, frozen=True, tag=82):
    """The answer: the tip that its author prefers, and the last block that it has accepted."""

    relayed: ClassVar[bool] = False

    poll: Natural
    tip: Digest
    accepted: Digest

    @once
    def about(self) -> About:
        return short_id(self.tip), -1, -1

    def __str__(self) -> str:
        return f"Chits {self.poll} for {short(self.tip)}, accepted {short(self.accepted)}"


class Snowman(Consensus):
    """One node. Its parameters:

    block_interval    ns between the times of two blocks, at least; 0: the next follows when the last is accepted
    spread            ns; each proposal is late by a random part of it, which does not add up
    block_size        most bytes of transactions in a block
    timeout           ns until a poll ends without those that do not answer
    sample            the paper's k: how many are asked in a poll
    alpha             the paper's α: of these, how many votes count towards acceptance; None: three quarters
    alpha_preference  of these, how many votes win a poll; None: a majority
    beta              the paper's β: polls in a row that make a block accepted
    proposer_window   ns until the next proposer may take the place of one that is down
    processing        most undecided blocks below a proposal
    empty_blocks      "always": a proposer without transactions proposes too, if there is an interval
    """

    messages: ClassVar[tuple[type[Message], ...]] = (Issued, Query, Chits, Missing)
    records: ClassVar[dict[str, str]] = {
        "prefers": "polls have made this node prefer another chain: this is its tip",
    }

    @staticmethod
    def quorum(validators: int, parameters: Mapping[str, Any]) -> int:
        """A node and α of the others, in proportion: who must be up where everybody is asked.

        Raises ValueError where more votes are needed than validators are asked."""
        sample: int = parameters["sample"]
        preference, alpha = _votes(parameters, sample)
        if not 1 <= preference <= alpha <= sample:
            raise ValueError("alpha cannot be more than sample, and alpha_preference no more than alpha")
        return _votes(parameters, validators - 1)[1] + 1

    def __init__(self, context: Context, chain: Chain, mempool: Mempool, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, chain, mempool, parameters)
        self.me = context.me
        self.validators = tuple(context.validators)
        self.others = tuple(node for node in self.validators if node != self.me)
        self.k: int = min(parameters["sample"], len(self.others))
        self.alpha_preference, self.alpha = _votes(parameters, self.k)
        self.beta: int = parameters["beta"]
        self.interval: int = parameters["block_interval"]
        self.block_size: int = parameters["block_size"]
        self.timeout: int = parameters["timeout"]
        self.window: int = parameters["proposer_window"]
        self.room: int = parameters["processing"] if self.interval else 1
        self.empty_blocks: bool = parameters["empty_blocks"] == "always" and self.interval > 0
        self.stakes = tuple(context.weights[node] for node in self.validators)

        self.rhythm = Rhythm(context, self.interval, parameters["spread"])
        self.ancestry: Ancestry[Issued] = Ancestry(context, chain, self.timeout, self._on_rooted)
        self.early: Early[Issued] = Early(context, self.ancestry.receive)
        self.tree = Tree(chain.head)
        self.tip = GENESIS  # that this node prefers
        self.issued: dict[bytes, Issued] = {}  # by block: what was accepted, and what is undecided
        self.made: dict[tuple[bytes, int], int] = {}  # how many undecided, by parent and proposer
        self.own = 0  # how many blocks this node has made
        self.made_on: set[bytes] = set()  # the parents of those: never another on one of them

        self.poll = 0  # the number of the last
        self.polling = False
        self.asked: dict[int, Chits | None] = {}  # whom, and what they have answered
        self.target = b""  # the tip that this node preferred when the poll began
        self.idle = False  # whether it began without anything undecided
        self.failed = 0  # how many polls in a row have come to nothing
        self.bootstrapping = False
        self.planned = False  # whether this node is about to propose on the tip that it prefers
        self.due = 0  # when that is due

    # ------------------------------------------------------------------------------------------- called by the node

    def start(self) -> None:
        if self.context.restore("life") is None:
            self.context.persist("life", b"1")
            self._rest()
        else:
            self._resume()
        self._plan()

    def on_message(self, sender: int, message: Message) -> None:
        if isinstance(message, Chits):
            self._on_chits(sender, message)
        elif isinstance(message, Query):
            self.context.send(sender, Chits(message.poll, self.tip.id, self.chain.head.id))
        elif isinstance(message, Issued):
            self._on_issued(sender, message)
        elif isinstance(message, Missing):
            self.ancestry.answer(sender, message, self.issued.get)

    def on_timer(self, name: str) -> None:
        if name == PROPOSE:
            self.rhythm.pause()
            self._propose()
        elif name == ANCESTRY:
            self.ancestry.on_timer()
        elif name == EARLY:
            self.early.on_timer()
        elif self.polling:
            if not self.idle:
                self.context.record("timeout", height=self.chain.height + 1, round=0)
            self._end_poll()
        else:
            self._begin_poll()

    def on_transactions(self) -> None:
        self._plan()

    @property
    def leader(self) -> int | None:
        """Whose window it is."""
        return self._proposer(self.tip, max(self.context.now, self._earliest(self.tip)))

    @property
    def status(self) -> str:
        state = "bootstraps" if self.bootstrapping else "prefers"
        return f"{state} h{self.tip.height} {short(self.tip.id)}, {len(self.tree)} undecided"

    # --------------------------------------------------------------------------------------------------- proposing

    def _earliest(self, parent: Block) -> int:
        """When a block on top of another is due; and it may not bear an earlier time."""
        return parent.created + max(self.interval, 1) if parent is not GENESIS else 0

    def _proposer(self, parent: Block, time: int) -> int | None:
        """Who may propose a block that bears that time; None: anybody."""
        slot = (time - self._earliest(parent)) // self.window
        return _drawn(parent.height + 1, slot, self.validators, self.stakes) if slot < LOOK_AHEAD else None

    def _plan(self) -> None:
        """Wait for this node's next window, if there is something to propose."""
        if self.planned or self.me not in self.validators or self.bootstrapping or len(self.tree) >= self.room:
            return
        if self.tip.id in self.made_on or not (self.mempool.pending or self.empty_blocks):
            return
        earliest = self._earliest(self.tip)
        due = max(earliest, self.context.now)
        while self._proposer(self.tip, due) not in (self.me, None):
            due += self.window - (due - earliest) % self.window
        self.planned = True
        self.due = due
        self.rhythm.begin(due)
        self._propose()

    def _propose(self) -> None:
        """Make the next block, if it is time."""
        if not self.planned or not self.rhythm.ready():
            return
        context = self.context
        block = Block(self.tip.height + 1, self.tip.id, self.me, self.due, self.mempool.take(self.block_size))
        message = Issued(self.me, b"", block).signed(context.sign)
        self.own += 1
        self.made_on.add(block.parent)
        context.persist(f"own/{self.own}", msgspec.msgpack.encode(message))
        context.broadcast(message)
        context.proposed(block)
        self._issue(message)

    # ---------------------------------------------------------------------------------------------------- the tree

    def _on_issued(self, sender: int, message: Issued) -> None:
        block = message.block
        if block.height <= self.chain.height or block.id in self.issued:
            return
        if block.proposer != message.signer or block.payload > self.block_size:
            self.context.reject("impossible block")
            return
        self.ancestry.receive(sender, message)

    def _on_rooted(self, sender: int, message: Issued) -> None:
        """A block whose parent is here."""
        block = message.block
        parent = self.chain.get(block.parent)
        if parent is None or not self.tree.holds(block.parent) or block.id in self.issued:
            return  # it was decided against
        if block.height != parent.height + 1 or block.created < self._earliest(parent):
            self.context.reject("block before its time")
        elif block.created > self.context.now + FUTURE:
            self.early.keep(sender, message, block.created - FUTURE)
        elif self._proposer(parent, block.created) not in (block.proposer, None):
            self.context.reject("not in its proposer's window")
        elif self.made.get((parent.id, block.proposer), 0) >= SIBLINGS and not self.ancestry.wants(block.id):
            self.context.reject("one of too many on one parent")
        elif not self._follows(block, parent):
            self.context.reject("transactions do not follow")
        else:
            self._issue(message)

    def _follows(self, block: Block, parent: Block) -> bool:
        """Whether the transactions of a block follow those below it."""
        self._line_up(parent)
        valid = self.mempool.valid(block.transactions)
        self._line_up(self.tip)
        return valid

    def _line_up(self, tip: Block) -> None:
        path = self.chain.path(tip, self.chain.height)
        assert path is not None, "the tree is complete"
        self.mempool.follow(path)

    def _issue(self, message: Issued) -> None:
        """Put a block on the tree and begin to ask about it."""
        block = message.block
        self.issued[block.id] = message
        key = block.parent, block.proposer
        self.made[key] = self.made.get(key, 0) + 1
        self.chain.remember(block)
        self.tree.add(block)
        self._prefer()
        if not self.polling or self.idle:
            self._begin_poll()
        self._plan()

    def _prefer(self) -> bool:
        """Take up what the tree prefers; whether that is another tip than before."""
        tip = self.tree.tip
        if tip is self.tip:
            return False
        self.tip = tip
        self._line_up(tip)
        self.planned = False
        self.rhythm.pause()
        return True

    def _accept(self, block: Block) -> None:
        """Make the next block final."""
        for rejected in self.tree.accept(block):
            self.chain.forget(rejected.id)
            del self.issued[rejected.id]
            self.made.pop((rejected.parent, rejected.proposer), None)
        self.made.pop((block.parent, block.proposer), None)
        self.made_on.discard(block.parent)
        self.chain.append(block)
        self.mempool.finalised(block)
        self.context.persist(f"block/{block.height}", msgspec.msgpack.encode(self.issued[block.id]))
        self.context.finalise(block)
        self.context.work(execute=block.count)

    # -------------------------------------------------------------------------------------------------------- polls

    def _begin_poll(self) -> None:
        self.poll += 1
        self.polling = True
        self.target = self.tip.id
        self.idle = not self.tree
        self.asked = dict.fromkeys(self._sample(self._size()))
        if not self.asked:
            self._end_poll()
            return
        self.context.send(tuple(self.asked), Query(self.poll))
        self.context.set_timer(POLL, self.timeout)

    def _size(self) -> int:
        """How many to ask: fewer every other time if polls come to nothing, so that chance has a part in the answer."""
        stuck = self.failed >= STUCK and self.failed % 2 == 0
        return min(2 * (self.k - self.alpha) + 1, self.k) if stuck else self.k

    def _needed(self) -> int:
        """How many votes win the present poll: a majority where fewer are asked."""
        return self.alpha_preference if len(self.asked) == self.k else len(self.asked) // 2 + 1

    def _sample(self, size: int) -> list[int]:
        """So many different validators, drawn one after the other in proportion to their stakes."""
        if size == len(self.others):
            return list(self.others)
        rng = self.context.rng
        if len(set(self.stakes)) == 1:
            return rng.sample(self.others, size)
        left = {node: self.context.weights[node] for node in self.others}
        sample = []
        for _ in range(size):
            node = _weighted(rng, tuple(left), tuple(left.values()))
            sample.append(node)
            del left[node]
        return sample

    def _on_chits(self, sender: int, message: Chits) -> None:
        if not self.polling or message.poll != self.poll or self.asked.get(sender, message) is not None:
            return
        self.asked[sender] = message
        if self._decided():
            self._end_poll()

    def _decided(self) -> bool:
        """Whether the rest of a poll cannot matter."""
        left = sum(answer is None for answer in self.asked.values())
        if self.bootstrapping:
            return len(self.asked) - left >= self.alpha
        if self.idle or not left:
            return not left
        support = self.tree.support(self._votes())
        enough = support.get(self.target, 0) >= self.alpha
        return enough or self.tree.leading(support) + left < self._needed()

    def _votes(self) -> list[bytes]:
        """What the votes are for, as far as it is known here."""
        answers = [answer for answer in self.asked.values() if answer is not None]
        return [answer.tip if answer.tip in self.tree else answer.accepted for answer in answers]

    def _end_poll(self) -> None:
        self.polling = False
        self.context.cancel_timer(POLL)
        self._discover()
        if self.bootstrapping:
            self._bootstrap()
        won = self.tree.poll(self._votes(), self._needed(), self.alpha) if self.asked else True
        accepted = False
        while (block := self.tree.accepted(self.beta) if self.asked else self._next()) is not None:
            self._accept(block)
            accepted = True
        if accepted:
            self.ancestry.prune()
        if self._prefer():
            self.context.record("prefers", block=self.tip.id, height=self.tip.height)
        self.failed = self.failed + 1 if self.tree and not won else 0
        if self.tree and won:
            self._begin_poll()
        else:
            self._repeat()
            self._rest()
        self._plan()

    def _next(self) -> Block | None:
        """The next block on the way to the tip."""
        path = self.chain.path(self.tip, self.chain.height)
        return path[0] if path else None

    def _rest(self) -> None:
        """Poll again, but not at once: nothing is undecided, or the last poll came to nothing."""
        delay = self.timeout
        if self.tree or self.bootstrapping:
            longest = self.timeout // PAUSE >> max(SHORTER + 1 - self.failed, 0)
            delay = self.context.rng.randrange(longest + 1)
        self.context.set_timer(POLL, delay)

    def _repeat(self) -> None:
        """A poll came to nothing: send this node's own undecided blocks to those who do not vote for them."""
        for block in self.tree:
            if block.proposer == self.me:
                lacking = [node for node, answer in self.asked.items() if not self._for(block, answer)]
                if lacking:
                    self.context.send(lacking, self.issued[block.id])

    def _for(self, block: Block, answer: Chits | None) -> bool:
        """Whether an answer is a vote for a block; none at all may be one."""
        return answer is None or block.id in self.tree.support((answer.tip,))

    def _discover(self) -> None:
        """Ask for blocks that enough others know, so that one of them must be honest."""
        naming: dict[bytes, list[int]] = {}
        for node, answer in self.asked.items():
            if answer is not None:
                for block in dict.fromkeys((answer.tip, answer.accepted)):
                    naming.setdefault(block, []).append(node)
        for block, nodes in naming.items():
            if len(nodes) > self.k - self.alpha and self.chain.get(block) is None:
                self.ancestry.want(nodes[0], block)

    # ------------------------------------------------------------------------------------------- crash and restart

    def _resume(self) -> None:
        """Go on from what was written down."""
        while (data := self.context.restore(f"block/{self.chain.height + 1}")) is not None:
            message = msgspec.msgpack.decode(data, type=Issued)
            self.issued[message.block.id] = message
            self.chain.append(message.block)
            self.mempool.finalised(message.block)
        self.tip = self.chain.head
        self.tree = Tree(self.tip)
        self.bootstrapping = bool(self.others)
        while (data := self.context.restore(f"own/{self.own + 1}")) is not None:
            self.own += 1
            message = msgspec.msgpack.decode(data, type=Issued)
            self.made_on.add(message.block.parent)
            self._on_issued(self.me, message)
        if not self.polling:
            self._begin_poll()

    def _bootstrap(self) -> None:
        """Accept what α of the asked have accepted; be up to date when that is no more than what is accepted here."""
        answers = [answer for answer in self.asked.values() if answer is not None]
        votes = [answer.accepted for answer in answers]
        support = self.tree.support(votes)
        for block in self.chain.path(self._best(support), self.chain.height) or ():
            self._accept(block)
        known = sum(self.chain.get(vote) is not None for vote in votes)
        self.bootstrapping = known < self.alpha

    def _best(self, support: Mapping[bytes, int]) -> Block:
        """The highest block that enough have accepted."""
        enough = [block for block in self.tree if support.get(block.id, 0) >= self.alpha]
        return max(enough, key=lambda block: block.height, default=self.chain.head)


def _votes(parameters: Mapping[str, Any], asked: int) -> tuple[int, int]:
    """Of so many that are asked, how many win a poll, and how many count: in proportion to `sample`, rounded up."""
    sample: int = parameters["sample"]
    alpha = parameters["alpha"] or -(-3 * sample // 4)
    preference = parameters["alpha_preference"] or min(sample // 2 + 1, alpha)
    return -(-preference * asked // sample), -(-alpha * asked // sample)


@lru_cache(1 << 12)
def _drawn(height: int, slot: int, validators: tuple[int, ...], stakes: tuple[int, ...]) -> int:
    """The proposer of a window: the same at all nodes."""
    return _weighted(Random(height * LOOK_AHEAD + slot), validators, stakes)


def _weighted(rng: Random, nodes: tuple[int, ...], stakes: tuple[int, ...]) -> int:
    """One node, drawn in proportion to its stake; where nobody has any, all have the same chance."""
    ticket = rng.randrange(sum(stakes) or len(nodes))
    for node, stake in zip(nodes, stakes if any(stakes) else (1,) * len(nodes), strict=True):
        ticket -= stake
        if ticket < 0:
            return node
    raise AssertionError("the ticket is below the sum")
