"""What happened to the transactions: how many became final, and how long their clients waited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from netsim.measure.blocks import Blocks, positions
from netsim.measure.dist import Dist, dist_ms
from netsim.measure.events import BLOCK, DETAIL, HEIGHT, NEVER, NODE, PEER, Events

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Transactions(TypedDict):
    """`submitted` and `finalised` count what was due after the warm-up, `throughput_tps` what became final after it.

    All three are None at trace level `summary`, which does not hold transactions.
    """

    submitted: int | None
    finalised: int | None
    throughput_tps: float | None
    latency_ms: Dist


@dataclass(frozen=True)
class Followed:
    """Transactions, by origin and number: one place of each array for each.

    `block` is an index into `Blocks`: which final block includes it, the one that was final first at its origin where
    several do; −1 where none does. `final_ns` is when that block was final at the origin; NEVER where it was not.
    """

    origin: NDArray[np.int64]
    number: NDArray[np.int64]
    due_ns: NDArray[np.int64]
    block: NDArray[np.int64]
    final_ns: NDArray[np.int64]

    @property
    def latency_ns(self) -> NDArray[np.int64]:
        """From when they were due, of those that were final at their origin."""
        seen: NDArray[np.bool_] = self.final_ns != NEVER
        latency: NDArray[np.int64] = self.final_ns[seen] - self.due_ns[seen]
        return latency

    def since(self, due_ns: int) -> Followed:
        """Those that were due at that time or later."""
        kept = self.due_ns >= due_ns
        return Followed(self.origin[kept], self.number[kept], self.due_ns[kept], self.block[kept], self.final_ns[kept])


def transactions(events: Events, blocks: Blocks) -> Transactions:
    """Measure the transactions that were due after the warm-up.

    One is finalised when a block that includes it is final at a quorum. Its latency runs from when it was due, not
    from when an overloaded client got round to it, to when that block is final at the node where it was submitted; a
    transaction whose node never learnt of it counts as finalised and has no latency.

    Throughput is of those that became final at a quorum after the warm-up, whenever they were due: under more load than
    a network bears, what waited at the end of the warm-up comes first, and is final all the same.
    """
    header = events.header
    if header.level == "summary":
        return Transactions(submitted=None, finalised=None, throughput_tps=None, latency_ms=dist_ms(np.zeros(0, int)))

    everything = _follow_all(events, blocks)
    found = everything.since(header.warmup_ns)
    finalised = int((found.block >= 0).sum())
    became_final = int((blocks.quorum_ns[everything.block[everything.block >= 0]] >= header.warmup_ns).sum())
    seconds = (header.duration_ns - header.warmup_ns) / 1e9
    return Transactions(
        submitted=len(found.number),
        finalised=finalised,
        throughput_tps=became_final / seconds if seconds > 0 else None,
        latency_ms=dist_ms(found.latency_ns),
    )


def latencies(events: Events, blocks: Blocks) -> NDArray[np.int64]:
    """What `latency_ms` of `transactions` is made of, in ns; nothing at trace level `summary`."""
    return follow(events, blocks).latency_ns


def follow(events: Events, blocks: Blocks) -> Followed:
    """What became of each transaction that was due after the warm-up; nothing is known at trace level `summary`."""
    return _follow_all(events, blocks).since(events.header.warmup_ns)


def _follow_all(events: Events, blocks: Blocks) -> Followed:
    submitted = events.of("submit")
    due_ns, origin, number = submitted[:, DETAIL], submitted[:, NODE], submitted[:, HEIGHT]
    stride = int(number.max(initial=0)) + 1  # (origin, number) as one integer: numbers stay far below 2^63 / nodes
    keys, firsts = np.unique(origin * stride + number, return_index=True)
    due_ns, origin, number = due_ns[firsts], origin[firsts], number[firsts]

    which, block = _inclusions(events, blocks, keys, stride)
    at_ns = _final_at(events, blocks, block, origin[which])
    order = np.lexsort((block, at_ns, which))
    which, earliest = np.unique(which[order], return_index=True)
    including, final_ns = np.full(len(keys), -1), np.full(len(keys), NEVER)
    including[which] = block[order][earliest]
    final_ns[which] = at_ns[order][earliest]
    return Followed(origin, number, due_ns, including, final_ns)


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
