"""Whatever the schedule, QBFT's correct validators agree and go on; and where a rule is broken, that shows."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples

from netsim.node.block import GENESIS, Block
from netsim.node.message import Signed
from netsim.node.qbft import QBFT, Round
from netsim.node.qbft_messages import Commit, Prepare, Promise, Proposal, RoundChange
from netsim.node.tendermint_messages import Answer, Ask, Votes
from netsim.testing import MS, Found, Network, fuzz, seeds, settings, survive


@given(seed=seeds())
@examples(max_examples=60)
def test_no_schedule_makes_correct_validators_disagree_and_calm_brings_new_blocks_to_all(seed: int) -> None:
    survive(seed, "qbft", round_timer="with-quorum")


@given(seed=seeds())
@examples(max_examples=40)
def test_nor_where_timers_run_ahead_but_calm_may_take_long_to_help(seed: int) -> None:
    survive(seed, "qbft", patience=0)


class Anew(QBFT):
    """Proposes a new block in a later round, whatever the round changes show, and accepts such proposals."""

    @staticmethod
    def _highest_prepared(log: Round) -> Votes | None:
        return None

    def _justified(self, message: Proposal, log: Round) -> bool:
        return True


@pytest.mark.parametrize(
    "broken",
    [{"quorum": 2}, {"forgets": ("round",)}, {"forgets": ("proposal",)}],
    ids=["a quorum too small", "forgotten promises", "forgotten proposals"],
)
def test_what_is_broken_is_found_out(broken: dict[str, Any]) -> None:
    with pytest.raises(Found, match=r"two final blocks|evidence against a correct node"):
        fuzz("qbft", nodes=4, patience=0, **broken)


def after_a_lonely_decision(protocol: str | type[QBFT], restart: bool, forgets: tuple[str, ...] = ()) -> None:
    """Node 3 of four alone hears the commits of the first round, and is not heard of any more.

    Raises AssertionError where the others decide otherwise."""
    network = Network(4, settings(protocol), forgets=forgets)
    network.start()
    network.submit(0)
    for kind in ("Transactions", "Proposal", "Prepare"):
        for envelope in network.take(lambda envelope, kind=kind: type(envelope.message).__name__ == kind):  # type: ignore[misc]
            network.deliver(envelope)
    for envelope in network.take(lambda envelope: True):
        if envelope.target == 3:
            network.deliver(envelope)
    assert [len(place.final) for place in network.places] == [0, 0, 0, 1]
    network.crash(3)
    for node in range(3) if restart else ():
        network.crash(node)
        network.restart(node)
    network.take(lambda envelope: True)
    for node in range(3):
        network.ring(network.places[node], "round")
    network.delay = lambda source, target: 5 * MS
    network.run(500 * MS)
    assert [len(place.final) for place in network.places] == [1] * 4
    network.check_agreement(range(4))


@pytest.mark.parametrize("restart", [False, True])
def test_what_one_node_alone_has_decided_is_proposed_again(restart: bool) -> None:
    after_a_lonely_decision("qbft", restart)


def test_proposals_without_justification_are_found_out() -> None:
    with pytest.raises(AssertionError, match="two final blocks at height 1"):
        after_a_lonely_decision(Anew, restart=False)


def test_forgotten_prepares_are_found_out() -> None:
    with pytest.raises(AssertionError, match="two final blocks at height 1"):
        after_a_lonely_decision("qbft", restart=True, forgets=("prepared",))


def test_nothing_that_a_validator_may_sign_harms_the_others() -> None:
    random = Random(1)
    network = Network(4, settings("qbft"), delay=lambda source, target: 5 * MS)
    network.start()
    network.crash(3)
    place = network.places[3]
    for number in range(1500):
        final = max((other.final for other in network.places), key=len)
        block = Block(
            random.choice((0, 1, len(final) + 1, len(final) + 2, 1 << 61)),
            random.choice((final[-1].id if final else GENESIS.id, random.randbytes(32))),
            random.choice((3, 0, 1 << 61)),
            random.choice((0, network.now, -(1 << 61), (1 << 61))),
        )
        name = random.choice((block.id, None, random.randbytes(32)))
        height, round = block.height, random.choice((0, 0, 1, 2, 7, 1 << 61))
        votes = Votes((3,) * random.choice((0, 3)), (bytes(64),) * 3, random.choice((0, 1 << 61)), block.id)
        shown = random.choice((None, votes))
        promise = Promise(3, b"", height, round, random.choice((None, 0, 1 << 61)), name).signed(place.sign)
        message = random.choice(
            (
                Prepare(3, b"", height, round, name),
                Commit(3, b"", height, round, name),
                RoundChange(3, b"", height, round, shown),
                Proposal(3, b"", round, block, (promise,) * random.choice((0, 1, 3)), shown),
                Ask(height, random.choice((None, round)), True, name),
                Answer(height, ((block, votes),), random.choice((None, block))),
            )
        )
        signed = message.signed(place.sign) if isinstance(message, Signed) else message
        for target in range(3):
            network.post(3, target, signed)
        if number % 10 == 0:
            network.submit(random.randrange(3))
            network.run(100 * MS)
    network.run(5000 * MS)
    network.check_agreement(range(3))
    assert min(len(place.final) for place in network.places[:3]) > 20
    assert not any(first.signer != 3 for place in network.places for first, _ in place.accusations)
    validator = network.places[0].participant.consensus  # type: ignore[union-attr]
    assert isinstance(validator, QBFT)
    assert sum(map(len, validator.early.values())) <= 4 * 4 * 4 * 32
    assert len(validator.rounds) <= validator.round + 5
