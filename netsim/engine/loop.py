"""The event loop in logical time: one for the simulator, one in each process of an emulation, the same code.

Every event of a node lies in one heap under a total order that is the same everywhere:

    (time, kind, sender, sequence, receiver)

with the kinds in the order fault, arrival, start of work, transaction, timer. Every effect lies at least 1 ns after its
cause, so an effect never sorts before it, and two engines that hold the same events handle them in the same order at
each node, whatever the processes are and however fast they run. `run(horizon)` handles what is due before a horizon;
who calls it, and when, is all that tells the engines apart.

A broadcast is one heap entry: a `Flight` holds its sorted arrivals and moves on to the next with `heapreplace`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence
from functools import cached_property
from heapq import heapify, heappop, heappush, heapreplace
from random import Random
from typing import Any, NamedTuple, Protocol

from netsim.engine.columns import NEVER, Line, plain
from netsim.engine.deferred import VOTE, VOTES, Deferred
from netsim.engine.plan import Plan
from netsim.engine.poll import ALARM, Box, Claim, Poll
from netsim.engine.workload import Submission
from netsim.network import Arrivals, Drop, Inbound, Parts, Pass, Times, stream
from netsim.network.lines import RECORD, Buffer
from netsim.node.block import Block, short_id
from netsim.node.bundle import Bundle
from netsim.node.identity import Identities
from netsim.node.message import Message, Signed
from netsim.node.misbehaviour import Program, participant
from netsim.node.participant import Participant
from netsim.scenario.model import Freeze
from netsim.trace import (
    DROPS,
    MOST_EVIDENCE,
    PARTS,
    SEQUENCE_BITS,
    TAG_BITS,
    Evidence,
    Recorder,
    message_id,
    text_id,
)

FAULT, ARRIVAL, WORK, TRANSACTION, TIMER = range(5)
FOREVER = 1 << 62

_LOSS, _PARTITION, _DOWN = (DROPS.index(reason) for reason in ("loss", "partition", "down"))
_UPLINK, _ACCESS_UP, _BACKBONE, _RETRANSMIT, _ACCESS_DOWN, _ORDER, _DOWNLINK, _CPU_WAIT = range(len(PARTS))
_MOST_CHANGES = 1 << 30  # of one node's neighbours; they come before the crashes and starts of the same instant
_MORE_VOTES = 8  # of a claim than there are validators, likely: some come back to a CPU's queue
_NEVER = (FOREVER, 0, 0, 0)  # the key of no event
POSTPONED = (-1, 0, 0, 0)  # stands for one where a message was given another time before its turn came
_BACKLOG = "\0uplink"  # the store's key for what is the network's own, not the participant's


class Store(Protocol):
    """What survives a crash of one node."""

    def put(self, key: str, value: bytes) -> None: ...

    def get(self, key: str) -> bytes | None: ...


class Memory(dict[str, bytes]):
    """A store for nodes that never leave their process."""

    put = dict.__setitem__


# Of one copy, in ns: when its transmission began, when it departed, and the parts of what follows (`network.inbound`).
Way = tuple[int, int, Parts]


class Flight:
    """One message on its way to some nodes of this process, with its arrivals in order; `index` is the next."""

    __slots__ = (
        "box",
        "index",
        "last",
        "lost",
        "message",
        "receivers",
        "row",
        "sent",
        "size",
        "tag",
        "times",
        "vote",
        "ways",
    )

    def __init__(
        self,
        message: Message,
        sent: int,
        times: list[int],
        receivers: list[int],
        ways: list[Way] | None,
        lost: frozenset[int] | None,
        vote: Signed | None,
    ) -> None:
        """`ways`: where the trace says what their times are made of. `vote`: the message, where it may be put off."""
        self.message = message
        self.box: Box | None = None  # of the one vote in it that may move its receiver, and the vote's row there; see
        self.row = -1  # `deferred`
        self.vote = vote
        self.size = message.size
        self.tag = message.tag
        self.sent = sent
        self.times = times
        self.receivers = receivers
        self.ways = ways
        self.lost = lost
        self.index = 0
        self.last = len(times) - 1

    def __lt__(self, other: Flight) -> bool:
        """Two events for one vote in a box: the one that does not stand for it any more is passed over."""
        return False


def among(times: Times, places: list[int]) -> Times:
    """Those of the copies at some places."""
    return times if isinstance(times, int) else [times[place] for place in places]


class Ours(NamedTuple):
    """The receivers of a message that are nodes of this process."""

    of: list[int]  # all receivers
    places: list[int]  # of ours among them
    receivers: list[int]

    @staticmethod
    def among(receivers: list[int], here: Container[int]) -> Ours:
        """Those that are here."""
        places = [place for place, receiver in enumerate(receivers) if receiver in here]
        return Ours(receivers, places, [receivers[place] for place in places])


class Packet:
    """One copy of a message that a process has sent to nodes of other processes.

    `begun` and `departures` are the same object where nothing lies between.
    """

    __slots__ = ("begun", "departures", "incarnation", "message", "receivers", "sender", "sent", "sequence")

    def __init__(
        self,
        sender: int,
        incarnation: int,
        sequence: int,
        sent: int,
        begun: Times,
        departures: Times,
        receivers: list[int],
        message: Message,
    ) -> None:
        self.sender = sender
        self.incarnation = incarnation
        self.sequence = sequence
        self.sent = sent
        self.begun = begun
        self.departures = departures
        self.receivers = receivers
        self.message = message


class Node:
    """One node's place in the loop: its CPU, its timers, its links' ends; and the `World` that its participant sees."""

    def __init__(self, loop: Loop, me: int, incarnation: int, since: int, store: Store) -> None:
        plan = loop.plan
        network = plan.network
        self.me = me
        self.nodes = network.size
        self.peers: Sequence[int] = network.peers[me]
        self.validators: Sequence[int] = network.validators
        self.weights: Sequence[int] = network.weights
        self.rng: Random  # from each start on
        self.incarnation = incarnation
        self.since = since  # earlier events belong to the process that held the node before
        self.participant: Program | None = None  # None while the node is down
        self.time = 0  # logical time of the event being handled
        self.elapsed = 0  # work charged while handling it
        self.free = 0  # when the CPU has done all that it has begun
        self.queue: deque[tuple[int, int, Any]] = deque()  # (ready, kind, what), waiting for the CPU
        self.uplink = network.uplink(me, incarnation)
        self.downlink = network.downlink(me)
        self.last = (-1, 0, 0, 0)  # the greatest key of its events, to see one that comes too late
        self.previous = self.last  # the key of the last one
        clock = network.clocks[me]
        self._clock = None if clock.true else clock
        self.verifying = plan.scenario.compute.verify  # ns
        self.deferred = Deferred(self, loop.kit, loop.arrived)
        self.held: dict[int, int] = {}  # by sender: until when the adversary has held back what came last
        self._loop = loop
        self._store = store
        self._codes = plan.codes
        self._kept = plan.kept
        self._tells_deliveries = plan.kept[plan.codes["deliver"]]
        self._verify = loop.identities.verify
        self._compute = plan.scenario.compute
        self._sequence = 0
        self._events = 0  # keys of what the node causes at itself
        self._timers: dict[str, int] = {}
        self._rows = 0
        self._accusations = 0  # those whose messages were kept
        self._cause = -1
        self._until = FOREVER  # when this incarnation ends: what its work would do later it does not do
        self._to: Sequence[int] | None = None  # mostly a node sends to those that it has sent to before:
        self._receivers: list[int] = []  # the same in a list
        self._sent: dict[int, list[int]] = {}
        self._delivered: dict[int, list[int]] = {}
        self._repeated: dict[int, list[int]] = {}
        self._dropped: dict[int, list[int]] = {}
        self.late: dict[tuple[int, int], int] = {}  # by sender and sequence: how far a message was moved

    # --- the World of the participant -----------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return self.time if self._clock is None else self._clock.shows(self.time)

    def send(self, to: int | Sequence[int], message: Message) -> None:
        if to is self._to:
            receivers = self._receivers
        else:
            receivers = [to] if isinstance(to, int) else list(to)
            if not receivers:
                return
            if self.me in receivers:
                raise ValueError(f"node {self.me} sends to itself")
            if isinstance(to, tuple):
                self._to, self._receivers = to, receivers
        if self.deferred.handing:
            self.deferred.refuse("send")
        at = self.time + self.elapsed
        if at >= self._until:  # the work before it is not done when the node crashes, or the run ends
            return
        sequence = self._sequence
        self._sequence = sequence + 1
        copies, size, tag = len(receivers), message.size, message.tag
        begun, departures = self.uplink.depart(at, size, sequence, receivers)
        total = self._sent.get(tag)
        if total is None:
            total = self._sent[tag] = [0, 0]
        total[0] += copies
        total[1] += copies * size
        if self._kept[self._codes["send"]]:
            block, height, round_ = message.about
            self._row(
                "send",
                block,
                height,
                round_,
                receivers[0] if copies == 1 else -1,
                message_id(self.me, self.incarnation, sequence),
                size,
                copies << 8 | tag,
            )
        self._loop.dispatch(self, sequence, at, begun, departures, receivers, message)

    def set_timer(self, name: str, delay: int) -> None:
        if self.deferred.handing:
            self.deferred.refuse("set a timer")
        self._events += 1
        self._timers[name] = self._events
        if self._clock is not None:
            delay = self._clock.lasts(self.time, delay)
        due = self.time + max(delay, 1)
        heappush(self._loop.heap, (due, TIMER, self.me, self._events, self.me, (self.incarnation, name)))

    def cancel_timer(self, name: str) -> None:
        self._timers.pop(name, None)

    def sign(self, digest: bytes) -> bytes:
        self.elapsed += self._compute.sign
        return self._loop.identities.sign(self.me, digest)

    def verify(self, node: int, digest: bytes, signature: bytes) -> bool:
        self.elapsed += self.verifying
        return self._verify(node, digest, signature)

    def work(self, execute: int) -> None:
        self.elapsed += self._compute.execute * execute

    def persist(self, key: str, value: bytes) -> None:
        self._store.put(key, value)

    def restore(self, key: str) -> bytes | None:
        return self._store.get(key)

    def received(self, message: Message) -> None:
        block, height, round_ = message.about
        self._row("have", block, height, round_, size=message.payload, detail=message.tag)

    def duplicate(self, message: Message) -> None:
        total = self._repeated.setdefault(message.tag, [0, 0])
        total[0] += 1
        total[1] += message.size

    def evidence(self, first: Signed, second: Signed) -> None:
        block, height, round_ = second.about
        about = text_id(str(second.claim)) >> TAG_BITS << TAG_BITS | second.tag
        self._row("evidence", block, height, round_, first.signer, detail=about)
        at = self.time + self.elapsed
        if self._accusations < MOST_EVIDENCE and at < self._until:
            self._accusations += 1
            self._loop.recorder.accuse(Evidence(at, self.me, first.signer, about, first.encoded, second.encoded))

    def proposed(self, block: Block) -> None:
        name = short_id(block.id)
        self._row("propose", name, block.height, size=block.payload, detail=block.count)
        for batch in block.transactions:
            self._row("include", name, batch.first, -1, batch.origin, size=batch.size, detail=batch.count)
        self._tell(True, name)

    def finalise(self, block: Block) -> None:
        name = short_id(block.id)
        self._row("finalise", name, block.height, size=block.payload, detail=block.count)
        self._tell(False, name)

    def record(
        self, kind: str, *, block: bytes = b"", height: int = -1, round: int = -1, peer: int = -1, detail: int = 0
    ) -> None:
        self._row(kind, short_id(block), height, round, peer, detail=detail)

    def reject(self, reason: str) -> None:
        self._row("reject", detail=text_id(reason))

    # --- the loop's side ------------------------------------------------------------------------------------------

    @property
    def down(self) -> bool:
        return self.participant is None

    def start(self, time: int, incarnation: int) -> None:
        """Begin an incarnation with what was persisted and nothing else."""
        plan = self._loop.plan
        self.incarnation = incarnation
        self._sequence = 0
        self._events = incarnation << SEQUENCE_BITS
        self._rows = 0
        if incarnation:
            self.uplink = plan.network.uplink(self.me, incarnation, self._store.get(_BACKLOG))
        self.ends(plan.lives[self.me][incarnation][1])
        self._begin(time)
        self.rng = stream(plan.scenario.seed, "node", self.me, incarnation)
        self._row("start", detail=incarnation)
        self.participant = self.program()
        self.deferred.begin(self.participant)
        self.participant.start()
        self.free = time + self.elapsed

    def ends(self, crash: int | None) -> int:
        """This incarnation crashes then (ns), if it does. For how long work goes on after that, if that is news."""
        known, self._until = self._until, self._loop.end if crash is None else min(crash, self._loop.end)
        return 0 if known == self._until else self.free - self._until

    def program(self) -> Program:
        """What runs at this node, made anew."""
        return participant(self, self._loop.plan.settings)

    def rewire(self, time: int, peers: tuple[int, ...]) -> None:
        """The overlay gives this node other neighbours, whether it is up or down."""
        self._interrupt(time)
        self.peers = peers
        if self.participant is not None:
            self._begin(time)
            self.participant.on_peers()
            self.free = max(self.free, time + self.elapsed)

    def freeze(self, time: int, until: int) -> None:
        """Do nothing for a while: what it had begun is done, and what comes waits for the CPU, in its order."""
        self._interrupt(time)
        self._begin(time)
        self._row("freeze", detail=until - time)
        self.free = max(self.free, until)

    def crash(self, time: int) -> None:
        """Lose everything that is neither persisted nor already on the wire."""
        self._interrupt(time)
        self._begin(time)
        self._until = FOREVER
        for by in self.late.values():
            self._row("displaced", detail=by)
        self.late.clear()
        self.participant = None
        self.deferred.begin(None)
        for ready, kind, what in self.queue:
            if kind in (ARRIVAL, VOTE):  # it has come, and nobody will take it up
                sender, sequence = what[:2]
                self.drop(time, sender, sequence, what[2] if kind == ARRIVAL else self.alone(ready, what[2]), _DOWN)
        self.queue.clear()
        self._timers.clear()
        self._store.put(_BACKLOG, self.uplink.backlog())  # bytes given to the uplink still leave
        self._row("crash", detail=self.incarnation)
        self.totals(time)
        self.free = 0

    def totals(self, time: int) -> None:
        """Write what this incarnation sent, took up and lost, and begin to count anew."""
        self.deferred.attend(time)
        self._begin(time)
        self._until = FOREVER
        for kind, totals in (
            ("sent", self._sent),
            ("delivered", self._delivered),
            ("repeated", self._repeated),
            ("dropped", self._dropped),
        ):
            for what in sorted(totals):
                count, size = totals[what]
                self._row(kind, height=count, size=size, detail=what)
            totals.clear()

    def missed(self, end: int, by: int) -> None:
        """Something that was due before the end is not handled any more."""
        self.deferred.attend(end)
        self._begin(end)
        self._until = FOREVER
        self._row("displaced", detail=by)

    def moved(self, by: int) -> None:
        """What has been handled here was moved by so much, all together."""
        self.deferred.attend(self.last[0])
        self._begin(self.last[0])
        self._row("displaced", detail=by)

    def displaced(self, sender: int, sequence: int, by: int) -> None:
        """A message comes too late and is moved by so much; its own row will say so."""
        self.late[sender, sequence] = by

    def drop(self, time: int, sender: int, sequence: int, flight: Flight, why: int) -> None:
        """A message is lost here."""
        self.deferred.attend(time)
        total = self._dropped.setdefault(why, [0, 0])
        total[0] += 1
        total[1] += flight.size
        self._begin(time)
        if self.late:
            self._tell_late(sender, sequence)
        if self._kept[self._codes["drop"]]:
            block, height, round_ = flight.message.about
            self._row("drop", block, height, round_, sender, _message(sender, sequence), flight.size, why)

    def submit(self, submission: Submission, time: int) -> None:
        """Clients hand their transactions to this node, up or down (the load is open: they do not ask)."""
        self.deferred.attend(time, in_turn=True)
        self._begin(time)
        batch = submission.batch
        if self._kept[self._codes["submit"]]:
            for index, due in enumerate(submission.due):
                self._row("submit", height=batch.first + index, size=batch.size, detail=due)
        if self.participant is not None:
            self._cause = self._rows - 1 if self._kept[self._codes["submit"]] else -1
            self.participant.on_transactions(batch)
            self.free = time + self.elapsed

    def deliver(self, time: int, ready: int, sender: int, sequence: int, flight: Flight, place: int) -> None:
        """The CPU takes a message up."""
        deferred = self.deferred
        if deferred.busy:
            deferred.attend(time, in_turn=True)
        self.time = time
        self.elapsed = 0
        self._cause = -1
        total = self._delivered.get(flight.tag)
        if total is None:
            total = self._delivered[flight.tag] = [0, 0]
        total[0] += 1
        total[1] += flight.size
        message = flight.message
        if self.late:
            self._tell_late(sender, sequence)
        if self._tells_deliveries:
            name = _message(sender, sequence)
            block, height, round_ = message.about
            self._cause = self._rows
            self._row("deliver", block, height, round_, sender, name, flight.size, flight.tag)
            if flight.ways is not None:
                self._hops(name, time, ready, flight, place)
        assert self.participant is not None
        self.participant.on_message(sender, message)
        self.free = time + self.elapsed

    def ring(self, time: int, event: int, name: str) -> None:
        """A timer is due, unless it was cancelled or set anew while it waited for the CPU."""
        if self._timers.get(name) != event:
            return
        del self._timers[name]
        self.deferred.attend(time, in_turn=True)
        self._begin(time)
        if self._kept[self._codes["timer"]]:
            self._cause = self._rows
            self._row("timer", detail=text_id(name))
        assert self.participant is not None
        self.participant.on_timer(name)
        self.free = time + self.elapsed

    @property
    def room(self) -> int:
        """How many votes may be handed over together at most."""
        assert isinstance(self.participant, Participant)
        return max(self.participant.room, 1)

    def count(self, bundles: Sequence[Bundle], one_by_one: Iterable[tuple[int, int, Signed]]) -> None:
        """The CPU has taken up these votes; see `deferred`.

        `bundles`: none where anybody has several. `one_by_one`: when each is taken up, its sender.
        """
        participant = self.participant
        assert isinstance(participant, Participant)
        self._cause = -1
        self.elapsed = 0
        if not bundles or not participant.on_votes(bundles):
            for self.time, sender, vote in one_by_one:
                participant.on_vote(sender, vote)

    def counted(self, totals: Iterable[tuple[int, int, int]]) -> None:
        """So many messages of a tag have been taken up, of so many bytes together."""
        for tag, count, size in totals:
            total = self._delivered.get(tag)
            if total is None:
                total = self._delivered[tag] = [0, 0]
            total[0] += count
            total[1] += size

    def _interrupt(self, time: int) -> None:
        """A fault comes between: votes that wait for the CPU wait like anything else from now on."""
        self.deferred.attend(time)
        left = self.deferred.resign()
        if left:
            self.free = left[0][0]
            for _, ready, sender, sequence, vote in reversed(left):
                self.queue.appendleft((ready, VOTE, (sender, sequence, vote)))
            self.wake_at(self.free)
        self.deferred.empty()

    @property
    def boxed(self) -> bool:
        """Whether votes wait in boxes."""
        return self._loop.boxed

    @property
    def heap(self) -> list[tuple[int, int, int, int, int, Any]]:
        """Of its process."""
        return self._loop.heap

    def box(self, vote: Signed) -> Box | None:
        """One for such votes, None where this node has to see each when it comes."""
        return self._loop.poll(vote).open(self.me)

    def alone(self, time: int, message: Signed) -> Flight:
        """A vote that has been put off, on its way to this node alone."""
        return Flight(message, 0, [time], [self.me], None, None, message)

    def is_set(self, name: str, event: int) -> bool:
        """Whether that very setting of a timer still stands."""
        return self._timers.get(name) == event

    def wake_at(self, time: int) -> None:
        """Have the CPU take up the next thing that waits."""
        self._events += 1
        heappush(self._loop.heap, (time, WORK, self.me, self._events, self.me, self.incarnation))

    def _tell_late(self, sender: int, sequence: int) -> None:
        """The row right before that of an event that was moved."""
        by = self.late.pop((sender, sequence), None)
        if by is not None:
            self._row("displaced", detail=by)

    def _begin(self, time: int) -> None:
        self.time = time
        self.elapsed = 0
        self._cause = -1

    def _row(
        self,
        kind: str,
        block: int = 0,
        height: int = -1,
        round_: int = -1,
        peer: int = -1,
        message: int = -1,
        size: int = 0,
        detail: int = 0,
    ) -> None:
        code = self._codes[kind]
        at = self.time + self.elapsed
        if self._kept[code] and at < self._until:
            self._loop.recorder.rows.extend(
                (at, self.me, code, block, height, round_, peer, message, size, self._cause, detail)
            )
            self._rows += 1

    def _tell(self, proposal: bool, block: int) -> None:
        """Let who watches the run know."""
        at = self.time + self.elapsed
        if at < self._until:
            self._loop.news.append((proposal, self.me, block, at))

    def _hops(self, name: int, time: int, ready: int, flight: Flight, place: int) -> None:
        assert flight.ways is not None
        begun, departure, (access_up, backbone, retransmit, access_down, order) = flight.ways[place]
        reached = departure + access_up + backbone + retransmit + access_down + order
        hops = self._loop.recorder.hops
        for part, nanoseconds in (
            (_UPLINK, begun - flight.sent),
            (_ACCESS_UP, departure - begun + access_up),
            (_BACKBONE, backbone),
            (_RETRANSMIT, retransmit),
            (_ACCESS_DOWN, access_down),
            (_ORDER, order),
            (_DOWNLINK, ready - reached),
            (_CPU_WAIT, time - ready),
        ):
            if nanoseconds:
                hops.extend((name, self.me, part, nanoseconds))


class Loop:
    """The nodes of one process and the heap of their events."""

    node = Node

    def __init__(
        self,
        plan: Plan,
        recorder: Recorder,
        identities: Identities,
        in_order: bool,
        at_once: bool = False,
        exact: bool = True,
    ) -> None:
        """`in_order`: the caller hands over every event in time, so none needs to be looked at for lateness.

        `at_once`: defer no delivery; it makes no difference but to the time that it takes. `exact`: should an event
        come late, then something is broken; else it is only moved.
        """
        self.plan = plan
        self.recorder = recorder
        self.identities = identities
        self.heap: list[tuple[int, int, int, int, int, Any]] = []
        self.nodes: dict[int, Node] = {}
        self.outbox: list[Packet] = []
        self.news: list[tuple[bool, int, int, int]] = []  # (proposed, node, block, time), for who watches the run
        self.leave: Callable[[Node], bool] = lambda node: False  # whether this process ends with that node's crash
        self._in_order = in_order
        self._rules = plan.network.rules
        self._adversary = plan.network.adversary
        self._inbound: Inbound | None = None
        self._reached = 0  # everything before has been handled
        self.landed = 0  # when all that is under way has arrived (ns), but for votes that wait for their receivers
        self._polls: dict[Claim, Poll] = {}
        self._ours: dict[int, Ours] = {}  # by sender: the receivers of its latest message
        self._gaps: dict[int, tuple[list[int], int | None]] = {}  # by sender; see `_by_place`
        self.end = plan.scenario.duration
        defers = not at_once and not plan.kept[plan.codes["deliver"]] and self._adversary.quiet
        self._counted: tuple[type[Signed], ...] = plan.protocol.counted if defers else ()
        self._voters = frozenset(plan.network.validators)
        self.kit = plan.kit if self._counted else plain()
        self.arrived = Line(self.kit, RECORD)  # what has just arrived somewhere, for a moment
        self.boxed = (in_order or exact) and self._rules.quiet and bool(self._counted)

    # --- setting up -----------------------------------------------------------------------------------------------

    def add(self, me: int, store: Store, incarnation: int = 0, since: int = 0) -> Node:
        """Take a node in, from its `incarnation` on; what lies before `since` is another process's to tell."""
        node = self.nodes[me] = self.node(self, me, incarnation, since, store)
        self._expect_faults(node, 0, incarnation)
        for number, fault in enumerate(self.plan.faults):
            if isinstance(fault, Freeze) and me in fault.nodes and fault.at >= since:
                heappush(self.heap, (fault.at, FAULT, me, _MOST_CHANGES + number, me, fault))
        self._submit_next(me, since - 1)
        return node

    def _expect_faults(self, node: Node, at: int, incarnation: int = 0) -> None:
        """What happens to a node from `at` on (ns): its incarnations' starts and crashes, and other neighbours."""
        me = node.me
        for number, (start, crash) in enumerate(self.plan.lives[me][incarnation:], incarnation):
            if start is not None and start >= at:
                heappush(self.heap, (start, FAULT, me, 2 * number, me, number))
            if crash is not None and crash >= at:
                heappush(self.heap, (crash, FAULT, me, 2 * number + 1, me, None))
        for number, (time, peers) in enumerate(self.plan.rewired.get(me, ())):
            if time >= at:
                heappush(self.heap, (time, FAULT, me, number - _MOST_CHANGES, me, peers))

    def amend(self, at: int) -> int:
        """The plan has been amended from `at` (ns) on: what was to be from then on is not, but what is so now.

        By how much (ns) that comes too late, where a node has gone on beyond it: 0, unless the clock says when.
        """
        plan = self.plan
        self._rules = plan.network.rules
        if self.boxed and not self._rules.quiet:
            self.boxed = False
            for node in self.nodes.values():
                node.deferred.empty()
        stale = [entry for entry in self.heap if entry[1] == FAULT and entry[0] >= at]
        kept = [entry for entry in self.heap if entry[1] != FAULT or entry[0] < at]
        kept += [entry for entry in stale if isinstance(entry[5], Freeze)]
        self.heap[:] = kept
        heapify(self.heap)
        late = 0
        for node in self.nodes.values():
            self._expect_faults(node, at)
            late = max(late, node.last[0] - at)
            if node.participant is not None:
                late = max(late, node.ends(plan.lives[node.me][node.incarnation][1]))
        return late

    def too_late(self, by: int) -> None:
        """A change came so much too late (ns), if it did: what should not have been handled is counted as moved."""
        if by > 0:
            next(iter(self.nodes.values())).moved(by)

    @property
    def busy(self) -> int:
        """When all work that the nodes have begun is done (ns); of a node that is stopped, when it goes on."""
        return max(node.free for node in self.nodes.values())

    def listen(self) -> None:
        """Open the receiving ends of the links, when all nodes are in."""
        self._inbound = self.plan.network.inbound(sorted(self.nodes), parts=self.plan.scenario.trace == "full")

    def warm_up(self) -> None:
        """Do now what is otherwise done once at the first message: it would come late under the clock."""
        assert self._inbound is not None
        for node in range(self.plan.network.size):
            self.identities.verify(node, bytes(32), bytes(64))
            self._inbound.prepare(node)

    # --- messages -------------------------------------------------------------------------------------------------

    def dispatch(
        self,
        sender: Node,
        sequence: int,
        sent: int,
        begun: Times,
        departures: Times,
        receivers: list[int],
        message: Message,
    ) -> None:
        """Put a message on its way: to this process's nodes at once, to others through the outbox."""
        nodes = self.nodes
        if len(nodes) == self.plan.network.size:
            self.accept(sender.me, sender.incarnation, sequence, sent, begun, departures, receivers, message)
            return
        ours = self._ours.get(sender.me)
        if ours is None or ours.of is not receivers:
            ours = self._ours[sender.me] = Ours.among(receivers, nodes)
        here = ours.places
        if here:
            left = among(departures, here)
            self.accept(
                sender.me,
                sender.incarnation,
                sequence,
                sent,
                left if begun is departures else among(begun, here),
                left,
                ours.receivers,
                message,
            )
        if len(here) < len(receivers):
            self.outbox.append(
                Packet(sender.me, sender.incarnation, sequence, sent, begun, departures, receivers, message)
            )

    def accept(
        self,
        sender: int,
        incarnation: int,
        sequence: int,
        sent: int,
        begun: Times,
        departures: Times,
        receivers: list[int],
        message: Message,
    ) -> None:
        """Schedule the arrivals of a message at nodes of this process. In each sender's order."""
        assert self._inbound is not None
        arrivals = self._inbound.arrive(sender, incarnation, sequence, receivers, departures, message.size)
        key = incarnation << SEQUENCE_BITS | sequence
        vote = message if isinstance(message, self._counted) and self._is_plain(sender, message) else None
        if self.boxed and vote is not None:
            places = self._put_off(max(sent, self._reached), sender, key, vote, arrivals)
            if not places:
                return
            times = arrivals.times
            order = sorted((times[place], receivers[place], place) for place in places)
        else:
            order = sorted(zip(arrivals.times, receivers, range(len(receivers)), strict=True))
        ways = None
        if arrivals.parts is not None:
            ways = [
                (
                    begun if isinstance(begun, int) else begun[place],
                    departures if isinstance(departures, int) else departures[place],
                    arrivals.parts[place],
                )
                for _, _, place in order
            ]
        flight = Flight(
            message,
            sent,
            [time for time, _, _ in order],
            [receiver for _, receiver, _ in order],
            ways,
            None if not arrivals.lost else frozenset(at for at, way in enumerate(order) if way[2] in arrivals.lost),
            vote,
        )
        if flight.times[-1] > self.landed:
            self.landed = flight.times[-1]
        heappush(self.heap, (flight.times[0], ARRIVAL, sender, key, flight.receivers[0], flight))

    def _put_off(self, now: int, sender: int, key: int, vote: Signed, arrivals: Arrivals) -> list[int]:
        """Let a vote wait in the boxes of its receivers. The positions of the others, that need to see it at once."""
        apart = arrivals.lost or frozenset[int]()
        if not self._in_order:
            known = max(self._reached, self._since)  # what comes earlier is late, or another process's to handle
            if min(arrivals.times) < known:
                apart |= {position for position, time in enumerate(arrivals.times) if time < known}
        row = self._by_place(sender, arrivals)
        places = arrivals.places
        for position in apart:
            row[places[position]] = NEVER
        others = self.poll(vote).add(row, sender, key, vote, now)
        if not apart and not others:
            return []
        return [position for position, place in enumerate(places) if place in others or position in apart]

    def _by_place(self, sender: int, arrivals: Arrivals) -> Buffer:
        """A message's arrivals at all nodes here, NEVER where it does not come."""
        places = arrivals.places
        known = self._gaps.get(sender)
        if known is None or known[0] is not places:  # mostly it is for all others, in order
            every = range(len(self.nodes))
            missing = set(every).difference(places)
            without = missing.pop() if len(missing) == 1 else len(every)
            ordered = places == [place for place in every if place != without]
            known = self._gaps[sender] = places, without if ordered else None
        gap = known[1]
        row = self.kit.new(len(self.nodes))
        times = self.kit.column(arrivals.column)
        if gap is None:
            row[:] = [NEVER] * len(self.nodes)
            for place, time in zip(places, arrivals.times, strict=True):
                row[place] = time
        else:
            row[:gap] = times[:gap]
            if gap < len(self.nodes):
                row[gap] = NEVER
                row[gap + 1 :] = times[gap:]
        return row

    def poll(self, vote: Signed) -> Poll:
        """Where votes like this one wait."""
        claim = vote.claim
        assert claim is not None, "it may be put off"
        assert self._inbound is not None
        known = self._polls.get(claim)
        if known is None:
            places = self._inbound.places
            known = Poll(self.kit, self._polls, claim, vote, self.nodes, places, len(self._voters) + _MORE_VOTES)
        return known

    @cached_property
    def _since(self) -> int:
        """What was before may have been handled by another process, of some node (ns)."""
        return max(node.since for node in self.nodes.values())

    def postpone(self, arrival: tuple[int, int, int, int, int, Any], until: int) -> None:
        """Move the arrival at a process's only node to `until` or to the node's present, and count it as displaced.

        It may have been passed over already, as one that another process had to handle.
        """
        if arrival in self.heap:
            self.heap.remove(arrival)
            heapify(self.heap)
        time, _, sender, sequence, receiver, flight = arrival
        node = self.nodes[receiver]
        if any(entry[1:4] == (WORK, sender, sequence) and entry[0] >= node.since for entry in self.heap):
            return  # it is in the node's downlink, and told when it is through
        later = max(until, node.last[0] + 1)
        node.displaced(sender, sequence, later - time)
        self.recorder.displaced.extend((receiver, time, sender, sequence, later, *POSTPONED))
        flight.times[0] = later
        heappush(self.heap, (later, ARRIVAL, sender, sequence, receiver, flight))

    def _is_plain(self, sender: int, vote: Signed) -> bool:
        """Whether a vote is its sender's own and genuine, so that it is news to everybody, and nobody rejects it."""
        author = vote.signer
        return (
            vote.claim is not None
            and author == sender
            and author in self._voters
            and self.identities.verify(author, vote.digest, vote.signature)
        )

    # --- running --------------------------------------------------------------------------------------------------

    def next(self) -> int:
        """The time of the next event, FOREVER if there is none."""
        return self.heap[0][0] if self.heap else FOREVER

    def run(self, horizon: int) -> None:
        """Handle every event before the horizon (and before the scenario's end)."""
        heap = self.heap
        nodes, boxed = self.nodes, self.boxed
        horizon = min(horizon, self.end)
        while heap and heap[0][0] < horizon:
            time, kind, sender, sequence, receiver, what = heap[0]
            node = nodes[receiver]
            if kind == ARRIVAL:
                flight: Flight = what
                place = flight.index
                if place < flight.last:
                    flight.index = place = place + 1
                    heapreplace(heap, (flight.times[place], ARRIVAL, sender, sequence, flight.receivers[place], flight))
                    place -= 1
                else:
                    heappop(heap)
                box = flight.box
                if box is not None:
                    if box.waker is not flight:
                        continue  # another one comes before it
                    if not node.deferred.wake(box, time, sender, sequence):
                        node.deferred.ask(time, kind)
                        continue
            else:
                heappop(heap)
                if kind == ALARM:
                    what.ring(time)
                    continue
            waiting = boxed and bool(node.deferred.boxes)
            if waiting:
                node.deferred.advance(time, kind, sender, sequence)
            if not self._in_order:
                time = self._in_turn(node, time, kind, sender, sequence)
            if kind == ARRIVAL:
                self._arrive(node, time, sender, sequence, flight, place)
            elif kind == WORK:
                if sender == receiver:
                    if what == node.incarnation:
                        self._work(node, time)
                elif what is not None:
                    flight, place = what
                    self._deliver(node, time, sender, sequence, flight, place)
            elif kind == TIMER:
                incarnation, name = what
                if incarnation == node.incarnation and node.is_set(name, sequence):
                    self._queue(node, time, TIMER, (sequence, name))
            elif kind == TRANSACTION:
                self._submit_next(receiver, time)
                if node.down:
                    node.submit(what, time)
                else:
                    self._queue(node, time, TRANSACTION, what)
            elif isinstance(what, tuple):
                node.rewire(time, what)
            elif isinstance(what, Freeze):
                if not node.down:
                    node.freeze(time, what.end)
            elif what is None:
                node.crash(time)
                if self.leave(node):
                    heap.clear()
            else:
                node.start(time, what)
            if waiting or (boxed and node.deferred.boxes):
                node.deferred.ask(time, kind)
        self._reached = horizon

    def finish(self) -> None:
        """Write the totals of every node, at the scenario's end.

        Under the clock, what came when the end had passed is moved beyond it, and counted as that.
        """
        left: list[tuple[int, int, int, int]] = []
        for time, kind, sender, sequence, receiver, what in self.heap:
            if kind == ARRIVAL:
                ways = zip(what.times[what.index :], what.receivers[what.index :], strict=True)
                left += ((late, sender, sequence, node) for late, node in ways)
            else:
                left.append((time, sender, sequence, receiver))
        for time, sender, sequence, receiver in sorted(left):
            if time < self.end:
                self.nodes[receiver].missed(self.end, self.end - time)
                self.recorder.displaced.extend((receiver, time, sender, sequence, self.end, *_NEVER))
        for me in sorted(self.nodes):
            if self.boxed:
                self.nodes[me].deferred.advance(self.end, FAULT, -1, -1)
            self.nodes[me].totals(self.end)

    def _in_turn(self, node: Node, time: int, kind: int, sender: int, sequence: int) -> int:
        """The time at which an event is handled: its own, or the node's present if a later one came first."""
        key = (time, kind, sender, sequence)
        if key < node.last:
            present = node.last[0]
            if kind == ARRIVAL and present >= node.since:  # what such a message causes at once is no later than it
                node.displaced(sender, sequence, present - time)
                self.recorder.displaced.extend((node.me, time, sender, sequence, present, *node.previous))
            time = present
        else:
            node.last = key
        node.previous = key
        return time

    def _arrive(self, node: Node, time: int, sender: int, sequence: int, flight: Flight, place: int) -> None:
        """A copy reaches its receiver's access point: rules, then the downlink."""
        if flight.lost is not None and place in flight.lost:
            if time >= node.since:
                node.drop(time, sender, sequence, flight, _LOSS)
            return
        if not self._rules.quiet:
            verdict = self._rules.judge(time, sender, node.me)
            if isinstance(verdict, Drop):
                if time >= node.since:
                    node.drop(time, sender, sequence, flight, _PARTITION)
                return
            if not isinstance(verdict, Pass):
                later = time + max(verdict.delay, 1)
                heappush(self.heap, (later, WORK, sender, sequence, node.me, (flight, place)))
                return
        if not self._adversary.quiet:
            later = self._held_until(node, time, sender, sequence)
            if later > time:
                heappush(self.heap, (later, WORK, sender, sequence, node.me, (flight, place)))
                return
        if node.downlink is None:
            self._deliver(node, time, sender, sequence, flight, place)
        else:
            through = node.downlink.enter(time, flight.size)
            heappush(self.heap, (through, WORK, sender, sequence, node.me, (flight, place)))

    def _held_until(self, node: Node, time: int, sender: int, sequence: int) -> int:
        """When the adversary lets a copy come. A stream keeps its order."""
        leader = None if node.participant is None else node.participant.consensus.leader
        later = self._adversary.until(time, sender, node.me, sequence, leader)
        if self.plan.network.transport == "stream":
            later = node.held[sender] = max(later, node.held.get(sender, 0))
        return later

    def _deliver(self, node: Node, time: int, sender: int, sequence: int, flight: Flight, place: int) -> None:
        if time < node.since:
            return
        if node.participant is None:
            node.drop(time, sender, sequence, flight, _DOWN)
        elif (
            not self.boxed
            and not node.queue
            and flight.vote is not None
            and not node.late
            and node.deferred.takes(time, sender, sequence, flight.vote)
        ):
            pass
        elif node.free <= time and not node.queue and not node.deferred.waits(time):
            node.deliver(time, time, sender, sequence, flight, place)
        else:
            self._queue(node, time, ARRIVAL, (sender, sequence, flight, place))

    def _queue(self, node: Node, time: int, kind: int, what: Any) -> None:
        """The CPU's queue: first come, first served; at once if it is idle."""
        node.queue.append((time, kind, what))
        if len(node.queue) == 1:
            if node.free <= time and (kind != ARRIVAL or not node.deferred.waits(time)):
                self._work(node, time)
            else:
                node.wake_at(node.free)

    def _work(self, node: Node, time: int) -> None:
        """Take up what waits, until the CPU is busy beyond this instant."""
        queue = node.queue
        while queue:
            if node.free > time:
                node.wake_at(node.free)
                return
            if node.deferred.draws(time):
                continue
            ready, kind, what = queue[0]
            if kind != VOTES or len(what) == 1:
                queue.popleft()
            if kind == ARRIVAL:
                sender, sequence, flight, place = what
                node.deliver(time, ready, sender, sequence, flight, place)
            elif kind == VOTE:
                sender, sequence, vote = what
                node.deliver(time, ready, sender, sequence, node.alone(ready, vote), 0)
            elif kind == VOTES:
                ready, sender, sequence, vote = node.deferred.first(what)
                node.deliver(time, ready, sender, sequence, node.alone(ready, vote), 0)
            elif kind == TIMER:
                event, name = what
                node.ring(time, event, name)
            else:
                node.submit(what, time)

    def _submit_next(self, me: int, since: int) -> None:
        submission = self.plan.workload.next(me, since)
        if submission is not None:
            heappush(self.heap, (submission.time, TRANSACTION, me, submission.window, me, submission))


def _message(sender: int, sequence: int) -> int:
    return message_id(sender, sequence >> SEQUENCE_BITS, sequence & (1 << SEQUENCE_BITS) - 1)
