"""The display while a sweep goes on: how many runs are done, at work, failed, and how long it may still take."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_LINE_S = 5.0  # least wall time between two lines where there is no terminal


class Sweeping:
    """A bar on a terminal, a line now and then elsewhere; see `netsim.report.progress.Progress`."""

    def __init__(self, total: int, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """`total`: the runs that are to be done. `console`: standard error if not given."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = console or Console(stderr=True)
        self._total, self._clock, self._next = total, clock, clock() + _LINE_S
        self._done = self._failed = 0
        self._state = ""
        self._bar: Progress | None = None
        if self._console.is_terminal:
            columns = (MofNCompleteColumn(), BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
            self._bar = Progress(*columns, console=self._console, transient=True, refresh_per_second=4)
            self._task = self._bar.add_task("starting", total=total)

    def __enter__(self) -> Sweeping:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def state(self, running: int, redone: int, workers: int) -> None:
        """Say what the workers do; `redone`: runs that were begun anew, as their worker was lost."""
        busy = f"{running} running on {workers} worker{'s' if workers != 1 else ''}" if workers else "no workers yet"
        self._state = busy + (f", {redone} begun anew" if redone else "")
        self._show()

    def done(self, failed: bool) -> None:
        """One more is there."""
        self._done += 1
        self._failed += failed
        self._show()

    def _show(self) -> None:
        words = self._state + (f", {self._failed} failed" if self._failed else "")
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, description=words)
        elif self._clock() >= self._next:
            self._next = self._clock() + _LINE_S
            line = f"{self._done} of {self._total} runs, {words}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
