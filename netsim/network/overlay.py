"""Who talks to whom: connected undirected simple graphs on the nodes 0 … n−1, the same for the same seed.

Each topology is a function of the number of nodes, a seed and the parameters that the catalogue declares; one that has
a keyword `sites` is told for each node which site it is at. One that does not exist for so many nodes raises
ValueError. With one or two nodes there is only one connected graph, and every topology is it. networkx makes the graphs
and is imported when the first one is made.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from inspect import signature
from itertools import combinations
from math import isqrt
from random import Random
from typing import TYPE_CHECKING

from netsim import catalogue
from netsim.network.draws import key
from netsim.scenario.model import Choice

if TYPE_CHECKING:
    import networkx as nx

    Graph = nx.Graph[int]

_ATTEMPTS = 1000  # one in 50 of the 2-regular graphs of 10⁴ nodes is connected, and nearly all of higher degree


def neighbours(overlay: Choice, nodes: int, seed: int, sites: Sequence[int] = ()) -> tuple[tuple[int, ...], ...]:
    """For each node its neighbours, in cyclic order from the node itself on. `sites` as in `build`."""
    if overlay.name == "complete":  # without half a million edges for a thousand nodes
        return tuple((*range(node + 1, nodes), *range(node)) for node in range(nodes))
    graph = build(overlay, nodes, seed, sites)
    return tuple(in_cyclic_order(node, graph[node]) for node in range(nodes))


def in_cyclic_order(node: int, others: Iterable[int]) -> tuple[int, ...]:
    """Nodes in ascending order from a node on, those before it last."""
    ascending = sorted(others)
    after = bisect(ascending, node)
    return (*ascending[after:], *ascending[:after])


def build(overlay: Choice, nodes: int, seed: int, sites: Sequence[int] = ()) -> Graph:
    """The overlay that a scenario asks for. `sites`: the number of each node's site; where none is given there is one.

    Raises LookupError for a name that is not built.
    """
    entry = catalogue.find("topologies", overlay.name)
    if entry is None:
        raise LookupError(f"no topology is called {overlay.name!r}")
    topology = catalogue.load(entry)
    parameters = dict(overlay.parameters)
    if "sites" in signature(topology).parameters:
        parameters["sites"] = sites or [0] * nodes
    graph: Graph = topology(nodes, key(seed, "overlay"), **parameters)
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


def line(nodes: int, seed: int) -> Graph:
    """Each node talks to the one before it and the one after it."""
    import networkx as nx

    graph: Graph = nx.path_graph(nodes)
    return graph


def grid(nodes: int, seed: int) -> Graph:
    """A rectangle, as nearly square as can be, filled row by row: the last row may be shorter.

    m full rows of n nodes have 2mn − m − n edges.
    """
    import networkx as nx

    columns = isqrt(nodes - 1) + 1
    graph: Graph = nx.empty_graph(nodes)
    graph.add_edges_from((node - 1, node) for node in range(nodes) if node % columns)
    graph.add_edges_from((node - columns, node) for node in range(columns, nodes))
    return graph


def tree(nodes: int, seed: int, children: int) -> Graph:
    """Node 0 is the root, and each node has `children` below it as long as there are nodes, level by level."""
    import networkx as nx

    graph: Graph = nx.full_rary_tree(children, nodes)
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


def clustered(nodes: int, seed: int, within: int, between: int, *, sites: Sequence[int]) -> Graph:
    """A random regular graph within each site, and a few links drawn at random between every two sites.

    A node has `within` neighbours at its site: all of them where there are not more, and one more than asked for where
    both their number and the site's are odd, which no graph has. Two sites have `between` links, or as many as there
    are pairs of their nodes.
    """
    import networkx as nx

    if nodes < 3:
        return complete(nodes, seed)
    if within < 2 or between < 1:
        raise ValueError(
            f"a clustered overlay of {nodes} nodes needs 2 neighbours within a site and 1 link between two"
        )
    rng = Random(seed)
    graph: Graph = nx.empty_graph(nodes)
    by_site: dict[int, list[int]] = {}
    for node, site in enumerate(sites):
        by_site.setdefault(site, []).append(node)
    for here in by_site.values():
        degree = within + within * len(here) % 2
        if degree >= len(here) - 1:
            graph.add_edges_from(combinations(here, 2))
            continue
        dense = _connected(partial(nx.random_regular_graph, degree, len(here), seed=rng))
        graph.add_edges_from((here[a], here[b]) for a, b in dense.edges)
    for here, there in combinations(by_site.values(), 2):
        pairs = range(len(here) * len(there))  # every pair of their nodes has its number
        for pair in rng.sample(pairs, min(between, len(pairs))):
            graph.add_edge(here[pair // len(there)], there[pair % len(there)])
    return graph


def random(nodes: int, seed: int, links: Sequence[tuple[int, float]]) -> Graph:
    """Each node in turn opens links to others drawn at random, as in Bitcoin's network; a link serves both ways.

    How many it opens is drawn from `links`, pairs of a number and the share of nodes that open at most so many. It
    never opens a second link to a neighbour that it has already, by whichever side that was opened, so n nodes have n
    times the mean of `links`, as long as there are others left. If the graph falls into pieces, one more link joins
    each of the smaller ones to the largest, between nodes drawn at random.
    """
    import networkx as nx

    rng = Random(seed)
    graph: Graph = nx.empty_graph(nodes)
    for node in range(nodes):
        lot = rng.random()
        wanted = next((number for number, share in links if lot < share), links[-1][0])
        for _ in range(min(wanted, nodes - 1 - graph.degree[node])):
            other = rng.randrange(nodes)
            while other == node or graph.has_edge(node, other):
                other = rng.randrange(nodes)
            graph.add_edge(node, other)
    largest, *others = sorted(map(sorted, nx.connected_components(graph)), key=lambda piece: (-len(piece), piece))
    for piece in others:
        graph.add_edge(rng.choice(piece), rng.choice(largest))
    return graph


def file(nodes: int, seed: int, edges: Sequence[tuple[int, int]]) -> Graph:
    """The links that were given; nothing is drawn."""
    import networkx as nx

    graph: Graph = nx.empty_graph(nodes)
    graph.add_edges_from(edges)
    if len(graph) > nodes or not nx.is_connected(graph):
        raise ValueError(f"the given links do not connect the {nodes} nodes")
    return graph


def _connected(make: Callable[[], Graph]) -> Graph:
    import networkx as nx

    for _ in range(_ATTEMPTS):
        graph = make()
        if nx.is_connected(graph):
            return graph
    raise ValueError(f"none of {_ATTEMPTS} random graphs was connected: the degree is too small")
