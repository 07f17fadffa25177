"""A network as a file: a picture, or a graph that other programs read; and its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import networkx as nx

    from netsim.report.layout import By

Colour = Literal["delay", "traffic"]
PAGE = ".html"
_SHOWN_CUTS = 5
_MOST_HOPS = 100
_AT_ONCE = 500  # nodes whose circles grow in one go: what that takes of the memory is small


def check_form(path: Path) -> None:
    """Raise ValueError for a file whose suffix names no form of graph."""
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        raise ValueError(f"{path}: {suffix or 'a name without a suffix'} says no form of graph; use {_choices()}")


def write(graph: nx.Graph[Any], path: Path, title: str, by: By | None = None, colour: Colour | None = None) -> None:
    """Write a graph in the form that the file's suffix names: .svg, .png, .html, .graphml or .dot.

    Nodes have the attributes name, site and access and, where known, lat and lon (degrees); edges have median_ms and
    minimum_ms and, with `with_traffic`, bytes. Pictures are laid out by geography and coloured by delay if nothing is
    said. Graphs for other programs hold positions only where a layout is asked for. The same graph gives the same
    bytes. Raises ValueError for another suffix or a graph too large for its layout, OSError where it cannot be written.
    """
    check_form(path)
    _WRITERS[path.suffix.lower()](graph, path, title, by, colour)


def with_traffic(graph: nx.Graph[Any], traffic: Mapping[tuple[int, int], int]) -> nx.Graph[Any]:
    """A copy whose edges have `bytes`, from the lower-numbered node to the other, and `bytes_back`.

    The graph has as `bytes_beside` what went between nodes that no link joins: votes to a leader, say, need not follow
    the overlay.
    """
    told, beside = graph.copy(), 0
    for _, _, attributes in told.edges(data=True):
        attributes.update(bytes=0, bytes_back=0)
    for (sender, receiver), count in traffic.items():
        if told.has_edge(sender, receiver):
            told.edges[sender, receiver]["bytes" if sender < receiver else "bytes_back"] = count
        else:
            beside += count
    told.graph["bytes_beside"] = beside
    return told


def read(path: Path) -> nx.Graph[Any] | None:
    """A graph that `write` wrote as .graphml; its nodes are then called "0", "1", …. None where there is none.

    Raises OSError, ValueError for a file that is no such graph.
    """
    import networkx as nx

    if not path.exists():
        return None
    try:
        return nx.Graph(nx.read_graphml(path))
    except (SyntaxError, nx.NetworkXError, KeyError) as error:  # what is no XML is a SyntaxError
        raise ValueError(f"{path} is no graph: {error}") from None


def figures(graph: nx.Graph[Any]) -> dict[str, int | float | str]:
    """The figures by which topologies are compared, for people: what each is called, and its value.

    Nodes and links; the least, mean and greatest degree; the diameter in hops; the clustering (mean of the local
    coefficients, Watts and Strogatz 1998); and the cut nodes, without any one of which the rest falls apart.
    """
    import networkx as nx

    nodes, links = graph.number_of_nodes(), graph.number_of_edges()
    degrees = sorted(degree for _, degree in graph.degree())
    pieces = nx.number_connected_components(graph)
    # Nothing needs to be searched for in a complete graph, and the search would be longest there.
    complete = nodes > 2 and links == nodes * (nodes - 1) // 2
    cuts = sorted(str(graph.nodes[node].get("name", node)) for node in nx.articulation_points(graph))
    shown = " ".join(cuts[:_SHOWN_CUTS]) + (" …" if len(cuts) > _SHOWN_CUTS else "")
    spread = f"{degrees[0]} to {degrees[-1]} (mean {2 * links / nodes:.3g})"
    return {
        "nodes": nodes,
        "links": links,
        "degree": degrees[0] if degrees[0] == degrees[-1] else spread,
        "diameter": f"none ({pieces} pieces)" if pieces > 1 else 1 if complete else diameter(graph),
        "clustering": 1.0 if complete else round(float(nx.average_clustering(graph)), 3),
        "cut nodes": f"{len(cuts)} ({shown})" if cuts else "none",
    }


def diameter(graph: nx.Graph[Any]) -> int:
    """The most hops between two nodes of a connected graph.

    Every node's circle of known nodes, a bit for each, grows by its neighbours' circles until all know all: for the
    graphs of small diameter that overlays are, thousands of times quicker than a search from every node. Long thin
    graphs are left to bounds that a few searches give (Takes and Kosters 2011), which serve badly where all nodes are
    alike and well here.
    """
    import networkx as nx
    import numpy as np

    count = len(graph)
    if count == 1:
        return 0
    links = nx.to_scipy_sparse_array(graph, weight=None, format="csr")
    known = np.packbits(np.eye(count, dtype=np.bool_), axis=1)
    everybody = np.packbits(np.ones(count, np.bool_))
    for hops in range(1, _MOST_HOPS + 1):
        grown = known.copy()
        for first in range(0, count, _AT_ONCE):
            ends = links.indptr[first : first + _AT_ONCE + 1]
            circles = known[links.indices[ends[0] : ends[-1]]]
            grown[first : first + _AT_ONCE] |= np.bitwise_or.reduceat(circles, ends[:-1] - ends[0], axis=0)
        known = grown
        if (known == everybody).all():
            return hops
    return int(nx.diameter(graph, usebounds=True))


def _write_page(graph: nx.Graph[Any], path: Path, title: str, by: By | None, colour: Colour | None) -> None:
    from netsim.report.page.graph import page

    path.write_text(page(graph, title, figures(graph), by or "geography", colour or "delay"), encoding="utf-8")


def _write_picture(graph: nx.Graph[Any], path: Path, title: str, by: By | None, colour: Colour | None) -> None:
    from netsim.report.picture import draw

    draw(graph, path, title, by or "geography", colour or "delay")


def _write_graphml(graph: nx.Graph[Any], path: Path, title: str, by: By | None, colour: Colour | None) -> None:
    import networkx as nx

    named = graph.copy()
    named.graph["title"] = title
    for node, (x, y) in _positions(graph, by).items():
        named.nodes[node].update(x=x, y=y)
    # The writer of the standard library: the other needs lxml and would be taken wherever that happens to be installed.
    nx.write_graphml_xml(named, path, named_key_ids=True)


def _write_dot(graph: nx.Graph[Any], path: Path, title: str, by: By | None, colour: Colour | None) -> None:
    """Graphviz, with a cluster per site, and delays (and bytes) as tooltips and lengths; `neato -n` keeps positions."""
    places = {node: f', pos="{72 * x:.6g},{72 * y:.6g}"' for node, (x, y) in _positions(graph, by).items()}
    numbers = {node: number for number, node in enumerate(graph)}
    sites: dict[str, list[Any]] = {}
    for node, attributes in graph.nodes(data=True):
        sites.setdefault(str(attributes.get("site", "")), []).append(node)

    lines = [f"graph {_quoted(title)} {{", "  node [shape=circle, fontname=Helvetica];"]
    for index, (site, members) in enumerate(sites.items()):
        lines += [f"  subgraph cluster_{index} {{", f"    label={_quoted(site)};"]
        for node in members:
            name, access = str(graph.nodes[node].get("name", node)), str(graph.nodes[node].get("access", ""))
            told = f"label={_quoted(name)}, tooltip={_quoted(access)}{places.get(node, '')}"
            lines.append(f"    n{numbers[node]} [{told}];")
        lines.append("  }")
    for a, b, attributes in graph.edges(data=True):
        delay = attributes.get("median_ms")
        told = "" if delay is None else f"{float(delay):.6g} ms"
        if "bytes" in attributes:
            told += f", {attributes['bytes'] + attributes['bytes_back']} B"
        told = "" if delay is None else f" [len={float(delay):.6g}, tooltip={_quoted(told)}]"
        lines.append(f"  n{numbers[a]} -- n{numbers[b]}{told};")
    path.write_text("\n".join([*lines, "}"]) + "\n", encoding="utf-8")


def _positions(graph: nx.Graph[Any], by: By | None) -> Mapping[Any, tuple[float, float]]:
    from netsim.report.layout import lay_out

    return {} if by is None else lay_out(graph, by).positions


def _quoted(text: str) -> str:
    """A double-quoted string of the DOT language, on one line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "")
    return f'"{escaped}"'


_WRITERS: dict[str, Callable[[nx.Graph[Any], Path, str, By | None, Colour | None], None]] = {
    ".svg": _write_picture,
    ".png": _write_picture,
    PAGE: _write_page,
    ".graphml": _write_graphml,
    ".dot": _write_dot,
}


def _choices() -> str:
    *some, last = _WRITERS
    return f"{', '.join(some)} or {last}"
