"""`report.html`: what a run came to, on one page that can be sent on and opens from a disk."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.measure.blocks import Blocks, join
from netsim.measure.causes import Causes
from netsim.measure.dist import Dist, samples_needed
from netsim.measure.events import Events
from netsim.report.page.blocks import finality_tail, forks, heat_maps, latency_tail, over_time, propagation
from netsim.report.page.document import html
from netsim.report.page.map import document as map_document
from netsim.report.page.part import Part, count, moment
from netsim.report.page.paths import explained
from netsim.report.page.traffic import by_type_of_message, round_trips
from netsim.report.terminal import in_doubt, rests_on

if TYPE_CHECKING:
    import networkx as nx

    from netsim.measure import Summary
    from netsim.trace import Trace

NAME = "report.html"
_MOST_HEIGHTS = 3  # of conflicts that are named


def write(folder: Path, trace: Trace, summary: Summary, graph: nx.Graph[Any] | None) -> Path:
    """Write the report into a run's folder, which holds the scenario already; the file is whole or not there.

    `graph`: the overlay as `Network.graph` has it, None where it is not known. Raises OSError.
    """
    path, unfinished = folder / NAME, folder / f".{NAME}"
    try:
        unfinished.write_text(page(folder, trace, summary, graph), encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def page(folder: Path, trace: Trace, summary: Summary, graph: nx.Graph[Any] | None) -> str:
    """The report as HTML."""
    scenario = folder / "scenario.yaml"
    text = scenario.read_text(encoding="utf-8") if scenario.exists() else ""
    name = summary["scenario"]["name"]
    causes = Causes(trace) if trace.header.level == "full" else None
    events = Events(trace) if causes is None else causes.events
    blocks = join(events) if causes is None else causes.blocks
    data = _first_screen(summary, text) | {"sections": _sections(trace, graph, causes, events, blocks)}
    parts = []
    if graph is not None:
        data["map"] = map_document(trace, graph, events, blocks)
        parts.append("map")
    return html(f"{name} · netsim", "report", data, parts)


def _first_screen(summary: Summary, text: str) -> dict[str, Any]:
    fidelity, finality = summary["fidelity"], summary["finality"]
    return {
        "name": summary["scenario"]["name"],
        "description": _description(text),
        "facts": _facts(summary),
        "finality": [
            {"name": "first validator", **_headline(finality["first_ms"])},
            {"name": "quorum", **_headline(finality["quorum_ms"])},
            {"name": "all validators", **_headline(finality["all_ms"])},
        ],
        "verdict": {"word": fidelity["verdict"], "twin": fidelity["twin"], "says": list(rests_on(fidelity))},
        "doubt": in_doubt(summary),
        "blocks": summary["blocks"],
        "agreement": summary["safety"]["agreement"],
        "conflicts": _conflicts(summary),
        "accused": [one["node"] for one in summary["safety"]["accused"]],
        "recoveries": summary["liveness"]["recoveries"],
        "stalled_ms": summary["liveness"]["stalled_ms"],
        "throughput_tps": summary["transactions"]["throughput_tps"],
        "expectations": summary["expect"],
        "digest": summary["trace_digest"],
        "version": summary["version"],
        "scenario": text,
    }


def _description(text: str) -> str:
    """What a scenario says of itself. Only these lines are read as YAML: the whole may be long."""
    found = re.search(r"^description:.*\n(?: .*\n)*", text, re.MULTILINE)
    if found is None:
        return ""
    import yaml

    try:
        return str(yaml.safe_load(found[0])["description"] or "")
    except (yaml.YAMLError, KeyError, TypeError):  # a file that was changed since
        return ""


def _facts(summary: Summary) -> list[str]:
    nodes, validators = summary["nodes"], summary["validators"]
    verb = "emulated" if summary["engine"] == "emulate" else "simulated"
    facts = [count(nodes, "node") + (f", {validators} validators" if validators != nodes else "")]
    facts += [f"{moment(round(summary['duration_s'] * 1e9))} {verb}", f"seed {summary['scenario']['seed']}"]
    rule = summary["finality"]["rule"]
    return facts + ([] if rule == "commit" else [f"final: {rule}"])


def _conflicts(summary: Summary) -> str:
    """Where agreement is violated, in a sentence; empty where it holds."""
    found = sorted({violation["height"] for violation in summary["safety"]["violations"]})
    if not found:
        return ""
    named = ", ".join(str(height) for height in found[:_MOST_HEIGHTS])
    more = f" and {len(found) - _MOST_HEIGHTS} more" if len(found) > _MOST_HEIGHTS else ""
    return f"Correct nodes contradict each other at height{'s' if len(found) > 1 else ''} {named}{more}."


def _headline(dist: Dist) -> dict[str, Any]:
    """A distribution in three figures; `doubtful`, where its samples are too few for them."""
    doubtful = [key for key, percentile in (("p50", 50), ("p99", 99)) if dist["count"] < samples_needed(percentile)]
    return {"count": dist["count"], "p50": dist["p50"], "p99": dist["p99"], "doubtful": doubtful}


def _sections(
    trace: Trace, graph: nx.Graph[Any] | None, causes: Causes | None, events: Events, blocks: Blocks
) -> list[dict[str, Any]]:
    """All charts, from what was read of the trace once."""

    def section(title: str, *parts: Part) -> dict[str, Any]:
        return {"title": title, "parts": list(parts)}

    return [
        section(
            "When is a block final?",
            finality_tail(events, blocks),
            latency_tail(events, blocks),
            over_time(events, blocks),
            *heat_maps(events, blocks),
        ),
        section("Why does it take that long?", *explained(causes, trace.header.level)),
        section("How do blocks spread?", propagation(events, blocks), forks(events, blocks)),
        section("What goes over the links?", *by_type_of_message(events), *round_trips(trace, graph)),
    ]
