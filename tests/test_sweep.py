"""A sweep's runs, means and files."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from netsim import catalogue
from netsim.scenario import Point, load, points
from netsim.sweep import FIGURES, Mean, Run, SweepError, mean, measured, sweep, table, write

TEXT = """\
name: small
duration: 2 s
sites: {a: {nodes: 4, access: ideal}}
backbone: {delay: 10 ms}
consensus: {protocol: pbft, block_interval: 250 ms}
compute: {sign: 0 us, verify: 0 us, execute: 0 us}
trace: blocks
sweep: {backbone.delay: [10 ms, 20 ms]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def swept(file: Path, *vary: str) -> list[Point]:
    return points(file, vary=vary, catalogue=catalogue)


def run(point: int, seed: int, **figures: float | str | None) -> Run:
    given = {"safety.agreement": "holds", **{name.replace("__", "."): value for name, value in figures.items()}}
    return Run(point, seed, dict.fromkeys(FIGURES) | given, 0, 0)


def test_every_point_runs_with_every_seed_and_as_it_would_alone(file: Path) -> None:
    found = swept(file)
    runs = {(one.point, one.seed): one for one in sweep(found, range(1, 3), jobs=2)}
    assert sorted(runs) == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert [runs[0, 1].figures["finality.quorum_ms.p50"], runs[1, 2].figures["finality.quorum_ms.p50"]] == [30, 60]
    assert runs[1, 2] == measured(1, load(file, overrides=["backbone.delay=20 ms"], catalogue=catalogue), 2)
    assert len({one.figures["trace_digest"] for one in runs.values()}) == 4


def test_a_run_that_fails_ends_the_sweep_with_a_reason(file: Path) -> None:
    (file.parent / "own.py").write_text(
        "from netsim.node.consensus import Consensus\n"
        "class Broken(Consensus):\n"
        "    messages = ()\n"
        "    def start(self): raise RuntimeError('no idea')\n"
        "    def on_message(self, sender, message): ...\n"
        "    def on_timer(self, name): ...\n",
        encoding="utf-8",
    )
    with pytest.raises(SweepError, match="no idea"):
        list(sweep(swept(file, "consensus={protocol: 'own.py:Broken'}"), [1], jobs=1))


def test_a_mean_has_students_interval() -> None:
    assert mean([]) is mean([None]) is None
    assert mean([3, None]) == Mean(3, None)
    found = mean([1, 2, 3, 4])
    assert found is not None
    assert found.mean == 2.5
    assert found.half == pytest.approx(3.182446 * 1.290994 / 2)  # t of 3 degrees of freedom, the standard deviation
    assert found.written(1) == "2.5 ± 2.1"


def test_the_table_says_what_each_point_came_to(file: Path) -> None:
    runs = [
        run(0, 1, finality__quorum_ms__p50=10.0, messages__per_block=24),
        run(0, 2, finality__quorum_ms__p50=20.0, messages__per_block=24),
        run(1, 1, finality__quorum_ms__p50=7.0, **{"safety.agreement": "violated"}),
        run(1, 2),
    ]
    assert list(table(swept(file), runs)) == [
        ["backbone.delay", "finality p50 ms", "p99 ms", "blocks", "messages/block", "agreement"],
        ["10 ms", "15.0 ± 63.5", "–", "–", "24.0 ± 0.0", "holds"],
        ["20 ms", "7.0 (1 of 2)", "–", "–", "–", "violated in 1 of 2"],
    ]


def test_every_run_is_a_line_and_every_point_a_scenario(file: Path, tmp_path: Path) -> None:
    found = swept(file)
    write(found, [run(1, 1), run(0, 2, blocks__open=3), run(0, 1)], tmp_path)
    with (tmp_path / "results.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["point"], row["backbone.delay"], row["seed"]) for row in rows] == [
        ("point-001", "10 ms", "1"),
        ("point-001", "10 ms", "2"),
        ("point-002", "20 ms", "1"),
    ]
    assert [row["blocks.open"] for row in rows] == ["", "3", ""]
    assert load(tmp_path / "point-002.yaml", catalogue=catalogue) == found[1].scenario
