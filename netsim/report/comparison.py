"""Runs and sweeps side by side, as a person looks at them."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten
from typing import TYPE_CHECKING

from netsim import compare

if TYPE_CHECKING:
    from rich.console import Console

_LINES = 12  # of what differs in the scenarios
_WORDS = 60  # letters of a value there


def print_comparison(
    sides: Sequence[compare.Side],
    matched: Sequence[compare.Matched],
    over: Sequence[str],
    console: Console | None = None,
) -> None:
    """A table for each point, and above it what differs in the scenarios."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = console or Console()
    letters = [chr(ord("A") + number) if number < 26 else f"#{number + 1}" for number in range(len(sides))]
    for letter, side in zip(letters, sides, strict=True):
        console.print(f"{letter}  {side.label} ({side.kind})", markup=False, highlight=False, soft_wrap=True)
    told: list[tuple[str, list[str]]] | None = None
    for point in matched:
        console.print()
        apart = point.differs()
        if apart != told:
            for key, words in apart[:_LINES]:
                values = " → ".join(shorten(word, _WORDS, placeholder=" …") for word in words)
                console.print(f"{key}: {values}", markup=False, highlight=False, soft_wrap=True)
            if len(apart) > _LINES:
                console.print(f"… and {len(apart) - _LINES} more keys")
            if not apart:
                console.print("the same scenario")
            told = apart
        title = ", ".join(f"{key} = {word}" for key, word in point.values.items())
        table = Table(box=box.SIMPLE_HEAD, title=Text(title, "bold") if title else None, title_justify="left")
        table.add_column("", no_wrap=True)
        table.add_column(letters[0], justify="right")
        for letter in letters[1:]:
            table.add_column(letter, justify="right")
            table.add_column(f"{letter} − {letters[0]}", justify="right")
        for row in compare.rows(point):
            table.add_row(*map(Text, row))
        console.print(table)
        failed = [f"{sample.failed} of {letter}" for sample, letter in zip(point.samples, letters, strict=True)]
        if any(sample.failed for sample in point.samples):
            console.print(f"runs that failed, and are left out: {', '.join(failed)}")
        console.print(compare.samples_in_words(sides, point), markup=False, highlight=False, soft_wrap=True)
    if over:
        console.print(f"Points that not all have are left out: {', '.join(over)}", markup=False, highlight=False)
