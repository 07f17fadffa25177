"""A Raft server's log, and all that it writes down.

    state       the current term, and whom the server has voted for in it (-1: nobody): before it says so
    log/7       the entry at index 7: before it is acknowledged, or sent by the leader
    base        where the log begins: what is at or below it is in the chain
    final/7     the final block at height 7

An entry that is discarded is written over by nothing at all, and the log ends before the first such. What a server
writes down while it handles one event is on disk as a whole or not at all: crashes come between events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from netsim.node.block import GENESIS, Block
from netsim.node.context import World
from netsim.node.raft_messages import Entry, Mark

_T = TypeVar("_T")
_ENCODER = msgspec.msgpack.Encoder()
NOBODY = -1
BEGINNING = Mark(0, 0, 0, GENESIS.id)


class Journal:
    """Typed access to what is persisted through the Context."""

    def __init__(self, world: World) -> None:
        self._persist = world.persist
        self._restore = world.restore

    def state(self) -> tuple[int, int] | None:
        """The term and the vote last written, or None at the first start."""
        return self._read("state", tuple[int, int])

    def write_state(self, term: int, vote: int) -> None:
        self._write("state", (term, vote))

    def base(self) -> Mark:
        return self._read("base", Mark) or BEGINNING

    def write_base(self, mark: Mark) -> None:
        self._write("base", mark)

    def entries(self, above: int) -> Iterator[Entry]:
        """The log from the entry after an index on."""
        while (entry := self._read(f"log/{above + 1}", Entry)) is not None:
            yield entry
            above += 1

    def write_entry(self, index: int, entry: Entry) -> None:
        self._write(f"log/{index}", entry)

    def clear(self, indices: range) -> None:
        """Discard entries, lowest first: the log ends with the first that is gone."""
        for index in indices:
            self._persist(f"log/{index}", b"")

    def final(self) -> Iterator[Block]:
        """The whole chain above genesis, lowest first."""
        height = 1
        while (block := self._read(f"final/{height}", Block)) is not None:
            yield block
            height += 1

    def write_final(self, block: Block) -> None:
        self._write(f"final/{block.height}", block)

    def _write(self, key: str, value: object) -> None:
        self._persist(key, _ENCODER.encode(value))

    def _read(self, key: str, kind: type[_T]) -> _T | None:
        data = self._restore(key)
        return msgspec.msgpack.decode(data, type=kind) if data else None


class Log:
    """The entries above the base, in memory and on disk alike."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._marks = [BEGINNING]  # the base, and how far the log reaches with each entry
        self._entries: list[Entry] = []

    def restore(self) -> None:
        """Take up what was written before a crash."""
        self._marks = [self._journal.base()]
        for entry in self._journal.entries(self.base.index):
            self._push(entry)

    @property
    def base(self) -> Mark:
        return self._marks[0]

    @property
    def last(self) -> Mark:
        return self._marks[-1]

    def mark(self, index: int) -> Mark | None:
        """How far the log reaches with the entry at an index; None below the base and above the last."""
        place = index - self._marks[0].index
        return self._marks[place] if 0 <= place < len(self._marks) else None

    def term(self, index: int) -> int | None:
        """The term of the entry at an index, where there is one."""
        mark = self.mark(index)
        return mark.term if mark else None

    def entry(self, index: int) -> Entry:
        """The entry at an index above the base."""
        return self._entries[index - self._marks[0].index - 1]

    def above(self, index: int) -> Sequence[Entry]:
        """The entries above an index, the base's or a higher one."""
        return self._entries[index - self._marks[0].index :]

    def next_block(self, index: int) -> tuple[Entry, ...]:
        """The entries above an index up to the next block, that included, or to the end of the log."""
        first = last = index - self._marks[0].index
        while last < len(self._entries):
            last += 1
            if self._entries[last - 1].block is not None:
                break
        return tuple(self._entries[first:last])

    def append(self, entry: Entry) -> None:
        """Write an entry down, after the last."""
        self._push(entry)
        self._journal.write_entry(self.last.index, entry)

    def truncate(self, index: int) -> None:
        """Discard the entries above an index."""
        keep = index - self._marks[0].index
        self._journal.clear(range(index + 1, self.last.index + 1))
        del self._entries[keep:]
        del self._marks[keep + 1 :]

    def compact(self, index: int) -> None:
        """Drop the entries up to an index: the chain stands for them (section 7)."""
        old = self._marks[0].index
        place = index - old
        self._journal.write_base(self._marks[place])
        self._journal.clear(range(old + 1, index + 1))
        del self._entries[:place]
        del self._marks[:place]

    def reset(self, mark: Mark) -> None:
        """Begin anew above a mark: no entry from here is known to follow it."""
        self._journal.write_base(mark)
        self._journal.clear(range(self._marks[0].index + 1, self.last.index + 1))
        self._marks = [mark]
        self._entries = []

    def agreeable(self, index: int, term: int) -> Mark:
        """The last mark at or below an index whose term is not above another log's there: above it the two differ."""
        place = min(index - self._marks[0].index, len(self._marks) - 1)
        while place > 0 and self._marks[place].term > term:
            place -= 1
        return self._marks[max(place, 0)]

    def _push(self, entry: Entry) -> None:
        last, block = self.last, entry.block
        height, name = (block.height, block.id) if block else (last.height, last.block)
        self._entries.append(entry)
        self._marks.append(Mark(last.index + 1, entry.term, height, name))
