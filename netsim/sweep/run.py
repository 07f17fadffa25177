"""One run of a sweep: a simulation, and what is kept of it."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from netsim.engine.interrupt import interrupts_restored

if TYPE_CHECKING:
    from netsim.scenario import Scenario

INCOMPLETE = 4  # the exit code of a run that could not be completed
# What a summary holds that is no figure: it names the run, or is the same for every simulation, or is the wall's.
_NO_FIGURES = ("schema", "scenario.", "engine", "version", "wall_s", "fidelity.")


class SweepError(Exception):
    """A sweep that could not be completed, and why."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run gave: figures by their keys in summary.json, None where there is none, and its exit code.

    `point` counts from 0. `failure` says why a run could not be completed; it then has no figures. How long it took in
    seconds, and on which machine, is no part of what it gave.
    """

    point: int
    seed: int
    figures: dict[str, Any]
    expectations_failed: int = 0
    exit_code: int = 0
    failure: str = ""
    wall_s: float = field(default=0.0, compare=False)
    host: str = field(default="", compare=False)


@interrupts_restored()
def measured(point: int, scenario: Scenario, seed: int, below: Path | None = None) -> Run:
    """Simulate a scenario with a seed. Ctrl-C ends it as KeyboardInterrupt; whatever else ends it is its `failure`.

    Raw rows go to a folder that is gone afterwards, in `below` if given.
    """
    from netsim.engine.plan import Plan
    from netsim.engine.simulator import NodeFailed, simulate
    from netsim.measure import outcome, summarise
    from netsim.measure.expect import flatten

    started, host = time.monotonic(), socket.gethostname()
    with TemporaryDirectory(prefix="netsim-sweep-", dir=below) as work:
        try:
            recorded = simulate(Plan(replace(scenario, seed=seed)), Path(work))
        except (NodeFailed, ValueError, OSError, MemoryError) as error:
            failure = " ".join(str(error).split()) or type(error).__name__
            wall_s = time.monotonic() - started
            return Run(point, seed, {}, exit_code=INCOMPLETE, failure=failure, wall_s=wall_s, host=host)
    if not recorded.header.fidelity.complete:
        raise KeyboardInterrupt
    summary = summarise(recorded)
    flat = flatten(cast(dict[str, Any], summary))
    figures = {key: value for key, value in flat if key == "fidelity.verdict" or not key.startswith(_NO_FIGURES)}
    failed = sum(judged["passed"] is False for judged in summary["expect"])
    return Run(point, seed, figures, failed, outcome(summary), wall_s=time.monotonic() - started, host=host)
