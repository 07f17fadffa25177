"""The knee of a curve: from where on a little more load costs much more latency.

Kneedle (Satopää, Albrecht, Irwin and Raghavan, Finding a "Kneedle" in a Haystack, ICDCS Workshops 2011), for a curve
that bends upwards: both axes are scaled to [0, 1], and the knee is where the curve lies farthest below the diagonal,
provided that it comes back towards it by enough before it goes further away. The points are taken as they are: they
are means over seeds, and few, so there is no spline.
"""

from __future__ import annotations

from collections.abc import Sequence

SENSITIVITY = 1.0  # S in the paper, its own choice: how many mean steps the curve must come back


def knee(x: Sequence[float], y: Sequence[float]) -> int | None:
    """The place of the first knee, None where the curve has none. x must rise strictly."""
    if len(x) < 3 or max(y) <= min(y):
        return None
    least, most = min(y), max(y)
    across = [(value - x[0]) / (x[-1] - x[0]) for value in x]
    below = [one - (value - least) / (most - least) for one, value in zip(across, y, strict=True)]
    step = 1 / (len(x) - 1)  # the mean one: the paper's threshold is the peak less so much
    found: int | None = None
    for at in range(1, len(below)):
        last = at == len(below) - 1
        if found is not None and below[at] < below[found] - SENSITIVITY * step:
            return found
        if not last and below[at] >= below[at - 1] and below[at] > below[at + 1] and below[at] > 0:
            found = at
    return None
