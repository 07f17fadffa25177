"""Why a block took that long, on the terminal: a waterfall of its critical path, and where the time of all goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netsim.measure.account import account, last_messages
from netsim.measure.causes import MEANING, CriticalPath, Step, name

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from netsim.trace import Header

_WIDE = 120  # columns, from which on there is room for everything
_BAR, _SHORT_BAR = 40, 24
_MOST = 12  # entries of the account that are shown
_LAST = 3  # kinds of last message likewise
# By cause: queues in yellow, air in cyan; the letters tell them apart without colours.
_STYLES = {
    "uplink": ("u", "yellow"),
    "access-up": ("a", "cyan"),
    "backbone": ("b", "blue"),
    "retransmit": ("r", "red"),
    "access-down": ("d", "cyan"),
    "order": ("o", "yellow"),
    "downlink": ("q", "yellow"),
    "cpu-wait": ("c", "magenta"),
    "compute": ("x", "green"),
    "wait": ("w", "white"),
}


def waterfall(header: Header, path: CriticalPath, width: int) -> RenderableType:
    """One line for each step, each at its time, in so many columns; the letters of a bar say what it is made of."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    whole = path.final_ns - path.proposed_ns
    title = (
        f"Block {path.height} ({name(path.block)[:8]}), proposed at {path.proposed_ns / 1e9:.6f} s: "
        f"final at {header.nodes[path.node]} after {whole / 1e6:.3f} ms"
    )
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold", header_style="dim")
    table.add_column("from, ms", justify="right", no_wrap=True)
    table.add_column("takes", justify="right", no_wrap=True)
    bar = _BAR if width >= _WIDE else _SHORT_BAR
    table.add_column("", width=bar, no_wrap=True)
    table.add_column("what")
    if width >= _WIDE:
        table.add_column("of which")
    for step in path.steps:
        source = "" if step.source is None else f"{header.nodes[step.source]} → "
        of_which = ", ".join(f"{part} {elapsed / 1e6:.3f}" for part, elapsed in step.parts.items())
        table.add_row(
            f"{(step.begin_ns - path.proposed_ns) / 1e6:.3f}",
            f"{(step.end_ns - step.begin_ns) / 1e6:.3f}",
            _bar(path, step, bar),
            Text(f"{step.what} ").append(f"{source}{header.nodes[step.node]}", "dim"),
            *([Text(of_which, "dim")] if width >= _WIDE else []),
        )
    return table


def where_the_time_goes(header: Header, paths: Sequence[CriticalPath], width: int) -> RenderableType:
    """By cause and place over many blocks, and what was needed last, in so many columns."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    mean = sum(path.final_ns - path.proposed_ns for path in paths) / len(paths)
    title = f"Where the {mean / 1e6:.1f} ms until finality go, on average over {len(paths)} blocks"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold", header_style="dim")
    table.add_column("cause", no_wrap=True)
    table.add_column("where", no_wrap=True)
    for heading in ("ms", "share", "of blocks"):
        table.add_column(heading, justify="right", no_wrap=True)
    if width >= _WIDE:
        table.add_column("that is")
    entries = account(header, paths)
    for entry in entries[:_MOST]:
        letter, style = _STYLES[entry.cause]
        cause = Text(f"{letter} ", style).append(entry.cause, "default")
        figures = (f"{entry.mean_ns / 1e6:.2f}", f"{entry.share:.0%}", f"{entry.paths:.0%}")
        meaning = [Text(MEANING[entry.cause], "dim")] if width >= _WIDE else []
        table.add_row(cause, Text(entry.place), *figures, *meaning)
    if rest := entries[_MOST:]:
        sums = sum(entry.mean_ns for entry in rest), sum(entry.share for entry in rest)
        table.add_row("", f"{len(rest)} more", f"{sums[0] / 1e6:.2f}", f"{sums[1]:.0%}")
    return Group(table, Text(_last(header, paths)))


def _last(header: Header, paths: Sequence[CriticalPath]) -> str:
    """What made blocks final at last, the most frequent first."""
    said = []
    for last in last_messages(header, paths)[:_LAST]:
        way = f"within {last.source}" if last.source == last.target else f"from {last.source} to {last.target}"
        said.append(f"{last} {way} in {last.paths:.0%}")
    return f"The last message needed was {', '.join(said)} of the blocks." if said else ""


def _bar(path: CriticalPath, step: Step, width: int) -> Text:
    from rich.text import Text

    bar = Text(" " * _column(path, step.begin_ns, width))
    moment = step.begin_ns
    for part, elapsed in step.parts.items():
        letter, style = _STYLES[part]
        columns = _column(path, moment + elapsed, width) - _column(path, moment, width)
        bar.append(letter * columns, style)
        moment += elapsed
    return bar


def _column(path: CriticalPath, moment_ns: int, width: int) -> int:
    return round((moment_ns - path.proposed_ns) * width / max(path.final_ns - path.proposed_ns, 1))
