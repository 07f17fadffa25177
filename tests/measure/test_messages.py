"""Totals of messages, and rounds."""

from __future__ import annotations

from .story import BLOCK_TAG, DOWN, LOST, Story


def test_totals_are_added_over_nodes_and_lives_without_transactions() -> None:
    story = Story(warmup_ns=500_000_000).decide(1, 100).decide(2, 1000)
    story.total("sent", 0, 30, bytes=3000, detail=BLOCK_TAG).total("sent", 0, 12, bytes=600)
    story.total("sent", 3, 6, bytes=300).total("sent", 3, 99, bytes=9999, detail=1)
    story.total("delivered", 1, 40).total("delivered", 1, 90, detail=1)
    story.total("dropped", 1, 2, detail=LOST).total("dropped", 2, 3, detail=DOWN)
    assert story.summary()["messages"] == {
        "sent": 48,
        "delivered": 40,
        "dropped": 5,
        "bytes": 3900,
        "per_block": 24,  # over the whole run: the block of the warm-up had its messages too
        "duplicates": 0,
        "duplicate_bytes": 0,
        "control_bytes": 0,
    }


def test_what_was_wasted_is_counted_apart_from_what_gossip_costs_itself() -> None:
    asks, batches = 128, 130
    names = {1: "Transactions", BLOCK_TAG: "Proposal", asks: "Request", batches: "Request"}
    story = Story(messages=names, transactions=[1, batches])
    story.total("sent", 0, 10, bytes=1000, detail=BLOCK_TAG).total("sent", 0, 4, bytes=40, detail=asks)
    story.total("sent", 1, 3, bytes=30, detail=asks).total("sent", 1, 9, bytes=90, detail=batches)
    story.total("repeated", 1, 3, bytes=300, detail=BLOCK_TAG).total("repeated", 2, 2, bytes=20)
    story.total("repeated", 2, 7, bytes=7000, detail=1).total("repeated", 2, 7, bytes=70, detail=batches)
    counts = story.summary()["messages"]
    assert (counts["sent"], counts["bytes"]) == (17, 1070)
    assert (counts["duplicates"], counts["duplicate_bytes"]) == (5, 320)
    assert counts["control_bytes"] == 70, "what spreads transactions is left out here too"


def test_without_a_final_block_there_is_no_figure_per_block() -> None:
    assert Story().total("sent", 0, 5).summary()["messages"]["per_block"] is None


def test_rounds_are_counted_once_however_many_nodes_enter_them() -> None:
    story = Story().decide(1, 0).decide(2, 1000)
    for node in range(4):
        story.row("timeout", node, 900, height=2, round=0).row("round", node, 900, height=2, round=1)
    story.row("round", 0, 950, height=2, round=2).row("round", 0, 5000, height=9, round=1)
    assert story.summary()["rounds"] == {"mean": 2, "max": 3, "timeouts": 4}


def test_byzantine_nodes_and_the_warm_up_enter_no_rounds() -> None:
    story = Story(byzantine=[3], warmup_ns=500_000_000).decide(1, 600)
    story.row("round", 3, 600, height=1, round=9).row("timeout", 3, 600).row("timeout", 0, 400)
    assert story.summary()["rounds"] == {"mean": 1, "max": 1, "timeouts": 0}


def test_a_protocol_without_rounds_of_its_own_takes_one() -> None:
    assert Story().decide(1, 0).summary()["rounds"] == {"mean": 1, "max": 1, "timeouts": 0}
    assert Story().summary()["rounds"] == {"mean": None, "max": None, "timeouts": 0}
