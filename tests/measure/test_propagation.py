"""When a block had reached half of the nodes, most, and all."""

from __future__ import annotations

from .story import BLOCK_TAG, Story


def spread(story: Story) -> Story:
    """Node 0 proposes block 1 at 100; it reaches the others after 10, 20 and 30."""
    story.propose(1, 100).send(0, 100, 5, tag=BLOCK_TAG, block=1)
    for node in (1, 2, 3):
        story.deliver(node, 100 + 10 * node, 0, 5, tag=BLOCK_TAG, block=1)
    return story


def test_the_proposer_has_its_block_at_once_and_the_others_when_they_take_it_up() -> None:
    reached = spread(Story()).summary()["propagation_ms"]
    assert reached["p50"]["p50"] == 10
    assert reached["p90"]["p50"] == reached["p99"]["p50"] == reached["all"]["p50"] == 30


def test_a_vote_that_overtakes_the_block_does_not_bring_it() -> None:
    story = spread(Story()).send(1, 111, 0, block=1).deliver(3, 112, 1, 0, block=1)
    assert story.summary()["propagation_ms"]["all"]["p50"] == 30


def test_a_second_copy_changes_nothing() -> None:
    story = spread(Story())
    story.send(1, 110, 0, tag=BLOCK_TAG, block=1).deliver(3, 140, 1, 0, tag=BLOCK_TAG, block=1)
    assert story.summary()["propagation_ms"]["all"]["p50"] == 30


def test_a_block_that_never_reaches_everybody_has_no_sample_for_all() -> None:
    story = Story().propose(1, 100).send(0, 100, 5, tag=BLOCK_TAG, block=1)
    reached = story.deliver(1, 105, 0, 5, tag=BLOCK_TAG, block=1).summary()["propagation_ms"]
    assert (reached["p50"]["count"], reached["all"]["count"]) == (1, 0)


def test_without_deliveries_in_the_trace_nothing_is_known() -> None:
    reached = Story(level="blocks").decide(1, 100).summary()["propagation_ms"]
    assert reached["p50"] == reached["all"] == Story().summary()["propagation_ms"]["p50"]
