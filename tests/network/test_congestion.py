import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.network.congestion import BusyHour
from netsim.scenario.model import Congestion, Link
from tests.network.worlds import MS, SECOND, constant, network

HOUR = 3600 * SECOND
PEAK = 21 * HOUR


@pytest.mark.parametrize(
    ("hour", "share"), [(21, 1), (9, 0), (3, 0.5), (15, 0.5), (0, 0.8536), (18, 0.8536), (6, 0.1464)]
)
def test_the_day_has_a_peak_and_a_quiet_hour_opposite(hour: int, share: float) -> None:
    for begin in (0, 5 * HOUR, 23 * HOUR):
        busy = BusyHour(Congestion(10 * MS, 0.2, PEAK), begin)
        time = (hour * HOUR - begin) % (24 * HOUR)
        assert busy.delay(time) == pytest.approx(share * 10 * MS, abs=MS // 1000)
        assert busy.loss(time) == pytest.approx(share * 0.2, abs=1e-5)
        assert busy.delay(time + 48 * HOUR) == busy.delay(time)


@given(st.integers(0, 10**15), st.integers(0, 24 * HOUR), st.integers(0, 24 * HOUR), st.integers(0, 10**9))
def test_it_only_ever_adds_and_never_more_than_at_the_peak(time: int, begin: int, peak: int, delay: int) -> None:
    busy = BusyHour(Congestion(delay, 0.5, peak), begin)
    assert 0 <= busy.delay(time) <= delay
    assert 0 <= busy.loss(time) <= 0.5
    assert busy.delay((peak - begin) % (24 * HOUR)) == delay


def test_the_course_is_within_a_quarter_of_a_percent_of_the_cosine() -> None:
    from math import cos, tau

    busy = BusyHour(Congestion(10**9, 1.0, PEAK), 0)
    for time in range(0, 24 * HOUR, 11 * SECOND):
        assert busy.delay(time) / 10**9 == pytest.approx((1 + cos(tau * (time - PEAK) / (24 * HOUR))) / 2, abs=0.0022)


def test_the_busy_hour_comes_on_top_of_a_link_that_draws_nothing() -> None:
    """The scenario begins at noon, so a peak at noon is now and one at midnight is far away."""
    for peak, extra in ((12, 7), (0, 0), (6, 3.5)):
        link = Link("shenzhen", "suzhou", constant(9 * MS), congestion=Congestion(7 * MS, 0.0, peak * HOUR))
        net = network({"shenzhen": 1, "suzhou": 2}, links=[link])
        assert net.path(0, 1).minimum == net.path(0, 1).median == 9 * MS
        inbound = net.inbound([1, 2], parts=True)
        arrivals = inbound.arrive(0, 0, 0, [1, 2], 5, 100)
        assert arrivals.times == [5 + (9 + extra) * MS] * 2
        assert arrivals.parts == [(0, (9 + extra) * MS, 0, 0, 0)] * 2
        assert inbound.arrive(0, 0, 1, [1], 12 * HOUR, 100).times == [12 * HOUR + (9 + 7 - extra) * MS]


def test_the_busy_hour_loses_more() -> None:
    def lost(peak: int) -> float:
        link = Link("shenzhen", "suzhou", constant(9 * MS), loss=0.1, congestion=Congestion(0, 0.3, peak * HOUR))
        inbound = network({"shenzhen": 1, "suzhou": 1}, links=[link], transport="datagram").inbound([1])
        return sum(inbound.arrive(0, 0, n, [1], n, 10).lost is not None for n in range(3000)) / 3000

    assert lost(12) == pytest.approx(0.4, abs=0.04)
    assert lost(0) == pytest.approx(0.1, abs=0.025)
