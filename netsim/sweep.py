"""A sweep: every combination of what varies, each with several seeds, simulated on this machine's cores.

The independent unit is the run: what is said of a point is the mean over its seeds, with the interval that holds the
true mean with 95 % confidence (Student's).
"""

from __future__ import annotations

import csv
import os
import shutil
import signal
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from math import sqrt
from multiprocessing import active_children, get_context
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from netsim.engine.lifeline import die_with_parent

if TYPE_CHECKING:
    from netsim.scenario import Point, Scenario

CONFIDENCE = 0.95
_DELAYS = ("count", "mean", "p50", "p90", "p99", "max")
# What results.csv holds of each run: keys of summary.json.
FIGURES = (
    *(f"finality.{who}_ms.{member}" for who in ("first", "quorum", "all") for member in _DELAYS),
    *(f"blocks.{count}" for count in ("proposed", "finalised", "empty", "open", "stale", "stale_rate")),
    *("blocks.interval_ms.p50", "propagation_ms.p50.p50", "propagation_ms.p90.p50"),
    *("transactions.finalised", "transactions.throughput_tps", "transactions.latency_ms.p50"),
    *("messages.per_block", "messages.sent", "messages.bytes", "rounds.mean", "rounds.max", "rounds.timeouts"),
    *("liveness.stalled_ms", "liveness.recovery_ms", "safety.agreement", "trace_digest"),
)
# What the table shows beside the point: heading, figure, digits after the decimal point.
SHOWN = (
    ("finality p50 ms", "finality.quorum_ms.p50", 1),
    ("p99 ms", "finality.quorum_ms.p99", 1),
    ("blocks", "blocks.finalised", 0),
    ("messages/block", "messages.per_block", 1),
)


class SweepError(Exception):
    """A run of the sweep that could not be completed, and why."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run gave: figures by their keys in summary.json, None where there is none, and its exit code."""

    point: int
    seed: int
    figures: dict[str, Any]
    expectations_failed: int
    exit_code: int


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over seeds; `half` the width of its interval, None for one run alone."""

    mean: float
    half: float | None

    def written(self, digits: int) -> str:
        """`80.0 ± 0.4`."""
        return f"{self.mean:.{digits}f}" + ("" if self.half is None else f" ± {self.half:.{digits}f}")


def mean(values: Iterable[float | None]) -> Mean | None:
    """The mean of those that are there, None where there are none."""
    given = [value for value in values if value is not None]
    if not given:
        return None
    if len(given) == 1:
        return Mean(given[0], None)
    from scipy.stats import t  # slow to import

    return Mean(fmean(given), float(t.ppf((1 + CONFIDENCE) / 2, len(given) - 1)) * stdev(given) / sqrt(len(given)))


def sweep(points: Sequence[Point], seeds: Sequence[int], jobs: int) -> Iterator[Run]:
    """Simulate every point with every seed in `jobs` processes. The runs come as they are done.

    Raises SweepError; it, and Ctrl-C, leave nothing running.
    """
    left = len(points) * len(seeds)
    tasks = [(number, seed) for number in range(len(points)) for seed in seeds]
    others = set(active_children())
    pool = ProcessPoolExecutor(
        min(jobs, len(tasks)),
        mp_context=get_context("spawn"),
        initializer=_begin,
        initargs=(os.getpid(),),
    )
    try:
        for future in as_completed(
            [pool.submit(measured, number, points[number].scenario, seed) for number, seed in tasks]
        ):
            run = future.result()
            left -= 1
            yield run
    except BrokenProcessPool:
        raise SweepError(
            "a process that simulated ended before it was done; perhaps there is not enough memory"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        if left:
            for process in set(active_children()) - others:
                process.kill()


def _begin(parent: int) -> None:
    """A process that simulates: Ctrl-C is its parent's business, and so is its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(parent)()


def measured(point: int, scenario: Scenario, seed: int) -> Run:
    """One run. Raises SweepError."""
    from netsim.engine.plan import Plan
    from netsim.engine.simulator import NodeFailed, simulate
    from netsim.measure import outcome, summarise
    from netsim.measure.expect import flatten

    with TemporaryDirectory(prefix="netsim-sweep-") as work:
        try:
            recorded = simulate(Plan(replace(scenario, seed=seed)), Path(work))
        except (NodeFailed, ValueError, OSError) as error:  # not these themselves: one holds its whole trace
            raise SweepError(f"seed {seed}: {error}") from None
    summary = summarise(recorded)
    flat = dict(flatten(cast(dict[str, Any], summary)))
    failed = sum(judged["passed"] is False for judged in summary["expect"])
    return Run(point, seed, {key: flat.get(key) for key in FIGURES}, failed, outcome(summary))


def write(points: Sequence[Point], runs: Sequence[Run], folder: Path) -> None:
    """`results.csv`, a line for each run, and each point as a scenario that can be run by itself. Raises OSError."""
    for number, point in enumerate(points):
        (folder / f"{_name(number)}.yaml").write_text(point.scenario.text, encoding="utf-8")
        code = point.scenario.consensus.code
        if code is not None:
            shutil.copy(code, folder)
    keys = list(points[0].values)
    with (folder / "results.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["point", *keys, "seed", *FIGURES, "expectations_failed", "exit_code"])
        for run in sorted(runs, key=lambda run: (run.point, run.seed)):
            values = [_name(run.point), *points[run.point].values.values(), run.seed]
            lines.writerow([*values, *(run.figures[key] for key in FIGURES), run.expectations_failed, run.exit_code])


def _name(point: int) -> str:
    return f"point-{point + 1:03}"


def table(points: Sequence[Point], runs: Sequence[Run]) -> Iterator[list[str]]:
    """The headings, then a row for each point: its values, means over the seeds, whether agreement holds."""
    keys = list(points[0].values)
    expecting = any(point.scenario.expect for point in points)
    yield [*keys, *(heading for heading, _, _ in SHOWN), "agreement", *(["expected"] if expecting else [])]
    for number, point in enumerate(points):
        own = [run for run in runs if run.point == number]
        row = [*point.values.values(), *(_shown([run.figures[key] for run in own], digits) for _, key, digits in SHOWN)]
        violated = sum(run.figures["safety.agreement"] == "violated" for run in own)
        row.append(_counted(violated, len(own), "holds", "violated"))
        if expecting:
            row.append(_counted(sum(run.expectations_failed > 0 for run in own), len(own), "passed", "failed"))
        yield row


def _shown(values: Sequence[float | None], digits: int) -> str:
    found = mean(values)
    if found is None:
        return "–"
    there = sum(value is not None for value in values)
    return found.written(digits) + (f" ({there} of {len(values)})" if there < len(values) else "")


def _counted(wrong: int, runs: int, good: str, bad: str) -> str:
    return good if not wrong else bad if wrong == runs else f"{bad} in {wrong} of {runs}"
