"""Hash rates and stakes: who gives them, what they may be, and what a network draws."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.network import Network
from netsim.scenario.model import WEIGHT, WEIGHT_UNIT, Distribution

from .reading import EXTENDED, SMALL, dump, problems, read

MINING = """\
sites:
  a: {nodes: 2, hash_rate: 3}
  b:
    hash_rate: {distribution: uniform, low: 1, high: 2.5}
    nodes: [{name: x}, {name: y, hash_rate: 0.000001}, {name: z, hash_rate: 0}]
  c: {nodes: 1}
backbone: {delay: 1 ms}
consensus: {protocol: nakamoto}
"""


def constant(weight: float) -> Distribution:
    return Distribution("constant", (("value", round(weight * WEIGHT_UNIT)),))


def test_a_nodes_weight_goes_before_its_sites_and_that_before_that_of_all() -> None:
    drawn = Distribution("uniform", (("low", 1_000_000), ("high", 2_500_000)))
    expected = [constant(3), constant(3), drawn, constant(1e-6), constant(0), WEIGHT]
    assert [node.weight for node in read(MINING, using=EXTENDED).nodes] == expected
    expected[-1] = constant(7)
    scenario = read(MINING, ["consensus.hash_rate=7"], using=EXTENDED)
    assert [node.weight for node in scenario.nodes] == expected


def test_they_are_written_out_only_where_they_are_not_1() -> None:
    scenario = read(MINING, using=EXTENDED)
    assert read(scenario.text, using=EXTENDED) == scenario
    assert "a: {nodes: 2, access: fibre, hash_rate: 3}" in scenario.text
    assert "{name: x, access: fibre, hash_rate: {distribution: uniform, low: 1, high: 2.5}}" in scenario.text
    assert "{name: y, access: fibre, hash_rate: 0.000001}" in scenario.text
    assert "c: {nodes: 1, access: fibre}" in scenario.text


def test_a_network_draws_them_once_by_its_seed() -> None:
    text = "sites: {a: {nodes: 400}}\nconsensus: {protocol: nakamoto}\n"
    rate = "consensus.hash_rate={distribution: normal, mean: 400000, deviation: 100000, minimum: 1}"
    weights = Network(read(text, [rate], using=EXTENDED)).weights
    assert weights == Network(read(text, [rate], using=EXTENDED)).weights
    assert weights != Network(read(text, [rate], seed=2, using=EXTENDED)).weights
    assert sum(weights) / 400 / WEIGHT_UNIT == pytest.approx(400_000, rel=0.05)
    assert min(weights) >= WEIGHT_UNIT
    assert Network(read(SMALL)).weights == (WEIGHT_UNIT,) * 4


def test_a_network_whose_weights_are_all_drawn_as_0_is_none() -> None:
    rate = "consensus.hash_rate={distribution: normal, mean: 0, deviation: 1}"
    text = f"{SMALL}consensus: {{protocol: nakamoto}}\n"
    answers: set[bool | str] = set()
    for seed in range(40):
        try:
            answers.add(bool(Network(read(text, [rate], seed=seed, using=EXTENDED)).weights))
        except ValueError as error:
            answers.add(str(error))
    assert answers == {True, "no validator has any weight with this seed"}


NUMBERS = st.integers(0, 10**12).map(lambda millionths: f"{millionths // 10**6}.{millionths % 10**6:06}")
SOME = st.integers(1, 10**9).map(lambda millionths: f"{millionths // 10**6}.{millionths % 10**6:06}")
WEIGHTS = st.one_of(
    SOME,
    st.fixed_dictionaries({"distribution": st.just("constant"), "value": SOME}),
    st.fixed_dictionaries({"distribution": st.just("uniform"), "low": st.just("0"), "high": SOME}),
    st.fixed_dictionaries(
        {"distribution": st.just("normal"), "mean": NUMBERS, "deviation": SOME}, optional={"minimum": NUMBERS}
    ),
    st.fixed_dictionaries({"distribution": st.just("lognormal"), "median": SOME, "sigma": st.just("1.5")}),
    st.fixed_dictionaries({"distribution": st.just("pareto"), "scale": SOME, "shape": st.floats(1, 9).map(repr)}),
    st.fixed_dictionaries({"distribution": st.just("gamma"), "mean": SOME, "deviation": SOME}),
)


@settings(max_examples=60)
@given(st.lists(st.none() | WEIGHTS, min_size=4, max_size=4), st.none() | WEIGHTS)
def test_reading_what_is_written_gives_the_same_weights(nodes: list[object], site: object) -> None:
    listed = [{"name": f"a-{n}"} | ({} if given is None else {"stake": given}) for n, given in enumerate(nodes)]
    place = {"nodes": listed} | ({} if site is None else {"stake": site})
    scenario = read(dump({"sites": {"a": place}, "consensus": {"protocol": "snowman"}}), using=EXTENDED)
    assert read(scenario.text, using=EXTENDED) == scenario


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{SMALL}consensus: {{stake: 3}}", "2:13: `stake` has no use: pbft knows no weights"),
        (
            "sites: {a: {hash_rate: 2, nodes: [{name: b, stake: 1}]}}\nconsensus: {protocol: nakamoto}",
            "1:45: `stake` has no use: nakamoto weighs by `hash_rate`",
        ),
        ("sites: {a: {hash_rate: 2}}", "1:13: `hash_rate` has no use: pbft knows no weights"),
        (
            f"{SMALL}consensus: {{protocol: nakamoto, hash_rate: 0}}",
            "2:12: `consensus` has no validator with any `hash_rate`: at least one must have more than 0",
        ),
        (
            "sites: {a: {nodes: [{name: b, hash_rate: 0}, {name: c}]}}\nconsensus: {protocol: nakamoto, validators: b}",
            "2:12: `consensus` has no validator with any `hash_rate`: at least one must have more than 0",
        ),
        ("sites: {a: {stake: -1}}", "1:20: `stake` is `-1`, which is negative"),
        ("sites: {a: {stake: 5 %}}", "1:20: `stake` is `5 %`, but a plain number is meant, without a unit"),
        ("sites: {a: {stake: 1e-7}}", "1:20: `stake` is `1e-7`, finer than a millionth"),
        (
            "sites: {a: {stake: 1e7}}",
            "1:20: `stake` is `1e7`; the most that is allowed is 1000000, for only the shares matter",
        ),
        ("sites: {a: {stake: [1]}}", "1:20: `stake` is a number or a distribution, not a list"),
        (
            "sites: {a: {stake: {distribution: uniform, low: 1 ms, high: 2}}}",
            "1:49: `low` is `1 ms`, but a plain number is meant, without a unit",
        ),
        (
            "sites: {a: {stake: {distribution: empirical, file: x}}}",
            "1:35: `distribution` is `empirical`, which is of delays; a weight is drawn from constant, uniform, "
            "normal, lognormal, pareto or gamma",
        ),
        (
            "sites: {a: {stake: {distribution: uniform, low: 3, high: 2}}}",
            "1:20: `stake` has its `low` above its `high`",
        ),
    ],
)
def test_what_is_wrong_is_said_where_it_is(text: str, problem: str) -> None:
    assert f"x.yaml:{problem}" in problems(f"{text}\n", using=EXTENDED)
