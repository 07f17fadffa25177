"""What one node holds of the chain: the final blocks, and blocks that it knows but that are not final."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netsim.node.block import GENESIS, Block


class Chain:
    """The final chain from genesis to `head`, and a store of open blocks beside it.

    What of this survives a crash is the protocol's business: it persists what it needs and appends it again.
    """

    def __init__(self) -> None:
        self.head = GENESIS  # the last final block
        self.height = 0  # its height
        self._final = [GENESIS]
        self._final_by_id = {GENESIS.id: GENESIS}
        self._open: dict[bytes, Block] = {}

    def append(self, block: Block) -> None:
        """Make a block final. Raises ValueError where it does not stand on the head."""
        self.extend((block,))

    def extend(self, blocks: Sequence[Block]) -> None:
        """`append` for several, lowest first."""
        head = self.head
        by_id = {}
        for block in blocks:
            if block.height != head.height + 1 or block.parent != head.id:
                raise ValueError(f"block {block.height} does not stand on the head, {head.height}")
            by_id[block.id] = head = block
        if self._open:
            for block in blocks:
                self._open.pop(block.id, None)
        self._final += blocks
        self._final_by_id.update(by_id)
        self.head = head
        self.height = head.height

    def at(self, height: int) -> Block:
        """The final block at a height. Raises IndexError above the head."""
        return self._final[height]

    def above(self, height: int, limit: int) -> Sequence[Block]:
        """At most `limit` final blocks from the one after `height` on: what a node that stands there lacks."""
        return self._final[height + 1 : height + 1 + limit]

    def __iter__(self) -> Iterator[Block]:
        """The final blocks from genesis on."""
        return iter(self._final)

    def get(self, block: bytes) -> Block | None:
        """A block by its id, final or open."""
        return self._open.get(block) or self._final_by_id.get(block)

    def remember(self, block: Block) -> None:
        """Keep a block that is not final."""
        if block.id not in self._final_by_id:
            self._open[block.id] = block

    def forget(self, block: bytes) -> None:
        """Drop an open block; one that is not kept is no error."""
        self._open.pop(block, None)

    def path(self, tip: Block, above: int) -> list[Block] | None:
        """The blocks from the one at height `above` + 1 up to `tip`, lowest first; None where one is not held."""
        found: list[Block] = []
        block: Block | None = tip
        while block is not None and block.height > above:
            found.append(block)
            block = self.get(block.parent)
        return None if block is None else found[::-1]

    def revert(self, height: int) -> list[Block]:
        """Make the final blocks above a height open again, for protocols whose finality is probabilistic.

        Returns them, lowest first."""
        reverted = self._final[height + 1 :]
        del self._final[height + 1 :]
        for block in reverted:
            del self._final_by_id[block.id]
            self._open[block.id] = block
        self.head = self._final[-1]
        self.height = self.head.height
        return reverted

    def prune(self, height: int) -> None:
        """Drop the open blocks at or below a height: none of them can become final any more."""
        for block in [block for block in self._open.values() if block.height <= height]:
            del self._open[block.id]
