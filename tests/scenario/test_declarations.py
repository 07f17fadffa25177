"""What a protocol that is no part of netsim says of itself may be wrong; then so is the scenario, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsim import catalogue
from netsim.scenario import ScenarioError, load

PROTOCOL = """
from netsim.node.consensus import Consensus
from netsim.catalogue import Parameter, Preset


class Own(Consensus):
    messages = ()
    {}

    def start(self): ...
    def on_message(self, sender, message): ...
    def on_timer(self, name): ...
"""


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ("depth = 'deep'", "whose `depth` is `deep`, which is no whole number"),
        ("depth = 0", "whose `depth` is from 1 to 1000, not 0"),
        ("weighs = 'gold'", "which weighs by 'gold', neither by 'stake' nor by 'hash_rate'"),
        ("presets = ('fast',)", "whose `presets` is no tuple of `Preset`"),
        (
            "presets = (Preset('fast', (('x', '1'),), ''),)",
            "whose preset fast gives `x`, which is none of its parameters",
        ),
        (
            "parameters = (Parameter('stake', 'integer', '1', 'mine'),)",
            "which declares `stake`, a key that is there already",
        ),
    ],
)
def test_what_is_wrong_with_it_is_said_of_its_name(declared: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(PROTOCOL.format(declared), encoding="utf-8")
    file = tmp_path / "x.yaml"
    file.write_text("sites: {a: {nodes: 4}}\nconsensus: {protocol: 'own.py:Own'}\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load(file, catalogue=catalogue)
    (found,) = caught.value.problems
    assert (found.line, found.message.partition(", ")[2]) == (2, problem)


def test_one_that_weighs_and_has_a_depth_and_a_preset(tmp_path: Path) -> None:
    declared = "depth, weighs, presets = '3', 'stake', (Preset('fast', (('timeout', '1 s'),), 'soon'),)"
    (tmp_path / "own.py").write_text(PROTOCOL.format(declared), encoding="utf-8")
    file = tmp_path / "x.yaml"
    consensus = "{protocol: 'own.py:Own', preset: fast, stake: 2}"
    file.write_text(f"sites: {{a: {{nodes: 4}}}}\nconsensus: {consensus}\n", encoding="utf-8")
    scenario = load(file, catalogue=catalogue)
    assert scenario.finality_depth == 3
    assert scenario.consensus.parameters["timeout"] == 10**9
    assert "stake: 2" in scenario.text
