"""What a node's access goes through as time passes: handovers, spikes, a recording.

Each is a function of (seed, node, time) and of nothing else, so both directions, and the processes of both engines, see
the same. They are read at any time in any order; what was found last is kept, since times mostly move on slowly.
"""

from __future__ import annotations

from bisect import bisect_right
from math import log
from statistics import NormalDist

from netsim.network.distribution import QuantileTable, compiled
from netsim.network.draws import draw, key
from netsim.scenario.model import Distribution, Handover, Recording, Spikes


class Outages:
    """Handovers: in each window of `every` ns one outage of `outage` ns, drawn evenly from the places within it.

    A message at a random moment waits outage² / (2 · every) on average.
    """

    def __init__(self, handover: Handover, seed: int, node: int) -> None:
        """Raises ValueError where an outage does not fit between two handovers."""
        if handover.outage > handover.every:
            raise ValueError("an outage lasts longer than the time between two handovers")
        self._every = handover.every
        self._lasts = handover.outage
        self._key = key(seed, "handover", node)
        self._clear_from = self._clear_until = 0  # a stretch of time without any

    def over(self, begin: int, end: int) -> int:
        """The end of an outage that [begin, end) touches, 0 where it touches none."""
        if self._clear_from <= begin and end <= self._clear_until:
            return 0
        first = begin // self._every
        for window in range(first, (end - 1) // self._every + 1):
            start = self._start(window)
            if start < end and begin < start + self._lasts:
                return start + self._lasts
        here = self._start(first)
        if here >= end:
            self._clear_from, self._clear_until = self._start(first - 1) + self._lasts, here
        else:
            self._clear_from, self._clear_until = here + self._lasts, self._start(first + 1)
        return 0

    def sending(self, time: int) -> int:
        """When something that is ready at `time` can be sent."""
        while end := self.over(time, time + 1):
            time = end
        return time

    def through(self, begin: int, end: int) -> int:
        """When a transmission is over that would last from `begin`, in no outage, to `end`, but pauses in each."""
        window = begin // self._every
        while self._every * window < end:
            if begin <= self._start(window) < end:
                end += self._lasts
            window += 1
        return end

    def _start(self, window: int) -> int:
        return self._every * window + draw(self._key, window) % (self._every - self._lasts + 1)


class Spells:
    """Spikes: windows of `lasts` ns from an offset that is the node's own, each bad with probability `share`.

    In a bad one everything takes longer by the same excess, lognormal; half of it, rounded down, in each direction.
    """

    def __init__(self, spikes: Spikes, seed: int, node: int) -> None:
        self._lasts = spikes.lasts
        self._bad = round(spikes.share * 2**64)
        self._excess = _excess(spikes)
        self._key = key(seed, "spike", node)
        self._excess_key = key(seed, "spike-excess", node)
        self._offset = key(seed, "spike-offset", node) % spikes.lasts
        self._window = -1
        self._half = 0

    def at(self, time: int) -> int:
        """What one direction takes longer at `time`, in ns."""
        window = (time + self._offset) // self._lasts
        if window != self._window:
            self._window = window
            bad = draw(self._key, window) < self._bad
            self._half = self._excess.at(draw(self._excess_key, window)) // 2 if bad else 0
        return self._half


class Playback:
    """A recording, from a place that is the node's own on, again and again: each delay holds until the next."""

    def __init__(self, recording: Recording, seed: int, node: int) -> None:
        self._recording = recording
        self._phase = key(seed, "recording", node) % recording.length
        self._from = self._until = 0  # where the delay found last holds
        self._delay = 0

    def at(self, time: int) -> int:
        """The delay at `time`, in ns."""
        recording = self._recording
        place = (time + self._phase) % recording.length
        if not self._from <= place < self._until:
            times = recording.times
            step = bisect_right(times, place) - 1
            self._from = times[step]
            self._until = times[step + 1] if step + 1 < len(times) else recording.length
            self._delay = recording.delays[step]
        return self._delay


class Conditions:
    """What comes after the slots or the queue, in one direction: half a spike, then the recording."""

    def __init__(self, spells: Spells | None, playback: Playback | None) -> None:
        self._spells = spells
        self._playback = playback

    def passed(self, time: int) -> int:
        """When something that enters at `time` is through, if nothing were before it."""
        if self._spells is not None:
            time += self._spells.at(time)
        if self._playback is not None:
            time += self._playback.at(time)
        return time


def spike_median(spikes: Spikes) -> int:
    """The median over time of what one direction takes longer, in ns: 0 unless spikes take half of the time."""
    if spikes.share <= 0.5:
        return 0
    return _excess(spikes).at(round((spikes.share - 0.5) / spikes.share * 2**64)) // 2


def recorded_median(recording: Recording) -> int:
    """The median over time of a recording's delay, in ns."""
    ends = [*recording.times[1:], recording.length]
    held = sorted(
        (delay, end - begin) for delay, begin, end in zip(recording.delays, recording.times, ends, strict=True)
    )
    left = recording.length
    for delay, lasts in held:
        left -= 2 * lasts
        if left <= 0:
            return delay
    return held[-1][0]


def _excess(spikes: Spikes) -> QuantileTable:
    sigma = log(spikes.p90 / spikes.median) / NormalDist().inv_cdf(0.9)
    values = (("median", float(spikes.median)), ("sigma", sigma), ("minimum", 0.0))
    return compiled(Distribution("lognormal", values))
