"""All edges at once against the receiving ends, a message at a time."""

import numpy as np
import pytest

from netsim.network import Network
from netsim.network.bulk import Edges
from netsim.scenario.model import Choice, Link, Scenario
from tests.network.worlds import MS, constant, lognormal, profile, scenario, uniform_ns

RADIO = profile("radio", lognormal(5 * MS, 0.6), uniform_ns(MS, 4 * MS), core=2 * MS)
LINE = profile("line", MS // 2, uniform_ns(0, 1))
LIMITED = Link("shenzhen", "suzhou", lognormal(9 * MS, 0.3), bandwidth=10**7)
CITIES = {"shenzhen": 4, "hong-kong": 3, "suzhou": 5}

WORLDS: dict[str, Scenario] = {
    "constant": scenario({"shenzhen": 6}, delay=20 * MS),
    "no delay at all": scenario({"shenzhen": 5}, delay=0),
    "drawn everywhere": scenario(CITIES, access=[RADIO]),
    "drawn here and there": scenario(CITIES, access=[RADIO, LINE], links=[LIMITED]),
    "nearly nothing": scenario({"shenzhen": 4}, access=[LINE], links=[Link("shenzhen", "shenzhen", uniform_ns(0, 3))]),
    "as many neighbours": scenario(CITIES, access=[LINE, RADIO], overlay=Choice("random-regular", {"degree": 3})),
    "a star": scenario(CITIES, access=[LINE, RADIO], overlay=Choice("star", {}), links=[LIMITED]),
    "alone": scenario({"shenzhen": 1}, links=[Link("shenzhen", "shenzhen", constant(MS))]),
}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("size", [100, 12_000])
def test_each_edge_delays_a_copy_as_the_receiving_end_does(world: str, size: int) -> None:
    network = Network(WORLDS[world])
    edges = Edges(network)
    incarnations = [node % 2 for node in range(network.size)]
    edges.begin(incarnations)
    assert size <= edges.unhindered
    for step in range(3):
        numbers = np.arange(network.size) * 7 % 5 + 10 * step
        delays = edges.delays(numbers, size)
        at = step << 40  # long after the one before
        inbound = network.inbound(range(network.size))
        for sender in range(network.size):
            mine = np.flatnonzero(edges.sources == sender)
            arrivals = inbound.arrive(
                sender, incarnations[sender], int(numbers[sender]), edges.targets[mine].tolist(), at, size
            )
            assert (delays[mine] + at).tolist() == arrivals.times
        some = np.flatnonzero(edges.sources != 1)[::-1]
        assert edges.delays_along(some, numbers[edges.sources[some]], size).tolist() == delays[some].tolist()


@pytest.mark.parametrize("world", WORLDS)
def test_edges_are_in_the_order_of_senders_and_know_their_way_back(world: str) -> None:
    network = Network(WORLDS[world])
    edges = Edges(network)
    pairs = list(zip(edges.sources.tolist(), edges.targets.tolist(), strict=True))
    assert sorted(pairs) == sorted((node, peer) for node, peers in enumerate(network.peers) for peer in peers)
    assert [pairs[edge] for edge in edges.back.tolist()] == [(target, source) for source, target in pairs]
    chosen = edges.sources % 2 == 0
    values = edges.sources * 10 + 5
    least, count = edges.least(values).tolist(), edges.count(chosen).tolist()
    assert edges.at_targets(np.arange(network.size)).tolist() == [target for _, target in pairs]
    assert edges.degrees.tolist() == [len(peers) for peers in network.peers]
    for node, peers in enumerate(network.peers):
        assert [source for source, target in pairs if target == node] == sorted(peers)
        assert least[node] == min((peer * 10 + 5 for peer in peers), default=1 << 62)
        assert count[node] == sum(peer % 2 == 0 for peer in peers)
