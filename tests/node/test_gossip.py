"""What a broadcast costs and whom it reaches."""

from __future__ import annotations

from random import Random

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.node.block import Batch
from netsim.node.gossip.direct import Direct
from netsim.node.gossip.flood import Flood
from netsim.node.gossip.memory import Memory
from netsim.node.transactions import Transactions
from netsim.testing import MS, Envelope, Network, settings, strategy

from .overlays import delays, overlay, participant, propose


@examples(max_examples=60)
@given(st.integers(2, 12), st.integers(0, 30), st.integers(0, 1 << 16), st.randoms(use_true_random=False))
def test_flooding_reaches_everyone_on_shortest_paths_with_2e_minus_n_minus_1_messages(
    nodes: int, extra: int, seed: int, random: Random
) -> None:
    graph = nx.random_labeled_tree(nodes, seed=seed)
    for _ in range(extra):
        one, other = random.sample(range(nodes), 2)
        graph.add_edge(one, other)
    for _, _, edge in graph.edges(data=True):
        edge["delay"] = random.randint(1, 50)
    network = Network(
        nodes,
        settings(gossip=Flood),
        edges=graph.edges,
        delay=lambda source, target: graph.edges[source, target]["delay"],
        validators=(0,),
    )
    network.start()
    arrivals: dict[int, int] = {}
    deliver = network.deliver

    def watch(envelope: Envelope) -> bool:
        if isinstance(envelope.message, Transactions):
            arrivals.setdefault(envelope.target, network.now)
        return deliver(envelope)

    network.deliver = watch  # type: ignore[method-assign]
    origin = nodes - 1
    network.submit(origin)
    network.run(2000)
    assert network.sent["Transactions"] == 2 * graph.number_of_edges() - (nodes - 1)
    shortest = nx.single_source_dijkstra_path_length(graph, origin, weight="delay")
    arrivals[origin] = 0
    assert arrivals == dict(shortest)


def test_direct_goes_to_all_others_once_validators_first_whatever_the_overlay() -> None:
    network = Network(6, settings(gossip=Direct), validators=(1, 4, 5), edges=[(0, 1), (1, 2)])
    network.start()
    network.submit(2)
    assert [envelope.target for envelope in sorted(network.queue)] == [1, 4, 5, 0, 3]
    network.take(lambda envelope: envelope.target == 1)
    network.settle()
    assert network.sent == {"Transactions": 5}, "nobody relays"


def test_a_node_alone_has_nobody_to_tell() -> None:
    for gossip in (Direct, Flood):
        network = Network(1, settings(gossip=gossip))
        network.start()
        network.submit(0)
        assert network.places[0].final
        assert not network.sent


def test_the_memory_of_messages_is_bounded_and_long_enough() -> None:
    memory = Memory(3)
    messages = [Transactions(Batch(0, number << 20, 1, 1)) for number in range(20)]
    for place, message in enumerate(messages):
        assert message.digest not in memory
        assert memory.get(message.digest) is None
        memory.add(message)
        assert all(memory.get(earlier.digest) is earlier for earlier in messages[max(0, place - 3) : place + 1])
    assert sum(message.digest in memory for message in messages) <= 6


@pytest.mark.parametrize("name", ("flood", "announce", "compact", "push"))
def test_neighbours_may_change(name: str) -> None:
    network = overlay([(0, 1), (2, 3)], strategy(name))
    for _ in range(2):
        propose(network)
        network.run(1000 * MS)
        assert [delay is None for delay in delays(network)] == [False, False, True, True]
    for place, peers in zip(network.places, ((2,), (3,), (0, 3), (1, 2)), strict=True):
        place.peers = peers
        participant(network, place.place).on_peers()
    propose(network)
    assert not any({envelope.source, envelope.target} == {0, 1} for envelope in network.queue)
    network.run(1000 * MS)
    assert None not in delays(network), "by way of 2 and 3"


@pytest.mark.parametrize("nodes", (4, 7))
def test_pbft_runs_over_flooding_on_a_ring(nodes: int) -> None:
    ring = [(node, (node + 1) % nodes) for node in range(nodes)]
    network = Network(nodes, settings(gossip=Flood), edges=ring, delay=lambda source, target: 5 * MS)
    network.start()
    for node in range(nodes):
        network.submit(node)
    network.run(2000 * MS)
    assert {sum(block.count for block in place.final) for place in network.places} == {nodes}
