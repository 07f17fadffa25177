"""Where two traces of the same scenario first differ, in words."""

from __future__ import annotations

from netsim.trace import COLUMNS, Trace

_TIME, _NODE, _KIND, _BLOCK, _HEIGHT = (COLUMNS.index(name) for name in ("time_ns", "node", "kind", "block", "height"))


def difference(one: Trace, other: Trace) -> str:
    """Empty where the traces are equal, else a phrase like "suzhou-2 at 4.012345 s, block 17 (deliver)"."""
    import numpy as np

    digests = zip(one.node_digests(), other.node_digests(), strict=True)
    differing = [node for node, (mine, theirs) in enumerate(digests) if mine != theirs]
    if not differing:
        return ""
    firsts: list[tuple[int, int, list[int]]] = []
    for node in differing:
        mine = one.events[one.events[:, _NODE] == node]
        theirs = other.events[other.events[:, _NODE] == node]
        common = min(len(mine), len(theirs))
        unequal = np.flatnonzero((mine[:common] != theirs[:common]).any(axis=1))
        at = int(unequal[0]) if len(unequal) else common
        longer = mine if len(mine) > at else theirs
        if at < len(longer):
            row = longer[at].tolist()
            firsts.append((row[_TIME], node, row))
    if not firsts:
        return f"{one.header.nodes[differing[0]]}: the same events, other delays on the way"
    time, node, row = min(firsts)
    block = f", block {row[_HEIGHT]}" if row[_BLOCK] else ""
    return f"{one.header.nodes[node]} at {time / 1e9:.6f} s{block} ({one.header.kinds[row[_KIND]]})"
