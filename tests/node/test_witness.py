"""Who contradicts itself is told on, once, however much it says; who does not is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.node.bundle import Bundle
from netsim.node.message import Signed
from netsim.node.pbft_messages import Commit, Prepare, ViewChange
from netsim.node.witness import LEAST, REMEMBERED, Witness
from netsim.testing import Network, settings

Pair = tuple[Signed, Signed]


def prepare(signer: int, height: int, block: int = 0, view: int = 0) -> Prepare:
    return Prepare(signer, bytes(64), view, height, bytes([block]) * 32)


def witness(authors: int = 4) -> tuple[Witness, list[Pair]]:
    told: list[Pair] = []
    return Witness(authors, lambda first, second: told.append((first, second))), told


def test_a_second_message_for_one_slot_is_told_with_the_first() -> None:
    seen, told = witness()
    first, second = prepare(1, 5), prepare(1, 5, block=1)
    seen.see(first)
    seen.see(second)
    assert told == [(first, second)]


def test_it_is_told_once_for_each_author_type_and_slot() -> None:
    seen, told = witness()
    for block in (0, 1, 2, 1, 0):
        seen.see(prepare(1, 5, block))
    assert len(told) == 1
    for block in (0, 1):
        seen.see(prepare(2, 5, block))
        seen.see(prepare(1, 6, block))
        seen.see(Commit(1, bytes(64), 0, 5, bytes([block]) * 32))
    assert len(told) == 4


def test_who_says_the_same_again_or_of_another_slot_or_in_another_role_is_not_told_on() -> None:
    seen, told = witness()
    seen.see(prepare(1, 5))
    seen.see(prepare(1, 5))
    seen.see(Prepare(1, b"\1" * 64, 0, 5, bytes(32)))  # signed anew: signatures need not be unique
    seen.see(prepare(1, 5, block=1, view=1))
    seen.see(prepare(1, 6, block=1))
    seen.see(prepare(2, 5, block=1))
    seen.see(Commit(1, bytes(64), 0, 5, b"\1" * 32))
    assert not told


def test_what_an_author_may_say_several_of_has_no_slot() -> None:
    seen, told = witness()
    seen.see(ViewChange(1, bytes(64), 1, None, ()))
    seen.see(ViewChange(1, b"\1" * 64, 2, None, ()))
    assert not told


def test_memory_is_bounded_for_each_author_and_no_author_displaces_another() -> None:
    seen, told = witness()
    seen.see(prepare(2, 1))
    for height in range(3 * REMEMBERED):
        seen.see(prepare(1, height))
    remembered = sum(len(said.messages) for said in (*seen._young.values(), *seen._old.values()))
    assert remembered <= 2 * REMEMBERED // 4 + 1
    seen.see(prepare(1, 3 * REMEMBERED - 1, block=1))
    seen.see(prepare(2, 1, block=1))
    assert [second.signer for _, second in told] == [1, 2]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 1)), max_size=40),
    st.integers(1, 10 * REMEMBERED),
)
@examples(max_examples=100, deadline=None)
def test_exactly_those_are_told_on_who_contradict_themselves(said: list[tuple[int, int, int]], authors: int) -> None:
    assert LEAST >= 4, "of so few slots everything is remembered, however many authors there are"
    seen, told = witness(authors)
    blocks: dict[tuple[int, int], set[int]] = {}
    for signer, height, block in said:
        seen.see(prepare(signer, height, block))
        blocks.setdefault((signer, height), set()).add(block)
    found = [(second.signer, second.slot[1]) for _, second in told if second.slot is not None]
    assert sorted(found) == sorted(key for key, different in blocks.items() if len(different) > 1)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.dictionaries(st.integers(0, 3), st.integers(0, 1), min_size=1))),
    st.tuples(st.integers(1, 8), st.integers(1, 20)),
)
@examples(max_examples=300, deadline=None)
def test_many_at_once_are_seen_as_one_by_one(said: list[tuple[int, dict[int, int]]], room: tuple[int, int]) -> None:
    (together, told), (alone, also_told) = witness(), witness()
    for one in (together, alone):
        one._share, one._most = room
    for height, blocks in said:
        votes = {signer: prepare(signer, height, block) for signer, block in blocks.items()}
        bundle = Bundle.of(votes)
        if together.is_plain([bundle]):
            together.see_all([bundle])
        else:
            for vote in votes.values():
                together.see(vote)
        for vote in votes.values():
            alone.see(vote)
    assert told == also_told
    for bundle in together._uncounted:
        together._counts.update(bundle.by_author().keys())
    assert together._counts == alone._counts
    for ours, others in ((together._young, alone._young), (together._old, alone._old)):
        assert {claim: said.messages for claim, said in ours.items()} == {
            claim: said.messages for claim, said in others.items()
        }
        assert all({node for node in range(4) if one.has(node)} == one.messages.keys() for one in ours.values())
    assert together._total == alone._total == sum(len(said.messages) for said in alone._young.values())


def test_only_genuine_signatures_accuse() -> None:
    made = Network(4, settings())
    made.start()
    program = made.places[1].participant
    assert program is not None
    first, second = (prepare(2, 1, block) for block in (0, 1))
    program.on_message(2, first.signed(made.places[2].sign))
    program.on_message(2, second)
    program.on_message(2, second.signed(made.places[3].sign))
    assert not made.places[1].accusations
    program.on_message(3, second.signed(made.places[2].sign))
    assert [second.signer for _, second in made.places[1].accusations] == [2]
