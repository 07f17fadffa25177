"""What follows from who the validators are: the same for all nodes of a process, so it is worked out once for all.

A process that holds ten thousand nodes would otherwise hold ten thousand sets of ten thousand. The world hands every
node the same tuple, which cannot change, so it is known again by its identity.
"""

from __future__ import annotations

from collections.abc import Sequence

_members: list[tuple[tuple[int, ...], frozenset[int]]] = []  # the latest
_totals: list[tuple[tuple[int, ...], tuple[int, ...], int]] = []  # likewise


def members(validators: Sequence[int]) -> frozenset[int]:
    """The validators as a set."""
    if not isinstance(validators, tuple):
        return frozenset(validators)
    if not _members or _members[0][0] is not validators:
        _members[:] = [(validators, frozenset(validators))]
    return _members[0][1]


def total_weight(validators: Sequence[int], weights: Sequence[int]) -> int:
    """The weight of all validators together, in millionths. `weights` are by node."""
    if not (isinstance(validators, tuple) and isinstance(weights, tuple)):
        return sum(weights[node] for node in validators)
    if not _totals or _totals[0][0] is not validators or _totals[0][1] is not weights:
        _totals[:] = [(validators, weights, sum(weights[node] for node in validators))]
    return _totals[0][2]
