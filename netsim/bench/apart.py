"""Figures are measured one behind the other, but for those that need a process of their own."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from netsim.bench import emulating, simulating
from netsim.bench.figure import FIGURES, FRESH, Effort, Line

_MODULES = simulating, emulating  # they enter their figures when they are imported


def lines_of(name: str, effort: Effort) -> list[Line]:
    """The lines of one figure. Raises what measuring it raises, and BrokenProcessPool if its process dies.

    The fork server of `multiprocessing` keeps what the first emulation of a process has made; see `engine.inherited`.
    """
    if name not in FRESH:
        return list(FIGURES[name](effort))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as process:
        return process.submit(_measured, name, effort).result()


def _measured(name: str, effort: Effort) -> list[Line]:
    return list(FIGURES[name](effort))
