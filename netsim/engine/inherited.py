"""What the processes of an emulation are born with: made once, in the process that they are forked off from.

That process imports `preload` (`multiprocessing`'s forkserver does), before the first fork. A file that the environment
names then holds the scenario, and the plan and the keys made here are every child's own without a word being copied,
until it writes to them. Nothing in here starts a thread or opens a connection.

A fork server outlives the emulation that it was started for. What it has made then fits no other scenario, and the
processes of another one make their own, as they do where anything goes wrong in here: they can tell of it.
"""

from __future__ import annotations

import gc
import os
import pickle
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from netsim.engine.control import Batch, Order
from netsim.engine.layout import Place
from netsim.engine.plan import Plan
from netsim.node.identity import Ed25519
from netsim.scenario import Scenario

VARIABLE = "NETSIM_SCENARIO"  # names the file


@dataclass(frozen=True, slots=True)
class Inheritance:
    """All that depends on the scenario and its layout alone, and on nobody's place in it."""

    plan: Plan
    places: tuple[Place, ...]  # all processes
    identities: Ed25519
    common: bytes  # what it was made from

    @staticmethod
    def of(common: bytes) -> Inheritance:
        """Raises what `Plan` raises."""
        scenario, places = pickle.loads(common)  # from our own run's coordinator
        plan = Plan(scenario)
        identities = Ed25519(scenario.seed)
        identities.know(plan.network.validators)
        return Inheritance(plan, places, identities, common)


def in_common(scenario: Scenario, places: tuple[Place, ...]) -> bytes:
    """What all processes of an emulation are told, packed once for all of them."""
    return pickle.dumps((scenario, places))


def bequeath(scenario: Scenario, common: bytes, folder: Path) -> Path | None:
    """Write down what the process to fork off from is to read; None where children had better make their own.

    Somebody's own protocol is theirs to import: nobody knows what it starts.
    """
    if scenario.consensus.folder is not None:
        return None
    file = folder / "inherited.pickle"
    file.write_bytes(common)
    return file


def inherit(common: bytes) -> Inheritance:
    """What there is for this scenario and layout, or is made now."""
    for found in _left:
        if found.common == common:
            return found
    return Inheritance.of(common)


def prepare() -> None:
    """In the process to fork off from: make what its children inherit, if it was told for which scenario."""
    name = os.environ.pop(VARIABLE, None)
    if name is not None:
        with suppress(Exception):  # whoever needs it will meet it again, and say so
            left = Inheritance.of(Path(name).read_bytes())
            left.plan.network.prepare()
            _ = left.plan.kit
            _left.append(left)
    for kind in (Order, Batch):  # what a decoder finds out about its type is kept with the type
        msgspec.msgpack.Decoder(kind)
    # Looking for garbage writes to every object there is, and a page that is written to is copied.
    gc.collect()
    gc.freeze()


_left: list[Inheritance] = []  # at most one
