"""Radio, slot by slot: the published table, the alignment formula, and a simulation that steps from slot to slot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import lcm
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.network import lines
from netsim.network.conditions import Outages
from netsim.network.draws import draw, key
from netsim.network.radio import (
    MOST_SLOTS,
    Direction,
    RadioDownlink,
    RadioUplink,
    Slots,
    latency,
    least,
    mean_alignment,
    phase,
)
from netsim.scenario.model import Handover, Radio
from tests.network.worlds import MS, SECOND

HALF = MS // 2  # a slot at 30 kHz
CONFIGURED = Radio("DDDSU", HALF, HALF, "configured", 2, 0, 0.1, 4, "public")
SCHEDULED = replace(CONFIGURED, grant="scheduled")
SEED = 7
BIT_NS = 8 * 10**9

# Direction, radio; ms: mean without block errors, with a tenth of them, p95, p99.
TABLE: list[tuple[Direction, Radio, float, float, float, float]] = [
    ("down", CONFIGURED, 1.85, 2.165, 4.87, 6.0),
    ("up", CONFIGURED, 2.75, 3.03, 5.4, 6.5),
    ("up", SCHEDULED, 5.25, 5.53, 7.9, 9.0),
]
ROWS = pytest.mark.parametrize(
    ("direction", "radio", "clean", "mean", "p95", "p99"), TABLE, ids=["downlink", "configured", "scheduled"]
)


def period(radio: Radio) -> int:
    return len(radio.pattern) * radio.slot


def slots_of(radio: Radio, outages: Outages | None = None) -> Slots:
    return Slots(radio, phase(radio, SEED), outages)


def sender(
    direction: Direction, radio: Radio, bandwidth: int | None = None, node: int = 0
) -> Callable[[int, int], int]:
    """A fresh end of a link, as (time, size) → when it is through."""
    if direction == "down":
        return RadioDownlink(slots_of(radio), bandwidth, SEED, node).enter
    uplink = RadioUplink(slots_of(radio), bandwidth, SEED, node)

    def send(time: int, size: int) -> int:
        departed = uplink.depart(time, size, 0, (1,))[1]
        assert isinstance(departed, int)
        return departed

    return send


def sampled(direction: Direction, radio: Radio, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Delays, in ms, of small messages far from each other, spread evenly over the period."""
    send = sender(direction, radio)
    found = []
    for number in range(count):
        now = 60 * number * period(radio) + number * 7919 * period(radio) // 104729 % period(radio)
        found.append(send(now, 200) - now)
    return np.array(found) / MS


# --- the table --------------------------------------------------------------------------------------------------------


@ROWS
def test_the_table_of_radio_delays_is_reproduced_by_samples(
    direction: Direction, radio: Radio, clean: float, mean: float, p95: float, p99: float
) -> None:
    delays = sampled(direction, radio, 100_000)
    assert delays.mean() == pytest.approx(mean, rel=0.01)
    assert np.quantile(delays, 0.95) == pytest.approx(p95, rel=0.03)
    assert np.quantile(delays, 0.99) == pytest.approx(p99, rel=0.03)


@ROWS
def test_the_table_of_radio_delays_is_reproduced_in_closed_form(
    direction: Direction, radio: Radio, clean: float, mean: float, p95: float, p99: float
) -> None:
    assert latency(replace(radio, bler=0.0), direction).mean == pytest.approx(clean * MS, rel=1e-12)
    exact = latency(radio, direction)
    assert exact.mean == pytest.approx(mean * MS, rel=0.01)
    assert exact.quantile(0.95) == pytest.approx(p95 * MS, rel=0.03)
    assert exact.quantile(0.99) == pytest.approx(p99 * MS, rel=0.03)


@ROWS
def test_without_block_errors_the_mean_over_every_moment_is_exact(
    direction: Direction, radio: Radio, clean: float, mean: float, p95: float, p99: float
) -> None:
    """Delays fall evenly within a slot: the mean over the middles of ten parts of each slot is that over all time."""
    radio = replace(radio, bler=0.0)
    send = sender(direction, radio)
    steps = 10 * len(radio.pattern)
    step = period(radio) // steps
    begin = -phase(radio, SEED) % step + step // 2
    times = [40 * number * period(radio) + begin + number * step for number in range(steps)]
    assert sum(send(now, 200) - now for now in times) == steps * round(clean * MS)


patterns = st.text("DSUF", min_size=1, max_size=12).filter(
    lambda text: set(text) & set("DSF") and set(text) & set("UF")
)
radios = st.builds(
    Radio,
    pattern=patterns,
    slot=st.sampled_from([125_000, HALF, MS, 333_333]),
    processing=st.sampled_from([0, 100_000, HALF, 3 * MS // 2]),
    grant=st.sampled_from(["configured", "scheduled"]),
    grant_slots=st.integers(1, 6),
    request_every=st.sampled_from([0, 0, 10 * MS, 7 * MS, 1_250_000]),
    bler=st.sampled_from([0.0, 0.1, 0.5, 0.95]),
    attempts=st.integers(1, 5),
    operator=st.sampled_from(["blue", "green"]),
)


@given(patterns, st.sampled_from(["up", "down"]))
def test_the_mean_wait_for_a_slot_is_the_sum_of_squared_gaps_over_twice_the_period(
    pattern: str, direction: Direction
) -> None:
    """Against the mean over all slots of how far it is to the next: what comes within a slot waits half of it more."""
    radio = replace(CONFIGURED, pattern=pattern, slot=2)
    letters = "UF" if direction == "up" else "DSF"
    waits = []
    for place in range(len(pattern)):
        far = 0
        while pattern[(place + far) % len(pattern)] not in letters:
            far += 1
        waits.append(2 * far + 1)  # of the two ns before this slot begins: one on average
    assert mean_alignment(radio, direction) * len(pattern) == pytest.approx(sum(waits), rel=1e-12)


@ROWS
def test_the_table_follows_from_the_alignment(
    direction: Direction, radio: Radio, clean: float, mean: float, p95: float, p99: float
) -> None:
    if radio.grant == "configured":
        assert least(radio) + mean_alignment(radio, direction) == clean * MS


def test_a_round_trip_over_the_radio_depends_on_what_lies_between() -> None:
    """About 7.7 ms with anything in between, but not with a fixed time: an uplink ends at a slot's boundary."""
    up, down = sender("up", SCHEDULED), sender("down", SCHEDULED)
    number = 0

    def mean(between: Callable[[int], int], count: int = 20_000) -> float:
        total = 0
        for _ in range(count):
            nonlocal number
            number += 1
            now = 80 * number * period(SCHEDULED) + number * 7919 * 1001 % period(SCHEDULED)
            total += down(up(now, 200) + between(number), 200) - now - between(number)
        return total / count / MS

    assert mean(lambda _: 0) == pytest.approx(5.5275 + 1.5 + 0.2225, rel=0.01)  # no wait: the next slot carries down
    assert mean(lambda number: number * 104_729 % period(SCHEDULED)) == pytest.approx(7.7, rel=0.01)


# --- against a simulation that knows nothing but the rules ------------------------------------------------------------


def stepped(direction: Direction, radio: Radio, now: int, node: int) -> int:
    """When an isolated message is through: every slot is looked at in turn, and time is cut nowhere else."""
    shift, slot = phase(radio, SEED), radio.slot

    def begins(number: int) -> int:
        return number * slot - shift

    def wait(time: int, letters: str, asking: bool = False) -> int:
        number = 0
        missed = False  # a chance to ask that came while no uplink slot began
        since = -1
        while True:
            if radio.request_every:
                chances = number * slot // radio.request_every
                missed = missed or chances != since
                since = chances
            if radio.pattern[number % len(radio.pattern)] in letters:
                if begins(number) >= time and (not asking or not radio.request_every or missed):
                    return number
                missed = missed and letters != "UF"
            number += 1

    if direction == "down":
        block = number = wait(now + radio.processing, "DSF")
    elif radio.grant == "configured":
        block = number = wait(now + radio.processing, "UF")
    else:
        asked = wait(now + radio.processing, "UF", asking=True)
        granted = wait(begins(asked + 1) + radio.processing, "DSF")
        block = number = wait(begins(granted + radio.grant_slots), "UF")
    luck = draw(key(SEED, f"harq-{direction}", node), block) / 2**64
    for attempt in range(1, radio.attempts):
        if luck >= radio.bler**attempt:
            break
        processed = begins(number + 1) + radio.processing
        if direction == "down":
            answered = wait(processed, "UF")
            number = wait(begins(answered + 1) + radio.processing, "DSF")
        else:
            granted = wait(processed, "DSF")
            number = wait(begins(granted + radio.grant_slots), "UF")
    return begins(number + 1) + radio.processing


@given(radios, st.sampled_from(["up", "down"]), st.integers(0, 60 * MS), st.integers(0, 3))
def test_an_isolated_message_takes_what_the_rules_say(radio: Radio, direction: Direction, now: int, node: int) -> None:
    assert sender(direction, radio, None, node)(now, 200) == stepped(direction, radio, now, node)


def is_looked_at_whole(radio: Radio) -> bool:
    """Whether `latency` looks at every slot until all repeats; if not, it may pass over the one that takes longest."""
    return lcm(period(radio), radio.request_every or period(radio)) <= MOST_SLOTS * radio.slot


@given(radios.filter(is_looked_at_whole), st.sampled_from(["up", "down"]))
def test_the_least_and_the_quantiles_bound_and_cut_what_happens(radio: Radio, direction: Direction) -> None:
    exact = latency(radio, direction)
    assert sum(share for _, share in exact.parts) == pytest.approx(1)
    assert least(radio) <= exact.parts[0][0]
    assert exact.quantile(1) <= exact.parts[-1][0] + radio.slot
    assert [exact.quantile(share) for share in (0.1, 0.5, 0.9)] == sorted(
        exact.quantile(share) for share in (0.5, 0.9, 0.1)
    )
    send = sender(direction, radio)
    for number in range(20):
        now = number * (2 * SECOND + 77_777)
        delay = send(now, 200) - now
        assert least(radio) <= delay <= exact.parts[-1][0] + radio.slot


# --- asking for a grant -----------------------------------------------------------------------------------------------


def test_a_request_is_needed_only_where_the_queue_was_empty() -> None:
    radio = replace(SCHEDULED, bler=0.0)
    slots = slots_of(radio)
    uplink = RadioUplink(slots, None, SEED, 0)
    u = next(number for number in range(100, 110) if radio.pattern[number % 5] == "U")
    now = slots.start(u) - HALF - 1  # ready just in time to ask in this slot
    begun, departed = uplink.depart(now, 200, 0, (1,))
    assert (begun, departed) == (slots.start(u + 5), slots.start(u + 6) + HALF)
    # until that is on the air, what comes needs not ask: it goes along, or in the first slot that it is ready for
    assert uplink.depart(slots.start(u), 200, 1, (1,))[0] == slots.start(u + 5)
    assert uplink.depart(slots.start(u + 5) - 1, 200, 2, (1,))[0] == slots.start(u + 10)
    assert uplink.depart(slots.start(u + 9), 200, 3, (1,))[0] == slots.start(u + 10)
    # and when it is, what comes has to
    assert uplink.depart(slots.start(u + 10), 200, 4, (1,))[0] == slots.start(u + 20)
    # a configured grant never asks
    assert RadioUplink(slots_of(CONFIGURED), None, SEED, 0).depart(now, 200, 0, (1,))[0] == slots.start(u)


def test_a_device_asks_only_when_its_turn_comes() -> None:
    """LTE-like: all slots carry both ways, and one in ten is a chance to ask."""
    radio = Radio("F", MS, 3 * MS // 2, "scheduled", 4, 10 * MS, 0.0, 4, "blue")
    slots = slots_of(radio)
    for late in range(10):
        now = slots.start(100 + late) - 3 * MS // 2
        begun, _ = RadioUplink(slots, None, SEED, 0).depart(now, 200, 0, (1,))
        asked = 100 if late == 0 else 110
        assert begun == slots.start(asked + 1 + 2 + 4)  # on the air, processed, K2
    exact = latency(radio, "up")
    assert exact.mean == pytest.approx((1.5 + 5 + 1 + 2 + 4 + 1 + 1.5) * MS)


@pytest.mark.parametrize("every", [SECOND, 5 * SECOND, 60 * SECOND, 333_333_333])
def test_the_closed_form_holds_where_chances_to_ask_are_rare(every: int) -> None:
    """From any moment half of the time between two chances passes on average, and a few slots."""
    rare = latency(replace(SCHEDULED, request_every=every), "up")
    assert rare.mean == pytest.approx(every / 2, rel=0.03)
    assert rare.quantile(0.9) == pytest.approx(0.9 * every, rel=0.03)


# --- other radios -----------------------------------------------------------------------------------------------------


def test_short_slots_and_configured_grants_meet_the_target_for_reliable_low_latency() -> None:
    """IMT-2020: 1 ms one way; TR 38.913: 0.5 ms each way."""
    urllc = Radio("DUDU", 125_000, 62_500, "configured", 1, 0, 1e-5, 4, "factory")
    for direction in ("up", "down"):
        assert latency(urllc, direction).mean == pytest.approx(375_000, rel=1e-4)
        assert latency(urllc, direction).quantile(0.9999) < HALF


def test_a_longer_period_makes_the_uplink_wait_longer() -> None:
    long = replace(SCHEDULED, pattern="DDDDDDDSUU")
    assert latency(long, "up").mean > latency(SCHEDULED, "up").mean + MS
    assert latency(long, "down").mean < latency(SCHEDULED, "down").mean + MS
    assert mean_alignment(long, "up") == (1 + 9**2) * HALF / 20


def test_a_cell_that_always_carries_both_ways_has_only_the_next_slot_to_wait_for() -> None:
    fdd = replace(CONFIGURED, pattern="F", bler=0.0)
    for direction in ("up", "down"):
        assert latency(fdd, direction).mean == 3.5 * HALF


def test_carriers_of_one_operator_share_their_phase_and_others_do_not() -> None:
    assert phase(CONFIGURED, 1) == phase(replace(CONFIGURED, bler=0.2, grant="scheduled"), 1)
    others = {phase(replace(CONFIGURED, operator=name), seed) for name in ("public", "factory") for seed in range(20)}
    assert len(others) == 40
    assert all(0 <= shift < period(CONFIGURED) for shift in others)


# --- air-time ---------------------------------------------------------------------------------------------------------


def test_a_block_larger_than_a_slot_takes_several() -> None:
    radio = replace(CONFIGURED, bler=0.0)
    slots = slots_of(radio)
    u = next(number for number in range(100, 110) if radio.pattern[number % 5] == "U")
    slot_bytes = 80 * 10**6 * period(radio) // BIT_NS  # one uplink slot in a period: 25 kB
    for size, more in ((slot_bytes, 0), (slot_bytes + 1, 1), (4 * slot_bytes, 3), (512 * 1024, 20)):
        uplink = RadioUplink(slots, 80 * 10**6, SEED, 0)
        begun, departed = uplink.depart(slots.start(u) - HALF, size, 0, (1,))
        assert begun == slots.start(u)
        assert departed == slots.start(u + 5 * more + 1) + HALF


def test_small_messages_share_a_slot_and_its_fate() -> None:
    uplink = RadioUplink(slots_of(CONFIGURED), 80 * 10**6, SEED, 0)
    alone = RadioUplink(slots_of(CONFIGURED), 80 * 10**6, SEED, 0)
    failed = 0
    for number in range(200):
        now = number * 100 * MS
        together = uplink.depart(now, 200, number, range(64))
        assert all(isinstance(time, int) for time in together)
        assert together == alone.depart(now, 200, number, (1,))
        failed += together[1] - together[0] > 2 * HALF  # type: ignore[operator]
    assert 5 <= failed <= 40


def test_a_message_is_through_when_all_its_blocks_are() -> None:
    """Four uplink slots, each of which may fail up to three times and then comes again a period later each time."""
    radio = replace(CONFIGURED, bler=0.5)
    slots = slots_of(radio)
    uplink = RadioUplink(slots, 80 * 10**6, SEED, 0)
    by_an_earlier_block = 0
    for number in range(300):
        begun, departed = uplink.depart(number * SECOND, 90_000, number, (1,))
        first = next(slot for slot in range(number * 2000, number * 2000 + 20) if slots.start(slot) == begun)
        ends = []
        for slot in range(first, first + 20, 5):
            luck = draw(key(SEED, "harq-up", 0), slot) / 2**64
            failed = sum(luck < 0.5**attempt for attempt in (1, 2, 3))
            ends.append(slots.start(slot + 5 * failed + 1) + HALF)
        assert departed == max(ends)
        by_an_earlier_block += departed != ends[-1]
    assert by_an_earlier_block > 20


sends = st.lists(st.tuples(st.integers(0, 30 * MS), st.integers(1, 60_000), st.integers(1, 6)), min_size=1, max_size=8)


@given(radios, sends, st.sampled_from([None, 10**6, 80 * 10**6, 7 * 10**8 + 1]))
def test_several_at_once_are_carried_as_one_after_the_other(
    radio: Radio, sends: list[tuple[int, int, int]], bandwidth: int | None
) -> None:
    together, alone = (RadioUplink(slots_of(radio), bandwidth, SEED, 0) for _ in range(2))
    now, times, sizes = 0, [], []
    for number, (step, size, copies) in enumerate(sends):
        now += step
        _, departed = together.depart(now, size, number, range(copies))
        ends = [alone.depart(now, size, number, (copy,))[1] for copy in range(copies)]
        assert departed == (ends[-1] if isinstance(departed, int) else ends)
        times += [now] * copies
        sizes += [size] * copies
    down, down_alone = (RadioDownlink(slots_of(radio), bandwidth, SEED, 0) for _ in range(2))
    packets = [field for time, size in zip(times, sizes, strict=True) for field in (time, 0, 0, size, 0, 0)]
    through = [0] * len(times)
    down.enter_line(lines, packets, len(times), through)
    assert through == [down_alone.enter(time, size) for time, size in zip(times, sizes, strict=True)]


@given(radios.filter(lambda radio: radio.bler == 0.0), sends, st.sampled_from([10**6, 80 * 10**6, 7 * 10**8 + 1]))
def test_bandwidth_is_never_exceeded_over_any_number_of_whole_periods(
    radio: Radio, sends: list[tuple[int, int, int]], bandwidth: int
) -> None:
    uplink = RadioUplink(slots_of(radio), bandwidth, SEED, 0)
    downlink = RadioDownlink(slots_of(radio), bandwidth, SEED, 0)
    up: list[tuple[int, int, int]] = []  # beginning of the first slot, end of the last, size
    down: list[tuple[int, int]] = []
    now = 0
    for number, (step, size, copies) in enumerate(sends):
        now += step
        begun, departed = uplink.depart(now, size, number, range(copies))
        begins = [begun] * copies if isinstance(begun, int) else begun
        ends = [departed] * copies if isinstance(departed, int) else departed
        up += [(begin, end - radio.processing, size) for begin, end in zip(begins, ends, strict=True)]
        down.append((downlink.enter(now, size) - radio.processing, size))
    assert [end for _, end, _ in up] == sorted(end for _, end, _ in up)
    assert all(end - begin >= radio.slot for begin, end, _ in up)
    for first in range(len(up)):
        for last in range(first, len(up)):
            periods = -(-(up[last][1] - up[first][0]) // period(radio))
            carried = sum(size for _, _, size in up[first : last + 1])
            assert carried * BIT_NS <= periods * period(radio) * bandwidth
    for first in range(len(down)):
        for last in range(first + 1, len(down)):  # those after the first lie in the slots from its last one on
            periods = -(-(down[last][0] - down[first][0] + radio.slot) // period(radio))
            carried = sum(size for _, size in down[first + 1 : last + 1])
            assert carried * BIT_NS <= periods * period(radio) * bandwidth


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("pattern", ["DDDSU", "DDDSUDDSUU", "F", "UUD"])
def test_over_many_periods_a_saturated_link_carries_exactly_its_rate(direction: Direction, pattern: str) -> None:
    radio = replace(CONFIGURED, pattern=pattern, bler=0.0)
    bandwidth = 12_345_678
    periods = 1000
    send = sender(direction, radio, bandwidth)
    size = 1000
    begin = send(0, 1)
    end, sent = begin, 1
    while end - begin < periods * period(radio):
        end = send(0, size)
        sent += size
    carried = bandwidth * (end - begin) / BIT_NS
    assert sent == pytest.approx(carried, abs=2 * bandwidth * period(radio) / BIT_NS + 2 * size)


@given(radios, sends, st.sampled_from([None, 80 * 10**6]), st.booleans(), st.data())
def test_what_is_given_first_comes_first_even_over_a_crash(
    radio: Radio, sends: list[tuple[int, int, int]], bandwidth: int | None, roaming: bool, data: st.DataObject
) -> None:
    outages = Outages(Handover(200 * MS, 30 * MS), SEED, 0) if roaming else None
    steady = RadioUplink(slots_of(radio, outages), bandwidth, SEED, 0)
    uplink = RadioUplink(slots_of(radio, outages), bandwidth, SEED, 0)
    downlink = RadioDownlink(slots_of(radio, outages), bandwidth, SEED, 0)
    crash = data.draw(st.integers(0, len(sends)))
    now = latest = through = 0
    for number, (step, size, copies) in enumerate(sends):
        now += step
        if number == crash:
            uplink = RadioUplink(slots_of(radio, outages), bandwidth, SEED, 0, uplink.backlog())
        begun, departed = uplink.depart(now, size, number, range(copies))
        assert (begun, departed) == steady.depart(now, size, number, range(copies))
        times = [latest, *([departed] if isinstance(departed, int) else departed)]
        assert all(before <= after for before, after in pairwise(times))
        latest = times[-1]
        assert latest >= now + least(radio)
        before, through = through, downlink.enter(now, size)
        assert through >= max(before, now + least(radio))


# --- handovers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grant", ["configured", "scheduled"])
def test_no_slot_is_used_in_an_outage(grant: Literal["configured", "scheduled"]) -> None:
    radio = replace(CONFIGURED, grant=grant, bler=0.0)
    outages = Outages(Handover(200 * MS, 50 * MS), SEED, 0)
    slots = slots_of(radio, outages)
    end = max(outages.over(time * MS, time * MS + MS) for time in range(200))
    begin = end - 50 * MS
    free = slots_of(radio)
    for now in range(begin - 10 * MS, end, MS // 4):
        begun, departed = RadioUplink(slots, None, SEED, 0).depart(now, 200, 0, (1,))
        assert isinstance(begun, int)
        assert begun + HALF <= begin or begun >= end
        calm = RadioUplink(free, None, SEED, 0).depart(now, 200, 0, (1,))
        if begun >= end:
            assert begun < end + 4 * period(radio)
        else:
            assert (begun, departed) == calm
        through = RadioDownlink(slots, None, SEED, 0).enter(now, 200)
        assert through - HALF <= begin or through - 2 * HALF >= end
    # a request that was made in time is granted only afterwards
    late = RadioUplink(slots, None, SEED, 0).depart(begin - 3 * MS, 200, 0, (1,))[0]
    assert (late == RadioUplink(free, None, SEED, 0).depart(begin - 3 * MS, 200, 0, (1,))[0]) == (grant == "configured")


def test_a_block_that_fails_before_an_outage_is_sent_again_after_it() -> None:
    radio = replace(CONFIGURED, bler=1.0, attempts=2)
    outages = Outages(Handover(200 * MS, 50 * MS), SEED, 0)
    end = max(outages.over(time * MS, time * MS + MS) for time in range(200))
    slots = slots_of(radio, outages)
    begun, departed = RadioUplink(slots, None, SEED, 0).depart(end - 50 * MS - 4 * MS, 200, 0, (1,))
    assert isinstance(begun, int)
    assert isinstance(departed, int)
    assert begun < end - 50 * MS
    assert departed >= end + 3 * HALF


def test_a_large_block_goes_on_after_an_outage() -> None:
    radio = replace(CONFIGURED, bler=0.0)
    outages = Outages(Handover(200 * MS, 50 * MS), SEED, 0)
    end = max(outages.over(time * MS, time * MS + MS) for time in range(200))
    now = end - 50 * MS - 20 * MS
    size = 512 * 1024
    with_it = RadioUplink(slots_of(radio, outages), 80 * 10**6, SEED, 0).depart(now, size, 0, (1,))
    without = RadioUplink(slots_of(radio), 80 * 10**6, SEED, 0).depart(now, size, 0, (1,))
    assert with_it[0] == without[0]
    assert with_it[1] == without[1] + 50 * MS  # type: ignore[operator]  # twenty whole periods
