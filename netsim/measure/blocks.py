"""Every proposed block, and when it became final at whom: the join that all other figures start from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from netsim.measure.dist import Dist, dist_ms
from netsim.measure.events import BLOCK, DETAIL, HEIGHT, NEVER, NODE, TIME, Events
from netsim.measure.reversal import reverted

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Finalisations:
    """The first `finalise` row of each block at each correct node, followers included, ordered by block, then time.

    `block` is an index into `Blocks`. Rows of blocks that nobody proposed are left out.
    """

    block: NDArray[np.int64]
    node: NDArray[np.int64]
    time_ns: NDArray[np.int64]


@dataclass(frozen=True)
class Blocks:
    """The proposed blocks in the order of their first proposal, one place of each array per block.

    A block that is proposed again in a later view keeps its first proposal. `first_ns`, `quorum_ns` and `all_ns` say
    when it was final at the first, at the quorum-th and at the last correct validator; NEVER where that did not happen.
    Validators that crashed and were still down at the end are not waited for in `all_ns`: else one dead node would
    leave that column without a single block. Where fewer than a quorum are correct, `quorum_ns` waits for all of them.
    """

    ids: NDArray[np.int64]
    heights: NDArray[np.int64]
    proposers: NDArray[np.int64]
    transactions: NDArray[np.int64]
    proposed_ns: NDArray[np.int64]
    first_ns: NDArray[np.int64]
    quorum_ns: NDArray[np.int64]
    all_ns: NDArray[np.int64]
    warmup_ns: int
    finalisations: Finalisations

    @cached_property
    def measured(self) -> NDArray[np.bool_]:
        """Proposed after the warm-up: those that statistics are made of."""
        after: NDArray[np.bool_] = self.proposed_ns >= self.warmup_ns
        return after

    @cached_property
    def timed(self) -> NDArray[np.bool_]:
        """Those whose finality is measured: with transactions, or all of them where none has any.

        A chained protocol proposes empty blocks to make the full ones below final. The last of those has nobody waiting
        for it, and becomes final when there is something to propose again.
        """
        full = self.measured & (self.transactions > 0)
        return full if full.any() else self.measured

    @cached_property
    def final(self) -> NDArray[np.bool_]:
        """Final at a quorum of correct validators before the run ended."""
        reached: NDArray[np.bool_] = self.quorum_ns != NEVER
        return reached


def join(events: Events) -> Blocks:
    """Join the `propose` rows with the `finalise` rows."""
    proposals = events.of("propose")
    proposals = proposals[np.lexsort((proposals[:, BLOCK], proposals[:, TIME]))]
    _, firsts = np.unique(proposals[:, BLOCK], return_index=True)
    proposals = proposals[np.sort(firsts)]
    ids = proposals[:, BLOCK]

    finalisations = _finalisations(events, ids)
    votes = events.correct_validator[finalisations.node]
    awaited = events.correct_validator & ~events.down_for_good
    quorum = min(events.header.quorum, int(events.correct_validator.sum()))
    lasting = awaited[finalisations.node]
    return Blocks(
        ids=ids,
        heights=proposals[:, HEIGHT],
        proposers=proposals[:, NODE],
        transactions=proposals[:, DETAIL],
        proposed_ns=proposals[:, TIME],
        first_ns=_nth_time(finalisations, votes, len(ids), 1),
        quorum_ns=_nth_time(finalisations, votes, len(ids), max(1, quorum)),
        all_ns=_nth_time(finalisations, lasting, len(ids), max(1, int(awaited.sum()))),
        warmup_ns=events.header.warmup_ns,
        finalisations=finalisations,
    )


def positions(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each wanted block stands among `ids` (all different); -1 where it is not there."""
    if not len(ids):
        return np.full(len(wanted), -1)
    order = np.argsort(ids)
    found = order[np.searchsorted(ids[order], wanted).clip(max=len(ids) - 1)]
    return np.where(ids[found] == wanted, found, -1)


def _finalisations(events: Events, ids: NDArray[np.int64]) -> Finalisations:
    rows = events.of_correct("finalise")
    block, node, time = positions(ids, rows[:, BLOCK]), rows[:, NODE], rows[:, TIME]
    order = np.lexsort((node, time, block))
    order = order[block[order] >= 0]
    pair = block[order] * len(events.header.nodes) + node[order]
    _, firsts = np.unique(pair, return_index=True)
    order = order[np.sort(firsts)]
    return Finalisations(block[order], node[order], time[order])


def _nth_time(finalisations: Finalisations, counted: NDArray[np.bool_], blocks: int, nth: int) -> NDArray[np.int64]:
    """Per block, when the nth of the counted finalisations happened, or NEVER."""
    block, time = finalisations.block[counted], finalisations.time_ns[counted]
    starts = np.searchsorted(block, np.arange(blocks + 1))
    enough = np.diff(starts) >= nth
    result = np.full(blocks, NEVER)
    result[enough] = time[starts[:-1][enough] + nth - 1]
    return result


class BlockCounts(TypedDict):
    """`proposed` = `finalised` + `open` + `stale`; `empty` are those of the finalised without a transaction."""

    proposed: int
    finalised: int
    empty: int
    open: int
    stale: int
    stale_rate: float | None
    interval_ms: Dist
    byzantine_share: float | None


def block_counts(events: Events, blocks: Blocks) -> BlockCounts:
    """Count the blocks proposed after the warm-up.

    A block that is not final at the end is `stale` where another block is final at its height, else `open`.
    `stale_rate` is the stale share of the proposed; None without any. `interval_ms` lies between the quorum
    finalities of blocks at consecutive heights, without those that were reverted. `byzantine_share`: of the same, how
    many Byzantine validators proposed (the rest is *chain quality*: Garay, Kiayias and Leonardos, EUROCRYPT 2015).
    """
    final = blocks.measured & blocks.final
    waiting = blocks.measured & ~blocks.final
    stale = waiting & np.isin(blocks.heights, blocks.heights[blocks.final])
    proposed, stale_count = int(blocks.measured.sum()), int(stale.sum())
    stayed = final & ~np.isin(blocks.ids, reverted(events))
    proposers = blocks.proposers[stayed]
    return BlockCounts(
        proposed=proposed,
        finalised=int(final.sum()),
        empty=int((final & (blocks.transactions == 0)).sum()),
        open=int(waiting.sum()) - stale_count,
        stale=stale_count,
        stale_rate=stale_count / proposed if proposed else None,
        interval_ms=dist_ms(_intervals(blocks.heights[stayed], blocks.quorum_ns[stayed])),
        byzantine_share=float((~events.correct[proposers]).mean()) if len(proposers) else None,
    )


def _intervals(heights: NDArray[np.int64], quorum_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    order = np.lexsort((quorum_ns, heights))
    intervals: NDArray[np.int64] = np.diff(quorum_ns[order])[np.diff(heights[order]) == 1]
    return intervals
