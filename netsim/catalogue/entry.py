"""What an entry of the registry is: a name of the scenario language, what implements it, its declared parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "protocols",
    "gossip",
    "access",
    "backbones",
    "topologies",
    "faults",
    "misbehaviour",
    "transports",
    "brokers",
    "distributions",
]
KINDS: tuple[Kind, ...] = (
    "protocols",
    "gossip",
    "access",
    "backbones",
    "topologies",
    "faults",
    "misbehaviour",
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
    "weight",
    "integer",
    "number",
    "choice",
    "text",
    "points",
    "counts",
    "pairs",
    "nodes",
]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key that an entry understands: its type, its default as a scenario would write it, and a sentence.

    `points` is a mapping from shares to durations; `counts` an integer, or a mapping from integers to shares; `pairs` a
    list of pairs of nodes; `nodes` a list of nodes or sites; `weight` a plain number that is kept in millionths.
    `choices` are all that a choice may be; with any other unit they are words that may stand in place of the quantity
    (`auto`, `none`).
    """

    name: str
    unit: Unit
    default: str | None  # None: must be given
    says: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None  # in the unit's base (ns, bytes, bit/s, share of 1, per second)
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """Values, by name, that take the place of an entry's defaults where a scenario names the preset."""

    name: str
    values: tuple[tuple[str, str], ...]
    says: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A name of the scenario language. `target` is "module:attribute"; an entry without one is planned, not built."""

    kind: Kind
    name: str
    says: str
    target: str | None = None
    parameters: tuple[Parameter, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()  # what `netsim list` prints besides: finality, delays, tolerance, source
    presets: tuple[Preset, ...] = ()
    depth: str | None = None  # of a protocol with probabilistic finality: the default of `finality: {depth: …}`
    weighs: Literal["hash_rate", "stake"] | None = None  # of a protocol that knows weights: the key that gives them
    byzantine: bool = True  # of a protocol: whether any ⌊(n − 1) / 3⌋ validators may do whatever they please

    @property
    def built(self) -> bool:
        return self.target is not None
