"""A node's own clock: it is off, and it runs too fast or too slow, always by the same.

Only how clocks differ can be noticed, so all are set forward by the most that one may be behind: none shows a time
before zero.
"""

from __future__ import annotations

from dataclasses import dataclass

from netsim.network.draws import draw, key
from netsim.scenario.model import Clocks

_BILLION = 10**9


@dataclass(frozen=True, slots=True)
class Clock:
    """What a clock shows at a time, in ns, and how long it takes until it shows so much more."""

    ahead: int = 0  # ns, at the beginning of the scenario
    drift: int = 0  # ns in a second

    @staticmethod
    def of(clocks: Clocks, seed: int, node: int) -> Clock:
        """A node's clock: both are drawn uniformly from ± what the scenario says."""
        drawn = key(seed, "clock", node)
        ahead = draw(drawn, 0) * (2 * clocks.skew + 1) >> 64
        drift = (draw(drawn, 1) * (2 * clocks.drift + 1) >> 64) - clocks.drift
        return Clock(ahead, drift)

    @property
    def true(self) -> bool:
        """Whether it shows the true time."""
        return not self.ahead and not self.drift

    def shows(self, time: int) -> int:
        """What it shows at the scenario's `time`."""
        return time + self.ahead + time * self.drift // _BILLION

    def lasts(self, time: int, delay: int) -> int:
        """How long it takes from `time` until it shows `delay` more: the least for which that holds."""
        target = self.shows(time) + delay
        low = delay * _BILLION // (_BILLION + self.drift)
        while self.shows(time + low) < target:
            low += 1
        while low > 0 and self.shows(time + low - 1) >= target:
            low -= 1
        return low
