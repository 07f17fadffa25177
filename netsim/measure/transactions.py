"""What happened to the transactions: how many became final, and how long their clients waited."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np

from netsim.measure.blocks import Blocks, positions
from netsim.measure.dist import Dist, dist_ms
from netsim.measure.events import BLOCK, DETAIL, HEIGHT, NEVER, NODE, PEER, Events

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Transactions(TypedDict):
    """Counts and throughput are None at trace level `summary`, which does not hold transactions."""

    submitted: int | None
    finalised: int | None
    throughput_tps: float | None
    latency_ms: Dist


def transactions(events: Events, blocks: Blocks) -> Transactions:
    """Measure the transactions that were due after the warm-up.

    One is finalised when a block that includes it is final at a quorum. Its latency runs from when it was due, not
    from when an overloaded client got round to it, to when that block is final at the node where it was submitted; a
    transaction whose node never learnt of it counts as finalised and has no latency.
    """
    header = events.header
    if header.level == "summary":
        return Transactions(submitted=None, finalised=None, throughput_tps=None, latency_ms=dist_ms(np.zeros(0, int)))

    finalised, latency_ns = _follow(events, blocks)
    seconds = (header.duration_ns - header.warmup_ns) / 1e9
    return Transactions(
        submitted=len(finalised),
        finalised=int(finalised.sum()),
        throughput_tps=int(finalised.sum()) / seconds if seconds > 0 else None,
        latency_ms=dist_ms(latency_ns),
    )


def latencies(events: Events, blocks: Blocks) -> NDArray[np.int64]:
    """What `latency_ms` of `transactions` is made of, in ns; nothing at trace level `summary`."""
    return np.zeros(0, np.int64) if events.header.level == "summary" else _follow(events, blocks)[1]


def _follow(events: Events, blocks: Blocks) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """For each transaction that was due after the warm-up whether it was finalised; and the latencies, in ns."""
    submitted = events.of("submit")
    submitted = submitted[submitted[:, DETAIL] >= events.header.warmup_ns]
    due_ns, origin, number = submitted[:, DETAIL], submitted[:, NODE], submitted[:, HEIGHT]
    stride = int(number.max(initial=0)) + 1  # (origin, number) as one integer: numbers stay far below 2^63 / nodes
    keys, firsts = np.unique(origin * stride + number, return_index=True)
    due_ns, origin = due_ns[firsts], origin[firsts]

    which, block = _inclusions(events, blocks, keys, stride)
    finalised = np.zeros(len(keys), np.bool_)
    finalised[which] = True
    final_ns = np.full(len(keys), NEVER)
    np.minimum.at(final_ns, which, _final_at(events, blocks, block, origin[which]))

    seen = final_ns != NEVER
    return finalised, final_ns[seen] - due_ns[seen]


def _inclusions(
    events: Events, blocks: Blocks, keys: NDArray[np.int64], stride: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (index into the ordered `keys`, index of a final block that includes that transaction)."""
    ranges = events.of("include")
    block = positions(blocks.ids, ranges[:, BLOCK])
    kept = block >= 0
    kept[kept] = blocks.final[block[kept]]
    ranges, block = ranges[kept], block[kept]

    base, first = ranges[:, PEER] * stride, ranges[:, HEIGHT]
    starts = np.searchsorted(keys, base + first.clip(max=stride))
    counts = np.searchsorted(keys, base + (first + ranges[:, DETAIL]).clip(max=stride)) - starts
    # The places starts[i], starts[i] + 1, … of all ranges, one after the other.
    within = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
    return np.repeat(starts, counts) + within, np.repeat(block, counts)


def _final_at(events: Events, blocks: Blocks, block: NDArray[np.int64], node: NDArray[np.int64]) -> NDArray[np.int64]:
    """When each of these blocks became final at the node beside it, or NEVER."""
    nodes = len(events.header.nodes)
    made = blocks.finalisations
    found = positions(made.block * nodes + made.node, block * nodes + node)
    return np.where(found >= 0, made.time_ns[found], NEVER) if len(made.time_ns) else np.full(len(block), NEVER)
