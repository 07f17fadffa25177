"""A trace in, the content of `summary.json` out (schema 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypedDict, cast

import numpy as np

from netsim.measure.blocks import BlockCounts, block_counts, join
from netsim.measure.events import Events
from netsim.measure.expect import Judged, flatten, judge
from netsim.measure.fidelity import Fidelity, fidelity
from netsim.measure.finality import Finality, finality
from netsim.measure.liveness import Liveness, liveness
from netsim.measure.messages import Messages, Rounds, messages, rounds
from netsim.measure.propagation import Propagation, propagation
from netsim.measure.safety import Safety, safety
from netsim.measure.transactions import Transactions, transactions
from netsim.trace import COLUMNS, HOP_COLUMNS, KINDS, Header, Trace
from netsim.trace import Fidelity as SeenByEngine


class ScenarioName(TypedDict):
    """Which scenario was run."""

    name: str
    sha256: str
    seed: int


class Summary(TypedDict):
    """Everything that a run says of itself; `nodes` and `validators` are counts."""

    schema: int
    scenario: ScenarioName
    engine: Literal["emulate", "simulate"]
    version: str
    nodes: int
    validators: int
    duration_s: float
    wall_s: float
    blocks: BlockCounts
    finality: Finality
    propagation_ms: Propagation
    transactions: Transactions
    messages: Messages
    rounds: Rounds
    safety: Safety
    liveness: Liveness
    fidelity: Fidelity
    expect: list[Judged]
    trace_digest: str


def summarise(trace: Trace) -> Summary:
    """Measure a trace. The result holds nothing but what JSON can hold."""
    header = trace.header
    events = Events(trace)
    blocks = join(events)
    summary = Summary(
        schema=1,
        scenario=ScenarioName(name=header.name, sha256=header.scenario_sha256, seed=header.seed),
        engine=header.engine,
        version=header.version,
        nodes=len(header.nodes),
        validators=len(header.validators),
        duration_s=header.duration_ns / 1e9,
        wall_s=header.wall_s,
        blocks=block_counts(events, blocks),
        finality=finality(events, blocks),
        propagation_ms=propagation(events, blocks),
        transactions=transactions(events, blocks),
        messages=messages(events, blocks),
        rounds=rounds(events, blocks),
        safety=safety(events),
        liveness=liveness(events, blocks),
        fidelity=fidelity(events, blocks),
        expect=[],
        trace_digest=Trace(header, events.rows, trace.hops).digest(),
    )
    summary["expect"] = judge(cast(dict[str, Any], summary), header.expectations)
    return summary


def expectable(sites: Sequence[str]) -> frozenset[str]:
    """Every key that a scenario with these sites may put a bound on: what a summary of it will hold."""
    header = Header(
        name="",
        scenario_sha256="",
        seed=0,
        engine="simulate",
        version="",
        level="full",
        duration_ns=1,
        warmup_ns=0,
        nodes=[],
        sites=list(sites),
        node_sites=[],
        validators=[],
        byzantine=[],
        quorum=1,
        finality_rule="",
        kinds=list(KINDS),
        messages={},
        transactions=[],
        faults=[],
        expectations=[],
        fidelity=SeenByEngine(),
    )
    nothing = Trace(header, np.zeros((0, len(COLUMNS)), np.int64), np.zeros((0, len(HOP_COLUMNS)), np.int64))
    return frozenset(key for key, _ in flatten(cast(dict[str, Any], summarise(nothing))))
