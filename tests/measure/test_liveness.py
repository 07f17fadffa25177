"""Stalls, and recovery from faults."""

from __future__ import annotations

from .story import Story, ns


def steady(story: Story, until: int = 10) -> Story:
    """A block a second, final after 60 ms, up to a height."""
    for height in range(1, until):
        story.decide(height, 1000 * height)
    return story


def test_the_longest_stall_lies_between_two_blocks() -> None:
    story = Story().decide(1, 500).decide(2, 4500).decide(3, 8000).decide(4, 9500)
    assert story.summary()["liveness"]["stalled_ms"] == 4000


def test_a_stall_may_reach_to_the_end() -> None:
    assert steady(Story(), until=4).summary()["liveness"]["stalled_ms"] == 10_000 - 3060


def test_a_stall_before_the_end_of_the_warm_up_is_not_counted() -> None:
    story = steady(Story(warmup_ns=ns(2000), duration_ns=ns(4000)).decide(99, 100, height=99), until=4)
    assert story.summary()["liveness"]["stalled_ms"] == 1000


def test_a_run_without_blocks_is_one_long_stall() -> None:
    assert Story(warmup_ns=ns(1000)).summary()["liveness"]["stalled_ms"] == 9000


def test_recovery_runs_from_the_end_of_a_fault_to_a_block_proposed_after_it() -> None:
    story = Story().fault("partition", 1000, 3000, "suzhou is cut off")
    story.decide(1, 2990)  # final after the end, but proposed before
    story.decide(2, 3500, after=[40, 50, 60, 70])
    assert story.summary()["liveness"]["recoveries"] == [{"fault": "suzhou is cut off", "ms": 560}]
    assert story.summary()["liveness"]["recovery_ms"] == 560


def test_the_longest_recovery_counts() -> None:
    story = steady(Story().fault("crash", 1000, 1500).fault("crash", 3000, 4900))
    assert story.summary()["liveness"]["recovery_ms"] == 560


def test_a_fault_that_never_ends_counts_from_its_start() -> None:
    story = Story().fault("crash", 2000, 10_000).decide(1, 5000)
    assert story.summary()["liveness"]["recovery_ms"] == 3060


def test_a_fault_never_recovered_from_leaves_the_longest_unknown() -> None:
    story = steady(Story().fault("crash", 1000, 1500).fault("partition", 9100, 9200))
    liveness = story.summary()["liveness"]
    assert liveness["recovery_ms"] is None
    assert [recovery["ms"] for recovery in liveness["recoveries"]] == [560, None]


def test_without_faults_there_is_nothing_to_recover_from() -> None:
    liveness = steady(Story()).summary()["liveness"]
    assert (liveness["recovery_ms"], liveness["recoveries"]) == (None, [])
