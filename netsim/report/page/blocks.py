"""Charts of what happened to the blocks: how long they took, where, when, and upon which others they stand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from netsim.measure.blocks import Blocks
from netsim.measure.causes import name
from netsim.measure.curves import since_proposal, spreading, tail
from netsim.measure.dist import dist_ms, ms
from netsim.measure.events import NEVER, Events
from netsim.measure.leaders import Leading, by_city, by_leader
from netsim.measure.transactions import latencies
from netsim.measure.tree import Leaf, tree
from netsim.report.page.part import (
    Part,
    chart,
    count,
    grouped,
    half_and_most,
    milliseconds,
    missing,
    moment,
    percent,
    points,
    scale_of,
    short,
    some,
    unit_of_time,
)

_MOST_DOTS = 1500  # blocks in the chart over time
_SLOWEST = 200  # of which so many are the slowest, in any case
_MOST_ROWS = 24  # leaders or cities in a heat map
_MOST_FORKED = 400  # blocks beside the chain that are drawn
_NOTHING_FINAL = "no block became final after the warm-up."


def finality_tail(events: Events, blocks: Blocks) -> Part:
    """How many blocks took at least so long, at the three milestones."""
    title = "How long blocks take to be final"
    milestones = (("first validator", blocks.first_ns), ("quorum", blocks.quorum_ns), ("all validators", blocks.all_ns))
    samples = {
        label: since_proposal(blocks, times, np.flatnonzero(blocks.timed & (times != NEVER)))
        for label, times in milestones
    }
    quorum = dist_ms(samples["quorum"])
    if not quorum["count"]:
        return missing(title, _NOTHING_FINAL)
    longest = max(ms(taken.max(initial=0)) for taken in samples.values())
    unit, per_ms = unit_of_time(longest)
    return chart(
        "finality",
        title,
        f"Until a quorum: {half_and_most(quorum)}. The height of a line is the share of the blocks that take at least "
        "so long.",
        "lines",
        x={
            "name": "from proposal to finality",
            "unit": unit,
            "scale": scale_of(longest, quorum["p50"] or 0),
            "zero": False,
        },
        y={"name": "blocks that take as long", "unit": "%", "scale": "log"},
        series=[
            {"name": label, "points": points((x * per_ms, 100 * share) for x, share in tail(taken)), "step": "start"}
            for label, taken in samples.items()
            if len(taken)
        ],
    )


def latency_tail(events: Events, blocks: Blocks) -> Part:
    """How many transactions took at least so long."""
    title = "How long clients wait for a transaction"
    if events.header.level == "summary":
        return missing(title, "a trace of level summary holds no transactions.")
    samples = latencies(events, blocks)
    dist = dist_ms(samples)
    if not dist["count"]:
        return missing(title, "no transaction became final.")
    unit, per_ms = unit_of_time(dist["max"] or 0)
    return chart(
        "latency",
        title,
        f"From when a transaction is due to when it is final where it was submitted: {half_and_most(dist)}.",
        "lines",
        x={
            "name": "from submission to finality",
            "unit": unit,
            "scale": scale_of(dist["max"] or 0, dist["p50"] or 0),
            "zero": False,
        },
        y={"name": "transactions that take as long", "unit": "%", "scale": "log"},
        series=[
            {
                "name": "transactions",
                "points": points((x * per_ms, 100 * share) for x, share in tail(samples)),
                "step": "start",
            }
        ],
    )


def propagation(events: Events, blocks: Blocks) -> Part:
    """Which share of the nodes has a block after so long."""
    title = "How blocks spread"
    rows = spreading(events, blocks)
    if not rows:
        return missing(title, "no block was proposed after the warm-up.")
    unit, per_ms = unit_of_time(max(column for row in rows for column in row[1:] if column is not None))
    scale = scale_of(rows[-1][3] or 0, rows[-1][1] or 0)
    curves = {"median block": 1, "slow block (90th percentile)": 2, "slowest": 3}
    series: list[dict[str, Any]] = []
    for label, column in curves.items():
        line = [
            (value * per_ms, 100 * row[0])
            for row in rows
            if (value := row[column]) is not None and (value or scale == "linear")  # the proposer has it after 0 ms
        ]
        series.append({"name": label, "points": points(line), "step": "end" if len(line) <= 40 else None})
    reached = series[0]["points"]
    says = f"The median block is at {reached[-1][1]:.3g} % of the nodes after {milliseconds(reached[-1][0] / per_ms)}."
    if rows[-1][3] is None:
        says += " A line that ends early: such blocks went to no further node; who catches up later is not counted."
    return chart(
        "propagation",
        title,
        says,
        "lines",
        x={"name": "since the proposal", "unit": unit, "scale": scale},
        y={"name": "nodes that have the block", "unit": "%", "max": 100},
        series=[each for each in series if each["points"]],
        wide=True,
    )


def over_time(events: Events, blocks: Blocks) -> Part:
    """Each block at the time of its proposal, with faults behind it."""
    title = "Finality over time"
    places = np.flatnonzero(blocks.quorum_ns != NEVER)
    if not len(places):
        return missing(title, "no block became final.")
    taken = since_proposal(blocks, blocks.quorum_ns, places)
    shown = places[_thinned(taken)]
    everywhere = blocks.all_ns[shown] != NEVER
    longest = ms(max(taken.max(), since_proposal(blocks, blocks.all_ns, shown)[everywhere].max(initial=0)))
    unit, per_ms = unit_of_time(longest)
    series = []
    for label, times in (
        ("first validator", blocks.first_ns),
        ("quorum", blocks.quorum_ns),
        ("all validators", blocks.all_ns),
    ):
        reached = shown[times[shown] != NEVER]
        pairs = zip(
            blocks.proposed_ns[reached] / 1e9, since_proposal(blocks, times, reached) * (per_ms / 1e6), strict=True
        )
        series.append({"name": label, "points": points(pairs)})
    header = events.header
    end = header.duration_ns
    shades = [
        {"from": short(fault.start_ns / 1e9), "to": short(min(fault.end_ns, end) / 1e9), "says": fault.says}
        for fault in header.faults
        if fault.start_ns < end
    ]
    slowest = int(taken.argmax())
    says = (
        f"Each block at the moment of its proposal; the slowest until a quorum, of "
        f"{moment(int(blocks.proposed_ns[places[slowest]]))}, took {milliseconds(ms(taken[slowest]))}."
    )
    if shades:
        says += f" Shaded: {count(len(shades), 'fault')}."
    waiting = int((blocks.quorum_ns == NEVER).sum())
    if waiting:
        says += f" {count(waiting, 'further block')} did not become final at a quorum."
    says += some(len(shown), len(places), "blocks, the slowest among them")
    marks = [{"at": short(header.warmup_ns / 1e9), "says": "end of the warm-up"}] if header.warmup_ns else []
    return chart(
        "over-time",
        title,
        says,
        "scatter",
        x={"name": "time of the proposal", "unit": "s", "min": 0, "max": short(end / 1e9)},
        y={
            "name": "from proposal to finality",
            "unit": unit,
            "scale": scale_of(longest, ms(int(np.median(taken)))),
        },
        series=[each for each in series if each["points"]],
        shades=shades,
        marks=marks,
        wide=True,
    )


def heat_maps(events: Events, blocks: Blocks) -> list[Part]:
    """Where blocks are final, by the leader's city and by leader."""
    titles = "Finality by city", "Finality by leader"
    if not (blocks.timed & blocks.final).any():
        return [missing(title, _NOTHING_FINAL) for title in titles]
    cities, all_cities = by_city(events, blocks, _MOST_ROWS)
    leaders, all_leaders = by_leader(events, blocks, _MOST_ROWS)
    told = "Median time from proposal to finality at a validator of the city below"
    return [
        _heat("by-city", titles[0], f"{told}, by the leader's city.", "city of the leader", cities, all_cities),
        _heat("by-leader", titles[1], f"{told}, by leader.", "leader", leaders, all_leaders),
    ]


def forks(events: Events, blocks: Blocks) -> Part:
    """The chain, and the blocks that stand beside it: those that lost, and at one height several that are open."""
    title = "Forks"
    leaves = tree(events, blocks)
    if not leaves:
        return missing(title, "no block was proposed.")
    heights = blocks.heights
    many = Counter(int(heights[leaf.place]) for leaf in leaves)
    beside = [leaf for leaf in leaves if leaf.state != "final" and many[int(heights[leaf.place])] > 1]
    torn = _torn(blocks)
    if not beside and not torn:
        waiting = sum(leaf.state == "open" for leaf in leaves)
        end = f"; {waiting} were still open at the end" if waiting else ""
        return missing(
            title, f"no block lost against another one: the {count(len(leaves), 'block')} are one chain{end}."
        )
    shown = beside[:_MOST_FORKED]
    near = torn | {int(heights[leaf.place]) + step for leaf in shown for step in (-1, 0, 1)}
    drawn = [
        leaf
        for leaf in leaves
        if leaf in shown
        or (leaf.state == "final" and (int(heights[leaf.place]) in near or len(leaves) <= _MOST_FORKED))
    ]
    lost = sum(leaf.state == "stale" for leaf in beside)
    says = f"{grouped(lost) if lost else 'None'} of {count(len(leaves), 'block')} lost against another at their height"
    says += f" ({percent(lost / len(leaves))})." if lost else "."
    if lost < len(beside):
        says += f" {count(len(beside) - lost, 'block')} stood beside others, and none of them was final at a quorum."
    if torn:
        says += f" Validators made different blocks final at {count(len(torn), 'height')}: agreement is violated."
    says += " Each stands above the chain, joined to the block that it builds on."
    if not all(leaf.known for leaf in drawn):
        says += " What a block builds on is not in the trace: it is joined to the final block below, if there is one."
    says += some(len(shown), len(beside), "blocks beside the chain")
    return chart(
        "forks",
        title,
        says,
        "chain",
        x={"name": "height", "zero": False},
        y={"name": "lane"},
        blocks=_laned(events, blocks, drawn),
        wide=True,
    )


def _torn(blocks: Blocks) -> set[int]:
    """The heights at which correct validators made different blocks final."""
    at = Counter(blocks.heights[blocks.first_ns != NEVER].tolist())
    return {height for height, found in at.items() if found > 1}


def _thinned(taken: Any) -> Any:
    """Places of samples that are worth a dot: evenly taken ones, and the slowest."""
    if len(taken) <= _MOST_DOTS:
        return np.arange(len(taken))
    even = np.linspace(0, len(taken) - 1, _MOST_DOTS - _SLOWEST).round().astype(np.int64)
    return np.union1d(even, np.argsort(taken)[-_SLOWEST:])


def _heat(id_: str, title: str, says: str, rows: str, leading: Leading, all_rows: int) -> Part:
    unit, per_ms = unit_of_time(ms(leading.median_ns.max(initial=0)))
    cells = [
        [column, row, short(ms(value) * per_ms)]
        for row, values in enumerate(leading.median_ns.tolist())
        for column, value in enumerate(values)
        if value >= 0
    ]
    labels = [f"{label} ({many})" for label, many in zip(leading.names, leading.blocks, strict=True)]
    return chart(
        id_,
        title,
        f"{says} In brackets: blocks.{some(len(labels), all_rows, f'{rows}s')}",
        "heat",
        x={"name": "city where it is final", "values": leading.sites},
        y={"name": rows, "values": labels},
        value={"name": "median", "unit": unit},
        series=[{"name": "finality", "points": cells}],
        height=150 + max(26 * len(labels), 120),
    )


def _laned(events: Events, blocks: Blocks, drawn: list[Leaf]) -> list[dict[str, Any]]:
    """Blocks as the chart takes them: final ones in lane 0, all others, and a second final one, above, each in its
    parent's lane if free."""
    lanes: dict[int, int] = {}
    taken: set[tuple[int, int]] = set()  # (height, lane)
    result = []
    for leaf in drawn:
        height = int(blocks.heights[leaf.place])
        lane = 0
        if leaf.state != "final" or (height, 0) in taken:
            lane = max(lanes.get(leaf.parent, 1), 1)
            while (height, lane) in taken:
                lane += 1
        taken.add((height, lane))
        lanes[leaf.place] = lane
        result.append(
            {
                "id": name(int(blocks.ids[leaf.place])),
                "height": height,
                "lane": lane,
                "state": leaf.state,
                "parent": name(int(blocks.ids[leaf.parent])) if leaf.parent >= 0 else None,
                "proposer": events.header.nodes[int(blocks.proposers[leaf.place])],
                "proposed_s": short(int(blocks.proposed_ns[leaf.place]) / 1e9),
            }
        )
    return result
