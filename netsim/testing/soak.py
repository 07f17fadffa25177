"""The command `tools/soak`: random schedules by the thousand over all protocols, on all cores.

tools/soak --runs 20000                   so many schedules, in turn of each protocol
tools/soak --minutes 10 --protocol raft   as many as ten minutes hold
tools/soak --protocol pbft --seed 17 --runs 1      one schedule: where it fails, shortened and told
tools/soak --mutants                      the bugs that tests keep, and the schedules that find them
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from importlib import import_module
from math import inf
from multiprocessing import get_context
from typing import Annotated, Any

import typer

from netsim import catalogue
from netsim.testing.chaos import STEPS, Found, fuzz, survive

CHUNK = 20  # schedules that a process is given at once
EVERY_S = 10  # between two lines of progress
SHOWN = 10  # most failures that are printed
UNSTEADY = ("scripted",)  # it bears no crash, and is there to measure relay alone

Failure = tuple[str, int, str]  # protocol, seed, what went wrong

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    runs: Annotated[int, typer.Option(min=1, help="Schedules in all.")] = 2000,
    minutes: Annotated[float, typer.Option(min=0, help="Stop after so long; 0: when all schedules are done.")] = 0,
    protocol: Annotated[str, typer.Option(help="all, or names separated by commas; also file.py:Class.")] = "all",
    seed: Annotated[int, typer.Option(min=0, help="The first seed of each protocol.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Steps of each schedule.")] = STEPS,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
    mutants: Annotated[bool, typer.Option("--mutants", help="Hunt the bugs of tests/node/mutants.py instead.")] = False,
) -> None:
    """Put every protocol through random schedules. The exit code is 1 where one does not survive."""
    if mutants:
        raise typer.Exit(0 if _hunt(protocol, jobs) else 1)
    names = built() if protocol == "all" else protocol.split(",")
    for name in names:
        _check(name)
    if (runs, len(names)) == (1, 1):
        raise typer.Exit(0 if _tell(names[0], seed, steps) else 1)
    raise typer.Exit(0 if _soak(names, runs, minutes * 60 or inf, seed, steps, jobs) else 1)


def built() -> list[str]:
    """The protocols that there are."""
    return [entry.name for entry in catalogue.entries("protocols") if entry.built and entry.name not in UNSTEADY]


def chunk(protocol: str, first: int, number: int, steps: int) -> list[Failure]:
    """Run schedules with consecutive seeds; the failures."""
    failures = []
    for seed in range(first, first + number):
        try:
            survive(seed, protocol, steps)
        except Exception as error:
            failures.append((protocol, seed, f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"))
    return failures


def _soak(names: list[str], runs: int, seconds: float, seed: int, steps: int, jobs: int) -> bool:
    """Whether all survive. What is under way when the time is over is still finished."""
    began = shown = time.monotonic()
    done = dict.fromkeys(names, 0)
    failures: list[Failure] = []
    tasks = _chunks(names, runs, seed)
    under_way: dict[Future[list[Failure]], tuple[str, int]] = {}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        while True:
            while len(under_way) < 2 * jobs and time.monotonic() < began + seconds:
                task = next(tasks, None)
                if task is None:
                    break
                name, first, number = task
                under_way[pool.submit(chunk, name, first, number, steps)] = name, number
            if not under_way:
                break
            for future in wait(under_way, EVERY_S, FIRST_COMPLETED).done:
                name, number = under_way.pop(future)
                done[name] += number
                for failure in future.result():
                    failures.append(failure)
                    if len(failures) <= SHOWN:
                        _say(failure, steps)
            if time.monotonic() > shown + EVERY_S:
                shown = time.monotonic()
                typer.echo(f"{sum(done.values())} of {runs} schedules, {shown - began:.0f} s", err=True)
    for name in names:
        failed = sum(failure[0] == name for failure in failures)
        typer.echo(f"{name:<12} {done[name]:>7} schedules, {failed or 'none'} failed")
    taken = time.monotonic() - began
    typer.echo(f"{sum(done.values())} schedules of {steps} steps in {taken:.0f} s, {len(failures) or 'none'} failed")
    return not failures


def _chunks(names: list[str], runs: int, seed: int) -> Iterator[tuple[str, int, int]]:
    """Protocol, first seed and number, each protocol in turn, `runs` in all."""
    share = {name: runs // len(names) + (place < runs % len(names)) for place, name in enumerate(names)}
    for first in range(0, max(share.values()), CHUNK):
        for name in names:
            number = min(CHUNK, share[name] - first)
            if number > 0:
                yield name, seed + first, number


def _say(failure: Failure, steps: int) -> None:
    name, seed, error = failure
    also = "" if steps == STEPS else f" --steps {steps}"
    typer.echo(f"{name}, seed {seed}: {error}\n    tools/soak --protocol {name} --seed {seed} --runs 1{also}")


def _tell(name: str, seed: int, steps: int) -> bool:
    """One schedule, with its story where it fails."""
    try:
        fuzz(name, 1, first=seed, steps=steps)
    except Found as found:
        typer.echo(found)
        return False
    typer.echo(f"{name} survives the schedule with seed {seed}")
    return True


def _hunt(protocol: str, jobs: int) -> bool:
    """Whether every mutant is found out."""
    table = _mutants()
    chosen = [at for at, mutant in enumerate(table) if protocol == "all" or mutant.protocol in protocol.split(",")]
    if not chosen:
        _refuse(f"there is no mutant of {protocol}")
    found_all = True
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for at, found in zip(chosen, pool.map(_caught, chosen), strict=True):
            mutant = table[at]
            what = f"{mutant.protocol:<12} {mutant.says:<48}"
            if found is None:
                found_all = False
                typer.echo(f"{what} NOT FOUND in {mutant.within} schedules")
            else:
                seed, error = found
                typer.echo(f"{what} found by schedule {seed}: {error[:80]}")
    return found_all


def _caught(at: int) -> tuple[int, str] | None:
    hunt: Callable[[], tuple[int, str] | None] = _mutants()[at].hunt
    return hunt()


def _mutants() -> Any:
    """The table of the tests: of the repository, not of the package."""
    return import_module("tests.node.mutants").MUTANTS


def _check(name: str) -> None:
    """Refuse what is no protocol."""
    try:
        entry = catalogue.find("protocols", name)
    except ValueError as error:
        _refuse(f"{name}: {error}")
    if entry is None or not entry.built:
        _refuse(f"there is no protocol {name!r}; there are {', '.join(built())}")


def _refuse(why: str) -> None:
    typer.echo(f"soak: {why}", err=True)
    raise typer.Exit(2)


if __name__ == "__main__":
    sys.argv[0] = "soak"
    app(prog_name="soak")
