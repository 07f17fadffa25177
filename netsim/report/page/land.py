"""The outline of the land in a window of the world, for maps: as fine as there is, for as much as is asked for.

`assets/land.json` is made from Natural Earth's data by `tools/land`, in three levels of detail; the finest knows only
the coast of China from Hainan to the mouth of the Yangtze. Coordinates are degrees, east and north positive.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

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
    for box, rings in reversed(_levels()):
        if not box.holds(window) and box.east - box.west < 360:
            continue
        found = [ring for turn in (-360, 0, 360) for ring in clipped(rings, window, turn)]
        if sum(map(len, found)) <= _MOST_POINTS:
            break
    return [[round(degrees, _DIGITS) for point in ring for degrees in point] for ring in found]


def clipped(rings: Sequence[Ring], window: Window, turn: float = 0) -> list[Ring]:
    """What of each ring, turned eastwards by so many degrees, lies in a window (Sutherland and Hodgman, CACM 1974)."""
    found = []
    for ring in rings:
        longitudes, latitudes = zip(*ring, strict=True)
        if max(longitudes) + turn < window.west or min(longitudes) + turn > window.east:
            continue
        if max(latitudes) < window.south or min(latitudes) > window.north:
            continue
        inside = [(longitude + turn, latitude) for longitude, latitude in ring]
        for axis, bound, sign in (
            (0, window.west, 1),
            (0, window.east, -1),
            (1, window.south, 1),
            (1, window.north, -1),
        ):
            inside = _cut(inside, axis, bound, sign)
        if len(inside) >= 3:
            found.append(inside)
    return found


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


@cache
def _levels() -> list[tuple[Window, list[Ring]]]:
    """Each level's window and rings, the coarsest first."""
    levels = []
    for level in json.loads(_FILE.read_text(encoding="utf-8"))["levels"]:
        rings = [_decoded(steps, level["unit_deg"]) for steps in level["rings"]]
        levels.append((Window(*level["window"]), rings))
    return levels


def _decoded(steps: Sequence[int], unit: float) -> Ring:
    """A ring from its first point and the steps from each to the next, in units."""
    ring, x, y = [], 0, 0
    for dx, dy in zip(steps[::2], steps[1::2], strict=True):
        x, y = x + dx, y + dy
        ring.append((x * unit, y * unit))
    return ring
