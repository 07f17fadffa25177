"""Randomness by counting: the n-th draw of a key is a pure function of the key and n.

A link's delays, a node's stream, a fault's victims: each has a key of its own, made from the scenario's seed, a purpose
and the numbers of whom it belongs to. Nothing depends on the order in which draws are asked for, so they may be drawn
ahead, in blocks, in any process, and are the same (the idea of Salmon et al., "Parallel random numbers: as easy as
1, 2, 3", SC 2011). The hash is the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014; constants by D. Stafford, "Mix13"), whose integer arithmetic modulo 2⁶⁴ numpy and Python do
bit for bit alike.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15  # 2⁶⁴ divided by the golden ratio, made odd: SplitMix64's increment
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_CHILD = 0xD1342543DE82EF95  # sets the keys that are made from a key apart from its draws


def key(seed: int, purpose: str, *owner: int) -> int:
    """The 64-bit key of one source of randomness. Numbers count modulo 2⁶⁴, so negative ones are welcome.

    `key(s, p, a, b)` is `child(key(s, p, a), b)`: the keys of many owners can be made at once with `children`.
    """
    found = child(_purpose(purpose), seed)
    for number in owner:
        found = child(found, number)
    return found


def child(key: int, owner: int) -> int:
    """The key of one owner below a key."""
    return draw(key ^ _CHILD, owner)


def children(key: int, owners: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """`child` for many owners, the same bits."""
    import numpy as np

    return draw_array(np.full(owners.shape, key ^ _CHILD, np.uint64), owners)


def children_each(keys: NDArray[np.uint64], owners: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """`child` element by element, the same bits."""
    import numpy as np

    return draw_array(keys ^ np.uint64(_CHILD), owners)


def draw(key: int, n: int) -> int:
    """The n-th draw of a key: uniform over 0 … 2⁶⁴−1."""
    return _mix(key ^ _mix((n + 1) * _GAMMA & _MASK))


def draw_array(keys: NDArray[np.uint64], n: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """`draw` element by element, the same bits. The two arrays are broadcast against each other."""
    return draw_counted(keys, counters(n))


def counters(n: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The half of a draw that only its number decides: many keys' n-th draws need it once (`draw_counted`)."""
    import numpy as np

    return _mix_array((n + np.uint64(1)) * np.uint64(_GAMMA))


def draw_counted(keys: NDArray[np.uint64], counters: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """`draw_array` with the `counters` of its numbers."""
    return _mix_array(keys ^ counters)


def stream(seed: int, purpose: str, *owner: int) -> Random:
    """A generator of its own for what is drawn one after the other, in the order of its owner's own events."""
    return Random(key(seed, purpose, *owner))


@lru_cache(maxsize=256)
def _purpose(purpose: str) -> int:
    return int.from_bytes(blake2b(purpose.encode(), digest_size=8, person=b"netsim-draws").digest(), "little")


def _mix(word: int) -> int:
    word = (word ^ word >> 30) * _FIRST & _MASK
    word = (word ^ word >> 27) * _SECOND & _MASK
    return word ^ word >> 31


def _mix_array(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """`_mix` element by element, in place."""
    import numpy as np

    words ^= words >> np.uint64(30)
    words *= np.uint64(_FIRST)
    words ^= words >> np.uint64(27)
    words *= np.uint64(_SECOND)
    words ^= words >> np.uint64(31)
    return words
