"""`--set key=value` and `--seed`."""

from __future__ import annotations

import pytest

from netsim.scenario.units import duration

from .reading import SMALL, WHOLE, problems, read


def test_a_value_of_the_file_is_replaced() -> None:
    scenario = read(WHOLE, ["duration=2 min", "sites.shenzhen.nodes=7", "workload.rate=5 /s"])
    assert scenario.duration == duration("2 min")
    assert len(scenario.sites["shenzhen"].nodes) == 7
    assert scenario.workload.rate == 5


def test_a_section_that_the_file_does_not_have_is_made() -> None:
    scenario = read(SMALL, ["consensus.block_interval=250 ms", "emulation.fidelity.displaced=3 %"])
    assert scenario.consensus.parameters["block_interval"] == duration("250 ms")
    assert scenario.emulation.displaced == 0.03


def test_a_value_may_be_any_yaml() -> None:
    scenario = read(SMALL, ["faults=[{at: 1 s, crash: [suzhou-1]}]", "gossip={votes: flood}"])
    assert scenario.faults[0].nodes == (1,)
    assert scenario.gossip["votes"].name == "flood"


def test_an_item_of_a_list_is_picked_by_its_number() -> None:
    scenario = read(
        WHOLE,
        [
            "faults.2.at=36 s",
            "sites.suzhou.nodes.0.name=first",
            "faults.0.partition=[[suzhou]]",
            "consensus.validators=all",
        ],
    )
    assert scenario.faults[2].at == duration("36 s")
    assert scenario.sites["suzhou"].nodes[0] == "first"


def test_an_expectation_is_named_by_its_dotted_key() -> None:
    scenario = read(WHOLE, ["expect.finality.quorum_ms.p90.max=300", "expect.blocks.open={max: 1}"])
    bounds = {expected.key: expected.max for expected in scenario.expect}
    assert bounds["finality.quorum_ms.p90"] == 300
    assert bounds["blocks.open"] == 1


def test_the_last_one_wins() -> None:
    assert read(SMALL, ["seed=2", "seed=3"]).seed == 3


def test_the_seed_of_the_command_line_goes_before_all_others() -> None:
    assert read(f"{SMALL}seed: 1\n", ["seed=2"], seed=9).seed == 9


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("duration", "--set duration: is written `--set key=value`"),
        ("=3", "--set: a key has a name on both sides of each dot"),
        ("a..b=3", "--set a..b: a key has a name on both sides of each dot"),
        ("durtion=3 s", "--set durtion: unknown key `durtion`; did you mean `duration`?"),
        ("duration=3", "--set duration: `duration` is `3`, a number without a unit: ns, us, ms, s, min, h"),
        ("duration=", "--set duration: `duration` has no value"),
        ("sites.suzhou.nodes=0", "--set sites.suzhou.nodes: `nodes` is from 1 to 100000, not 0"),
        ("consensus.quorum=5", "--set consensus.quorum: `quorum` is 5, and there are 4 validators"),
        (
            "seed={a: [",
            "--set seed: not YAML: while parsing a flow node that begins in line 1, expected the node "
            "content, but found '<stream end>'",
        ),
        ("seed=&a 3", "--set seed: an anchor (`&a`): a scenario has neither anchors nor aliases"),
        ("trace.x=3", "--set trace.x: `trace` is the value `full` without a `x` in it; set it as a whole"),
        ("faults.1.at=3 s", "--set faults.1.at: `faults` is a list of 1, counted from 0, without a `1`"),
        ("faults.x=3 s", "--set faults.x: `faults` is a list of 1, counted from 0, without a `x`"),
    ],
)
def test_what_is_wrong_with_an_override_is_said_of_it(override: str, problem: str) -> None:
    text = f"{SMALL}trace: full\nfaults: [{{at: 1 s, crash: suzhou}}]\n"
    assert problems(text, [override]) == [problem]


def test_an_override_that_mends_the_file_is_heeded() -> None:
    assert problems(f"{SMALL}duration: 3\n", ["duration=3 s"]) == []


def test_a_seed_that_is_none_is_said_of_its_option() -> None:
    assert problems(SMALL, seed=-1) == ["--seed: `seed` is from 0 to 999999999999999999, not -1"]


def test_what_a_file_and_an_override_disagree_on_is_said_where_it_is_written() -> None:
    assert problems(f"{SMALL}warmup: 9 s\n", ["duration=5 s"]) == [
        "x.yaml:2:9: `warmup` is 9 s, and `duration` 5 s: nothing is left to be measured"
    ]
