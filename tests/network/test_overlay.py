from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.network import overlay
from netsim.network.overlay import build, neighbours
from netsim.scenario.model import Choice

CHOICES = {
    "complete": Choice("complete", {}),
    "ring": Choice("ring", {}),
    "star": Choice("star", {}),
    "random-regular": Choice("random-regular", {"degree": 4}),
    "small-world": Choice("small-world", {"degree": 4, "rewire": 0.3}),
    "scale-free": Choice("scale-free", {"links": 2}),
}
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
    [("complete", [9] * 10), ("ring", [2] * 10), ("star", [9] + [1] * 9), ("random-regular", [4] * 10)],
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


@pytest.mark.parametrize("name", ["random-regular", "small-world", "scale-free"])
def test_another_seed_gives_another_graph(name: str) -> None:
    assert set(build(CHOICES[name], 30, 1).edges) != set(build(CHOICES[name], 30, 2).edges)


@pytest.mark.parametrize(
    ("name", "parameters", "nodes"),
    [
        ("random-regular", {"degree": 4}, 4),
        ("random-regular", {"degree": 3}, 5),
        ("random-regular", {"degree": 1}, 4),
        ("small-world", {"degree": 3, "rewire": 0.1}, 10),
        ("small-world", {"degree": 10, "rewire": 0.1}, 10),
        ("scale-free", {"links": 5}, 5),
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


@pytest.mark.parametrize("name", ["grid", "moebius"])
def test_a_topology_that_is_not_there_is_a_lookup_error(name: str) -> None:
    with pytest.raises(LookupError, match=name):
        build(Choice(name, {}), 9, 1)
