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

Kind = Literal["protocols", "gossip", "access", "topologies", "faults", "transports", "brokers", "distributions"]
KINDS: tuple[Kind, ...] = (
    "protocols",
    "gossip",
    "access",
    "topologies",
    "faults",
    "transports",
    "brokers",
    "distributions",
)
Unit = Literal["duration", "size", "bandwidth", "share", "rate", "integer", "number", "choice", "text", "points"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key that an entry understands: its type, its default as a scenario would write it, and a sentence.

    `points` is a mapping from shares to durations. `choices` are all that a choice may be; with any other unit they are
    words that may stand in place of the quantity (`auto`, `none`).
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
)
_DEGREE = Parameter("degree", "integer", "4", "neighbours of each node", minimum=1)
_FLOOR = Parameter("minimum", "duration", "0 s", "what would be drawn below it is raised to it")

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
    Entry("gossip", "direct", "To every validator at once, whatever the overlay", "netsim.node.gossip:Direct"),
    Entry(
        "gossip",
        "flood",
        "To all neighbours in the overlay; each forwards on first receipt, to all but the sender",
        "netsim.node.gossip:Flood",
        facts=(("messages", "2E-(N-1) per broadcast"),),
    ),
    Entry("gossip", "push", "To a few neighbours drawn at random, in rounds"),
    Entry("gossip", "compact", "Blocks as lists of short transaction ids (BIP 152)"),
    Entry("gossip", "plumtree", "A spanning tree that repairs itself by lazy announcements"),
    Entry("gossip", "gossipsub", "A mesh per topic with lazy gossip beside it (libp2p)"),
)

ACCESS = (
    Entry(
        "access",
        "5g",
        "Public 5G: 30 kHz, DDDSU, 10 % block errors, scheduled uplink",
        "netsim.network.profiles:PUBLIC_5G",
        facts=(("delay", "up 5.5 ms, down 2.2 ms on average, and 2 ms to the core"), ("bandwidth", "80/350 Mbps")),
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
    Entry("topologies", "line", "Two neighbours each, but for the two at the ends"),
    Entry("topologies", "grid", "Four neighbours each, in a rectangle"),
    Entry("topologies", "tree", "A parent and some children each"),
    Entry("topologies", "clustered", "Dense within a site, sparse between sites"),
    Entry("topologies", "file", "From a GraphML or GML file, the Topology Zoo's included"),
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
    Entry("faults", "churn", "Nodes drawn at random crash and restart, again and again"),
    Entry("faults", "join", "Nodes are added"),
    Entry("faults", "leave", "Nodes go for good"),
    Entry("faults", "asynchrony", "An adversary delays messages before the global stabilisation time"),
)

TRANSPORTS = (
    Entry("transports", "stream", "Loss becomes delay, and the order of each pair is kept", "netsim.network.loss:Loss"),
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
    Entry("distributions", "empirical", "Drawn from a file of measured delays"),
)

ENTRIES: tuple[Entry, ...] = (
    *PROTOCOLS,
    *GOSSIP,
    *ACCESS,
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
