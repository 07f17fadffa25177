"""Round changes justify proposals (Moniz, Algorithm 4): the genuine ones are believed, and nothing that is changed in
them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from netsim.node.block import GENESIS, Batch, Block
from netsim.node.message import Signed
from netsim.node.qbft import QBFT
from netsim.node.qbft_messages import Prepare, Promise, Proposal, RoundChange
from netsim.node.tendermint_messages import Votes
from netsim.testing import MS, Network, settings

BAD = bytes(64)
ROUND = 2  # its proposer is node 2
QUORUM = 5  # of seven


def network() -> Network:
    """Seven validators that have heard nothing yet."""
    made = Network(7, settings("qbft"))
    made.start()
    return made


IDENTITIES = network().identities


def sign(message: Signed) -> Any:
    return message.signed(lambda digest: IDENTITIES.sign(message.signer, digest))


BLOCK = Block(1, GENESIS.id, 0, 0)
OTHER = Block(1, GENESIS.id, 2, 1)


def prepared(block: Block, round: int, signers: tuple[int, ...] = (0, 1, 2, 3, 4)) -> Votes:
    signatures = tuple(sign(Prepare(signer, b"", 1, round, block.id)).signature for signer in signers)
    return Votes(signers, signatures, round, block.id)


def promises(*shown: Votes | None, round: int = ROUND) -> tuple[Promise, ...]:
    """Of nodes 0 to 4, the first of which are prepared."""
    all_shown = [*shown, *(None,) * (QUORUM - len(shown))]
    return tuple(sign(RoundChange(node, b"", 1, round, one)).promise for node, one in enumerate(all_shown))


def accepted(message: Proposal) -> bool:
    """Whether node 6 prepares for a proposal."""
    made = network()
    made.post(2, 6, sign(message))
    made.settle()
    place = made.places[6]
    assert place.participant is not None
    validator = place.participant.consensus
    assert isinstance(validator, QBFT)
    return validator.proposal(ROUND) is not None


def test_with_nothing_prepared_the_proposer_may_propose_a_block_of_its_own() -> None:
    assert accepted(Proposal(2, b"", ROUND, OTHER, promises()))
    assert not accepted(Proposal(2, b"", ROUND, BLOCK, promises())), "that of another proposer"
    assert not accepted(Proposal(2, b"", ROUND, BLOCK, promises(), prepared(BLOCK, 1)))


def test_what_is_prepared_in_the_highest_round_must_be_proposed() -> None:
    early, late = prepared(OTHER, 0), prepared(BLOCK, 1)
    assert accepted(Proposal(2, b"", ROUND, BLOCK, promises(early, late), late))
    assert not accepted(Proposal(2, b"", ROUND, OTHER, promises(early, late), early))
    assert not accepted(Proposal(2, b"", ROUND, OTHER, promises(early, late), late))
    assert not accepted(Proposal(2, b"", ROUND, OTHER, promises(early, late)))


GOOD = promises(prepared(BLOCK, 1))
SHOWN = prepared(BLOCK, 1)


@pytest.mark.parametrize(
    "message",
    [
        Proposal(2, b"", ROUND, BLOCK, GOOD[1:], SHOWN),
        Proposal(2, b"", ROUND, BLOCK, (*GOOD[:-1], GOOD[0]), SHOWN),
        Proposal(2, b"", ROUND, BLOCK, (*GOOD[:-1], replace(GOOD[-1], signature=BAD)), SHOWN),
        Proposal(2, b"", ROUND, BLOCK, (*GOOD[:-1], replace(GOOD[-1], signer=7)), SHOWN),
        Proposal(2, b"", ROUND, BLOCK, (replace(GOOD[0], prepared_round=0), *GOOD[1:]), prepared(BLOCK, 0)),
        Proposal(2, b"", ROUND, BLOCK, (*GOOD[:-1], sign(Promise(4, b"", 2, ROUND, None, None))), SHOWN),
        Proposal(2, b"", ROUND, BLOCK, (*GOOD[:-1], sign(Promise(4, b"", 1, ROUND, 1, None))), SHOWN),
        Proposal(2, b"", ROUND, BLOCK, promises(SHOWN, round=1), SHOWN),
        Proposal(2, b"", ROUND, BLOCK, GOOD, replace(SHOWN, signatures=(BAD,) * QUORUM)),
        Proposal(2, b"", ROUND, BLOCK, GOOD, prepared(BLOCK, 1, (0, 1, 2, 3))),
        Proposal(2, b"", ROUND, BLOCK, GOOD, prepared(BLOCK, 1, (0, 1, 2, 3, 3))),
        Proposal(2, b"", ROUND, BLOCK, GOOD, prepared(BLOCK, 0)),
        Proposal(2, b"", ROUND, BLOCK, GOOD),
        Proposal(2, b"", ROUND, BLOCK),
    ],
)
def test_a_justification_with_a_fault_is_not_believed(message: Proposal) -> None:
    assert accepted(Proposal(2, b"", ROUND, BLOCK, GOOD, SHOWN)), "the one without a fault is"
    assert not accepted(message)


@pytest.mark.parametrize(
    "shown",
    [
        replace(SHOWN, signatures=(BAD,) * QUORUM),
        prepared(BLOCK, 1, (0, 1, 2, 3)),
        prepared(BLOCK, ROUND),
        replace(SHOWN, block=OTHER.id),
        replace(SHOWN, round=0),
    ],
)
def test_a_round_change_shows_genuine_prepares_of_a_lower_round(shown: Votes) -> None:
    made = network()
    for message in (RoundChange(3, b"", 1, ROUND, shown), RoundChange(4, b"", 1, 0, None)):
        made.post(message.signer, 2, sign(message))
    made.settle()
    assert made.places[2].rejected == ["round change without proof"] * 2


def test_a_proposal_shows_that_f_plus_1_have_left() -> None:
    made = network()
    made.post(2, 6, sign(Proposal(2, b"", ROUND, OTHER, promises())))
    made.settle()
    assert made.sent["RoundChange"] == made.sent["Prepare"] == 6, "it follows, and prepares"


def test_proposals_out_of_turn_and_impossible_blocks_are_refused() -> None:
    made = network()
    large = Block(1, GENESIS.id, 0, 0, (Batch(0, 0, 1000, 1000),))
    for message in (Proposal(1, b"", 0, OTHER), Proposal(0, b"", 0, large), Proposal(0, b"", 0, OTHER)):
        made.post(message.signer, 6, sign(message))
        made.settle()
    assert made.places[6].rejected == [
        "proposal out of turn",
        "impossible block",
        "proposal without justification",
    ]


def test_the_proposer_follows_the_one_whose_block_is_the_head() -> None:
    made = Network(4, settings("qbft"), delay=lambda source, target: 5 * MS)
    made.start()
    made.crash(0)
    for _ in range(4):
        made.submit(1)
        made.run(2000 * MS)
    assert [block.proposer for block in made.places[1].final] == [1, 2, 3, 1]
