"""The receiving ends against a plain model of one flow, written from the documentation, a draw at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.network import Inbound, Network
from netsim.network.bursts import GilbertElliott
from netsim.network.congestion import BusyHour
from netsim.network.distribution import compiled, uniform
from netsim.network.draws import draw, key
from netsim.network.geography import fibre_delay
from netsim.network.loss import Loss
from netsim.scenario.model import Bursts, Choice, Congestion, Link, Scenario
from tests.network.worlds import LOCATIONS, MS, SECOND, constant, lognormal, network, profile, scenario, uniform_ns

RADIO = profile("radio", lognormal(5 * MS, 0.6), uniform_ns(MS, 4 * MS), core=2 * MS)
LINE = profile("line", MS // 2, MS // 4)
WITHIN = Link("shenzhen", "shenzhen", constant(MS // 10), jitter=MS)
ACROSS = Link("shenzhen", "suzhou", lognormal(9 * MS, 0.3), jitter=5 * MS, loss=0.2, bandwidth=10**7)
CITIES = {"shenzhen": 3, "hong-kong": 2, "suzhou": 3}
LIMITED = profile("limited", MS // 2, MS, bandwidth_up=10**8, bandwidth_down=3 * 10**8)
LIMITED_RADIO = profile("limited radio", lognormal(5 * MS, 0.6), uniform_ns(MS, 4 * MS), bandwidth_up=2 * 10**7)
STORMY = replace(ACROSS, bandwidth=None, bursts=Bursts(0.3, 0.8, 40 * MS))
BUSY = replace(WITHIN, congestion=Congestion(30 * MS, 0.3, 12 * 3600 * SECOND))


def with_transport(world: Scenario, **options: object) -> Scenario:
    return replace(world, transport=Choice(world.transport.name, options))


WORLDS: dict[str, Scenario] = {
    "constant": scenario({"shenzhen": 7}, delay=20 * MS),
    "no delay at all": scenario({"shenzhen": 5}, delay=0),
    "by geography": scenario(CITIES),
    "jitter": scenario(CITIES, links=[WITHIN]),
    "radio and line": scenario(CITIES, access=[RADIO, LINE]),
    "loss and bandwidth": scenario(CITIES, access=[LINE, RADIO], links=[ACROSS, WITHIN]),
    "loss alone": scenario({"shenzhen": 4}, links=[Link("shenzhen", "shenzhen", loss=0.4)]),
    "far and lossy": scenario(
        {"shenzhen": 2, "suzhou": 2},
        access=[LINE, RADIO],
        links=[Link("shenzhen", "suzhou", constant(90 * MS), loss=0.4), Link("suzhou", "shenzhen", constant(60 * MS))],
    ),
    "bandwidth alone": scenario({"shenzhen": 4}, links=[Link("shenzhen", "shenzhen", bandwidth=10**6)]),
    "datagram": scenario(CITIES, access=[RADIO], links=[ACROSS, WITHIN], transport="datagram"),
    "datagram, constant": scenario({"shenzhen": 4}, delay=MS, transport="datagram"),
    "bursts": scenario(CITIES, links=[STORMY]),
    "bursts in datagrams": scenario(CITIES, access=[RADIO], links=[STORMY], transport="datagram"),
    "the busy hour": scenario(CITIES, access=[LINE], links=[BUSY, replace(STORMY, congestion=BUSY.congestion)]),
    "windows, constant": scenario({"shenzhen": 2, "suzhou": 4}, access=[LIMITED]),
    "windows, drawn": scenario(CITIES, access=[LIMITED_RADIO, LINE], links=[WITHIN]),
    "windows and all the rest": scenario(
        CITIES,
        access=[LIMITED_RADIO, LIMITED],
        links=[BUSY, replace(STORMY, bandwidth=10**8, congestion=BUSY.congestion)],
    ),
    "windows of another kind": with_transport(
        scenario(CITIES, access=[LIMITED], links=[WITHIN]), initial_window=3, receive_window=30_000, idle_reset="no"
    ),
    "no windows": with_transport(scenario(CITIES, access=[LIMITED], links=[ACROSS]), initial_window=None),
    "ring": scenario({"shenzhen": 9}, access=[RADIO, LINE], overlay=Choice("ring", {}), delay=3 * MS),
    "many": scenario({"shenzhen": 40, "suzhou": 40}, access=[LINE, RADIO], links=[ACROSS]),
}


@cache
def net(world: str) -> Network:
    return Network(WORLDS[world])


@dataclass
class Message:
    sender: int
    incarnation: int
    sequence: int
    receivers: list[int]
    departures: list[int]
    alike: bool  # all copies depart at once, and the departure is given as one number
    size: int


def through(size: int, rate: int) -> int:
    return -(-size * 8 * SECOND // rate)


@dataclass
class PacketByPacket:
    """The congestion window, with each packet on its own."""

    rate: int
    round_trip: int
    initial: int
    most: int
    reset: bool
    window: int = field(init=False)
    threshold: float = float("inf")
    used: int = 0
    end: float = float("-inf")
    sent: float = float("-inf")
    spoilt: bool = False

    def __post_init__(self) -> None:
        self.window = self.initial

    def turn(self, now: int) -> None:
        self.used = 0
        self.spoilt = False
        self.end = now + max(self.round_trip, through(self.window * 1448, self.rate))

    def grow(self) -> None:
        if self.spoilt or self.used < self.window:
            return
        slow = self.window < self.threshold
        for _ in range(self.window if slow else 1):  # each acknowledgement of a packet, or one round
            if self.window < self.most and not (slow and self.window >= self.threshold):
                self.window += 1

    def wait(self, departure: int, size: int) -> int:
        now = int(max(departure - through(size, self.rate), self.sent))
        if now >= self.end:
            self.grow()
            if self.reset and self.window > self.initial:
                timeout = max(200 * MS, 2 * self.round_trip)
                idle, before = now - self.sent, self.window
                if idle >= timeout:
                    self.threshold = max(self.threshold, before * 3 // 4)
                while idle >= timeout and self.window > self.initial:
                    self.window = max(self.window // 2, self.initial)
                    idle -= timeout
            self.turn(now)
        done = 0
        while size > 0:
            if self.used >= self.window:
                clock = now + through(done, self.rate)
                if clock < self.end:
                    clock = now = int(self.end)
                    done = 0
                self.grow()
                self.turn(clock)
            self.used += 1
            done += min(size, 1448)
            size -= 1448
        self.sent = now + through(done, self.rate)
        return self.sent - departure

    def lost(self, by_timer: bool) -> None:
        self.threshold = max(2, self.window // 2)
        self.window = min(self.window, self.initial) if by_timer else int(self.threshold)
        self.spoilt = True


@dataclass
class Flow:
    """The model: what a scenario says of one sender, its incarnation and one receiver."""

    world: Scenario
    sender: int
    incarnation: int
    receiver: int
    idle: int = 0
    arrived: int = 0
    here: str = field(init=False)
    there: str = field(init=False)
    window: PacketByPacket | None = field(init=False)

    def __post_init__(self) -> None:
        self.here = self.world.nodes[self.sender].site
        self.there = self.world.nodes[self.receiver].site
        profiles = [self.world.access[self.world.nodes[node].access] for node in (self.sender, self.receiver)]
        rates = [profiles[0].bandwidth_up, self.link(self.here, self.there).bandwidth, profiles[1].bandwidth_down]
        options: dict[str, Any] = {"initial_window": 10, "receive_window": 1 << 22, "idle_reset": "yes"}
        options |= self.world.transport.parameters
        self.window = None
        if self.world.transport.name == "stream" and options["initial_window"] is not None and any(rates):
            self.window = PacketByPacket(
                min(rate for rate in rates if rate is not None),
                self.round_trip,
                options["initial_window"],
                options["receive_window"] // 1448,
                options["idle_reset"] == "yes",
            )

    @property
    def round_trip(self) -> int:
        return self.shortest(self.sender, self.receiver) + self.shortest(self.receiver, self.sender)

    def link(self, source: str, target: str) -> Link:
        links = {(link.source, link.target): link for link in self.world.backbone.links}
        link = links.get((source, target), Link(source, target))
        if link.delay is not None:
            return link
        own = self.world.backbone.delay
        if own is None:
            factor = self.world.backbone.route_factor
            own = constant(0 if source == target else fibre_delay(LOCATIONS[source], LOCATIONS[target], factor))
        return replace(link, delay=own)

    def shortest(self, a: int, b: int) -> int:
        here, there = (self.world.access[self.world.nodes[node].access] for node in (a, b))
        link = self.link(self.world.nodes[a].site, self.world.nodes[b].site)
        assert link.delay is not None
        drawn = (here.up, here.core, link.delay, there.down, there.core)
        return sum(compiled(distribution).minimum for distribution in drawn)

    def send(self, sequence: int, departure: int, size: int) -> tuple[int, tuple[int, ...], bool]:
        """When the copy arrives, the parts of its way, and whether it is lost."""

        def luck(purpose: str) -> int:
            return draw(key(self.world.seed, purpose, self.sender, self.incarnation, self.receiver), sequence)

        here, there = (self.world.access[self.world.nodes[node].access] for node in (self.sender, self.receiver))
        link = self.link(self.here, self.there)
        assert link.delay is not None
        held = 0
        large = self.window is not None and size > self.window.initial * 1448
        if self.window is not None and large:
            held = self.window.wait(departure, size)
        up = compiled(here.core).at(luck("core-up")) + compiled(here.up).at(luck("access-up"))
        span = compiled(link.delay).at(luck("backbone")) + uniform(0, link.jitter).at(luck("jitter"))
        ready = departure + held + up
        seed, sites = self.world.seed, list(self.world.sites)
        bursts = busy_hour = None
        if link.bursts is not None:
            way = sites.index(self.here), sites.index(self.there)
            bursts = GilbertElliott(link.bursts.share, link.bursts.lasts, seed, *way)
        if link.congestion is not None:
            busy_hour = BusyHour(link.congestion, self.world.backbone.time_of_day)
            span += busy_hour.delay(ready)
        if link.bandwidth is not None:
            self.idle = max(ready, self.idle) + through(size, link.bandwidth)
            span += self.idle - ready
        again, lost = 0, False
        loss = Loss(link.loss, self.round_trip, bursts, link.bursts.loss if link.bursts else 0.0, busy_hour)
        if luck("loss") < loss.odds(size, ready):
            lost = self.world.transport.name == "datagram"
            if not lost:
                again, by_timer = loss.recovery(luck("loss"), size, ready)
                if self.window is not None and large:
                    self.window.lost(by_timer)
        down = compiled(there.core).at(luck("core-down")) + compiled(there.down).at(luck("access-down"))
        time = departure + held + max(1, up + span + again + down)
        if self.world.transport.name == "stream":
            self.arrived = time = max(time, self.arrived)
        return time, (up, span, held + again, down, time - departure - held - up - span - again - down), lost


@st.composite
def histories(draw: st.DrawFn) -> tuple[str, list[Message]]:
    """A world, and messages in each sender's order, mostly to many receivers, some to one."""
    world = draw(st.sampled_from(sorted(WORLDS)))
    nodes = len(WORLDS[world].nodes)
    senders = draw(st.lists(st.integers(0, nodes - 1), min_size=1, max_size=3, unique=True))
    clock = dict.fromkeys(senders, 0)
    sequence = dict.fromkeys(senders, 0)
    incarnation = dict.fromkeys(senders, 0)
    messages = []
    for _ in range(draw(st.integers(1, 12))):
        sender = draw(st.sampled_from(senders))
        if draw(st.integers(0, 9)) == 0:
            incarnation[sender] += 1
            sequence[sender] = 0
        sequence[sender] += draw(st.sampled_from([1, 1, 1, 2, 300]))
        others = [node for node in range(nodes) if node != sender]
        some = draw(st.lists(st.sampled_from(others), min_size=1, max_size=6, unique=True))
        receivers = draw(st.sampled_from([others, list(net(world).peers[sender]), some, some[:1]]))
        start = clock[sender] = clock[sender] + draw(st.sampled_from([0, 1, MS, SECOND]))
        step = draw(st.sampled_from([0, 0, 7000]))
        departures = [start + step * place for place in range(len(receivers))]
        clock[sender] = departures[-1]
        size = draw(st.sampled_from([1, 300, 5000, 10 * 1448, 10 * 1448 + 1, 10**5, 7 * 10**5]))
        messages.append(Message(sender, incarnation[sender], sequence[sender], receivers, departures, step == 0, size))
    return world, messages


def hand_over(inbound: Inbound, message: Message) -> dict[int, tuple[int, tuple[int, ...] | None, bool]]:
    """Give a process the copies that are for it; what becomes of each, by receiver."""
    here = [place for place, receiver in enumerate(message.receivers) if receiver in inbound.receivers]
    if not here:
        return {}
    receivers = [message.receivers[place] for place in here]
    departures = message.departures[0] if message.alike else [message.departures[place] for place in here]
    arrivals = inbound.arrive(
        message.sender, message.incarnation, message.sequence, receivers, departures, message.size
    )
    assert len(arrivals.times) == len(receivers)
    lost = arrivals.lost or frozenset()
    return {
        receiver: (time, arrivals.parts[place] if arrivals.parts else None, place in lost)
        for place, (receiver, time) in enumerate(zip(receivers, arrivals.times, strict=True))
    }


@settings(max_examples=150)
@given(histories(), st.randoms(use_true_random=False), st.booleans())
def test_whatever_the_processes_each_flow_is_as_documented(
    history: tuple[str, list[Message]], chance: Random, parts: bool
) -> None:
    """Any split of the receivers, any interleaving of the senders: each copy is what the model of its flow says."""
    world, messages = history
    network = net(world)
    nodes = list(range(network.size))
    chance.shuffle(nodes)
    cuts = sorted(chance.sample(range(1, network.size), chance.randint(0, min(3, network.size - 1))))
    groups = [nodes[a:b] for a, b in zip([0, *cuts], [*cuts, network.size], strict=True)]

    flows: dict[tuple[int, int, int], Flow] = {}
    expected = {}
    for message in messages:
        for receiver, departure in zip(message.receivers, message.departures, strict=True):
            name = (message.sender, message.incarnation, receiver)
            flow = flows.setdefault(name, Flow(WORLDS[world], *name))
            expected[*name, message.sequence] = flow.send(message.sequence, departure, message.size)

    for group in groups:
        inbound = network.inbound(group, parts=parts)
        waiting = {sender: [m for m in messages if m.sender == sender] for sender in {m.sender for m in messages}}
        while waiting:  # the senders in any order, each one's messages in theirs
            sender = chance.choice(sorted(waiting))
            message = waiting[sender].pop(0)
            if not waiting[sender]:
                del waiting[sender]
            for receiver, (time, found, lost) in hand_over(inbound, message).items():
                copy = (message.sender, message.incarnation, receiver, message.sequence)
                want_time, want_parts, want_lost = expected.pop(copy)
                assert (time, lost) == (want_time, want_lost)
                assert found == (want_parts if parts else None)
    assert not expected


@settings(max_examples=60)
@given(histories())
def test_a_stream_keeps_order_and_nothing_is_faster_than_the_least_delay(history: tuple[str, list[Message]]) -> None:
    world, messages = history
    network = net(world)
    inbound = network.inbound(range(network.size), parts=True)
    previous: dict[tuple[int, int, int], int] = {}
    for message in messages:
        departures = dict(zip(message.receivers, message.departures, strict=True))
        for receiver, (time, parts, lost) in hand_over(inbound, message).items():
            assert parts is not None
            assert time - departures[receiver] == sum(parts) >= max(1, network.minimum(message.sender, receiver))
            assert min(parts) >= 0
            name = (message.sender, message.incarnation, receiver)
            if network.transport == "stream":
                assert not lost
                assert time >= previous.get(name, 0)
                previous[name] = time
            else:
                assert parts[2] == 0
                assert parts[4] <= 1


def test_another_seed_draws_other_delays() -> None:
    times = [
        network(CITIES, access=[RADIO], seed=seed).inbound(range(8)).arrive(0, 0, 0, [5], 0, 1).times for seed in (1, 2)
    ]
    assert times[0] != times[1]


def test_constant_links_take_exactly_their_delay() -> None:
    inbound = net("constant").inbound(range(7))
    assert inbound.arrive(0, 0, 0, [1, 2, 3], 5, 100).times == [20 * MS + 5] * 3
    assert inbound.arrive(0, 0, 1, [3, 1], [10, 20], 100).times == [20 * MS + 10, 20 * MS + 20]


def test_a_link_without_delay_takes_a_nanosecond() -> None:
    arrivals = net("no delay at all").inbound(range(5), parts=True).arrive(0, 0, 0, [1, 2], 7, 100)
    assert arrivals.times == [8, 8]
    assert arrivals.parts == [(0, 0, 0, 0, 1)] * 2


def test_a_backbone_flow_is_never_faster_than_its_bandwidth() -> None:
    """1 Mbit/s: 125 bytes in a millisecond, and a flow waits for itself alone."""
    inbound = net("bandwidth alone").inbound(range(4))
    assert [inbound.arrive(0, 0, n, [1], 0, 125).times for n in range(3)] == [[MS], [2 * MS], [3 * MS]]
    assert inbound.arrive(0, 0, 3, [2, 1], 10 * MS, 125).times == [11 * MS, 11 * MS]
    assert inbound.arrive(1, 0, 0, [2], 10 * MS, 125).times == [11 * MS]
    assert inbound.arrive(0, 1, 0, [1], 10 * MS, 125).times == [11 * MS]  # a new incarnation is a new flow


def test_a_stream_pays_for_a_loss_with_time_and_a_datagram_with_the_message() -> None:
    lossy = Link("shenzhen", "shenzhen", constant(10 * MS), loss=0.3)
    stream = network({"shenzhen": 2}, links=[lossy]).inbound([0, 1], parts=True)
    datagram = network({"shenzhen": 2}, links=[lossy], transport="datagram").inbound([0, 1])
    repeats: list[int] = []
    lost = 0
    for n in range(2000):
        arrivals = stream.arrive(0, 0, n, [1], n * 100 * SECOND, 1000)
        assert arrivals.lost is None
        assert arrivals.parts is not None
        repeats.append(arrivals.parts[0][2])
        gone = datagram.arrive(0, 0, n, [1], n * 100 * SECOND, 1000)
        lost += gone.lost is not None
        assert (gone.lost is not None) == (repeats[-1] > 0)  # the same luck in both transports
        assert gone.times == [n * 100 * SECOND + 10 * MS]
    assert lost / 2000 == pytest.approx(0.3, abs=0.05)  # five standard deviations of the mean
    assert repeats.count(200 * MS) / 2000 == pytest.approx(0.3 * 0.7, abs=0.05)
    assert repeats.count(600 * MS) / 2000 == pytest.approx(0.09 * 0.7, abs=0.03)


def test_losses_of_different_receivers_are_independent() -> None:
    inbound = network({"shenzhen": 3}, links=[Link("shenzhen", "shenzhen", loss=0.5)], transport="datagram").inbound(
        range(3)
    )
    both = sum(inbound.arrive(0, 0, n, [1, 2], n, 10).lost == frozenset({0, 1}) for n in range(2000))
    assert both / 2000 == pytest.approx(0.25, abs=0.05)


def test_delays_have_the_distribution_that_the_scenario_names() -> None:
    inbound = network({"shenzhen": 3}, access=[RADIO], transport="datagram").inbound(range(3), parts=True)
    ups, downs = [], []
    for n in range(5000):
        parts = inbound.arrive(0, 0, n, [1, 2], 0, 10).parts
        assert parts is not None
        ups += [each[0] for each in parts]
        downs += [each[3] for each in parts]
    assert sorted(ups)[5000] == pytest.approx(7 * MS, rel=0.05)
    assert sorted(downs)[5000] == pytest.approx(4.5 * MS, rel=0.05)
    assert sum(downs) / 10000 == pytest.approx(4.5 * MS, rel=0.05)
