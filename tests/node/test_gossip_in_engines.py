"""The strategies in both engines: PBFT over each of them decides, and an emulation equals its twin."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsim import catalogue
from netsim.engine.plan import Plan
from netsim.engine.simulator import simulate
from netsim.measure import Summary, summarise
from netsim.node.identity import Ed25519
from netsim.running import run
from netsim.scenario import Scenario, parse
from netsim.trace import Trace, read

WORLD = """
duration: 3 s
sites: {shenzhen: {location: [22.543, 114.058], nodes: 7, access: ideal}}
backbone: {delay: 20 ms}
overlay: ring
consensus: {protocol: pbft, block_interval: 250 ms}
workload: {rate: 60 /s, arrival: uniform, batch: 50 ms}
compute: {sign: 0 us, verify: 0 us, execute: 0 us}
"""
MIXED = "{blocks: compact, votes: direct, transactions: flood}"
OTHERWISE_MIXED = """
  blocks: {protocol: push, mode: forever, fanout: 2, interval: 30 ms}
  votes: {protocol: announce, trickle: 3 ms, request_delay: 2 ms, timeout: 200 ms}
  transactions: {protocol: compact, timeout: 300 ms}
"""
TROUBLE = """
duration: 2500 ms
transport: datagram
backbone: {delay: 20 ms, links: [{between: [shenzhen, shenzhen], delay: 15 ms, jitter: 10 ms, loss: 1 %}]}
overlay: {topology: random-regular, degree: 4}
consensus: {protocol: pbft, block_interval: 250 ms, timeout: 600 ms}
faults: [{at: 700 ms, for: 400 ms, crash: [shenzhen-2]}, {at: 1500 ms, for: 300 ms, crash: [shenzhen-4]}]
emulation: {nodes_per_process: 4}
"""
VIEW_CHANGES = """
duration: 2 s
backbone: {delay: 20 ms, links: [{between: [shenzhen, shenzhen], delay: 15 ms, jitter: 10 ms}]}
overlay: {topology: random-regular, degree: 4}
consensus: {protocol: pbft, block_interval: 100 ms, timeout: 60 ms}
"""


def world(gossip: str, more: str = "") -> Scenario:
    given = [line for line in WORLD.splitlines() if line.partition(":")[0] not in more]
    return parse("\n".join([*given, more, f"gossip: {gossip}"]), "world.yaml", catalogue=catalogue)


def simulated(scenario: Scenario, folder: Path) -> tuple[Trace, Summary]:
    trace = simulate(Plan(scenario), folder)
    return trace, summarise(trace)


def rejects(trace: Trace) -> int:
    return int((trace.events[:, 2] == trace.header.kinds.index("reject")).sum())


@pytest.mark.parametrize(
    ("gossip", "hop_ms"),
    [
        ("flood", 20),
        ("announce", 60),
        ("{protocol: announce, trickle: 3 ms, request_delay: 2 ms}", 65),
        ("{protocol: push, fanout: 2}", 20),
        ("{protocol: push, mode: forever, fanout: 2}", 20),
    ],
)
def test_pbft_over_a_ring_of_seven_takes_three_broadcasts(gossip: str, hop_ms: int, tmp_path: Path) -> None:
    trace, summary = simulated(world(gossip), tmp_path)
    hops = 3  # to the farthest
    assert (summary["blocks"]["finalised"] or 0) >= 8
    assert summary["propagation_ms"]["all"]["min"] == summary["propagation_ms"]["all"]["max"] == hops * hop_ms
    slowest = summary["finality"]["all_ms"]["max"]
    assert slowest is not None
    assert 2 * hops * hop_ms <= slowest <= 3 * hops * hop_ms
    assert summary["safety"]["agreement"] == "holds"
    assert rejects(trace) == 0
    duplicates = summary["messages"]["duplicates"]
    assert (duplicates == 0) == ("announce" in gossip)


def test_each_kind_of_message_may_have_its_own(tmp_path: Path) -> None:
    trace, summary = simulated(world(MIXED), tmp_path)
    assert summary["propagation_ms"]["all"]["min"] == 3 * 20, "high-bandwidth neighbours"
    assert summary["propagation_ms"]["all"]["max"] == 3 * 60, "announced"
    assert summary["finality"]["all_ms"]["min"] == 2 * 20 + 2 * 20, "five of seven have it after two hops; two votes"
    assert summary["messages"]["duplicates"] == 0
    assert rejects(trace) == 0
    names = set(trace.header.messages.values())
    assert {"ShortForm (blocks)", "Request (blocks)", "PrePrepare", "Prepare", "Transactions"} <= names
    assert not any("votes" in name for name in names)


def test_compact_relay_leaves_the_bodies_at_home(tmp_path: Path) -> None:
    more = "workload: {rate: 600 /s, size: 1 KiB, arrival: uniform, batch: 50 ms}"
    bytes_sent = [simulated(world(gossip, more), tmp_path)[1]["messages"]["bytes"] for gossip in (MIXED, "flood")]
    assert bytes_sent[0] < bytes_sent[1] / 5


@pytest.mark.parametrize(
    "gossip",
    [MIXED, OTHERWISE_MIXED, "plumtree", "gossipsub"],
    ids=["mixed", "otherwise-mixed", "plumtree", "gossipsub"],
)
def test_losses_and_crashes_are_survived_and_the_emulation_equals_its_twin(gossip: str, tmp_path: Path) -> None:
    result = run(Plan(world(gossip, TROUBLE)), tmp_path, "emulate")
    trace = read(tmp_path)
    assert result.failure == ""
    fidelity = result.summary["fidelity"]
    assert (fidelity["verdict"], fidelity["twin"]) == ("exact", "equal"), trace.header.fidelity.twin_differs
    assert result.summary["messages"]["dropped"]
    assert result.summary["blocks"]["finalised"]
    assert result.summary["safety"]["agreement"] == "holds"
    assert rejects(trace) == 0


@pytest.mark.parametrize("gossip", ["flood", "announce", "plumtree", "gossipsub", MIXED, OTHERWISE_MIXED])
def test_what_signatures_look_like_changes_nothing(
    gossip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """View changes carry certificates, and so others' signatures, which differ between the engines."""
    scenario = world(gossip, VIEW_CHANGES)
    trace, summary = simulated(scenario, tmp_path)
    assert (trace.events[:, 2] == trace.header.kinds.index("timeout")).sum() > 50
    assert summary["safety"]["agreement"] == "holds"
    monkeypatch.setattr("netsim.engine.simulator.KeyedHash", Ed25519)
    (tmp_path / "again").mkdir()
    assert simulated(scenario, tmp_path / "again")[0].digest() == trace.digest()
