"""The table as people read it, and as programs do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from netsim.laws.bench import QUANTITIES, Line
from netsim.laws.law import Formula, Law, Number

_TITLES = {"first": "first (δ)", "last": "last (δ)"}


def show(laws: Sequence[Law], lines: Sequence[Line]) -> None:
    """Print a table for each protocol: in each cell what is predicted = (or ≠) what was found. Below it what went
    wrong."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 150
    for law in laws:
        mine = [line for line in lines if line.protocol == law.protocol]
        stated = [name for name in QUANTITIES if any(line.quantity == name for line in mine)]
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("n", justify="right")
        for name in stated:
            table.add_column(_TITLES.get(name, name), justify="right")
        table.add_row("", *(Text(formulas(law)[name], style="dim") for name in stated))
        for nodes in dict.fromkeys(line.nodes for line in mine):
            cells = {line.quantity: line for line in mine if line.nodes == nodes}
            table.add_row(str(nodes), *(Text(*_cell(cells[name])) for name in stated))
        console.print(
            Text(law.protocol, style="bold"), Text(f"  {law.source}{law.note and f'; {law.note}'}", style="dim")
        )
        console.print(table)
        console.print()
    wrong = [line for line in lines if not line.agrees]
    emulated = sum(line.emulated is not None for line in lines)
    also = f", {emulated} of them emulated too" if emulated else ""
    console.print(f"predicted = simulated: {len(lines) - len(wrong)} of {len(lines)} agree{also}")
    for line in wrong:
        console.print(as_sentence(line), markup=False)


def as_sentence(line: Line) -> str:
    """What was predicted, what was found, and why they differ if that is known."""
    also = "" if line.emulated in (None, line.found) else f", emulated {_number(line.emulated)}"
    why = f" ({line.reason})" if line.reason else ""
    return (
        f"{line.protocol}, {line.nodes} validators, {line.quantity}: predicted {_number(line.predicted)}, "
        f"found {_number(line.found)}{also}{why}"
    )


def formulas(law: Law) -> dict[str, str]:
    """How each quantity of a law is written."""
    stated: dict[str, Formula | None] = {
        "quorum": law.quorum,
        "first": law.first,
        "last": law.last,
        "messages": law.messages,
        "survives": law.survives,
        "equivocators": law.equivocators,
    }
    texts = {name: formula.text for name, formula in stated.items() if formula is not None}
    if law.survives is not None:
        texts["stopped by"] = f"{law.survives.text}+1"
    return texts


def as_json(laws: Sequence[Law], lines: Sequence[Line]) -> str:
    """A list of objects, one for each line."""
    known = {law.protocol: law for law in laws}
    rows: list[dict[str, Any]] = [
        {
            "protocol": line.protocol,
            "validators": line.nodes,
            "quantity": line.quantity,
            "formula": formulas(known[line.protocol])[line.quantity],
            "predicted": _plain(line.predicted),
            "simulated": _plain(line.found),
            "emulated": _plain(line.emulated),
            "agrees": line.agrees,
            "reason": line.reason,
            "source": known[line.protocol].source,
        }
        for line in lines
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _cell(line: Line) -> tuple[str, str]:
    """The text of a cell and its style."""
    text = f"{_number(line.predicted)} {'=' if line.found == line.predicted else '≠'} {_number(line.found)}"
    if line.emulated is not None:
        text += f" {'=' if line.emulated == line.found else '≠'} {_number(line.emulated)}"
    return text, "green" if line.agrees else "red"


def _plain(value: Number | str | None) -> int | float | str | None:
    return float(value) if isinstance(value, Fraction) else value


def _number(value: Number | str | None) -> str:
    if value is None:
        return "?"
    return f"{float(value):.4g}" if isinstance(value, Fraction) else str(value)
