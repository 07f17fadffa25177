"""What is made before the first event: no more than is needed, and once where all have it in common."""

import gc
import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from netsim import catalogue
from netsim.engine import inherited, layout
from netsim.engine.garbage import seldom_collected
from netsim.engine.plan import Plan
from netsim.network import draws
from netsim.node.membership import members, total_weight
from netsim.scenario import Scenario, parse

_TEXT = """
name: many
seed: 5
duration: 2 s
warmup: 0 s
sites: {here: {nodes: 60, access: ideal}, there: {nodes: 40, access: ideal}}
backbone: {delay: {distribution: uniform, low: 10 ms, high: 100 ms}}
overlay: {topology: random-regular, degree: 4}
consensus: {protocol: scripted}
"""


def _scenario(*overrides: str) -> Scenario:
    return parse(_TEXT, "many.yaml", overrides=list(overrides), catalogue=catalogue)


def test_a_sender_costs_what_it_sends_and_not_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Plan(_scenario()).network
    made: list[int] = []

    def counted(key: int, owners: NDArray[np.uint64]) -> NDArray[np.uint64]:
        made.append(len(owners))
        return draws.children(key, owners)

    monkeypatch.setattr("netsim.network.ahead.children", counted)
    inbound = network.inbound(range(network.size))
    for sender in range(network.size):
        inbound.arrive(sender, 0, 0, network.peers[sender], 0, 100)
    assert made
    assert max(made) <= 4


def test_whoever_is_drawn_for_and_when_a_copy_takes_as_long() -> None:
    network = Plan(_scenario()).network
    sender = 7
    peers = network.peers[sender]
    others = [node for node in range(network.size) if node != sender]
    for receivers in (peers, peers[1:], others, others[::-1], others[:3]):
        for sequence in (0, 1, 9):
            together = network.inbound(range(network.size)).arrive(sender, 0, sequence, receivers, 50, 100).times
            alone = [
                network.inbound((receiver,)).arrive(sender, 0, sequence, (receiver,), 50, 100).times[0]
                for receiver in receivers
            ]
            assert together == alone


def test_validators_are_one_set_for_all_nodes_and_none_for_others() -> None:
    some = (1, 2, 3)
    assert members(some) is members(some)
    assert members(some) == {1, 2, 3}
    assert members((1, 2)) == {1, 2}
    assert members([4]) == {4}
    weights = (0, 10, 20, 40)
    assert total_weight(some, weights) == total_weight(some, weights) == 70
    assert total_weight(some, (1, 1, 1, 1)) == 3
    assert total_weight([3], weights) == 40


def test_a_process_takes_no_other_scenario_s_inheritance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = _scenario("emulation.nodes_per_process=50")
    places = layout.places(Plan(scenario))
    common = inherited.in_common(scenario, places)
    file = inherited.bequeath(scenario, common, tmp_path)
    monkeypatch.setattr(inherited, "_left", [])
    monkeypatch.setenv(inherited.VARIABLE, str(file))
    monkeypatch.setattr(gc, "freeze", lambda: None)
    inherited.prepare()
    found = inherited.inherit(common)
    assert found is inherited.inherit(common)
    assert found.places == places
    other = inherited.in_common(_scenario("seed=6"), places)
    assert inherited.inherit(other).plan.scenario.seed == 6
    assert pickle.loads(common)[0] == scenario


def test_a_process_without_an_inheritance_makes_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inherited, "_left", [])
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setenv(inherited.VARIABLE, str(tmp_path / "nothing"))
    inherited.prepare()
    scenario = _scenario("emulation.nodes_per_process=50")
    assert inherited.inherit(inherited.in_common(scenario, ())).plan.scenario == scenario


def test_garbage_is_collected_as_before_afterwards() -> None:
    before = gc.get_threshold()
    with pytest.raises(KeyError), seldom_collected():
        assert gc.get_threshold() != before
        raise KeyError
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
