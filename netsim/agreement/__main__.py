"""The command: `tools/agreement`, or `python -m netsim.agreement`."""

from __future__ import annotations

import json as json_format
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from netsim.agreement.matter import PACKINGS, Row, compare, shipped
from netsim.scenario import ScenarioError

SCENARIOS = Path(__file__).parents[2] / "scenarios"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
_FORM = "{:<34} {:>5} {:<6} {:>5} {:<8} {:<7} {:>18} {:>18} {:>7} {:>7}"
_HEAD = [
    "scenario",
    "seed",
    "packed",
    "procs",
    "verdict",
    "digests",
    "simulated p50 p99",
    "emulated p50 p99",
    "sim s",
    "emu s",
]


@app.command()
def main(
    only: Annotated[str, typer.Option(metavar="NAMES", help="Only these scenarios, separated by commas.")] = "",
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="From each scenario's own seed on.")] = 3,
    packing: Annotated[str, typer.Option(metavar="NAMES", help="own, two (a process for half), auto.")] = "",
    full: Annotated[bool, typer.Option("--full", help="The whole scenarios instead of short forms.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the table as JSON and nothing else.")] = False,
) -> None:
    """Run the shipped scenarios in both engines, with several seeds and packings, and compare the digests.

    Finality is the quorum's, in ms. The exit code is 1 where anything differs; the rest is done all the same.
    """
    there = shipped(SCENARIOS)
    names, packings = only.split(",") if only else list(there), packing.split(",") if packing else list(PACKINGS)
    if unknown := [name for name in names if name not in there]:
        _refuse(f"no scenario is called {', '.join(unknown)}; there are {', '.join(there)}")
    if unknown := [name for name in packings if name not in PACKINGS]:
        _refuse(f"no packing is called {', '.join(unknown)}; there are {', '.join(PACKINGS)}")
    rows: list[Row] = []
    if not json:
        typer.echo(_FORM.format(*_HEAD))
    for name in names:
        try:
            for row in compare(there[name], seeds, packings, full):
                rows.append(row)
                if not json:
                    _show(row)
        except ScenarioError as error:
            _refuse("\n".join(map(str, error.problems)))
    agree = sum(row.agrees for row in rows)
    if json:
        sys.stdout.write(json_format.dumps([row.as_dict() for row in rows], indent=2) + "\n")
    else:
        typer.echo(f"{agree} of {len(rows)} emulations are exact and equal to the simulation")
    raise typer.Exit(0 if agree == len(rows) else 1)


def _show(row: Row) -> None:
    simulated, emulated = (
        " ".join("–" if value is None else f"{value:.3f}" for value in pair)
        for pair in (row.simulated_ms, row.emulated_ms)
    )
    walls = f"{row.simulate_s:.1f}", f"{row.emulate_s:.1f}"
    cells = (row.scenario, row.seed, row.packing, row.processes, row.verdict, row.digests, simulated, emulated, *walls)
    typer.echo(_FORM.format(*cells))
    if row.differs:
        typer.echo(f"    {row.differs}")


def _refuse(why: str) -> NoReturn:
    typer.echo(f"agreement: {why}", err=True)
    raise typer.Exit(2)


if __name__ == "__main__":
    sys.argv[0] = "agreement"
    app(prog_name="agreement")
