"""Distances become points, and points that are too near to tell apart are moved apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.report.stress import apart, between, scale, stress, turned

spots = st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=1, max_size=25, unique=True)


@given(spots)
@settings(max_examples=40)
def test_points_of_a_plane_are_found_again(where: list[tuple[int, int]]) -> None:
    wanted = between(np.array(where, float))
    found = scale(wanted)
    assert found.shape == (len(where), 2)
    assert stress(wanted, found) < 0.01
    assert np.abs(found.mean(axis=0)).max() < 1e-6


def test_the_same_distances_give_the_same_points() -> None:
    wanted = between(np.random.default_rng(1).random((40, 3)))
    assert scale(wanted).tobytes() == scale(wanted).tobytes()


def test_what_no_plane_can_show_has_stress() -> None:
    all_alike = np.ones((20, 20)) - np.eye(20)
    assert 0.2 < stress(all_alike, scale(all_alike)) < 0.5


def test_stress_does_not_care_for_the_scale() -> None:
    wanted = between(np.array([(0, 0), (3, 0), (0, 4)], float))
    assert stress(wanted, np.array([(0, 0), (30, 0), (0, 40)], float)) == pytest.approx(0, abs=1e-9)
    assert stress(np.zeros((2, 2)), np.zeros((2, 2))) == 0


@given(spots, st.floats(0, 6.3), st.booleans())
@settings(max_examples=40)
def test_points_are_turned_back(where: list[tuple[int, int]], angle: float, mirrored: bool) -> None:
    like = np.array(where, float)
    like -= like.mean(axis=0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found = turned(like @ turn * (np.array([-1, 1]) if mirrored else 1), like)
    assert np.allclose(found, like, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 30, 300])
def test_points_at_one_spot_become_a_disc_of_their_size(count: int) -> None:
    points = apart(np.zeros((count, 2)), 2.0)
    distances = between(points)[np.triu_indices(count, 1)]
    assert (distances > 1.7).all()
    assert np.ptp(points, axis=0).max() < 2.0 * 2 * np.sqrt(count)


def test_points_that_are_far_enough_hardly_move() -> None:
    points = np.array([(0, 0), (10, 0), (0, 10)], float)
    assert np.abs(apart(points, 2.0) - points).max() < 0.5
