"""Runs and sweeps side by side."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from netsim import catalogue
from netsim.compare import (
    Difference,
    Matched,
    NothingToCompare,
    Sample,
    Side,
    difference,
    document,
    load,
    match,
    rows,
    samples_in_words,
    write_csv,
)
from netsim.report.comparison import print_comparison
from netsim.scenario import load as read_scenario
from netsim.scenario import points
from netsim.sweep import Folder, Run
from tests.commands import netsim

TEXT = """\
name: small
duration: 1 s
sites: {a: {nodes: 4, access: ideal}}
backbone: {delay: 10 ms}
consensus: {protocol: pbft, block_interval: 250 ms}
sweep: {backbone.delay: [10 ms, 20 ms]}
"""
KEY = "finality.quorum_ms.p50"


def swept(folder: Path, name: str, values: dict[int, list[float]], *vary: str) -> Side:
    """A sweep's folder with one figure, by point and seed."""
    file = folder / "small.yaml"
    file.write_text(TEXT, encoding="utf-8")
    found = points(file, vary=vary, catalogue=catalogue)
    with Folder(folder / name, read_scenario(file, catalogue=catalogue), found) as out:
        for point, figures in values.items():
            for seed, figure in enumerate(figures, 1):
                given = {KEY: figure, "safety.agreement": "holds", "trace_digest": f"{figure}"}
                out.add(Run(point, seed, given))
    return load(folder / name)


def test_a_difference_is_paired_where_the_seeds_are_the_same_and_welchs_elsewhere() -> None:
    assert difference({}, {1: 1.0}) is None
    assert difference({1: 1.0}, {2: 3.0}) == Difference(2.0, None, "single")
    paired = difference({1: 1.0, 2: 5.0, 3: 9.0}, {1: 2.0, 2: 6.0, 3: 10.0})
    assert paired == Difference(1.0, 0.0, "paired")  # what the seeds share is no noise
    first, other = {1: 27.5, 2: 21.0, 3: 19.0, 4: 23.6}, {5: 27.1, 6: 22.0, 7: 20.8}
    found = difference(first, other)
    assert found is not None
    from scipy.stats import ttest_ind

    ends = ttest_ind(list(other.values()), list(first.values()), equal_var=False).confidence_interval(0.95)
    assert found.method == "Welch"
    assert found.half is not None
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((ends.low, ends.high))
    assert difference({1: 1.0, 2: 1.0}, {3: 2.0, 4: 2.0}) == Difference(1.0, 0.0, "Welch")


def test_points_are_matched_by_their_values(tmp_path: Path) -> None:
    first = swept(tmp_path, "first", {0: [1, 2, 3], 1: [4, 5, 6]})
    other = swept(tmp_path, "other", {0: [7, 8], 1: [9, 9], 2: [1, 1]}, "backbone.delay=20ms,30 ms,10 ms")
    matched, over = match([first, other])
    assert [point.values for point in matched] == [{"backbone.delay": "10ms"}, {"backbone.delay": "20ms"}]
    assert matched[1].samples[1].of(KEY) == {1: 7, 2: 8}
    assert over == [f"1 of {tmp_path / 'other'}"]
    assert not matched[0].differs()
    points_of_one = [load(tmp_path / "first" / name) for name in ("point-001", "point-002.yaml")]
    ((point,), over) = match(points_of_one)
    assert point.differs() == [("backbone.delay", ["10 ms", "20 ms"])]
    assert not over
    assert next(rows(point)) == ["finality quorum p50 ms", "2.00 ± 2.48", "5.00 ± 2.48", "+3.00 ± 0.00"]
    third = swept(tmp_path, "third", {0: [1, 1]}, "backbone.delay=40 ms,50 ms")
    with pytest.raises(NothingToCompare, match="no point in common"):
        match([first, third])


def test_what_cannot_be_compared_says_why(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, why in ((tmp_path / "none", "no run and no sweep"), (tmp_path / "empty", "no run's folder")):
        with pytest.raises(NothingToCompare, match=why):
            load(path)
    (tmp_path / "empty" / "summary.json").write_text("[]")
    with pytest.raises(NothingToCompare, match="is none of a run"):
        load(tmp_path / "empty")
    swept(tmp_path, "first", {0: [1.0]})
    for name in ("first/point-002", "first/point-009"):
        with pytest.raises(NothingToCompare, match="has no point-00"):
            load(tmp_path / name)


def test_digests_and_verdicts_are_compared_in_words() -> None:
    def sample(*digests: str) -> Sample:
        return Sample({seed: {"trace_digest": digest} for seed, digest in enumerate(digests)}, "")

    def compared(first: Sample, other: Sample) -> str:
        return Matched({}, (first, other)).digests(1)

    assert compared(sample("a", "b"), sample("a", "b")) == "equal"
    assert compared(sample("a", "b"), sample("a", "c")) == "equal for 1 of 2 seeds"
    assert compared(sample("a"), sample("c")) == "different"
    assert compared(sample("a"), Sample({7: {}}, "")) == "no seed in common"
    assert sample("a", "a", "b").words("trace_digest") == "a in 2 of 3, b in 1 of 3"


def test_two_runs_have_no_intervals(tmp_path: Path) -> None:
    def run(name: str, seed: int, p50: float) -> Side:
        (tmp_path / name).mkdir()
        quorum = {"count": 12, "p50": p50}
        summary: dict[str, Any] = {"scenario": {"seed": seed}, "finality": {"quorum_ms": quorum}}
        (tmp_path / name / "summary.json").write_text(json.dumps(summary))
        (tmp_path / name / "scenario.yaml").write_text(f"seed: {seed}\nsites: {{a: {{nodes: {seed}}}}}\n")
        return load(tmp_path / name)

    sides = [run("one", 1, 10.0), run("two", 2, 12.5)]
    (point,), _ = match(sides)
    assert next(rows(point)) == ["finality quorum p50 ms", "10.00", "12.50", "+2.50"]
    assert point.differs() == [("sites.a.nodes", ["1", "2"])]
    assert "of 12, 12 blocks: these are not independent" in samples_in_words(sides, point)


def test_all_figures_go_out_as_json_and_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sides = [swept(tmp_path, "first", {0: [1, 2, 3]}), swept(tmp_path, "other", {0: [2, 3, 4]})]
    matched, over = match(sides)
    told = json.loads(json.dumps(document(sides, matched)))
    (figure,) = told["points"][0]["figures"]
    assert figure["figure"] == KEY
    assert figure["differences"] == [{"mean": 1.0, "low": 1.0, "high": 1.0, "method": "paired"}]
    write_csv(sides, matched, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [(line["side"], line["mean"], line["difference_mean"], line["method"]) for line in lines] == [
        (str(tmp_path / "first"), "2.0", "", ""),
        (str(tmp_path / "other"), "3.0", "1.0", "paired"),
    ]
    print_comparison(sides, matched, over)
    assert "paired by seed" in capsys.readouterr().out


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    swept(tmp_path, "first", {0: [1, 2, 3]})
    assert netsim(tmp_path, "compare", "first").returncode == 2
    done = netsim(tmp_path, "compare", "first", "first", "--json")
    assert (done.returncode, json.loads(done.stdout)["points"][0]["digests"]) == (0, ["equal"])
