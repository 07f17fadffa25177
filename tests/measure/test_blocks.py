"""Every block that was proposed is final, open or stale."""

from __future__ import annotations

from .story import Story


def test_blocks_are_final_open_or_stale() -> None:
    story = Story()
    story.decide(1, 0).decide(2, 1000, transactions=0)  # final, the second one empty
    story.propose(3, 2000).finalise(3, {0: 2050, 1: 2050})  # final at two only: open
    story.propose(4, 2000, height=2, node=1)  # another block is final at height 2: stale
    blocks = story.summary()["blocks"]
    assert {key: value for key, value in blocks.items() if key not in ("interval_ms", "byzantine_share")} == {
        "proposed": 4,
        "finalised": 2,
        "empty": 1,
        "open": 1,
        "stale": 1,
        "stale_rate": 0.25,
    }


def test_intervals_lie_between_consecutive_heights_only() -> None:
    interval = Story().decide(1, 0).decide(2, 1000).decide(3, 2500).decide(5, 9000).summary()["blocks"]["interval_ms"]
    assert (interval["count"], interval["min"], interval["max"]) == (2, 1000, 1500)


def test_a_run_without_blocks_has_no_rates() -> None:
    blocks = Story().summary()["blocks"]
    assert (blocks["proposed"], blocks["stale_rate"], blocks["interval_ms"]["p50"]) == (0, None, None)


def test_warm_up_blocks_are_not_counted_but_make_others_stale() -> None:
    story = Story(warmup_ns=1_000_000_000).decide(1, 900).propose(7, 1100, height=1, node=2)
    blocks = story.summary()["blocks"]
    assert (blocks["proposed"], blocks["finalised"], blocks["stale"]) == (1, 0, 1)
