from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.network import lines
from netsim.network.conditions import Outages
from netsim.network.link import (
    FreeDownlink,
    FreeUplink,
    OneAtATime,
    QueuedDownlink,
    QueuedUplink,
    serialisation,
)
from netsim.scenario.model import Choice, Handover, Link
from tests.network.worlds import MS, SECOND, lognormal, network, profile, uniform_ns

bandwidths = st.sampled_from([1_000, 3 * 10**6, 10**9, 7 * 10**9])
sizes = st.integers(1, 10**6)
steps = st.integers(0, 10**9)

# What passes a link between two instants, in units in which bits and ns compare exactly.
BIT_NS = 8 * 10**9


def to(copies: int) -> Sequence[int]:
    return range(1, copies + 1)


@given(bandwidths, st.lists(st.tuples(steps, sizes, st.integers(1, 4)), min_size=1, max_size=4))
def test_an_uplink_never_carries_more_than_its_bandwidth(bandwidth: int, sends: list[tuple[int, int, int]]) -> None:
    uplink, now = QueuedUplink(bandwidth), 0
    passed: list[tuple[int, int, int]] = []  # ready, departure, size of each copy
    for step, size, copies in sends:
        now += step
        begun, departures = uplink.depart(now, size, 0, to(copies))
        assert begun is departures
        assert len(departures) == copies
        passed += [(now, departure, size) for departure in departures]
    ends = [departure for _, departure, _ in passed]
    assert ends == sorted(ends)
    assert all(departure >= ready + serialisation(size, bandwidth) for ready, departure, size in passed)
    for first, last in combinations(range(len(passed)), 2):  # to the nanosecond, since departures are rounded up
        carried = sum(size for _, _, size in passed[first + 1 : last + 1])
        assert carried * BIT_NS < bandwidth * (ends[last] - ends[first] + 1)


@given(bandwidths, st.lists(st.tuples(steps, sizes), min_size=1, max_size=12))
def test_a_downlink_never_carries_more_than_its_bandwidth(bandwidth: int, arrivals: list[tuple[int, int]]) -> None:
    downlink, time = QueuedDownlink(bandwidth), 0
    passed = []
    for step, size in arrivals:
        time += step
        through = downlink.enter(time, size)
        assert through >= time + serialisation(size, bandwidth)
        passed.append((through, size))
    for first, last in combinations(range(len(passed)), 2):
        carried = sum(size for _, size in passed[first + 1 : last + 1])
        assert carried * BIT_NS <= bandwidth * (passed[last][0] - passed[first][0])


@given(bandwidths, st.lists(st.tuples(steps, sizes), min_size=1, max_size=12), st.booleans())
def test_several_at_once_come_through_as_one_after_the_other(
    bandwidth: int, arrivals: list[tuple[int, int]], interrupted: bool
) -> None:
    outages = Outages(Handover(every=SECOND, outage=50 * MS), 1, 0) if interrupted else None
    together, alone = (QueuedDownlink(bandwidth, outages) for _ in range(2))
    times = list(accumulate(step for step, _ in arrivals))
    sizes = [size for _, size in arrivals]
    packets = [field for time, size in zip(times, sizes, strict=True) for field in (time, 0, 0, size, 0, 0)]
    ends = [0] * len(times)
    together.enter_line(lines, packets, len(times), ends)
    assert ends == list(map(alone.enter, times, sizes))


@given(bandwidths, steps, sizes, st.integers(1, 50))
def test_the_kth_copy_departs_k_serialisations_later(bandwidth: int, now: int, size: int, copies: int) -> None:
    exact = [now * bandwidth + copy * size * BIT_NS for copy in range(1, copies + 1)]
    assert QueuedUplink(bandwidth).depart(now, size, 0, to(copies))[1] == [-(-each // bandwidth) for each in exact]


def test_a_link_that_is_free_does_not_make_anyone_wait() -> None:
    uplink = QueuedUplink(8 * 10**9)  # a byte in a ns
    assert uplink.depart(100, 50, 0, to(2))[1] == [150, 200]
    assert uplink.depart(120, 10, 1, to(1))[1] == [210]
    assert uplink.depart(1000, 10, 2, to(1))[1] == [1010]
    downlink = QueuedDownlink(8 * 10**9)
    assert [downlink.enter(100, 50), downlink.enter(110, 50), downlink.enter(1000, 50)] == [150, 200, 1050]


@given(steps, sizes, st.integers(1, 50))
def test_an_unlimited_uplink_lets_everything_go_at_once(now: int, size: int, copies: int) -> None:
    uplink = FreeUplink()
    assert uplink.depart(now, size, 0, to(copies)) == (now, now)
    assert uplink.depart(now, size, 1, to(copies)) == (now, now)


@given(bandwidths, st.lists(st.tuples(steps, sizes, st.integers(1, 4)), min_size=2, max_size=6), st.data())
def test_bytes_given_to_an_uplink_leave_though_the_node_crashes(
    bandwidth: int, sends: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    crash = data.draw(st.integers(1, len(sends) - 1))
    steady, uplink, now = QueuedUplink(bandwidth), QueuedUplink(bandwidth), 0
    for number, (step, size, copies) in enumerate(sends):
        now += step
        if number == crash:
            uplink = QueuedUplink(bandwidth, None, uplink.backlog())
        assert uplink.depart(now, size, number, to(copies)) == steady.depart(now, size, number, to(copies))


# --- outages ----------------------------------------------------------------------------------------------------------

HANDOVER = Handover(every=400 * MS, outage=60 * MS)


def outage(number: int) -> tuple[int, int]:
    """The outage of a window, found by looking at every half millisecond."""
    outages = Outages(HANDOVER, 1, 0)
    window = range(number * HANDOVER.every, (number + 1) * HANDOVER.every, MS // 2)
    end = max(outages.over(time, time + MS // 2) for time in window)
    return end - HANDOVER.outage, end


def test_a_queue_pauses_in_an_outage() -> None:
    begin, end = outage(0)
    outages = Outages(HANDOVER, 1, 0)
    rate = 8 * 10**6  # a byte in a µs
    uplink = QueuedUplink(rate, outages)
    now = begin - 10 * MS
    # ten thousand bytes are through just before it, ten thousand more wait for its end
    assert uplink.depart(now, 10_000, 0, to(2))[1] == [begin, end + 10 * MS]
    assert QueuedUplink(rate, outages).depart(begin - 4 * MS, 10_000, 0, to(1))[1] == [end + 6 * MS]
    assert QueuedUplink(rate, outages).depart(begin + MS, 10_000, 0, to(1))[1] == [end + 10 * MS]
    assert QueuedDownlink(rate, outages).enter(begin - 4 * MS, 10_000) == end + 6 * MS
    assert FreeUplink(outages).depart(begin, 10, 0, to(3)) == (end, end)
    assert FreeDownlink(outages).enter(end - 1, 10) == end
    assert FreeDownlink(outages).enter(end, 10) == end


def test_a_long_transmission_pauses_in_every_outage_on_its_way() -> None:
    outages = Outages(HANDOVER, 1, 0)
    (first,) = QueuedUplink(8 * 10**6, outages).depart(0, 1_000_000, 0, to(1))[1]  # a second of air
    passed = sum(end <= first for _, end in map(outage, range(4)))
    assert first == SECOND + passed * HANDOVER.outage
    assert passed >= 2


# --- one block at a time ----------------------------------------------------------------------------------------------


def test_the_next_block_leaves_when_the_one_before_has_arrived_and_small_messages_pass() -> None:
    def far(sequence: int, receiver: int, departure: int, size: int) -> int:
        return departure + receiver * MS

    uplink = OneAtATime(lambda _: FreeUplink(), far, None)
    assert uplink.depart(0, 2000, 0, (5, 7, 1)) == ([0, 5 * MS, 12 * MS], [0, 5 * MS, 12 * MS])
    assert uplink.depart(MS, 100, 1, (2, 3)) == (MS, MS)  # 13 ms is when the last block arrives
    assert uplink.depart(2 * MS, 1449, 2, (9,))[1] == [13 * MS]
    assert uplink.depart(3 * MS, 1448, 3, (7, 8))[1] == [5 * MS, 3 * MS]  # not before what was said to 7 earlier
    assert uplink.depart(30 * MS, 2000, 4, (1, 2))[1] == [30 * MS, 31 * MS]


def test_small_messages_pass_blocks_on_a_line_too() -> None:
    def far(sequence: int, receiver: int, departure: int, size: int) -> int:
        return departure + 100 * MS

    rate = 8 * 10**6  # a byte in a µs
    uplink = OneAtATime(lambda rest: QueuedUplink(rate, backlog=rest), far, None)
    assert uplink.depart(0, 10_000, 0, (1, 2))[1] == [10 * MS, 120 * MS]
    assert uplink.depart(MS, 1000, 1, (3, 2))[1] == [2 * MS, 120 * MS]
    again = OneAtATime(lambda rest: QueuedUplink(rate, backlog=rest), far, uplink.backlog())
    assert again.depart(2 * MS, 1000, 2, (3,))[1] == [4 * MS], "what was given to the line still leaves"
    assert again.depart(3 * MS, 10_000, 3, (3,))[1] == [230 * MS]


def test_a_block_that_is_under_way_at_a_crash_still_holds_up_the_next() -> None:
    def slow(sequence: int, receiver: int, departure: int, size: int) -> int:
        return departure + 50 * MS

    uplink = OneAtATime(lambda _: FreeUplink(), slow, None)
    uplink.depart(0, 2000, 0, (1, 2))
    again = OneAtATime(lambda _: FreeUplink(), slow, uplink.backlog())
    assert again.depart(10 * MS, 2000, 0, (3,))[1] == [100 * MS]


@pytest.mark.parametrize("loss", [0.0, 0.02])
@pytest.mark.parametrize("bandwidth", [None, 20 * 10**6])
@pytest.mark.parametrize("topology", ["complete", "ring"])
def test_a_sender_knows_when_its_block_arrives(bandwidth: int | None, loss: float, topology: str) -> None:
    """It computes what its receivers find, whether they are its neighbours or not."""
    access = replace(
        profile("home", uniform_ns(MS, 9 * MS), lognormal(3 * MS, 0.5), MS, None, 30 * 10**6), one_at_a_time=True
    )
    links = [Link("shenzhen", "suzhou", lognormal(30 * MS, 0.4), 4 * MS, loss, bandwidth)]
    net = network({"shenzhen": 2, "suzhou": 3}, access=[access], links=links, delay=MS, overlay=Choice(topology, {}))
    incarnation = 3
    uplink = net.uplink(0, incarnation)
    inbound = net.inbound([1, 2, 3, 4])
    now = 0
    for sequence in range(40):
        receivers = [4, 2, 3, 1][: 1 + sequence % 4]
        _, departures = uplink.depart(now, 50_000, sequence, receivers)
        assert isinstance(departures, list)
        arrivals = inbound.arrive(0, incarnation, sequence, receivers, departures, 50_000)
        assert departures == [now, *arrivals.times[:-1]]
        now = arrivals.times[-1] + sequence * MS
