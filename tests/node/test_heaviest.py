"""Fork choice by weight, reorganisations, and finality by depth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.node.block import GENESIS, WINDOW_BITS, Batch, Block
from netsim.node.chain import Chain
from netsim.node.heaviest import Heaviest
from netsim.node.mempool import Mempool


class Listener:
    """A Context as far as fork choice needs one: it writes down what it is told."""

    def __init__(self) -> None:
        self.final: list[Block] = []
        self.executed = 0
        self.given_up: list[int] = []
        self.rejected: list[str] = []

    def finalise(self, block: Block) -> None:
        self.final.append(block)

    def work(self, execute: int) -> None:
        self.executed += execute

    def record(self, kind: str, *, block: bytes, height: int, detail: int) -> None:
        assert kind == "reorganised"
        self.given_up.append(detail)

    def reject(self, reason: str) -> None:
        self.rejected.append(reason)


class Node:
    """A fork choice with all that belongs to it."""

    def __init__(self, depth: int = 2) -> None:
        self.context = Listener()
        self.chain = Chain()
        self.mempool = Mempool(10, 1000)
        self.heaviest = Heaviest(self.context, self.chain, self.mempool, depth)  # type: ignore[arg-type]

    def add(self, *blocks: Block, weight: int = 1) -> list[bool]:
        return [self.heaviest.add(block, weight) for block in blocks]


def on(parent: Block, created: int = 0, *transactions: Batch) -> Block:
    return Block(parent.height + 1, parent.id, 0, created, transactions)


def line(parent: Block, length: int, created: int = 0) -> list[Block]:
    blocks = [parent]
    for _ in range(length):
        blocks.append(on(blocks[-1], created))
    return blocks[1:]


def batch(window: int, first: int = 0, count: int = 1) -> Batch:
    return Batch(0, (window << WINDOW_BITS) + first, count, 1)


def test_the_heaviest_chain_is_followed_and_the_first_of_equal_ones() -> None:
    node = Node()
    one, two = on(GENESIS, 1), on(GENESIS, 2)
    assert node.add(one, two) == [True, False]
    assert node.heaviest.tip == one
    three = on(two)
    assert node.add(three) == [True]
    assert node.heaviest.tip == three
    assert node.heaviest.total(three.id) == 2
    assert node.context.given_up == [1]


def test_a_protocol_may_have_a_rule_for_chains_of_equal_weight() -> None:
    node = Node()
    low, high = sorted((on(GENESIS, created) for created in (1, 2)), key=lambda block: block.id)
    ranked = Heaviest(node.context, node.chain, node.mempool, 2, lambda new, tip: new.id < tip.id)  # type: ignore[arg-type]
    assert ranked.add(high, 1)
    assert ranked.add(low, 1)
    assert (ranked.tip, list(ranked.open)) == (low, [low])
    assert ranked.add(on(high), 1)
    assert list(ranked.open) == [ranked.tip]
    assert node.chain.head == high


def test_weight_counts_and_not_length() -> None:
    node = Node()
    long = line(GENESIS, 3)
    assert node.add(*long) == [True] * 3
    heavy = line(GENESIS, 2, created=1)
    assert node.add(*heavy, weight=2) == [False, True]
    assert node.heaviest.tip == heavy[-1]


@pytest.mark.parametrize("depth", (1, 2, 3, 6))
def test_a_block_is_final_when_depth_minus_one_blocks_are_on_top_of_it(depth: int) -> None:
    node = Node(depth)
    blocks = line(GENESIS, 10)
    for count, block in enumerate(blocks, 1):
        node.add(block)
        assert node.context.final == blocks[: max(count - depth + 1, 0)]
        assert node.chain.height == len(node.context.final)


def test_a_deep_reorganisation_takes_final_blocks_back() -> None:
    node = Node(depth=2)
    first = line(GENESIS, 4)
    second = line(first[0], 4, created=1)
    node.add(*first)
    assert node.context.final == first[:3]
    assert node.add(*second) == [False, False, False, True]
    assert node.context.given_up == [3]
    assert list(node.chain) == [GENESIS, first[0], *second[:3]]
    assert node.context.final == [*first[:3], *second[:3]]
    assert node.chain.get(first[1].id) == first[1], "what was given up may be taken up again"
    assert node.add(*line(first[3], 2)) == [False, True]
    assert list(node.chain)[:5] == [GENESIS, *first]


def test_a_shorter_chain_that_is_heavier_leaves_final_what_it_has_in_common() -> None:
    node = Node(depth=2)
    common = line(GENESIS, 4)
    node.add(*common)
    assert node.chain.height == 3
    heavy = on(common[2], 1)
    node.add(heavy, weight=9)
    assert (node.heaviest.tip, node.chain.height) == (heavy, 3)
    node.add(*line(common[3], 3))
    heavier = on(common[1], 2)
    node.add(heavier, weight=99)
    assert (node.heaviest.tip, node.chain.height) == (heavier, 2)


def test_transactions_of_blocks_that_are_given_up_wait_again() -> None:
    node = Node(depth=1)
    ours, both = batch(1), batch(2)
    for one in (ours, both):
        node.mempool.add(one)
    node.add(on(GENESIS, 0, ours, both))
    assert not node.mempool.pending
    rival = on(GENESIS, 1, both)
    node.add(rival, on(rival))
    assert node.mempool.take(1000) == (ours,)
    assert node.context.executed == 3


def test_a_chain_whose_transactions_do_not_follow_is_not_taken_up() -> None:
    node = Node(depth=2)
    ours = line(GENESIS, 2)
    node.add(*ours)
    good = on(GENESIS, 1, batch(1))
    twice = on(good, 1, batch(1))
    above = on(twice, 1)
    assert node.add(good, twice, above) == [False, False, False]
    assert node.context.rejected == ["transactions do not follow"]
    assert node.heaviest.tip == ours[-1]
    assert node.chain.head == ours[0]
    for dropped in (twice, above):
        assert node.chain.get(dropped.id) is None
        with pytest.raises(KeyError):
            node.heaviest.total(dropped.id)
    assert node.add(*line(good, 2)) == [False, True], "what was below the false block is as good as ever"


def test_another_branch_above_a_block_that_was_dropped_falls_with_it() -> None:
    node = Node()
    node.add(*line(GENESIS, 3))
    bad = on(GENESIS, 1, batch(1), batch(1))
    one, other = line(bad, 3, created=1), line(bad, 3, created=2)
    node.add(bad, *one[:2], *other[:2])
    assert node.add(one[2], other[2]) == [False, False]
    assert node.add(on(other[1], 3)) == [False]
    assert all(node.chain.get(block.id) is None for block in (bad, *one, *other))


def test_what_has_no_parent_or_is_there_already_or_has_the_wrong_height_changes_nothing() -> None:
    node = Node()
    first, second = line(GENESIS, 2)
    assert node.add(second) == [False]
    assert node.chain.get(second.id) is None
    assert node.add(first, first) == [True, False]
    assert node.add(Block(3, first.id, 0, 0), Block(1, first.id, 0, 0)) == [False, False]
    assert node.heaviest.tip == first


def test_a_restart_gives_the_same_tree_without_a_word() -> None:
    node = Node(depth=2)
    first, second = line(GENESIS, 4), line(GENESIS, 6, created=1)
    node.add(*first, *second)
    again = Node(depth=2)
    again.heaviest.restore([(block, 1) for block in (*first, *second)])
    assert again.heaviest.tip == node.heaviest.tip
    assert list(again.chain) == list(node.chain)
    assert (again.context.final, again.context.executed, again.context.given_up) == ([], 0, [])
    following = on(second[-1])
    again.add(following)
    assert again.context.final == [second[-1]]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 3), st.booleans()), max_size=40), st.integers(1, 4))
def test_any_tree_gives_the_first_of_the_heaviest_chains(shape: list[tuple[int, int, bool]], depth: int) -> None:
    """Against the definition, over all blocks, in the order in which they came."""
    node = Node(depth)
    blocks, totals = [GENESIS], [0]
    for number, (below, weight, loaded) in enumerate(shape):
        below %= len(blocks)
        block = on(blocks[below], number, *([batch(number)] if loaded else []))
        for one in block.transactions:
            node.mempool.add(one)
        node.add(block, weight=weight)
        blocks.append(block)
        totals.append(totals[below] + weight)

        best = blocks[totals.index(max(totals))]
        path = node.chain.path(best, 0)
        assert path is not None
        assert node.heaviest.tip == best
        assert [node.heaviest.total(block.id) for block in blocks] == totals
        deep = path[: max(len(path) - depth + 1, 0)]
        final = list(node.chain)[1:]
        assert final[: len(deep)] == deep
        assert final == path[: len(final)]
        waiting = {one for block in blocks for one in block.transactions} - {
            one for block in path for one in block.transactions
        }
        assert set(node.mempool.take(1000)) == waiting
    assert {block.id for block in node.chain} <= {GENESIS.id, *(block.id for block in node.context.final)}
