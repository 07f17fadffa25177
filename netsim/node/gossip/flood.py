"""Flood: copies along every edge of the overlay.

The author sends a copy to each of its neighbours; on first receipt a node forwards at once to all its neighbours but
the one that it came from. A copy goes along every edge at most once per direction, so that a broadcast over a connected
graph of N nodes and E edges costs exactly 2E − (N − 1) messages, and arrives everywhere along the shortest path in
time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netsim.node.gossip.memory import MEMORY, Memory
from netsim.node.gossip.strategy import Host, Strategy
from netsim.node.message import Message


class Flood(Strategy):
    """Forwards what is new to all neighbours but the one that it came from."""

    def __init__(self, host: Host, parameters: Mapping[str, Any]) -> None:
        """`memory`: how many messages are surely remembered (16384)."""
        super().__init__(host, parameters)
        self._known = Memory(parameters.get("memory", MEMORY))
        self._send = host.send
        self.on_peers()

    def on_peers(self) -> None:
        self._peers = tuple(self.host.peers)
        self._peers_but: dict[int, tuple[int, ...]] = {}  # by sender, made when one first sends something new

    def broadcast(self, message: Message) -> None:
        self._known.add(message)
        if self._peers:
            self._send(self._peers, message)

    def seen(self, message: Message) -> bool:
        return message.digest in self._known

    def relay(self, sender: int, message: Message) -> None:
        self._known.add(message)
        onward = self._peers_but.get(sender)
        if onward is None:
            onward = self._peers_but[sender] = tuple(peer for peer in self._peers if peer != sender)
        if onward:
            self._send(onward, message)
