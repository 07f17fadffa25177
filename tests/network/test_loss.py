from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.network.loss import LONGEST_TIMEOUT, PACKET_BYTES, TIMEOUTS, Loss, failure_odds
from tests.network.worlds import MS, SECOND


@given(st.floats(1e-6, 0.5), st.integers(1, 400))
def test_a_message_is_lost_when_one_of_its_packets_is(share: float, packets: int) -> None:
    assert failure_odds(share, packets)[0] / 2**64 == pytest.approx(1 - (1 - share) ** packets, rel=1e-6)


@given(st.floats(0, 1), st.integers(1, 400))
def test_further_failures_are_never_more_likely(share: float, packets: int) -> None:
    odds = failure_odds(share, packets)
    assert len(odds) == TIMEOUTS
    assert all(2**64 >= a >= b >= 0 for a, b in pairwise(odds))


def test_only_the_packets_that_were_lost_are_sent_again() -> None:
    assert failure_odds(0.01, 362)[1] / 2**64 == pytest.approx(362 * 1e-4, rel=0.02)


def test_a_message_is_cut_into_packets() -> None:
    loss = Loss(0.1, 0)
    assert loss.odds(1) == loss.odds(PACKET_BYTES) == failure_odds(0.1, 1)
    assert loss.odds(PACKET_BYTES + 1) == failure_odds(0.1, 2)


def test_timeouts_double_from_200_ms_or_two_round_trips() -> None:
    near, far = Loss(0.1, 20 * MS), Loss(0.1, 300 * MS)
    assert [near.delay(count) for count in range(4)] == [0, 200 * MS, 600 * MS, 1400 * MS]
    assert [far.delay(count) for count in range(3)] == [0, 600 * MS, 1800 * MS]


def test_timeouts_end_where_linux_would_give_up() -> None:
    """Linux's tcp_retries2 = 15 stands for 924.6 s: that many timeouts and one more."""
    assert Loss(0.1, 0).delay(TIMEOUTS) + LONGEST_TIMEOUT == 924_600 * MS
    assert Loss(0.1, 100 * SECOND).delay(2) == 400 * SECOND  # a slow flow's own timeout is the longest
