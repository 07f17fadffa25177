"""Networks whose nodes do nothing but broadcast: clients' batches over one gossip strategy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any, ClassVar, TypeVar

import networkx as nx
from hypothesis import strategies as st

from netsim.node.block import WINDOW_BITS, Batch
from netsim.node.gossip.strategy import Strategy
from netsim.node.message import Message
from netsim.node.participant import Choice
from netsim.node.transactions import Transactions
from netsim.testing import MS, Envelope, Network, settings, strategy

from .overlays import participant

SECOND = 1000 * MS
TOPIC = 2  # transactions
S = TypeVar("S", bound=Strategy)


class Quiet:
    """A protocol that has nothing to say."""

    messages: ClassVar[tuple[type[Message], ...]] = ()
    records: ClassVar[dict[str, str]] = {}

    @staticmethod
    def quorum(validators: int, parameters: Mapping[str, Any]) -> int:
        return 1

    def __init__(self, *args: Any) -> None:
        """It keeps nothing."""

    def start(self) -> None:
        """It has nothing to begin with."""

    def on_message(self, sender: int, message: Message) -> None:
        """There are none."""

    def on_timer(self, name: str) -> None:
        """There are none."""

    def on_transactions(self) -> None:
        """They stay where they are."""


class Broadcasts:
    """A started network, and who has got what."""

    def __init__(
        self,
        graph: nx.Graph[int],
        choice: Choice,
        delay: Callable[[int, int], int] = lambda source, target: 20 * MS,
        seed: int = 0,
    ) -> None:
        """`seed`: of the nodes' streams."""
        gossip = {"blocks": strategy("direct"), "votes": strategy("direct"), "transactions": choice}
        self.network = Network(
            graph.number_of_nodes(),
            settings(Quiet, gossip),  # type: ignore[arg-type]
            edges=graph.edges,
            delay=delay,
        )
        self.said = 0
        for place in self.network.places:
            place.rng = Random(f"{seed} {place.me}")
        self.network.start()

    def say(self, origin: int, wait: int = 5 * SECOND) -> Batch:
        """A node broadcasts something new; time passes."""
        self.said += 1
        batch = Batch(origin, self.said << WINDOW_BITS, 1, 10)
        participant(self.network, origin).on_transactions(batch)
        self.network.run(wait)
        return batch

    def lacking(self, batch: Batch) -> set[int]:
        """Who is up and has not got it."""
        places = self.network.places
        return {
            place.me for place in places if place.participant is not None and not place.participant.mempool.holds(batch)
        }

    @property
    def copies(self) -> int:
        """How many were sent of all that was said."""
        return self.network.sent.get("Transactions", 0)

    def sent(self, name: str) -> int:
        """How many messages of that name were sent."""
        return self.network.sent.get(name, 0)

    def at(self, node: int, kind: type[S]) -> S:
        """What runs at a node to spread what is said."""
        found = participant(self.network, node)._gossip["transactions"]
        assert isinstance(found, kind)
        return found

    def rewire(self, edges: Iterable[tuple[int, int]]) -> None:
        """Give the nodes other neighbours, and tell them."""
        graph: nx.Graph[int] = nx.Graph(list(edges))
        for place in self.network.places:
            place.peers = tuple(sorted(graph[place.me]))
        for place in self.network.places:
            participant(self.network, place.me).on_peers()

    def lose(self, chosen: Callable[[Envelope], bool]) -> None:
        """Lose what is chosen, from now on."""
        deliver = self.network.deliver
        self.network.deliver = lambda envelope: not chosen(envelope) and deliver(envelope)  # type: ignore[method-assign]


def nth(number: int) -> Callable[[Envelope], bool]:
    """Choose one single copy, the so manieth that arrives."""
    count = 0

    def chosen(envelope: Envelope) -> bool:
        nonlocal count
        count += 1
        return count == number

    return chosen


def batch_message(number: int, origin: int = 0) -> Transactions:
    """Something to hand to a strategy."""
    return Transactions(Batch(origin, number << WINDOW_BITS, 1, 10))


@st.composite
def delays(draw: st.DrawFn) -> Callable[[int, int], int]:
    """Delays of links, each the same both ways and at all times."""
    random = Random(draw(st.integers(0, 1 << 16)))
    chosen: dict[tuple[int, int], int] = {}

    def delay(source: int, target: int) -> int:
        pair = (source, target) if source < target else (target, source)
        return chosen.setdefault(pair, random.randint(1, 40) * MS)

    return delay


def connected(edges: Iterable[tuple[int, int]], nodes: Iterable[int]) -> bool:
    """Whether these nodes are connected without the others."""
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from((a, b) for a, b in edges if a in graph and b in graph)
    return nx.is_connected(graph)
