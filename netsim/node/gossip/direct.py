"""Direct: the author sends one copy to every other node, validators first, whatever the overlay.

n − 1 messages, one delay. Followers are among them, for they must hear the votes to know that a block is final. Nobody
relays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from netsim.node.gossip.strategy import Host, Strategy
from netsim.node.message import Message


class Direct(Strategy):
    """One copy to every other node from the author itself."""

    relays: ClassVar[bool] = False

    def __init__(self, host: Host, parameters: Mapping[str, Any]) -> None:
        super().__init__(host, parameters)
        validators = set(host.validators)
        others = (node for node in range(host.nodes) if node != host.me)
        self._others = tuple(sorted(others, key=lambda node: (node not in validators, node)))

    def broadcast(self, message: Message) -> None:
        if self._others:
            self.host.send(self._others, message)
