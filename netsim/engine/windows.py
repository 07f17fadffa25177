"""Lockstep's arithmetic: who may go on until when."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netsim.engine.control import Report
from netsim.engine.layout import Place, lookahead, slack
from netsim.engine.loop import FOREVER
from netsim.engine.plan import Plan

_WINDOW_NS = 100_000_000  # most logical time from a process's next event to its horizon: it reports now and then
_NEVER = FOREVER >> 2  # two of them still fit into 64 bits
_WORTH = 0.5


class Windows:
    """Where every process stands, and the windows that follow from it."""

    def __init__(self, plan: Plan, places: tuple[Place, ...]) -> None:
        self._end = plan.scenario.duration
        self._reach = lookahead(plan, places)
        self._since = np.array([place.since for place in places], np.int64)
        self._slack = [slack(plan, place) for place in places]
        self._next = self._since.copy()
        self._acts = self._since.copy()
        self._out = np.zeros(len(places), bool)  # granted a window, not reported yet
        self._gone = [False] * len(places)
        self._owed = [_NEVER] * len(places)  # the earliest arrival that was caused since the last grant
        self._unseen: list[dict[int, int]] = [{} for _ in places]
        self._worth = np.minimum(self._reach.diagonal(), _WINDOW_NS) * _WORTH
        self.number = 0

    @property
    def now(self) -> int:
        return int(self._next.min())

    def grants(self) -> Iterator[tuple[int, int, int, dict[int, int]]]:
        """(process, number, horizon, marks) of every window that is to be granted now."""
        able = ~self._out & (self._next < self._end)
        if not able.any():
            return
        horizons = (self._acts[:, None] + self._reach).min(axis=0)
        np.minimum(horizons, self._end, out=horizons)
        windows = horizons - self._next
        wide = able & (windows > 0) & ((windows >= self._worth) | (horizons == self._end))
        if not self._out.any():
            wide[np.where(able, self._next, _NEVER).argmin()] = True
        for process in np.flatnonzero(wide).tolist():
            self._out[process] = True
            self._owed[process] = _NEVER
            marks, self._unseen[process] = self._unseen[process], {}
            self.number += 1
            yield process, self.number, int(min(horizons[process], self._next[process] + _WINDOW_NS)), marks

    def report(self, word: Report) -> None:
        """A process has handled its window."""
        process = word.process
        self._out[process] = False
        if word.crashed:
            self._gone[process] = True
            self._next[process] = self._acts[process] = _NEVER
        else:
            since, owed = int(self._since[process]), self._owed[process]
            self._next[process] = max(min(word.next, owed, _NEVER), since)
            self._acts[process] = max(min(word.acts, owed + self._slack[process], _NEVER), since)
        for other, arrival in word.caused.items():
            self._unseen[other][process] = word.sequence
            self._owed[other] = min(self._owed[other], arrival)
            if not self._gone[other]:
                since = int(self._since[other])
                self._next[other] = min(self._next[other], max(arrival, since))
                self._acts[other] = min(self._acts[other], max(arrival + self._slack[other], since))
