"""What each varied key does by itself, in a sweep that has every combination: main effects, and their shares.

A key's effect is averaged over all that else varies, seed by seed; the seeds are the independent units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import log
from statistics import fmean

from netsim.sweep.table import Mean, mean

Place = tuple[str, ...]  # a point's values in the order of the keys


@dataclass(frozen=True, slots=True)
class Effect:
    """What a value of a key adds to a figure, beside the key's first value, on average over all else."""

    key: str
    start: str
    end: str
    adds: Mean


def words(places: Sequence[Place]) -> list[list[str]]:
    """The values of each key, in the order in which they come."""
    return [list(dict.fromkeys(column)) for column in zip(*places, strict=True)]


def effects(keys: Sequence[str], points: Mapping[Place, Mapping[int, float]]) -> list[Effect]:
    """The main effects in a figure, given by point and seed, over the seeds that all points have.

    None where a combination is missing, or where no seed is everywhere.
    """
    values = words(list(points))
    seeds = sorted(set.intersection(*(set(found) for found in points.values()))) if points else []
    if not seeds or not _is_whole(values, points):
        return []
    found = []
    for at, key in enumerate(keys):
        means = [
            [fmean(points[place][seed] for place in points if place[at] == word) for seed in seeds]
            for word in values[at]
        ]
        for word, other in zip(values[at][1:], means[1:], strict=True):
            adds = mean([later - first for first, later in zip(means[0], other, strict=True)])
            assert adds is not None
            found.append(Effect(key, values[at][0], word, adds))
    return found


def shares(keys: Sequence[str], points: Mapping[Place, float]) -> dict[str, float] | None:
    """Of each key, its main effect's share of the sum of squares of the logarithms; None where a point is missing.

    In a full factorial design the effects are orthogonal, so that the shares and that of the interactions sum to one
    (Fisher, The Design of Experiments, 1935).
    """
    values = words(list(points)) if points else []
    if not values or not _is_whole(values, points) or min(points.values()) <= 0:
        return None
    logs = {place: log(value) for place, value in points.items()}
    middle = fmean(logs.values())
    whole = sum((value - middle) ** 2 for value in logs.values())
    found = {}
    for at, key in enumerate(keys):
        means = [fmean(value for place, value in logs.items() if place[at] == word) for word in values[at]]
        explained = sum((one - middle) ** 2 for one in means) * len(logs) / len(means)
        found[key] = explained / whole if whole else 0.0
    return found


def _is_whole(values: Sequence[Sequence[str]], points: Mapping[Place, object]) -> bool:
    return all(place in points for place in product(*values))
