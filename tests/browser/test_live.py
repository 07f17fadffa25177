"""The live page in a browser, around a real run: what it shows, and what its buttons do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from netsim.trace import read
from tests.watched import User

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = """
name: "a (b) c"
description: "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>"
duration: 30 s
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 3}
  suzhou: {location: [31.299, 120.585], nodes: 2}
consensus: {protocol: pbft, block_interval: 250 ms}
workload: {rate: 40 /s}
trace: blocks
"""


def test_a_city_is_cut_off_and_healed_and_a_node_killed(page: Page, tmp_path: Path) -> None:
    user = User.runs(tmp_path, "--engine", "simulate", "--live-speed", "4", text=HOSTILE)
    page.goto(user.client.address)
    page.wait_for_selector("html[data-phase=running]", state="attached")
    assert "<script>" in page.inner_text("main")
    page.wait_for_selector(".map-now:has-text('of 5 nodes final')")
    page.click("button[data-cut=suzhou]")
    page.wait_for_selector("button[data-node='3'][data-state='cut off']")
    page.wait_for_selector(".map-now:has-text('2 cut off')")
    assert page.is_disabled("button[data-cut=suzhou]")
    page.click("button[data-heal='0']")
    page.wait_for_selector("button[data-node='3'][data-state=up]")
    page.click("button[data-node='1']")
    page.wait_for_selector("button[data-node='1'][data-state=down]")
    page.wait_for_selector(".map-now:has-text('1 down')")
    page.wait_for_selector("#finality .canvas[data-drawn=true]")
    assert re.fullmatch(r"[\d.]+ m?s", page.inner_text("#quorum"))
    page.wait_for_selector("html[data-phase=over]", state="attached")
    page.wait_for_selector("#verdict")
    assert "exact" in page.inner_text("#verdict")
    assert page.title() == "a (b) c, live"
    assert user.end()[0] == 0
    assert "crashes" in page.inner_text("#faults")  # what it says stays when the server has gone
    cut, killed = read(tmp_path / "out").header.faults
    assert (cut.kind, cut.nodes) == ("partition", (3, 4))
    assert (killed.kind, killed.nodes) == ("crash", (1,))
