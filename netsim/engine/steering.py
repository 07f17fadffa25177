"""What somebody who watches a run may do to it: have it keep to the wall's pace, and have things fail.

Whoever watches sits in another thread. A wish is put here at any moment, and the engine takes it up between two
windows, at a logical time that nobody has reached yet, `at`. From then on the run's scenario is the one that the wish
makes of it: an ordinary scenario, which says at which time what fails. So what was wished for is known to every
process before it can matter to any, and whoever runs that scenario, the twin first of all, gets the same trace.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from netsim.engine.plan import Plan
from netsim.scenario import Scenario

News = Sequence[tuple[bool, int, int, int]]  # (proposed, node, short block id, time in ns)
LOOK_AGAIN_S = 0.01  # on the wall, while a run waits for it


class Wish(Protocol):
    """A change to what fails in a run."""

    kills: bool  # nodes: only when the work that they have begun is done

    def of(self, scenario: Scenario, at: int) -> Scenario:
        """The same scenario but for what fails from `at` (ns) on. Raises ValueError where that cannot be."""

    def granted(self, at: int) -> None:
        """It is so, from `at` on."""

    def refused(self, reason: str) -> None:
        """It cannot be, and nothing has changed; one line says why."""


class Watch(Protocol):
    """Whoever is told of a run, in the engine's thread: it has to be quick."""

    def saw(self, now: int, news: News, late: int) -> None:
        """The run has reached `now` (ns); `late`: how far it is behind the wall, in ns of the wall."""


class Steering:
    """Wishes on their way to a run, and its pace: `speed` seconds of the scenario in one of the wall, at most."""

    def __init__(self, watch: Watch, speed: float = 1.0) -> None:
        self.watch = watch
        self._speed = speed
        self._wishes: deque[Wish] = deque()
        self._epoch: int | None = None
        self._after = 0  # the last change, as far as wishes go: the next one is later

    def wish(self, wish: Wish) -> None:
        """Put a wish, from any thread."""
        self._wishes.append(wish)

    @property
    def wished(self) -> bool:
        """Whether something waits to be granted."""
        return bool(self._wishes)

    @property
    def kills(self) -> bool:
        """Whether the next of it kills nodes."""
        return self._wishes[0].kills

    def grant(self, plan: Plan, at: int) -> int | None:
        """Grant the next wish, from `at` (ns) on or soon after, and change the plan.

        The time; None where it is refused.
        """
        wish = self._wishes.popleft()
        at = max(at, self._after + 1)
        if at >= plan.scenario.duration:
            wish.refused("the run is over before that")
            return None
        try:
            plan.amend(wish.of(plan.scenario, at), at)
        except ValueError as error:
            wish.refused(str(error))
            return None
        self._after = at
        wish.granted(at)
        return at

    def close(self) -> None:
        """The run is over: what is still wished for cannot be."""
        while self._wishes:
            self._wishes.popleft().refused("the run is over")

    # --- the wall's pace ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Logical time 0 is now."""
        self._epoch = time.monotonic_ns()

    def limit(self, end: int) -> int:
        """The logical time (ns) that the wall has reached, the scenario's end at most: nobody goes on beyond it."""
        assert self._epoch is not None, "it has begun"
        return min(int((time.monotonic_ns() - self._epoch) * self._speed) + 1, end)

    def saw(self, now: int, news: News, end: int, late: int | None = None) -> None:
        """Tell whoever watches; `late` (ns, on the wall) is what the wall's pace makes of it, if not given."""
        if late is None:
            limit = self.limit(end)
            now = min(now, limit)
            late = int((limit - now) / self._speed)
        self.watch.saw(now, news, late)
