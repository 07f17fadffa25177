"""Faults on time: what they cost the protocol, what a broken protocol does under them, and that the checker sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from worlds import FREE, constant, emulated, finality, rows, simulated, world

MS = 1_000_000
DELTA, TIMEOUT, INTERVAL = 20 * MS, 1000 * MS, 250 * MS


@pytest.mark.parametrize("nodes", [4, 7, 13])
@pytest.mark.parametrize("killed_at", [1000, 1010, 1037, 1070, 1249])
def test_a_killed_leader_is_replaced_within_the_protocols_own_time(nodes: int, killed_at: int, tmp_path: Path) -> None:
    text = constant(nodes, duration="6 s", more=f"faults: [{{at: {killed_at} ms, crash: [shenzhen-0]}}]")
    trace = simulated(world(text, "consensus.timeout=1 s"), tmp_path)
    kill = killed_at * MS
    before = {row["height"]: row["block"] for row in rows(trace, "finalise") if row["time_ns"] <= kill}
    final = [row for row in rows(trace, "finalise") if row["node"] != 0]
    for row in final:
        assert before.get(row["height"], row["block"]) == row["block"]  # no final block is lost
    proposed = {row["block"] for row in rows(trace, "propose") if row["time_ns"] > kill}
    for node in range(1, nodes):
        again = min(row["time_ns"] for row in final if row["block"] in proposed and row["node"] == node)
        assert again - kill <= TIMEOUT + INTERVAL + 10 * DELTA


def test_all_follow_again_when_the_cut_off_come_back(tmp_path: Path) -> None:
    cut_off, others = "[shenzhen-5, shenzhen-6]", "[shenzhen-0, shenzhen-1, shenzhen-2, shenzhen-3, shenzhen-4]"
    faults = f"faults: [{{at: 2 s, for: 3 s, partition: [{cut_off}, {others}]}}]"
    text = constant(7, duration="8 s", more=faults)
    trace = simulated(world(text, "consensus.timeout=1 s"), tmp_path)
    lost = [row for row in rows(trace, "drop") if trace_reason(row) == "partition"]
    assert lost
    assert all(2000 * MS <= row["time_ns"] < 5000 * MS for row in lost)
    assert all((row["node"] in (5, 6)) != (row["peer"] in (5, 6)) for row in lost)
    latencies = finality(trace)
    last = max(latencies)
    assert set(latencies[last - 3]) == set(range(7))
    assert latencies[last - 3] == dict.fromkeys(range(7), 3 * DELTA)  # as if nothing had happened


def trace_reason(row: dict[str, int]) -> str:
    from netsim.trace import DROPS

    return DROPS[row["detail"]]


def test_what_a_node_was_working_on_when_it_crashed_is_not_done(tmp_path: Path) -> None:
    text = constant(4, duration="1 s", more="faults: [{at: 302 ms, for: 300 ms, crash: [shenzhen-0]}]")
    trace = simulated(world(text, "compute.sign=5 ms"), tmp_path)
    mine = [(trace.header.kinds[row[2]], row[0]) for row in trace.events.tolist() if row[1] == 0]
    crash = mine.index(("crash", 302 * MS))
    assert all(time < 302 * MS for _, time in mine[:crash])
    down = [time for kind, time in mine[crash + 1 :] if kind == "submit"]
    assert down  # clients do not ask
    assert trace.events[:, 0].max() <= 1000 * MS


def test_what_waited_for_a_node_when_it_crashed_is_counted_as_lost(tmp_path: Path) -> None:
    """Two votes come at 344 ms, and the CPU is busy with the first until 348 ms."""
    text = constant(4, duration="1 s", more="faults: [{at: 345 ms, for: 300 ms, crash: [shenzhen-1]}]")
    trace = simulated(world(text, "compute.verify=4 ms"), tmp_path)
    lost = [row for row in rows(trace, "drop") if row["node"] == 1 and row["time_ns"] == 345 * MS]
    assert lost
    assert {trace_reason(row) for row in lost} == {"down"}
    for node in range(4):
        sent = sum(row["detail"] >> 8 for row in rows(trace, "send") if row["node"] == node)
        came = sum(row["peer"] == node for kind in ("deliver", "drop") for row in rows(trace, kind))
        assert came <= sent
        assert sent - came <= 3 * 8, "what is under way at the end"


SPLIT = f"""
duration: 5 s
sites:
  shenzhen: {{location: [22.543, 114.058], nodes: 2, access: ideal}}
  suzhou:   {{location: [31.299, 120.585], nodes: 2, access: ideal}}
backbone: {{delay: 20 ms}}
consensus: {{protocol: pbft, block_interval: 250 ms, timeout: 500 ms}}
workload: {{rate: 60 /s}}
{FREE}
faults:
  - {{at: 1 s, for: 3 s, partition: [[shenzhen], [suzhou]]}}
"""


def test_the_checker_sees_what_too_small_a_quorum_does(tmp_path: Path) -> None:
    """The positive control: two halves that each think they are a quorum finalise different blocks."""
    result = emulated(world(SPLIT, "consensus.quorum=2"), tmp_path)
    assert result.summary["fidelity"]["twin"] == "equal"
    assert result.summary["safety"]["agreement"] == "violated"
    violation = result.summary["safety"]["violations"][0]
    assert "shenzhen" in str(violation)
    assert "suzhou" in str(violation)
    assert result.exit_code == 1


def test_a_scenario_may_expect_the_violation(tmp_path: Path) -> None:
    expecting = SPLIT + "expect: {safety.agreement: violated}\n"
    assert emulated(world(expecting, "consensus.quorum=2"), tmp_path).exit_code == 0


def test_the_right_quorum_waits_for_the_partition_to_heal(tmp_path: Path) -> None:
    trace = simulated(world(SPLIT), tmp_path)
    final = [row["time_ns"] for row in rows(trace, "finalise")]
    assert not [time for time in final if 1100 * MS < time < 4000 * MS]
    assert [time for time in final if time > 4000 * MS]


@pytest.mark.parametrize("name", ["greater-bay.yaml", "leader-crash.yaml"])
def test_the_digest_does_not_depend_on_the_hash_seed(name: str, tmp_path: Path) -> None:
    def digest(hash_seed: str) -> str:
        command = f"-m netsim run scenarios/{name} --engine simulate --json --out {tmp_path / hash_seed}"
        done = subprocess.run(
            [sys.executable, *command.split(), "--set", "duration=12 s"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
        digest = json.loads(done.stdout)["trace_digest"]
        assert isinstance(digest, str)
        return digest

    assert digest("1") == digest("4711")
