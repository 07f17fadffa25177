"""When a proposer may propose: one interval after the other, each time late by a random part of a spread.

Intervals are counted from when a block was *due*, so that neither the spread nor a late timer adds up. Where proposers
take turns, the block itself says when it was due (`Block.created`), and the next one counts from there.
"""

from __future__ import annotations

from netsim.node.context import Context

PROPOSE = "propose"  # the timer


class Rhythm:
    """The next proposal of one node. With an interval of 0 it may be made at once."""

    def __init__(self, context: Context, interval: int, spread: int) -> None:
        """`interval`, `spread`: ns; without an interval there is nothing to spread over."""
        self._context = context
        self.interval = interval
        self._spread = spread if interval else 0
        self._due = 0
        self._offset = 0
        self._alarm = -1  # what the timer is set to

    def begin(self, due: int) -> None:
        """The next proposal is due at that time."""
        self._due = due
        self._offset = self._context.rng.randrange(self._spread) if self._spread else 0

    def follow(self, due: int) -> None:
        """The next proposal is due an interval after another that was due at that time."""
        self.begin(due + max(self.interval, 1))

    def due(self, on_time: bool) -> int:
        """When the proposal that is made now counts as due. `on_time`: it is made because the timer rang; else it could
        have been made before, but there was no reason to, and the interval runs from now."""
        return self._due if on_time else self._context.now

    def ready(self) -> bool:
        """Whether it is time; if not, the timer PROPOSE is set to when it will be."""
        now, ready = self._context.now, self._due + self._offset
        if now >= ready:
            return True
        if self._alarm != ready:
            self._alarm = ready
            self._context.set_timer(PROPOSE, ready - now)
        return False

    def pause(self) -> None:
        """There is nothing to propose for now: the timer is off until `ready` is asked again."""
        self._alarm = -1
        self._context.cancel_timer(PROPOSE)
