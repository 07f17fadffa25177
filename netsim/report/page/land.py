"""The outline of the land in a window of the world, for maps: as fine as there is, for as much as is asked for.

`assets/land.json` is made from Natural Earth's data by `tools/land`, in three levels of detail; the finest knows only
the coast of China from Hainan to the mouth of the Yangtze. Coordinates are degrees, east and north positive.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Point = tuple[float, float]  # longitude, latitude
Ring = list[Point]

_FILE = Path(__file__).parent / "assets" / "land.json"
_MOST_POINTS = 4000  # of an outline on a page
_DIGITS = 3  # of a degree: 110 m


@dataclass(frozen=True)
class Window:
    """Part of the world, at most once around. `west` and `east` may lie beyond 180°; west < east and south < north."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, other: Window) -> bool:
        """Whether another window lies within this one."""
        across = self.west <= other.west and other.east <= self.east
        return across and self.south <= other.south and other.north <= self.north


def outline(window: Window) -> list[list[float]]:
    """The rings of the land within a window: flat lists longitude, latitude, …; what is inside an odd number is land.

    The finest level that knows the whole window and needs no more points than a page can well hold.
    """
    found: list[Ring] = []
    for level in reversed(_levels()):
        if window.east - window.west > level.widest_deg or not (level.whole or level.window.holds(window)):
            continue
        found = [ring for turn in (-360, 0, 360) for ring in _inside(level.rings, window, turn)]
        if sum(map(len, found)) <= _MOST_POINTS:
            break
    return [[round(degrees, _DIGITS) for point in ring for degrees in point] for ring in found]


def clipped(ring: Ring, window: Window) -> Ring:
    """What of a ring lies in a window, empty where nothing does (Sutherland and Hodgman, CACM 1974)."""
    for axis, low, high in ((0, window.west, window.east), (1, window.south, window.north)):
        ring = _cut(_cut(ring, axis, low, 1), axis, high, -1)
    return ring


def _inside(rings: Sequence[NDArray[np.float64]], window: Window, turn: float) -> Iterator[Ring]:
    """Rings, turned eastwards by so many degrees, as far as they lie in a window."""
    for points in rings:
        (west, south), (east, north) = points.min(axis=0), points.max(axis=0)
        if east + turn < window.west or west + turn > window.east or north < window.south or south > window.north:
            continue
        ring = clipped([(longitude + turn, latitude) for longitude, latitude in points.tolist()], window)
        if ring:
            yield ring


def _cut(ring: Ring, axis: int, bound: float, sign: int) -> Ring:
    """The part of a ring on one side of a line: where sign · (coordinate − bound) ≥ 0."""
    if not ring:
        return ring
    kept = []
    for before, after in pairwise([ring[-1], *ring]):
        was, is_ = sign * (before[axis] - bound), sign * (after[axis] - bound)
        if (was >= 0) != (is_ >= 0):
            share = was / (was - is_)
            other = before[1 - axis] + share * (after[1 - axis] - before[1 - axis])
            kept.append((bound, other) if axis == 0 else (other, bound))
        if is_ >= 0:
            kept.append(after)
    return kept


@dataclass(frozen=True)
class _Level:
    """Rings as fine as a scale has them: points × (longitude, latitude)."""

    window: Window
    widest_deg: float
    rings: list[NDArray[np.float64]]

    @property
    def whole(self) -> bool:
        """Whether it knows all of the world."""
        return self.window.east - self.window.west >= 360


@cache
def _levels() -> list[_Level]:
    """The coarsest first. A ring is kept as steps from each point to the next, in units."""
    return [
        _Level(
            Window(*level["window"]),
            level["widest_deg"],
            [np.cumsum(np.reshape(steps, (-1, 2)), axis=0) * level["unit_deg"] for steps in level["rings"]],
        )
        for level in json.loads(_FILE.read_text(encoding="utf-8"))["levels"]
    ]
