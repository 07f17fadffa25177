"""Random schedules: everything that a network, a clock and f Byzantine nodes may do to a protocol."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify
from random import Random

from netsim.node.participant import Choice
from netsim.testing import MS, Network, settings, strategy


class Chaos:
    """A network under a random schedule. Byzantine nodes are silent, or twins: the same identity at two places, each of
    which hears and does different things, so that together they equivocate in every phase."""

    def __init__(
        self,
        seed: int,
        *,
        nodes: int = 0,
        quorum: int = 0,
        forgets: tuple[str, ...] = (),
        gossip: Choice | None = None,
    ) -> None:
        """`forgets`: keys that a broken replica fails to persist. `gossip`: direct or flood where it is not given."""
        self.random = random = Random(seed)
        self.nodes = nodes or random.randint(4, 7)
        byzantine = random.sample(range(self.nodes), random.randint(0, (self.nodes - 1) // 3))
        silent = [node for node in byzantine if random.random() < 0.3]
        self.correct = [node for node in range(self.nodes) if node not in byzantine]
        self.network = Network(
            self.nodes,
            settings(
                gossip=gossip or (strategy("flood") if random.random() < 0.3 else strategy("direct")),
                block_interval=random.choice((0, 0, 100)) * MS,
                window=random.choice((1, 2, 4)),
                checkpoint=random.choice((1, 2, 5, 100)),
                quorum=quorum,
            ),
            twins=[node for node in byzantine if node not in silent],
            forgets=forgets,
        )
        self.loss = random.choice((0.0, 0.02, 0.1))
        self.doubling = random.choice((0.0, 0.05))
        self.crashes = random.choice((0.0, 0.0, 0.005, 0.02))
        self.ticks = random.choice((0.01, 0.03, 0.1))
        self.ordered = random.random() < 0.4
        self.network.start()
        for node in silent:
            self.network.crash(node)

    def run(self, steps: int) -> None:
        """So many random events. Raises AssertionError as soon as two correct nodes disagree."""
        for _ in range(steps):
            self._step()
            self.network.check_agreement(self.correct)

    def calm(self) -> None:
        """The chaos ends: Byzantine nodes are silent, all others up, and every message arrives after 5 ms."""
        network = self.network
        network.groups = []
        for place in network.places:
            if place.place not in self.correct:
                network.crash(place.place)
            elif place.participant is None:
                network.restart(place.place)
        network.delay = lambda source, target: 5 * MS
        for envelope in network.queue:
            envelope.due = network.now
        heapify(network.queue)
        network.run(500 * MS)

    def heights(self) -> list[int]:
        """How many blocks are final at each correct node."""
        return [len(self.network.places[node].final) for node in self.correct]

    def _step(self) -> None:
        random, network = self.random, self.network
        choice = random.random()
        if choice < self.ticks or not network.queue:
            self._tick()
        elif choice < self.ticks + 0.02:
            network.submit(random.choice(self.correct), random.randint(1, 5))
        elif choice < self.ticks + 0.02 + self.crashes:
            node = random.choice(self.correct)
            if network.places[node].participant is None:
                network.restart(node)
            else:
                network.crash(node)
        elif choice < self.ticks + 0.0215 + self.crashes:
            network.groups = [] if network.groups else self._partition(range(self.nodes))
        else:
            self._deliver()

    def _tick(self) -> None:
        """A timer is due: the next, or one at a node whose clock runs far ahead."""
        random, network = self.random, self.network
        timer = network.next_timer()
        if timer is None or random.random() < 0.2:
            network.submit(random.choice(self.correct), random.randint(1, 5))
        elif random.random() < 0.3:
            place = random.choice([place for place in network.places if place.timers])
            network.ring(place, random.choice(sorted(place.timers)))
        else:
            network.now = max(network.now, timer[0])
            network.ring(timer[2], timer[3])

    def _deliver(self) -> None:
        random, network = self.random, self.network
        queue = network.queue
        if self.ordered:
            place = min(range(len(queue)), key=lambda place: queue[place].order)
        else:
            place = random.randrange(len(queue))
        queue[place], queue[-1] = queue[-1], queue[place]
        envelope = queue.pop()
        if random.random() >= self.loss:
            if random.random() < self.doubling:
                network.post(envelope.source, envelope.target, envelope.message)
            network.deliver(envelope)

    def _partition(self, nodes: Sequence[int]) -> list[frozenset[int]]:
        group = frozenset(self.random.sample(nodes, self.random.randint(1, len(nodes) - 1)))
        return [group, frozenset(nodes) - group]
