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
    """The overlay's edges, each in both directions, in the order of receiver and sender.

    `receivers` are the nodes with edges towards them, `starts` where these begin. `serial`, by node: it sends one block
    at a time, of more than `packet` bytes. `unhindered`: the largest message that waits for no window (bytes).
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        targets = np.array([peer for peers in network.peers for peer in peers], np.int64)
        sources = np.repeat(np.arange(network.size), [len(peers) for peers in network.peers])
        order = np.lexsort((sources, targets))
        self.targets, self.sources = targets[order], sources[order]
        self.receivers, self.starts = np.unique(self.targets, return_index=True)
        profiles = [network.profile(node) for node in range(network.size)]
        self.serial = np.array([profile.one_at_a_time for profile in profiles])
        self.packet = PACKET_BYTES
        self._alike: list[tuple[Path, NDArray[np.int64]]] = []
        self._path_of = np.zeros(len(order), np.int64)
        numbers = {kind: number for number, kind in enumerate(dict.fromkeys(network.kinds))}
        kinds = np.array([numbers[kind] for kind in network.kinds], np.int64)
        both = kinds[self.sources] * (int(kinds.max(initial=0)) + 1) + kinds[self.targets]
        for number, which in enumerate(np.unique(both).tolist()):
            edges = np.flatnonzero(both == which)
            path = network.path(int(self.sources[edges[0]]), int(self.targets[edges[0]]))
            self._alike.append((path, edges))
            self._path_of[edges] = number
        paths = [path for path, _ in self._alike]
        self.free = all(access.free(profile) for profile in profiles) and all(
            path.loss is None and path.strain is None for path in paths
        )
        self.unhindered = min((path.window.unhindered for path in paths if path.window), default=1 << 62)
        self._fixed = np.zeros(len(order), np.int64)
        for path, edges in self._alike:
            self._fixed[edges] += sum(leg.fixed for leg in path.legs)
        self._drawn = self._tables()
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

    def delays(self, numbers: NDArray[np.int64], size: int) -> NDArray[np.int64]:
        """What a copy of `size` bytes takes along each edge (ns). `numbers`, by node: which message of its it is."""
        counted = counters(numbers.astype(np.uint64))[self.sources]
        return self._delays(slice(None), counted, size)

    def delays_along(self, edges: NDArray[np.int64], numbers: NDArray[np.int64], size: int) -> NDArray[np.int64]:
        """The same along these edges; `numbers`, by edge: which message of its sender it is."""
        return self._delays(edges, counters(numbers.astype(np.uint64)), size)

    def _delays(self, edges: NDArray[np.int64] | slice, counted: NDArray[np.uint64], size: int) -> NDArray[np.int64]:
        fixed = self._fixed_for.get(size)
        if fixed is None:
            if len(self._fixed_for) >= _SIZES:
                self._fixed_for.clear()
            fixed = self._fixed_for[size] = self._fixed + self._works(size)
        delays = fixed[edges]
        for purpose, tables in self._drawn:
            delays = delays + tables.lookup(edges, draw_counted(self._keys_for(purpose)[edges], counted))
        return np.maximum(delays, 1)

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
