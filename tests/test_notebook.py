"""netsim from Python, and the example notebook: what it shows is what it shows when it is executed again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

import netsim
from netsim.notebook import Explanation, Run, RunFailed
from netsim.renew_notebook import executed
from netsim.report.plots import Picture
from netsim.scenario import ScenarioError
from netsim.sweep import Recorded
from netsim.sweep import Run as Swept
from netsim.sweep.table import write_parquet

ROOT = Path(__file__).parents[1]
NAME = '<img src=x onerror="x()"> & $x$'
SCENARIO = """
name: '<img src=x onerror="x()"> & $x$'
duration: 4 s
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 4, access: 5g}
  suzhou: {location: [31.299, 120.585], nodes: 3, access: fibre}
consensus: {protocol: pbft, block_interval: 500 ms}
workload: {rate: 20 /s}
faults:
  - {at: 2 s, crash: suzhou-0, for: 1 s}
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenario") / "scenario.yaml"
    path.write_text(SCENARIO)
    return path


@pytest.fixture(scope="module")
def run(scenario: Path) -> Run:
    return netsim.run(scenario, engine="simulate", seed=3, out=scenario.parent / "run")


def test_importing_netsim_loads_nothing_heavy() -> None:
    check = """
import sys, netsim
assert {"run", "load", "vary", "__version__"} <= set(dir(netsim))
assert not {"netsim.notebook", "numpy", "polars", "msgspec"} & sys.modules.keys()
assert callable(netsim.run) and "matplotlib" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True)


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'walk'"):
        netsim.walk  # noqa: B018
    with pytest.raises(ValueError, match="no table 'blocks', but nodes, faults, finality"):
        netsim.columns("blocks")
    with pytest.raises(OSError, match=r"summary\.json"):
        netsim.load(ROOT)


def test_a_run_has_its_settings_and_is_loaded_again(run: Run, scenario: Path) -> None:
    assert run.summary["scenario"]["seed"] == 3
    assert "duration: 4 s" in run.scenario
    again = netsim.load(run.folder)
    assert again.summary == run.summary
    assert again.finality.equals(run.finality)
    assert run.trace.digest() == run.summary["trace_digest"]
    assert set(run.finality["city"]) <= {"shenzhen", "suzhou"}
    assert netsim.columns("finality")["column"].to_list() == run.finality.columns
    with pytest.raises(ValueError, match="already and not empty"):
        netsim.run(scenario, engine="simulate", out=run.folder)


def test_names_are_text(run: Run) -> None:
    assert run.summary["scenario"]["name"] == NAME
    shown = run._repr_html_()
    assert "&lt;img src=x onerror=" in shown
    assert "<img" not in shown
    assert "50" in shown
    assert "exact" in repr(run)


@pytest.mark.parametrize("name", ["finality", "tail", "propagation", "cities", "transactions", "traffic"])
def test_figures_have_titles_and_units_and_show_themselves(name: str, run: Run) -> None:
    figure = getattr(run.plot, name)()
    assert isinstance(figure, Picture)
    assert figure.get_suptitle().endswith(NAME)
    (axes,) = figure.axes
    assert axes.get_xlabel().endswith((", s", ", ms", ", MB"))
    assert axes.get_title(loc="left").endswith(".")
    assert axes.lines or axes.patches
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert name in repr(run.plot)


def test_figures_of_a_run_in_which_nothing_became_final(scenario: Path, tmp_path: Path) -> None:
    faults: list[object] = [{"at": "0 s", "crash": "shenzhen"}]
    run = netsim.run(scenario, engine="simulate", set={"faults": faults, "duration": "2 s"}, out=tmp_path / "run")
    assert run.summary["blocks"]["finalised"] == 0
    assert "nothing final" in repr(run)
    for name in ("finality", "tail", "propagation", "cities", "transactions", "traffic"):
        assert getattr(run.plot, name)()._repr_png_()
    with pytest.raises(ValueError, match="no such block is final at quorum"):
        run.explain()


def test_an_explanation_adds_up(run: Run) -> None:
    one = run.explain(4)
    took = run.finality.filter(height=4)["quorum_ms"].item()
    assert one.steps["takes_ms"].sum() == pytest.approx(took)
    assert "Block 4" in str(one)
    assert "backbone" in one._repr_html_()
    every = run.explain()
    assert isinstance(every, Explanation)
    assert every.causes["share"].sum() == pytest.approx(1)
    assert every.last_messages["blocks"].sum() <= 1
    assert "Where the" in str(every)
    with pytest.raises(ValueError, match="is called 99"):
        run.explain(99)


def test_an_emulation_is_the_simulation(scenario: Path, tmp_path: Path) -> None:
    settings: dict[str, object] = {"duration": "1 s", "faults": [], "emulation.nodes_per_process": 4}
    emulated = netsim.run(scenario, set=settings, out=tmp_path / "emulated")
    simulated = netsim.run(scenario, engine="simulate", set=settings, out=tmp_path / "simulated")
    assert emulated.summary["engine"] == "emulate"
    assert emulated.summary["trace_digest"] == simulated.summary["trace_digest"]


def test_what_is_wrong_is_raised(scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ScenarioError, match="nowhere"):
        netsim.run(scenario, engine="simulate", set={"sites.shenzhen.access": "nowhere"})
    with pytest.raises(ScenarioError, match="many"):
        netsim.vary(scenario, {"sites.suzhou.nodes": ["many"]})
    with pytest.raises(ValueError, match="neither 'emulate' nor 'simulate'"):
        netsim.run(scenario, engine="guess")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has no broker"):
        netsim.run(scenario, engine="simulate", broker="mosquitto")
    folder = tmp_path / "run"
    folder.mkdir()
    told: list[str] = []

    def broken(*arguments: str) -> tuple[int, str]:
        told.extend(arguments)
        (folder / "log.txt").touch()
        return 4, f"note: something else\nnetsim: the broker died; what was recorded until then is in {folder}\n"

    monkeypatch.setattr("netsim.notebook._netsim", broken)
    with pytest.raises(RunFailed, match=r"^the broker died; what was recorded until then is in") as failed:
        netsim.run(scenario, seed=4, set={"duration": "3 s"}, broker="mosquitto", out=folder)
    assert failed.value.folder == folder
    assert told[1:] == [
        str(scenario),
        "--engine=emulate",
        "--set=duration=3 s",
        "--set=emulation.broker=mosquitto",
        "--seed=4",
        f"--out={folder}",
        "--json",
    ]
    (folder / "log.txt").unlink()
    monkeypatch.setattr("netsim.notebook._netsim", lambda *_: (130, ""))
    with pytest.raises(KeyboardInterrupt):
        netsim.run(scenario, set={"duration": "3 s", "faults": []}, out=folder)


def test_a_sweep_is_its_tables(tmp_path: Path) -> None:
    points = [Recorded({"sites.suzhou.nodes": count}, count) for count in ("3", "4")]
    runs = [
        Swept(point, seed, {"finality.quorum_ms.p50": 10.0 * point + seed}) for point in range(2) for seed in (1, 2)
    ]
    write_parquet(points, runs, tmp_path)
    sweep = netsim.load_sweep(tmp_path)
    assert sweep.results["sites.suzhou.nodes"].to_list() == [3, 3, 4, 4]
    assert sweep.figure("finality.quorum_ms.p50")["mean"].to_list() == [1.5, 11.5]
    assert "2 points, 4 runs" in repr(sweep)
    with pytest.raises(ValueError, match="no run has the figure beauty"):
        sweep.figure("beauty")


@pytest.mark.long
def test_a_sweep_is_done_in_processes_of_its_own(scenario: Path, tmp_path: Path) -> None:
    settings: dict[str, object] = {"duration": "1 s", "faults": [], "warmup": "0 s"}
    sweep = netsim.vary(scenario, {"sites.suzhou.nodes": [3, 4]}, seeds=2, set=settings, out=tmp_path / "sweep", jobs=1)
    assert sweep.results["seed"].to_list() == [1, 2, 1, 2]
    assert sweep.figure("finality.quorum_ms.p50")["count"].to_list() == [2, 2]


def test_the_notebook_shows_what_it_shows_when_it_is_executed_again() -> None:
    """Pictures apart, which another version of a font may draw otherwise."""
    path = ROOT / "scenarios" / "notebook.ipynb"
    shipped, now = nbformat.read(path, as_version=4), executed(path)  # type: ignore[no-untyped-call]
    nbformat.validate(shipped)
    assert path.stat().st_size < 200_000
    for before, after in zip(shipped.cells, now.cells, strict=True):
        assert _shown(before) == _shown(after), before.source


def _shown(cell: Any) -> list[dict[str, Any]]:
    outputs = cell.get("outputs", [])
    return [
        {form: content for form, content in output.get("data", output).items() if form != "image/png"}
        for output in outputs
    ]
