"""Blocks, headers and batches."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from netsim.node.block import GENESIS, Batch, Block, short_id

BATCHES = st.builds(
    Batch, st.integers(0, 300), st.integers(0, 1 << 50), st.integers(1, 1 << 20), st.integers(0, 1 << 20)
)
BLOCKS = st.builds(
    Block,
    st.integers(0, 1 << 40),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 300),
    st.integers(-(1 << 40), 1 << 60),
    st.lists(BATCHES, max_size=4).map(tuple),
)


@given(BLOCKS, BLOCKS)
def test_the_id_covers_every_field(one: Block, other: Block) -> None:
    assert (one.id == other.id) == (one == other)
    assert len(one.id) == 32
    for change in ({"height": one.height + 1}, {"created": one.created + 1}, {"proposer": one.proposer + 1}):
        assert msgspec.structs.replace(one, **change).id != one.id
    assert msgspec.structs.replace(one, transactions=(*one.transactions, Batch(0, 0, 1, 1))).id != one.id


@given(BLOCKS)
def test_the_header_alone_gives_the_id(block: Block) -> None:
    assert block.header.id == block.id
    assert (block.header.height, block.header.parent) == (block.height, block.parent)


@given(BLOCKS)
def test_a_block_counts_its_transactions_and_their_bytes(block: Block) -> None:
    assert block.count == sum(batch.count for batch in block.transactions)
    assert block.payload == sum(batch.count * batch.size for batch in block.transactions)


@given(BLOCKS)
def test_the_short_id_fits_a_signed_column(block: Block) -> None:
    assert 0 <= short_id(block.id) < 1 << 63
    assert short_id(b"") == 0


def test_all_parts_of_a_batch_have_its_name_and_no_other_batch_has() -> None:
    whole = Batch(3, 7 << 20, 100, 250)
    assert Batch(3, (7 << 20) + 99, 1, 250).name == whole.name
    assert len({whole.name, Batch(4, 7 << 20, 100, 250).name, Batch(3, 8 << 20, 100, 250).name}) == 3


def test_genesis_is_the_same_everywhere() -> None:
    assert GENESIS.height == 0
    assert Block(0, bytes(32), -1, 0).id == GENESIS.id
