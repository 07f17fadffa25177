"""Expectations pass, fail, or cannot be known; and what that means to a shell."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from netsim.measure import expectable, outcome
from netsim.measure.expect import flatten
from netsim.trace import Fidelity

from .story import Story


def blocks(story: Story, count: int) -> Story:
    for height in range(1, count + 1):
        story.decide(height, 10 * height)
    return story


def verdict(count: int, key: str, **bound: Any) -> bool | None:
    (judged,) = blocks(Story(), count).expect(key, **bound).summary()["expect"]
    return judged["passed"]


@pytest.mark.parametrize(
    ("key", "bound", "passed"),
    [
        ("finality.quorum_ms.max", {"max": 60}, True),
        ("finality.quorum_ms.max", {"max": 59.9}, False),
        ("blocks.finalised", {"min": 30}, True),
        ("blocks.finalised", {"min": 31}, False),
        ("blocks.finalised", {"min": 10, "max": 29}, False),
        ("blocks.finalised", {"equals": "30"}, True),
        ("blocks.finalised", {"equals": "30.0"}, True),
        ("blocks.finalised", {"equals": "thirty"}, False),
        ("safety.agreement", {"equals": "holds"}, True),
        ("safety.agreement", {"equals": "violated"}, False),
        ("safety.agreement", {"min": 1}, False),
        ("fidelity.displaced", {"equals": "0"}, True),
        ("finality.by_site.suzhou.p50", {"max": 60}, True),
        ("finality.by_site.peking.p50", {"max": 60}, False),
        ("finality.quorum", {"max": 60}, False),
        ("finality.quorum_ms", {"max": 60}, False),
    ],
)
def test_a_bound_passes_or_fails(key: str, bound: Any, passed: bool) -> None:
    assert verdict(30, key, **bound) is passed


@pytest.mark.parametrize(
    ("count", "percentile", "passed"),
    [
        (19, "p50", None),
        (20, "p50", True),
        (99, "p90", None),
        (100, "p90", True),
        (199, "p95", None),
        (200, "p95", True),
    ],
)
def test_a_percentile_of_too_few_samples_is_unknown(count: int, percentile: str, passed: bool | None) -> None:
    assert verdict(count, f"finality.quorum_ms.{percentile}", max=400) is passed


def test_a_percentile_of_too_few_samples_is_unknown_even_where_it_would_fail() -> None:
    assert verdict(5, "finality.quorum_ms.p99", max=1) is None


def test_a_value_that_the_run_does_not_have_is_unknown() -> None:
    assert verdict(0, "finality.quorum_ms.mean", max=400) is None
    assert verdict(3, "liveness.recovery_ms", max=400) is None  # there was no fault


def test_a_fault_never_recovered_from_fails_a_bound_on_recovery() -> None:
    story = blocks(Story(), 3).fault("partition", 9000, 9500).expect("liveness.recovery_ms", max=3000)
    (judged,) = story.summary()["expect"]
    assert (judged["passed"], judged["value"]) == (False, None)


def test_the_bound_is_told_in_words() -> None:
    story = Story().expect("a", max=400).expect("a", min=40.5).expect("a", min=1, max=2).expect("a", equals="holds")
    assert [judged["bound"] for judged in story.summary()["expect"]] == ["≤ 400", "≥ 40.5", "≥ 1, ≤ 2", "= holds"]


def test_every_key_of_a_summary_can_be_expected_and_no_other() -> None:
    summary: Any = blocks(Story(), 3).summary()
    assert expectable(["shenzhen", "suzhou"]) == {key for key, _ in flatten(summary)}
    assert "finality.by_site.a.b.p90" in expectable(["a.b"])
    assert "expect" not in expectable([])


class TestOutcome:
    def test_all_well(self) -> None:
        assert outcome(blocks(Story(), 3).expect("blocks.finalised", min=3).summary()) == 0

    def test_unknown_does_not_fail(self) -> None:
        assert outcome(blocks(Story(), 3).expect("finality.quorum_ms.p99", max=1).summary()) == 0

    def test_a_failed_expectation(self) -> None:
        assert outcome(blocks(Story(), 3).expect("blocks.finalised", min=4).summary()) == 1

    def test_a_violation_nobody_expected(self) -> None:
        assert outcome(self.violated().summary()) == 1
        assert outcome(self.violated().expect("safety.agreement", equals="holds").summary()) == 1

    def test_a_violation_that_was_looked_for(self) -> None:
        assert outcome(self.violated().expect("safety.agreement", equals="violated").summary()) == 0

    def test_a_violation_that_was_looked_for_and_not_found(self) -> None:
        assert outcome(Story().expect("safety.agreement", equals="violated").summary()) == 1

    def test_an_invalid_run_comes_before_everything_else(self) -> None:
        lost = Fidelity(pace="lockstep", broker_lost=1)
        assert outcome(blocks(Story(fidelity=lost), 3).expect("blocks.finalised", min=4).summary()) == 3

    @staticmethod
    def violated() -> Story:
        return Story().finalise(0xA, {0: 10}, height=1).finalise(0xB, {1: 10}, height=1)


def test_a_summary_survives_json() -> None:
    story = blocks(Story(), 3).fault("crash", 5, 6).expect("blocks.finalised", min=4)
    summary: Any = story.finalise(0xB, {1: 5000}, height=1).summary()
    decoded = msgspec.json.decode(msgspec.json.encode(summary))
    (violation, _) = decoded["safety"]["violations"]
    assert violation["nodes"] == [["shenzhen-0", "shenzhen-1", "suzhou-0", "suzhou-1"], ["shenzhen-1"]]
    assert dict(flatten(decoded)) == dict(flatten(summary))
