"""How transactions travel to the nodes that propose them."""

from __future__ import annotations

from typing import ClassVar

from netsim.node.block import Batch
from netsim.node.message import Message, MessageKind


class Transactions(Message, frozen=True, tag=1):  # the tag by which the trace counts them apart
    """A client's batch, unsigned: its range of numbers, standing for the bodies, whose bytes are on the link."""

    kind: ClassVar[MessageKind] = "transactions"

    batch: Batch

    @property
    def bodies(self) -> tuple[Batch, ...]:
        return (self.batch,)

    def __str__(self) -> str:
        return f"Transactions, {self.batch.count} of node {self.batch.origin}"
