"""The table as people read it, and as programs do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from math import isnan

from netsim.validate.figure import Line

_EMPTY = "–"


def show(lines: Sequence[Line]) -> None:
    """Print the table, and below it a line for each figure that does not agree."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console.width = 190
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("what", max_width=72, overflow="fold")
    for title in ("predicted", "simulated", "± 95 %", "emulated", "difference", "runs"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("agrees")
    table.add_column("source", style="dim", overflow="fold")
    for number, (group, members) in enumerate(groupby(lines, key=lambda line: line.group)):
        if number:
            table.add_row()
        table.add_row(Text(group, style="bold"))
        for line in members:
            unit = line.figure.unit
            table.add_row(
                line.figure.what,
                _with_unit(_predicted(line), unit),
                _with_unit(_number(line.measured), unit),
                _number(line.half) if line.half else _EMPTY,
                _EMPTY if line.emulated is None else "equal" if line.emulated_equal else _number(line.emulated),
                _number(line.difference, signed=True) if line.difference else _EMPTY,
                str(line.runs),
                Text(line.verdict, style="red" if line.verdict == "no" else "green"),
                line.figure.source,
            )
    console.print(table)
    disagreeing = [line for line in lines if line.verdict == "no"]
    console.print(f"\n{len(lines)} figures, {len(lines) - len(disagreeing)} agree")
    for line in disagreeing:
        console.print(f"no  {line.figure.what}: {line.reason}", markup=False, highlight=False)


def as_json(lines: Sequence[Line]) -> str:
    """A list of objects, one for each line."""
    rows = [
        {
            "group": line.group,
            "what": line.figure.what,
            "unit": line.figure.unit,
            "predicted": _or_none(line.predicted),
            "source": line.figure.source,
            "simulated": _or_none(line.measured),
            "half_interval": line.half,
            "difference": _or_none(line.difference),
            "emulated": line.emulated,
            "runs": line.runs,
            "agrees": line.verdict,
            "reason": line.reason,
        }
        for line in lines
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _with_unit(text: str, unit: str) -> str:
    return text if text == _EMPTY else f"{text} {unit}".strip()


def _or_none(value: float | tuple[float, float]) -> float | tuple[float, float] | None:
    return None if isinstance(value, float) and isnan(value) else value


def _predicted(line: Line) -> str:
    if isinstance(line.predicted, tuple):
        return "–".join(_number(bound) for bound in line.predicted)
    text = _number(line.predicted)
    return f"{text} ± {_number(line.figure.deviation)}" if line.figure.deviation else text


def _number(value: float, signed: bool = False) -> str:
    """Five digits are enough to compare by."""
    if isnan(value):
        return _EMPTY
    text = f"{value:{'+' if signed else ''}.5g}" if abs(value) < 1e5 else f"{value:{'+' if signed else ''}.0f}"
    return text.replace("-", "−")
