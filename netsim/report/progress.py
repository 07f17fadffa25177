"""The display while a run goes on: how far it is, how fast, and what finality looks like so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_REFRESH_S = 0.1  # least wall time between two pictures on a terminal
_LINE_S = 5.0  # least wall time between two lines where there is no terminal
_SHOWN_SITES = 8


class Progress:
    """A live display on a terminal, a line now and then elsewhere, nothing where it is quiet.

    It is given plain numbers and draws in the caller's thread, at most ten times a second, so that it can be fed from
    the middle of an event loop; on leaving the `with` block it takes itself off the screen.
    """

    def __init__(
        self,
        title: str,
        duration_s: float,
        console: Console | None = None,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`duration_s`: of scenario time. `console`: standard error if not given, so that output can be piped."""
        self._title = title
        self._duration_s = duration_s
        self._quiet = quiet
        self._clock = clock
        self._next = clock()
        self._live: Live | None = None
        if not quiet:
            from rich.console import Console

            self._console = console or Console(stderr=True)

    def __enter__(self) -> Progress:
        if not self._quiet and self._console.is_terminal:
            from rich.live import Live

            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def update(
        self, emulated_s: float, wall_s: float, blocks_final: int, by_site: Mapping[str, float], phase: str = ""
    ) -> None:
        """Show that `emulated_s` of scenario time took `wall_s`, and the running median finality by city, in ms.

        `phase` replaces the title while something else than the run itself goes on, such as its twin. Calls that come
        too soon after one that was shown cost one look at the clock.
        """
        if self._quiet or self._clock() < self._next:
            return
        if self._live is not None:
            self._live.update(self._picture(emulated_s, wall_s, blocks_final, by_site, phase), refresh=True)
            self._next = self._clock() + _REFRESH_S
        else:
            words = [self._done(emulated_s), _pace(emulated_s, wall_s), _blocks(blocks_final)]
            words += [f"{site} {median_ms:.1f} ms" for site, median_ms in _shown(by_site)]
            line = f"{phase or self._title}: {', '.join(words)}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
            self._next = self._clock() + _LINE_S

    def _picture(
        self, emulated_s: float, wall_s: float, blocks_final: int, by_site: Mapping[str, float], phase: str
    ) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        top = Table.grid(padding=(0, 2), expand=True)
        top.add_column(no_wrap=True)
        top.add_column(ratio=1)
        top.add_column(no_wrap=True, justify="right")
        top.add_row(
            Text(phase or self._title, "bold"),
            ProgressBar(total=self._duration_s, completed=emulated_s),
            Text(self._done(emulated_s)),
        )
        below = Text().append(_pace(emulated_s, wall_s), "cyan").append(f" · {_blocks(blocks_final)}")
        for site, median_ms in _shown(by_site):
            below.append(f" · {site} ", "dim").append(f"{median_ms:.1f} ms", "bold")
        return Group(top, below)

    def _done(self, emulated_s: float) -> str:
        return f"{emulated_s:.1f} of {self._duration_s:g} s"


def _pace(emulated_s: float, wall_s: float) -> str:
    """How scenario time compares with the wall's, in words."""
    if emulated_s <= 0 or wall_s <= 0:
        return "starting"
    if emulated_s >= wall_s:
        return f"{emulated_s / wall_s:.1f}× faster than real time"
    return f"{wall_s / emulated_s:.1f}× slower than real time"


def _blocks(count: int) -> str:
    return f"{count} block{'s' if count != 1 else ''} final"


def _shown(by_site: Mapping[str, float]) -> list[tuple[str, float]]:
    return list(by_site.items())[:_SHOWN_SITES]
