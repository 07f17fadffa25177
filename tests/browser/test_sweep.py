"""The page of a sweep in a real browser: what is chosen is drawn, and no name becomes a script."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from netsim.compare import load, match
from netsim.report.page.sweep import comparison, write
from netsim.study.headline import headline_of
from tests.report.sweeps import HOSTILE, swept
from tests.study.made_up import made_up

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.xdist_group("pages")


def open_page(page: Page, path: Path) -> None:
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    for canvas in page.locator(".canvas").all():
        canvas.scroll_into_view_if_needed()
    page.locator(".canvas:not([data-drawn])").first.wait_for(state="detached")  # that is: until there is none


def drawn(page: Page) -> list[dict[str, object]]:
    """The lines of the first chart, as the library has them."""
    found: list[dict[str, object]] = page.evaluate(
        """() => echarts.getInstanceByDom(document.querySelector('#curves .canvas')).getOption().series
            .filter((each) => !each.silent).map((each) => ({name: each.name, data: each.data}))"""
    )
    return found


def test_any_figure_is_drawn_over_any_key(page: Page, tmp_path: Path) -> None:
    open_page(page, write(swept(tmp_path)))
    one, two = drawn(page)
    assert (one["name"], two["name"]) == ("one", "<b>two</b>")
    assert one["data"] == [[200, 51], [300, 51], [400, 51], [500, 1051], [600, 2051]]
    page.get_by_label("figure").select_option(label="throughput")
    assert page.locator("#curves h3").inner_text() == "throughput by workload.rate"
    assert drawn(page)[0]["data"] == [[200, 200], [300, 300], [400, 400], [500, 400], [600, 400]]
    page.get_by_label("along").select_option(label=HOSTILE)
    assert len(drawn(page)) == 5
    assert drawn(page)[4]["data"] == [["one", 400], ["<b>two</b>", 400]]
    with page.expect_download() as download:
        page.locator("#curves").get_by_role("button").click()
    rows = Path(download.value.path()).read_text("utf-8").splitlines()
    assert rows[0] == f"workload.rate,{HOSTILE},throughput (transactions/s),low,high,runs"
    assert len(rows) == 11


def test_names_are_text_and_the_tables_can_be_taken(page: Page, tmp_path: Path) -> None:
    open_page(page, write(swept(tmp_path)))
    assert HOSTILE in page.locator("h1").inner_text()
    assert page.locator("main img").count() == 0
    page.get_by_text("LaTeX, with booktabs").click()
    assert "\\toprule" in page.locator("#latex pre").inner_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download .tex").click()
    assert "\\bottomrule" in Path(download.value.path()).read_text("utf-8")


def test_a_study_begins_with_its_sentences_and_its_picture(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    open_page(page, write(swept(tmp_path), headline_of(made_up())))
    assert page.locator("#headline li").count() == 5
    assert page.evaluate("document.querySelector('.picture').naturalWidth") > 300
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_comparison_is_drawn_side_by_side(page: Page, tmp_path: Path) -> None:
    sides = [load(swept(tmp_path, "first")), load(swept(tmp_path, "other", more=5.0))]
    (tmp_path / "x.html").write_text(comparison(sides, *match(sides)), encoding="utf-8")
    open_page(page, tmp_path / "x.html")
    assert len(drawn(page)) == 2
    page.get_by_label("a line for each").select_option(label="side")
    first, other = drawn(page)
    assert (first["name"], other["name"]) == ("A", "B")
    assert page.locator("#tables table").count() >= 10
