"""The verdict, and which finalisations rest on displaced events."""

from __future__ import annotations

from typing import Any

import pytest

from netsim.trace import Fidelity

from .story import Story

VOTES = 100  # deliveries that a story of a clock-paced run has, of which some may be displaced


def clocked(displaced: list[int], **seen: Any) -> Story:
    """An emulation in clock pace with `VOTES` deliveries, the first ones displaced by so many ns."""
    story = Story(engine="emulate", fidelity=Fidelity(**{"pace": "clock", "twin": "differs", **seen}))
    for number in range(VOTES):
        if number < len(displaced):
            story.row("displaced", 0, number, detail=displaced[number])
        story.deliver(0, number, 1, number)
    return story


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ({"pace": "virtual"}, "exact"),
        ({"pace": "lockstep"}, "exact"),
        ({"pace": "lockstep", "twin": "equal"}, "exact"),
        ({"pace": "lockstep", "twin": "differs"}, "invalid"),
        ({"pace": "lockstep", "broker_lost": 1}, "invalid"),
        ({"pace": "lockstep", "complete": False}, "invalid"),
        ({"pace": "clock", "twin": "equal"}, "exact"),
        ({"pace": "clock", "twin": "skipped"}, "valid"),
        ({"pace": "clock", "twin": "differs"}, "invalid"),
        ({"pace": "clock", "twin": "equal", "broker_lost": 1}, "invalid"),
        ({"pace": "clock", "twin": "equal", "complete": False}, "invalid"),
    ],
)
def test_without_a_displaced_event_the_verdict_rests_on_what_the_engine_saw(seen: Any, verdict: str) -> None:
    assert Story(fidelity=Fidelity(**seen)).decide(1, 0).summary()["fidelity"]["verdict"] == verdict


@pytest.mark.parametrize(
    ("displaced", "seen", "verdict"),
    [
        ([400], {}, "valid"),  # 1 % of 100
        ([400, 400], {}, "degraded"),
        ([400, 400], {"max_displaced_share": 0.02}, "valid"),
        ([1_000_000], {}, "valid"),
        ([1_000_001], {}, "degraded"),
        ([1_000_001], {"max_displacement_ns": 2_000_000}, "valid"),
        ([400], {"twin": "equal"}, "valid"),  # never exact
        ([400], {"broker_lost": 1}, "invalid"),
        ([400], {"complete": False}, "invalid"),
        ([400], {"pace": "lockstep"}, "invalid"),
    ],
)
def test_displaced_events_are_held_against_the_scenarios_bounds(displaced: list[int], seen: Any, verdict: str) -> None:
    assert clocked(displaced, **seen).summary()["fidelity"]["verdict"] == verdict


def test_everything_that_the_verdict_rests_on_is_told() -> None:
    late = {"lateness_ns": [1_000_000, 3_000_000], "timer_lateness_ns": [50_000]}
    story = clocked([400_000, 800_000], dilation=2, lookahead_ns=1_200_000, rounds=5, **late)
    fidelity = story.summary()["fidelity"]
    assert (fidelity["displaced"], fidelity["displaced_share"]) == (2, 0.02)
    assert fidelity["displacement_ms"]["max"] == 0.8
    assert (fidelity["lateness_ms"]["count"], fidelity["lateness_ms"]["max"]) == (2, 3)
    assert (fidelity["timer_lateness_ms"]["count"], fidelity["timer_lateness_ms"]["max"]) == (1, 0.05)
    assert (fidelity["dilation"], fidelity["lookahead_ms"], fidelity["rounds"]) == (2, 1.2, 5)
    assert (fidelity["pace"], fidelity["twin"], fidelity["broker_lost"]) == ("clock", "differs", 0)


def test_timers_transactions_and_losses_are_handled_events_too() -> None:
    story = clocked([400, 400])
    for number in range(40):
        story.row("timer", 1, number).row("submit", 1, number, height=number).row("drop", 1, number)
    assert story.summary()["fidelity"]["displaced_share"] == 2 / 220


def test_without_a_row_per_event_the_share_is_taken_over_the_totals() -> None:
    story = Story(level="blocks", fidelity=Fidelity(pace="clock", twin="differs"))
    story.row("displaced", 0, 5, detail=1).total("delivered", 0, 150).total("dropped", 0, 10)
    story.total("delivered", 1, 40, detail=1)
    assert story.summary()["fidelity"]["displaced_share"] == 1 / 200
    assert story.decide(1, 10).summary()["fidelity"]["displaced_finalisations_share"] is None


class Vote:
    """One block from node 0 to node 1 and back, each row caused by the one before; row numbers count per node."""

    def __init__(self, displaced: str = "") -> None:
        story = self.story = Story(fidelity=Fidelity(pace="clock", twin="differs"))

        def moved(what: str, node: int, at: float) -> int:
            if what == displaced:
                story.row("displaced", node, at, detail=1)
            return int(what == displaced)

        story.row("start", 0, 0)
        extra = moved("earlier", 0, 1)
        story.row("timer", 0, 1, cause=0)
        extra += moved("proposal", 0, 5)
        timer = 2 + extra
        story.row("timer", 0, 5, cause=timer - 1).row("propose", 0, 5, block=1, height=1, cause=timer)
        story.send(0, 5, 0, block=1, cause=timer)

        story.row("start", 1, 0)
        extra = moved("unrelated", 1, 10)
        story.deliver(1, 10, 3, 77)
        extra += moved("vote", 1, 15)
        story.deliver(1, 15, 0, 0, block=1)
        story.send(1, 15, 0, block=1, cause=2 + extra)
        story.row("finalise", 1, 15, block=1, height=1, cause=2 + extra)

        extra = timer + 3 + moved("answer", 0, 25)
        story.deliver(0, 25, 1, 0, block=1)
        story.row("finalise", 0, 25, block=1, height=1, cause=extra)


@pytest.mark.parametrize(
    ("displaced", "share"),
    [
        ("", 0),
        ("vote", 1),  # both finalisations come from it
        ("answer", 0.5),
        ("unrelated", 0),
        ("proposal", 0),  # the block began later; it did not take longer
        ("earlier", 0),
    ],
)
def test_a_finalisation_is_touched_by_what_was_displaced_on_its_way(displaced: str, share: float) -> None:
    assert Vote(displaced).story.summary()["fidelity"]["displaced_finalisations_share"] == share


def test_row_numbers_begin_anew_with_each_life_of_a_node() -> None:
    story = Story(fidelity=Fidelity(pace="clock", twin="differs")).propose(1, 5, node=1)
    story.row("start", 0, 0).row("displaced", 0, 6, detail=1).deliver(0, 6, 1, 0).row("crash", 0, 7)
    story.row("start", 0, 10, detail=1).row("timer", 0, 11).deliver(0, 12, 1, 1)
    story.row("finalise", 0, 12, block=1, height=1, cause=2)
    assert story.summary()["fidelity"]["displaced_finalisations_share"] == 0


def test_a_displaced_batch_of_transactions_touches_what_its_last_row_caused() -> None:
    story = Story(fidelity=Fidelity(pace="clock", twin="differs")).row("start", 0, 0).propose(1, 4, node=1)
    story.row("displaced", 0, 5, detail=1)
    for number in range(3):
        story.submit(0, number, due=4)
    story.row("finalise", 0, 5, block=1, height=1, cause=4)
    assert story.summary()["fidelity"]["displaced_finalisations_share"] == 1


def test_a_cause_beyond_the_end_of_a_trace_that_was_cut_off_is_unknown() -> None:
    story = Story(fidelity=Fidelity(pace="clock", twin="differs")).row("displaced", 3, 0, detail=1).row("timer", 3, 0)
    story.propose(1, 0).row("finalise", 3, 50, block=1, height=1, cause=40)
    assert story.summary()["fidelity"]["displaced_finalisations_share"] == 0


def test_a_trace_that_names_itself_as_its_cause_does_not_hang() -> None:
    story = Story(fidelity=Fidelity(pace="clock", twin="differs")).row("displaced", 3, 0, detail=1).row("timer", 3, 0)
    story.send(0, 5, 0, cause=1).deliver(0, 5, 0, 0, cause=0).decide(1, 4)
    assert story.summary()["fidelity"]["displaced_finalisations_share"] == 0
