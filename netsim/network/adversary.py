"""An asynchronous network, as theory has it: until the global stabilisation time an adversary delays what it likes.

Each message that it targets is late by a part of the most that it may take, drawn for each copy by itself. After the
global stabilisation time nothing is late any more, and what was sent before it has then arrived, so the network is
partially synchronous (Dwork, Lynch and Stockmeyer, "Consensus in the Presence of Partial Synchrony", JACM 1988).

It may target whoever leads. There is no such node in general: each receiver has its own view of it, and the adversary
goes by that of the receiver.
"""

from __future__ import annotations

from collections.abc import Sequence

from netsim.network.draws import child, draw, key
from netsim.scenario.model import Asynchrony


class Adversary:
    """All that a scenario's faults of this kind do."""

    def __init__(self, faults: Sequence[Asynchrony], seed: int) -> None:
        self._faults = [
            (fault.at, fault.end, fault.delay, None if fault.targets is None else frozenset(fault.targets), number)
            for number, fault in enumerate(faults)
        ]
        self._keys = [key(seed, "asynchrony", number) for number in range(len(faults))]
        self.quiet = not faults

    def until(self, time: int, sender: int, receiver: int, sequence: int, leader: int | None) -> int:
        """When a copy that would arrive at `time` (ns) does arrive.

        `sequence` is the sender's number of the message, `leader` whom the receiver takes for the leader.
        """
        latest = time
        for at, end, delay, targets, number in self._faults:
            if not at <= time < end:
                continue
            if (leader in (sender, receiver)) if targets is None else (sender in targets or receiver in targets):
                owner = child(child(self._keys[number], sender), receiver)
                late = draw(owner, sequence) * (delay + 1) >> 64
                latest = max(latest, min(time + late, end))
        return latest
