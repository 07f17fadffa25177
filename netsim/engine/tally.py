"""What a run has reached so far, for who watches it: blocks final, and how fast in each city."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from netsim.engine.plan import Plan

_WINDOW = 50  # the last finalisations of a city that its running median is taken over


class Tally:
    """Counts proposals and finalisations as they are reported, in whatever order they come."""

    def __init__(self, plan: Plan) -> None:
        network = plan.network
        self.sites = list(network.sites)
        self._site = list(network.node_sites)
        self._proposed: dict[int, int] = {}
        self._waiting: dict[int, list[tuple[int, int]]] = {}  # finalisations told before their proposal
        self._final: set[int] = set()
        self._latencies: list[list[int]] = [[] for _ in self.sites]

    def add(self, news: Iterable[tuple[bool, int, int, int]]) -> None:
        """Take in (proposed or final, node, short block id, time in ns)."""
        for proposal, node, block, time in news:
            if proposal:
                self._proposed.setdefault(block, time)
                for place, at in self._waiting.pop(block, ()):
                    self._measure(place, at - self._proposed[block])
            else:
                self._final.add(block)
                if block in self._proposed:
                    self._measure(node, time - self._proposed[block])
                else:
                    self._waiting.setdefault(block, []).append((node, time))

    def _measure(self, node: int, latency: int) -> None:
        latencies = self._latencies[self._site[node]]
        latencies.append(latency)
        del latencies[:-_WINDOW]

    @property
    def blocks_final(self) -> int:
        """Blocks that are final at one node at least."""
        return len(self._final)

    def by_site(self) -> dict[str, float]:
        """Running median finality of each city that has any, in ms."""
        return {
            site: median(latencies) / 1e6
            for site, latencies in zip(self.sites, self._latencies, strict=True)
            if latencies
        }
