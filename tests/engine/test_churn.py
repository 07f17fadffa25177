"""Nodes that come and go in a whole run: killed and back, with other neighbours, the same in both engines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from worlds import constant, emulated, rows, simulated, world

from netsim.engine.layout import places
from netsim.engine.plan import Plan
from netsim.network.churn import crashes
from netsim.scenario import Scenario
from netsim.scenario.model import Crash
from netsim.trace import read

MS = 10**6
FLOODED = "overlay: {topology: ring}\ngossip: {blocks: flood, votes: flood}"


def churning(
    nodes: int = 5, duration: str = "6 s", rewire: str = "yes", every: str = "1 s", count: int = 1
) -> Scenario:
    """Replicas of which one after the other is down for 400 ms, on a ring that the seed rewires."""
    fault = f"{{at: 500 ms, every: {every}, for: 400 ms, churn: {{nodes: {count}, rewire: {rewire}}}}}"
    return world(constant(nodes, duration=duration, more=f"{FLOODED}\nfaults: [{fault}]"), "consensus.timeout=500 ms")


def test_an_emulation_with_churn_is_exact_and_its_twin_equal(tmp_path: Path) -> None:
    scenario = churning()
    result = emulated(scenario, tmp_path)
    assert result.failure == ""
    assert result.summary["fidelity"]["verdict"] == "exact"
    assert result.summary["fidelity"]["twin"] == "equal"
    assert result.summary["blocks"]["finalised"] > 5
    trace = read(tmp_path)
    due = [(crash.at, node) for crash in crashes(scenario) for node in crash.nodes]
    assert sorted((row["time_ns"], row["node"]) for row in rows(trace, "crash")) == due
    back = [(time + 400 * MS, node) for time, node in due if time + 400 * MS < scenario.duration]
    assert sorted((row["time_ns"], row["node"]) for row in rows(trace, "start") if row["detail"]) == back


def test_each_time_is_a_fault_of_its_own_in_the_trace(tmp_path: Path) -> None:
    scenario = churning()
    header = simulated(scenario, tmp_path).header
    assert [(fault.start_ns, fault.nodes) for fault in header.faults] == [
        (crash.at, crash.nodes) for crash in crashes(scenario)
    ]
    assert all(fault.says.startswith("churn: shenzhen-") for fault in header.faults)


def test_blocks_flood_along_the_links_of_the_moment(tmp_path: Path) -> None:
    plan = Plan(churning(nodes=6, duration="4 s"))
    peers, old = list(plan.network.peers), plan.network.peers
    changes = sorted((time, node, others) for node, of_one in plan.rewired.items() for time, others in of_one)
    trace = simulated(plan.scenario, tmp_path)
    proposals = [row for row in rows(trace, "deliver") if trace.header.messages[row["detail"]] == "PrePrepare"]
    by_new_links = 0
    for row in sorted(proposals, key=lambda row: row["time_ns"]):
        sent = row["time_ns"] - 20 * MS  # every link takes so long
        while changes and changes[0][0] <= sent:
            _, node, others = changes.pop(0)
            peers[node] = others
        assert row["peer"] in peers[row["node"]]
        by_new_links += row["peer"] not in old[row["node"]]
    assert by_new_links > 10


def test_without_rewire_the_overlay_stays_as_it_is() -> None:
    assert Plan(churning(rewire="no")).rewired == {}


def test_churn_and_a_crash_of_the_same_node_are_lives_that_do_not_overlap() -> None:
    calm = churning(nodes=3, duration="20 s", count=2)
    crash = Crash(1700 * MS, 4300 * MS, (0, 1), "both crash")
    plan = Plan(replace(calm, faults=(*calm.faults, crash)))
    for lives in plan.lives:
        times = [time for life in lives for time in life if time is not None]
        assert times == sorted(set(times))
    assert plan.faults[0].says == "both crash"
    assert len(plan.lives[0]) > 3


def test_a_node_with_more_lives_than_a_trace_can_tell_is_refused() -> None:
    with pytest.raises(ValueError, match="shenzhen-0 crashes 300 times; 255 are the most"):
        Plan(churning(nodes=1, duration="300 s"))


def test_few_crashes_each_end_a_process_and_of_many_the_earliest() -> None:
    few, many = places(Plan(churning(duration="6 s"))), places(Plan(churning(duration="60 s")))
    assert [place.ends_with_crash for place in few].count(True) == 6
    assert len(few) == 5 + 6
    assert [place.ends_with_crash for place in many].count(True) == 32
    assert len(many) == 5 + 32
    plan = Plan(churning(duration="60 s"))
    for place in many:
        (node,) = place.nodes
        _, crash = plan.lives[node][place.incarnation] if place.incarnation < len(plan.lives[node]) else (0, None)
        assert place.ends_with_crash == (crash is not None and crash <= (500 + 31 * 1000) * MS)


def test_an_emulation_in_which_processes_no_longer_end_with_the_node_is_exact_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netsim.engine.layout._FEW", 5)  # as many processes as nodes, and as many that end
    scenario = churning(duration="8 s", every="700 ms")
    assert len(places(Plan(scenario))) == 5 + 5
    result = emulated(scenario, tmp_path)
    assert result.summary["fidelity"]["verdict"] == "exact"
    assert result.summary["fidelity"]["twin"] == "equal"
