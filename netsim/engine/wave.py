"""Waves: a block that spreads through a quiet network is handled as a whole, with the same result.

Most blocks are gossiped while nothing else happens. When a node broadcasts one from a timer, and the next event
anywhere, fault or end comes only after that broadcast has reached everybody and come to rest, then all of it is a
function of the links, which the strategy's bulk form computes. Then

* each node's totals and sequence numbers grow by what the bulk form says;
* consensus is not written twice: of the nodes that are in *unison* (`Consensus.unison`), one runs its real handler, and
  its rows are written for all of them, each at its own time;
* the others are *absent*: they have yet to run theirs. As soon as anything else touches one of them (an event, a fault)
  it runs what it has missed, at the times at which it was due and silently, before that. Who is never touched never
  runs it;
* who reacts by more than rows (`Consensus.apart`) runs its handler for real.

Why this is exact. Nothing is under way when a wave begins but the wave (any arrival, timer, busy CPU or fault before
its end is in the heap, and then there is no wave), so no link, queue or rule can see anything else; and after it has
come to rest nothing in the network remembers it: flows have delivered everything, CPUs are idle. Sequence numbers, on
which later draws depend, are kept. Nodes that were in unison and take part in the same waves stay so. A protocol that
declares what it does not keep to is found out by its representative, and ends the run.

Nor need a node be made before something touches it, where the protocol declares that it does nothing when it starts
(`Consensus.starters`): until then it is *dormant*, and absent from the first wave on.

At the trace level `full`, where every copy has rows, there are no waves.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from netsim.engine.loop import Flight, Loop, Node, Store
from netsim.network.bulk import Edges
from netsim.node.block import Block
from netsim.node.gossip.bulk import NEVER, Bulk, Spread, Traffic
from netsim.node.gossip.strategy import Strategy
from netsim.node.message import MESSAGE_KINDS, Message, Signed
from netsim.trace import COLUMNS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netsim.engine.plan import Plan
    from netsim.engine.workload import Submission
    from netsim.node.participant import Participant

_WIDTH = len(COLUMNS)
_RESERVED = 16  # numbers of a node's own events that a strategy may need for its timers when it broadcasts
_MOST_MISSED = 1 << 22  # node × waves that are remembered; then everybody runs what was missed
_MOST_PATIENCE = 64  # broadcasts that are not looked at any more after many that could not be waves
_TIME, _NODE = COLUMNS.index("time_ns"), COLUMNS.index("node")

OPEN, REACTING, REPRESENTING, SILENT = range(4)  # what a node's handler may do at present


class NotInUnison(Exception):
    """A protocol does what it has declared that it does not do."""


@dataclass(slots=True)
class _Missed:
    """A wave, for those who have yet to run it. Arrays are by node."""

    message: Signed
    times: NDArray[np.int64]
    senders: NDArray[np.int64]


class Present(Node):
    """A node where waves are possible."""

    def __init__(self, waves: Waves, loop: Loop, me: int, incarnation: int, since: int, store: Store) -> None:
        super().__init__(loop, me, incarnation, since, store)
        self.waves = waves
        self.intent: tuple[Message, int, int] | None = None  # a broadcast to come: message, time, event numbers from
        self.mode = OPEN
        self._rings = False

    def spread(self, message: Message) -> bool:
        """Whether a broadcast is left to the world. It is taken note of here, and made when the handler is done."""
        if not self._rings or self.intent is not None:
            return False
        self.intent = message, self.time + self.elapsed, self._events
        self._events += _RESERVED
        return True

    def ring(self, time: int, event: int, name: str) -> None:
        self._rings = True
        super().ring(time, event, name)
        self._rings = False
        if self.intent is not None and not self.waves.spread(self):
            self.carry()

    def carry(self) -> None:
        """Make the broadcast after all, as if it were then."""
        assert self.intent is not None
        (message, at, numbers), self.intent = self.intent, None
        (elapsed, self.elapsed), (events, self._events) = (self.elapsed, at - self.time), (self._events, numbers)
        self.actor.carry(message)
        self.elapsed, self._events = elapsed, max(events, self._events)

    @property
    def actor(self) -> Participant:
        """The participant: nobody misbehaves where waves are possible."""
        return cast("Participant", self.participant)

    def start(self, time: int, incarnation: int) -> None:
        self.waves.restarted = True
        super().start(time, incarnation)

    def send(self, to: int | Sequence[int], message: Message) -> None:
        if self.mode:
            self.found_out("sends something")
        if self.intent is not None:
            self.carry()
        super().send(to, message)

    def set_timer(self, name: str, delay: int) -> None:
        if self.mode > REACTING:
            self.found_out("sets a timer")
        super().set_timer(name, delay)

    def cancel_timer(self, name: str) -> None:
        if self.mode > REACTING and name in self._timers:
            self.found_out("cancels a timer")
        super().cancel_timer(name)

    def duplicate(self, message: Message) -> None:
        if self.mode:
            self.found_out("has seen it before")
        super().duplicate(message)

    # Who is silent writes no rows, and another one has checked the signature: most of its time would go to these.

    def verify(self, node: int, digest: bytes, signature: bytes) -> bool:
        return self.mode == SILENT or super().verify(node, digest, signature)

    def received(self, message: Message) -> None:
        if self.mode != SILENT:
            super().received(message)

    def finalise(self, block: Block) -> None:
        if self.mode != SILENT:
            super().finalise(block)

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
        if self.mode != SILENT:
            super()._row(kind, block, height, round_, peer, message, size, detail)

    def _tell(self, proposal: bool, block: int) -> None:
        if self.mode != SILENT:
            super()._tell(proposal, block)

    def found_out(self, does: str) -> None:
        protocol = self.waves.plan.scenario.consensus.protocol
        raise NotInUnison(f"{protocol} declares unison about {self.waves.about or 'its start'}, and {does}")

    # --- what the waves do with it ----------------------------------------------------------------------------------

    @property
    def next_sequence(self) -> int:
        """The number of the next message that it sends."""
        return self._sequence

    def learn(self, missed: _Missed, mode: int) -> int:
        """Handle a wave's message, at its time; returns the work that it cost (ns)."""
        self._begin(missed.times.item(self.me))
        self.mode = mode
        self.actor.learn(missed.senders.item(self.me), missed.message)
        self.mode = OPEN
        return self.elapsed

    def catch_up(self, waves: Sequence[_Missed]) -> None:
        """Handle the messages of these waves silently."""
        self._begin(waves[-1].times.item(self.me))
        self.mode = SILENT
        self.waves.about = waves[-1].message
        together = self.actor.handle_missed([missed.message for missed in waves])
        self.mode = OPEN
        if not together:
            for missed in waves:
                self.waves.about = missed.message
                self.learn(missed, SILENT)

    def take(self, sequence: int, rows: int, totals: dict[int, NDArray[np.int64]]) -> None:
        """Take over what waves have counted for this node."""
        self._sequence = sequence
        self._rows += rows
        for tag, table in totals.items():
            own = table[:, :, self.me]
            counts = own.tolist()
            own[:] = 0
            for total, (count, size) in zip((self._sent, self._delivered, self._repeated), counts, strict=True):
                if count:
                    entry = total.setdefault(tag, [0, 0])
                    entry[0] += count
                    entry[1] += size


class Absent(Present):
    """A node that has waves to run before anything else can touch it."""

    def start(self, time: int, incarnation: int) -> None:
        self.waves.recall(self)
        self.start(time, incarnation)

    def rewire(self, time: int, peers: tuple[int, ...]) -> None:
        self.waves.recall(self)
        self.rewire(time, peers)

    def freeze(self, time: int, until: int) -> None:
        self.waves.recall(self)
        self.freeze(time, until)

    def crash(self, time: int) -> None:
        self.waves.recall(self)
        self.crash(time)

    def submit(self, submission: Submission, time: int) -> None:
        self.waves.recall(self)
        self.submit(submission, time)

    def deliver(self, time: int, ready: int, sender: int, sequence: int, flight: Flight, place: int) -> None:
        self.waves.recall(self)
        self.deliver(time, ready, sender, sequence, flight, place)

    def drop(self, time: int, sender: int, sequence: int, flight: Flight, why: int) -> None:
        self.waves.recall(self)
        self.drop(time, sender, sequence, flight, why)

    def ring(self, time: int, event: int, name: str) -> None:
        if self.is_set(name, event):
            self.waves.recall(self)
            self.ring(time, event, name)

    def totals(self, time: int) -> None:
        """At the end: it need not be run for that."""
        self.waves.count(self)
        super().totals(time)


class Dormant(Absent):
    """An absent node that has not been made yet. Whatever is asked of it makes it."""

    incarnation = 0

    def __init__(self, waves: Waves, loop: Loop, me: int, store: Store) -> None:
        self.me = me
        self.waves = waves
        self._loop = loop
        self._store = store

    def __getattr__(self, name: str) -> Any:
        self.wake()
        return getattr(self, name)

    def wake(self) -> None:
        """Make it, and let it have started when the run began."""
        waves, loop = self.waves, self._loop
        self.__class__ = Absent  # type: ignore[assignment]
        Present.__init__(self, waves, loop, self.me, 0, 0, self._store)
        waves.about = None
        self.mode = SILENT
        Node.start(self, 0, 0)
        self.mode = OPEN

    def start(self, time: int, incarnation: int) -> None:
        if incarnation:
            super().start(time, incarnation)
        else:
            self.waves.started(self.me, time)

    def totals(self, time: int) -> None:
        self.waves.write_totals(self.me, time)


class Waves:
    """The waves of one simulation. `done`: how many there were; `observed`: whether anybody watches the news."""

    @classmethod
    def of(cls, plan: Plan, observed: bool = False) -> Waves | None:
        """None where the scenario is such that there can be none."""
        scenario, settings, network = plan.scenario, plan.settings, plan.network
        gossip = settings.gossip["blocks"]
        if (
            scenario.trace == "full"
            or gossip.strategy.bulk is None
            # What a class inherits is said of another's handlers, not of its own.
            or "bulk" not in vars(gossip.strategy)
            or "unison" not in vars(settings.protocol)
            or settings.protocol.counted  # votes that may be handed over later
            or scenario.compute.measured
            or settings.misbehaviour
            or any(plan.rewired.values())
            or not network.adversary.quiet
            or not all(clock.true for clock in network.clocks)
        ):
            return None
        edges = Edges(network)
        costs = scenario.compute
        bulk = gossip.strategy.bulk(gossip.parameters, MESSAGE_KINDS.index("blocks"))
        if not edges.free or not bulk.possible(edges, not (costs.sign or costs.verify or costs.execute)):
            return None
        return cls(plan, edges, bulk, observed)

    def __init__(self, plan: Plan, edges: Edges, bulk: Bulk, observed: bool) -> None:
        self.plan = plan
        self.done = 0
        self.observed = observed
        self.restarted = True  # since the last wave: draws have other keys then
        self.about: Message | None = None  # what is handled at present
        self._edges = edges
        self._bulk = bulk
        self._loop: Loop
        self._nodes: list[Present] = []
        size = plan.network.size
        self._present: set[int] = set()
        self._group = np.full(size, -1)  # of absent nodes that are in unison
        self._speakers: dict[int, int] = {}  # by group: who has run everything
        self._groups = 0  # that there ever were
        # Of absent nodes, what they do not have in their own books:
        self._sequences = np.zeros(size, np.int64)
        self._rows = np.zeros(size, np.int64)
        self._totals: dict[int, NDArray[np.int64]] = {}  # by tag: (sent, delivered, repeated) × (copies, bytes) × node
        self._waves: list[_Missed] = []
        self._run = np.zeros(size, np.int64)  # by node: how many of the waves it has run
        self._starters = self._who_starts()
        self._shortest = 0  # a wave takes longer than so much (ns), in all likelihood
        self._failed = 0  # broadcasts one after the other that were looked at in vain
        self._patience = 0  # broadcasts that are not looked at

    def node(self, loop: Loop, me: int, incarnation: int, since: int, store: Store) -> Present:
        """Make a node of the loop, or one that will be made. All are made in order."""
        self._loop = loop
        node: Present
        if me in self._starters or self.plan.lives[me][0][0] != 0:
            node = Present(self, loop, me, incarnation, since, store)
            self._present.add(me)
        else:
            node = Dormant(self, loop, me, store)
            self._group[me] = 0
            self._speakers.setdefault(0, me)
            self._groups = 1
        self._nodes.append(node)
        return node

    def _who_starts(self) -> Collection[int]:
        """Who is to be made when the run begins."""
        settings, network = self.plan.settings, self.plan.network
        starters = None
        if "starters" in vars(settings.protocol) and all(
            choice.strategy.start is Strategy.start for choice in settings.gossip.values()
        ):
            starters = settings.protocol.starters(network.validators, settings.parameters)
        return range(network.size) if starters is None else frozenset(starters)

    # --- those who are absent ---------------------------------------------------------------------------------------

    def recall(self, node: Absent) -> None:
        """Something touches a node: it runs what it has missed, and is as if it had always been there."""
        self._catch_up(node)
        self.count(node)
        me = node.me
        node.__class__ = Present  # type: ignore[assignment]
        self._group[me] = -1
        self._present.add(me)

    def count(self, node: Present) -> None:
        """Enter into a node's own books what waves have counted for it."""
        node.take(self._sequences.item(node.me), self._rows.item(node.me), self._totals)
        self._rows[node.me] = 0

    def _catch_up(self, node: Present) -> None:
        if isinstance(node, Dormant):
            node.wake()
        run = self._run.item(node.me)
        if run < len(self._waves):
            node.catch_up(self._waves[run:])
            self._run[node.me] = len(self._waves)

    def _remember(self, missed: _Missed) -> None:
        if (len(self._waves) + 1) * len(self._nodes) > _MOST_MISSED:
            for node in self._nodes:
                self._catch_up(node)
            self._waves.clear()
            self._run[:] = 0
        self._waves.append(missed)

    # --- those who are dormant --------------------------------------------------------------------------------------

    def started(self, me: int, time: int) -> None:
        """Write the row that says so."""
        self.restarted = True
        if self._write(me, time, "start"):
            self._rows[me] += 1

    def write_totals(self, me: int, time: int) -> None:
        """What waves have counted, as `Node.totals` writes it."""
        for number, kind in enumerate(("sent", "delivered", "repeated")):
            for tag in sorted(self._totals):
                count, size = self._totals[tag][number, :, me].tolist()
                if count:
                    self._write(me, time, kind, count, size, tag)

    def _write(self, me: int, time: int, kind: str, height: int = -1, size: int = 0, detail: int = 0) -> bool:
        code = self.plan.codes[kind]
        if self.plan.kept[code]:
            self._loop.recorder.rows.extend((time, me, code, 0, height, -1, -1, -1, size, -1, detail))
        return self.plan.kept[code]

    # --- a wave -----------------------------------------------------------------------------------------------------

    def spread(self, origin: Present) -> bool:
        """Spread what a node is about to broadcast, if nothing can come in between; whether it was done."""
        assert origin.intent is not None
        message, at, _ = origin.intent
        before = min(self._loop.next(), self._loop.end)  # all must be over by then
        if before - at <= self._shortest or (self._edges.stateful and at < self._loop.landed):
            return False
        if self._patience:
            self._patience -= 1
            return False
        if isinstance(message, Signed) and self._wave(origin, message, at, before):
            self._failed = 0
            origin.intent = None
            return True
        self._failed += 1
        self._patience = min(1 << min(self._failed, 10) >> 2, _MOST_PATIENCE)
        return False

    def _wave(self, origin: Present, message: Signed, at: int, before: int) -> bool:
        if (
            message.claim is not None
            or message.signer != origin.me
            or message.size > self._edges.unhindered
            or origin.queue
        ):
            return False
        nodes, compute = self._nodes, self.plan.scenario.compute
        for me in self._present:
            node = nodes[me]
            if node.down or node.queue or (node.free > at and node is not origin):
                return False
            self._sequences[me] = node.next_sequence
        groups = self._in_unison(origin, message)
        if groups is None:
            return False
        if self.restarted:
            self._edges.begin([node.incarnation for node in nodes])
            self.restarted = False
        spread = self._bulk.spread(self._edges, origin.me, at, message, self._sequences, compute.verify)
        if spread is None:
            return False
        last = int(spread.times.max())
        if last >= NEVER:  # who is not reached would be in unison no more
            return False
        work = compute.verify + compute.execute * sum(batch.count for batch in message.bodies)
        end = max(spread.end, last + work, origin.free)
        apart = origin.actor.consensus.apart(message)
        if end >= before or not self.plan.network.rules.calm(at, end):
            return False
        if any(earliest <= end for node, earliest in apart.items() if node != origin.me):
            return False
        self._apply(origin, message, spread, groups, [node for node in apart if node != origin.me], work)
        length = end - at
        self._shortest = length // 2 if not self.done else min(self._shortest, length // 2)
        self.done += 1
        return True

    def _in_unison(self, origin: Present, message: Signed) -> dict[int, list[int]] | None:
        """Who is in unison about a message: by group its present members. None where somebody is not simple."""
        by_state: dict[Hashable, int] = {}
        for group in list(self._speakers):
            speaker = self._speakers[group]
            if self._group.item(speaker) != group:  # it was touched: another one speaks for the group
                self._appoint(group)
                if group not in self._speakers:
                    continue
                speaker = self._speakers[group]
            self._catch_up(self._nodes[speaker])  # the first one of all is dormant
            state = self._nodes[speaker].actor.unison(message)
            if state is None:
                return None
            other = by_state.setdefault(state, group)
            if other != group:
                self._group[self._group == group] = other
                del self._speakers[group]
        joining: dict[int, list[int]] = {group: [] for group in self._speakers}
        for me in sorted(self._present):
            if me == origin.me:
                continue
            state = self._nodes[me].actor.unison(message)
            if state is None:
                return None
            found = by_state.get(state)
            if found is None:
                found = by_state[state] = self._groups
                self._groups += 1
            joining.setdefault(found, []).append(me)
        return joining

    def _apply(
        self,
        origin: Present,
        message: Signed,
        spread: Spread,
        groups: dict[int, list[int]],
        apart: list[int],
        work: int,
    ) -> None:
        """Let a wave have happened."""
        nodes = self._nodes
        for node in (nodes[me] for me in apart):
            if isinstance(node, Absent):
                self.recall(node)
        self._gather(groups, apart)
        self.about = message
        missed = _Missed(message, spread.times, spread.senders)
        self._remember(missed)
        self._sequences += spread.used
        for traffic in spread.traffic:
            self._add(traffic)
        for me in apart:
            self._expect(nodes[me].learn(missed, REACTING), work)
        origin.actor.passed(message)
        for me in (origin.me, *apart):
            self.count(nodes[me])
            self._run[me] = len(self._waves)
        for group in self._speakers:
            self._speak(group, missed, work)

    def _gather(self, groups: dict[int, list[int]], apart: list[int]) -> None:
        """Who is present joins its group and is absent from now on; one of each group has run everything."""
        for group, members in groups.items():
            for me in members:
                if me not in apart:
                    self._group[me] = group
                    self._present.discard(me)
                    self._nodes[me].__class__ = Absent
            speaker = self._speakers.get(group)
            if speaker is None or self._group.item(speaker) != group:
                self._appoint(group)

    def _appoint(self, group: int) -> None:
        """Let the first of a group speak for it, if there is any."""
        members = np.flatnonzero(self._group == group)
        if len(members):
            speaker = self._speakers[group] = int(members[0])
            self._catch_up(self._nodes[speaker])
        else:
            self._speakers.pop(group, None)

    def _speak(self, group: int, missed: _Missed, work: int) -> None:
        """One node of a group runs its handler; its rows are written for all, each at its own time."""
        speaker = self._nodes[self._speakers[group]]
        recorder, news = self._loop.recorder, self._loop.news
        rows, told = len(recorder.rows), len(news)
        luck = speaker.rng.getstate()
        self._expect(speaker.learn(missed, REPRESENTING), work)
        if speaker.rng.getstate() != luck:
            speaker.found_out("draws")
        self._run[speaker.me] = len(self._waves)
        pattern = np.array(recorder.rows[rows:], np.int64).reshape(-1, _WIDTH)
        message = news[told:]
        del recorder.rows[rows:], news[told:]
        members = np.flatnonzero(self._group == group)
        later = missed.times[members] - missed.times[speaker.me]
        if len(pattern):
            table = np.repeat(pattern[None], len(members), axis=0)
            table[:, :, _TIME] += later[:, None]
            table[:, :, _NODE] = members[:, None]
            recorder.table(table)
        self._rows[members] += len(pattern)
        self._rows[speaker.me] -= len(pattern)  # it has counted them itself
        if self.observed:
            for proposal, _, block, time in message:
                news.extend(
                    (proposal, me, block, time + by) for me, by in zip(members.tolist(), later.tolist(), strict=True)
                )

    def _expect(self, cost: int, work: int) -> None:
        if cost > work:
            raise NotInUnison(f"{self.about} costs {cost} ns of work, and {work} ns were to be expected")

    def _add(self, traffic: Traffic) -> None:
        table = self._totals.get(traffic.tag)
        if table is None:
            table = self._totals[traffic.tag] = np.zeros((3, 2, len(self._nodes)), np.int64)
        for total, copies in zip(table, (traffic.sent, traffic.delivered, traffic.repeated), strict=True):
            total[0] += copies
            total[1] += copies * traffic.size
