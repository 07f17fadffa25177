"""Lockstep's arithmetic: who may go on until when, and whom it is worth telling so.

With `acts[p]` the least time at which process p can send anything to another, as far as is known, and L[p][q] the least
time in which that can matter at q, whatever q may still be told of comes no earlier than

    horizon[q] = min over p of acts[p] + L[p][q]

and q may handle everything before it (Chandy, Misra and Bryant's promises, added up in one place). This holds at every
moment, not only when all have reported, so there is no barrier:

* p has reported, and waits. What it can do is in its heap, which its own report speaks of, or in an outbox that others
  have told of and that has not been handled there: `caused`, from their reports. An arrival acts when it has passed the
  downlink, `slack` later at the earliest. What p may be told of later is in the sum of somebody else's `acts` and L,
  for L counts the ways over p, and the way from q to itself and back.
* p has a window and has not reported. In it p handles what was known when it was granted, and what comes of that at p
  itself, so nothing that p sends leaves before the `acts` of then.
* p has reported a part of its window: the same holds from where it stands now.
* A message that nobody has told of yet was sent in a window that is not reported; the case before is about it.

A grant comes with the high-water marks of those outboxes that are known to hold something for q. What others hold was
sent in windows that are not reported, and arrives at q after the horizon.

The earliest `acts` always lies before its own process's horizon, for every L is positive, so somebody can always go on,
and idle time costs nothing. But a window is granted only where it is worth the words: from a certain width on, which
others widen by going on, or where nobody else is under way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from netsim.engine.control import Report
from netsim.engine.loop import FOREVER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WINDOW_NS = 100_000_000  # most logical time from a process's next event to its horizon: it reports now and then
_NEVER = FOREVER >> 2  # two of them still fit into 64 bits
_WORTH = 0.2  # of the shortest way out and back: a window of that width is granted at once

Window = tuple[int, int, int, dict[int, int]]


class Windows:
    """Where every process stands, and the windows that follow from it."""

    def __init__(self, reach: NDArray[np.int64], slack: Sequence[int], since: Sequence[int], end: int) -> None:
        """All in ns. `reach[p, q]` is L, see `layout.lookahead`; `slack` and `since` are by process."""
        self.number = 0  # of the last grant
        self.rounds = 0  # how often windows were granted, one or several at once
        self._into = reach.T.copy()  # by process: the least times of what comes from each other
        self._worth = [int(_WORTH * min(way, _WINDOW_NS)) for way in reach.diagonal().tolist()]
        self._end = end
        self._slack = slack
        self._since = since
        self.horizon = 0  # the furthest that was granted to anybody
        self._next = list(self._since)  # each process's next event
        self._acts = list(self._since)
        self._under_way: set[int] = set()  # who has a window and has not reported
        self._gone = [False] * len(since)
        self._owed = [_NEVER] * len(since)  # the earliest arrival that was caused since the last grant
        self._unseen: list[dict[int, int]] = [{} for _ in since]  # outboxes that have something for it, with marks

    @property
    def now(self) -> int:
        """The time that all have reached (ns)."""
        return min(self._next)

    @property
    def waiting(self) -> bool:
        """Whether somebody has events left before the end."""
        return self.now < self._end

    def amend(self, at: int) -> None:
        """At `at` (ns), which is no earlier than any horizon, something happens at every process. All have reported."""
        assert not self._under_way
        assert at >= self.horizon
        for process, gone in enumerate(self._gone):
            if not gone:
                self._next[process] = min(self._next[process], at)
                self._acts[process] = min(self._acts[process], at)

    def grants(self, limit: int | None = None) -> Iterator[Window]:
        """What is to be granted now, as (process, number, horizon, marks); nothing when all have reached the end.

        Nothing goes on beyond the `limit`, if there is one.
        """
        end = self._end if limit is None else min(limit, self._end)
        horizons = (self._into + self._acts).min(axis=1).tolist()
        granted = []
        first, waits = end, -1
        for process, horizon in enumerate(horizons):
            time = self._next[process]
            if time >= end or process in self._under_way:
                continue
            if time < first:
                first, waits = time, process
            width = horizon - time
            if width > 0 and (width >= self._worth[process] or horizon >= end):
                granted.append(process)
        if not granted and not self._under_way and waits >= 0:
            granted.append(waits)
        self.rounds += bool(granted)
        for process in granted:
            self._under_way.add(process)
            self._owed[process] = _NEVER
            marks, self._unseen[process] = self._unseen[process], {}
            self.number += 1
            horizon = min(horizons[process], self._next[process] + _WINDOW_NS, end)
            self.horizon = max(self.horizon, horizon)
            yield process, self.number, horizon, marks

    def report(self, word: Report) -> None:
        """A process has handled its window, or a part of it."""
        process = word.process
        if not word.part:
            self._under_way.discard(process)
        if word.crashed:
            self._gone[process] = True
            self._next[process] = self._acts[process] = _NEVER
        else:
            owed, since = self._owed[process], self._since[process]
            self._next[process] = max(min(word.next, owed, _NEVER), since)
            self._acts[process] = max(min(word.acts, owed + self._slack[process], _NEVER), since)
        for other, arrival in word.caused.items():
            if self._gone[other]:
                continue
            self._unseen[other][process] = word.sequence
            since = self._since[other]
            self._owed[other] = min(self._owed[other], arrival)
            self._next[other] = min(self._next[other], max(arrival, since))
            self._acts[other] = min(self._acts[other], max(arrival + self._slack[other], since))
