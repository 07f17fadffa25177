"""Runs and sweeps side by side."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy.stats import ttest_ind

from netsim import catalogue
from netsim.compare import Compared, NotComparable, compare, differences, rows
from netsim.scenario import load, points
from netsim.sweep import Folder, Mean, Run
from tests.commands import ROOT, netsim

SCENARIO = ROOT / "scenarios/constant-delay.yaml"
FIGURE = "finality.quorum_ms.p50"


def swept(folder: Path, by_seed: dict[int, float], vary: str = "backbone.delay=5 ms,10 ms") -> Path:
    """A sweep's folder in which the first point's runs have these figures."""
    found = points(SCENARIO, vary=[vary], catalogue=catalogue)
    with Folder(folder, load(SCENARIO, catalogue=catalogue), found) as sweep:
        for seed, value in by_seed.items():
            sweep.add(Run(0, seed, {FIGURE: value, "trace_digest": f"{value}"}))
    return folder


def line(compared: list[Compared], figure: str = FIGURE) -> Compared:
    return next(found for found in compared if found.figure == figure)


def test_runs_of_the_same_seeds_are_compared_seed_by_seed(tmp_path: Path) -> None:
    one = swept(tmp_path / "one", {1: 10.0, 2: 20.0, 3: 30.0})
    other = swept(tmp_path / "other", {1: 11.0, 2: 21.0, 3: 31.0})
    found = line(compare([one, other]))
    assert found.point == {"backbone.delay": "5 ms"}
    assert found.cells[0].mean == 20.0
    assert found.differences == ((Mean(1.0, 0.0), True),)


def test_else_the_interval_is_welchs(tmp_path: Path) -> None:
    """As scipy has it."""
    one = swept(tmp_path / "one", {1: 2.0, 2: 4.0, 3: 6.0})
    other = swept(tmp_path / "other", {4: 1.0, 5: 2.0, 6: 3.0, 7: 4.0})
    ((found, paired),) = (difference for difference in line(compare([one, other])).differences if difference)
    assert (found.mean, paired) == (-1.5, False)
    assert found.half is not None
    interval = ttest_ind([1, 2, 3, 4], [2, 4, 6], equal_var=False).confidence_interval()
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((interval.low, interval.high))


def test_only_points_that_both_have_are_compared(tmp_path: Path) -> None:
    one = swept(tmp_path / "one", {1: 1.0})
    other = swept(tmp_path / "other", {1: 1.0}, "backbone.delay=5 ms,40 ms")
    assert {tuple(found.point.values()) for found in compare([one, other])} == {("5 ms",)}
    assert line(compare([one, other]), "trace_digest").cells == ("1 of 1 equal", "1 of 1 equal")
    third = swept(tmp_path / "third", {1: 1.0}, "backbone.delay=40 ms,50 ms")
    with pytest.raises(NotComparable, match="no point in common"):
        compare([one, third])


def test_runs_stand_beside_each_other_with_what_differs(tmp_path: Path) -> None:
    for delay in ("5 ms", "10 ms"):
        settings = ("--set", f"backbone.delay={delay}", "--set", "expect={}", "--set", "duration=3 s")
        done = netsim(tmp_path, "run", SCENARIO, "--engine", "simulate", *settings, "--out", delay[:-3])
        assert done.returncode == 0
    folders = [tmp_path / "5", tmp_path / "10"]
    assert line(compare(folders)).cells == (15.0, 30.0)
    assert ("backbone.delay", ("5 ms", "10 ms")) in differences(folders)
    assert ["finality.quorum_ms.p50", "15.0", "30.0"] in list(rows(folders, compare(folders)))
    shown = netsim(tmp_path, "compare", "5", "10", "--csv", "table.csv")
    assert "backbone.delay: 5 ms | 10 ms" in shown.stdout
    assert "finality.quorum_ms.p50,15.0,30.0" in (tmp_path / "table.csv").read_text()
    assert netsim(tmp_path, "compare", "5", "10", "--json").stdout.startswith("[")
    for wrong, said in ((["5"], "two folders"), (["5", "nowhere"], "neither a run's folder nor a sweep's")):
        told = netsim(tmp_path, "compare", *wrong)
        assert (told.returncode, told.stdout) == (2, "")
        assert said in told.stderr
