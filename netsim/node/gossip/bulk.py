"""A broadcast as a whole: what a strategy may declare of itself, so that no event per copy is needed.

Where links hold no state and nothing else happens while a message spreads, everything about it follows from the delays
of its copies: who learns it when and from whom, and what each node sends, receives and has repeated. A strategy's bulk
form computes that. It must be what the strategy does event by event, to the nanosecond and to the sequence number: the
engine may take the one for the other whenever it likes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from netsim.node.message import Message

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEVER = 1 << 62  # the time at which a message reaches whom it does not reach


class Links(Protocol):
    """The overlay's edges, one for each direction; those towards a node are in the order of their senders."""

    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    back: NDArray[np.int64]  # by edge, the one of the other direction
    degrees: NDArray[np.int64]  # by node, how many edges lead to it, and as many from it
    serial: NDArray[np.bool_]  # by node, whether it sends one block at a time; a block has
    packet: int  # more bytes than this

    def at_targets(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """By edge, what the node that it leads to has."""

    def least(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """By node, the least of what the edges towards it have; NEVER where there are none."""

    def count(self, edges: NDArray[np.bool_]) -> NDArray[np.int64]:
        """By node, how many of the edges towards it are among these."""

    def delays(self, numbers: NDArray[np.int64], size: int) -> NDArray[np.int64]:
        """What a copy of so many bytes takes along each edge (ns). `numbers`, by node: which message of its it is."""

    def delays_along(self, edges: NDArray[np.int64], numbers: NDArray[np.int64], size: int) -> NDArray[np.int64]:
        """The same along these edges; `numbers`, by edge: which message of its sender it is."""


@dataclass(slots=True)
class Traffic:
    """Copies of one type and size, by node."""

    tag: int
    size: int  # bytes
    sent: NDArray[np.int64]
    delivered: NDArray[np.int64]
    repeated: NDArray[np.int64]


@dataclass(slots=True)
class Spread:
    """What becomes of a broadcast. Arrays are by node; `times` is NEVER for who is not reached."""

    times: NDArray[np.int64]  # when it is taken up, ns; at the origin when it is sent
    senders: NDArray[np.int64]  # who it came from, −1 at the origin
    used: NDArray[np.int64]  # sequence numbers
    traffic: list[Traffic]
    end: int  # when the last copy has arrived and the last timer that matters has rung, ns


class Bulk(ABC):
    """The bulk form of a strategy."""

    def __init__(self, parameters: Mapping[str, Any], topic: int) -> None:
        """The strategy's parameters, and the number of its kind of message."""
        self.parameters = parameters
        self.topic = topic

    def possible(self, links: Links, free: bool) -> bool:
        """Whether it can tell, with these links. `free`: no work of a node costs time."""
        return not links.serial.any()

    @abstractmethod
    def spread(
        self, links: Links, origin: int, at: int, message: Message, sequences: NDArray[np.int64], verify: int
    ) -> Spread | None:
        """Spread a message that `origin` broadcasts at `at` (ns), while nothing else happens; None: it cannot be told.

        `sequences`: each node's next sequence number; `verify`: what checking the message's signature costs (ns)."""
