"""Proposals wait for their parents, and somebody is asked for what is missing."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from netsim.node.ancestry import ANCESTRY, CHUNK, WAITING, Ancestry, Missing
from netsim.node.block import GENESIS, Block
from netsim.node.chain import Chain
from netsim.node.message import Message
from netsim.testing import MS, Network, Place, settings

RETRY = 100 * MS


class Bringing(Message, frozen=True, tag=90):
    block: Block


def line(length: int, below: Block = GENESIS, created: int = 0) -> list[Block]:
    """Blocks on top of each other."""
    blocks: list[Block] = []
    for _ in range(length):
        below = Block(below.height + 1, below.id, 0, created)
        blocks.append(below)
    return blocks


class Node:
    """An ancestry at node 0 of five, without a protocol above it."""

    def __init__(self) -> None:
        self.network = Network(5, settings())
        self.place = Place(self.network, 0, 0)
        self.chain = Chain()
        self.accepted: list[int] = []
        self.ancestry: Ancestry[Bringing] = Ancestry(self.place, self.chain, RETRY, self.accept)  # type: ignore[arg-type]

    def accept(self, sender: int, proposal: Bringing) -> None:
        self.accepted.append(proposal.block.height)
        self.chain.remember(proposal.block)

    def receive(self, sender: int, block: Block, at_once: bool = True) -> None:
        self.ancestry.receive(sender, Bringing(block), at_once)

    def asked(self) -> Iterator[tuple[int, int]]:
        """Who has been asked, for what is above which height."""
        for envelope in self.network.take(lambda envelope: True):
            assert isinstance(envelope.message, Missing)
            yield envelope.target, envelope.message.height

    def ring(self) -> None:
        self.network.now, _ = self.place.timers.pop(ANCESTRY)
        self.ancestry.on_timer()


def test_what_comes_in_any_order_is_handed_on_in_that_of_the_tree() -> None:
    node = Node()
    blocks = line(5)
    for block in (blocks[3], blocks[1], blocks[4], blocks[2]):
        node.receive(2, block)
    assert node.accepted == []
    node.receive(2, blocks[0])
    assert node.accepted == [1, 2, 3, 4, 5]
    assert not node.ancestry.wanting


def test_who_has_sent_it_is_asked_for_its_parent_and_later_the_others_in_turn() -> None:
    node = Node()
    blocks = line(3)
    node.receive(3, blocks[2])
    assert list(node.asked()) == [(3, 0)]
    node.receive(3, blocks[2])
    assert list(node.asked()) == [], "once is enough"
    turns = []
    for _ in range(4):
        node.ring()
        turns += [target for target, _ in node.asked()]
    assert sorted(turns) == [1, 2, 3, 4]


def test_what_is_probably_on_its_way_is_asked_for_after_a_while() -> None:
    node = Node()
    blocks = line(2)
    node.receive(3, blocks[1], at_once=False)
    assert list(node.asked()) == []
    node.ring()
    assert list(node.asked()) == [(3, 0)], "first of who has mentioned it"
    node.ring()
    assert [target for target, _ in node.asked()] != [], "then of somebody else"
    node.receive(4, blocks[0])
    node.ring()
    assert list(node.asked()) == []


def test_a_block_known_by_its_id_is_wanted_until_others_are_final_at_its_height() -> None:
    node = Node()
    ours, theirs = line(2), line(2, created=1)
    node.ancestry.want(1, theirs[1].id, 2)
    node.ancestry.want(1, theirs[1].id, 2)
    assert list(node.asked()) == [(1, 0)]
    assert node.ancestry.wants(theirs[1].id)
    node.chain.append(ours[0])
    node.ancestry.prune()
    assert node.ancestry.wanting
    node.chain.append(ours[1])
    node.ancestry.prune()
    assert not node.ancestry.wanting
    node.ring()
    assert list(node.asked()) == []


def test_whoever_has_answered_is_asked_on() -> None:
    node = Node()
    blocks = line(4)
    node.ancestry.want(1, blocks[3].id, 4)
    node.receive(1, blocks[0])
    list(node.asked())
    node.ancestry.ask_on(2, 1)
    assert list(node.asked()) == [(2, 1)]
    node.receive(2, blocks[3])  # it waits itself: what is below it is missing
    list(node.asked())
    node.ancestry.ask_on(2, 1)
    messages = [envelope.message for envelope in node.network.queue]
    assert [message.block for message in messages if isinstance(message, Missing)] == [blocks[2].id]


def test_an_answer_is_the_lowest_of_what_is_lacking_and_not_too_much_of_it() -> None:
    node = Node()
    held = {block.id: Bringing(block) for block in line(CHUNK + 20)}
    tip = next(reversed(held))
    found = node.ancestry.lacking(Missing(tip, 10), held.get)
    assert [one.block.height for one in found] == list(range(11, 11 + CHUNK))
    assert node.ancestry.lacking(Missing(bytes(32), 0), held.get) == []
    node.ancestry.answer(4, Missing(tip, CHUNK + 18), held.get)
    sent = [(envelope.target, envelope.message) for envelope in node.network.queue]
    assert sent == [(4, held[block]) for block in list(held)[-2:]]


def test_memory_is_bounded() -> None:
    node = Node()
    for number in range(WAITING + 50):
        stranger = Block(7, number.to_bytes(32, "big"), 0, 0)
        node.receive(1, stranger)
    assert sum(map(len, node.ancestry._waiting.values())) == WAITING
    assert len(node.ancestry._wanted) <= WAITING


def test_a_question_says_what_it_asks() -> None:
    message = Missing(GENESIS.id, 4)
    assert message.about[1] == 4
    assert str(message).endswith("above h4")
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode((34, b"short", 4)), type=Missing)
