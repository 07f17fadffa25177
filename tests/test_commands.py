"""The commands as a user runs them: what is printed, what is left behind, the exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import netsim

ROOT = Path(__file__).parents[1]
SMALL = """
name: small
duration: 1500 ms
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 2, access: ideal}
  suzhou:   {location: [31.299, 120.585], nodes: 2, access: ideal}
backbone: {delay: 10 ms}
consensus: {protocol: pbft, block_interval: 250 ms}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_a_run_leaves_a_folder_and_prints_a_table(small: Path, tmp_path: Path) -> None:
    done = netsim(tmp_path, "run", small)
    assert done.returncode == 0, done.stderr
    assert "exact" in done.stdout
    assert "twin equal" in done.stdout
    folder = (tmp_path / "runs" / "latest").resolve()
    assert folder.parent == tmp_path / "runs"
    assert str(folder.relative_to(tmp_path)) in done.stdout
    left = {file.name for file in folder.iterdir()}
    recorded = {"scenario.yaml", "trace.parquet", "hops.parquet", "summary.json", "network.graphml", "log.txt"}
    assert left == recorded | {"report.html"}


def test_json_is_the_summary_and_nothing_else(small: Path, tmp_path: Path) -> None:
    done = netsim(tmp_path, "run", small, "--json", "--out", "here")
    assert done.returncode == 0
    assert json.loads(done.stdout) == json.loads((tmp_path / "here" / "summary.json").read_text("utf-8"))
    assert done.stderr == ""


def test_the_resolved_scenario_of_a_run_gives_the_same_run(small: Path, tmp_path: Path) -> None:
    first = json.loads(netsim(tmp_path, "run", small, "--json", "--engine", "simulate", "--out", "one").stdout)
    again = netsim(tmp_path, "run", "one/scenario.yaml", "--json", "--engine", "simulate", "--out", "two")
    assert json.loads(again.stdout)["trace_digest"] == first["trace_digest"]
    other = netsim(tmp_path, "run", small, "--seed", 2, "--json", "--engine", "simulate", "--out", "three")
    assert json.loads(other.stdout)["trace_digest"] != first["trace_digest"]


def test_a_brokers_password_is_not_written_down(small: Path, tmp_path: Path) -> None:
    netsim(tmp_path, "run", small, "--engine", "simulate", "--broker", "mqtt://me:secret@127.0.0.1:1", "--out", "here")
    assert "me@127.0.0.1:1" in (tmp_path / "here" / "scenario.yaml").read_text("utf-8")
    assert not [file for file in (tmp_path / "here").iterdir() if b"secret" in file.read_bytes()]


def test_a_broker_that_is_not_there_is_exit_code_4(small: Path, tmp_path: Path) -> None:
    done = netsim(tmp_path, "run", small, "--broker", "mqtt://127.0.0.1:1", "--out", "here")
    assert done.returncode == 4
    assert "no connection to the broker at 127.0.0.1:1" in done.stderr


def test_a_failed_expectation_is_exit_code_1(small: Path, tmp_path: Path) -> None:
    done = netsim(tmp_path, "run", small, "--engine", "simulate", "--set", "expect={blocks.finalised: {min: 1000}}")
    assert done.returncode == 1
    assert "blocks.finalised" in done.stdout


WRONG = {
    "an unknown key": (["--set", "durration=3 s"], "did you mean `duration`?"),
    "a quantity without its unit": (["--set", "duration=3"], "--set duration"),
    "a feature that is planned": (["--set", "workload.clients={number: 5}"], "not built yet"),
    "an option that there is not": (["--sed", "3"], "--sed"),
    "an engine that there is not": (["--engine", "guess"], "guess"),
    "a broker that cannot be": (["--broker", "http://nowhere"], "broker"),
    "a link without delay": (["--set", "backbone.delay=0 ms"], "shenzhen-0 to shenzhen-1 has no delay"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_exit_code_2_and_nothing_is_started(case: str, small: Path, tmp_path: Path) -> None:
    options, says = WRONG[case]
    done = netsim(tmp_path, "run", small, *options)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "runs").exists()


def test_a_file_that_is_not_there_is_exit_code_2(tmp_path: Path) -> None:
    done = netsim(tmp_path, "run", "nowhere.yaml")
    assert done.returncode == 2
    assert "nowhere.yaml" in done.stderr


def test_a_folder_that_is_not_empty_is_left_alone(small: Path, tmp_path: Path) -> None:
    done = netsim(tmp_path, "run", small, "--out", tmp_path)
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["small.yaml"]


@pytest.mark.parametrize("engine", ["emulate", "simulate"])
def test_a_full_disk_is_exit_code_4_and_one_line(engine: str, small: Path, tmp_path: Path) -> None:
    done = netsim(tmp_path, "run", small, "--engine", engine, "--set", "duration=60 s", limit=60_000)
    assert done.returncode == 4
    lines = [line for line in done.stderr.splitlines() if line.startswith("netsim: ")]
    assert len(lines) == 1
    assert "too large" in lines[0]


def test_check_says_what_would_be_started(tmp_path: Path) -> None:
    done = netsim(tmp_path, "check", ROOT / "scenarios" / "leader-crash.yaml")
    assert done.returncode == 0
    assert "quorum 5" in done.stdout
    assert "lookahead   0.500 ms" in done.stdout
    assert "shenzhen-0 crashes" in done.stdout


@pytest.mark.parametrize("suffix", [".svg", ".png", ".graphml", ".dot"])
def test_graph_writes_what_is_asked_for(suffix: str, small: Path, tmp_path: Path) -> None:
    done = netsim(tmp_path, "graph", small, "--output", f"net{suffix}")
    assert done.returncode == 0
    assert "nodes 4" in done.stdout
    assert (tmp_path / f"net{suffix}").stat().st_size > 100


def test_graph_draws_the_network_of_a_run_and_refuses_what_it_cannot_write(small: Path, tmp_path: Path) -> None:
    netsim(tmp_path, "run", small, "--engine", "simulate", "--out", "here")
    assert netsim(tmp_path, "graph", "here", "--output", "net.dot").returncode == 0
    done = netsim(tmp_path, "graph", "here", "--output", "net.html")
    assert done.returncode == 2
    assert ".html" in done.stderr


@pytest.mark.parametrize(
    "what",
    ["protocols", "gossip", "access", "topologies", "faults", "transports", "brokers", "distributions", "defaults"],
)
def test_list_prints_every_kind(what: str, tmp_path: Path) -> None:
    done = netsim(tmp_path, "list", what)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 3


def test_list_of_something_else_is_exit_code_2(tmp_path: Path) -> None:
    done = netsim(tmp_path, "list", "protocol")
    assert done.returncode == 2
    assert "protocols" in done.stderr


def test_list_prints_presets(tmp_path: Path) -> None:
    assert "preset fisco-bcos: FISCO BCOS" in netsim(tmp_path, "list", "pbft").stdout


def test_a_sweep_prints_a_table_and_leaves_its_runs(small: Path, tmp_path: Path) -> None:
    options = ("--vary", "backbone.delay=10 ms,20 ms", "--seeds", 2, "--jobs", 1, "--out", "here")
    done = netsim(tmp_path, "sweep", small, *options)
    assert done.returncode == 0, done.stderr
    heading, *rows, _ = done.stdout.splitlines()
    assert heading.startswith("backbone.delay  finality p50 ms")
    assert [row.split()[:2] for row in rows] == [["10", "ms"], ["20", "ms"]]
    assert "± 0.0" in rows[0]
    lines = (tmp_path / "here" / "results.csv").read_text("utf-8").splitlines()
    assert len(lines) == 5
    again = netsim(tmp_path, "run", "here/point-002.yaml", "--seed", 2, "--engine", "simulate", "--json")
    assert json.loads(again.stdout)["trace_digest"] in lines[4]


def test_a_sweep_with_a_point_that_is_wrong_starts_nothing(small: Path, tmp_path: Path) -> None:
    done = netsim(tmp_path, "sweep", small, "--vary", "consensus.quorum=3,9")
    assert done.returncode == 2
    assert "`quorum` is 9, and there are 4 validators (consensus.quorum = 9)" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_sweep_fails_where_an_expectation_does(small: Path, tmp_path: Path) -> None:
    expected = "expect={blocks.finalised: {min: 1000}}"
    done = netsim(tmp_path, "sweep", small, "--seeds", 1, "--set", expected, "--out", "here")
    assert done.returncode == 1
    assert "failed" in done.stdout


def test_check_counts_the_points_of_a_sweep_and_a_run_is_without_it(small: Path, tmp_path: Path) -> None:
    small.write_text(f"{SMALL}sweep: {{consensus.window: [1, 2], sites.suzhou.nodes: [2, 3, 4]}}\n", encoding="utf-8")
    assert "sweep       6 points, by consensus.window × sites.suzhou.nodes" in netsim(tmp_path, "check", small).stdout
    done = netsim(tmp_path, "run", small, "--engine", "simulate", "--out", "here")
    assert done.returncode == 0
    assert "without its sweep" in done.stderr
    assert netsim(tmp_path, "check", small, "--set", "sites.suzhou.nodes=2").returncode == 0
    assert netsim(tmp_path, "check", small, "--set", "sweep.consensus.window=[0]").returncode == 2


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("numpy", "networkx", "polars", "scipy", "matplotlib", "pydantic", "aiomqtt", "cryptography", "dask")
    code = f"import sys, netsim.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
