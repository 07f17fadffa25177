"""Votes that a node is handed together: most of them are only counted, and nothing outside depends on when.

A protocol that counts votes declares how many more of a claim (a type of vote and what it is about) a node may be
handed without any reaction (see `Consensus.unmoved_by`). So many deliveries are *deferred*: each only takes its turn at
the node's CPU, first come, first served, which is arithmetic (Lindley's recursion) and needs no event of its own.
Before anything else happens at the node they are handed over in order, each at the time at which the CPU took it up. So
what is counted, recorded, rejected and told of contradictions is the same, at the same times, as if each had come by
itself. That holds as well for votes that had to wait behind something else, once they are the first in the CPU's queue.

Where every event is handled in its turn and no rule looks at arrivals, such votes need not even pass the heap. They
wait in *boxes* (see `poll`), one for each claim at each node, in the order of their arrivals. Only the first one that
may move the node is an event. Whenever something happens at the node, what has arrived by then leaves the boxes, in
order, through the downlink (where one is simulated) to the CPU; and afterwards the node is asked anew how many it may
be handed.

    box (on its way) ──► downlink ──► CPU ──► handed over

Where the trace holds a row for each delivery, none is deferred.
"""

from __future__ import annotations

from bisect import bisect_left
from heapq import heappush
from typing import TYPE_CHECKING

from netsim.engine.poll import Box, Claim, Coming
from netsim.node.consensus import ANY_NUMBER
from netsim.node.message import Signed
from netsim.node.participant import Participant

if TYPE_CHECKING:
    from netsim.engine.loop import Node

FAULT, ARRIVAL, WORK = range(3)  # the kinds of event by which it matters what comes first,
VOTE = 5  # and what waits for the CPU as an arrival does, but has been put off before
_FIRST = -1  # sorts before every sender

# When the CPU takes it up and when it came to the CPU (ns), who sent it, its number, the message, its box.
Votes = list[tuple[int, int, int, int, Signed, Box | None]]


class Deferred:
    """The deliveries that one node has put off."""

    __slots__ = ("_node", "_participant", "boxes", "entries", "handing", "left", "through")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._participant: Participant | None = None
        self.left: dict[Claim, int] = {}  # by claim: how many more may be put off that are events
        self.boxes: dict[Claim, Box] = {}
        self.through: Coming = []  # in the downlink: when they are through, in order
        self.entries: Votes = []  # at the CPU
        self.handing = False

    def begin(self, participant: object) -> None:
        """A new incarnation. A node that misbehaves sees everything at once: who knows what it does."""
        self._participant = participant if isinstance(participant, Participant) else None
        self.left.clear()

    # --- boxes ----------------------------------------------------------------------------------------------------

    def keeps(self, vote: Signed) -> bool:
        """Whether votes like this one may be put off at all."""
        return self._participant is not None and self._participant.keeps(vote)

    def open(self, box: Box) -> None:
        """There are votes on their way for which there was no box."""
        self.boxes[box.poll.claim] = box
        self._look(box, -1, FAULT)

    def advance(self, time: int, kind: int, sender: int, sequence: int) -> None:
        """An event with this key comes to the node: what comes to the CPU before it takes its turn."""
        arrived: Coming = []
        bound: tuple[int, ...] = (time,) if kind == FAULT else (time + 1,)
        if kind == ARRIVAL:
            bound = time, sender, sequence
        for box in self.boxes.values():
            arrived += box.taken(bound)
        if len(arrived) > 1:
            arrived.sort()
        node = self._node
        if node.downlink is not None:
            through = self.through
            if arrived:
                times, senders, numbers, votes, boxes = zip(*arrived, strict=True)
                ends = node.downlink.enter_all(times, [vote.size for vote in votes])
                through += zip(ends, senders, numbers, votes, boxes, strict=True)
                through.sort()
            if not through:
                return
            bound = (time, sender, sequence) if kind == WORK else (time,) if kind < WORK else (time + 1,)
            end = bisect_left(through, bound)
            arrived = through[:end]
            del through[:end]
        if not arrived:
            return
        if node.queue:
            for at, who, number, vote, box in arrived:
                node.queue.append((at, VOTE, (who, number, vote)))
                box.inside -= 1
            return
        free, cost = node.free, node.verifying
        entries = self.entries
        for at, who, number, vote, box in arrived:
            start = free if free > at else at
            free = start + cost
            entries.append((start, at, who, number, vote, box))
        node.free = free

    def wake(self, box: Box, time: int, sender: int, sequence: int) -> bool:
        """The vote that may move the node has arrived. Whether it comes to the CPU at once: there is no downlink."""
        self.advance(time, ARRIVAL, sender, sequence)
        box.waker = None
        if self._node.downlink is None:
            del box.votes[0]
        else:
            self.advance(time, ARRIVAL, sender, sequence + 1)
        box.left = -1  # to be set anew
        return self._node.downlink is None

    def ask(self, time: int, kind: int) -> None:
        """Something has happened at the node: what may it be handed now without any reaction?"""
        for box in [box for box in self.boxes.values() if box.empty]:
            del self.boxes[box.poll.claim]
            box.close()
        for box in self.boxes.values():
            if not box.late:
                self._look(box, time, kind)

    def _look(self, box: Box, time: int, kind: int) -> None:
        """Find out which of these votes is the first that may move the node, and have an event stand for it."""
        assert self._participant is not None
        unmoved = max(self._participant.unmoved_by(box.poll.first), 0)
        left = unmoved - box.inside
        if unmoved >= ANY_NUMBER:
            box.late = True
        elif self._node.queue:
            left = ANY_NUMBER  # what comes now waits behind what waits for the CPU, and is looked at then
        elif left < 0:
            self._look_through(box, time, kind, left)
            left = ANY_NUMBER  # the box's own come after that
        box.let(left, time)

    def _look_through(self, box: Box, time: int, kind: int, left: int) -> None:
        """The vote that may move the node is in the downlink. All that may come through with it have to be known: what
        comes through in one slot comes by its sender's number."""
        node = self._node
        own = [number for number, coming in enumerate(self.through) if coming[4] is box]
        number = own[left]  # from the end
        at, sender, sequence, vote, _ = self.through[number]
        if time == at and kind >= WORK:
            del self.through[number]
            box.inside -= 1
            heappush(node.heap, (at, WORK, sender, sequence, node.me, (node.alone(at, vote), 0)))
        elif box.look != at:
            box.look = at
            heappush(node.heap, (at, WORK, _FIRST, sequence, node.me, None))

    def empty(self) -> None:
        """What is still on its way comes like anything else from now on."""
        node = self._node
        for box in self.boxes.values():
            box.pull()
            for at, who, number, vote, _ in box.votes:
                heappush(node.heap, (at, ARRIVAL, who, number, node.me, node.alone(at, vote)))
            box.close()
        if self.entries:  # they are still to be counted
            assert self._participant is not None
            for claim, box in self.boxes.items():
                self.left[claim] = self._participant.unmoved_by(box.poll.first) - box.inside
        self.boxes.clear()
        for at, who, number, vote, _ in self.through:
            heappush(node.heap, (at, WORK, who, number, node.me, (node.alone(at, vote), 0)))
        self.through = []

    # --- at the CPU -----------------------------------------------------------------------------------------------

    def takes(self, time: int, sender: int, sequence: int, vote: Signed) -> bool:
        """Whether a vote that comes to the CPU, or that came then and is now the first to wait for it, is put off."""
        claim = vote.claim
        assert claim is not None, "it may be put off"
        node = self._node
        box = None
        if node.boxed:
            box = self.boxes.get(claim) or node.box(vote)
            if box is None:
                return False
        left = self.left.get(claim)
        if left is None:
            if self._participant is None:
                return False
            left = self._participant.unmoved_by(vote) - (0 if box is None else box.inside)
        if left <= 0:
            return False
        self.left[claim] = left - 1
        start = node.free if node.free > time else time
        node.free = start + node.verifying
        self.entries.append((start, time, sender, sequence, vote, box))
        if box is not None:
            box.inside += 1
        return True

    def draws(self, time: int) -> bool:
        """The CPU is idle: whether the first of those that wait for it are votes that can be put off after all."""
        node = self._node
        queue = node.queue
        if not node.verifying or node.late:
            return False
        drawn = False
        while queue:
            ready, kind, what = queue[0]
            if kind == VOTE:
                sender, sequence, vote = what
            elif kind == ARRIVAL:
                sender, sequence, flight, _ = what
                vote = flight.vote
            else:
                break
            if vote is None:
                break
            if not drawn:
                self.attend(time, in_turn=True)
            if not self.takes(ready, sender, sequence, vote):
                break
            queue.popleft()
            drawn = True
        return drawn

    def waits(self, time: int) -> bool:
        """Whether something is still to be taken up at this very instant, when the CPU's work is done that it waits
        for. So what comes now has to wait as well, though the CPU needs no time for it."""
        last = self.entries[-1] if self.entries else None
        return last is not None and last[0] == time > last[1]

    def attend(self, time: int, in_turn: bool = False) -> None:
        """Something else is about to happen at the node: hand over what its CPU has taken up by now.

        `in_turn`: the CPU takes that up as well, behind all that came to it before.
        """
        entries = self.entries
        if entries:
            self.entries = []
            # Else, what came while the CPU was busy waits for it; what found it idle did not.
            if entries[-1][0] >= time and not in_turn:
                begun = [entry for entry in entries if entry[0] < time or entry[0] == entry[1]]
                self.entries = entries[len(begun) :]
                entries = begun
            if entries:
                self.handing = True
                self._node.count(entries)
                self.handing = False
        if self.left and not self.entries:  # else nothing is handled now, and what was said holds for those that wait
            self.left.clear()

    def resign(self) -> Votes:
        """What is left after `attend`: it waits for the CPU like anything else from now on."""
        left, self.entries = self.entries, []
        return left

    def refuse(self, what: str) -> None:
        """A node does what its protocol has said it would not do."""
        raise RuntimeError(
            f"a vote that was only to be counted made node {self._node.me} {what}: `unmoved_by` is wrong"
        )
