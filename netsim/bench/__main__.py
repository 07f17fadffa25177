"""The command: `tools/bench`, or `python -m netsim.bench`."""

from __future__ import annotations

import json as json_format
import os
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from netsim.bench import table
from netsim.bench.apart import lines_of
from netsim.bench.emulating import NotEmulated
from netsim.bench.figure import FIGURES, Effort, Line

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    only: Annotated[str, typer.Option(metavar="NAMES", help="Only these figures, separated by commas.")] = "",
    list_: Annotated[bool, typer.Option("--list", help="Name the figures and measure nothing.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, once: whether all works.")] = False,
    repeat: Annotated[int, typer.Option(min=1, max=100, help="Measurements of what is cheap.")] = 2,
    cores: Annotated[int, typer.Option(min=1, help="Run on so many cores.")] = 2,
    json: Annotated[str, typer.Option(metavar="FILE", help="Write JSON; - prints it and nothing else.")] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as README has it.")] = False,
    compare: Annotated[Path | None, typer.Option(metavar="OLD.json", help="Say what changed since then.")] = None,
    new: Annotated[
        Path | None, typer.Option(metavar="NEW.json", help="With --compare: measure nothing, compare with this.")
    ] = None,
) -> None:
    """Time the simulator and the emulator, each figure beside a reference of the same run.

    The goals are printed, not enforced: the exit code is 0 whether they are met or not, 4 where
    something could not be measured.
    """
    if list_:
        for name, measure in FIGURES.items():
            typer.echo(f"{name:<12} {(measure.__doc__ or '').strip().splitlines()[0]}")
        return
    old = _read(compare) if compare is not None else None
    if new is not None:
        if old is None:
            _refuse("--new goes with --compare")
        _show_changes(old, _read(new))
        return
    names = [name.strip() for name in only.split(",")] if only else list(FIGURES)
    if unknown := [name for name in names if name not in FIGURES]:
        _refuse(f"no figure is called {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    _pin(cores)
    found = table.machine()
    began = time.monotonic()
    lines, complete = _measure(names, Effort(repeat, quick))
    text = table.as_json(lines, found, time.monotonic() - began)
    if json:
        try:
            table.write(text, json)
        except OSError as error:
            _refuse(f"{error.strerror}: {json}")
    if json != "-":
        typer.echo(table.as_markdown(lines, found) if markdown else table.as_text(lines, found), nl=False)
        if old is not None:
            typer.echo("")
            _show_changes(old, json_format.loads(text))
    if not complete:
        raise typer.Exit(4)


def _measure(names: list[str], effort: Effort) -> tuple[list[Line], bool]:
    """The lines of the figures, and whether all could be measured."""
    lines: list[Line] = []
    complete = True
    for name in names:
        if sys.stderr.isatty():
            typer.echo(f"\r\033[K{name} …", err=True, nl=False)
        try:
            lines += lines_of(name, effort)
        except (NotEmulated, subprocess.CalledProcessError, OSError) as error:  # the others are still told
            typer.echo(f"bench: {name} could not be measured: {error}", err=True)
            complete = False
        except (KeyboardInterrupt, BrokenProcessPool):
            typer.echo("bench: interrupted; what was measured until then:", err=True)
            complete = False
            break
    if sys.stderr.isatty():
        typer.echo("\r\033[K", err=True, nl=False)
    return lines, complete


def _pin(cores: int) -> None:
    """Keep to so many of the cores that this process may use; what it starts keeps to them, too."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])


def _read(path: Path) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json_format.loads(path.read_text("utf-8"))
        if read["schema"] != 1:
            _refuse(f"{path} has schema {read['schema']}, this one reads 1")
    except OSError as error:
        _refuse(f"{error.strerror}: {path}")
    except (ValueError, KeyError, TypeError):
        _refuse(f"{path} was not written by tools/bench --json")
    return read


def _show_changes(old: dict[str, Any], new: dict[str, Any]) -> None:
    try:
        typer.echo(table.changes(old, new), nl=False)
    except (KeyError, TypeError, AttributeError):
        _refuse("what is compared was not written by tools/bench --json")


def _refuse(why: str) -> NoReturn:
    typer.echo(f"bench: {why}", err=True)
    raise typer.Exit(2)


if __name__ == "__main__":
    sys.argv[0] = "bench"
    app(prog_name="bench")
