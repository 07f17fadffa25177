"""What a leader knows of another server's log (etcd's name for it: progress), and how it feeds it.

    probe       it is not known where the two logs agree: one append at a time, until an answer to it or to a heartbeat
    replicate   they agree: append follows append without waiting (dissertation, section 10.2.1), as many as may be in
                flight; `next` runs ahead of what is acknowledged
    snapshot    the follower fetches blocks, and gets no entries until it has them

An append that is refused takes it back to probing, a success on to replicating.
"""

from __future__ import annotations

from collections import deque

PROBE, REPLICATE, SNAPSHOT = "probe", "replicate", "snapshot"


class Progress:
    """How far one server's log is known to agree with the leader's (`match`), and what it gets next (`next`)."""

    __slots__ = ("active", "awaiting", "in_flight", "match", "next", "offered", "sent", "state")

    def __init__(self, following: int) -> None:
        """`following`: the index after the leader's last."""
        self.match = 0
        self.next = following
        self.state = PROBE
        self.awaiting = False  # a probe is under way
        self.in_flight: deque[int] = deque()  # by the last index of each append
        self.active = False  # whether it has been heard since the leader last looked (CheckQuorum)
        self.sent = 0  # what had been sent when it answered the last heartbeat
        self.offered = 0  # the snapshot's index

    def paused(self, most: int) -> bool:
        """Whether it must get no further append now. `most`: appends in flight."""
        if self.state == PROBE:
            return self.awaiting
        return self.state == SNAPSHOT or len(self.in_flight) >= most

    def on_sent(self, last: int, count: int) -> None:
        """An append of so many entries up to an index is under way."""
        if self.state == PROBE:
            self.awaiting = True
        elif count:
            self.next = last + 1
            self.in_flight.append(last)

    def on_success(self, index: int) -> bool:
        """It agrees up to an index. Whether that is news."""
        news = index > self.match
        self.match = max(self.match, index)
        self.next = max(self.next, index + 1)
        if self.state == PROBE or (self.state == SNAPSHOT and self.match >= self.offered):
            self.become(REPLICATE)
        while self.in_flight and self.in_flight[0] <= index:
            self.in_flight.popleft()
        return news

    def on_refusal(self, before: int, hint: int) -> bool:
        """It lacks the entry before an append, and may agree up to the hint. False where that is an old story."""
        if before <= self.match:
            return False
        if self.state == REPLICATE:
            self.become(PROBE)
            return True
        if self.state == SNAPSHOT or before != self.next - 1:
            return False
        self.next = max(min(before, hint + 1), self.match + 1)
        self.awaiting = False
        return True

    def on_heartbeat(self, last: int) -> bool:
        """It has answered a heartbeat. Whether something that was sent seems to be lost.

        That is what had been sent when it answered the one before, and is not acknowledged yet. `last`: of the log.
        """
        lost = self.match < min(self.sent, last) or self.state == PROBE
        self.sent = self.next - 1
        self.awaiting = False
        return lost and self.state != SNAPSHOT

    def become(self, state: str) -> None:
        """Probe or replicate from the last entry that is known to agree."""
        if state == PROBE and self.state == SNAPSHOT:
            self.next = max(self.match, self.offered) + 1
        else:
            self.next = self.match + 1
        self.state = state
        self.awaiting = False
        self.in_flight.clear()

    def offer(self, index: int) -> None:
        """It gets a snapshot up to an index."""
        self.state = SNAPSHOT
        self.offered = index
        self.awaiting = False
        self.in_flight.clear()
