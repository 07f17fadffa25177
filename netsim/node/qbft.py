"""QBFT, as in Hyperledger Besu and GoQuorum, over a chain of blocks: Moniz, The Istanbul BFT Consensus Algorithm, arXiv
2002.03613, which mends IBFT 2.0 (Saltini & Hyland-Wood, arXiv 1909.10194) and takes its form of round change from PBFT.

Theory of operation
===================

n validators, of which f = ⌊(n − 1) / 3⌋ may do anything; quorums have q = ⌈2n / 3⌉. For n from 4 to 10 that is

        n        4   5   6   7   8   9  10
        f        1   1   1   2   2   2   3
        q        3   4   4   5   6   6   7
        2q − n   2   3   2   3   4   3   4      what two quorums share at least: more than f, hence a correct validator

and the n − f correct ones can always form a quorum. (2q − n ≥ n / 3 > f for every n; where three divides n, Tendermint
and the others here take one more.)

One height is decided after the other (`tendermint_heights` says when one begins). A height goes through rounds. Round r
belongs to the validator r + 1 places after the one whose block the head is, in turn (Besu's `ProposerSelector`).

Normal case (Algorithms 1 and 2 of the paper)

        proposer    PROPOSAL(h, r, block)       to all (the paper's PRE-PREPARE)
        validator   PREPARE(h, r, id)           when it accepts the proposal: its round's first, justified and valid
        validator   COMMIT(h, r, id)            when it is *prepared*: q prepares for what it has accepted
        node        final                       on q commits of any one round

Three message delays; (n − 1) + 2n(n − 1) = (n − 1)(2n + 1) messages. A validator's own votes count at once.

Round change (Algorithm 3)
    A timer of timeout · 2^r runs in round r, from its beginning and anew from its proposal. When it runs out, or when f
    + 1 validators are in higher rounds, a validator enters the next round, or theirs. It acts in no lower one from then
    on and says so in ROUND-CHANGE(h, r, prepared): the q prepares of the last round in which it was prepared, if any.

    With q round changes the proposer of the round proposes the block of the highest prepared round among them, or a new
    one if there is none (HighestPrepared). The proposal is *justified* (JustifyPrePrepare) by the signed parts of these
    round changes and by the prepares of that round, and everybody checks that; so there are no locks. To carry them
    along is what a failed round costs beside time, and what distinguishes QBFT from Tendermint.

Why no two different blocks become final at one height
    Say that q validators commit B in round r, the lowest where that happens. In r nobody is prepared with another
    block, for two quorums of prepares share a correct validator. Take the first round u > r in which a correct
    validator accepts another block. Its proposal is justified by q round changes, and one of them is by a correct
    validator that had committed B in r before it promised to act in no round below u. It reports to be prepared in r at
    least. So the highest prepared round in the justification is from r on, its prepares are shown, and they are for B:
    in r because of the above, and in a round between because no correct validator accepts another block there. Hence B
    is proposed.

    To make a block final on a certificate of q commits is safe in every state: it is not a vote.

Liveness
    Rounds take twice as long each time, so correct validators are in one round for long enough at last; and f + 1 of
    them bring on the others. A correct proposer that hears the round changes of the correct ones can justify a
    proposal.

    The timer runs whatever others do, so up to f that are cut off get ahead, and where these are needed afterwards the
    others must live through all rounds up to theirs, which takes about as long as the cut did. With `round_timer:
    with-quorum` nobody runs ahead of a quorum: the rule of PBFT (Castro & Liskov, OSDI 1999, section 4.5.2), by which a
    replica that has left waits for a quorum to follow before its timer runs.

Where this differs from the paper and from Besu
    * A round change names the prepared block and does not bring it (Besu's does). A proposer that lacks it asks for it.
      Signatures cover the same as in Besu: not the proofs that come along.
    * What a proposal shows of others' round changes counts as heard, so f + 1 of them bring a validator into the round.
    * Besu persists nothing of this, so there a validator that restarts may contradict itself. Here it does not.
    * A node that has decided answers round changes of that height when it is asked, which is soon
      (`tendermint_heights`), rather than each of them at once.
    * In the first round nobody proposes or waits unless there is something to decide (see `empty_blocks`).

Crash and restart
    What a validator accepts, its prepared certificate, and the round change that takes it to a round are written down
    before it speaks of them. After a restart it says the last of them again, and asks what it has missed.

Followers (nodes that do not validate) decide on certificates and never vote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from netsim.node.block import Block
from netsim.node.chain import Chain
from netsim.node.context import Context
from netsim.node.mempool import Mempool
from netsim.node.message import Message, Signed
from netsim.node.qbft_messages import Commit, Prepare, Promise, Proposal, RoundChange
from netsim.node.tendermint_heights import AHEAD, Heights, Tally, chosen_quorum, round_of
from netsim.node.tendermint_messages import Answer, Ask, Vote, Votes

ROUND = "round"  # the timer, beside those of `rhythm` and `tendermint_heights`
DOUBLINGS = 20  # rounds after which the timer's time grows no more


class Round:
    """What is known of one round."""

    __slots__ = ("accepted", "changes", "commits", "prepared", "prepares", "proposal", "refused")

    def __init__(self) -> None:
        self.proposal: Proposal | None = None  # the first by its proposer that is justified
        self.accepted: bytes | None = None  # the id of the block that this validator has prepared for
        self.refused = False  # the proposal is not valid
        self.prepares = Tally()
        self.prepared = False
        self.commits = Tally()
        self.changes: dict[int, RoundChange] = {}  # to this round, by author


class QBFT(Heights):
    """One node. Its parameters, beside those of `Heights`:

    timeout         ns that the first round of a height may take from its beginning, and again from its proposal
    round_timer     "with-quorum": the timer of a later round runs once a quorum is there; anything else: at once
    """

    messages: ClassVar[tuple[type[Message], ...]] = (Proposal, Prepare, Commit, RoundChange, Ask, Answer)
    records: ClassVar[dict[str, str]] = {
        "prepared": "a block is prepared at this node: a quorum accepts it in this round",
    }
    deciding: ClassVar[type[Vote]] = Commit

    @staticmethod
    def quorum(validators: int, parameters: Mapping[str, Any]) -> int:
        """⌈2n / 3⌉, or what the parameter says. Raises ValueError for a quorum that cannot exist."""
        return chosen_quorum(-(-2 * validators // 3), validators, parameters)

    def __init__(self, context: Context, chain: Chain, mempool: Mempool, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, chain, mempool, parameters)
        self.with_quorum: bool = parameters["round_timer"] == "with-quorum"
        self.reset()

    def reset(self) -> None:
        self.begun = False  # whether the first round has begun here, or a later one
        self.rounds: dict[int, Round] = {}
        self.prepared: Votes | None = None  # the prepares of the highest round in which this validator was prepared
        self.change: RoundChange | None = None  # what took it to its round
        self.timed = False  # whether the timer of its round has been started
        self.context.cancel_timer(ROUND)

    def proposer(self, round: int) -> int:
        last = self.chain.head.proposer
        place = self.validators.index(last) + 1 if last in self.members else 0
        return self.validators[(place + round) % len(self.validators)]

    @property
    def status(self) -> str:
        prepared = f", prepared r{self.prepared.round}" if self.prepared is not None else ""
        return f"h{self.height} r{self.round}{prepared}" if self.begun else f"h{self.height} new"

    # --------------------------------------------------------------------------------------------- what arrives

    def take(self, sender: int, message: Signed) -> bool:
        round = round_of(message)
        self.hear(message, round)
        if round > self.round + AHEAD:
            return True  # too far to keep; that somebody is there counts
        log = self._log(round)
        if isinstance(message, Proposal):
            return self._take_proposal(log, message)
        if isinstance(message, RoundChange):
            return self.voting and self._take_change(log, message)
        assert isinstance(message, Vote)
        if message.block is None:
            self.context.reject("vote for nothing")
            return False
        if isinstance(message, Prepare):
            return self.voting and log.prepares.add(message)
        return self.count(log.commits, message)

    def _take_proposal(self, log: Round, message: Proposal) -> bool:
        """Note a round's proposal, if it is by its proposer, the first, and such as one may be."""
        if message.signer != self.proposer(message.round):
            self.context.reject("proposal out of turn")
            return False
        if log.proposal is not None:
            if log.proposal.digest != message.digest:
                self.context.reject("two proposals for one round")
            return False
        if not self.possible(message.block):
            self.context.reject("impossible block")
            return False
        if not self._justified(message, log):
            self.context.reject("proposal without justification")
            return False
        for promise in message.promises:
            if promise.signer != self.me:
                self.hear(promise, promise.round)
        log.proposal = message
        self.chain.remember(message.block)
        return True

    def _justified(self, message: Proposal, log: Round) -> bool:
        """JustifyPrePrepare: in the first round, by nothing; later by q round changes to the round, and the prepares of
        the highest round in which any of them says to be prepared."""
        block, promises, prepared = message.block, message.promises, message.prepared
        new = prepared is None and block.proposer == message.signer
        if message.round == 0:
            return new and not promises
        signers = {promise.signer for promise in promises}
        if len(promises) != self.q or len(signers) != self.q or not signers <= self.members:
            return False
        if not all(self._promised(promise, message.round, log) for promise in promises):
            return False
        highest = max((-1 if one.prepared_round is None else one.prepared_round for one in promises), default=-1)
        if prepared is None or highest < 0:
            return new and highest < 0
        return prepared.round == highest and prepared.block == block.id and self.proves(prepared, Prepare)

    def _promised(self, promise: Promise, round: int, log: Round) -> bool:
        """Whether a promise is about this height and a round, makes sense, and is by whom it says."""
        if promise.height != self.height or promise.round != round:
            return False
        if (promise.prepared_round is None) != (promise.prepared_block is None) or (
            promise.prepared_round or 0
        ) >= round:
            return False
        known = log.changes.get(promise.signer)
        if known is not None and known.promise == promise:
            return True
        return self.context.verify(promise.signer, promise.digest, promise.signature)

    def _take_change(self, log: Round, message: RoundChange) -> bool:
        """Note a round change, if what it reports is proved. Of each author the first."""
        if message.signer in log.changes:
            return False
        prepared = message.prepared
        if message.round == 0 or (
            prepared is not None and (prepared.round >= message.round or not self.proves(prepared, Prepare))
        ):
            self.context.reject("round change without proof")
            return False
        log.changes[message.signer] = message
        return True

    def _log(self, round: int) -> Round:
        log = self.rounds.get(round)
        if log is None:
            log = self.rounds[round] = Round()
        return log

    # ---------------------------------------------------------------------------------- normal case (Algorithm 2)

    def act(self) -> None:
        """Apply the rules until none does anything, or a block is decided."""
        if self.voting:
            while self.decided is None and self._rule():
                pass
        else:
            self.round = max(self.round, self.round_of_others())

    def _rule(self) -> bool:
        """Apply the first rule that is enabled. Whether there was one."""
        if self._join():
            return True
        if not self.begun:
            return self._begin()
        log = self._log(self.round)
        if not self.timed and self._in_company:
            self._run_timer()
        return self._lead(log) or self._accept(log) or self._commit(log)

    def _begin(self) -> bool:
        """The first round of a height, when it is due; or when its proposal is here before."""
        if self._log(0).proposal is None and not self.due():
            return False
        self.begun = True
        self.moved()
        self._run_timer()
        if self.proposer(0) == self.me and self._log(0).proposal is None:
            block = self.new_block()
            if block is not None:
                self._propose(Proposal(self.me, b"", 0, block))
        return True

    def _propose(self, proposal: Proposal) -> None:
        """Say a proposal, once a round."""
        message = proposal.signed(self.context.sign)
        self.write("proposal", message)
        self._log(message.round).proposal = message
        self.chain.remember(message.block)
        self.context.broadcast(message)
        if message.prepared is None:
            self.context.proposed(message.block)

    def _accept(self, log: Round) -> bool:
        """On the proposal: prepare, if its block is valid. The timer runs anew."""
        proposal = log.proposal
        if proposal is None or log.accepted is not None or log.refused:
            return False
        block = proposal.block
        if not self.mempool.valid(block.transactions):
            log.refused = True
            self.context.reject("transactions that do not follow the chain")
            return False
        log.accepted = block.id
        self._run_timer()
        self.write("proposal", proposal)
        vote = Prepare(self.me, b"", self.height, self.round, block.id).signed(self.context.sign)
        self.write("prepare", vote)
        self.moved()
        self.context.broadcast(vote)
        log.prepares.add(vote)
        return True

    def _commit(self, log: Round) -> bool:
        """On q prepares for what is accepted: commit."""
        block = log.accepted
        if block is None or log.prepared or log.prepares.count(block) < self.q:
            return False
        log.prepared = True
        self.prepared = log.prepares.certificate(self.round, block, self.q)
        self.write("prepared", (self.height, self.prepared, self.chain.get(block)))
        self.context.record("prepared", block=block, height=self.height, round=self.round)
        vote = Commit(self.me, b"", self.height, self.round, block).signed(self.context.sign)
        self.write("commit", vote)
        self.moved()
        self.context.broadcast(vote)
        self.count(log.commits, vote)
        return True

    # --------------------------------------------------------------------------------- round change (Algorithm 3)

    def on_timeout(self, name: str) -> None:
        self.context.record("timeout", height=self.height, round=self.round)
        self._enter(self.round + 1)
        self.advance()

    def _join(self) -> bool:
        """f + 1 validators are in higher rounds: enter the highest that so many have reached."""
        round = self.round_of_others()
        if round <= self.round:
            return False
        self._enter(round)
        return True

    def _enter(self, round: int) -> None:
        """Leave for a higher round, and say so."""
        self.round = round
        self.begun = True
        self.change = RoundChange(self.me, b"", self.height, round, self.prepared).signed(self.context.sign)
        self.write("round", self.change)
        self.context.record("round", height=self.height, round=round)
        self.moved()
        self.timed = False
        self.context.cancel_timer(ROUND)
        if not self.with_quorum:
            self._run_timer()
        self.context.broadcast(self.change)
        self._log(round).changes[self.me] = self.change

    def _lead(self, log: Round) -> bool:
        """As the proposer of a later round, with q round changes: propose what they call for."""
        if not self.round or log.proposal is not None or self.proposer(self.round) != self.me:
            return False
        highest = self._highest_prepared(log)
        if len(log.changes) < self.q:
            return False
        if highest is not None and self.wanted is not None:
            self.ask_one_of(highest.signers)
            return False
        # Of the round changes those that are prepared in the highest round come first.
        changes = sorted(log.changes.values(), key=lambda one: (one.prepared is None, one.signer))
        changes.sort(key=lambda one: one.prepared.round if one.prepared is not None else -1, reverse=True)
        promises = tuple(change.promise for change in changes[: self.q])
        block = self.chain.get(highest.block) if highest is not None else self.new_block()
        if block is None:
            return False
        self._propose(Proposal(self.me, b"", self.round, block, promises, highest))
        return True

    @staticmethod
    def _highest_prepared(log: Round) -> Votes | None:
        """HighestPrepared: the prepares of the highest round that any round change shows."""
        shown = [change.prepared for change in log.changes.values() if change.prepared is not None]
        return max(shown, key=lambda votes: votes.round, default=None)

    @property
    def _in_company(self) -> bool:
        """Whether a quorum is in this validator's round or beyond it."""
        return 1 + sum(round_of(message) >= self.round for message in self.heard.values()) >= self.q

    def _run_timer(self) -> None:
        self.timed = True
        self.context.set_timer(ROUND, self.timeout << min(self.round, DOUBLINGS))

    # ------------------------------------------------------------------------------- losses, crash and restart

    @property
    def waits(self) -> bool:
        log = self.rounds.get(self.round)
        return self.change is not None or (log is not None and log.accepted is not None)

    @property
    def wanted(self) -> bytes | None:
        wanted = super().wanted
        log = self.rounds.get(self.round)
        if wanted is not None or log is None or log.proposal is not None or self.proposer(self.round) != self.me:
            return wanted
        highest = self._highest_prepared(log)
        return highest.block if highest is not None and self.chain.get(highest.block) is None else None

    def proposal(self, round: int) -> Proposal | None:
        log = self.rounds.get(round)
        return log.proposal if log is not None else None

    def said(self) -> Iterator[Signed]:
        log = self._log(self.round)
        for message in (self.change, log.prepares.by(self.me), log.commits.by(self.me)):
            if message is not None:
                yield message

    def held(self, round: int) -> Iterator[Signed]:
        for number, log in sorted(self.rounds.items()):
            if number >= round:
                yield from log.changes.values()
                yield from log.prepares.votes.values()
                yield from log.commits.votes.values()

    def recall(self) -> None:
        change = self.read("round", RoundChange)
        if change is not None and change.height == self.height:
            self.change = change
            self.round = change.round
            self.begun = True
            self._log(self.round).changes[self.me] = change
        prepared = self.read("prepared", tuple[int, Votes, Block])
        if prepared is not None and prepared[0] == self.height:
            _, self.prepared, block = prepared
            self.chain.remember(block)
        log = self._log(self.round)
        proposal = self.read("proposal", Proposal)
        if proposal is not None and proposal.height == self.height and proposal.round == self.round:
            log.proposal = proposal
            self.chain.remember(proposal.block)
            self.begun = True
        prepare = self.read("prepare", Prepare)
        if prepare is not None and (prepare.height, prepare.round) == (self.height, self.round):
            log.accepted = prepare.block
            log.prepares.add(prepare)
        commit = self.read("commit", Commit)
        if commit is not None and (commit.height, commit.round) == (self.height, self.round):
            log.prepared = True
            self.count(log.commits, commit)
        if self.begun and not (self.with_quorum and self.round):
            self._run_timer()
