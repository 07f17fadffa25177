"""What pictures are drawn from: distributions, spreading, leaders, ways and the tree of blocks."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim import catalogue
from netsim.engine.plan import Plan
from netsim.engine.simulator import simulate
from netsim.measure.blocks import join
from netsim.measure.curves import spreading, tail
from netsim.measure.dist import rank
from netsim.measure.events import BLOCK, HEIGHT, Events
from netsim.measure.leaders import by_city, by_leader, medians
from netsim.measure.messages import by_type
from netsim.measure.tree import tree
from netsim.measure.ways import ways
from netsim.scenario import parse
from netsim.trace import Trace, unpack_message_id

from .story import Story, ns

MINED = """
duration: 15 s
seed: 5
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 4, access: 5g}
  suzhou: {location: [31.299, 120.585], nodes: 3, access: fibre}
overlay: {topology: random-regular, degree: 4}
gossip: flood
consensus: {protocol: nakamoto, block_interval: 300 ms}
"""


@given(st.lists(st.integers(1, 50), min_size=1, max_size=400), st.integers(2, 60))
@settings(max_examples=40)
def test_a_tail_says_how_many_samples_are_as_large(samples: list[int], points: int) -> None:
    curve = tail(np.array(samples, np.int64) * 1_000_000, points)
    assert len(curve) <= points
    assert curve[-1] == (max(samples), 1 / len(samples))
    assert curve[0] == (min(samples), 1)
    ordered = sorted(samples)
    for value, share in curve:
        assert ordered[len(samples) - round(share * len(samples))] == value


def test_a_block_that_does_not_reach_all_is_slower_than_all_that_do() -> None:
    story = Story()
    for block, reached in ((1, 4), (2, 4), (3, 2)):
        story.propose(block, 100 * block)
        for node in range(1, reached):
            story.row("have", node, 100 * block + 10 * node * block, block=block, height=block)
    rows = spreading(Events(story.trace()), join(Events(story.trace())))
    assert rows == [(0.25, 0, 0, 0), (0.5, 20, 30, 30), (0.75, 40, None, None), (1, 60, None, None)]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 99)), max_size=60))
@settings(max_examples=40)
def test_the_median_of_a_cell_is_one_of_its_samples(pairs: list[tuple[int, int]]) -> None:
    table = np.array(pairs, np.int64).reshape(-1, 2)
    found = medians(table[:, 0], table[:, 1], 5).tolist()
    for cell, median in enumerate(found):
        samples = sorted(value for where, value in pairs if where == cell)
        assert median == (samples[rank(50, len(samples))] if samples else -1)


def test_finality_is_told_by_leader_and_by_city() -> None:
    story = Story().decide(1, 100, after=(10, 20, 30, 40)).decide(2, 1100, after=(50, 60, 70, 80), node=3)
    events = Events(story.trace())
    leaders, all_leaders = by_leader(events, join(events), 10)
    assert (leaders.names, leaders.sites, leaders.blocks) == (
        ["shenzhen-0", "suzhou-1"],
        ["shenzhen", "suzhou"],
        [1, 1],
    )
    assert leaders.median_ns.tolist() == [[ns(10), ns(30)], [ns(50), ns(70)]]
    assert all_leaders == 2
    cities, _ = by_city(events, join(events), 10)
    assert (cities.names, cities.median_ns.tolist()) == (["shenzhen", "suzhou"], leaders.median_ns.tolist())
    few, all_ = by_leader(events, join(events), 1)
    assert (few.names, all_) == (["shenzhen-0"], 2)


def test_messages_are_counted_by_type() -> None:
    story = Story().total("sent", 0, 3, bytes=30).total("sent", 1, 4, bytes=40).total("repeated", 0, 2)
    (votes,) = by_type(Events(story.trace()))
    assert votes == {"name": "vote", "sent": 7, "delivered": 0, "repeated": 2, "bytes": 70}


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return simulate(Plan(parse(MINED, "mined.yaml", catalogue=catalogue)), tmp_path_factory.mktemp("mined"))


def test_ways_and_forks_of_a_run_are_those_that_its_rows_tell(mined: Trace) -> None:
    trace = mined
    took: dict[tuple[int, int], int] = defaultdict(int)
    for message, receiver, _, elapsed in trace.hops.tolist():
        took[message, receiver] += elapsed
    by_way: dict[tuple[int, int], list[int]] = defaultdict(list)
    for (message, receiver), whole in took.items():
        site = trace.header.node_sites
        by_way[site[unpack_message_id(message)[0]], site[receiver]].append(whole)
    found = ways(trace)
    assert found.messages == len(took)
    for (a, b), samples in by_way.items():
        assert found.median_ns[a, b] == sorted(samples)[rank(50, len(samples))]

    events = Events(trace)
    blocks = join(events)
    leaves = tree(events, blocks)
    assert any(leaf.state == "stale" for leaf in leaves)
    below = dict(zip(events.of("propose")[:, BLOCK].tolist(), events.of("extends")[:, BLOCK].tolist(), strict=True))
    for leaf in leaves:
        block, height = int(blocks.ids[leaf.place]), int(blocks.heights[leaf.place])
        assert leaf.known
        if height > 1:
            assert int(blocks.ids[leaf.parent]) == below[block]
            assert int(blocks.heights[leaf.parent]) == height - 1
        else:
            assert leaf.parent == -1
    assert events.of("extends")[:, HEIGHT].min() == 0


def test_of_very_many_deliveries_some_are_taken_whole(mined: Trace) -> None:
    many = Trace(mined.header, mined.events, np.tile(mined.hops, (-(-250_000 // len(mined.hops)), 1)))
    some, all_ = ways(many), ways(mined)
    assert 50_000 < some.messages <= 100_001
    assert (np.abs(some.median_ns - all_.median_ns) < 0.1 * all_.median_ns).all()
