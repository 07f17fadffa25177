"""Clients' transactions by gossip to everybody, or to the leader alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netsim.node.participant import Settings
from netsim.testing import MS, Network, settings, strategy


def to_leader(protocol: str, gossip: str = "direct", **parameters: Any) -> Settings:
    return replace(settings(protocol, strategy(gossip), **parameters), forward=True)


@pytest.mark.parametrize("gossip", ["direct", "flood"])
@pytest.mark.parametrize("protocol", ["pbft", "tendermint", "hotstuff", "raft"])
def test_one_copy_goes_to_the_leader_and_its_block_is_final_everywhere(protocol: str, gossip: str) -> None:
    network = Network(4, to_leader(protocol, gossip), delay=lambda source, target: 5 * MS)
    network.start()
    network.run(1000 * MS)
    for node in range(4):
        network.submit(node)
        network.run(1000 * MS)
    assert [sum(block.count for block in place.final) for place in network.places] == [4] * 4
    assert network.sent.get("Transactions", 0) <= 4


def test_what_a_crashed_leader_took_along_is_told_the_next_one() -> None:
    network = Network(4, to_leader("pbft"), delay=lambda source, target: 5 * MS)
    network.start()
    network.crash(0)
    network.submit(3)
    network.run(3000 * MS)
    network.submit(3)
    network.run(5000 * MS)
    assert [sum(block.count for block in network.places[node].final) for node in (1, 2, 3)] == [2] * 3


def test_a_protocol_without_a_leader_is_told_at_all_validators() -> None:
    network = Network(4, to_leader("nakamoto", "flood", block_interval=100 * MS, depth=1))
    network.start()
    network.submit(2)
    assert network.sent == {"Transactions": 3}
