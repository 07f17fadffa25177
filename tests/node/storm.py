"""Random weather over a network that runs by itself: delays, messages that overtake, loss, copies, crashes, partitions.

Unlike `chaos` it keeps time: for protocols whose clocks matter, such as those that make blocks when they are due.
"""

from __future__ import annotations

from random import Random
from typing import Any

from netsim.node.participant import Settings
from netsim.testing import MS, Envelope, Network


class Storm(Network):
    """A network and its weather; `rage` for a while, then `calm`."""

    def __init__(self, seed: int, nodes: int, settings: Settings, **options: Any) -> None:
        super().__init__(nodes, settings, **options)
        self.random = random = Random(seed)
        slowest = random.choice((20, 200, 1000)) * MS
        self.delay = lambda source, target: random.randrange(1, slowest)
        self.loss = random.choice((0.0, 0.02, 0.2))
        self.doubling = random.choice((0.0, 0.1))
        self.crashes = random.choice((0.0, 0.0, 0.2, 0.5))
        self.start()

    def deliver(self, envelope: Envelope) -> bool:
        if self.random.random() < self.loss:
            return False
        if self.random.random() < self.doubling:
            self.post(envelope.source, envelope.target, envelope.message)
        return super().deliver(envelope)

    def rage(self, steps: int, pause: int) -> None:
        """So many random events, and after each a random time of up to `pause` ns."""
        random = self.random
        for _ in range(steps):
            choice = random.random()
            if choice < self.crashes:
                node = random.randrange(self.nodes)
                if self.places[node].participant is None:
                    self.restart(node)
                else:
                    self.crash(node)
            elif choice < self.crashes + 0.1:
                self.groups = [] if self.groups else self._partition()
            else:
                self.submit(random.randrange(self.nodes), random.randint(1, 5))
            self.run(random.randrange(pause))

    def calm(self) -> None:
        """The weather clears: nobody is down, nothing is lost, and a message takes 5 ms."""
        self.groups = []
        self.loss = self.doubling = 0.0
        self.delay = lambda source, target: 5 * MS
        for place in self.places:
            if place.participant is None:
                self.restart(place.place)

    def _partition(self) -> list[frozenset[int]]:
        group = frozenset(self.random.sample(range(self.nodes), self.random.randint(1, self.nodes - 1)))
        return [group, frozenset(range(self.nodes)) - group]
