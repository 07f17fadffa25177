"""Takes the README's pictures of pages anew: `tools/renew-pictures`.

Each is what a user sees: a scenario is run by the command, and its page is opened in a browser. The same netsim gives
the same pictures on the same machine, but for the live page, whose moments nobody can repeat.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_SCENARIOS = Path(__file__).parents[1] / "scenarios"
_WIDTH, _HEIGHT = 1100, 760  # pixels
_COLOURS = 128  # of a picture: flat areas and thin lines need no more, and the file is a third
_WATCHED_MS = 6_000  # on the wall, before and after the cut
_PATIENCE_MS = 60_000


@contextmanager
def report(page: Page, work: Path) -> Iterator[None]:
    """The first screen."""
    page.goto((_run(work, "greater-bay") / "report.html").as_uri())
    _ready(page)
    yield


@contextmanager
def journey(page: Page, work: Path) -> Iterator[None]:
    """A block under way, on the map of the report."""
    page.goto((_run(work, "greater-bay") / "report.html").as_uri())
    _ready(page)
    page.locator("[aria-label^=Time]").fill("480")
    page.evaluate("document.activeElement.blur()")
    _to_the_top(page, "figure.map")
    yield


@contextmanager
def graph(page: Page, work: Path) -> Iterator[None]:
    """A run's network, coloured by what its links carried."""
    folder = _run(work, "churn")
    file = work / "graph.html"
    _netsim("graph", folder, "--colour", "traffic", "--output", file)
    page.goto(file.as_uri())
    _ready(page)
    _to_the_top(page, ".tools")
    yield


@contextmanager
def live(page: Page, work: Path) -> Iterator[None]:
    """The live page, when a city has been cut off."""
    with _watched(work) as address:
        page.goto(address)
        page.wait_for_selector("html[data-phase=running]", state="attached")
        page.wait_for_timeout(_WATCHED_MS)
        page.click("button[data-cut=suzhou]")
        page.wait_for_selector(".map-now:has-text('4 cut off')")
        page.wait_for_timeout(_WATCHED_MS)
        page.evaluate("scrollTo(0, 0)")
        yield


PICTURES: dict[str, Callable[[Page, Path], AbstractContextManager[None]]] = {
    "report.png": report,
    "journey.png": journey,
    "live.png": live,
    "graph.png": graph,
}


def renew(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the pictures go.")] = (_SCENARIOS / "pictures"),
) -> None:
    """Take the README's pictures of pages anew."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        typer.echo("renew-pictures: chromium is not installed: apt install chromium", err=True)
        raise SystemExit(4)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="netsim-pictures-") as work, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--hide-scrollbars"])
        for name, show in PICTURES.items():
            (folder / name).write_bytes(_taken(browser, show, Path(work)))
            typer.echo(folder / name)
        browser.close()


def _taken(browser: Browser, show: Callable[[Page, Path], AbstractContextManager[None]], work: Path) -> bytes:
    """A picture as a small PNG."""
    from PIL import Image

    context = browser.new_context(
        viewport={"width": _WIDTH, "height": _HEIGHT}, color_scheme="light", reduced_motion="reduce", locale="en-GB"
    )
    context.set_default_timeout(_PATIENCE_MS)
    page = context.new_page()
    with show(page, work):
        picture = Image.open(BytesIO(page.screenshot(animations="disabled")))
    context.close()
    small = BytesIO()
    picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def _ready(page: Page) -> None:
    page.wait_for_selector("html[data-ready]", state="attached")
    page.wait_for_timeout(500)  # charts come when they are seen


def _to_the_top(page: Page, selector: str) -> None:
    page.locator(selector).first.evaluate("element => scrollTo(0, element.getBoundingClientRect().top + scrollY - 8)")
    page.wait_for_timeout(300)


def _run(work: Path, scenario: str) -> Path:
    """The folder of a shipped scenario's run, which is done once."""
    folder = work / scenario
    if not folder.exists():
        _netsim("run", _SCENARIOS / f"{scenario}.yaml", "--engine", "simulate", "--out", folder)
    return folder


def _command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-P", "-m", "netsim", *map(str, arguments)]


def _netsim(*arguments: str | Path) -> None:
    subprocess.run(_command(*arguments), check=True, capture_output=True)


@contextmanager
def _watched(work: Path) -> Iterator[str]:
    """The address of a live page, whose run is ended afterwards."""
    command = _command(
        "run", _SCENARIOS / "greater-bay.yaml", "--live", "--set", "duration=120 s", "--out", work / "live"
    )
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stderr is not None
            found = re.search(r"http://\S+", child.stderr.readline())
            if found is None:
                raise RuntimeError("the run says no address")
            yield found[0]
        finally:
            child.send_signal(signal.SIGINT)
            child.communicate()


if __name__ == "__main__":
    typer.run(renew)
