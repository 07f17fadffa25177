"""Overlays over which one node's blocks spread, and who has them when."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import networkx as nx
from hypothesis import strategies as st

from netsim.node.block import short_id
from netsim.node.message import MessageKind
from netsim.node.participant import Choice, Participant
from netsim.node.pbft_messages import Commit
from netsim.node.transactions import Transactions
from netsim.testing import MS, Envelope, Network, settings, strategy

DELTA = 20 * MS


@st.composite
def graphs(draw: st.DrawFn, largest: int = 10) -> nx.Graph[int]:
    """A connected graph: a random tree and some more edges."""
    nodes = draw(st.integers(2, largest))
    graph = nx.random_labeled_tree(nodes, seed=draw(st.integers(0, 1 << 16)))
    node = st.integers(0, nodes - 1)
    graph.add_edges_from(draw(st.lists(st.tuples(node, node).filter(lambda edge: edge[0] != edge[1]), max_size=20)))
    return graph


def overlay(edges: Iterable[tuple[int, int]], blocks: Choice, *, seed: int = 0, delay: int = DELTA) -> Network:
    """A started network in which node 0 alone makes blocks; all else goes directly. `seed`: of the nodes' streams."""
    edges = list(edges)
    gossip: dict[MessageKind, Choice] = {
        "blocks": blocks,
        "votes": strategy("direct"),
        "transactions": strategy("direct"),
    }
    network = Network(
        1 + max(map(max, edges)),
        settings(gossip=gossip, block_size=1 << 20),
        edges=edges,
        validators=(0,),
        delay=lambda source, target: delay,
    )
    for place in network.places:
        place.rng = Random(f"{seed} {place.me}")
    network.start()
    return network


def propose(network: Network, transactions: int = 10, *, size: int = 100, lost: bool = False) -> None:
    """Let node 0 make a block now, of transactions that are known to all others already, or `lost` on the way there.

    Nobody else hears that it is final, lest they ask for it themselves.
    """
    network.wait(1)
    network.submit(0, transactions, size)
    for envelope in network.take(lambda envelope: isinstance(envelope.message, Transactions | Commit)):
        if not lost and isinstance(envelope.message, Transactions):
            network.deliver(envelope)


def delays(network: Network) -> list[int | None]:
    """Per node, ns from when node 0 proposed its latest block until it was here; None: it was not."""
    time, block = network.places[0].proposals[-1]
    arrivals = (place.had.get(short_id(block.id)) for place in network.places[1:])
    return [0, *(None if arrival is None else arrival - time for arrival in arrivals)]


def participant(network: Network, node: int) -> Participant:
    """What runs at a node."""
    found = network.places[node].participant
    assert isinstance(found, Participant)
    return found


def over_the_wire(network: Network) -> None:
    """Let whatever is delivered be encoded and decoded first, as between processes."""
    deliver, decode = network.deliver, Participant.codec(network.settings).decode

    def arrive(envelope: Envelope) -> bool:
        envelope.message = decode(envelope.message.encoded)
        return deliver(envelope)

    network.deliver = arrive  # type: ignore[method-assign]
