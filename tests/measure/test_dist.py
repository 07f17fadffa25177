"""Percentiles are samples that occurred, chosen by their rank."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.measure.dist import PERCENTILES, dist_ms, rank, samples_needed


def test_a_hundred_samples_have_their_percentiles_at_their_own_ranks() -> None:
    dist = dist_ms(np.arange(100, 0, -1, dtype=np.int64) * 1_000_000)
    assert dist == {"count": 100, "mean": 50.5, "min": 1, "p50": 50, "p90": 90, "p95": 95, "p99": 99, "max": 100}


def test_without_samples_every_figure_is_null() -> None:
    dist = dist_ms(np.zeros(0, np.int64))
    assert dist["count"] == 0
    assert {value for key, value in dist.items() if key != "count"} == {None}


def test_nanoseconds_are_kept() -> None:
    assert dist_ms(np.array([60_000_001], np.int64))["p99"] == 60.000001


@pytest.mark.parametrize(("percentile", "needed"), [(50, 20), (90, 100), (95, 200), (99, 1000)])
def test_a_percentile_needs_ten_samples_beyond_it(percentile: int, needed: int) -> None:
    assert samples_needed(percentile) == needed


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=300), st.sampled_from(PERCENTILES))
@settings(deadline=None)
def test_a_percentile_is_the_least_sample_that_enough_samples_do_not_exceed(
    samples: list[int], percentile: int
) -> None:
    value = sorted(samples)[rank(percentile, len(samples))]
    enough = math.ceil(len(samples) * percentile / 100)
    assert sum(sample <= value for sample in samples) >= enough
    assert sum(sample < value for sample in samples) < enough


@given(st.lists(st.integers(0, 10**15), min_size=1))
@settings(deadline=None)
def test_figures_are_ordered(samples: list[int]) -> None:
    dist = dist_ms(np.array(samples, np.int64))
    assert dist["mean"] is not None
    figures = [dist["min"], dist["p50"], dist["p90"], dist["p95"], dist["p99"], dist["max"]]
    assert figures == sorted(figures)  # type: ignore[type-var]
    assert figures[0] <= dist["mean"] <= figures[-1]  # type: ignore[operator]
