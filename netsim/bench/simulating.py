"""The simulator's figures: delivered copies per second of wall time, beside the bare heap loop."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.bench import worlds
from netsim.bench.figure import Effort, Line, Sample, figure
from netsim.bench.reference import rate

if TYPE_CHECKING:
    from netsim.engine.plan import Plan
    from netsim.measure import Summary
    from netsim.trace import Trace

_HEAP = "bare heap loop"
_RATE = "copies/s"


def _simulate(plan: Plan, event_by_event: bool = False) -> Trace:
    """What `netsim run --engine simulate` does with a plan, without display.

    `event_by_event`: without what is quicker and comes to the same, where this simulator has such a thing.
    """
    from netsim.engine.simulator import simulate

    options: dict[str, Any] = {}
    if event_by_event and "at_once" in signature(simulate).parameters:
        options["at_once"] = True
    with tempfile.TemporaryDirectory() as folder:
        return simulate(plan, Path(folder), **options)


def _delivered(trace: Trace) -> tuple[Summary, float]:
    """The summary of a run, and how long measuring took (s)."""
    from netsim.measure import summarise

    began = time.perf_counter()
    return summarise(trace), time.perf_counter() - began


def _timed(
    name: str,
    says: str,
    times: int,
    world: tuple[str, ...],
    goal: float | None = None,
    source: str | None = None,
    event_by_event: bool = False,
) -> Line:
    """The rate at which a world is simulated. The count of copies is measured after the clock was read."""
    samples, setup, measuring, summary = [], 0.0, 0.0, None
    for _ in range(times):
        began = time.perf_counter()
        planned = worlds.plan(*world, source=source)
        _ = planned.kit  # loads what is compiled
        setup = time.perf_counter() - began

        def run(planned: Plan = planned) -> tuple[Trace, int]:
            return _simulate(planned, event_by_event), 0

        blank, trace, seconds = rate(run)
        summary, measuring = _delivered(trace)
        samples.append(Sample(summary["messages"]["delivered"] / seconds, blank.reference))
    assert summary is not None
    beside: dict[str, float | str] = {
        "copies": summary["messages"]["delivered"],
        "blocks": summary["blocks"]["finalised"],
        "plan_s": setup,
        "measure_s": measuring,
        "digest": summary["trace_digest"][:12],
    }
    return Line(name, says, _RATE, tuple(samples), _HEAP, goal, at_least=True, beside=beside)


@figure("flood")
def flood(effort: Effort) -> Iterator[Line]:
    """Flooding: 1000 nodes of degree 8, drawn delays, a block every 10 s."""
    seconds = effort.of(1000, 50)
    yield _timed(
        "flood", "flooding, 1000 nodes of degree 8", effort.times, ("flood", f"duration={seconds} s"), goal=3.0
    )


@figure("dijkstra")
def dijkstra(effort: Effort) -> Iterator[Line]:
    """Flooding's arrival times against scipy's shortest paths: how many differ."""
    import numpy as np

    from netsim.network import Network
    from netsim.validate.gossip import shortest_paths
    from netsim.validate.laboratory import arrivals, proposers

    planned = worlds.plan("flood", "duration=25 s", f"sites.here.nodes={effort.of(1000, 100)}")
    trace = _simulate(planned)
    paths = shortest_paths(Network(planned.scenario), proposers(trace))
    reached = arrivals(trace)
    differing = int(np.sum(reached != paths))
    yield Line(
        "dijkstra",
        "flooding's arrival times other than Dijkstra's",
        "times",
        (Sample(differing),),
        goal=0,
        beside={"arrival times": "equal" if not differing else "differ", "compared": int(reached.size)},
    )


def _relay(protocol: str) -> str:
    """The network of scenarios/bitcoin-2019.yaml with another consensus, or its own."""
    shipped = Path(__file__).parents[2] / "scenarios/bitcoin-2019.yaml"
    text = shipped.read_text("utf-8").partition("\nexpect:")[0]
    before, _, after = text.partition("consensus:\n")
    return f"{before}consensus: {protocol}\n{after[after.index('workload:') :]}" if protocol else text


@figure("relay")
def relay(effort: Effort) -> Iterator[Line]:
    """A Bitcoin-style relay: 1000 nodes announce, ask, and send one block at a time; 535 kB every 600 s."""
    seconds = effort.of(60_000, 1300)
    script = "{protocol: scripted, arrival: fixed, block_interval: 600 s, block_bytes: 535 kB}"
    world = ("relay", f"duration={seconds} s", "trace=summary")
    times = effort.times if effort.repeat < 3 else min(effort.times, 2)
    source = _relay(script)
    yield _timed("relay", "Bitcoin-style relay, 1000 nodes", times, world, 1.0, source)
    yield _timed(
        "relay nakamoto",
        "the same, mined (bitcoin-2019)",
        1,
        ("relay", f"duration={effort.of(20_000, 700)} s", "trace=summary"),
        source=_relay(""),
    )


@figure("pbft")
def pbft(effort: Effort) -> Iterator[Line]:
    """PBFT among 128 validators, direct: event by event, and as the simulator likes to do it."""
    world: tuple[str, ...] = ("pbft", f"duration={effort.of(5, 2)} s")
    if effort.quick:
        world += ("sites.here.nodes=16",)
    yield _timed("pbft events", "PBFT, 128 validators, event by event", effort.times, world, 0.15, event_by_event=True)
    yield _timed("pbft bulk", "PBFT, 128 validators, votes in bulk", effort.times, world, 0.3)


@figure("large")
def large(effort: Effort) -> Iterator[Line]:
    """10 000 nodes × 100 blocks of gossip: the whole command in a process of its own."""
    nodes, blocks = effort.of(10_000, 300), effort.of(100, 5)
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder, "large.yaml")
        scenario.write_text(worlds.text("flood"), "utf-8")
        settings = (f"sites.here.nodes={nodes}", f"duration={10 * blocks + 5} s", "trace=summary")
        command = [sys.executable, "-m", "netsim", "run", str(scenario), "--engine", "simulate"]
        command += ["--out", f"{folder}/out", "--json"]
        for setting in settings:
            command += ["--set", setting]
        seconds, peak = _whole(command)
    says = f"{nodes} nodes × {blocks} blocks of gossip, the whole command"
    yield Line("large time", says, "s", (Sample(seconds),), goal=60)
    yield Line("large memory", f"{says}: peak memory", "MB", (Sample(peak / 1e6),), goal=2000)


def _whole(command: list[str]) -> tuple[float, int]:
    """Wall time (s) and peak resident size (bytes) of a command. Raises CalledProcessError."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):  # 1: an expectation that is not met
        raise subprocess.CalledProcessError(process.returncode, command)
    unit = 1 if sys.platform == "darwin" else 1024
    return time.perf_counter() - began, usage.ru_maxrss * unit


@figure("growth")
def growth(effort: Effort) -> Iterator[Line]:
    """What a delivery costs at 100 and at 10 000 nodes, about the same number of copies each, event by event.

    What nodes are made with is not in it: a run without blocks is subtracted.
    """
    few, many = 100, effort.of(10_000, 1000)
    copies = effort.of(320_000, 16_000)
    samples = []
    for _ in range(effort.times):
        cost = {}
        for nodes in (few, many):
            bare, start = _steps(nodes, 0)
            steps, delivered = _steps(nodes, max(1, copies // (8 * nodes)))
            cost[nodes] = (steps - bare) / (delivered - start)
        samples.append(Sample(cost[many] / cost[few]))
    beside: dict[str, float | str] = {f"heap steps per copy, {nodes} nodes": value for nodes, value in cost.items()}
    says = f"cost per copy, {many} nodes against {few}, event by event"
    yield Line("growth", says, "×", tuple(samples), goal=2.0, beside=beside)


def _steps(nodes: int, blocks: int) -> tuple[float, float]:
    """How many steps of a bare heap loop some blocks' flooding takes as long as, and how many copies that is."""
    world = ("busy", f"sites.here.nodes={nodes}", f"duration={10 * blocks + 5} s")
    planned = worlds.plan(*world)
    blank, trace, seconds = rate(lambda: (_simulate(planned, event_by_event=True), 0))
    assert blank.reference is not None
    return seconds * blank.reference, float(_delivered(trace)[0]["messages"]["delivered"])


@figure("trace")
def trace(effort: Effort) -> Iterator[Line]:
    """What the levels of the trace cost: the same run at each of them."""
    for level in ("full", "blocks", "summary"):
        world = ("flood", f"duration={effort.of(200, 20)} s", f"trace={level}")
        yield _timed(
            f"trace {level}", f"flooding event by event, trace level {level}", effort.times, world, event_by_event=True
        )


@figure("peers")
def peers(effort: Effort) -> Iterator[Line]:
    """SimPy, for context, where it happens to be installed: a process that waits, again and again."""
    try:
        import simpy  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return
    environment = simpy.Environment()
    events = effort.of(200_000, 5000)

    def ticking(every: float) -> Iterator[Any]:
        while True:
            yield environment.timeout(every)

    for node in range(1000):
        environment.process(ticking(1 + node / 1000))

    def run() -> tuple[None, int]:
        for _ in range(events):
            environment.step()
        return None, events

    sample, _, _ = rate(run)
    yield Line("simpy", "SimPy: time-outs of 1000 processes", "events/s", (sample,), _HEAP)
