"""What finality by depth is worth: how likely a final block can be reversed, and which were.

The probability is that of Rosenfeld, "Analysis of hashrate-based double-spending", 2014, section 4. While the honest
miners find z blocks, the attacker, with a share q of the hash rate and p = 1 − q, finds m with a probability that is
negative binomial, C(m + z − 1, m) p^z q^m. From z − m behind it draws level sooner or later with (q/p)^(z − m). Drawing
level counts as success, and nobody starts ahead. Messages take no time.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from netsim.measure.events import BLOCK, HEIGHT, NODE, Events

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONVENTION = Fraction(1, 10)  # of the hash rate: the attacker's share where a run has none (Nakamoto 2008, section 11)
_DEPTH = "depth "  # how a rule of probabilistic finality begins


def reversal_probability(confirmations: int, share: Fraction) -> Fraction:
    """The probability that an attacker with this share of the hash rate reverses a block with so many confirmations.

    Exact. Raises ValueError for a share that is none, and for a negative number.
    """
    if confirmations < 0 or not 0 <= share <= 1:
        raise ValueError(f"{confirmations} confirmations against a share of {share}")
    z, q, whole = confirmations, share.numerator, share.denominator
    p = whole - q
    if q >= p:
        return Fraction(1)
    # 1 − Σ C(m + z − 1, m) (p^z q^m − q^z p^m) for m below z, in whole numbers over one denominator; by Horner.
    attack = defence = 0
    to_m_of_q = to_m_of_p = 1
    for m in range(z):
        ways = comb(m + z - 1, m)
        attack, to_m_of_q = attack * whole + ways * to_m_of_q, to_m_of_q * q
        defence, to_m_of_p = defence * whole + ways * to_m_of_p, to_m_of_p * p
    return 1 - Fraction((p**z * attack - q**z * defence) * whole, whole ** (2 * z))


def attacker_share(events: Events) -> Fraction:
    """The Byzantine validators' share of the weight of all; a tenth where nobody is Byzantine."""
    header = events.header
    weights = header.weights or [1] * len(header.nodes)
    byzantine = sum(weights[node] for node in header.validators if not events.correct[node])
    return Fraction(byzantine, sum(weights[node] for node in header.validators)) if byzantine else CONVENTION


def confirmations(rule: str) -> int | None:
    """The depth of a rule of finality; None where finality is not probabilistic."""
    return int(rule.removeprefix(_DEPTH)) if rule.startswith(_DEPTH) else None


def reverted(events: Events) -> NDArray[np.int64]:
    """The blocks that were final at some correct validator and then were not: their ids, ascending.

    A node that makes another block final at a height has taken back what it had there and above. One that makes the
    same block final again, after a restart, has not. What was taken back and became final again is not reported.
    """
    rows = events.of("finalise")
    rows = rows[events.correct_validator[rows[:, NODE]]]
    back = (np.diff(rows[:, HEIGHT]) <= 0) & (np.diff(rows[:, NODE]) == 0)
    found: set[int] = set()
    for node in np.unique(rows[1:][back, NODE]):
        found |= _taken_back(rows[rows[:, NODE] == node])
    return np.array(sorted(found), np.int64)


def _taken_back(rows: NDArray[np.int64]) -> set[int]:
    """What one node has taken back for good, by its rows in order."""
    final: dict[int, int] = {}  # by height
    taken_back: set[int] = set()
    for height, block in rows[:, [HEIGHT, BLOCK]].tolist():
        if final.get(height) == block:
            continue
        above = height
        while above in final:
            taken_back.add(final.pop(above))
            above += 1
        final[height] = block
    return taken_back - set(final.values())
