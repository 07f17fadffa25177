"""What a participant does for every protocol: whom it believes, what it relays, what it drops."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.node.block import GENESIS, Batch, Block, short_id
from netsim.node.gossip.flood import Flood
from netsim.node.message import Message, Signed
from netsim.node.participant import Participant
from netsim.node.pbft_messages import Prepare, PrePrepare
from netsim.node.transactions import Transactions
from netsim.testing import Network, settings, strategy

from .messages import MESSAGES, NODES


def network(**parameters: object) -> Network:
    made = Network(NODES, settings(gossip=Flood), **parameters)  # type: ignore[arg-type]
    made.start()
    return made


def participant(made: Network, node: int) -> Participant:
    found = made.places[node].participant
    assert isinstance(found, Participant)
    return found


def prepare(made: Network, signer: int) -> Prepare:
    return Prepare(signer, b"", 0, 1, bytes(32)).signed(made.places[signer].sign)


def test_genuine_messages_are_relayed_and_handled_once() -> None:
    made = network()
    message = prepare(made, 2)
    for sender in (2, 3, 0):
        participant(made, 1).on_message(sender, message)
    assert [(envelope.target, envelope.message) for envelope in sorted(made.queue)] == [(0, message), (3, message)]
    assert not made.places[1].rejected


def test_forged_foreign_and_unknown_messages_are_counted_and_go_no_further() -> None:
    made = network(validators=(0, 1, 2))

    class Foreign(Message, frozen=True, tag=99):
        pass

    genuine = prepare(made, 2)
    for message in (
        Foreign(),
        msgspec.structs.replace(genuine, signature=bytes(64)),
        msgspec.structs.replace(genuine, view=1),
        msgspec.structs.replace(genuine, signer=0),
        prepare(made, 3),
        Prepare(77, bytes(64), 0, 1, bytes(32)),
        Transactions(Batch(99, 0, 1, 1)),
        Transactions(Batch(0, 0, 1, 1 << 40)),
    ):
        participant(made, 1).on_message(2, message)
    assert made.places[1].rejected == [
        "foreign type",
        *["wrong signature"] * 3,
        *["unknown signer"] * 2,
        *["impossible batch"] * 2,
    ]
    assert not made.queue, "nothing of this was relayed"
    participant(made, 1).on_message(2, genuine)
    assert any(envelope.message is genuine for envelope in made.queue), "a forgery does not shadow the genuine one"


def test_what_brings_a_block_is_here_once_and_further_copies_are_counted() -> None:
    made = network()
    block = Block(1, GENESIS.id, 0, 0)
    message = PrePrepare(0, b"", 0, block).signed(made.places[0].sign)
    for sender in (0, 2, 3):
        participant(made, 1).on_message(sender, message)
        made.wait(1)
    participant(made, 1).on_message(2, prepare(made, 2))
    assert made.places[1].had == {short_id(block.id): 0}
    assert made.places[1].duplicates == 2


def test_a_nodes_own_words_are_no_news_to_it() -> None:
    made = network()
    participant(made, 1).on_message(2, prepare(made, 1))
    assert not made.queue
    assert not made.places[1].rejected


def test_questions_and_answers_are_not_relayed() -> None:
    made = network()
    made.submit(0)
    made.settle()
    made.crash(3)
    made.restart(3)
    made.settle()
    assert made.sent["Ask"] == made.sent["Answer"] == 1


def windows_on_chain(made: Network) -> list[int]:
    return [batch.first >> 20 for block in made.places[0].final for batch in block.transactions]


def test_a_batch_that_is_passed_over_is_told_to_the_proposer() -> None:
    made = Network(4, settings())
    made.start()
    made.submit(2)
    lost = made.take(lambda envelope: True)
    assert {type(envelope.message) for envelope in lost} == {Transactions}
    made.submit(2)
    made.settle()
    assert windows_on_chain(made) == [2]
    made.wait(1)
    made.settle()
    assert windows_on_chain(made) == [2, 1]


def test_a_block_with_impossible_contents_is_not_accepted() -> None:
    made = Network(4, settings(block_size=100))
    made.start()

    def offer(block: Block) -> None:
        message = PrePrepare(0, b"", 0, block).signed(made.places[0].sign)
        participant(made, 1).on_message(0, message)

    offer(Block(1, GENESIS.id, 77, 0))
    offer(Block(1, GENESIS.id, 0, 0, (Batch(0, 0, 11, 10),)))
    offer(Block(1, GENESIS.id, 0, 0, (Batch(0, 0, 2, 10), Batch(0, 1, 2, 10))))
    offer(Block(2, GENESIS.id, 0, 0))
    assert made.places[1].rejected == ["impossible block"] * 2 + ["transactions that do not follow the chain"]
    assert not made.queue, "nothing was prepared"


@pytest.mark.parametrize("gossip", ("flood", "announce", "compact", "push", "plumtree", "gossipsub"))
@pytest.mark.parametrize("signed", (False, True))
@given(messages=st.lists(st.tuples(MESSAGES, st.integers(0, NODES - 1)), min_size=1, max_size=12))
@examples(max_examples=40)
def test_no_message_of_a_known_type_makes_a_participant_raise(
    signed: bool, gossip: str, messages: list[tuple[Message, int]]
) -> None:
    made = Network(NODES, settings(gossip=strategy(gossip), checkpoint=2))
    made.start()
    made.submit(0)
    for message, sender in messages:
        if signed and isinstance(message, Signed) and message.signer < NODES:
            message = message.signed(made.places[message.signer].sign)
        if sender != 1:
            participant(made, 1).on_message(sender, message)
    made.wait(3_000_000_000)
    made.settle()
    made.check_agreement(range(NODES))
