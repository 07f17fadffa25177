"""The command: `tools/laws`, or `python -m netsim.laws`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from netsim.laws.bench import NODES, ask, built, lines, questions
from netsim.laws.law import LAWS
from netsim.laws.table import as_json, show

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    only: Annotated[str, typer.Option(metavar="PROTOCOL", help="Only these protocols, separated by commas.")] = "",
    nodes: Annotated[str, typer.Option(metavar="N[-N]", help="How many validators.")] = f"{NODES[0]}-{NODES[-1]}",
    emulate: Annotated[
        bool, typer.Option("--emulate", help="Run 4 and 7 validators in the emulator too: delays and messages.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the table as JSON and nothing else.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; 1: in this one.")] = os.cpu_count() or 1,
) -> None:
    """Hold every protocol against its laws: delays, messages, quorums, crashes survived, liars borne.

    The exit code is 1 where a line does not agree.
    """
    names = only.split(",") if only else []
    unknown = sorted({*names} - {law.protocol for law in LAWS})
    if unknown:
        _refuse(f"no law for {', '.join(unknown)}; there are {', '.join(law.protocol for law in LAWS)}")
    first, _, last = nodes.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal() and 1 <= int(first) <= int(last or first) <= 100):
        _refuse(f"--nodes is a number or two, such as 4-10, not {nodes!r}")
    sizes = range(int(first), int(last or first) + 1)
    laws = [law for law in built() if not names or law.protocol in names]
    if not laws:
        _refuse(f"{', '.join(names)}: not built yet")
    asked = [question for law in laws for size in sizes for question in questions(law, size, emulate)]
    found = list(zip(asked, ask(asked, jobs), strict=True))
    table = [line for law in laws for size in sizes for line in lines(law, size, found)]
    if json:
        sys.stdout.write(as_json(laws, table))
    else:
        show(laws, table)
    raise typer.Exit(0 if all(line.agrees for line in table) else 1)


def _refuse(why: str) -> None:
    typer.echo(f"laws: {why}", err=True)
    raise typer.Exit(2)


if __name__ == "__main__":
    sys.argv[0] = "laws"
    app(prog_name="laws")
