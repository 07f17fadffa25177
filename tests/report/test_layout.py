"""Cities by geography, no two discs on top of each other, nodes inside their city."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations, pairwise
from math import atan2, cos, degrees, dist, pi, sin
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.report.layout import great_circle_km, lay_out

SHENZHEN, HONG_KONG, SUZHOU = (22.543, 114.058), (22.319, 114.169), (31.299, 120.585)


def network(*cities: tuple[str, tuple[float, float] | None, int]) -> nx.Graph[Any]:
    graph: nx.Graph[Any] = nx.Graph()
    for name, place, count in cities:
        for number in range(count):
            where = {} if place is None else {"lat": place[0], "lon": place[1]}
            graph.add_node(len(graph), name=f"{name}-{number}", site=name, access="5g", **where)
    return graph


@pytest.mark.parametrize(
    ("a", "b", "km"), [(SHENZHEN, HONG_KONG, 27.4), (SHENZHEN, SUZHOU, 1168), (HONG_KONG, SUZHOU, 1184)]
)
def test_distances_are_those_of_the_globe(a: tuple[float, float], b: tuple[float, float], km: float) -> None:
    assert great_circle_km(a, b) == pytest.approx(km, rel=0.002)


def test_three_cities_keep_their_bearings_and_the_order_of_their_distances() -> None:
    layout = lay_out(network(("shenzhen", SHENZHEN, 5), ("hong-kong", HONG_KONG, 4), ("suzhou", SUZHOU, 4)))
    shenzhen, hong_kong, suzhou = (city.centre for city in layout.cities)
    assert layout.by_geography
    assert dist(shenzhen, hong_kong) < dist(shenzhen, suzhou) < dist(hong_kong, suzhou)
    bearing = degrees(atan2(suzhou[1] - shenzhen[1], suzhou[0] - shenzhen[0]))
    assert bearing == pytest.approx(56, abs=20)  # north-east by north
    assert hong_kong[1] < shenzhen[1]
    assert hong_kong[0] > shenzhen[0]


def test_across_the_date_line_cities_take_the_short_way() -> None:
    layout = lay_out(network(("auckland", (-36.8, 174.8), 2), ("apia", (-13.8, -171.8), 2)))
    auckland, apia = (city.centre for city in layout.cities)
    assert apia[0] > auckland[0]


def test_a_place_that_is_not_known_puts_all_cities_on_a_circle() -> None:
    layout = lay_out(network(("a", SHENZHEN, 3), ("b", None, 3), ("c", None, 3)))
    assert not layout.by_geography
    centres = [city.centre for city in layout.cities]
    assert {round(dist((0, 0), centre), 6) for centre in centres} == {round(dist((0, 0), centres[0]), 6)}


places = st.tuples(st.floats(-80, 80), st.floats(-180, 180))


@given(st.lists(st.tuples(st.none() | places | st.just(SHENZHEN), st.integers(1, 60)), min_size=1, max_size=6))
@settings(deadline=None)
def test_discs_never_overlap_and_hold_their_nodes_apart(cities: list[tuple[Any, int]]) -> None:
    layout = lay_out(network(*((f"c{index}", place, count) for index, (place, count) in enumerate(cities))))
    for one, other in combinations(layout.cities, 2):
        assert dist(one.centre, other.centre) > one.radius + other.radius
    for city in layout.cities:
        spots = [layout.positions[node] for node in city.nodes]
        assert all(dist(spot, city.centre) < city.radius for spot in spots)
        assert all(dist(a, b) > 0.7 for a, b in combinations(spots, 2))


@given(st.lists(places, min_size=2, max_size=6))
@settings(deadline=None)
def test_a_citys_name_points_away_from_every_other_city(where: list[tuple[float, float]]) -> None:
    layout = lay_out(network(*((f"c{index}", place, 3) for index, place in enumerate(where))))
    for city in layout.cities:
        angles = sorted(
            atan2(other.centre[1] - city.centre[1], other.centre[0] - city.centre[0]) % (2 * pi)
            for other in layout.cities
            if other is not city
        )
        widest = max([b - a for a, b in pairwise(angles)] + [2 * pi - angles[-1] + angles[0]])
        outward = layout.outward(city)
        nearest = min(abs(atan2(sin(outward - angle), cos(outward - angle))) for angle in angles)
        assert nearest == pytest.approx(min(pi, widest / 2), abs=1e-6)


def test_one_city_has_its_name_above() -> None:
    layout = lay_out(network(("suzhou", SUZHOU, 7)))
    assert layout.outward(layout.cities[0]) == pi / 2
    assert layout.cities[0].centre == (0, 0)


def joined(*cities: tuple[str, tuple[float, float] | None, int], ms: Mapping[str, float]) -> nx.Graph[Any]:
    """Everybody with everybody: `ms` by the first letters of the two cities, in the alphabet's order."""
    graph = network(*cities)
    for a, b in combinations(graph, 2):
        pair = "".join(sorted(graph.nodes[node]["site"][0] for node in (a, b)))
        graph.add_edge(a, b, median_ms=ms[pair], median_back_ms=ms[pair])
    return graph


TRIANGLE = {"aa": 1, "bb": 1, "cc": 1, "ab": 4, "ac": 30, "bc": 31}


def test_by_latency_quick_pairs_stand_near_and_a_unit_says_how_much_it_is() -> None:
    graph = joined(("a", SHENZHEN, 4), ("b", HONG_KONG, 4), ("c", SUZHOU, 4), ms=TRIANGLE)
    layout = lay_out(graph, "latency")
    assert layout.cities == ()
    assert layout.ms_per_unit is not None
    middles = [
        tuple(
            sum(layout.positions[node][axis] for node in graph if graph.nodes[node]["site"] == site) / 4
            for axis in (0, 1)
        )
        for site in "abc"
    ]
    near, far = dist(middles[0], middles[1]), dist(middles[0], middles[2])
    assert far * layout.ms_per_unit == pytest.approx(30, rel=0.15)
    assert near < far / 2
    assert middles[2][1] > middles[0][1], "north is up where that is known"


def test_by_latency_the_quickest_way_counts_not_the_link() -> None:
    graph = network(("a", None, 3))
    graph.add_edge(0, 1, median_ms=1.0)
    graph.add_edge(1, 2, median_ms=1.0)
    graph.add_edge(0, 2, median_ms=50.0)
    places = lay_out(graph, "latency").positions
    assert dist(places[0], places[2]) == pytest.approx(2 * dist(places[0], places[1]), rel=0.1)


def test_too_many_nodes_for_a_matrix_of_distances_are_refused() -> None:
    with pytest.raises(ValueError, match="3001 nodes are too many for a layout by latency: at most 3000"):
        lay_out(nx.empty_graph(3001), "latency")


def test_clusters_are_those_with_quick_links() -> None:
    graph = joined(("a", SHENZHEN, 5), ("b", HONG_KONG, 4), ("c", SUZHOU, 6), ms={**TRIANGLE, "ab": 25})
    layout = lay_out(graph, "cluster")
    assert [len(city.nodes) for city in layout.cities] == [6, 5, 4]
    assert [city.name for city in layout.cities] == ["cluster 1", "cluster 2", "cluster 3"]
    assert all(len({graph.nodes[node]["site"] for node in city.nodes}) == 1 for city in layout.cities)


@pytest.mark.parametrize("by", ["latency", "cluster"])
@pytest.mark.parametrize(
    "graph",
    [
        network(("a", None, 1)),
        network(("a", None, 7)),  # no links
        nx.path_graph(2),
        nx.star_graph(60),  # nobody said what its delays are
        joined(("a", None, 4), ("b", None, 3), ms={"aa": 0, "bb": 0, "ab": 0}),
        nx.disjoint_union(nx.cycle_graph(5), nx.cycle_graph(4)),
        nx.relabel_nodes(nx.random_regular_graph(4, 80, seed=3), str),
    ],
    ids=["one", "loose", "two", "star", "no delay", "pieces", "texts"],
)
def test_every_node_of_odd_graphs_has_a_place_of_its_own(graph: nx.Graph[Any], by: Any) -> None:
    layout = lay_out(graph, by)
    assert sorted(layout.positions, key=str) == sorted(graph, key=str)
    assert all(dist(a, b) > 0.6 for a, b in combinations(layout.positions.values(), 2))
    assert layout.positions == lay_out(graph, by).positions
    left, bottom, right, top = layout.extent
    assert all(left < x < right and bottom < y < top for x, y in layout.positions.values())
    for one, other in combinations(layout.cities, 2):
        assert dist(one.centre, other.centre) > one.radius + other.radius
