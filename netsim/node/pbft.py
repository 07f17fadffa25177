"""PBFT (Castro & Liskov, Practical Byzantine Fault Tolerance, OSDI 1999; TOCS 20(4), 2002) over a chain of blocks.

Theory of operation
===================

n validators, of which f = ⌊(n − 1) / 3⌋ may do anything; quorums have q = ⌈(n + f + 1) / 2⌉. Two quorums share at least
f + 1 validators, hence a correct one, and the n − f correct ones can form a quorum. (With n = 3f + 1, q is the paper's
2f + 1; it is q that is right for every n.) Safety needs nothing of the network. Liveness needs that messages between
correct replicas come through sooner or later within a delay that does not grow for ever, as in the paper.

Normal case (section 4.2)
    Validators take turns as the primary: view v belongs to number v mod n. Heights are the paper's sequence numbers.

        primary     PRE-PREPARE(v, h, block)    to all; it stands for the primary's own prepare
        backup      PREPARE(v, h, id)           when it accepts the pre-prepare: the first of this view and height, its
                                                parent the block accepted below, its transactions new to the chain
        replica     COMMIT(v, h, id)            when the block is *prepared*: the pre-prepare and q − 1 prepares
        replica     final                       when it is prepared and q commits have come, its parent being final

    Three message delays, 2n(n − 1) messages. What comes early is kept: votes are tallied by height whatever their view
    or block, proposals wait for their parents. A replica's own vote counts at once.

    Up to `window` blocks above the last executed one are in flight. A replica commits in the order of heights: when it
    sends COMMIT(v, h), every lower block is prepared in v or executed there.

Checkpoints (section 4.3)
    Every `checkpoint` blocks a replica signs what it has executed. With q equal signatures the checkpoint is stable,
    the log below it is discarded and the water marks move: nothing above the low mark + span is proposed.

View change (section 4.4)
    A replica that waits too long for a block leaves its view for the next: it takes no part in any lower one from then
    on, and says so in VIEW-CHANGE(v, C, P). C is the commit certificate of its last executed block. P holds the
    prepared certificates above it, as far as they reach without a gap, at each height that of the highest view. The
    new primary collects q of them and opens the view with NEW-VIEW(v, the q, O), O being proposals anew: it starts from
    the highest C and takes, height by height, the certificate with the highest view, as far as each block stands on the
    one below. Everybody computes O again and believes nobody. Then the normal case goes on for what is in O, also at
    replicas that have executed some of it, and for new blocks above.

    Where this differs from the paper. The paper starts O at the highest stable checkpoint and fills gaps with null
    requests. In a chain a commit certificate proves all that a checkpoint does (a block names its whole past, and the
    correct replicas of the q have all of it), so O starts there and stays as short as the window; and since commits
    are sent in order, there is no gap below anything that matters.

Why no two different blocks become final at one height
    Say that B is *fixed* at (v, h) when every correct member of some quorum has sent COMMIT(v, h, B) or executed B.
    Whatever is final anywhere is fixed, for its q commits came from such a quorum. Because these members accepted B on
    top of its ancestors and commit in order, every ancestor of B is fixed too, at its own height.

    Claim: if B is fixed at (v, h), no correct replica accepts another block at h in a view u > v. Suppose some do, and
    take the acceptance that was first in time. NEW-VIEW(u) holds VIEW-CHANGEs of a quorum, so one of a correct r among
    those that fixed B, which had committed or executed B by then (it acts in no view below u thereafter).
    * If r had executed h, O starts at or above h, from a block that is final; its ancestor at h is fixed as well. Were
      that not B, then of these two the one accepted in the higher view was accepted against the claim before now.
    * Else r's P reaches up to h. If O starts at or above h, as before. If it starts below, then r reports a certificate
      of view v or later for each height t up to h, so the highest one at t is of v or later. If of v, it is for the
      ancestor of B at t, for two certificates of one view share a correct replica, which prepares once. If of a later
      view, it is for that ancestor by the claim, for this was accepted earlier. So the chosen blocks stand on each
      other up to B, O contains B at h, and the correct replica has computed O itself: a contradiction.
    Within one view two commit certificates share a correct replica, which commits only one block. Hence agreement.

    To execute on a certificate of q commits is safe in every state and view: it is not a vote. What a replica must not
    do is prepare or commit in a view below the one in its VIEW-CHANGE.

Liveness (section 4.5.2)
    A timer runs while a replica knows of a transaction that waits or of a proposal that is not final, and starts anew
    with each block. Having left for view v, a replica waits for q VIEW-CHANGEs of views ≥ v before its timer runs; so a
    minority that is cut off stays one view ahead of the others, however long. The time doubles with each view that
    executes nothing; where it is longer than `timeout`, votes are repeated every `timeout`, lest one that was lost cost
    the whole of it. f + 1 VIEW-CHANGEs for higher views make a replica join the lowest of them: one of them is by a
    correct replica, and correct replicas do not drift apart.

    A minority that has left the view in which the others go on cannot return to it: its promise may be part of a
    NEW-VIEW. It *learns* instead: it keeps the proposals of that view, executes on q commits of any view, and votes
    again from the next view change on. The others are at least q and lose nothing; if they become too few, they leave
    too, and find the minority already there.

What is lost
    Messages may get lost (a partition, a crash), so every wait has its remedy. A replica that sees that others are
    beyond it asks one of them, and after a while the next (see `pbft_catchup`): the answer holds final blocks with
    their commit certificates, the stable checkpoint, and the NEW-VIEW of a later view. A replica that waits for a new
    view says its VIEW-CHANGE again as long as nothing happens.

Crash and restart
    A replica persists what it has promised before it says it (see `pbft_journal`), so a restart makes it slower, never
    Byzantine. It says its votes of the present view again and asks what it has missed.

Followers (nodes that do not validate) execute on commit certificates and never vote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

from netsim.node.block import Block
from netsim.node.bundle import Bundle
from netsim.node.chain import Chain
from netsim.node.consensus import ANY_NUMBER, Consensus, tolerated
from netsim.node.context import Context
from netsim.node.mempool import Mempool
from netsim.node.message import Message, Signed
from netsim.node.pbft_catchup import CatchUp
from netsim.node.pbft_journal import Journal
from netsim.node.pbft_log import Counted, Decision, Log, Slot, Tally
from netsim.node.pbft_messages import (
    Answer,
    Ask,
    Checkpoint,
    Commit,
    Committed,
    NewView,
    Prepare,
    Prepared,
    PrePrepare,
    Proposal,
    Stable,
    ViewChange,
    Vote,
)
from netsim.node.pbft_proofs import Plan, Verifier, plan
from netsim.node.rhythm import PROPOSE, Rhythm

PROGRESS = "progress"  # the timer, beside those of `rhythm` and `pbft_catchup`


class PBFT(Consensus):
    """One replica. Its parameters:

    block_interval  ns between proposals; 0: the next block follows when the last is final
    spread          ns; each proposal is late by a random part of it, which does not add up
    block_size      most bytes of transactions in a block
    timeout         ns without a block, while one is due, until a replica leaves the view
    empty_blocks    "always": a primary without transactions proposes too; anything else: it waits for them
    full_blocks     "at-once": a block that could take no more does not wait for its interval
    window          most blocks in flight
    checkpoint      blocks between checkpoints
    quorum          0 or None: ⌈(n + f + 1) / 2⌉. A smaller one is not safe; it is there to show what goes wrong
    """

    messages: ClassVar[tuple[type[Message], ...]] = (
        PrePrepare,
        Prepare,
        Commit,
        Checkpoint,
        ViewChange,
        NewView,
        Ask,
        Answer,
    )
    counted: ClassVar[tuple[type[Signed], ...]] = (Prepare, Commit, Checkpoint)
    records: ClassVar[dict[str, str]] = {
        "prepared": "a block is prepared at this node: a quorum accepts it in this round",
        "stable": "a checkpoint is stable at this node: a quorum has executed the chain up to this height",
    }

    @staticmethod
    def quorum(validators: int, parameters: Mapping[str, Any]) -> int:
        """⌈(n + f + 1) / 2⌉, or what the parameter says. Raises ValueError for a quorum that cannot exist."""
        chosen: int = parameters.get("quorum") or 0
        if not 0 <= chosen <= validators:
            raise ValueError(f"a quorum of {chosen} of {validators} validators cannot exist")
        return chosen or (validators + tolerated(validators) + 2) // 2

    def __init__(self, context: Context, chain: Chain, mempool: Mempool, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, chain, mempool, parameters)
        self.me = context.me
        self.validators = tuple(context.validators)
        self.others = tuple(node for node in self.validators if node != self.me)
        self.voting = self.me in self.validators
        self.faulty = tolerated(len(self.validators))
        self.q = self.quorum(len(self.validators), parameters)

        self.interval: int = parameters["block_interval"]
        self.rhythm = Rhythm(context, self.interval, parameters["spread"])
        self.block_size: int = parameters["block_size"]
        self.timeout: int = parameters["timeout"]
        self.empty_blocks: bool = parameters["empty_blocks"] == "always"
        self.hurries: bool = parameters.get("full_blocks") == "at-once"
        self.window: int = parameters["window"]
        self.room = self.window if self.interval else 1  # most blocks that this replica as the primary has in flight
        self.checkpoint: int = parameters["checkpoint"]

        span = 2 * max(self.checkpoint, self.window)
        self.log = Log(span)
        self.journal = Journal(context)
        self.verifier = Verifier(self.validators, self.q, span, context.verify)

        self.view = 0
        self.primary = self.verifier.primary(0)
        self.active = self.voting  # False: between VIEW-CHANGE and NEW-VIEW, and always at a follower
        self.opening: NewView | None = None  # of the last view that was entered; view 0 needs none
        self.tip = 0  # the height up to which this view's proposals are accepted
        self.top = 0  # the height up to which the opening of this view proposes anew

        self.certificates: list[Committed] = []  # of the final blocks, from height 1 on
        self.stable: Stable | None = None
        self.checkpoints: dict[int, Tally] = {}  # by height
        self.view_changes: dict[int, ViewChange] = {}  # by signer the last of the highest view, one's own included

        self.patience = self.timeout  # how long a view may go without a block
        self.deadline = 0  # when it ends
        self.watching = False  # whether the progress timer runs
        self.progressed = True  # whether a block has become final since the view was left last
        self.executed_at = 0  # when the last block became final here
        self.left_at = 0  # when the view was left last
        self.catch_up = CatchUp(self)

        self._handlers: dict[type[Message], Callable[[int, Any], None]] = {
            PrePrepare: self._on_pre_prepare,
            Prepare: self._on_prepare,
            Commit: self._on_commit,
            Checkpoint: self._on_checkpoint,
            ViewChange: self._on_view_change,
            NewView: self.on_new_view,
            Ask: self.catch_up.on_ask,
            Answer: self.catch_up.on_answer,
        }

    # ------------------------------------------------------------------------------------------- called by the node

    def start(self) -> None:
        view = self.journal.view()
        if view is None:
            self.journal.write_view(0)
            self.rhythm.begin(self.context.now)
            self.advance()
        else:
            self._resume(view)

    def on_message(self, sender: int, message: Message) -> None:
        self._handlers[type(message)](sender, message)

    def on_timer(self, name: str) -> None:
        if name == PROPOSE:
            self._propose(on_time=True)
        elif name == PROGRESS:
            self._lose_patience()
        else:
            self.catch_up.on_timer()

    def on_transactions(self) -> None:
        self._propose()
        self._watch()

    def unmoved_by(self, message: Signed) -> int:
        """Votes are counted until one completes a quorum; what `_on_prepare` and `_on_commit` do is told beforehand."""
        if isinstance(message, Checkpoint):
            return self._unmoved_by_checkpoint(message.height)
        if not isinstance(message, Vote):
            return 0
        slot = self.log.get(message.height)
        present = message.view == self.view and self.active
        if isinstance(message, Prepare):
            if slot is None or not self.voting:
                return 0
            if slot.prepared_view >= message.view:
                return ANY_NUMBER
            return self.q - 2 - slot.prepares.most(self.view) if present else 0
        if message.height <= self.chain.height or (slot is not None and slot.decided is not None):
            return ANY_NUMBER
        return self.q - 1 - slot.commits.most(self.view) if present and slot is not None else 0

    def _unmoved_by_checkpoint(self, height: int) -> int:
        if height <= self.log.low:
            return 0 if height % self.checkpoint else ANY_NUMBER
        if height % self.checkpoint or height not in self.log or height <= self.stable_height:
            return 0
        votes = self.checkpoints.get(height)
        return self.q - 1 - (0 if votes is None else votes.most(Checkpoint.view))

    def count_all(self, bundles: Sequence[Bundle]) -> bool:
        counted: list[tuple[Tally, Bundle]] = []
        for votes in bundles:
            first = cast(Counted, votes.first)
            if self.unmoved_by(first) >= ANY_NUMBER:
                continue  # late: they are not counted any more
            tally = self._tally(first)
            wrong = isinstance(first, Prepare) and votes.authors >> self.primary & 1
            if tally is None or wrong or not tally.takes(votes):
                return False
            counted.append((tally, votes))
        for tally, votes in counted:
            tally.add_all(votes)
        return True

    def _tally(self, vote: Counted) -> Tally | None:
        """Where a vote of the present view is counted, if it is."""
        slot = self.log.get(vote.height)
        if slot is None:
            return None
        if isinstance(vote, Checkpoint):
            awaited = vote.height > self.stable_height and vote.height % self.checkpoint == 0
            return self.checkpoints.setdefault(vote.height, Tally()) if awaited else None
        if vote.view != self.view or not self.active:
            return None
        return slot.commits if isinstance(vote, Commit) else slot.prepares

    @property
    def leader(self) -> int:
        return self.primary

    @property
    def status(self) -> str:
        return f"{'in' if self.active else 'waits for'} v{self.view}"

    def advance(self, impatient: bool = False) -> None:
        """Accept, commit, execute and propose whatever has become possible."""
        executed = False
        while True:
            if self.active:
                self._accept()
                self._commit()
            if not self._execute(impatient):
                break
            executed = True
        self._watch(restart=executed)
        self._propose()

    # ---------------------------------------------------------------------------------- normal case (section 4.2)

    def _propose(self, on_time: bool = False) -> None:
        """Propose the next block if it is this replica's turn, it is time, there is room and something to propose."""
        height = self.tip + 1
        head = self.chain.height
        if not self.active or self.primary != self.me or self.tip < self.top:
            return
        if height > min(head + self.room, self.stable_height + self.log.span):
            return
        parent = self._parent()
        if parent is None or not (self.mempool.pending or self.empty_blocks):
            return
        ready = self.rhythm.ready()
        if not ready and not (self.hurries and self.mempool.fills(self.block_size)):
            return
        slot = self.log.open(height)
        earlier = slot.proposals.get(self.me)
        if earlier is not None and earlier.view == self.view:
            return  # made before a crash
        self.rhythm.follow(self.rhythm.due(on_time and ready))

        block = Block(height, parent, self.me, self.context.now, self.mempool.take(self.block_size))
        message = PrePrepare(self.me, b"", self.view, block).signed(self.context.sign)
        slot.proposals[self.me] = message.proposal
        self.chain.remember(block)
        self.journal.write_accepted(message.proposal, block)
        self.context.broadcast(message)
        self.context.proposed(block)
        self.advance()

    def _on_pre_prepare(self, sender: int, message: PrePrepare) -> None:
        view, block, author = message.view, message.block, message.signer
        if author != self.verifier.primary(view):
            self.context.reject("proposal by a backup")
            return
        slot = self.log.get(block.height) or self._slot(block.height, sender)
        if slot is None:
            return
        earlier = slot.proposals.get(author)
        if earlier is not None and earlier.view >= view:
            if earlier.view == view and earlier.header != block.header:
                self.context.reject("two proposals for one view and height")
            return
        if block.payload > self.block_size or block.proposer not in self.validators:
            self.context.reject("impossible block")
            return
        if earlier is not None and earlier.view > self.view:
            self.chain.forget(earlier.header.id)  # never acted on: one such block is kept per author and height
        slot.proposals[author] = message.proposal
        self.chain.remember(block)
        self.catch_up.sight(view)
        self.advance()

    def _on_prepare(self, sender: int, vote: Prepare) -> None:
        slot = self.log.get(vote.height) or self._slot(vote.height, sender)
        if slot is None or slot.prepared_view >= vote.view or not self.voting:
            return  # late: it is prepared already
        if vote.signer == self.verifier.primary(vote.view):
            self.context.reject("prepare by the primary")
            return
        count = slot.prepares.add(vote)
        if vote.view != self.view or not self.active:
            self.catch_up.sight(vote.view)
        elif count >= self.q - 1 and slot.accepted is not None:
            proposal, block = slot.accepted
            if block.id == vote.block:
                self._prepared(slot, proposal, block)
                self.advance()

    def _on_commit(self, sender: int, vote: Commit) -> None:
        height = vote.height
        if height <= self.chain.height:
            return  # late: it is final already
        slot = self.log.get(height) or self._slot(height, sender)
        if slot is None or slot.decided is not None:
            return
        count = slot.commits.add(vote)
        if vote.view != self.view or not self.active:
            self.catch_up.sight(vote.view)
        if count >= self.q:
            self._decide(slot, vote)
            self.advance()
            next_up = self.log.get(self.chain.height + 1)
            missing = next_up is None or next_up.decided is None
            if height > self.chain.height + 1 and missing and self.catch_up.asking is None:
                self.catch_up.ask(sender)  # a quorum has committed what is below as well: that was lost on the way

    def _accept(self) -> None:
        """Accept the primary's proposals in the order of heights, each on top of the one before."""
        while True:
            height = self.tip + 1
            executed = height <= self.chain.height
            slot = self.log.get(height)
            proposal = slot.proposals.get(self.primary) if slot is not None else None
            if slot is None or proposal is None or proposal.view != self.view:
                if not executed:
                    return
            elif executed:
                # Others may need this vote, as after a view change. Nothing but the final block gets it.
                final = self.chain.at(height)
                if proposal.header == final.header:
                    self._prepare(slot, proposal, final)
            else:
                block = self.chain.get(proposal.header.id)
                if block is None or slot.refused_view == self.view or block.parent != self._parent():
                    return
                if not self.mempool.valid(block.transactions):
                    slot.refused_view = self.view
                    self.context.reject("transactions that do not follow the chain")
                    return
                self.mempool.include(block)
                self.journal.write_accepted(proposal, block)
                self._prepare(slot, proposal, block)
            self.tip = height

    def _prepare(self, slot: Slot, proposal: Proposal, block: Block) -> None:
        """Accept a proposal, and say so unless it is one's own."""
        slot.accepted = proposal, block
        if self.me != self.primary:
            vote = Prepare(self.me, b"", self.view, block.height, block.id).signed(self.context.sign)
            self.context.broadcast(vote)
            slot.prepares.add(vote)
        if slot.prepared_view < self.view and slot.prepares.count(self.view, block.id) >= self.q - 1:
            self._prepared(slot, proposal, block)

    def _prepared(self, slot: Slot, proposal: Proposal, block: Block) -> None:
        """The block is prepared: there are the proposal and q − 1 prepares of backups."""
        proof = Prepared(*slot.prepares.signatures(self.view, block.id, self.q - 1), proposal)
        slot.prepare(proof)
        if block.height > self.chain.height:
            self.journal.write_prepared(proof, block)
            self.context.record("prepared", block=block.id, height=block.height, round=self.view)
        else:
            self._say_commit(slot, block.height, block.id)  # executed, and so is everything below it

    def _commit(self) -> None:
        """Commit the prepared blocks above the head as far as they reach without a gap."""
        height = self.chain.height + 1
        while (slot := self.log.get(height)) is not None and slot.prepared is not None:
            if slot.prepared_view != self.view:
                return
            if slot.committed_view != self.view:
                self._say_commit(slot, height, slot.prepared.header.id)
            height += 1

    def _say_commit(self, slot: Slot, height: int, block: bytes) -> None:
        slot.committed_view = self.view
        vote = Commit(self.me, b"", self.view, height, block).signed(self.context.sign)
        self.context.broadcast(vote)
        if slot.commits.add(vote) >= self.q and height > self.chain.height:
            self._decide(slot, vote)

    def _decide(self, slot: Slot, vote: Commit) -> None:
        """A quorum commits: the block is final as soon as it is known and its parent is final."""
        slot.decided = Decision(vote.view, vote.block, *slot.commits.signatures(vote.view, vote.block, self.q))
        self.catch_up.know(vote.height)

    def _execute(self, impatient: bool) -> bool:
        """Make final what is decided, in order. Whether there was anything.

        In its own view a replica waits until it is prepared itself (the paper's committed-local), unless `impatient`:
        what it lacks for that was lost.
        """
        executed = False
        while (slot := self.log.get(self.chain.height + 1)) is not None and slot.decided is not None:
            decided = slot.decided
            block = self.chain.get(decided.block)
            if block is None:
                self.catch_up.want(decided.block, self.chain.height + 1)
            unprepared = self.active and decided.view == self.view and slot.prepared_view != self.view
            if block is None or (unprepared and not impatient):
                self.catch_up.later()
                break
            if block.parent != self.chain.head.id:
                break  # only where the quorum is too small and the chain has forked
            self.finalise(block, Committed(decided.signers, decided.signatures, decided.view, block.header))
            executed = True
        return executed

    def finalise(self, block: Block, proof: Committed) -> None:
        """Make final the block above the head, proved by a quorum's commits."""
        slot = self.log.get(block.height)
        overruled = slot is not None and slot.accepted is not None and slot.accepted[1].id != block.id
        self.chain.append(block)
        self.certificates.append(proof)
        self.journal.write_final(block, proof)
        self.mempool.finalised(block)
        self.context.finalise(block)
        self.context.work(execute=block.count)
        self.catch_up.settle(block.height)
        self.executed_at = self.context.now
        self.patience = self.timeout
        self.progressed = True
        if self.voting and block.height % self.checkpoint == 0:
            self._say_checkpoint(block)
        self._discard()
        if overruled:  # a later view has decided otherwise than this one was about to
            self._start_view_change(max(self.view + 1, proof.view))

    def _parent(self) -> bytes | None:
        """The id of the block that the next proposal must stand on, if this replica has the chain up to there."""
        if self.tip <= self.chain.height:
            return self.chain.at(self.tip).id
        slot = self.log.get(self.tip)
        return slot.accepted[1].id if slot is not None and slot.accepted is not None else None

    def _slot(self, height: int, sender: int) -> Slot | None:
        """Open the slot of a height between the water marks. One far above the head is a reason to ask its sender: no
        primary proposes more than `window` above what it has executed."""
        low, head = self.log.low, self.chain.height
        if height > head + self.window + 1:
            self.catch_up.ask(sender)
        return self.log.open(height) if low < height <= max(low, head) + self.log.span else None

    # ----------------------------------------------------------------------------------- checkpoints (section 4.3)

    @property
    def stable_height(self) -> int:
        """The height of the last stable checkpoint."""
        return self.stable.height if self.stable is not None else 0

    def _say_checkpoint(self, block: Block) -> None:
        message = Checkpoint(self.me, b"", block.height, block.id).signed(self.context.sign)
        self.context.broadcast(message)
        self._count_checkpoint(message)

    def _on_checkpoint(self, sender: int, message: Checkpoint) -> None:
        height = message.height
        if height % self.checkpoint:
            self.context.reject("checkpoint at a wrong height")
        elif height in self.log or self._slot(height, sender) is not None:
            self._count_checkpoint(message)
            if self.stable_height == height:
                self.advance()

    def _count_checkpoint(self, message: Checkpoint) -> None:
        height, block = message.height, message.block
        if height <= self.stable_height:
            return
        votes = self.checkpoints.setdefault(height, Tally())
        if votes.add(message) >= self.q:
            self.stabilise(Stable(*votes.signatures(message.view, block, self.q), height, block))

    def stabilise(self, proof: Stable) -> None:
        """A checkpoint is stable."""
        self.stable = proof
        self.journal.write_stable(proof)
        self.context.record("stable", block=proof.block, height=proof.height)
        self.checkpoints = {height: votes for height, votes in self.checkpoints.items() if height > proof.height}
        self.catch_up.know(proof.height)
        if self.catch_up.behind:
            self.catch_up.later()
        self._discard()

    def _discard(self) -> None:
        """Forget what is both below the stable checkpoint and executed."""
        height = min(self.stable_height, self.chain.height)
        if height > self.log.low:
            self.journal.clear(range(self.log.low + 1, height + 1))
            self.log.discard(height)
            self.chain.prune(height)

    # ------------------------------------------------------------------------------------- patience (section 4.5.2)

    def _watch(self, restart: bool = False) -> None:
        """Let the progress timer run while something waits to become final."""
        if not self.active:
            return
        if self.mempool.pending or self.empty_blocks or self.tip > self.chain.height:
            if restart or not self.watching:
                self._wait()
        elif self.watching:
            self.watching = False
            self.context.cancel_timer(PROGRESS)

    def _wait(self) -> None:
        """Let the progress timer run, from now."""
        self.watching = True
        self.deadline = self.context.now + self.patience
        self.context.set_timer(PROGRESS, self.timeout)

    def _lose_patience(self) -> None:
        """A timeout has passed without a block. After failed view changes there is patience left: perhaps a vote was
        lost, so this replica's own go to everyone again."""
        left = self.deadline - self.context.now
        if left > 0:
            self._repeat_votes()
            self.context.set_timer(PROGRESS, min(left, self.timeout))
        else:
            self.context.record("timeout", height=self.chain.height + 1, round=self.view)
            self._start_view_change(self.view + 1)

    def _repeat_votes(self) -> None:
        """Say again, to everyone directly, what was said in this view about the blocks in flight."""
        if not self.active or not self.others:
            return
        for height in range(self.chain.height + 1, self.tip + 1):
            slot = self.log.open(height)
            if self.me == self.primary and slot.accepted is not None:
                proposal, block = slot.accepted
                self.context.send(self.others, PrePrepare(self.me, proposal.signature, self.view, block))
            for vote in (slot.prepares.by(self.me), slot.commits.by(self.me)):
                if vote is not None and vote.view == self.view:
                    self.context.send(self.others, vote)

    # ----------------------------------------------------------------------------------- view change (section 4.4)

    def awaits(self, view: int) -> bool:
        """Whether this replica would enter a view: it votes, has promised nothing against it, and is not there yet."""
        return self.voting and (view > self.view or (view == self.view and not self.active))

    def _start_view_change(self, view: int) -> None:
        """Leave for a higher view, and say so."""
        self._leave(view)
        self.left_at = self.context.now
        self.context.broadcast(self._view_change())
        for votes in self.checkpoints.values():
            mine = votes.by(self.me)
            if mine is not None and self.others:  # one that is not stable may be what held the primary up
                self.context.send(self.others, mine)
        self.catch_up.later()
        self._gather()

    def repeat_view_change(self) -> None:
        """Nothing has happened since: perhaps nobody has heard it. Neighbours that have would not relay it again, so
        it goes to everyone directly."""
        if self.others:
            self.context.send(self.others, self._view_change())

    def _leave(self, view: int) -> None:
        """Take no part in lower views any more."""
        if not self.progressed:
            self.patience *= 2
        self.progressed = False
        self.active = False
        self.view = view
        self.primary = self.verifier.primary(view)
        self.journal.write_view(view)
        self.watching = False
        self.context.cancel_timer(PROGRESS)
        self.rhythm.pause()
        self.mempool.abandon()
        self.catch_up.wanted.clear()
        for slot in self.log.values():
            slot.accepted = None

    def _view_change(self) -> ViewChange:
        """What this replica has to report, as of now; it may have executed more since it left."""
        prepared = []
        height = self.chain.height + 1
        while (slot := self.log.get(height)) is not None and slot.prepared is not None:
            prepared.append(slot.prepared)
            height += 1
        executed = self.certificates[-1] if self.certificates else None
        message = ViewChange(self.me, b"", self.view, executed, tuple(prepared)).signed(self.context.sign)
        self.view_changes[self.me] = message
        return message

    def _on_view_change(self, sender: int, message: ViewChange) -> None:
        known = self.view_changes.get(message.signer)
        if not self.awaits(message.view) or (known is not None and known.view > message.view):
            return
        if not self.verifier.view_change(message):
            self.context.reject("view change without proof")
            return
        self.view_changes[message.signer] = message
        news = known is None or known.view < message.view
        if news and message.view == self.view and self.context.now - self.left_at >= self.timeout:
            self.context.send(message.signer, self._view_change())  # it may have lost what was said so long ago
        self._gather()

    def _gather(self) -> None:
        """Act on the view changes that are known: join others, let the timer run, open the view."""
        changes = self.view_changes.values()
        higher = [change.view for change in changes if change.view > self.view]
        ready = [change for change in changes if change.view == self.view]
        if len(higher) > self.faulty:
            self._start_view_change(min(higher))
        elif not self.active:
            if len(ready) + len(higher) >= self.q and not self.watching:
                self._wait()
            if len(ready) >= self.q and self.me == self.primary:
                self._open_view(ready)

    def _open_view(self, ready: list[ViewChange]) -> None:
        """As the new primary: a quorum has left for this view, so it can begin."""
        ready.sort(key=lambda change: (change.signer != self.me, change.signer))
        changes = tuple(ready[: self.q])
        opening = plan(changes)
        sign = self.context.sign
        proposals = tuple(Proposal(self.me, b"", self.view, proof.header).signed(sign) for proof in opening.again)
        message = NewView(self.me, b"", self.view, changes, proposals).signed(sign)
        self.journal.write_new_view(message)
        self.context.broadcast(message)
        self._enter(message, opening)

    def on_new_view(self, sender: int, message: NewView) -> None:
        """A view is opened."""
        if not self.awaits(message.view):
            return
        opening = self.verifier.new_view(message, lambda change: self.view_changes.get(change.signer) == change)
        if opening is None:
            self.context.reject("new view without proof")
            return
        if message.view > self.view:
            self._leave(message.view)
        self.journal.write_new_view(message)
        self._enter(message, opening)

    def _enter(self, message: NewView, opening: Plan) -> None:
        """The view begins: with what its opening proposes anew, then with new blocks."""
        self.context.record("round", height=self.chain.height + 1, round=self.view)
        self.view_changes = {node: change for node, change in self.view_changes.items() if change.view > self.view}
        self.rhythm.begin(self.context.now)
        self._begin(message, opening)
        lacking = [proof for proof in opening.again if proof.header.id in self.catch_up.wanted]
        if opening.base is not None and opening.height > self.chain.height:
            self.catch_up.ask_one_of(opening.base.signers)
        elif lacking:
            self.catch_up.ask_one_of(lacking[0].signers)
        self.advance()

    def _begin(self, message: NewView, opening: Plan) -> None:
        """Take up the normal case from the opening of a view."""
        self.active = True
        self.opening = message
        self.tip = max(opening.height, self.log.low)
        self.top = opening.height + len(opening.again)
        self.catch_up.know(opening.height)
        for proposal in message.proposals:
            header = proposal.header
            if header.height > self.log.low:
                self.log.open(header.height).proposals[self.primary] = proposal
                if self.chain.get(header.id) is None:
                    self.catch_up.want(header.id, header.height)

    # ------------------------------------------------------------------------------------------- crash and restart

    def _resume(self, view: int) -> None:
        """Go on from what was written down."""
        for block, proof in self.journal.final():
            self.chain.append(block)
            self.certificates.append(proof)
            self.mempool.finalised(block)
        self.stable = self.journal.stable()
        self.log.low = min(self.stable_height, self.chain.height)
        self.executed_at = self.context.now
        self.rhythm.begin(self.context.now)
        self.view = view
        self.primary = self.verifier.primary(view)
        self.opening = self.journal.new_view()
        self.active = self.voting and view == (self.opening.view if self.opening is not None else 0)
        self._reload()
        if self.active and self.opening is not None:
            self._begin(self.opening, plan(self.opening.view_changes))
        if self.voting and not self.active:
            self.context.broadcast(self._view_change())
            self.catch_up.later()
        self.advance()
        self.catch_up.ask_next()

    def _reload(self) -> None:
        """Bring back what was accepted and prepared, and, as the primary, say again what was proposed."""
        for height in range(self.chain.height + 1, self.chain.height + self.log.span + 1):
            prepared = self.journal.prepared(height)
            if prepared is not None:
                proof, block = prepared
                self.log.open(height).prepare(proof)
                self.chain.remember(block)
            accepted = self.journal.accepted(height)
            if accepted is not None:
                proposal, block = accepted
                self.log.open(height).proposals[proposal.signer] = proposal
                self.chain.remember(block)
                if self.active and proposal.signer == self.me and proposal.view == self.view:
                    self.context.broadcast(PrePrepare(self.me, proposal.signature, self.view, block))
