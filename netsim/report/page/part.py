"""What a page is made of: charts, words, and a line in the place of a chart that a run has no data for.

A chart is a document as `assets/charts.js` describes it; a part is a mapping with one key: `chart`, `words` (a title
and sentences) or `missing` (a title, and why it is not there).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from netsim.measure.dist import Dist, samples_needed

Part: TypeAlias = dict[str, Any]

_MOST_MS, _MOST_S = 10_000, 20_000  # from here on the next unit is used
# Durations in words: a unit, how many milliseconds it is, and up to where it is used.
_TOLD_IN = ("ms", 1, 1000), ("s", 1e3, 600e3), ("min", 6e4, 7.2e6), ("h", 3.6e6, float("inf"))
_SIZES = ("GB", 1e9), ("MB", 1e6)
_WIDE = 20  # the largest over the median, from which on an axis is logarithmic
_DIGITS = 6  # significant ones, of every number on a page


def chart(id_: str, title: str, says: str, kind: str, **document: Any) -> Part:
    """A chart that is there."""
    return {"chart": {"id": id_, "title": title, "says": says, "kind": kind, **document}}


def missing(title: str, why: str) -> Part:
    """A chart that is not there, and one line that says why."""
    return {"missing": {"title": title, "says": why}}


def words(title: str, sentences: Sequence[str]) -> Part:
    """Sentences under a title."""
    return {"words": {"title": title, "says": list(sentences)}}


def short(value: float) -> float:
    """A number with as many digits as anybody reads."""
    return float(f"{value:.{_DIGITS}g}")


def points(pairs: Iterable[tuple[float, float]]) -> list[list[float]]:
    """Points of a series."""
    return [[short(x), short(y)] for x, y in pairs]


def unit_of_time(largest_ms: float) -> tuple[str, float]:
    """The unit in which durations up to the largest are read most easily, and how many of it a millisecond is."""
    if largest_ms < _MOST_MS:
        return "ms", 1
    return ("s", 1e-3) if largest_ms < _MOST_S * 1000 else ("h", 1 / 3.6e6)


def scale_of(largest: float, middle: float) -> str:
    """Logarithmic where the largest would press all others together."""
    return "log" if middle > 0 and largest > _WIDE * middle else "linear"


def milliseconds(value: float | None) -> str:
    """A duration in words: "12.3 ms", "1.24 s", "52.1 min", "6.1 h"."""
    if value is None:
        return "an unknown time"
    unit, of_ms = next((unit, of_ms) for unit, of_ms, below_ms in _TOLD_IN if value < below_ms)
    return f"{number(value / of_ms)} {unit}"


def size(value: int) -> str:
    """An amount of data in words: "12.3 kB", "43.9 GB"."""
    unit, of_bytes = next(((unit, of) for unit, of in _SIZES if value >= 10 * of), ("kB", 1e3))
    return f"{number(value / of_bytes)} {unit}"


def number(value: float) -> str:
    """Three significant digits, all those before the point, and never an exponent."""
    return grouped(round(value)) if abs(value) >= 1000 else f"{value:.3g}"


def moment(time_ns: int) -> str:
    """A moment of a run in words: "6.123 s"."""
    return f"{time_ns / 1e9:,.3f}".rstrip("0").rstrip(".").replace(",", "\u202f") + " s"


def percent(share: float) -> str:
    """A share in words."""
    return f"{100 * share:.3g} %"


def half_and_most(dist: Dist) -> str:
    """ "half within 12 ms, 99 % within 30 ms, the slowest after 40 ms", as far as there are samples for it."""
    within = {50: dist["p50"], 90: dist["p90"], 95: dist["p95"], 99: dist["p99"]}
    told = [percentile for percentile in within if dist["count"] >= samples_needed(percentile)]
    said = [f"half within {milliseconds(within[50])}"]
    said += [f"{percentile} % within {milliseconds(within[percentile])}" for percentile in told[-1:] if percentile > 50]
    return ", ".join([*said, f"the slowest after {milliseconds(dist['max'])}"])


def count(number: int, what: str, many: str = "") -> str:
    """ "1 block", "12 blocks", "12 000 copies"."""
    return f"{grouped(number)} {what if number == 1 else many or f'{what}s'}"


def grouped(number: int) -> str:
    """ "12 000", with narrow spaces that no line breaks at."""
    return f"{number:,}".replace(",", "\u202f")


def some(shown: int, all_: int, what: str) -> str:
    """What a sentence adds where not all are shown."""
    return "" if shown >= all_ else f" Shown are {grouped(shown)} of {grouped(all_)} {what}."
