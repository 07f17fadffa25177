"""Thousands of schedules in one command: what it counts, and what it says when one fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netsim.testing.soak import app, built

ROOT = Path(__file__).parents[1]


def soak(*arguments: object, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "tools" / "soak"), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_all_protocols_take_their_turns_and_survive() -> None:
    done = soak("--runs", 50, "--steps", 200, "--jobs", 2)
    assert done.returncode == 0, done.stdout
    counts = [int(line.split()[1]) for line in done.stdout.splitlines()[:-1]]
    assert [line.split()[0] for line in done.stdout.splitlines()[:-1]] == built()
    assert sum(counts) == 50
    assert max(counts) - min(counts) <= 1
    assert "50 schedules of 200 steps" in done.stdout.splitlines()[-1]


def test_it_ends_when_the_time_is_over() -> None:
    done = soak("--runs", 10_000_000, "--minutes", 0.02, "--jobs", 2, "--protocol", "raft,clique")
    assert done.returncode == 0, done.stdout
    assert "none failed" in done.stdout


def test_a_schedule_that_fails_is_named_with_the_command_that_shows_it(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from tests.testing.test_chaos import Gullible\n", encoding="utf-8")
    done = soak("--protocol", "mine.py:Gullible", "--runs", 20, "--jobs", 2, folder=tmp_path)
    assert done.returncode == 1
    assert "AssertionError: stuck" in done.stdout
    again = next(line for line in done.stdout.splitlines() if "tools/soak --protocol" in line).split()[1:]
    told = soak(*again, folder=tmp_path)
    assert told.returncode == 1
    assert "steps are enough" in told.stdout


def test_mutants_are_hunted() -> None:
    done = soak("--mutants", "--protocol", "clique,nakamoto", "--jobs", 2)
    assert done.returncode == 0, done.stdout
    assert len(done.stdout.splitlines()) == 3
    assert "found by schedule" in done.stdout


@pytest.mark.long
def test_every_mutant_is_found() -> None:
    done = soak("--mutants")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["perpetuum", "nowhere.py:Nothing"])
def test_what_is_no_protocol_is_refused(name: str) -> None:
    result = CliRunner().invoke(app, ["--protocol", name])
    assert result.exit_code == 2
    assert name in result.output
