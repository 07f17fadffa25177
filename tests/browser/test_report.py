"""A run's report as a reader sees it, in a browser."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from netsim import catalogue
from netsim.engine.plan import Plan
from netsim.engine.simulator import simulate
from netsim.measure import summarise
from netsim.report.page import report
from netsim.scenario import parse
from netsim.trace import COLUMNS, HOP_COLUMNS, Trace
from tests.measure.story import NAMES, Story

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.xdist_group("browser")  # one browser serves them all

Open = Callable[[Path], "Page"]

SITES = """
seed: 5
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 4, access: 5g}
  suzhou: {location: [31.299, 120.585], nodes: 3, access: fibre}
workload: {rate: 30 /s, size: 500 B}
overlay: {topology: random-regular, degree: 4}
gossip: flood
"""
VOTED = f"""
name: voted
description: Suzhou is cut off
duration: 6 s
{SITES}
consensus: {{protocol: pbft, block_interval: 500 ms}}
faults: [{{at: 3 s, partition: [[shenzhen], [suzhou]], for: 1 s}}]
expect: {{safety.agreement: holds, blocks.finalised: {{min: 1000}}}}
"""
MINED = f"""
name: mined
duration: 40 s
{SITES}
consensus: {{protocol: nakamoto, block_interval: 300 ms}}
trace: blocks
"""
OF_BLOCKS = {"finality", "latency", "over-time", "by-city", "by-leader", "propagation", "forks"}
CHARTS = {*OF_BLOCKS, "messages", "bytes", "commanded"}
SHOWN = {"voted": CHARTS | {"path-slowest", "path-median", "where", "achieved"}, "mined": CHARTS}

HOSTILE = '</script><script>window.hacked=1</script><img src=x onerror="window.hacked=1">'


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Plan, Trace]]:
    """Two runs with their reports: of votes at level full, of mining at level blocks."""
    made = {}
    for name, text in (("voted", VOTED), ("mined", MINED)):
        plan = Plan(parse(text, f"{name}.yaml", catalogue=catalogue))
        folder = tmp_path_factory.mktemp(name)
        trace = simulate(plan, folder)
        (folder / "scenario.yaml").write_text(plan.scenario.text, encoding="utf-8")
        report.write(folder, trace, summarise(trace), plan.network.graph)
        made[name] = folder, plan, trace
    return made


def draw_all(page: Page) -> list[dict[str, Any]]:
    """Bring every chart into view; what each was drawn from and how many samples its picture holds."""
    for figure in page.locator("figure:has(.canvas)").all():
        figure.scroll_into_view_if_needed()
        figure.locator(".canvas[data-drawn]").wait_for(state="attached")
    charts: list[dict[str, Any]] = page.evaluate(
        """() => [...document.querySelectorAll(".canvas")].map((canvas) => ({
            id: canvas.chart.id,
            says: canvas.chart.says,
            rows: netsim.rowsOf(canvas.chart)[1].length,
            samples: echarts.getInstanceByDom(canvas).getModel().getSeries().map((each) => each.getData().count()),
        }))"""
    )
    return charts


@pytest.mark.parametrize(("name", "scheme"), [("voted", "light"), ("mined", "dark")])
def test_every_chart_is_drawn_and_fits_a_telephone(name: str, scheme: Any, runs: Any, opened: Open, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme=scheme)
    charts = draw_all(opened(runs[name][0] / report.NAME))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert {chart["id"] for chart in charts} == SHOWN[name]
    for chart in charts:
        assert chart["rows"] > 0, chart
        assert all(chart["samples"]), chart
        assert chart["says"].endswith("."), chart


def test_the_first_screen_answers_the_question(runs: Any, opened: Open) -> None:
    page = opened(runs["voted"][0] / report.NAME)
    assert "when is a block final" in page.locator("h1").inner_text()
    assert "Suzhou is cut off" in page.locator("header").inner_text()
    cards = page.locator(".cards").inner_text()
    quorum = summarise(runs["voted"][2])["finality"]["quorum_ms"]["p50"]
    for text in ("exact", "holds", "1 of 2", f"{quorum:.3g} ms"):
        assert text in cards
    assert "✗ failed" in page.locator("figure", has_text="What was expected").inner_text()
    assert page.locator(".cards").bounding_box()["y"] < 720  # type: ignore[index]


def test_headings_come_in_order_and_every_control_has_a_name(runs: Any, opened: Open) -> None:
    page = opened(runs["voted"][0] / report.NAME)
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((each) => Number(each.tagName[1]))")
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    unnamed = "[...document.querySelectorAll('button, select, input')].filter((each) => !each.ariaLabel"
    assert page.evaluate(f"{unnamed} && !each.textContent.trim() && !each.labels.length).length") == 0


def test_no_cell_of_a_download_is_a_formula(runs: Any, opened: Open) -> None:
    page = opened(runs["mined"][0] / report.NAME)
    signs = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1"]
    written = page.evaluate("(cells) => netsim.csv(['=head'], cells.map((cell) => [cell, -2.5]))", signs)
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert rows == [["'=head"], *([f"'{sign}", "-2.5"] for sign in signs)]


def test_what_a_trace_does_not_hold_is_said_in_one_line(runs: Any, opened: Open) -> None:
    page = opened(runs["mined"][0] / report.NAME)
    said = page.locator(".missing").all_inner_texts()
    assert any("Critical paths" in line and "level blocks" in line for line in said)
    assert any("Round trips as they were" in line and "level blocks" in line for line in said)
    assert not opened(runs["voted"][0] / report.NAME).locator(".missing").count()


def test_a_chart_gives_its_data_as_a_table_and_as_a_file(runs: Any, opened: Open) -> None:
    page = opened(runs["voted"][0] / report.NAME)
    figure = page.locator("#over-time")
    figure.locator("summary").click()
    with page.expect_download() as download:
        figure.get_by_role("button", name="Download CSV").click()
    rows = figure.locator("tbody tr").count()
    assert download.value.suggested_filename == "over-time.csv"
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("series,time of the proposal (s),")
    assert len(lines) == rows + 1


def test_on_paper_every_picture_is_drawn_dark_on_white(runs: Any, opened: Open, page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    opened(runs["voted"][0] / report.NAME)
    page.evaluate("""addEventListener("beforeprint", () => {
        window.printed = [...document.querySelectorAll(".canvas")].map((canvas) => canvas.dataset.drawn);
        window.ink = netsim.css("--text");
    })""")
    assert page.pdf().startswith(b"%PDF")
    assert page.evaluate("printed") == ["true"] * len(SHOWN["voted"])
    assert page.evaluate("ink") == "#000"
    assert page.evaluate("netsim.css('--text')") != "#000"


def test_names_are_text_whatever_they_hold(runs: Any, opened: Open, tmp_path: Path) -> None:
    _, plan, recorded = runs["voted"]
    header = msgspec.structs.replace(
        recorded.header,
        name=HOSTILE,
        nodes=[f"{HOSTILE}{number}" for number in range(len(recorded.header.nodes))],
        sites=[f"{HOSTILE}{site}{'x' * 100}" for site in recorded.header.sites],
        messages={tag: f"{HOSTILE}{text}" for tag, text in recorded.header.messages.items()},
        faults=[msgspec.structs.replace(fault, says=HOSTILE) for fault in recorded.header.faults],
    )
    trace = Trace(header, recorded.events, recorded.hops)
    (tmp_path / "scenario.yaml").write_text(f"description: {HOSTILE!r}\nname: {HOSTILE}\n", encoding="utf-8")
    page = opened(report.write(tmp_path, trace, summarise(trace), plan.network.graph))
    assert {chart["id"] for chart in draw_all(page)} == SHOWN["voted"]
    for canvas in page.locator(".canvas").all():
        canvas.hover()  # what a tooltip says is a name, too
    for summary in page.locator("summary").all():
        summary.click()
    page.locator("figure details:not(:has(td))").first.wait_for(state="detached")  # that is: until there is none
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.title() == f"{HOSTILE} · netsim"
    assert HOSTILE in page.locator("h1").inner_text()
    assert HOSTILE in page.locator("header p").first.inner_text()
    assert HOSTILE in page.locator("pre").inner_text()
    assert HOSTILE in page.locator("#path-slowest").inner_text()
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hacked") is None


def test_a_thousand_nodes_fit_on_a_page(opened: Open, tmp_path: Path) -> None:
    trace = thousand_nodes(blocks=60)
    file = report.write(tmp_path, trace, summarise(trace), None)
    assert file.stat().st_size < 3_000_000
    page = opened(file)
    assert "1\u202f000 nodes" in page.locator("header").inner_text()
    assert {"finality", "over-time", "propagation", "by-leader"} <= {chart["id"] for chart in draw_all(page)}


def thousand_nodes(blocks: int) -> Trace:
    """A block each second, which every node has after up to 200 ms and makes final 100 ms later."""
    chance, nodes = np.random.default_rng(1), 1000
    story = Story(
        level="blocks",
        duration_ns=blocks * 10**9,
        nodes=[f"n{node}" for node in range(nodes)],
        node_sites=[node % 2 for node in range(nodes)],
        validators=list(range(nodes)),
        quorum=667,
    )
    rows = []
    for block in range(1, blocks):
        story.propose(block, 1000 * block, node=block % nodes)
        had = block * 10**9 + chance.integers(1, 200_000_000, nodes)
        for kind, time in (("have", had), ("finalise", had + 100_000_000)):
            table = np.full((nodes, len(COLUMNS)), -1, np.int64)
            table[:, :5] = np.column_stack(
                (time, np.arange(nodes), *(np.full(nodes, value) for value in (NAMES.index(kind), block, block)))
            )
            rows.append(table)
    events = np.concatenate([np.array(story.rows, np.int64), *rows])
    return Trace(
        story.header, events[np.argsort(events[:, 1], kind="stable")], np.zeros((0, len(HOP_COLUMNS)), np.int64)
    )
