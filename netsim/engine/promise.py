"""What a process can promise to the others: before when nothing that it holds will make it send anything."""

from __future__ import annotations

from typing import Any

from netsim.engine.loop import ARRIVAL, FOREVER
from netsim.engine.poll import ALARM


def earliest_act(heap: list[tuple[int, int, int, int, int, Any]], slack: int) -> int:
    """The least time (ns) at which an event of this heap may make a node send something, FOREVER if there is none.

    An arrival at the access point does nothing to the node itself: the copy has to pass the downlink first, which takes
    `slack` at least. An alarm stands for an arrival that comes later. Everything else may act at once. Below an entry
    of a heap lie later ones only, so no more is looked at than what is due within the slack.
    """
    earliest = FOREVER
    size = len(heap)
    places = [0] if size else []
    while places:
        place = places.pop()
        time, kind = heap[place][:2]
        if time >= earliest:
            continue
        acts = time + slack if kind in (ARRIVAL, ALARM) else time
        if acts < earliest:
            earliest = acts
        below = 2 * place + 1
        if below < size:
            places.append(below)
            if below + 1 < size:
                places.append(below + 1)
    return earliest
