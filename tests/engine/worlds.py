"""Small scenarios for the engines' tests, and ways to run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netsim import catalogue
from netsim.engine.plan import Plan
from netsim.engine.simulator import simulate
from netsim.running import Result, run
from netsim.scenario import Scenario, parse
from netsim.trace import Trace

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FREE = "compute: {sign: 0 us, verify: 0 us, execute: 0 us}"


def world(text: str, *overrides: str) -> Scenario:
    """A scenario from YAML, with overrides as on the command line."""
    return parse(text, "world.yaml", overrides=overrides, catalogue=catalogue)


def constant(nodes: int, delay: str = "20 ms", duration: str = "2 s", more: str = "") -> str:
    """n replicas, every link the same, nothing else costs anything; uneven loads, so that blocks differ."""
    return f"""
duration: {duration}
sites: {{shenzhen: {{location: [22.543, 114.058], nodes: {nodes}, access: ideal}}}}
backbone: {{delay: {delay}}}
consensus: {{protocol: pbft, block_interval: 250 ms}}
workload: {{rate: 60 /s, arrival: uniform, batch: 50 ms}}
{FREE}
{more}
"""


def simulated(scenario: Scenario, folder: Path) -> Trace:
    """The simulator's trace."""
    folder.mkdir(parents=True, exist_ok=True)
    return simulate(Plan(scenario), folder)


def emulated(scenario: Scenario, folder: Path, **options: Any) -> Result:
    """A whole emulated run, twin included."""
    folder.mkdir(parents=True, exist_ok=True)
    return run(Plan(scenario), folder, "emulate", **options)


def rows(trace: Trace, kind: str) -> list[dict[str, int]]:
    """The rows of one kind, as dictionaries."""
    from netsim.trace import COLUMNS

    code = trace.header.kinds.index(kind)
    found = trace.events[trace.events[:, 2] == code]
    return [dict(zip(COLUMNS, row, strict=True)) for row in found.tolist()]


def finality(trace: Trace) -> dict[int, dict[int, int]]:
    """Per block height and node, ns from the proposal to finality there."""
    proposed = {row["block"]: row["time_ns"] for row in reversed(rows(trace, "propose"))}
    found: dict[int, dict[int, int]] = {}
    for row in rows(trace, "finalise"):
        found.setdefault(row["height"], {})[row["node"]] = row["time_ns"] - proposed[row["block"]]
    return found
