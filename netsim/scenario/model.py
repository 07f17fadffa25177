"""What a scenario is once it has been read: plain frozen values, nothing left to look up or to fill in.

Times and delays are integer nanoseconds, sizes bytes, bandwidths bit/s (None: unlimited), shares parts of 1, rates per
second. Nodes are numbered 0 … n-1 in the order of `Scenario.nodes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

MessageKind = Literal["blocks", "votes", "transactions"]
DistributionKind = Literal["constant", "uniform", "normal", "lognormal", "pareto", "gamma", "quantiles"]


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a delay is drawn. Hashable, so it can be the key under which its compiled form is kept.

    `values` by kind, in ns where nothing else is said; `minimum`: what would be drawn below it is raised to it.

    * constant: value
    * uniform: low, high
    * normal: mean, deviation, minimum
    * lognormal: median, sigma (a plain number, of the natural logarithm), minimum
    * pareto: scale (its least value), shape (a plain number, at least 1)
    * gamma: mean, deviation, minimum
    * quantiles: none; `points` instead, from share 0 to share 1, straight lines between them
    """

    kind: DistributionKind
    values: tuple[tuple[str, float], ...] = ()
    points: tuple[tuple[float, int], ...] = ()

    @property
    def parameters(self) -> dict[str, float]:
        """`values` by name."""
        return dict(self.values)


@dataclass(frozen=True, slots=True)
class Site:
    """A place with nodes. `location` is latitude and longitude in degrees; `access` what its nodes use by default."""

    location: tuple[float, float] | None
    nodes: tuple[str, ...]
    access: str


WEIGHT_UNIT = 1_000_000  # a weight (hash rate, stake) of 1 in a scenario, so that drawn ones are integers too
WEIGHT = Distribution("constant", (("value", WEIGHT_UNIT),))


@dataclass(frozen=True, slots=True)
class Node:
    """One participant. `weight` is drawn once, in millionths: of hash rate or stake, whatever the protocol weighs."""

    name: str
    site: str
    access: str
    weight: Distribution = WEIGHT


@dataclass(frozen=True, slots=True)
class Radio:
    """A cell whose time is cut into slots, as in 5G New Radio and LTE.

    `pattern` repeats for ever: D carries data down, S too (its few uplink symbols carry none), U up, F both ways (a
    frequency-division cell). All cells of one `operator` share the pattern's phase.
    """

    pattern: str
    slot: int
    processing: int  # at either end, after reception and before transmission
    grant: Literal["configured", "scheduled"]  # scheduled: by a request, where the uplink's queue was empty
    grant_slots: int  # least slots from the beginning of a grant's slot to that of the data's (K2)
    request_every: int  # between two chances to request a grant; 0: any uplink slot is one
    bler: float  # share of transport blocks that an attempt does not bring over
    attempts: int  # most of them
    operator: str


@dataclass(frozen=True, slots=True)
class Spikes:
    """Episodes of a public network in which everything takes longer, by the same excess for as long as one `lasts`.

    The excess is lognormal and, as it is measured, of a round trip: half of it falls to each direction.
    """

    share: float  # of time
    median: int
    p90: int
    lasts: int


@dataclass(frozen=True, slots=True)
class Handover:
    """A change of cell once in each stretch of `every`, at a random moment: nothing is sent during the `outage`."""

    every: int
    outage: int


@dataclass(frozen=True, slots=True)
class Recording:
    """Measured one-way delays in the order of time: `times` ascend from 0, and each delay holds until the next time.

    Played from a random place on, each node its own, and again from the beginning: the autocorrelation is kept.
    `length` is that of the whole, beyond the last time.
    """

    times: tuple[int, ...]
    delays: tuple[int, ...]
    length: int


@dataclass(frozen=True, slots=True)
class Access:
    """How a node reaches its site's exchange and is reached from there.

    The parts add up, each where it is given: the slots of the radio; what is drawn from `up` or `down` for each
    message; the recording's delay at that time; half a spike; `core`. During a handover nothing is sent in either
    direction. The bandwidth is that of the slots where there is a radio, and that of a queue where there is none.
    `one_at_a_time`: the next copy of a message of more than one packet leaves when the one before has arrived.
    """

    name: str
    up: Distribution
    down: Distribution
    core: Distribution
    bandwidth_up: int | None
    bandwidth_down: int | None
    says: str
    radio: Radio | None = None
    spikes: Spikes | None = None
    handover: Handover | None = None
    recording: Recording | None = None
    one_at_a_time: bool = False


@dataclass(frozen=True, slots=True)
class Bursts:
    """Losses that come together (Gilbert and Elliott): a share of the time is bad, in stretches of `lasts` on average.

    In a stretch the packets are lost with `loss`, outside it with the link's own.
    """

    share: float
    loss: float
    lasts: int


@dataclass(frozen=True, slots=True)
class Congestion:
    """What the busy hour adds: all at `peak` (ns after midnight), nothing twelve hours later, a cosine between."""

    delay: int
    loss: float
    peak: int


@dataclass(frozen=True, slots=True)
class Link:
    """The backbone from one site to another, one way. `delay` None: from the geography, or the backbone's own."""

    source: str
    target: str
    delay: Distribution | None = None
    jitter: int = 0  # uniform [0, jitter] is added
    loss: float = 0.0  # per packet
    bandwidth: int | None = None  # of each flow
    bursts: Bursts | None = None
    congestion: Congestion | None = None


@dataclass(frozen=True, slots=True)
class Backbone:
    """What lies between sites. `delay`: the same between every two nodes, within a site too; a link overrides it.

    `time_of_day`: when the scenario begins, ns after midnight; for what congestion adds.
    """

    route_factor: float
    delay: Distribution | None
    links: tuple[Link, ...]
    time_of_day: int = 12 * 3600 * 10**9


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry of the catalogue with all its parameters; a word in place of a quantity (`auto`, `none`) is None."""

    name: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Consensus:
    """The protocol, its parameters (block_interval, block_size and timeout among them) and who validates.

    `folder` is where a protocol is found that is no part of netsim (`file.py:Class`, `module:Class`); else None.
    """

    protocol: str
    parameters: dict[str, Any]
    validators: tuple[int, ...]
    folder: str | None = field(default=None, compare=False)

    @property
    def code(self) -> Path | None:
        """The file that holds the protocol, where its name says so: a run keeps a copy."""
        file, _, _ = self.protocol.partition(":")
        return Path(self.folder, file) if self.folder is not None and file.endswith(".py") else None


@dataclass(frozen=True, slots=True)
class Workload:
    """The clients. `rate` is the whole network's; a node forwards together what was due within a window of `batch`."""

    rate: float
    size: int
    arrival: Literal["poisson", "uniform"]
    origins: tuple[int, ...]
    batch: int
    forward: Literal["gossip", "leader"] = "gossip"  # how transactions reach proposers


@dataclass(frozen=True, slots=True)
class Compute:
    """Modelled cost of a signature, of its verification and of a transaction's execution.

    `measured`: these are zero, and what a node's program really takes of the processor is its cost.
    """

    sign: int
    verify: int
    execute: int
    measured: bool = False


@dataclass(frozen=True, slots=True)
class Partition:
    """Nodes of different groups cannot talk, from `at` up to `end`. Every node is in exactly one group."""

    kind: ClassVar[Literal["partition"]] = "partition"
    at: int
    end: int
    groups: tuple[tuple[int, ...], ...]
    says: str

    @property
    def nodes(self) -> tuple[int, ...]:
        """Those who are cut off: all outside the largest group (the first of them, where several are as large)."""
        largest = max(self.groups, key=len)
        return tuple(sorted(node for group in self.groups if group is not largest for node in group))


@dataclass(frozen=True, slots=True)
class Block:
    """What the sources send does not reach the targets, from `at` up to `end`."""

    kind: ClassVar[Literal["block"]] = "block"
    at: int
    end: int
    sources: tuple[int, ...]
    targets: tuple[int, ...]
    says: str

    @property
    def nodes(self) -> tuple[int, ...]:
        """Those who are not heard."""
        return self.sources


@dataclass(frozen=True, slots=True)
class Crash:
    """Nodes are killed at `at` and start again at `end` with what they had persisted; None: never."""

    kind: ClassVar[Literal["crash"]] = "crash"
    at: int
    end: int | None
    nodes: tuple[int, ...]
    says: str


@dataclass(frozen=True, slots=True)
class Freeze:
    """Nodes do nothing from `at` up to `end`, and then what has come in the meantime, in its order."""

    kind: ClassVar[Literal["freeze"]] = "freeze"
    at: int
    end: int
    nodes: tuple[int, ...]
    says: str


@dataclass(frozen=True, slots=True)
class Degrade:
    """Links become slower and lose more, from `at` up to `end`. `links` are ways from site to site."""

    kind: ClassVar[Literal["degrade"]] = "degrade"
    at: int
    end: int
    links: tuple[tuple[str, str], ...]
    delay: int
    loss: float  # share of packets
    says: str

    @property
    def nodes(self) -> tuple[int, ...]:
        """Nobody is cut off."""
        return ()


@dataclass(frozen=True, slots=True)
class Asynchrony:
    """Before `end`, the global stabilisation time, messages are late by anything up to `delay`.

    None of them comes later than `delay` or, if that is earlier, than the global stabilisation time and its own delay.
    `targets`: whose messages, to and from, nodes by number; None: those of whoever the receiver takes for the leader.
    """

    kind: ClassVar[Literal["asynchrony"]] = "asynchrony"
    at: int
    end: int
    delay: int
    targets: tuple[int, ...] | None
    says: str

    @property
    def nodes(self) -> tuple[int, ...]:
        """Those whose messages are late, as far as that is known before."""
        return self.targets or ()


@dataclass(frozen=True, slots=True)
class Clocks:
    """How far each node's own clock is from true time, drawn once a node, uniformly from ± these."""

    skew: int = 0  # ns
    drift: int = 0  # parts in 10⁹


@dataclass(frozen=True, slots=True)
class Churn:
    """Every so often from `at` up to `end`, some nodes are killed and start again after `lasts`.

    Which ones the seed says, among `nodes`; with `rewire` they come back with other neighbours in the overlay.
    """

    kind: ClassVar[Literal["churn"]] = "churn"
    at: int
    end: int
    every: int
    lasts: int
    count: int
    nodes: tuple[int, ...]
    rewire: bool
    says: str


Fault = Partition | Block | Crash | Freeze | Degrade | Asynchrony | Churn


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """Byzantine nodes: what they do, from `at` on, and its declared parameters (lists of nodes as numbers)."""

    nodes: tuple[int, ...]
    does: str
    at: int
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Emulation:
    """How the emulator runs it. `displaced` and `displacement_p99` bound what clock pace still calls valid.

    `patience` (ns, on the wall) is how long an event that is due waits for what may still come before it.
    """

    broker: str
    nodes_per_process: int | Literal["auto"]
    pace: Literal["lockstep", "clock"]
    dilation: float
    displaced: float
    displacement_p99: int
    patience: int


@dataclass(frozen=True, slots=True)
class Expectation:
    """A key of summary.json and what it must be: `equals`, or between `min` and `max`, in the key's own unit."""

    key: str
    equals: str | None = None
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One validated scenario.

    `access` holds the profiles that nodes use. `text` is the scenario in its own language with every default written
    out: reading it gives an equal Scenario. `sha256` is over that text without `emulation`, `expect` and descriptions,
    which change nothing that is simulated.
    """

    name: str
    description: str
    seed: int
    duration: int
    warmup: int
    sites: dict[str, Site]
    nodes: tuple[Node, ...]
    access: dict[str, Access]
    backbone: Backbone
    transport: Choice
    overlay: Choice
    gossip: dict[MessageKind, Choice]
    consensus: Consensus
    workload: Workload
    compute: Compute
    clocks: Clocks
    faults: tuple[Fault, ...]
    misbehaviour: tuple[Misbehaviour, ...]
    finality_depth: int | None  # None: finality is not probabilistic
    emulation: Emulation
    expect: tuple[Expectation, ...]
    trace: Literal["full", "blocks", "summary"]
    text: str = field(default="", repr=False)
    sha256: str = ""
    notes: tuple[str, ...] = field(default=(), compare=False)  # what a reader should know of how files were understood
    sweep: dict[str, int] = field(default_factory=dict, compare=False)  # how many values by varied key; not in the text
    emulated: tuple[dict[str, str], ...] = field(default=(), compare=False)  # values of a sweep's points; likewise


@dataclass(frozen=True, slots=True)
class Point:
    """One combination of a sweep: the values by varied key, in words, and what the scenario is then."""

    values: dict[str, str]
    scenario: Scenario

    @property
    def emulated(self) -> bool:
        """Whether the scenario wants it to be emulated as well."""
        return any(wanted.items() <= self.values.items() for wanted in self.scenario.emulated)


def names_of(numbers: Iterable[int], nodes: tuple[Node, ...], sites: dict[str, Site]) -> list[str]:
    """Nodes in words: a site's name where all of its nodes are meant, in the order of the scenario."""
    meant = {nodes[number].name for number in numbers}
    words = []
    for name, site in sites.items():
        here = [node for node in site.nodes if node in meant]
        words += [name] if len(here) == len(site.nodes) else here
    return words
