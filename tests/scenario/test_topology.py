"""Graphs from files: what they say is understood, what they repeat is merged, what could harm is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netsim import catalogue
from netsim.network import Network
from netsim.report.graph import write
from netsim.scenario import load
from netsim.scenario.model import Choice, Distribution
from netsim.scenario.topology import Edge, Topology, Vertex, read_topology

from .reading import read

DATA = Path(__file__).parents[1] / "data"
MS, US = 10**6, 10**3
GRAPHML = """<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key attr.name="label" attr.type="string" for="node" id="d0" />
  <key attr.name="Latitude" attr.type="double" for="node" id="d1" />
  <key attr.name="Longitude" attr.type="double" for="node" id="d2" />
  <key attr.name="latency" attr.type="string" for="edge" id="d3"><default>7 ms</default></key>
  <graph edgedefault="undirected">
    <node id="0"><data key="d0">Shenzhen</data><data key="d1">22.543</data><data key="d2">114.058</data></node>
    <node id="1"><data key="d0">Hong Kong</data></node>
    <edge source="0" target="1"><data key="d3">5 ms</data></edge>
    <edge source="1" target="0"><data key="d3">4 ms</data></edge>
    <edge source="1" target="1" />
  </graph>
</graphml>
"""


def topology(folder: Path, text: str, name: str = "net.gml") -> Topology:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_topology(path)


def gml(*items: str, head: str = "") -> str:
    return f"graph [ {head}\n" + "\n".join(items) + "\n]\n"


def vertices(*labels: str) -> list[str]:
    return [f'node [ id {number} label "{label}" ]' for number, label in enumerate(labels)]


def edge(source: int, target: int, more: str = "") -> str:
    return f"edge [ source {source} target {target} {more} ]"


def test_a_file_in_the_manner_of_the_topology_zoo() -> None:
    found = read_topology(DATA / "border.gml")
    assert [(vertex.name, vertex.location) for vertex in found.vertices] == [
        ("Shenzhen", (22.543, 114.058)),
        ("Hong-Kong", (30.131, 100.518)),
        ("Suzhou", (31.299, 120.585)),
        ("Suzhou-2", (31.32, 120.62)),
        ("Xi-an", None),
    ]
    assert found.edges == tuple(
        Edge(source, target, None, 0, 0.0)
        for source, target in (
            ("Shenzhen", "Hong-Kong"),
            ("Shenzhen", "Suzhou"),
            ("Suzhou", "Suzhou-2"),
            ("Suzhou-2", "Xi-an"),
        )
    )
    assert found.notes == (
        "border.gml: renamed for the scenario: `Hong Kong` to Hong-Kong, `Suzhou` to Suzhou-2, `Xi'an` to Xi-an",
        "border.gml: 2 of 7 links repeat others and are merged, the least delay kept",
        "border.gml: 1 of 7 links join a vertex with itself and are left out",
    )


def test_the_keys_of_shadow() -> None:
    found = read_topology(DATA / "shadow.gml")
    assert found == Topology(
        (Vertex("sz", None, 80 * 10**6, 10**9), Vertex("hk", None, 2 * 2**20, 2 * 10**6)),
        (
            Edge("sz", "sz", 300 * US, 0, 0.0),
            Edge("sz", "hk", 4500 * US, 400 * US, 0.001, both_ways=False),
            Edge("hk", "sz", 6 * MS, 0, 0.01, both_ways=False),
        ),
        (),
    )


def test_graphml_with_repeated_links_and_defaults(tmp_path: Path) -> None:
    found = topology(tmp_path, GRAPHML, "net.graphml")
    assert [(vertex.name, vertex.location) for vertex in found.vertices] == [
        ("Shenzhen", (22.543, 114.058)),
        ("Hong-Kong", None),
    ]
    assert {frozenset((edge.source, edge.target)): edge.delay for edge in found.edges} == {
        frozenset(("Shenzhen", "Hong-Kong")): 4 * MS,
        frozenset(("Hong-Kong",)): 7 * MS,
    }
    assert "net.graphml: 1 of 3 links repeat others and are merged, the least delay kept" in found.notes


def test_what_netsim_exports_has_its_names_places_and_links_again_and_not_its_delays(tmp_path: Path) -> None:
    scenario = read(
        "sites: {sz: {location: [22.5, 114], nodes: 5}, Suzhou_2: {location: [31.3, 120.6], nodes: 3}}\n"
        "overlay: {topology: random-regular, degree: 3}\n"
    )
    network = Network(scenario)
    write(network.graph, tmp_path / "net.graphml", "title")
    found = read_topology(tmp_path / "net.graphml")
    assert [vertex.name for vertex in found.vertices] == list(network.names)
    assert [vertex.location for vertex in found.vertices] == [(22.5, 114.0)] * 5 + [(31.3, 120.6)] * 3
    assert {frozenset((edge.source, edge.target)) for edge in found.edges} == {
        frozenset((network.names[a], network.names[b])) for a, b in network.graph.edges
    }
    assert all(edge.delay is None and edge.both_ways for edge in found.edges)
    assert found.notes == (
        "net.graphml: median_ms and minimum_ms follow from the scenario that was exported and are not used",
    )


@pytest.mark.parametrize("keep_sites", [True, False], ids=["sites given", "sites from the file"])
def test_an_overlay_that_is_exported_and_read_is_the_same_overlay(keep_sites: bool, tmp_path: Path) -> None:
    sites = (
        "sites:\n  sz: {location: [22.5, 114], nodes: 5}\n"
        "  Suzhou_2: {location: [31.3, 120.6], nodes: [{name: a}, {name: b}, {name: c}]}\n"
    )
    first = Network(read(f"{sites}seed: 3\noverlay: {{topology: random-regular, degree: 3}}\n"))
    write(first.graph, tmp_path / "net.graphml", "title")
    file = tmp_path / "again.yaml"
    file.write_text(f"{sites if keep_sites else ''}overlay: {{topology: file, file: net.graphml}}\n", encoding="utf-8")
    scenario = load(file, catalogue=catalogue)
    again = Network(scenario)
    assert (again.names if keep_sites else again.sites) == first.names  # a new site has one node
    assert again.peers == first.peers
    for degrees in ("lat", "lon"):
        assert nx.get_node_attributes(again.graph, degrees) == nx.get_node_attributes(first.graph, degrees)
    assert "not used" in " ".join(scenario.notes)
    # What is resolved stands by itself, without the file.
    (tmp_path / "net.graphml").unlink()
    assert Network(read(scenario.text)).peers == first.peers


def test_delays_of_a_directed_file_become_links_one_way_each(tmp_path: Path) -> None:
    (tmp_path / "shadow.gml").write_bytes((DATA / "shadow.gml").read_bytes())
    file = tmp_path / "x.yaml"
    file.write_text("overlay: {topology: file, file: shadow.gml}\n", encoding="utf-8")
    scenario = load(file, catalogue=catalogue)
    assert scenario.overlay == Choice("file", {"edges": ((0, 1),)})
    given = {(link.source, link.target): link for link in scenario.backbone.links}
    assert {ends: (link.delay, link.jitter, link.loss) for ends, link in given.items()} == {
        ("sz", "sz"): (Distribution("constant", (("value", 300 * US),)), 0, 0.0),
        ("sz", "hk"): (Distribution("constant", (("value", 4500 * US),)), 400 * US, 0.001),
        ("hk", "sz"): (Distribution("constant", (("value", 6 * MS),)), 0, 0.01),
    }


def test_links_of_a_directed_file_are_two_only_where_they_differ(tmp_path: Path) -> None:
    text = gml(
        *vertices("a", "b", "c", "d"),
        edge(0, 1, 'latency "3 ms"'),
        edge(1, 0, 'latency "3 ms"'),
        edge(1, 2, 'latency "3 ms"'),
        edge(2, 1, 'latency "4 ms"'),
        edge(2, 3),
        head="directed 1",
    )
    found = topology(tmp_path, text)
    assert found.edges == (
        Edge("a", "b", 3 * MS, 0, 0.0),
        Edge("b", "c", 3 * MS, 0, 0.0, both_ways=False),
        Edge("c", "b", 4 * MS, 0, 0.0, both_ways=False),
        Edge("c", "d", None, 0, 0.0),
    )
    assert found.notes == ("net.gml: 1 of 5 directed links have none the other way and are taken both ways",)


def test_of_repeated_links_the_fastest_is_kept_and_one_with_a_delay_before_one_without(tmp_path: Path) -> None:
    edges = [edge(0, 1), edge(1, 0, 'latency "5 ms"'), edge(0, 1, 'latency "4 ms" packet_loss 0.5')]
    for order in (edges, edges[::-1]):
        (kept,) = topology(tmp_path, gml(*vertices("a", "b"), *order)).edges
        assert (kept.delay, kept.loss) == (4 * MS, 0.5)


def test_names_become_such_as_a_scenario_can_use_and_none_is_there_twice(tmp_path: Path) -> None:
    labels = ["all", "Zürich", "A / B", "A / B", "A-B-2", "", "--", "x" * 70, "x" * 70, "node at 1.2.3.4"]
    found = topology(tmp_path, gml(*vertices(*labels)))
    assert [vertex.name for vertex in found.vertices] == [
        "all-2",
        "Zürich",
        "A-B",
        "A-B-2",
        "A-B-2-2",
        "5",
        "6",
        "x" * 63,
        f"{'x' * 56}-2",
        "node-at-1-2-3-4",
    ]
    (note,) = found.notes
    assert note.startswith("net.gml: renamed for the scenario: `all` to all-2, `A / B` to A-B, `A / B` to A-B-2, ")
    assert note.endswith(", 3 more")


def test_a_place_that_is_not_on_earth_is_none(tmp_path: Path) -> None:
    text = gml(
        'node [ id 0 label "a" Latitude 91.0 Longitude 0 ]',
        'node [ id 1 label "b" Latitude 1.5 ]',
        'node [ id 2 label "c" Latitude "north" Longitude 3 ]',
        'node [ id 3 label "d" lat -90 lon 180.0 ]',
        'node [ id 4 label "e" ]',
    )
    found = topology(tmp_path, text)
    assert [vertex.location for vertex in found.vertices] == [None, None, None, (-90.0, 180.0), None]
    assert found.notes == ("net.gml: half a location, or one that is not on Earth, is none: a, b, c",)


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ('latency "5"', "the latency `5`, which is not written like `10 ms`"),
        ("latency 5", "the latency `5`, which is not written like `10 ms`"),
        ('latency "-5 ms"', "the latency `-5 ms`, which is not written like `10 ms`"),
        ('latency "nan ms"', "the latency `nan ms`, which is not written like `10 ms`"),
        ('latency "5 MS"', "the latency `5 MS`, which is not written like `10 ms`"),
        ('latency "3601 s"', "the latency `3601 s`, which is longer than an hour"),
        ('jitter "much"', "the jitter `much`, which is not written like `10 ms`"),
        ("packet_loss 1.0", "the packet_loss `1.0`, which is no part of 1, from 0 to less than 1"),
        ("packet_loss -0.1", "the packet_loss `-0.1`, which is no part of 1, from 0 to less than 1"),
        ("packet_loss NAN", "the packet_loss `nan`, which is no part of 1, from 0 to less than 1"),
        ('packet_loss "5 %"', "the packet_loss `5 %`, which is no part of 1, from 0 to less than 1"),
        ("packet_loss [ x 1 ]", "the packet_loss `{'x': 1}`, which is no part of 1, from 0 to less than 1"),
    ],
)
def test_what_is_wrong_with_a_link_is_said_with_its_ends(more: str, wrong: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as raised:
        topology(tmp_path, gml(*vertices("a", "b"), edge(0, 1, more)))
    assert str(raised.value) == f"names a file that gives the link from a to b {wrong}"


@pytest.mark.parametrize("bandwidth", ["fast", "0 bit", "1e30 Gbit", "10", "1 GB"])
def test_a_bandwidth_that_is_none_is_refused(bandwidth: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"gives a the host_bandwidth_up `{bandwidth}`, which "):
        topology(tmp_path, gml(f'node [ id 0 label "a" host_bandwidth_up "{bandwidth}" ]'))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "is empty"),
        ("hello", "is neither GraphML nor GML: expected an int, float, string or '[', found EOF at (2, 1)"),
        ("graph [", "is neither GraphML nor GML: expected ']', found EOF at (2, 1)"),
        ("graph [ ]", "holds no vertices"),
        (gml("node [ label 3 ]"), "is neither GraphML nor GML: node #0 has no 'id' attribute"),
        (gml("node [ id 0 ]", "node [ id 0 ]"), "is neither GraphML nor GML: node id 0 is duplicated"),
        (gml("node [ id 0 ]", edge(0, 1)), "is neither GraphML nor GML: edge #0 has undefined target 1"),
        ("graph [ " + "a [ " * 5000, "is neither GraphML nor GML: nested too deep"),
        ("<graphml>", "is no XML: line 1, no element found"),
        ("<a><b></a>", "is no XML: line 1, mismatched tag"),
        ("<a/>", "is no GraphML that can be used: file not successfully read as graphml"),
        ("<a>" * 100, "says in line 1: elements nested more than 50 deep"),
        (GRAPHML.replace('target="0"', 'target="7"'), "says in line 11: a link that ends at `7`, which is no vertex"),
        (GRAPHML.replace('id="1"', 'id="0"'), "says in line 9: a second vertex `0`"),
        (
            GRAPHML.replace(">22.543<", ">north<"),
            "is no GraphML that can be used: could not convert string to float: 'north'",
        ),
    ],
)
def test_what_is_no_graph_is_refused_in_words(text: str, wrong: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as raised:
        topology(tmp_path, text)
    assert str(raised.value) == f"names a file that {wrong}"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-7", "iso-8859-1"])
def test_a_bomb_of_entities_is_refused_at_its_document_type(encoding: str, tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY a{level + 1} "{f"&a{level};" * 10}">\n' for level in range(12))
    bomb = f'<?xml version="1.0" encoding="{encoding}"?>\n<!DOCTYPE graphml [\n<!ENTITY a0 "x">\n{levels}]>\n'
    with pytest.raises(ValueError, match=r"says in line 2: a document type \(DOCTYPE\)"):
        topology(tmp_path, bomb + GRAPHML.partition("\n")[2].replace("Shenzhen", "&a12;"), "net.graphml")


def test_a_document_type_in_a_comment_is_none(tmp_path: Path) -> None:
    assert topology(tmp_path, GRAPHML.replace("<graph ", "<!-- <!DOCTYPE x> --><graph ")).vertices


def test_another_encoding_cannot_hide_anything(tmp_path: Path) -> None:
    path = tmp_path / "net.graphml"
    path.write_bytes(GRAPHML.replace("utf-8", "utf-16").encode("utf-16"))
    with pytest.raises(ValueError, match="names a file that is not UTF-8"):
        read_topology(path)


@given(
    st.integers(1, 8).flatmap(
        lambda nodes: st.tuples(st.just(nodes), st.lists(st.tuples(*[st.integers(0, nodes - 1)] * 2)))
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_formats_say_the_same(tmp_path: Path, graph: tuple[int, list[tuple[int, int]]]) -> None:
    nodes, edges = graph
    written: nx.MultiGraph[Any] = nx.MultiGraph()
    written.add_nodes_from((number, {"name": f"v{number}"}) for number in range(nodes))
    written.add_edges_from(edges)
    nx.write_gml(written, tmp_path / "net.gml")
    nx.write_graphml_xml(written, tmp_path / "net.graphml")
    one, two = (read_topology(tmp_path / f"net.{form}") for form in ("gml", "graphml"))
    assert (one.vertices, {frozenset((edge.source, edge.target)) for edge in one.edges}) == (
        two.vertices,
        {frozenset((edge.source, edge.target)) for edge in two.edges},
    )
    assert {frozenset((edge.source, edge.target)) for edge in one.edges} == {
        frozenset((f"v{a}", f"v{b}")) for a, b in edges if a != b
    }


_WORDS = """graph node edge [ ] id source target label directed multigraph latency NAN 0 1 -1.5 "a" "1 ms" " # é
<graphml> <node_id='0'/> <graph> </graph>"""
_PIECES = st.sampled_from([*_WORDS.split(), "\n"]).map(lambda piece: piece.replace("_", " "))


@given(st.lists(_PIECES, max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_gives_a_graph_or_a_value_error(tmp_path: Path, pieces: list[str]) -> None:
    try:
        assert topology(tmp_path, " ".join(pieces)).vertices
    except ValueError as error:
        assert str(error).startswith("names a file that ")
