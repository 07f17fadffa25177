"""Whether blocks keep becoming final, and how long that takes again after a fault."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from netsim.measure.blocks import Blocks
from netsim.measure.dist import ms
from netsim.measure.events import Events


class Recovery(TypedDict):
    """How long after one fault a block was final again; None where that never happened."""

    fault: str
    ms: float | None


class Liveness(TypedDict):
    """`stalled_ms`: the longest time between the warm-up and the end in which no block became final at a quorum.

    `recovery_ms` is the longest of `recoveries`, and None where there was no fault or where one was never recovered
    from. The two differ in `recoveries`: a bound on `recovery_ms` is unknown in the first case and fails in the second.
    """

    stalled_ms: float
    recovery_ms: float | None
    recoveries: list[Recovery]


def liveness(events: Events, blocks: Blocks) -> Liveness:
    """Measure gaps and recoveries by all blocks, those proposed in the warm-up included.

    Recovery runs from the end of a fault, or from its start where it lasts until the end of the run (a node that is
    never restarted), to the first moment when a block is final at a quorum that was proposed after that.
    """
    header = events.header
    recoveries = []
    for fault in header.faults:
        over_ns = fault.end_ns if fault.end_ns < header.duration_ns else fault.start_ns
        later = blocks.quorum_ns[blocks.final & (blocks.proposed_ns >= over_ns)]
        recoveries.append(Recovery(fault=fault.says, ms=ms(later.min() - over_ns) if len(later) else None))

    moments = np.unique(blocks.quorum_ns[blocks.final].clip(header.warmup_ns, header.duration_ns))
    moments = np.concatenate(([header.warmup_ns], moments, [header.duration_ns]))
    longest = [recovery["ms"] for recovery in recoveries if recovery["ms"] is not None]
    return Liveness(
        stalled_ms=ms(np.diff(moments).max()),
        recovery_ms=max(longest) if longest and len(longest) == len(recoveries) else None,
        recoveries=recoveries,
    )
