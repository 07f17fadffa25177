"""The page of a network in a browser: it draws, moves, finds, tells, and takes names for text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from playwright.sync_api import Page

from netsim.report.graph import with_traffic, write

pytestmark = pytest.mark.xdist_group("browser")
HOSTILE = "<img src=x onerror=alert(1)>"


def network(nodes: int, *, hostile: bool = False) -> nx.Graph[Any]:
    """A tree in two cities, so that there are cut nodes."""
    graph: nx.Graph[Any] = nx.full_rary_tree(3, nodes)
    for node in graph:
        city = ("shenzhen", "suzhou")[node % 2]
        where = {"lat": (22.5, 31.3)[node % 2], "lon": (114.1, 120.6)[node % 2]}
        name = f"{HOSTILE}{node}" if hostile else f"{city}-{node}"
        graph.nodes[node].update(name=name, site=HOSTILE + city if hostile else city, access="5g", **where)
    for _, b, attributes in graph.edges(data=True):
        attributes.update(minimum_ms=1.0, median_ms=2.0 + b % 7, minimum_back_ms=1.5, median_back_ms=2.5)
    return graph


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    graph = network(40)
    write(graph, folder / "scenario.html", "plain")
    carried = {(a, b): 1000 * (b + 1) ** 3 for a, b in graph.edges} | {(0, 39): 5}
    write(with_traffic(graph, carried), folder / "run.html", "busy", "cluster", "traffic")
    write(network(40, hostile=True), folder / "hostile.html", f"</script>{HOSTILE}")
    return folder


def show(page: Page, file: Path) -> None:
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")


def ink(page: Page, canvas: int) -> int:
    """How many different colours a canvas shows (0: the lower, 1: the upper); 1 where it is empty."""
    count: int = page.evaluate(
        """number => {
            const shown = document.querySelectorAll('.stage canvas')[number];
            const copy = new OffscreenCanvas(shown.width, shown.height);
            const context = copy.getContext('2d', { willReadFrequently: true });
            context.drawImage(shown, 0, 0);
            const { data } = context.getImageData(0, 0, shown.width, shown.height);
            return new Set(new Uint32Array(data.buffer)).size;
        }""",
        canvas,
    )
    return count


def colours(page: Page) -> str:
    """What the lower canvas shows, as text that differs where the picture differs."""
    picture: str = page.evaluate("document.querySelector('.stage canvas').toDataURL()")
    return picture


def test_every_layout_is_drawn_in_either_colouring_light_and_dark(page: Page, opened: Path) -> None:
    show(page, opened / "run.html")
    seen = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for layout in ("geography", "latency", "cluster"):
            page.select_option("select[name=layout]", layout)
            for colour in ("delay", "traffic"):
                page.select_option("select[name=links-by]", colour)
                page.wait_for_selector(f".stage[data-drawn={layout}]")
                page.evaluate("new Promise(requestAnimationFrame)")
                assert ink(page, 0) > 20
                seen.add(colours(page))
    assert len(seen) == 12


def test_the_legend_names_the_measure_its_unit_and_the_cut_nodes(page: Page, opened: Path) -> None:
    show(page, opened / "run.html")
    legend = page.locator(".legend")
    assert "bytes over the whole run, both directions together" in legend.inner_text()
    assert "64 MB" in legend.inner_text()
    page.select_option("select[name=links-by]", "delay")
    assert "median one-way delay" in legend.inner_text()
    assert "5.25 ms" in legend.inner_text()
    assert "cut node (13)" in legend.inner_text()
    page.select_option("select[name=nodes-by]", "access")
    assert "5g (40)" in legend.inner_text()
    assert "Not drawn: 5 B between nodes that no link joins." in page.inner_text("main")


def test_a_scenario_has_no_traffic_to_choose(page: Page, opened: Path) -> None:
    show(page, opened / "scenario.html")
    assert page.locator("select[name=links-by] option").all_inner_texts() == ["delay"]
    assert "Traffic is known of a run" in page.inner_text("main")


def test_a_node_is_found_chosen_and_told(page: Page, opened: Path) -> None:
    show(page, opened / "run.html")
    assert ink(page, 1) == 1
    page.fill("input[name=search]", "SUZHOU-1")
    assert page.inner_text("output[name=hits]") == "6 of 40"  # 1, 11, 13, 15, 17 and 19
    page.press("input[name=search]", "Enter")
    assert page.inner_text(".detail h2") == "suzhou-1"
    assert page.locator(".detail tbody tr").count() == 4
    assert ink(page, 1) > 1
    page.fill("input[name=search]", "nobody")
    assert page.inner_text("output[name=hits]") == "none found"


def test_pointing_tells_of_nodes_and_links_and_a_drag_moves_the_picture(page: Page, opened: Path) -> None:
    show(page, opened / "run.html")
    page.fill("input[name=search]", "shenzhen-0")
    page.press("input[name=search]", "Enter")  # which puts it in the middle
    stage = page.locator(".stage").bounding_box()
    assert stage is not None
    x, y = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    page.mouse.move(x, y)
    told = page.inner_text(".tip")
    assert "shenzhen-0" in told
    assert "3 links, cluster" in told
    page.mouse.down()
    page.mouse.move(x + 150, y + 90, steps=3)
    page.mouse.up()
    page.mouse.move(x, y)
    assert page.locator(".tip").is_hidden() or "shenzhen-0" not in page.inner_text(".tip b")
    page.mouse.move(x + 150, y + 90)
    assert page.inner_text(".tip b") == "shenzhen-0"
    before = colours(page)
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(300)
    assert colours(page) != before
    page.mouse.move(x + 150, y + 90)
    assert page.inner_text(".tip b") == "shenzhen-0", "what is under the pointer stays there"


def test_the_keyboard_moves_and_zooms(page: Page, opened: Path) -> None:
    show(page, opened / "scenario.html")
    whole = colours(page)
    page.focus(".stage canvas[tabindex]")
    for key in ("ArrowLeft", "+"):
        page.keyboard.press(key)
    page.wait_for_timeout(200)
    assert colours(page) != whole
    page.keyboard.press("0")
    page.wait_for_timeout(200)
    assert colours(page) == whole


def test_the_graphml_of_the_page_is_that_of_the_command(page: Page, opened: Path, tmp_path: Path) -> None:
    show(page, opened / "run.html")
    with page.expect_download() as download:
        page.click("text=Download GraphML")
    download.value.save_as(tmp_path / "page.graphml")
    graph = network(40)
    carried = {(a, b): 1000 * (b + 1) ** 3 for a, b in graph.edges} | {(0, 39): 5}
    write(with_traffic(graph, carried), tmp_path / "command.graphml", "busy")
    one, other = (nx.read_graphml(tmp_path / f"{name}.graphml", node_type=int) for name in ("page", "command"))
    assert dict(one.nodes(data=True)) == dict(other.nodes(data=True))
    assert {edge: one.edges[edge] for edge in other.edges} == dict(other.edges.items())
    assert one.graph["bytes_beside"] == other.graph["bytes_beside"] == 5


def test_hostile_names_are_text_everywhere(page: Page, opened: Path, tmp_path: Path) -> None:
    show(page, opened / "hostile.html")
    assert page.inner_text("h1") == f"</script>{HOSTILE}"
    page.fill("input[name=search]", f"{HOSTILE}4")
    page.press("input[name=search]", "Enter")
    stage = page.locator(".stage").bounding_box()
    assert stage is not None
    page.mouse.move(stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2)
    for summary in page.locator("summary").all():
        summary.click()
    page.locator("tbody tr").nth(70).wait_for(state="attached")  # tables are made when they are opened
    assert page.locator("main img").count() == 0
    with page.expect_download() as download:
        page.click("text=Download GraphML")
    download.value.save_as(tmp_path / "hostile.graphml")
    assert nx.read_graphml(tmp_path / "hostile.graphml", node_type=int).nodes[4]["name"] == f"{HOSTILE}4"


def test_on_a_phone_nothing_is_wider_than_the_screen(page: Page, opened: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    show(page, opened / "hostile.html")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_thousand_nodes_are_drawn_and_moved(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsim.report.layout._MOST_BY_LATENCY", 500)  # it takes the longest, and not the browser
    graph = network(1000)
    graph.add_edges_from(((a, (a * 7 + 3 * step) % 1000) for a in range(1000) for step in (1, 2, 3)), median_ms=4.0)
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    write(graph, tmp_path / "large.html", "large")
    show(page, tmp_path / "large.html")
    assert page.locator("select[name=layout] option").all_inner_texts() == ["geography", "cluster"]
    assert "1000 nodes are too many for a layout by latency" in page.inner_text("main")
    assert ink(page, 0) > 50
    before = colours(page)
    page.click("button[title='Zoom in']")
    page.wait_for_timeout(400)
    assert colours(page) != before
