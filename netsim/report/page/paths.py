"""Charts of why blocks took so long: critical paths as waterfalls, and where the time of all blocks goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netsim.measure.account import account, last_messages
from netsim.measure.causes import CAUSES, COMPUTE, MEANING, WAIT, Causes, CriticalPath, name
from netsim.report.page.part import (
    Part,
    chart,
    count,
    milliseconds,
    missing,
    moment,
    percent,
    short,
    some,
    unit_of_time,
    words,
)
from netsim.trace import Header

_MOST_PATHS = 200  # blocks whose paths are walked
_MOST_PLACES = 12
_MOST_SENTENCES = 5
_COLOURS = {COMPUTE: "#4b3f99", WAIT: "#bdbdbd"}  # the others have those of the palette, in their order
_TITLES = "The slowest block", "The median block", "Where the time goes", "What would help"
_NONE = "Critical paths"
# What one could do about a cause; {0} is the place, {way} from where to where.
_HELP = {
    "uplink": "more bandwidth up in {0} or smaller messages",
    "access-up": "quicker access up in {0}",
    "backbone": "a shorter or quicker line {way}",
    "retransmit": "fewer lost packets {way} or larger windows",
    "access-down": "quicker access down in {0}",
    "order": "messages {way} that do not wait for each other",
    "downlink": "more bandwidth down in {0} or smaller messages",
    "cpu-wait": "processors in {0} with less to do",
    "compute": "quicker signing, verifying and executing in {0}",
    "wait": "shorter intervals and timers in {0}",
}


def explained(causes: Causes | None, level: str) -> list[Part]:
    """The worst and the median block, where the time of all goes, and what would help."""
    if causes is None:
        return [missing(_NONE, f"a trace of level {level} does not hold what caused what; level full does.")]
    places = causes.places()
    if not places:
        return [missing(_NONE, "no block became final after the warm-up.")]
    blocks = causes.blocks
    by_time = sorted(places, key=lambda place: int(blocks.quorum_ns[place] - blocks.proposed_ns[place]))
    stride = -(-len(places) // _MOST_PATHS)
    walked = {place: _path(causes, place) for place in {*places[::stride], by_time[-1], by_time[len(by_time) // 2]}}
    paths = [path for place in places[::stride] if (path := walked[place]) is not None]
    parts = []
    for title, id_, place in (
        (_TITLES[0], "slowest", by_time[-1]),
        (_TITLES[1], "median", by_time[len(by_time) // 2]),
    ):
        path = walked[place]
        parts.append(
            missing(title, "its path is not known.") if path is None else _waterfall(causes.header, id_, title, path)
        )
    if not sum(path.final_ns - path.proposed_ns for path in paths):
        return [*parts, missing(_TITLES[2], "blocks are final at once.")]
    shown = some(len(paths), len(places), "blocks, evenly taken")
    return [*parts, _where(causes.header, paths, shown), words(_TITLES[3], helping(causes.header, paths))]


def _path(causes: Causes, place: int) -> CriticalPath | None:
    """The path of a block; None where a run that was broken off did not keep all of it."""
    try:
        return causes.path(place)
    except LookupError:
        return None


def helping(header: Header, paths: Sequence[CriticalPath]) -> list[str]:
    """Sentences on what blocks wait for, and on what the most could be saved, at most."""
    sentences = []
    for last in last_messages(header, paths)[:2]:
        to = "another node there" if last.source == last.target else last.target
        sentences.append(
            f"In {percent(last.paths)} of the blocks the last message needed is {last}: it comes over "
            f"the uplink of a node in {last.source} to {to}."
        )
    for entry in account(header, paths)[: _MOST_SENTENCES - len(sentences)]:
        what = _HELP[entry.cause].format(entry.place, way=_way(entry.place))
        sentences.append(
            f"{percent(entry.share)} of the time goes to {MEANING[entry.cause]} ({entry.place}): {what} would save "
            f"{milliseconds(entry.mean_ns / 1e6)} of each block's finality at most."
        )
    sentences.append(
        f"Over {count(len(paths), 'block')}. What is saved on one path may leave another one as the "
        "longest: hence “at most”."
    )
    return sentences


def _way(place: str) -> str:
    return f"from {place.replace(' → ', ' to ')}" if " → " in place else f"within {place}"


def _waterfall(header: Header, id_: str, title: str, path: CriticalPath) -> Part:
    whole = milliseconds((path.final_ns - path.proposed_ns) / 1e6)
    unit, per_ms = unit_of_time((path.final_ns - path.proposed_ns) / 1e6)
    rows: list[dict[str, Any]] = []
    for step in path.steps:
        source = "" if step.source is None else f"{header.nodes[step.source]} → "
        rows.append(
            {
                "name": f"{step.what} {source}{header.nodes[step.node]}",
                "begin": short((step.begin_ns - path.proposed_ns) / 1e6 * per_ms),
                "parts": {cause: short(elapsed / 1e6 * per_ms) for cause, elapsed in step.parts.items()},
            }
        )
    if not rows:
        return missing(title, "it was final at once.")
    return chart(
        f"path-{id_}",
        title,
        f"Block {path.height} ({name(path.block)[:8]}), proposed at {moment(path.proposed_ns)}, is final at a "
        f"quorum with {header.nodes[path.node]} after {whole}. Each line is the message or the work that the next one "
        "waited for.",
        "waterfall",
        x={"name": "since the proposal", "unit": unit},
        rows=rows,
        causes=_causes({cause for row in rows for cause in row["parts"]}),
        height=110 + 26 * len(rows),
        wide=True,
    )


def _where(header: Header, paths: Sequence[CriticalPath], shown: str) -> Part:
    entries = account(header, paths)
    by_place: dict[str, float] = {}
    for entry in entries:
        by_place[entry.place] = by_place.get(entry.place, 0) + entry.mean_ns
    places = sorted(by_place, key=lambda place: -by_place[place])
    kept = places[:_MOST_PLACES]
    column = {place: number for number, place in enumerate(kept)}
    rest = len(kept) if len(places) > len(kept) else None
    names = kept if rest is None else [*kept, f"{len(places) - len(kept)} more"]
    spent: dict[str, list[float]] = {}
    for entry in entries:
        line = spent.setdefault(entry.cause, [0.0] * len(names))
        line[column.get(entry.place, len(names) - 1)] += entry.mean_ns / 1e6
    mean = sum(path.final_ns - path.proposed_ns for path in paths) / len(paths) / 1e6
    largest = entries[0]
    unit, per_ms = unit_of_time(max(by_place.values()) / 1e6)
    return chart(
        "where",
        _TITLES[2],
        f"The {milliseconds(mean)} until a quorum, on average over the critical paths of {len(paths)} blocks, by place "
        f"and cause. The most, {percent(largest.share)}: {MEANING[largest.cause]}, {largest.place}.{shown}",
        "bars",
        across=True,
        stacked=True,
        x={"name": "place", "scale": "category", "values": names},
        y={"name": "mean per block", "unit": unit},
        series=[
            {
                "name": cause["name"],
                "colour": cause["colour"],
                "points": [short(value * per_ms) for value in spent[cause["name"]]],
            }
            for cause in _causes(set(spent))
        ],
        height=110 + 28 * len(names),
        wide=True,
    )


def _causes(present: set[str]) -> list[dict[str, Any]]:
    """The causes in the order in which they follow each other on a message's way, each with its colour's number."""
    return [
        {"name": cause, "colour": _COLOURS.get(cause, number), "says": MEANING[cause]}
        for number, cause in enumerate(CAUSES)
        if cause in present
    ]
