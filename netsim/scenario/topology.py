"""Graphs from files, GraphML or GML: the Internet Topology Zoo's, those of Shadow, netsim's own, and others like them.

Vertices are called by their `name` (as netsim writes it), else their `label` (Topology Zoo, Shadow), else their id.
Understood are coordinates (`Latitude` and `Longitude`, or `lat` and `lon`), and what Shadow gives ("Network Graph
Specification"): `latency`, `jitter` and `packet_loss` (a part of 1) of links, `host_bandwidth_up` and
`host_bandwidth_down` of vertices. Everything else is left aside: netsim's own `median_ms` and `minimum_ms` follow from
the scenario that was exported.

Files of the Topology Zoo (Knight et al., "The Internet Topology Zoo", IEEE JSAC 2011) repeat links and labels, leave
coordinates out and have some wrong ones: they are read as multigraphs, and what was merged or renamed is noted.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from xml.parsers import expat

from netsim.scenario.attachment import TIME_UNITS, number, quoted, read_text

if TYPE_CHECKING:
    import networkx as nx

T = TypeVar("T")

_LARGEST_FILE = 5_000_000  # bytes; some 100 000 links
_LONGEST_NAME = 63
_RESERVED = "all"
_DEEPEST = 50  # GraphML itself nests four levels, yEd's labels some more
_SHOWN = 5
_HOUR = 3600 * 10**9
_FASTEST = 10**15  # bit/s
_VALUE = re.compile(r"(\S+?)\s*([a-zµμ]+)", re.IGNORECASE)
_DURATIONS = {**TIME_UNITS, **dict.fromkeys(("sec", "secs", "second", "seconds"), 10**9)}
_BANDWIDTHS = {
    f"{prefix}bit": factor
    for prefixes, base in ((("", "k", "M", "G", "T"), 1000), (("", "Ki", "Mi", "Gi", "Ti"), 1024))
    for prefix, factor in ((prefix, base**power) for power, prefix in enumerate(prefixes))
} | {"Kbit": 1000}
_OUR_DELAYS = ("median_ms", "minimum_ms")
# What networkx may raise over a file: its own errors, and those of conversions and look-ups that it does not check.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True, slots=True)
class Vertex:
    """A vertex. `location` is latitude and longitude in degrees; bandwidths in bit/s; None: the file does not say."""

    name: str
    location: tuple[float, float] | None
    bandwidth_up: int | None
    bandwidth_down: int | None


@dataclass(frozen=True, slots=True)
class Edge:
    """A link, by the names of its vertices; source and target are the same where it is within one.

    `delay` and `jitter` in ns, one way; None: the file does not say. It serves both ways, unless a directed file says
    something else of the other way, which is then an edge of its own.
    """

    source: str
    target: str
    delay: int | None
    jitter: int
    loss: float
    both_ways: bool = True


@dataclass(frozen=True, slots=True)
class Topology:
    """A graph: names are unique and fit for a scenario, two vertices have at most one edge each way.

    An edge within a vertex is no neighbourhood; there is one only where the file says something of it. `notes` say
    what a reader should know of how the file was understood.
    """

    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]
    notes: tuple[str, ...]


def read_topology(path: Path) -> Topology:
    """The graph of a file, in the file's order.

    Raises ValueError, its message the predicate of the key that named the file: "names a file that …".
    """
    notes: list[str] = []
    try:
        text = read_text(path, _LARGEST_FILE)
        graph = _graphml(text, notes) if text.lstrip().startswith("<") else _gml(text)
        names = _names(graph, notes)
        vertices = _vertices(graph, names, notes)
        edges = _edges(graph, names, notes)
    except ValueError as error:
        raise ValueError(f"names a file that {error}") from None
    return Topology(vertices, edges, tuple(f"{path.name}: {note}" for note in notes))


# ---- the two formats


def _gml(text: str) -> nx.Graph[Any]:
    import networkx as nx

    if not text.strip():
        raise ValueError("is empty")
    # Only a multigraph may repeat a link, and hardly a file that does says that it is one.
    text = re.sub(r"^\s*graph\s*\[", r"\g<0> multigraph 1 ", text, count=1, flags=re.MULTILINE)
    try:
        return nx.parse_gml(text, label="id")
    except (nx.NetworkXException, *_UNREADABLE) as error:
        raise ValueError(f"is neither GraphML nor GML: {_said(error)}") from None


def _graphml(text: str, notes: list[str]) -> nx.Graph[Any]:
    import networkx as nx

    _look_through(text, notes)
    try:
        with warnings.catch_warnings():  # of what netsim has no use for
            warnings.simplefilter("ignore")
            return nx.parse_graphml(text, force_multigraph=True)
    except (nx.NetworkXException, *_UNREADABLE) as error:
        raise ValueError(f"is no GraphML that can be used: {_said(error)}") from None


def _look_through(text: str, notes: list[str]) -> None:
    """See that it is XML, without a document type (whose entities may stand for gigabytes), and that all links end."""
    vertices: set[str] = set()
    ends: list[tuple[int, str]] = []
    graphs = depth = 0

    def doctype(*_: object) -> None:
        raise ValueError(f"says in line {parser.CurrentLineNumber}: a document type (DOCTYPE); GraphML needs none")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, graphs
        depth += 1
        if depth > _DEEPEST:
            raise ValueError(f"says in line {parser.CurrentLineNumber}: elements nested more than {_DEEPEST} deep")
        kind = tag.rpartition(" ")[2]
        if kind == "node":
            name = attributes.get("id", "")
            if name in vertices:
                raise ValueError(f"says in line {parser.CurrentLineNumber}: a second vertex {quoted(name)}")
            vertices.add(name)
        elif kind == "edge":
            ends.extend((parser.CurrentLineNumber, attributes.get(end, "")) for end in ("source", "target"))
        elif kind == "graph" and depth == 2:
            graphs += 1

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ValueError(f"is no XML: line {error.lineno}, {expat.ErrorString(error.code)}") from None
    for line, name in ends:
        if name not in vertices:
            raise ValueError(f"says in line {line}: a link that ends at {quoted(name)}, which is no vertex")
    if graphs > 1:
        notes.append(f"of {graphs} graphs the first was taken")


def _said(error: Exception) -> str:
    """What was wrong, in networkx's words."""
    if isinstance(error, RecursionError):
        return "nested too deep"
    return " ".join(str(error).split()) or type(error).__name__


# ---- vertices


def _names(graph: nx.Graph[Any], notes: list[str]) -> dict[Any, str]:
    """A name that a scenario can use for every vertex."""
    if not graph:
        raise ValueError("holds no vertices")
    names: dict[Any, str] = {}
    taken = {_RESERVED}
    counts: dict[str, int] = {}
    renamed = []
    for vertex, attributes in graph.nodes(data=True):
        called = next((str(attributes[key]) for key in ("name", "label") if attributes.get(key) not in (None, "")), "")
        plain = _plain(called) or _plain(str(vertex)) or "vertex"
        name = plain
        while name in taken:
            counts[plain] = counts.get(plain, 1) + 1
            name = f"{plain[: _LONGEST_NAME - 7]}-{counts[plain]}"
        taken.add(name)
        names[vertex] = name
        if called not in ("", name):
            renamed.append(f"{quoted(called)} to {name}")
    if renamed:
        notes.append(f"renamed for the scenario: {_some(renamed)}")
    return names


def _plain(text: str) -> str:
    """What is left of a text as a name: letters and digits, with `-` and `_` after the first."""
    return re.sub(r"[^\w-]+", "-", text).strip("-_")[:_LONGEST_NAME].rstrip("-_")


def _vertices(graph: nx.Graph[Any], names: Mapping[Any, str], notes: list[str]) -> tuple[Vertex, ...]:
    vertices, nowhere = [], []
    defaults = graph.graph.get("node_default", {})
    for vertex, name in names.items():
        attributes = {**defaults, **graph.nodes[vertex]}
        given = [attributes.get(latitude) for latitude in ("Latitude", "lat")]
        given += [attributes.get(longitude) for longitude in ("Longitude", "lon")]
        location = _location(given[0], given[2]) or _location(given[1], given[3])
        if location is None and any(value is not None for value in given):
            nowhere.append(name)
        up, down = (_read(attributes, f"host_bandwidth_{way}", _bandwidth, None, name) for way in ("up", "down"))
        vertices.append(Vertex(name, location, up, down))
    if nowhere:
        notes.append(f"half a location, or one that is not on Earth, is none: {_some(nowhere)}")
    return tuple(vertices)


def _location(latitude: Any, longitude: Any) -> tuple[float, float] | None:
    try:
        degrees = float(number(str(latitude))), float(number(str(longitude)))
    except ValueError:
        return None
    return degrees if abs(degrees[0]) <= 90 and abs(degrees[1]) <= 180 else None


# ---- edges


def _edges(graph: nx.Graph[Any], names: Mapping[Any, str], notes: list[str]) -> tuple[Edge, ...]:
    """One edge each way at most: repeated ones are merged, and the two ways too where they are alike."""
    found: dict[tuple[str, str], Edge] = {}
    count, repeated, empty = graph.number_of_edges(), 0, 0
    ours = False
    defaults = graph.graph.get("edge_default", {})
    for source, target, given in graph.edges(data=True):
        attributes = {**defaults, **given}
        ours = ours or any(key in attributes for key in _OUR_DELAYS)
        edge = _edge(names[source], names[target], attributes)
        if edge.source == edge.target and edge.delay is None:
            empty += 1
            continue
        ends = (edge.source, edge.target)
        if not graph.is_directed() and ends[::-1] in found:
            ends = ends[::-1]
        repeated += ends in found
        found[ends] = min(found.get(ends, edge), edge, key=_slowness)
    if repeated:
        notes.append(f"{repeated} of {count} links repeat others and are merged, the least delay kept")
    if empty:
        notes.append(f"{empty} of {count} links join a vertex with itself and are left out")
    if ours:
        notes.append(f"{' and '.join(_OUR_DELAYS)} follow from the scenario that was exported and are not used")
    return tuple(found.values()) if not graph.is_directed() else _both_ways(found, notes)


def _both_ways(found: Mapping[tuple[str, str], Edge], notes: list[str]) -> tuple[Edge, ...]:
    """The edges of a directed file."""
    edges: dict[tuple[str, str], Edge] = {}
    single = 0
    for (source, target), edge in found.items():
        back = found.get((target, source))
        if back is None:
            single += 1
        elif (back.delay, back.jitter, back.loss) != (edge.delay, edge.jitter, edge.loss):
            edge = replace(edge, both_ways=False)
        elif source != target and (target, source) in edges:
            continue
        edges[source, target] = edge
    if single:
        notes.append(f"{single} of {len(found)} directed links have none the other way and are taken both ways")
    return tuple(edges.values())


def _slowness(edge: Edge) -> tuple[bool, int, int, float]:
    """By which one of several edges is kept: the fastest, and one whose delay is given before one without."""
    return edge.delay is None, edge.delay or 0, edge.jitter, edge.loss


def _edge(source: str, target: str, attributes: Mapping[str, Any]) -> Edge:
    whose = f"the link from {source} to {target}"
    return Edge(
        source,
        target,
        _read(attributes, "latency", _duration, None, whose),
        _read(attributes, "jitter", _duration, 0, whose),
        _read(attributes, "packet_loss", _loss, 0.0, whose),
    )


def _duration(text: str) -> int:
    delay = _quantity(text, _DURATIONS, "10 ms")
    if delay > _HOUR:
        raise ValueError("which is longer than an hour")
    return delay


def _bandwidth(text: str) -> int:
    bandwidth = _quantity(text, _BANDWIDTHS, "100 Mbit")
    if not 1 <= bandwidth <= _FASTEST:
        raise ValueError("which is too small or too large")
    return bandwidth


def _loss(text: str) -> float:
    try:
        share = number(text)
    except ValueError:
        share = Decimal(-1)
    if not 0 <= share < 1:
        raise ValueError("which is no part of 1, from 0 to less than 1")
    return float(share)


def _quantity(text: str, units: Mapping[str, int], example: str) -> int:
    """A number with a unit, in whole parts of the unit that is 1."""
    match = _VALUE.fullmatch(text)
    try:
        value = number(match[1]) if match else Decimal(-1)
    except ValueError:
        value = Decimal(-1)
    if match is None or match[2] not in units or value < 0:
        raise ValueError(f"which is not written like `{example}`")
    return int((value * units[match[2]]).to_integral_value())


def _read(attributes: Mapping[str, Any], key: str, parse: Callable[[str], T], otherwise: T, whose: str) -> T:
    """An attribute, or something else where there is none."""
    if key not in attributes:
        return otherwise
    text = str(attributes[key]).strip()
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"gives {whose} the {key} {quoted(text)}, {error}") from None


def _some(names: Iterable[str]) -> str:
    """The first of many."""
    names = list(names)
    rest = len(names) - _SHOWN
    return ", ".join(names if rest <= 1 else [*names[:_SHOWN], f"{rest} more"])
