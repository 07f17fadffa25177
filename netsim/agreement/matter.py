"""What is held against each other: a scenario with a seed, simulated once, and emulated in several packings."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from netsim import catalogue, trace
from netsim.agreement.short import SHORT
from netsim.engine.emulator import emulate
from netsim.engine.layout import LayoutError
from netsim.engine.plan import Plan
from netsim.engine.simulator import NodeFailed, simulate
from netsim.engine.twin import difference
from netsim.measure import Summary, summarise
from netsim.scenario import points

PACKINGS = ("own", "two", "auto")
_MOST_PROCESSES = 100  # more nodes than that are not given a process each


@dataclass(frozen=True, slots=True)
class Row:
    """One emulation beside the simulation of the same. Finality (ms) is the quorum's, p50 and p99, in both engines."""

    scenario: str
    seed: int
    packing: str
    processes: int = 0
    verdict: str = ""
    digests: str = ""  # "equal" or "differ"
    simulated_ms: tuple[float | None, float | None] = (None, None)
    emulated_ms: tuple[float | None, float | None] = (None, None)
    simulate_s: float = 0.0
    emulate_s: float = 0.0
    differs: str = ""  # where the digests first differ, or why there is none

    @property
    def agrees(self) -> bool:
        """Exact, equal, and the same figures."""
        return (self.verdict, self.digests, self.differs) == ("exact", "equal", "") and (
            self.simulated_ms == self.emulated_ms
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "agrees": self.agrees}


def shipped(folder: Path) -> dict[str, Path]:
    """The scenarios below a folder, by name; those in folders of their own, too."""
    return {path.stem: path for path in sorted(folder.glob("**/*.yaml"))}


def compare(path: Path, seeds: int, packings: Sequence[str], full: bool) -> Iterator[Row]:
    """A scenario with its own seed and those that follow.

    Of a sweep every point; in the short form only those that it wants emulated itself, if it names any.

    Raises ScenarioError for one that cannot be read.
    """
    overrides = [] if full else SHORT.get(path.name, [])
    there = list(points(path, vary=(), overrides=overrides, seed=None, catalogue=catalogue))
    wanted = [] if full else [point for point in there if point.emulated]
    for point in wanted or there:
        values = ", ".join(str(value) for value in point.values.values())
        name = f"{path.stem} ({values})" if values else path.stem
        first = point.scenario.seed
        for seed in range(first, first + seeds):
            yield from _seed(path, name, values, overrides, seed, packings)


def _seed(
    path: Path, name: str, values: str, overrides: Sequence[str], seed: int, packings: Sequence[str]
) -> Iterator[Row]:
    plan = _plan(path, values, overrides, seed)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            simulated = simulate(plan, Path(folder))
        except NodeFailed as failed:
            yield Row(name, seed, "–", differs=str(failed))
            return
        finally:
            simulate_s = time.monotonic() - began
        for packing in packings:
            if packing == "own" and plan.network.size > _MOST_PROCESSES:
                continue
            per_process = {"own": "1", "two": str(-(-plan.network.size // 2)), "auto": "auto"}[packing]
            packed = _plan(path, values, [*overrides, f"emulation.nodes_per_process={per_process}"], seed)
            yield _emulated(Row(name, seed, packing, simulate_s=simulate_s), packed, simulated)


def _plan(path: Path, values: str, overrides: Sequence[str], seed: int) -> Plan:
    """The plan of the point of a scenario with those values."""
    for point in points(path, vary=(), overrides=list(overrides), seed=seed, catalogue=catalogue):
        if ", ".join(str(value) for value in point.values.values()) == values:
            return Plan(point.scenario)
    raise LookupError(values)


def _emulated(row: Row, plan: Plan, simulated: trace.Trace) -> Row:
    """The row with what the emulation came to; what goes wrong is said in it."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = emulate(plan, Path(folder), plan.scenario.emulation.broker)
        except LayoutError as error:
            return _with(row, differs=str(error))
    if done.failure is not None and not str(done.failure):
        raise KeyboardInterrupt
    equal = done.trace.digest() == simulated.digest()
    differs = str(done.failure or "") or ("" if equal else difference(done.trace, simulated))
    done.trace.header.fidelity.twin = "equal" if equal else "differs"
    summary = summarise(done.trace)
    return _with(
        row,
        processes=done.processes,
        verdict=summary["fidelity"]["verdict"],
        digests="equal" if equal else "differ",
        simulated_ms=_finality(summarise(simulated)),
        emulated_ms=_finality(summary),
        emulate_s=time.monotonic() - began,
        differs=differs,
    )


def _with(row: Row, **fields: Any) -> Row:
    return Row(**{**asdict(row), **fields})


def _finality(summary: Summary) -> tuple[float | None, float | None]:
    dist = summary["finality"]["quorum_ms"]
    return dist["p50"], dist["p99"]
