"""The commands. Heavy libraries are imported by what needs them, so that `netsim --help` answers at once."""

from __future__ import annotations

import math
import os
import re
import sys
import time
from contextlib import ExitStack
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from netsim import __version__, catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import networkx as nx

    from netsim.engine.plan import Plan
    from netsim.engine.tally import Tally
    from netsim.live.session import Live
    from netsim.network import Network
    from netsim.report.progress import Progress
    from netsim.running import EngineName, Result
    from netsim.scenario import Point, Scenario
    from netsim.sweep import Folder
    from netsim.trace import Trace

WRONG, INCOMPLETE = 2, 4
_SCHEDULER = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:.]+\]|[^\s:/@]+):\d{1,5}")  # of a Dask cluster


class Engine(Enum):
    """The two ways to run a scenario."""

    emulate = "emulate"
    simulate = "simulate"


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="When is a block final, and can you trust the number? A peer-to-peer network emulator for consensus.",
)

ScenarioFile = Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario file (YAML).")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key, as in sites.suzhou.nodes=8.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Override the scenario's seed.")]
Latex = Annotated[
    Path | None, typer.Option("--latex", metavar="FILE", help="Write the table as LaTeX (booktabs), for a paper.")
]
Vary = Annotated[
    list[str] | None,
    typer.Option("--vary", metavar="KEY=A,B,C", help="Vary a key, as in sites.suzhou.nodes=4,8,16; repeatable."),
]


def main() -> None:
    """Entry of the program."""
    app(prog_name="netsim")  # which answers Ctrl-C with 130


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False) -> None:
    """Options of netsim itself."""
    if version:
        typer.echo(f"netsim {__version__}")
        raise typer.Exit


@app.command()
def run(
    scenario: ScenarioFile,
    engine: Annotated[Engine, typer.Option(help="Real processes and a broker, or virtual time.")] = Engine.emulate,
    seed: Seed = None,
    set_: Settings = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The run's folder itself; else under runs/.")] = None,
    broker: Annotated[
        str | None, typer.Option(metavar="URL", help="embedded, mosquitto, or mqtt://user:pass@host:1883.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print summary.json and nothing else.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Simulate again in a fresh process, and compare the digests.")
    ] = False,
    live: Annotated[bool, typer.Option("--live", help="Watch the run in a browser, and have things fail.")] = False,
    live_speed: Annotated[
        float | None, typer.Option(metavar="X", help="With --live: seconds of the scenario in one of yours; 1.")
    ] = None,
) -> None:
    """Run a scenario and say when its blocks are final."""
    if verify and engine is Engine.emulate:
        _fail(WRONG, "--verify repeats a simulation; an emulation's twin does this: leave one of the two options out")
    if live_speed is not None and not 0 < live_speed < math.inf:
        _fail(WRONG, f"--live-speed is {live_speed:g}; it must be positive")
    if live_speed is not None and not live:
        _fail(WRONG, "--live-speed is the pace of a run with --live")
    overrides = list(set_ or ())
    if broker is not None:
        overrides.append(f"emulation.broker={broker}")
    loaded = _load(scenario, overrides, seed)
    plan = _plan(scenario, loaded, emulated=engine is Engine.emulate)
    if engine is Engine.simulate:
        _refuse_measuring(scenario, loaded)
    if live_speed is not None and engine is Engine.emulate and loaded.emulation.pace == "clock":
        _fail(WRONG, "--live-speed paces lockstep and simulations; `emulation.dilation` is the clock's")
    for note in loaded.notes:
        typer.echo(f"note: {note}", err=True)
    if loaded.sweep:
        typer.echo("note: this runs the scenario without its sweep; `netsim sweep` runs every combination", err=True)
    from netsim.engine.interrupt import ignore_further_interrupts
    from netsim.report.progress import Progress
    from netsim.report.terminal import print_summary
    from netsim.running import new_folder
    from netsim.running import run as run_plan

    try:
        folder = _folder(out) if out is not None else new_folder(loaded)
        with ExitStack() as around:
            watched = around.enter_context(_live(plan, engine.value, live_speed or 1.0)) if live else None
            progress = around.enter_context(Progress(loaded.name, loaded.duration / 1e9, quiet=json))
            observe, steering = _observer(progress, watched), watched.steering if watched else None
            result = run_plan(plan, folder, engine.value, observe=observe, verify=verify, steering=steering)
            if watched is not None:
                watched.ended(result)
            ignore_further_interrupts()  # there is nothing left to end, only to be told
    except OSError as error:
        _fail(INCOMPLETE, f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    if json:
        sys.stdout.write((folder / "summary.json").read_text(encoding="utf-8"))
    else:
        print_summary(result.summary, folder, twin_differs=result.twin_differs)
    _note_missing_report(result)
    if result.failure:
        _fail(result.exit_code, f"{result.failure}; what was recorded until then is in {folder}")
    raise typer.Exit(result.exit_code)


@app.command()
def replay(
    source: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="A folder for the replay; else under runs/.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print summary.json and nothing else.")] = False,
) -> None:
    """Simulate exactly what a run did: what computing took in it, and which messages came too late."""
    recorded = _recorded(source)
    file = source / "scenario.yaml"
    loaded = _load(file, (), None)
    if loaded.sha256 != recorded.header.scenario_sha256:
        _fail(WRONG, f"{file} is not the scenario of {source / 'trace.parquet'}; one of them was changed")
    plan = _plan(file, loaded, emulated=False)
    if recorded.header.version != __version__:
        typer.echo(f"note: {source} was made by netsim {recorded.header.version}, this is {__version__}", err=True)
    from netsim.engine.interrupt import ignore_further_interrupts
    from netsim.report.progress import Progress
    from netsim.report.terminal import print_summary
    from netsim.running import new_folder
    from netsim.running import replay as replay_run

    try:
        folder = _folder(out) if out is not None else new_folder(loaded, latest=False)
        with Progress(loaded.name, loaded.duration / 1e9, quiet=json) as progress:
            result = replay_run(plan, recorded, folder, observe=_observer(progress))
            ignore_further_interrupts()
    except OSError as error:
        _fail(INCOMPLETE, f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    if json:
        sys.stdout.write((folder / "summary.json").read_text(encoding="utf-8"))
    else:
        print_summary(result.summary, folder)
    _note_missing_report(result)
    if result.failure:
        _fail(result.exit_code, f"{result.failure}; what was simulated until then is in {folder}")
    differs = result.twin_differs
    says = f"replay: differs from {source}, first at {differs}" if differs else f"replay: equal to {source}"
    typer.echo(says, err=json)
    raise typer.Exit(result.exit_code)


def _note_missing_report(result: Result) -> None:
    if result.unreported:
        typer.echo(f"note: there is no report.html: {result.unreported}; try netsim report {result.folder}", err=True)


def _recorded(folder: Path) -> Trace:
    """The trace of a run that came to its end, or exit code 2."""
    from netsim.trace import read

    if not folder.is_dir():
        _fail(WRONG, f"there is no run {folder}")
    for name in ("trace.parquet", "scenario.yaml"):
        if not (folder / name).is_file():
            _fail(WRONG, f"{folder} is no run's folder: it has no {name}")
    try:
        recorded = read(folder)
    except OSError as error:
        _fail(WRONG, f"{folder}: {error.strerror or error}")
    except Exception as error:  # polars has its own for each way in which a file can be no Parquet
        _fail(WRONG, f"{folder}: {str(error).partition(chr(10))[0]}")
    fidelity = recorded.header.fidelity
    if not fidelity.complete:
        _fail(WRONG, f"{folder} did not come to its end, so it cannot be replayed to it")
    if fidelity.broker_lost:
        lost = fidelity.broker_lost
        _fail(WRONG, f"{folder} cannot be replayed: its broker lost {lost} batch{'es' if lost > 1 else ''} of messages")
    return recorded


@app.command()
def check(scenario: ScenarioFile, set_: Settings = None, seed: Seed = None) -> None:
    """Validate a scenario, with every point of its sweep, and say what it would start, and start nothing."""
    loaded = _load(scenario, set_ or (), seed)
    points = _points(scenario, (), list(set_ or ()), seed) if loaded.sweep else []
    plan = _plan(scenario, loaded, emulated=True)
    from netsim.engine.layout import places, shortest_link
    from netsim.scenario.model import names_of

    processes = places(plan)
    shortest = shortest_link(plan, processes)
    sites = ", ".join(f"{name} {len(site.nodes)}" for name, site in loaded.sites.items())
    typer.echo(f"{scenario}: good")
    typer.echo(f"  nodes       {plan.network.size} ({sites}), {len(loaded.consensus.validators)} of them validate")
    typer.echo(f"  protocol    {loaded.consensus.protocol}, quorum {plan.quorum}")
    typer.echo(f"  overlay     {loaded.overlay.name}, {plan.network.graph.number_of_edges()} links")
    typer.echo(f"  processes   {len(processes)}")
    if shortest is not None:
        typer.echo(f"  lookahead   {shortest / 1e6:.3f} ms, the shortest link between two processes")
    if points:
        typer.echo(f"  sweep       {len(points)} points, by {' × '.join(points[0].values) or 'nothing'}")
    if loaded.compute.measured:
        typer.echo("  compute     measured, which only an emulation can; `netsim replay` simulates what it measured")
    for note in loaded.notes:
        typer.echo(f"  note        {note}")
    if loaded.finality_depth is not None:
        typer.echo(f"  final       {loaded.finality_depth} blocks deep")
    for item in loaded.misbehaviour:
        names = ", ".join(names_of(item.nodes, loaded.nodes, loaded.sites))
        typer.echo(f"  Byzantine   {names}: {item.does} from {item.at / 1e9:g} s")
    for fault in loaded.faults:
        end = "the end" if fault.end is None else f"{fault.end / 1e9:g} s"
        typer.echo(f"  fault       {fault.at / 1e9:g} s to {end}: {fault.says}")


@app.command()
def sweep(
    scenario: ScenarioFile,
    vary: Vary = None,
    seeds: Annotated[int, typer.Option(min=1, max=10_000, help="Runs of each point, their seeds counting up.")] = 10,
    set_: Settings = None,
    seed: Annotated[int | None, typer.Option("--seed", help="The first seed, else the scenario's.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder for the tables, or that of a sweep to go on with.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, max=1000, help="Processes; else one for each core.")] = None,
    cluster: Annotated[
        str, typer.Option(metavar="local|URL", help="This machine, or a Dask scheduler: tcp://host:8786, tls://…")
    ] = "local",
    latex: Latex = None,
) -> None:
    """Simulate every combination of what varies, with several seeds each."""
    from netsim.running import new_folder
    from netsim.sweep import Folder, OtherSweep, SweepError, joined, table

    if cluster != "local":
        if _SCHEDULER.fullmatch(cluster) is None:
            _fail(WRONG, f"--cluster {cluster} is neither `local` nor a scheduler's address such as tcp://host:8786")
        if jobs is not None:
            _fail(WRONG, "--jobs is for this machine; a cluster has the workers that it has")
    overrides = list(set_ or ())
    first = _load(scenario, overrides, seed)
    if first.trace == "full" and not any(override.startswith("trace=") for override in overrides):
        overrides.append("trace=blocks")  # which has all that is measured here
    points = _points(scenario, vary or (), overrides, seed)
    for point in points:
        _plan(scenario, point.scenario, emulated=point.emulated)
        _refuse_measuring(scenario, point.scenario)
    typer.echo(f"{len(points)} points × {seeds} seeds", err=True)
    wanted = range(first.seed, first.seed + seeds)
    with ExitStack() as stack:
        try:
            client = None if cluster == "local" else stack.enter_context(joined(cluster))
            folder = stack.enter_context(Folder(out or new_folder(first, latest=False), first, points))
            _do_what_is_left(folder, points, wanted, jobs or os.cpu_count() or 1, client)
            codes = [_emulate_some(folder, points, first.seed)]
        except OtherSweep as error:
            _fail(WRONG, f"--out {error}")
        except SweepError as error:
            _fail(INCOMPLETE, str(error))
        except OSError as error:
            _fail(INCOMPLETE, f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        runs = list(folder.runs.values())
        _print_columns(list(table(folder.points, runs)))
        failed = [run for run in runs if run.failure]
        for run in failed[:5]:
            typer.echo(f"point {run.point + 1}, seed {run.seed} failed: {run.failure}", err=True)
        if failed:
            typer.echo(f"{len(failed)} of {len(runs)} runs failed; to try them again: --out {folder.path}", err=True)
        _report_sweep(folder.path, latex)
        count = len({run.seed for run in runs})
        means = f"Means over {count} seeds ± 95 % intervals" if count > 1 else "One seed, so no intervals"
        typer.echo(f"{means}; every run is in {folder.path / 'results.csv'}")
        raise typer.Exit(max(codes + [run.exit_code for run in runs]))


def _report_sweep(folder: Path, latex: Path | None) -> Path:
    """Write a sweep's report into its folder, and its table for a paper where that is asked for."""
    from netsim.report.page.sweep import as_latex, write
    from netsim.study import headline
    from netsim.sweep import OtherSweep
    from netsim.sweep.folder import read

    try:
        if latex is not None:
            latex.write_text(as_latex(*read(folder)), encoding="utf-8")
        return write(folder, headline(folder))
    except OtherSweep as error:
        _fail(WRONG, str(error))
    except OSError as error:
        _fail(INCOMPLETE, f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")


def _emulate_some(folder: Folder, points: Sequence[Point], seed: int) -> int:
    """Emulate the points that the scenario names, and say what came of it; the greatest exit code."""
    from netsim.sweep import emulate

    code, wanted = 0, points[0].scenario.emulated
    if wanted and not any(point.emulated for point in points):
        typer.echo("note: none of the points that are to be emulated is in this sweep", err=True)
    try:
        for one in emulate(folder, points, seed):
            typer.echo(str(one), err=True)
            code = max(code, one.exit_code)
    except KeyboardInterrupt:
        typer.echo(f"netsim: interrupted; what was done is kept, to go on: --out {folder.path}", err=True)
        raise
    return code


def _do_what_is_left(folder: Folder, points: Sequence[Point], seeds: Sequence[int], jobs: int, client: object) -> None:
    """Do the runs that the sweep's folder does not hold yet. Raises SweepError and OSError; what was done is kept."""
    from netsim.engine.interrupt import ignore_further_interrupts
    from netsim.report.sweeping import Sweeping
    from netsim.sweep import State, SweepError, write_tables
    from netsim.sweep import sweep as run_sweep

    tasks = folder.left(seeds)
    there = len(points) * len(seeds) - len(tasks)
    if there:
        typer.echo(f"{there} of them are there already", err=True)
    finished = False
    try:
        with Sweeping(len(tasks)) as display:

            def observe(state: State) -> None:
                display.state(state.running, state.redone, state.workers)

            for one in run_sweep(points, tasks, jobs, client, observe):
                folder.add(one)
                display.done(bool(one.failure))
        finished = True
    except SweepError as error:
        raise SweepError(f"{error}; what was done is kept, to go on: --out {folder.path}") from None
    except KeyboardInterrupt:
        typer.echo(f"netsim: interrupted; what was done is kept, to go on: --out {folder.path}", err=True)
        raise
    finally:
        if not finished:
            ignore_further_interrupts()
        write_tables(folder)


@app.command()
def compare(
    sources: Annotated[
        list[Path], typer.Argument(metavar="RUN|SWEEP…", help="Folders, or points of a sweep: SWEEP/point-001.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON and nothing else.")] = False,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all figures as a table, too.")] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page to look at, too.")] = None,
    latex: Latex = None,
) -> None:
    """Put runs or sweeps side by side, the first being what the others are held against."""
    from netsim.compare import NothingToCompare, document, load, match, write_csv

    if len(sources) < 2:
        _fail(WRONG, "there is nothing to compare it with: name two runs or sweeps, or more")
    if output is not None and output.suffix.lower() not in (".html", ".htm"):
        _fail(WRONG, f"--output {output} does not end in .html")
    try:
        sides = [load(source) for source in sources]
        matched, over = match(sides)
        if csv is not None:
            write_csv(sides, matched, csv)
        if output is not None or latex is not None:
            from netsim.report.page.sweep import comparison, comparison_as_latex, replace_file

            if output is not None:
                replace_file(output, comparison(sides, matched, over))
            if latex is not None:
                latex.write_text(comparison_as_latex(sides, matched), encoding="utf-8")
    except NothingToCompare as error:
        _fail(WRONG, str(error))
    except OSError as error:
        _fail(INCOMPLETE, f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    if json:
        import msgspec

        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(document(sides, matched)), indent=2) + b"\n")
        return
    from netsim.report.comparison import print_comparison

    print_comparison(sides, matched, over)


def _print_columns(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


class Layout(Enum):
    """Where the nodes of a network are drawn."""

    geography = "geography"
    latency = "latency"
    cluster = "cluster"


class Colour(Enum):
    """What the links of a network are coloured by."""

    delay = "delay"
    traffic = "traffic"


@app.command()
def graph(
    source: Annotated[Path, typer.Argument(metavar="SCENARIO|RUN", help="A scenario file or a run's folder.")],
    output: Annotated[Path | None, typer.Option(metavar="FILE", help=".html, .svg, .png, .graphml or .dot")] = None,
    layout: Annotated[
        Layout | None,
        typer.Option(help="Where nodes stand: around their cities, by delay, or by cluster."),
    ] = None,
    colour: Annotated[
        Colour | None, typer.Option(help="What links are coloured by; traffic is known of a run only.")
    ] = None,
    links: Annotated[bool, typer.Option("--links", help="The delays from site to site instead: .svg or .png")] = False,
    size: Annotated[str, typer.Option(metavar="SIZE", help="With --links: of the messages.")] = "250 B",
    set_: Settings = None,
    seed: Seed = None,
) -> None:
    """Draw a scenario's network, or write it for another tool."""
    file = source / "scenario.yaml" if source.is_dir() else source
    loaded = _load(file, set_ or (), seed)
    network = _plan(file, loaded, emulated=False).network
    if links:
        if layout or colour:
            _fail(WRONG, f"--links draws curves of delays: {'--layout' if layout else '--colour'} says nothing of them")
        _draw_links(loaded, network, output or Path(f"{loaded.name}-links.svg"), size)
        return
    from netsim.report.graph import PAGE, check_form, figures, write

    target = output or Path(f"{loaded.name}.svg")
    try:
        check_form(target)
    except ValueError as error:
        _fail(WRONG, str(error))
    found, said = network.graph, ""
    asked = colour is Colour.traffic
    if asked and (set_ or seed is not None):
        _fail(WRONG, "--colour traffic shows what a run did: --set and --seed would make it another network")
    if asked or (target.suffix.lower() == PAGE and source.is_dir() and not set_ and seed is None):
        found, said = _with_traffic(source, network, asked)
    try:
        write(found, target, loaded.name, layout and layout.value, colour and colour.value)
    except ValueError as error:
        _fail(WRONG, str(error))
    except OSError as error:
        _fail(INCOMPLETE, f"{error.strerror or error}: {target}")
    typer.echo(f"{target}: " + ", ".join(f"{name} {value}" for name, value in figures(found).items()) + said)


def _with_traffic(source: Path, network: Network, asked: bool) -> tuple[nx.Graph[int], str]:
    """The network with the bytes that went over its links in a run, and words on them; without where nobody asked."""
    from netsim.measure.traffic import traffic
    from netsim.report.graph import with_traffic
    from netsim.trace import read

    if not source.is_dir():
        _fail(WRONG, f"--colour traffic: {source} is a scenario; only a run's folder says what went over its links")
    try:
        recorded = read(source)
        totals = traffic(recorded)
        if recorded.header.nodes != [network.graph.nodes[node]["name"] for node in network.graph]:
            raise ValueError("its trace is of other nodes than its scenario")
    except Exception as error:  # polars has its own for each way in which a file can be no Parquet
        if asked:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).partition("\n")[0]
            _fail(WRONG, f"--colour traffic: {source}: {reason}")
        return network.graph, ""
    found = with_traffic(network.graph, totals)
    said, beside = f", traffic {sum(totals.values())} B", found.graph["bytes_beside"]
    return found, said + (f" ({beside} B of it between nodes that no link joins: not drawn)" if beside else "")


def _draw_links(scenario: Scenario, network: Network, target: Path, size: str) -> None:
    """The picture and the table of how long messages of a size take from site to site."""
    from netsim.network.ways import largest, ways
    from netsim.report.links import check_form, draw, table
    from netsim.scenario.units import size as read_size
    from netsim.scenario.units import write_size

    try:
        check_form(target)
    except ValueError as error:
        _fail(WRONG, str(error))
    try:
        size_bytes = read_size(size)
    except ValueError as error:
        _fail(WRONG, f"--size {error}")
    if network.size == 1:
        _fail(WRONG, "there is no link: the scenario has one node")
    found = ways(network, scenario, size_bytes)
    what = f"One-way delay in ms of a message of {write_size(size_bytes)} that nothing else holds up, at any moment"
    shown, all_ = len(largest(scenario)), len(scenario.sites)
    if shown < all_:
        what += f"; the {shown} of {all_} sites with the most nodes"
    try:
        draw(found, target, scenario.name, what)
    except OSError as error:
        _fail(INCOMPLETE, f"{error.strerror or error}: {target}")
    typer.echo(f"{target}: {what}\n")
    typer.echo(table(found))


@app.command()
def report(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, such as runs/latest.")],
) -> None:
    """Make a run's report.html anew, from what the run recorded."""
    from netsim.measure import summarise
    from netsim.report.graph import read as read_graph
    from netsim.report.page.report import write
    from netsim.trace import read

    try:
        recorded = read(run_folder)
        graph = read_graph(run_folder / "network.graphml")
    except OSError as error:
        _fail(WRONG, f"{run_folder} is no run's folder: {error.strerror or error}")
    except Exception as error:  # polars has its own for each way in which a file can be no Parquet
        _fail(WRONG, f"{run_folder}: {str(error).partition(chr(10))[0]}")
    try:
        path = write(run_folder, recorded, summarise(recorded), graph)
    except OSError as error:
        _fail(INCOMPLETE, f"{error.strerror or error}: {run_folder / 'report.html'}")
    typer.echo(path)


class Milestone(Enum):
    """The three moments at which a block can be said to be final."""

    first = "first"
    quorum = "quorum"
    all = "all"


@app.command()
def explain(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, such as runs/latest.")],
    block: Annotated[str | None, typer.Argument(help="A height, or the beginning of a block's id.")] = None,
    at: Annotated[
        Milestone, typer.Option(help="Final at the first validator, at a quorum, or at all.")
    ] = Milestone.quorum,
) -> None:
    """Why a block took that long to be final, or where the time of all blocks goes."""
    from rich.console import Console

    from netsim.measure.causes import Causes
    from netsim.report.waterfall import waterfall, where_the_time_goes
    from netsim.trace import read

    try:
        causes = Causes(read(run_folder))
        places = causes.places(block)
    except OSError as error:
        _fail(WRONG, f"{run_folder} is no run's folder: {error.strerror or error}")
    except ValueError as error:
        _fail(WRONG, f"{run_folder}: {error}")
    paths = [path for place in places if (path := causes.path(place, at.value)) is not None]
    if not paths:
        _fail(WRONG, f"{run_folder}: no such block is final at {'all validators' if at.value == 'all' else at.value}")
    console = Console()
    if block is None:
        console.print(where_the_time_goes(causes.header, paths, console.width))
        console.print("\nThe median block:")
        paths = sorted(paths, key=lambda path: path.final_ns - path.proposed_ns)[len(paths) // 2 :][:1]
    for path in paths:
        console.print(waterfall(causes.header, path, console.width))


class Form(Enum):
    """What a run can be written as for other tools."""

    perfetto = "perfetto"
    csv = "csv"
    parquet = "parquet"


@app.command()
def export(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, such as runs/latest.")],
    to: Annotated[Form, typer.Option(help="Trace events for ui.perfetto.dev, or tables.")],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR", help="The file of trace events (.json or .json.gz), or the tables' folder; else in RUN."
        ),
    ] = None,
) -> None:
    """Write a run for tools that people already use: every message with Perfetto, or all that it holds as tables."""
    from netsim.export import perfetto, tables
    from netsim.trace import read

    try:
        trace = read(run_folder)
    except OSError as error:
        _fail(WRONG, f"{run_folder} is no run's folder: {error.strerror or error}")
    except Exception as error:  # polars has its own for each way in which a file can be no Parquet
        _fail(WRONG, f"{run_folder}: {str(error).partition(chr(10))[0]}")
    try:
        if to is Form.perfetto:
            target = output or run_folder / perfetto.FILE
            if not target.name.endswith((".json", ".json.gz")):
                _fail(WRONG, f"--output {target}: trace events go into a .json or .json.gz file")
            typer.echo(f"{target}: {perfetto.write(trace, target)} trace events, for https://ui.perfetto.dev")
            if trace.header.level != "full":
                typer.echo(f"note: its trace is of level {trace.header.level}: no messages are in it", err=True)
            return
        target = output or run_folder / to.value
        written = tables.write(trace, target, to.value)
        for table, rows in written.items():
            typer.echo(f"{target / table}.{to.value}: {rows} rows")
        typer.echo(f"{target / tables.MEANING}: what their columns hold")
    except OSError as error:
        _fail(INCOMPLETE, f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")


@app.command(name="list")
def list_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", help="; ".join((*catalogue.KINDS, "defaults", "one of the names", "file.py:Class"))
        ),
    ],
) -> None:
    """What a scenario may name: protocols, access profiles, topologies, … and every default; or one of them."""
    if what == "defaults":
        from netsim.scenario import defaults

        rows = defaults(catalogue)
        width = max(len(key) for key, _, _ in rows)
        for key, value, says in rows:
            typer.echo(f"{key:<{width}}  {value:<14} {says}".rstrip())
        return
    if what in catalogue.KINDS:
        for entry in catalogue.entries(what):
            _print_entry(entry)
        return
    try:
        found = [one for kind in catalogue.KINDS if (one := catalogue.find(kind, what)) is not None]
    except ValueError as error:
        _fail(WRONG, f"`{what}`, {error}")
    if not found:
        _fail(WRONG, f"nothing is called {what!r}; there are {', '.join(catalogue.KINDS)} and defaults")
    for entry in found:
        _print_entry(entry)


def _print_entry(entry: catalogue.Entry) -> None:
    """An entry with what it declares."""
    typer.echo(f"{entry.name}{'' if entry.built else '  (planned, not built yet)'}\n    {entry.says}")
    for name, fact in entry.facts:
        typer.echo(f"    {name}: {fact}")
    keys = [
        (parameter.name, "must be given" if parameter.default is None else parameter.default, parameter.says)
        for parameter in entry.parameters
    ]
    names, defaults = (max((len(key[column]) for key in keys), default=0) for column in (0, 1))
    for key, default, says in keys:
        typer.echo(f"    {key:<{names}}  {default:<{defaults}}  {says}")
    for preset in entry.presets:
        values = ", ".join(f"{name} {value}" for name, value in preset.values)
        typer.echo(f"    preset {preset.name}: {preset.says}{f' ({values})' if values else ''}")


def _load(path: Path, overrides: list[str] | tuple[str, ...], seed: int | None) -> Scenario:
    """The scenario, or exit code 2 with every problem on a line of its own."""
    from netsim.scenario import ScenarioError, load

    try:
        return load(path, overrides=overrides, seed=seed, catalogue=catalogue)
    except ScenarioError as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(WRONG) from None


def _points(path: Path, vary: Sequence[str], overrides: Sequence[str], seed: int | None) -> list[Point]:
    """Every point of a sweep, or exit code 2 with every problem on a line of its own."""
    from netsim.scenario import ScenarioError
    from netsim.scenario import points as read_points

    try:
        return read_points(path, vary=vary, overrides=overrides, seed=seed, catalogue=catalogue)
    except ScenarioError as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(WRONG) from None


def _plan(path: Path, scenario: Scenario, emulated: bool) -> Plan:
    """What the scenario comes to, or exit code 2 where it cannot be built or emulated in the processes it asks for."""
    from netsim.engine.layout import lookahead, places
    from netsim.engine.plan import Plan

    try:
        plan = Plan(scenario)
        if emulated:
            lookahead(plan, places(plan))
    except ValueError as error:
        _fail(WRONG, f"{path}: {error}")
    return plan


def _refuse_measuring(path: Path, scenario: Scenario) -> None:
    """Exit code 2 for a simulation in which nothing can be measured."""
    from netsim.engine.simulator import NOTHING_TO_MEASURE

    if scenario.compute.measured:
        _fail(WRONG, f"{path}: {NOTHING_TO_MEASURE}")


def _folder(out: Path) -> Path:
    """The folder given by --out: new or empty."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        _fail(WRONG, f"--out {out} is there already and not empty")
    out.mkdir(parents=True, exist_ok=True)
    return out


def _live(plan: Plan, engine: EngineName, speed: float) -> Live:
    """The live page, and where it is on a line of its own."""
    from netsim.live.session import Live

    live = Live(plan, engine, speed)
    typer.echo(f"live: {live.address}", err=True)
    return live


def _observer(progress: Progress, live: Live | None = None) -> Callable[[str, int, Tally], None]:
    """Feeds the display; each phase (the emulation, then its twin) has its own wall clock."""
    began: dict[str, float] = {}

    def observe(phase: str, now_ns: int, tally: Tally) -> None:
        if live is not None:
            live.phase(phase)
        wall_s = time.monotonic() - began.setdefault(phase, time.monotonic())
        title = "" if len(began) == 1 else "its twin, simulated"
        progress.update(now_ns / 1e9, wall_s, tally.blocks_final, tally.by_site(), title)

    return observe


def _fail(code: int, reason: str) -> NoReturn:
    typer.echo(f"netsim: {reason}", err=True)
    raise SystemExit(code)
