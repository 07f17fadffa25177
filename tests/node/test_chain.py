"""The chain of one node."""

from __future__ import annotations

import pytest

from netsim.node.block import GENESIS, Block
from netsim.node.chain import Chain


def on(parent: Block, created: int = 0) -> Block:
    return Block(parent.height + 1, parent.id, 0, created)


def test_blocks_are_appended_on_the_head_alone() -> None:
    chain = Chain()
    first = on(GENESIS)
    chain.append(first)
    assert (chain.head, chain.height) == (first, 1)
    for wrong in (first, on(GENESIS, 1), on(on(first)), Block(2, GENESIS.id, 0, 0)):
        with pytest.raises(ValueError, match="does not stand on the head"):
            chain.append(wrong)
    assert list(chain) == [GENESIS, first]


def test_several_blocks_are_appended_together_or_none_of_them() -> None:
    chain = Chain()
    blocks = [first := on(GENESIS), second := on(first), third := on(second)]
    chain.remember(second)
    with pytest.raises(ValueError, match="block 3 does not stand on the head, 1"):
        chain.extend([first, third])
    assert (list(chain), chain.get(first.id)) == ([GENESIS], None)
    chain.extend(blocks)
    assert (chain.head, chain.height, list(chain)) == (third, 3, [GENESIS, *blocks])
    chain.forget(second.id)
    assert chain.get(second.id) is second, "it is final, and open no more"
    chain.extend([])
    assert chain.head is third


def test_final_blocks_are_found_by_height_and_id_and_as_what_somebody_lacks() -> None:
    chain = Chain()
    blocks = [GENESIS]
    for _ in range(5):
        blocks.append(on(blocks[-1]))
        chain.append(blocks[-1])
    assert [chain.at(height) for height in range(6)] == blocks
    assert all(chain.get(block.id) is block for block in blocks)
    assert list(chain.above(2, 2)) == blocks[3:5]
    assert list(chain.above(5, 2)) == []
    assert list(chain.above(1 << 60, 2)) == []
    with pytest.raises(IndexError):
        chain.at(6)


def test_open_blocks_are_kept_until_they_are_final_forgotten_or_too_low() -> None:
    chain = Chain()
    first, other = on(GENESIS), on(GENESIS, 1)
    second = on(first)
    for block in (first, other, second):
        chain.remember(block)
    chain.forget(other.id)
    chain.forget(other.id)
    assert chain.get(other.id) is None
    chain.remember(other)
    chain.append(first)
    chain.prune(1)
    assert chain.get(first.id) is first
    assert chain.get(other.id) is None
    assert chain.get(second.id) is second
    chain.remember(first)
    chain.forget(first.id)
    assert chain.get(first.id) is first, "a final block is never forgotten"
