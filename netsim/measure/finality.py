"""How long a block takes from its proposal to being final: at the first validator, at a quorum, at all, and by site."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np

from netsim.measure.blocks import Blocks
from netsim.measure.dist import Dist, dist_ms
from netsim.measure.events import NEVER, Events
from netsim.measure.reversal import attacker_share, confirmations, reversal_probability, reverted

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Finality(TypedDict):
    """`by_site` holds one sample per block and correct validator of the site.

    `reversal_probability`: how likely an attacker with `attacker_share` of the hash rate reverses a final block, where
    blocks are mined; else both are None. `reverted`: how many blocks were final at some correct validator and then not.
    """

    rule: str
    first_ms: Dist
    quorum_ms: Dist
    all_ms: Dist
    by_site: dict[str, Dist]
    reversal_probability: float | None
    attacker_share: float | None
    reverted: int


def finality(events: Events, blocks: Blocks) -> Finality:
    """Measure the blocks proposed after the warm-up that hold transactions, or all of them where none does.

    What `Blocks` says of first, quorum and all holds here.
    """
    header = events.header
    made = blocks.finalisations
    counted = blocks.timed[made.block] & events.correct_validator[made.node]
    elapsed = made.time_ns[counted] - blocks.proposed_ns[made.block[counted]]
    site = np.asarray(header.node_sites, np.int64)[made.node[counted]]
    depth = confirmations(header.finality_rule) if header.weights else None
    share = attacker_share(events)
    return Finality(
        rule=header.finality_rule,
        first_ms=_since_proposal(blocks, blocks.first_ns),
        quorum_ms=_since_proposal(blocks, blocks.quorum_ns),
        all_ms=_since_proposal(blocks, blocks.all_ns),
        by_site={name: dist_ms(elapsed[site == index]) for index, name in enumerate(header.sites)},
        reversal_probability=None if depth is None else float(reversal_probability(depth, share)),
        attacker_share=None if depth is None else float(share),
        reverted=len(reverted(events)),
    )


def _since_proposal(blocks: Blocks, times_ns: NDArray[np.int64]) -> Dist:
    reached = blocks.timed & (times_ns != NEVER)
    return dist_ms(times_ns[reached] - blocks.proposed_ns[reached])
