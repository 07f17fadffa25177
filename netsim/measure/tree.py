"""The blocks of a run as a tree: which stands upon which, and which of them are final."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from netsim.measure.blocks import Blocks
from netsim.measure.events import BLOCK, NODE, Events

State = Literal["final", "stale", "open"]


@dataclass(frozen=True)
class Leaf:
    """A block by its place in `blocks`, and the place of the one that it stands upon: −1 where nobody proposed it.

    `known` says whether the trace names that block. Where it does not, it is a final one at the height below.
    """

    place: int
    parent: int
    known: bool
    state: State


def tree(events: Events, blocks: Blocks) -> list[Leaf]:
    """Every block, in the order of the proposals. A block is stale where another is final at its height, else open."""
    below = _named(events)
    places = {block: place for place, block in enumerate(blocks.ids.tolist())}
    heights, final = blocks.heights.tolist(), blocks.final.tolist()
    at_height: dict[int, int] = {}  # the final block; where there are several, the first
    for place in np.flatnonzero(blocks.final).tolist():
        at_height.setdefault(heights[place], place)
    leaves = []
    for place, block in enumerate(blocks.ids.tolist()):
        known = block in below
        parent = places.get(below[block], -1) if known else at_height.get(heights[place] - 1, -1)
        state: State = "final" if final[place] else "stale" if heights[place] in at_height else "open"
        leaves.append(Leaf(place, parent, known, state))
    return leaves


def _named(events: Events) -> dict[int, int]:
    """For each block, the one that it was proposed upon, where the protocol records that."""
    proposals, extends = events.of("propose"), events.of("extends")
    if len(proposals) != len(extends) or (proposals[:, NODE] != extends[:, NODE]).any():
        return {}
    return dict(zip(proposals[:, BLOCK].tolist(), extends[:, BLOCK].tolist(), strict=True))
