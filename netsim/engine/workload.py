"""The clients: an open load of transactions, each due at a time that depends on nothing but the seed.

Time is cut into windows of `workload.batch`. What is due at a node within a window is handed to it together at the
window's end, as one batch; latency counts from the time at which each transaction was due. A window's draws are keyed
by (seed, node, window), so that a process may begin at any window and see the same clients.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from netsim.network import stream
from netsim.node.block import WINDOW_BITS, Batch
from netsim.scenario import Scenario

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Submission:
    """What a node is handed at `time`: a batch, and when each of its transactions was due (ns)."""

    time: int
    window: int
    batch: Batch
    due: tuple[int, ...]


class Workload:
    """The submissions of every node, computed when they are asked for."""

    def __init__(self, scenario: Scenario) -> None:
        load = scenario.workload
        self._seed = scenario.seed
        self._size = load.size
        self._window = load.batch
        self._last = scenario.duration // load.batch - 1  # the last window that ends within the run
        self._poisson = load.arrival == "poisson"
        self._places = {node: place for place, node in enumerate(load.origins)}
        self._rate = load.rate / len(load.origins) / _SECOND if load.origins else 0.0  # per ns and node

    def next(self, node: int, after: int) -> Submission | None:
        """The first submission at a node later than `after` (ns; −1 for the very first), None if there is none."""
        if not self._rate or node not in self._places:
            return None
        window = max(after, 0) // self._window  # it ends later than `after`, and the one before it does not
        while window <= self._last:
            due = self._due(node, window)
            if due:
                time = (window + 1) * self._window
                batch = Batch(node, window << WINDOW_BITS, len(due), self._size)
                return Submission(time, window, batch, tuple(due))
            window += 1
        return None

    def _due(self, node: int, window: int) -> list[int]:
        """When the window's transactions are due, ascending, all within [window, window + 1) · batch."""
        begin = window * self._window
        if not self._poisson:
            period = 1 / self._rate
            phase = (self._places[node] + 0.5) / len(self._places)
            first = max(0, int(begin / period - phase) - 1)
            due = []
            while (time := round((first + phase) * period)) < begin + self._window:
                if time >= begin:
                    due.append(time)
                first += 1
            return due
        draws = stream(self._seed, "workload", node, window)
        due = []
        offset = 0.0
        while (offset := offset - log(1.0 - draws.random()) / self._rate) < self._window:
            due.append(begin + int(offset))
        return due
