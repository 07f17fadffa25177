"""`compute: measured`, and the simulation of exactly what an emulation did.

Two things in an emulation are the machine's own: how long a node's program really takes, where that is what computing
costs (`compute: measured`), and under the clock which messages come too late. Both are recorded beside the trace, so a
simulation that is told of them does the same things at the same times: its digest is the emulation's.

Measured costs
    A cost is the CPU time of the thread in one call of a node's program (start, message, timer, transactions, new
    neighbours): its consensus, gossip and mempool, and the real signatures that it makes and checks. Not in it: what
    the engine does for it, such as decoding, links, rows of the trace. In it, as in any program: the collector's pauses
    and cold caches. Nodes that share a process check a signature once; the first one pays.

    What a call costs is known when it has returned. So all that it sends and records is held back until then, and
    leaves at its end, in order: at `now` plus the cost. A replay knows the cost beforehand and charges it before the
    call; what is sent leaves at the same times.

Displaced messages
    An event that comes after one with a greater key is handled at the node's present. Only messages from other
    processes do; what a node causes itself lies after its present. Recorded is which event was handled right before.
    A replay keeps such a message back from the heap and hands it over right after that event, at that event's time.
    What is sent at some time arrives later, so a message is always there before its turn comes. What was not handled at
    all, since the end had passed or its node's process was dead, waits in the replay to the end and is counted there.

    Not recorded is the state of a downlink when a process dies with its node: each process has its own, and where they
    had bytes in it in different orders, what comes through after the crash may come at another time in the replay.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from heapq import heappop, heappush
from itertools import groupby
from time import thread_time_ns
from typing import TYPE_CHECKING, Any

from netsim.engine.loop import ARRIVAL, POSTPONED, Flight, Loop, Node, Store, among
from netsim.engine.plan import Plan
from netsim.network import Times
from netsim.node.block import Batch, Block
from netsim.node.chain import Chain
from netsim.node.consensus import Consensus
from netsim.node.identity import Identities
from netsim.node.mempool import Mempool
from netsim.node.message import Message, Signed
from netsim.node.misbehaviour import Program
from netsim.trace import SEQUENCE_BITS, Recorder

if TYPE_CHECKING:
    from netsim.trace import Trace

Key = tuple[int, int, int, int]  # of an event at its node: time, kind, sender, sequence
_Addressed = tuple[int, int, int]  # of a message: receiver, sender, sequence with the sender's incarnation


class _Charged:
    """A node's program, each call of which is surrounded by what finds out its cost."""

    def __init__(self, program: Callable[[], Program], charged: Callable[[], Any]) -> None:
        """The program is made when it starts: that is a part of its start."""
        self._make = program
        self._charged = charged
        self._program: Program | None = None

    @property
    def _made(self) -> Program:
        assert self._program is not None, "it has been started"
        return self._program

    @property
    def chain(self) -> Chain:
        return self._made.chain

    @property
    def mempool(self) -> Mempool:
        return self._made.mempool

    @property
    def consensus(self) -> Consensus:
        return self._made.consensus

    def start(self) -> None:
        with self._charged():
            self._program = self._make()
            self._program.start()

    def on_message(self, sender: int, message: Message) -> None:
        with self._charged():
            self._made.on_message(sender, message)

    def on_timer(self, name: str) -> None:
        with self._charged():
            self._made.on_timer(name)

    def on_transactions(self, batch: Batch) -> None:
        with self._charged():
            self._made.on_transactions(batch)

    def on_peers(self) -> None:
        with self._charged():
            self._made.on_peers()


class _MeasuredNode(Node):
    """A node whose calls cost what they take. What they do to the world is held back until they return."""

    def __init__(self, loop: Loop, me: int, incarnation: int, since: int, store: Store) -> None:
        super().__init__(loop, me, incarnation, since, store)
        self._held_back: list[Callable[[], None]] = []

    def program(self) -> Program:
        return _Charged(super().program, self._measured)

    @contextmanager
    def _measured(self) -> Iterator[None]:
        began = thread_time_ns()
        try:
            yield
        finally:
            cost = thread_time_ns() - began
            self._loop.recorder.costs.extend((self.me, self.incarnation, cost))
            self.elapsed = cost
            held_back, self._held_back = self._held_back, []
            for act in held_back:
                act()

    def send(self, to: int | Sequence[int], message: Message) -> None:
        addressees = to if isinstance(to, int) else list(to)
        self._held_back.append(partial(super().send, addressees, message))

    def received(self, message: Message) -> None:
        self._held_back.append(partial(super().received, message))

    def evidence(self, first: Signed, second: Signed) -> None:
        self._held_back.append(partial(super().evidence, first, second))

    def proposed(self, block: Block) -> None:
        self._held_back.append(partial(super().proposed, block))

    def finalise(self, block: Block) -> None:
        self._held_back.append(partial(super().finalise, block))

    def record(
        self, kind: str, *, block: bytes = b"", height: int = -1, round: int = -1, peer: int = -1, detail: int = 0
    ) -> None:
        row = partial(super().record, kind, block=block, height=height, round=round, peer=peer, detail=detail)
        self._held_back.append(row)

    def reject(self, reason: str) -> None:
        self._held_back.append(partial(super().reject, reason))


class MeasuringLoop(Loop):
    """The loop of an emulation with `compute: measured`."""

    node = _MeasuredNode


class _ReplayedNode(Node):
    """A node whose calls cost what they took in an emulation."""

    costs: deque[int]  # of this incarnation's further calls

    def program(self) -> Program:
        assert isinstance(self._loop, ReplayLoop)
        self.costs = self._loop.costs[self.me, self.incarnation]
        return _Charged(super().program, self._recalled)

    @contextmanager
    def _recalled(self) -> Iterator[None]:
        if self.costs:  # else this is another course of events; the digests will say so
            self.elapsed += self.costs.popleft()
        yield


class ReplayLoop(Loop):
    """The simulator's loop, told what the machine did to an emulation."""

    def __init__(self, plan: Plan, recorder: Recorder, identities: Identities, recorded: Trace) -> None:
        super().__init__(plan, recorder, identities, in_order=False, exact=False)
        self.costs: dict[tuple[int, int], deque[int]] = defaultdict(deque)
        if plan.scenario.compute.measured:
            self.node = _ReplayedNode
            for life, rows in groupby(recorded.costs.tolist(), key=lambda row: (row[0], row[1])):
                self.costs[life].extend(row[2] for row in rows)
        self._displaced: dict[_Addressed, int] = {}  # copies that came too late, and when they were handled
        self._following: dict[tuple[int, Key], _Addressed] = {}  # the one right behind an event of a node
        self._waiting: dict[_Addressed, Flight] = {}
        self._postponed: dict[_Addressed, int] = {}  # copies that were given another time, and which
        self._by: dict[_Addressed, int] = {}  # how far those are moved that are on their way
        for receiver, _, sender, sequence, moved_to, *behind in recorded.displaced.tolist():
            copy = receiver, sender, sequence
            key = behind[0], behind[1], behind[2], behind[3]
            if key == POSTPONED:
                self._postponed[copy] = moved_to
            else:
                self._displaced[copy] = moved_to
                self._following[receiver, key] = copy
        self._moments = sorted(set(self._displaced.values()), reverse=True)
        self._handled: tuple[int, Key] | None = None  # the last event, behind its node

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
        """As ever, but for the copies that come too late: those wait for the event that they come behind."""
        key = incarnation << SEQUENCE_BITS | sequence
        late = [
            place
            for place, receiver in enumerate(receivers)
            if (receiver, sender, key) in self._displaced or (receiver, sender, key) in self._postponed
        ]

        def some(places: list[int]) -> None:
            those = [receivers[place] for place in places]
            super(ReplayLoop, self).accept(
                sender, incarnation, sequence, sent, among(begun, places), among(departures, places), those, message
            )

        if len(late) < len(receivers):
            some([place for place in range(len(receivers)) if place not in late])
        heap = self.heap
        for place in late:
            self.heap = []
            some([place])
            copy = receivers[place], sender, key
            flight: Flight = self.heap[0][-1]
            later = self._postponed.get(copy)
            if later is not None:
                self._by[copy] = later - flight.times[0]
                flight.times[0] = later
            if copy in self._displaced:
                self._waiting[copy] = flight
            else:
                heappush(heap, (flight.times[0], ARRIVAL, sender, key, receivers[place], flight))
        self.heap = heap

    def run(self, horizon: int) -> None:
        """As ever. What comes too late is handed over before anything later happens anywhere."""
        horizon = min(horizon, self.end)
        while self._moments and self._moments[-1] < horizon:
            moment = self._moments.pop()
            super().run(moment + 1)
            while self._follow():
                super().run(moment + 1)
        super().run(horizon)

    def finish(self) -> None:
        """What still waits came when the end had passed."""
        for (receiver, sender, sequence), flight in self._waiting.items():
            heappush(self.heap, (flight.times[0], ARRIVAL, sender, sequence, receiver, flight))
        super().finish()

    def _in_turn(self, node: Node, time: int, kind: int, sender: int, sequence: int) -> int:
        """Before that event: what comes right behind the last one, and what that causes at once."""
        key = time, kind, sender, sequence
        if self._follow():
            while self.heap and self.heap[0][:4] < key:  # through a downlink that takes no time
                at, work, origin, number, receiver, (flight, place) = heappop(self.heap)
                self._handled = receiver, (at, work, origin, number)
                self._deliver(self.nodes[receiver], at, origin, number, flight, place)
                self._follow()
        self._handled = node.me, key
        if kind == ARRIVAL and (by := self._by.pop((node.me, sender, sequence), None)) is not None:
            node.displaced(sender, sequence, by)
        return time

    def _follow(self) -> bool:
        """Hand over the messages that came too late and right behind the last event, one behind the other."""
        any_ = False
        while self._handled is not None and (copy := self._following.pop(self._handled, None)) is not None:
            flight = self._waiting.pop(copy, None)
            if flight is None:
                break  # another course of events: the digests will say so
            any_ = True
            receiver, sender, sequence = copy
            node, moved_to = self.nodes[receiver], self._displaced[copy]
            self._handled = receiver, (flight.times[0], ARRIVAL, sender, sequence)
            node.displaced(sender, sequence, moved_to - flight.times[0])
            self._arrive(node, moved_to, sender, sequence, flight, 0)
        return any_
