"""Misbehaving nodes in both engines: an emulation equals its twin, and the summary holds what proves them guilty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from netsim import catalogue
from netsim.engine.plan import Plan
from netsim.engine.simulator import simulate
from netsim.measure import Summary, summarise
from netsim.node.identity import Ed25519
from netsim.node.message import Signed
from netsim.running import run
from netsim.scenario import Scenario, parse
from netsim.trace import read

from .test_misbehaviour import BYZANTINE

WORLD = """
backbone: {delay: 20 ms}
workload: {rate: 60 /s, arrival: uniform, batch: 50 ms}
compute: {sign: 0 us, verify: 0 us, execute: 0 us}
"""


def world(nodes: int, duration: str, protocol: str = "pbft", **more: Any) -> Scenario:
    sites = {"shenzhen": {"location": [22.543, 114.058], "nodes": nodes, "access": "ideal"}}
    consensus = {"protocol": protocol, "block_interval": "250 ms", "timeout": "500 ms"}
    given = {"duration": duration, "sites": sites, "consensus": consensus, **more}
    text = WORLD + "".join(f"{key}: {json.dumps(value)}\n" for key, value in given.items())
    return parse(text, "world.yaml", catalogue=catalogue)


def parted(nodes: int, traitors: int, protocol: str) -> Scenario:
    """Equivocators, and two halves of the others that do not hear each other."""
    names = [f"shenzhen-{node}" for node in range(nodes)]
    half = traitors + (nodes - traitors + 1) // 2
    one, other = names[traitors:half], names[half:]
    return world(
        nodes,
        "12 s",
        protocol,
        misbehaviour=[{"nodes": names[:traitors], "does": "equivocate"}] if traitors else [],
        faults=[{"at": "0 s", "block": {"from": a, "to": b}} for a, b in ((one, other), (other, one))],
    )


def simulated(scenario: Scenario, folder: Path) -> Summary:
    return summarise(simulate(Plan(scenario), folder))


@pytest.mark.parametrize("nodes", [4, 7])
@pytest.mark.parametrize("protocol", BYZANTINE)
def test_the_checker_finds_the_violation_of_2q_minus_n_equivocators(protocol: str, nodes: int, tmp_path: Path) -> None:
    traitors = 2 * Plan(world(nodes, "1 s", protocol)).quorum - nodes
    safety = simulated(parted(nodes, traitors, protocol), tmp_path)["safety"]
    assert safety["agreement"] == "violated"
    assert safety["violations"][0]["kind"] == "conflict"
    assert {one["node"] for one in safety["accused"]} <= {f"shenzhen-{node}" for node in range(traitors)}
    assert safety["evidence_count"] > 0
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    safety = simulated(parted(nodes, traitors - 1, protocol), fewer)["safety"]
    assert (safety["agreement"], safety["violations"]) == ("holds", [])


def test_an_emulation_of_liars_is_exact_and_its_evidence_can_be_verified(tmp_path: Path) -> None:
    scenario = world(
        7,
        "3 s",
        gossip="flood",
        overlay="ring",
        misbehaviour=[
            {"nodes": ["shenzhen-0"], "does": "equivocate", "at": "800 ms"},
            {"nodes": ["shenzhen-0"], "does": "delay", "by": "30 ms"},
            {"nodes": ["shenzhen-0", "shenzhen-3"], "does": "forge"},
        ],
        faults=[{"at": "1500 ms", "for": "500 ms", "crash": ["shenzhen-0"]}],
    )
    plan = Plan(scenario)
    result = run(plan, tmp_path)
    summary = result.summary
    assert (summary["fidelity"]["verdict"], summary["fidelity"]["twin"]) == ("exact", "equal"), result.twin_differs
    assert summary["safety"]["agreement"] == "holds"
    assert summary["blocks"]["finalised"] > 5

    (accused,) = summary["safety"]["accused"]
    assert accused["node"] == "shenzhen-0"
    assert accused["first_ms"] >= 800
    assert accused["witnesses"] == 5, "of seven, two misbehave"
    assert len(summary["safety"]["evidence"]) == summary["safety"]["evidence_count"] == accused["count"] > 0
    identities = Ed25519(scenario.seed)
    for one in summary["safety"]["evidence"]:
        first, second = (plan.codec.decode(bytes.fromhex(message)) for message in one["messages"])
        assert isinstance(first, Signed)
        assert isinstance(second, Signed)
        assert type(first).__name__ == type(second).__name__ == one["message"]
        assert first.claim == second.claim
        assert first.digest != second.digest
        assert first.signer == second.signer == 0
        assert all(identities.verify(0, message.digest, message.signature) for message in (first, second))

    trace = read(tmp_path)
    assert trace.header.byzantine == [0, 3]
    assert trace.header.messages[100] == "Aside"
    rejected = trace.events[trace.events[:, 2] == trace.header.kinds.index("reject")]
    assert set(range(1, 7)) - {3} <= set(rejected[:, 1].tolist()), "every correct node rejects forgeries"


def test_correct_nodes_are_never_accused(tmp_path: Path) -> None:
    crashes = [
        {"at": f"{at} s", "for": "400 ms", "crash": [f"shenzhen-{node}"]} for at, node in ((1, 0), (2, 1), (3, 2))
    ]
    summary = simulated(world(4, "5 s", faults=crashes, gossip="flood"), tmp_path)
    assert summary["safety"]["evidence_count"] == 0
    assert summary["blocks"]["finalised"] > 5
