"""Points in the plane whose distances are as near as they can be to given ones: multidimensional scaling.

The start is pivot MDS (Brandes and Pich, "Eigensolver methods for progressive multidimensional scaling of large data",
2007): the two directions in which the distances to some far-flung points differ most. From there on the stress, the
sum of squared differences between the distances that are wanted and those that there are, falls with each step of
SMACOF (de Leeuw, "Applications of convex analysis to multidimensional scaling", 1977). Nothing here is random.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PIVOTS = 60
_STEPS, _STILL = 100, 1e-3  # at most so many; until a step lowers the stress by less than this share
_GOLDEN_ANGLE = pi * (3 - sqrt(5))
_PARTINGS = 400
_PARTED = 0.95  # of the distance that was asked for: enough to tell two marks apart


def scale(wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (rows × 2) for a symmetric matrix of distances, centred on the origin."""
    points = _start(wanted)
    before, pull = np.inf, np.empty_like(wanted)
    for _ in range(_STEPS):
        distances = between(points)
        np.subtract(distances, wanted, out=pull)
        now = float(np.vdot(pull, pull))
        if now >= before * (1 - _STILL):
            break
        before = now
        distances[distances == 0] = np.inf  # what stands at one spot, each point with itself too, pulls nowhere
        np.divide(wanted, distances, out=pull)
        points = (pull.sum(axis=1)[:, None] * points - pull @ points) / len(points)
    centred: NDArray[np.float64] = points - points.mean(axis=0)
    return centred


def stress(wanted: NDArray[np.float64], points: NDArray[np.float64]) -> float:
    """How far the distances are off, as a share of those wanted: Kruskal's stress-1 (1964) at the best scale."""
    distances = between(points)
    total = float((distances**2).sum())
    fitted = distances * (float((distances * wanted).sum()) / total if total else 0.0)
    asked = float((wanted**2).sum())
    return sqrt(float(((fitted - wanted) ** 2).sum()) / asked) if asked else 0.0


def between(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The distance of every point to every other."""
    from scipy.spatial.distance import cdist

    distances: NDArray[np.float64] = cdist(points, points)
    return distances


def turned(points: NDArray[np.float64], like: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same points, turned or mirrored to stand as much as they can like others (Schönemann 1966)."""
    left, _, right = np.linalg.svd((points - points.mean(axis=0)).T @ (like - like.mean(axis=0)))
    result: NDArray[np.float64] = points @ (left @ right)
    return result


def apart(points: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    """Points that are (nearly) at least so far from each other, each moved little; those at one spot become a disc."""
    from scipy.spatial import cKDTree

    points = points + least / 10 * _spiral(len(points))
    for _ in range(_PARTINGS):
        pairs = cKDTree(points).query_pairs(least, output_type="ndarray")
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]  # sums of floats depend on their order
        one, other = pairs[:, 0], pairs[:, 1]
        gaps = points[other] - points[one]
        distances = np.maximum(np.hypot(gaps[:, 0], gaps[:, 1]), 1e-9 * least)
        if not len(pairs) or distances.min() >= _PARTED * least:
            break
        pushes = gaps * (0.5 * (least - distances) / distances)[:, None]
        np.subtract.at(points, one, pushes)
        np.add.at(points, other, pushes)
    return points


def _start(wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pivot MDS, and a spiral so fine that it only keeps points apart that would stand at one spot."""
    count = len(wanted)
    pivots = [0]
    nearest = wanted[0].copy()
    while len(pivots) < min(count, _PIVOTS):
        pivots.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, wanted[pivots[-1]])
    squared = wanted[:, pivots] ** 2
    centred = -0.5 * (squared - squared.mean(axis=0) - squared.mean(axis=1)[:, None] + squared.mean())
    sizes, directions = np.linalg.eigh(centred.T @ centred)
    # Squares of distances were taken apart, so what comes is the square of each coordinate's size: hence its root.
    lengths = np.maximum(sizes[::-1][:2], 1e-30) ** 0.25
    points: NDArray[np.float64] = centred @ directions[:, ::-1][:, :2] / lengths
    if points.shape[1] < 2:
        points = np.zeros((count, 2))
    largest = np.abs(points).argmax(axis=0)
    signs = np.sign(points[largest, [0, 1]])
    points = points * np.where(signs == 0, 1, signs)
    # As large as is asked for: a start that is far too small or large takes steps to grow.
    spread = float(between(points).sum())
    if spread:
        points *= float(wanted.sum()) / spread
    return points + 1e-3 * (float(wanted.max()) or 1.0) * _spiral(count) / sqrt(count)


def _spiral(count: int) -> NDArray[np.float64]:
    """Vogel's sunflower: points on a plane, no two at one spot, however many."""
    number = np.arange(count)
    radius, angle = np.sqrt(number + 0.5), number * _GOLDEN_ANGLE
    return np.column_stack((radius * np.sin(angle), radius * np.cos(angle)))
