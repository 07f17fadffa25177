"""SimBlock's Bitcoin of 2019 in miniature: an independent program with the same rules, to compare with.

Aoki, Otsuki, Kaneko, Banno and Shudo, "SimBlock: A blockchain network simulator", CryBlock 2019, with the settings of
its repository (dsg-titech/simblock) for 2019 and legacy relay:

* each node opens links to others drawn at random, as many as the degree distribution says; a link serves both ways;
* whoever has a new block announces it to all neighbours: latency + 10 ms, without size;
* a node asks the first that announces it, once: latency + 10 ms, without size;
* a sender sends one block at a time, in the order of the requests, and starts the next when the previous one has
  arrived: latency + size / bandwidth + 2 ms, the bandwidth being the lesser of its upload and the receiver's download;
* the latency of each message is round(Pareto) with a scale of m − 5 ms and a mean of m, the mean between two regions.

Nothing of netsim is used here. The blocks of one network do not meet each other: they are 600 s apart.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import accumulate
from random import Random

SITES = ("north-america", "europe", "south-america", "asia-pacific", "japan", "australia")
SHARES = (0.3316, 0.4998, 0.0090, 0.1177, 0.0224, 0.0195)
LATENCY_MS = (
    (32, 124, 184, 198, 151, 189),
    (124, 11, 227, 237, 252, 294),
    (184, 227, 88, 325, 301, 322),
    (198, 237, 325, 85, 58, 198),
    (151, 252, 301, 58, 12, 126),
    (189, 294, 322, 198, 126, 16),
)
DOWNLOAD_MBPS = (52.0, 40.0, 18.0, 22.8, 22.8, 29.9)
UPLOAD_MBPS = (19.2, 20.7, 5.8, 15.7, 10.2, 11.3)
DEGREES = (  # shares of nodes that open at most 1, 2, … 20 links
    *(0.025, 0.05, 0.075, 0.10, 0.20, 0.30, 0.40, 0.50, 0.60, 0.70),
    *(0.80, 0.85, 0.90, 0.95, 0.97, 0.97, 0.98, 0.99, 0.995, 1.0),
)
BLOCK_BYTES = 535_000
SMALL_MS, PROCESSING_MS = 10.0, 2.0

_ANNOUNCE, _REQUEST, _BLOCK = range(3)
Neighbours = list[list[int]]


def quotas(shares: tuple[float, ...], nodes: int, rng: Random) -> list[int]:
    """An index for each node: as many of each as its share says, in random order."""
    drawn: list[int] = []
    for index, share in enumerate(accumulate(shares)):
        while len(drawn) < nodes * share and len(drawn) < nodes:
            drawn.append(index)
    drawn += [len(shares) - 1] * (nodes - len(drawn))
    rng.shuffle(drawn)
    return drawn


class Miniature:
    """One network. Times are in ms."""

    def __init__(self, rng: Random, region: list[int], neighbours: Neighbours) -> None:
        self.rng = rng
        self.nodes = len(region)
        self.region = region
        self.neighbours = neighbours
        self.hash_power = [max(1.0, rng.gauss(400_000, 100_000)) for _ in region]

    @classmethod
    def drawn(cls, seed: int, nodes: int = 1000) -> Miniature:
        """A network as SimBlock draws it."""
        rng = Random(seed)
        region = quotas(SHARES, nodes, rng)
        steps = tuple(high - low for low, high in zip((0.0, *DEGREES), DEGREES, strict=False))
        neighbours: Neighbours = [[] for _ in range(nodes)]
        for node, index in enumerate(quotas(steps, nodes, rng)):
            wanted = index + 1
            candidates = list(range(nodes))
            rng.shuffle(candidates)
            for other in candidates:
                if not wanted:
                    break
                if other != node and other not in neighbours[node]:
                    neighbours[node].append(other)
                    neighbours[other].append(node)
                    wanted -= 1
        return cls(rng, region, neighbours)

    def latency(self, source: int, target: int) -> float:
        """What one message takes."""
        mean = LATENCY_MS[self.region[source]][self.region[target]]
        drawn: float = (mean - 5) / self.rng.random() ** (1 / (0.2 * mean))
        return round(drawn)

    def transfer(self, source: int, target: int) -> float:
        """Block's size by the bandwidth."""
        mbps = min(UPLOAD_MBPS[self.region[source]], DOWNLOAD_MBPS[self.region[target]])
        return BLOCK_BYTES * 8 // (mbps * 1000)

    def miner(self) -> int:
        """Who finds the next block: drawn by hash power."""
        (found,) = self.rng.choices(range(self.nodes), self.hash_power)
        return found

    def block(self, miner: int) -> list[float]:
        """One block: when each node that ever gets it does so, in ascending order."""
        events: list[tuple[float, int, int, int, int]] = []  # (time, number, kind, source, target)
        number = 0
        asked = [False] * self.nodes
        reached: list[float] = []
        waiting: list[list[int]] = [[] for _ in range(self.nodes)]
        sending = [False] * self.nodes

        def say(time: float, kind: int, source: int, target: int) -> None:
            nonlocal number
            number += 1
            heappush(events, (time + self.latency(source, target), number, kind, source, target))

        def send_next(time: float, source: int) -> None:
            sending[source] = bool(waiting[source])
            if waiting[source]:
                target = waiting[source].pop(0)
                say(time + self.transfer(source, target) + PROCESSING_MS, _BLOCK, source, target)

        def have(time: float, node: int) -> None:
            reached.append(time)
            for neighbour in self.neighbours[node]:
                say(time + SMALL_MS, _ANNOUNCE, node, neighbour)

        asked[miner] = True
        have(0.0, miner)
        while events:
            time, _, kind, source, target = heappop(events)
            if kind == _ANNOUNCE and not asked[target]:
                asked[target] = True
                say(time + SMALL_MS, _REQUEST, target, source)
            elif kind == _REQUEST:
                waiting[target].append(source)
                if not sending[target]:
                    send_next(time, target)
            elif kind == _BLOCK:
                send_next(time, source)
                have(time, target)
        return reached


def figures(seed: int, nodes: int = 1000, blocks: int = 100) -> tuple[float, float, float]:
    """The mean over blocks of the time until 50, 90 and 100 % of the nodes have it, in ms, in one network."""
    network = Miniature.drawn(seed, nodes)
    p50, p90, last = until([network.block(network.miner()) for _ in range(blocks)], nodes)
    return p50, p90, last


def until(reached: list[list[float]], nodes: int) -> list[float]:
    """The mean over blocks of the time until 50, 90 and 100 % of the nodes have them; those that all get count."""
    half, most = -(-nodes // 2) - 1, -(-nodes * 9 // 10) - 1
    totals = [(times[half], times[most], times[-1]) for times in reached if len(times) == nodes]
    return [sum(column) / len(totals) for column in zip(*totals, strict=True)]
