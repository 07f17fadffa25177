"""Bytes per link, from what came to the receivers."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsim import catalogue
from netsim.measure.events import BYTES, Events
from netsim.measure.traffic import traffic
from netsim.scenario import load
from netsim.trace import Trace

from .story import LOST, Story


def test_what_came_and_what_was_lost_is_added_up_by_pair_and_direction() -> None:
    story = Story().deliver(1, 5, 0, 1, bytes=100).deliver(1, 6, 0, 2, bytes=20).deliver(0, 7, 1, 1, bytes=3)
    story.row("drop", 3, 8, peer=0, bytes=7, detail=LOST).total("delivered", 1, 2, bytes=999)
    story.send(0, 1, 1, bytes=100)
    assert traffic(story.trace()) == {(0, 1): 120, (0, 3): 7, (1, 0): 3}


def test_no_message_is_no_traffic() -> None:
    assert traffic(Story().trace()) == {}


@pytest.mark.parametrize("level", ["blocks", "summary"])
def test_a_trace_without_messages_says_so(level: str) -> None:
    with pytest.raises(ValueError, match=f"level {level}, which leaves single messages out"):
        traffic(Story(level=level).trace())


def test_the_links_of_a_run_add_up_to_what_its_nodes_counted(tmp_path: Path) -> None:
    trace = simulated(tmp_path)
    assert sum(traffic(trace).values()) == Events(trace).of("delivered")[:, BYTES].sum() > 0


def simulated(folder: Path) -> Trace:
    """Four nodes in two cities, for a second and a half."""
    from netsim.engine.plan import Plan
    from netsim.engine.simulator import simulate

    scenario = folder / "four.yaml"
    scenario.write_text(
        "duration: 1500 ms\nsites: {a: {nodes: 2, access: ideal}, b: {nodes: 2, access: ideal}}\n"
        "backbone: {delay: 10 ms}\nconsensus: {protocol: pbft, block_interval: 250 ms}\n",
        encoding="utf-8",
    )
    return simulate(Plan(load(scenario, overrides=(), seed=None, catalogue=catalogue)), folder)
