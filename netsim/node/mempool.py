"""Transactions that wait for a block, as ranges: whatever a batch's size, each step costs the same.

A batch is named by its origin and window (`Batch.name`). On one chain the numbers of a name ascend without a gap, so
a single integer per name, where its prefix on the chain ends, tells what is included and what may come next. The
chain meant here is the *line*: the final blocks and, above them, those that are proposed and not final. A block that
leaves the line gives its transactions back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from netsim.node.block import WINDOW_BITS, Batch, Block

CAPACITY = 1 << 20  # batches that wait; beyond it what arrives is refused, so that no stranger can fill a node


class Mempool:
    """Batches in their order of arrival, and what of each is on the line."""

    def __init__(self, nodes: int, largest: int, most: int | None = None) -> None:
        """`nodes`: origins are 0 … nodes − 1. `largest`: most bytes of one transaction (the block size). `most`: most
        transactions of a block, None: any number."""
        self._nodes = nodes
        self._largest = largest
        self._most = most
        self._waiting: dict[int, Batch] = {}  # by name, none of them wholly on the line
        self._ends: dict[int, int] = {}  # by name, the number after the last one on the line
        self._line: deque[_Included] = deque()  # the blocks that are not final, lowest first

    @property
    def pending(self) -> bool:
        """Whether any transaction waits that is in no block of the line."""
        return bool(self._waiting)

    def sane(self, batch: Batch) -> bool:
        """Whether a batch is possible at all: of a known origin, within one window, and small enough for a block."""
        return (
            0 <= batch.origin < self._nodes
            and batch.first >= 0
            and batch.count >= 1
            and (batch.first & (1 << WINDOW_BITS) - 1) + batch.count <= 1 << WINDOW_BITS
            and 0 <= batch.size <= self._largest
        )

    def holds(self, batch: Batch) -> bool:
        """Whether every transaction of a batch is here, waiting or on the line."""
        name, first = batch.name, batch.first
        first = max(first, self._ends.get(name, first))
        waiting = self._waiting.get(name)
        return first >= batch.end or (waiting is not None and waiting.first <= first and batch.end <= waiting.end)

    def add(self, batch: Batch) -> bool:
        """Let a batch wait. False where there is nothing new in it, it is not sane, or the pool is full.

        Parts of one batch may come one by one, but without a gap between them or to what is on the line.
        """
        if not self.sane(batch) or len(self._waiting) >= CAPACITY:
            return False
        name = batch.name
        known = self._waiting.get(name)
        if known is None:
            end = self._ends.get(name)
            if end is not None and not batch.first <= end < batch.end:
                return False
        else:
            if known.size != batch.size or batch.first > known.end or batch.end < known.first:
                return False
            batch = _join(known, batch)
        self._waiting[name] = batch
        return batch != known

    def take(self, limit: int) -> tuple[Batch, ...]:
        """What the next block of the line may hold: the oldest transactions, `limit` bytes at most.

        They stay in the pool until `include` says that they are in a block.
        """
        taken: list[Batch] = []
        room = self._most
        for name, batch in self._waiting.items():
            first = max(batch.first, self._ends.get(name, 0))
            count = batch.end - first
            fitting = limit // batch.size if batch.size else count
            fitting = fitting if room is None else min(fitting, room)
            if fitting <= 0:
                break
            taken.append(Batch(batch.origin, first, min(count, fitting), batch.size))
            if fitting < count:
                break
            limit -= count * batch.size
            room = None if room is None else room - count
        return tuple(taken)

    def fills(self, limit: int) -> bool:
        """Whether enough waits for a block that can take no more: of `limit` bytes, or of as many as it may hold."""
        taken = self.take(limit)
        if self._most is not None and sum(batch.count for batch in taken) >= self._most:
            return True
        return len(taken) < len(self._waiting) or any(batch.end < self._waiting[batch.name].end for batch in taken[-1:])

    def valid(self, batches: Sequence[Batch]) -> bool:
        """Whether a block with these may follow the line: each begins exactly where its prefix on the line ends.

        The first part of a name may begin anywhere in its window: what came before it was lost with its origin. And
        there are not more of them than a block may hold.
        """
        if self._most is not None and sum(batch.count for batch in batches) > self._most:
            return False
        ends: dict[int, int] = {}
        for batch in batches:
            if not self.sane(batch):
                return False
            name = batch.name
            end = ends.get(name) or self._ends.get(name)
            if end is not None and batch.first != end:
                return False
            ends[name] = batch.end
        return True

    def include(self, block: Block) -> None:
        """Put a block on top of the line, not final yet."""
        self._line.append(self._apply(block))

    def follow(self, blocks: Sequence[Block]) -> None:
        """Make the line these blocks, lowest first: what it has in common with them stays."""
        common = 0
        for included, block in zip(self._line, blocks, strict=False):
            if included.block != block.id:
                break
            common += 1
        self.retract(len(self._line) - common)
        for block in blocks[common:]:
            self.include(block)

    def abandon(self) -> None:
        """Take every block that is not final off the line again, and let its transactions wait."""
        self.retract(len(self._line))

    def retract(self, count: int) -> None:
        """Take the highest blocks off the line again, so many, and let their transactions wait."""
        if not count:
            return
        returned: dict[int, Batch] = {}
        for _ in range(count):
            included = self._line.pop()
            for name, end, batch in reversed(included.changes):
                if end is None:
                    del self._ends[name]
                else:
                    self._ends[name] = end
                later = returned.pop(name, None)
                returned[name] = batch if later is None else _join(batch, later)
        # Oldest first: what was in blocks came before what still waits.
        for name, batch in self._waiting.items():
            earlier = returned.get(name)
            returned[name] = batch if earlier is None else _join(earlier, batch)
        self._waiting = returned

    def finalised(self, block: Block) -> None:
        """A block is final. Where it is not the lowest of the line, what was on the line is abandoned."""
        if self._line and self._line[0].block == block.id:
            self._line.popleft()
        elif self._line or block.transactions:
            self.abandon()
            self._apply(block)

    def _apply(self, block: Block) -> _Included:
        changes = []
        for batch in block.transactions:
            name = batch.name
            changes.append((name, self._ends.get(name), self._waiting.get(name, batch)))
            self._ends[name] = end = batch.end
            waiting = self._waiting.get(name)
            if waiting is not None and not waiting.first <= end < waiting.end:
                del self._waiting[name]
        return _Included(block.id, changes)


class _Included:
    """A block of the line and how to undo it: per batch its name, where the prefix ended before, what to give back."""

    __slots__ = ("block", "changes")

    def __init__(self, block: bytes, changes: list[tuple[int, int | None, Batch]]) -> None:
        self.block = block
        self.changes = changes


def _join(one: Batch, other: Batch) -> Batch:
    """Two parts of one batch as a single range."""
    if one == other:
        return one
    first = min(one.first, other.first)
    return Batch(one.origin, first, max(one.end, other.end) - first, one.size)
