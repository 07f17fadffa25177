"""From the proposal to the first validator, the quorum-th, and all."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.measure import summarise
from netsim.trace import Trace

from .story import Story


def test_first_quorum_and_all_are_the_first_third_and_last_of_four_validators() -> None:
    finality = Story().decide(1, 1000, after=[40, 10, 30, 20]).summary()["finality"]
    assert finality["rule"] == "commit"
    assert finality["first_ms"]["p50"] == 10
    assert finality["quorum_ms"]["p50"] == 30
    assert finality["all_ms"]["p50"] == 40


def test_sites_hold_one_sample_per_block_and_validator() -> None:
    story = Story().decide(1, 1000, after=[10, 20, 30, 40]).decide(2, 2000, after=[10, 20, 30, 40])
    by_site = story.summary()["finality"]["by_site"]
    assert list(by_site) == ["shenzhen", "suzhou"]
    assert (by_site["shenzhen"]["count"], by_site["shenzhen"]["min"], by_site["shenzhen"]["max"]) == (4, 10, 20)
    assert (by_site["suzhou"]["min"], by_site["suzhou"]["max"]) == (30, 40)


def test_byzantine_validators_and_followers_are_not_counted() -> None:
    story = Story(validators=[0, 1, 2], byzantine=[0], quorum=2)
    finality = story.decide(1, 0, after=[1, 10, 20, 99]).summary()["finality"]
    assert (finality["first_ms"]["p50"], finality["quorum_ms"]["p50"], finality["all_ms"]["p50"]) == (10, 20, 20)
    assert finality["by_site"]["shenzhen"]["count"] == 1
    assert finality["by_site"]["suzhou"]["max"] == 20


def test_a_block_proposed_in_the_warm_up_is_left_out_and_one_at_its_end_is_not() -> None:
    story = Story(warmup_ns=500_000_000).decide(1, 499).decide(2, 500, after=[7, 7, 7, 7])
    assert story.summary()["finality"]["quorum_ms"]["count"] == 1
    assert story.summary()["finality"]["quorum_ms"]["p50"] == 7


def test_empty_blocks_are_left_out_unless_all_are_empty() -> None:
    """A chained protocol's last empty block is final when there is something to propose again: nobody waits for it."""
    story = Story().decide(1, 0, after=[10, 10, 10, 10], transactions=3).decide(2, 100, after=[900] * 4, transactions=0)
    assert story.summary()["finality"]["quorum_ms"]["count"] == 1
    assert story.summary()["finality"]["quorum_ms"]["max"] == 10
    assert story.summary()["finality"]["by_site"]["suzhou"]["max"] == 10
    assert story.summary()["blocks"]["empty"] == 1
    empty = Story().decide(1, 0, after=[10, 10, 10, 10], transactions=0)
    assert empty.summary()["finality"]["quorum_ms"]["count"] == 1


def test_a_block_proposed_again_counts_from_its_first_proposal() -> None:
    story = Story().propose(1, 100, node=0).propose(1, 400, node=1).finalise(1, {0: 500, 1: 500, 2: 500})
    assert story.summary()["finality"]["first_ms"]["p50"] == 400


def test_only_a_nodes_first_finalisation_of_a_block_counts() -> None:
    story = Story().decide(1, 0, after=[10, 10, 10, 10]).finalise(1, {0: 900, 1: 900})
    assert story.summary()["finality"]["all_ms"]["max"] == 10


def test_a_validator_that_is_dead_at_the_end_is_not_waited_for() -> None:
    story = Story().row("start", 0, 0).row("start", 3, 0).row("crash", 3, 50).decide(1, 100, after=[10, 20, 30])
    assert story.summary()["finality"]["all_ms"]["p50"] == 30


def test_a_validator_that_came_back_is_waited_for() -> None:
    story = Story().row("start", 3, 0).row("crash", 3, 50).row("start", 3, 500, detail=1)
    story.decide(1, 100, after=[10, 20, 30]).decide(2, 600, after=[10, 20, 30, 40])
    all_ms = story.summary()["finality"]["all_ms"]
    assert (all_ms["count"], all_ms["p50"]) == (1, 40)


def test_a_block_that_nobody_proposed_has_no_finality() -> None:
    assert Story().finalise(1, {0: 10, 1: 10, 2: 10}).summary()["finality"]["first_ms"]["count"] == 0


# A run as Hypothesis makes it up: per block the proposer and the delay at each node, None where it is never final.
runs = st.lists(
    st.tuples(st.integers(0, 3), st.lists(st.none() | st.integers(1, 500), min_size=4, max_size=4)), max_size=8
)


def tell(run: list[tuple[int, list[int | None]]]) -> Story:
    story = Story(warmup_ns=100_000_000)
    for number, (proposer, delays) in enumerate(run, 1):
        proposed = 60 * number
        story.propose(number, proposed, node=proposer)
        story.send(proposer, proposed, number, tag=16, block=number)
        for node, delay in enumerate(delays):
            if delay is not None:
                story.deliver(node, proposed + delay / 2, proposer, number, tag=16, block=number)
        story.finalise(number, {node: proposed + delay for node, delay in enumerate(delays) if delay is not None})
    return story


@given(runs)
@settings(deadline=None)
def test_first_never_comes_after_quorum_nor_quorum_after_all(run: list[tuple[int, list[int | None]]]) -> None:
    summary: Any = tell(run).summary()
    first, quorum, all_ = (summary["finality"][key] for key in ("first_ms", "quorum_ms", "all_ms"))
    assert first["count"] >= quorum["count"] >= all_["count"]
    if first["count"] == all_["count"] > 0:
        for figure in ("mean", "min", "p50", "p99", "max"):
            assert first[figure] <= quorum[figure] <= all_[figure]
    blocks = summary["blocks"]
    assert blocks["proposed"] == blocks["finalised"] + blocks["open"] + blocks["stale"]
    assert blocks["finalised"] == quorum["count"]


@given(runs, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_how_the_nodes_rows_interleave_changes_nothing(
    run: list[tuple[int, list[int | None]]], chance: random.Random
) -> None:
    story = tell(run)
    whole = story.trace()
    queues: list[list[Any]] = [[row for row in whole.events if row[1] == node] for node in range(4)]
    shuffled = []
    while any(queues):
        shuffled.append(chance.choice([queue for queue in queues if queue]).pop(0))
    events = np.array(shuffled, np.int64).reshape(whole.events.shape)
    assert summarise(Trace(whole.header, events, whole.hops)) == summarise(whole)
