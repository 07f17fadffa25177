"""The map of a run as plain JSON for `assets/map.js`: cities, land, links with their delay, and the journeys of blocks.

A map to scale shows Suzhou far from the Pearl River, but Shenzhen and Hong Kong in one dot. So cities that lie close
together, measured by the whole, get a *panel* of their own, enlarged; and those of unknown place a panel without land.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import cos, radians
from statistics import median
from typing import TYPE_CHECKING, Any

from netsim.measure.causes import name as block_name
from netsim.measure.events import NEVER, Events
from netsim.measure.journeys import FROM, LEFT, LOST, TAKEN_UP, TO, TYPE, Journey, Journeys
from netsim.report.layout import great_circle_km
from netsim.report.page.land import Window, outline

if TYPE_CHECKING:
    import networkx as nx
    import numpy as np
    from numpy.typing import NDArray

    from netsim.measure.blocks import Blocks
    from netsim.trace import Header, Trace

Place = tuple[float, float]  # latitude, longitude, degrees

_CLOSE = 0.12  # of the greatest extent: cities that are nearer than that to each other share a panel
_MOST_INSETS = 3
_MOST_GROUPED = 300  # sites: more fill the map, and none of them is enlarged
_MOST_WAYS = 600  # links between sites that a map can show
_LEAST_KM = 180  # across a panel: less shows no coast by which to know the place
_MARGIN = 0.16  # of the extent, around the outermost cities
_BEYOND = 1.0  # of the extent, to each side: the land that a panel of another shape than the window shows
_KM_PER_DEGREE = 111.2
_NS_PER_US = 1000
BEHIND, CUT_OFF = "behind", "cut off"  # what a node may be while a run goes on, and not yet have the newest final block
_FLATTEST = 70  # degrees: nearer to a pole, a degree of longitude is taken as long as there

_NO_MESSAGES = (
    "This run's trace is of level {level}, which does not say which message went where: only when each node had a "
    "block and when it was final there is shown. A run with trace: full has the messages, too."
)


def document(
    trace: Trace, graph: nx.Graph[Any], events: Events | None = None, blocks: Blocks | None = None
) -> dict[str, Any]:
    """The map of a run; its nodes' places and commanded delays come from its graph (see `Network.graph`).

    `events` and `blocks` of the same trace, where the caller has them already.
    """
    journeys = Journeys(trace, events, blocks)
    shown = list(journeys.all())
    ways = _ways(journeys, graph)
    types = sorted({int(tag) for journey in shown for tag in journey.messages[:, TYPE]})
    return {
        **cities(trace.header, graph),
        "ways": ways,
        "types": [trace.header.messages.get(tag, f"message of type {tag}") for tag in types],
        "stages": journeys.stages,
        "blocks": [_block(journey, types, trace.header) for journey in shown],
        "notes": list(_notes(journeys, shown, len(ways))),
    }


def before(header: Header, graph: nx.Graph[Any]) -> dict[str, Any]:
    """The map of a run that has yet to begin: commanded delays, and no journeys. It is told what becomes of nodes."""
    ways = _commanded(header.sites, graph)
    return {
        **cities(header, graph),
        "says": "A node that lacks a block which is final elsewhere is behind.",
        "ways": [ways[pair] for pair in sorted(ways)[:_MOST_WAYS]],
        "types": [],
        "stages": [BEHIND, CUT_OFF, "finalise"],
        "blocks": [],
        "notes": [],
    }


def cities(header: Header, graph: nx.Graph[Any]) -> dict[str, Any]:
    """What a map needs before anything has happened: nodes, sites, and the panels that they stand in."""
    places: dict[str, Place] = {}
    for _, attributes in graph.nodes(data=True):
        if "lat" in attributes and "lon" in attributes:
            places[str(attributes.get("site", ""))] = (float(attributes["lat"]), float(attributes["lon"]))
    located = {number: places[site] for number, site in enumerate(header.sites) if site in places}
    return {
        "nodes": list(header.nodes),
        "node_sites": list(header.node_sites),
        "validators": list(header.validators),
        "byzantine": list(header.byzantine),
        "quorum": header.quorum,
        "sites": [{"name": site, "place": list(places[site]) if site in places else None} for site in header.sites],
        "panels": panels(located, [number for number in range(len(header.sites)) if number not in located]),
    }


def panels(located: Mapping[int, Place], lost: Sequence[int]) -> list[dict[str, Any]]:
    """The panels of a map, each with its sites: first the one that shows all located sites, or those too far apart.

    `window` is what a panel shows at least (west, south, east, north, degrees), `land` the outlines around it, as flat
    lists of longitude and latitude. A panel without a window is a ring of the sites whose place is not known. A site
    stands in the last panel that has it.
    """
    made = []
    if located:
        longitudes = _unrolled(located)
        made.append(_panel(list(located), located, longitudes))
        insets = [group for group in _groups(located) if len(group) > 1]
        if len(insets) > 1 or (insets and len(insets[0]) < len(located)):
            insets = sorted(insets, key=len, reverse=True)[:_MOST_INSETS]
            made += [_panel(group, located, longitudes) for group in insets]
    if lost:
        made.append({"sites": list(lost), "window": None, "land": []})
    return made


def _panel(sites: Sequence[int], located: Mapping[int, Place], longitudes: Mapping[int, float]) -> dict[str, Any]:
    shown = _window([longitudes[site] for site in sites], [located[site][0] for site in sites])
    extent = max(shown.east - shown.west, shown.north - shown.south)
    beyond = min(_BEYOND * extent, (360 - (shown.east - shown.west)) / 2)  # once around at most
    land = Window(
        shown.west - beyond,
        max(shown.south - _BEYOND * extent, -90.0),
        shown.east + beyond,
        min(shown.north + _BEYOND * extent, 90.0),
    )
    return {
        "sites": list(sites),
        "window": [shown.west, shown.south, shown.east, shown.north],
        "longitudes": [longitudes[site] for site in sites],
        "land": outline(land),
    }


def _window(longitudes: Sequence[float], latitudes: Sequence[float]) -> Window:
    """Around some places, with a margin, and never so small that one could not tell where in the world it is."""
    across, along = (min(longitudes), max(longitudes)), (min(latitudes), max(latitudes))
    x, y = sum(across) / 2, sum(along) / 2
    squeeze = cos(radians(min(abs(y), _FLATTEST)))  # of a degree of longitude against one of latitude
    wide, high = (across[1] - across[0]) * squeeze, along[1] - along[0]
    margin, least = _MARGIN * max(wide, high), _LEAST_KM / _KM_PER_DEGREE / 2
    half_x, half_y = max(wide / 2 + margin, least) / squeeze, max(high / 2 + margin, least)
    return Window(x - half_x, max(y - half_y, -90.0), x + half_x, min(y + half_y, 90.0))


def _unrolled(located: Mapping[int, Place]) -> dict[int, float]:
    """Longitudes counted eastwards from the widest gap between two, so that no ocean is cut without need."""
    around = sorted({longitude for _, longitude in located.values()})
    gaps = [after - before for before, after in zip(around, [*around[1:], around[0] + 360], strict=True)]
    begin = around[(gaps.index(max(gaps)) + 1) % len(around)]
    return {site: begin + (longitude - begin) % 360 for site, (_, longitude) in located.items()}


def _groups(located: Mapping[int, Place]) -> list[list[int]]:
    """Sites that lie close together, by single linkage."""
    if len(located) > _MOST_GROUPED:
        return []
    distances = {(a, b): great_circle_km(located[a], located[b]) for a, b in combinations(located, 2)}
    near = _CLOSE * max(distances.values(), default=0.0)
    group = {site: [site] for site in located}
    for (a, b), distance in distances.items():
        if distance < near and group[a] is not group[b]:
            group[a].extend(group[b])
            for site in group[b]:
                group[site] = group[a]
    return [sorted(members) for site, members in group.items() if site == min(members)]


def _ways(journeys: Journeys, graph: nx.Graph[Any]) -> list[dict[str, Any]]:
    """Between each two sites, both ways: the median measured delay, else the commanded one of the links there."""
    found = _commanded(journeys.header.sites, graph)
    for way in journeys.ways():
        measured = {"from": way.source, "to": way.target, "ms": way.median_ns / 1e6, "count": way.count}
        found[way.source, way.target] = measured
    most = sorted(found, key=lambda pair: (-(found[pair]["count"] or 0), pair))
    return [found[pair] for pair in sorted(most[:_MOST_WAYS])]


def _commanded(sites: Sequence[str], graph: nx.Graph[Any]) -> dict[tuple[int, int], dict[str, Any]]:
    """By the two sites: the median delay of the links there, as the scenario has it."""
    numbers = {site: number for number, site in enumerate(sites)}
    commanded: dict[tuple[int, int], list[float]] = {}
    for a, b, attributes in graph.edges(data=True):
        if "median_ms" not in attributes:
            continue
        ends = tuple(numbers.get(str(graph.nodes[node].get("site", "")), -1) for node in (a, b))
        there = float(attributes["median_ms"])
        commanded.setdefault((ends[0], ends[1]), []).append(there)
        commanded.setdefault((ends[1], ends[0]), []).append(float(attributes.get("median_back_ms", there)))
    return {
        (source, target): {"from": source, "to": target, "ms": median(delays), "count": None}
        for (source, target), delays in commanded.items()
        if -1 not in (source, target)
    }


def _block(journey: Journey, types: Sequence[int], header: Header) -> dict[str, Any]:
    """Times in µs since the proposal; None for what did not happen.

    A message is five numbers: its type, from, to, µs since the message before left, µs under way; where it was lost,
    the last is −1 − that.
    """
    left = journey.messages[:, LEFT] // _NS_PER_US
    under_way = journey.messages[:, TAKEN_UP] // _NS_PER_US - left
    rows = zip(
        [types.index(tag) for tag in journey.messages[:, TYPE].tolist()],
        journey.messages[:, FROM].tolist(),
        journey.messages[:, TO].tolist(),
        [int(after - before) for before, after in zip([0, *left.tolist()], left.tolist(), strict=False)],
        [
            -1 - took if lost else took
            for took, lost in zip(under_way.tolist(), journey.messages[:, LOST].tolist(), strict=True)
        ],
        strict=True,
    )
    return {
        "name": block_name(journey.block),
        "height": journey.height,
        "proposer": journey.proposer,
        "transactions": journey.transactions,
        "proposed_ms": journey.proposed_ns / 1e6,
        "quorum_us": None if journey.quorum_ns == NEVER else journey.quorum_ns // _NS_PER_US,
        "why": list(journey.why),
        "sent": journey.sent,
        "messages": [number for row in rows for number in row],
        "down": list(journey.down),
        "faults": list(dict.fromkeys(fault.says for fault in header.faults if journey.meets(fault))),
        "moments": [_moments(times) for times in journey.moments.values()],
    }


def _moments(times: NDArray[np.int64]) -> list[int | None]:
    return [None if time == NEVER else time // _NS_PER_US for time in times.tolist()]


def _notes(journeys: Journeys, shown: Sequence[Journey], ways: int) -> Iterator[str]:
    """What a reader must know so as not to be misled."""
    blocks = journeys.blocks
    timed = int((blocks.timed & blocks.final).sum())
    if not len(blocks.ids):
        yield "No block was proposed in this run."
    elif not timed and shown:
        yield f"No block became final; the first of {len(blocks.ids)} are shown."
    elif len(shown) < timed:
        yield (
            f"{len(shown)} of {timed} blocks are shown: the first, the slowest, and the one with the median time to "
            "finality."
        )
    if ways == _MOST_WAYS:
        yield f"Of the links between cities, the {_MOST_WAYS} with the most messages are shown."
    if not journeys.has_messages:
        yield _NO_MESSAGES.format(level=journeys.header.level)
    kept, sent = sum(len(journey.messages) for journey in shown), sum(journey.sent for journey in shown)
    if kept < sent:
        yield (
            f"{_grouped(kept)} of {_grouped(sent)} messages are shown: of each type, the first that each node took up, "
            "and of the rest an even choice."
        )


def _grouped(count: int) -> str:
    """Thousands apart, as the page's script writes them."""
    return f"{count:,}".replace(",", "\u202f")
