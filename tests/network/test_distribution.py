from math import erf, exp, gamma, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.network.distribution import LONGEST, QuantileTable, Tables, compiled, uniform
from netsim.network.draws import draw_array, key
from netsim.scenario.model import Distribution
from tests.network.worlds import MS, constant, lognormal

WORDS = st.integers(0, 2**64 - 1)


def normal(mean: float, deviation: float, minimum: float = 0) -> Distribution:
    return Distribution("normal", (("mean", mean), ("deviation", deviation), ("minimum", minimum)))


def pareto(scale: float, shape: float) -> Distribution:
    return Distribution("pareto", (("scale", scale), ("shape", shape)))


def gamma_of(mean: float, deviation: float) -> Distribution:
    return Distribution("gamma", (("mean", mean), ("deviation", deviation), ("minimum", 0)))


POINTS = Distribution("quantiles", points=((0.0, 4 * MS), (0.5, 6 * MS), (0.9, 7 * MS), (1.0, 20 * MS)))
EVERY = {
    "constant": constant(5 * MS),
    "uniform": Distribution("uniform", (("low", MS), ("high", 9 * MS))),
    "normal": normal(250 * MS, 50 * MS),
    "lognormal": lognormal(16 * MS, 0.4),
    "pareto": pareto(25 * MS, 6.4),
    "gamma": gamma_of(10 * MS, 5 * MS),
    "quantiles": POINTS,
}
MEANS = {
    "constant": 5 * MS,
    "uniform": 5 * MS,
    "normal": 250 * MS,
    "lognormal": 16 * MS * exp(0.4**2 / 2),
    "pareto": 25 * MS * 6.4 / 5.4,
    "gamma": 10 * MS,
    "quantiles": (0.5 * 5 + 0.4 * 6.5 + 0.1 * 13.5) * MS,
}
# p50 and p99 in ns
QUANTILES = {
    "constant": (5 * MS, 5 * MS),
    "uniform": (5 * MS, 8.92 * MS),
    "normal": (250 * MS, (250 + 50 * 2.3263478740) * MS),
    "lognormal": (16 * MS, 16 * MS * exp(0.4 * 2.3263478740)),
    "pareto": (25 * MS * 2 ** (1 / 6.4), 25 * MS * 100 ** (1 / 6.4)),
    "gamma": (9.1801516 * MS, 25.1127924 * MS),  # shape 4, scale 2.5 ms: half of chi-square's with 8 degrees, × 2.5
    "quantiles": (6 * MS, 18.7 * MS),
}


def table(name: str) -> QuantileTable:
    return compiled(EVERY[name])


@pytest.mark.parametrize("name", EVERY)
def test_the_mean_over_the_table_is_the_closed_form(name: str) -> None:
    assert table(name).mean == pytest.approx(MEANS[name], rel=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_median_and_p99_are_the_closed_forms(name: str) -> None:
    p50, p99 = QUANTILES[name]
    assert table(name).median == pytest.approx(p50, rel=1e-6)
    assert table(name).at(99 * 2**64 // 100) == pytest.approx(p99, rel=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_a_hundred_thousand_draws_have_that_mean_and_that_p99(name: str) -> None:
    keys = np.full(100_000, key(1, "test"), np.uint64)
    values = table(name).lookup(draw_array(keys, np.arange(100_000, dtype=np.uint64)))
    assert values.mean() == pytest.approx(MEANS[name], rel=0.01)
    assert np.quantile(values, 0.99) == pytest.approx(QUANTILES[name][1], rel=0.03)


@given(st.sampled_from(sorted(EVERY)), st.lists(WORDS, min_size=1, max_size=50))
def test_lookup_gives_what_at_gives_for_each(name: str, words: list[int]) -> None:
    expected = [table(name).at(word) for word in words]
    assert table(name).lookup(np.array(words, np.uint64)).tolist() == expected
    assert table(name).lookup(np.array([words], np.uint64)).tolist() == [expected]


@pytest.mark.parametrize("name", EVERY)
def test_lookup_agrees_in_the_outermost_steps_too(name: str) -> None:
    ends = list(range(0, 2**53, 2**45 + 12345))
    words = ends + [2**64 - 1 - word for word in ends]
    assert table(name).lookup(np.array(words, np.uint64)).tolist() == [table(name).at(word) for word in words]


@given(st.lists(st.tuples(st.none() | st.sampled_from(sorted(EVERY)), WORDS), min_size=1, max_size=50))
def test_tables_give_what_each_of_them_gives(drawn: list[tuple[str | None, int]]) -> None:
    drawn = [(name, word) for name, word in drawn if name is None or table(name).constant is None]
    names = list(dict.fromkeys(name for name, _ in drawn if name is not None))
    which = np.array([-1 if name is None else names.index(name) for name, _ in drawn], np.int64)
    tables = Tables([table(name) for name in names], which)
    words = np.array([word for _, word in drawn], np.uint64)
    expected = [0 if name is None else table(name).at(word) for name, word in drawn]
    assert tables.lookup(slice(None), words).tolist() == expected
    assert tables.lookup(np.arange(len(drawn))[::-1], words[::-1]).tolist() == expected[::-1]


@given(st.sampled_from(sorted(EVERY)), WORDS, WORDS)
def test_a_larger_draw_never_gives_less(name: str, a: int, b: int) -> None:
    assert table(name).at(min(a, b)) <= table(name).at(max(a, b))


@pytest.mark.parametrize("name", EVERY)
def test_the_bounds_are_reached_and_never_passed(name: str) -> None:
    assert table(name).at(0) == table(name).minimum >= 0
    assert table(name).at(2**64 - 1) == pytest.approx(table(name).maximum, abs=1 + table(name).maximum * 1e-5)
    assert table(name).at(2**64 - 1) <= table(name).maximum <= LONGEST


@settings(max_examples=40)
@given(st.integers(0, 10**12), st.integers(0, 10**12), WORDS)
def test_a_uniform_table_is_within_a_nanosecond_of_exact(a: int, b: int, word: int) -> None:
    low, high = sorted((a, b))
    exact = low + (high - low) * word / 2**64
    assert abs(uniform(low, high).at(word) - exact) <= 1 + high * 1e-6  # a place within a step has 20 bits


def test_the_tails_are_resolved_to_one_in_a_million() -> None:
    for share in (1e-4, 1e-5, 1e-6):
        expected = 25 * MS * share ** (-1 / 6.4)
        assert table("pareto").at(int((1 - share) * 2**64)) == pytest.approx(expected, rel=0.01)
        value = (table("normal").at(int(share * 2**64)) - 250 * MS) / (50 * MS)
        assert (1 + erf(value / sqrt(2))) / 2 == pytest.approx(share, rel=0.01)


def test_nothing_is_negative_and_a_minimum_is_kept() -> None:
    assert compiled(normal(MS, 5 * MS)).minimum == 0
    assert compiled(normal(10 * MS, 5 * MS, minimum=8 * MS)).minimum == 8 * MS
    assert compiled(lognormal(10 * MS, 1.0, minimum=9 * MS)).at(2**60) == 9 * MS


def test_a_bounded_distribution_keeps_its_bounds_exactly() -> None:
    assert (table("uniform").minimum, table("uniform").maximum) == (MS, 9 * MS)
    assert (table("quantiles").minimum, table("quantiles").maximum) == (4 * MS, 20 * MS)
    assert table("pareto").minimum == 25 * MS


def test_what_is_always_the_same_is_known_as_constant() -> None:
    for same in (constant(7), normal(7, 0), lognormal(7, 0), gamma_of(7, 0), lognormal(0, 1), uniform_of(7, 7)):
        assert compiled(same).constant in (0, 7)
    assert table("uniform").constant is None


def uniform_of(low: int, high: int) -> Distribution:
    return Distribution("uniform", (("low", low), ("high", high)))


def test_each_distribution_is_compiled_once() -> None:
    assert compiled(lognormal(16 * MS, 0.4)) is compiled(lognormal(16 * MS, 0.4))


def test_a_heavy_tail_ends_at_an_hour_and_a_median_beyond_it_is_an_error() -> None:
    assert compiled(pareto(MS, 1.0)).maximum == LONGEST
    with pytest.raises(ValueError, match="hour"):
        compiled(constant(2 * LONGEST))


def test_simblocks_latency_is_its_formula() -> None:
    """SimBlock draws (m − 5) / U^(1 / (0.2 m)) with a mean near m (ms): a Pareto of scale m − 5 and shape 0.2 m."""
    for mean in (32, 124, 325):
        latency = compiled(pareto((mean - 5) * MS, 0.2 * mean))
        assert latency.mean == pytest.approx(mean * MS, rel=0.01)


def test_the_gamma_reference_is_right() -> None:
    """P(X ≤ x) for shape 4 in closed form: 1 − e^(−y) (1 + y + y²/2 + y³/6) with y = x / scale."""
    assert gamma(4) == 6
    for share, value in zip((0.5, 0.99), QUANTILES["gamma"], strict=True):
        y = value / (2.5 * MS)
        assert 1 - exp(-y) * (1 + y + y**2 / 2 + y**3 / 6) == pytest.approx(share, abs=1e-7)


def test_the_knots_of_a_lognormal_are_these() -> None:
    """The same on every machine: pinned."""
    knots = [table("lognormal").at(word) for word in (0, 2**40, 2**52, 2**60, 2**63, 2**64 - 2**52, 2**64 - 1)]
    assert knots == [1830512, 1924579, 3965957, 8661955, 16000000, 64549370, 139851611]
    assert log(knots[4]) == pytest.approx(log(16 * MS))
