"""The alarm: never early, once, and only what was set last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from netsim.engine import timer
from netsim.engine.timer import Alarm

_MS = 1_000_000


@pytest.fixture(params=["exact", "coarse"])
async def alarm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Alarm]:
    monkeypatch.setattr(timer, "_EXACT", timer._EXACT and request.param == "exact")
    with Alarm() as alarm:
        yield alarm


async def test_it_is_never_early(alarm: Alarm) -> None:
    for wait in (0, 1, 100_000, 1 * _MS, 3 * _MS, 20 * _MS):
        deadline = time.monotonic_ns() + wait
        await alarm.until(deadline)
        assert time.monotonic_ns() >= deadline


@pytest.mark.parametrize("deadline", [-5, 0, 1])
async def test_a_time_long_past_is_due_at_once(alarm: Alarm, deadline: int) -> None:
    await alarm.until(deadline)


async def test_what_is_set_last_counts(alarm: Alarm) -> None:
    heard: list[str] = []
    done = asyncio.Event()

    def last() -> None:
        heard.append("last")
        done.set()

    now = time.monotonic_ns()
    alarm.set(now + 5 * _MS, lambda: heard.append("first"))
    alarm.set(now + 60_000 * _MS, lambda: heard.append("far away"))
    alarm.set(now + 10 * _MS, last)
    await done.wait()
    await asyncio.sleep(0.02)
    assert heard == ["last"]


async def test_it_calls_once_and_can_be_set_in_the_call(alarm: Alarm) -> None:
    rings = 0
    done = asyncio.Event()

    def ring() -> None:
        nonlocal rings
        rings += 1
        if rings < 5:
            alarm.set(time.monotonic_ns() + _MS, ring)
        else:
            done.set()

    alarm.set(time.monotonic_ns(), ring)
    await done.wait()
    await asyncio.sleep(0.01)
    assert rings == 5


async def test_an_alarm_that_went_off_unheard_and_is_set_anew_waits_for_its_new_time(alarm: Alarm) -> None:
    heard: list[str] = []
    alarm.set(time.monotonic_ns() + _MS, lambda: heard.append("old"))
    time.sleep(0.005)  # the event loop is busy when it goes off
    deadline = time.monotonic_ns() + 10 * _MS
    done = asyncio.Event()
    alarm.set(deadline, done.set)
    await done.wait()
    assert time.monotonic_ns() >= deadline
    assert heard == []


async def test_cancelled_it_stays_silent(alarm: Alarm) -> None:
    heard: list[str] = []
    alarm.set(time.monotonic_ns() + 2 * _MS, lambda: heard.append("set"))
    alarm.cancel()
    waiting = asyncio.create_task(alarm.until(time.monotonic_ns() + 60_000 * _MS))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0.01)
    assert heard == []
