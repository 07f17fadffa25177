"""Radio, spikes, handovers and recordings in both engines: the same to the nanosecond."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from worlds import emulated, rows, simulated, world

from netsim.engine.layout import lookahead, places
from netsim.engine.plan import Plan
from netsim.scenario import Scenario
from netsim.scenario.model import Access, Handover, Radio, Recording, Spikes
from netsim.trace import PARTS, read

MS = 10**6
WORLD = """
duration: 3 s
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 2, access: 5g}
  suzhou:   {location: [31.299, 120.585], nodes: 2, access: fibre}
consensus: {protocol: pbft, block_interval: 100 ms, timeout: 500 ms}
workload: {rate: 300 /s, size: 2 KiB}
faults:
  - {at: 800 ms, for: 600 ms, crash: [shenzhen-1]}
  - {at: 2 s, for: 300 ms, crash: [suzhou-0]}
"""
RADIO = Radio("DDDSU", MS // 2, MS // 2, "scheduled", 2, 0, 0.1, 4, "public")


def rough(scenario: Scenario) -> Scenario:
    """Everything that an access can go through, on every node."""

    def with_all(profile: Access) -> Access:
        radio = replace(RADIO, grant="configured") if profile.name == "fibre" else RADIO
        return replace(
            profile,
            radio=radio,
            bandwidth_up=20 * 10**6,
            spikes=Spikes(0.2, 20 * MS, 60 * MS, 100 * MS),
            handover=Handover(700 * MS, 60 * MS),
            recording=Recording((0, 40 * MS, 90 * MS), (MS, 4 * MS, 2 * MS), 200 * MS),
        )

    return replace(scenario, access={name: with_all(profile) for name, profile in scenario.access.items()})


@pytest.mark.parametrize("per_process", ["1", "2"])
def test_a_rough_ride_is_the_same_in_both_engines(per_process: str, tmp_path: Path) -> None:
    scenario = rough(world(WORLD, f"emulation.nodes_per_process={per_process}"))
    result = emulated(scenario, tmp_path)
    assert result.failure == ""
    fidelity = result.summary["fidelity"]
    assert (fidelity["verdict"], fidelity["twin"]) == ("exact", "equal"), read(tmp_path).header.fidelity.twin_differs
    assert result.summary["blocks"]["finalised"] > 5


def test_senders_of_one_block_at_a_time_are_the_same_in_both_engines(tmp_path: Path) -> None:
    scenario = world(WORLD, "emulation.nodes_per_process=2")
    polite = {name: replace(profile, one_at_a_time=True) for name, profile in scenario.access.items()}
    result = emulated(replace(scenario, access=polite), tmp_path)
    assert (result.failure, result.summary["fidelity"]["twin"]) == ("", "equal")


def test_the_parts_of_every_delivery_add_up_however_rough_the_way(tmp_path: Path) -> None:
    trace = simulated(rough(world(WORLD)), tmp_path)
    sent = {row["message"]: row["time_ns"] for row in rows(trace, "send")}
    parts: dict[tuple[int, int], int] = {}
    seen = set()
    for message, receiver, part, nanoseconds in trace.hops.tolist():
        assert nanoseconds > 0
        parts[message, receiver] = parts.get((message, receiver), 0) + nanoseconds
        seen.add(PARTS[part])
    delivered = rows(trace, "deliver")
    assert len(delivered) > 200
    for row in delivered:
        assert row["time_ns"] - sent[row["message"]] == parts[row["message"], row["node"]]
    assert {"uplink", "access-up", "backbone", "access-down", "downlink"} <= seen


def test_processes_run_ahead_by_what_a_sender_needs_at_least() -> None:
    """The slots of a sender's radio count: 1.5 ms of them and 1 ms of the recording, besides the way."""
    plain = world(WORLD, "emulation.nodes_per_process=2", "faults=[]")
    plain = replace(
        plain,
        access={name: replace(profile, radio=None, handover=None) for name, profile in plain.access.items()},
    )
    before, after = Plan(plain), Plan(rough(plain))
    gained = lookahead(after, places(after)) - lookahead(before, places(before))
    assert gained[0, 1] == gained[1, 0] == 3 * MS // 2 + MS
