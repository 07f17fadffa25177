"""The benchmark and the agreement of the engines, as they are called: that all works, not how fast it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from netsim.bench.figure import Line, Sample
from netsim.bench.table import changes
from tests.commands import ROOT


def called(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", f"netsim.{module}", *map(str, arguments)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def test_figures_are_measured_beside_their_references(tmp_path: Path) -> None:
    file = tmp_path / "new.json"
    done = called("bench", "--quick", "--only", "dijkstra,pbft", "--json", file)
    assert done.returncode == 0
    assert "arrival times equal" in done.stdout
    found = json.loads(file.read_text())
    assert set(found["figures"]) == {"dijkstra", "pbft events", "pbft bulk"}
    assert found["machine"]["cores"] <= 2
    events, bulk = found["figures"]["pbft events"], found["figures"]["pbft bulk"]
    assert events["reference"] == "bare heap loop"
    assert events["beside"]["digest"] == bulk["beside"]["digest"]
    assert events["value"] == events["measured"] / events["referred"]


def made_up(value: float, spread: float, at_least: bool, samples: int = 3) -> dict[str, Any]:
    return {
        "value": value,
        "least": value - spread,
        "most": value + spread,
        "at_least": at_least,
        "samples": [[value, None]] * samples,
    }


def test_changes_beyond_the_spread_are_marked(tmp_path: Path) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    old = {"rate": made_up(1.0, 0.1, True), "time": made_up(2.0, 0.1, False), "noise": made_up(1.0, 0.3, True)}
    new = {"rate": made_up(2.0, 0.1, True), "time": made_up(4.0, 0.1, False), "noise": made_up(1.2, 0.3, True)}
    before.write_text(json.dumps({"schema": 1, "figures": {**old, "gone": made_up(1, 0, True)}}))
    after.write_text(json.dumps({"schema": 1, "figures": {**new, "once": made_up(1, 0, True, 1)}}))
    done = called("bench", "--compare", before, "--new", after)
    assert done.returncode == 0
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert rows["rate"] == ["1", "2", "2.00", "+"]
    assert rows["time"] == ["2", "4", "2.00", "−"]
    assert rows["noise"] == ["1", "1.2", "1.20"]
    assert "only in the old one" in " ".join(rows["gone"])
    assert "only in the new one" in " ".join(rows["once"])


def test_a_single_sample_proves_no_change() -> None:
    old = {"figures": {"rate": made_up(1.0, 0, True, 1)}}
    assert changes(old, {"figures": {"rate": made_up(1.5, 0, True, 1)}}).rstrip().endswith("?")
    assert changes(old, {"figures": {"rate": made_up(1.05, 0, True, 1)}}).rstrip().endswith("1.05")


def test_a_goal_is_for_the_ratio_where_there_is_a_reference() -> None:
    quick = Line("rate", "", "copies/s", (Sample(300, 100), Sample(500, 100), Sample(400, 100)), goal=3, at_least=True)
    assert (quick.value, quick.met) == (4, True)
    slow = Line("time", "", "s", (Sample(4.0),), goal=3)
    assert (slow.value, slow.met) == (4, False)
    assert Line("idle", "", "s", (Sample(4.0),)).met is None


def test_what_is_no_figure_or_no_table_is_refused(tmp_path: Path) -> None:
    assert called("bench", "--only", "nonsense").returncode == 2
    (tmp_path / "x.json").write_text("[]")
    done = called("bench", "--compare", tmp_path / "x.json", "--new", tmp_path / "x.json")
    assert done.returncode == 2
    assert "was not written by" in done.stderr


def test_both_engines_agree_on_a_shipped_scenario() -> None:
    done = called("agreement", "--only", "constant-delay", "--seeds", 1, "--packing", "own,two", "--json")
    assert done.returncode == 0
    rows = json.loads(done.stdout)
    assert [(row["packing"], row["verdict"], row["digests"]) for row in rows] == [
        ("own", "exact", "equal"),
        ("two", "exact", "equal"),
    ]
    assert rows[0]["simulated_ms"] == rows[0]["emulated_ms"] == [60.0, 60.0]
