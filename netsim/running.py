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

from netsim.engine.interrupt import ignore_further_interrupts, interrupts_restored

if TYPE_CHECKING:
    from netsim.engine.plan import Plan
    from netsim.engine.steering import Steering
    from netsim.engine.tally import Tally
    from netsim.engine.worker import Wrap
    from netsim.measure import Summary
    from netsim.scenario import Scenario
    from netsim.trace import Trace

Observe: TypeAlias = "Callable[[str, int, Tally], None]"
EngineName = Literal["emulate", "simulate"]
INTERRUPTED, INCOMPLETE = 130, 4


@dataclass(frozen=True)
class _End:
    """How a run ended: whole, or early for a reason and with an exit code."""

    reason: str = ""
    exit_code: int = 0


_WHOLE = _End()
_INTERRUPTED = _End("interrupted", INTERRUPTED)


@dataclass
class Result:
    """What a run came to. `failure` is the one line that says why it could not be completed."""

    folder: Path
    summary: Summary
    exit_code: int
    failure: str = ""
    twin_differs: str = ""  # where the twin, or the second simulation, first differs, in words
    unreported: str = ""  # why there is no report.html


def new_folder(scenario: Scenario, runs: Path = Path("runs"), latest: bool = True) -> Path:
    """A fresh folder for a run under `runs`, named after the scenario and the hour; `runs/latest` points at it, unless
    it is for something else than a run.

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
        if not latest:
            return folder
        pointer = runs / f".latest-{os.getpid()}"
        with suppress(OSError):  # a file system without links has no `latest`
            pointer.symlink_to(folder.name)
            pointer.replace(runs / "latest")
        return folder
    raise FileExistsError(f"{runs} is full of runs of this second")


@interrupts_restored()
def run(
    plan: Plan,
    folder: Path,
    engine: EngineName = "emulate",
    broker: str | None = None,
    observe: Observe | None = None,
    wrap: Wrap | None = None,
    silence_s: float | None = None,
    verify: bool = False,
    steering: Steering | None = None,
) -> Result:
    """Run a planned scenario into an existing, empty folder.

    `observe(phase, now_ns, tally)` is called now and then, with the phase "emulate" or "simulate" (the twin's too).
    `verify`: a simulation is done again in another process, and the digests compared.
    `steering`: what is wished for on the way; it amends the plan, and the scenario that is kept.
    `wrap` and `silence_s` are for tests: a transport that misbehaves, and how long a round may take on the wall.
    Raises LayoutError where the scenario cannot be emulated in the processes it asks for, before anything starts.
    """
    scenario = plan.scenario
    started = time.monotonic()
    log = _log(folder)
    work = folder / "work"
    try:
        work.mkdir()
        _keep_scenario(plan, folder)
        log.info("%s, seed %d, %s, trace %s", scenario.name, scenario.seed, engine, scenario.trace)
        if engine == "emulate":
            options: dict[str, Any] = {} if silence_s is None else {"silence_s": silence_s}
            recorded, end = _emulate(plan, work, broker, observe, wrap, options | {"steering": steering}, log)
        else:
            recorded, end = _simulate(plan, work, observe, log, steering=steering)
        if steering is not None:
            steering.close()
            _keep_scenario(plan, folder)
        recorded.header.wall_s = time.monotonic() - started
        if engine == "emulate" and end is _WHOLE:
            end = _compare_with_twin(plan, work, recorded, observe, log)
        if engine == "simulate" and verify and end is _WHOLE:
            end = _verify(plan, work, recorded, log)
        if end is not _WHOLE:
            log.error(end.reason)
        ignore_further_interrupts()
        return _conclude(plan, folder, recorded, end, log)
    finally:
        _tidy(work, log)


def _keep_scenario(plan: Plan, folder: Path) -> None:
    """So that the run's scenario can be run again from its folder."""
    (folder / "scenario.yaml").write_text(_without_password(plan.scenario), encoding="utf-8")
    if plan.scenario.consensus.code is not None:
        shutil.copy(plan.scenario.consensus.code, folder)


def _tidy(work: Path, log: logging.Logger) -> None:
    shutil.rmtree(work, ignore_errors=True)
    for handler in list(log.handlers):
        handler.close()
        log.removeHandler(handler)


@interrupts_restored()
def replay(plan: Plan, recorded: Trace, folder: Path, observe: Observe | None = None) -> Result:
    """Simulate exactly what a run did, into an existing, empty folder; its own fidelity is that of the run.

    The verdict is `invalid` where that gives another digest; `twin_differs` says where it first differs.
    """
    started = time.monotonic()
    log = _log(folder)
    work = folder / "work"
    try:
        work.mkdir()
        _keep_scenario(plan, folder)
        log.info("%s, seed %d, replayed, trace %s", plan.scenario.name, plan.scenario.seed, plan.scenario.trace)
        repeated, end = _simulate(plan, work, observe, log, recorded)
        repeated.header.wall_s = time.monotonic() - started
        repeated.costs, repeated.displaced = recorded.costs, recorded.displaced  # so that it can be replayed, too
        if end is _WHOLE:
            _hold_against(repeated, recorded, log)
        else:
            log.error(end.reason)
        ignore_further_interrupts()
        return _conclude(plan, folder, repeated, end, log)
    finally:
        _tidy(work, log)


def _hold_against(repeated: Trace, recorded: Trace, log: logging.Logger) -> None:
    """What is known of the run's fidelity is so of its replay, if that is the same."""
    from netsim.engine.twin import difference

    differs = "" if repeated.digest() == recorded.digest() else difference(recorded, repeated)
    known = recorded.header.fidelity
    twin: Literal["equal", "differs"] = "differs" if differs else "equal"
    repeated.header.fidelity = msgspec.structs.replace(known, twin=twin, twin_differs=differs)
    log.info("replay %s %s", twin, differs)


def _emulate(
    plan: Plan,
    work: Path,
    broker: str | None,
    observe: Observe | None,
    wrap: Wrap | None,
    options: dict[str, Any],
    log: logging.Logger,
) -> tuple[Trace, _End]:
    """The trace of an emulation, and how it ended."""
    from netsim.engine.emulator import Aborted, emulate

    began = time.monotonic()
    spec = broker or plan.scenario.emulation.broker
    emulated = emulate(plan, work, spec, _phase(observe, "emulate"), wrap, **options)
    rounds = emulated.trace.header.fidelity.rounds
    log.info("%d processes, %d rounds, %.1f s", emulated.processes, rounds, time.monotonic() - began)
    if emulated.rejected:
        log.warning("%d payloads on our topics were not ours, and were dropped", emulated.rejected)
    if emulated.failure is None:
        return emulated.trace, _WHOLE
    if isinstance(emulated.failure, Aborted):
        if emulated.failure.details:
            log.error(emulated.failure.details)
        return emulated.trace, _End(str(emulated.failure), INCOMPLETE)
    return emulated.trace, _INTERRUPTED


def _simulate(
    plan: Plan,
    work: Path,
    observe: Observe | None,
    log: logging.Logger,
    recorded: Trace | None = None,
    steering: Steering | None = None,
) -> tuple[Trace, _End]:
    """The trace of a simulation (of `recorded`: see `simulate`), and how it ended."""
    from netsim.engine.simulator import NodeFailed, simulate

    try:
        simulated = simulate(plan, work, _phase(observe, "simulate"), recorded, steering=steering)
    except NodeFailed as failed:
        log.error("%s", failed, exc_info=failed.__cause__)
        return failed.trace, _End(str(failed), INCOMPLETE)
    return simulated, _WHOLE if simulated.header.fidelity.complete else _INTERRUPTED


def _compare_with_twin(plan: Plan, work: Path, recorded: Trace, observe: Observe | None, log: logging.Logger) -> _End:
    """Simulate the same scenario and hold the emulation's trace against it. The emulation stands without.

    Where computing was measured no other run can be equal: then the twin does exactly what was recorded.
    """
    from netsim.engine.simulator import NodeFailed, simulate
    from netsim.engine.twin import difference

    fidelity = recorded.header.fidelity
    try:
        told = recorded if plan.scenario.compute.measured else None
        twin = simulate(plan, work, _phase(observe, "simulate"), told)
        if not twin.header.fidelity.complete:
            return _INTERRUPTED
        differs = "" if twin.digest() == recorded.digest() else difference(recorded, twin)
    except NodeFailed as error:
        return _End(f"in the twin {error}", INCOMPLETE)
    except OSError as error:
        return _End(f"the twin could not be simulated: {error.strerror or error}", INCOMPLETE)
    except KeyboardInterrupt:
        ignore_further_interrupts()
        return _INTERRUPTED
    fidelity.twin = "differs" if differs else "equal"
    fidelity.twin_differs = differs
    log.info("twin %s %s", fidelity.twin, fidelity.twin_differs)
    return _WHOLE


def _verify(plan: Plan, work: Path, recorded: Trace, log: logging.Logger) -> _End:
    """Simulate the same scenario in a fresh interpreter, and hold the trace against it."""
    from netsim.engine.again import NotRepeated, again
    from netsim.engine.twin import difference

    fidelity = recorded.header.fidelity
    try:
        other = again(plan.scenario, work)
    except NotRepeated as error:
        log.error("%s", error.details)
        return _End(str(error), INCOMPLETE)
    except OSError as error:
        return _End(f"the second simulation could not be done: {error.strerror or error}", INCOMPLETE)
    except KeyboardInterrupt:
        ignore_further_interrupts()
        return _INTERRUPTED
    differs = "" if other.digest() == recorded.digest() else difference(recorded, other)
    fidelity.verified = "differs" if differs else "equal"
    fidelity.verified_differs = differs
    log.info("verified %s %s", fidelity.verified, differs)
    return _WHOLE


def _conclude(plan: Plan, folder: Path, recorded: Trace, end: _End, log: logging.Logger) -> Result:
    """Write the trace, the graph and the summary, and find the exit code."""
    from netsim.measure import outcome, summarise
    from netsim.report.graph import write

    recorded.write(folder)
    write(plan.network.graph, folder / "network.graphml", plan.scenario.name)
    summary = summarise(recorded)
    (folder / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
    unreported = _report(plan, folder, recorded, summary, log)
    exit_code = end.exit_code or outcome(summary)
    differs = recorded.header.fidelity.twin_differs or recorded.header.fidelity.verified_differs
    log.info("trace digest %s, exit code %d", summary["trace_digest"], exit_code)
    return Result(folder, summary, exit_code, end.reason, differs, unreported)


def _report(plan: Plan, folder: Path, recorded: Trace, summary: Summary, log: logging.Logger) -> str:
    """Write the page to look at, or say why not. A run is what was recorded: without the page it is as good."""
    from netsim.report.page import report

    began = time.monotonic()
    try:
        report.write(folder, recorded, summary, plan.network.graph)
        log.info("report in %.2f s", time.monotonic() - began)
    except Exception as error:
        log.warning("there is no %s: %s", report.NAME, error, exc_info=error)
        return str(error) or type(error).__name__
    return ""


def _without_password(scenario: Scenario) -> str:
    """The resolved scenario as it may be passed on: a broker's password is nobody else's business."""
    password = urlsplit(scenario.emulation.broker).password
    return scenario.text if password is None else scenario.text.replace(f":{password}@", "@")


def _phase(observe: Observe | None, phase: str) -> Callable[[int, Tally], None] | None:
    if observe is None:
        return None
    return lambda now, tally: observe(phase, now, tally)


def _log(folder: Path) -> logging.Logger:
    log = logging.getLogger(f"netsim.running.{id(folder)}.{time.monotonic_ns()}")
    log.propagate = False
    log.setLevel(logging.INFO)
    handler = logging.FileHandler(folder / "log.txt", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    return log
