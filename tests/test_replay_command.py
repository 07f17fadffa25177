"""`netsim replay` and `compute: measured` as a user meets them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.commands import netsim

SMALL = """
duration: 1 s
sites: {shenzhen: {location: [22.543, 114.058], nodes: 4, access: ideal}}
backbone: {delay: 20 ms}
consensus: {protocol: pbft, block_interval: 250 ms}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_a_simulated_run_is_repeated(scenario: Path) -> None:
    folder = scenario.parent
    assert netsim(folder, "run", scenario, "--engine", "simulate", "--out", "one").returncode == 0
    done = netsim(folder, "replay", "one", "--json")
    assert (done.returncode, done.stderr) == (0, "replay: equal to one\n")
    first = json.loads((folder / "one" / "summary.json").read_text())
    assert json.loads(done.stdout)["trace_digest"] == first["trace_digest"]

    text = (folder / "one" / "scenario.yaml").read_text()
    (folder / "one" / "scenario.yaml").write_text(text.replace("seed: 1", "seed: 2"))
    done = netsim(folder, "replay", "one")
    assert (done.returncode, "was changed" in done.stderr) == (2, True)


def test_what_is_no_run_cannot_be_replayed(scenario: Path) -> None:
    folder = scenario.parent
    (folder / "empty").mkdir()
    (folder / "broken").mkdir()
    shutil.copy(scenario, folder / "broken" / "scenario.yaml")
    (folder / "broken" / "trace.parquet").write_bytes(b"no such thing")
    for name, says in (("none", "there is no run"), ("empty", "it has no trace.parquet"), ("broken", "broken: ")):
        done = netsim(folder, "replay", name)
        assert done.returncode == 2
        assert says in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [("run", "--engine", "simulate"), ("sweep", "--seeds", "1")])
def test_a_simulation_measures_nothing(command: tuple[str, ...], scenario: Path) -> None:
    done = netsim(scenario.parent, command[0], scenario, *command[1:], "--set", "compute=measured")
    assert done.returncode == 2
    assert "`compute: measured`" in done.stderr
    assert not (scenario.parent / "runs").exists()


def test_check_says_that_only_an_emulation_measures(scenario: Path) -> None:
    done = netsim(scenario.parent, "check", scenario, "--set", "compute=measured")
    assert done.returncode == 0
    assert "only an emulation" in done.stdout
