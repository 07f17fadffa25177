"""How long a block takes to reach half, nine tenths, 99 % and all of the nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np

from netsim.measure.blocks import Blocks, positions
from netsim.measure.dist import Dist, dist_ms, rank
from netsim.measure.events import BLOCK, NODE, TIME, Events

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Propagation(TypedDict):
    """Each a distribution over blocks: from the proposal until that share of the correct nodes has received it."""

    p50: Dist
    p90: Dist
    p99: Dist
    all: Dist


def propagation(events: Events, blocks: Blocks) -> Propagation:
    """Measure the blocks proposed after the warm-up.

    A node has received a block when it first has a message in full that carries it; the proposer when it proposes.
    """
    received = receptions(events, blocks)
    starts = np.searchsorted(received[:, 0], np.arange(len(blocks.ids) + 1))
    reached = np.diff(starts)

    def until(percentile: int) -> Dist:
        nth = rank(percentile, max(1, int(events.correct.sum())))
        enough = blocks.measured & (reached > nth)
        return dist_ms(received[starts[:-1][enough] + nth, 1] - blocks.proposed_ns[enough])

    return Propagation(p50=until(50), p90=until(90), p99=until(99), all=until(100))


def receptions(events: Events, blocks: Blocks) -> NDArray[np.int64]:
    """Pairs (index of the block, when a further correct node had it), ordered by block, then by time."""
    if not len(blocks.ids):
        return np.zeros((0, 2), np.int64)
    rows = np.concatenate((events.of_correct("have"), events.of_correct("propose")))
    block, node, time = positions(blocks.ids, rows[:, BLOCK]), rows[:, NODE], rows[:, TIME]
    order = np.lexsort((time, block))
    order = order[block[order] >= 0]
    _, firsts = np.unique(block[order] * len(events.header.nodes) + node[order], return_index=True)
    order = order[np.sort(firsts)]
    return np.stack((block[order], time[order]), axis=1)
