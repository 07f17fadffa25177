"""netsim for notebooks and scripts: run a scenario, or load a run, and ask it for tables and figures.

    import netsim

    run = netsim.run("scenarios/greater-bay.yaml", engine="simulate", seed=1, set={"duration": "10 s"})
    run.finality                  # a polars DataFrame; .to_pandas() where pandas and pyarrow are installed
    run.plot.finality()           # a matplotlib figure
    run.explain(3)                # why block 3 took that long

    sweep = netsim.vary("scenarios/constant-delay.yaml", {"backbone.delay": ["5 ms", "20 ms"]}, seeds=3)
    sweep.points                  # means with intervals

What the tables hold is in `netsim.export.frames.TABLES`, or in `netsim.columns("finality")`. A simulation runs in this
process, an emulation and a sweep in one of their own, so that neither disturbs a notebook's event loop or signals.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from html import escape
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from netsim import catalogue
from netsim import trace as traces
from netsim.engine.lifeline import die_with_parent
from netsim.export.frames import TABLES, Frames
from netsim.measure.account import account, last_messages
from netsim.measure.causes import MEANING, Causes, CriticalPath, Milestone, name
from netsim.measure.summary import Summary

if TYPE_CHECKING:
    import polars as pl
    from rich.console import RenderableType

    from netsim.report.plots import Plots

Engine = Literal["emulate", "simulate"]
_WIDE = 140  # columns of what is drawn with letters
_SUMMARY = "summary.json"
_INTERRUPTED = 130


class RunFailed(Exception):
    """A run or a sweep that could not be completed; `folder` holds what was recorded until then, where there is one."""

    def __init__(self, reason: str, folder: Path | None = None) -> None:
        super().__init__(reason + (f"; what was recorded until then is in {folder}" if folder is not None else ""))
        self.folder = folder


class Run:
    """A run: its summary, its tables, its figures."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError, or ValueError where the folder is no run's."""
        self.folder = folder
        self.summary: Summary = msgspec.json.decode((folder / _SUMMARY).read_bytes())
        if not isinstance(self.summary, dict) or "trace_digest" not in self.summary:
            raise ValueError(f"{folder / _SUMMARY} is not a run's summary")

    @cached_property
    def trace(self) -> traces.Trace:
        """The trace as netsim has it: arrays of integers, and a header."""
        return traces.read(self.folder)

    @cached_property
    def frames(self) -> Frames:
        """Every table."""
        return Frames(self.trace)

    @property
    def scenario(self) -> str:
        """The scenario as it was run, YAML with every default."""
        return (self.folder / "scenario.yaml").read_text(encoding="utf-8")

    @property
    def nodes(self) -> pl.DataFrame:
        """A row for each node."""
        return self.frames.nodes

    @property
    def faults(self) -> pl.DataFrame:
        """A row for each fault."""
        return self.frames.faults

    @property
    def finality(self) -> pl.DataFrame:
        """A row for each proposed block: its proposer, city and height; first_ms, quorum_ms and all_ms until final."""
        return self.frames.finality

    @property
    def finalisations(self) -> pl.DataFrame:
        """A row for each block and correct node at which it is final."""
        return self.frames.finalisations

    @property
    def propagation(self) -> pl.DataFrame:
        """A row for each block and correct node that has it in full."""
        return self.frames.propagation

    @property
    def transactions(self) -> pl.DataFrame:
        """A row for each transaction. Raises ValueError at trace level `summary`."""
        return self.frames.transactions

    @property
    def messages(self) -> pl.DataFrame:
        """A row for each copy of a message that came or was lost. Raises ValueError below trace level `full`."""
        return self.frames.messages

    @property
    def traffic(self) -> pl.DataFrame:
        """A row for each node and type of message: how many copies, how many bytes."""
        return self.frames.traffic

    @property
    def events(self) -> pl.DataFrame:
        """A row for each thing that happened at a node: the trace, in names."""
        return self.frames.events

    @cached_property
    def plot(self) -> Plots:
        """The figures: `run.plot.finality()`, `.tail()`, `.propagation()`, `.cities()`, `.transactions()`, …."""
        from netsim.report.plots import Plots

        return Plots(self.frames)

    @cached_property
    def _causes(self) -> Causes:
        return Causes(self.trace)

    def explain(self, block: int | str | None = None, at: Milestone = "quorum") -> Explanation:
        """Why a block (a height, or the beginning of its name) was final when it was; or where the time of all goes.

        Raises ValueError below trace level `full`, and where no such block is final at `at`.
        """
        places = self._causes.places(None if block is None else str(block))
        paths = [path for place in places if (path := self._causes.path(place, at)) is not None]
        if not paths:
            raise ValueError(f"no such block is final at {'all validators' if at == 'all' else at}")
        return Explanation(self.trace.header, paths, block is None)

    def __repr__(self) -> str:
        """One line: what it is, and the headline."""
        summary = self.summary
        p50, verdict = summary["finality"]["quorum_ms"]["p50"], summary["fidelity"]["verdict"]
        final = "nothing final" if p50 is None else f"final at a quorum after {p50:.1f} ms (p50)"
        about = summary["scenario"]
        return f"<netsim run of {about['name']}, seed {about['seed']}: {final}, {verdict}; in {self.folder}>"

    def _repr_html_(self) -> str:
        return _html(self.summary, self.folder)


class Explanation:
    """The critical paths of one block or of many; a notebook shows them drawn with letters."""

    def __init__(self, header: traces.Header, paths: Sequence[CriticalPath], over_all: bool) -> None:
        self.paths = paths
        self._header = header
        self._over_all = over_all

    @cached_property
    def steps(self) -> pl.DataFrame:
        """A row for each part of each step: block, height, step, what, source, node, cause, begin_ms, takes_ms.

        Times count from the block's proposal; those of one block add up to the time that it took.
        """
        import polars

        rows: list[tuple[Any, ...]] = []
        nodes = self._header.nodes
        for path in self.paths:
            for number, step in enumerate(path.steps):
                moment = step.begin_ns
                source = None if step.source is None else nodes[step.source]
                about = (name(path.block), path.height, number, step.what, source, nodes[step.node])
                for cause, elapsed in step.parts.items():
                    rows.append((*about, cause, (moment - path.proposed_ns) / 1e6, elapsed / 1e6))
                    moment += elapsed
        texts = dict.fromkeys(("block", "what", "source", "node", "cause"), polars.String)
        names = ("block", "height", "step", "what", "source", "node", "cause", "begin_ms", "takes_ms")
        types = {label: texts.get(label, polars.Float64 if label.endswith("_ms") else polars.Int64) for label in names}
        return polars.DataFrame(rows, schema=types, orient="row")

    @cached_property
    def causes(self) -> pl.DataFrame:
        """Where the time goes: cause, where, mean_ms per block, share of the whole, blocks (share), meaning."""
        import polars

        entries = account(self._header, self.paths)
        rows = [
            (entry.cause, entry.place, entry.mean_ns / 1e6, entry.share, entry.paths, MEANING[entry.cause])
            for entry in entries
        ]
        return polars.DataFrame(rows, schema=["cause", "where", "mean_ms", "share", "blocks", "meaning"], orient="row")

    @cached_property
    def last_messages(self) -> pl.DataFrame:
        """What was needed last: type, source and target (sites), and in what share of the blocks."""
        import polars

        found = last_messages(self._header, self.paths)
        rows = [(last.what, last.source, last.target, last.paths) for last in found]
        return polars.DataFrame(rows, schema=["type", "source", "target", "blocks"], orient="row")

    def __str__(self) -> str:
        from rich.console import Console

        file = StringIO()
        console = Console(file=file, width=_WIDE, color_system=None, force_jupyter=False)
        for part in self._drawn():
            console.print(part)
        return "\n".join(line.rstrip() for line in file.getvalue().splitlines())

    __repr__ = __str__

    def _drawn(self) -> list[RenderableType]:
        from netsim.report.waterfall import waterfall, where_the_time_goes

        if self._over_all:
            return [where_the_time_goes(self._header, self.paths, _WIDE)]
        return [waterfall(self._header, path, _WIDE) for path in self.paths]

    def _repr_html_(self) -> str:
        return f'<pre style="line-height: 1.2; overflow-x: auto; white-space: pre">{escape(str(self))}</pre>'


class Sweep:
    """A sweep: `results` has a row for each run, `points` one for each point and figure, with its interval."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError where the folder holds no sweep's tables."""
        import polars

        self.folder = folder
        self.results: pl.DataFrame = polars.read_parquet(folder / "results.parquet")
        self.points: pl.DataFrame = polars.read_parquet(folder / "points.parquet")

    def figure(self, key: str) -> pl.DataFrame:
        """The points' means of one figure of summary.json, such as `finality.quorum_ms.p50`.

        Raises ValueError where no run has it.
        """
        found = self.points.filter(self.points["figure"] == key)
        if not len(found):
            raise ValueError(f"no run has the figure {key}; there are {', '.join(self.points['figure'].unique())}")
        return found.drop("figure")

    def __repr__(self) -> str:
        """One line."""
        points = self.results["point"].n_unique()
        return f"<netsim sweep of {points} points, {len(self.results)} runs; in {self.folder}>"


def run(
    scenario: str | Path,
    *,
    engine: Engine = "emulate",
    seed: int | None = None,
    set: Mapping[str, object] | None = None,
    out: str | Path | None = None,
    broker: str | None = None,
) -> Run:
    """Run a scenario file, as `netsim run` does; `set` holds what its `--set` does: {"sites.suzhou.nodes": 8}.

    `out` is the run's folder, new or empty; else there is a new one under runs/. Raises ScenarioError with all that is
    wrong with the scenario, ValueError for arguments that do not fit, and RunFailed.
    """
    from netsim.engine.layout import lookahead, places
    from netsim.engine.plan import Plan
    from netsim.engine.simulator import NOTHING_TO_MEASURE
    from netsim.running import new_folder
    from netsim.running import run as run_plan
    from netsim.scenario import load as read_scenario

    if engine not in ("emulate", "simulate"):
        raise ValueError(f"engine={engine!r} is neither 'emulate' nor 'simulate'")
    if broker is not None and engine == "simulate":
        raise ValueError("a simulation has no broker")
    overrides = _settings(set) + ([f"emulation.broker={broker}"] if broker is not None else [])
    loaded = read_scenario(Path(scenario), overrides=overrides, seed=seed, catalogue=catalogue)
    plan = Plan(loaded)
    folder = Path(out) if out is not None else None
    if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"out={str(out)!r} is there already and not empty")
    if engine == "emulate":
        lookahead(plan, places(plan))
        folder = folder or new_folder(loaded)
        options = [f"--set={override}" for override in overrides] + ([] if seed is None else [f"--seed={seed}"])
        code, said = _netsim("run", str(scenario), f"--engine={engine}", *options, f"--out={folder}", "--json")
        _raise_for(code, said, folder)
        return Run(folder)
    if loaded.compute.measured:
        raise ValueError(NOTHING_TO_MEASURE)
    folder = folder or new_folder(loaded)
    folder.mkdir(parents=True, exist_ok=True)
    result = run_plan(plan, folder, "simulate")
    _raise_for(result.exit_code, result.failure, folder)
    return Run(folder)


def load(folder: str | Path) -> Run:
    """A run from its folder, such as runs/latest. Raises OSError and ValueError."""
    return Run(Path(folder))


def vary(
    scenario: str | Path,
    values: Mapping[str, Sequence[object]] | None = None,
    *,
    seeds: int = 10,
    set: Mapping[str, object] | None = None,
    out: str | Path | None = None,
    jobs: int | None = None,
) -> Sweep:
    """Simulate every combination of values, with several seeds each, as `netsim sweep` does.

    `values` holds what its `--vary` does: {"sites.suzhou.nodes": [4, 8]}; without, the scenario's `sweep:` counts.
    `jobs`: how many processes, else one for each core. Raises ScenarioError, ValueError and RunFailed. Failed
    expectations raise nothing: they are in `results`.
    """
    from netsim.running import new_folder
    from netsim.scenario import points

    varied = [f"{key}={','.join(map(_word, several))}" for key, several in (values or {}).items()]
    overrides = _settings(set)
    first = points(Path(scenario), vary=varied, overrides=overrides, catalogue=catalogue)[0]
    folder = Path(out) if out is not None else new_folder(first.scenario, latest=False)
    options = [f"--set={override}" for override in overrides] + [f"--vary={option}" for option in varied]
    options += [] if jobs is None else [f"--jobs={jobs}"]
    code, said = _netsim("sweep", str(scenario), *options, f"--seeds={seeds}", f"--out={folder}")
    _raise_for(code, said, folder)
    return Sweep(folder)


def load_sweep(folder: str | Path) -> Sweep:
    """A sweep from its folder. Raises OSError."""
    return Sweep(Path(folder))


def columns(table: str) -> pl.DataFrame:
    """What the columns of a table hold. Raises ValueError for one that there is not."""
    import polars

    if table not in TABLES:
        raise ValueError(f"there is no table {table!r}, but {', '.join(TABLES)}")
    found = TABLES[table].columns
    return polars.DataFrame({"column": list(found), "holds": list(found.values())})


def _settings(settings: Mapping[str, object] | None) -> list[str]:
    return [f"{key}={_word(value)}" for key, value in (settings or {}).items()]


def _word(value: object) -> str:
    """A value as YAML: a text stands for itself, as on the command line."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def environment() -> dict[str, str]:
    """This process's own, for others that are to have netsim from where this one has it."""
    paths = (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH"))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _netsim(*arguments: str) -> tuple[int, str]:
    """Run netsim in a process of its own; its exit code, and what it says is wrong. Ctrl-C is passed on to it."""
    with subprocess.Popen(
        [sys.executable, "-m", "netsim", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,  # so that it hears Ctrl-C once, from here
        preexec_fn=die_with_parent(os.getpid()),
    ) as process:
        try:
            _, said = process.communicate()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.communicate()
            raise
        except BaseException:
            process.terminate()
            raise
    return process.returncode, said


def _raise_for(code: int, said: str, folder: Path) -> None:
    """Raise what an exit code stands for; 1 and 3 are in the summary."""
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    if code not in (0, 1, 3):
        lines = [line.removeprefix("netsim: ") for line in said.splitlines() if line.strip()]
        reason = lines[-1].partition("; what was recorded")[0] if lines else f"netsim ended with exit code {code}"
        raise RunFailed(reason, folder if any(folder.iterdir()) else None)


def _html(summary: Summary, folder: Path) -> str:
    """A summary as a small table; names in it may hold anything, and are shown as they are."""
    about, finality, fidelity = summary["scenario"], summary["finality"], summary["fidelity"]
    head = (
        f"{about['name']} · seed {about['seed']} · {summary['nodes']} nodes, {summary['validators']} validators · "
        f"{summary['duration_s']:g} s {'emulated' if summary['engine'] == 'emulate' else 'simulated'}"
    )
    rows = []
    for label, dist in (
        ("first validator", finality["first_ms"]),
        ("quorum", finality["quorum_ms"]),
        ("all validators", finality["all_ms"]),
        ("transaction latency", summary["transactions"]["latency_ms"]),
    ):
        figures = "".join(f'<td style="text-align: right">{_figure(dist[key])}</td>' for key in ("p50", "p99"))
        rows.append(f'<tr><td style="text-align: left">{label}</td>{figures}<td>{dist["count"]}</td></tr>')
    judged = summary["expect"]
    facts = [
        f"verdict {fidelity['verdict']}" + ("" if fidelity["twin"] == "skipped" else f", twin {fidelity['twin']}"),
        f"agreement {summary['safety']['agreement']}",
        f"{summary['blocks']['finalised']} of {summary['blocks']['proposed']} blocks final",
        *(f"expectation failed: {one['key']}" for one in judged if one["passed"] is False),
    ]
    if judged and all(one["passed"] for one in judged):
        facts.append(f"all {len(judged)} expectations met")
    return (
        f"<div><b>{escape(head)}</b><table><thead><tr><th>final after, ms</th><th>p50</th><th>p99</th><th>samples</th>"
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table>{escape(' · '.join(facts))}<br>"
        f"<small>{escape(str(folder))}</small></div>"
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
