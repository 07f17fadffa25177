"""The mempool, against a model that knows every transaction by its number."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from netsim.node import mempool
from netsim.node.block import GENESIS, Batch, Block
from netsim.node.mempool import Mempool

SIZE = 10


def batch(window: int, count: int, *, first: int = 0, origin: int = 0, size: int = SIZE) -> Batch:
    return Batch(origin, window << 20 | first, count, size)


def block(parent: Block, *batches: Batch) -> Block:
    return Block(parent.height + 1, parent.id, 0, 0, batches)


def test_the_oldest_transactions_come_first_and_a_batch_is_split_where_the_block_is_full() -> None:
    pool = Mempool(2, 1000)
    assert pool.add(batch(1, 5))
    assert pool.add(batch(2, 5, origin=1))
    assert pool.take(70) == (batch(1, 5), batch(2, 2, origin=1))
    assert pool.take(49) == (batch(1, 4),)
    assert pool.take(9) == ()
    assert pool.take(1000) == (batch(1, 5), batch(2, 5, origin=1))


def test_what_is_in_a_block_is_not_taken_again_and_comes_back_when_the_block_goes() -> None:
    pool = Mempool(2, 1000)
    pool.add(batch(1, 5))
    pool.add(batch(2, 5))
    first = block(GENESIS, *pool.take(70))
    pool.include(first)
    second = block(first, *pool.take(20))
    assert second.transactions == (batch(2, 2, first=2),)
    pool.include(second)
    assert pool.take(1000) == (batch(2, 1, first=4),)
    pool.finalised(first)
    pool.abandon()
    assert pool.take(1000) == (batch(2, 3, first=2),)
    pool.finalised(block(first, batch(2, 3, first=2)))
    assert not pool.pending


def test_a_batch_known_from_an_abandoned_block_alone_waits_like_any_other() -> None:
    pool = Mempool(2, 1000)
    first = block(GENESIS, batch(1, 3))
    second = block(first, batch(1, 2, first=3))
    pool.include(first)
    pool.include(second)
    assert not pool.pending
    pool.abandon()
    assert pool.take(1000) == (batch(1, 5),)


def test_a_final_block_that_was_not_expected_clears_the_line() -> None:
    pool = Mempool(2, 1000)
    pool.add(batch(1, 5))
    pool.include(block(GENESIS, *pool.take(1000)))
    pool.finalised(block(GENESIS, batch(1, 2)))
    assert pool.take(1000) == (batch(1, 3, first=2),)


def test_nothing_old_or_doubled_is_new() -> None:
    pool = Mempool(2, 1000)
    assert pool.add(batch(1, 5))
    assert not pool.add(batch(1, 5))
    assert not pool.add(batch(1, 3))
    assert pool.add(batch(1, 2, first=5)), "a part that follows"
    pool.finalised(block(GENESIS, batch(1, 7)))
    assert not pool.add(batch(1, 7))
    assert not pool.pending


def test_parts_with_a_gap_are_refused_lest_a_leader_propose_what_cannot_follow() -> None:
    pool = Mempool(2, 1000)
    pool.add(batch(1, 5))
    assert not pool.add(batch(1, 2, first=7))
    assert not pool.add(batch(1, 2, first=5, size=SIZE + 1))
    pool.finalised(block(GENESIS, batch(1, 5)))
    assert not pool.add(batch(1, 2, first=7))
    assert pool.add(batch(1, 4, first=4))
    assert pool.take(1000) == (batch(1, 3, first=5),)


@pytest.mark.parametrize(
    "impossible",
    [
        Batch(2, 0, 1, 1),
        Batch(-1, 0, 1, 1),
        Batch(0, -1, 1, 1),
        Batch(0, 0, 0, 1),
        Batch(0, 0, -1, 1),
        Batch(0, 0, (1 << 20) + 1, 1),
        Batch(0, 1, 1 << 20, 1),
        Batch(0, 0, 1, 1001),
        Batch(0, 0, 1, -1),
    ],
)
def test_impossible_batches_are_refused(impossible: Batch) -> None:
    pool = Mempool(2, 1000)
    assert not pool.sane(impossible)
    assert not pool.add(impossible)
    assert not pool.valid((impossible,))


def test_the_pool_cannot_be_filled_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mempool, "CAPACITY", 3)
    pool = Mempool(2, 1000)
    assert [pool.add(batch(window, 1)) for window in range(5)] == [True, True, True, False, False]


def test_transactions_of_no_size_fit_any_block() -> None:
    pool = Mempool(2, 1000)
    pool.add(batch(1, 1 << 20, size=0))
    assert pool.take(0) == (batch(1, 1 << 20, size=0),)


def test_blocks_must_continue_every_batch_where_the_line_left_it() -> None:
    pool = Mempool(2, 1000)
    assert pool.valid((batch(1, 2), batch(1, 3, first=2)))
    assert not pool.valid((batch(1, 2), batch(1, 3, first=3)))
    assert not pool.valid((batch(1, 2), batch(1, 2)))
    pool.include(block(GENESIS, batch(1, 2)))
    assert pool.valid((batch(1, 1, first=2),))
    assert not pool.valid((batch(1, 2),))
    assert not pool.valid((batch(1, 1, first=3),))
    pool.abandon()
    assert pool.valid((batch(1, 2),))


class Line(RuleBasedStateMachine):
    """Batches arrive, blocks are put on the line, become final or are abandoned, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = Mempool(3, 100)
        self.known: dict[int, Batch] = {}
        self.line: list[Block] = []
        self.final: list[Block] = [GENESIS]

    @rule(origin=st.integers(0, 2), window=st.integers(0, 5), count=st.integers(1, 30))
    def arrive(self, origin: int, window: int, count: int) -> None:
        new = Batch(origin, window << 20, count, SIZE)
        if new.name not in self.known:
            self.known[new.name] = new
            self.pool.add(new)

    @rule(limit=st.integers(0, 400))
    def propose(self, limit: int) -> None:
        taken = self.pool.take(limit)
        assert self.pool.valid(taken)
        assert sum(part.payload for part in taken) <= limit
        new = block((self.final + self.line)[-1], *taken)
        self.pool.include(new)
        self.line.append(new)

    @precondition(lambda self: self.line)
    @rule()
    def finalise(self) -> None:
        self.final.append(self.line.pop(0))
        self.pool.finalised(self.final[-1])

    @rule()
    def abandon(self) -> None:
        self.pool.abandon()
        self.line.clear()

    @rule(data=st.data())
    def be_overruled(self, data: st.DataObject) -> None:
        """Another block becomes final, with some of what is not final yet."""
        done = self.numbers(self.final)
        parts = []
        for name, whole in self.known.items():
            first = whole.first + sum(1 for key in done if key[0] == name)
            if first < whole.end and data.draw(st.booleans()):
                parts.append(Batch(whole.origin, first, data.draw(st.integers(1, whole.end - first)), SIZE))
        new = Block(self.final[-1].height + 1, self.final[-1].id, 1, 1, tuple(parts))
        self.final.append(new)
        self.line.clear()
        self.pool.finalised(new)

    def numbers(self, blocks: list[Block]) -> Counter[tuple[int, int]]:
        parts = [part for block in blocks for part in block.transactions]
        return Counter((part.name, number) for part in parts for number in range(part.first, part.end))

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        included = self.numbers(self.final + self.line)
        assert not included or max(included.values()) == 1
        waiting = self.numbers([block(GENESIS, *self.pool.take(1 << 40))])
        everything = {(name, number) for name, whole in self.known.items() for number in range(whole.first, whole.end)}
        assert included.keys() | waiting.keys() == everything
        assert not included.keys() & waiting.keys()
        assert self.pool.pending == bool(waiting)


TestLine = Line.TestCase
TestLine.settings = examples(max_examples=60, stateful_step_count=40)


@given(st.lists(st.builds(Batch, *[st.integers(-5, 1 << 21)] * 4), max_size=20))
def test_no_batches_whatever_raise(batches: list[Batch]) -> None:
    pool = Mempool(3, 100)
    for new in batches:
        pool.add(new)
    assert pool.valid(pool.take(1000))
    pool.valid(batches)


def test_a_block_holds_no_more_transactions_than_it_may() -> None:
    pool = Mempool(2, 1000, most=6)
    pool.add(batch(1, 5))
    assert not pool.fills(1000)
    pool.add(batch(2, 5, origin=1))
    assert pool.take(1000) == (batch(1, 5), batch(2, 1, origin=1))
    assert pool.fills(1000)
    assert pool.valid(pool.take(1000))
    assert not pool.valid((batch(1, 5), batch(2, 2, origin=1)))
    pool.include(block(GENESIS, *pool.take(1000)))
    assert pool.take(1000) == (batch(2, 4, first=1, origin=1),)


def test_a_block_is_full_where_something_is_left_out() -> None:
    pool = Mempool(2, 1000)
    assert not pool.fills(0)
    pool.add(batch(1, 5))
    assert not pool.fills(50)
    assert pool.fills(49)
    assert pool.fills(9)
