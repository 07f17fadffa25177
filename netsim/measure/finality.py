"""How long a block takes from its proposal to being final: at the first validator, at a quorum, at all, and by site."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np

from netsim.measure.blocks import Blocks
from netsim.measure.dist import Dist, dist_ms
from netsim.measure.events import NEVER, Events

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Finality(TypedDict):
    """`by_site` holds one sample per block and correct validator of the site."""

    rule: str
    first_ms: Dist
    quorum_ms: Dist
    all_ms: Dist
    by_site: dict[str, Dist]


def finality(events: Events, blocks: Blocks) -> Finality:
    """Measure the blocks proposed after the warm-up; what `Blocks` says of first, quorum and all holds here."""
    header = events.header
    made = blocks.finalisations
    counted = blocks.measured[made.block] & events.correct_validator[made.node]
    elapsed = made.time_ns[counted] - blocks.proposed_ns[made.block[counted]]
    site = np.asarray(header.node_sites, np.int64)[made.node[counted]]
    return Finality(
        rule=header.finality_rule,
        first_ms=_since_proposal(blocks, blocks.first_ns),
        quorum_ms=_since_proposal(blocks, blocks.quorum_ns),
        all_ms=_since_proposal(blocks, blocks.all_ns),
        by_site={name: dist_ms(elapsed[site == index]) for index, name in enumerate(header.sites)},
    )


def _since_proposal(blocks: Blocks, times_ns: NDArray[np.int64]) -> Dist:
    reached = blocks.measured & (times_ns != NEVER)
    return dist_ms(times_ns[reached] - blocks.proposed_ns[reached])
