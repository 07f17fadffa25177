"""The emulator's figures: wall seconds per second of the scenario, start-up and twin beside."""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from netsim.bench import reference, worlds
from netsim.bench.figure import Effort, Line, Sample, figure

if TYPE_CHECKING:
    from netsim.engine.emulator import Emulated
    from netsim.engine.plan import Plan

_UNIT = "s per s"
_BAY = (5, 4, 4)  # nodes in Shenzhen, Hong Kong and Suzhou
_IDLE_S = 1000


class NotEmulated(RuntimeError):
    """An emulation that is to be timed did not come to its end."""


def _emulate(plan: Plan) -> Emulated:
    from netsim.engine.emulator import emulate

    with tempfile.TemporaryDirectory() as folder:
        done = emulate(plan, Path(folder), plan.scenario.emulation.broker)
    if done.failure is not None:
        raise NotEmulated(str(done.failure) or "interrupted")
    return done


def _bay(nodes: int) -> tuple[str, ...]:
    """The Greater Bay with so many nodes, divided as among thirteen."""
    hong_kong = nodes * _BAY[1] // sum(_BAY)
    shares = {"shenzhen": nodes - 2 * hong_kong, "hong-kong": hong_kong, "suzhou": hong_kong}
    return tuple(f"sites.{site}.nodes={share}" for site, share in shares.items())


def _twin(plan: Plan, done: Emulated) -> tuple[str, float]:
    """Whether the twin is equal, and how long it took (s)."""
    from netsim.engine.simulator import simulate

    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        equal = simulate(plan, Path(folder)).digest() == done.trace.digest()
    return "equal" if equal else "differs", time.perf_counter() - began


def _paced(
    name: str, says: str, times: int, world: tuple[str, ...], goal: float | None = None, source: str | None = None
) -> Line:
    """Wall seconds per emulated second, from when all processes are ready to the end of the scenario."""
    from netsim.measure import summarise

    plan = worlds.plan(*world, source=source)
    duration = plan.scenario.duration / 1e9
    samples, starts, speeds = [], [], [reference.bare_heap_loop()]
    for _ in range(times):
        done = _emulate(plan)
        speeds.append(reference.bare_heap_loop())
        samples.append(Sample(done.conduct_s / duration))
        starts.append(done.start_s)
    twin, seconds = _twin(plan, done)
    done.trace.header.fidelity.twin = "equal" if twin == "equal" else "differs"
    summary = summarise(done.trace)
    fidelity = summary["fidelity"]
    beside: dict[str, float | str] = {
        "verdict": fidelity["verdict"],
        "twin": twin,
        "blocks": summary["blocks"]["finalised"],
        "processes": done.processes,
        "rounds": fidelity["rounds"],
        "start_s": median(starts),
        "twin_s": seconds,
        "heap_loop_per_s": median(speeds),  # how fast the machine was meanwhile
    }
    return Line(name, says, _UNIT, tuple(samples), goal=goal, beside=beside)


@figure("13 own")
def thirteen(effort: Effort) -> Iterator[Line]:
    """PBFT, a block per second, greater-bay: 13 nodes in processes of their own; and under constant 20 ms links."""
    world = ("greater-bay", f"duration={effort.of(20, 4)} s", "emulation.nodes_per_process=1")
    yield _paced("13 own", "PBFT, greater-bay, 13 processes", effort.times, world, 0.2)
    constant = worlds.text("greater-bay").partition("backbone:")
    source = f"{constant[0].replace('5g', 'ideal').replace('fibre', 'ideal')}backbone: {{delay: 20 ms}}\n"
    source += constant[2][constant[2].index("consensus:") :]
    says = "PBFT, constant 20 ms, 13 processes"
    yield _paced("13 constant", says, effort.times, world, 0.06, source=source)


@figure("40 own")
def forty(effort: Effort) -> Iterator[Line]:
    """PBFT, a block per second, greater-bay: 40 nodes in processes of their own."""
    world = ("greater-bay", f"duration={effort.of(10, 2)} s", "warmup=0 s", "emulation.nodes_per_process=1")
    yield _paced("40 own", "PBFT, greater-bay, 40 processes", min(effort.times, 2), (*world, *_bay(40)), 0.4)


@figure("packed")
def packed(effort: Effort) -> Iterator[Line]:
    """PBFT, a block per second, greater-bay: 100 and 300 nodes, packed."""
    for nodes, goal, seconds in ((100, 0.1, effort.of(10, 2)), (300, 0.4, effort.of(6, 2))):
        world = ("greater-bay", f"duration={seconds} s", "warmup=0 s", "trace=summary", *_bay(nodes))
        says = f"PBFT, greater-bay, {nodes} nodes, packed"
        yield _paced(f"{nodes} packed", says, min(effort.times, 2), world, goal)


@figure("1000 gossip")
def gossip(effort: Effort) -> Iterator[Line]:
    """1000 nodes that gossip a block per second, packed."""
    world = ("flood", f"duration={effort.of(10, 2)} s", "consensus.block_interval=1 s", "trace=summary")
    yield _paced("1000 gossip", "1000 nodes gossip a block per second", min(effort.times, 2), world, 0.3)


@figure("idle")
def idle(effort: Effort) -> Iterator[Line]:
    """A long stretch without blocks: 13 processes, 1000 s."""
    seconds = effort.of(_IDLE_S, 50)
    world = ("flood", "sites.here.nodes=13", f"duration={seconds} s", "emulation.nodes_per_process=1")
    empty = (*world, "overlay.degree=4", f"consensus.block_interval={seconds * 2} s")
    yield _paced("idle", f"{seconds} s without blocks, 13 processes", min(effort.times, 2), empty)


@figure("start", fresh=True)
def start(effort: Effort) -> Iterator[Line]:
    """How long it takes until 100 processes are ready."""
    nodes = effort.of(100, 8)
    world = ("greater-bay", "duration=1 ms", "warmup=0 s", "emulation.nodes_per_process=1", *_bay(nodes))
    plan = worlds.plan(*world)
    samples = tuple(Sample(_emulate(plan).start_s) for _ in range(min(effort.times, 2)))
    yield Line("start", f"start of {nodes} processes", "s", samples, goal=3.0)


@figure("memory", fresh=True)
def memory(effort: Effort) -> Iterator[Line]:
    """Private memory of an idle node's process, beside a bare child of a fork server."""
    nodes = effort.of(13, 4)
    world = ("greater-bay", "duration=20 s", "warmup=0 s", "emulation.nodes_per_process=1", "emulation.pace=clock")
    found = _private_of_children(worlds.plan(*world, "consensus.block_interval=60 s", *_bay(nodes)))
    bare = _bare_child()
    if found is None or bare is None:
        return
    yield Line(
        "memory",
        "private memory of an idle node's process",
        "MiB",
        (Sample(found),),
        goal=10,
        beside={"bare forkserver child (MiB)": bare},
    )


def _private_of_children(plan: Plan) -> float | None:
    """The median private memory (MiB) of the processes of an emulation, 1 s after they are ready; it is then ended."""
    from netsim.engine.emulator import emulate

    found: list[float] = []

    def look(now_ns: int, tally: object) -> None:
        if now_ns >= 10**9 and not found:
            found.extend(_private(pid) for pid in _node_processes())
            raise KeyboardInterrupt

    with tempfile.TemporaryDirectory() as folder:
        emulate(plan, Path(folder), plan.scenario.emulation.broker, look)
    return median(found) if found else None


def _node_processes() -> list[int]:
    """The processes that this one has started through multiprocessing and that still run."""
    return [child.pid for child in multiprocessing.active_children() if child.pid is not None]


def _private(pid: int) -> float:
    """Private memory of a process in MiB (proc(5), smaps_rollup: Private_Clean and Private_Dirty)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def _wait(end: Connection) -> None:
    """What a bare child does."""
    end.recv_bytes()


def _bare_child() -> float | None:
    """Private memory (MiB) of a child of the fork server that only waits."""
    if not Path("/proc/self/smaps_rollup").exists():
        return None
    context = multiprocessing.get_context("forkserver")
    theirs, ours = context.Pipe(duplex=False)
    child = context.Process(target=_wait, args=(theirs,), daemon=True)
    child.start()
    time.sleep(0.5)
    assert child.pid is not None
    found = _private(child.pid)
    ours.send_bytes(b"end")
    child.join()
    return found


@figure("hop")
def hop(effort: Effort) -> Iterator[Line]:
    """A message there and back: through the embedded broker with plain clients, beside a bare TCP echo."""
    count = effort.of(1000, 50)
    samples = []
    for _ in range(effort.times):
        with tempfile.TemporaryDirectory() as folder:
            before = asyncio.run(reference.loopback_echo(250, count))
            taken = asyncio.run(reference.broker_hop(Path(folder), 250, count))
            after = asyncio.run(reference.loopback_echo(250, count))
        samples.append(Sample(taken * 1e3, (before + after) * 1e3 / 2))
    yield Line("hop", "publish → receive and back, 250 B", "ms", tuple(samples), "loopback TCP echo")


@figure("clock")
def clock(effort: Effort) -> Iterator[Line]:
    """In real time: how many events came too late, and how late events were, beside a bare timer in the same minute."""
    from netsim.measure import summarise

    seconds = effort.of(20, 4)
    world = ("greater-bay", f"duration={seconds} s", "emulation.nodes_per_process=1", "emulation.pace=clock")
    plan = worlds.plan(*world, "trace=full", "workload.rate=200 /s")
    late = asyncio.run(reference.bare_timer(effort.of(200, 20), 0.005))
    fidelity = summarise(_emulate(plan).trace)["fidelity"]
    late += asyncio.run(reference.bare_timer(effort.of(200, 20), 0.005))
    share = Sample(100 * fidelity["displaced_share"])
    beside: dict[str, float | str] = {"displaced": fidelity["displaced"], "verdict": fidelity["verdict"]}
    yield Line("clock displaced", "clock pace, 13 processes: events displaced", "%", (share,), goal=0.1, beside=beside)
    lateness = fidelity["lateness_ms"]
    for name, rank in (("p50", 0.5), ("p99", 0.99)):
        bare = sorted(late)[min(len(late) - 1, int(rank * len(late)))] * 1e3
        found = lateness["p50"] if name == "p50" else lateness["p99"]
        if found is not None:
            yield Line(f"clock {name}", f"clock pace: lateness {name}", "ms", (Sample(found, bare),), "bare timer")
