"""A few points of a sweep emulated: real processes must leave the trace that the simulation left."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from netsim.sweep.folder import Folder, name
from netsim.sweep.run import Run

if TYPE_CHECKING:
    from netsim.scenario import Point

EMULATED = "emulated"  # the folder in a sweep's that holds the emulations, each a run's


@dataclass(frozen=True, slots=True)
class Emulated:
    """An emulation beside the sweep's simulation of the same point and seed. `failure`: why it did not come to its end.

    `equal`: whether their traces are the same to the bit.
    """

    point: int
    seed: int
    verdict: str
    equal: bool
    exit_code: int = 0
    failure: str = ""

    def __str__(self) -> str:
        """In one line."""
        ending = self.failure or f"{self.verdict}, {'the' if self.equal else 'not the'} simulation's trace"
        return f"{name(self.point)}, seed {self.seed}, emulated: {ending}"


class _Scenario(msgspec.Struct):
    seed: int


class _Fidelity(msgspec.Struct):
    verdict: str
    twin: Literal["equal", "differs", "skipped"]


class _Summary(msgspec.Struct):
    """What is needed of a summary.json."""

    scenario: _Scenario
    fidelity: _Fidelity
    trace_digest: str


def emulate(folder: Folder, points: Sequence[Point], seed: int) -> Iterator[Emulated]:
    """Emulate those of the sweep's points that the scenario names, with one seed; what is there is not done again.

    Raises OSError, and KeyboardInterrupt where an emulation was interrupted.
    """
    from netsim.engine.plan import Plan
    from netsim.running import INTERRUPTED, run

    for place, point in dict(zip(folder.numbers, points, strict=True)).items():
        if not point.emulated:
            continue
        target = _folder(folder.path, place, seed)
        if not _is_whole(target):
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            result = run(Plan(replace(point.scenario, seed=seed)), target)
            if result.exit_code == INTERRUPTED:
                raise KeyboardInterrupt
            if result.failure:
                yield Emulated(place, seed, "", False, result.exit_code, result.failure)
                continue
        yield _held_against(target, place, _digest(folder.runs.get((place, seed))))


def read_emulated(path: Path, runs: Iterable[Run]) -> list[Emulated]:
    """What a sweep's folder holds of emulations, against its runs."""
    targets = ((run, _folder(path, run.point, run.seed)) for run in runs)
    return [_held_against(target, run.point, _digest(run)) for run, target in targets if _is_whole(target)]


def _folder(path: Path, number: int, seed: int) -> Path:
    return path / EMULATED / f"{name(number)}-seed-{seed}"


def _is_whole(target: Path) -> bool:
    """Whether an emulation is there that came to its end."""
    return (target / "summary.json").is_file() and _summary(target).fidelity.twin != "skipped"


def _summary(target: Path) -> _Summary:
    return msgspec.json.decode((target / "summary.json").read_bytes(), type=_Summary)


def _digest(run: Run | None) -> str:
    return "" if run is None else str(run.figures.get("trace_digest", ""))


def _held_against(target: Path, number: int, digest: str) -> Emulated:
    from netsim.measure.exit_code import FINE, INVALID

    summary = _summary(target)
    equal = summary.trace_digest == digest
    trusted = equal and summary.fidelity.verdict != "invalid"
    return Emulated(number, summary.scenario.seed, summary.fidelity.verdict, equal, FINE if trusted else INVALID)
