"""What a gossip strategy is to the participant that runs it, and what it sees of the participant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any, ClassVar, Protocol

from netsim.node.block import Batch
from netsim.node.gossip.bulk import Bulk
from netsim.node.message import Control, Message, MessageKind


class Host(Protocol):
    """All that a strategy sees. It is one kind of message's, so its timers and its topic are that kind's own."""

    me: int
    nodes: int
    validators: Sequence[int]  # ascending
    rng: Random
    kind: MessageKind
    topic: int  # the kind as a number, for `Control`

    @property
    def now(self) -> int:
        """Integer nanoseconds on this node's clock."""

    @property
    def peers(self) -> Sequence[int]:
        """The overlay's neighbours of this node, in the order in which copies are sent."""

    def send(self, to: int | Sequence[int], message: Message) -> None:
        """Send one message to one node or to several; never to oneself."""

    def set_timer(self, name: str, delay: int) -> None:
        """Call the strategy's `on_timer(name)` in `delay` ns (at least 1); replaces a timer of the same name."""

    def cancel_timer(self, name: str) -> None:
        """Forget a timer; one that is not set is no error."""

    def accept(self, sender: int, message: Message) -> None:
        """Treat a message that came within a control message, or was put together, like one that has arrived."""

    def missing(self, batches: Iterable[Batch]) -> tuple[Batch, ...]:
        """Those of the batches of which this node does not have all transactions."""

    def duplicate(self, message: Message) -> None:
        """Count a control message that brought what has been here before."""

    def decode(self, data: bytes) -> Message | None:
        """A message that was carried as bytes; None (and counted) where it is malformed."""

    def reject(self, reason: str) -> None:
        """Count a message that was dropped because it is malformed, forged or foreign."""


class Strategy:
    """One node's way to spread messages of one kind. The base class does nothing.

    What arrives and is no control message goes through the participant: `seen` decides whether it is news; if it is
    not, it is counted and `repeated` is told; if it is, its signature is checked and then `relay` is called, before
    the protocol handles it.
    """

    relays: ClassVar[bool] = True  # False: what arrives is for this node alone; neither `seen` nor `relay` is called
    messages: ClassVar[tuple[type[Control], ...]] = ()  # what strategies of this kind say to each other
    bulk: ClassVar[type[Bulk] | None] = None  # how a broadcast spreads as a whole, where it can be told; not inherited

    def __init__(self, host: Host, parameters: Mapping[str, Any]) -> None:
        """`parameters`: the declared keys of the strategy (durations in ns, sizes in bytes, shares of 1)."""
        self.host = host

    def start(self) -> None:
        """The node begins, for the first time or after a crash: set timers, greet neighbours."""

    def broadcast(self, message: Message) -> None:
        """Bring this node's own message to every other."""
        raise NotImplementedError

    def seen(self, message: Message) -> bool:
        """Whether a message has been here before: broadcast, relayed, or accepted."""
        return False

    def repeated(self, sender: int, message: Message) -> None:
        """A message arrived that has been here before, or is this node's own from before a crash."""

    def relay(self, sender: int, message: Message) -> None:
        """A message arrived for the first time, genuine as far as this node can tell: pass it on."""

    def passed(self, message: Message) -> None:
        """A message has spread as a whole, by the `bulk` form: this node has it, and all is at rest."""

    def on_control(self, sender: int, message: Control) -> None:
        """A control message of one of the declared types and of this strategy's topic."""

    def on_timer(self, name: str) -> None:
        """A timer of this strategy is due."""

    def on_peers(self) -> None:
        """The overlay's neighbours of this node have changed."""
