"""A browser for the tests of pages: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

_PATIENCE_MS = 60_000  # a shared machine may stall


@pytest.fixture(scope="module")  # no longer: while Playwright is there, no other event loop can run in this process
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: apt install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty tab that has said nothing when the test is over: no error, no warning, no dialogue of a script that got
    in.

    Wait with locators, never with `wait_for_function`: where it does not find its condition met at once it evaluates
    text within the page, which the page's policy forbids, so that it works only on a fast machine.
    """
    context = browser.new_context(viewport={"width": 1200, "height": 900}, accept_downloads=True)
    context.set_default_timeout(_PATIENCE_MS)
    page = context.new_page()
    said: list[str] = []

    def refuse(dialog: Dialog) -> None:
        said.append(f"dialogue: {dialog.message}")
        dialog.dismiss()

    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("dialog", refuse)
    yield page
    context.close()
    assert not said


@pytest.fixture
def opened(page: Page) -> Callable[[Path], Page]:
    """Open a file from the disk, and wait until its script has done its work."""

    def open_(file: Path) -> Page:
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        return page

    return open_
