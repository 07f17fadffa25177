"""When the blocks of one leader, or of the leaders in one city, are final in each city."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netsim.measure.blocks import Blocks
from netsim.measure.events import Events

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Leading:
    """`names` are nodes, or sites; `blocks` how many final blocks each of them proposed.

    `median_ns[i][j]`: from the proposal of one of them at `names[i]` to its finality at a validator of site `sites[j]`,
    the nearest-rank median over blocks and validators; −1 where there was none.
    """

    names: list[str]
    sites: list[str]
    blocks: list[int]
    median_ns: NDArray[np.int64]


def by_leader(events: Events, blocks: Blocks, most: int) -> tuple[Leading, int]:
    """The leaders with the most blocks, in their own order; and how many leaders there are. Blocks as in `finality`."""
    final = blocks.timed & blocks.final
    leaders, counts = np.unique(blocks.proposers[final], return_counts=True)
    chosen = np.sort(leaders[np.argsort(-counts, kind="stable")[:most]])
    group = np.full(len(events.header.nodes), -1)
    group[chosen] = np.arange(len(chosen))
    return _leading(events, blocks, [events.header.nodes[node] for node in chosen], group, most), len(leaders)


def by_city(events: Events, blocks: Blocks, most: int) -> tuple[Leading, int]:
    """Likewise, by the city of the leader."""
    final = blocks.timed & blocks.final
    site = np.asarray(events.header.node_sites, np.int64)
    cities, counts = np.unique(site[blocks.proposers[final]], return_counts=True)
    chosen = np.sort(cities[np.argsort(-counts, kind="stable")[:most]])
    group = np.full(len(events.header.sites), -1)
    group[chosen] = np.arange(len(chosen))
    return _leading(events, blocks, [events.header.sites[city] for city in chosen], group[site], most), len(cities)


def _leading(events: Events, blocks: Blocks, names: list[str], group: NDArray[np.int64], most: int) -> Leading:
    """`group`: for each node, its place among the names, or −1. Columns: the sites with the most correct validators."""
    header, made = events.header, blocks.finalisations
    site = np.asarray(header.node_sites, np.int64)
    validators = np.bincount(site[events.correct_validator], minlength=len(header.sites))
    shown = np.sort(np.argsort(-validators, kind="stable")[:most])
    shown = shown[validators[shown] > 0]
    column = np.full(len(header.sites), -1)
    column[shown] = np.arange(len(shown))

    counted = (blocks.timed & blocks.final)[made.block] & events.correct_validator[made.node]
    row, across = group[blocks.proposers[made.block]], column[site[made.node]]
    counted &= (row >= 0) & (across >= 0)
    cell = row[counted] * len(shown) + across[counted]
    elapsed = (made.time_ns - blocks.proposed_ns[made.block])[counted]
    proposals = group[blocks.proposers[blocks.timed & blocks.final]]
    return Leading(
        names=names,
        sites=[header.sites[index] for index in shown],
        blocks=np.bincount(proposals[proposals >= 0], minlength=len(names)).tolist(),
        median_ns=medians(cell, elapsed, len(names) * len(shown)).reshape(len(names), len(shown)),
    )


def medians(cell: NDArray[np.int64], samples: NDArray[np.int64], cells: int) -> NDArray[np.int64]:
    """The nearest-rank median of the samples in each cell (numbered from 0), −1 in one without any."""
    order = np.lexsort((samples, cell))
    starts = np.searchsorted(cell[order], np.arange(cells + 1))
    counts = np.diff(starts)
    result = np.full(cells, -1)
    there = counts > 0
    result[there] = samples[order][starts[:-1][there] + (counts[there] - 1) // 2]
    return result
