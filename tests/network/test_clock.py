"""Clocks that are off and drift: what they show, and how long a delay on them lasts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from netsim.network.clock import Clock
from netsim.scenario.model import Clocks

DRIFTS = st.integers(-(10**8), 10**8)


@given(st.integers(0, 10**13), st.integers(1, 10**12), st.integers(0, 10**9), DRIFTS)
def test_a_delay_lasts_until_the_clock_shows_so_much_more_and_not_a_nanosecond_longer(
    time: int, delay: int, ahead: int, drift: int
) -> None:
    clock = Clock(ahead, drift)
    lasts = clock.lasts(time, delay)
    assert clock.shows(time + lasts) >= clock.shows(time) + delay
    assert clock.shows(time + lasts - 1) < clock.shows(time) + delay


@given(st.integers(0, 10**9), DRIFTS.map(abs), st.integers(0, 10**6), st.integers(0, 1000))
def test_no_clock_is_further_off_than_the_scenario_says(skew: int, drift: int, seed: int, node: int) -> None:
    clock = Clock.of(Clocks(skew, drift), seed, node)
    assert 0 <= clock.ahead <= 2 * skew
    assert -drift <= clock.drift <= drift
    assert clock.shows(0) >= 0


def test_clocks_are_spread_over_the_whole_of_it() -> None:
    clocks = [Clock.of(Clocks(1000, 50), 1, node) for node in range(4000)]
    assert abs(sum(clock.ahead for clock in clocks) / 4000 - 1000) < 4 * 2000 / (12 * 4000) ** 0.5
    assert {clock.drift for clock in clocks} == set(range(-50, 51))
    assert all(Clock.of(Clocks(), 1, node).true for node in range(10))
