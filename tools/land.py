"""Decode the land of the npm package world-atlas (TopoJSON), thin it out, and write it as netsim's maps read it.

Three levels, each finer than the one before: the world at 1 : 110 million, the world at 1 : 50 million, both thinned
out, and a window around the Chinese coast at 1 : 10 million. Every point is a number of units from the one before.
"""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Iterator, Sequence
from math import hypot
from pathlib import Path
from typing import Any

from netsim.report.page.land import Point, Ring, Window, clipped

_TARGET = Path(__file__).resolve().parent.parent / "netsim" / "report" / "page" / "assets" / "land.json"
_WORLD = Window(-180, -90, 180, 90)
# Natural Earth's scale, the window, the width up to which it is shown, the unit, and how far the outline may be off,
# all in degrees. An island smaller than the square of four times that is left out.
_LEVELS = (
    ("110m", _WORLD, 360, 0.05, 0.05),
    ("50m", _WORLD, 120, 0.01, 0.03),
    ("10m", Window(107, 17, 124, 34), 20, 0.002, 0.003),
)


def main(package: Path, target: Path) -> None:
    """Write land.json from the package's archive."""
    levels = []
    with tarfile.open(package) as archive:
        for scale, window, widest, unit, tolerance in _LEVELS:
            file = archive.extractfile(f"package/land-{scale}.json")
            assert file is not None
            land = list(_rings(json.load(file)))
            inside = [clipped(_turned(ring, turn), window) for turn in (-360, 0, 360) for ring in land]
            rings = [_thinned(ring, tolerance) for ring in inside if ring]
            large = [_steps(ring, unit) for ring in rings if _area(ring) > (4 * tolerance) ** 2]
            kept = [steps for steps in large if len(steps) >= 6]
            bounds = [window.west, window.south, window.east, window.north]
            levels.append({"window": bounds, "widest_deg": widest, "unit_deg": unit, "rings": kept})
            print(f"{scale}: {len(kept)} outlines, {sum(map(len, kept)) // 2} points")
    made = {"source": "Natural Earth, public domain, by way of npm world-atlas; see land.NOTICE", "levels": levels}
    target.write_text(json.dumps(made, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{target}: {target.stat().st_size} bytes")


def _rings(topology: dict[str, Any]) -> Iterator[Ring]:
    """The rings of TopoJSON's object `land`: arcs, each a delta-encoded line, joined end to end."""
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        line, x, y = [], 0, 0
        for dx, dy in arc:
            x, y = x + dx, y + dy
            line.append((x * sx + tx, y * sy + ty))
        arcs.append(line)
    for geometry in topology["objects"]["land"]["geometries"]:
        for polygon in geometry["arcs"]:
            for ring in polygon:
                points: Ring = []
                for number in ring:  # ~n is arc n, walked backwards; an arc begins where the one before ended
                    points += (arcs[number] if number >= 0 else arcs[~number][::-1])[:-1]
                yield _unrolled(points)


def _unrolled(ring: Ring) -> Ring:
    """A ring that goes on beyond 180° where it would jump to −180°; one around a pole is closed there."""
    unrolled: Ring = []
    turn = 0
    for longitude, latitude in ring:
        if unrolled:
            step = longitude + turn - unrolled[-1][0]
            turn -= 360 * round(step / 360)
        unrolled.append((longitude + turn, latitude))
    longitude, latitude = unrolled[0]
    around = 360 * round((unrolled[-1][0] - longitude) / 360)
    if around:
        pole = 90.0 if latitude > 0 else -90.0
        unrolled += [(longitude + around, latitude), (longitude + around, pole), (longitude, pole)]
    return unrolled


def _turned(ring: Ring, turn: float) -> Ring:
    return [(longitude + turn, latitude) for longitude, latitude in ring]


def _thinned(ring: Ring, tolerance: float) -> Ring:
    """A ring without the points that are not needed (Douglas and Peucker, Cartographica 1973)."""
    far = max(range(len(ring)), key=lambda place: hypot(ring[place][0] - ring[0][0], ring[place][1] - ring[0][1]))
    closed = [*ring, ring[0]]
    keep = {0, far, len(ring)}
    spans = [(0, far), (far, len(ring))]
    while spans:
        begin, end = spans.pop()
        between = range(begin + 1, end)
        if not between:
            continue
        worst = max(between, key=lambda place: _off(closed[place], closed[begin], closed[end]))
        if _off(closed[worst], closed[begin], closed[end]) > tolerance:
            keep.add(worst)
            spans += [(begin, worst), (worst, end)]
    return [closed[place] for place in sorted(keep)[:-1]]


def _off(point: Point, begin: Point, end: Point) -> float:
    """How far a point is from a stretch."""
    (x, y), (ax, ay), (bx, by) = point, begin, end
    along, across = bx - ax, by - ay
    length = along**2 + across**2
    share = max(0.0, min(1.0, ((x - ax) * along + (y - ay) * across) / length)) if length else 0.0
    return hypot(x - ax - share * along, y - ay - share * across)


def _area(ring: Ring) -> float:
    turned = [*ring[1:], *ring[:1]]
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in zip(ring, turned, strict=True))) / 2


def _steps(ring: Ring, unit: float) -> Sequence[int]:
    """From each point to the next, in units; the first from (0, 0). Points that fall together are one."""
    steps: list[int] = []
    x = y = 0
    for longitude, latitude in ring:
        u, v = round(longitude / unit), round(latitude / unit)
        if not steps or (u, v) != (x, y):
            steps += [u - x, v - y]
            x, y = u, v
    return steps


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: tools/land world-atlas-2.0.2.tgz [FILE]")
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else _TARGET)
