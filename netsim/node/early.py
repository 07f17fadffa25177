"""Blocks that bear a time later than the clock of the node that receives them: they are kept until then.

To refuse them would be for good, since gossip brings a message once. Blocks come early where clocks differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from netsim.node.ancestry import Proposal
from netsim.node.context import Context

EARLY = "early"  # the timer
KEPT = 256  # most blocks that are kept; then those that are furthest ahead are dropped

P = TypeVar("P", bound=Proposal)


class Early(Generic[P]):
    """The proposals that one node keeps until their time."""

    def __init__(self, context: Context, accept: Callable[[int, P], None]) -> None:
        """`accept(sender, proposal)` is called when its time has come."""
        self._context = context
        self._accept = accept
        self._kept: list[tuple[int, int, P]] = []  # when its time comes, from whom

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, sender: int, proposal: P, until: int) -> None:
        """Keep a proposal until a time of this node's clock."""
        if all(proposal.block != kept.block for _, _, kept in self._kept):
            self._kept.append((until, sender, proposal))
            self._kept.sort(key=lambda entry: entry[0])
            del self._kept[KEPT:]
            self._wait()

    def on_timer(self) -> None:
        """The time of the first has come."""
        now = self._context.now
        ready = [entry for entry in self._kept if entry[0] <= now]
        del self._kept[: len(ready)]
        for _, sender, proposal in ready:
            self._accept(sender, proposal)
        self._wait()

    def _wait(self) -> None:
        if self._kept:
            self._context.set_timer(EARLY, self._kept[0][0] - self._context.now)
