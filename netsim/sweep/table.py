"""What the runs of a sweep come to: means with intervals, a table to look at, and tables for other programs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from math import sqrt
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any, TypeGuard

from netsim.sweep.folder import Folder, Recorded, name
from netsim.sweep.run import Run

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
# The columns of points.parquet after the point's values.
AGGREGATES = ("figure", "runs", "count", "mean", "low", "high", "median")
# What the table shows beside the point: heading, figure, digits after the decimal point.
SHOWN = (
    ("finality p50 ms", "finality.quorum_ms.p50", 1),
    ("p99 ms", "finality.quorum_ms.p99", 1),
    ("blocks", "blocks.finalised", 0),
    ("messages/block", "messages.per_block", 1),
)


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
    return Mean(fmean(given), student(len(given) - 1) * stdev(given) / sqrt(len(given)))


@cache
def student(freedom: float) -> float:
    """How many standard errors the interval reaches to each side, with so many degrees of freedom."""
    from scipy.stats import t  # slow to import

    return float(t.ppf((1 + CONFIDENCE) / 2, freedom))


def write_tables(folder: Folder) -> None:
    """Write the tables of a sweep's folder anew. Raises OSError."""
    write_csv(folder.points, list(folder.runs.values()), folder.path)
    write_parquet(folder.points, list(folder.runs.values()), folder.path)


def write_csv(points: Sequence[Recorded], runs: Sequence[Run], folder: Path) -> None:
    """`results.csv`, a line for each run with the main figures, for spreadsheets. Raises OSError."""
    keys = list(points[0].values)
    with (folder / "results.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["point", *keys, "seed", *FIGURES, "expectations_failed", "exit_code"])
        for run in ordered(runs):
            values = [name(run.point), *points[run.point].values.values(), run.seed]
            figures = (run.figures.get(key) for key in FIGURES)
            lines.writerow([*values, *figures, run.expectations_failed, run.exit_code])


def write_parquet(points: Sequence[Recorded], runs: Sequence[Run], folder: Path) -> None:
    """`results.parquet` and `points.parquet`, the same wherever and in whatever order the runs were done.

    results.parquet has a row for each run, by point and seed:
        point                 text, as in `point-001.yaml`
        a column for each varied key    integers, floats or truth values where all values are, else text as written
        seed                  integer
        the figures           every number and text in summary.json by its key, such as `finality.quorum_ms.p50`, in
                              its order; null where a run has none. `trace_digest` is among them
        expectations_failed   integer
        exit_code             integer, as of `netsim run`
        failure               text: why the run could not be completed; else null
        wall_s, host          how long it took in seconds, and where: the only two that depend on the machine

    points.parquet has a row for each point and figure that is a number: point, the varied keys, figure (its key), runs
    (how many came to their end), count (how many of them have the figure), mean, low and high (the interval that holds
    the true mean with 95 % confidence, Student's; null for one run), median. Raises OSError.
    """
    import polars

    done = ordered(runs)
    varied = {key: _typed([point.values[key] for point in points]) for key in points[0].values}
    figures = list(dict.fromkeys(key for run in done for key in run.figures))
    columns: dict[str, list[Any]] = {"point": [name(run.point) for run in done]}
    columns |= {key: [values[run.point] for run in done] for key, values in varied.items()}
    columns["seed"] = [run.seed for run in done]
    columns |= {key: _of_one_type([run.figures.get(key) for run in done]) for key in figures}
    columns["expectations_failed"] = [run.expectations_failed for run in done]
    columns["exit_code"] = [run.exit_code for run in done]
    columns["failure"] = [run.failure or None for run in done]
    columns["wall_s"] = [run.wall_s for run in done]
    columns["host"] = [run.host for run in done]
    empty = {key: polars.Float64 for key in figures if all(value is None for value in columns[key])}
    schema = empty | {"point": polars.String, "seed": polars.Int64, "failure": polars.String, "host": polars.String}
    polars.DataFrame(columns, schema_overrides=schema).write_parquet(folder / "results.parquet")
    rows = list(_aggregated(points, varied, done, figures))
    names = ["point", *varied, *AGGREGATES]
    table = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    types = dict.fromkeys(("mean", "low", "high", "median"), polars.Float64) | {"point": polars.String}
    polars.DataFrame(table, schema_overrides=types).write_parquet(folder / "points.parquet")


def _aggregated(
    points: Sequence[Recorded], varied: Mapping[str, list[Any]], runs: Sequence[Run], figures: Sequence[str]
) -> Iterator[list[Any]]:
    for number in range(len(points)):
        own = [run for run in runs if run.point == number and not run.failure]
        head = [name(number), *(values[number] for values in varied.values())]
        for key in figures:
            there: list[float] = [value for run in own if is_number(value := run.figures.get(key))]
            if (found := mean(there)) is None:
                continue
            ends = [None, None] if found.half is None else [found.mean - found.half, found.mean + found.half]
            yield [*head, key, len(own), len(there), found.mean, *ends, float(median(there))]


def _typed(words: Sequence[str]) -> list[Any]:
    """Values as numbers or truth values where all of them are."""
    for read in (int, float):
        with suppress(ValueError):
            return [read(word) for word in words]
    if set(words) <= {"true", "false"}:
        return [word == "true" for word in words]
    return list(words)


def _of_one_type(values: list[Any]) -> list[Any]:
    """A column may hold integers or floats, not both."""
    mixed = any(isinstance(value, float) for value in values)
    return [float(value) if mixed and isinstance(value, int) else value for value in values]


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a figure is one that there can be a mean of."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def ordered(runs: Iterable[Run]) -> list[Run]:
    """By point and seed."""
    return sorted(runs, key=lambda run: (run.point, run.seed))


def table(points: Sequence[Recorded], runs: Sequence[Run]) -> Iterator[list[str]]:
    """The headings, then a row for each point: its values, means over the seeds, whether agreement holds."""
    keys = list(points[0].values)
    expecting = any(point.expects for point in points)
    yield [*keys, *(heading for heading, _, _ in SHOWN), "agreement", *(["expected"] if expecting else [])]
    for number, point in enumerate(points):
        own = [run for run in runs if run.point == number]
        shown = (_shown([run.figures.get(key) for run in own], digits) for _, key, digits in SHOWN)
        row = [*point.values.values(), *shown]
        ended = [run for run in own if not run.failure]  # nothing is known of the others
        violated = sum(run.figures.get("safety.agreement") == "violated" for run in ended)
        row.append(_counted(violated, len(ended), "holds", "violated"))
        if expecting:
            row.append(_counted(sum(run.expectations_failed > 0 for run in ended), len(ended), "passed", "failed"))
        yield row


def _shown(values: Sequence[float | None], digits: int) -> str:
    found = mean(values)
    if found is None:
        return "–"
    there = sum(value is not None for value in values)
    return found.written(digits) + (f" ({there} of {len(values)})" if there < len(values) else "")


def _counted(wrong: int, runs: int, good: str, bad: str) -> str:
    if not runs:
        return "–"
    return good if not wrong else bad if wrong == runs else f"{bad} in {wrong} of {runs}"
