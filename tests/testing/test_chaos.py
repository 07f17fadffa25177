"""The schedule fuzzer: what it finds, what it makes of it, and that everything can be seen again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.node.block import Block
from netsim.node.message import Message
from netsim.protocol import Consensus, ProposalMessage
from netsim.testing import MS, Chaos, Found, fuzz, survive
from netsim.testing.chaos import shortened

STREAMLET = Path(__file__).parents[2] / "scenarios" / "own-protocol" / "streamlet.py"


class Said(ProposalMessage, frozen=True, tag=16):
    """A block, which its receivers believe."""


class Gullible(Consensus):
    """Whatever the first validator says is final"""

    messages = (Said,)
    byzantine = False

    @staticmethod
    def quorum(validators: int, parameters: object) -> int:
        return validators

    def start(self) -> None:
        while (kept := self.context.restore(f"block {self.chain.height + 1}")) is not None:
            self.chain.append(msgspec.msgpack.decode(kept, type=Block))

    def on_transactions(self) -> None:
        if self.context.me == self.context.validators[0] and self.mempool.pending:
            block = Block(self.chain.height + 1, self.chain.head.id, self.context.me, self.context.now, ())
            self._believe(block)
            self.context.broadcast(Said(self.context.me, b"", block, block.height).signed(self.context.sign))
            self.context.proposed(block)

    def on_message(self, sender: int, message: Message) -> None:
        assert isinstance(message, Said)
        self._believe(message.block)

    def _believe(self, block: Block) -> None:
        if block.height == self.chain.height + 1 and block.parent == self.chain.head.id:
            self.context.persist(f"block {block.height}", msgspec.msgpack.encode(block))
            self.chain.append(block)
            self.context.finalise(block)


class Careless(Gullible):
    """Says two things of one slot"""

    def on_transactions(self) -> None:
        if self.context.me == 0:
            for created in (1, 2):
                block = Block(self.chain.height + 1, self.chain.head.id, self.context.me, created, ())
                self.context.broadcast(Said(self.context.me, b"", block, 0).signed(self.context.sign))

    def on_message(self, sender: int, message: Message) -> None:
        """Believe nothing."""


class Forgetful(Gullible):
    """Says that a block is final, and nothing else"""

    def _believe(self, block: Block) -> None:
        self.context.finalise(block)


def test_a_schedule_depends_on_its_seed_alone() -> None:
    def told(seed: int) -> list[str]:
        chaos = Chaos(seed, "pbft", tell=True)
        chaos.run(200)
        assert chaos.story
        return [chaos.says, *chaos.story]

    assert told(3) == told(3)
    assert told(3) != told(4)


def test_steps_can_be_left_out() -> None:
    chaos = Chaos(3, "pbft", tell=True)
    chaos.run(range(100, 150))
    again = Chaos(3, "pbft", tell=True)
    again.run([*range(100, 120), *range(120, 150)])
    assert chaos.story == again.story


def test_a_lost_block_stops_a_protocol_that_does_not_ask_again_and_a_few_steps_show_it() -> None:
    with pytest.raises(Found, match="stuck") as caught:
        fuzz(Gullible, runs=50, patience=5)
    found = caught.value
    assert len(found.steps) <= 40
    text = str(found)
    assert "steps are enough" in text
    assert "0 proposes h" in text
    with pytest.raises(AssertionError, match="stuck"):  # as the last line says
        survive(found.seed, Gullible, found.steps, patience=5)


def test_without_the_calm_nothing_is_wrong_with_it() -> None:
    fuzz(Gullible, runs=20, patience=0, steps=200)


def test_blocks_that_are_final_out_of_order_are_found() -> None:
    with pytest.raises(Found, match="makes a block final at height 1 after one at 1"):
        fuzz(Forgetful, runs=50, patience=0)


def test_evidence_against_a_correct_node_is_found() -> None:
    with pytest.raises(Found, match="evidence against a correct node"):
        fuzz(Careless, runs=50, patience=0)


def test_an_own_protocol_is_named_by_its_file() -> None:
    with pytest.raises(Found, match="two final blocks at height") as caught:
        fuzz(f"{STREAMLET}:FirstTry", runs=40, first=260, patience=0, nodes=5, block_interval=100 * MS)
    assert "FirstTry" in str(caught.value)
    fuzz(f"{STREAMLET}:Streamlet", runs=50, patience=0, block_interval=100 * MS)


def test_faulty_nodes_can_be_forbidden() -> None:
    assert all(Chaos(seed, "pbft", faulty=0).faulty == [] for seed in range(10))
    assert any(Chaos(seed, "pbft").twins for seed in range(20))
    crashed = [Chaos(seed, "raft") for seed in range(20)]
    assert any(chaos.faulty for chaos in crashed)
    assert all(chaos.faulty == chaos.down for chaos in crashed), "nobody lies in raft"


def test_parameters_are_drawn_where_the_protocol_has_them() -> None:
    drawn = {
        Chaos(seed, "pbft", vary={"timeout": (MS, 2 * MS)}).network.settings.parameters["timeout"] for seed in range(9)
    }
    assert drawn == {MS, 2 * MS}
    assert Chaos(1, "pbft", window=3).network.settings.parameters["window"] == 3


@given(st.sets(st.integers(0, 99), min_size=1, max_size=6))
@examples(max_examples=30)
def test_what_is_needed_is_what_is_left(needed: set[int]) -> None:
    kept = shortened(range(100), lambda steps: needed <= set(steps), reruns=2000)
    assert kept == sorted(needed)


def test_shortening_ends_when_it_has_taken_long_enough() -> None:
    asked = 0

    def fails(steps: object) -> bool:
        nonlocal asked
        asked += 1
        return False

    assert shortened(range(100), fails, reruns=10) == list(range(100))
    assert asked == 10
