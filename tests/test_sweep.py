"""A sweep's runs, means and files."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars
import pytest

from netsim import catalogue
from netsim.scenario import Point, load, points
from netsim.sweep import Folder, Mean, OtherSweep, Run, mean, measured, read_emulated, sweep, table, write_tables
from netsim.sweep.folder import read
from netsim.sweep.workers import code_of, unpack

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
    return Run(point, seed, given)


def opened(file: Path, folder: Path, *vary: str) -> Folder:
    return Folder(folder, load(file, catalogue=catalogue), swept(file, *vary))


def test_every_point_runs_with_every_seed_and_as_it_would_alone(file: Path) -> None:
    found = swept(file)
    runs = {(one.point, one.seed): one for one in sweep(found, [(0, 1), (0, 2), (1, 1), (1, 2)], jobs=1)}
    assert sorted(runs) == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert [runs[0, 1].figures["finality.quorum_ms.p50"], runs[1, 2].figures["finality.quorum_ms.p50"]] == [30, 60]
    assert runs[1, 2] == measured(1, load(file, overrides=["backbone.delay=20 ms"], catalogue=catalogue), 2)
    assert len({one.figures["trace_digest"] for one in runs.values()}) == 4


OWN = """\
from netsim.node.consensus import Consensus
class Broken(Consensus):
    messages = ()
    def start(self): raise RuntimeError('no idea')
    def on_message(self, sender, message): ...
    def on_timer(self, name): ...
"""


def test_a_run_that_fails_is_kept_with_its_reason_and_the_others_go_on(file: Path, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    vary = "consensus={protocol: 'own.py:Broken'},{protocol: pbft}"
    with opened(file, tmp_path / "out", vary, "backbone.delay=5 ms") as folder:
        for one in sweep(swept(file, vary, "backbone.delay=5 ms"), folder.left([1]), jobs=1):
            folder.add(one)
        write_tables(folder)
        assert [(one.exit_code, bool(one.figures)) for one in folder.runs.values()] == [(4, False), (0, True)]
        assert "no idea" in folder.runs[0, 1].failure
        assert folder.left([1]) == [(0, 1)]  # which is tried anew
    there = polars.read_parquet(tmp_path / "out" / "results.parquet")
    assert there["blocks.finalised"].null_count() == 1


def test_a_protocols_code_goes_along_with_what_it_imports(file: Path, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(f"from beside import WHO\n{OWN.replace('no idea', '{WHO}')}", encoding="utf-8")
    (tmp_path / "beside.py").write_text("WHO = 1\n", encoding="utf-8")
    (found,) = swept(file, "consensus={protocol: 'own.py:Broken'}", "backbone.delay=5 ms")
    code = code_of(found.scenario)
    assert set(code) == {"own.py", "beside.py"}
    (tmp_path / "worker").mkdir()
    first, same = unpack(code, tmp_path / "worker"), unpack(code, tmp_path / "worker")
    assert first == same
    assert (first / "beside.py").read_text() == "WHO = 1\n"
    assert unpack({**code, "beside.py": b"WHO = 2"}, tmp_path / "worker") != first
    assert code_of(swept(file)[0].scenario) == {}


def done(file: Path, folder: Folder, seeds: Sequence[int], most: int = 1000) -> int:
    """Do what is left, at most so much; how much that was."""
    left = folder.left(seeds)[:most]
    for one in sweep(swept(file), left, jobs=1):
        folder.add(one)
    return len(left)


def test_a_sweep_goes_on_where_it_was(file: Path, tmp_path: Path) -> None:
    with opened(file, tmp_path / "out") as folder:
        assert done(file, folder, [1, 2], most=3) == 3
        with pytest.raises(OtherSweep, match="is being written by another sweep"):
            opened(file, tmp_path / "out")
    with (tmp_path / "out" / "runs.jsonl").open("ab") as lines:
        lines.write(b'{"point":0,"se')  # whoever wrote it was killed
    with opened(file, tmp_path / "out") as folder:
        assert folder.left([1, 2]) == [(1, 2)]
        assert done(file, folder, [1, 2, 3]) == 3
        write_tables(folder)
    with opened(file, tmp_path / "whole") as folder:
        assert done(file, folder, [3, 1, 2]) == 6
        write_tables(folder)
    results = [polars.read_parquet(tmp_path / name / "results.parquet") for name in ("out", "whole")]
    assert results[0].drop("wall_s", "host").equals(results[1].drop("wall_s", "host"))
    for name in ("points.parquet", "results.csv", "sweep.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_values_may_be_added(file: Path, tmp_path: Path) -> None:
    with opened(file, tmp_path / "out", "backbone.delay=20 ms") as folder:
        folder.add(run(0, 1))
    with opened(file, tmp_path / "out") as folder:
        assert [point.values["backbone.delay"] for point in folder.points] == ["20 ms", "10 ms"]
        assert folder.left([1]) == [(0, 1)]  # of the sweep at hand, whose first value is new
        folder.add(run(0, 1))
    assert [one.point for one in read(tmp_path / "out")[2]] == [0, 1]
    assert (tmp_path / "out" / "point-002.yaml").is_file()


def test_another_sweeps_folder_is_refused_and_left_alone(file: Path, tmp_path: Path) -> None:
    opened(file, tmp_path / "out").__exit__()
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(OtherSweep, match="it varies backbone"):
        opened(file, tmp_path / "out", "consensus.window=1,2")
    file.write_text(TEXT.replace("2 s", "3 s"), encoding="utf-8")
    with pytest.raises(OtherSweep, match="its scenario, or what --set made of it, was not the same"):
        opened(file, tmp_path / "out")
    file.write_text(TEXT.replace("small", "other"), encoding="utf-8")
    with pytest.raises(OtherSweep, match="of small"):
        opened(file, tmp_path / "out")
    with pytest.raises(OtherSweep, match="not empty"):
        opened(file, tmp_path)
    with pytest.raises(OtherSweep, match="is no folder"):
        opened(file, file)
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    file.write_text(f"{TEXT}seed: 5\ndescription: as before\n", encoding="utf-8")
    opened(file, tmp_path / "out").__exit__()
    (tmp_path / "out" / "runs.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(OtherSweep, match="line 1"):
        opened(file, tmp_path / "out")


def test_the_tables_have_types_means_and_medians(file: Path, tmp_path: Path) -> None:
    with opened(file, tmp_path / "out", "consensus.window=1,2", "backbone.delay=10 ms") as folder:
        for seed, value in ((1, 1.0), (2, 2.0), (3, 6.0)):
            folder.add(replace(run(0, seed, rounds__mean=value, liveness__recovery_ms=None), wall_s=1.5, host="here"))
        folder.add(Run(1, 1, {}, exit_code=4, failure="no memory"))
        write_tables(folder)
    runs = polars.read_parquet(tmp_path / "out" / "results.parquet")
    assert runs["consensus.window"].to_list() == [1, 1, 1, 2]
    assert runs["rounds.mean"].to_list() == [1.0, 2.0, 6.0, None]
    assert runs["liveness.recovery_ms"].dtype == polars.Float64
    assert runs["failure"].to_list() == [None, None, None, "no memory"]
    (row,) = polars.read_parquet(tmp_path / "out" / "points.parquet").to_dicts()
    expected = {"point": "point-001", "figure": "rounds.mean", "runs": 3, "count": 3, "mean": 3.0, "median": 2.0}
    assert expected.items() <= row.items()
    assert row["high"] - row["low"] == pytest.approx(2 * 4.302653 * 2.645751 / 3**0.5)


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
    with opened(file, file.parent / "out") as folder:
        rows = list(table(folder.points, runs))
    assert rows == [
        ["backbone.delay", "finality p50 ms", "p99 ms", "blocks", "messages/block", "agreement"],
        ["10 ms", "15.0 ± 63.5", "–", "–", "24.0 ± 0.0", "holds"],
        ["20 ms", "7.0 (1 of 2)", "–", "–", "–", "violated in 1 of 2"],
    ]


def test_of_a_run_that_failed_the_table_claims_nothing(file: Path) -> None:
    lost = [Run(1, seed, {}, exit_code=4, failure="no memory") for seed in (1, 2)]
    with opened(file, file.parent / "out") as folder:
        *_, row = table(folder.points, [run(0, 1), *lost])
        assert row == ["20 ms", "–", "–", "–", "–", "–"]
        *_, row = table(folder.points, [run(1, 1, **{"safety.agreement": "violated"}), lost[1]])
        assert row[-1] == "violated"  # by all that came to their end


def test_every_run_is_a_line_and_every_point_a_scenario(file: Path, tmp_path: Path) -> None:
    found = swept(file)
    with opened(file, tmp_path / "out") as folder:
        for one in (run(1, 1), run(0, 2, blocks__open=3), run(0, 1)):
            folder.add(one)
        write_tables(folder)
    with (tmp_path / "out" / "results.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["point"], row["backbone.delay"], row["seed"]) for row in rows] == [
        ("point-001", "10 ms", "1"),
        ("point-001", "10 ms", "2"),
        ("point-002", "20 ms", "1"),
    ]
    assert [row["blocks.open"] for row in rows] == ["", "3", ""]
    assert load(tmp_path / "out" / "point-002.yaml", catalogue=catalogue) == found[1].scenario


def test_an_emulation_is_held_against_the_simulation_of_its_point(file: Path, tmp_path: Path) -> None:
    def emulated(number: int, digest: str, verdict: str = "exact", twin: str = "equal") -> None:
        target = tmp_path / "here" / "emulated" / f"point-00{number}-seed-1"
        target.mkdir(parents=True)
        summary = {"scenario": {"seed": 1}, "fidelity": {"verdict": verdict, "twin": twin}, "trace_digest": digest}
        (target / "summary.json").write_text(json.dumps(summary), encoding="utf-8")

    with opened(file, tmp_path / "here", "consensus.window=1,2") as folder:
        for point in range(4):
            folder.add(run(point, 1, trace_digest=f"digest {point + 1}"))
        emulated(1, "digest 1")
        emulated(2, "another")
        emulated(3, "digest 3", verdict="invalid")
        emulated(4, "digest 4", verdict="degraded", twin="skipped")  # one that did not come to its end
        found = read_emulated(folder.path, folder.runs.values())
    assert [(one.point, one.equal, one.exit_code) for one in found] == [(0, True, 0), (1, False, 3), (2, True, 3)]
    assert str(found[0]) == "point-001, seed 1, emulated: exact, the simulation's trace"
    assert str(found[1]) == "point-002, seed 1, emulated: exact, not the simulation's trace"
