"""The command: `tools/validate`, or `python -m netsim.validate`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from netsim.validate.bench import EXPERIMENTS, validate
from netsim.validate.figure import FEW_SEEDS, SEEDS
from netsim.validate.table import as_json, show

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    quick: Annotated[bool, typer.Option("--quick", help="A slice of a few seconds, with fewer samples.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the table as JSON and nothing else.")] = False,
    only: Annotated[str, typer.Option(metavar="TEXT", help="Only experiments with this in their names.")] = "",
    seeds: Annotated[
        int,
        typer.Option(min=2, help="Runs for each figure; the slice has five, or one where nothing is left to chance."),
    ] = SEEDS,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; 1: in this one.")] = os.cpu_count() or 1,
) -> None:
    """Hold netsim's figures against laws, derivations and published results.

    The exit code is 1 where a line does not agree and netsim has no explanation for it.
    """
    chosen = [one for one in EXPERIMENTS if only in f"{one.group}/{one.name}" and not (quick and one.long)]
    if not chosen:
        typer.echo(f"validate: no experiment has {only!r} in its name", err=True)
        raise typer.Exit(2)
    lines = validate(chosen, quick=quick, seeds=min(seeds, FEW_SEEDS) if quick else seeds, jobs=jobs)
    if json:
        sys.stdout.write(as_json(lines))
    else:
        show(lines)
    raise typer.Exit(1 if any(line.alarming for line in lines) else 0)


if __name__ == "__main__":
    sys.argv[0] = Path(sys.argv[0]).stem
    app(prog_name="validate")
