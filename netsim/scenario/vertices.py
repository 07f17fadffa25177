"""A topology's vertices and what a scenario says of them: which vertex is which node, which sites are new.

A vertex is the scenario's node of that name, else the one node of its site of that name, else the one node of a new
site. What the scenario says goes before what the file says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from netsim.scenario import units
from netsim.scenario.document import Path
from netsim.scenario.findings import Findings
from netsim.scenario.model import Distribution, Link
from netsim.scenario.schema import AccessSection, NodeSection, SiteSection
from netsim.scenario.topology import Edge, Topology, Vertex

_PATH: Path = ("overlay", "file")
_SHOWN = 5


@dataclass(slots=True)
class Charted:
    """What a topology file makes of a scenario's sites, its overlay (pairs of nodes' names), its links and profiles."""

    sites: dict[str, SiteSection]
    edges: list[tuple[str, str]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    profiles: dict[str, AccessSection] = field(default_factory=dict)


def chart(
    topology: Topology, given: Mapping[str, SiteSection], access: str, findings: Findings, notes: list[str]
) -> Charted:
    """Join a topology and the given sites. `access`: the profile of the nodes at new sites."""
    charted = Charted(dict(given))
    site_of = {node: name for name, site in given.items() for node in _names(name, site)}
    taken = {*site_of, *given, *(vertex.name for vertex in topology.vertices)}
    node_of: dict[str, str] = {}
    meant: set[str] = set()
    overridden: list[str] = []
    for vertex in topology.vertices:
        if vertex.name in site_of:
            node = vertex.name
        elif vertex.name in given:
            nodes = _names(vertex.name, given[vertex.name])
            if len(nodes) > 1:
                what = f"with the vertex {vertex.name}, which is one node; the scenario's site has {len(nodes)}"
                _refuse(what, findings)
            node = nodes[0]
        else:
            node = _new_site(charted, vertex, access, taken, findings)
            site_of[node] = vertex.name
        if node in meant:
            _refuse(f"in which two vertices are the node {node}", findings)
        meant.add(node)
        node_of[vertex.name] = node
        if _locate(charted, site_of[node], vertex):
            overridden.append(vertex.name)
    if overridden:
        notes.append(f"the scenario's locations go before the topology file's: {some(overridden)}")
    ignored = [v.name for v in topology.vertices if site_of[node_of[v.name]] in given and _limited(v)]
    if ignored:
        notes.append(f"the topology file's bandwidths of nodes that the scenario has are not used: {some(ignored)}")
    _see_that_all_are_there(given, meant, findings)
    _join(charted, topology.edges, node_of, site_of, notes)
    nodes = list(node_of.values())
    apart = unreached(nodes, charted.edges)
    if apart:
        _refuse(f"whose graph is not connected: {some(apart)} cannot be reached from {nodes[0]}", findings)
    return charted


def _refuse(what: str, findings: Findings) -> None:
    findings.add(_PATH, f"names a file {what}")
    findings.broken.add("overlay")


def unreached(nodes: Sequence[str], edges: Iterable[tuple[str, str]]) -> list[str]:
    """Those nodes to which no way leads from the first one."""
    neighbours: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in edges:
        neighbours[source].append(target)
        neighbours[target].append(source)
    reached, border = {nodes[0]}, [nodes[0]]
    while border:
        fresh = [node for node in neighbours[border.pop()] if node not in reached]
        reached.update(fresh)
        border += fresh
    return [node for node in nodes if node not in reached]


def _names(name: str, site: SiteSection) -> list[str]:
    """The names of a site's nodes."""
    if isinstance(site.nodes, int):
        return [f"{name}-{number}" for number in range(site.nodes)]
    return [node.name for node in site.nodes]


def _new_site(charted: Charted, vertex: Vertex, access: str, taken: set[str], findings: Findings) -> str:
    """A site with one node, whose name is free."""
    number = 0
    while (node := f"{vertex.name}-{number}") in taken:
        number += 1
    taken.add(node)
    if _limited(vertex):
        access = _profile(charted, vertex, access)
        findings.place(("access", access), ("overlay", "access"))
    nodes = 1 if number == 0 else (NodeSection(name=node),)
    charted.sites[vertex.name] = SiteSection.model_construct(location=None, nodes=nodes, access=access)
    findings.place(("sites", vertex.name), _PATH)
    findings.place(("sites", vertex.name, "access"), ("overlay", "access"))
    return node


def _limited(vertex: Vertex) -> bool:
    return vertex.bandwidth_up is not None or vertex.bandwidth_down is not None


def _profile(charted: Charted, vertex: Vertex, access: str) -> str:
    """The name of a profile with a vertex's bandwidths."""
    given = {"up": vertex.bandwidth_up, "down": vertex.bandwidth_down}
    widths = {way: units.write_bandwidth(width) for way, width in given.items() if width is not None}
    name = "-".join([access, *(f"{way}-{width.replace(' ', '')}" for way, width in widths.items())])
    charted.profiles[name] = AccessSection.model_validate({"extends": access, "bandwidth": widths})
    return name


def _locate(charted: Charted, site: str, vertex: Vertex) -> bool:
    """Give a site the vertex's location, if it has none; whether it has another one."""
    known = charted.sites[site]
    if known.location is None and vertex.location is not None:
        charted.sites[site] = known.model_copy(update={"location": vertex.location})
    return None not in (known.location, vertex.location) and known.location != vertex.location


def _see_that_all_are_there(given: Mapping[str, SiteSection], found: set[str], findings: Findings) -> None:
    for name, site in given.items():
        missing = [node for node in _names(name, site) if node not in found]
        if missing:
            which = f"has {some(missing)}, which {'is' if len(missing) == 1 else 'are'} no vertex of the topology file"
            findings.add(("sites", name), which)
            findings.broken.add("overlay")


def _join(
    charted: Charted,
    edges: Iterable[Edge],
    node_of: Mapping[str, str],
    site_of: Mapping[str, str],
    notes: list[str],
) -> None:
    """The overlay and the links between sites; of several links from a site to another the fastest one."""
    joined: dict[frozenset[str], tuple[str, str]] = {}
    links: dict[tuple[str, str], Link] = {}
    slower = 0
    for edge in edges:
        source, target = node_of[edge.source], node_of[edge.target]
        if source != target:
            joined.setdefault(frozenset((source, target)), (source, target))
        if edge.delay is None and not edge.jitter and not edge.loss:
            continue
        delay = None if edge.delay is None else Distribution("constant", (("value", edge.delay),))
        here, there = site_of[source], site_of[target]
        for ends in {(here, there): 0, (there, here): 0} if edge.both_ways else ((here, there),):
            link = Link(*ends, delay, edge.jitter, edge.loss)
            slower += ends in links
            links[ends] = min(links.get(ends, link), link, key=_slowness)
    if slower:
        notes.append(f"{slower} of the topology file's links join the same sites as a faster one and are left out")
    charted.edges = list(joined.values())
    charted.links = list(links.values())


def _slowness(link: Link) -> tuple[bool, float]:
    return link.delay is None, 0 if link.delay is None else link.delay.parameters["value"]


def some(names: Sequence[str]) -> str:
    """The first of many names."""
    rest = len(names) - _SHOWN
    return ", ".join(names if rest <= 1 else [*names[:_SHOWN], f"{rest} more"])
