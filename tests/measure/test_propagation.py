"""When a block had reached half of the nodes, most, and all."""

from __future__ import annotations

import pytest

from netsim.trace import LEFT_OUT, Level

from .story import BLOCK_TAG, Story


def spread(story: Story) -> Story:
    """Node 0 proposes block 1 at 100; the others have it after 10, 20 and 30."""
    story.propose(1, 100).send(0, 100, 5, tag=BLOCK_TAG, block=1)
    for node in (1, 2, 3):
        story.row("have", node, 100 + 10 * node, block=1, height=1, detail=BLOCK_TAG)
    return story


def test_the_proposer_has_its_block_at_once_and_the_others_when_it_is_there_in_full() -> None:
    reached = spread(Story()).summary()["propagation_ms"]
    assert reached["p50"]["p50"] == 10
    assert reached["p90"]["p50"] == reached["p99"]["p50"] == reached["all"]["p50"] == 30


def test_a_message_that_only_names_the_block_does_not_bring_it() -> None:
    story = spread(Story()).send(1, 111, 0, block=1).deliver(3, 112, 1, 0, block=1)
    assert story.summary()["propagation_ms"]["all"]["p50"] == 30


def test_a_node_that_restarts_and_hears_of_it_again_has_had_it_before() -> None:
    story = spread(Story()).row("have", 1, 140, block=1, height=1, detail=BLOCK_TAG)
    assert story.summary()["propagation_ms"]["all"]["p50"] == 30


def test_a_block_that_never_reaches_everybody_has_no_sample_for_all() -> None:
    reached = Story().propose(1, 100).row("have", 1, 105, block=1).summary()["propagation_ms"]
    assert (reached["p50"]["count"], reached["all"]["count"]) == (1, 0)


@pytest.mark.parametrize("level", LEFT_OUT)
def test_it_is_known_at_every_trace_level(level: Level) -> None:
    story = spread(Story(level=level))
    left_out = [story.header.kinds.index(kind) for kind in LEFT_OUT[level]]
    story.rows = [row for row in story.rows if row[2] not in left_out]
    assert story.summary()["propagation_ms"]["all"]["p50"] == 30


def test_without_a_proposal_nothing_is_known() -> None:
    reached = Story().row("have", 1, 105, block=1).summary()["propagation_ms"]
    assert reached["p50"] == reached["all"] == Story().summary()["propagation_ms"]["p50"]
    assert reached["p50"]["count"] == 0
