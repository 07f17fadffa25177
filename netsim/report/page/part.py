"""What a page is made of: charts, words, and a line in the place of a chart that a run has no data for.

A chart is a document as `assets/charts.js` describes it; a part is a mapping with one key: `chart`, `words` (a title
and sentences) or `missing` (a title, and why it is not there).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from netsim.measure.dist import Dist

Part: TypeAlias = dict[str, Any]

MS = {"name": "time", "unit": "ms"}
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


def time_axis(name: str, largest_ms: float, middle_ms: float) -> dict[str, Any]:
    """An axis of milliseconds: logarithmic where the longest would press all others together."""
    return {"name": name, "unit": "ms", "scale": "log" if middle_ms > 0 and largest_ms > 20 * middle_ms else "linear"}


def milliseconds(value: float | None) -> str:
    """A duration in words: "12.3 ms", "1.24 s"."""
    if value is None:
        return "an unknown time"
    return f"{value / 1000:.3g} s" if value >= 1000 else f"{value:.3g} ms"


def percent(share: float) -> str:
    """A share in words."""
    return f"{100 * share:.3g} %"


def half_and_most(dist: Dist) -> str:
    """ "half within 12 ms, 99 % within 30 ms, the longest 40 ms"."""
    half, most, longest = (milliseconds(dist[key]) for key in ("p50", "p99", "max"))
    return f"half within {half}, 99 % within {most}, the slowest after {longest}"


def some(shown: int, all_: int, what: str) -> str:
    """What a sentence adds where not all are shown."""
    return "" if shown >= all_ else f" Shown are {shown:,} of {all_:,} {what}.".replace(",", " ")
