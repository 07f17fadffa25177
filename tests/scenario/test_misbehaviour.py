"""Byzantine nodes and probabilistic finality, as a scenario says them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.scenario.model import Misbehaviour

from .reading import EXTENDED, SMALL, dump, problems, read

SITES = "sites: {a: {nodes: 3}, b: {nodes: 4}}\nbackbone: {delay: 1 ms}\n"


def test_names_become_numbers_and_defaults_are_filled_in() -> None:
    text = f"""{SITES}misbehaviour:
  - {{nodes: [a-1], does: equivocate}}
  - {{nodes: a-1, does: withhold, at: 5 s, what: votes, from: [b, a-0]}}
  - {{nodes: [a-0, b-3], does: delay, by: 20 ms}}
  - {{nodes: b-0, does: equivocate, towards: [b-1]}}
  - {{nodes: b-0, does: silent, at: 9 s}}
"""
    assert read(text, using=EXTENDED).misbehaviour == (
        Misbehaviour((1,), "equivocate", 0, {"towards": None}),
        Misbehaviour((1,), "withhold", 5 * 10**9, {"what": "votes", "from": (0, 3, 4, 5, 6)}),
        Misbehaviour((0, 6), "delay", 0, {"by": 20 * 10**6, "what": "all"}),
        Misbehaviour((3,), "equivocate", 0, {"towards": (4,)}),
        Misbehaviour((3,), "silent", 9 * 10**9, {}),
    )


NODES = st.lists(st.sampled_from(["a-0", "a-1", "b-0", "b-1"]), min_size=1, max_size=2, unique=True)
WHO = st.just("all") | st.just("b") | NODES
ITEMS = st.one_of(
    st.fixed_dictionaries({"does": st.sampled_from(["silent", "forge"])}),
    st.fixed_dictionaries({"does": st.just("equivocate")}, optional={"towards": st.just("auto") | WHO}),
    st.fixed_dictionaries(
        {"does": st.just("withhold")}, optional={"what": st.sampled_from(["all", "votes"]), "from": WHO}
    ),
    st.fixed_dictionaries({"does": st.just("delay")}, optional={"by": st.just("7 ms"), "what": st.just("blocks")}),
    st.fixed_dictionaries({"does": st.just("censor")}, optional={"of": WHO}),
)


@settings(max_examples=60)
@given(st.lists(st.tuples(ITEMS, NODES, st.integers(0, 29)), max_size=4, unique_by=lambda item: str(item[0]["does"])))
def test_reading_what_is_written_gives_the_same(items: list[tuple[dict[str, Any], list[str], int]]) -> None:
    tree = {
        "sites": {"a": {"nodes": "2"}, "b": {"nodes": "5"}},
        "backbone": {"delay": "1 ms"},
        "misbehaviour": [item | {"nodes": nodes, "at": f"{at} s"} for item, nodes, at in items],
    }
    scenario = read(dump(tree), using=EXTENDED)
    assert read(scenario.text, using=EXTENDED) == scenario


@pytest.mark.parametrize(
    ("items", "wrong"),
    [
        ("[{nodes: a-0}]", ["16: `does` is missing"]),
        ("[{does: silent}]", ["16: `nodes` is missing"]),
        ("[silent]", ["16: `misbehaviour` is a list of mappings, such as `{nodes: [suzhou-0], does: silent}`"]),
        (
            "[{nodes: a-0, does: equivocat}]",
            ["35: `does` is `equivocat`, which is no misbehaviour; did you mean `equivocate`?"],
        ),
        ("[{nodes: a-0, does: silent, by: 1 s}]", ["43: unknown key `by`"]),
        ("[{nodes: c, does: silent}]", ["24: `nodes` names `c`, which is no node and no site"]),
        (
            "[{nodes: a-0, does: censor, of: c}]",
            ["47: `of` names `c`, which is no node and no site"],
        ),
        ("[{nodes: a-0, does: censor, of: []}]", ["47: `of` is an empty list"]),
        ("[{nodes: a-0, does: silent, at: 30 s}]", ["47: `at` is 30 s, and the scenario ends at 30 s"]),
        (
            "[{nodes: a-0, does: selfish}]",
            ["35: `does` is `selfish`, which is a way of mining, and pbft has no miners"],
        ),
        ("[{nodes: all, does: silent}]", ["24: `nodes` leaves no validator that is correct"]),
        (
            "[{nodes: a, does: silent}, {nodes: b, does: delay}]",
            ["50: `nodes` leaves no validator that is correct"],
        ),
        (
            "[{nodes: a-1, does: delay, at: 1 s}, {nodes: [a-0, a-1], does: delay}]",
            ["60: `nodes` names a-1, of which `delay` is said already"],
        ),
        (
            "[{nodes: a-0, does: forge}]\nconsensus: {validators: b}",
            ["24: `nodes` names a-0, and only a validator can `forge`"],
        ),
        ("[{nodes: a-0, does: silent}]\nconsensus: {validators: b}", []),
        ("[{nodes: a, does: selfish}]\nconsensus: {protocol: nakamoto}", []),
    ],
)
def test_what_is_wrong_is_said_where_it_is(items: str, wrong: list[str]) -> None:
    assert problems(f"{SITES}misbehaviour: {items}\n", using=EXTENDED) == [f"x.yaml:3:{line}" for line in wrong]


# ---- finality


def test_a_depth_is_the_protocols_own_unless_it_is_given() -> None:
    mining, signing = (f"{SMALL}consensus: {{protocol: {name}}}\n" for name in ("nakamoto", "clique"))
    assert read(SMALL, using=EXTENDED).finality_depth is None
    assert read(mining, using=EXTENDED).finality_depth == 6
    assert read(mining, ["finality.depth=2"], using=EXTENDED).finality_depth == 2
    assert read(mining, ["finality.depth=auto"], using=EXTENDED).finality_depth == 3
    assert read(signing, ["sites.suzhou.nodes=7"], using=EXTENDED).finality_depth == 4


def test_a_depth_is_written_out() -> None:
    scenario = read(f"{SMALL}consensus: {{protocol: clique}}\n", using=EXTENDED)
    assert "finality: {depth: 3}\n" in scenario.text
    assert read(scenario.text, using=EXTENDED) == scenario
    assert "finality" not in read(SMALL).text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("finality: {depth: 6}", "2:12: `depth` has no use: pbft is final by commit"),
        ("finality: {depth: 0}\nconsensus: {protocol: nakamoto}", "2:19: `depth` is from 1 to 1000, not 0"),
        ("finality: {depth: six}\nconsensus: {protocol: nakamoto}", "2:19: `depth` is `six`, which is no whole number"),
        ("finality: 6\nconsensus: {protocol: nakamoto}", "2:11: `finality` is a mapping of keys, not `6`"),
    ],
)
def test_what_is_wrong_with_a_depth(text: str, problem: str) -> None:
    assert problems(f"{SMALL}{text}\n", using=EXTENDED) == [f"x.yaml:{problem}"]
