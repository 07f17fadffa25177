"""The scenario language: every key, its default as a scenario would write it, and a sentence.

What a later netsim will understand is here too, as `NotBuilt`: it is refused by name and place, never ignored. What
needs more than its own section to be judged (do these names exist, can that quorum) is judged in `resolve`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import prod
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PlainValidator, ValidationInfo, model_validator

from netsim.scenario import units
from netsim.scenario.declared import Chosen, catalogue_of, choose, chosen, lookup, read_depth
from netsim.scenario.distribution import Delay, FixedDelay, Weight, within_an_hour
from netsim.scenario.document import Tree
from netsim.scenario.fields import (
    NOT_BUILT,
    Bandwidth,
    Duration,
    Line,
    NotBuilt,
    Section,
    Share,
    Span,
    Text,
    each,
    key,
    one,
    positive,
    reader,
    refuse,
    text,
    unknown_key,
    within,
    word,
    yes_or_no,
)
from netsim.scenario.inline import read_inline
from netsim.scenario.model import MessageKind, Recording

MOST_NODES = 100_000
MOST_SITES = 1000
MESSAGE_KINDS: tuple[MessageKind, ...] = ("blocks", "votes", "transactions")

_LONGEST_NAME = 100

Arrival = Literal["poisson", "uniform"]
Forward = Literal["gossip", "leader"]
Grant = Literal["configured", "scheduled"]
Pace = Literal["lockstep", "clock"]
Level = Literal["full", "blocks", "summary"]


# ---- names


def _scenario_name(value: str) -> str:
    if not value.strip() or len(value) > _LONGEST_NAME or any(letter in value for letter in "/\\\n"):
        raise ValueError(f"is one line of 1 to {_LONGEST_NAME} characters without slashes")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("is the name of a node or a site")
    return value


def _names(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    if not items:
        raise ValueError("is an empty list")
    return tuple(each(enumerate(items), _name))


def _pair(value: Any) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("is a list of two sites, such as `[shenzhen, suzhou]`")
    source, target = each(enumerate(value), _name)
    return source, target


Names = Annotated[tuple[str, ...], PlainValidator(_names)]  # one name, or a list of them; of nodes or sites
Number = Annotated[float, reader(units.number)]


# ---- sites


class NodeSection(Section):
    """One node, where a site lists its nodes."""

    name: Text = key(says="its name, which no other node and no site has")
    access: Text | None = key(None, says="how it reaches the site's core; by default as the site says")
    stake: Weight | None = key(None, says="its stake; by default as the site says")
    hash_rate: Weight | None = key(None, says="its hash rate; by default as the site says")


def _location(value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("is a list of latitude and longitude in degrees, such as `[22.543, 114.058]`")
    latitude, longitude = each(enumerate(value), lambda item: units.number(one(item)))
    for degrees, what, most in ((latitude, "latitude", 90), (longitude, "longitude", 180)):
        if not -most <= degrees <= most:
            raise ValueError(f"has the {what} {units.write_number(degrees)}, which is not from -{most} to {most}")
    return latitude, longitude


def _nodes(value: Any, info: ValidationInfo) -> int | tuple[NodeSection, ...]:
    if isinstance(value, list):
        if not value:
            raise ValueError("is an empty list; a site has at least one node")
        return tuple(each(enumerate(value), partial(NodeSection.model_validate, context=info.context)))
    count = units.integer(one(value))
    within(1, MOST_NODES)(count)
    return count


class SiteSection(Section):
    """A place with nodes."""

    location: Annotated[tuple[float, float], PlainValidator(_location)] | None = key(
        None, says="latitude and longitude in degrees; for the delay to where none is given"
    )
    nodes: Annotated[int | tuple[NodeSection, ...], PlainValidator(_nodes)] = key(
        "1", says="how many, or a list of {name:, access:}"
    )
    access: Text = key("fibre", says="how its nodes reach its core: a profile")
    stake: Weight | None = key(None, says="of each of its nodes; by default as `consensus` says")
    hash_rate: Weight | None = key(None, says="of each of its nodes; by default as `consensus` says")


# ---- access profiles


class BandwidthSection(Section):
    """Bandwidth by direction."""

    up: Bandwidth = key("unlimited", says="from the node")
    down: Bandwidth = key("unlimited", says="to the node")


def _both_ways(value: Any) -> Any:
    """One bandwidth for both directions."""
    if not isinstance(value, str):
        return value
    units.bandwidth(value)  # what is wrong with it is wrong once
    return {"up": value, "down": value}


_FASTEST_SLOT, _SLOWEST_SLOT = 10_000, 10_000_000  # ns; New Radio's are 15.6 us to 1 ms
_LONGEST_PATTERN = 40


def _pattern(value: str) -> str | None:
    """A pattern of slots, at least one of them for each direction."""
    if value == "none":
        return None
    if not value or not set(value) <= set("DSUF") or len(value) > _LONGEST_PATTERN:
        raise ValueError(f"is `{value}`; a pattern is 1 to {_LONGEST_PATTERN} letters out of D, S, U and F, or `none`")
    for letters, which in (("UF", "up: U or F"), ("DSF", "down: D, S or F")):
        if not set(value) & set(letters):
            raise ValueError(f"is `{value}`, without any slot {which}")
    return value


def _slot(length: int) -> None:
    if not _FASTEST_SLOT <= length <= _SLOWEST_SLOT:
        bounds = f"from {units.write_duration(_FASTEST_SLOT)} to {units.write_duration(_SLOWEST_SLOT)}"
        raise ValueError(f"is {bounds}, not {units.write_duration(length)}")


def _none(value: Any) -> Any:
    """The word that takes away what would be inherited."""
    return None if value == "none" else value


_OFTEN = 10_000_000  # ns


def _some_time(every: int) -> None:
    if every < _OFTEN:
        raise ValueError(f"is {units.write_duration(every)}; the least is {units.write_duration(_OFTEN)}")


class SpikesSection(Section):
    """Episodes of a public network. What is not given is as in the profile that is extended."""

    share: Share = key("3.5 %", says="of time")
    median: Annotated[int, reader(units.duration, positive, within_an_hour)] = key(
        "75 ms", says="of the excess, which is lognormal, of a round trip: half of it in each direction"
    )
    p90: Annotated[int, reader(units.duration, positive, within_an_hour)] = key("270 ms", says="of the same")
    lasts: Span = key("1 s", says="each of them")


class HandoverSection(Section):
    """Changes of cell. What is not given is as in the profile that is extended."""

    every: Annotated[int, reader(units.duration, _some_time)] = key("60 s", says="once in each such time, at random")
    outage: FixedDelay = key("50 ms", says="how long nothing is sent")


def _trace(value: Any, info: ValidationInfo) -> str | Recording | None:
    """A file's name, a recording that is written out, or `none`."""
    if isinstance(value, str):
        return None if value == "none" else text(value)
    return read_inline(value, info)


class AccessSection(Section):
    """How a node reaches its site's exchange. What is not given is as in the profile that it extends."""

    extends: Text = key("ideal", says="the profile that it changes")
    description: Annotated[str, reader(str)] | None = key(None, says="a sentence")
    up: Delay | None = key(None, says="one-way delay over the line, from the node; on top of a cell's slots")
    down: Delay | None = key(None, says="the same to the node")
    core: Delay | None = key(None, says="one-way delay from there to the site's exchange, each way")
    bandwidth: Annotated[BandwidthSection, BeforeValidator(_both_ways)] | None = key(
        None, says="one value, or {up:, down:}"
    )
    tdd: Annotated[str | None, reader(_pattern)] | None = key(
        None, says="the cell's slots, D, S, U or F (both ways), for ever repeated; none: no slots"
    )
    slot: Annotated[int, reader(units.duration, _slot)] = key(
        "0.5 ms", says="this and the next seven keys: of a cell with a `tdd`; a slot's length"
    )
    processing: FixedDelay = key("0.5 ms", says="at either end, before what is sent and after what is received")
    uplink_grant: Annotated[Grant, word(Grant)] = key(
        "scheduled", says="scheduled: asked for where nothing waits before it; configured: any uplink slot"
    )
    k2: Annotated[int, reader(units.integer, within(0, 32))] = key("2", says="least slots from a grant to its data")
    request_every: FixedDelay = key("0 s", says="between two chances to ask for a grant; 0 s: in any uplink slot")
    bler: Share = key("10 %", says="blocks that an attempt does not bring over")
    attempts: Annotated[int, reader(units.integer, within(1, 16))] = key(
        "4", says="most attempts for a block; the last is counted as good"
    )
    operator: Text = key("public", says="whose cells share the pattern's phase")
    spikes: Annotated[SpikesSection | None, BeforeValidator(_none)] = key(
        None, says="episodes in which everything takes longer; none: there are none"
    )
    handover: Annotated[HandoverSection | None, BeforeValidator(_none)] = key(
        None, says="changes of cell; none: there are none"
    )
    trace: Annotated[str | Recording | None, PlainValidator(_trace)] | None = key(
        None, says="a file of measured delays, or {delays:, lasts:}; played where it has times, else drawn"
    )
    one_at_a_time: Annotated[bool, reader(yes_or_no)] = key(
        "no", says="whether the next copy of a message of more than a packet waits until the one before is there"
    )


# ---- backbone


def _less_than_all(share: float) -> None:
    if share >= 1:
        raise ValueError("must be less than 100 %; the fault `block` loses everything")


_RAREST_SHARE = 1e-6
_SHORTEST_BURST = 1000  # ns


def _long_enough(lasts: int) -> None:
    if lasts < _SHORTEST_BURST:
        raise ValueError(f"is {units.write_duration(lasts)}; the least is {units.write_duration(_SHORTEST_BURST)}")


def _now_and_then(share: float) -> None:
    if share >= 1:
        raise ValueError("must be less than 100 %; what is always lost is the link's own `loss`")
    if 0 < share < _RAREST_SHARE:
        raise ValueError(f"is 0 %, or at least {units.write_share(_RAREST_SHARE)}")


class BurstsSection(Section):
    """Losses that come together."""

    share: Annotated[float, reader(units.share, _now_and_then)] = key(says="of time")
    loss: Share = key(says="of packets then")
    lasts: Annotated[int, reader(units.duration, _long_enough)] = key(says="on average")


class CongestionSection(Section):
    """What the busy hour adds."""

    delay: FixedDelay = key("0 s", says="at the peak")
    loss: Annotated[float, reader(units.share, _less_than_all)] = key("0 %", says="of packets, at the peak")
    peak: Annotated[int, reader(units.time_of_day)] = key("21:00", says="when it is worst")


class LinkSection(Section):
    """The backbone between two sites, or from one to the other.

    What is not given is as without this link: as the matrix, the topology file or the preset has it.
    """

    between: Annotated[tuple[str, str], PlainValidator(_pair)] | None = key(
        None, says="two sites, both ways; [suzhou, suzhou] is within a site"
    )
    from_: Text | None = key(None, alias="from", says="one way: from this site")
    to: Text | None = key(None, says="one way: to this site")
    delay: Delay | None = key(None, says="one-way; this and all other keys by default as without this link")
    jitter: FixedDelay = key("0 s", says="uniform [0, jitter] is added")
    loss: Annotated[float, reader(units.share, _less_than_all)] = key("0 %", says="of packets of 1448 bytes")
    bandwidth: Bandwidth = key("unlimited", says="of each flow")
    bursts: Annotated[BurstsSection | None, BeforeValidator(_none)] = key(
        None, says="{share:, loss:, lasts:} of stretches that lose more; none: there are none"
    )
    congestion: Annotated[CongestionSection | None, BeforeValidator(_none)] = key(
        None, says="what is added by the time of day; none: nothing"
    )

    @model_validator(mode="after")
    def _one_way_or_both(self) -> Self:
        one_way = self.from_ is not None and self.to is not None
        half = self.from_ is not None or self.to is not None
        if one_way != half or (self.between is not None) == one_way:
            raise refuse(Line("a link needs either `between` or both `from` and `to`", sentence=True))
        return self


def _preset_alone(value: Any) -> Any:
    """A preset's name in place of the section."""
    return {"preset": value} if isinstance(value, str) and value else value


def _preset(value: Any, info: ValidationInfo) -> str:
    return lookup(catalogue_of(info), "backbones", one(value)).name


class BackboneSection(Section):
    """What lies between sites."""

    route_factor: Annotated[float, reader(units.number, within(1, 10))] = key(
        "1.5", says="fibre length over great-circle distance, 4.9 us per km; a preset has its own"
    )
    delay: Delay | None = key(
        None, says="one-way, the same between every two nodes, within a site too; by default from the geography"
    )
    links: list[LinkSection] = key([], says="what is known better; overrides all other keys")
    matrix: Text | None = key(None, says="a file of delays from site to site (CSV); overrides preset and geography")
    preset: Annotated[str, PlainValidator(_preset)] | None = key(
        None, says="known delays between some cities, and a route factor; `backbone: public` is the same"
    )
    time_of_day: Annotated[int, reader(units.time_of_day)] = key(
        "12:00", says="when the scenario begins; for what congestion adds"
    )

    @model_validator(mode="after")
    def _one_delay_or_many(self) -> Self:
        if self.delay is not None and self.preset is not None:
            raise refuse(
                Line("is the same between every two nodes, and a `preset` is not: give one of them", ("delay",))
            )
        return self


# ---- overlay, transport, gossip, consensus


class OverlaySection(Section):
    """Who is whose neighbour; further keys are the topology's own."""

    topology: Text = key("complete", says="who is whose neighbour")


class TransportSection(Section):
    """What becomes of loss and order; further keys are the transport's own."""

    protocol: Text = key("stream", says="stream: loss becomes delay, order is kept; datagram: loss loses")


class GossipSection(Section):
    """How messages spread; further keys are the strategy's own."""

    protocol: Text = key(says="how messages spread")
    preset: Text | None = key(None, says="one of the strategy's presets: other defaults for its keys")


class ConsensusSection(Section):
    """The protocol; further keys are its own."""

    protocol: Text = key("pbft", says="how nodes agree on blocks")
    preset: Text | None = key(None, says="one of the protocol's presets: other defaults for its keys")
    validators: Names = key("all", says="all, or a list of nodes or sites; the rest follow along")
    stake: Weight | None = key(
        None, says="of each node, a number or drawn, where the protocol weighs by it; by default all have the same"
    )
    hash_rate: Weight | None = key(None, says="likewise")


_GOSSIP = "direct"


def _gossip(value: Any, info: ValidationInfo) -> dict[MessageKind, Chosen]:
    """One strategy for all kinds of messages, or a mapping from kinds to strategies."""
    if isinstance(value, str) or (isinstance(value, dict) and "protocol" in value):
        one_for_all = choose("gossip", GossipSection, value, info)
        return dict.fromkeys(MESSAGE_KINDS, one_for_all)
    if not isinstance(value, dict):
        raise ValueError("is a name or a mapping of keys, not a list")
    wrong = [unknown_key(name, ["protocol", *MESSAGE_KINDS]) for name in value if name not in MESSAGE_KINDS]
    if wrong:
        raise refuse(*wrong)
    given = [(kind, value.get(kind, _GOSSIP)) for kind in MESSAGE_KINDS]
    return dict(zip(MESSAGE_KINDS, each(given, lambda item: choose("gossip", GossipSection, item, info)), strict=True))


# ---- workload and compute


class WorkloadSection(Section):
    """The clients: an open loop, so nobody waits for an answer."""

    rate: Annotated[float, reader(units.rate)] = key("100 /s", says="transactions of the whole network; 0 /s: none")
    size: Annotated[int, reader(units.size, positive)] = key("250 B", says="of each transaction")
    arrival: Annotated[Arrival, word(Arrival)] = key("poisson", says="poisson, or uniform: evenly spaced")
    from_: Names = key("all", alias="from", says="where they are submitted: all, or nodes or sites")
    batch: Annotated[int, reader(units.duration, positive)] = key(
        "100 ms", says="a node forwards together what became due within this time"
    )
    forward: Annotated[Forward, word(Forward)] = key(
        "gossip", says="transactions: by gossip to everybody; leader: to whom the node takes for the leader"
    )
    clients: NotBuilt = None


class ComputeSection(Section):
    """Modelled cost of computing."""

    sign: Duration = key("25 us", says="per signature made; or `compute: measured`, see README.md")
    verify: Duration = key("70 us", says="per signature checked")
    execute: Duration = key("5 us", says="per transaction executed")


def _parts(value: str) -> int:
    """`20 ppm` in parts of 10⁹."""
    number, _, unit = value.strip().partition(" ")
    if unit.strip() != "ppm":
        raise ValueError(f"is `{value}`; it is written in parts per million, as in `20 ppm`")
    parts = units.number(number) * 1000
    within(0, 10**8)(parts)
    return round(parts)


class ClocksSection(Section):
    """How far each node's own clock is off."""

    skew: FixedDelay = key("0 s", says="at the beginning; drawn from plus or minus so much")
    drift: Annotated[int, reader(_parts)] = key("0 ppm", says="of its rate, likewise")


def _compute(value: Any) -> Any:
    """`measured`, or modelled costs."""
    return value if value == "measured" else ComputeSection.model_validate(value)


# ---- faults


class FaultSection(Section):
    """Something fails."""


class OnceSection(FaultSection):
    """When it fails."""

    at: Duration = key(says="when it begins")
    for_: Span | None = key(None, alias="for", says="how long it lasts; by default until the end")
    every: NotBuilt = None
    until: NotBuilt = None


def _groups(value: Any) -> tuple[tuple[str, ...], ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("is a list of groups, such as `[[suzhou], [shenzhen, hong-kong]]`")
    return tuple(each(enumerate(value), _names))


class PartitionSection(OnceSection):
    """Groups that cannot talk to each other. The nodes that none of them names are one more group."""

    partition: Annotated[tuple[tuple[str, ...], ...], PlainValidator(_groups)]


class DirectionSection(Section):
    """From some nodes to others."""

    from_: Names = key(alias="from")
    to: Names


class BlockSection(OnceSection):
    """Nodes that others do not hear."""

    block: DirectionSection


class CrashSection(OnceSection):
    """Nodes that are killed."""

    crash: Names


class FreezeSection(OnceSection):
    """Nodes that are stopped, and continued."""

    freeze: Names


def _more(value: str) -> int:
    """`+50 ms`: how much longer; the sign may be left out."""
    return units.duration(value.removeprefix("+").strip())


class WorseSection(Section):
    """What links become."""

    between: Annotated[tuple[str, str], PlainValidator(_pair)] | None = key(None, says="two sites, both ways")
    from_: Text | None = key(None, alias="from", says="one way: from this site")
    to: Text | None = key(None, says="one way: to this site")
    delay: Annotated[int, reader(_more, within_an_hour)] = key("0 s", says="so much longer, as in +50 ms")
    loss: Annotated[float, reader(units.share, _less_than_all)] = key("0 %", says="of packets, in addition")

    @model_validator(mode="after")
    def _one_way_or_both(self) -> Self:
        ends = (self.from_ is not None, self.to is not None)
        if ends not in ((True, True), (False, False)) or (self.between is not None) == all(ends):
            raise refuse(Line("needs either `between` or both `from` and `to`"))
        if not self.delay and not self.loss:
            raise refuse(Line("needs a `delay` or a `loss`"))
        return self


class DegradeSection(OnceSection):
    """Links that become slower or lose more."""

    degrade: WorseSection


def _up_to(value: str) -> int:
    """`up to 5 s`; the two words may be left out."""
    return units.duration(value.removeprefix("up to").strip())


class AdversarySection(Section):
    """What is delayed."""

    delay: Annotated[int, reader(_up_to, positive, within_an_hour)] = key(says="of each message, as in up to 5 s")
    targets: Names = key("all", says="whose messages, to and from: all, nodes or sites, or leader")


class AsynchronySection(FaultSection):
    """Messages that an adversary delays until the global stabilisation time."""

    until: Span = key(says="the global stabilisation time")
    at: Duration = key("0 s", says="when it begins")
    asynchrony: AdversarySection

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if self.until <= self.at:
            until, at = units.write_duration(self.until), units.write_duration(self.at)
            raise refuse(Line(f"is {until}, and it begins at {at}", ("until",)))
        return self


class DrawnSection(Section):
    """Which nodes churn."""

    nodes: Annotated[int, reader(units.integer, within(1, MOST_NODES))] = key(says="how many at a time")
    among: Names = key("all", says="out of these nodes or sites")
    rewire: Annotated[bool, reader(yes_or_no)] = key("no", says="whether they come back with other neighbours")


class ChurnSection(FaultSection):
    """Nodes that are killed and come back, again and again."""

    every: Span = key(says="between two times")
    for_: Span = key(alias="for", says="how long they are down")
    at: Duration | None = key(None, says="the first time; by default after `every`")
    until: Duration | None = key(None, says="no more from then on; by default the end")
    churn: DrawnSection

    @model_validator(mode="after")
    def _one_after_the_other(self) -> Self:
        if self.for_ > self.every:
            lengths = f"{units.write_duration(self.for_)}, longer than `every`, {units.write_duration(self.every)}"
            raise refuse(Line(f"is {lengths}: they would not be back before the next are drawn", ("for",)))
        if self.until is not None and self.until <= self.first:
            first, until = units.write_duration(self.first), units.write_duration(self.until)
            raise refuse(Line(f"is {until}, and the first time is at {first}", ("until",)))
        return self

    @property
    def first(self) -> int:
        """When nodes are drawn for the first time."""
        return self.every if self.at is None else self.at


_FAULTS: dict[str, type[FaultSection]] = {
    "partition": PartitionSection,
    "block": BlockSection,
    "crash": CrashSection,
    "freeze": FreezeSection,
    "degrade": DegradeSection,
    "asynchrony": AsynchronySection,
    "churn": ChurnSection,
}


def _fault(value: Any, info: ValidationInfo) -> FaultSection | None:
    """A fault is known by the one key that says what happens. None where it was refused before."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError("is a list of mappings, such as `{at: 20 s, for: 10 s, crash: [shenzhen-0]}`")
    kinds = {entry.name: entry for entry in catalogue_of(info).entries("faults")}
    happens = [name for name in value if name in kinds]
    if not happens:
        own = OnceSection.key_names()
        wrong = [unknown_key(name, [*own, *kinds]) for name in value if name not in own]
        raise refuse(*wrong or [Line(f"a fault without any of {', '.join(kinds)}", sentence=True)])
    if len(happens) > 1:
        raise refuse(Line(f"`{happens[0]}` and `{happens[1]}` are two faults: give them an item each", sentence=True))
    (kind,) = happens
    if not kinds[kind].built:
        raise refuse(Line(NOT_BUILT, (kind,), at_key=True))
    return _FAULTS[kind].model_validate(value, context=info.context)


# ---- misbehaviour, finality


class MisbehaviourSection(Section):
    """What some nodes do that they should not; further keys are the misbehaviour's own."""

    does: Text = key(says="what they do")
    nodes: Names = key(says="nodes or sites")
    at: Duration = key("0 s", says="from when on")


def _misbehaviour(value: Any, info: ValidationInfo) -> Chosen | None:
    """None where it was refused before."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError("is a list of mappings, such as `{nodes: [suzhou-0], does: silent}`")
    return choose("misbehaviour", MisbehaviourSection, value, info)


class FinalitySection(Section):
    """When a block counts as final, where the protocol itself never says so."""

    depth: Annotated[int | Literal["auto"], reader(read_depth)] | None = key(
        None, says="blocks on top of it, itself included; auto: ⌊validators/2⌋ + 1; by default the protocol's own"
    )


# ---- emulation, expectations


def _broker(value: Any, info: ValidationInfo) -> str:
    url = one(value)
    scheme, separator, rest = url.partition("://")
    entry = lookup(catalogue_of(info), "brokers", scheme)
    if not separator and not entry.name.startswith("mqtt"):
        return url
    try:
        parts = urlsplit(url)
        good = bool(rest and parts.hostname) and parts.port != 0 and parts.path in ("", "/")
    except ValueError:  # a port that is none, an address with a bracket too many
        good = False
    if not good or not entry.name.startswith("mqtt") or url.split() != [url]:
        raise ValueError("is written `mqtt://user:password@host:1883`")
    return url


def _nodes_per_process(value: str) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    count = units.integer(value)
    within(1, MOST_NODES)(count)
    return count


class FidelitySection(Section):
    """What still counts as valid at clock pace."""

    displaced: Share = key("1 %", says="events that came too late")
    displacement_p99: Duration = key("1 ms", says="how far 99 of 100 of those were moved at most")


class EmulationSection(Section):
    """How the emulator runs it."""

    broker: Annotated[str, PlainValidator(_broker)] = key(
        "embedded", says="embedded, mosquitto, or mqtt://user:password@host:1883"
    )
    nodes_per_process: Annotated[int | Literal["auto"], reader(_nodes_per_process)] = key(
        "auto", says="auto: one each while they are few, then packed by site"
    )
    pace: Annotated[Pace, word(Pace)] = key("lockstep", says="lockstep: exact on any machine; clock: real time")
    dilation: Annotated[float, reader(units.number, within(0.001, 1000))] = key(
        "1", says="clock pace only: wall time per scenario time"
    )
    patience: Duration = key(
        "2 s", says="clock pace only: how long on the wall an event waits for what may still come before it"
    )
    fidelity: FidelitySection = key({}, says="clock pace only: what still counts as valid")
    points: list[dict[str, Annotated[str, reader(str)]]] = key(
        [],
        says="of a sweep: values of some varied keys; `netsim sweep` emulates the points that have them, as a check",
    )


class BoundsSection(Section):
    """Between which bounds a number lies."""

    min: Number | None = None
    max: Number | None = None

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("needs a `min` or a `max`")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("has its `min` above its `max`")
        return self


def _expected(value: Any, info: ValidationInfo) -> str | BoundsSection:
    return value if isinstance(value, str) and value else BoundsSection.model_validate(value, context=info.context)


# ---- sweep

MOST_POINTS = 1000


def check_varied(name: str) -> None:
    """Whether a key may be varied. Raises ValueError."""
    if name.partition(".")[0] == "sweep":
        raise ValueError("is itself what says what varies")
    if name == "seed":
        raise ValueError("is varied by `netsim sweep --seeds`")


def read_values(value: Any) -> list[Tree]:
    """The values of a varied key. Raises ValueError."""
    if not isinstance(value, list) or not value:
        raise ValueError("is a list of one value or more, such as `[4, 8]`")
    twice = next((item for number, item in enumerate(value) if item in value[:number]), None)
    if twice is not None:
        raise ValueError(f"holds {f'`{twice}`' if isinstance(twice, str) else 'a value'} twice")
    return value


def read_choices(value: Any) -> dict[str, dict[str, Tree]]:
    """Alternatives by name, each of which sets some keys together. Raises ValueError."""
    if not value:
        raise ValueError("has no alternatives, such as `{near: {sites.a.nodes: 4}, far: {sites.b.nodes: 4}}`")
    for name, settings in value.items():
        if not isinstance(settings, dict) or not settings:
            raise refuse(Line("is a mapping from keys to values, such as `{sites.suzhou.nodes: 4}`", (name,)))
        for key_ in settings:
            try:
                check_varied(key_)
            except ValueError as error:
                raise refuse(Line(str(error), (name, key_), at_key=True)) from None
    return dict(value)


def _varied(value: Any) -> list[Tree] | dict[str, dict[str, Tree]]:
    return read_choices(value) if isinstance(value, dict) else read_values(value)


def _sweep(value: Any) -> dict[str, list[Tree] | dict[str, dict[str, Tree]]]:
    if not isinstance(value, dict):
        raise ValueError("is a mapping from keys to lists, such as `{sites.suzhou.nodes: [4, 8]}`")
    wrong = []
    for name in value:
        try:
            check_varied(name)
        except ValueError as error:
            wrong.append(Line(str(error), (name,), at_key=True))
    if wrong:
        raise refuse(*wrong)
    found = dict(zip(value, each(value.items(), _varied), strict=True))
    _refuse_keys_that_vary_twice(found)
    points = prod(map(len, found.values()))
    if points > MOST_POINTS:
        raise ValueError(f"has {points} combinations; the most is {MOST_POINTS}")
    return found


def _refuse_keys_that_vary_twice(varied: Mapping[str, list[Tree] | dict[str, dict[str, Tree]]]) -> None:
    """Raises an error where alternatives set a key that varies otherwise, too: one would undo the other."""
    owners = {name: name for name, values in varied.items() if isinstance(values, list)}
    wrong = []
    for name, choices in varied.items():
        if isinstance(choices, dict):
            for word, settings in choices.items():
                for key_ in settings:
                    if owners.setdefault(key_, name) != name:
                        message = f"is varied by `{owners[key_]}`, too"
                        wrong.append(Line(message, (name, word, key_), at_key=True))
    if wrong:
        raise refuse(*wrong)


# ---- the whole


class Language(Section):
    """A scenario file."""

    name: Annotated[str, reader(_scenario_name)] | None = key(None, says="by default the file's name")
    description: Annotated[str, reader(str)] = key("", says="what it shows")
    seed: Annotated[int, reader(units.integer, within(0, 10**18 - 1))] = key("1", says="of all randomness")
    duration: Span = key("30 s", says="of the scenario's own time, warm-up included")
    warmup: Duration = key("0 s", says="what is measured begins after it")
    sites: dict[str, SiteSection] = key({}, says="where nodes are; the one thing that must be given")
    access: dict[str, AccessSection] = key({}, says="access profiles, in addition to the built-in ones")
    backbone: Annotated[BackboneSection, BeforeValidator(_preset_alone)] = key({}, says="between sites")
    transport: Annotated[Chosen, chosen("transports", TransportSection)] = key(
        "stream", says="stream: loss becomes delay, order is kept; datagram: loss loses"
    )
    overlay: Annotated[Chosen, chosen("topologies", OverlaySection)] = key("complete", says="who talks to whom")
    gossip: Annotated[dict[MessageKind, Chosen], PlainValidator(_gossip)] = key(
        _GOSSIP, says="how messages spread; a name, or one for each of blocks, votes, transactions"
    )
    consensus: Annotated[Chosen, chosen("protocols", ConsensusSection)] = key({}, says="how nodes agree")
    workload: WorkloadSection = key({}, says="the clients' transactions")
    compute: Annotated[ComputeSection | Literal["measured"], PlainValidator(_compute)] = key({}, says="what it costs")
    faults: list[Annotated[FaultSection | None, PlainValidator(_fault)]] = key([], says="what fails, and when")
    misbehaviour: list[Annotated[Chosen | None, PlainValidator(_misbehaviour)]] = key(
        [], says="Byzantine nodes: which, and what they do"
    )
    finality: FinalitySection = key({}, says="of a protocol whose finality is probabilistic")
    emulation: EmulationSection = key({}, says="how the emulator runs it; changes no result in lockstep")
    expect: dict[str, Annotated[str | BoundsSection, PlainValidator(_expected)]] = key(
        {}, says="keys of summary.json, each with a value or {min:, max:}"
    )
    trace: Annotated[Level, word(Level)] = key("full", says="full, blocks or summary: how much is recorded")
    sweep: Annotated[dict[str, list[Tree] | dict[str, dict[str, Tree]]], PlainValidator(_sweep)] = key(
        {},
        says="keys as for --set, each with a list of values, and names, each with alternatives that set several keys: "
        "`netsim sweep` runs every combination",
    )
    clocks: ClocksSection = key({}, says="each node's own clock, drawn once")
    clients: NotBuilt = None
