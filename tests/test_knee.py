"""Where a curve of latency has its knee."""

from __future__ import annotations

import pytest

from netsim.sweep.knee import knee


def test_the_knee_is_where_the_curve_bends_up() -> None:
    assert knee([1, 2, 3, 4, 5, 6], [10, 10, 10, 11, 40, 70]) == 3
    assert knee([250, 500, 750, 1000, 1500, 2000], [300, 360, 800, 2700, 5100, 7200]) == 2


def test_a_queue_has_its_knee_before_it_is_full() -> None:
    loads = [number / 20 for number in range(1, 20)]
    at = knee(loads, [1 / (1 - load) for load in loads])  # M/M/1
    assert at is not None
    # with both axes scaled, the slope is one where 1 / (1 - load)² = 19 / 0.9 or so: at 0.77
    assert loads[at] == pytest.approx(0.77, abs=0.04)


def test_the_scale_and_the_place_of_the_axes_do_not_matter() -> None:
    x, y = [1.0, 2, 3, 4, 5, 6], [10.0, 10, 10, 11, 40, 70]
    assert knee([7 + 1000 * value for value in x], [value / 3 - 5 for value in y]) == knee(x, y)


@pytest.mark.parametrize(
    "y",
    [
        [1, 2, 3, 4, 5],  # a straight line
        [1, 4, 5, 5.5, 5.6],  # bends the other way
        [3, 3, 3, 3, 3],
        [1, 1.9, 2.9, 3.9, 5],  # hardly bends: it comes back by less than a step
        [5, 4, 3, 2, 1],
    ],
)
def test_what_does_not_bend_up_has_none(y: list[float]) -> None:
    assert knee([1, 2, 3, 4, 5], y) is None
    assert knee([1, 2], [1, 9]) is None
