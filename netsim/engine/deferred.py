"""Votes that a node is handed together: most of them are only counted, and nothing outside depends on when.

A protocol that counts votes declares how many more of a kind a node may be handed without any reaction (see
`Consensus.unmoved_by`). So many deliveries are *deferred*: at its time each only takes its turn at the node's CPU,
first come, first served, which is arithmetic (Lindley's recursion) and needs no event of its own. Before anything else
happens at the node, they are handed over in order, each at the time at which the CPU took it up. So what is counted,
recorded, rejected and told of contradictions is the same, at the same times, as if each had come by itself.

Where a trace holds a row for each delivery, none is deferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.node.message import Signed
from netsim.node.participant import Participant

if TYPE_CHECKING:
    from netsim.engine.loop import Flight, Node


Votes = list[tuple[int, int, int, int, "Flight", int]]


class Deferred:
    """The deliveries that one node has put off."""

    __slots__ = ("_node", "_participant", "entries", "handing", "left")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._participant: Participant | None = None
        self.left: dict[tuple[int, ...], int] = {}  # by claim: how many more may be put off
        # When the CPU takes it up and when it arrived (ns), who sent it, its number, the message, its place there.
        self.entries: Votes = []
        self.handing = False

    def begin(self, participant: object) -> None:
        """A new incarnation. A node that misbehaves sees everything at once: who knows what it does."""
        self._participant = participant if isinstance(participant, Participant) else None
        self.left.clear()

    def takes(self, time: int, sender: int, sequence: int, flight: Flight, place: int) -> bool:
        """Whether a vote that comes to the CPU, whose queue is empty, is put off."""
        assert flight.claim is not None
        left = self.left.get(flight.claim)
        if left is None:
            if self._participant is None:
                return False
            assert isinstance(flight.message, Signed), "it has a claim"
            left = self._participant.unmoved_by(flight.message)
        if left <= 0:
            return False
        self.left[flight.claim] = left - 1
        node = self._node
        start = node.free if node.free > time else time
        node.free = start + node.verifying
        self.entries.append((start, time, sender, sequence, flight, place))
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
