"""The clock's pace: a verdict that is true, whatever the machine could keep."""

from __future__ import annotations

from pathlib import Path

import faulty
from worlds import constant, emulated, rows, simulated, world

from netsim.trace import read

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
    assert fidelity["timer_lateness_ms"]["count"] > 0


def test_a_pace_that_no_machine_can_keep_displaces_events_and_says_so(tmp_path: Path) -> None:
    result = emulated(
        world(constant(4, duration="4 s"), CLOCK, "emulation.dilation=0.01", "emulation.patience=0 s"), tmp_path
    )
    fidelity = result.summary["fidelity"]
    assert fidelity["displaced"] > 0
    assert fidelity["displaced_share"] > 0
    assert fidelity["displacement_ms"]["count"] == fidelity["displaced"]
    assert fidelity["verdict"] != "exact"
    assert fidelity["twin"] == "differs"


def test_a_machine_that_stalls_is_late_and_displaces_nothing(tmp_path: Path) -> None:
    """Every process stops for up to 20 ms, again and again, under links of 2 ms: the others wait for it."""
    scenario = world(constant(4, "2 ms", duration="2 s"), CLOCK, "emulation.patience=60 s")
    result = emulated(scenario, tmp_path, wrap=faulty.Slow)
    assert result.failure == ""
    assert result.summary["fidelity"]["displaced"] == 0
    assert result.summary["fidelity"]["verdict"] == "exact"


def test_lost_messages_make_the_run_invalid(tmp_path: Path) -> None:
    scenario = world(constant(4, duration="2 s"), CLOCK, "emulation.dilation=0.5", "emulation.patience=100 ms")
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


def test_a_crash_at_the_very_end_does_not_hang(tmp_path: Path) -> None:
    late = "faults: [{at: 999 ms, crash: [shenzhen-3]}]"
    result = emulated(world(constant(4, duration="1 s", more=late), CLOCK), tmp_path)
    assert result.failure == ""


def test_a_node_is_taken_over_late_rather_than_not_at_all(tmp_path: Path) -> None:
    """The old process's death is told only after the run's end: the restart is displaced, not forgotten."""
    crash = "faults: [{at: 800 ms, for: 100 ms, crash: [shenzhen-3]}]"
    scenario = world(constant(4, duration="1 s", more=crash), CLOCK)
    emulated(scenario, tmp_path, wrap=faulty.TellsOfItsCrashLate)
    starts = [row for row in rows(read(tmp_path), "start") if row["node"] == 3]
    assert [row["detail"] for row in starts] == [0, 1]


def test_what_came_too_late_for_a_node_that_crashed_is_counted(tmp_path: Path) -> None:
    """The process that dies has not heard the first node; the one that takes over has, and must not pass over it."""
    crash = "faults: [{at: 500 ms, for: 200 ms, crash: [shenzhen-3]}]"
    scenario = world(constant(4, duration="1 s", more=crash), CLOCK, "emulation.patience=0 s")
    result = emulated(scenario, tmp_path, wrap=faulty.DeafUntilItsCrash)
    assert result.failure == ""
    told = [row["time_ns"] for row in rows(read(tmp_path), "displaced") if row["node"] == 3]
    sent = sum(row["node"] == 0 and row["time_ns"] < 480_000_000 for row in rows(read(tmp_path), "send"))
    assert 0 < sent <= sum(time >= 500_000_000 for time in told)
    assert result.summary["fidelity"]["verdict"] == "degraded"


def test_what_comes_after_the_end_is_counted_as_displaced(tmp_path: Path) -> None:
    """The second process hears the first one only when the run is over; nothing is lost, and nothing is hidden."""
    scenario = world(constant(4, "1 ms", duration="1 s"), CLOCK, "emulation.patience=50 ms")
    result = emulated(scenario, tmp_path, wrap=faulty.HearsLate)
    assert result.summary["fidelity"]["broker_lost"] == 0
    assert result.summary["fidelity"]["displaced"] > 0
    assert result.summary["fidelity"]["verdict"] == "degraded"
