"""A sweep's runs, means and files."""

from __future__ import annotations

import csv
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import polars
import pytest

from netsim import catalogue
from netsim.scenario import Point, load, points
from netsim.sweep import Folder, Mean, OtherSweep, Recorded, Run, mean, measured, sweep, table
from netsim.sweep.folder import read
from netsim.sweep.table import FIGURES
from tests.commands import ROOT, netsim

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


def recorded(found: list[Point]) -> list[Recorded]:
    return [Recorded(dict(point.values), str(number)) for number, point in enumerate(found)]


def run(point: int, seed: int, **figures: float | str | None) -> Run:
    given = {"safety.agreement": "holds", **{name.replace("__", "."): value for name, value in figures.items()}}
    return Run(point, seed, dict.fromkeys(FIGURES) | given, 0, 0)


def test_every_point_runs_with_every_seed_and_as_it_would_alone(file: Path) -> None:
    found = swept(file)
    tasks = [(point, seed) for point in range(2) for seed in (1, 2)]
    runs = {(one.point, one.seed): one for one in sweep(found, tasks, jobs=2)}
    assert sorted(runs) == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert [runs[0, 1].figures["finality.quorum_ms.p50"], runs[1, 2].figures["finality.quorum_ms.p50"]] == [30, 60]
    assert runs[1, 2] == measured(1, load(file, overrides=["backbone.delay=20 ms"], catalogue=catalogue), 2)
    assert len({one.figures["trace_digest"] for one in runs.values()}) == 4


def test_a_run_that_fails_says_why_and_the_others_go_on(file: Path) -> None:
    (file.parent / "own.py").write_text(
        "from netsim.node.consensus import Consensus\n"
        "class Broken(Consensus):\n"
        "    messages = ()\n"
        "    def start(self): raise RuntimeError('no idea')\n"
        "    def on_message(self, sender, message): ...\n"
        "    def on_timer(self, name): ...\n",
        encoding="utf-8",
    )
    found = swept(file, "consensus={protocol: 'own.py:Broken'},{protocol: pbft}", "backbone.delay=10 ms")
    failed, done = sweep(found, [(0, 1), (1, 1)], jobs=1)
    assert (failed.exit_code, failed.figures) == (4, {})
    assert "no idea" in failed.failure
    assert (done.exit_code, done.failure) == (0, "")


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
    assert list(table(recorded(swept(file)), runs)) == [
        ["backbone.delay", "finality p50 ms", "p99 ms", "blocks", "messages/block", "agreement"],
        ["10 ms", "15.0 ± 63.5", "–", "–", "24.0 ± 0.0", "holds"],
        ["20 ms", "7.0 (1 of 2)", "–", "–", "–", "violated in 1 of 2"],
    ]


def test_every_run_is_a_line_and_every_point_a_scenario(file: Path, tmp_path: Path) -> None:
    found = swept(file)
    with Folder(tmp_path / "sweep", load(file, catalogue=catalogue), found) as folder:
        for one in (run(1, 1), run(0, 2, blocks__open=3), run(0, 1)):
            folder.add(one)
        folder.tables()
    with (tmp_path / "sweep/results.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["point"], row["backbone.delay"], row["seed"]) for row in rows] == [
        ("point-001", "10 ms", "1"),
        ("point-001", "10 ms", "2"),
        ("point-002", "20 ms", "1"),
    ]
    assert [row["blocks.open"] for row in rows] == ["", "3", ""]
    assert load(tmp_path / "sweep/point-002.yaml", catalogue=catalogue) == found[1].scenario


def test_a_sweep_goes_on_where_it_was_killed(file: Path, tmp_path: Path) -> None:
    """A torn last line is as if it had not been written; what failed is tried anew; more seeds and values are added."""
    scenario, found = load(file, catalogue=catalogue), swept(file)
    with Folder(tmp_path / "sweep", scenario, found) as folder:
        for one in (run(0, 1), run(1, 1), Run(0, 2, {}, exit_code=4, failure="no memory")):
            folder.add(one)
    with (tmp_path / "sweep/runs.jsonl").open("ab") as lines:
        lines.write(b'{"point": 1, "se')
    with Folder(tmp_path / "sweep", scenario, found) as folder:
        assert folder.left([1, 2]) == [(0, 2), (1, 2)]
        folder.add(run(1, 2))
        with pytest.raises(OtherSweep, match="another sweep"):
            Folder(tmp_path / "sweep", scenario, found)
    _, _, runs = read(tmp_path / "sweep")
    assert [(one.point, one.seed) for one in runs] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    more = swept(file, "backbone.delay=20 ms,40 ms")
    with Folder(tmp_path / "sweep", scenario, more) as folder:
        assert [point.values["backbone.delay"] for point in folder.points] == ["10 ms", "20 ms", "40 ms"]
        assert folder.left([1, 2]) == [(1, 1), (1, 2)]
    with pytest.raises(OtherSweep, match="it varies"):
        Folder(tmp_path / "sweep", scenario, swept(file, "workload.rate=1 /s,2 /s"))


SLOW = TEXT.replace("duration: 2 s", "duration: 60 s").replace("sweep:", "workload: {rate: 100 /s}\nsweep:")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and two workers, as somebody starts them who has a cluster."""
    address = f"tcp://127.0.0.1:{free_port()}"
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    port = address.rpartition(":")[2]
    commands = [["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"]]
    commands += [["distributed.cli.dask_worker", address, "--no-nanny", "--nthreads", "1", "--no-dashboard"]] * 2
    started = []
    with ExitStack() as stack:
        for command in commands:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            started.append(process)
        yield address, started[1:]


def test_a_cluster_that_loses_a_worker_gives_the_table_of_one_machine(tmp_path: Path) -> None:
    file = tmp_path / "slow.yaml"
    file.write_text(SLOW, encoding="utf-8")
    asked = ("sweep", file, "--seeds", "4")
    assert netsim(tmp_path, *asked, "--jobs", "1", "--out", tmp_path / "here").returncode == 0
    with cluster(tmp_path) as (address, workers):
        command = [sys.executable, "-m", "netsim", *map(str, asked), "--cluster", address, "--out", "there"]
        sweeping = subprocess.Popen(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"})
        kept = tmp_path / "there/runs.jsonl"
        while sweeping.poll() is None and not (kept.exists() and kept.read_bytes().count(b"\n")):
            time.sleep(0.01)
        workers[0].kill()
        assert sweeping.wait() == 0
    apart = ["wall_s", "host"]
    here, there = (polars.read_parquet(tmp_path / name / "results.parquet").drop(apart) for name in ("here", "there"))
    assert here.height == 8
    assert here.equals(there)
    means = [(tmp_path / name / "points.parquet").read_bytes() for name in ("here", "there")]
    assert means[0] == means[1]


def test_a_scheduler_that_is_none_is_told() -> None:
    wrong = netsim(Path("/"), "sweep", ROOT / "scenarios/constant-delay.yaml", "--cluster", "somewhere")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "tcp://host:8786" in wrong.stderr
