"""The forms that most protocols' messages have: one brings a block, one proposes it in a round, one votes for it.

A protocol derives its own from them, with a tag and with what else it has to say. They name the block as the trace
wants to know it, and say of what a correct author sends one only.
"""

from __future__ import annotations

from typing import ClassVar

from netsim.node.block import Batch, Block, short, short_id
from netsim.node.fields import Digest, Natural
from netsim.node.message import About, MessageKind, Signed
from netsim.node.once import once


class BlockMessage(Signed, frozen=True):
    """Its author has made a block."""

    kind: ClassVar[MessageKind] = "blocks"

    block: Block

    @once
    def about(self) -> About:
        return short_id(self.block.id), self.block.height, -1

    @property
    def bodies(self) -> tuple[Batch, ...]:
        return self.block.transactions

    def __str__(self) -> str:
        block = self.block
        name = f"{type(self).__name__} h{block.height} {short(block.id)}"
        return f"{name} on {short(block.parent)}, {block.count} transactions"


class ProposalMessage(BlockMessage, frozen=True):
    """Its author proposes a block in a round: one in each."""

    round: Natural

    @once
    def about(self) -> About:
        return short_id(self.block.id), self.block.height, self.round

    @property
    def slot(self) -> tuple[int, ...]:
        return (self.round,)

    @property
    def lot(self) -> bytes:
        return self.block.id  # what a subclass adds may hold signatures

    def __str__(self) -> str:
        return f"{type(self).__name__} r{self.round} h{self.block.height} {short(self.block.id)}"


class VoteMessage(Signed, frozen=True):
    """Its author says something of a block in a round: of one in each."""

    round: Natural
    block: Digest

    @once
    def about(self) -> About:
        return short_id(self.block), -1, self.round

    @property
    def slot(self) -> tuple[int, ...]:
        return (self.round,)

    def __str__(self) -> str:
        return f"{type(self).__name__} r{self.round} {short(self.block)}"
