"""Where the nodes of a network stand in a picture: cities by geography, nodes on a ring around their city.

A map to scale would be useless: Shenzhen and Hong Kong lie 27 km apart, Suzhou 1170 km from both, and the two would be
one dot. So cities keep their bearings and the order of their distances, but long distances are shortened, near cities
are moved apart until they can be told apart, and the picture writes the true distances on its lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import asin, atan2, cos, hypot, pi, radians, sin, sqrt, tau
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import networkx as nx

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, bottom, right, top

_EARTH_RADIUS_KM = 6371.0088  # mean radius of the WGS 84 ellipsoid
_MARGIN = 0.8  # around the nodes of a city, in the unit of all lengths here: the distance between neighbours on a ring
_GAP = 1.8  # least space between two cities' discs
_RING = 20  # more nodes than that fill a disc
_GOLDEN_ANGLE = pi * (3 - sqrt(5))


@dataclass(frozen=True)
class City:
    """A site's disc. `place` is (latitude, longitude) in degrees, None where the scenario does not say."""

    name: str
    place: Point | None
    centre: Point
    radius: float
    nodes: tuple[Any, ...]


@dataclass(frozen=True)
class Layout:
    """Cities and the position of every node; `by_geography` is False where some city's place is not known."""

    cities: tuple[City, ...]
    positions: dict[Any, Point]
    by_geography: bool

    @property
    def extent(self) -> Box:
        """The box around all discs."""
        return (
            min(city.centre[0] - city.radius for city in self.cities),
            min(city.centre[1] - city.radius for city in self.cities),
            max(city.centre[0] + city.radius for city in self.cities),
            max(city.centre[1] + city.radius for city in self.cities),
        )

    def outward(self, city: City) -> float:
        """The direction in which a city's name is in nobody's way: the middle of the widest gap between the others.

        An angle in radians, counterclockwise from the east; upwards where there is no other city.
        """
        x, y = city.centre
        angles = sorted(
            atan2(other.centre[1] - y, other.centre[0] - x) for other in self.cities if other.name != city.name
        )
        if not angles:
            return pi / 2
        gaps = [after - before for before, after in pairwise([*angles, angles[0] + tau])]
        widest = max(range(len(gaps)), key=gaps.__getitem__)
        return angles[widest] + gaps[widest] / 2


def lay_out(graph: nx.Graph[Any]) -> Layout:
    """Place the nodes of a graph by their attributes `site` and, where known, `lat` and `lon`."""
    members: dict[str, list[Any]] = {}
    places: dict[str, Point | None] = {}
    for node, attributes in graph.nodes(data=True):
        site = str(attributes.get("site", ""))
        members.setdefault(site, []).append(node)
        known = "lat" in attributes and "lon" in attributes
        places[site] = (float(attributes["lat"]), float(attributes["lon"])) if known else None

    arranged = [_around(len(nodes)) for nodes in members.values()]
    radii = [max(hypot(*offset) for offset in offsets) + _MARGIN for offsets in arranged]
    located = [place for place in places.values() if place is not None]
    by_geography = len(located) == len(places)
    centres = _spread(located, radii) if by_geography else _circle(radii)
    cities = tuple(
        City(site, places[site], centre, radius, tuple(nodes))
        for (site, nodes), centre, radius in zip(members.items(), centres, radii, strict=True)
    )
    positions = {
        node: (city.centre[0] + x, city.centre[1] + y)
        for city, offsets in zip(cities, arranged, strict=True)
        for node, (x, y) in zip(city.nodes, offsets, strict=True)
    }
    return Layout(cities, positions, by_geography)


def great_circle_km(a: Point, b: Point) -> float:
    """Distance between two (latitude, longitude) in degrees along a sphere, by the haversine formula."""
    across = sin(radians(b[0] - a[0]) / 2) ** 2
    along = sin(radians(b[1] - a[1]) / 2) ** 2
    return 2 * _EARTH_RADIUS_KM * asin(sqrt(min(1.0, across + cos(radians(a[0])) * cos(radians(b[0])) * along)))


def _around(count: int) -> list[Point]:
    """Offsets of a city's nodes from its centre: on a ring from the top clockwise, or filling a disc."""
    if count == 1:
        return [(0.0, 0.0)]
    if count <= _RING:
        radius = max(0.9, 0.5 / sin(pi / count))
        return [(radius * sin(tau * k / count), radius * cos(tau * k / count)) for k in range(count)]
    # Vogel's sunflower ("A better way to construct the sunflower head", 1979): even, however many there are.
    return [
        (0.58 * sqrt(k + 0.5) * sin(k * _GOLDEN_ANGLE), 0.58 * sqrt(k + 0.5) * cos(k * _GOLDEN_ANGLE))
        for k in range(count)
    ]


def _spread(places: Sequence[Point], radii: Sequence[float]) -> list[Point]:
    """Centres of cities: every pair at its own bearing and at a distance that grows with the root of the true one.

    Not all pairs can have both at once; the mean over what each other city asks for is the least-squares compromise.
    """
    count = len(places)
    farthest = max((great_circle_km(a, b) for a, b in combinations(places, 2)), default=0.0)
    room = 2 * max(radii) + _GAP

    def asks(i: int, j: int) -> Point:
        """From city i to city j."""
        east, north = _direction(places[i], places[j])
        share = sqrt(great_circle_km(places[i], places[j]) / farthest) if farthest else 0.0
        length = radii[i] + radii[j] + room * (0.2 + 0.8 * share)
        return east * length, north * length

    centres = []
    for j in range(count):
        wishes = [asks(i, j) for i in range(count) if i != j]
        centres.append((sum(x for x, _ in wishes) / count, sum(y for _, y in wishes) / count))
    return _apart(centres, radii)


def _direction(a: Point, b: Point) -> Point:
    """Unit vector (east, north) from one place to another; (0, 0) where they are the same."""
    turn = (b[1] - a[1] + 180) % 360 - 180  # the shorter way round the globe
    east, north = turn * cos(radians((a[0] + b[0]) / 2)), b[0] - a[0]
    length = hypot(east, north)
    return (east / length, north / length) if length else (0.0, 0.0)


def _apart(centres: list[Point], radii: Sequence[float]) -> list[Point]:
    """Push overlapping discs apart along the line between them, a little at a time."""
    for _ in range(1000):
        moved = False
        for i, j in combinations(range(len(centres)), 2):
            (ax, ay), (bx, by) = centres[i], centres[j]
            distance = hypot(bx - ax, by - ay)
            overlap = radii[i] + radii[j] + _GAP - distance
            if overlap > 1e-6:
                # Two at the same spot part in a direction of their own.
                dx, dy = ((bx - ax) / distance, (by - ay) / distance) if distance else (cos(i + j), sin(i + j))
                centres[i] = (ax - dx * overlap / 2, ay - dy * overlap / 2)
                centres[j] = (bx + dx * overlap / 2, by + dy * overlap / 2)
                moved = True
        if not moved:
            break
    return centres


def _circle(radii: Sequence[float]) -> list[Point]:
    """Centres on a circle, for cities of unknown place."""
    count = len(radii)
    if count == 1:
        return [(0.0, 0.0)]
    radius = (max(radii) + _GAP) / sin(pi / count)
    return [(radius * sin(tau * k / count), radius * cos(tau * k / count)) for k in range(count)]
