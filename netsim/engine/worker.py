"""One process of an emulation: the same loop as the simulator's, fed from the broker.

In lockstep it handles a window when it is granted one and has received every outbox up to the grant's marks. Under the
clock it handles an event when the wall has reached its time and nothing earlier can come any more (see `clock_pace`).
In both, wall time decides when an event is handled, never what comes of it.
"""

from __future__ import annotations

import asyncio
import gc
import pickle
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec

from netsim import trace
from netsim.engine import control
from netsim.engine.broker import Endpoint
from netsim.engine.clock_pace import LOOK_AGAIN_NS, Gaps, Inheritance, Lateness, Progress, Turn
from netsim.engine.control import Batch, Envelope, Order, Sealed, Topics, Word
from netsim.engine.inherited import inherit
from netsim.engine.layout import Place, lookahead, slack
from netsim.engine.lifeline import hold
from netsim.engine.loop import FOREVER, Loop, Node, Ours, Packet
from netsim.engine.promise import earliest_act
from netsim.engine.replay import MeasuringLoop
from netsim.engine.store import FileStore, Journal
from netsim.engine.timer import Alarm
from netsim.engine.transport import Mqtt, Transport, TransportLost
from netsim.network import Times

Wrap = Callable[[Transport, Place], Transport]

_STEP_NS = 250_000  # lockstep: logical time between two looks at the wall within a window
PART_NS = 2_500_000  # lockstep: wall time after which the others are told how far a window has come
_RECEIVE_EVERY_NS = 1_000_000  # clock pace: the longest that what has arrived waits for what is due
NO_BROKER = 75  # exit code of a process that has lost its broker (EX_TEMPFAIL of sysexits.h)


@dataclass(frozen=True)
class Job:
    """What a process is started with."""

    place: Place
    common: bytes  # scenario and layout, see `inherited`
    endpoint: Endpoint
    token: str
    key: bytes
    work: Path
    lifeline: Connection
    wrap: Wrap | None = None  # tests put a broker that loses, or a machine that is slow, in here
    steered: bool = False  # somebody watches, and may have things fail
    board: Any = None  # clock pace: how far all processes are, in memory that they share; see `Progress`


def main(job: Job) -> None:
    """Entry of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to answer
    hold(job.lifeline)
    asyncio.run(_run(job))


async def _run(job: Job) -> None:
    transport: Transport
    try:
        alone = job.board is None  # in lockstep nothing goes on in the process beside it
        async with Mqtt(job.endpoint, f"{job.token}-{job.place.index}", alone) as transport:
            try:
                await Worker(job, job.wrap(transport, job.place) if job.wrap else transport).run()
            except TransportLost:
                raise
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                failed = control.Failed(job.place.index, reason, traceback.format_exc())
                topic = Topics(job.token).report
                await transport.publish(topic, Sealed(job.key).close(topic, msgspec.msgpack.encode(failed)))
                raise SystemExit(1) from None
    except TransportLost:
        raise SystemExit(NO_BROKER) from None


class Worker:
    """Drives the loop of one process."""

    def __init__(self, job: Job, transport: Transport) -> None:
        self._job = job
        self._me = job.place.index
        self._transport = transport
        self._topics = Topics(job.token)
        self._sealed = Sealed(job.key)
        inherited = inherit(job.common)
        self._plan = inherited.plan
        self._codec = self._plan.codec
        self._recorder = trace.Recorder(job.work / f"process-{self._me}")
        self._places = places = inherited.places
        clock = self._plan.scenario.emulation.pace == "clock"
        self._clock = clock
        loop = MeasuringLoop if self._plan.scenario.compute.measured else Loop
        self._loop = loop(self._plan, self._recorder, inherited.identities, in_order=False, exact=not clock)
        self._journal = Journal(job.work / f"nodes-{job.place.nodes[0]}.store")  # its successor has the same nodes
        self._here = frozenset(job.place.nodes)
        for node in job.place.nodes:
            self._loop.add(node, FileStore(self._journal, node), job.place.incarnation, job.place.since)
        self._loop.listen()
        if job.place.ends_with_crash:
            self._loop.leave = self._crash
        self._crashed = False
        self._homes = _homes(places)
        # By sender: the receivers of its latest message, and `_ways_to` them.
        self._ways: dict[int, tuple[Sequence[int], tuple[tuple[int, int, list[int]], ...]]] = {}
        self._ours: dict[int, Ours] = {}  # by sender: the receivers of its latest message here
        self._tells_ways = self._plan.scenario.trace == "full"  # it says when each transmission began
        self._sequence = 0  # of our outbox
        self._received = [0] * len(places)
        self._probes: set[int] = set()
        self._probing = True
        self._lost = 0
        self._gap: tuple[int, int, int] | None = None  # lockstep: what the broker lost, seen by what came after it
        self._rejected = 0
        self._lateness = Lateness()
        self._order = msgspec.msgpack.Decoder(Order)
        self._batch = msgspec.msgpack.Decoder(Batch)
        self._encoder = msgspec.msgpack.Encoder()
        self._outboxes = {self._topics.outbox(place.index): place.index for place in places if place.index != self._me}
        self._grant: control.Grant | None = None
        self._granted = 0  # the last grant's number
        self._slack = slack(self._plan, job.place)
        self._finish: control.Finish | None = None
        self._epoch: int | None = None
        self._gone: set[int] = set()
        self._predecessor = _predecessor(job.place, places)
        self._amended = 0  # the last amendment's number

    async def run(self) -> None:
        """Until the coordinator says that the run is over, or our node has crashed."""
        if self._clock:
            self._loop.warm_up()
        gc.freeze()  # what is there now stays: no need to look through it again and again
        await self._transport.subscribe([*self._outboxes, self._topics.grant(self._me), self._topics.all])
        await self.say(control.Hello(self._me))
        if self._clock:
            await self._run_by_the_clock()
        else:
            await self._run_in_lockstep()

    async def say(self, word: Word) -> None:
        """Tell the coordinator."""
        await self._publish(self._topics.report, word)

    # --- what arrives ---------------------------------------------------------------------------------------------

    async def _take(self, topic: str, data: bytes) -> None:
        """One payload from the broker: an outbox, or an order."""
        payload = self._sealed.open(topic, data)
        if payload is None:
            self._rejected += 1
            return
        process = self._outboxes.get(topic)
        if process is not None:
            if not self._accept(process, self._batch.decode(payload)):
                await self.say(control.Waiting(self._me, self._missing()))
            if self._probing and len(self._probes) == len(self._outboxes):
                self._probing = False
                await self.say(control.Ready(self._me))
            return
        order = self._order.decode(payload)
        if isinstance(order, control.Grant):
            if order.number <= self._granted:
                self._rejected += 1  # doubled or replayed
            else:
                self._granted = order.number
                self._grant = order
        elif isinstance(order, control.Probe):
            await self._publish(self._topics.outbox(self._me), Batch(self._me, 0, []))
            if not self._outboxes:  # nobody else to wait for
                await self.say(control.Ready(self._me))
        elif isinstance(order, control.Begin):
            self._epoch = order.epoch
        elif isinstance(order, control.Gone):
            self._gone.add(order.process)
        elif isinstance(order, control.Amend):
            self._loop.too_late(self._amend(order.amendment))
            self._progress.expects(self._loop.next())
        elif isinstance(order, control.Ask):
            await self.say(control.Waiting(self._me, self._missing()))
        else:
            self._finish = order

    def _amend(self, amendment: control.Amendment) -> int:
        """Something else fails from now on; by how much (ns) that comes too late."""
        if amendment.number <= self._amended:
            self._rejected += 1  # doubled or replayed
            return 0
        self._amended = amendment.number
        self._plan.amend(pickle.loads(amendment.scenario), amendment.at)  # sealed by our own run's coordinator
        return self._loop.amend(amendment.at)

    def _accept(self, process: int, batch: Batch) -> bool:
        """An outbox: each message goes to those of our nodes that it is for. False: lockstep cannot go on."""
        if batch.sequence == 0:
            self._probes.add(process)
            return True
        expected = self._received[process] + 1
        if batch.sequence < expected:
            self._rejected += 1  # doubled by the broker, or replayed
            return True
        if batch.sequence > expected:
            self._lost += batch.sequence - expected
            if not self._clock:
                self._gap = (process, expected - 1, batch.sequence - 1)
                return False
        self._received[process] = batch.sequence
        for envelope in batch.envelopes:
            ours = self._ours.get(envelope.sender)
            if ours is None or ours.of != envelope.receivers:  # mostly the same nodes as the last one's
                ours = self._ours[envelope.sender] = Ours.among(envelope.receivers, self._here)
            places = ours.places
            if not places:
                continue
            departures = _times(envelope.departures, places)
            self._loop.accept(
                envelope.sender,
                envelope.incarnation,
                envelope.sequence,
                envelope.sent,
                _times(envelope.begun, places) if envelope.begun else departures,
                departures,
                ours.receivers,
                self._codec.decode(envelope.message),
            )
        return True

    def _missing(self) -> list[tuple[int, int, int]]:
        if self._gap is not None:
            return [self._gap]
        marks = self._grant.marks if self._grant else self._finish.marks if self._finish else {}
        return [
            (process, self._received[process], mark)
            for process, mark in marks.items()
            if process != self._me and self._received[process] < mark
        ]

    # --- lockstep -------------------------------------------------------------------------------------------------

    async def _run_in_lockstep(self) -> None:
        async for topic, data in self._transport.messages():
            await self._take(topic, data)
            if self._grant is not None and self._reached(self._grant.marks):
                grant, self._grant = self._grant, None
                for amendment in grant.amendments:
                    self._amend(amendment)
                await self._run_window(grant)
                if self._crashed:
                    await asyncio.Event().wait()  # until we are killed
            elif self._finish is not None and self._reached(self._finish.marks):
                await self._end()
                return

    async def _run_window(self, grant: control.Grant) -> None:
        """Handle all that lies before a horizon. Where that takes long, say every now and then how far it has come:
        others can go on by it, and take up what has been sent."""
        loop, horizon = self._loop, grant.horizon
        part = 0
        began = time.monotonic_ns()
        while (following := loop.next()) < horizon:
            loop.run(min(following + _STEP_NS, horizon))
            if time.monotonic_ns() - began > PART_NS and loop.next() < horizon:
                part += 1
                await self._report(grant.number, await self._send_outbox(), part=part)
                began = time.monotonic_ns()
        loop.run(horizon)
        await self._report(grant.number, await self._send_outbox())

    def _reached(self, marks: dict[int, int]) -> bool:
        received = self._received
        return all(received[process] >= mark for process, mark in marks.items() if process != self._me)

    # --- clock pace -----------------------------------------------------------------------------------------------

    async def _run_by_the_clock(self) -> None:
        kick = asyncio.Event()
        places = self._places
        emulation = self._plan.scenario.emulation
        self._progress = progress = Progress(self._job.board, self._me, places, lookahead(self._plan, places))
        self._turn = turn = Turn(progress, emulation.patience / emulation.dilation)
        gaps = Gaps(self._me, len(places))
        heir = None
        if self._predecessor is not None:
            heir = Inheritance(progress, self._predecessor, self._job.place.since, self._loop)
        asleep_until = -1  # logical time
        gc.disable()  # it is done in gaps

        async def receive() -> None:
            async for topic, data in self._transport.messages():
                await self._take(topic, data)
                process = self._outboxes.get(topic)
                if process is not None:
                    if heir is not None:
                        heir.took(process, self._received[process])
                        heir.settle()
                    progress.took(process, self._received[process], self._loop.next())
                    if self._loop.next() >= asleep_until and not turn.awaited:
                        continue  # it is for later
                elif heir is not None:
                    heir.settle()
                kick.set()

        with Alarm() as alarm:
            receiving = asyncio.create_task(receive())
            receiving.add_done_callback(lambda _: kick.set())
            try:
                due: int | None = FOREVER
                while self._finish is None:
                    kick.clear()
                    if self._epoch is not None and due is not None:
                        asleep_until = -1
                        due = await self._handle_due(self._epoch)
                        wall = time.monotonic_ns()
                        if due is None or self._crashed or gaps.has_come(wall, due):
                            now = int((wall - self._epoch) / emulation.dilation)
                            await self._report(int(due is None), {}, now)
                            gaps.used(wall)
                        if self._crashed:
                            await asyncio.Event().wait()  # until we are killed
                        asleep_until = self._loop.next()
                        if due is not None:
                            due = min(due, gaps.look_again(wall))
                    await self._wait(alarm, kick, FOREVER if due is None else due, receiving)
                await self._reach_marks(kick, receiving)
            finally:
                receiving.cancel()
        await self._end()

    async def _handle_due(self, epoch: int) -> int | None:
        """Handle what is due. The wall time at which to look again, None at the run's end."""
        loop, dilation, end = self._loop, self._plan.scenario.emulation.dilation, self._loop.end
        received = time.monotonic_ns()
        while True:
            following = min(loop.next(), end)
            if self._is_held(following):
                return FOREVER
            due = epoch + int(following * dilation)
            wall = time.monotonic_ns()
            if wall < due:
                return due
            if wall - received > _RECEIVE_EVERY_NS:
                await asyncio.sleep(0)  # the socket is read
                await asyncio.sleep(0)  # what it held is taken up
                received = time.monotonic_ns()
                continue
            until = self._turn.until(max(int((wall - epoch) / dilation), following), following)
            if self._turn.awaited:
                return wall + LOOK_AGAIN_NS
            if following == end:
                return None
            self._lateness.add(wall - due)
            loop.run(min(until, self._job.place.since) if following < self._job.place.since else until)
            if self._crashed:
                self._progress.close()
            await self._send_outbox()
            self._progress.handled(following, self._sequence, loop.next())
            if self._crashed:
                self._progress.leave()  # before the coordinator hears of it, and kills us
                return wall

    def _is_held(self, time: int) -> bool:
        """A successor must not take its node over before the process that held it is dead."""
        held_by = self._predecessor
        return held_by is not None and held_by not in self._gone and time >= self._job.place.since

    async def _wait(self, alarm: Alarm, kick: asyncio.Event, due: int, receiving: asyncio.Task[None]) -> None:
        """Until the wall reaches `due` or something arrives."""
        if receiving.done():
            receiving.result()
            raise TransportLost("the broker closed the connection")
        if due == FOREVER:
            await kick.wait()
            return
        alarm.set(due, kick.set)
        await kick.wait()

    async def _reach_marks(self, kick: asyncio.Event, receiving: asyncio.Task[None]) -> None:
        """Wait for the tail of every outbox; what does not come was lost by the broker."""
        assert self._finish is not None
        try:
            async with asyncio.timeout(self._finish.patience):
                while not self._reached(self._finish.marks) and not receiving.done():
                    kick.clear()
                    await kick.wait()
        except TimeoutError:
            self._lost += sum(mark - received for _, received, mark in self._missing())

    # --- what leaves ----------------------------------------------------------------------------------------------

    async def _send_outbox(self) -> dict[int, int]:
        """Publish what the nodes have sent; per process, the earliest arrival that it may cause there."""
        packets = self._loop.outbox
        caused: dict[int, int] = {}
        if not packets:
            return caused
        self._loop.outbox = []
        envelopes: list[Envelope] = []
        size = 0
        for packet in packets:
            departures = packet.departures
            for process, earliest in self._first_arrivals(packet):
                if earliest < caused.get(process, FOREVER):
                    caused[process] = earliest
            encoded = packet.message.encoded
            size += len(encoded) + 16 * len(packet.receivers)
            envelopes.append(
                Envelope(
                    packet.sender,
                    packet.incarnation,
                    packet.sequence,
                    packet.sent,
                    _listed(packet.begun) if self._tells_ways and packet.begun is not departures else [],
                    _listed(departures),
                    packet.receivers,
                    encoded,
                )
            )
            if size > control.BATCH_BYTES:
                await self._publish_batch(envelopes)
                envelopes, size = [], 0
        if envelopes:
            await self._publish_batch(envelopes)
        return caused

    def _first_arrivals(self, packet: Packet) -> Iterator[tuple[int, int]]:
        """Processes with a node that a packet is for, and the least time at which it may arrive there."""
        known = self._ways.get(packet.sender)
        if known is None or known[0] != packet.receivers:  # mostly to the same nodes as the last one
            known = self._ways[packet.sender] = packet.receivers, self._ways_to(packet)
        departures = packet.departures
        for process, after, places in known[1]:
            first = departures if isinstance(departures, int) else min([departures[place] for place in places])
            yield process, first + after

    def _ways_to(self, packet: Packet) -> tuple[tuple[int, int, list[int]], ...]:
        """Processes with receivers, the least time that a copy takes from its departure to its arrival there, and the
        places of the copies for which that is so."""
        minimum = self._plan.network.after_departure
        ways: dict[tuple[int, int], list[int]] = {}
        for place, receiver in enumerate(packet.receivers):
            if receiver not in self._here:
                after = minimum(packet.sender, receiver)
                for process in self._homes[receiver]:
                    ways.setdefault((process, after), []).append(place)
        return tuple((process, after, places) for (process, after), places in ways.items())

    async def _publish_batch(self, envelopes: list[Envelope]) -> None:
        self._sequence += 1
        await self._publish(self._topics.outbox(self._me), Batch(self._me, self._sequence, envelopes))

    async def _report(self, grant: int, caused: dict[int, int], now: int | None = None, part: int = 0) -> None:
        """Write everything down, then say where we stand."""
        self._journal.flush()
        self._recorder.flush()
        news, self._loop.news = self._loop.news, []
        following = self._loop.next() if now is None else now
        acts = following if now is not None or not self._slack else earliest_act(self._loop.heap, self._slack)
        busy, late = (self._loop.busy, self._lateness.since()) if self._job.steered else (0, 0)
        await self.say(
            control.Report(
                self._me, grant, following, acts, self._sequence, caused, news, self._crashed, busy, late, part
            )
        )

    async def _publish(self, topic: str, what: msgspec.Struct) -> None:
        await self._transport.publish(topic, self._sealed.close(topic, self._encoder.encode(what)))

    def _crash(self, node: Node) -> bool:
        self._crashed = True
        return True

    async def _end(self) -> None:
        self._loop.finish()
        self._journal.close()
        self._recorder.close()
        await self.say(control.Finished(self._me, self._lost, self._rejected, self._lateness.sample, self._loop.news))


def _listed(times: Times) -> list[int]:
    """As it is in an envelope."""
    return [times] if isinstance(times, int) else times


def _times(listed: list[int], places: list[int]) -> Times:
    """Those of some copies, out of an envelope."""
    return listed[0] if len(listed) == 1 else [listed[place] for place in places]


def _homes(places: tuple[Place, ...]) -> dict[int, tuple[int, ...]]:
    """For each node, the processes that hold it at one time or another."""
    homes: dict[int, tuple[int, ...]] = {}
    for place in places:
        for node in place.nodes:
            homes[node] = (*homes.get(node, ()), place.index)
    return homes


def _predecessor(me: Place, places: tuple[Place, ...]) -> int | None:
    """The process whose node we take over, if any."""
    if not me.incarnation:
        return None
    return next(place.index for place in places if place.nodes == me.nodes and place.incarnation == me.incarnation - 1)
