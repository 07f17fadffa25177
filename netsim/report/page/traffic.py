"""Charts of what went over the links: messages by type, and round trips as asked for and as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.measure.dist import ms
from netsim.measure.events import Events
from netsim.measure.messages import by_type
from netsim.measure.ways import ways
from netsim.report.page.part import Part, chart, count, milliseconds, missing, percent, short, size, some, unit_of_time

if TYPE_CHECKING:
    import networkx as nx
    from numpy.typing import NDArray

    from netsim.trace import Trace

_MOST_SITES = 20


def by_type_of_message(events: Events) -> list[Part]:
    """Messages by type: how many copies, and how many bytes."""
    types = by_type(events)
    if not types:
        return [missing("Messages by type", "nothing was sent.")]
    copies, total = sum(one["sent"] for one in types), sum(one["bytes"] for one in types)
    most, heaviest = max(types, key=lambda one: one["sent"]), max(types, key=lambda one: one["bytes"])
    names = {"name": "type", "scale": "category", "values": [one["name"] for one in types]}
    unit, per_byte = ("MB", 1e-6) if heaviest["bytes"] >= 1e7 else ("kB", 1e-3)
    height = 110 + 34 * len(types)
    repeated = any(one["repeated"] for one in types)
    series = [
        {"name": "sent", "points": [one["sent"] for one in types]},
        {"name": "delivered", "points": [one["delivered"] for one in types]},
        *([{"name": "delivered again", "points": [one["repeated"] for one in types]}] if repeated else []),
    ]
    return [
        chart(
            "messages",
            "Messages by type",
            f"{count(copies, 'copy', 'copies')} of messages were sent; {percent(most['sent'] / max(copies, 1))} are "
            f"{most['name']}.",
            "bars",
            across=True,
            x=names,
            y={"name": "copies"},
            series=series,
            height=height,
        ),
        chart(
            "bytes",
            "Bytes by type",
            f"{size(total)} were sent; {percent(heaviest['bytes'] / max(total, 1))} of it as {heaviest['name']}.",
            "bars",
            across=True,
            x=names,
            y={"name": "sent", "unit": unit},
            series=[{"name": "sent", "points": [short(one["bytes"] * per_byte) for one in types]}],
            height=height,
        ),
    ]


def round_trips(trace: Trace, graph: nx.Graph[Any] | None) -> list[Part]:
    """From city to city and back: what the scenario asks for, and what messages took."""
    sites = trace.header.sites
    shown = _largest(trace)
    parts = []
    commanded = None if graph is None else _commanded(graph, trace)
    if commanded is None or (commanded[np.ix_(shown, shown)] < 0).all():
        parts.append(missing("Round trips asked for", "the run holds no link between two of its cities."))
    else:
        says = "The links' own delays, there and back: medians, for a small message that waits for nothing."
        parts.append(_matrix("commanded", "Round trips asked for", says, commanded, shown, sites))
    title = "Round trips as they were"
    if trace.header.level != "full":
        why = f"a trace of level {trace.header.level} does not hold how long messages took; level full does."
        return [*parts, missing(title, why)]
    if not len(trace.hops):
        return [*parts, missing(title, "no message took any time.")]
    found = ways(trace)
    both = _there_and_back(found.median_ns)
    says = (
        f"What {count(found.messages, 'message')} took from sending to when the receiver's CPU took them up, there and "
        f"back: medians, queues, lost packets and large messages included.{_apart(commanded, both, sites)}"
    )
    return [*parts, _matrix("achieved", title, says, both, shown, sites)]


def _largest(trace: Trace) -> NDArray[np.intp]:
    """The sites with the most nodes."""
    sizes = np.bincount(trace.header.node_sites, minlength=len(trace.header.sites))
    return np.sort(np.argsort(-sizes, kind="stable")[:_MOST_SITES])


def _commanded(graph: nx.Graph[Any], trace: Trace) -> NDArray[np.int64]:
    """The median over the links between two sites of a link's round trip, in ns; −1 where there is none."""
    site, count = trace.header.node_sites, len(trace.header.sites)
    trips: dict[tuple[int, int], list[float]] = {}
    for a, b, attributes in graph.edges(data=True):
        both = attributes["median_ms"] + attributes["median_back_ms"]
        trips.setdefault((site[int(a)], site[int(b)]), []).append(both)
    matrix = np.full((count, count), -1)
    pairs = {tuple(sorted(pair)) for pair in trips}
    for a, b in pairs:
        found = trips.get((a, b), []) + (trips.get((b, a), []) if a != b else [])
        matrix[a, b] = matrix[b, a] = round(float(np.median(found)) * 1e6)
    return matrix


def _there_and_back(one_way: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where((one_way >= 0) & (one_way.T >= 0), one_way + one_way.T, -1)


def _apart(commanded: NDArray[np.int64] | None, achieved: NDArray[np.int64], sites: list[str]) -> str:
    """How far the two matrices are apart at most, in words."""
    if commanded is None:
        return ""
    known = (commanded > 0) & (achieved >= 0)
    if not known.any():
        return ""
    off = np.where(known, np.abs(achieved - commanded), -1)
    if not off.max():
        return " They are just what was asked for."
    a, b = np.unravel_index(int(off.argmax()), off.shape)
    way = f"within {sites[a]}" if a == b else f"between {sites[a]} and {sites[b]}"
    return f" Farthest from what was asked for: {way}, by {milliseconds(ms(off[a, b]))}."


def _matrix(
    id_: str, title: str, says: str, matrix: NDArray[np.int64], shown: NDArray[np.intp], sites: list[str]
) -> Part:
    unit, per_ms = unit_of_time(ms(matrix.max(initial=0)))
    cells = [
        [column, row, short(ms(matrix[a, b]) * per_ms)]
        for row, a in enumerate(shown)
        for column, b in enumerate(shown)
        if matrix[a, b] >= 0
    ]
    names = [sites[index] for index in shown]
    return chart(
        id_,
        title,
        says + some(len(shown), len(sites), "cities, those with the most nodes"),
        "heat",
        x={"name": "to", "values": names},
        y={"name": "from", "values": names},
        value={"name": "round trip", "unit": unit},
        series=[{"name": "round trip", "points": cells}],
        height=150 + max(26 * len(names), 120),
    )
