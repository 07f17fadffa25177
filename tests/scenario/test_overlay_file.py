"""Topology files joined with what a scenario says."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from netsim import catalogue
from netsim.cli import app
from netsim.network import Network
from netsim.report.graph import write
from netsim.scenario import Choice, Link, Scenario, ScenarioError, load

from .reading import LINKS, constant, read

MS = 1_000_000

STAR = """\
graph [
  node [ id 0 label "Shenzhen" Latitude 22.5 Longitude 114.0 ]
  node [ id 1 label "Hong Kong" Latitude 22.3 Longitude 114.2 ]
  node [ id 2 label "Suzhou" Latitude 31.3 Longitude 120.6 ]
  edge [ source 0 target 1 ]
  edge [ source 0 target 2 latency "9 ms" jitter "1 ms" packet_loss 0.01 ]
]
"""
NOWHERE = """\
graph [
  node [ id 0 label "a" ]
  node [ id 1 label "b" host_bandwidth_up "100 Mbit" ]
  node [ id 2 label "c" Latitude 1.0 Longitude 1.0 ]
  node [ id 3 label "d" Latitude 2.0 Longitude 2.0 ]
  edge [ source 0 target 1 latency "3 ms" packet_loss 0.5 ]
  edge [ source 1 target 2 latency "4 ms" jitter "1 ms" packet_loss 0.5 ]
  edge [ source 2 target 3 latency "5 ms" ]
]
"""


class Folder:
    """A topology file, and scenarios beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, topology: str, text: str = "") -> Scenario:
        (self.path / "net.gml").write_text(topology)
        (self.path / "x.yaml").write_text("overlay: {topology: file, file: net.gml}\n" + text)
        return load(self.path / "x.yaml", catalogue=catalogue)

    def problems(self, topology: str, text: str = "") -> list[str]:
        with pytest.raises(ScenarioError) as raised:
            self.read(topology, text)
        return [str(problem).removeprefix(f"{self.path}/") for problem in raised.value.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def links(scenario: Scenario) -> dict[tuple[str, str], Link]:
    return {(link.source, link.target): link for link in scenario.backbone.links}


def test_each_vertex_is_a_new_site_with_one_node(folder: Folder) -> None:
    scenario = folder.read(STAR)
    assert [node.name for node in scenario.nodes] == ["Shenzhen-0", "Hong-Kong-0", "Suzhou-0"]
    assert {node.access for node in scenario.nodes} == {"fibre"}
    assert scenario.sites["Suzhou"].location == (31.3, 120.6)
    assert scenario.overlay == Choice("file", {"edges": ((0, 1), (0, 2))})
    assert Network(scenario).peers == ((1, 2), (0,), (0,))
    assert scenario.notes == ("net.gml: renamed for the scenario: `Hong Kong` to Hong-Kong",)


def test_what_the_file_says_of_edges_becomes_links_both_ways(folder: Folder) -> None:
    found = links(folder.read(STAR))
    assert found == {
        ends: Link(*ends, constant(9 * MS), MS, 0.01) for ends in (("Shenzhen", "Suzhou"), ("Suzhou", "Shenzhen"))
    }


def test_the_access_of_new_sites_can_be_said(folder: Folder) -> None:
    (folder.path / "net.gml").write_text(STAR)
    (folder.path / "x.yaml").write_text("overlay: {topology: file, file: net.gml, access: leased}\n")
    assert set(load(folder.path / "x.yaml", catalogue=catalogue).access) == {"leased"}


def test_a_vertex_is_the_node_or_the_site_of_its_name(folder: Folder) -> None:
    text = "sites:\n  Suzhou: {access: 5g}\n  border: {nodes: [{name: Hong-Kong}], location: [22.4, 114.1]}\n"
    scenario = folder.read(STAR, text)
    assert [node.name for node in scenario.nodes] == ["Suzhou-0", "Hong-Kong", "Shenzhen-0"]
    assert [node.access for node in scenario.nodes] == ["5g", "fibre", "fibre"]
    assert scenario.overlay == Choice("file", {"edges": ((2, 1), (2, 0))})
    assert scenario.sites["Suzhou"].location == (31.3, 120.6)


def test_a_location_in_the_scenario_overrides_the_files_and_that_is_noted(folder: Folder) -> None:
    scenario = folder.read(STAR, "sites: {Suzhou: {location: [31.299, 120.585]}}\n")
    assert scenario.sites["Suzhou"].location == (31.299, 120.585)
    assert scenario.notes[1:] == ("the scenario's locations go before the topology file's: Suzhou",)


def test_a_link_in_the_scenario_overrides_the_files_and_that_is_noted(folder: Folder) -> None:
    text = "backbone: {links: [{between: [Shenzhen, Suzhou], delay: 20 ms}]}\n"
    scenario = folder.read(STAR, text)
    assert links(scenario)["Suzhou", "Shenzhen"] == Link("Suzhou", "Shenzhen", constant(20 * MS), MS, 0.01)
    assert scenario.notes[1:] == ("the scenario goes before the topology file with 2 of its 2 delays",)


def test_the_resolved_text_needs_no_file(folder: Folder) -> None:
    for topology in (STAR, NOWHERE):
        scenario = folder.read(topology)
        assert read(scenario.text) == scenario
    assert "overlay: {topology: file, edges: [[a-0, b-0], [b-0, c-0], [c-0, d-0]]}\n" in scenario.text


def test_sites_without_a_location_are_reached_the_shortest_way(folder: Folder) -> None:
    scenario = folder.read(NOWHERE)
    found = links(scenario)
    assert found["a", "d"] == Link("a", "d", constant(12 * MS), MS, 0.75)
    assert found["d", "b"].delay == constant(9 * MS)
    assert ("c", "d") in found
    assert scenario.notes == ("6 delays from and to sites without a location follow the shortest way over the links",)
    Network(scenario).minimum(0, 3)


def test_a_bandwidth_in_the_file_is_one_of_the_node(folder: Folder) -> None:
    scenario = folder.read(NOWHERE)
    profile = scenario.access[scenario.nodes[1].access]
    assert (profile.bandwidth_up, profile.bandwidth_down) == (100_000_000, 1_000_000_000)
    assert scenario.nodes[0].access == "fibre"


def test_a_name_that_is_taken_is_not_given_to_a_node(folder: Folder) -> None:
    topology = (
        'graph [ node [ id 0 label "a" Latitude 1 Longitude 1 ] node [ id 1 label "a-0" Latitude 1 Longitude 2 ]\n'
    )
    scenario = folder.read(topology + "edge [ source 0 target 1 ] ]")
    assert [node.name for node in scenario.nodes] == ["a-1", "a-0-0"]
    assert read(scenario.text) == scenario


@pytest.mark.parametrize(
    ("topology", "text", "expected"),
    [
        (
            STAR,
            "sites: {elsewhere: {nodes: 2, location: [1, 1]}}\n",
            "x.yaml:2:20: `elsewhere` has elsewhere-0, elsewhere-1, which are no vertex of the topology file",
        ),
        (
            STAR,
            "sites: {Suzhou: {nodes: [{name: Suzhou-0}, {name: Shenzhen}]}}\n",
            "x.yaml:1:33: `file` names a file with the vertex Suzhou, which is one node; the scenario's site has 2",
        ),
        (
            STAR.replace("target 2 latency", "target 1 latency"),
            "",
            "x.yaml:1:33: `file` names a file whose graph is not connected: Suzhou-0 cannot be reached from Shenzhen-0",
        ),
        (
            STAR.replace("Latitude 22.3 Longitude 114.2", ""),
            "",
            "x.yaml:1:33: `Hong-Kong` has no `location`, and no delay to and from Shenzhen is given: give it one, or a "
            "link in `backbone`, or `backbone.delay`",
        ),
        (
            STAR,
            "backbone: {links: [{between: [Shenzhen, Suzou], delay: 1 ms}]}\n",
            "x.yaml:2:41: `between` names `Suzou`, which is no site; did you mean `Suzhou`?",
        ),
    ],
)
def test_what_does_not_fit_together_is_said_with_its_place(
    folder: Folder, topology: str, text: str, expected: str
) -> None:
    assert expected in folder.problems(topology, text)


def test_an_unknown_access_of_new_sites_is_said_once(folder: Folder) -> None:
    (folder.path / "net.gml").write_text(STAR)
    (folder.path / "x.yaml").write_text("overlay: {topology: file, file: net.gml, access: fiber}\n")
    with pytest.raises(ScenarioError) as raised:
        load(folder.path / "x.yaml", catalogue=catalogue)
    (problem,) = raised.value.problems
    assert (problem.line, problem.column) == (1, 50)
    assert problem.message == "`access` is `fiber`, which is no access profile; did you mean `fibre`?"


def test_too_many_open_delays_are_refused(folder: Folder) -> None:
    vertices = "".join(f'node [ id {number} label "v{number}" ]\n' for number in range(110))
    edges = "".join(f'edge [ source {number} target {number + 1} latency "1 ms" ]\n' for number in range(109))
    topology = f"graph [\n{vertices}{edges}]\n"
    (problem,) = folder.problems(topology)
    assert "leaves 110 sites without a location and 11772 delays between sites open" in problem
    assert len(folder.read(topology, "backbone: {delay: 5 ms}\n").backbone.links) == 2 * 109


def test_an_exported_network_is_the_same_overlay_when_read_again(tmp_path: Path) -> None:
    text = LINKS.replace("faults:", "x:").partition("x:")[0]
    exported = read(text, ["overlay={topology: random-regular, degree: 4}"])
    write(Network(exported).graph, tmp_path / "net.graphml", "links")
    (tmp_path / "x.yaml").write_text(text)
    overrides = ["overlay={topology: file, file: net.graphml}"]
    again = load(tmp_path / "x.yaml", overrides=overrides, catalogue=catalogue)
    assert again.sites == exported.sites
    assert again.backbone == exported.backbone
    assert [sorted(peers) for peers in Network(again).peers] == [sorted(peers) for peers in Network(exported).peers]
    bare = load(_beside(tmp_path, "overlay: {topology: file, file: net.graphml}\n"), catalogue=catalogue)
    assert len(bare.nodes) == len(exported.nodes)
    assert len(bare.overlay.parameters["edges"]) == len(again.overlay.parameters["edges"])


def _beside(folder: Path, text: str) -> Path:
    file = folder / "bare.yaml"
    file.write_text(text)
    return file


def test_the_commands_say_how_the_file_was_understood(folder: Folder) -> None:
    folder.read(STAR, "duration: 2 s\n")
    renamed = "net.gml: renamed for the scenario: `Hong Kong` to Hong-Kong\n"
    checked = CliRunner().invoke(app, ["check", str(folder.path / "x.yaml")])
    assert f"  note        {renamed}" in checked.stdout
    run = ["run", str(folder.path / "x.yaml"), "--engine", "simulate", "--json", "--out", str(folder.path / "run")]
    ran = CliRunner().invoke(app, run)
    assert ran.stderr == f"note: {renamed}"
    assert ran.stdout.startswith("{")
