"""How many bytes went over each link: from every node to every other that it sent anything to."""

from __future__ import annotations

import numpy as np

from netsim.measure.events import BYTES, KIND, NODE, PEER
from netsim.trace import Trace


def traffic(trace: Trace) -> dict[tuple[int, int], int]:
    """Bytes from a sender to a receiver, over the whole run, whatever they were part of; pairs in order.

    Counted is what came to the receiver: taken up, or lost there (a broadcast's row says how many copies were sent,
    not to whom). So copies that were still on their way when the run ended, or their receiver crashed, are left out.
    Raises ValueError where the trace's level leaves single messages out.
    """
    header = trace.header
    if header.level != "full":
        raise ValueError(f"the trace is kept at level {header.level}, which leaves single messages out; run with full")
    kinds = [header.kinds.index(name) for name in ("deliver", "drop")]
    rows = trace.events[np.isin(trace.events[:, KIND], kinds)]
    nodes = len(header.nodes)
    pairs, places = np.unique(rows[:, PEER] * nodes + rows[:, NODE], return_inverse=True)
    totals = np.zeros(len(pairs), np.int64)
    np.add.at(totals, places, rows[:, BYTES])
    return {divmod(int(pair), nodes): int(total) for pair, total in zip(pairs, totals, strict=True)}
