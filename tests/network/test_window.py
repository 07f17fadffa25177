"""The congestion window against the textbook's formula, and its memory step by step."""

from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.network.loss import PACKET_BYTES
from netsim.network.window import SlowStart, Window, slow_start
from netsim.scenario.model import Choice, Link
from tests.network.worlds import MS, SECOND, constant, network, profile

MBIT = 10**6


def path(
    round_trip: int = 100 * MS, rate: int = 100 * MBIT, initial: int = 10, most: int = 2896, reset: bool = True
) -> SlowStart:
    return SlowStart(round_trip, rate, initial, most, reset)


def packets(count: int) -> int:
    return count * PACKET_BYTES


def textbook_stalls(size: int, rate: int, round_trip: int, initial: int, most: int) -> float:
    """Kurose and Ross: slow start without loss. The k-th window holds 2^(k−1) times the initial one.

    After each window but the last that the object needs, the server stands still for a round trip less the window's own
    transmission time, if that is positive. In ns.
    """
    segments = ceil(size / PACKET_BYTES)
    windows: list[int] = []
    while sum(windows) < segments:
        windows.append(min(initial * 2 ** len(windows), most))
    return sum(max(0.0, round_trip - window * PACKET_BYTES * 8 * 1e9 / rate) for window in windows[:-1])


def test_a_megabyte_over_100_mbit_and_50_ms_takes_seven_rounds() -> None:
    """10 + 20 + … + 320 packets in six rounds, and the last 61 of 691 in the seventh: by hand.

    The last byte leaves six round trips after the first, and the 61 packets' transmission time later: 600 + 7 ms,
    instead of 80; then the link's 50 ms.
    """
    slow = profile("slow", bandwidth_up=100 * MBIT)
    link = [Link(a, b, constant(50 * MS)) for a, b in (("shenzhen", "suzhou"), ("suzhou", "shenzhen"))]
    net = network({"shenzhen": 1, "suzhou": 1}, access=[slow], links=link)
    size = 10**6
    _, departures = net.uplink(0).depart(0, size, 0, [1])
    assert departures == [80 * MS]
    arrivals = net.inbound([1], parts=True).arrive(0, 0, 0, [1], departures, size)
    last = size - packets(630)
    assert arrivals.times == [600 * MS + last * 80 + 50 * MS]
    assert arrivals.parts == [(0, 50 * MS, 520 * MS + last * 80, 0, 0)]
    assert 520 * MS + last * 80 == pytest.approx(textbook_stalls(size, 100 * MBIT, 100 * MS, 10, 2896), abs=10)


@given(
    st.integers(1, 20_000_000),
    st.integers(1, 10_000).map(lambda rate: rate * MBIT),
    st.integers(0, 300 * MS),
    st.sampled_from([1, 2, 4, 10, 30]),
    st.sampled_from([30, 200, 2896]),
)
def test_the_first_message_of_a_flow_waits_as_the_textbook_says(
    size: int, rate: int, round_trip: int, initial: int, most: int
) -> None:
    window = Window(path(round_trip, rate, initial, most))
    wait = window.wait(10 * SECOND, size)
    rounds = 2 * size // packets(min(initial, most)) + 40  # each rounds up by less than a nanosecond
    assert wait == pytest.approx(textbook_stalls(size, rate, round_trip, initial, most), abs=rounds)


def test_a_message_that_fits_waits_for_nothing() -> None:
    assert Window(path()).wait(SECOND, packets(10)) == 0
    assert Window(path()).wait(SECOND, packets(10) + 1) > 90 * MS
    assert Window(path(round_trip=0)).wait(SECOND, packets(1000)) == 0


def test_a_long_transfer_runs_at_the_receivers_window_per_round_trip() -> None:
    """20 packets in 100 ms: 2.3 Mbit/s, whatever the link could do."""
    size = packets(10 + 20 * 500)
    wait = Window(path(most=20)).wait(100 * SECOND, size)
    assert wait + size * 80 == 500 * 100 * MS + packets(20) * 80


def test_messages_in_the_same_round_share_its_window() -> None:
    window = Window(path())
    begin = 10 * SECOND
    transmission = packets(6) * 80
    assert window.wait(begin + transmission, packets(6)) == 0
    # 4 packets are left: they go at once, and the rest when the first round is over.
    wait = window.wait(begin + 2 * transmission, packets(6))
    assert begin + 2 * transmission + wait == begin + 100 * MS + packets(2) * 80
    assert window.packets == 20
    assert window.wait(begin + 150 * MS, packets(18)) == 0


def test_messages_of_a_flow_leave_one_after_the_other() -> None:
    window = Window(path())
    first = SECOND + window.wait(SECOND, packets(100))
    assert SECOND + window.wait(SECOND, packets(1)) >= first + packets(1) * 80


def test_a_message_shorter_than_the_window_does_not_widen_it() -> None:
    window = Window(path(reset=False))
    for number in range(1, 6):
        window.wait(number * SECOND, packets(9))
    assert window.packets == 10
    window.wait(6 * SECOND, packets(10))
    window.wait(7 * SECOND, packets(1))
    assert window.packets == 20


def test_an_idle_flow_loses_half_of_its_window_per_timeout() -> None:
    """The timeout of a 100 ms round trip is 200 ms."""

    def after(pause: int, reset: bool = True) -> int:
        window = Window(path(reset=reset))
        sent = SECOND + window.wait(SECOND, packets(300))  # 10, 20, 40, 80, 150 of 160
        assert window.packets == 160
        window.wait(sent + pause + packets(1) * 80, packets(1))
        return window.packets

    assert [after(pause * MS) for pause in (150, 199, 200, 399, 400, 600, 800, 5000)] == [
        *(160, 160, 80, 80, 40, 20, 10, 10)
    ]
    assert after(5000 * MS, reset=False) == 160


def test_a_pause_leaves_three_quarters_as_the_threshold() -> None:
    """After a loss from 20 packets the window grows by one a round, from 10 to 16; after a pause it is 10 again.

    Then slow start ends at 12, and it goes on to 13 and 14.
    """
    window = Window(path())
    sent = SECOND + window.wait(SECOND, packets(30))
    window.lost(by_timer=False)
    assert window.packets == 10
    sent += SECOND // 10
    sent += window.wait(sent, packets(10 + 11 + 12 + 13 + 14 + 15 + 16))
    assert window.packets == 16
    sent += 10 * SECOND
    assert window.wait(sent, packets(10 + 12 + 13 + 14)) == 3 * 100 * MS - packets(10 + 12 + 13) * 80
    assert window.packets == 14


def test_a_fast_retransmit_halves_the_window_and_slow_start_is_over() -> None:
    window = Window(path(reset=False))
    window.wait(SECOND, packets(300))
    window.lost(by_timer=False)
    assert window.packets == 80
    assert window.wait(10 * SECOND, packets(80 + 81 + 82)) == pytest.approx(2 * 100 * MS - packets(80 + 81) * 80)
    assert window.packets == 82


def test_a_timeout_begins_anew_and_slow_start_ends_at_half() -> None:
    window = Window(path(reset=False))
    window.wait(SECOND, packets(300))
    window.lost(by_timer=True)
    assert window.packets == 10
    window.wait(10 * SECOND, packets(10 + 20 + 40 + 80 + 81 + 1))
    assert window.packets == 82


def test_losses_leave_two_packets() -> None:
    window = Window(path())
    for _ in range(9):
        window.lost(by_timer=False)
    assert window.packets == 2


pauses, large, lucks = st.integers(0, 400 * MS), st.integers(packets(10) + 1, 10**6), st.integers(0, 9)


@given(st.lists(st.tuples(pauses, large, lucks), max_size=9))
def test_no_round_trip_carries_more_than_the_receivers_window_and_no_second_more_than_the_rate(
    messages: list[tuple[int, int, int]],
) -> None:
    """Between the ends of any two messages."""
    most, rate, round_trip = 60, 20 * MBIT, 80 * MS
    window = Window(path(round_trip, rate, most=most))
    clock, ends = 0, []
    for pause, size, luck in messages:
        clock += pause
        ends.append((clock + window.wait(clock, size), size))
        assert ends[-1][0] >= clock
        if luck < 3:
            window.lost(by_timer=luck == 0)
        assert 2 <= window.packets <= most
    for first, second in pairwise(range(len(ends))):
        lasts = ends[second][0] - ends[first][0]
        assert lasts >= ends[second][1] * 8 * SECOND // rate
        assert lasts > (ends[second][1] / packets(most) - 2) * round_trip


def test_only_streams_with_a_bottleneck_have_a_window() -> None:
    stream = Choice("stream", {})
    assert slow_start(stream, None, 0) is None
    assert slow_start(Choice("datagram", {}), 10**8, 0) is None
    assert slow_start(Choice("stream", {"initial_window": None}), 10**8, 0) is None
    assert slow_start(stream, 10**8, 5) == SlowStart(5, 10**8, 10, (4 << 20) // PACKET_BYTES, True)
    options = {"initial_window": 40, "receive_window": 30_000, "idle_reset": "no"}
    assert slow_start(Choice("stream", options), 10**8, 5) == SlowStart(5, 10**8, 20, 20, False)


def test_the_bottleneck_is_the_least_bandwidth_on_the_way_and_the_round_trip_that_of_both_ways() -> None:
    slow = profile("slow", MS, 2 * MS, 0, 7 * MBIT, 50 * MBIT)
    fast = profile("fast", 0, 0, 3 * MS, 90 * MBIT, 30 * MBIT)
    link = Link("shenzhen", "suzhou", constant(9 * MS), bandwidth=40 * MBIT)
    net = network({"shenzhen": 1, "suzhou": 1}, access=[slow, fast], links=[link], delay=4 * MS)
    windows = [net.path(0, 1).window, net.path(1, 0).window]
    assert [window and window.rate for window in windows] == [7 * MBIT, 50 * MBIT]
    assert [window and window.round_trip for window in windows] == [(1 + 9 + 3 + 3 + 4 + 2) * MS] * 2
    assert network({"shenzhen": 2}).path(0, 1).window is None


def test_small_messages_pass_a_large_one_on_its_way_but_are_not_delivered_before_it() -> None:
    """The window lets them through at once; the stream's order holds them back."""
    slow = profile("slow", bandwidth_up=100 * MBIT)
    net = network({"shenzhen": 2, "suzhou": 1}, access=[slow], delay=50 * MS)
    inbound = net.inbound([1, 2], parts=True)
    block = inbound.arrive(0, 0, 0, [1], 80 * MS, 10**6)
    votes = inbound.arrive(0, 0, 1, [1, 2], 81 * MS, 200)
    assert block.times[0] > 600 * MS
    assert votes.times == [block.times[0], 131 * MS]
    assert votes.parts == [(0, 50 * MS, 0, 0, block.times[0] - 131 * MS), (0, 50 * MS, 0, 0, 0)]
    assert inbound.arrive(0, 0, 2, [2], 90 * MS, 200).times == [140 * MS]
    assert inbound.arrive(0, 0, 3, [1], 300 * MS, 200).times == block.times
    assert inbound.arrive(0, 0, 4, [1], 301 * MS, 200).times == block.times
    later = block.times[0] + 1
    assert inbound.arrive(0, 0, 5, [1, 2], later, 200).times == [later + 50 * MS] * 2
    assert inbound.arrive(0, 0, 6, [1, 2], later, 200).times == [later + 50 * MS] * 2


def test_small_messages_that_lose_packets_leave_the_window_as_it_is() -> None:
    limited = profile("limited", bandwidth_up=100 * MBIT)
    link = Link("shenzhen", "shenzhen", constant(20 * MS), loss=0.3)
    net = network({"shenzhen": 2}, access=[limited], links=[link], seed=2)
    waits = []
    for between in (0, 30):
        inbound = net.inbound([1], parts=True)
        inbound.arrive(0, 0, 0, [1], SECOND, 200_000)
        small = [inbound.arrive(0, 0, number + 1, [1], SECOND + number, 200).parts for number in range(between)]
        assert sum(parts[0][2] > 0 for parts in small if parts) >= between // 6
        parts = inbound.arrive(0, 0, 99, [1], 2 * SECOND, 10**6).parts
        assert parts is not None
        waits.append(parts[0][2])
    assert waits[0] == waits[1] > 0


def test_a_loss_in_a_large_message_makes_the_next_one_wait_longer() -> None:
    """Every message loses something; only the window of a flow without losses grows as it should."""
    limited = profile("limited", bandwidth_up=100 * MBIT)
    waits = {}
    for share in (0.0, 0.05):
        link = Link("shenzhen", "shenzhen", constant(20 * MS), loss=share)
        inbound = network({"shenzhen": 2}, access=[limited], links=[link]).inbound([1], parts=True)
        before = 0
        total = 0
        for number in range(30):
            arrivals = inbound.arrive(0, 0, number, [1], before + 90 * MS, 10**6)
            assert arrivals.parts is not None
            before = arrivals.times[0]
            total += arrivals.parts[0][2]
        waits[share] = total / 30
    assert waits[0.0] < 10 * MS  # once grown, the window is never in the way
    assert waits[0.05] > 500 * MS
