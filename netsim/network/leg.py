"""One stretch of a copy's way: a fixed delay and what is drawn on top."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from netsim.network.distribution import QuantileTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Leg:
    """The sum of a fixed delay and of draws that are independent of each other, of time and of other legs.

    `drawn` pairs each table with the purpose that its draws are keyed by. `minimum` and `median` are in ns; the median
    is the sum of the parts' medians, which is the median itself for a single part.
    """

    __slots__ = ("drawn", "fixed", "median", "minimum")

    def __init__(self, fixed: int, *drawn: tuple[str, QuantileTable]) -> None:
        self.fixed = fixed + sum(table.constant for _, table in drawn if table.constant is not None)
        self.drawn = tuple((purpose, table) for purpose, table in drawn if table.constant is None)
        self.minimum = self.fixed + sum(table.minimum for _, table in self.drawn)
        self.median = self.fixed + sum(table.median for _, table in self.drawn)

    def delay(self, draw: Callable[[str], int]) -> int:
        """The delay in ns. `draw` gives the 64-bit draw for a purpose."""
        total = self.fixed
        for purpose, table in self.drawn:
            total += table.at(draw(purpose))
        return total

    def delays(self, draw: Callable[[str], NDArray[np.uint64]]) -> NDArray[np.int64] | int:
        """`delay` for many draws at once; one number where nothing is drawn."""
        total: NDArray[np.int64] | int = self.fixed
        for purpose, table in self.drawn:
            total = total + table.lookup(draw(purpose))
        return total
