"""Withhold: a node keeps messages of its own from some of the others, or from all.

A leader that withholds its blocks from a few makes them slower than the rest, without anybody being able to prove it:
they might as well have been lost. What others have said it passes on like any node.
"""

from __future__ import annotations

from collections.abc import Sequence

from netsim.node.message import Message
from netsim.node.misbehaviour.layer import Layer


class Withhold(Layer):
    """Its parameters: `what`, the kind of message, or "all"; `from`, the nodes that do not get them (None: all)."""

    def begin(self) -> None:
        self._what: str = self.parameters["what"]
        victims = self.parameters["from"]
        self._victims = frozenset(range(self.nodes) if victims is None else victims)

    def send(self, to: int | Sequence[int], message: Message) -> None:
        if self.active and self.own_of_kind(message, self._what):
            to = [node for node in ((to,) if isinstance(to, int) else to) if node not in self._victims]
            if not to:
                return
        self.world.send(to, message)
