"""Lockstep is exact on any machine: however nodes are packed, however slow processes are, whatever else is sent."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import faulty
import pytest
from known import is_known
from worlds import SCENARIOS, constant, emulated, simulated, world

from netsim import catalogue
from netsim.agreement.short import SHORT
from netsim.scenario import Scenario, load
from netsim.trace import read

SHIPPED = sorted(path.name for path in SCENARIOS.glob("*.yaml"))


def short(name: str, *overrides: str) -> Scenario:
    return load(SCENARIOS / name, overrides=[*SHORT[name], *overrides], catalogue=catalogue)


def test_every_shipped_scenario_is_tested_here() -> None:
    assert sorted(SHORT) == SHIPPED


SLOWED = ("greater-bay.yaml", "leader-crash.yaml", "bitcoin-2019.yaml")  # with sleeps wherever something is sent
WRAPS = {"packed": faulty.Talkative, "slowed": faulty.Slow}


@pytest.mark.parametrize(
    ("name", "way"),
    [*product(SHIPPED, ("a process each", "packed")), *product(SLOWED, ("slowed",))],
)
def test_every_shipped_scenario_equals_its_twin(name: str, way: str, tmp_path: Path) -> None:
    packed = ["emulation.nodes_per_process=3"] if way == "packed" else ["emulation.nodes_per_process=1"]
    result = emulated(short(name, *packed), tmp_path, wrap=WRAPS.get(way))
    assert result.failure == ""
    fidelity = result.summary["fidelity"]
    assert (fidelity["verdict"], fidelity["twin"]) == ("exact", "equal"), read(tmp_path).header.fidelity.twin_differs
    assert fidelity["displaced"] == 0
    assert is_known(name, result.summary["trace_digest"])
    assert result.summary["blocks"]["finalised"] > 0
    violated = name == "too-many-traitors.yaml"
    assert result.summary["safety"]["agreement"] == ("violated" if violated else "holds")


NASTY = """
duration: 3 s
sites:
  shenzhen:  {location: [22.543, 114.058], nodes: 3, access: 5g}
  suzhou:    {location: [31.299, 120.585], nodes: 3, access: fibre}
backbone:
  links:
    - {between: [shenzhen, suzhou], delay: 3 ms, jitter: 5 ms, loss: 2 %, bandwidth: 20 Mbps}
overlay: {topology: random-regular, degree: 3}
gossip: flood
consensus: {protocol: pbft, block_interval: 200 ms, timeout: 500 ms}
workload: {rate: 300 /s, size: 1 KiB}
faults:
  - {at: 800 ms, for: 600 ms, crash: [shenzhen-1]}
  - {at: 1600 ms, for: 300 ms, crash: [shenzhen-1]}
  - {at: 1 s, crash: [suzhou-2]}
  - {at: 2 s, for: 400 ms, block: {from: suzhou-0, to: shenzhen}}
"""


@pytest.mark.parametrize("transport", ["stream", "datagram"])
@pytest.mark.parametrize("per_process", ["1", "2", "6"])
def test_loss_queues_and_repeated_crashes_are_the_same_in_both_engines(
    transport: str, per_process: str, tmp_path: Path
) -> None:
    scenario = world(NASTY, f"transport={transport}", f"emulation.nodes_per_process={per_process}")
    result = emulated(scenario, tmp_path, wrap=faulty.Talkative if per_process == "2" else None)
    assert result.failure == ""
    fidelity = result.summary["fidelity"]
    assert (fidelity["verdict"], fidelity["twin"]) == ("exact", "equal"), read(tmp_path).header.fidelity.twin_differs


@pytest.mark.parametrize("level", ["blocks", "summary"])
def test_the_twin_is_compared_at_the_level_that_was_kept(level: str, tmp_path: Path) -> None:
    result = emulated(world(constant(4, duration="1 s"), f"trace={level}"), tmp_path)
    assert result.summary["fidelity"]["twin"] == "equal"
    assert result.summary["finality"]["all_ms"]["max"] == 60
    assert not (tmp_path / "hops.parquet").exists()


def test_the_broker_may_be_mosquitto(mosquitto: str, tmp_path: Path) -> None:
    result = emulated(world(constant(4, duration="1 s")), tmp_path, broker=mosquitto)
    assert result.failure == ""
    assert (result.summary["fidelity"]["verdict"], result.summary["fidelity"]["twin"]) == ("exact", "equal")


def test_a_stranger_on_the_topics_changes_nothing(tmp_path: Path) -> None:
    result = emulated(world(constant(4, duration="1 s")), tmp_path, wrap=faulty.Intruder)
    assert result.failure == ""
    assert (result.summary["fidelity"]["verdict"], result.summary["fidelity"]["twin"]) == ("exact", "equal")
    assert "were not ours" in (tmp_path / "log.txt").read_text()


@pytest.mark.parametrize("fault", [faulty.Lossy, faulty.LosesTheTail])
def test_what_the_broker_loses_is_named_and_never_hangs(fault: type[faulty.Through], tmp_path: Path) -> None:
    result = emulated(world(constant(4, "2 ms")), tmp_path, wrap=fault, silence_s=1.0)
    assert result.exit_code == 4
    assert "the broker lost" in result.failure
    assert "shenzhen-0 on the way to shenzhen-1" in result.failure
    assert result.summary["fidelity"]["verdict"] == "invalid"
    assert result.summary["fidelity"]["broker_lost"] >= 1


def test_an_order_that_is_lost_is_found_out(tmp_path: Path) -> None:
    result = emulated(world(constant(4, "2 ms")), tmp_path, wrap=faulty.Deaf, silence_s=1.0)
    assert result.exit_code == 4
    assert "shenzhen-1" in result.failure


def test_a_link_without_delay_between_processes_is_refused(tmp_path: Path) -> None:
    from netsim.engine.layout import LayoutError

    with pytest.raises(LayoutError, match=r"shenzhen-0 to shenzhen-1 has no delay.*nodes_per_process"):
        emulated(world(constant(4, "0 ms")), tmp_path)


def test_a_link_without_delay_within_a_process_is_fine(tmp_path: Path) -> None:
    scenario = world(constant(4, "0 ms", "1 s"), "emulation.nodes_per_process=4")
    assert emulated(scenario, tmp_path).summary["fidelity"]["twin"] == "equal"


def test_a_process_that_nobody_can_disturb_still_reports_now_and_then(tmp_path: Path) -> None:
    scenario = world(constant(4, duration="2 s"), "emulation.nodes_per_process=4")
    assert emulated(scenario, tmp_path).summary["fidelity"]["rounds"] >= 10


def test_a_crash_is_a_new_process_with_what_was_persisted_and_nothing_else(tmp_path: Path) -> None:
    """The node's rows are written by two processes, and its second life begins with the chain of its first."""
    scenario = short("leader-crash.yaml")
    result = emulated(scenario, tmp_path)
    trace = read(tmp_path)
    kinds = trace.header.kinds
    mine = [(kinds[row[2]], row[10]) for row in trace.events.tolist() if row[1] == 0]
    life = [(kind, detail) for kind, detail in mine if kind in ("start", "crash")]
    assert life == [("start", 0), ("crash", 0), ("start", 1)]
    heights = [row[4] for row in trace.events.tolist() if row[1] == 0 and kinds[row[2]] == "finalise"]
    assert heights == sorted(set(heights))  # none twice, none forgotten
    most = result.summary["rounds"]["max"]
    assert most is not None
    assert most > 1


def test_the_emulation_of_a_simulated_scenario_has_the_same_digest(tmp_path: Path) -> None:
    scenario = short("constant-delay.yaml")
    digest = simulated(scenario, tmp_path / "simulated").digest()
    assert emulated(scenario, tmp_path / "emulated").summary["trace_digest"] == digest
