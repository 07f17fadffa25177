"""How a message reaches every node. A scenario chooses one strategy for each kind of message.

Direct
    The author sends one copy to every other node, validators first, whatever the overlay: n − 1 messages, one delay.
    Followers are among them, for they must hear the votes to know that a block is final. Nobody relays.

Flood
    The author sends a copy to each of its neighbours in the overlay; on first receipt a node forwards at once to all
    its neighbours but the one that it came from. Every copy is sent along every edge at most once per direction, so
    that a broadcast over a connected graph of N nodes and E edges costs exactly 2E − (N − 1) messages, and arrives
    everywhere along the shortest path in time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from netsim.node.context import World
from netsim.node.message import Message


class Gossip(Protocol):
    """A strategy of one node. The participant checks a message's signature between `seen` and `relay`."""

    relays: ClassVar[bool]  # False: what arrives is for this node alone, and neither `seen` nor `relay` is called

    def __init__(self, world: World, parameters: Mapping[str, Any]) -> None:
        """`parameters`: the declared keys of the strategy."""

    def broadcast(self, message: Message) -> None:
        """Bring this node's own message to every other."""

    def seen(self, message: Message) -> bool:
        """Whether a message is a duplicate of one that was broadcast or relayed here."""

    def relay(self, sender: int, message: Message) -> None:
        """Pass on a message that arrived for the first time, genuine as far as this node can tell."""


class Direct:
    """One copy to every other node from the author itself."""

    relays: ClassVar[bool] = False

    def __init__(self, world: World, parameters: Mapping[str, Any]) -> None:
        validators = set(world.validators)
        others = (node for node in range(world.nodes) if node != world.me)
        self._others = tuple(sorted(others, key=lambda node: (node not in validators, node)))
        self._send = world.send

    def broadcast(self, message: Message) -> None:
        if self._others:
            self._send(self._others, message)

    def seen(self, message: Message) -> bool:
        return False

    def relay(self, sender: int, message: Message) -> None:
        """Nobody relays."""


class Flood:
    """Copies along every edge of the overlay.

    Duplicates are recognised by their digest. Two generations bound the memory: when the younger is full, the older
    is forgotten, so that a message is known for at least `memory` further ones.
    """

    relays: ClassVar[bool] = True

    def __init__(self, world: World, parameters: Mapping[str, Any]) -> None:
        """`memory`: how many messages one generation holds (16384)."""
        self._limit: int = parameters.get("memory", 1 << 14)
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()
        self._send = world.send
        self._peers = tuple(world.peers)
        self._peers_but = {sender: tuple(peer for peer in self._peers if peer != sender) for sender in self._peers}

    def broadcast(self, message: Message) -> None:
        self._remember(message)
        if self._peers:
            self._send(self._peers, message)

    def seen(self, message: Message) -> bool:
        return message.digest in self._young or message.digest in self._old

    def relay(self, sender: int, message: Message) -> None:
        self._remember(message)
        onward = self._peers_but.get(sender, self._peers)  # one that is no neighbour sent it to this node alone
        if onward:
            self._send(onward, message)

    def _remember(self, message: Message) -> None:
        if len(self._young) >= self._limit:
            self._old, self._young = self._young, set()
        self._young.add(message.digest)
