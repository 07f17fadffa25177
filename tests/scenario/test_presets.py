"""Presets: other defaults for a protocol's or a gossip strategy's keys."""

from __future__ import annotations

import pytest

from netsim import catalogue
from netsim.catalogue import Entry, Preset
from netsim.scenario.declared import read_parameter

from .reading import SMALL, problems, read

MS = 10**6
PRESETS = [(entry, preset) for entry in catalogue.ENTRIES for preset in entry.presets]


@pytest.mark.parametrize(("entry", "preset"), PRESETS, ids=lambda value: value.name)
def test_every_preset_has_a_sentence_and_good_values_of_parameters(entry: Entry, preset: Preset) -> None:
    declared = {parameter.name: parameter for parameter in entry.parameters}
    assert preset.says
    assert len(dict(preset.values)) == len(preset.values)
    for name, value in preset.values:
        read_parameter(declared[name], value)


def test_its_values_take_the_place_of_defaults_and_what_is_given_goes_before_them() -> None:
    text = f"{SMALL}consensus: {{protocol: pbft, preset: fisco-bcos, timeout: 5 s}}\n"
    parameters = read(text).consensus.parameters
    assert parameters["block_interval"] == 500 * MS
    assert parameters["block_transactions"] == 1000
    assert parameters["full_blocks"] == "at-once"
    assert parameters["timeout"] == 5000 * MS
    assert parameters["window"] == 8
    assert read(f"{SMALL}consensus: {{preset: fisco-bcos}}\n", ["consensus.timeout=5 s"]) == read(text)


def test_the_resolved_text_has_its_values_and_not_its_name() -> None:
    scenario = read(f"{SMALL}consensus: {{preset: fisco-bcos}}\n")
    assert "preset" not in scenario.text
    assert "block_transactions: 1000" in scenario.text
    assert read(scenario.text) == scenario


def test_gossipsub_of_ethereum() -> None:
    gossip = read(f"{SMALL}gossip: {{blocks: {{protocol: gossipsub, preset: ethereum, degree_low: 7}}}}\n").gossip
    parameters = gossip["blocks"].parameters
    assert (parameters["degree"], parameters["degree_low"], parameters["degree_high"]) == (8, 7, 12)
    assert parameters["heartbeat"] == 700 * MS
    assert read(f"{SMALL}gossip: {{protocol: gossipsub, preset: libp2p}}\n") == read(f"{SMALL}gossip: gossipsub\n")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "consensus: {preset: fisco}",
            "2:21: `preset` is `fisco`, which is no preset of pbft; did you mean `fisco-bcos`?",
        ),
        ("consensus: {preset: x}", "2:21: `preset` is `x`, which is no preset of pbft; there is fisco-bcos"),
        (
            "consensus: {protocol: scripted, preset: fisco-bcos}",
            "2:41: `preset` is `fisco-bcos`, and scripted has no presets",
        ),
        ("consensus: {preset: [a]}", "2:21: `preset` is a single value, not a list"),
        ("consensus: {preset: ''}", "2:21: `preset` has no value"),
        ("gossip: {protocol: flood, preset: x}", "2:35: `preset` is `x`, and flood has no presets"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(text: str, problem: str) -> None:
    assert problems(f"{SMALL}{text}\n") == [f"x.yaml:{problem}"]
