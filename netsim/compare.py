"""Runs or sweeps side by side: figures, what differs between their scenarios, and how sure a difference is.

Of single runs the figures stand beside each other as they are: the blocks of one run are not independent, so there is
no interval. Of sweeps, points with the same values are compared: means over seeds with their 95 % intervals, and the
difference to the first sweep with an interval of its own. Where both have run the same seeds the differences are taken
seed by seed (*paired*); else the interval is Welch's, "The generalization of 'Student's' problem when several different
population variances are involved", Biometrika 34, 1947.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, variance
from typing import Any

import msgspec

from netsim.measure.expect import flatten
from netsim.sweep.folder import SWEEP, OtherSweep, Recorded, read
from netsim.sweep.run import Run
from netsim.sweep.table import Mean, mean, student

# What is compared: keys of summary.json, and the digits after the decimal point.
FIGURES = (
    *((f"finality.{who}_ms.{member}", 1) for who in ("first", "quorum", "all") for member in ("p50", "p99")),
    ("propagation_ms.p90.p50", 1),
    ("transactions.latency_ms.p50", 1),
    ("transactions.throughput_tps", 1),
    ("blocks.finalised", 0),
    ("blocks.stale_rate", 4),
    ("messages.per_block", 1),
    ("rounds.timeouts", 0),
    ("liveness.stalled_ms", 1),
)
WORDS = ("engine", "safety.agreement", "fidelity.verdict", "fidelity.twin", "trace_digest")


class NotComparable(Exception):
    """Folders that cannot be put side by side, and why."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure at one point: a cell for each folder, and of sweeps the difference of each further one to the first.

    `point` is empty for runs. A cell is a number, a text, a `Mean`, or None where there is nothing.
    """

    point: dict[str, str]
    figure: str
    digits: int
    cells: tuple[Any, ...]
    differences: tuple[tuple[Mean, bool] | None, ...] = ()  # and whether it is paired


def compare(folders: Sequence[Path]) -> list[Compared]:
    """Put runs, or sweeps, side by side. Raises NotComparable."""
    sweeps = [(folder / SWEEP).is_file() for folder in folders]
    if all(sweeps):
        return list(_sweeps(folders))
    for folder, is_sweep in zip(folders, sweeps, strict=True):
        if not is_sweep and not (folder / "summary.json").is_file():
            raise NotComparable(f"{folder} is neither a run's folder nor a sweep's")
    if any(sweeps):
        raise NotComparable("a run and a sweep cannot be compared; `netsim sweep` makes a sweep of a scenario")
    return list(_runs(folders))


def differences(folders: Sequence[Path]) -> list[tuple[str, tuple[str, ...]]]:
    """The keys in which the resolved scenarios of runs differ, each with its values, "–" where it is not given."""
    texts = [folder / "scenario.yaml" for folder in folders]
    if not all(text.is_file() for text in texts):
        return []
    given = [_keys(text.read_text("utf-8")) for text in texts]
    keys = dict.fromkeys(key for scenario in given for key in scenario)
    values = ((key, tuple(scenario.get(key, "–") for scenario in given)) for key in keys)
    return [(key, found) for key, found in values if len(set(found)) > 1]


def rows(folders: Sequence[Path], compared: Sequence[Compared]) -> Iterator[list[str]]:
    """The headings, then a line for each figure that anybody has."""
    keys = list(compared[0].point) if compared else []
    several = any(line.differences for line in compared)
    names = [folder.name or str(folder) for folder in folders]
    further = [f"{name} − {names[0]}" for name in names[1:]] if several else []
    yield [*keys, "figure", *names, *further]
    for line in compared:
        if all(cell is None for cell in line.cells):
            continue
        cells = [_written(cell, line.digits) for cell in line.cells]
        beside = [
            "–" if found is None else found[0].written(line.digits) + (" (paired)" if found[1] else "")
            for found in line.differences
        ]
        yield [*line.point.values(), line.figure, *cells, *beside]


def _runs(folders: Sequence[Path]) -> Iterator[Compared]:
    found = [dict(flatten(_summary(folder))) for folder in folders]
    for figure, digits in FIGURES:
        yield Compared({}, figure, digits, tuple(flat.get(figure) for flat in found))
    for word in WORDS:
        yield Compared({}, word, 0, tuple(flat.get(word) for flat in found))


def _summary(folder: Path) -> dict[str, Any]:
    try:
        summary: dict[str, Any] = msgspec.json.decode((folder / "summary.json").read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise NotComparable(f"{folder / 'summary.json'}: {error}") from None
    return summary


def _sweeps(folders: Sequence[Path]) -> Iterator[Compared]:
    try:
        found = [read(folder) for folder in folders]
    except (OSError, OtherSweep) as error:
        raise NotComparable(str(error)) from None
    tables = [_by_values(points, runs) for _, points, runs in found]
    shared = [values for values in tables[0] if all(values in table for table in tables[1:])]
    if not shared:
        raise NotComparable("the sweeps have no point in common")
    for values in shared:
        own = [table[values] for table in tables]
        for figure, digits in FIGURES:
            samples = [_samples(runs, figure) for runs in own]
            further = tuple(_difference(samples[0], other) for other in samples[1:])
            cells = tuple(mean(list(sample.values())) for sample in samples)
            yield Compared(dict(values), figure, digits, cells, further)
        digests = [{run.seed: run.figures.get("trace_digest") for run in runs} for runs in own]
        both = [sum(one.get(seed) == digest for seed, digest in digests[0].items()) for one in digests]
        equal = tuple(f"{count} of {len(digests[0])} equal" for count in both)
        yield Compared(dict(values), "trace_digest", 0, equal, tuple(None for _ in own[1:]))


def _by_values(points: Sequence[Recorded], runs: Sequence[Run]) -> dict[tuple[tuple[str, str], ...], list[Run]]:
    table: dict[tuple[tuple[str, str], ...], list[Run]] = {tuple(sorted(point.values.items())): [] for point in points}
    for run in runs:
        if not run.failure:
            table[tuple(sorted(points[run.point].values.items()))].append(run)
    return table


def _samples(runs: Sequence[Run], figure: str) -> dict[int, float]:
    """The figure by seed, of those runs that have it."""
    return {run.seed: value for run in runs if (value := run.figures.get(figure)) is not None}


def _difference(one: dict[int, float], other: dict[int, float]) -> tuple[Mean, bool] | None:
    """How much larger the other's mean is, with its interval, and whether it is taken seed by seed."""
    if not one or not other:
        return None
    if one.keys() == other.keys():
        found = mean([other[seed] - one[seed] for seed in one])
        assert found is not None
        return found, True
    by = fmean(other.values()) - fmean(one.values())
    if len(one) < 2 or len(other) < 2:
        return Mean(by, None), False
    parts = [variance(sample.values()) / len(sample) for sample in (one, other)]
    if not sum(parts):
        return Mean(by, 0.0), False
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(sample) - 1) for part, sample in zip(parts, (one, other), strict=True)
    )
    return Mean(by, student(freedom) * sqrt(sum(parts))), False


def _written(cell: Any, digits: int) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, Mean):
        return cell.written(digits)
    return cell[:16] if isinstance(cell, str) else f"{cell:.{digits}f}"


def _keys(text: str) -> dict[str, str]:
    """A resolved scenario's values by dotted key."""
    import yaml

    found: dict[str, str] = {}

    def walk(value: Any, key: str) -> None:
        if isinstance(value, dict) and value:
            for name, below in value.items():
                walk(below, f"{key}.{name}" if key else str(name))
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            for number, item in enumerate(value):
                walk(item, f"{key}.{number}")
        else:
            found[key] = str(value)

    walk(yaml.load(text, yaml.BaseLoader), "")
    return found
