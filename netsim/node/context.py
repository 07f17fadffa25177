"""All that a node sees of the world.

An engine hands a `World` to each participant; the participant adds its gossip layer and hands a `Context` to its
protocol. Whatever implements them, the node code neither awaits, nor reads a clock, nor opens a socket: it is called
with a message, a timer or transactions, and answers by calling back here.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Protocol

from netsim.node.block import Block
from netsim.node.message import Message, Signed


class World(Protocol):
    """What an engine gives to a participant. Nodes are numbered 0 … n−1 in the order of the scenario."""

    me: int
    nodes: int  # how many nodes there are
    validators: Sequence[int]  # ascending
    weights: Sequence[int]  # of all nodes, by number: hash rate or stake, in millionths; all the same by default
    rng: Random  # this node's own seeded stream

    @property
    def peers(self) -> Sequence[int]:
        """The overlay's neighbours of this node at present, in the order in which copies are sent."""

    @property
    def now(self) -> int:
        """Integer nanoseconds on this node's clock: the logical time of the event that is being handled."""

    def send(self, to: int | Sequence[int], message: Message) -> None:
        """Send one message to one node or to several; it departs at `now` plus the work charged so far.

        Sending to oneself is an error: what a node tells itself is a call.
        """

    def set_timer(self, name: str, delay: int) -> None:
        """Call `on_timer(name)` in `delay` ns (at least 1); replaces a timer of the same name."""

    def cancel_timer(self, name: str) -> None:
        """Forget a timer; one that is not set is no error."""

    def sign(self, digest: bytes) -> bytes:
        """Sign as this node (64 bytes), charged at the scenario's price."""

    def verify(self, node: int, digest: bytes, signature: bytes) -> bool:
        """Whether `node` signed `digest`, charged at the scenario's price."""

    def work(self, execute: int) -> None:
        """Charge the execution of that many transactions; what is sent later leaves later."""

    def persist(self, key: str, value: bytes) -> None:
        """Write a value that survives a crash; nothing else does."""

    def restore(self, key: str) -> bytes | None:
        """What was last persisted under a key, also before a crash."""

    def received(self, message: Message) -> None:
        """A message of the kind `blocks` is here in full for the first time, genuine as far as this node can tell."""

    def duplicate(self, message: Message) -> None:
        """Count a message that has been here before."""

    def evidence(self, first: Signed, second: Signed) -> None:
        """Two messages by one author that contradict each other: see `Signed.slot`. Protocols need not call it."""

    def proposed(self, block: Block) -> None:
        """This node proposes a block now: finality is measured from here."""

    def finalise(self, block: Block) -> None:
        """A block is final at this node now."""

    def record(
        self, kind: str, *, block: bytes = b"", height: int = -1, round: int = -1, peer: int = -1, detail: int = 0
    ) -> None:
        """Put a row into the trace. `kind` is one of those that the protocol declares in `records`."""

    def reject(self, reason: str) -> None:
        """Count a message that was dropped because it is malformed, forged or foreign."""


class Context(World, Protocol):
    """What a protocol sees: the world, and a broadcast through the scenario's gossip layer."""

    def broadcast(self, message: Message) -> None:
        """Bring a message to every other node by the gossip strategy chosen for its kind."""
