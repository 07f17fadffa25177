"""Tendermint (Buchman, Kwon & Milosevic, The latest gossip on BFT consensus, arXiv 1807.04938) over a chain of blocks.

Theory of operation
===================

n validators, of which f = ⌊(n − 1) / 3⌋ may do anything; a quorum q is the smallest integer above 2n/3, which is n − f.
The paper writes n = 3f + 1 and 2f + 1 for the quorum. Two quorums share 2q − n > f validators, hence a correct one, and
the correct ones can form a quorum. "Line" is a line of the paper's Algorithm 1.

One height is decided after the other (`tendermint_heights` says when one begins). A height goes through rounds; round r
of height h belongs to validator number (h − 1 + r) mod n, as in CometBFT where all have the same power. A round:

        proposer    PROPOSAL(h, r, block, validRound)   to all (lines 11–19): a new block, or the one that it knows to
                                                        have had q prevotes in an earlier round, the *valid value*
        validator   PREVOTE(h, r, id or nil)            for the proposal if it is valid and no lock is against it (lines
                                                        22–33); nil if not, or if it is not here in time (line 57)
        validator   PRECOMMIT(h, r, id or nil)          for the block if q prevotes are for it, being *locked* on it
                                                        from then on (lines 36–43); nil on q nil prevotes (line 44), or
                                                        if q prevotes agree on nothing for a while (lines 34, 61)
        node        final                               on q precommits for a block in any one round (line 49)

Three message delays; (n − 1) + 2n(n − 1) = (n − 1)(2n + 1) messages. A validator's own votes count at once, the
proposer's prevote as soon as it has proposed. What comes early is kept.

If a round fails, the next begins a while after q precommits that agree on nothing (lines 47, 65), or as soon as f + 1
validators are beyond this one (line 55). There is no view change: a round fails by voting nil in it, the locks carry
over what may have been decided, and all messages are alike in the worst case and the best.

Why no two different blocks become final at one height (Agreement and Lemma 2 in the paper)
    Say that B gets q precommits in round r, and no other block did so in a lower round. In r itself no other block has
    q prevotes, for two quorums share a correct validator, which prevotes once. At least q − f correct validators have
    precommitted B in r and are locked on it. Who is locked since r or later prevotes another block only if that block
    had q prevotes in an earlier round that is not below the lock's (lines 23 and 29). Take the first round above r in
    which a block other than B has q prevotes. They and the q precommits share a correct validator, locked on B since r.
    In the rounds between it can only have been locked on B anew, for no other block had q prevotes there. So it
    prevoted the other block because of q prevotes in a round from r on, and below this one: against the choice. Hence
    there is no such round, and nobody ever precommits another block.

    To make a block final on a certificate of q precommits is safe in every state: it is not a vote.

Liveness (Termination in the paper)
    Timeouts grow by `timeout_delta` from round to round, so that they exceed the network's delays at last, and all
    correct validators are in one round for long enough. If then a correct one proposes a block that had q prevotes in
    the highest round in which any correct validator is locked, all may prevote it. Each correct validator that is
    locked there can propose it when its turn comes, within n rounds.

Where this differs from the paper
    * A proposal of an old value brings the q prevotes that make it valid (`polka`, as CometBFT calls them) along. In
      the paper everybody has received them or will (the condition of line 28); here messages get lost. In the round in
      which that matters they cost bytes and signature checks, not messages.
    * A round is skipped when f + 1 validators are in it *or beyond it* (line 55 says in it): one of them is correct.
    * The first round of a height waits until a block is due and there is something to decide, as in CometBFT with
      `create_empty_blocks = false`; a later round proposes an empty block if there is nothing else.
    * Block and height are one: the value carries its height and names its parent.

What is lost
    See `tendermint_heights`. A validator that stays in one place says its votes of that round again, and asks.

Crash and restart
    What a validator says is written down before it leaves, by height and round (CometBFT's `priv_validator_state` and
    write-ahead log), and so are its lock, its valid value and what made it enter its round. After a restart it says
    again what it had said, takes up its round where it was, and asks what it has missed. So it is slower, never
    Byzantine.

Followers (nodes that do not validate) decide on certificates and never vote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any, ClassVar

from netsim.node.block import Block
from netsim.node.chain import Chain
from netsim.node.context import Context
from netsim.node.mempool import Mempool
from netsim.node.message import Message, Signed
from netsim.node.tendermint_heights import AHEAD, Heights, Tally, chosen_quorum, round_of
from netsim.node.tendermint_messages import Answer, Ask, Precommit, Prevote, Proposal, Vote, Votes

# The timers, beside those of `rhythm` and `tendermint_heights`.
TIMEOUT_PROPOSE = "timeout-propose"
TIMEOUT_PREVOTE = "timeout-prevote"
TIMEOUT_PRECOMMIT = "timeout-precommit"

LONGEST = 1000  # rounds after which timeouts grow no more
RECALLED = 64  # rounds of which a node recalls after a crash what it has said

Said = Proposal | Prevote | Precommit


class Step(IntEnum):
    """How far a validator is in its round (the paper's step)."""

    NEW = 0  # the height has not begun here
    PROPOSE = 1  # waits for the proposal
    PREVOTE = 2  # has prevoted
    PRECOMMIT = 3  # has precommitted


class Round:
    """What is known of one round."""

    __slots__ = ("polka", "precommits", "prevotes", "proposal", "wait_precommit", "wait_prevote")

    def __init__(self) -> None:
        self.proposal: Proposal | None = None  # the first by its proposer
        self.prevotes = Tally()
        self.precommits = Tally()
        # What Algorithm 1 does "for the first time":
        self.wait_prevote = False  # line 34
        self.polka = False  # line 36
        self.wait_precommit = False  # line 47


class Tendermint(Heights):
    """One node. Its parameters, beside those of `Heights`:

    timeout         ns that a validator waits for the proposal of a height's first round
    timeout_vote    ns that it waits, having q votes that agree on nothing, for others to come
    timeout_delta   ns by which both grow with each round
    """

    messages: ClassVar[tuple[type[Message], ...]] = (Proposal, Prevote, Precommit, Ask, Answer)
    records: ClassVar[dict[str, str]] = {
        "locked": "a validator is locked on a block: a quorum prevotes it in this round",
    }
    deciding: ClassVar[type[Vote]] = Precommit

    @staticmethod
    def quorum(validators: int, parameters: Mapping[str, Any]) -> int:
        """The smallest integer above 2n/3, or what the parameter says. Raises ValueError for one that cannot exist."""
        return chosen_quorum(2 * validators // 3 + 1, validators, parameters)

    def __init__(self, context: Context, chain: Chain, mempool: Mempool, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, chain, mempool, parameters)
        self.timeout_vote: int = parameters["timeout_vote"]
        self.timeout_delta: int = parameters["timeout_delta"]
        self.reset()

    def reset(self) -> None:
        """Line 2: the variables of a height."""
        self.step = Step.NEW
        self.rounds: dict[int, Round] = {}
        self.locked: Block | None = None
        self.locked_round = -1
        self.valid: Block | None = None
        self.polka: Votes | None = None  # the prevotes that make it valid; their round is the paper's validRound
        for name in (TIMEOUT_PROPOSE, TIMEOUT_PREVOTE, TIMEOUT_PRECOMMIT):
            self.context.cancel_timer(name)

    def proposer(self, round: int) -> int:
        return self.validators[(self.height - 1 + round) % len(self.validators)]

    @property
    def status(self) -> str:
        lock = f", locked since r{self.locked_round}" if self.locked is not None else ""
        return f"h{self.height} r{self.round} {self.step.name.lower()}{lock}"

    # --------------------------------------------------------------------------------------------- what arrives

    def take(self, sender: int, message: Signed) -> bool:
        round = round_of(message)
        self.hear(message, round)
        if round > self.round + AHEAD:
            return True  # too far to keep; that somebody is there counts
        log = self._log(round)
        if isinstance(message, Proposal):
            return self._take_proposal(log, message)
        assert isinstance(message, Vote)
        if isinstance(message, Prevote):
            return self.voting and log.prevotes.add(message)
        return self.count(log.precommits, message)

    def _take_proposal(self, log: Round, message: Proposal) -> bool:
        """Note a round's proposal, if it is by its proposer, the first, and such as one may be."""
        round, block = message.round, message.block
        if message.signer != self.proposer(round):
            self.context.reject("proposal out of turn")
            return False
        if log.proposal is not None:
            if log.proposal.digest != message.digest:
                self.context.reject("two proposals for one round")
            return False
        polka = message.polka
        if not self.possible(block) or (polka is None and block.proposer != message.signer):
            self.context.reject("impossible block")
            return False
        if polka is not None and not self._shown(polka, round, block):
            self.context.reject("valid value without proof")
            return False
        log.proposal = message
        self.chain.remember(block)
        return True

    def _shown(self, polka: Votes, round: int, block: Block) -> bool:
        """Whether a proposal shows q prevotes for its block in an earlier round, or they are here already (line 28)."""
        if polka.round >= round or polka.block != block.id:
            return False
        earlier = self.rounds.get(polka.round)
        known = earlier is not None and earlier.prevotes.count(block.id) >= self.q
        return known or self.proves(polka, Prevote)

    def _log(self, round: int) -> Round:
        log = self.rounds.get(round)
        if log is None:
            log = self.rounds[round] = Round()
        return log

    # ----------------------------------------------------------------------------------- the rules (Algorithm 1)

    def act(self) -> None:
        """Apply the rules until none does anything, or a block is decided."""
        if self.voting:
            while self.decided is None and self._rule():
                pass
        else:
            self.round = max(self.round, self.round_of_others())

    def _rule(self) -> bool:
        """Apply the first rule that is enabled. Whether there was one."""
        if self._skip():
            return True
        if self.step is Step.NEW:
            return self._begin()
        log = self._log(self.round)
        return (
            self._answer_proposal(log)
            or self._lock(log)
            or self._give_up(log)
            or self._wait_for_prevotes(log)
            or self._wait_for_precommits(log)
        )

    def _begin(self) -> bool:
        """Line 10: the first round of a height, when it is due; or when its proposal is here before."""
        first = self.rounds.get(0)
        if (first is None or first.proposal is None) and not self.due():
            return False
        self._start_round(0)
        return True

    def _start_round(self, round: int) -> None:
        """Lines 11–21."""
        if round:
            self.context.record("round", height=self.height, round=round)
            self.context.cancel_timer(TIMEOUT_PREVOTE)
            self.context.cancel_timer(TIMEOUT_PRECOMMIT)
        self.round = round
        self.step = Step.PROPOSE
        self.moved()
        if self.proposer(round) == self.me and self._log(round).proposal is None:
            self._propose()
        if self._log(round).proposal is None:
            self.context.set_timer(TIMEOUT_PROPOSE, self.timeout + self._growth())
        else:
            self.context.cancel_timer(TIMEOUT_PROPOSE)

    def _propose(self) -> None:
        """Lines 14–19: the valid value, or a new block."""
        again = self.valid is not None
        block = self.valid if self.valid is not None else self.new_block()
        if block is None:
            return
        message = Proposal(self.me, b"", self.round, block, self.polka).signed(self.context.sign)
        self.write(f"proposal/{self.round}", message)
        self._log(self.round).proposal = message
        self.chain.remember(block)
        self.context.broadcast(message)
        if not again:
            self.context.proposed(block)

    def _answer_proposal(self, log: Round) -> bool:
        """Lines 22–33: prevote for the proposal, if it is valid and no lock is against it. A lock is not where the
        proposal is the locked block, or had its q prevotes in the lock's round or later."""
        if self.step is not Step.PROPOSE or log.proposal is None:
            return False
        block = log.proposal.block
        free = self.locked is None or self.locked.id == block.id or self.locked_round <= log.proposal.valid_round
        good = free and self._valid(block)
        self.context.cancel_timer(TIMEOUT_PROPOSE)
        self._prevote(block.id if good else None)
        return True

    def _lock(self, log: Round) -> bool:
        """Lines 36–43: on q prevotes for the proposal, lock it and precommit; where that is too late, remember at least
        that it is valid."""
        if log.polka or self.step < Step.PREVOTE or log.proposal is None:
            return False
        block = log.proposal.block
        if log.prevotes.count(block.id) < self.q or not self._valid(block):
            return False
        log.polka = True
        self.valid = block
        self.polka = log.prevotes.certificate(self.round, block.id, self.q)
        self.write("valid", (self.height, self.polka, block))
        if self.step is Step.PREVOTE:
            self.locked = block
            self.locked_round = self.round
            self.write("lock", (self.height, self.round, block))
            self.context.record("locked", block=block.id, height=self.height, round=self.round)
            self._precommit(block.id)
        return True

    def _give_up(self, log: Round) -> bool:
        """Lines 44–46: on q nil prevotes, precommit nil."""
        if self.step is not Step.PREVOTE or log.prevotes.count(None) < self.q:
            return False
        self._precommit(None)
        return True

    def _wait_for_prevotes(self, log: Round) -> bool:
        """Line 34: on q prevotes of any kind, wait a while for them to agree."""
        if self.step is Step.PREVOTE and not log.wait_prevote and len(log.prevotes.votes) >= self.q:
            log.wait_prevote = True
            self.context.set_timer(TIMEOUT_PREVOTE, self.timeout_vote + self._growth())
        return False

    def _wait_for_precommits(self, log: Round) -> bool:
        """Line 47: on q precommits of any kind, wait a while for them to agree."""
        if not log.wait_precommit and len(log.precommits.votes) >= self.q:
            log.wait_precommit = True
            self.context.set_timer(TIMEOUT_PRECOMMIT, self.timeout_vote + self._growth())
        return False

    def _skip(self) -> bool:
        """Line 55: f + 1 validators are in a higher round, so a correct one is."""
        round = self.round_of_others()
        if round <= self.round:
            return False
        self._write_round(round, tuple(one for one in self.heard.values() if round_of(one) >= round))
        self._start_round(round)
        return True

    def on_timeout(self, name: str) -> None:
        """Lines 57–67. Timers of another round or height have been cancelled."""
        self.context.record("timeout", height=self.height, round=self.round)
        if name == TIMEOUT_PROPOSE and self.step is Step.PROPOSE:
            self._prevote(None)
        elif name == TIMEOUT_PREVOTE and self.step is Step.PREVOTE:
            self._precommit(None)
        elif name == TIMEOUT_PRECOMMIT and self.step is not Step.NEW:
            self._write_round(self.round + 1)
            self._start_round(self.round + 1)
        self.advance()

    def _prevote(self, block: bytes | None) -> None:
        """Say a prevote, once a round."""
        vote = Prevote(self.me, b"", self.height, self.round, block).signed(self.context.sign)
        self.write(f"prevote/{self.round}", vote)
        self.step = Step.PREVOTE
        self.moved()
        self.context.broadcast(vote)
        self._log(self.round).prevotes.add(vote)

    def _precommit(self, block: bytes | None) -> None:
        """Say a precommit, once a round."""
        vote = Precommit(self.me, b"", self.height, self.round, block).signed(self.context.sign)
        self.write(f"precommit/{self.round}", vote)
        self.step = Step.PRECOMMIT
        self.moved()
        self.context.cancel_timer(TIMEOUT_PREVOTE)
        self.context.broadcast(vote)
        self.count(self._log(self.round).precommits, vote)

    def _valid(self, block: Block) -> bool:
        """The paper's valid(v): the transactions follow the chain. All correct nodes agree on it."""
        return self.mempool.valid(block.transactions)

    def _growth(self) -> int:
        return self.timeout_delta * min(self.round, LONGEST)

    # ------------------------------------------------------------------------------- losses, crash and restart

    @property
    def waits(self) -> bool:
        return self.step >= Step.PREVOTE

    @property
    def short_of_votes(self) -> bool:
        log = self._log(self.round)
        return not (
            (self.step is Step.PREVOTE and log.wait_prevote) or (self.step is Step.PRECOMMIT and log.wait_precommit)
        )

    def proposal(self, round: int) -> Proposal | None:
        log = self.rounds.get(round)
        return log.proposal if log is not None else None

    def said(self) -> Iterator[Signed]:
        log = self._log(self.round)
        for tally in (log.prevotes, log.precommits):
            vote = tally.by(self.me)
            if vote is not None:
                yield vote

    def held(self, round: int) -> Iterator[Signed]:
        for number, log in sorted(self.rounds.items()):
            if number >= round:
                yield from log.prevotes.votes.values()
                yield from log.precommits.votes.values()
        for one in self.heard.values():
            if round_of(one) > self.round + AHEAD:
                yield one

    def _write_round(self, round: int, reasons: tuple[Signed, ...] = ()) -> None:
        """Write down the round that is about to be entered, and what makes this node skip others for it."""
        self.write("round", (self.height, round, reasons))

    def recall(self) -> None:
        entered = self.read("round", tuple[int, int, tuple[Said, ...]])
        if entered is not None and entered[0] == self.height:
            self.round = entered[1]
            for reason in entered[2]:
                self.take(self.me, reason)
        lock = self.read("lock", tuple[int, int, Block])
        if lock is not None and lock[0] == self.height:
            _, self.locked_round, self.locked = lock
            self.chain.remember(self.locked)
        valid = self.read("valid", tuple[int, Votes, Block])
        if valid is not None and valid[0] == self.height:
            _, self.polka, self.valid = valid
            self.chain.remember(self.valid)
        for round in range(max(self.round - RECALLED, 0), self.round + 1):
            self._recall_round(round)
        log = self._log(self.round)
        if log.precommits.by(self.me) is not None:
            self.step = Step.PRECOMMIT
        elif log.prevotes.by(self.me) is not None:
            self.step = Step.PREVOTE
        elif self.round or log.proposal is not None:
            self._start_round(self.round)

    def _recall_round(self, round: int) -> None:
        """What this node has said in a round of the present height."""
        log = self._log(round)
        proposal = self.read(f"proposal/{round}", Proposal)
        if proposal is not None and proposal.height == self.height:
            log.proposal = proposal
            self.chain.remember(proposal.block)
        prevote = self.read(f"prevote/{round}", Prevote)
        if prevote is not None and prevote.height == self.height:
            log.prevotes.add(prevote)
        precommit = self.read(f"precommit/{round}", Precommit)
        if precommit is not None and precommit.height == self.height:
            self.count(log.precommits, precommit)
