"""The one registry: every name that a scenario may use, what implements it, and the parameters that it declares.

Nothing is imported here until it is asked for by `load`, so that listing and validating stay fast and every room
stays ignorant of the others. A new protocol, gossip strategy, access profile or topology is one new file in its
room and one `Entry` below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, Protocol

Kind = Literal[
    "protocols", "gossip", "access", "backbones", "topologies", "faults", "transports", "brokers", "distributions"
]
KINDS: tuple[Kind, ...] = (
    "protocols",
    "gossip",
    "access",
    "backbones",
    "topologies",
    "faults",
    "transports",
    "brokers",
    "distributions",
)
Unit = Literal[
    "duration",
    "size",
    "bandwidth",
    "share",
    "rate",
    "integer",
    "number",
    "choice",
    "text",
    "points",
    "counts",
    "pairs",
]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key that an entry understands: its type, its default as a scenario would write it, and a sentence.

    `points` is a mapping from shares to durations; `counts` an integer, or a mapping from integers to shares; `pairs` a
    list of pairs of nodes. `choices` are all that a choice may be; with any other unit they are words that may stand in
    place of the quantity (`auto`, `none`).
    """

    name: str
    unit: Unit
    default: str | None  # None: must be given
    says: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None  # in the unit's base (ns, bytes, bit/s, share of 1, per second)
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A name of the scenario language. `target` is "module:attribute"; an entry without one is planned, not built."""

    kind: Kind
    name: str
    says: str
    target: str | None = None
    parameters: tuple[Parameter, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()  # what `netsim list` prints besides: finality, delays, tolerance, source

    @property
    def built(self) -> bool:
        return self.target is not None


# What every protocol understands, whatever it is.
_BLOCKS = (
    Parameter(
        "block_interval", "duration", "1 s", "between two proposals of blocks with transactions; 0 s: back to back"
    ),
    Parameter("block_size", "size", "512 KiB", "most bytes of transactions in a block", minimum=1),
    Parameter("timeout", "duration", "3 s", "how long a replica waits for progress before it acts", minimum=1),
    Parameter(
        "spread",
        "duration",
        "auto",
        "each proposal is late by a random part of it; auto: the longest slot pattern among the radio cells",
        choices=("auto",),
    ),
)
_DEGREE = Parameter("degree", "integer", "4", "neighbours of each node", minimum=1)
_FLOOR = Parameter("minimum", "duration", "0 s", "what would be drawn below it is raised to it")
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

PROTOCOLS = (
    Entry(
        "protocols",
        "pbft",
        "Practical Byzantine fault tolerance: a leader, three phases, a view change when it fails",
        "netsim.node.pbft:PBFT",
        (
            *_BLOCKS,
            Parameter(
                "empty_blocks",
                "choice",
                "when-needed",
                "whether the leader proposes without transactions; PBFT never needs it",
                choices=("when-needed", "always", "never"),
            ),
            Parameter("window", "integer", "8", "blocks that may be in agreement at once", minimum=1),
            Parameter("checkpoint", "integer", "16", "blocks between two checkpoints", minimum=1),
            Parameter(
                "quorum",
                "integer",
                "auto",
                "replicas that must agree; auto is ⌈(n+f+1)/2⌉, and fewer are unsafe: only to show what goes wrong",
                choices=("auto",),
                minimum=1,
            ),
        ),
        (
            ("finality", "3 message delays"),
            ("messages", "2n(n-1) per block, sent directly"),
            ("tolerates", "f = ⌊(n-1)/3⌋ Byzantine replicas"),
            ("source", "Castro and Liskov, Practical Byzantine Fault Tolerance, OSDI 1999"),
        ),
    ),
    Entry(
        "protocols",
        "scripted",
        "Blocks when the script says so, by one proposer at a time, without any agreement: to measure relay alone",
        "netsim.node.scripted:Script",
        (
            *_BLOCKS,
            Parameter(
                "arrival",
                "choice",
                "exponential",
                "whether intervals are drawn, as a lottery's, or all the same",
                choices=("exponential", "fixed"),
            ),
            Parameter(
                "proposers",
                "choice",
                "random",
                "who proposes the next block: any validator, or the next in order",
                choices=("random", "round-robin"),
            ),
            Parameter("block_bytes", "size", "0 B", "a block's size on the wire beside its transactions'"),
        ),
        (
            ("finality", "when the block and its ancestors are there: relay and nothing else"),
            ("tolerates", "nothing: the script ends where a proposer stays down"),
        ),
    ),
    Entry("protocols", "tendermint", "Rotating proposers, prevotes and precommits, locks"),
    Entry("protocols", "qbft", "IBFT 2.0's successor, as in Besu and Quorum"),
    Entry("protocols", "hotstuff", "Chained HotStuff: linear messages, a chain of three certificates"),
    Entry("protocols", "jolteon", "HotStuff-2: chained, a chain of two certificates"),
    Entry("protocols", "raft", "A leader and a majority; crashes only"),
    Entry("protocols", "nakamoto", "Proof of work, the heaviest chain"),
    Entry("protocols", "clique", "Proof of authority: signers take turns"),
    Entry("protocols", "snowman", "Repeated sampling of a few validators"),
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
            Parameter(
                "preset",
                "choice",
                "libp2p",
                "whose parameters are meant by auto: D 6 of 5 to 12, 1 s; or D 8 of 6 to 12, 0.7 s",
                choices=("libp2p", "ethereum"),
            ),
            Parameter(
                "degree", "integer", "auto", "D, neighbours that a mesh should have", choices=("auto",), minimum=1
            ),
            Parameter("degree_low", "integer", "auto", "D_lo, the fewest, at most D", choices=("auto",), minimum=0),
            Parameter("degree_high", "integer", "auto", "D_hi, the most, at least D", choices=("auto",), minimum=1),
            Parameter(
                "degree_out",
                "integer",
                "auto",
                "D_out, those among them that the node dialled, at most D/2",
                choices=("auto",),
                minimum=0,
            ),
            Parameter(
                "degree_lazy",
                "integer",
                "auto",
                "D_lazy, the fewest that are told beyond the mesh",
                choices=("auto",),
                minimum=0,
            ),
            Parameter("gossip_factor", "share", "auto", "share of the others that are told", choices=("auto",)),
            Parameter(
                "heartbeat",
                "duration",
                "auto",
                "between two repairs of the mesh and announcements beyond it",
                choices=("auto",),
                minimum=1,
            ),
            Parameter(
                "mcache_len",
                "integer",
                "auto",
                "heartbeats for which a message can be asked for",
                choices=("auto",),
                minimum=1,
            ),
            Parameter(
                "mcache_gossip",
                "integer",
                "auto",
                "heartbeats for which it is announced, at most `mcache_len`",
                choices=("auto",),
                minimum=0,
            ),
            Parameter(
                "seen_ttl",
                "duration",
                "auto",
                "how long a node surely knows that it has seen a message",
                choices=("auto",),
                minimum=1,
            ),
            Parameter(
                "flood_publish",
                "choice",
                "auto",
                "whether a node sends its own messages to all neighbours; auto: yes",
                choices=("auto", "yes", "no"),
            ),
            Parameter("prune_backoff", "duration", "1 min", "how long a pruned neighbour is not asked back"),
            Parameter("followup", "duration", "3 s", "how long a node waits for what it has asked for", minimum=1),
        ),
        (
            ("messages", "2M-(N-1) copies per broadcast over a mesh of M links, beside what is flooded"),
            ("source", "libp2p specifications, gossipsub v1.1; Ethereum consensus specifications, p2p-interface"),
        ),
    ),
)

ACCESS = (
    Entry(
        "access",
        "5g",
        "Public 5G: 30 kHz, DDDSU, 10 % block errors, scheduled uplink; without spikes and handovers",
        "netsim.network.profiles:PUBLIC_5G",
        facts=(("delay", "up 5.5 ms, down 2.2 ms on average, and 2 ms to the core"), ("bandwidth", "80/350 Mbps")),
    ),
    Entry(
        "access",
        "5g-long-period",
        "The same with the pattern DDDDDDDSUU",
        "netsim.network.profiles:LONG_PERIOD_5G",
        facts=(("delay", "up 9.1 ms, down 2.3 ms on average, and 2 ms to the core"), ("bandwidth", "80/350 Mbps")),
    ),
    Entry(
        "access",
        "5g-urllc",
        "A cell for short delays: 120 kHz, SU, configured uplink",
        "netsim.network.profiles:URLLC_5G",
        facts=(("delay", "0.45 ms each way on average, and 0.4 ms to the core"), ("bandwidth", "200 Mbps")),
    ),
    Entry(
        "access",
        "5g-nsa",
        "Public 5G beside LTE as its pings were measured, with spikes",
        "netsim.network.profiles:NSA_5G",
        facts=(
            ("delay", "3.7 ms each way on average, 5.5 ms to the core; spikes: 75 ms a round trip, 3.5 % of the time"),
            ("bandwidth", "80/350 Mbps"),
        ),
    ),
    Entry(
        "access",
        "lte",
        "Frequency-division LTE: a request every 10 ms, with spikes",
        "netsim.network.profiles:LTE",
        facts=(
            ("delay", "up 16.8 ms, down 5.2 ms on average, 8 ms to the core, and spikes as in 5g-nsa"),
            ("bandwidth", "10/50 Mbps"),
        ),
    ),
    Entry(
        "access",
        "fibre",
        "Passive optical network: 1 to 2 ms up, 1 to 1.2 ms down",
        "netsim.network.profiles:FIBRE",
        facts=(("bandwidth", "500/1000 Mbps"),),
    ),
    Entry(
        "access",
        "leased",
        "Leased line: 0.25 ms each way",
        "netsim.network.profiles:LEASED",
        facts=(("bandwidth", "1 Gbps"),),
    ),
    Entry("access", "ideal", "No delay and no limit: what the laws are stated for", "netsim.network.profiles:IDEAL"),
)

_AT_THREE_CITIES = "Shenzhen–Hong Kong, Shenzhen–Suzhou, Hong Kong–Suzhou"
BACKBONES = (
    Entry(
        "backbones",
        "leased",
        "Dedicated lines",
        "netsim.network.presets:LEASED",
        facts=(("one-way delays", f"1.2, 8.6, 8.7 ms: {_AT_THREE_CITIES}"), ("route factor elsewhere", "1.5")),
    ),
    Entry(
        "backbones",
        "public",
        "The Internet on good days",
        "netsim.network.presets:PUBLIC",
        facts=(("one-way delays", f"4.5, 15.4, 16 ms: {_AT_THREE_CITIES}"), ("route factor elsewhere", "2.7")),
    ),
    Entry(
        "backbones",
        "congested",
        "The border in its busy hours: slower, and loss by the time of day",
        "netsim.network.presets:CONGESTED",
        facts=(
            ("one-way delays", f"17, 15.4, 21 ms: {_AT_THREE_CITIES}"),
            ("loss", "1 to 10 %, none, 0 to 6 %; the most at 21:00, which is assumed"),
            ("route factor elsewhere", "2.7"),
        ),
    ),
    Entry(
        "backbones",
        "detour",
        "Traffic across the border that leaves the region first",
        "netsim.network.presets:DETOUR",
        facts=(("one-way delays", f"34, 15.4, 16 ms: {_AT_THREE_CITIES}"), ("route factor elsewhere", "2.7")),
    ),
)

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

FAULTS = (
    Entry(
        "faults",
        "partition",
        "Groups of nodes cannot talk to each other; those that are not named are one more group",
        "netsim.network.rules:Partition",
    ),
    Entry("faults", "block", "What some nodes send does not reach some others", "netsim.network.rules:Block"),
    Entry(
        "faults",
        "crash",
        "Nodes are killed, and restarted with what they had persisted when `for` is over",
        "netsim.scenario.model:Crash",
    ),
    Entry("faults", "freeze", "Nodes are stopped, then continued"),
    Entry("faults", "degrade", "Links become slower or lose more"),
    Entry(
        "faults",
        "churn",
        "Nodes drawn at random crash `every` so often and come back after `for`, with `rewire` to other neighbours",
        "netsim.scenario.model:Churn",
        facts=(
            ("written", "{every: 10 s, for: 1 s, churn: {nodes: 2, among: all, rewire: no}}, with `at` and `until`"),
        ),
    ),
    Entry("faults", "join", "Nodes are added"),
    Entry("faults", "leave", "Nodes go for good"),
    Entry("faults", "asynchrony", "An adversary delays messages before the global stabilisation time"),
)

TRANSPORTS = (
    Entry(
        "transports",
        "stream",
        "Loss becomes delay, and the order of each pair is kept",
        "netsim.network.loss:Loss",
        (
            Parameter(
                "initial_window",
                "integer",
                "10",
                "packets of a large message that a flow may send at once; none: no congestion window at all",
                choices=("none",),
                minimum=1,
                maximum=100_000,
            ),
            Parameter(
                "idle_reset",
                "choice",
                "yes",
                "whether the window shrinks while a flow is idle (tcp_slow_start_after_idle)",
                choices=("yes", "no"),
            ),
            Parameter("receive_window", "size", "4 MiB", "most bytes of a flow that are under way", minimum=1448),
        ),
        (("source", "RFC 5681, 6298, 6928 and 7661, in Linux's form"),),
    ),
    Entry("transports", "datagram", "Loss loses", "netsim.network.loss:Loss"),
)

BROKERS = (
    Entry(
        "brokers",
        "embedded",
        "A NATS server of the run's own, on loopback, nothing to install",
        "netsim.engine.broker:open_broker",
    ),
    Entry(
        "brokers",
        "mosquitto",
        "A Mosquitto of the run's own, where it is installed",
        "netsim.engine.broker:open_broker",
    ),
    Entry("brokers", "mqtt", "mqtt://user:pass@host:port, any MQTT 3.1.1 broker", "netsim.engine.broker:open_broker"),
    Entry("brokers", "mqtts", "mqtts://user:pass@host:port, the same over TLS", "netsim.engine.broker:open_broker"),
)

_DISTRIBUTION = "netsim.scenario.model:Distribution"
DISTRIBUTIONS = (
    Entry(
        "distributions",
        "constant",
        "Always the same; a bare duration means it too",
        _DISTRIBUTION,
        (Parameter("value", "duration", None, "what is drawn"),),
    ),
    Entry(
        "distributions",
        "uniform",
        "Anything between two bounds",
        _DISTRIBUTION,
        (
            Parameter("low", "duration", None, "the least"),
            Parameter("high", "duration", None, "the most"),
        ),
    ),
    Entry(
        "distributions",
        "normal",
        "The bell curve",
        _DISTRIBUTION,
        (
            Parameter("mean", "duration", None, "its centre"),
            Parameter("deviation", "duration", None, "its standard deviation"),
            _FLOOR,
        ),
    ),
    Entry(
        "distributions",
        "lognormal",
        "Skewed to the right, as round trips are; given by its median and either p99 or sigma",
        _DISTRIBUTION,
        (
            Parameter("median", "duration", None, "half of the draws are below it", minimum=1),
            Parameter("p99", "duration", "none", "99 of 100 draws are below it", choices=("none",)),
            Parameter(
                "sigma", "number", "none", "the natural logarithm's deviation", choices=("none",), minimum=0, maximum=5
            ),
            _FLOOR,
        ),
    ),
    Entry(
        "distributions",
        "pareto",
        "A heavy tail; given by its scale and either shape or mean",
        _DISTRIBUTION,
        (
            Parameter("scale", "duration", None, "the least that is drawn", minimum=1),
            Parameter(
                "shape",
                "number",
                "none",
                "the exponent: the less, the heavier",
                choices=("none",),
                minimum=1,
                maximum=1e6,
            ),
            Parameter("mean", "duration", "none", "scale · shape / (shape - 1)", choices=("none",)),
        ),
    ),
    Entry(
        "distributions",
        "gamma",
        "A sum of waits",
        _DISTRIBUTION,
        (
            Parameter("mean", "duration", None, "its mean", minimum=1),
            Parameter("deviation", "duration", None, "its standard deviation", minimum=1),
            _FLOOR,
        ),
    ),
    Entry(
        "distributions",
        "quantiles",
        "Straight lines between given quantiles, as in {0 %: 4 ms, 50 %: 5.4 ms, 100 %: 14 ms}",
        _DISTRIBUTION,
        (Parameter("points", "points", None, "durations by share; 0 % and 100 % are among them"),),
    ),
    Entry(
        "distributions",
        "empirical",
        "Drawn from a file of measured delays, independently of each other",
        _DISTRIBUTION,
        (Parameter("file", "text", None, "CSV or the output of ping, as for an access profile's `trace`"),),
    ),
)

ENTRIES: tuple[Entry, ...] = (
    *PROTOCOLS,
    *GOSSIP,
    *ACCESS,
    *BACKBONES,
    *TOPOLOGIES,
    *FAULTS,
    *TRANSPORTS,
    *BROKERS,
    *DISTRIBUTIONS,
)


class Catalogue(Protocol):
    """What a room sees that is handed a catalogue. This module is one."""

    def entries(self, kind: Kind) -> Iterator[Entry]:
        """The entries of one kind, planned ones included."""

    def find(self, kind: Kind, name: str) -> Entry | None:
        """The entry of that kind and name, or None."""

    def load(self, entry: Entry) -> Any:
        """What implements an entry."""


def entries(kind: Kind) -> Iterator[Entry]:
    """The entries of one kind in the order of their declaration, planned ones included."""
    return (entry for entry in ENTRIES if entry.kind == kind)


def find(kind: Kind, name: str) -> Entry | None:
    """The entry of that kind and name, or None."""
    return next((entry for entry in entries(kind) if entry.name == name), None)


def load(entry: Entry) -> Any:
    """Import what implements an entry. Raises LookupError where it is only planned."""
    if entry.target is None:
        raise LookupError(f"{entry.kind} {entry.name!r} is not built yet")
    module, attribute = entry.target.split(":")
    return getattr(import_module(module), attribute)
