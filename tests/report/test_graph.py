"""Graphs are written in the form their file's name asks for, and read back."""

from __future__ import annotations

import hashlib
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.report.graph import diameter, figures, with_traffic, write
from netsim.report.page.graph import document

from .test_layout import HONG_KONG, SHENZHEN, SUZHOU, network


def complete(title: str = "shenzhen", **extra: Any) -> nx.Graph[Any]:
    graph = network((title, SHENZHEN, 3), ("hong-kong", HONG_KONG, 2), ("suzhou", SUZHOU, 2))
    for a in graph:
        for b in range(a):
            graph.add_edge(b, a, median_ms=1.5 * a, minimum_ms=1.0, median_back_ms=1.5 * a + 0.1, **extra)
    return graph


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("one.svg", "two.svg", "one.png", "two.png"):
        write(complete(), folder / name, "greater-bay <&> $x_1$")
    return folder


def test_an_svg_is_xml_with_a_drawing_in_it(pictures: Path) -> None:
    root = ElementTree.parse(pictures / "one.svg").getroot()
    assert root.tag.endswith("svg")
    assert len(root.findall(".//{*}path")) > 50


def test_a_png_has_the_signature_of_one_and_a_size_to_look_at(pictures: Path) -> None:
    data = (pictures / "one.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(data[16:20], "big") > 800


@pytest.mark.parametrize("form", ["svg", "png"])
def test_the_same_graph_gives_the_same_bytes(pictures: Path, form: str) -> None:
    one, two = (hashlib.sha256((pictures / f"{name}.{form}").read_bytes()).hexdigest() for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize(
    "graph",
    [
        network(("suzhou", SUZHOU, 1)),
        nx.path_graph(30),  # nobody said anything about its nodes
        network(("a", None, 3), ("b", SHENZHEN, 2)),
        network(*((f"c{index}", (10.0 * index, 5.0 * index), 2) for index in range(7))),
    ],
    ids=["one node", "bare", "half located", "seven cities"],
)
def test_odd_graphs_can_be_drawn(graph: nx.Graph[Any], tmp_path: Path) -> None:
    graph.add_edges_from((0, other) for other in graph if other)
    write(graph, tmp_path / "odd.svg", "")
    assert (tmp_path / "odd.svg").stat().st_size


def test_graphml_is_read_back_with_its_attributes(tmp_path: Path) -> None:
    graph = complete()
    write(graph, tmp_path / "network.graphml", "greater-bay")
    back = nx.read_graphml(tmp_path / "network.graphml", node_type=int)
    assert dict(back.nodes(data=True)) == dict(graph.nodes(data=True))
    assert {frozenset(edge) for edge in back.edges} == {frozenset(edge) for edge in graph.edges}
    assert back.edges[0, 6] == graph.edges[0, 6]
    assert "title" not in graph.graph


def test_what_graphml_gives_back_can_be_drawn(tmp_path: Path) -> None:
    write(complete(), tmp_path / "network.graphml", "greater-bay")
    write(nx.read_graphml(tmp_path / "network.graphml"), tmp_path / "network.svg", "greater-bay")
    assert (tmp_path / "network.svg").exists()


def test_dot_holds_every_node_and_link_and_quotes_what_it_must(tmp_path: Path) -> None:
    graph = complete('she"n\\zhen\n')
    write(graph, tmp_path / "network.dot", 'a "title"')
    lines = (tmp_path / "network.dot").read_text(encoding="utf-8").splitlines()
    assert lines[0] == 'graph "a \\"title\\"" {'
    assert lines[-1] == "}"
    assert '    label="she\\"n\\\\zhen\\n";' in lines
    assert sum(" -- " in line for line in lines) == graph.number_of_edges()
    assert '  n0 -- n6 [len=9, tooltip="9 ms"];' in lines
    assert sum(line.startswith("    n") for line in lines) == len(graph)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("x.bmp", r"\.bmp says no form of graph; use \.svg, \.png, \.html, \.graphml or \.dot"),
        ("x", r"a name without a suffix says no form of graph"),
    ],
)
def test_another_suffix_is_refused_with_the_choices(tmp_path: Path, name: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        write(complete(), tmp_path / name, "")
    assert not (tmp_path / name).exists()


def test_the_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    write(complete(), tmp_path / "network.DOT", "")
    assert (tmp_path / "network.DOT").exists()


def carrying(graph: nx.Graph[Any], **extra: int) -> nx.Graph[Any]:
    return with_traffic(graph, {(a, b): (a + 1) ** 5 * (b + 1) for a in graph for b in graph if a != b and b != 6})


def test_traffic_is_told_by_direction_and_what_went_beside_the_links_is_kept() -> None:
    graph = nx.path_graph(3)
    told = with_traffic(graph, {(0, 1): 10, (1, 0): 3, (2, 1): 5, (0, 2): 77, (2, 0): 1})
    assert dict(told.edges[0, 1]) == {"bytes": 10, "bytes_back": 3}
    assert dict(told.edges[1, 2]) == {"bytes": 0, "bytes_back": 5}
    assert told.graph["bytes_beside"] == 78
    assert not graph.edges[0, 1]


@pytest.mark.parametrize("by", ["latency", "cluster"])
@pytest.mark.parametrize("colour", ["delay", "traffic"])
def test_pictures_know_every_layout_and_colour(tmp_path: Path, by: Any, colour: Any) -> None:
    write(carrying(complete()), tmp_path / "a.svg", "greater-bay", by, colour)
    drawn = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert ("both directions together" in drawn) == (colour == "traffic")
    assert ("cluster 1" in drawn) == (by == "cluster")
    assert ("quickest way over the overlay" in drawn) == (by == "latency")


def test_a_cut_node_is_marked_in_a_picture(tmp_path: Path) -> None:
    for graph, name in ((nx.star_graph(4), "star"), (nx.cycle_graph(4), "ring")):
        write(graph, tmp_path / f"{name}.svg", "")
    assert "cut node" in (tmp_path / "star.svg").read_text(encoding="utf-8")
    assert "cut node" not in (tmp_path / "ring.svg").read_text(encoding="utf-8")


def test_graphs_for_other_programs_have_positions_where_a_layout_is_asked_for_and_bytes_where_known(
    tmp_path: Path,
) -> None:
    write(carrying(complete()), tmp_path / "a.graphml", "", "latency")
    back = nx.read_graphml(tmp_path / "a.graphml", node_type=int)
    assert back.nodes[3].keys() >= {"name", "x", "y"}
    assert back.edges[0, 1]["bytes"] == 2
    write(carrying(complete()), tmp_path / "a.dot", "", "latency")
    lines = (tmp_path / "a.dot").read_text(encoding="utf-8").splitlines()
    assert sum('pos="' in line for line in lines) == 7
    assert '  n0 -- n1 [len=1.5, tooltip="1.5 ms, 34 B"];' in lines


def test_a_page_is_one_file_in_which_names_stay_text(tmp_path: Path) -> None:
    graph = complete("</script><script>alert(1)</script>")
    write(carrying(graph), tmp_path / "one.html", "</title><b>", "cluster", "traffic")
    write(carrying(graph), tmp_path / "two.html", "</title><b>", "cluster", "traffic")
    text = (tmp_path / "one.html").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "</title><b>" not in text
    assert "<link" not in text
    assert "<script src" not in text


def test_a_pages_data_hold_the_whole_graph() -> None:
    graph = carrying(complete())
    data = document(graph, "greater-bay", figures(graph), "latency", "delay")
    assert [layout["by"] for layout in data["layouts"]] == ["geography", "latency", "cluster"]
    assert all(len(layout["x"]) == len(layout["y"]) == 7 for layout in data["layouts"])
    links = data["links"]
    rebuilt: nx.Graph[Any] = nx.Graph()
    for at, ends in enumerate(zip(links["from"], links["to"], strict=True)):
        rebuilt.add_edge(*ends)
        rebuilt.edges[ends].update({name: ms for name, ms in links["delays"][links["kind"][at]].items() if ms})
        rebuilt.edges[ends].update(bytes=links["bytes"][at], bytes_back=links["bytes_back"][at])
    assert {frozenset(edge) for edge in rebuilt.edges} == {frozenset(edge) for edge in graph.edges}
    assert all(attributes == graph.edges[edge] for edge, attributes in rebuilt.edges.items())
    assert data["sites"][1] == {"name": "hong-kong", "lat": HONG_KONG[0], "lon": HONG_KONG[1]}


def test_a_page_leaves_out_a_layout_that_is_too_large_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsim.report.layout._MOST_BY_LATENCY", 5)
    graph = complete()
    data = document(graph, "", figures(graph), "cluster", "delay")
    assert [layout["by"] for layout in data["layouts"]] == ["geography", "cluster"]
    assert data["without"] == ["7 nodes are too many for a layout by latency: at most 5"]
    with pytest.raises(ValueError, match="7 nodes are too many"):
        document(graph, "", figures(graph), "latency", "delay")


def test_figures_of_a_star() -> None:
    graph = network(("hub", None, 5))
    graph.add_edges_from((0, other) for other in range(1, 5))
    assert figures(graph) == {
        "nodes": 5,
        "links": 4,
        "degree": "1 to 4 (mean 1.6)",
        "diameter": 2,
        "clustering": 0,
        "cut nodes": "1 (hub-0)",
    }


def test_figures_of_a_ring() -> None:
    assert figures(nx.cycle_graph(8)) == {
        "nodes": 8,
        "links": 8,
        "degree": 2,
        "diameter": 4,
        "clustering": 0,
        "cut nodes": "none",
    }


def test_a_graph_in_pieces_has_no_diameter() -> None:
    graph = network(("a", None, 4))
    graph.add_edges_from([(0, 1), (2, 3)])
    assert figures(graph)["diameter"] == "none (2 pieces)"


def test_many_cut_nodes_are_counted_and_some_named() -> None:
    assert figures(nx.path_graph(9))["cut nodes"] == "7 (1 2 3 4 5 …)"


@given(st.integers(1, 60), st.integers(0, 2**30), st.integers(0, 60))
@settings(max_examples=60)
def test_the_diameter_is_that_of_a_search_from_every_node(nodes: int, seed: int, further: int) -> None:
    graph = nx.random_labeled_tree(nodes, seed=seed)
    lots = Random(seed)
    graph.add_edges_from((lots.randrange(nodes), lots.randrange(nodes)) for _ in range(further))
    assert diameter(graph) == nx.diameter(graph)


def test_the_diameter_of_long_and_of_large_graphs() -> None:
    assert diameter(nx.path_graph(150)) == 149
    assert diameter(nx.cycle_graph(220)) == 110
    assert diameter(nx.circulant_graph(1100, [1, 30])) == 28


@pytest.mark.parametrize("nodes", [1, 2, 3, 7])
def test_the_short_way_for_complete_graphs_agrees_with_the_search(nodes: int) -> None:
    graph: nx.Graph[Any] = nx.complete_graph(nodes)
    assert figures(graph)["diameter"] == nx.diameter(graph)
    assert figures(graph)["clustering"] == nx.average_clustering(graph)
    assert figures(graph)["cut nodes"] == "none"
