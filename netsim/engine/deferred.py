"""Votes that a node is handed together: most of them are only counted, and nothing outside depends on when.

A protocol that counts votes declares how many more of a claim (a type of vote and what it is about) a node may be
handed without any reaction (see `Consensus.unmoved_by`). So many deliveries are *deferred*: each only takes its turn at
the node's CPU, first come, first served, which is arithmetic (Lindley's recursion) and needs no event of its own.
Before anything else happens at the node they are handed over in order, each at the time at which the CPU took it up. So
what is counted, recorded, rejected and told of contradictions is the same, at the same times, as if each had come by
itself.

Where every event is handled in its turn and no rule looks at arrivals, such votes need not even pass the heap. They
wait in *boxes*, one for each claim at each node, in the order of their arrivals. Only the first one that may move the
node is an event. Whenever something happens at the node, what has arrived by then leaves the boxes, in order, through
the downlink (where one is simulated) to the CPU; and afterwards the node is asked anew how many it may be handed.

    box (on its way) ──► downlink ──► CPU ──► handed over

Where the trace holds a row for each delivery, none is deferred.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from heapq import heappush
from typing import TYPE_CHECKING

from netsim.node.message import Signed
from netsim.node.participant import Participant

if TYPE_CHECKING:
    from netsim.engine.loop import Flight, Node

Claim = tuple[int, ...]
# When the CPU takes it up and when it came to the CPU (ns), who sent it, its number, the message.
Votes = list[tuple[int, int, int, int, Signed]]
# When it comes to the next place (ns), who sent it, its number, the message.
Coming = list[tuple[int, int, int, Signed]]

FAULT, ARRIVAL, WORK = range(3)  # the kinds of event by which it matters what comes first


class Box:
    """The votes of one claim on their way to one node, in the order of their arrivals."""

    __slots__ = ("first", "left", "node", "votes", "waker")

    def __init__(self, node: Node, first: Signed, left: int) -> None:
        """`left`: how many of them the node may be handed without any reaction."""
        self.node = node
        self.first = first  # any one of them
        self.left = left
        self.votes: Coming = []
        self.waker: Flight | None = None  # the event that stands for the one that may move the node

    def watch(self) -> None:
        """See to it that the first vote that may move the node is an event."""
        sign = self.votes[self.left]
        time, sender, sequence, message = sign
        waker = self.waker
        if waker is None or waker.message is not message or waker.times[0] != time:
            self.waker = waker = self.node.alone(time, message)
            waker.box = self
            heappush(self.node.heap, (time, ARRIVAL, sender, sequence, self.node.me, waker))


class Deferred:
    """The deliveries that one node has put off."""

    __slots__ = ("_node", "_participant", "boxes", "entries", "handing", "left", "through")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._participant: Participant | None = None
        self.left: dict[Claim, int] = {}  # by claim: how many more may be put off that are events
        self.boxes: dict[Claim, Box] = {}
        self.through: Coming = []  # in the downlink: when they are through
        self.entries: Votes = []  # at the CPU
        self.handing = False

    def begin(self, participant: object) -> None:
        """A new incarnation. A node that misbehaves sees everything at once: who knows what it does."""
        self._participant = participant if isinstance(participant, Participant) else None
        self.left.clear()

    # --- boxes ----------------------------------------------------------------------------------------------------

    def box(self, claim: Claim, vote: Signed) -> Box | None:
        """A box for votes like this one, None where the node has to see each when it comes."""
        if self._participant is None or not self._participant.keeps(vote):
            return None
        box = self.boxes[claim] = Box(self._node, vote, max(self._may_take(claim, vote), 0))
        return box

    def _may_take(self, claim: Claim, vote: Signed) -> int:
        """How many more of the votes that have not come yet the node may be handed without any reaction."""
        assert self._participant is not None
        left = self._participant.unmoved_by(vote)
        for entry in self.entries:
            left -= entry[4].claim == claim
        for coming in self.through:
            left -= coming[3].claim == claim
        return left

    def advance(self, time: int, kind: int, sender: int, sequence: int) -> None:
        """An event with this key comes to the node: what comes to the CPU before it takes its turn."""
        arrived: Coming = []
        bound = (time, sender, sequence) if kind == ARRIVAL else (time,) if kind == FAULT else (time + 1,)
        for box in self.boxes.values():
            votes = box.votes
            if votes and votes[0] < bound:
                end = bisect_left(votes, bound)  # type: ignore[type-var]  # nothing is compared beyond the number
                arrived += votes[:end]
                del votes[:end]
                box.left -= end
        if not arrived and not self.through:
            return
        arrived.sort()
        node = self._node
        downlink = node.downlink
        if downlink is not None:
            enter = downlink.enter
            through = self.through
            through += [(enter(at, vote.size), who, number, vote) for at, who, number, vote in arrived]
            through.sort()
            bound = (time, sender, sequence) if kind == WORK else (time,) if kind < WORK else (time + 1,)
            end = bisect_left(through, bound)  # type: ignore[type-var]
            self.through = through[end:]
            arrived = through[:end]
        if node.queue:
            node.queue.extend((at, ARRIVAL, (who, number, node.alone(at, vote), 0)) for at, who, number, vote in arrived)
            return
        free, cost = node.free, node.verifying
        entries = self.entries
        for at, who, number, vote in arrived:
            start = free if free > at else at
            free = start + cost
            entries.append((start, at, who, number, vote))
        if arrived:
            node.free = free

    def ask(self) -> None:
        """Something has happened at the node: what may it be handed now without any reaction?"""
        node = self._node
        for claim, box in list(self.boxes.items()):
            if not box.votes:
                del self.boxes[claim]
        for claim in {coming[3].claim for coming in self.through}:
            vote = next(coming[3] for coming in self.through if coming[3].claim == claim)
            assert claim is not None
            if self._may_take(claim, vote) < 0:
                for at, who, number, message in [one for one in self.through if one[3].claim == claim]:
                    heappush(node.heap, (at, WORK, who, number, node.me, (node.alone(at, message), 0)))
                self.through = [one for one in self.through if one[3].claim != claim]
        for claim, box in self.boxes.items():
            box.left = max(self._may_take(claim, box.first), 0)
            if len(box.votes) > box.left:
                box.watch()
            else:
                box.waker = None

    def empty(self) -> None:
        """What is still on its way comes like anything else from now on."""
        node = self._node
        for box in self.boxes.values():
            for at, who, number, vote in box.votes:
                heappush(node.heap, (at, ARRIVAL, who, number, node.me, node.alone(at, vote)))
            box.waker = None
        self.boxes.clear()
        for at, who, number, vote in self.through:
            heappush(node.heap, (at, WORK, who, number, node.me, (node.alone(at, vote), 0)))
        self.through = []

    # --- at the CPU -----------------------------------------------------------------------------------------------

    def takes(self, time: int, sender: int, sequence: int, flight: Flight) -> bool:
        """Whether a vote that comes to the CPU, whose queue is empty, is put off."""
        assert flight.claim is not None
        vote = flight.message
        assert isinstance(vote, Signed), "it has a claim"
        left = self.left.get(flight.claim)
        if left is None:
            if self._participant is None:
                return False
            left = self._participant.unmoved_by(vote)
        if left <= 0:
            return False
        self.left[flight.claim] = left - 1
        node = self._node
        start = node.free if node.free > time else time
        node.free = start + node.verifying
        self.entries.append((start, time, sender, sequence, vote))
        return True

    def attend(self, time: int) -> None:
        """Something else is about to happen at the node: hand over what its CPU has taken up by now."""
        entries = self.entries
        if entries:
            self.entries = []
            if entries[-1][0] >= time:  # what came while the CPU was busy waits for it; what found it idle did not
                begun = [entry for entry in entries if entry[0] < time or entry[0] == entry[1]]
                self.entries = entries[len(begun) :]
                entries = begun
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
