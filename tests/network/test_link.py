from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from netsim.network import Downlink, Uplink
from netsim.network.link import serialisation

bandwidths = st.sampled_from([1_000, 3 * 10**6, 10**9, 7 * 10**9])
sizes = st.integers(1, 10**6)
steps = st.integers(0, 10**9)

# What passes a link between two instants, in units in which bits and ns compare exactly.
BIT_NS = 8 * 10**9


@given(bandwidths, st.lists(st.tuples(steps, sizes, st.integers(1, 4)), min_size=1, max_size=4))
def test_an_uplink_never_carries_more_than_its_bandwidth(bandwidth: int, sends: list[tuple[int, int, int]]) -> None:
    uplink, now = Uplink(bandwidth), 0
    passed: list[tuple[int, int, int]] = []  # ready, departure, size of each copy
    for step, size, copies in sends:
        now += step
        departures = uplink.depart(now, size, copies)
        assert isinstance(departures, list)
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
    downlink, time = Downlink(bandwidth), 0
    passed = []
    for step, size in arrivals:
        time += step
        through = downlink.enter(time, size)
        assert through >= time + serialisation(size, bandwidth)
        passed.append((through, size))
    for first, last in combinations(range(len(passed)), 2):
        carried = sum(size for _, size in passed[first + 1 : last + 1])
        assert carried * BIT_NS <= bandwidth * (passed[last][0] - passed[first][0])


@given(bandwidths, steps, sizes, st.integers(1, 50))
def test_the_kth_copy_departs_k_serialisations_later(bandwidth: int, now: int, size: int, copies: int) -> None:
    exact = [now * bandwidth + copy * size * BIT_NS for copy in range(1, copies + 1)]
    assert Uplink(bandwidth).depart(now, size, copies) == [-(-each // bandwidth) for each in exact]


def test_a_link_that_is_free_does_not_make_anyone_wait() -> None:
    uplink = Uplink(8 * 10**9)  # a byte in a ns
    assert uplink.depart(100, 50, 2) == [150, 200]
    assert uplink.depart(120, 10, 1) == [210]
    assert uplink.depart(1000, 10, 1) == [1010]
    downlink = Downlink(8 * 10**9)
    assert [downlink.enter(100, 50), downlink.enter(110, 50), downlink.enter(1000, 50)] == [150, 200, 1050]


@given(steps, sizes, st.integers(1, 50))
def test_an_unlimited_uplink_lets_everything_go_at_once(now: int, size: int, copies: int) -> None:
    uplink = Uplink(None)
    assert uplink.depart(now, size, copies) == now
    assert uplink.depart(now, size, copies) == now
