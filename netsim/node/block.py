"""Blocks, and the transactions in them: ranges of numbers, never an object each."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from netsim.node.fields import Digest, Integer, Natural, Positive
from netsim.node.once import once

WINDOW_BITS = 20  # of a transaction's number: its place within the window in which it was due


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """`count` transactions of `size` bytes each, numbered from `first`, all submitted at the node `origin`.

    A number is `window << 20 | index`: the window of the workload in which the transaction was due, and its place in
    it.
    """

    origin: Natural
    first: Natural
    count: Positive
    size: Natural

    @property
    def end(self) -> int:
        """The number after the last one."""
        return self.first + self.count

    @property
    def payload(self) -> int:
        """Bytes of the transactions' bodies."""
        return self.count * self.size

    @property
    def name(self) -> int:
        """What all parts of one batch have in common: origin and window, packed."""
        return self.origin << 44 | self.first >> WINDOW_BITS


class Header(msgspec.Struct, frozen=True, array_like=True, dict=True):
    """A block without its transactions: enough to know its id and its parent, which is what certificates are about."""

    height: Natural
    parent: Digest
    proposer: Natural
    created: Integer
    body: Digest  # blake2b over the canonical msgpack encoding of the transactions

    @once
    def id(self) -> bytes:
        """32 bytes, blake2b over the canonical msgpack encoding."""
        return blake2b(_ENCODER.encode(self), digest_size=32, person=b"netsim-block").digest()


class Block(msgspec.Struct, frozen=True, array_like=True, dict=True):
    """One link of the chain. Its id covers every field here and no signature."""

    height: Natural
    parent: Digest  # the id of the block below
    proposer: Natural
    created: Integer  # nanoseconds on the proposer's clock
    transactions: tuple[Batch, ...] = ()

    @once
    def header(self) -> Header:
        """The block with a hash in the place of its transactions."""
        body = blake2b(_ENCODER.encode(self.transactions), digest_size=32, person=b"netsim-body").digest()
        return Header(self.height, self.parent, self.proposer, self.created, body)

    @once
    def id(self) -> bytes:
        """32 bytes, the id of the header."""
        return self.header.id

    @once
    def count(self) -> int:
        """How many transactions the block holds."""
        return sum(batch.count for batch in self.transactions)

    @once
    def payload(self) -> int:
        """Bytes of the transactions' bodies."""
        return sum(batch.payload for batch in self.transactions)


def short_id(block: bytes) -> int:
    """The first 63 bits of a block's id, as the trace holds it; 0 for no block."""
    return int.from_bytes(block[:8], "big") >> 1


def short(block: bytes) -> str:
    """A block's id as people read it."""
    return block[:2].hex()


_ENCODER = msgspec.msgpack.Encoder()
GENESIS = Block(height=0, parent=bytes(32), proposer=-1, created=0)
