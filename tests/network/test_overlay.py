from math import isqrt
from random import Random
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.network import overlay
from netsim.network.overlay import build, neighbours
from netsim.scenario.model import Choice

from .worlds import MS, network

CHOICES = {
    "complete": Choice("complete", {}),
    "ring": Choice("ring", {}),
    "star": Choice("star", {}),
    "random-regular": Choice("random-regular", {"degree": 4}),
    "small-world": Choice("small-world", {"degree": 4, "rewire": 0.3}),
    "scale-free": Choice("scale-free", {"links": 2}),
    "line": Choice("line", {}),
    "grid": Choice("grid", {}),
    "tree": Choice("tree", {"children": 3}),
    "clustered": Choice("clustered", {"within": 3, "between": 2}),
    "random": Choice("random", {"links": ((0, 0.1), (1, 0.5), (4, 1.0))}),
}
DRAWN = ["random-regular", "small-world", "scale-free", "clustered", "random"]
names = st.sampled_from(sorted(CHOICES))


@given(names, st.one_of(st.integers(1, 2), st.integers(5, 60)), st.integers(0, 2**64))
def test_an_overlay_is_simple_connected_and_the_same_for_the_same_seed(name: str, nodes: int, seed: int) -> None:
    graph = build(CHOICES[name], nodes, seed)
    assert set(graph) == set(range(nodes))
    assert not graph.is_directed()
    assert not graph.is_multigraph()
    assert nx.number_of_selfloops(graph) == 0
    assert nx.is_connected(graph)
    assert set(graph.edges) == set(build(CHOICES[name], nodes, seed).edges)


@given(names, st.one_of(st.integers(1, 2), st.integers(5, 40)), st.integers(0, 100))
def test_neighbours_are_the_graphs_in_cyclic_order(name: str, nodes: int, seed: int) -> None:
    graph = build(CHOICES[name], nodes, seed)
    for node, found in enumerate(neighbours(CHOICES[name], nodes, seed)):
        assert set(found) == set(graph[node])
        assert [(other - node) % nodes for other in found] == sorted((other - node) % nodes for other in found)


@pytest.mark.parametrize(
    ("name", "degrees"),
    [
        ("complete", [9] * 10),
        ("ring", [2] * 10),
        ("star", [9] + [1] * 9),
        ("random-regular", [4] * 10),
        ("line", [1] + [2] * 8 + [1]),
        ("grid", [2, 3, 3, 2, 3, 4, 3, 2, 2, 2]),
        ("tree", [3, 4, 4, 1, 1, 1, 1, 1, 1, 1]),
        ("clustered", [3] * 10),  # one site
    ],
)
def test_each_topology_has_its_degrees(name: str, degrees: list[int]) -> None:
    assert [degree for _, degree in build(CHOICES[name], 10, 1).degree] == degrees


def test_a_small_world_keeps_its_edges_and_moves_some() -> None:
    ring = {tuple(sorted((node, (node + step) % 50))) for node in range(50) for step in (1, 2)}
    edges = {tuple(sorted(edge)) for edge in build(CHOICES["small-world"], 50, 1).edges}
    assert len(edges) == len(ring)
    assert 10 <= len(edges - ring) <= 50  # 30 % of 100


def test_in_a_scale_free_overlay_each_newcomer_brings_its_links() -> None:
    graph = build(CHOICES["scale-free"], 200, 1)
    assert graph.number_of_edges() == 2 * (200 - 2)
    assert max(degree for _, degree in graph.degree) > 12


@pytest.mark.parametrize("name", DRAWN)
def test_another_seed_gives_another_graph(name: str) -> None:
    assert set(build(CHOICES[name], 30, 1).edges) != set(build(CHOICES[name], 30, 2).edges)


@given(st.integers(1, 12), st.integers(1, 12))
def test_a_grid_of_full_rows_has_its_closed_form_of_links(rows: int, columns: int) -> None:
    nodes = rows * columns
    graph = build(CHOICES["grid"], nodes, 1)
    if columns == isqrt(nodes - 1) + 1:  # then its rows are of that length
        assert graph.number_of_edges() == 2 * rows * columns - rows - columns
        assert nx.is_isomorphic(graph, nx.grid_2d_graph(rows, columns))
    assert graph.number_of_edges() >= nodes - 1


def test_a_grid_is_nearly_square() -> None:
    for nodes in range(3, 200):
        assert abs(nx.diameter(build(CHOICES["grid"], nodes, 1)) - 2 * (nodes**0.5 - 1)) < 2


@pytest.mark.parametrize("nodes", [2, 7, 50])
@pytest.mark.parametrize("name", ["line", "tree"])
def test_lines_and_trees_have_no_link_too_many(name: str, nodes: int) -> None:
    assert nx.is_tree(build(CHOICES[name], nodes, 1))


@given(st.integers(1, 6), st.integers(3, 300))
def test_a_tree_is_balanced(children: int, nodes: int) -> None:
    graph = build(Choice("tree", {"children": children}), nodes, 1)
    depths = nx.single_source_shortest_path_length(graph, 0)
    assert all(degree <= children + 1 for _, degree in graph.degree)
    deepest = max(depths.values())
    at = [sum(depth == level for depth in depths.values()) for level in range(deepest)]
    assert at == [children**level for level in range(deepest)]  # all levels but the last are full


@given(st.lists(st.integers(1, 12), min_size=1, max_size=5), st.integers(2, 6), st.integers(1, 9), st.integers(0, 99))
@settings(deadline=None)
def test_a_clustered_overlay_is_dense_within_sites_and_has_few_links_between(
    sizes: list[int], within: int, between: int, seed: int
) -> None:
    sites = Random(seed).sample([site for site, size in enumerate(sizes) for _ in range(size)], sum(sizes))
    graph = build(Choice("clustered", {"within": within, "between": between}), len(sites), seed, sites)
    assert nx.is_connected(graph)
    if len(sites) < 3:
        return
    for site, size in enumerate(sizes):
        here = graph.subgraph([node for node, at in enumerate(sites) if at == site])
        wanted = min(within + within * size % 2, size - 1)
        assert {degree for _, degree in here.degree} == {wanted}
        for other in range(site):
            links = [edge for edge in graph.edges if {sites[node] for node in edge} == {site, other}]
            assert len(links) == min(between, size * sizes[other])


def test_without_sites_a_clustered_overlay_is_one_cluster() -> None:
    assert {degree for _, degree in build(CHOICES["clustered"], 20, 1).degree} == {3}


def test_a_scenarios_clusters_are_its_sites() -> None:
    net = network(
        {"shenzhen": 8, "hong-kong": 6, "suzhou": 7}, delay=MS, overlay=Choice("clustered", {"within": 4, "between": 1})
    )
    between = [edge for edge in net.graph.edges if net.node_sites[edge[0]] != net.node_sites[edge[1]]]
    assert len(between) == 3
    assert {frozenset(edge) for edge in net.graph.edges} == {
        frozenset((node, peer)) for node, peers in enumerate(net.peers) for peer in peers
    }


# The shares of nodes with at most 1, 2, 3, … outbound links in SimBlock's Bitcoin of 2019.
BITCOIN = [
    0.025,
    0.05,
    0.075,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.85,
    0.9,
    0.95,
    0.97,
    0.97,
    0.98,
    0.99,
    0.995,
    1.0,
]


def test_in_a_random_overlay_each_node_opens_its_links() -> None:
    graph = build(Choice("random", {"links": tuple(enumerate(BITCOIN, 1))}), 1000, 1)
    mean = 1 + sum(1 - share for share in BITCOIN)
    opened = graph.number_of_edges() / 1000
    deviation = (sum((2 * k + 1) * (1 - share) for k, share in enumerate(BITCOIN, 1)) + 1 - mean**2) ** 0.5
    assert mean == pytest.approx(8.645)  # and so a mean degree of 17.3
    assert abs(opened - mean) < 4 * deviation / 1000**0.5


def test_links_of_a_random_overlay_are_opened_to_anyone() -> None:
    nodes, links = 400, 5
    graph = build(Choice("random", {"links": ((links, 1.0),)}), nodes, 1)
    assert graph.number_of_edges() == nodes * links
    # Those that others open to a node are binomial: (nodes − 1) times links / (nodes − 1).
    taken = [degree - links for _, degree in graph.degree]
    variance = sum((each - links) ** 2 for each in taken) / nodes
    assert abs(variance / (links * (1 - links / nodes)) - 1) < 4 * (2 / nodes) ** 0.5
    early, late = sum(taken[: nodes // 2]), sum(taken[nodes // 2 :])
    assert abs(early - late) < 5 * (nodes * links) ** 0.5


@given(st.integers(1, 30), st.integers(0, 40), st.integers(0, 100))
def test_a_random_overlay_opens_what_there_is(nodes: int, links: int, seed: int) -> None:
    graph = build(Choice("random", {"links": ((links, 1.0),)}), nodes, seed)
    assert nx.is_connected(graph)
    assert graph.number_of_edges() <= max(nodes * (nodes - 1) // 2, 0)
    if links >= nodes:
        assert graph.number_of_edges() == nodes * (nodes - 1) // 2


def test_pieces_of_a_random_overlay_are_joined_by_one_link_each() -> None:
    graph = build(Choice("random", {"links": ((0, 1.0),)}), 50, 1)
    assert nx.is_tree(graph)
    assert graph.number_of_edges() == 49


def test_given_links_are_taken_as_they_are() -> None:
    graph = overlay.file(4, 1, ((2, 0), (1, 2), (3, 2)))
    assert {frozenset(edge) for edge in graph.edges} == {frozenset(edge) for edge in ((0, 2), (1, 2), (2, 3))}


@pytest.mark.parametrize("edges", [((0, 1), (2, 3)), ((0, 1), (1, 2), (2, 3), (3, 4))])
def test_given_links_that_do_not_connect_the_nodes_are_an_error(edges: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="the 4 nodes"):
        overlay.file(4, 1, edges)


@pytest.mark.parametrize(
    ("name", "parameters", "nodes"),
    [
        ("random-regular", {"degree": 4}, 4),
        ("random-regular", {"degree": 3}, 5),
        ("random-regular", {"degree": 1}, 4),
        ("small-world", {"degree": 3, "rewire": 0.1}, 10),
        ("small-world", {"degree": 10, "rewire": 0.1}, 10),
        ("scale-free", {"links": 5}, 5),
        ("clustered", {"within": 1, "between": 1}, 5),
        ("clustered", {"within": 2, "between": 0}, 5),
    ],
)
def test_what_cannot_be_built_is_an_error_that_says_why(name: str, parameters: dict[str, Any], nodes: int) -> None:
    with pytest.raises(ValueError, match=str(nodes)):
        build(Choice(name, parameters), nodes, 1)


def test_a_graph_that_never_comes_out_connected_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlay, "_ATTEMPTS", 3)
    monkeypatch.setattr(nx, "is_connected", lambda graph: False)
    with pytest.raises(ValueError, match="none of 3 "):
        build(CHOICES["small-world"], 10, 1)


@pytest.mark.parametrize("name", ["moebius"])
def test_a_topology_that_is_not_there_is_a_lookup_error(name: str) -> None:
    with pytest.raises(LookupError, match=name):
        build(Choice(name, {}), 9, 1)
