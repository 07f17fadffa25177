"""Delay: a node says what it has to say later.

Just below the others' time-outs this costs them most: a leader is slow and never slow enough to be replaced (Amir et
al., Byzantine Replication under Attack, DSN 2008). A crash loses what is still held back.
"""

from __future__ import annotations

from collections.abc import Sequence

from netsim.node.message import Message
from netsim.node.misbehaviour.layer import Layer

_OURS = "held back "  # how the timers' names begin


class Delay(Layer):
    """Its parameters: `by`, ns; `what`, the kind of message, or "all"."""

    def begin(self) -> None:
        self._by: int = self.parameters["by"]
        self._what: str = self.parameters["what"]
        self._held: dict[str, tuple[int | Sequence[int], Message]] = {}  # by the timer's name
        self._count = 0

    def send(self, to: int | Sequence[int], message: Message) -> None:
        if not self.active or not self.own_of_kind(message, self._what):
            self.world.send(to, message)
            return
        self._count += 1
        name = f"{_OURS}{self._count}"
        self._held[name] = to, message
        self.world.set_timer(name, self._by)

    def on_timer(self, name: str) -> None:
        if name in self._held:
            self.world.send(*self._held.pop(name))
        else:
            self.inside.on_timer(name)
