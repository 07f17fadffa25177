"""The map in a real browser: a block's journey is played back, by button and by key, on any width, light and dark."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import pytest

from netsim.report.page.document import html
from netsim.report.page.map import document
from tests.measure.story import BLOCK_TAG, Story

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.xdist_group("pages")
HOSTILE = "<img src=x onerror=document.title='hacked'>"


def story(**header: Any) -> Story:
    """Two blocks; each goes from Shenzhen to everybody, and votes come back."""
    told = Story(**header)
    for height, begin in ((1, 1000), (2, 2000)):
        told.decide(height, begin, (50, 55, 70, 80), transactions=3)
        told.send(0, begin + 1, 2 * height, tag=BLOCK_TAG, block=height)
        for node, after in ((1, 8), (2, 24), (3, 25)):
            told.deliver(node, begin + after, 0, 2 * height, tag=BLOCK_TAG, block=height)
            told.row("have", node, begin + after, block=height, detail=BLOCK_TAG)
            told.send(node, begin + after + 1, height, copies=1, block=height)
            told.deliver(0, begin + after + 20, node, height, block=height)
    return told


def graph(nodes: int = 4) -> nx.Graph[int]:
    made: nx.Graph[int] = nx.cycle_graph(nodes)
    for node in made:
        site, lat, lon = (
            ("shenzhen", 22.543, 114.058) if node < nodes / 2 or nodes == 1 else ("suzhou", 31.299, 120.585)
        )
        made.nodes[node].update(site=site, lat=lat, lon=lon)
    for edge in made.edges:
        made.edges[edge].update(median_ms=15.4)
    return made


def show(page: Page, folder: Path, told: Story, network: nx.Graph[int] | None = None) -> None:
    file = folder / "map.html"
    data = {"title": told.header.name, "map": document(told.trace(), network or graph(len(told.header.nodes)))}
    file.write_text(html(told.header.name, "map", data), encoding="utf-8")
    page.goto(file.as_uri())
    page.wait_for_selector("canvas[data-drawn]")


def picture(page: Page) -> str:
    """The canvas as data, to tell one picture from another."""
    return str(page.evaluate("document.querySelector('.map canvas').toDataURL()"))


def now(page: Page) -> str:
    return page.inner_text(".map-now")


def played(page: Page) -> list[str]:
    """All that is said of the moments while a block is played back to its end, however short a time it stands there."""
    page.evaluate(
        """() => {
            window.said = [];
            const line = document.querySelector(".map-now");
            const more = {childList: true, characterData: true, subtree: true};
            new MutationObserver(() => window.said.push(line.textContent)).observe(line, more);
        }"""
    )
    page.select_option("[aria-label=Speed]", "4")
    page.click("[aria-label=Play]")
    page.locator(".map-now:has-text('4 of 4 in all (last: suzhou-1)')").wait_for(timeout=60_000)
    page.wait_for_selector("[aria-label=Play]", timeout=60_000)  # it stops by itself
    said: list[str] = page.evaluate("() => window.said")
    return said


def test_a_block_is_played_to_its_end(page: Page, tmp_path: Path) -> None:
    show(page, tmp_path, story())
    assert now(page) == "+0.00 ms: block 1 is proposed by shenzhen-0."
    empty = picture(page)
    assert any("Under way: " in said for said in played(page))
    assert picture(page) != empty
    assert "2 of 2 final in suzhou, 4 of 4 in all (last: suzhou-1)" in now(page)
    assert page.input_value("[aria-label^=Time]") == "1000"
    assert page.locator("td").all_inner_texts()[:4] == ["2 of 2", "2 of 2", "2 of 2", "2 of 2"]


def test_the_slider_the_buttons_and_the_legend(page: Page, tmp_path: Path) -> None:
    show(page, tmp_path, story())
    page.locator("[aria-label^=Time]").fill("500")
    assert re.match(r"\+\d+\.\d ms: ", now(page))
    assert page.get_attribute("[aria-label^=Time]", "aria-valuetext") == now(page).split(":")[0]
    page.click("[aria-label='Next block']")
    assert now(page).startswith("+0.00 ms: block 2 is proposed")
    assert "Block 2 (" in page.inner_text(".map")
    page.click("[aria-label='Next block']")  # after the last comes the first
    assert now(page).startswith("+0.00 ms: block 1 is proposed")
    page.click("[aria-label='Previous block']")
    assert now(page).startswith("+0.00 ms: block 2 is proposed")
    page.select_option("[aria-label=Block]", "0")
    assert now(page).startswith("+0.00 ms: block 1 is proposed")

    page.locator("[aria-label^=Time]").fill("150")
    assert "proposal" in now(page).split("Under way")[1]
    before = picture(page)
    page.uncheck("label:has-text('proposal') input")
    assert picture(page) != before


def test_by_keys(page: Page, tmp_path: Path) -> None:
    show(page, tmp_path, story())
    page.focus(".map [role=group]")
    moments = []
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        moments.append(now(page).split(":")[0])
    assert moments == ["+8.00 ms", "+24.0 ms", "+25.0 ms"]
    assert "2 of 2 have the block in suzhou, 4 of 4 in all (last: suzhou-1)" in now(page)
    page.keyboard.press("ArrowLeft")
    assert now(page).startswith("+24.0 ms: 1 of 2 have the block in suzhou, 3 of 4 in all")
    page.keyboard.press("PageDown")
    assert now(page).startswith("+0.00 ms: block 2")
    page.keyboard.press(" ")
    page.wait_for_selector("[aria-label=Pause]")
    page.keyboard.press(" ")
    page.wait_for_selector("[aria-label=Play]")


def test_what_a_node_is_when_it_is_touched(page: Page, tmp_path: Path) -> None:
    alone = Story(nodes=["alone"], node_sites=[0], sites=["shenzhen"], validators=[0], quorum=1)
    show(page, tmp_path, alone.decide(1, 100, (50,)), graph(1))
    box = page.locator(".map [role=img]").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.inner_text(".map-node").startswith("alone, shenzhen: has the block +0.00 ms, final +50.0 ms")


def test_without_motion_it_goes_from_moment_to_moment(browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    show(page, tmp_path, story())
    moments = [said.split(":")[0] for said in played(page)]
    assert moments[:3] == ["+8.00 ms", "+24.0 ms", "+25.0 ms"]
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(browser: Browser, tmp_path: Path, scheme: Any) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme=scheme, has_touch=True)
    page = context.new_page()
    show(page, tmp_path, story())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.tap("[aria-label='Next block']")
    assert now(page).startswith("+0.00 ms: block 2")
    context.close()


def test_names_are_text(page: Page, tmp_path: Path) -> None:
    told = story(name=HOSTILE, nodes=[HOSTILE] * 4, sites=[HOSTILE, "suzhou"], messages={16: HOSTILE, 17: "vote"})
    show(page, tmp_path, told)
    page.locator("[aria-label^=Time]").fill("200")
    assert HOSTILE in now(page)
    assert page.locator("img").count() == 0
    assert page.title() == HOSTILE


def test_other_levels_and_no_blocks_say_so(page: Page, tmp_path: Path) -> None:
    show(page, tmp_path, Story(level="blocks").decide(1, 100))
    assert "level blocks" in page.inner_text(".map")
    page.locator("[aria-label^=Time]").fill("1000")
    assert "4 of 4 in all" in now(page)
    show(page, tmp_path, Story())
    assert "No block was proposed" in page.inner_text(".map")
    assert page.locator("[aria-label=Play]").count() == 0
    before = picture(page)  # nothing to play back, but what becomes of a node can be told as it happens
    page.evaluate("document.querySelector('.map').map.tell(['finalise', null, null, 'down'], 0)")
    assert picture(page) != before
    assert now(page) == "1 of 4 nodes final, 1 down."


def test_a_thousand_nodes(page: Page, tmp_path: Path) -> None:
    nodes = 1000
    told = Story(
        nodes=[f"n{node}" for node in range(nodes)],
        node_sites=[int(node >= nodes / 2) for node in range(nodes)],
        validators=list(range(nodes)),
        quorum=667,
    )
    told.decide(1, 100, [60 + node % 90 for node in range(nodes)])
    show(page, tmp_path, told)
    page.locator("[aria-label^=Time]").fill("1000")
    assert "1000 of 1000 in all" in now(page).replace("\u202f", "")
