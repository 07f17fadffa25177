"""The command: `tools/study`, or `python -m netsim.study`."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import fill
from typing import Annotated

import typer

from netsim import cli
from netsim.report.page.sweep import NAME
from netsim.study.findings import emulations, sentences
from netsim.study.picture import SUFFIXES, draw
from netsim.study.results import NoStudy, read

SCENARIO = Path(__file__).parents[2] / "scenarios" / "border-study.yaml"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The sweep's folder; what is there is not done again.")] = (
        Path("runs/border-study")
    ),
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the picture goes, .svg or .png; else into the folder.")
    ] = None,
    scenario: Annotated[Path, typer.Option(metavar="FILE", help="Another sweep over the same four.")] = SCENARIO,
    seeds: Annotated[int, typer.Option(min=1, max=10_000, help="Runs of each point.")] = 10,
    vary: cli.Vary = None,
    set_: cli.Settings = None,
    jobs: Annotated[int | None, typer.Option(min=1, max=1000, help="Processes; else one for each core.")] = None,
) -> None:
    """Do the study of the border, the distance and the radio: a sweep, five sentences, a picture, a report."""
    target = picture or out / "study.svg"
    if target.suffix.lower() not in SUFFIXES:
        _fail(cli.WRONG, f"--picture {target} ends in neither of {' '.join(SUFFIXES)}")
    code = _swept(scenario, out, seeds, vary, set_, jobs)
    if code not in (0, 1):  # an expectation that failed takes nothing from the figures
        raise typer.Exit(code)
    try:
        study = read(out)
        draw(study, target)
    except NoStudy as error:
        _fail(cli.WRONG, str(error))
    except OSError as error:
        _fail(cli.INCOMPLETE, f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    typer.echo("")
    for sentence in sentences(study, emulations(out)):
        typer.echo(fill(sentence, 120) + "\n")
    typer.echo(f"The picture is {target}, the report {out / NAME}")
    raise typer.Exit(code)


def _swept(
    scenario: Path, out: Path, seeds: int, vary: list[str] | None, set_: list[str] | None, jobs: int | None
) -> int:
    """Do what is left of the sweep; its exit code."""
    try:
        cli.sweep(scenario, vary=vary, seeds=seeds, set_=set_, out=out, jobs=jobs)
    except typer.Exit as end:
        return end.exit_code
    return 0


def _fail(code: int, reason: str) -> None:
    typer.echo(f"study: {reason}", err=True)
    raise SystemExit(code)


if __name__ == "__main__":
    sys.argv[0] = "study"
    app(prog_name="study")
