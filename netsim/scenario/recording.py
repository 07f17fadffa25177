"""Measured delays from a file: a table, or what `ping` printed.

A table has columns separated by tabs, semicolons, commas or blanks. With a first line of names, the delays are in the
column `delay` or `one_way` (ms) or in `rtt` (ms, halved), and when they were measured is in `time` or `timestamp` (s,
or ISO 8601); a unit may follow the name, as in `rtt_us` or `delay (s)`. Without names, one column is one-way delays in
ms, two are times in s and one-way delays in ms.

Of `ping`'s lines those with `time=12.3 ms` count: round trips, halved. `ping -D` prints the moment of each reply, from
which that of the request follows. A request without a reply leaves nothing: a recording has delays, no losses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, pairwise
from pathlib import Path

from netsim.scenario.attachment import TIME_UNITS, is_number, nanoseconds, quoted, read_text, rows
from netsim.scenario.model import Distribution, Recording

MOST_SAMPLES = 20_000  # of a recording
MOST_POINTS = 1000  # of a distribution, about

_MS, _S, _HOUR = 10**6, 10**9, 3600 * 10**9
_LATEST = 10**6 * _HOUR  # ns: 114 years, so that the epoch's seconds are times and its milliseconds are a mistake
_LATEST_YEAR = 2084
_REPLY = re.compile(r"time[=<] ?(?P<delay>\S*?) ?(?P<unit>ms|us|µs|μs|s)\b")
_STAMP = re.compile(r"\[(\d+\.\d+)\]")
_UNANSWERED = re.compile(r"no answer yet for icmp_seq|Request timed? ?out", re.IGNORECASE)
_COLUMN = re.compile(r"([a-z][a-z_ -]*?)[_ ]*[(\[]?(ns|us|µs|μs|ms|s)?[)\]]?", re.IGNORECASE)
_ONE_WAY, _ROUND_TRIP, _TIME = ("delay", "one_way"), ("rtt",), ("time", "timestamp")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Samples:
    """One-way delays in ns; `times` when they were measured, in ns from the first on, ascending, None: not known.

    Without times they are in the order of the file.
    """

    delays: tuple[int, ...]
    times: tuple[int, ...] | None
    round_trips: bool  # the delays are their halves
    notes: tuple[str, ...] = ()


def read_recording(path: Path, notes: list[str] | None = None) -> Recording | Distribution:
    """What a scenario plays: a Recording where the file says when each delay was measured, else their Distribution.

    `notes` is given what a reader should know of how the file was understood. Raises ValueError, its message the
    predicate of the key that named the file: "names a file that …".
    """
    try:
        samples = read_samples(path)
    except ValueError as error:
        raise ValueError(f"names a file that {error}") from None
    said = list(samples.notes)
    if samples.times is None or len(samples.delays) == 1:
        found: Recording | Distribution = distribution(samples.delays)
    else:
        found = recording(samples.delays, samples.times)
        if len(found.delays) < len(samples.delays):
            said.append(f"of {len(samples.delays)} delays {len(found.delays)} were taken, evenly in time")
    if notes is not None:
        notes += [f"{path.name}: {note}" for note in said]
    return found


def read_samples(path: Path) -> Samples:
    """All that the file holds. Raises ValueError: "holds no delays", "says in line 7: `abc` is no number"."""
    text = read_text(path)
    samples = _of_ping(text) if _REPLY.search(text) else _of_table(text)
    if not samples.delays:
        raise ValueError("holds no delays")
    return samples


def recording(delays: tuple[int, ...], times: tuple[int, ...]) -> Recording:
    """Delays with ascending times as what is played; the last holds as long as the median of the others."""
    gaps = sorted(after - before for before, after in pairwise(times))
    length = times[-1] + gaps[len(gaps) // 2]
    if len(delays) > MOST_SAMPLES:
        moments = [length * number // MOST_SAMPLES for number in range(MOST_SAMPLES)]
        held, place = [], 0
        for moment in moments:
            while place + 1 < len(times) and times[place + 1] <= moment:
                place += 1
            held.append(delays[place])
        times, delays = tuple(moments), tuple(held)
    return Recording(times, delays, length)


def distribution(delays: tuple[int, ...]) -> Distribution:
    """Delays as a distribution with their quantiles: the k-th least of n stands at the share (k − ½) / n.

    With straight lines between them the mean is that of the delays, exactly (Hazen's plotting positions). Of many
    delays some thousand are kept, the outermost all, and towards the middle fewer and fewer.
    """
    ordered = sorted(delays)
    if ordered[0] == ordered[-1]:
        return Distribution("constant", (("value", ordered[0]),))
    count = len(ordered)
    places = range(count) if count <= MOST_POINTS else _outermost_first(count)
    points = [(0.0, ordered[0])]
    points += [((2 * place + 1) / (2 * count), ordered[place]) for place in places]
    points.append((1.0, ordered[-1]))
    # Within a run of equal values only the first and the last say something.
    inner = [
        here
        for before, here, after in zip(points, points[1:], points[2:], strict=False)
        if not before[1] == here[1] == after[1]
    ]
    return Distribution("quantiles", points=(points[0], *inner, points[-1]))


def _outermost_first(count: int) -> list[int]:
    """Some thousand of the numbers below `count`: close together at both ends, growing apart towards the middle."""
    places: set[int] = set()
    place = 0
    while place <= count // 2:
        places |= {place, count - 1 - place}
        place += 1 + min(place >> 5, count >> 9)
    return sorted(places)


# ---- ping


def _of_ping(text: str) -> Samples:
    delays, moments, unanswered = [], [], 0
    for number, line in enumerate(text.split("\n"), 1):
        reply = _REPLY.search(line)
        if reply is None:
            unanswered += bool(_UNANSWERED.search(line))
            continue
        if "(DUP!)" in line:
            continue
        stamp = _STAMP.search(line, 0, reply.start())
        try:
            round_trip = nanoseconds(reply["delay"], TIME_UNITS[reply["unit"]], 2 * _HOUR)
            if stamp is not None:
                moments.append(nanoseconds(stamp[1], _S, _LATEST) - round_trip)
        except ValueError as error:
            raise ValueError(f"says in line {number}: {error}") from None
        delays.append(round_trip // 2)
    notes = ["round trips, halved"]
    if unanswered:
        notes.append(f"{unanswered} of {unanswered + len(delays)} pings had no answer and are left out")
    if len(moments) != len(delays):
        return Samples(tuple(delays), None, True, tuple(notes))
    return _in_time(delays, moments, True, notes)


# ---- tables


@dataclass(frozen=True, slots=True)
class _Column:
    """Where a table has what: the number of the column and its unit in ns."""

    place: int
    unit: int


def _of_table(text: str) -> Samples:
    lines: Iterator[tuple[int, list[str]]] = rows(text)
    first, cells = next(lines, (0, []))
    if not cells:
        raise ValueError("is empty")
    notes: list[str] = []
    if all(is_number(cell) for cell in cells):
        if len(cells) > 2:
            raise ValueError(
                f"has {len(cells)} columns and no line with their names; delays alone are one, times and delays are two"
            )
        delay = _Column(len(cells) - 1, _MS)
        time = _Column(0, _S) if len(cells) == 2 else None
        halved = False
        lines = chain([(first, cells)], lines)
    else:
        delay, time, halved = _columns(first, cells)
        if halved:
            notes.append("round trips, halved")
    delays, moments = [], []
    most = 2 * _HOUR if halved else _HOUR
    for number, line in lines:
        if len(line) != len(cells):
            raise ValueError(f"says in line {number}: {len(line)} cells, and {len(cells)} in line {first}")
        try:
            value = nanoseconds(line[delay.place], delay.unit, most)
            if time is not None:
                moments.append(_moment(line[time.place], time.unit))
        except ValueError as error:
            raise ValueError(f"says in line {number}: {error}") from None
        delays.append(value // 2 if halved else value)
    if time is None:
        return Samples(tuple(delays), None, halved, tuple(notes))
    return _in_time(delays, moments, halved, notes)


def _columns(number: int, names: list[str]) -> tuple[_Column, _Column | None, bool]:
    """The columns of the delays and of the times, and whether the delays are round trips."""
    found: dict[str, _Column] = {}
    for place, name in enumerate(names):
        match = _COLUMN.fullmatch(name)
        if match is None:
            continue
        plain = match[1].lower().replace("-", "_").replace(" ", "_")
        if plain not in (*_ONE_WAY, *_ROUND_TRIP, *_TIME):
            continue
        kind = "time" if plain in _TIME else "rtt" if plain in _ROUND_TRIP else "delay"
        if kind in found:
            raise ValueError(f"says in line {number}: {quoted(name)} is a second column of the same kind")
        unit = match[2].lower() if match[2] else "s" if kind == "time" else "ms"
        found[kind] = _Column(place, TIME_UNITS[unit])
    delay = found.get("delay") or found.get("rtt")
    if delay is None:
        known = ", ".join((*_ONE_WAY, *_ROUND_TRIP))
        raise ValueError(f"says in line {number}: no column is called {known}, with or without a unit as in `rtt_ms`")
    return delay, found.get("time"), "delay" not in found


def _moment(text: str, unit: int) -> int:
    """A time in ns: a number, or a date and time of ISO 8601, which is UTC where it does not say."""
    if not is_number(text):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is not None and moment.year < _LATEST_YEAR:
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    return nanoseconds(text, unit, _LATEST, -_LATEST)


# ---- both


def _in_time(delays: list[int], moments: list[int], halved: bool, notes: list[str]) -> Samples:
    """Delays in the order of their times, one for each time: the last that the file gives."""
    order = sorted(range(len(delays)), key=moments.__getitem__)
    latest = {moments[place]: delays[place] for place in order}
    if len(latest) < len(delays):
        doubled = len(delays) - len(latest)
        notes = [*notes, f"{doubled} of {len(delays)} delays share their time with a later one and are left out"]
    first = min(latest, default=0)
    return Samples(tuple(latest.values()), tuple(moment - first for moment in latest), halved, tuple(notes))
