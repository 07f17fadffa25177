"""The report as a file: what it holds at each trace level, and that a run is none the worse for it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from netsim import catalogue
from netsim.engine.plan import Plan
from netsim.measure import summarise
from netsim.report.page import report
from netsim.report.page.part import milliseconds, size
from netsim.running import run
from netsim.scenario import parse
from netsim.trace import LEFT_OUT, Level
from tests.commands import netsim
from tests.measure.story import Story

SMALL = """
name: small
duration: 1500 ms
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 2, access: ideal}
  suzhou:   {location: [31.299, 120.585], nodes: 2, access: ideal}
backbone: {delay: 10 ms}
consensus: {protocol: pbft, block_interval: 250 ms}
"""


def data_of(html: str) -> Any:
    """What stands in a page for its script to show."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def parts(story: Story, folder: Path) -> dict[str, Any]:
    """Charts by their ids; and by their titles, why others are not there."""
    trace = story.trace()
    shown = data_of(report.page(folder, trace, summarise(trace), None))
    found: dict[str, Any] = {}
    for part in (part for section in shown["sections"] for part in section["parts"]):
        if "chart" in part:
            found[part["chart"]["id"]] = part["chart"]
        elif "missing" in part:
            found[part["missing"]["title"]] = part["missing"]["says"]
    return found


def test_a_run_writes_it_and_the_command_makes_the_same_again(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    assert netsim(tmp_path, "run", "small.yaml", "--engine", "simulate", "--out", "one").returncode == 0
    file = tmp_path / "one" / report.NAME
    written = file.read_bytes()
    assert len(written) < 3_000_000
    file.unlink()
    done = netsim(tmp_path, "report", "one")
    assert (done.returncode, done.stdout) == (0, "one/report.html\n")
    assert file.read_bytes() == written
    assert not list(file.parent.glob(".report*"))


def test_it_asks_for_nothing_from_elsewhere(tmp_path: Path) -> None:
    html = report.page(tmp_path, Story().decide(1, 100).trace(), Story().decide(1, 100).summary(), None)
    assert not re.findall(r'(?:src|href)="?https?:', html)
    assert "default-src 'none'" in html


def test_what_is_no_run_cannot_be_reported(tmp_path: Path) -> None:
    done = netsim(tmp_path, "report", "nowhere")
    assert done.returncode == 2
    assert done.stderr.startswith("netsim: nowhere is no run's folder")


def test_a_run_stands_without_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(report, "write", fail)
    result = run(Plan(parse(SMALL, "small.yaml", catalogue=catalogue)), tmp_path, "simulate")
    assert (result.exit_code, result.failure, result.unreported) == (0, "", "No space left on device")
    assert (tmp_path / "summary.json").exists()
    assert "there is no report.html: No space left on device" in (tmp_path / "log.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("level", LEFT_OUT)
def test_what_a_level_leaves_out_is_said(level: Level, tmp_path: Path) -> None:
    story = Story(level=level).decide(1, 100).decide(2, 1100)
    left_out = [story.header.kinds.index(kind) for kind in LEFT_OUT[level]]
    story.rows = [row for row in story.rows if row[2] not in left_out]
    found = parts(story, tmp_path)
    assert {"finality", "over-time", "by-city", "by-leader", "propagation"} <= found.keys()
    assert (level == "summary") == ("level summary" in found["How long clients wait for a transaction"])
    if level != "full":
        assert found["Critical paths"].startswith(f"a trace of level {level} does not hold")
        assert found["Round trips as they were"].startswith(f"a trace of level {level} does not hold")


def test_a_run_without_a_block_has_its_report(tmp_path: Path) -> None:
    found = parts(Story(), tmp_path)
    assert found["How long blocks take to be final"] == "no block became final after the warm-up."
    assert found["Forks"] == "no block was proposed."
    assert all(isinstance(said, str) for said in found.values())  # not one chart


def test_a_trace_that_was_cut_short_has_its_report(tmp_path: Path) -> None:
    story = Story().propose(1, 100)
    story.deliver(1, 160, 0, 0).finalise(1, {1: 160, 2: 160, 3: 160})  # and nobody sent that
    found = parts(story, tmp_path)
    assert found["The slowest block"] == "its path is not known."
    assert "finality" in found


def test_finality_over_time_shades_the_faults(tmp_path: Path) -> None:
    story = Story(warmup_ns=10**9).decide(1, 2000, after=(40, 50, 60, 70)).fault("partition", 3000, 99_000, "cut off")
    chart = parts(story, tmp_path)["over-time"]
    assert chart["shades"] == [{"from": 3, "to": 10, "says": "cut off"}]
    assert chart["marks"] == [{"at": 1, "says": "end of the warm-up"}]
    assert [series["points"] for series in chart["series"]] == [[[2, 40]], [[2, 60]], [[2, 70]]]


def test_of_very_many_blocks_the_slowest_are_shown(tmp_path: Path) -> None:
    story = Story()
    for block in range(1, 5000):
        story.decide(block, block, after=[900 if block == 777 else 60] * 4)
    chart = parts(story, tmp_path)["over-time"]
    quorum = chart["series"][1]["points"]
    assert len(quorum) <= 1500
    assert [0.777, 900] in quorum
    assert "of 4\u202f999 blocks" in chart["says"]


def test_a_lost_block_stands_beside_the_chain_on_the_one_below(tmp_path: Path) -> None:
    story = Story().decide(1, 100).decide(2, 1100).propose(22, 1101, height=2, node=3).propose(23, 1200, height=3)
    chart = parts(story, tmp_path)["forks"]
    by_height = {(block["height"], block["state"]): block for block in chart["blocks"]}
    lost = by_height[2, "stale"]
    assert (lost["lane"], lost["proposer"]) == (1, "suzhou-1")
    assert lost["parent"] == by_height[1, "final"]["id"]
    assert chart["says"].startswith("1 of 4 blocks lost against another at their height (25 %)")
    assert "is not in the trace" in chart["says"]


def test_blocks_that_nobody_settled_are_forks(tmp_path: Path) -> None:
    story = Story().decide(1, 100)
    for block, node in ((2, 0), (3, 2)):  # a side of the network each
        story.propose(block, 1000 + block, height=2, node=node)
        story.finalise(block, {node: 1100.0, node + 1: 1100.0}, height=2)
    chart = parts(story, tmp_path)["forks"]
    assert [(block["height"], block["lane"], block["state"]) for block in chart["blocks"]] == [
        (1, 0, "final"),
        (2, 1, "open"),
        (2, 2, "open"),
    ]
    assert "None of 3 blocks lost" in chart["says"]
    assert "different blocks final at 1 height: agreement is violated" in chart["says"]
    trace = story.trace()
    shown = data_of(report.page(tmp_path, trace, summarise(trace), None))
    assert shown["conflicts"] == "Correct nodes contradict each other at height 2."


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (milliseconds(12.34), "12.3 ms"),
        (milliseconds(1240), "1.24 s"),
        (milliseconds(1_050_000), "17.5 min"),
        (milliseconds(14_000_000), "3.89 h"),
        (size(1), "0.001 kB"),
        (size(9_021_000), "9\u202f021 kB"),
        (size(43_870_000_000), "43.9 GB"),
    ],
)
def test_amounts_are_told_without_exponents(said: str, words: str) -> None:
    assert said == words


def test_messages_are_told_by_type(tmp_path: Path) -> None:
    story = (
        Story().total("sent", 0, 30, bytes=3000).total("delivered", 1, 20).total("sent", 1, 10, detail=16, bytes=9000)
    )
    found = parts(story, tmp_path)
    assert found["messages"]["x"]["values"] == ["proposal", "vote"]
    assert [series["points"] for series in found["messages"]["series"]] == [[10, 30], [0, 20]]
    assert found["bytes"]["series"][0]["points"] == [9, 3]
