"""What depth is worth: the probability of a reversal, and the blocks that were reversed."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.measure.reversal import confirmations, reversal_probability

from .story import Story

TENTH = Fraction(1, 10)


def test_the_published_table_for_a_tenth() -> None:
    """Rosenfeld 2014, section 5."""
    table = [reversal_probability(z, TENTH) for z in range(1, 7)]
    assert table[:4] == [Fraction(value) for value in ("0.2", "0.056", "0.01712", "0.005456")]
    assert [round(float(value), 7) for value in table[4:]] == [0.0017818, 0.0005914]


@given(st.integers(0, 12), st.fractions(0, 1, max_denominator=60))
@examples(max_examples=60)
def test_it_is_the_sum_that_the_paper_gives(z: int, q: Fraction) -> None:
    """Negative binomial times gambler's ruin, summed term by term: not the closed form that is computed."""
    from math import comb

    p = 1 - q
    if q >= p:
        assert reversal_probability(z, q) == 1
        return
    behind = [comb(m + z - 1, m) * p**z * q**m if z else Fraction(not m) for m in range(z + 1)]
    level = sum(chance * (q / p) ** (z - m) for m, chance in enumerate(behind))
    ahead = 1 - sum(behind)
    assert reversal_probability(z, q) == level + ahead


def test_a_race_that_is_run_agrees() -> None:
    rng = Random(1)
    races, z, q, given_up = 20_000, 2, 0.25, -30

    def won() -> bool:
        honest = ours = 0
        while honest < z:
            ours, honest = (ours + 1, honest) if rng.random() < q else (ours, honest + 1)
        while given_up < ours - honest < 0:
            ours += 1 if rng.random() < q else -1
        return ours >= honest

    expected = float(reversal_probability(z, Fraction(1, 4)))
    error = (expected * (1 - expected) / races) ** 0.5
    assert abs(sum(won() for _ in range(races)) / races - expected) < 3 * error


def test_deeper_is_safer_and_a_larger_share_is_worse() -> None:
    by_depth = [reversal_probability(z, TENTH) for z in range(30)]
    assert by_depth[0] == 1, "what nobody has confirmed is nobody's"
    assert sorted(set(by_depth), reverse=True) == by_depth
    by_share = [reversal_probability(6, Fraction(share, 100)) for share in range(51)]
    assert by_share[0] == 0
    assert by_share[50] == 1
    assert sorted(set(by_share)) == by_share


def test_the_deepest_that_a_scenario_may_ask_for() -> None:
    share = Fraction(123_456_789_012_345_679, 10**18)
    assert 0 < reversal_probability(1000, share) < Fraction(1, 10**300)


@pytest.mark.parametrize(("z", "share"), [(-1, TENTH), (1, Fraction(-1, 2)), (1, Fraction(3, 2))])
def test_what_is_no_share_or_no_depth_is_refused(z: int, share: Fraction) -> None:
    with pytest.raises(ValueError, match="confirmations against"):
        reversal_probability(z, share)


def test_rules() -> None:
    assert [confirmations(rule) for rule in ("depth 6", "depth 100", "commit", "")] == [6, 100, None, None]


# -------------------------------------------------------------------------------------------------------- of a run


def mining(**header: Any) -> Story:
    return Story(**{"finality_rule": "depth 1", "weights": [1_000_000] * 4, **header})


def test_the_attacker_has_a_tenth_where_there_is_none() -> None:
    finality = mining(finality_rule="depth 6").summary()["finality"]
    assert finality["attacker_share"] == 0.1
    assert finality["reversal_probability"] == pytest.approx(0.0005914, rel=1e-4)


def test_the_attackers_share_is_that_of_the_byzantine_validators() -> None:
    story = mining(weights=[3_000_000, 5_000_000, 9_000_000, 2_000_000], validators=[0, 1, 3], byzantine=[2, 3])
    finality = story.summary()["finality"]
    assert finality["attacker_share"] == pytest.approx(0.2)
    assert finality["reversal_probability"] == pytest.approx(0.4)


def test_against_half_nothing_helps() -> None:
    finality = mining(finality_rule="depth 6", byzantine=[0, 1]).summary()["finality"]
    assert (finality["attacker_share"], finality["reversal_probability"]) == (0.5, 1.0)


@pytest.mark.parametrize("header", [{"finality_rule": "commit"}, {"weights": []}])
def test_where_nothing_is_mined_there_is_no_such_probability(header: dict[str, Any]) -> None:
    finality = mining(**header).decide(1, 0).summary()["finality"]
    assert (finality["attacker_share"], finality["reversal_probability"], finality["reverted"]) == (None, None, 0)


def test_a_block_is_reverted_when_another_becomes_final_in_its_place() -> None:
    story = mining().decide(1, 0).decide(2, 100).decide(3, 200).propose(13, 300, height=3)
    assert story.summary()["finality"]["reverted"] == 0
    story.finalise(13, {2: 400}, height=3)
    assert story.summary()["finality"]["reverted"] == 1
    assert story.summary()["safety"]["agreement"] == "violated"


def test_what_is_above_it_is_reverted_too_and_each_counts_once() -> None:
    story = mining()
    for node in (0, 1):
        story.finalise(1, {node: 10}).finalise(2, {node: 20}).finalise(3, {node: 30})
        story.finalise(12, {node: 40}, height=2).finalise(13, {node: 41}, height=3).finalise(14, {node: 42}, height=4)
    assert story.summary()["finality"]["reverted"] == 2


def test_a_shorter_chain_may_be_heavier() -> None:
    story = mining().finalise(1, {0: 10}).finalise(2, {0: 20}).finalise(3, {0: 30}).finalise(12, {0: 40}, height=2)
    assert story.summary()["finality"]["reverted"] == 2


def test_a_block_that_is_final_again_is_not_reverted() -> None:
    story = mining().finalise(1, {0: 10}).finalise(11, {0: 20}, height=1).finalise(1, {0: 30})
    assert story.summary()["finality"]["reverted"] == 1, "the other one is"


def test_to_say_it_again_after_a_restart_takes_nothing_back() -> None:
    story = mining().finalise(1, {0: 10}).finalise(2, {0: 20}).row("start", 0, 30, detail=1)
    story.finalise(1, {0: 40}).finalise(2, {0: 40}).finalise(3, {0: 50})
    assert story.summary()["finality"]["reverted"] == 0


def test_what_followers_and_byzantine_nodes_take_back_does_not_count() -> None:
    story = mining(validators=[0, 1, 2], byzantine=[2])
    for node in (2, 3):
        story.finalise(1, {node: 10}).finalise(11, {node: 20}, height=1)
    assert story.summary()["finality"]["reverted"] == 0


def test_the_share_of_byzantine_miners_is_of_the_blocks_that_stayed() -> None:
    story = mining(byzantine=[3], quorum=2)
    assert story.summary()["blocks"]["byzantine_share"] is None
    story.decide(1, 0, after=[1, 1, 1]).decide(2, 10, after=[1, 1, 1]).propose(12, 11, node=3, height=2)
    story.propose(13, 12, node=3, height=3).decide(14, 40, node=1, height=4, after=[1, 1, 1])
    assert story.summary()["blocks"]["byzantine_share"] == 0
    story.rows = [row for row in story.rows if row[3] != 14]
    story.finalise(12, {0: 30, 1: 30, 2: 30}, height=2).finalise(13, {0: 31, 1: 31, 2: 31}, height=3)
    assert story.summary()["finality"]["reverted"] == 1
    assert story.summary()["blocks"]["byzantine_share"] == pytest.approx(2 / 3), "1, 12 and 13"
