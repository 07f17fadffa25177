"""Fork choice by weight: the heaviest chain in a tree of blocks; of equal ones the one that was here first.

Theory of operation
===================

Every block has a weight: its proof of work (Nakamoto 2008, section 5), the difficulty of a signer's turn (EIP-225). The
weight of a chain is the sum over its blocks. A node follows the heaviest chain that it holds: a block that makes
another chain heavier than the present one makes the node change over, at any depth (a *reorganisation*); one that makes
another as heavy changes nothing, unless the protocol has a rule for ties.

A block is final at a node when `depth` − 1 blocks are on top of it in the chain that the node follows: the block itself
is the first confirmation. It stays final while the chain becomes heavier, even should it become shorter; but a
reorganisation from below it takes it back, and other blocks become final at its height.

The mempool's line is the whole chain that is followed: no block is so old that it could not be given up. What it costs
to add a block does not depend on the length of the chain, but on the blocks given up and taken up.

A block is executed when the chain that is followed takes it up, for the first time or again. Only then can it be told
whether its transactions follow those below; if they do not, the chain that was followed before is followed again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from netsim.node.block import GENESIS, Block
from netsim.node.chain import Chain
from netsim.node.context import Context
from netsim.node.mempool import Mempool

# For a protocol's `records`.
REORGANISED = {"reorganised": "another chain is heavier now: detail: how many blocks were given up"}


class Heaviest:
    """The tree of blocks at one node, and the chain in it that the node follows."""

    def __init__(
        self,
        context: Context,
        chain: Chain,
        mempool: Mempool,
        depth: int,
        better: Callable[[Block, Block], bool] | None = None,
    ) -> None:
        """`depth`: confirmations that make a block final, at least 1. `better(new, tip)`: whether the first of two tips
        of equal weight wins over the second, which was here first; it must be an order. A protocol declares
        `REORGANISED` in its `records`."""
        self._context = context
        self._chain = chain
        self._mempool = mempool
        self._depth = depth
        self._better = better
        self._totals = {GENESIS.id: 0}  # by block of the tree
        self.tip = GENESIS  # of the chain that is followed
        self.open: deque[Block] = deque()  # this chain above the last final block, lowest first

    def total(self, block: bytes) -> int:
        """The weight of the chain from genesis to a block. Raises KeyError where the tree does not hold the block."""
        return self._totals[block]

    def add(self, block: Block, weight: int) -> bool:
        """Put a block on the tree; whether another chain is followed now, if only a longer one.

        Transactions aside, the block is valid. Nothing happens where it is in the tree already or its parent is not;
        and a block whose transactions turn out not to follow those below is dropped from the tree with those above it.
        """
        return self._add(block, weight, live=True)

    def restore(self, blocks: Iterable[tuple[Block, int]]) -> None:
        """After a restart: the blocks and weights that were added, in the same order. Tells the context nothing."""
        for block, weight in blocks:
            self._add(block, weight, live=False)

    def _add(self, block: Block, weight: int, live: bool) -> bool:
        parent = self._chain.get(block.parent)
        below = self._totals.get(block.parent)
        if parent is None or below is None or block.id in self._totals or block.height != parent.height + 1:
            return False
        self._chain.remember(block)
        total = self._totals[block.id] = below + weight
        present = self._totals[self.tip.id]
        wins = total > present or (total == present and self._better is not None and self._better(block, self.tip))
        return wins and self._follow(block, live)

    def _follow(self, tip: Block, live: bool) -> bool:
        """Change over to the chain that ends in `tip`. False where it turns out to be invalid."""
        given_up, taken_up = self._branches(self.tip, tip)
        if taken_up[0].parent not in self._totals:  # it stands on a block that was dropped
            self._drop(taken_up)
            return False
        self._mempool.retract(len(given_up))
        for number, block in enumerate(taken_up):
            if not self._mempool.valid(block.transactions):
                self._mempool.retract(number)
                for old in given_up:
                    self._mempool.include(old)
                self._drop(taken_up[number:])
                if live:
                    self._context.reject("transactions do not follow")
                return False
            self._mempool.include(block)
        for _ in given_up[: len(self.open)]:
            self.open.pop()
        self.open += taken_up
        self.tip = tip
        fork = taken_up[0].height - 1
        if fork < self._chain.height:
            self._chain.revert(fork)
        if live:
            if given_up:
                self._context.record("reorganised", block=tip.id, height=tip.height, detail=len(given_up))
            self._context.work(execute=sum(block.count for block in taken_up))
        self._finalise(live)
        return True

    def _branches(self, old: Block, new: Block) -> tuple[list[Block], list[Block]]:
        """What two chains do not have in common, each lowest first. Where the new one hangs in the air, all of it that
        there is, and the old one's part is of no meaning."""
        ours: list[Block] = []
        theirs: list[Block] = []
        while old.id != new.id:
            if new.height >= old.height:
                theirs.append(new)
                parent = self._chain.get(new.parent)
                if parent is None:
                    break
                new = parent
            else:
                ours.append(old)
                parent = self._chain.get(old.parent)
                assert parent is not None, "the chain that is followed is complete"
                old = parent
        return ours[::-1], theirs[::-1]

    def _drop(self, blocks: list[Block]) -> None:
        for block in blocks:
            del self._totals[block.id]
            self._chain.forget(block.id)

    def _finalise(self, live: bool) -> None:
        """Make final what has the depth now."""
        for _ in range(self.tip.height - self._depth + 1 - self._chain.height):
            block = self.open.popleft()
            self._chain.append(block)
            if live:
                self._context.finalise(block)
