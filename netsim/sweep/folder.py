"""A sweep's folder: which sweep it is, each run as soon as it is done, and in the end the tables.

    sweep.json       the scenario and the points, each by its values and a digest of what is simulated and expected
    point-001.yaml   each point as a scenario that can be run by itself
    runs.jsonl       a line for each run, on the disk before the next one is taken
    results.csv, results.parquet, points.parquet     see `netsim.sweep.table`

Whoever is killed leaves at most a torn last line, which is cut off. The same sweep goes on where it was; further seeds
and values are added.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from netsim import __version__
from netsim.sweep.run import Run

if TYPE_CHECKING:
    from netsim.scenario import Point, Scenario

SCHEMA = 1
SWEEP, RUNS = "sweep.json", "runs.jsonl"
_UNCOUNTED = ("seed", "description", "emulation")  # sections that change nothing in a sweep's runs
_SECTION = re.compile(r"^(?=\S)", re.MULTILINE)


class OtherSweep(Exception):
    """A folder that is not this sweep's, or none of a sweep, and why."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A point in a sweep's folder: its values by varied key, in words; `expects`: whether the scenario does."""

    values: dict[str, str]
    identity: str
    expects: bool = False


class _Manifest(msgspec.Struct):
    schema: int
    version: str
    name: str
    identity: str
    varied: list[str]
    points: list[Recorded]


class Folder:
    """The folder of a sweep that is open for writing; use it in a `with` block.

    `points` are all that it holds, `numbers` those of the sweep at hand among them, `runs` what is there of them all.
    """

    def __init__(self, path: Path, scenario: Scenario, points: Sequence[Point]) -> None:
        """Open an empty or new folder, or one of the same sweep. Raises OtherSweep and OSError, and changes nothing."""
        self.path = path
        known = _known(path)
        name, identity, varied = scenario.name, _identity(scenario), list(points[0].values)
        if known is not None and (known.identity, set(known.varied)) != (identity, set(varied)):
            raise OtherSweep(f"{path} holds another sweep: {_difference(known, name, varied)}; choose another folder")
        manifest = known or _Manifest(SCHEMA, __version__, name, identity, varied, [])
        places = {point.identity: number for number, point in enumerate(manifest.points)}
        self.numbers: list[int] = []
        added: list[Point] = []
        for point in points:
            place = places.setdefault(_identity(point.scenario), len(places))
            if place == len(manifest.points):
                values = {key: point.values[key] for key in manifest.varied}
                manifest.points.append(Recorded(values, _identity(point.scenario), bool(point.scenario.expect)))
                added.append(point)
            self.numbers.append(place)
        self.points = manifest.points
        path.mkdir(parents=True, exist_ok=True)
        self._lines = _lock(path / RUNS)
        try:
            self.runs = {(run.point, run.seed): run for run in _read(path / RUNS, self._lines, len(self.points))}
            for number, point in enumerate(added, len(self.points) - len(added)):
                _write_point(point.scenario, path, number)
            if added:
                _replace(path / SWEEP, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        except BaseException:
            self._lines.close()
            raise

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()

    def left(self, seeds: Iterable[int]) -> list[tuple[int, int]]:
        """What is yet to be done of the sweep at hand: which of its points, counted from 0, with which seed.

        A run that failed is tried anew.
        """
        wanted = list(seeds)
        first = {place: number for number, place in reversed(list(enumerate(self.numbers)))}  # two may be the same
        found = ((number, seed) for place, number in sorted(first.items(), key=lambda item: item[1]) for seed in wanted)
        return [(number, seed) for number, seed in found if not self._is_done(self.numbers[number], seed)]

    def _is_done(self, place: int, seed: int) -> bool:
        run = self.runs.get((place, seed))
        return run is not None and not run.failure

    def add(self, run: Run) -> None:
        """Keep a run of the sweep at hand: when this returns it is on the disk. Raises OSError."""
        kept = replace(run, point=self.numbers[run.point])
        self._lines.write(msgspec.json.encode(kept) + b"\n")
        self._lines.flush()
        os.fsync(self._lines.fileno())
        self.runs[kept.point, kept.seed] = kept


def read(path: Path) -> tuple[str, list[Recorded], list[Run]]:
    """What a sweep's folder holds: the scenario's name, the points, the runs in their order. Raises OtherSweep."""
    known = _known(path)
    if known is None:
        raise OtherSweep(f"{path} is no sweep's folder: it has no {SWEEP}")
    with (path / RUNS).open("rb") as lines:
        runs = {(run.point, run.seed): run for run in _runs(path / RUNS, lines.read(), len(known.points))}
    return known.name, known.points, [runs[key] for key in sorted(runs)]


def _known(path: Path) -> _Manifest | None:
    """What the folder says of itself; None where there is nothing. Raises OtherSweep."""
    if path.exists() and not path.is_dir():
        raise OtherSweep(f"{path} is no folder")
    if not (path / SWEEP).is_file():
        if path.is_dir() and {entry.name for entry in path.iterdir()} - {RUNS}:
            raise OtherSweep(f"{path} is there already and not empty, and holds no sweep that could go on")
        return None
    try:
        known = msgspec.json.decode((path / SWEEP).read_bytes(), type=_Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise OtherSweep(f"{path / SWEEP}: {error}") from None
    if (known.schema, known.version) != (SCHEMA, __version__):
        raise OtherSweep(f"{path} was made by netsim {known.version}, this is {__version__}; choose another folder")
    return known


def _difference(known: _Manifest, name: str, varied: Sequence[str]) -> str:
    if known.name != name:
        return f"of {known.name}"
    if set(known.varied) != set(varied):
        return f"it varies {', '.join(known.varied) or 'nothing'}"
    return "its scenario, or what --set made of it, was not the same"


def _identity(scenario: Scenario) -> str:
    """A digest over what decides a scenario's runs and how they are judged, for every seed."""
    sections = _SECTION.split(scenario.text)
    counted = "".join(section for section in sections if not section.startswith(tuple(f"{key}:" for key in _UNCOUNTED)))
    code = scenario.consensus.code
    return sha256(counted.encode() + (b"" if code is None else code.read_bytes())).hexdigest()


def _lock(path: Path) -> IO[bytes]:
    """Open for appending, for one sweep at a time. Raises OtherSweep."""
    lines = path.open("a+b")
    try:
        fcntl.flock(lines, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lines.close()
        raise OtherSweep(f"{path.parent} is being written by another sweep") from None
    return lines


def _read(path: Path, lines: IO[bytes], points: int) -> list[Run]:
    """The runs; a torn last line is cut off. Raises OtherSweep."""
    lines.seek(0)
    text = lines.read()
    found = _runs(path, text, points)
    lines.truncate(text.rfind(b"\n") + 1)
    return found


def _runs(path: Path, text: bytes, points: int) -> list[Run]:
    found = []
    for number, line in enumerate(text[: text.rfind(b"\n") + 1].splitlines(), 1):
        try:
            run = msgspec.json.decode(line, type=Run)
        except msgspec.MsgspecError as error:
            raise OtherSweep(f"{path}, line {number}: {error}") from None
        if run.point >= points:
            raise OtherSweep(f"{path}, line {number}: there is no point {run.point}")
        found.append(run)
    return found


def _write_point(scenario: Scenario, folder: Path, number: int) -> None:
    (folder / f"{name(number)}.yaml").write_text(scenario.text, encoding="utf-8")
    if scenario.consensus.code is not None:
        shutil.copy(scenario.consensus.code, folder)


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(f".{path.name}")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def name(point: int) -> str:
    """What a point is called, counted from 0: `point-001`."""
    return f"point-{point + 1:03}"
