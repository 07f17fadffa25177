"""The scripted proposer: blocks when they are due, by the one who is named, and relay as the only delay."""

from __future__ import annotations

from contextlib import suppress
from math import exp
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.node.block import Batch, Block
from netsim.node.gossip.flood import Flood
from netsim.node.lottery import exponential
from netsim.node.message import Codec, WireError
from netsim.node.scripted import Missing, Script, Scripted
from netsim.testing import MS, Network, settings

from .messages import BLOCKS, NODE, NUMBERS, SIGNATURES

SCRIPTED = st.builds(Scripted, NODE, SIGNATURES, BLOCKS, NUMBERS, NODE, NUMBERS)
MISSING = st.builds(Missing, NUMBERS)
RING = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)]


def network(nodes: int = 5, edges: list[tuple[int, int]] | None = RING, **parameters: Any) -> Network:
    chosen: dict[str, Any] = {
        "arrival": "fixed",
        "proposers": "round-robin",
        "block_interval": 100 * MS,
        "block_bytes": 0,
        "timeout": 50 * MS,
        **parameters,
    }
    made = Network(nodes, settings(Script, Flood, **chosen), edges=edges, delay=lambda source, target: 2 * MS)
    made.start()
    return made


def proposals(made: Network) -> list[tuple[int, int, int]]:
    """(when in ms, who, height) of every proposal."""
    return sorted((time // MS, place.me, block.height) for place in made.places for time, block in place.proposals)


def test_validators_propose_in_turn_when_their_block_is_due() -> None:
    made = network()
    made.run(450 * MS)
    assert proposals(made) == [(100, 0, 1), (200, 1, 2), (300, 2, 3), (400, 3, 4)]


def test_a_block_is_final_after_the_shortest_path() -> None:
    made = network()
    made.run(150 * MS)
    assert [place.finalised_at[1] // MS for place in made.places] == [100, 102, 104, 104, 102]


def test_only_validators_propose_and_all_nodes_follow() -> None:
    made = Network(
        4,
        settings(Script, Flood, arrival="fixed", proposers="random", block_interval=10 * MS, block_bytes=0),
        validators=[1, 3],
    )
    made.start()
    made.run(1000 * MS)
    assert {who for _, who, _ in proposals(made)} == {1, 3}
    assert [len(place.final) for place in made.places] == [100, 100, 100, 100]


def test_there_are_never_two_blocks_of_one_height() -> None:
    made = network(arrival="exponential", proposers="random")
    made.run(20_000 * MS)
    heights = sorted(height for _, _, height in proposals(made))
    assert heights == list(range(1, len(heights) + 1))
    assert 150 < len(heights) < 250


def test_a_late_proposal_does_not_add_up() -> None:
    """A successor that hears of its turn too late proposes at once; the next one is on time again."""
    made = network(block_interval=3 * MS)
    made.run(31 * MS)
    assert [time for time, _, _ in proposals(made)] == [3, 6, 9, 12, 15, 18, 21, 24, 27, 30]
    slow = network(block_interval=3 * MS)
    slow.delay = lambda source, target: 4 * MS if (source, target) == (0, 1) else 2 * MS
    slow.run(26 * MS)
    assert proposals(slow)[:7] == [(3, 0, 1), (7, 1, 2), (9, 2, 3), (12, 3, 4), (15, 4, 5), (18, 0, 6), (22, 1, 7)]


def test_spread_makes_proposals_late_by_a_part_of_it() -> None:
    made = network(spread=20 * MS)
    made.run(2050 * MS)
    late = [time - 100 * height for time, _, height in proposals(made)]
    assert len(late) == 20
    assert all(0 <= by < 20 for by in late)
    assert len(set(late)) > 5


def test_a_block_has_its_size_and_its_transactions_on_the_wire() -> None:
    made = network(block_bytes=535_000, block_interval=100 * MS)
    made.submit(0, count=3, size=100)
    made.wait(100 * MS)
    blocks = [envelope.message for envelope in made.queue if isinstance(envelope.message, Scripted)]
    assert blocks
    for block in blocks:
        assert block.payload == 535_300
        assert block.size == len(block.encoded) + 535_300


def test_transactions_are_in_one_block_and_no_more() -> None:
    made = network()
    made.submit(2, count=7)
    made.run(1000 * MS)
    for place in made.places:
        assert [block.count for block in place.final if block.count] == [7]


def test_a_node_that_was_cut_off_asks_for_what_it_missed() -> None:
    followers = Network(
        5,
        settings(
            Script,
            Flood,
            arrival="fixed",
            proposers="round-robin",
            block_interval=100 * MS,
            block_bytes=0,
            timeout=50 * MS,
        ),
        validators=[0, 1, 2],
        edges=RING,
        delay=lambda source, target: 2 * MS,
    )
    followers.start()
    followers.run(150 * MS)
    followers.groups = [frozenset({0, 1, 2, 3}), frozenset({4})]
    followers.run(1000 * MS)
    assert len(followers.places[4].final) == 1
    followers.groups = []
    followers.run(110 * MS)
    assert [block.height for block in followers.places[4].final] == list(range(1, 13))


def test_after_a_restart_a_node_asks_its_neighbours_and_goes_on() -> None:
    made = network()
    made.run(250 * MS)
    made.crash(4)
    made.run(200 * MS)
    made.restart(4)
    made.run(20 * MS)
    assert [block.height for block in made.places[4].final] == [1, 2, 3, 4]  # none of them twice
    made.run(1000 * MS)
    assert len({len(place.final) for place in made.places}) == 1
    assert len(made.places[4].final) >= 13


def test_a_proposer_that_was_down_at_its_turn_proposes_when_it_is_back() -> None:
    made = network()
    made.run(150 * MS)
    made.crash(1)
    made.run(400 * MS)
    made.restart(1)
    made.run(10 * MS)
    assert proposals(made) == [(100, 0, 1), (550, 1, 2)]
    made.run(200 * MS)
    assert proposals(made)[2:] == [(650, 2, 3), (750, 3, 4)]  # what was missed is not made up for
    assert all(len(place.final) == 4 for place in made.places)


def test_a_proposer_that_crashed_with_its_block_says_it_again() -> None:
    made = network()
    made.wait(100 * MS)
    made.take(lambda envelope: True)  # nothing of what it sent has left
    made.crash(0)
    made.restart(0)
    made.run(10 * MS)
    assert all([block.height for block in place.final] == [1] for place in made.places)


def test_nobody_believes_a_proposer_who_has_not_the_word() -> None:
    made = network()
    made.run(150 * MS)
    head = made.places[3].final[-1]
    forged = Block(2, head.id, 3, made.now)
    message = Scripted(3, b"", forged, 0, 3, made.now).signed(made.places[3].sign)
    made.post(3, 2, message)
    made.run(10 * MS)
    assert "not in the script" in made.places[2].rejected
    made.run(900 * MS)
    assert all(forged not in place.final and len(place.final) == 10 for place in made.places)


@pytest.mark.parametrize("proposer", [0, 3])
def test_impossible_blocks_are_refused(proposer: int) -> None:
    made = network()
    batch = Batch(0, 0, 100, 1000)
    block = Block(1, made.places[0].participant.chain.head.id, proposer, 0, (batch,))  # type: ignore[union-attr]
    made.post(0, 1, Scripted(0, b"", block, 0, 1, 0).signed(made.places[0].sign))
    made.run(10 * MS)
    assert made.places[1].rejected == ["impossible block"]


@given(st.one_of(SCRIPTED, MISSING))
def test_messages_survive_the_wire(message: Scripted | Missing) -> None:
    codec = Codec(Script.messages)
    again = codec.decode(message.encoded)
    assert again == message
    assert again.digest == message.digest


@given(st.one_of(SCRIPTED, MISSING), st.data())
def test_damaged_messages_give_a_message_or_a_wire_error(message: Scripted | Missing, data: st.DataObject) -> None:
    bits = bytearray(message.encoded)
    bits[data.draw(st.integers(0, len(bits) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(WireError):
        Codec(Script.messages).decode(bytes(bits))


def test_intervals_are_exponential() -> None:
    """Mean and deviation one; e^(−x) of them exceed x. Within five standard errors."""
    rng = Random(7)
    count, unit = 40_000, 10**9
    draws = [exponential(rng, unit) / unit for _ in range(count)]
    assert abs(sum(draws) / count - 1) < 5 / count**0.5
    for bound in (0.1, 0.5, 1, 2, 4):
        share = exp(-bound)
        assert abs(sum(draw > bound for draw in draws) / count - share) < 5 * (share * (1 - share) / count) ** 0.5
