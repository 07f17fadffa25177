"""The page of a network: its graph to move about in, in every layout, coloured by delay or by traffic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netsim.report.layout import LAYOUTS, By, City, Layout, lay_out
from netsim.report.page.document import html

if TYPE_CHECKING:
    import networkx as nx

_DELAYS = ("minimum_ms", "median_ms", "minimum_back_ms", "median_back_ms")
_BYTES = ("bytes", "bytes_back")


def page(graph: nx.Graph[Any], title: str, figures: Mapping[str, object], by: By, colour: str) -> str:
    """The page as HTML; it opens with one of the layouts, the links coloured by `delay` or `traffic`.

    Raises ValueError where the graph is too large for the layout that is asked for; another is then left out.
    """
    return html(title, "graph", document(graph, title, figures, by, colour))


def document(graph: nx.Graph[Any], title: str, figures: Mapping[str, object], by: By, colour: str) -> dict[str, Any]:
    """What the page shows, as plain JSON: nodes and links as columns, links naming nodes by their place."""
    import networkx as nx

    number = {node: index for index, node in enumerate(graph)}
    laid, without = _laid(graph, by)
    cluster = [0] * len(graph)
    for index, city in enumerate(laid["cluster"].cities):
        for node in city.nodes:
            cluster[number[node]] = index
    sites, site = _indexed([str(graph.nodes[node].get("site", "")) for node in graph])
    accesses, access = _indexed([str(graph.nodes[node].get("access", "")) for node in graph])
    places = [{key: graph.nodes[node].get(key) for key in ("lat", "lon")} for node in graph]
    return {
        "title": title,
        "figures": [[name, str(value)] for name, value in figures.items()],
        "nodes": {
            "name": [str(graph.nodes[node].get("name", node)) for node in graph],
            "site": site,
            "access": access,
            "cluster": cluster,
            "cut": sorted(number[node] for node in nx.articulation_points(graph)),
        },
        "sites": [{"name": name, **places[site.index(index)]} for index, name in enumerate(sites)],
        "accesses": accesses,
        "links": _links(graph, number),
        "layouts": [_positions(layout, graph) for layout in laid.values()],
        "without": without,
        "first": {"layout": by, "colour": colour},
    }


def _laid(graph: nx.Graph[Any], first: By) -> tuple[dict[By, Layout], list[str]]:
    """Every layout that can be made, and why another cannot."""
    laid: dict[By, Layout] = {}
    without = []
    for by in LAYOUTS:
        try:
            laid[by] = lay_out(graph, by)
        except ValueError as error:
            if by == first:
                raise
            without.append(str(error))
    return laid, without


def _indexed(texts: list[str]) -> tuple[list[str], list[int]]:
    """The different texts in the order in which they come, and for each where it stands among them."""
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    return list(places), [places[text] for text in texts]


def _links(graph: nx.Graph[Any], number: Mapping[Any, int]) -> dict[str, Any]:
    """Columns. Many links have the same four delays, so these stand apart, once: `kind` says where in `delays`."""
    kinds: dict[tuple[float | None, ...], int] = {}
    told = _BYTES if any("bytes" in attributes for _, _, attributes in graph.edges(data=True)) else ()
    columns: dict[str, Any] = {name: [] for name in ("from", "to", "kind", *told)}
    for edge, attributes in graph.edges.items():
        # As the attributes have it: from the lower-numbered node to the other, and back.
        low, high = sorted(number[node] for node in edge)
        columns["from"].append(low)
        columns["to"].append(high)
        columns["kind"].append(kinds.setdefault(tuple(attributes.get(name) for name in _DELAYS), len(kinds)))
        for name in told:
            columns[name].append(attributes.get(name, 0))
    if told:
        columns["beside"] = graph.graph.get("bytes_beside", 0)
    return {**columns, "delays": [dict(zip(_DELAYS, kind, strict=True)) for kind in kinds]}


def _positions(layout: Layout, graph: nx.Graph[Any]) -> dict[str, Any]:
    return {
        "by": layout.by,
        "says": layout.says,
        "ms_per_unit": layout.ms_per_unit,
        "x": [round(layout.positions[node][0], 3) for node in graph],
        "y": [round(layout.positions[node][1], 3) for node in graph],
        "discs": [_disc(layout, city) for city in layout.cities],
    }


def _disc(layout: Layout, city: City) -> dict[str, Any]:
    return {
        "name": city.name,
        "nodes": len(city.nodes),
        "x": round(city.centre[0], 3),
        "y": round(city.centre[1], 3),
        "radius": round(city.radius, 3),
        "outward": round(layout.outward(city), 3),
    }
