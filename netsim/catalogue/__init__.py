"""The one registry: every name that a scenario may use, what implements it, and the parameters that it declares.

Nothing is imported here until it is asked for by `load`, so that listing and validating stay fast and every room
stays ignorant of the others. A new protocol, gossip strategy, access profile or topology is one new file in its
room and one `Entry` below.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from netsim.catalogue import own
from netsim.catalogue.brokers import BROKERS
from netsim.catalogue.entry import KINDS, Entry, Kind, Parameter, Preset, Unit
from netsim.catalogue.faults import FAULTS
from netsim.catalogue.gossip import GOSSIP
from netsim.catalogue.links import ACCESS, BACKBONES, DISTRIBUTIONS, TRANSPORTS
from netsim.catalogue.misbehaviour import MISBEHAVIOUR
from netsim.catalogue.protocols import PROTOCOLS
from netsim.catalogue.topologies import TOPOLOGIES

__all__ = ["ENTRIES", "KINDS", "Catalogue", "Entry", "Kind", "Parameter", "Preset", "Unit", "entries", "find", "load"]

ENTRIES: tuple[Entry, ...] = (
    *PROTOCOLS,
    *GOSSIP,
    *ACCESS,
    *BACKBONES,
    *TOPOLOGIES,
    *FAULTS,
    *MISBEHAVIOUR,
    *TRANSPORTS,
    *BROKERS,
    *DISTRIBUTIONS,
)


class Catalogue(Protocol):
    """What a room sees that is handed a catalogue. This module is one."""

    def entries(self, kind: Kind) -> Iterator[Entry]:
        """The entries of one kind, planned ones included."""

    def find(self, kind: Kind, name: str, folder: Path | None = None) -> Entry | None:
        """The entry of that kind and name, or None; `folder`: where a protocol that is a file is looked for."""

    def load(self, entry: Entry) -> Any:
        """What implements an entry."""


def entries(kind: Kind) -> Iterator[Entry]:
    """The entries of one kind in the order of their declaration, planned ones included; then those of packages."""
    yield from (entry for entry in ENTRIES if entry.kind == kind)
    if kind == "protocols":
        yield from own.points()


def find(kind: Kind, name: str, folder: Path | None = None) -> Entry | None:
    """The entry of that kind and name, or None.

    A protocol may be "module:Class" or "file.py:Class", the file being looked for from `folder` on (the working
    directory by default). Raises `own.OwnProtocolError`, a ValueError, where such a one cannot be used.
    """
    if kind == "protocols" and ":" in name:
        return own.entry(name, folder or Path())
    return next((entry for entry in entries(kind) if entry.name == name), None)


def load(entry: Entry) -> Any:
    """Import what implements an entry. Raises LookupError where it is only planned."""
    if entry.target is None:
        raise LookupError(f"{entry.kind} {entry.name!r} is not built yet")
    module, attribute = entry.target.split(":")
    return getattr(import_module(module), attribute)
