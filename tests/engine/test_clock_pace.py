"""What processes know of each other at the clock's pace, without processes: three of them on one array."""

from __future__ import annotations

import numpy as np
import pytest

from netsim.engine.clock_pace import Lateness, Progress, Turn, board_size
from netsim.engine.layout import Place
from netsim.engine.loop import FOREVER

FAR = 1 << 60
PLACES = tuple(Place(index, f"n{index}", (index,)) for index in range(3))
REACH = np.array([[4, 2, 10], [2, 4, 12], [10, 12, 20]], np.int64)  # from row to column; out and back on the diagonal


@pytest.fixture
def three() -> list[Progress]:
    shared = np.zeros(board_size(3), np.int64)
    return [Progress(shared, me, PLACES, REACH) for me in range(3)]


def stand(three: list[Progress], *following: int) -> None:
    for progress, time in zip(three, following, strict=True):
        progress.handled(0, 0, time)


def test_before_others_have_begun_only_the_shortest_ways_are_safe(three: list[Progress]) -> None:
    assert [progress.horizon() for progress in three] == [2, 2, 10]


def test_the_horizon_is_the_next_event_of_whoever_can_reach_us_first(three: list[Progress]) -> None:
    stand(three, 100, 200, 105)
    assert [progress.horizon() for progress in three] == [104, 102, 110]
    stand(three, FOREVER, FOREVER, FOREVER)
    assert three[0].horizon() >= FOREVER


def test_what_is_on_its_way_bounds_the_horizon_until_it_is_taken(three: list[Progress]) -> None:
    stand(three, 100, 200, 300)
    three[0].handled(100, 1, 500)  # one batch, of its event at 100
    assert three[1].horizon() == 102  # it may be for us
    assert three[2].horizon() == 110  # or it may make the second one send at 102
    three[1].took(0, 1, 103)
    assert three[1].horizon() == 103 + 4  # what we do can come back; on its way to the third, it cannot reach us before
    assert three[2].horizon() == 110
    three[2].took(0, 1, 300)
    assert three[2].horizon() == 103 + 12


def test_of_many_batches_the_oldest_counts_and_what_is_too_old_forbids_everything(three: list[Progress]) -> None:
    stand(three, 100, 1000, 1000)
    for number in range(1, 11):
        three[0].handled(100 + number, number, 101 + number)
    three[2].took(0, 10, 1000)
    assert three[1].horizon() == 103
    three[1].took(0, 4, 1000)
    assert three[1].horizon() == 107
    for number in range(11, 200):
        three[0].handled(100 + number, number, 101 + number)
    assert three[1].horizon() <= 2


def test_who_has_left_is_not_waited_for(three: list[Progress]) -> None:
    stand(three, 100, 200, 300)
    three[0].handled(100, 1, 500)
    three[1].took(0, 1, 250)
    three[2].leave()
    assert three[1].horizon() == 200 + 4


def test_a_successor_has_nothing_before_it_begins() -> None:
    places = (*PLACES[:2], Place(2, "n1 again", (1,), 1, since=5000))
    shared = np.zeros(board_size(3), np.int64)
    three = [Progress(shared, me, places, REACH) for me in range(3)]
    three[0].handled(0, 0, 7000)
    three[1].handled(0, 0, 7000)
    assert three[0].horizon() == 5010


def test_an_event_waits_for_its_turn_and_no_longer_than_its_patience(three: list[Progress]) -> None:
    stand(three, 100, 150, 300)
    turn = Turn(three[1], patience=1000)
    assert turn.until(now=101, following=101) == 102
    assert not turn.awaited
    assert turn.until(now=900, following=101) == 102  # the rest of what is due has to wait
    turn.until(now=900, following=102)
    assert turn.awaited
    assert turn.until(now=1102, following=102) == 103  # the first has waited long enough
    assert not turn.awaited
    stand(three, 2000, 150, 3000)
    assert turn.until(now=1102, following=103) == 154
    assert turn.until(now=120, following=110) == 121  # never before its time


def test_without_patience_everything_is_handled_when_it_is_due(three: list[Progress]) -> None:
    turn = Turn(three[0], patience=0)
    assert turn.until(now=500, following=300) == 501
    assert not turn.awaited


def test_a_sample_of_lateness_stays_small_and_even() -> None:
    lateness = Lateness()
    for late in range(100_000):
        lateness.add(late)
    assert 10_000 <= len(lateness.sample) <= 20_000
    assert len(set(np.diff(lateness.sample).tolist())) == 1
