"""The clock's pace: a verdict that is true, whatever the machine could keep."""

from __future__ import annotations

from pathlib import Path

import faulty
from worlds import constant, emulated, simulated, world

CLOCK = "emulation.pace=clock"


def test_the_verdict_at_real_time_is_true(tmp_path: Path) -> None:
    scenario = world(constant(4, duration="2 s"), CLOCK)
    result = emulated(scenario, tmp_path)
    assert result.failure == ""
    fidelity = result.summary["fidelity"]
    equal = simulated(scenario, tmp_path / "simulated").digest() == result.summary["trace_digest"]
    assert fidelity["twin"] == ("equal" if equal else "differs")
    assert (fidelity["verdict"] == "exact") == equal
    assert fidelity["displaced"] > 0 or equal  # nothing displaced, nothing different
    assert fidelity["lateness_ms"]["count"] > 0


def test_a_pace_that_no_machine_can_keep_displaces_events_and_says_so(tmp_path: Path) -> None:
    result = emulated(world(constant(4, duration="4 s"), CLOCK, "emulation.dilation=0.01"), tmp_path)
    fidelity = result.summary["fidelity"]
    assert fidelity["displaced"] > 0
    assert fidelity["displaced_share"] > 0
    assert fidelity["displacement_ms"]["count"] == fidelity["displaced"]
    assert fidelity["verdict"] != "exact"
    assert fidelity["twin"] == "differs"


def test_lost_messages_make_the_run_invalid(tmp_path: Path) -> None:
    scenario = world(constant(4, duration="2 s"), CLOCK, "emulation.dilation=0.5")
    for number, fault in enumerate((faulty.Lossy, faulty.LosesTheTail)):
        result = emulated(scenario, tmp_path / str(number), wrap=fault)
        assert result.summary["fidelity"]["verdict"] == "invalid"
        assert result.summary["fidelity"]["broker_lost"] > 0
        assert result.exit_code == 3


def test_a_crash_kills_the_process_and_another_takes_over(tmp_path: Path) -> None:
    scenario = world(constant(4, duration="3 s", more="faults: [{at: 1 s, for: 1 s, crash: [shenzhen-3]}]"), CLOCK)
    result = emulated(scenario, tmp_path)
    assert result.failure == ""
    assert result.summary["fidelity"]["broker_lost"] == 0
    assert result.summary["safety"]["agreement"] == "holds"
