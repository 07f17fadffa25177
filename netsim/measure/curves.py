"""Whole distributions, for pictures: how much lies beyond what, thinned out so that no eye sees the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netsim.measure.blocks import Blocks
from netsim.measure.dist import ms, rank
from netsim.measure.events import Events
from netsim.measure.propagation import receptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEVELS = 100  # shares of the nodes at which the spreading of blocks is read, at most


def tail(samples_ns: NDArray[np.int64], points: int = 200) -> list[tuple[float, float]]:
    """The complementary distribution: pairs (milliseconds, share of the samples that took at least so long).

    Of many samples those are kept which lie at equal distances along the curve when shares are drawn logarithmically:
    the least, and the far end of the tail sample by sample.
    """
    ordered = np.sort(samples_ns)
    count = len(ordered)
    if not count:
        return []
    beyond = np.unique(np.geomspace(1, count, points).round().astype(np.int64))[::-1]  # how many are as large
    return [(ms(ordered[count - many]), int(many) / count) for many in beyond]


def since_proposal(blocks: Blocks, times_ns: NDArray[np.int64], places: NDArray[np.intp]) -> NDArray[np.int64]:
    """How long these blocks took from their proposal to `times_ns`, one of the milestones of `blocks`, in ns."""
    return times_ns[places] - blocks.proposed_ns[places]


def spreading(events: Events, blocks: Blocks) -> list[tuple[float, float | None, float | None, float | None]]:
    """How blocks spread: rows (share of the correct nodes, and in ms from the proposal until it had the block: the
    median over the blocks proposed after the warm-up, the 90th percentile, the longest).

    None where fewer blocks reached so many nodes than the figure needs: a block that did not counts as slower than all
    that did. Empty without blocks.
    """
    received = receptions(events, blocks)
    starts = np.searchsorted(received[:, 0], np.arange(len(blocks.ids) + 1))
    reached = np.diff(starts)
    nodes, proposed = int(events.correct.sum()), np.flatnonzero(blocks.measured & (reached > 0))
    if not len(proposed) or not nodes:
        return []
    rows: list[tuple[float, float | None, float | None, float | None]] = []
    for many in np.unique(np.linspace(1, nodes, min(nodes, _LEVELS)).round().astype(np.int64)).tolist():
        got = proposed[reached[proposed] >= many]
        took = np.sort(received[starts[got] + many - 1, 1] - blocks.proposed_ns[got])
        ranks = [rank(percentile, len(proposed)) for percentile in (50, 90, 100)]
        median, slow, slowest = (ms(took[place]) if place < len(took) else None for place in ranks)
        rows.append((many / nodes, median, slow, slowest))
    return rows
