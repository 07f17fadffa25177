"""Losses that come together: a link that is now good, now bad, without memory of how long it has been either.

Gilbert, "Capacity of a burst-noise channel", Bell System Technical Journal 39 (1960); Elliott, "Estimates of error
rates for codes on burst-noise channels", ibid. 42 (1963); here in continuous time, as links carry no steady stream of
packets. Both sojourns are exponential: the bad ones last `lasts` on average, the good ones lasts · (1 − share) / share,
so that a share of the time is bad.

Whether a link is bad is a pure function of (seed, source, target, time). Time is cut into windows of 256 mean cycles;
each begins good or bad as the share says and goes on by draws of its own. At any moment the link is therefore bad with
exactly that share. Only a stretch that lies across the border of two windows is cut and drawn again: bad stretches
begin 256 + share · (1 − share) times a window, not 256 times, so they are shorter than `lasts` by less than 0.1 %.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from math import log, log1p

from netsim.network.distribution import Quantiles, QuantileTable
from netsim.network.draws import child, draw, key

_CYCLES = 256
_KEPT = 4  # windows of a link that are kept: flows ask for nearly the same time
_UNIT = 10**9  # the mean of the table below


@lru_cache(maxsize=1)
def _exponential() -> QuantileTable:
    return QuantileTable(Quantiles(lambda p: -_UNIT * log1p(-p), lambda p: -_UNIT * log(p), least=0))


class GilbertElliott:
    """The bad stretches of a link from one site to another."""

    def __init__(self, share: float, lasts: int, seed: int, source: int, target: int) -> None:
        """`share` of the time, above 0, is bad, in stretches of `lasts` ns on average; 1 is for ever."""
        self._threshold = round(share * 2**64)
        self._means = (max(1, round(lasts * (1 - share) / share)), max(1, lasts))  # good, bad
        self._length = _CYCLES * sum(self._means)
        self._key = key(seed, "bursts", source, target)
        self._windows: dict[int, tuple[bool, list[int]]] = {}

    def bad(self, time: int) -> bool:
        """Whether the link is bad at `time` (ns)."""
        if self._threshold == 1 << 64:
            return True
        number, since = divmod(time, self._length)
        window = self._windows.get(number)
        first, ends = self._generate(number) if window is None else window
        return first ^ bool(bisect_right(ends, since) & 1)

    def _generate(self, number: int) -> tuple[bool, list[int]]:
        """Whether a window begins bad, and where in it that changes, in ns from its beginning."""
        own = child(self._key, number)
        table = _exponential()
        first = bad = draw(own, 0) < self._threshold
        ends: list[int] = []
        end = 0
        while end < self._length:
            end += max(1, table.at(draw(own, len(ends) + 1)) * self._means[bad] // _UNIT)
            ends.append(end)
            bad = not bad
        if len(self._windows) == _KEPT:
            del self._windows[next(iter(self._windows))]
        self._windows[number] = first, ends
        return first, ends
