"""How a set of samples is summed up: nearest-rank percentiles, and how many samples each of them needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERCENTILES = (50, 90, 95, 99)


class Dist(TypedDict):
    """A distribution of milliseconds; every figure but the count is None where there are no samples."""

    count: int
    mean: float | None
    min: float | None
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    max: float | None


def dist_ms(samples_ns: NDArray[np.int64]) -> Dist:
    """Sum up durations, given in nanoseconds in any order, as milliseconds."""
    count = len(samples_ns)
    if not count:
        return Dist(count=0, mean=None, min=None, p50=None, p90=None, p95=None, p99=None, max=None)
    ordered = np.sort(samples_ns)
    return Dist(
        count=count,
        mean=int(ordered.sum()) / (count * 1_000_000),  # one division of integers: the same on every machine
        min=ms(ordered[0]),
        p50=ms(ordered[rank(50, count)]),
        p90=ms(ordered[rank(90, count)]),
        p95=ms(ordered[rank(95, count)]),
        p99=ms(ordered[rank(99, count)]),
        max=ms(ordered[-1]),
    )


def rank(percentile: int, count: int) -> int:
    """Where, counting from 0, the nearest-rank percentile stands among `count` ordered samples (at least one).

    It is the smallest sample that at least `percentile` % of all samples do not exceed: always one that occurred.
    """
    return -(-percentile * count // 100) - 1


def samples_needed(percentile: int) -> int:
    """How many samples a percentile needs to be believed: enough that ten lie beyond it (20, 100, 200 and 1000)."""
    return 1000 // (100 - percentile)


def ms(nanoseconds: int | np.int64) -> float:
    """Nanoseconds to milliseconds."""
    return int(nanoseconds) / 1_000_000
