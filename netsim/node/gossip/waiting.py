"""Things that all wait for the same time, with one timer for all of them."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from netsim.node.gossip.strategy import Host

T = TypeVar("T")


class Waiting(Generic[T]):
    """A line in which everything waits `delay` ns. Its owner calls `due` when the timer `name` rings."""

    def __init__(self, host: Host, name: str, delay: int) -> None:
        self.name = name
        self._host = host
        self._delay = max(delay, 1)
        self._line: deque[tuple[int, T]] = deque()

    def add(self, item: T) -> None:
        """Let something wait from now on."""
        if not self._line:
            self._host.set_timer(self.name, self._delay)
        self._line.append((self._host.now + self._delay, item))

    def due(self) -> list[T]:
        """What has waited long enough, in the order in which it came."""
        line, now = self._line, self._host.now
        ready = []
        while line and line[0][0] <= now:
            ready.append(line.popleft()[1])
        if line:
            self._host.set_timer(self.name, line[0][0] - now)
        return ready
