"""How long messages were on their way between the sites, as a trace of level `full` holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netsim.measure.leaders import medians
from netsim.trace import PARTS, Trace, unpack_message_id

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST = 300_000  # deliveries that are looked at


@dataclass(frozen=True)
class Ways:
    """Medians in ns by sending and receiving site, −1 where no message went; `messages` were looked at.

    They run from the sending to when the receiver's CPU took the message up, with queues and retransmissions.
    """

    median_ns: NDArray[np.int64]
    messages: int


def ways(trace: Trace) -> Ways:
    """Measure the deliveries of a trace; of very many, evenly taken ones. Those that took no time at all are missed."""
    sites = len(trace.header.sites)
    hops = trace.hops
    begins = np.ones(len(hops), np.bool_)
    begins[1:] = (hops[1:, 0] != hops[:-1, 0]) | (hops[1:, 1] != hops[:-1, 1])
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(hops))
    stride = -(-len(starts) // _MOST) or 1
    starts, ends = starts[::stride], ends[::stride]
    whole = np.zeros(len(starts), np.int64)
    for further in range(len(PARTS)):
        place = starts + further
        there = place < ends
        whole[there] += hops[place[there], 3]
    site = np.asarray(trace.header.node_sites, np.int64)
    sender = unpack_message_id(hops[starts, 0])[0]
    cell = site[sender] * sites + site[hops[starts, 1]]
    return Ways(
        median_ns=medians(cell, whole, sites * sites).reshape(sites, sites),
        messages=len(starts),
    )
