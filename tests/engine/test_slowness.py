"""Freezes, degraded links, asynchrony and clocks: what they do to the nanosecond, and that both engines agree."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from worlds import FREE, constant, emulated, finality, rows, simulated, world

from netsim.trace import read

MS = 10**6
TWO_SITES = f"""
duration: 6 s
sites:
  shenzhen: {{location: [22.543, 114.058], nodes: 3, access: ideal}}
  suzhou: {{location: [31.299, 120.585], nodes: 1, access: ideal}}
backbone: {{delay: 20 ms}}
consensus: {{protocol: pbft, block_interval: 500 ms}}
workload: {{rate: 60 /s, arrival: uniform, batch: 50 ms}}
{FREE}
"""


def test_a_degraded_link_is_slower_while_it_lasts_and_only_in_the_direction_that_is_meant(tmp_path: Path) -> None:
    """Suzhou has the proposal 50 ms later, and the commits: it is final there after 3 x 20 + 50 ms, as the others send
    theirs at 40 ms."""
    fault = "faults=[{at: 2 s, for: 2 s, degrade: {from: shenzhen, to: suzhou, delay: +50 ms}}]"
    trace = simulated(world(TWO_SITES, fault), tmp_path)
    proposed = {row["height"]: row["time_ns"] for row in rows(trace, "propose")}
    for height, times in finality(trace).items():
        within = 2000 * MS <= proposed[height] < 3900 * MS
        before = proposed[height] < 1800 * MS or proposed[height] > 4000 * MS
        if within or before:
            assert times == {0: 60 * MS, 1: 60 * MS, 2: 60 * MS, 3: (110 if within else 60) * MS}


def test_what_reaches_a_frozen_node_is_handled_when_it_goes_on_in_its_order(tmp_path: Path) -> None:
    trace = simulated(world(TWO_SITES, "faults=[{at: 2 s, for: 1 s, freeze: [suzhou-0]}]"), tmp_path)
    (freeze,) = rows(trace, "freeze")
    assert (freeze["time_ns"], freeze["node"], freeze["detail"]) == (2000 * MS, 3, 1000 * MS)
    mine = [row for row in rows(trace, "deliver") if row["node"] == 3]
    assert not [row for row in mine if 2000 * MS <= row["time_ns"] < 3000 * MS]
    waited = [row for row in mine if row["time_ns"] == 3000 * MS]
    assert len(waited) > 10
    sent = {row["message"]: row["time_ns"] for row in rows(trace, "send")}
    times = [sent[row["message"]] for row in waited]
    assert times == sorted(times)
    assert [len(times) for times in finality(trace).values()][:-1] == [4] * (len(finality(trace)) - 1)


def test_a_clock_that_runs_fast_shortens_the_interval_and_changes_nothing_else(tmp_path: Path) -> None:
    trace = simulated(world(TWO_SITES, "clocks={skew: 3 ms, drift: 1000 ppm}", "seed=2"), tmp_path)
    proposals = rows(trace, "propose")
    times = [row["time_ns"] for row in proposals if row["node"] == proposals[0]["node"]]
    gaps = {later - earlier for earlier, later in pairwise(times)}
    assert max(gaps) - min(gaps) <= 1
    assert min(gaps) != 500 * MS
    assert abs(min(gaps) - 500 * MS) <= 500 * MS // 1000 + 1
    assert {time for times in finality(trace).values() for time in times.values()} == {60 * MS}


def test_an_asynchronous_network_is_safe_and_goes_on_after_the_global_stabilisation_time(tmp_path: Path) -> None:
    more = "faults: [{until: 3 s, asynchrony: {delay: up to 2 s, targets: leader}}]"
    result = emulated(world(constant(4, duration="6 s", more=more), "consensus.timeout=300 ms"), tmp_path)
    summary = result.summary
    assert summary["fidelity"]["twin"] == "equal"
    assert summary["safety"]["agreement"] == "holds"
    assert summary["rounds"]["timeouts"] > 0
    recovery = summary["liveness"]["recovery_ms"]
    assert recovery is not None


NASTY = """
duration: 4 s
sites:
  shenzhen:  {location: [22.543, 114.058], nodes: 3, access: 5g}
  suzhou:    {location: [31.299, 120.585], nodes: 3, access: fibre}
overlay: {topology: random-regular, degree: 3}
gossip: flood
clocks: {skew: 20 ms, drift: 500 ppm}
consensus: {protocol: pbft, block_interval: 200 ms, timeout: 500 ms}
workload: {rate: 200 /s, size: 1 KiB}
faults:
  - {at: 500 ms, for: 700 ms, freeze: [shenzhen-1, suzhou]}
  - {at: 600 ms, for: 300 ms, crash: [shenzhen-1]}
  - {at: 1 s, for: 2 s, degrade: {between: [suzhou, shenzhen], delay: +30 ms, loss: 10 %}}
  - {at: 1500 ms, until: 2500 ms, asynchrony: {delay: up to 400 ms, targets: [shenzhen-0, suzhou-1]}}
  - {at: 2 s, for: 100 ms, freeze: [shenzhen-0]}
"""


@pytest.mark.parametrize("transport", ["stream", "datagram"])
@pytest.mark.parametrize("per_process", ["1", "3"])
def test_all_of_it_at_once_is_the_same_in_both_engines(transport: str, per_process: str, tmp_path: Path) -> None:
    scenario = world(NASTY, f"transport={transport}", f"emulation.nodes_per_process={per_process}")
    result = emulated(scenario, tmp_path)
    assert result.failure == ""
    fidelity = result.summary["fidelity"]
    assert (fidelity["verdict"], fidelity["twin"]) == ("exact", "equal"), read(tmp_path).header.fidelity.twin_differs
    assert result.summary["safety"]["agreement"] == "holds"
    if transport == "stream":
        received = [row for row in rows(read(tmp_path), "deliver") if row["node"] == 5 and row["peer"] == 0]
        names = [row["message"] for row in received]
        assert names == sorted(names), "a stream keeps its order, whatever the adversary does"
