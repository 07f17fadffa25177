"""Crashes, partitions and losses: what happens to Tendermint and QBFT, and how soon it is over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from netsim.node.gossip.direct import Direct
from netsim.node.gossip.flood import Flood
from netsim.node.gossip.strategy import Strategy
from netsim.testing import MS, Network, settings

DELTA = 20 * MS
TIMEOUT = 1000 * MS
VOTE, GROWTH = 400 * MS, 200 * MS  # Tendermint's timeout_vote and timeout_delta here
INTERVAL = 100 * MS
BOTH = pytest.mark.parametrize("protocol", ["tendermint", "qbft"])


def busy(network: Network, duration: int, origins: Iterable[int], every: int = 50 * MS) -> None:
    """Let time pass while clients of some nodes submit."""
    for _ in range(duration // every):
        for origin in origins:
            network.submit(origin)
        network.run(every)


def constant(protocol: str, nodes: int, gossip: type[Strategy] = Direct, **parameters: Any) -> Network:
    """A network of constant delay; flooding goes along a ring."""
    chosen: dict[str, Any] = {"timeout": TIMEOUT, "block_interval": INTERVAL, **parameters}
    if protocol == "tendermint":
        chosen = {"timeout_vote": VOTE, "timeout_delta": GROWTH, **chosen}
    edges = [(node, (node + 1) % nodes) for node in range(nodes)] if gossip is Flood else None
    network = Network(nodes, settings(protocol, gossip, **chosen), edges=edges, delay=lambda source, target: DELTA)
    network.start()
    return network


def recovery(network: Network, since: int, nodes: Iterable[int]) -> int:
    """ns from a moment until the first block proposed since then is final at all of these nodes."""
    made = sorted((time, block.id) for place in network.places for time, block in place.proposals if time >= since)
    places = [network.places[node] for node in nodes]
    for _, name in made:
        times = [place.finalised_at[block.height] for place in places for block in place.final if block.id == name]
        if len(times) == len(places):
            return max(times) - since
    raise AssertionError("nothing was final afterwards")


@BOTH
@pytest.mark.parametrize("nodes", (4, 5, 6, 7))
@pytest.mark.parametrize("phase", (0, 25, 60))
def test_a_killed_validator_costs_one_failed_round_when_its_turn_comes(protocol: str, nodes: int, phase: int) -> None:
    network = constant(protocol, nodes)
    busy(network, 1000 * MS, range(nodes))
    network.run(phase * MS)
    before = [block.id for block in max((place.final for place in network.places), key=len)]
    alive = range(1, nodes)
    network.crash(0)
    killed = network.now
    busy(network, 4000 * MS, alive)
    # The proposal is waited for, in Tendermint then more precommits; nil votes or round changes take two delays or one.
    failed = TIMEOUT + VOTE + 2 * DELTA if protocol == "tendermint" else TIMEOUT + DELTA
    final = sorted(time for time in network.places[1].finalised_at.values() if time >= killed)
    gaps = [later - earlier for earlier, later in zip([killed, *final], final, strict=False)]
    assert failed < max(gaps) <= failed + INTERVAL + 5 * DELTA
    for place in network.places[1:]:
        assert [block.id for block in place.final][: len(before)] == before, "a final block was lost"
    network.restart(0)
    busy(network, 3000 * MS, range(nodes))
    network.run(400 * MS)
    network.check_agreement(range(nodes))
    assert len({len(place.final) for place in network.places}) == 1


@BOTH
@pytest.mark.parametrize(("gossip", "cut_for"), [(Direct, 500), (Direct, 4000), (Flood, 2000)])
def test_a_minority_that_was_cut_off_is_there_again_soon(protocol: str, gossip: type[Strategy], cut_for: int) -> None:
    nodes, cut = range(7), (5, 6)
    network = constant(protocol, 7, gossip)
    busy(network, 1000 * MS, (0, 4, 6), 100 * MS)
    network.groups = [frozenset(cut), frozenset(nodes) - frozenset(cut)]
    busy(network, cut_for * MS, (0, 4, 6), 100 * MS)
    healed, network.groups = network.now, []
    busy(network, 6000 * MS, (0, 4, 6), 100 * MS)
    network.check_agreement(nodes)
    failed = TIMEOUT + VOTE + 2 * DELTA if protocol == "tendermint" else TIMEOUT + DELTA
    far = 3 * DELTA if gossip is Flood else DELTA
    assert recovery(network, healed, nodes) <= 2 * failed + INTERVAL + 10 * far


@pytest.mark.parametrize(
    ("protocol", "options"), [("tendermint", {}), ("qbft", {}), ("qbft", {"round_timer": "with-quorum"})]
)
def test_a_majority_that_was_split_goes_on(protocol: str, options: dict[str, Any]) -> None:
    network = constant(protocol, 7, **options)
    busy(network, 500 * MS, (1, 6))
    network.groups = [frozenset(range(4)), frozenset(range(4, 7))]
    busy(network, 8000 * MS, (1, 6), 200 * MS)
    stuck = [len(place.final) for place in network.places]
    healed, network.groups = network.now, []
    busy(network, 10_000 * MS, (1, 6), 200 * MS)
    network.check_agreement(range(7))
    assert min(len(place.final) for place in network.places) > max(stuck)
    # Tendermint's validators have not left their round, and QBFT's neither where they wait for a quorum.
    soon = TIMEOUT + 2 * (VOTE + GROWTH) + TIMEOUT // 4 + 10 * DELTA
    assert recovery(network, healed, range(7)) <= (8 * TIMEOUT if protocol == "qbft" and not options else soon)


@BOTH
def test_a_node_that_slept_through_many_blocks_gets_them_in_chunks(protocol: str) -> None:
    network = constant(protocol, 7, block_interval=0, timeout=200 * MS)
    network.crash(6)
    for _ in range(200):
        network.submit(0)
        network.run(6 * DELTA)
    reached = len(network.places[0].final)
    assert reached > 64
    network.restart(6)
    network.run(10 * DELTA)
    assert len(network.places[6].final) >= reached
    network.check_agreement(range(7))
    assert network.sent["Answer"] >= 2


@BOTH
@pytest.mark.parametrize("deaf", (3, 4))
def test_who_lost_a_proposal_asks_for_the_block_when_it_is_decided(protocol: str, deaf: int) -> None:
    network = Network(5, settings(protocol), validators=range(4), delay=lambda source, target: DELTA)
    network.start()
    network.submit(0)
    network.take(lambda envelope: envelope.target == deaf and type(envelope.message).__name__ == "Proposal")
    network.run(10 * DELTA)
    assert [len(place.final) for place in network.places] == [int(node != deaf) for node in range(5)]
    network.run(TIMEOUT // 4 + 2 * DELTA)
    assert [len(place.final) for place in network.places] == [1] * 5
    assert network.sent["Ask"] == network.sent["Answer"] == 1


@BOTH
@pytest.mark.parametrize("gossip", [Direct, Flood])
def test_all_crash_at_once_and_go_on_from_what_they_had_written_down(protocol: str, gossip: type[Strategy]) -> None:
    network = constant(protocol, 4, gossip)
    busy(network, 1000 * MS, (0, 1))
    network.run(30 * MS)
    before = [block.id for block in network.places[0].final]
    for node in range(4):
        network.crash(node)
    network.take(lambda envelope: True)
    for node in range(4):
        network.restart(node)
    busy(network, 5000 * MS, (0, 1))
    network.check_agreement(range(4))
    for place in network.places:
        assert [block.id for block in place.final][: len(before)] == before
        assert len(place.final) > len(before) + 5
    assert not any(place.accusations for place in network.places)


@BOTH
def test_transactions_wait_for_the_next_proposer_and_are_final_once(protocol: str) -> None:
    network = constant(protocol, 4)
    busy(network, 1000 * MS, (0, 1, 2, 3))
    network.run(2000 * MS)
    assert sum(block.count for block in network.places[0].final) == 80
