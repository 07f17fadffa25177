"""One run: from a scenario to a folder that holds everything it gave."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from netsim.engine.plan import Plan
    from netsim.engine.tally import Tally
    from netsim.engine.worker import Wrap
    from netsim.measure import Summary
    from netsim.scenario import Scenario
    from netsim.trace import Trace

Observe: TypeAlias = "Callable[[str, int, Tally], None]"
EngineName = Literal["emulate", "simulate"]
INTERRUPTED, INCOMPLETE = 130, 4


@dataclass
class Result:
    """What a run came to. `failure` is the one line that says why it could not be completed."""

    folder: Path
    summary: Summary
    exit_code: int
    failure: str = ""
    twin_differs: str = ""  # where the twin first differs, in words


def new_folder(scenario: Scenario, runs: Path = Path("runs")) -> Path:
    """A fresh folder for a run under `runs`, named after the scenario and the hour; `runs/latest` points at it.

    Raises OSError where it cannot be made.
    """
    stem = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in scenario.name).strip(".")
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1000):
        folder = runs / (f"{stem}-{stamp}" + (f"-{number}" if number > 1 else ""))
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        pointer = runs / f".latest-{os.getpid()}"
        with suppress(OSError):  # a file system without links has no `latest`
            pointer.symlink_to(folder.name)
            pointer.replace(runs / "latest")
        return folder
    raise FileExistsError(f"{runs} is full of runs of this second")


def run(
    plan: Plan,
    folder: Path,
    engine: EngineName = "emulate",
    broker: str | None = None,
    observe: Observe | None = None,
    wrap: Wrap | None = None,
    silence_s: float | None = None,
) -> Result:
    """Run a planned scenario into an existing, empty folder.

    `observe(phase, now_ns, tally)` is called now and then, with the phase "emulate" or "simulate" (the twin's too).
    `wrap` and `silence_s` are for tests: a transport that misbehaves, and how long a round may take on the wall.
    Raises LayoutError where the scenario cannot be emulated in the processes it asks for, before anything starts.
    """
    scenario = plan.scenario
    started = time.monotonic()
    log = _log(folder)
    work = folder / "work"
    try:
        work.mkdir()
        (folder / "scenario.yaml").write_text(_without_password(scenario), encoding="utf-8")
        log.info("%s, seed %d, %s, trace %s", scenario.name, scenario.seed, engine, scenario.trace)
        failure, exit_code = "", 0
        if engine == "emulate":
            from netsim.engine.emulator import Aborted, emulate

            options: dict[str, Any] = {} if silence_s is None else {"silence_s": silence_s}
            emulated = emulate(
                plan, work, broker or scenario.emulation.broker, _phase(observe, "emulate"), wrap, **options
            )
            recorded = emulated.trace
            fidelity = recorded.header.fidelity
            log.info("%d processes, %d rounds, %.1f s", emulated.processes, fidelity.rounds, time.monotonic() - started)
            if emulated.rejected:
                log.warning("%d payloads on our topics were not ours, and were dropped", emulated.rejected)
            if isinstance(emulated.failure, Aborted):
                failure, exit_code = str(emulated.failure), INCOMPLETE
                log.error("%s\n%s", failure, emulated.failure.details)
            elif emulated.failure is not None:
                failure, exit_code = "interrupted", INTERRUPTED
                log.error(failure)
        else:
            from netsim.engine.simulator import simulate

            recorded = simulate(plan, work, _phase(observe, "simulate"))
        recorded.header.wall_s = time.monotonic() - started
        if engine == "emulate" and not failure:
            _compare_with_twin(plan, work, recorded, observe, log)
        return _conclude(plan, folder, recorded, failure, exit_code, log)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        for handler in list(log.handlers):
            handler.close()
            log.removeHandler(handler)


def _compare_with_twin(
    plan: Plan,
    work: Path,
    recorded: Trace,
    observe: Observe | None,
    log: logging.Logger,
) -> None:
    """Simulate the same scenario and hold the emulation's trace against it."""
    from netsim.engine.simulator import simulate
    from netsim.engine.twin import difference

    fidelity = recorded.header.fidelity
    twin = simulate(plan, work, _phase(observe, "simulate"))
    equal = twin.digest() == recorded.digest()
    fidelity.twin = "equal" if equal else "differs"
    fidelity.twin_differs = "" if equal else difference(recorded, twin)
    log.info("twin %s %s", fidelity.twin, fidelity.twin_differs)


def _conclude(plan: Plan, folder: Path, recorded: Trace, failure: str, exit_code: int, log: logging.Logger) -> Result:
    """Write the trace, the graph and the summary, and find the exit code."""
    from netsim.measure import outcome, summarise
    from netsim.report.graph import write

    recorded.write(folder)
    write(plan.network.graph, folder / "network.graphml", plan.scenario.name)
    summary = summarise(recorded)
    (folder / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
    exit_code = exit_code or outcome(summary)
    log.info("trace digest %s, exit code %d", summary["trace_digest"], exit_code)
    return Result(folder, summary, exit_code, failure, recorded.header.fidelity.twin_differs)


def _without_password(scenario: Scenario) -> str:
    """The resolved scenario as it may be passed on: a broker's password is nobody else's business."""
    password = urlsplit(scenario.emulation.broker).password
    return scenario.text if password is None else scenario.text.replace(f":{password}@", "@")


def _phase(observe: Observe | None, phase: str) -> Callable[[int, Tally], None] | None:
    if observe is None:
        return None
    return lambda now, tally: observe(phase, now, tally)


def _log(folder: Path) -> logging.Logger:
    log = logging.getLogger(f"netsim.run.{id(folder)}.{time.monotonic_ns()}")
    log.propagate = False
    log.setLevel(logging.INFO)
    handler = logging.FileHandler(folder / "log.txt", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    return log
