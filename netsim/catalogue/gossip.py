"""The gossip strategies."""

from __future__ import annotations

from netsim.catalogue.entry import Entry, Parameter, Preset

# What every relay understands that asks for what is announced.
_RELAY = (
    Parameter("trickle", "duration", "0 s", "how long a node collects what it announces together"),
    Parameter("request_delay", "duration", "0 s", "how long it collects what it asks for together"),
    Parameter("timeout", "duration", "60 s", "until it asks the next that announced it", minimum=1),
    Parameter(
        "repeat",
        "integer",
        "1",
        "how often, a time-out apart, a neighbour that gives no sign of having it is told again; Bitcoin's is 0",
        minimum=0,
    ),
)

GOSSIP = (
    Entry("gossip", "direct", "To every validator at once, whatever the overlay", "netsim.node.gossip.direct:Direct"),
    Entry(
        "gossip",
        "flood",
        "To all neighbours in the overlay; each forwards on first receipt, to all but the sender",
        "netsim.node.gossip.flood:Flood",
        facts=(("messages", "2E-(N-1) per broadcast"),),
    ),
    Entry(
        "gossip",
        "push",
        "To a few neighbours drawn at random: once, or in rounds",
        "netsim.node.gossip.push:Push",
        (
            Parameter("fanout", "integer", "6", "neighbours that a node sends to, distinct", minimum=1),
            Parameter(
                "mode",
                "choice",
                "die",
                "die: each sends once, and some nodes may be missed; forever: every `interval`, for `rounds` rounds",
                choices=("die", "forever"),
            ),
            Parameter("interval", "duration", "100 ms", "between two rounds of a node", minimum=1),
            Parameter(
                "rounds",
                "integer",
                "auto",
                "rounds of a node; auto: ⌈log n / log(fanout+1)⌉ + ⌈(ln n + 14)/fanout⌉, so that all are reached",
                choices=("auto",),
                minimum=1,
            ),
        ),
        (
            ("messages", "N·fanout copies per broadcast (die)"),
            ("reach", "a share π = 1 - e^(-fanout·π) of the nodes (die)"),
            ("source", "Demers et al., Epidemic Algorithms for Replicated Database Maintenance, PODC 1987"),
        ),
    ),
    Entry(
        "gossip",
        "announce",
        "Announced to all neighbours, and sent to those that ask: Bitcoin's legacy relay",
        "netsim.node.gossip.announce:Announce",
        _RELAY,
        (("delays", "3 per hop: 1.5 round trips"), ("messages", "N-1 copies per broadcast, beside what steers them")),
    ),
    Entry(
        "gossip",
        "compact",
        "Blocks as lists of short transaction ids, at once to those that want it so (BIP 152); all else announced",
        "netsim.node.gossip.compact:Compact",
        (
            Parameter(
                "high_bandwidth",
                "integer",
                "3",
                "neighbours, those that lately brought a block first, that are asked to send unsolicited",
                minimum=0,
            ),
            *_RELAY,
        ),
        (
            ("delays", "1 per hop, or 3 announced first; 2 more where transactions are missing"),
            ("source", "Corallo, BIP 152: Compact Block Relay, 2016"),
        ),
    ),
    Entry(
        "gossip",
        "plumtree",
        "A spanning tree that repairs itself by lazy announcements",
        "netsim.node.gossip.plumtree:Plumtree",
        (
            Parameter("lazy_delay", "duration", "100 ms", "how long announcements wait for others beside the tree"),
            Parameter(
                "timeout",
                "duration",
                "1 s",
                "how long a node waits for what was announced; longer than the largest message takes",
                minimum=1,
            ),
            Parameter("retry", "duration", "500 ms", "how long it waits for what it has asked for", minimum=1),
            Parameter(
                "threshold",
                "integer",
                "7",
                "hops by which another path must be shorter for a node to move over to it; none: it stays",
                choices=("none",),
                minimum=1,
            ),
        ),
        (
            ("messages", "N-1 copies per broadcast along a stable tree, and 2(E-N+1) announcements"),
            ("source", "Leitão, Pereira and Rodrigues, Epidemic Broadcast Trees, SRDS 2007"),
        ),
    ),
    Entry(
        "gossip",
        "gossipsub",
        "A mesh per kind of message with lazy gossip beside it (libp2p)",
        "netsim.node.gossip.gossipsub:Gossipsub",
        (
            Parameter("degree", "integer", "6", "D, neighbours that a mesh should have", minimum=1),
            Parameter("degree_low", "integer", "5", "D_lo, the fewest, at most D", minimum=0),
            Parameter("degree_high", "integer", "12", "D_hi, the most, at least D", minimum=1),
            Parameter(
                "degree_out", "integer", "2", "D_out, those among them that the node dialled, at most D/2", minimum=0
            ),
            Parameter("degree_lazy", "integer", "6", "D_lazy, the fewest that are told beyond the mesh", minimum=0),
            Parameter("gossip_factor", "share", "25 %", "share of the others that are told"),
            Parameter(
                "heartbeat", "duration", "1 s", "between two repairs of the mesh and announcements beyond it", minimum=1
            ),
            Parameter("mcache_len", "integer", "5", "heartbeats for which a message can be asked for", minimum=1),
            Parameter(
                "mcache_gossip", "integer", "3", "heartbeats for which it is announced, at most `mcache_len`", minimum=0
            ),
            Parameter(
                "seen_ttl", "duration", "2 min", "how long a node surely knows that it has seen a message", minimum=1
            ),
            Parameter(
                "flood_publish",
                "choice",
                "yes",
                "whether a node sends its own messages to all neighbours",
                choices=("yes", "no"),
            ),
            Parameter("prune_backoff", "duration", "1 min", "how long a pruned neighbour is not asked back"),
            Parameter("followup", "duration", "3 s", "how long a node waits for what it has asked for", minimum=1),
        ),
        (
            ("messages", "2M-(N-1) copies per broadcast over a mesh of M links, beside what is flooded"),
            ("source", "libp2p specifications, gossipsub v1.1; Ethereum consensus specifications, p2p-interface"),
        ),
        (
            Preset("libp2p", (), "gossipsub v1.1's own defaults, which are also those here"),
            Preset(
                "ethereum",
                (
                    ("degree", "8"),
                    ("degree_low", "6"),
                    ("heartbeat", "0.7 s"),
                    ("mcache_len", "6"),
                    ("seen_ttl", "385 s"),
                ),
                "Ethereum's beacon chain",
            ),
        ),
    ),
)
