"""The display shows what it is given, and seldom enough never to be in the way."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from netsim.report.progress import Progress

from .sample import plain, text

CITIES = {"shenzhen": 113.24, "hong-kong": 114.9}


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def terminal() -> Console:
    return Console(file=StringIO(), width=100, force_terminal=True, color_system=None, legacy_windows=False)


def test_a_pipe_gets_a_line_that_says_everything() -> None:
    console = plain()
    with Progress("greater-bay", 60, console) as progress:
        progress.update(37.2, 3.0, 36, CITIES)
    assert text(console) == (
        "greater-bay: 37.2 of 60 s, 12.4× faster than real time, 36 blocks final, "
        "shenzhen 113.2 ms, hong-kong 114.9 ms\n"
    )


def test_a_pipe_gets_a_line_every_few_seconds_at_most() -> None:
    console, watch = plain(), Watch()
    with Progress("greater-bay", 60, console, clock=watch) as progress:
        for step in range(100):
            watch.now = step / 10
            progress.update(step, step / 10, step, {})
    assert len(text(console).splitlines()) == 2


def test_a_terminal_is_drawn_ten_times_a_second_at_most_and_left_clean() -> None:
    console, watch = terminal(), Watch()
    with Progress("greater-bay", 60, console, clock=watch) as progress:
        for step in range(1, 1001):
            watch.now = step / 1000
            progress.update(step / 100, step / 1000, step, CITIES)
    drawn = text(console)
    assert drawn.count("faster than real time") in range(9, 12)
    assert "hong-kong 114.9 ms" in drawn
    assert drawn.endswith("\x1b[2K")  # the last thing it does is to take its lines away


def test_a_run_slower_than_the_wall_says_so() -> None:
    console = plain()
    with Progress("greater-bay", 60, console) as progress:
        progress.update(2, 9, 1, {})
    assert "4.5× slower than real time, 1 block final" in text(console)


def test_a_run_that_has_not_begun_is_starting() -> None:
    console = plain()
    with Progress("greater-bay", 60, console) as progress:
        progress.update(0, 0, 0, {})
    assert "0.0 of 60 s, starting, 0 blocks final" in text(console)


def test_a_phase_takes_the_titles_place() -> None:
    console = plain()
    with Progress("greater-bay", 60, console) as progress:
        progress.update(30, 1, 3, {}, phase="twin")
    assert text(console).startswith("twin: 30.0 of 60 s")


def test_quiet_prints_nothing() -> None:
    console = plain()
    with Progress("greater-bay", 60, console, quiet=True) as progress:
        progress.update(37.2, 3.0, 36, CITIES)
    assert text(console) == ""


def test_the_terminal_is_given_back_when_the_run_fails() -> None:
    console = terminal()
    try:
        with Progress("greater-bay", 60, console) as progress:
            progress.update(1, 1, 1, {})
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert "\x1b[?25h" in text(console)  # the cursor is shown again
