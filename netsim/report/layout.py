"""Where the nodes of a network stand in a picture: by geography, by latency or by cluster.

By geography, the cities stand where they are on the globe, their nodes on a ring around them or filling a disc.

A map to scale would be useless: Shenzhen and Hong Kong lie 27 km apart, Suzhou 1170 km from both, and the two would be
one dot. So cities keep their bearings and the order of their distances, but long distances are shortened, near cities
are moved apart until they can be told apart, and the picture writes the true distances on its lines.

By latency, two nodes are as far apart as a message takes on the quickest way over the overlay, as far as a plane has
room for that. By cluster, a disc is a community: nodes with many quick links to each other (Blondel et al., "Fast
unfolding of communities in large networks", 2008), and the discs are as far apart as messages take between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import asin, atan2, cos, hypot, pi, radians, sin, sqrt, tau
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import networkx as nx
    import numpy as np
    from numpy.typing import NDArray

By = Literal["geography", "latency", "cluster"]
LAYOUTS: tuple[By, ...] = get_args(By)

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, bottom, right, top

_EARTH_RADIUS_KM = 6371.0088  # mean radius of the WGS 84 ellipsoid
_MARGIN = 0.8  # around the nodes of a city, in the unit of all lengths here: the distance between neighbours on a ring
_GAP = 1.8  # least space between two cities' discs
_RING = 20  # more nodes than that fill a disc
_GOLDEN_ANGLE = pi * (3 - sqrt(5))
_MOST_BY_LATENCY = 3000  # nodes: their distances to each other are a matrix
_ACROSS = 2.6  # by latency, the picture is about this many times the root of the number of nodes wide
_TO_READ = {
    True: "Cities keep their bearings but not their distances: near ones are moved apart, long ways shortened.",
    False: "The scenario does not say where the cities are: they stand on a circle.",
}


@dataclass(frozen=True)
class City:
    """A disc: a site's, or a cluster's. `place` is (latitude, longitude) in degrees, None where nobody says."""

    name: str
    place: Point | None
    centre: Point
    radius: float
    nodes: tuple[Any, ...]


@dataclass(frozen=True)
class Layout:
    """Discs and the position of every node; `by_geography` is False where some city's place is not known.

    By latency there are no discs, and a unit of length stands for `ms_per_unit`. `says` is how to read it all.
    """

    cities: tuple[City, ...]
    positions: dict[Any, Point]
    by_geography: bool
    by: By = "geography"
    says: str = ""
    ms_per_unit: float | None = None

    @property
    def extent(self) -> Box:
        """The box around all discs, or all nodes where there are none."""
        if not self.cities:
            across, up = zip(*self.positions.values(), strict=True)
            return min(across) - _MARGIN, min(up) - _MARGIN, max(across) + _MARGIN, max(up) + _MARGIN
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


def lay_out(graph: nx.Graph[Any], by: By = "geography") -> Layout:
    """Place the nodes of a graph by their attributes `site` and, where known, `lat` and `lon`, or by the links' delays.

    The same graph has the same layout. Raises ValueError where there are too many nodes for a layout by latency.
    """
    if by == "latency":
        return _by_latency(graph)
    return _by_cluster(graph) if by == "cluster" else _by_geography(graph)


def delay_ms(attributes: dict[str, Any]) -> float:
    """A link's median delay, the mean of both directions where they differ."""
    there = float(attributes.get("median_ms", 0.0))
    return (there + float(attributes.get("median_back_ms", there))) / 2


def _by_geography(graph: nx.Graph[Any]) -> Layout:
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
    return Layout(cities, positions, by_geography, says=_TO_READ[by_geography] if len(cities) > 1 else "")


def _by_latency(graph: nx.Graph[Any]) -> Layout:
    import numpy as np

    from netsim.report.stress import apart, between, scale, stress, turned

    if len(graph) > _MOST_BY_LATENCY:
        raise ValueError(f"{len(graph)} nodes are too many for a layout by latency: at most {_MOST_BY_LATENCY}")
    wanted = _delays(graph)
    points = scale(wanted)
    geography = _by_geography(graph)
    if geography.by_geography and len(geography.cities) > 1:
        # Which way is up is free: as on the map, as far as it goes.
        points = turned(points, np.array([geography.positions[node] for node in graph]))
    least = float(np.ptp(points, axis=0).max()) / (_ACROSS * sqrt(len(graph))) or 1.0
    points = apart(points, least)
    off = stress(wanted, points)
    says = "Nodes are as far apart as the quickest way over the overlay takes"
    says += f"; a plane cannot show that exactly: here it is off by {100 * off:.0f} % (root mean square)."
    total = float(between(points).sum())
    ms = float(wanted.sum()) / total if total else 0.0
    return Layout((), _rounded(graph, points / least), False, "latency", says, ms * least or None)


def _by_cluster(graph: nx.Graph[Any]) -> Layout:
    import networkx as nx
    import numpy as np

    from netsim.report.stress import scale

    clusters = communities(graph)
    of = {node: number for number, members in enumerate(clusters) for node in members}
    arranged = [_around(len(members)) for members in clusters]
    radii = [max(hypot(*offset) for offset in offsets) + _MARGIN for offsets in arranged]
    joined: dict[tuple[int, int], list[float]] = {}
    for a, b, attributes in graph.edges(data=True):
        low, high = sorted((of[a], of[b]))
        if low != high:
            joined.setdefault((low, high), []).append(delay_ms(attributes))
    between: nx.Graph[int] = nx.empty_graph(len(clusters))
    between.add_edges_from((a, b, {"median_ms": sum(all_) / len(all_)}) for (a, b), all_ in joined.items())
    delays = _delays(between)
    sizes = np.array(radii)
    room = 2 * max(radii) + _GAP
    wanted = sizes[:, None] + sizes + room * (0.2 + 0.8 * delays / (float(delays.max()) or 1.0))
    np.fill_diagonal(wanted, 0.0)
    centres = _apart([(float(x), float(y)) for x, y in scale(wanted)], radii)
    cities = tuple(
        City(f"cluster {number}", None, centre, radius, tuple(members))
        for number, (members, centre, radius) in enumerate(zip(clusters, centres, radii, strict=True), 1)
    )
    positions = {
        node: (round(city.centre[0] + x, 4), round(city.centre[1] + y, 4))
        for city, offsets in zip(cities, arranged, strict=True)
        for node, (x, y) in zip(city.nodes, offsets, strict=True)
    }
    says = (
        "Clusters are nodes with many quick links to each other (Louvain's method; a link weighs one over its delay)."
    )
    return Layout(cities, positions, False, "cluster", says)


def communities(graph: nx.Graph[Any]) -> list[list[Any]]:
    """The clusters of a graph by Louvain's method, links weighing one over their delay, the largest first.

    Within a cluster the nodes of a site stand together.
    """
    import networkx as nx

    order = list(graph)
    number = {node: index for index, node in enumerate(order)}  # the sets of numbers have the same order everywhere
    least = 0.01 * sum(delay_ms(link) for _, _, link in graph.edges(data=True)) / (graph.number_of_edges() or 1)
    weighted: nx.Graph[int] = nx.empty_graph(len(order))
    for a, b, link in graph.edges(data=True):
        weighted.add_edge(number[a], number[b], weight=1 / (max(delay_ms(link), least) or 1.0))
    found = sorted(map(sorted, nx.community.louvain_communities(weighted, seed=1)), key=lambda all_: (-len(all_), all_))
    sites = {site: place for place, site in enumerate(dict.fromkeys(_site(graph, node) for node in order))}
    return [
        [order[index] for index in sorted(members, key=lambda index: (sites[_site(graph, order[index])], index))]
        for members in found
    ]


def _site(graph: nx.Graph[Any], node: Any) -> str:
    return str(graph.nodes[node].get("site", ""))


def _delays(graph: nx.Graph[Any]) -> NDArray[np.float64]:
    """What the quickest way takes from every node to every other, ms; hops where the links have no delay.

    Two pieces of a graph are half as far again apart as any two nodes of one piece.
    """
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import shortest_path

    number = {node: index for index, node in enumerate(graph)}
    ends = np.array([(number[a], number[b]) for a, b in graph.edges], np.int64).reshape(-1, 2)
    lengths = np.array([delay_ms(link) for _, _, link in graph.edges(data=True)])
    # A length of nought would be no link.
    lengths = np.maximum(lengths, 1e-6 * lengths.max()) if lengths.any() else np.ones(len(lengths))
    links = coo_array((lengths, (ends[:, 0], ends[:, 1])), shape=(len(number), len(number)))
    delays: NDArray[np.float64] = shortest_path(links.tocsr(), directed=False)
    known = np.isfinite(delays)
    delays[~known] = 1.5 * (float(delays[known].max()) or 1.0)
    return delays


def _rounded(graph: nx.Graph[Any], points: NDArray[np.float64]) -> dict[Any, Point]:
    return {node: (round(float(x), 4), round(float(y), 4)) for node, (x, y) in zip(graph, points, strict=True)}


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
