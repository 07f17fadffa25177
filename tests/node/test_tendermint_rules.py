"""Tendermint's rules one by one (arXiv 1807.04938, Algorithm 1); the transcripts show them at work together."""

from __future__ import annotations

from typing import Any

import pytest

from netsim.node.block import GENESIS, Batch, Block
from netsim.node.message import Signed
from netsim.node.tendermint import TIMEOUT_PRECOMMIT, TIMEOUT_PREVOTE, TIMEOUT_PROPOSE, Tendermint
from netsim.node.tendermint_messages import Precommit, Prevote, Proposal, Votes
from netsim.testing import MS, Network, settings

BLOCK = Block(1, GENESIS.id, 0, 0)
OTHER = Block(1, GENESIS.id, 1, 1)
BAD = bytes(64)


def four(**parameters: Any) -> Network:
    """Four validators that have heard nothing yet."""
    made = Network(4, settings("tendermint", **parameters))
    made.start()
    return made


IDENTITIES = four().identities


def sign(message: Signed) -> Any:
    return message.signed(lambda digest: IDENTITIES.sign(message.signer, digest))


def tell(network: Network, node: int, *messages: Signed) -> Tendermint:
    """Let one node hear messages of others, and lose what it says. Its protocol."""
    for message in messages:
        network.post(message.signer, node, sign(message))
    for envelope in network.take(lambda envelope: envelope.target == node):
        network.deliver(envelope)
    return at(network, node)


def at(network: Network, node: int) -> Tendermint:
    """The protocol at a node."""
    participant = network.places[node].participant
    assert participant is not None
    assert isinstance(participant.consensus, Tendermint)
    return participant.consensus


def said(network: Network, node: int) -> list[str]:
    """What a node has said, and forget it."""
    return [str(envelope.message) for envelope in network.take(lambda envelope: envelope.source == node)][::3]


def votes(block: bytes | None, round: int = 0, by: tuple[int, ...] = (0, 1, 2), kind: Any = Prevote) -> list[Signed]:
    return [kind(node, b"", 1, round, block) for node in by]


def polka(block: Block, round: int = 0, by: tuple[int, ...] = (0, 1, 2)) -> Votes:
    return Votes(by, tuple(sign(vote).signature for vote in votes(block.id, round, by)), round, block.id)


def test_line_22_the_proposal_is_prevoted_once_and_a_second_one_refused() -> None:
    network = four()
    tell(network, 3, Proposal(0, b"", 0, BLOCK), Proposal(0, b"", 0, Block(1, GENESIS.id, 0, 5)))
    assert said(network, 3) == [f"Prevote h1 r0 {BLOCK.id[:2].hex()}"]
    assert network.places[3].rejected == ["two proposals for one round"]
    assert len(network.places[3].accusations) == 1


@pytest.mark.parametrize(
    ("proposal", "reason"),
    [
        (Proposal(1, b"", 0, OTHER), "proposal out of turn"),
        (Proposal(0, b"", 0, OTHER), "impossible block"),  # somebody else's, and not shown to be valid
        (Proposal(0, b"", 0, Block(1, bytes(32), 0, 0)), "impossible block"),
        (Proposal(0, b"", 0, Block(1, GENESIS.id, 0, 0, (Batch(0, 0, 1000, 1000),))), "impossible block"),
        (Proposal(1, b"", 1, BLOCK, polka(BLOCK, 1)), "valid value without proof"),
        (Proposal(1, b"", 1, BLOCK, polka(OTHER)), "valid value without proof"),
        (Proposal(1, b"", 1, BLOCK, polka(BLOCK, 0, (0, 1))), "valid value without proof"),
        (Proposal(1, b"", 1, BLOCK, polka(BLOCK, 0, (0, 1, 1))), "valid value without proof"),
        (Proposal(1, b"", 1, BLOCK, Votes((0, 1, 2), (BAD,) * 3, 0, BLOCK.id)), "valid value without proof"),
    ],
)
def test_line_22_and_28_what_no_correct_proposer_says_is_refused(proposal: Proposal, reason: str) -> None:
    network = four()
    tell(network, 3, proposal)
    assert network.places[3].rejected == [reason]
    assert not said(network, 3)


def test_line_23_transactions_that_do_not_follow_the_chain_are_prevoted_nil() -> None:
    network = four()
    twice = Block(1, GENESIS.id, 0, 0, (Batch(0, 0, 1, 1), Batch(0, 0, 1, 1)))
    tell(network, 3, Proposal(0, b"", 0, twice))
    assert said(network, 3) == ["Prevote h1 r0 nil"]


@pytest.mark.parametrize(
    ("proposal", "answer"),
    [
        (Proposal(1, b"", 1, OTHER), "nil"),
        (Proposal(1, b"", 1, BLOCK, polka(BLOCK)), BLOCK.id[:2].hex()),
    ],
)
def test_line_23_and_29_who_is_locked_prevotes_the_locked_block_only(proposal: Proposal, answer: str) -> None:
    network = four()
    validator = tell(network, 3, Proposal(0, b"", 0, BLOCK), *votes(BLOCK.id))
    assert validator.locked == BLOCK
    tell(network, 3, *votes(None, by=(0, 1), kind=Precommit))
    network.ring(network.places[3], TIMEOUT_PRECOMMIT)
    said(network, 3)
    tell(network, 3, proposal)
    assert said(network, 3) == [f"Prevote h1 r1 {answer}"]


def test_line_29_a_lock_yields_to_prevotes_that_are_as_recent() -> None:
    network = four()
    tell(network, 3, Proposal(0, b"", 0, BLOCK), *votes(BLOCK.id))
    for round in (1, 2):
        tell(network, 3, *votes(None, round - 1, (0, 1, 2), Precommit))
        network.ring(network.places[3], TIMEOUT_PRECOMMIT)
    said(network, 3)
    tell(network, 3, Proposal(2, b"", 2, OTHER, polka(OTHER, 1)))
    assert said(network, 3) == [f"Prevote h1 r2 {OTHER.id[:2].hex()}"]


def test_line_36_prevotes_that_come_too_late_make_a_block_valid_but_lock_nothing() -> None:
    network = four()
    tell(network, 3, Proposal(0, b"", 0, BLOCK), *votes(None, by=(0, 1)))
    network.ring(network.places[3], TIMEOUT_PREVOTE)
    assert said(network, 3)[-1] == "Precommit h1 r0 nil"
    network = four()
    tell(network, 3, Proposal(0, b"", 0, BLOCK), *votes(BLOCK.id, by=(0,)), *votes(None, by=(1,)))
    network.ring(network.places[3], TIMEOUT_PREVOTE)
    validator = tell(network, 3, *votes(BLOCK.id, by=(2,)))
    assert (validator.valid, validator.locked) == (BLOCK, None)


def test_line_49_precommits_of_any_round_decide() -> None:
    network = four()
    tell(network, 3, Proposal(0, b"", 0, BLOCK), *votes(None, 2, (0, 1)))
    assert at(network, 3).round == 2
    tell(network, 3, *votes(BLOCK.id, kind=Precommit))
    assert [block.id for block in network.places[3].final] == [BLOCK.id]


def test_line_55_one_validator_in_a_higher_round_moves_nobody_two_do() -> None:
    network = four()
    assert tell(network, 3, *votes(None, 7, (0,))).round == 0
    assert tell(network, 3, *votes(None, 3, (1,))).round == 3


def test_timeouts_grow_with_each_round() -> None:
    network = four(timeout=1000 * MS, timeout_vote=100 * MS, timeout_delta=10 * MS)
    tell(network, 3, *votes(None, 2, (0,)), *votes(BLOCK.id, 2, (1,)))
    timers = network.places[3].timers
    assert timers[TIMEOUT_PROPOSE][0] == 1020 * MS
    network.ring(network.places[3], TIMEOUT_PROPOSE)
    assert timers[TIMEOUT_PREVOTE][0] == 120 * MS
    tell(network, 3, *votes(None, 2, (0, 1, 2), Precommit))
    assert timers[TIMEOUT_PRECOMMIT][0] == 120 * MS


def test_a_validator_that_crashed_does_not_vote_again_in_the_same_round() -> None:
    network = four()
    tell(network, 3, Proposal(0, b"", 0, BLOCK), *votes(BLOCK.id))
    before = said(network, 3)
    network.crash(3)
    network.restart(3)
    assert [vote for vote in said(network, 3) if "Ask" not in vote] == before
    assert at(network, 3).locked == BLOCK
    tell(network, 3, Proposal(0, b"", 0, Block(1, GENESIS.id, 0, 5)), *votes(None, by=(1, 2)))
    assert not said(network, 3)


def test_a_validator_that_crashed_is_in_the_round_that_it_had_skipped_to_and_can_say_why() -> None:
    network = four()
    tell(network, 3, *votes(None, 2, (0, 1)))
    network.crash(3)
    network.restart(3)
    validator = at(network, 3)
    assert validator.round == 2
    assert [message.signer for message in validator.held(0)] == [0, 1]
