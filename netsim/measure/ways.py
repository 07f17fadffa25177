"""How long messages were on their way between the sites, as a trace of level `full` holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netsim.measure.leaders import medians
from netsim.trace import PARTS, Trace, unpack_message_id

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST = 100_000  # deliveries that are looked at


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
    starts = _deliveries(hops)
    whole = np.zeros(len(starts), np.int64)
    for further in range(len(PARTS)):
        there = _of_one(hops, starts, starts + further)
        whole[there] += hops[starts[there] + further, 3]
    site = np.asarray(trace.header.node_sites, np.int64)
    sender = unpack_message_id(hops[starts, 0])[0]
    cell = site[sender] * sites + site[hops[starts, 1]]
    return Ways(
        median_ns=medians(cell, whole, sites * sites).reshape(sites, sites),
        messages=len(starts),
    )


def _deliveries(hops: NDArray[np.int64]) -> NDArray[np.intp]:
    """The first rows of deliveries: of all, or of those that follow on evenly taken rows."""
    place = np.arange(0, len(hops), -(-len(hops) // _MOST) or 1)
    for _ in range(len(PARTS)):
        within = (place > 0) & _of_one(hops, place - 1, place)
        place[within] += 1
    return np.unique(place[place < len(hops)])


def _of_one(hops: NDArray[np.int64], former: NDArray[np.intp], latter: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether two rows are of one delivery: of the same message to the same node. Rows beyond the last are of none."""
    inside = latter < len(hops)
    latter = np.where(inside, latter, 0)
    same: NDArray[np.bool_] = inside & (hops[former.clip(max=len(hops) - 1), :2] == hops[latter, :2]).all(axis=1)
    return same
