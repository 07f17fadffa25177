"""Who talks to whom: connected undirected simple graphs on the nodes 0 … n−1, the same for the same seed.

Each topology is a function of the number of nodes, a seed and the parameters that the catalogue declares; one that does
not exist for so many nodes raises ValueError. With one or two nodes there is only one connected graph, and every
topology is it. networkx makes the graphs and is imported when the first one is made.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from netsim import catalogue
from netsim.network.draws import key
from netsim.scenario.model import Choice

if TYPE_CHECKING:
    import networkx as nx

    Graph = nx.Graph[int]

_ATTEMPTS = 1000  # one in 50 of the 2-regular graphs of 10⁴ nodes is connected, and nearly all of higher degree


def neighbours(overlay: Choice, nodes: int, seed: int) -> tuple[tuple[int, ...], ...]:
    """For each node its neighbours, in cyclic order from the node itself on."""
    if overlay.name == "complete":  # without half a million edges for a thousand nodes
        return tuple((*range(node + 1, nodes), *range(node)) for node in range(nodes))
    graph = build(overlay, nodes, seed)
    found = []
    for node in range(nodes):
        others = sorted(graph[node])
        after = bisect(others, node)
        found.append((*others[after:], *others[:after]))
    return tuple(found)


def build(overlay: Choice, nodes: int, seed: int) -> Graph:
    """The overlay that a scenario asks for. Raises LookupError for a name that is not built."""
    entry = catalogue.find("topologies", overlay.name)
    if entry is None:
        raise LookupError(f"no topology is called {overlay.name!r}")
    graph: Graph = catalogue.load(entry)(nodes, key(seed, "overlay"), **overlay.parameters)
    return graph


def complete(nodes: int, seed: int) -> Graph:
    """Everybody talks to everybody."""
    import networkx as nx

    graph: Graph = nx.complete_graph(nodes)
    return graph


def ring(nodes: int, seed: int) -> Graph:
    """Each node talks to the two beside it."""
    import networkx as nx

    if nodes < 3:
        return complete(nodes, seed)
    graph: Graph = nx.cycle_graph(nodes)
    return graph


def star(nodes: int, seed: int) -> Graph:
    """All talk to node 0."""
    import networkx as nx

    graph: Graph = nx.star_graph(nodes - 1)
    return graph


def random_regular(nodes: int, seed: int, degree: int) -> Graph:
    """`degree` neighbours each, chosen at random (Steger and Wormald 1999), drawn again until connected."""
    import networkx as nx

    if nodes < 3:
        return complete(nodes, seed)
    if not 2 <= degree < nodes:
        raise ValueError(f"a regular overlay of {nodes} nodes needs a degree from 2 to {nodes - 1}, not {degree}")
    if nodes * degree % 2:
        raise ValueError(f"{nodes} nodes cannot have {degree} neighbours each: one of the two must be even")
    rng = Random(seed)
    return _connected(lambda: nx.random_regular_graph(degree, nodes, seed=rng))


def small_world(nodes: int, seed: int, degree: int, rewire: float) -> Graph:
    """A ring in which each node talks to the `degree` nearest, a share `rewire` of the edges led elsewhere at random.

    Watts and Strogatz, "Collective dynamics of 'small-world' networks", Nature 393, 1998; drawn again until connected.
    """
    import networkx as nx

    if nodes < 3:
        return complete(nodes, seed)
    if not 2 <= degree < nodes or degree % 2:
        raise ValueError(f"a small world of {nodes} nodes needs an even degree from 2 to {nodes - 1}, not {degree}")
    rng = Random(seed)
    return _connected(lambda: nx.watts_strogatz_graph(nodes, degree, rewire, seed=rng))


def scale_free(nodes: int, seed: int, links: int) -> Graph:
    """Nodes join one after the other, each with `links` edges to earlier ones, the well connected preferred.

    Barabási and Albert, "Emergence of scaling in random networks", Science 286, 1999. Always connected.
    """
    import networkx as nx

    if nodes < 3:
        return complete(nodes, seed)
    if not 1 <= links < nodes:
        raise ValueError(f"a scale-free overlay of {nodes} nodes needs 1 to {nodes - 1} links, not {links}")
    graph: Graph = nx.barabasi_albert_graph(nodes, links, seed=Random(seed))
    return graph


def _connected(make: Callable[[], Graph]) -> Graph:
    import networkx as nx

    for _ in range(_ATTEMPTS):
        graph = make()
        if nx.is_connected(graph):
            return graph
    raise ValueError(f"none of {_ATTEMPTS} random graphs was connected: the degree is too small")
