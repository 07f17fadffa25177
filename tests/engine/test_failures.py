"""What a user sees when a run cannot be completed: one line, the exit code, the partial run, and no process left."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from faulty import Frozen
from worlds import constant, emulated, world

MARK = "NETSIM_TEST_MARK"


class Running:
    """`netsim run` as a child process, and everything that it has started."""

    def __init__(self, folder: Path, text: str, *options: str) -> None:
        self.mark = uuid4().hex
        self.folder = folder / "run"
        scenario = folder / "long.yaml"
        scenario.write_text(text, encoding="utf-8")
        self.child = subprocess.Popen(
            [sys.executable, "-m", "netsim", "run", str(scenario), "--out", str(self.folder), *options],
            env={**os.environ, MARK: self.mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def processes(self) -> dict[int, str]:
        """Every living process that carries this run's mark, with its command line."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes():
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return found

    def until(self, what: Callable[[], bool]) -> None:
        """Wait for something to come about; the test's own time-out is the bound."""
        deadline = time.monotonic() + 60
        while not what():
            assert self.child.poll() is None, self.child.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def under_way(self) -> None:
        """Wait until nodes have written so many rows that there are blocks among them."""
        self.until(lambda: sum(file.stat().st_size for file in self.folder.glob("work/*.events")) > 200_000)

    def end(self) -> tuple[int, str, str]:
        """Exit code, output and errors; and nothing of the run is left."""
        out, err = self.child.communicate(timeout=60)
        deadline = time.monotonic() + 10  # multiprocessing's own helpers end a moment after their parent
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self.processes() == {}, err
        return self.child.returncode, out, err


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    runs: list[Running] = []

    def begin(*options: str, nodes: int = 4) -> Running:
        runs.append(Running(tmp_path, constant(nodes, "2 ms", "10 min"), *options))
        return runs[-1]

    yield begin
    for run in runs:
        for pid in run.processes():
            os.kill(pid, signal.SIGKILL)
        run.child.communicate()


def partial(run: Running) -> dict[str, object]:
    """The summary of what was recorded, which says of itself that it is not to be trusted."""
    assert (run.folder / "trace.parquet").exists()
    summary = json.loads((run.folder / "summary.json").read_text())
    assert summary["fidelity"]["verdict"] == "invalid"
    assert summary["fidelity"]["twin"] == "skipped"
    assert summary["blocks"]["proposed"] > 0
    assert isinstance(summary, dict)
    return summary


def one_line(err: str, *words: str) -> None:
    """Errors are one line that names the cause and the folder, and no traceback."""
    lines = [line for line in err.splitlines() if line.startswith("netsim: ")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    for word in words:
        assert word in lines[0]


def test_a_killed_broker_ends_the_run_with_what_was_recorded(start: Callable[..., Running]) -> None:
    run = start()
    run.under_way()
    broker = [pid for pid, command in run.processes().items() if "nats-server" in command]
    os.kill(broker[0], signal.SIGKILL)
    code, _, err = run.end()
    assert code == 4
    one_line(err, "the broker died", str(run.folder))
    partial(run)


def test_a_node_killed_from_outside_ends_the_run_and_is_named(start: Callable[..., Running]) -> None:
    run = start()
    run.under_way()
    parents = {pid: _parent(pid) for pid in run.processes()}
    nodes = [pid for pid, parent in parents.items() if parents.get(parent) == run.child.pid]  # the fork server's
    os.kill(nodes[-1], signal.SIGKILL)
    code, _, err = run.end()
    assert code == 4
    one_line(err, "shenzhen-", "died unasked", "signal 9")
    partial(run)


@pytest.mark.parametrize("engine", ["emulate", "simulate"])
def test_ctrl_c_is_130_and_keeps_what_was_recorded(engine: str, start: Callable[..., Running]) -> None:
    run = start("--engine", engine)
    run.under_way()
    os.killpg(run.child.pid, signal.SIGINT)
    code, _, err = run.end()
    assert code == 130, err
    one_line(err, "interrupted", str(run.folder))
    partial(run)


def test_ctrl_c_during_the_start_leaves_nothing(start: Callable[..., Running]) -> None:
    run = start()
    run.until(lambda: len(run.processes()) > 2)
    os.killpg(run.child.pid, signal.SIGINT)
    code, _, err = run.end()
    assert "Traceback" not in err
    assert code == 130, err


def test_a_second_ctrl_c_does_not_cost_what_was_recorded(start: Callable[..., Running]) -> None:
    run = start()
    run.under_way()
    for _ in range(3):
        os.killpg(run.child.pid, signal.SIGINT)
        time.sleep(0.2)
    code, _, err = run.end()
    assert code == 130, err
    one_line(err, "interrupted")
    partial(run)


def test_ctrl_c_is_heard_while_a_broker_does_not_answer(start: Callable[..., Running]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        run = start("--broker", f"mqtt://127.0.0.1:{mute.getsockname()[1]}")
        mute.accept()
        os.killpg(run.child.pid, signal.SIGINT)
        code, _, err = run.end()
    assert code == 130, err
    one_line(err, "interrupted")


def test_nothing_outlives_a_run_that_was_killed_outright(start: Callable[..., Running]) -> None:
    run = start()
    run.under_way()
    run.child.kill()
    code, _, _ = run.end()
    assert code == -signal.SIGKILL


def test_a_frozen_node_is_named_and_does_not_hang_the_run(tmp_path: Path) -> None:
    result = emulated(world(constant(4, "2 ms")), tmp_path, wrap=Frozen, silence_s=1.0)
    assert result.exit_code == 4
    assert "no word from shenzhen-2" in result.failure


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
