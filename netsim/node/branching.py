"""A base for protocols in which a block may be built on any other: what they all do with chain and mempool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netsim.node.block import Block
from netsim.node.chain import Chain
from netsim.node.consensus import Consensus
from netsim.node.context import Context
from netsim.node.mempool import Mempool


class Branching(Consensus):
    """Blocks are remembered by the chain as they come, and made final together with all below them."""

    def __init__(self, context: Context, chain: Chain, mempool: Mempool, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, chain, mempool, parameters)
        self.block_size: int = parameters["block_size"]
        self.q = self.quorum(len(context.validators), parameters)

    def new_block(self, parent: Block) -> Block:
        """A block of this node's on top of another, with the transactions that wait."""
        self._follow(parent)
        taken = self.mempool.take(self.block_size)
        return Block(parent.height + 1, parent.id, self.context.me, self.context.now, taken)

    def acceptable(self, block: Block) -> bool:
        """Whether a block fits on its parent: in its height, its size, and its transactions."""
        parent = self.chain.get(block.parent)
        if parent is None or block.height != parent.height + 1 or block.payload > self.block_size:
            return False
        return self._follow(parent) and self.mempool.valid(block.transactions)

    def make_final(self, block: Block) -> None:
        """Make a block final, and what is below it; nothing, where it does not stand on the final chain."""
        path = self.chain.path(block, self.chain.height)
        if path and path[0].parent == self.chain.head.id:
            for each in path:
                self.chain.append(each)
                self.mempool.finalised(each)
                self.context.finalise(each)
                self.context.work(execute=each.count)

    def _follow(self, tip: Block) -> bool:
        path = self.chain.path(tip, self.chain.height)
        if path is not None:
            self.mempool.follow(path)
        return path is not None
