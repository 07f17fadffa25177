"""What HotStuff and Jolteon have in common: a tree of blocks that certify each other, and a pacemaker.

Theory of operation
===================

n validators, of which f = ⌊(n − 1) / 3⌋ may do anything; a quorum has n − f. Two quorums share n − 2f > f validators,
hence a correct one, and the correct ones are a quorum.

Time is a sequence of views 1, 2, 3 … Each has a leader, and in each at most one block is *certified* by a QC, n − f
votes:

        leader(v)    PROPOSAL(v, block, QC of its parent)      to all
        validator    VOTE(v, block)                            to leader(v + 1), if the protocol's rule lets it
        leader(v+1)  makes a QC of n − f votes; it is the certificate in its own proposal, and so on

so one kind of message drives every phase of every block: a vote for a block is one for its ancestors too, and the
phases of consecutive blocks overlap. A view takes two message delays and 2(n − 1) messages, whoever leads the next one:
votes that a leader gives itself cost nothing. When blocks are final, and when to vote, the protocols' own files say.

A QC names the views in which the parent and the grandparent were certified, and its signers vouch for that. So it says
by itself what it makes final and what it locks, wherever the blocks are; for safety it does not matter whether the same
block stands in two views.

Terms
    A leader keeps its post for a *term* of `leader_span` views. A block is final only when certificates of consecutive
    views stand on it. Where each view has another leader, one that is dead tears the chain at every turn: of four
    HotStuff leaders never four in a row are live then, and nothing is ever final. With `leader_span` 1 the protocols
    are those of the papers.

Views without transactions
    A block that has transactions needs blocks above it. With `empty_blocks: when-needed` leaders propose empty ones at
    once, until one has gone out whose certificates make it final everywhere; then they wait for transactions, and no
    timer runs. With `always` there is a block at every interval; with `never` finality waits for further transactions.

    `block_interval` separates blocks with transactions. A block's `created` says when it was due, so that the next
    leader counts from there.

Pacemaker
    A validator enters view v + 1 with a QC of v, or with a TC, n − f endings, of v. Its timer runs while something
    waits to become final, and starts anew with each view and each final block. When it runs out, the validator gives up
    the *term*: it votes in none of its views any more and says so, to all, in an ending, TIMEOUT or NEW-VIEW(e, QC,
    TC). Here e is the last view of the term, so validators that are in different views of it end it together; QC is the
    highest that it knows; TC is there if the QC is not of the view before its own. So an ending shows that its author
    has come to this term rightly, and brings whoever is behind there at once.

    n − f endings of e are a TC; the next leader proposes on the highest QC among them, as soon as it has them. f + 1
    endings of e make a validator join, also if it waits for nothing: one is by a correct validator. Without progress an
    ending is said again after each timeout; who is further answers an old one with its certificates. The timeout grows
    by the factor `backoff` with every term that is given up in a row, `backoff_steps` times at most, and falls back
    when a block becomes final.

    After GST then: within a delay of one ending all correct validators are in its author's term; as long as anything
    waits they give it up together, 2δ apart at most, and enter the next. When the leader of the term is correct and the
    timeout exceeds some 4δ, the leader has the endings, hence a certificate as high as any that a quorum knows of, and
    all vote in the term's views.

    A node keeps one vote and one ending of each author, and at most a few blocks of each view that it has not decided.
    Whatever brings it into a view, or makes it keep a block, has n − f signatures behind it, so nobody can fill it.

What is lost
    A block whose parent is not here waits, and the parent is asked for (see `ancestry`); so is a block that is known by
    its certificate alone. Where only one is missing, it is probably on its way, and gets a while to come by itself. The
    answer holds proposals as they were signed. A vote or a proposal that is lost costs its term, if one vote matters.

Crash and restart
    A replica writes down what it says before it says it (see `chained_journal`), and blocks before it votes for them,
    so that a block with a QC is never lost. After a restart it says its last words again, and asks others, one after
    another until f + 1 have answered, for their certificates. So it is slower, never Byzantine.

Followers (nodes that do not validate) learn from the certificates in proposals what is final. They never vote. One that
knows of something that waits asks a validator for its certificates after each timeout.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, ClassVar

from netsim.node.ancestry import ANCESTRY, CHUNK, Ancestry, Missing
from netsim.node.block import GENESIS, Block
from netsim.node.chain import Chain
from netsim.node.chained_journal import Journal
from netsim.node.chained_messages import (
    GENESIS_QC,
    QC,
    TC,
    Ancestors,
    Answer,
    Ask,
    Ending,
    Proposal,
    Vote,
)
from netsim.node.consensus import Consensus, tolerated
from netsim.node.context import Context
from netsim.node.mempool import Mempool
from netsim.node.message import Message
from netsim.node.rhythm import Rhythm

PATIENCE, CATCH_UP = "patience", "catch-up"  # the timers, beside those of `rhythm` and `ancestry`
RETRIES = 4  # how often within `timeout` a replica asks again for what it lacks
REMEMBERED = 256  # certificates that are known to be genuine
RIVALS = 8  # most blocks that are kept of one view, of which at most one can be certified


class Chained(Consensus):
    """One replica. Its parameters:

    block_interval  ns between blocks with transactions; 0: back to back
    spread          ns; each of these is late by a random part of it, which does not add up
    block_size      most bytes of transactions in a block
    timeout         ns in a view, while something waits to become final, until a replica gives up the term
    backoff         by which factor that grows with each term given up in a row
    backoff_steps   how often it grows at most
    leader_span     views in a leader's term
    empty_blocks    "when-needed", "always" or "never", as above
    quorum          0 or None: n − f. A smaller one is not safe; it is there to show what goes wrong
    """

    records: ClassVar[dict[str, str]] = {
        "certified": "this node has the quorum certificate of a block, the highest that it knows, for the first time",
    }
    ending: ClassVar[type[Ending]]  # what the protocol calls it

    @staticmethod
    def quorum(validators: int, parameters: Mapping[str, Any]) -> int:
        """n − f, or what the parameter says. Raises ValueError for a quorum that cannot exist."""
        chosen: int = parameters.get("quorum") or 0
        if not 0 <= chosen <= validators:
            raise ValueError(f"a quorum of {chosen} of {validators} validators cannot exist")
        return chosen or validators - tolerated(validators)

    def __init__(self, context: Context, chain: Chain, mempool: Mempool, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, chain, mempool, parameters)
        self.me = context.me
        self.validators = tuple(context.validators)
        self.others = tuple(node for node in self.validators if node != self.me)
        self.voting = self.me in self.validators
        self.faulty = tolerated(len(self.validators))
        self.q = self.quorum(len(self.validators), parameters)

        self.interval: int = parameters["block_interval"]
        self.spread: int = parameters["spread"] if self.interval else 0
        self.rhythm = Rhythm(context, self.interval, self.spread)
        self.block_size: int = parameters["block_size"]
        self.timeout: int = parameters["timeout"]
        self.backoff = Fraction(str(parameters["backoff"]))
        self.backoff_steps: int = parameters["backoff_steps"]
        self.span: int = parameters["leader_span"]
        self.always = parameters["empty_blocks"] == "always"
        self.never = parameters["empty_blocks"] == "never"

        self.journal = Journal(context)
        self.ancestry: Ancestry[Proposal] = Ancestry(context, chain, max(self.timeout // RETRIES, 1), self._accept)

        self.view = 1
        self.entered_at = 0
        self.high_qc = GENESIS_QC
        self.tc: TC | None = None  # the highest
        self.voted = 0  # the highest view in which this replica may not vote any more
        self.ended: Ending | None = None  # the last term that it gave up
        self.proposal: Proposal | None = None  # its own last
        self.votes: dict[int, Vote] = {}  # by signer the last, for views that this replica is to certify
        self.endings: dict[int, Ending] = {}  # by signer, of the present term

        self.open: dict[bytes, Proposal] = {}  # by block those that are not final and have their parents here
        self.final: list[Proposal] = []  # of the final blocks, from height 1 on
        self.rivals: dict[int, list[bytes]] = {}  # by view the blocks proposed in it
        self.announced: dict[bytes, int] = {GENESIS.id: 0}  # the height that is final to whoever has this block
        self.tallest = 0  # the height of the highest block that is known
        self.deciding = GENESIS_QC  # the certificate that decides most
        self.nearest = GENESIS_QC  # one that decides something, and whose block is here with all below
        self.tip = GENESIS  # the block that the mempool's line leads to
        self._genuine: dict[QC | TC, None] = {}  # the certificates checked last

        self.failed = 0  # terms given up since a block became final
        self.next_due = 0  # when the next block with transactions is due
        self.beat = 0  # the height of the last block that the rhythm has followed
        self.reason: int | None = None  # since when there is something to propose
        self.watching = False  # whether the timer runs
        self.moved = False  # whether there is a reason to start it anew
        self.unanswered = 0  # how many are still to answer since a restart
        self.turn = 0  # how many have been asked

        self._handlers: dict[type[Message], Callable[[int, Any], None]] = {
            Proposal: self._on_proposal,
            Vote: self._on_vote,
            self.ending: self._on_ending,
            Ask: self._on_ask,
            Answer: self._on_answer,
            Missing: self._on_missing,
            Ancestors: self._on_ancestors,
        }

    # ------------------------------------------------------------------------------------------- the protocol's rules

    @abstractmethod
    def decides(self, qc: QC) -> int:
        """The height up to which a certificate makes its block's ancestors final; 0 for none."""

    @abstractmethod
    def safe(self, proposal: Proposal) -> bool:
        """Whether this replica may vote for a proposal of its present view. It has not voted in this view before."""

    def proven(self, proposal: Proposal) -> bool:
        """Whether a proposal, its certificates apart, shows that its view was reached. Others are refused."""
        justify, tc, view = proposal.justify, proposal.tc, proposal.view
        return justify.view + 1 == view if tc is None else justify.view < tc.view and tc.view + 1 == view

    def lock(self, qc: QC) -> None:
        """This replica has come to know a certificate."""

    def write_lock(self) -> None:
        """This replica is about to vote or to give up a term."""

    # ------------------------------------------------------------------------------------------- called by the node

    def start(self) -> None:
        self.entered_at = self.context.now
        self.rhythm.begin(self.context.now)
        self.next_due = self.context.now
        if self.journal.voted() is None:
            self.journal.write_voted(0, None)
        else:
            self._resume()
        self.advance()

    def on_message(self, sender: int, message: Message) -> None:
        self._handlers[type(message)](sender, message)

    def on_timer(self, name: str) -> None:
        if name == PATIENCE:
            self.watching = False
            if self._waits():
                self._lose_patience()
        elif name == ANCESTRY:
            self.ancestry.on_timer()
        elif name == CATCH_UP:
            self._ask_next()
        self.advance()

    def on_transactions(self) -> None:
        if self.reason is None:
            self.reason = self.context.now
        self.advance()

    def leader_of(self, view: int) -> int:
        """Who proposes in a view."""
        return self.validators[(view - 1) // self.span % len(self.validators)]

    def last_of_term(self, view: int) -> int:
        """The last view of the term that a view belongs to."""
        return view + -view % self.span

    @property
    def leader(self) -> int:
        return self.leader_of(self.view)

    @property
    def gave_up(self) -> bool:
        """Whether this replica has given up the present term."""
        return self.ended is not None and self.ended.view >= self.view

    @property
    def status(self) -> str:
        return f"{'gave up' if self.gave_up else 'in'} v{self.view}, QC v{self.high_qc.view}"

    def advance(self) -> None:
        """Make final and propose whatever has become possible."""
        self._commit()
        while self._propose():
            self._commit()
        self._watch()

    # --------------------------------------------------------------------------------------------------- proposing

    def _propose(self) -> bool:
        """Propose the block of the present view if that is this replica's to do, and there is a reason. Whether so."""
        view = self.view
        if not self.voting or self.leader != self.me or self.gave_up or self.voted >= view:
            return False
        if self.proposal is not None and self.proposal.view >= view:
            return False
        grounds = self._grounds()
        if grounds is None:
            return False
        qc, tc = grounds
        parent = self.chain.get(qc.block)
        if parent is None or not self._follow(parent):
            return False
        needed = not self.never and self._unannounced(parent)
        due = (self.mempool.pending or self.always) and self.rhythm.ready()
        if not due and not needed:
            return False
        batches = self.mempool.take(self.block_size) if due else ()
        created = self._created() if batches or (self.always and due) else self.context.now
        if self.proposal is not None and created <= self.proposal.block.created:
            created = self.proposal.block.created + 1  # no block of this replica is like another

        block = Block(parent.height + 1, parent.id, self.me, created, batches)
        message = Proposal(self.me, b"", view, block, qc, tc).signed(self.context.sign)
        self.proposal = message
        self.journal.write_proposal(message)
        self.rivals[view] = [block.id]
        self.context.broadcast(message)
        self.context.proposed(block)
        self._accept(self.me, message)
        return True

    def _grounds(self) -> tuple[QC, TC | None] | None:
        """The certificates to propose on in the present view, if they are here."""
        qc, tc = self.high_qc, self.tc
        if qc.view + 1 == self.view:
            return qc, None
        if tc is not None and tc.view + 1 == self.view and tc.highest <= qc.view:
            return qc, tc
        return None

    def _created(self) -> int:
        """When the block that is proposed now counts as due: when the rhythm said so, if there was a reason by then and
        not a whole interval has been missed."""
        due, now = self.rhythm.due(on_time=True), self.context.now
        on_time = self.always or (self.reason is not None and self.reason <= due)
        return due if on_time and now < due + self.interval else now

    def _unannounced(self, tip: Block) -> bool:
        """Whether there are transactions on the branch of a block that it does not show to be final."""
        final = self._announced(tip)
        block: Block | None = tip
        while block is not None and block.height > final:
            if block.count:
                return True
            block = self.chain.get(block.parent)
        return False

    def _announced(self, block: Block) -> int:
        return self.announced.get(block.id, 0)

    def _branch(self, tip: Block) -> list[Block] | None:
        """The blocks from the last final one up to another, without the former; None where it does not stand there."""
        path = self.chain.path(tip, self.chain.height) if tip.height >= self.chain.height else None
        if path is None or (path[0].parent if path else tip.id) != self.chain.head.id:
            return None
        return path

    def _follow(self, tip: Block) -> bool:
        """Make the branch of a block the mempool's line. False where it does not stand on the last final block."""
        branch = self._branch(tip)
        if branch is None:
            return False
        self.mempool.follow(branch)
        self.tip = tip
        return True

    def _keep_time(self, block: Block) -> None:
        """A block that the rhythm counts has been accepted: the next one is due an interval later. What a clock of
        another node says is not believed beyond the present."""
        if block.height > self.beat and (block.count or (self.always and not self._unannounced(block))):
            self.beat = block.height
            due = min(block.created, self.context.now)
            self.next_due = due + self.interval
            # Back to back, the next one may be made at once; where only blocks themselves bring blocks, 1 ns later.
            self.rhythm.begin(due + (self.interval or int(self.always or not self.others)))
            self.reason = self.next_due if self.mempool.pending else None

    # ------------------------------------------------------------------------------------------------------ voting

    def _on_proposal(self, sender: int, message: Proposal) -> None:
        if self._take(sender, message):
            self.advance()

    def _take(self, sender: int, message: Proposal, asked: bool = False) -> bool:
        """Check a proposal, learn from its certificates, and hand it on. `asked`: it comes in answer to a question."""
        view, block, justify = message.view, message.block, message.justify
        if block.height <= self.chain.height or block.id in self.open:
            return False
        if message.signer != self.leader_of(view):
            self.context.reject("proposal out of turn")
            return False
        fits = block.proposer == message.signer and block.payload <= self.block_size
        if not fits or (justify.block, justify.height + 1) != (block.parent, block.height) or justify.view >= view:
            self.context.reject("impossible block")
            return False
        rivals = self.rivals.get(view, [])
        rival = rivals and block.id not in rivals and not self.ancestry.wants(block.id)
        if rival and (not asked or len(rivals) >= RIVALS):
            self.context.reject("two proposals for one view")
            return False
        if not self.proven(message) or not self._check(justify, message.tc):
            self.context.reject("proposal without proof")
            return False
        if block.id not in rivals:
            self.rivals[view] = [*rivals, block.id]
        self._learn(sender, justify, message.tc)
        self.ancestry.receive(sender, message, at_once=block.height > self.tallest + 2)
        self.tallest = max(self.tallest, block.height)
        return True

    def _accept(self, sender: int, message: Proposal) -> None:
        """A proposal whose parent is here. Vote for it if it is of the present view."""
        block = message.block
        self.chain.remember(block)
        self.open[block.id] = message
        self.announced[block.id] = max(self.announced.get(block.parent, 0), self.decides(message.justify))
        self.tallest = max(self.tallest, block.height)
        if self.decides(message.justify) > self.chain.height:
            self.nearest = message.justify
        if message.view != self.view:
            return
        if not self.voting:
            self.tip = block
        elif self._extends(block) and self.voted < message.view and self.safe(message):
            self._vote(message)

    def _extends(self, block: Block) -> bool:
        """Whether a block may stand where it does. Afterwards the mempool's line leads to it."""
        parent = self.chain.get(block.parent)
        if parent is None or not self._follow(parent):
            return False
        if not self.mempool.valid(block.transactions):
            self.context.reject("transactions that do not follow the chain")
            return False
        self.mempool.include(block)
        self.tip = block
        self._keep_time(block)
        return True

    def _vote(self, message: Proposal) -> None:
        view, block, justify = message.view, message.block, message.justify
        vote = Vote(self.me, b"", view, block.height, block.id, justify.view, justify.parent_view)
        vote = vote.signed(self.context.sign)
        self.voted = view
        self.journal.write_accepted(message)
        self.journal.write_certificates(self.high_qc, self.tc)
        self.write_lock()
        self.journal.write_voted(view, vote)
        self._cast(vote)

    def _cast(self, vote: Vote) -> None:
        collector = self.leader_of(vote.view + 1)
        if collector == self.me:
            self._count(self.me, vote)
        else:
            self.context.send(collector, vote)

    def _on_vote(self, sender: int, vote: Vote) -> None:
        if not self.voting or self.leader_of(vote.view + 1) != self.me:
            self.context.reject("vote for somebody else")
        elif vote.view > self.high_qc.view:
            self._count(sender, vote)
            self.advance()

    def _count(self, sender: int, vote: Vote) -> None:
        known = self.votes.get(vote.signer)
        if known is not None and known.view >= vote.view:
            return
        self.votes[vote.signer] = vote
        equal = [one for one in self.votes.values() if one.statement == vote.statement]
        if len(equal) >= self.q:
            qc = QC.from_votes(equal, self.q)
            self._remember(qc)
            self._learn(sender, qc, None)
            self.journal.write_certificates(self.high_qc, self.tc)

    # ------------------------------------------------------------------------------------------------ certificates

    def _check(self, *certificates: QC | TC | None) -> bool:
        """Whether certificates are genuine, those that are there. One that was so lately is not checked again."""
        for certificate in certificates:
            if certificate is not None and certificate not in self._genuine:
                if not certificate.genuine(self.q, self.context):
                    return False
                self._remember(certificate)
        return True

    def _remember(self, certificate: QC | TC) -> None:
        while len(self._genuine) >= REMEMBERED:
            del self._genuine[next(iter(self._genuine))]
        self._genuine[certificate] = None

    def _learn(self, sender: int, qc: QC, tc: TC | None, answer: bool = False) -> None:
        """Draw the consequences of genuine certificates. `answer`: they are that, so that no proposal is on its way."""
        if qc.view > self.high_qc.view:
            self.high_qc = qc
            self.context.record("certified", block=qc.block, height=qc.height, round=qc.view)
            if self.chain.get(qc.block) is None:
                self.ancestry.want(sender, qc.block, qc.height, at_once=answer or qc.height > self.tallest + 1)
        self.lock(qc)
        if self.decides(qc) > self.decides(self.deciding):
            self.deciding = qc
        if tc is not None and (self.tc is None or tc.view > self.tc.view):
            self.tc = tc
        if qc.view >= self.view:
            self._enter(qc.view + 1)
        if tc is not None and tc.view >= self.view:
            self._enter(tc.view + 1)
            self.context.record("round", height=self.high_qc.height + 1, round=self.view)
            self.next_due = self.context.now
            self.beat = min(self.beat, self.high_qc.height)
            self.rhythm.begin(self.context.now)

    def _enter(self, view: int) -> None:
        if self.last_of_term(view) != self.last_of_term(self.view):
            self.endings.clear()
        self.view = view
        self.entered_at = self.context.now
        self.moved = True

    def _commit(self) -> None:
        """Make final what is decided, as far as it is here."""
        if not self._decide(self.deciding):
            self._decide(self.nearest)

    def _decide(self, qc: QC) -> bool:
        """Make final what a certificate decides. False where there is nothing, or something is missing."""
        height = self.decides(qc)
        block = self.chain.get(qc.block) if height > self.chain.height else None
        branch = self._branch(block) if block is not None else None
        if not branch:
            return False
        for block in branch[: height - self.chain.height]:
            self._finalise(block)
        self._prune()
        if self._branch(self.tip) is None:
            self.tip = self.chain.head
        return True

    def _finalise(self, block: Block) -> None:
        proposal = self.open.pop(block.id)
        self._keep_time(block)
        self.chain.append(block)
        self.final.append(proposal)
        self.journal.write_certificates(self.high_qc, self.tc)
        self.journal.write_final(proposal)
        self.journal.clear(proposal.view)
        self.mempool.finalised(block)
        self.context.finalise(block)
        self.context.work(execute=block.count)
        self.failed = 0
        self.moved = True

    def _prune(self) -> None:
        """Forget what can never become final."""
        head = self.chain.height
        if not head:
            return
        view = self.final[-1].view
        self.chain.prune(head)
        self.ancestry.prune()
        self.open = {name: one for name, one in self.open.items() if one.block.height > head}
        here = self.chain.head.id
        self.announced = {name: to for name, to in self.announced.items() if name in self.open or name == here}
        self.rivals = {one: blocks for one, blocks in self.rivals.items() if one > view}

    # --------------------------------------------------------------------------------------------------- pacemaker

    def _waits(self) -> bool:
        """Whether something is to become final."""
        return self.mempool.pending or self.always or self._unsettled()

    def _unsettled(self) -> bool:
        """Whether there are transactions in blocks that are not final, and will be without further ones."""
        if self.never:
            return False
        return any(block.count for block in self._branch(self.tip) or ())

    def _watch(self) -> None:
        """Let the timer run while something waits."""
        anew, self.moved = self.moved, False
        if not self._waits():
            if self.watching:
                self.watching = False
                self.context.cancel_timer(PATIENCE)
        elif anew or not self.watching:
            self.watching = True
            patience = self.timeout if self.gave_up else self._patience()
            if not self._unsettled():  # the next block may not be due yet
                patience += max(self.next_due + self.spread - self.context.now, 0)
            self.context.set_timer(PATIENCE, patience)

    def _patience(self) -> int:
        """ns, in integers."""
        steps = min(self.failed, self.backoff_steps)
        factor = self.backoff**steps
        return self.timeout * factor.numerator // factor.denominator

    def _lose_patience(self) -> None:
        if not self.voting:
            self._ask_next()
        elif self.gave_up:
            self._say_ending()
        else:
            self.context.record("timeout", height=self.high_qc.height + 1, round=self.view)
            self._give_up()

    def _give_up(self) -> None:
        """Vote in no view of this term any more."""
        last = self.last_of_term(self.view)
        proof = self.tc if self.high_qc.view + 1 < self.view else None
        self.ended = self.ending(self.me, b"", last, self.high_qc, proof).signed(self.context.sign)
        self.failed += 1
        self.moved = True
        self.voted = max(self.voted, last)
        self.journal.write_certificates(self.high_qc, self.tc)
        self.write_lock()
        self.journal.write_ending(self.ended)
        self.journal.write_voted(self.voted, None)
        self._say_ending()
        self.endings[self.me] = self.ended
        self._gather()

    def _say_ending(self) -> None:
        if self.ended is not None and self.others:
            self.context.send(self.others, self.ended)

    def _on_ending(self, sender: int, message: Ending) -> None:
        qc, tc = message.high_qc, message.tc
        reached = max(qc.view, tc.view if tc is not None else 0) + 1
        if message.view != self.last_of_term(reached) or not self._check(qc, tc):
            self.context.reject("ending without proof")
            return
        self._learn(sender, qc, tc)
        if message.view < self.view:
            self._help(message)
        elif self.voting:
            self.endings.setdefault(message.signer, message)
            self._gather()
        self.advance()

    def _gather(self) -> None:
        """Act on the endings of the present term."""
        if len(self.endings) > self.faulty and not self.gave_up:
            self._give_up()
        elif len(self.endings) >= self.q:
            tc = TC.from_endings(self.endings.values(), self.q)
            self._remember(tc)
            self._learn(self.me, self.high_qc, tc)

    def _help(self, message: Ending) -> None:
        """Somebody gives up a term that has ended. If that is long ago, it has not heard."""
        late = self.context.now - self.entered_at >= self.timeout // RETRIES
        if late or message.view + self.span < self.view:
            self._answer(message.signer, message.high_qc.view, message.view)

    # ------------------------------------------------------------------------------------------- what was missed

    def _ask_next(self) -> None:
        """Ask a validator for its certificates; they take turns, beginning with the one after this node."""
        if self.others:
            first = sum(node < self.me for node in self.others)
            self.context.send(self.others[(first + self.turn) % len(self.others)], Ask(self.view, self.high_qc.view))
            self.turn += 1
            if self.unanswered:
                self.context.set_timer(CATCH_UP, max(self.timeout // RETRIES, 1))

    def _on_ask(self, sender: int, message: Ask) -> None:
        self._answer(sender, message.qc_view, message.view - 1)

    def _answer(self, node: int, qc_view: int, tc_view: int) -> None:
        qc, tc = self.high_qc, self.tc
        new_qc = qc if qc.view > qc_view else None
        new_tc = tc if tc is not None and tc.view > max(tc_view, qc.view) else None
        self.context.send(node, Answer(new_qc, new_tc))

    def _on_answer(self, sender: int, message: Answer) -> None:
        qc, tc = message.high_qc, message.tc
        if not self._check(qc, tc):
            self.context.reject("answer without proof")
            return
        self._learn(sender, self.high_qc if qc is None else qc, tc, answer=True)
        if self.unanswered:
            self.unanswered -= 1
            if self.unanswered:
                self._ask_next()
            else:
                self.context.cancel_timer(CATCH_UP)
        self.advance()

    def _on_missing(self, sender: int, message: Missing) -> None:
        proposals = self.ancestry.lacking(message, self._held)
        if proposals:
            self.context.send(sender, Ancestors(tuple(proposals)))

    def _held(self, block: bytes) -> Proposal | None:
        found = self.open.get(block)
        if found is None:
            final = self.chain.get(block)
            if final is not None and 1 <= final.height <= self.chain.height:
                found = self.final[final.height - 1]
        return found

    def _on_ancestors(self, sender: int, message: Ancestors) -> None:
        if not self.ancestry.wanting:
            return
        reached = 0
        for proposal in message.proposals[:CHUNK]:
            if proposal.block.height > self.chain.height and proposal.block.id not in self.open:
                if proposal.signer not in self.validators or not self.context.verify(
                    proposal.signer, proposal.digest, proposal.signature
                ):
                    self.context.reject("ancestor with a wrong signature")
                    break
                if not self._take(sender, proposal, asked=True):
                    break
                reached = proposal.block.height
                self._commit()
        if reached:
            self.ancestry.ask_on(sender, reached)
        self.advance()

    # ------------------------------------------------------------------------------------------- crash and restart

    def _resume(self) -> None:
        """Go on from what was written down."""
        for proposal in self.journal.final():
            block = proposal.block
            self.chain.append(block)
            self.mempool.finalised(block)
            self.final.append(proposal)
            self.announced[block.id] = max(self.announced.get(block.parent, 0), self.decides(proposal.justify))
        self._prune()
        self.tip = self.chain.head
        self.beat = self.tallest = self.chain.height
        self.voted, vote = self.journal.voted() or (0, None)
        self.ended = self.journal.ending(self.ending)
        self.proposal = self.journal.proposal()
        for proposal in self.journal.accepted():
            self._restore(proposal)
        if self.proposal is not None:
            self._restore(self.proposal)
        qc, tc = self.journal.certificates()
        self._learn(self.me, qc or self.high_qc, tc)
        self._say_again(vote)
        self.unanswered = min(self.faulty + 1, len(self.others))
        self._ask_next()

    def _restore(self, proposal: Proposal) -> None:
        """Bring a proposal back that this replica has voted for or made. Its parent may have to be asked for again."""
        block = proposal.block
        self._learn(self.me, proposal.justify, proposal.tc)
        if block.height > self.chain.height and block.id not in self.open:
            self.rivals[proposal.view] = [block.id]
            self.ancestry.receive(self.me, proposal, at_once=False)
            self._follow(block)

    def _say_again(self, vote: Vote | None) -> None:
        """Perhaps nobody has heard the last words."""
        if self.gave_up and self.ended is not None:
            if self.ended.view == self.last_of_term(self.view):
                self.endings[self.me] = self.ended
            self._say_ending()
            return
        if self.proposal is not None and self.proposal.view == self.view:
            self.context.broadcast(self.proposal)
        if vote is not None and vote.view >= self.high_qc.view:
            self._cast(vote)
