"""Network faults as small values.

A rule looks at one packet and says `Pass`, `Deliver` or `Drop`. Rules are asked in order and the first that does not
pass wins; installing and removing them is all that a schedule does. (The design is that of turmoil, the network
simulator of the Tokio project: https://github.com/tokio-rs/turmoil.)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Pass:
    """No opinion: the next rule is asked, and after the last one the packet is delivered."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """The packet goes through, `delay` ns later than it would have."""

    delay: int = 0


@dataclass(frozen=True, slots=True)
class Drop:
    """The packet is lost."""

    reason: str


Verdict = Pass | Deliver | Drop
PASS = Pass()
_CUT = Drop("partition")


class Rule(Protocol):
    """A fault of the network."""

    def on_packet(self, sender: int, receiver: int) -> Verdict:
        """What becomes of a packet that reaches its receiver's access point now."""


class Partition:
    """Nodes of different groups cannot talk; a node in no group can talk to everybody."""

    def __init__(self, groups: Iterable[Iterable[int]]) -> None:
        """`groups` are disjoint."""
        self._group = {node: number for number, group in enumerate(groups) for node in group}

    def on_packet(self, sender: int, receiver: int) -> Verdict:
        here, there = self._group.get(sender), self._group.get(receiver)
        return PASS if here is None or there is None or here == there else _CUT


class Block:
    """What the sources send to the targets is lost; the other way it is not."""

    def __init__(self, sources: Iterable[int], targets: Iterable[int]) -> None:
        self._sources = frozenset(sources)
        self._targets = frozenset(targets)

    def on_packet(self, sender: int, receiver: int) -> Verdict:
        return _CUT if sender in self._sources and receiver in self._targets else PASS


class Rules:
    """Which rules are in force when: each from its beginning up to, and not including, its end."""

    def __init__(self, schedule: Iterable[tuple[int, int, Rule]] = ()) -> None:
        """`schedule` holds (at, end, rule) with times in ns, in the order in which the rules are to be asked."""
        spans = [(at, end, rule) for at, end, rule in schedule if at < end]
        self.quiet = not spans  # nothing is ever in force: whoever is in a hurry need not ask
        self._breaks = sorted({time for at, end, _ in spans for time in (at, end)})
        self._in_force: list[tuple[Rule, ...]] = [()]  # before the first break, then from each break on
        for time in self._breaks:
            self._in_force.append(tuple(rule for at, end, rule in spans if at <= time < end))
        # The stretch between two breaks that was asked for last. Time mostly moves on within it.
        self._since = self._until = 0
        self._now: tuple[Rule, ...] = ()

    def judge(self, time: int, sender: int, receiver: int) -> Verdict:
        """What becomes of a packet that reaches its receiver's access point at `time` (ns)."""
        if not self._since <= time < self._until:
            self._move(time)
        for rule in self._now:
            verdict = rule.on_packet(sender, receiver)
            if not isinstance(verdict, Pass):
                return verdict
        return PASS

    def calm(self, begin: int, end: int) -> bool:
        """Whether no rule is in force from `begin` to `end`, both included."""
        first, last = bisect_right(self._breaks, begin), bisect_right(self._breaks, end)
        return not any(self._in_force[first : last + 1])

    def _move(self, time: int) -> None:
        index = bisect_right(self._breaks, time)
        self._now = self._in_force[index]
        self._since = self._breaks[index - 1] if index else time
        self._until = self._breaks[index] if index < len(self._breaks) else 1 << 63
