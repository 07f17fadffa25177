"""All edges of the overlay at once: the delays of copies that find their flows idle.

Where no link holds state or depends on time, a copy's delay is a function of its draws alone, and these of (sender,
incarnation, receiver, sequence): the same numbers as `Inbound` gives to one message after the other, if nothing is
under way in the copy's flow when it departs. A flow's own bandwidth then costs it its serialisation and no wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from netsim.network import access
from netsim.network.distribution import QuantileTable, Tables
from netsim.network.draws import children, children_each, counters, draw_counted, key
from netsim.network.link import serialisation
from netsim.network.loss import PACKET_BYTES
from netsim.network.path import Path

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netsim.network.network import Network

_SIZES = 8  # that are remembered


class Edges:
    """The overlay's edges, each in both directions; those towards a node are in the order of their senders.

    `back`, by edge: the one of the other direction. `degrees`, by node: how many edges lead to it, and as many from it.
    `serial`, by node: it sends one block at a time, of more than `packet` bytes. `unhindered`: the largest message that
    waits for no window (bytes). `stateful`: what is under way in a flow makes a difference to what comes after it.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self.degrees = degrees = np.array([len(peers) for peers in network.peers], np.int64)
        targets = np.array([peer for peers in network.peers for peer in peers], np.int64)
        sources = np.repeat(np.arange(network.size), degrees)
        order = np.lexsort((sources, targets))
        # Where all nodes have as many neighbours, first the first edge towards each, then the second …: numpy is much
        # quicker to take the least of rows than of stretches.
        self._rows = int(degrees[0]) if len(order) and (degrees == degrees[0]).all() else 0
        if self._rows:
            order = order.reshape(-1, self._rows).T.ravel()
        self.targets, self.sources = targets[order], sources[order]
        self.back = np.empty(len(order), np.int64)
        self.back[np.lexsort((self.sources, self.targets))] = np.lexsort((self.targets, self.sources))
        self._receivers = np.flatnonzero(degrees)
        self._starts = (np.cumsum(degrees) - degrees)[self._receivers]
        profiles = [network.profile(node) for node in range(network.size)]
        self.serial = np.array([profile.one_at_a_time for profile in profiles])
        self.packet = PACKET_BYTES
        self._alike: list[tuple[Path, NDArray[np.int64]]] = []
        self._path_of = np.zeros(len(order), np.int64)
        numbers = {kind: number for number, kind in enumerate(dict.fromkeys(network.kinds))}
        kinds = np.array([numbers[kind] for kind in network.kinds], np.int64)
        both = kinds[self.sources] * len(numbers) + kinds[self.targets]
        for number, which in enumerate(sorted(set(both.tolist()))):
            edges = np.flatnonzero(both == which)
            path = network.path(int(self.sources[edges[0]]), int(self.targets[edges[0]]))
            self._alike.append((path, edges))
            self._path_of[edges] = number
        paths = [path for path, _ in self._alike]
        self.free = all(access.free(profile) for profile in profiles) and all(
            path.loss is None and path.strain is None for path in paths
        )
        queued = any(path.bandwidth is not None for path in paths)
        self.stateful = network.transport == "stream" or queued or bool(self.serial.any())
        self.unhindered = min((path.window.unhindered for path in paths if path.window), default=1 << 62)
        self._fixed = np.zeros(len(order), np.int64)
        for path, edges in self._alike:
            self._fixed[edges] += sum(leg.fixed for leg in path.legs)
        self._drawn = self._tables()
        self._positive = bool((self._fixed > 0).all())  # whatever is drawn
        self._keys: dict[str, NDArray[np.uint64]] = {}
        self._incarnations = np.zeros(network.size, np.uint64)
        self._fixed_for: dict[int, NDArray[np.int64]] = {}  # by size, what is not drawn

    def _tables(self) -> list[tuple[str, Tables]]:
        """What is drawn for a copy: the purpose, and each edge's table. What is always the same becomes fixed."""
        layers: dict[tuple[str, int], tuple[dict[QuantileTable, int], NDArray[np.int64]]] = {}
        for path, edges in self._alike:
            drawn: dict[str, int] = {}  # by purpose, how many tables: they share a draw
            for purpose, table in (pair for leg in path.legs for pair in leg.drawn):
                if table.constant is not None:
                    self._fixed[edges] += table.constant
                    continue
                layer = purpose, drawn.setdefault(purpose, 0)
                drawn[purpose] += 1
                tables, which = layers.setdefault(layer, ({}, np.full(len(self._fixed), -1)))
                which[edges] = tables.setdefault(table, len(tables))
        return [(purpose, Tables(list(tables), which)) for (purpose, _), (tables, which) in layers.items()]

    def begin(self, incarnations: Sequence[int]) -> None:
        """These incarnations of the nodes send from now on."""
        self._incarnations = np.array(incarnations, np.uint64)
        self._keys.clear()

    def at_targets(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """By edge, what the node that it leads to has."""
        return np.tile(values, self._rows) if self._rows else values[self.targets]

    def least(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """By node, the least of what the edges towards it have; 2⁶² where there are none."""
        if self._rows:
            found: NDArray[np.int64] = np.minimum.reduce(values.reshape(self._rows, -1))
            return found
        found = np.full(self._network.size, 1 << 62)
        if len(values):
            found[self._receivers] = np.minimum.reduceat(values, self._starts)
        return found

    def count(self, edges: NDArray[np.bool_]) -> NDArray[np.int64]:
        """By node, how many of the edges towards it are among these."""
        numbers = edges.astype(np.int64)
        if self._rows:
            counts: NDArray[np.int64] = np.add.reduce(numbers.reshape(self._rows, -1))
            return counts
        counts = np.zeros(self._network.size, np.int64)
        if len(numbers):
            counts[self._receivers] = np.add.reduceat(numbers, self._starts)
        return counts

    def delays(self, numbers: NDArray[np.int64], size: int) -> NDArray[np.int64]:
        """What a copy of `size` bytes takes along each edge (ns). `numbers`, by node: which message of its it is."""
        counted = counters(numbers.view(np.uint64))[self.sources]
        return self._delays(slice(None), counted, size)

    def delays_along(self, edges: NDArray[np.int64], numbers: NDArray[np.int64], size: int) -> NDArray[np.int64]:
        """The same along these edges; `numbers`, by edge: which message of its sender it is."""
        return self._delays(edges, counters(numbers.view(np.uint64)), size)

    def _delays(self, edges: NDArray[np.int64] | slice, counted: NDArray[np.uint64], size: int) -> NDArray[np.int64]:
        fixed = self._fixed_for.get(size)
        if fixed is None:
            if len(self._fixed_for) >= _SIZES:
                self._fixed_for.clear()
            fixed = self._fixed_for[size] = self._fixed + self._works(size)
        delays = fixed[edges].copy()
        for purpose, tables in self._drawn:
            delays += tables.lookup(edges, draw_counted(self._keys_for(purpose)[edges], counted))
        return delays if self._positive else np.maximum(delays, 1)

    def _works(self, size: int) -> NDArray[np.int64] | int:
        """What the flows' own bandwidths cost a copy, along each edge."""
        limits = [path.bandwidth for path, _ in self._alike]
        if not any(limits):
            return 0
        works = [0 if limit is None else serialisation(size, limit) for limit in limits]
        return np.array(works, np.int64)[self._path_of]

    def _keys_for(self, purpose: str) -> NDArray[np.uint64]:
        keys = self._keys.get(purpose)
        if keys is None:
            nodes = np.arange(len(self._incarnations), dtype=np.uint64)
            owners = children_each(children(key(self._network.seed, purpose), nodes), self._incarnations)
            keys = self._keys[purpose] = children_each(owners[self.sources], self.targets.astype(np.uint64))
        return keys
