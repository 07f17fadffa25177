"""Messages of one claim that a node is handed together: votes that it only counts (see `Consensus.unmoved_by`)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import msgspec

from netsim.node.message import Signed


def content(message: Signed) -> Hashable:
    """What a message says, whoever signs it: signer and signature are its first two fields."""
    return msgspec.structs.astuple(message)[2:]


class Bundle:
    """Nobody has signed two of them. Most are never looked at one by one, so it is only known where they are.

    `first` is the first of them. `authors` is a set of nodes, as bits. `alike`: they differ in who has signed
    them alone.
    """

    __slots__ = ("_rows", "_said", "alike", "authors", "first")

    def __init__(self, authors: int, alike: bool, said: Sequence[tuple[int, Signed]], rows: Sequence[int]) -> None:
        """`said`: authors and messages, of which `rows` are these, in order."""
        self.first = said[rows[0]][1]
        self.authors = authors
        self.alike = alike
        self._said = said
        self._rows = rows

    @staticmethod
    def of(messages: Mapping[int, Signed]) -> Bundle:
        """These messages, by author."""
        said = [*messages.items()]
        authors = sum(1 << author for author in messages)
        alike = len({content(message) for message in messages.values()}) == 1
        return Bundle(authors, alike, said, range(len(said)))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def messages(self) -> list[Signed]:
        """In order."""
        said = self._said
        return [said[row][1] for row in self._rows]

    def by_author(self) -> dict[int, Signed]:
        """The messages, in order."""
        said = self._said
        return dict([said[row] for row in self._rows])
