"""The overlay topologies."""

from __future__ import annotations

from netsim.catalogue.entry import Entry, Parameter

_DEGREE = Parameter("degree", "integer", "4", "neighbours of each node", minimum=1)

TOPOLOGIES = (
    Entry("topologies", "complete", "Every node is every other's neighbour", "netsim.network.overlay:complete"),
    Entry("topologies", "ring", "Two neighbours each, in a circle", "netsim.network.overlay:ring"),
    Entry("topologies", "star", "The first node in the middle, all others around it", "netsim.network.overlay:star"),
    Entry(
        "topologies",
        "random-regular",
        "As many neighbours for each, drawn at random, connected",
        "netsim.network.overlay:random_regular",
        (_DEGREE,),
    ),
    Entry(
        "topologies",
        "small-world",
        "A ring with the nearest for neighbours, some links rewired at random, connected",
        "netsim.network.overlay:small_world",
        (
            Parameter("degree", "integer", "4", "nearest neighbours on the ring, an even number", minimum=2),
            Parameter("rewire", "share", "10 %", "links that are moved to a random node"),
        ),
        (("source", "Watts and Strogatz, Collective dynamics of small-world networks, Nature 1998"),),
    ),
    Entry(
        "topologies",
        "scale-free",
        "Newcomers prefer those who have many neighbours",
        "netsim.network.overlay:scale_free",
        (Parameter("links", "integer", "2", "links that each newcomer brings", minimum=1),),
        (("source", "Barabási and Albert, Emergence of scaling in random networks, Science 1999"),),
    ),
    Entry(
        "topologies",
        "line",
        "Two neighbours each, but for the two at the ends",
        "netsim.network.overlay:line",
        facts=(("links", "n-1"),),
    ),
    Entry(
        "topologies",
        "grid",
        "Up to four neighbours each, in a rectangle that is nearly a square, filled row by row",
        "netsim.network.overlay:grid",
        facts=(("links", "2mn-m-n for m full rows of n"),),
    ),
    Entry(
        "topologies",
        "tree",
        "A parent and some children each, the first node at the root, level by level",
        "netsim.network.overlay:tree",
        (Parameter("children", "integer", "2", "below each node", minimum=1),),
        (("links", "n-1"),),
    ),
    Entry(
        "topologies",
        "clustered",
        "Random within each site, and a few links between every two sites",
        "netsim.network.overlay:clustered",
        (
            Parameter(
                "within",
                "integer",
                "4",
                "neighbours of each node at its own site; all where there are not more, one more where both are odd",
                minimum=2,
            ),
            Parameter("between", "integer", "1", "links between every two sites, at random ends", minimum=1),
        ),
    ),
    Entry(
        "topologies",
        "random",
        "Each node opens links to others drawn at random, as in Bitcoin's network, connected",
        "netsim.network.overlay:random",
        (Parameter("links", "counts", "8", "that each node opens: a number, or shares of nodes by number"),),
        (("neighbours", "twice as many links as each node opens, on average"),),
    ),
    Entry(
        "topologies",
        "file",
        "As a GraphML or GML file says, the Topology Zoo's included, or a list of links",
        "netsim.network.overlay:file",
        (
            Parameter(
                "file",
                "text",
                "none",
                "GraphML or GML; its vertices are nodes, sites of one node, or new sites, its latencies links",
                choices=("none",),
            ),
            Parameter("edges", "pairs", "none", "instead: pairs of nodes, as in [[a-0, b-0], …]", choices=("none",)),
            Parameter("access", "text", "fibre", "the profile of the nodes at new sites"),
        ),
        (("source", "Knight et al., The Internet Topology Zoo, IEEE JSAC 2011; Shadow, Network Graph Specification"),),
    ),
)
