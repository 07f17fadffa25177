"""The study's sentences, and the data of its picture, from figures that are made up."""

from __future__ import annotations

from math import log

import pytest

from netsim.compare import Sample
from netsim.study.findings import sentences
from netsim.study.picture import causes, levels
from netsim.study.results import BORDER, FACTORS, PROTOCOL, NoStudy, study
from netsim.sweep.effects import effects, shares
from tests.study.made_up import WORDS, made_up


def test_the_sentences_are_worked_out_from_the_runs() -> None:
    border, distance, radio, protocols, whole = sentences(made_up(), "; checked")
    # the interval of the level alone is wide: two seeds a millisecond apart, Student's 12.7 standard errors
    assert border == (
        "The border: on fibre, with Suzhou out of the quorum and over leased lines, the median block of PBFT is final "
        "after 10.0 ± 6.4 ms in Shenzhen, 11.0 ± 6.4 ms in Hong Kong and 12.0 ± 6.4 ms in Suzhou (mean over 2 seeds); "
        "the public Internet adds 4.0 ms in Shenzhen, 4.0 ms in Hong Kong and 4.0 ms in Suzhou."
    )
    assert distance.endswith(
        "adds over the public Internet 30.0 ms in Shenzhen, 30.0 ms in Hong Kong and 30.0 ms in Suzhou."
    )
    assert "5G adds 20.0 ms in Shenzhen" in radio
    assert protocols.endswith("in ms, PBFT 4.0 / 30.0 / 20.0; and Raft 8.0 / 60.0 / 40.0.")
    assert "over the 16 points" in whole
    assert whole.endswith("together; checked.")


def test_a_cause_that_helps_has_a_minus() -> None:
    turned = {**WORDS, BORDER: ("public", "leased")}
    border, *_ = sentences(made_up(turned))
    assert "leased lines adds −4.0 ms in Shenzhen" in border


def test_the_shares_and_the_interactions_are_the_whole() -> None:
    doubled: dict[tuple[str, ...], float] = {("a", "x"): 1.0, ("a", "y"): 10.0, ("b", "x"): 2.0, ("b", "y"): 20.0}
    found = shares(["one", "other"], doubled)
    assert found is not None
    assert sum(found.values()) == pytest.approx(1)
    assert found["one"] == pytest.approx(log(2) ** 2 / (log(2) ** 2 + log(10) ** 2))
    assert shares(["one", "other"], {("a", "x"): 1.0, ("b", "y"): 2.0}) is None  # two combinations are missing
    crossed = shares(["one", "other"], {("a", "x"): 1.0, ("a", "y"): 2.0, ("b", "x"): 2.0, ("b", "y"): 1.0})
    assert crossed is not None
    assert list(crossed.values()) == pytest.approx([0, 0])


def test_a_main_effect_is_averaged_over_all_else_and_paired_by_seed() -> None:
    points: dict[tuple[str, ...], dict[int, float]] = {
        ("a", "x"): {1: 10.0, 2: 20.0},
        ("a", "y"): {1: 30.0, 2: 40.0},
        ("b", "x"): {1: 13.0, 2: 23.0},
        ("b", "y"): {1: 35.0, 2: 45.0, 3: 99.0},  # a seed that not all have does not count
    }
    one, other = effects(["one", "other"], points)
    assert (one.key, one.start, one.end, one.adds.mean) == ("one", "a", "b", 4.0)
    assert one.adds.half == 0.0
    assert (other.key, other.adds.mean) == ("other", 21.0)
    assert effects(["one", "other"], {("a", "x"): {1: 1.0}, ("b", "y"): {1: 1.0}}) == []


def test_the_picture_shows_levels_above_and_causes_below() -> None:
    found = made_up()
    curve = next(one for one in levels(found, "hong-kong") if (one["access"], one["suzhou"]) == ("5g", "in"))
    assert [mean for mean, _ in curve["points"]] == [61.0, 65.0]
    bars = causes(found, "suzhou")
    assert bars == {
        "border": {"pbft": (4.0, 0.0), "raft": (8.0, 0.0)},
        "distance": {"pbft": (30.0, 0.0), "raft": (60.0, 0.0)},
        "radio": {"pbft": (20.0, 0.0), "raft": (40.0, 0.0)},
    }


def test_what_is_no_study_says_why() -> None:
    with pytest.raises(NoStudy, match=r"a study varies consensus\.protocol, border, access, suzhou"):
        study({((PROTOCOL, "pbft"),): Sample({1: {}}, "")})
    partial = {tuple(zip(FACTORS, place, strict=True)): sample for place, sample in made_up().samples.items()}
    del partial[next(iter(partial))]
    with pytest.raises(NoStudy, match="the study has no run of pbft, leased, fibre, out"):
        study(partial)
