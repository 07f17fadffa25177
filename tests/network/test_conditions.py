"""Handovers, spikes and recordings as functions of time."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby, pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.network import access
from netsim.network.conditions import Conditions, Outages, Playback, Spells, recorded_median, spike_median
from netsim.scenario.model import Access, Handover, Radio, Recording, Spikes
from tests.network.worlds import MS, SECOND, lognormal, profile, uniform_ns

HANDOVER = Handover(2 * SECOND, 300 * MS)
SPIKES = Spikes(0.035, 75 * MS, 270 * MS, 500 * MS)
RECORDING = Recording((0, 10 * MS, 25 * MS), (5 * MS, 40 * MS, 7 * MS), 30 * MS)
RADIO = Radio("DDDSU", MS // 2, MS // 2, "scheduled", 2, 0, 0.1, 4, "public")

times = st.integers(0, 20 * SECOND)


# --- handovers --------------------------------------------------------------------------------------------------------


def outages_of(handover: Handover, node: int, windows: int) -> list[tuple[int, int]]:
    """The outage of each window, told by their ends."""
    outages = Outages(handover, 1, node)
    found = []
    for window in range(windows):
        begin = window * handover.every
        end = outages.over(begin, begin + handover.every)
        while (more := outages.over(end, begin + handover.every)) and more <= begin + handover.every:
            end = more
        found.append((end - handover.outage, end))
    return found


def test_each_window_has_one_outage_within_it() -> None:
    found = outages_of(HANDOVER, 0, 200)
    assert all(
        window * HANDOVER.every <= begin and end <= (window + 1) * HANDOVER.every
        for window, (begin, end) in enumerate(found)
    )
    places = [begin % HANDOVER.every for begin, _ in found]
    assert np.mean(places) == pytest.approx((HANDOVER.every - HANDOVER.outage) / 2, rel=0.1)
    assert outages_of(HANDOVER, 1, 5) != found[:5]


@given(st.lists(st.tuples(times, st.integers(1, SECOND)), min_size=1, max_size=20))
def test_outages_are_the_same_in_any_order_of_asking(asked: list[tuple[int, int]]) -> None:
    kept = Outages(HANDOVER, 1, 0)
    truth = outages_of(HANDOVER, 0, 12)
    for begin, lasts in asked:
        touched = [end for start, end in truth if start < begin + lasts and begin < end]
        assert kept.over(begin, begin + lasts) == (touched[0] if touched else 0)
        assert kept.sending(begin) == next((end for start, end in truth if start <= begin < end), begin)


def test_the_mean_wait_for_the_end_of_an_outage_is_its_square_over_twice_the_interval() -> None:
    outages = Outages(HANDOVER, 1, 0)
    step = 7 * MS // 10 + 1
    waits = [outages.sending(time) - time for time in range(0, 100 * HANDOVER.every, step)]
    assert np.mean(waits) == pytest.approx(HANDOVER.outage**2 / (2 * HANDOVER.every), rel=0.01)


def test_outages_may_follow_each_other_without_a_gap() -> None:
    always = Outages(Handover(SECOND, SECOND), 1, 0)
    assert always.over(0, 1) == SECOND
    with pytest.raises(ValueError, match="longer"):
        Outages(Handover(SECOND, SECOND + 1), 1, 0)


# --- spikes -----------------------------------------------------------------------------------------------------------


def halves(count: int, spikes: Spikes = SPIKES) -> list[int]:
    """What each window of several nodes adds to one direction."""
    nodes = [Spells(spikes, 1, node) for node in range(10)]
    return [spells.at(window * spikes.lasts) for spells in nodes for window in range(count // 10)]


def test_spikes_take_their_share_of_the_time_and_have_their_quantiles() -> None:
    found = np.array(halves(100_000))
    bad = found[found > 0]
    assert len(bad) / len(found) == pytest.approx(SPIKES.share, rel=0.05)
    assert 2 * np.median(bad) == pytest.approx(SPIKES.median, rel=0.05)
    assert 2 * np.quantile(bad, 0.9) == pytest.approx(SPIKES.p90, rel=0.08)


def test_a_spike_lasts_and_is_the_same_in_both_directions() -> None:
    often = replace(SPIKES, share=0.5)

    def told(node: int) -> list[int]:
        spells = Spells(often, 1, node)
        return [spells.at(time) for time in range(0, 200 * SPIKES.lasts, MS)]

    def changes(values: list[int]) -> list[int]:
        return [number for number, (before, after) in enumerate(pairwise(values)) if before != after]

    values = told(0)
    assert values == told(0)
    assert 100 <= len(changes(values)) <= 190  # between windows, and not all of them differ
    assert {after - before for before, after in pairwise(changes(values))} <= set(range(500, 10_001, 500))
    assert changes(told(1))[0] % 500 != changes(values)[0] % 500  # other nodes change at other times


def test_the_median_of_spikes_is_over_all_time() -> None:
    assert spike_median(SPIKES) == 0
    often = replace(SPIKES, share=0.8)
    assert spike_median(often) == pytest.approx(np.median(halves(20_000, often)), rel=0.05)


# --- recordings -------------------------------------------------------------------------------------------------------


def test_a_recording_is_played_from_the_nodes_own_place_again_and_again() -> None:
    playback = Playback(RECORDING, 1, 0)
    played = [playback.at(time) for time in range(0, 90 * MS, MS // 10)]
    assert played[:300] == played[300:600] == played[600:]
    assert [played[:300].count(delay) / 10 for delay in RECORDING.delays] == pytest.approx([10, 15, 5], abs=0.11)
    begin = next(number for number in range(300) if (played[number], played[number + 1]) == (7 * MS, 5 * MS)) + 1
    assert [delay for delay, _ in groupby(played[begin : begin + 300])] == [5 * MS, 40 * MS, 7 * MS]
    assert len({Playback(RECORDING, 1, node).at(0) for node in range(20)}) > 1


@given(st.lists(times, min_size=1, max_size=30))
def test_conditions_are_the_same_in_any_order_of_asking(asked: list[int]) -> None:
    kept = Conditions(Spells(SPIKES, 1, 0), Playback(RECORDING, 1, 0))
    for time in asked:
        assert kept.passed(time) == Conditions(Spells(SPIKES, 1, 0), Playback(RECORDING, 1, 0)).passed(time)


def test_the_median_of_a_recording_counts_how_long_a_delay_holds() -> None:
    assert recorded_median(replace(RECORDING, times=(0, 9 * MS, 25 * MS))) == 40 * MS
    assert recorded_median(replace(RECORDING, times=(0, 13 * MS, 25 * MS))) == 7 * MS
    assert recorded_median(replace(RECORDING, times=(0, 16 * MS, 25 * MS))) == 5 * MS
    assert recorded_median(Recording((0,), (3 * MS,), SECOND)) == 3 * MS


# --- what a profile's ends are ----------------------------------------------------------------------------------------

PLAIN = profile("plain", uniform_ns(MS, 2 * MS), lognormal(MS, 0.3), MS)
PROFILES = [
    replace(
        PLAIN, radio=radio, bandwidth_up=up, bandwidth_down=up, spikes=spikes, handover=handover, recording=recording
    )
    for radio in (None, RADIO)
    for up in (None, 50 * 10**6)
    for spikes in (None, replace(SPIKES, share=0.3))
    for handover in (None, HANDOVER)
    for recording in (None, RECORDING)
]


@pytest.mark.parametrize("profile", PROFILES, ids=map(str, range(len(PROFILES))))
@pytest.mark.parametrize("crashes", [False, True], ids=["steady", "crashing"])
def test_whatever_a_link_goes_through_it_keeps_order_and_its_least_delay(profile: Access, crashes: bool) -> None:
    uplink, downlink = access.uplink(profile, 1, 0), access.downlink(profile, 1, 0)
    steady = access.uplink(profile, 1, 0)
    random = Random(1)
    now = departed = through = 0
    for sequence in range(300):
        now += random.randrange(30 * MS)
        if crashes:
            uplink = access.uplink(profile, 1, 0, uplink.backlog())
        size, receivers = random.choice([200, 40_000]), range(random.randrange(1, 4))
        begun, times = uplink.depart(now, size, sequence, receivers)
        assert (begun, times) == steady.depart(now, size, sequence, receivers)
        begins = [begun] * len(receivers) if isinstance(begun, int) else begun
        for begin, time in zip(begins, [times] * len(receivers) if isinstance(times, int) else times, strict=True):
            assert time >= max(departed, begin, now + access.least(profile))
            departed = time
        if downlink is not None:
            before, through = through, downlink.enter(now, size)
            assert through >= max(before, now + access.least(profile))
    assert (downlink is None) == (profile == PLAIN)
