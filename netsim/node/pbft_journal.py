"""What a PBFT replica writes down, so that a crash can never make it contradict itself.

    view            the lowest view in which it may still act: written before the VIEW-CHANGE that promises it leaves
    new-view        the opening of the last view that it entered
    accepted/7      what it accepted at height 7, with the block: written before its prepare leaves
    prepared/7      its prepared certificate at height 7, with the block: written before its commit leaves
    final/7         the final block at height 7 with its commit certificate
    stable          the last stable checkpoint with its proof; what is executed below it is cleared above

Each is one small value, so that the cost of a block does not grow with the chain.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from netsim.node.block import Block
from netsim.node.context import World
from netsim.node.pbft_messages import Committed, NewView, Prepared, Proposal, Stable

_T = TypeVar("_T")
_ENCODER = msgspec.msgpack.Encoder()


class Journal:
    """Typed access to what is persisted through the Context."""

    def __init__(self, world: World) -> None:
        self._persist = world.persist
        self._restore = world.restore

    def view(self) -> int | None:
        """The view last written, or None at the first start."""
        return self._read("view", int)

    def write_view(self, view: int) -> None:
        self._write("view", view)

    def new_view(self) -> NewView | None:
        return self._read("new-view", NewView)

    def write_new_view(self, message: NewView) -> None:
        self._write("new-view", message)

    def stable(self) -> Stable | None:
        return self._read("stable", Stable)

    def write_stable(self, proof: Stable) -> None:
        self._write("stable", proof)

    def accepted(self, height: int) -> tuple[Proposal, Block] | None:
        return self._read(f"accepted/{height}", tuple[Proposal, Block])

    def write_accepted(self, proposal: Proposal, block: Block) -> None:
        self._write(f"accepted/{block.height}", (proposal, block))

    def prepared(self, height: int) -> tuple[Prepared, Block] | None:
        return self._read(f"prepared/{height}", tuple[Prepared, Block])

    def write_prepared(self, proof: Prepared, block: Block) -> None:
        self._write(f"prepared/{block.height}", (proof, block))

    def final(self) -> Iterator[tuple[Block, Committed]]:
        """The whole chain above genesis, lowest first."""
        height = 1
        while (entry := self._read(f"final/{height}", tuple[Block, Committed])) is not None:
            yield entry
            height += 1

    def write_final(self, block: Block, proof: Committed) -> None:
        self._write(f"final/{block.height}", (block, proof))

    def clear(self, heights: range) -> None:
        """Drop what was accepted and prepared at heights that are decided for good."""
        for height in heights:
            self._persist(f"accepted/{height}", b"")
            self._persist(f"prepared/{height}", b"")

    def _write(self, key: str, value: object) -> None:
        self._persist(key, _ENCODER.encode(value))

    def _read(self, key: str, kind: type[_T]) -> _T | None:
        data = self._restore(key)
        return msgspec.msgpack.decode(data, type=kind) if data else None
