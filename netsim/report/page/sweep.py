"""`report.html` of a sweep, and the page of a comparison: curves over what varies, with intervals; tables for papers.

All points go to the page, which draws one figure over one key at a time; what else varies is chosen there.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from netsim import compare
from netsim.compare import Sample
from netsim.report.latex import latex
from netsim.report.page.document import html
from netsim.sweep import Recorded, Run, mean, read_emulated
from netsim.sweep.effects import effects, shares
from netsim.sweep.folder import name, read
from netsim.sweep.knee import knee
from netsim.sweep.table import table

NAME = "report.html"
QUORUM = "finality.quorum_ms.p50"
_THROUGHPUT, _LATENCY = "transactions.throughput_tps", "transactions.latency_ms.p50"
_SATURATES = 1.1  # from which ratio of throughputs on a key is one of load
_DIGITS = 6  # significant ones of every number on the page
_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*(\D.*)?")
_BY_SITE = re.compile(r"finality\.by_site\.(.+)\.(p50|p99)")
# What can be looked at: heading, figure, unit; and the same of each site.
_FIGURES = (
    ("finality at a quorum, median", QUORUM, "ms"),
    ("finality at a quorum, p99", "finality.quorum_ms.p99", "ms"),
    ("finality at the first, median", "finality.first_ms.p50", "ms"),
    ("finality at all, median", "finality.all_ms.p50", "ms"),
    ("finality at all, p99", "finality.all_ms.p99", "ms"),
    ("transaction latency, median", _LATENCY, "ms"),
    ("transaction latency, p99", "transactions.latency_ms.p99", "ms"),
    ("throughput", _THROUGHPUT, "transactions/s"),
    ("blocks finalised", "blocks.finalised", ""),
    ("stale rate", "blocks.stale_rate", ""),
    ("propagation to 90 %, median", "propagation_ms.p90.p50", "ms"),
    ("messages per block", "messages.per_block", ""),
    ("bytes sent", "messages.bytes", "B"),
    ("timeouts", "rounds.timeouts", ""),
    ("longest stall", "liveness.stalled_ms", "ms"),
)


@dataclass(frozen=True, slots=True)
class Headline:
    """What a study has to say before all else: sentences, and a picture as SVG."""

    sentences: Sequence[str] = ()
    picture: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class _Factor:
    """What varies: its values in words, as numbers where all are, of one unit; and the words that it begins with."""

    key: str
    words: list[str]
    numbers: list[float] | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class _Grid:
    """Samples by their values of the factors, in the order of these."""

    factors: list[_Factor]
    samples: Mapping[tuple[str, ...], Sample]
    figures: list[tuple[str, str, str]] = field(default_factory=list)


def write(folder: Path, headline: Headline | None = None) -> Path:
    """Write the report into a sweep's folder; the file is whole or not there. Raises OtherSweep and OSError."""
    return replace_file(folder / NAME, page(folder, headline))


def replace_file(path: Path, text: str) -> Path:
    """Write a file whole or not at all. Raises OSError."""
    unfinished = path.with_name(f".{path.name}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def page(folder: Path, headline: Headline | None = None) -> str:
    """A sweep's report as HTML. Raises OtherSweep and OSError."""
    title, points, runs = read(folder)
    grid = _grid([(point.values, _sample(number, runs)) for number, point in enumerate(points)])
    seeds = len({run.seed for run in runs})
    says = [f"{_count(len(points), 'point')} × {_count(seeds, 'seed')}, {_count(len(runs), 'simulation')}"]
    says += [f"varied: {', '.join(factor.key for factor in grid.factors)}"] if grid.factors else []
    headings, *rows = table(points, runs)
    data = {
        # Isolated: a name that is written from right to left does not turn the question round.
        "title": f"\u2068{title}\u2069: what does each choice do to finality?",
        "says": says,
        "headline": _headline(headline),
        "notes": [*_notes(folder, runs), *_without_effects(grid)],
        "charts": [*_effects(grid), *_load(grid)],
        "explore": _explore(grid),
        "tables": [{"title": "Every point", "columns": headings, "rows": rows, "open": True}],
        "latex": as_latex(title, points, runs),
        "scenario": _scenario(folder),
    }
    return html(f"{title} · netsim sweep", "sweep", data)


def as_latex(title: str, points: Sequence[Recorded], runs: Sequence[Run]) -> str:
    """The table of a sweep for a paper."""
    headings, *rows = table(points, runs)
    seeds = len({run.seed for run in runs})
    rests_on = f"means over {seeds} seeds, 95 % intervals (Student)" if seeds > 1 else "one seed, so no intervals"
    caption = f"netsim sweep {title}: {rests_on}"
    return latex(headings, rows, left=len(points[0].values), caption=caption)


def comparison(sides: Sequence[compare.Side], matched: Sequence[compare.Matched], over: Sequence[str]) -> str:
    """A comparison as HTML."""
    labels = _labels(sides)
    pairs = [
        (point.values | {"side": label}, sample)
        for point in matched
        for label, sample in zip(labels, point.samples, strict=True)
    ]
    headings = _headings(labels)
    notes = [f"{label} is {side.label} ({side.kind})" for label, side in zip(labels, sides, strict=True)]
    notes += [f"Points that not all have are left out: {', '.join(over)}"] if over else []
    notes += [_failed(labels, matched)] if any(sample.failed for one in matched for sample in one.samples) else []
    data = {
        "title": f"{' and '.join(labels)} side by side",
        "says": [_count(len(matched), "point")],
        "headline": _headline(None),
        "notes": notes,
        "charts": _load(_grid(pairs)),
        "explore": _explore(_grid(pairs)),
        "tables": [
            {
                "title": ", ".join(f"{key} = {word}" for key, word in point.values.items()) or "All figures",
                "columns": headings,
                "rows": list(compare.rows(point)),
                "says": compare.samples_in_words(sides, point),
                "apart": [[key, *words] for key, words in point.differs()],
                "sides": ["key", *labels],
                "open": number == 0,
            }
            for number, point in enumerate(matched)
        ],
        "latex": comparison_as_latex(sides, matched),
        "scenario": "",
    }
    return html("netsim compare", "sweep", data)


def comparison_as_latex(sides: Sequence[compare.Side], matched: Sequence[compare.Matched]) -> str:
    """The tables of a comparison for a paper, one below the other."""
    labels = _labels(sides)
    texts = []
    for point in matched:
        values = ", ".join(f"{key} = {word}" for key, word in point.values.items())
        caption = f"{values + ': ' if values else ''}{compare.samples_in_words(sides, point)}"
        texts.append(latex(_headings(labels), list(compare.rows(point)), caption=caption))
    return "\n".join(texts)


def _labels(sides: Sequence[compare.Side]) -> list[str]:
    return [chr(ord("A") + number) if number < 26 else f"#{number + 1}" for number in range(len(sides))]


def _headings(labels: Sequence[str]) -> list[str]:
    return ["", labels[0], *(heading for label in labels[1:] for heading in (label, f"{label} − {labels[0]}"))]


def _failed(labels: Sequence[str], matched: Sequence[compare.Matched]) -> str:
    counts = [sum(point.samples[at].failed for point in matched) for at in range(len(labels))]
    told = ", ".join(f"{count} of {label}" for count, label in zip(counts, labels, strict=True))
    return f"Runs that failed, and are left out: {told}"


def _sample(number: int, runs: Sequence[Run]) -> Sample:
    own = [run for run in runs if run.point == number]
    done = {run.seed: run.figures for run in own if not run.failure}
    return Sample(done, "", len(own) - len(done))


def _grid(pairs: Sequence[tuple[Mapping[str, str], Sample]]) -> _Grid:
    """The samples by what varies: keys of one value alone are left out."""
    keys = list(pairs[0][0])
    values = {key: list(dict.fromkeys(words[key] for words, _ in pairs)) for key in keys}
    varied = [key for key in keys if len(values[key]) > 1]
    samples = {tuple(words[key] for key in varied): sample for words, sample in pairs}
    present = {figure for sample in samples.values() for figure in _numbers(sample)}
    sites = sorted(match.groups() for figure in present if (match := _BY_SITE.fullmatch(figure)))
    own = [
        (f"finality in {site}, {'median' if part == 'p50' else part}", f"finality.by_site.{site}.{part}", "ms")
        for site, part in sites
    ]
    figures = [figure for figure in (*_FIGURES[:5], *own, *_FIGURES[5:]) if figure[1] in present]
    return _Grid([_factor(key, values[key]) for key in varied], samples, figures)


def _numbers(sample: Sample) -> set[str]:
    return {key for run in sample.runs.values() for key, value in run.items() if isinstance(value, int | float)}


def _factor(key: str, words: list[str]) -> _Factor:
    """Numbers on one scale are put in their order; words stay in that of the scenario."""
    matches = [_QUANTITY.fullmatch(word.strip()) for word in words]
    found = [(float(match[1]), (match[2] or "").strip()) for match in matches if match is not None]
    numbers, units = [number for number, _ in found], {unit for _, unit in found}
    if len(found) < len(words) or len(units) > 1 or len(set(numbers)) < len(numbers):
        return _Factor(key, words)
    order = sorted(range(len(words)), key=lambda at: numbers[at])
    return _Factor(key, [words[at] for at in order], [numbers[at] for at in order], units.pop())


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _interval(sample: Sample, figure: str) -> list[float] | None:
    """Mean, low and high, all three the mean where there is one run alone; and how many runs have the figure."""
    there = sample.of(figure)
    found = mean(there.values())
    if found is None:
        return None
    half = found.half or 0.0
    return [_short(found.mean), _short(found.mean - half), _short(found.mean + half), len(there)]


def _explore(grid: _Grid) -> dict[str, Any] | None:
    """All that the page's own chart is drawn from, and what it begins with: the longest key, then lines."""
    if not grid.factors or not grid.figures:
        return None
    numbered = [factor for factor in grid.factors if factor.numbers is not None]
    along = max(reversed(numbered or grid.factors), key=lambda factor: len(factor.words))
    others = [factor for factor in grid.factors if factor is not along]
    lines = max(others, key=lambda factor: len(factor.words), default=None)
    return {
        "factors": [
            {"key": factor.key, "words": factor.words, "numbers": factor.numbers, "unit": factor.unit}
            for factor in grid.factors
        ],
        "figures": [{"name": title, "key": key, "unit": unit} for title, key, unit in grid.figures],
        "points": [
            {
                "at": [factor.words.index(word) for factor, word in zip(grid.factors, place, strict=True)],
                "values": [_interval(sample, key) for _, key, _ in grid.figures],
            }
            for place, sample in grid.samples.items()
        ],
        "x": along.key,
        "lines": None if lines is None else lines.key,
    }


def _effects(grid: _Grid) -> list[dict[str, Any]]:
    """What each choice adds on average over all others, and how much of all differences each key explains."""
    keys = [factor.key for factor in grid.factors]
    places = [place for place in product(*(factor.words for factor in grid.factors)) if place in grid.samples]
    points = {place: grid.samples[place].of(QUORUM) for place in places}  # numbers in their order
    found = effects(keys, points) if keys else []
    if not found:
        return []
    parts = shares(keys, {place: fmean(of.values()) for place, of in points.items()})
    rows = [
        [f"{one.key}: {one.start} → {one.end}", one.adds.mean, *_ends(one.adds.mean, one.adds.half)] for one in found
    ]
    greatest = max(found, key=lambda one: abs(one.adds.mean))
    says = (
        f"Averaged over all else that varies; the greatest is {greatest.key} from {greatest.start} to {greatest.end}: "
        f"{greatest.adds.written(1)} ms."
    )
    if parts is not None and len(parts) > 1:
        told = ", ".join(
            f"{key} {100 * share:.0f} %" for key, share in sorted(parts.items(), key=lambda item: -item[1])
        )
        together = 100 * max(0.0, 1 - sum(parts.values()))
        says += f" Of all differences (sums of squares of logarithms): {told}, interactions {together:.0f} %."
    return [
        {
            "id": "effects",
            "title": "What each choice adds to the median finality at a quorum",
            "says": says,
            "kind": "bars",
            "across": True,
            "x": {"name": "", "scale": "category", "values": [f"{one.key}: {one.start} → {one.end}" for one in found]},
            "y": {"name": "added", "unit": "ms"},
            "series": [{"name": "added", "points": [_short(one.adds.mean) for one in found]}],
            "columns": ["choice", "added (ms)", "low (ms)", "high (ms)"],
            "rows": rows,
        }
    ]


def _without_effects(grid: _Grid) -> list[str]:
    """Why there is no chart of what each choice adds, where there is something to choose."""
    empty = sum(not sample.of(QUORUM) for sample in grid.samples.values())
    if not grid.factors or not empty:
        return []
    what = f"{_count(empty, 'point')} without a figure of finality"
    return [f"What each choice adds on average is not drawn, as it takes every combination: {what}"]


def _ends(middle: float, half: float | None) -> list[float | None]:
    return [None, None] if half is None else [middle - half, middle + half]


def _load(grid: _Grid) -> list[dict[str, Any]]:
    """Latency against throughput, along the first key of which throughput is a matter, a curve for all else."""
    for at, factor in enumerate(grid.factors):
        if factor.numbers is None or len(factor.words) < 2:
            continue
        curves = _curves(grid, at)
        rates = [row.rate for curve in curves.values() for row in curve]
        if rates and min(rates) > 0 and max(rates) > _SATURATES * min(rates):
            return [_load_chart(factor, curves)]
    return []


class _Loaded(NamedTuple):
    """A point of a curve of load: the key's number, means of throughput and latency, half of the latter's interval."""

    number: float
    rate: float
    delay: float
    half: float | None


def _curves(grid: _Grid, at: int) -> dict[str, list[_Loaded]]:
    """By what else varies, in words, in the order of the key's numbers."""
    factor, curves = grid.factors[at], dict[str, list[_Loaded]]()
    assert factor.numbers is not None
    for place, sample in grid.samples.items():
        rate, delay = (mean(sample.of(figure).values()) for figure in (_THROUGHPUT, _LATENCY))
        if rate is not None and delay is not None:
            others = ", ".join(word for number, word in enumerate(place) if number != at) or "all"
            number = factor.numbers[factor.words.index(place[at])]
            curves.setdefault(others, []).append(_Loaded(number, rate.mean, delay.mean, delay.half))
    return {others: sorted(rows, key=_by_number) for others, rows in curves.items()}


def _by_number(row: _Loaded) -> float:
    return row.number


def _load_chart(factor: _Factor, curves: Mapping[str, Sequence[_Loaded]]) -> dict[str, Any]:
    knees: dict[str, tuple[float, float]] = {}
    for others, rows in curves.items():
        at = knee([row.number for row in rows], [row.delay for row in rows])
        if at is not None:
            knees[others] = rows[at].number, rows[at].rate
    rule = f"Kneedle, Satopää et al. 2011: latency over {factor.key}, in a square, farthest below the diagonal"
    told = [f"at {number:g} {factor.unit}".strip() + _of(others, curves) for others, (number, _) in knees.items()]
    where = f"The knee ({rule}) is {', '.join(told)}." if told else f"No curve has a knee here ({rule})."
    return {
        "id": "latency-throughput",
        "title": "Latency against throughput",
        "says": f"Each point is one value of {factor.key}, joined in its order. {where}",
        "kind": "lines",
        "x": {"name": "throughput", "unit": "transactions/s"},
        "y": {"name": "median transaction latency", "unit": "ms"},
        "series": [
            {"name": others, "points": [[_short(row.rate), _short(row.delay)] for row in rows]}
            for others, rows in curves.items()
        ],
        "marks": _marks(knees, curves),
        "columns": ["curve", factor.key, "throughput (transactions/s)", "latency p50 (ms)", "low (ms)", "high (ms)"],
        "rows": [[others, *row[:3], *_ends(row.delay, row.half)] for others, rows in curves.items() for row in rows],
    }


def _of(others: str, curves: Mapping[str, object]) -> str:
    return f" for {others}" if len(curves) > 1 else ""


def _marks(knees: Mapping[str, tuple[float, float]], curves: Mapping[str, Sequence[_Loaded]]) -> Any:
    """An upright line at each knee's throughput; those that stand close together share the words of the first."""
    close = 0.12 * max(row.rate for rows in curves.values() for row in rows)
    marks: list[dict[str, Any]] = []
    for others, (_, rate) in sorted(knees.items(), key=lambda item: item[1][1]):
        word = f"knee{_of(others, curves)}"
        if marks and rate - marks[-1]["at"] < close:
            marks[-1]["says"] += f", {others}"
            word = ""
        marks.append({"at": _short(rate), "says": word})
    return marks


def _headline(given: Headline | None) -> dict[str, Any] | None:
    if given is None:
        return None
    coded = b64encode(given.picture.encode()).decode()
    picture = f"data:image/svg+xml;base64,{coded}" if given.picture else ""
    return {"sentences": list(given.sentences), "picture": picture, "title": given.title}


def _notes(folder: Path, runs: Sequence[Run]) -> list[str]:
    """What a reader must know before believing the figures."""
    failed = [run for run in runs if run.failure]
    violated = sum(run.figures.get("safety.agreement") == "violated" for run in runs)
    disappointed = sum(run.expectations_failed > 0 for run in runs)
    notes = [str(one) for one in read_emulated(folder, runs)]
    if failed:
        first = failed[0]
        what = f"{name(first.point)}, seed {first.seed}: {first.failure}"
        notes.append(f"{_count(len(failed), 'run')} failed and are left out; the first, {what}")
    notes += [f"Agreement was violated in {_count(violated, 'run')}"] if violated else []
    notes += [f"{_count(disappointed, 'run')} failed an expectation"] if disappointed else []
    return notes


def _scenario(folder: Path) -> str:
    file = folder / f"{name(0)}.yaml"
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
