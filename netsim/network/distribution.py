"""Every distribution as a table of integers: compiled once, drawn by lookup, the same on every machine.

A table holds the quantile function of a delay in whole nanoseconds at 4096 steps of equal probability, and its first
and last step again at 4096 steps each: the tails are resolved down to one draw in some millions. Between two knots it
is interpolated linearly, in integer arithmetic. A 64-bit draw is read as a share, u / 2⁶⁴:

    | 12 bits: step | 20 bits: place within the step |                                   the body
    | 12 bits: 0 or 4095 | 12 bits: step | 20 bits: place within the step |              the outermost steps

An unbounded distribution is cut at the quantiles 2⁻²⁵ and 1 − 2⁻²⁵, and every one at zero below and an hour above.

The knots come from double precision and are rounded to 1 ns once. Two mathematical libraries that differ in the last
bit agree all the same, unless a knot lies within that bit of half a nanosecond: for delays of milliseconds, about one
table in 10⁵.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import exp, log
from operator import sub
from statistics import NormalDist
from typing import TYPE_CHECKING

from netsim.scenario.model import Distribution

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STEPS = 4096
LONGEST = 3600 * 10**9  # ns; less than 2⁴³, so that rise × place stays below 2⁶³
_STEP_BITS, _PLACE_BITS = 12, 20
_PLACES = (1 << _PLACE_BITS) - 1
_HALF = 1 << _PLACE_BITS - 1
_BODY_SHIFT = 64 - _STEP_BITS - _PLACE_BITS  # what follows step and place in a draw
_TAIL_SHIFT = _BODY_SHIFT - _STEP_BITS
_OUTER = 1 << 64 - _STEP_BITS
_CUT = 2.0**-25


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A quantile function in ns, given from both ends, so that neither tail loses digits.

    `below(p)` is the value that a share p of all draws stays below, `above(p)` the one that a share p exceeds, both for
    p up to ½. `least` and `most` are the shares at which the table ends: 0 where the distribution has a bound.
    """

    below: Callable[[float], float]
    above: Callable[[float], float]
    least: float = _CUT
    most: float = _CUT


class QuantileTable:
    """A distribution of delays, ready to be drawn from.

    `minimum` and `maximum` in ns are its bounds; `constant` is the value where there is but one.
    """

    def __init__(self, quantiles: Quantiles) -> None:
        """Raises ValueError where the median lies above an hour."""
        below, above = quantiles.below, quantiles.above
        if above(0.5) > LONGEST:
            raise ValueError("a delay's median lies above an hour")
        first, last = below(quantiles.least), above(quantiles.most)
        self.minimum, self.maximum = _nanoseconds(first), _nanoseconds(last)
        self.constant: int | None = None
        if self.minimum == self.maximum:
            self.constant = self.minimum
            return
        half = STEPS // 2
        lower = [below(step / STEPS) for step in range(1, half + 1)]
        upper = [above(step / STEPS) for step in range(half - 1, 0, -1)]
        low_tail = [below(step / STEPS**2) for step in range(1, STEPS)]
        high_tail = [above(step / STEPS**2) for step in range(STEPS - 1, 0, -1)]
        self._low: list[int] = []  # where a step begins, and
        self._rise: list[
            int
        ] = []  # how far it goes: the body, whose outermost steps only keep the place, and the tails
        for row in (
            [first, *lower, *upper, last],
            [first, *low_tail, lower[0]],
            [upper[-1], *high_tail, last],
        ):
            if min(row) < 0 or max(row) > LONGEST:
                row = [min(max(value, 0.0), LONGEST) for value in row]
            knots = list(map(round, row))
            self._low += knots[:-1]
            self._rise += map(sub, knots[1:], knots)

    def at(self, u: int) -> int:
        """The value for one 64-bit draw, in ns."""
        if self.constant is not None:
            return self.constant
        step = u >> 64 - _STEP_BITS
        if 0 < step < STEPS - 1:
            place = u >> _BODY_SHIFT & _PLACES
        else:
            step = (2 * STEPS if step else STEPS) + (u >> _TAIL_SHIFT + _PLACE_BITS & STEPS - 1)
            place = u >> _TAIL_SHIFT & _PLACES
        return self._low[step] + (self._rise[step] * place + _HALF >> _PLACE_BITS)

    def lookup(self, u: NDArray[np.uint64]) -> NDArray[np.int64]:
        """`at` for many draws, the same numbers."""
        import numpy as np

        if self.constant is not None:
            return np.full(u.shape, self.constant, np.int64)
        step, place = _read(u)
        low, rise = self._arrays
        return low.take(step) + (rise.take(step) * place + _HALF >> _PLACE_BITS)

    @property
    def median(self) -> int:
        """The value in the middle, in ns."""
        return self.at(1 << 63)

    @property
    def mean(self) -> float:
        """The mean of what the table gives, in ns: the integral over its steps."""
        if self.constant is not None:
            return self.constant
        middles = [low + rise / 2 for low, rise in zip(self._low, self._rise, strict=True)]
        return sum(middles[1 : STEPS - 1]) / STEPS + sum(middles[STEPS:]) / STEPS**2

    @property
    def knots(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where each step begins, and how far it goes (ns); empty where there is but one value."""
        import numpy as np

        nothing = np.empty(0, np.int64)
        return (nothing, nothing) if self.constant is not None else self._arrays

    def prepare(self) -> None:
        """Do now what `lookup` does the first time."""
        if self.constant is None:
            _ = self._arrays

    @cached_property
    def _arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        import numpy as np

        count = len(self._low)
        return np.fromiter(self._low, np.int64, count), np.fromiter(self._rise, np.int64, count)


class Tables:
    """Several tables as one, so that many draws are looked up at once, each in its own table."""

    def __init__(self, tables: Sequence[QuantileTable], which: NDArray[np.int64]) -> None:
        """`which`: by place, the number of its table, none of them constant; −1: it draws nothing."""
        import numpy as np

        nothing = np.zeros(3 * STEPS if which.min(initial=0) < 0 else 0, np.int64)
        knots = [table.knots for table in tables]
        self._low = np.concatenate([*(low for low, _ in knots), nothing])
        self._rise = np.concatenate([*(rise for _, rise in knots), nothing])
        self._first = 3 * STEPS * np.where(which < 0, len(tables), which)

    def lookup(self, places: NDArray[np.int64] | slice, u: NDArray[np.uint64]) -> NDArray[np.int64]:
        """What the table of each place gives for its draw, in ns."""
        step, place = _read(u)
        step += self._first[places]
        place *= self._rise.take(step)
        place += _HALF
        place >>= _PLACE_BITS
        place += self._low.take(step)
        return place


def _read(u: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The step of each draw, counted through the body and the two tails, and the place within it."""
    import numpy as np

    step = (u >> np.uint64(64 - _STEP_BITS)).view(np.int64)
    place = (u >> np.uint64(_BODY_SHIFT)).view(np.int64)
    place &= _PLACES
    # The outermost steps: with one more, in arithmetic modulo 2⁶⁴, they are the first two.
    outer = np.flatnonzero(u + _OUTER < 2 * _OUTER)
    if outer.size:
        tail = (u.ravel()[outer] >> np.uint64(_TAIL_SHIFT)).view(np.int64)
        row = np.where(step.ravel()[outer] > 0, 2 * STEPS, STEPS)
        step.put(outer, row + (tail >> _PLACE_BITS & STEPS - 1))
        place.put(outer, tail & _PLACES)
    return step, place


def _nanoseconds(value: float) -> int:
    return round(min(max(value, 0.0), LONGEST))


@lru_cache(maxsize=256)
def compiled(distribution: Distribution) -> QuantileTable:
    """The table of a scenario's distribution. Raises ValueError for parameters that describe none."""
    return QuantileTable(_quantiles(distribution))


@lru_cache(maxsize=256)
def uniform(low: int, high: int) -> QuantileTable:
    """The table of a uniform distribution over [low, high] ns."""
    return QuantileTable(_uniform(low, high))


def _quantiles(distribution: Distribution) -> Quantiles:
    values = distribution.parameters
    match distribution.kind:
        case "constant":
            return _uniform(values["value"], values["value"])
        case "uniform":
            return _uniform(values["low"], values["high"])
        case "normal":
            return _raised(_normal(values["mean"], values["deviation"]), values["minimum"])
        case "lognormal":
            return _raised(_lognormal(values["median"], values["sigma"]), values["minimum"])
        case "pareto":
            return _pareto(values["scale"], values["shape"])
        case "gamma":
            return _raised(_gamma(values["mean"], values["deviation"]), values["minimum"])
        case "quantiles":
            return _piecewise(distribution.points)


def _raised(quantiles: Quantiles, minimum: float) -> Quantiles:
    """What would lie below the minimum lies at it."""
    return Quantiles(
        lambda p: max(quantiles.below(p), minimum),
        lambda p: max(quantiles.above(p), minimum),
        quantiles.least,
        quantiles.most,
    )


def _uniform(low: float, high: float) -> Quantiles:
    width = high - low
    return Quantiles(lambda p: low + width * p, lambda p: high - width * p, least=0, most=0)


def _normal(mean: float, deviation: float) -> Quantiles:
    if deviation == 0:
        return _uniform(mean, mean)
    inverse = NormalDist().inv_cdf  # Wichura's AS 241
    return Quantiles(lambda p: mean + deviation * inverse(p), lambda p: mean - deviation * inverse(p))


def _lognormal(median: float, sigma: float) -> Quantiles:
    logarithm = _normal(log(median), sigma) if median else None
    if logarithm is None:
        return _uniform(0, 0)
    return Quantiles(lambda p: exp(logarithm.below(p)), lambda p: exp(logarithm.above(p)))


def _pareto(scale: float, shape: float) -> Quantiles:
    power = -1 / shape
    return Quantiles(lambda p: scale * (1 - p) ** power, lambda p: scale * p**power, least=0)


def _gamma(mean: float, deviation: float) -> Quantiles:
    if deviation == 0:
        return _uniform(mean, mean)
    from scipy.special import gammainccinv, gammaincinv

    shape = (mean / deviation) ** 2
    scale = deviation**2 / mean
    return Quantiles(lambda p: scale * float(gammaincinv(shape, p)), lambda p: scale * float(gammainccinv(shape, p)))


def _piecewise(points: tuple[tuple[float, int], ...]) -> Quantiles:
    shares = [share for share, _ in points]

    def below(p: float) -> float:
        index = max(bisect_left(shares, p), 1)
        (share, value), (next_share, next_value) = points[index - 1], points[index]
        return value + (next_value - value) * (p - share) / (next_share - share)

    return Quantiles(below, lambda p: below(1 - p), least=0, most=0)
