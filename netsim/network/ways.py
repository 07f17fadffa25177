"""What the links between sites give: one-way delays of isolated messages, sampled over the whole of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from netsim.network.draws import draw, draw_array, key
from netsim.network.network import Network
from netsim.scenario.model import Link, Scenario

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLES = 2000  # of each way: twice what a p99 needs
MOST_SITES = 6  # 36 ways; more would neither be read nor drawn in a few seconds
_PAIRS = 50  # of nodes for each way: spikes, handovers and phases are a node's own
_DAY = 24 * 3600 * 10**9


@dataclass(frozen=True, slots=True)
class Way:
    """From any node of one site to any of another, or of the same.

    `access` are the profiles of the nodes at either end; `delays` ns from sending to delivery, ascending; `loss` the
    share of packets that are lost, on average over the samples. In a datagram transport so many `delays` are missing.
    """

    source: str
    target: str
    access: tuple[str, str]
    delays: NDArray[np.int64]
    loss: float


def largest(scenario: Scenario) -> tuple[str, ...]:
    """The sites whose ways are shown, in the scenario's order: all, or where they are many those with most nodes."""
    by_size = sorted(scenario.sites, key=lambda name: -len(scenario.sites[name].nodes))
    shown = by_size[:MOST_SITES]
    return tuple(name for name in scenario.sites if name in shown)


def ways(network: Network, scenario: Scenario, size: int) -> tuple[Way, ...]:
    """All ways between the largest sites, for messages of `size` bytes; within a site where it has several nodes.

    The moments are spread evenly over the scenario, each at a random place within its share of the time, and taken by
    the pairs of nodes in turn. Where there are more pairs than 50, as many are drawn.
    """
    shown = largest(scenario)
    nodes = {name: [k for k, node in enumerate(scenario.nodes) if node.site == name] for name in shown}
    access = {name: ", ".join(dict.fromkeys(scenario.nodes[k].access for k in nodes[name])) for name in shown}
    found = []
    for place, (source, target) in enumerate(product(shown, shown)):
        pairs = _pairs(nodes[source], nodes[target], key(scenario.seed, "ways-nodes", place))
        if not pairs:
            continue
        times = _times(scenario.duration, key(scenario.seed, "ways-times", place))
        delays = _delays(network, pairs, size, times)
        loss = _loss(scenario, source, target, times)
        found.append(Way(source, target, (access[source], access[target]), delays, loss))
    return tuple(found)


def _pairs(sources: Sequence[int], targets: Sequence[int], lots: int) -> list[tuple[int, int]]:
    """Senders and receivers: all pairs of two nodes, or some that are drawn."""
    count = len(sources) * len(targets)
    numbers = range(count) if count <= _PAIRS else sorted({draw(lots, n) * count >> 64 for n in range(_PAIRS)})
    pairs = [(sources[number // len(targets)], targets[number % len(targets)]) for number in numbers]
    return [(a, b) for a, b in pairs if a != b]


def _times(duration: int, lots: int) -> NDArray[np.int64]:
    """One moment in each of as many equal stretches as there are samples, ascending."""
    import numpy as np

    stretch = max(duration // SAMPLES, 1)
    number = np.arange(SAMPLES, dtype=np.uint64)
    within = (draw_array(np.full(SAMPLES, lots, np.uint64), number) % np.uint64(stretch)).astype(np.int64)
    times: NDArray[np.int64] = np.minimum(number.astype(np.int64) * stretch + within, duration - 1)
    return times


def _delays(
    network: Network, pairs: Sequence[tuple[int, int]], size: int, times: NDArray[np.int64]
) -> NDArray[np.int64]:
    import numpy as np

    count = len(pairs)
    each = [network.isolated(a, b, size, times[turn::count]) for turn, (a, b) in enumerate(pairs)]
    delays = np.concatenate(each)
    return np.sort(delays[delays >= 0])


def _loss(scenario: Scenario, source: str, target: str, times: NDArray[np.int64]) -> float:
    """The mean share of packets lost: the link's own or its bursts', and what the time of day adds."""
    import numpy as np

    backbone = scenario.backbone
    given = (link for link in backbone.links if (link.source, link.target) == (source, target))
    link = next(given, Link(source, target))
    loss = link.loss
    if link.bursts is not None:
        loss += link.bursts.share * (link.bursts.loss - link.loss)
    if link.congestion is not None:
        since = (times + backbone.time_of_day - link.congestion.peak) % _DAY
        loss += link.congestion.loss * float(np.mean((1 + np.cos(2 * np.pi * since / _DAY)) / 2))
    return min(loss, 1.0)
