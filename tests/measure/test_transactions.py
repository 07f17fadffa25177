"""From when a transaction was due to when its own node saw it final."""

from __future__ import annotations

from .story import Story, ns

WINDOW = 1 << 20


def test_latency_runs_from_the_due_time_to_finality_at_the_origin() -> None:
    story = Story().submit(2, WINDOW, due=95, later=5).propose(1, 120).include(1, 2, WINDOW, 1, at=120)
    story.finalise(1, {0: 150, 1: 160, 2: 170, 3: 180})
    figures = story.summary()["transactions"]
    assert (figures["submitted"], figures["finalised"], figures["throughput_tps"]) == (1, 1, 0.1)
    assert figures["latency_ms"]["p50"] == 75


def test_a_range_covers_its_own_numbers_of_its_own_origin() -> None:
    story = Story()
    for origin in (0, 1, 3):
        for number in (WINDOW, WINDOW + 1, WINDOW + 2, 2 * WINDOW):
            story.submit(origin, number, due=10)
    story.include(1, 1, WINDOW + 1, 2).include(1, 3, 2 * WINDOW, 50).include(1, 0, 5 * WINDOW, 1).decide(1, 100)
    assert story.summary()["transactions"]["finalised"] == 3
    assert story.summary()["transactions"]["submitted"] == 12


def test_a_range_does_not_reach_into_the_next_origins_numbers() -> None:
    story = Story().submit(0, 5, due=0).submit(1, 1, due=0).include(1, 0, 5, 50).include(1, 0, 7, 50).decide(1, 100)
    assert story.summary()["transactions"]["finalised"] == 1


def test_a_byzantine_origins_word_gives_no_latency() -> None:
    story = Story(byzantine=[3]).submit(3, WINDOW, due=0).include(1, 3, WINDOW, 1).decide(1, 100)
    figures = story.summary()["transactions"]
    assert (figures["finalised"], figures["latency_ms"]["count"]) == (1, 0)


def test_a_transaction_in_an_open_block_waits() -> None:
    story = Story().submit(0, WINDOW, due=10).propose(1, 20).include(1, 0, WINDOW, 1).finalise(1, {0: 50, 1: 50})
    assert story.summary()["transactions"]["finalised"] == 0


def test_a_transaction_in_two_final_blocks_counts_once_and_from_the_first() -> None:
    story = Story().submit(0, WINDOW, due=0)
    for block in (1, 2):
        story.include(block, 0, WINDOW, 1).decide(block, 100 * block)
    figures = story.summary()["transactions"]
    assert (figures["finalised"], figures["latency_ms"]["count"], figures["latency_ms"]["max"]) == (1, 1, 160)


def test_a_block_proposed_again_includes_its_transactions_once() -> None:
    story = Story().submit(0, WINDOW, due=0).include(1, 0, WINDOW, 1).include(1, 0, WINDOW, 1, node=1)
    figures = story.propose(1, 300, node=1).decide(1, 100).summary()["transactions"]
    assert (figures["finalised"], figures["latency_ms"]["count"]) == (1, 1)


def test_an_origin_that_never_learns_of_the_block_gives_no_latency() -> None:
    story = Story().submit(3, WINDOW, due=0).include(1, 3, WINDOW, 1).decide(1, 100, after=[60, 60, 60])
    figures = story.summary()["transactions"]
    assert (figures["finalised"], figures["latency_ms"]["count"]) == (1, 0)


def test_the_warm_up_is_left_out_by_due_time_and_throughput_is_what_became_final_after_it() -> None:
    story = Story(warmup_ns=ns(5000)).submit(0, WINDOW, due=4999, later=50).submit(0, WINDOW + 1, due=5000)
    figures = story.include(1, 0, WINDOW, 2).decide(1, 5100).summary()["transactions"]
    assert (figures["submitted"], figures["finalised"], figures["throughput_tps"]) == (1, 1, 0.4)
    story = Story(warmup_ns=ns(5000)).submit(0, WINDOW, due=10).submit(0, WINDOW + 1, due=5000)
    figures = story.include(1, 0, WINDOW, 1).decide(1, 100).summary()["transactions"]
    assert (figures["submitted"], figures["finalised"], figures["throughput_tps"]) == (1, 0, 0.0)


def test_a_summary_trace_holds_no_transactions_and_says_so() -> None:
    figures = Story(level="summary").decide(1, 0).summary()["transactions"]
    assert (figures["submitted"], figures["finalised"], figures["throughput_tps"]) == (None, None, None)
