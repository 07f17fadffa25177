"""A sweep on a cluster that loses a worker, and one whose command is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netsim import catalogue
from netsim.scenario import points
from netsim.sweep import Run, SweepError, joined, sweep
from tests.commands import ROOT, netsim

TEXT = """\
name: small
duration: 4 s
sites: {a: {nodes: 4, access: 5g}}
backbone: {delay: 10 ms}
consensus: {protocol: pbft, block_interval: 100 ms}
trace: summary
sweep: {backbone.delay: [10 ms, 20 ms]}
"""
SEEDS = range(1, 5)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def until(there: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so; a machine that is this slow fails the test."""
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler's address and its two workers, started as a user would, on free ports of this machine."""
    file = tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

    def start(program: str, *options: str) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", f"distributed.cli.{program}", "--host", "127.0.0.1", "--no-dashboard", *options]
        return subprocess.Popen(line, env=ENVIRONMENT, cwd=tmp_path, **quiet)  # type: ignore[call-overload,no-any-return]

    own = ("--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path), "--scheduler-file", str(file))
    started = [start("dask_scheduler", "--port", "0", "--scheduler-file", str(file))]
    try:
        until(file.exists)
        started += [start("dask_worker", *own) for _ in range(2)]
        yield json.loads(file.read_text())["address"], started[1:]
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_a_worker_that_is_killed_changes_nothing(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], tmp_path: Path
) -> None:
    address, workers = cluster
    (tmp_path / "small.yaml").write_text(TEXT, encoding="utf-8")
    found = points(tmp_path / "small.yaml", catalogue=catalogue)
    tasks = [(point, seed) for point in range(2) for seed in SEEDS]
    runs: list[Run] = []
    with joined(address) as client:
        client.wait_for_workers(2, timeout=60)
        for run in sweep(found, tasks, 1, client):
            if not runs:
                workers[0].kill()
            runs.append(run)
        lost = [event for _, event in client.get_events("all") if event.get("action") == "remove-worker"]
    assert any(event["processing-tasks"] for event in lost)  # it had something to do, which was begun anew
    alone = list(sweep(found, tasks, 1))
    assert sorted(runs, key=lambda run: (run.point, run.seed)) == alone
    assert not any(run.failure for run in runs)


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsim.sweep.workers.ANSWER_S", 0.5)
    with pytest.raises(SweepError, match="no Dask scheduler answers"), joined("tcp://127.0.0.1:1"):
        pass


def descendants(process: int) -> set[int]:
    """All processes that descend from one."""
    found: set[int] = set()
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found |= {child} | descendants(child)
    return found


def is_gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_sweep_that_is_ended_leaves_no_process_and_goes_on_where_it_was(tmp_path: Path, how: signal.Signals) -> None:
    (tmp_path / "small.yaml").write_text(TEXT, encoding="utf-8")
    seeds = 5 if how is signal.SIGKILL else 200  # more than are done before it hears of it, on any machine
    line = [sys.executable, "-m", "netsim", "sweep", "small.yaml", "--seeds", str(seeds), "--out", "out"]
    kept = tmp_path / "out" / "runs.jsonl"
    with (tmp_path / "errors").open("wb") as errors:
        command = subprocess.Popen(
            [*line, "--jobs", "2"],
            cwd=tmp_path,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
    until(lambda: kept.exists() and kept.read_bytes().count(b"\n") > 0)
    children = descendants(command.pid)
    assert len(children) >= 2
    if how is signal.SIGINT:
        os.killpg(command.pid, how)  # as a terminal does
        assert command.wait() == 130
        assert (tmp_path / "out" / "results.parquet").exists()
    else:
        command.kill()
        command.wait()
    until(lambda: all(map(is_gone, children)))
    assert "Traceback" not in (tmp_path / "errors").read_text()
    lines = kept.read_bytes().count(b"\n")
    assert 0 < lines < 2 * seeds
    if how is signal.SIGKILL:  # what it left goes on; that of an interrupted one is no other
        done = netsim(tmp_path, *line[3:], "--jobs", 1)
        assert done.returncode == 0
        assert f"{lines} of them are there already" in done.stderr
        runs = [(run["point"], run["seed"]) for run in map(json.loads, kept.read_text().splitlines())]
        assert len(runs) == len(set(runs)) == 10  # none twice
    assert {path.name for path in tmp_path.iterdir()} == {"small.yaml", "errors", "out"}
