"""Delays drawn ahead: those of a sender's next messages, to a fixed set of receivers, in a few numpy calls.

Since a draw is a function of its key and its number, it makes no difference to what anyone gets whether draws are made
many at once or singly, twice or never.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from netsim.network.draws import children, draw, draw_array, key
from netsim.network.leg import Leg

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Legs = tuple[Leg, ...]

_CELLS = 4096  # messages × receivers drawn ahead at most: some dozen kB for each sender
_ROWS = 256  # messages likewise
_FIRST_ROWS = 8  # then twice as many each time: who says little costs little


class Draws:
    """The 64-bit draws of one incarnation of a sender: by place of the receiver, sequence, and purpose.

    The keys of a flow are made when something is first drawn for it: a sender speaks to few of all the nodes there are.
    """

    __slots__ = ("_among", "_keys", "_owner", "_receivers", "_seed")

    def __init__(self, seed: int, sender: int, incarnation: int, receivers: Sequence[int]) -> None:
        """`receivers`: the node at each place."""
        self._seed = seed
        self._owner = (sender, incarnation)
        self._receivers = receivers
        self._keys: dict[tuple[str, int], int] = {}  # by purpose and place
        self._among: dict[tuple[str, bytes], NDArray[np.uint64]] = {}  # the same for several places at once

    def one(self, place: int, sequence: int, purpose: str) -> int:
        """A single draw."""
        found = self._keys.get((purpose, place))
        if found is None:
            found = key(self._seed, purpose, *self._owner, self._receivers[place])
            self._keys[purpose, place] = found
        return draw(found, sequence)

    def many(self, places: NDArray[np.intp], sequences: NDArray[np.uint64], purpose: str) -> NDArray[np.uint64]:
        """A table of draws with a row for each sequence and a column for each place."""
        return draw_array(self._keys_for(places, purpose), sequences[:, None])

    def _keys_for(self, places: NDArray[np.intp], purpose: str) -> NDArray[np.uint64]:
        among = places.tobytes()
        keys = self._among.get((purpose, among))
        if keys is None:
            import numpy as np

            receivers = self._receivers
            owners = np.array([receivers[place] for place in places.tolist()], np.uint64)
            keys = self._among[purpose, among] = children(key(self._seed, purpose, *self._owner), owners)
        return keys


class Layer(Protocol):
    """Something that is drawn for each copy of a message."""

    def one(self, draws: Draws, place: int, sequence: int) -> int:
        """For one copy."""

    def many(
        self, draws: Draws, places: Sequence[int], sequences: NDArray[np.uint64]
    ) -> NDArray[np.int64] | NDArray[np.uint64]:
        """The same for many: a table with a row for each sequence and a column for each place."""


class Delays:
    """A layer: the sum of some legs' delays, in ns. One serves all senders that are placed alike."""

    def __init__(self, legs: Sequence[Legs], kinds: Sequence[int]) -> None:
        """`legs` for each kind of receiver, and the kind of the receiver at each place."""
        self._legs = legs
        self._kinds = kinds

    def one(self, draws: Draws, place: int, sequence: int) -> int:
        total = 0
        for leg in self._legs[self._kinds[place]]:
            total += leg.fixed
            for purpose, table in leg.drawn:
                total += table.at(draws.one(place, sequence, purpose))
        return total

    def many(self, draws: Draws, places: Sequence[int], sequences: NDArray[np.uint64]) -> NDArray[np.int64]:
        import numpy as np

        table = np.empty((len(sequences), len(places)), np.int64)
        among = np.array(places, np.intp)
        alike: dict[Legs, list[int]] = {}
        for column, place in enumerate(places):
            alike.setdefault(self._legs[self._kinds[place]], []).append(column)
        for legs, columns in alike.items():
            draw = partial(draws.many, among if len(alike) == 1 else among[columns], sequences)
            table[:, slice(None) if len(alike) == 1 else columns] = sum(leg.delays(draw) for leg in legs)
        return table


class Luck:
    """A layer: the plain 64-bit draw that decides over losses."""

    def one(self, draws: Draws, place: int, sequence: int) -> int:
        return draws.one(place, sequence, "loss")

    def many(self, draws: Draws, places: Sequence[int], sequences: NDArray[np.uint64]) -> NDArray[np.uint64]:
        import numpy as np

        return draws.many(np.array(places, np.intp), sequences, "loss")


class Ahead:
    """Layers drawn for the next messages to the receivers at some places. `columns`: where in a row a place is."""

    def __init__(self, draws: Draws, layers: Sequence[Layer], places: Sequence[int]) -> None:
        self.columns = {place: column for column, place in enumerate(places)}
        self._draws = draws
        self._layers = layers
        self._places = list(places)
        self._tables: list[NDArray[np.int64] | NDArray[np.uint64]] = []
        self._first = 0
        self._count = 0

    def rows(self, sequence: int) -> list[list[int]]:
        """Each layer's row for one message."""
        return [row.tolist() for row in self.arrays(sequence)]

    def arrays(self, sequence: int) -> list[NDArray[np.int64] | NDArray[np.uint64]]:
        """The same as arrays, which are not to be changed."""
        row = sequence - self._first
        if not 0 <= row < self._count:
            self._draw(sequence)
            row = 0
        return [table[row] for table in self._tables]

    def _draw(self, sequence: int) -> None:
        import numpy as np

        most = max(1, min(_ROWS, _CELLS // max(1, len(self._places))))
        self._first, self._count = sequence, min(2 * self._count or _FIRST_ROWS, most)
        sequences = np.arange(sequence, sequence + self._count, dtype=np.uint64)
        self._tables = [layer.many(self._draws, self._places, sequences) for layer in self._layers]
