"""Raft (Ongaro & Ousterhout, In Search of an Understandable Consensus Algorithm, USENIX ATC 2014; Ongaro, Consensus:
Bridging Theory and Practice, dissertation, Stanford 2014) as an ordering service: a log of blocks, as Hyperledger
Fabric runs it on etcd's implementation.

Theory of operation
===================

n servers (the validators), of which any number may crash and come back with what they had written down, and none lies.
Quorums are majorities, q = ⌊n / 2⌋ + 1: any two share a server. Safety needs nothing of the network. Liveness needs q
servers that are up and hear each other within much less than an election timeout. Messages are unsigned: the sender is
believed, as Fabric's orderers believe each other's TLS certificates. A single server that lies breaks everything.

Normal case (section 5.3)
    One server leads a *term*. Its log is the line: followers make theirs like it.

        leader      APPEND(term, the entry before, entries, commit)     to each, when it has written the entries down
        follower    APPEND-REPLY(term, index)                           when it holds the entry before and has written
        leader      final                                               when q logs hold the entry, its own among them,
                                                                        and the entry is of the leader's own term
        leader      COMMIT(term, index)                                 to each (`commit_message: at-once`)
        follower    final                                               when it hears that an entry that it holds is
                                                                        committed: by this, an append or a heartbeat

    Two message delays at the leader and three at the others. 2(n − 1) messages per block, or 3(n − 1) with commit
    messages; heartbeats come on top, 2(n − 1) every `heartbeat_ticks` ticks, however many blocks there are. Without
    commit messages (`with-next`) the news rides on the next append, or on a heartbeat where there is none. Back to back
    (with an interval of 0) the next append leaves when the last block is committed, and the third delay is the same.

    With unequal delays L, leader ℓ: the leader commits at t, the q-th smallest over i of L[ℓ][i] + L[i][ℓ], its own
    being 0; follower j at t + L[ℓ][j].

    A block counts as proposed when the leader has put it into its log and sent it, and as final at a node when it is
    committed there and all below it are.

    Appends are pipelined (dissertation, 10.2.1): an entry is sent when it is there, whether or not those before it are
    acknowledged, up to `inflight` appends per follower (see `raft_progress`). A follower that lacks the entry before
    refuses and says how far the logs may agree; one that holds other entries than the leader discards them. An
    append holds at most one block.

    What etcd does otherwise: its commit message is an empty append, which is acknowledged, to no purpose. Its
    heartbeats name a commit index that the leader knows the follower to hold. Here COMMIT and HEARTBEAT name the
    committed entry by index and term, and a follower that holds such an entry holds all below it (the Log Matching
    Property), whatever the leader has heard of it.

Elections (section 5.2; dissertation, sections 6.2 and 9.6)
    Time goes in ticks. A follower that hears no leader for a random number of ticks, from `election_ticks` up to less
    than twice that, asks for pre-votes; with a majority of them it stands for the next term and asks for votes. Others
    grant either only if the candidate's log is not behind theirs (the last term higher, or the same and the log as
    long), and not at all within `election_ticks` of having heard a leader. So a server that was cut off disturbs
    nobody. A leader that has not heard a majority within `election_ticks` steps down (CheckQuorum).

    A new leader puts an entry without a block into its log. It commits what is left of earlier terms along with that
    one, never by counting how many hold it (section 5.4.2, figure 8).

    Servers' ticks are not in step: the first comes after a random part of one. At the very first start one server
    stands at once (`first_election: at-once`), rather than all of them wait. So does Fabric, which picks it by the
    channel's name; here it is the first validator. If that comes to nothing, timeouts decide.

Why no two different blocks become final at one height (section 5.4.3)
    A server votes once in a term and writes that down first, so a term has one leader at most (Election Safety). A
    leader only appends, and a follower takes entries only on top of one of the same index and term; so two logs with
    such an entry in common are the same up to there (Log Matching).

    Claim: an entry that the leader of term T has committed is in the log of the leader of every later term. Suppose
    not, and let U be the first such term whose leader lacks it. One of the q servers that acknowledged the entry to T's
    leader voted for U's. It did so afterwards, for having voted it refuses what T's leader sends; and it still held the
    entry, for only leaders of terms between T and U could have made it discard it, and these hold it. Its last entry is
    of term T or later, and U's leader was not behind. Either their last entries are of one term and U's leader's log is
    at least as long: by Log Matching it begins with the voter's. Or U's leader's last entry is of a later term V,
    between T and U: the leader of V, which made it, held the entry before, so by Log Matching U's leader holds it too.
    Both times it does not lack it.

    That the voter's last entry is of term T or later is why a leader counts the logs that hold an entry of its own term
    only. Blocks name their parents, so equal logs are equal chains. Hence agreement.

What is lost
    Appends and replies: the leader hears at heartbeats that what it had sent at the last one is not there, and offers
    an empty append, which is refused if something is missing; the refusal says from where on to send again. Requests
    for votes: the timeout runs out again. Commit messages: the next append or heartbeat. Blocks that only a deposed
    leader held: their transactions are in the mempools of all.

Snapshots (section 7)
    The chain itself is the state. After every `snapshot_interval` entries a server drops those that are final from its
    log, but for the last `catch_up` ones. A follower that lacks an entry that is gone is told up to which block the
    chain stands for the log, and fetches the blocks (see `raft_transfer`). It does not stand for election meanwhile.

Crash and restart
    Term, vote and log are written down before anything is said that depends on them (see `raft_log`), the final blocks
    as they become final. A restarted server follows nobody, and its timeout runs.

The ordering service
    The leader cuts a block when the oldest waiting transaction has waited `batch_timeout`, or at once when there are
    `block_size` bytes or `block_transactions`; and at most one in `block_interval`. With neither time it
    proposes back to back: the next when the last is committed; else at most `inflight` blocks are not committed yet.
    Transactions reach every server's mempool by gossip, so a new leader has them; Fabric's orderers forward them to the
    leader.

Followers (nodes that do not validate) are learners: the leader feeds them like servers, and does not count them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from netsim.node.block import Block
from netsim.node.chain import Chain
from netsim.node.consensus import Consensus
from netsim.node.context import Context
from netsim.node.mempool import Mempool
from netsim.node.message import Message
from netsim.node.raft_log import NOBODY, Journal, Log
from netsim.node.raft_messages import (
    Append,
    AppendReply,
    Commit,
    Entry,
    Fetch,
    Fetched,
    Heartbeat,
    HeartbeatReply,
    Mark,
    RequestVote,
    Snapshot,
    Vote,
)
from netsim.node.raft_progress import PROBE, SNAPSHOT, Progress
from netsim.node.raft_transfer import Transfer
from netsim.node.rhythm import PROPOSE, Rhythm

TICK, CUT = "tick", "cut"  # the timers, beside those of `rhythm` and `raft_transfer`
FOLLOWER, PRE_CANDIDATE, CANDIDATE, LEADER = "follower", "pre-candidate", "candidate", "leader"


class Raft(Consensus):
    """One server. Its parameters:

    block_interval     ns between proposals
    spread             ns; each proposal is late by a random part of it, which does not add up
    block_size         most bytes of transactions in a block
    block_transactions most transactions in a block, or None
    batch_timeout      ns that the oldest transaction waits for a block to fill
    empty_blocks       "always": a leader without transactions proposes too; anything else: it waits for them
    timeout            ns: the shortest election timeout, where `tick` does not say
    tick               ns, or None: `timeout` / `election_ticks`
    election_ticks     ticks without a leader: from so many up to less than twice as many, at random
    heartbeat_ticks    ticks between heartbeats
    inflight           most appends to one server that are not acknowledged, and most blocks that are not committed
    commit_message     "at-once": followers are told at once what is committed; "with-next": with what comes next
    snapshot_interval  entries after which a server drops what is final from its log
    catch_up           most final entries that stay in it
    first_election     "at-once": the first validator stands when it starts for the first time; "timeout": nobody does
    """

    messages: ClassVar[tuple[type[Message], ...]] = (
        Append,
        AppendReply,
        Heartbeat,
        HeartbeatReply,
        Commit,
        RequestVote,
        Vote,
        Snapshot,
        Fetch,
        Fetched,
    )
    records: ClassVar[dict[str, str]] = {
        "leads": "this node leads from now on, in this term",
        "compacted": "the log begins anew above this height: the chain stands for what was before",
    }

    @staticmethod
    def quorum(validators: int, parameters: Mapping[str, Any]) -> int:
        """⌊n / 2⌋ + 1. Raises ValueError where heartbeats come too late to prevent elections."""
        if parameters.get("heartbeat_ticks", 1) >= parameters.get("election_ticks", 10):
            raise ValueError("`election_ticks` must be more than `heartbeat_ticks`")
        return validators // 2 + 1

    def __init__(self, context: Context, chain: Chain, mempool: Mempool, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, chain, mempool, parameters)
        self.me = context.me
        self.validators = tuple(context.validators)
        self.others = tuple(node for node in self.validators if node != self.me)
        learners = (node for node in range(context.nodes) if node not in self.validators)
        self.audience = (*self.others, *learners)  # of a leader
        self.voting = self.me in self.validators
        self.q = self.quorum(len(self.validators), parameters)

        self.election_ticks: int = parameters["election_ticks"]
        self.heartbeat_ticks: int = parameters["heartbeat_ticks"]
        self.tick: int = parameters["tick"] or max(parameters["timeout"] // self.election_ticks, 1)
        self.rhythm = Rhythm(context, parameters["block_interval"], parameters["spread"])
        self.block_size: int = parameters["block_size"]
        self.block_transactions: int | None = parameters["block_transactions"]
        self.batch_timeout: int = parameters["batch_timeout"]
        self.empty_blocks: bool = parameters["empty_blocks"] == "always"
        self.inflight: int = parameters["inflight"]
        self.room = self.inflight if parameters["block_interval"] or self.batch_timeout else 1
        self.at_once: bool = parameters["commit_message"] == "at-once"
        self.snapshot_interval: int = parameters["snapshot_interval"]
        self.catch_up: int = parameters["catch_up"]
        self.stands_first: bool = parameters["first_election"] == "at-once" and self.me == self.validators[0]

        self.journal = Journal(context)
        self.log = Log(self.journal)
        self.transfer = Transfer(self, self.tick * self.election_ticks)
        self.term = 0
        self.vote = NOBODY
        self.role = FOLLOWER
        self.lead: int | None = None
        self.commit = 0  # the index up to which entries are committed, and their blocks final here
        self.heard = 0, 0  # an entry, by index and term, that is committed but not here
        self.compacted = 0  # the commit index at the last compaction
        self.elapsed = 0  # ticks since a leader was heard, or a vote given; of a leader, since it counted who is there
        self.patience = self.election_ticks  # ticks that may pass before an election
        self.beats = 0  # of a leader: ticks since the last heartbeat
        self.ballots: dict[int, bool] = {}  # of a candidate, by voter
        self.progress: dict[int, Progress] = {}  # of a leader: the others, learners included
        self.waiting_since: int | None = None  # of a leader: since when the oldest transaction waits

        self._handlers: dict[type[Message], Callable[[int, Any], None]] = {
            Append: self._on_append,
            AppendReply: self._on_append_reply,
            Heartbeat: self._on_heartbeat,
            HeartbeatReply: self._on_heartbeat_reply,
            Commit: self._on_commit,
            RequestVote: self._on_request_vote,
            Vote: self._on_vote,
            Snapshot: self._on_snapshot,
            Fetch: self.transfer.on_fetch,
            Fetched: self.transfer.on_fetched,
        }

    # ------------------------------------------------------------------------------------------- called by the node

    def start(self) -> None:
        state = self.journal.state()
        self._rewind()
        if self.voting:
            self.context.set_timer(TICK, 1 + self.context.rng.randrange(self.tick))
        if state is None:
            self.journal.write_state(0, NOBODY)
            if self.stands_first:
                self._campaign()
        else:
            self._resume(*state)

    def on_message(self, sender: int, message: Message) -> None:
        self._handlers[type(message)](sender, message)

    def on_timer(self, name: str) -> None:
        if name == TICK:
            self._tick()
        elif name == PROPOSE:
            self._propose(on_time=True)
        elif name == CUT:
            self._propose()
        else:
            self.transfer.on_timer()

    def on_transactions(self) -> None:
        self._propose()

    @property
    def leader(self) -> int | None:
        return self.lead

    @property
    def status(self) -> str:
        return f"{self.role} t{self.term}, log to {self.log.last}, commit i{self.commit}"

    # -------------------------------------------------------------------------- terms and elections (section 5.2)

    def _tick(self) -> None:
        self.context.set_timer(TICK, self.tick)
        self.elapsed += 1
        if self.role == LEADER:
            self._lead_on()
        elif self.elapsed >= self.patience:
            self._rewind()
            if self.transfer.goal is None:  # etcd: who has a snapshot to install does not stand
                self.context.record("timeout", height=self.chain.height + 1, round=self.term)
                self._campaign()

    def _rewind(self) -> None:
        """Wait for a leader anew, for a random time."""
        self.elapsed = 0
        self.patience = self.context.rng.randrange(self.election_ticks, 2 * self.election_ticks)

    def _campaign(self) -> None:
        """Ask who would vote for this server (dissertation, section 9.6)."""
        self.role = PRE_CANDIDATE
        self.lead = None
        self._ask_for_votes(self.term + 1, pre=True)

    def _stand(self) -> None:
        """Ask for votes."""
        self._enter(self.term + 1, vote=self.me)
        self.role = CANDIDATE
        self.lead = None
        self._rewind()
        self._ask_for_votes(self.term, pre=False)

    def _ask_for_votes(self, term: int, pre: bool) -> None:
        last = self.log.last
        self.ballots = {self.me: True}
        if self.others:
            self.context.send(self.others, RequestVote(term, pre, last.index, last.term))
        self._count_votes()

    def _on_request_vote(self, sender: int, message: RequestVote) -> None:
        if not self.voting or sender not in self.validators:
            return
        if message.term > self.term:
            if self.lead is not None and self.elapsed < self.election_ticks:
                return  # there is a leader
            if not message.pre:
                self._follow(message.term, None)
        elif message.term < self.term:
            if message.pre:  # it would never find out
                self.context.send(sender, Vote(self.term, True, False))
            return
        free = self.vote == sender or (self.vote == NOBODY and self.lead is None)
        free = free or (message.pre and message.term > self.term)
        if not free or self._behind(message):
            self.context.send(sender, Vote(self.term, message.pre, False))
            return
        if not message.pre:
            self.elapsed = 0
            self.vote = sender
            self.journal.write_state(self.term, sender)
        self.context.send(sender, Vote(message.term, message.pre, True))

    def _behind(self, message: RequestVote) -> bool:
        """Whether a candidate's log is behind this server's (section 5.4.1)."""
        last = self.log.last
        return (message.last_term, message.last) < (last.term, last.index)

    def _on_vote(self, sender: int, message: Vote) -> None:
        if sender not in self.validators:
            return
        if message.term > self.term and not (message.pre and message.granted):
            self._follow(message.term, None)
            return
        wished = self.term + 1 if message.pre and message.granted else self.term
        if message.term == wished and self.role == (PRE_CANDIDATE if message.pre else CANDIDATE):
            self.ballots.setdefault(sender, message.granted)
            self._count_votes()

    def _count_votes(self) -> None:
        granted = sum(self.ballots.values())
        if granted >= self.q:
            if self.role == PRE_CANDIDATE:
                self._stand()
            else:
                self._take_the_lead()
        elif len(self.ballots) - granted > len(self.validators) - self.q:
            self._follow(self.term, None)

    def _enter(self, term: int, vote: int = NOBODY) -> None:
        """A higher term begins here."""
        self.term = term
        self.vote = vote
        self.journal.write_state(term, vote)
        if term > 1:  # the first is no further one
            self.context.record("round", height=self.chain.height + 1, round=term)

    def _follow(self, term: int, lead: int | None) -> None:
        """Be a follower, of somebody or of nobody yet, in this term or a higher one."""
        if term > self.term:
            self._enter(term)
        if self.role == LEADER:
            self.mempool.abandon()
            self.rhythm.pause()
            self._stop_waiting()
            self.progress = {}
        self.role = FOLLOWER
        self.lead = lead
        self._rewind()

    def _heed(self, sender: int, term: int, leads: bool = False) -> bool:
        """Take a message's term into account; whether it is the present one. `leads`: the sender leads in it."""
        if leads and sender not in self.validators:
            return False
        if term > self.term:
            self._follow(term, sender if leads else None)
        elif term < self.term:
            if leads:  # it must learn that it does not
                self.context.send(sender, HeartbeatReply(self.term, False))
            return False
        elif leads:
            if self.role == LEADER:
                self.context.reject("two leaders in one term")
                return False
            if self.role != FOLLOWER:
                self._follow(term, sender)
            self.lead = sender
            self.elapsed = 0
        return True

    # ------------------------------------------------------------------------------------------------ the leader

    def _take_the_lead(self) -> None:
        self.role = LEADER
        self.lead = self.me
        self.elapsed = self.beats = 0
        following = self.log.last.index + 1
        self.progress = {node: Progress(following) for node in self.audience}
        self.context.record("leads", height=self.chain.height + 1, round=self.term)
        self.rhythm.begin(self.context.now)
        open_blocks = (entry.block for entry in self.log.above(self.commit) if entry.block)
        self.mempool.follow([block for block in open_blocks if block.height > self.chain.height])
        self._append(Entry(self.term, None))
        self._propose()

    def _lead_on(self) -> None:
        """A tick: check who is there, and say that one is there oneself."""
        if self.elapsed >= self.election_ticks:
            self.elapsed = 0
            if 1 + sum(self.progress[node].active for node in self.others) < self.q:
                self._follow(self.term, None)
                return
            for progress in self.progress.values():
                progress.active = False
        self.beats += 1
        if self.beats >= self.heartbeat_ticks:
            self.beats = 0
            self._tell(Heartbeat(self.term, self.commit, self._commit_term))

    @property
    def _commit_term(self) -> int:
        return self.log.term(self.commit) or 0

    def _tell(self, message: Message) -> None:
        if self.audience:
            self.context.send(self.audience, message)

    def _propose(self, on_time: bool = False) -> None:
        """Put a block into the log, if there is a reason to, it is time and there is room."""
        if self.role != LEADER:
            return
        if self.batch_timeout:
            self._wait_for_more()
        last = self.log.last
        if last.height >= self.chain.height + self.room or not (self.mempool.pending or self.empty_blocks):
            return
        if not self.rhythm.ready():
            return
        if self.waiting_since is not None:
            too_early = self.context.now < self.waiting_since + self.batch_timeout
            if too_early and not self.mempool.fills(self.block_size):
                return
            self._stop_waiting()
        self.rhythm.follow(self.rhythm.due(on_time))
        block = Block(last.height + 1, last.block, self.me, self.context.now, self.mempool.take(self.block_size))
        self.mempool.include(block)
        self._append(Entry(self.term, block), block)
        self._propose()

    def _wait_for_more(self) -> None:
        """The first transaction that waits sets the time at which a block is cut, full or not."""
        if self.mempool.pending and self.waiting_since is None:
            self.waiting_since = self.context.now
            self.context.set_timer(CUT, self.batch_timeout)

    def _stop_waiting(self) -> None:
        if self.waiting_since is not None:
            self.waiting_since = None
            self.context.cancel_timer(CUT)

    def _append(self, entry: Entry, proposed: Block | None = None) -> None:
        """Put an entry into the leader's own log, and send it to whoever is ready for it."""
        self.log.append(entry)
        self._replicate(self.audience)
        if proposed is not None:
            self.context.proposed(proposed)
        self._count_logs()

    def _replicate(self, nodes: Iterable[int]) -> None:
        """Send servers what they lack, each as much as it may get now. Those that lack the same get one message."""
        last = self.log.last.index
        while True:
            groups: dict[int, list[int]] = {}
            for node in nodes:
                progress = self.progress[node]
                if progress.next <= last and not progress.paused(self.inflight):
                    groups.setdefault(progress.next, []).append(node)
            if not groups:
                return
            for following, group in groups.items():
                self._send_append(group, following)

    def _send_append(self, nodes: list[int], following: int) -> None:
        """Send the entries from an index on, up to a block: none where there are none, to hear whether the log agrees.
        Where they are not held any more, a snapshot."""
        before = self.log.mark(following - 1)
        if before is None:
            mark = self.log.mark(self.commit)
            assert mark is not None, "the log reaches down to the commit index"
            for node in nodes:
                self.progress[node].offer(mark.index)
            self.context.send(nodes, Snapshot(self.term, mark))
            return
        entries = self.log.next_block(before.index)
        for node in nodes:
            self.progress[node].on_sent(before.index + len(entries), len(entries))
        self.context.send(nodes, Append(self.term, before.index, before.term, entries, self.commit))

    def _on_append_reply(self, sender: int, message: AppendReply) -> None:
        if not self._heed(sender, message.term) or self.role != LEADER:
            return
        progress = self.progress[sender]
        progress.active = True
        if not message.success:
            hint = message.index
            if hint >= self.log.base.index:
                hint = self.log.agreeable(hint, message.index_term).index
            if progress.on_refusal(message.before, hint):
                self._send_append([sender], progress.next)
        elif message.index > self.log.last.index:
            self.context.reject("acknowledges what was never sent")
        else:
            if progress.on_success(message.index) and message.index > self.commit:
                self._count_logs()
            if self.role == LEADER:
                self._replicate((sender,))

    def _count_logs(self) -> None:
        """Commit what a majority holds (section 5.3), together with all below it."""
        matches = [self.progress[node].match for node in self.others]
        index = sorted((self.log.last.index, *matches), reverse=True)[self.q - 1]
        if index > self.commit and self._may_commit(index):
            self._commit_to(index)
            if self.at_once:
                self._tell(Commit(self.term, self.commit, self._commit_term))
            self._propose()

    def _may_commit(self, index: int) -> bool:
        """An entry of an earlier term is not committed by being held by a majority (section 5.4.2)."""
        return self.log.term(index) == self.term

    def _on_heartbeat_reply(self, sender: int, message: HeartbeatReply) -> None:
        if not self._heed(sender, message.term) or self.role != LEADER:
            return
        progress = self.progress[sender]
        progress.active = True
        if progress.state == SNAPSHOT and not message.fetching:
            progress.become(PROBE)  # the offer was lost, or it has all of it and that was
        if progress.on_heartbeat(self.log.last.index):
            self._send_append([sender], progress.next)

    # ---------------------------------------------------------------------------------------------- followers

    def _on_append(self, sender: int, message: Append) -> None:
        if not self._heed(sender, message.term, leads=True):
            return
        before = self.log.mark(message.before)
        if message.before < self.commit:
            self._reply(sender, message, self.commit)  # late: what is committed agrees
        elif before is None or before.term != message.before_term:
            last = self.log.agreeable(message.before, message.before_term)
            self.context.send(sender, AppendReply(self.term, False, message.before, last.index, last.term))
        elif not self._fits(message, before):
            self.context.reject("impossible entries")
        else:
            self._write(message)
            index = message.before + len(message.entries)
            self._reply(sender, message, index)
            self._commit_to(min(message.commit, index))
            self._learn(*self.heard)

    def _reply(self, sender: int, message: Append, index: int) -> None:
        self.context.send(sender, AppendReply(self.term, True, message.before, index, self.log.term(index) or 0))

    def _fits(self, message: Append, before: Mark) -> bool:
        """Whether entries may stand on another: terms do not fall, blocks follow each other and are no larger than they
        may be. No correct leader sends anything else."""
        term, height, parent = before.term, before.height, before.block
        for entry in message.entries:
            if not term <= entry.term <= self.term:
                return False
            term = entry.term
            block = entry.block
            if block is not None:
                if block.height != height + 1 or block.parent != parent or block.payload > self.block_size:
                    return False
                if self.block_transactions is not None and block.count > self.block_transactions:
                    return False
                if not all(map(self.mempool.sane, block.transactions)) or block.proposer not in self.validators:
                    return False
                height, parent = block.height, block.id
        return True

    def _write(self, message: Append) -> None:
        """Write down the entries that are not here yet; what contradicts them is discarded."""
        index = message.before
        for entry in message.entries:
            index += 1
            if index <= self.log.last.index:
                if self.log.term(index) == entry.term:
                    continue
                self.log.truncate(index - 1)
            self.log.append(entry)

    def _on_heartbeat(self, sender: int, message: Heartbeat) -> None:
        if self._heed(sender, message.term, leads=True):
            self.context.send(sender, HeartbeatReply(self.term, self.transfer.goal is not None))
            self._learn(message.commit, message.commit_term)

    def _on_commit(self, sender: int, message: Commit) -> None:
        if self._heed(sender, message.term, leads=True):
            self._learn(message.commit, message.commit_term)

    def _learn(self, index: int, term: int) -> None:
        """An entry is committed. If it is here, so are all below it; else it may come."""
        if index > self.commit:
            if self.log.term(index) == term:
                self._commit_to(index)
            else:
                self.heard = max(self.heard, (index, term))

    # ---------------------------------------------------------------------------------- what is final, and snapshots

    def _commit_to(self, index: int) -> None:
        """Everything up to an index is committed: make final what is not yet."""
        while self.commit < index:
            block = self.log.entry(self.commit + 1).block
            if block is not None and block.height > self.chain.height and not self.make_final(block):
                return
            self.commit += 1
        if self.commit >= self.compacted + self.snapshot_interval:
            self._compact()

    def make_final(self, block: Block) -> bool:
        """Put a block on top of the chain. False where it does not stand there; no correct server brings that about."""
        head = self.chain.head
        if block.height != head.height + 1 or block.parent != head.id:
            self.context.reject("a final block that does not follow the chain")
            return False
        self.journal.write_final(block)
        self.chain.append(block)
        self.mempool.finalised(block)
        self.context.finalise(block)
        self.context.work(execute=block.count)
        return True

    def _compact(self) -> None:
        self.compacted = self.commit
        index = self.commit - self.catch_up
        if index > self.log.base.index:
            self.log.compact(index)
            self.context.record("compacted", height=self.log.base.height, round=self.term)

    def _on_snapshot(self, sender: int, message: Snapshot) -> None:
        if not self._heed(sender, message.term, leads=True):
            return
        mark = message.mark
        if self.log.term(mark.index) == mark.term:
            self._commit_to(mark.index)  # the log is not that far behind after all
        if mark.index > self.commit:
            self.transfer.begin(sender, mark)
        else:
            self._acknowledge()

    def install(self, mark: Mark) -> None:
        """The chain stands for the log up to a mark."""
        if mark.index <= self.commit:
            return
        if mark.height > self.chain.height or self.chain.at(mark.height).id != mark.block:
            self.context.reject("a snapshot of another chain")
            return
        self.log.reset(mark)
        self.commit = self.compacted = mark.index
        self.context.record("compacted", height=mark.height, round=self.term)
        self._acknowledge()

    def _acknowledge(self) -> None:
        """Tell the leader, if there is one, that the log agrees up to the commit index."""
        if self.lead is not None and self.role == FOLLOWER:
            message = AppendReply(self.term, True, self.commit, self.commit, self._commit_term)
            self.context.send(self.lead, message)

    # ------------------------------------------------------------------------------------------------------ restart

    def _resume(self, term: int, vote: int) -> None:
        """Go on after a crash, from what was written down."""
        self.term = term
        self.vote = vote
        for block in self.journal.final():
            self.chain.append(block)
            self.mempool.finalised(block)
        self.log.restore()
        self.commit = self.log.base.index
        for place, entry in enumerate(self.log.above(self.commit), self.commit + 1):
            made = entry.block
            if made is not None and made.height <= self.chain.height and self.chain.at(made.height).id == made.id:
                self.commit = place  # it is final, so it was committed
        self.compacted = self.commit
