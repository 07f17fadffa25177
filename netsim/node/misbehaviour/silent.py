"""Silent: a node that hears everything and says nothing.

Like a crash to the others, but it goes on receiving. It does not pass on what gossip would have it pass on either.
"""

from __future__ import annotations

from collections.abc import Sequence

from netsim.node.message import Message
from netsim.node.misbehaviour.layer import Layer


class Silent(Layer):
    """Sends nothing at all."""

    def send(self, to: int | Sequence[int], message: Message) -> None:
        if not self.active:
            self.world.send(to, message)
