"""Runs and sweeps side by side: their figures, the differences with intervals, and what differs in their scenarios.

The independent unit is the run. Between two sweeps a difference has Student's 95 % interval: over the pairs where both
have the same seeds ("paired"), else Welch's, for samples that differ in size and spread (Welch, Biometrika 1947). A run
alone has no interval: its blocks are not independent of each other, so no number of them gives one.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import sqrt
from pathlib import Path
from statistics import fmean, variance
from typing import Any, Literal

from netsim.measure.expect import flatten
from netsim.sweep.folder import SWEEP, OtherSweep, name, read
from netsim.sweep.table import Mean, is_number, mean, student

Method = Literal["paired", "Welch", "single"]
SUMMARY, SCENARIO = "summary.json", "scenario.yaml"
# The rows of the table: heading, figure, digits after the decimal point.
MAIN = (
    *((f"finality {who} p50 ms", f"finality.{who}_ms.p50", 2) for who in ("first", "quorum", "all")),
    *((f"finality {who} p99 ms", f"finality.{who}_ms.p99", 2) for who in ("first", "quorum", "all")),
    ("propagation to 50 % ms", "propagation_ms.p50.p50", 2),
    ("propagation to 90 % ms", "propagation_ms.p90.p50", 2),
    ("blocks finalised", "blocks.finalised", 1),
    ("stale rate", "blocks.stale_rate", 4),
    ("transactions/s", "transactions.throughput_tps", 1),
    ("messages/block", "messages.per_block", 1),
    ("timeouts", "rounds.timeouts", 1),
    ("longest stall ms", "liveness.stalled_ms", 1),
)


class NothingToCompare(Exception):
    """A folder that is neither a run's nor a sweep's, or sides that have nothing in common."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The runs of one scenario: figures by seed, and the scenario's text."""

    runs: Mapping[int, Mapping[str, Any]]
    scenario: str
    failed: int = 0

    def of(self, figure: str) -> dict[int, float]:
        """The numbers there are, by seed."""
        return {seed: value for seed, run in self.runs.items() if is_number(value := run.get(figure))}

    def words(self, figure: str) -> str:
        """A text that all runs share, or how many have which."""
        found = [str(run.get(figure, "–")) for run in self.runs.values()]
        counted = {word: found.count(word) for word in dict.fromkeys(found)}
        if len(counted) < 2:
            return next(iter(counted), "–")
        return ", ".join(f"{word} in {count} of {len(found)}" for word, count in counted.items())


@dataclass(frozen=True, slots=True)
class Side:
    """One of those that are compared: a sample for each point, by its values in words (none for a run)."""

    label: str
    kind: Literal["run", "sweep"]
    samples: Mapping[tuple[tuple[str, str], ...], Sample]


@dataclass(frozen=True, slots=True)
class Difference:
    """A side's mean less the first's; `half` the width of its interval, None where one of them is one run alone."""

    mean: float
    half: float | None
    method: Method


@dataclass(frozen=True, slots=True)
class Matched:
    """A point that all sides have, the sides' samples in their order."""

    values: dict[str, str]
    samples: tuple[Sample, ...]

    def figures(self) -> list[str]:
        """Every figure that is a number in a run of any side."""
        keys = (key for sample in self.samples for run in sample.runs.values() for key in run if is_number(run[key]))
        return list(dict.fromkeys(keys))

    def differs(self) -> list[tuple[str, list[str]]]:
        """What differs in the scenarios: the key, and each side's value in words."""
        trees = [_keys(sample.scenario) for sample in self.samples]
        keys = dict.fromkeys(key for tree in trees for key in tree if key != "seed")
        found = [(key, [tree.get(key, "–") for tree in trees]) for key in keys]
        return [(key, words) for key, words in found if len(set(words)) > 1]

    def digests(self, side: int) -> str:
        """Whether the traces of a side are the first one's, in words."""
        first, other = (self.samples[number].runs for number in (0, side))
        both = [seed for seed in first if seed in other]
        if not both:
            return "no seed in common"
        equal = sum(first[seed].get("trace_digest") == other[seed].get("trace_digest") for seed in both)
        if len(both) == 1:
            return "equal" if equal else "different"
        return "equal" if equal == len(both) else f"equal for {equal} of {len(both)} seeds" if equal else "different"


def load(path: Path) -> Side:
    """A run's folder, a sweep's, or a point of a sweep as `SWEEP/point-001`. Raises NothingToCompare and OSError."""
    if (path / SUMMARY).is_file():
        return _run(path)
    if path.is_dir():
        return _sweep(path)
    if path.parent.is_dir() and (path.parent / SWEEP).is_file():
        return _sweep(path.parent, path.name.removesuffix(".yaml"))
    raise NothingToCompare(f"there is no run and no sweep {path}")


def _run(path: Path) -> Side:
    try:
        summary = json.loads((path / SUMMARY).read_bytes())
        seed, figures = summary["scenario"]["seed"], dict(flatten(summary))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NothingToCompare(f"{path / SUMMARY} is none of a run") from None
    scenario = path / SCENARIO
    text = scenario.read_text(encoding="utf-8") if scenario.is_file() else ""
    return Side(str(path), "run", {(): Sample({seed: figures}, text)})


def _sweep(path: Path, only: str = "") -> Side:
    if not (path / SWEEP).is_file():
        raise NothingToCompare(f"{path} is no run's folder, without {SUMMARY}, and no sweep's, without {SWEEP}")
    try:
        _, points, runs = read(path)
    except OtherSweep as error:
        raise NothingToCompare(str(error)) from None
    samples = {}
    for number, point in enumerate(points):
        if only in ("", name(number)):
            own = [run for run in runs if run.point == number]
            done = {run.seed: run.figures for run in own if not run.failure}
            file = path / f"{name(number)}.yaml"
            text = file.read_text(encoding="utf-8") if file.is_file() else ""
            samples[_place(point.values)] = Sample(done, text, len(own) - len(done))
    if not any(sample.runs for sample in samples.values()):
        raise NothingToCompare(f"{path} has no {only or 'run that came to its end'}")
    return Side(str(path / only), "sweep", samples)


def _place(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The values whatever their order, and however a unit is spaced."""
    return tuple(sorted((key, "".join(word.split())) for key, word in values.items()))


def match(sides: Sequence[Side]) -> tuple[list[Matched], list[str]]:
    """The points that all sides have, in the first one's order; and of each side that has others, how many, in words.

    Sides of one point each are compared whatever their values are. Raises NothingToCompare.
    """
    if all(len(side.samples) == 1 for side in sides):
        return [Matched({}, tuple(next(iter(side.samples.values())) for side in sides))], []
    first, *others = (side.samples for side in sides)
    shared = [place for place in first if all(place in other for other in others)]
    if not shared:
        raise NothingToCompare("they have no point in common: none has the same values of what varies")
    found = [Matched(dict(place), tuple(side.samples[place] for side in sides)) for place in shared]
    over = [f"{len(side.samples) - len(shared)} of {side.label}" for side in sides if len(side.samples) > len(shared)]
    return found, over


def difference(first: Mapping[int, float], other: Mapping[int, float]) -> Difference | None:
    """The mean of one sample less that of the first, by seed; None where one of them is empty."""
    if not first or not other:
        return None
    apart = fmean(other.values()) - fmean(first.values())
    if min(len(first), len(other)) < 2:
        return Difference(apart, None, "single")
    if first.keys() == other.keys():
        found = mean([other[seed] - first[seed] for seed in first])
        assert found is not None
        return Difference(found.mean, found.half, "paired")
    errors = [variance(sample.values()) / len(sample) for sample in (first, other)]
    if not any(errors):
        return Difference(apart, 0.0, "Welch")
    terms = (error**2 / (len(sample) - 1) for error, sample in zip(errors, (first, other), strict=True))
    freedom = sum(errors) ** 2 / sum(terms)  # Welch and Satterthwaite
    return Difference(apart, student(freedom) * sqrt(sum(errors)), "Welch")


def document(sides: Sequence[Side], matched: Sequence[Matched]) -> dict[str, Any]:
    """All of it as JSON can hold it; intervals as their ends."""
    return {
        "schema": 1,
        "sides": [{"label": side.label, "kind": side.kind} for side in sides],
        "points": [
            {
                "values": point.values,
                "runs": [len(sample.runs) for sample in point.samples],
                "failed": [sample.failed for sample in point.samples],
                "agreement": [sample.words("safety.agreement") for sample in point.samples],
                "fidelity": [sample.words("fidelity.verdict") for sample in point.samples],
                "digests": [point.digests(side) for side in range(1, len(sides))],
                "scenario": [{"key": key, "values": words} for key, words in point.differs()],
                "figures": [
                    {
                        "figure": key,
                        "sides": [_interval(mean(sample.of(key).values())) for sample in point.samples],
                        "differences": [_interval(one) for one in _differences(point, key)],
                    }
                    for key in point.figures()
                ],
            }
            for point in matched
        ],
    }


def write_csv(sides: Sequence[Side], matched: Sequence[Matched], path: Path) -> None:
    """A line for each point, figure and side. Raises OSError."""
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        ends = ("mean", "low", "high")
        varied = list(matched[0].values)
        lines.writerow([*varied, "figure", "side", "runs", *ends, *(f"difference_{end}" for end in ends), "method"])
        for point in matched:
            for key in point.figures():
                pairs = zip_longest(sides, point.samples, (None, *_differences(point, key)))
                for side, sample, apart in pairs:
                    own, less = _interval(mean(sample.of(key).values())), _interval(apart)
                    numbers = [(found or {}).get(end) for found in (own, less) for end in ends]
                    method = (less or {}).get("method")
                    head = [*point.values.values(), key, side.label, len(sample.runs)]
                    lines.writerow([*head, *numbers, method])


def _interval(found: Mean | Difference | None) -> dict[str, Any] | None:
    if found is None:
        return None
    half = found.half
    ends = {"low": None, "high": None} if half is None else {"low": found.mean - half, "high": found.mean + half}
    return {"mean": found.mean, **ends, **({"method": found.method} if isinstance(found, Difference) else {})}


def _differences(point: Matched, key: str) -> list[Difference | None]:
    first, *others = (sample.of(key) for sample in point.samples)
    return [difference(first, other) for other in others]


def rows(point: Matched) -> Iterator[list[str]]:
    """The table of a point: what it is, then the first side's, and each other side's with its difference."""
    for heading, key, digits in MAIN:
        found = [sample.of(key) for sample in point.samples]
        if not any(found):
            continue
        row = [heading]
        for numbers, apart in zip_longest(found, (None, *_differences(point, key))):
            average = mean(numbers.values())
            row.append("–" if average is None else average.written(digits))
            row.append("–" if apart is None else f"{apart.mean:+.{digits}f}" + _within(apart.half, digits))
        yield [row[0], row[1], *row[3:]]
    for heading, key in (("agreement", "safety.agreement"), ("fidelity", "fidelity.verdict")):
        words = [sample.words(key) for sample in point.samples]
        yield [heading, words[0], *(cell for word in words[1:] for cell in (word, ""))]
    digests = [point.digests(side) for side in range(1, len(point.samples))]
    yield ["trace digest", "", *(cell for word in digests for cell in (word, ""))]


def _within(half: float | None, digits: int) -> str:
    return "" if half is None else f" ± {half:.{digits}f}"


def samples_in_words(sides: Sequence[Side], point: Matched) -> str:
    """What the intervals rest on."""
    counts = [len(sample.runs) for sample in point.samples]
    if max(counts) == 1:
        blocks = [sample.of("finality.quorum_ms.count") for sample in point.samples]
        counted = ", ".join(f"{next(iter(found.values()), 0):.0f}" for found in blocks)
        return f"One run each, of {counted} blocks: these are not independent of each other, so there are no intervals"
    first, *others = (sample.runs.keys() for sample in point.samples)
    pairs = [
        "none (a run alone)" if min(len(first), len(other)) < 2 else "paired by seed" if other == first else "Welch's"
        for other in others
    ]
    ways = ", ".join(dict.fromkeys(pairs))
    runs = ", ".join(map(str, counts))
    return f"Means over {runs} seeds ± 95 % intervals; of the differences to {sides[0].label}: {ways}"


def _keys(text: str) -> dict[str, str]:
    """Every key of a scenario, `sites.a.nodes`, with its value in words."""
    import yaml

    found: dict[str, str] = {}

    def walk(tree: Any, path: str) -> None:
        if isinstance(tree, dict) and tree:
            for key, value in tree.items():
                walk(value, f"{path}.{key}" if path else str(key))
        else:
            found[path] = json.dumps(tree, ensure_ascii=False) if isinstance(tree, list | dict) else str(tree)

    if text:
        walk(yaml.safe_load(text), "")
    return found
