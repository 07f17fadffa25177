"""A network as a file: a picture, or a graph that other programs read; and its figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import networkx as nx

_PLANNED = ".html"
_SHOWN_CUTS = 5


def write(graph: nx.Graph[Any], path: Path, title: str) -> None:
    """Write a graph in the form that the file's suffix names: .svg, .png, .graphml or .dot.

    Nodes have the attributes name, site and access and, where known, lat and lon (degrees); edges have median_ms and
    minimum_ms. The same graph gives the same bytes. Raises ValueError for another suffix, OSError where it cannot be
    written.
    """
    suffix = path.suffix.lower()
    if suffix == _PLANNED:
        raise ValueError(f"{path}: {suffix} is not built yet; use {_choices()}")
    if suffix not in _WRITERS:
        raise ValueError(f"{path}: {suffix or 'a name without a suffix'} says no form of graph; use {_choices()}")
    _WRITERS[suffix](graph, path, title)


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
        "diameter": f"none ({pieces} pieces)" if pieces > 1 else 1 if complete else nx.diameter(graph, usebounds=True),
        "clustering": 1.0 if complete else round(float(nx.average_clustering(graph)), 3),
        "cut nodes": f"{len(cuts)} ({shown})" if cuts else "none",
    }


def _write_picture(graph: nx.Graph[Any], path: Path, title: str) -> None:
    from netsim.report.picture import draw

    draw(graph, path, title)


def _write_graphml(graph: nx.Graph[Any], path: Path, title: str) -> None:
    import networkx as nx

    named = graph.copy()
    named.graph["title"] = title
    # The writer of the standard library: the other needs lxml and would be taken wherever that happens to be installed.
    nx.write_graphml_xml(named, path, named_key_ids=True)


def _write_dot(graph: nx.Graph[Any], path: Path, title: str) -> None:
    """Graphviz, with a cluster per site and delays as tooltips and lengths."""
    numbers = {node: number for number, node in enumerate(graph)}
    sites: dict[str, list[Any]] = {}
    for node, attributes in graph.nodes(data=True):
        sites.setdefault(str(attributes.get("site", "")), []).append(node)

    lines = [f"graph {_quoted(title)} {{", "  node [shape=circle, fontname=Helvetica];"]
    for index, (site, members) in enumerate(sites.items()):
        lines += [f"  subgraph cluster_{index} {{", f"    label={_quoted(site)};"]
        for node in members:
            name, access = str(graph.nodes[node].get("name", node)), str(graph.nodes[node].get("access", ""))
            lines.append(f"    n{numbers[node]} [label={_quoted(name)}, tooltip={_quoted(access)}];")
        lines.append("  }")
    for a, b, attributes in graph.edges(data=True):
        delay = attributes.get("median_ms")
        told = "" if delay is None else f" [len={float(delay):.6g}, tooltip={_quoted(f'{float(delay):.6g} ms')}]"
        lines.append(f"  n{numbers[a]} -- n{numbers[b]}{told};")
    path.write_text("\n".join([*lines, "}"]) + "\n", encoding="utf-8")


def _quoted(text: str) -> str:
    """A double-quoted string of the DOT language, on one line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "")
    return f'"{escaped}"'


_WRITERS: dict[str, Callable[[nx.Graph[Any], Path, str], None]] = {
    ".svg": _write_picture,
    ".png": _write_picture,
    ".graphml": _write_graphml,
    ".dot": _write_dot,
}


def _choices() -> str:
    *some, last = _WRITERS
    return f"{', '.join(some)} or {last}"
