"""Losses and recoveries against exact formulas, written here once more from the module's documentation."""

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.network.bursts import GilbertElliott
from netsim.network.congestion import BusyHour
from netsim.network.draws import draw, key
from netsim.network.loss import (
    LONGEST_TIMEOUT,
    MOST_WITH_CONGESTION,
    PACKET_BYTES,
    TIMEOUTS,
    Loss,
    loss_odds,
    packets_of,
    retransmission_timeout,
)
from netsim.scenario.model import Congestion
from tests.network.worlds import MS, SECOND

ROUND_TRIP = 30 * MS
NOON = 12 * 3600 * SECOND


def later_than(share: float, packets: int) -> dict[int, float]:
    """P(a message comes later by more than so many ns), for the first outcomes, from those of its single packets.

    The n-th failure of an early packet costs a round trip, and then timeouts; that of one of the last three timeouts.
    """
    loss = Loss(share, ROUND_TRIP)
    early = [0, *(ROUND_TRIP + loss.delay(count) for count in range(6))]
    last = [loss.delay(count) for count in range(7)]
    found = {}
    for delay in sorted({*early, *last})[:8]:
        good = 1.0
        for costs, count in ((early, max(0, packets - 3)), (last, min(3, packets))):
            failures = sum(cost <= delay for cost in costs)  # the fewest that are too many
            good *= (1 - share**failures) ** count
        found[delay] = 1 - good
    return found


@given(st.floats(1e-6, 0.5), st.integers(1, 400))
def test_a_message_is_lost_when_one_of_its_packets_is(share: float, packets: int) -> None:
    assert loss_odds(share, packets) / 2**64 == pytest.approx(1 - (1 - share) ** packets, rel=1e-6)


def test_a_message_is_cut_into_packets() -> None:
    assert [packets_of(size) for size in (1, PACKET_BYTES, PACKET_BYTES + 1)] == [1, 1, 2]
    assert Loss(0.1, 0).odds(PACKET_BYTES + 1, 0) == loss_odds(0.1, 2)


@pytest.mark.parametrize(("share", "packets"), list(product([0.02, 0.3, 0.7], [1, 3, 4, 40])))
def test_each_outcome_is_as_probable_as_that_of_independent_packets(share: float, packets: int) -> None:
    """The luck at which the outcome changes is the exact probability: no sampling."""
    loss = Loss(share, ROUND_TRIP)
    size = packets * PACKET_BYTES
    for delay, probability in later_than(share, packets).items():
        just_worse, just_better = (round((probability + step) * 2**64) for step in (-1e-9, 1e-9))
        if just_worse > 0:
            assert just_worse < loss.odds(size, 0)
            assert loss.recovery(just_worse, size, 0)[0] > delay
        if just_better < loss.odds(size, 0):
            assert loss.recovery(just_better, size, 0)[0] <= delay


def test_outcomes_are_as_frequent_as_those_of_packets_that_are_lost_one_by_one() -> None:
    """A positive control of the formulas: five packets, each followed through its own failures."""
    share, packets, runs = 0.3, 5, 20_000
    loss = Loss(share, ROUND_TRIP)
    source = key(1, "one by one")
    luck = key(1, "luck")
    simulated: Counter[int] = Counter()
    drawn: Counter[int] = Counter()
    number = 0
    for run in range(runs):
        worst = 0
        for place in range(packets):
            failures = 0
            while draw(source, number) < share * 2**64:
                failures += 1
                number += 1
            number += 1
            fast = failures > 0 and packets - place > 3
            worst = max(worst, fast * ROUND_TRIP + loss.delay(failures - fast))
        simulated[worst] += 1
        word = draw(luck, run)
        size = packets * PACKET_BYTES
        drawn[loss.recovery(word, size, 0)[0] if word < loss.odds(size, 0) else 0] += 1
    assert {delay for delay, count in simulated.items() if count > 100} >= {0, ROUND_TRIP, 200 * MS, 230 * MS, 600 * MS}
    for delay, count in simulated.items():
        assert drawn[delay] / runs == pytest.approx(count / runs, abs=0.02)  # four standard deviations


def test_duplicate_acknowledgements_need_three_packets_behind_the_lost_one() -> None:
    loss = Loss(0.01, ROUND_TRIP)
    unlucky = loss.odds(1, 0) - 1  # the mildest loss
    assert [loss.recovery(unlucky, packets * PACKET_BYTES, 0) for packets in (1, 2, 3)] == [(200 * MS, True)] * 3
    mild = loss.odds(4 * PACKET_BYTES, 0) - 1
    assert loss.recovery(mild, 4 * PACKET_BYTES, 0) == (ROUND_TRIP, False)
    assert loss.recovery(loss_odds(0.01, 3) - 1, 4 * PACKET_BYTES, 0) == (200 * MS, True)


def test_timeouts_double_from_200_ms_or_two_round_trips() -> None:
    near, far = Loss(0.1, 20 * MS), Loss(0.1, 300 * MS)
    assert [near.delay(count) for count in range(4)] == [0, 200 * MS, 600 * MS, 1400 * MS]
    assert [far.delay(count) for count in range(3)] == [0, 600 * MS, 1800 * MS]
    assert retransmission_timeout(300 * MS) == 600 * MS


def test_timeouts_end_where_linux_would_give_up() -> None:
    """Linux's tcp_retries2 = 15 stands for 924.6 s: that many timeouts and one more."""
    hopeless = Loss(1.0, MS)
    assert hopeless.delay(TIMEOUTS) + LONGEST_TIMEOUT == 924_600 * MS
    assert hopeless.odds(1, 0) == 2**64
    assert hopeless.recovery(2**64 - 1, 1, 0) == (hopeless.delay(TIMEOUTS), True)
    assert hopeless.recovery(0, 10 * PACKET_BYTES, 0) == (MS + hopeless.delay(TIMEOUTS), True)
    assert Loss(0.1, 100 * SECOND).delay(2) == 400 * SECOND  # a slow flow's own timeout is the longest


def test_what_is_sent_again_after_a_burst_is_over_arrives() -> None:
    """A link that loses everything, but only in bursts: the timer finds it good again, or in the next burst."""
    bursts = GilbertElliott(0.01, 20 * MS, 1, 0, 1)
    loss = Loss(0.0, ROUND_TRIP, bursts, 1.0)
    assert not loss.never
    assert not loss.steady
    bad = [time for time in range(0, 600 * SECOND, 7 * MS) if bursts.bad(time)]
    assert len(bad) > 300
    costs: Counter[int] = Counter()
    for time in bad:
        assert loss.odds(1, time) == 2**64
        delay, by_timer = loss.recovery(0, 1, time)
        assert by_timer
        assert not bursts.bad(time + delay)
        assert all(bursts.bad(time + loss.delay(count)) for count in range(1, TIMEOUTS) if loss.delay(count) < delay)
        costs[delay] += 1
    assert costs[200 * MS] > 0.9 * len(bad)
    good = next(time for time in range(0, SECOND, MS) if not bursts.bad(time))
    assert loss.odds(1, good) == 0


def test_congestion_adds_to_the_links_own_loss_and_to_that_of_bursts() -> None:
    busy = BusyHour(Congestion(0, 0.2, NOON), time_of_day=NOON)
    always_bad = GilbertElliott(1.0, MS, 1, 0, 0)
    assert Loss(0.1, 0, strain=busy).share_at(0) == pytest.approx(0.3)
    assert Loss(0.1, 0, strain=busy).share_at(NOON) == pytest.approx(0.1)
    assert Loss(0.1, 0, always_bad, 0.5, busy).share_at(0) == pytest.approx(0.7)
    assert Loss(0.1, 0, always_bad, 0.9, busy).share_at(0) == MOST_WITH_CONGESTION
    assert Loss(0.1, 0, always_bad, 1.0, busy).share_at(0) == 1.0
    for share, bursts in ((0.1, None), (0.1, GilbertElliott(0.5, 1000 * SECOND, 1, 0, 0))):
        loss = Loss(share, 0, bursts, 0.5, busy)
        odds = {loss.odds(3000, time) for time in range(0, 2 * NOON, 97 * SECOND)}
        assert max(odds) == loss.most_odds(3000)  # at noon, and in a burst
    assert Loss(0.0, 0, strain=BusyHour(Congestion(MS, 0.0, NOON), NOON)).never
    assert not Loss(0.0, 0, strain=busy).never
