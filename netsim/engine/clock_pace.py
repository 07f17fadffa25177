"""The clock's pace: when a process may handle an event, and how late it was.

An event is handled when the wall has reached its time, and not before. Two processes that share few cores are seldom
both on time, however: one that is 5 ms late sends 5 ms late, and over a link of 2 ms its message arrives when its
receiver has gone on. So a process whose next event is due looks first whether anything earlier can still come, and if
so it waits for that, though never longer than its patience. To be late costs nothing, since logical times are exact;
to handle events out of their order does.

What can still come is known from how far the others are, as in lockstep (Chandy, Misra and Bryant). Here they tell it
without a message, in memory that all processes of the run share: a machine has one clock, so they are on one machine.
"""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Any

from netsim.engine.layout import Place
from netsim.engine.loop import ARRIVAL, FOREVER, Loop

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOOK_AGAIN_NS = 1_000_000  # on the wall, while others are waited for; what arrives wakes us as well
_RECENT = 64  # batches of each process whose times are kept
_ATTEMPTS = 4  # to see all processes at one moment
_NEXT, _PUBLISHED, _LEFT, _RECEIVED = range(4)  # the columns of a process's row; the times of its batches come last

_SAMPLES = 20_000
_REPORT_EVERY_NS = 200_000_000  # on the wall
_REPORT_AFTER_NS = 1_000_000_000  # on the wall: even if there is no gap
_GAP_NS = 4_000_000  # on the wall: what is not urgent fits into it
_LOOK_THROUGH_ALL = 64  # every so many reports, the oldest objects are collected as well


def board_size(processes: int) -> int:
    """How many 64-bit integers `Progress` needs."""
    return processes * _width(processes)


def _width(processes: int) -> int:
    return _RECEIVED + processes + _RECENT


class Progress:
    """How far all processes are: a row each in shared memory, written by that process alone, without locks.

    A row holds the time of the process's next event, how many batches it has published, how many it has received of
    each other process, and for its latest batches the time of the event that caused them. It is written so that every
    state in between is safe: what was published is told before the event that caused it is forgotten, and what has
    arrived is put among the next events before it is acknowledged. A machine that shows these writes to others in
    another order could let an event be handled too early; it would be found and counted as displaced like any other.
    """

    def __init__(self, shared: Any, me: int, places: tuple[Place, ...], reach: NDArray[Any]) -> None:
        """`shared`: an array of `board_size` zeros; `reach`: see `layout.lookahead`."""
        import numpy as np

        self._memory = memoryview(shared).cast("B").cast("q")
        self._me = me
        self._count = len(places)
        self._begin = me * _width(self._count)
        self._reach = reach
        self._since = np.array([place.since for place in places], np.int64)
        self._memory[self._begin + _RECEIVED + me] = FOREVER  # nobody waits for a batch of his own
        self._takes = True

    def took(self, process: int, sequence: int, following: int) -> None:
        """A batch of another process has arrived, and our next event is at `following`."""
        if not self._takes:
            return
        self.expects(following)
        self._memory[self._begin + _RECEIVED + process] = sequence

    def expects(self, following: int) -> None:
        """Our next event is at `following`, or earlier."""
        if following < self._memory[self._begin]:
            self._memory[self._begin] = following

    def handled(self, at: int, published: int, following: int) -> None:
        """Our events from `at` on are handled, what they sent is published, and our next event is at `following`."""
        memory, begin = self._memory, self._begin
        recent = begin + _RECEIVED + self._count
        for sequence in range(memory[begin + _PUBLISHED] + 1, published + 1):
            memory[recent + sequence % _RECENT] = at
        memory[begin + _PUBLISHED] = published
        memory[begin] = following

    def close(self) -> None:
        """Our node has crashed: what arrives from now on is not taken."""
        self._takes = False

    def leave(self) -> None:
        """Nothing more will be heard from us, and we wait for nothing any more."""
        self._memory[self._begin] = FOREVER
        self._memory[self._begin + _LEFT] = 1

    def reached(self, process: int, sender: int, sequence: int) -> bool | None:
        """Whether a batch of the sender was taken by that process; None while that is not known."""
        begin = process * _width(self._count)
        left = self._memory[begin + _LEFT]
        if self._memory[begin + _RECEIVED + sender] >= sequence:
            return True
        return False if left else None

    def horizon(self) -> int:
        """Everything that can still arrive here arrives at this logical time or later; 0 if that cannot be told."""
        import numpy as np

        for _ in range(_ATTEMPTS):  # two equal looks: nobody has moved between them
            seen = self._memory.tobytes()
            if seen == self._memory.tobytes():
                break
        else:
            return 0
        count, me = self._count, self._me
        board = np.frombuffer(seen, np.int64).reshape(count, -1)
        following = board[:, _NEXT].copy()
        published = board[:, _PUBLISHED]
        received = np.where(board[:, _LEFT, None], FOREVER, board[:, _RECEIVED : _RECEIVED + count])
        horizon = FOREVER
        receivers, senders = np.nonzero(received < published)
        if len(receivers):  # on their way: they count as events of their receivers
            first = received[receivers, senders] + 1
            begun = board[senders, _RECEIVED + count + first % _RECENT]
            begun[published[senders] - first >= _RECENT] = 0  # too long ago to be known
            arrivals = begun + self._reach[senders, receivers]
            np.minimum.at(following, receivers, arrivals)
            mine = arrivals[receivers == me]
            if len(mine):
                horizon = int(mine.min())
        np.maximum(following, self._since, out=following)
        return min(horizon, int((following + self._reach[:, me]).min()))


class Turn:
    """Until when events may be handled. `awaited`: the one that was asked for last had to wait for others."""

    def __init__(self, progress: Progress, patience: float) -> None:
        """`patience`: what was due so long ago (ns, logical) is handled whatever may still come before it."""
        self._progress = progress
        self._patience = int(patience)
        self._horizon = 0
        self.awaited = False

    def until(self, now: int, following: int) -> int:
        """What is due by `now` and lies before this logical time may be handled; `following` is the first of it."""
        given_up = now - self._patience + 1
        if following >= max(self._horizon, given_up):
            self._horizon = max(self._horizon, self._progress.horizon())
        until = min(now + 1, max(self._horizon, given_up))
        self.awaited = until <= following
        return until


class Inheritance:
    """What a successor does about arrivals before its time.

    They are for the process that held the node before, and it has handled those that reached it before its crash. What
    came too late for it nobody would handle: it is moved to the successor's time, and so counted.
    """

    def __init__(self, progress: Progress, predecessor: int, since: int, loop: Loop) -> None:
        self._progress = progress
        self._predecessor = predecessor
        self._since = since
        self._loop = loop
        self._last: dict[int, int] = {}  # by sender: its last message of that kind
        self._open: list[tuple[int, int, list[Any]]] = []  # process, batch, arrivals

    def took(self, process: int, sequence: int) -> None:
        """A batch of that process has just been put into the heap."""
        arrivals = []
        for entry in self._loop.heap:
            time, kind, sender, message, _, _ = entry
            if kind == ARRIVAL and time < self._since and message > self._last.get(sender, -1):
                arrivals.append(entry)
        for _, _, sender, message, _, _ in arrivals:
            self._last[sender] = max(message, self._last.get(sender, -1))
        if arrivals:
            self._open.append((process, sequence, arrivals))

    def settle(self) -> None:
        """Do what can be done now: forget what has been handled, move what has not and will not be."""
        still = []
        for item in self._open:
            process, sequence, arrivals = item
            reached = self._progress.reached(self._predecessor, process, sequence)
            if reached is None:
                still.append(item)
            elif not reached:
                for entry in arrivals:
                    self._loop.postpone(entry, self._since)
        self._open = still


class Lateness:
    """How late events were handled, on the wall (ns): an even sample, of bounded size. Of what is handled together the
    first, which is the latest, counts.
    """

    def __init__(self) -> None:
        self.sample: list[int] = []
        self._every = 1
        self._seen = 0
        self._most = 0

    def since(self) -> int:
        """The greatest since it was asked for last."""
        most, self._most = self._most, 0
        return most

    def add(self, late: int) -> None:
        self._most = max(self._most, late)
        self._seen += 1
        if self._seen % self._every:
            return
        self.sample.append(late)
        if len(self.sample) == _SAMPLES:
            del self.sample[::2]
            self._every *= 2


class Gaps:
    """When to do what is not urgent: telling the coordinator, writing to disk, collecting garbage."""

    def __init__(self, me: int, processes: int) -> None:
        self._told = time.monotonic_ns() - me * _REPORT_EVERY_NS // processes  # not all at the same moment
        self._count = 0

    def has_come(self, wall: int, due: int) -> bool:
        """Whether there is time for it at `wall`, with the next event `due` then."""
        since = wall - self._told
        return since > _REPORT_AFTER_NS or (since > _REPORT_EVERY_NS and due - wall > _GAP_NS)

    def look_again(self, wall: int) -> int:
        """The wall time at which to ask again."""
        later = self._told + _REPORT_EVERY_NS
        return later if later > wall else self._told + _REPORT_AFTER_NS

    def used(self, wall: int) -> None:
        """It is done, at `wall`."""
        self._told += (wall - self._told) // _REPORT_EVERY_NS * _REPORT_EVERY_NS
        self._count += 1
        if self._count % _LOOK_THROUGH_ALL:
            gc.collect(1)
        else:
            gc.collect()
            gc.freeze()  # what is still there stays, so that the next time does not take longer
