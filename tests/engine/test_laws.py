"""What constant delays must give, to the nanosecond, in both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
from worlds import constant, emulated, finality, rows, simulated, world

from netsim.trace import read

DELTA = 20_000_000


@pytest.mark.parametrize("nodes", [4, 5, 6, 7, 10, 13])
def test_a_block_is_final_after_three_delays_at_every_replica(nodes: int, tmp_path: Path) -> None:
    trace = simulated(world(constant(nodes)), tmp_path)
    latencies = finality(trace)
    assert len(latencies) >= 6
    for height, at in latencies.items():
        assert at == dict.fromkeys(range(nodes), 3 * DELTA), f"block {height}"


@pytest.mark.parametrize("nodes", [4, 7, 13])
def test_a_block_costs_two_n_times_n_minus_one_messages(nodes: int, tmp_path: Path) -> None:
    trace = simulated(world(constant(nodes), "consensus.checkpoint=1000"), tmp_path)
    names = trace.header.messages
    sent = dict.fromkeys(names.values(), 0)
    for row in rows(trace, "sent"):
        sent[names[row["detail"]]] += row["height"]
    blocks = len(finality(trace))
    assert sent["PrePrepare"] == blocks * (nodes - 1)
    assert sent["Prepare"] == blocks * (nodes - 1) ** 2
    assert sent["Commit"] == blocks * nodes * (nodes - 1)


UNEQUAL = """
duration: 1500 ms
sites:
  shenzhen:  {location: [22.543, 114.058], nodes: 2, access: ideal}
  hong-kong: {location: [22.319, 114.169], nodes: 1, access: ideal}
  suzhou:    {location: [31.299, 120.585], nodes: 1, access: ideal}
backbone:
  links:
    - {between: [shenzhen, shenzhen], delay: 0.5 ms}
    - {between: [shenzhen, hong-kong], delay: 1.2 ms}
    - {between: [shenzhen, suzhou], delay: 12 ms}
    - {between: [hong-kong, suzhou], delay: 13 ms}
consensus: {protocol: pbft, block_interval: 250 ms}
workload: {rate: 60 /s, arrival: uniform, batch: 50 ms}
compute: {sign: 0 us, verify: 0 us, execute: 0 us}
"""


def unequal_delay_law(delays: list[list[int]], quorum: int, leader: int) -> list[int]:
    """t3 of the unequal-delay law: proposal, q prepares, q commits, each at the q-th smallest arrival."""
    everybody = range(len(delays))
    t1 = [delays[leader][j] for j in everybody]
    t2 = [max(t1[j], sorted(t1[i] + delays[i][j] for i in everybody)[quorum - 1]) for j in everybody]
    return [max(t2[j], sorted(t2[i] + delays[i][j] for i in everybody)[quorum - 1]) for j in everybody]


def test_unequal_delays_give_the_law_of_the_qth_smallest(tmp_path: Path) -> None:
    sites = [0, 0, 1, 2]
    between = [[500_000, 1_200_000, 12_000_000], [1_200_000, 0, 13_000_000], [12_000_000, 13_000_000, 0]]
    delays = [[0 if i == j else between[a][b] for j, b in enumerate(sites)] for i, a in enumerate(sites)]
    law = unequal_delay_law(delays, 3, 0)
    assert [round(t / 1e6, 1) for t in law] == [2.9, 2.9, 3.6, 14.4]  # the example that was worked by hand
    for at in finality(simulated(world(UNEQUAL), tmp_path / "simulated")).values():
        assert [at[node] for node in range(4)] == law
    result = emulated(world(UNEQUAL), tmp_path / "emulated")
    assert result.summary["fidelity"]["verdict"] == "exact"
    for at in finality(read(tmp_path / "emulated")).values():
        assert [at[node] for node in range(4)] == law


@pytest.mark.parametrize("nodes", [4, 7, 13])
def test_lockstep_emulation_obeys_the_law_and_equals_its_twin(nodes: int, tmp_path: Path) -> None:
    result = emulated(world(constant(nodes, duration="1 s")), tmp_path)
    assert result.failure == ""
    assert result.summary["fidelity"]["verdict"] == "exact"
    assert result.summary["fidelity"]["twin"] == "equal"
    latencies = finality(read(tmp_path))
    assert latencies
    for at in latencies.values():
        assert at == dict.fromkeys(range(nodes), 3 * DELTA)
