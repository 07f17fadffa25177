"""Whatever the schedule, Tendermint's correct validators agree and go on; and where a rule is broken, that shows."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples

from netsim.node.block import GENESIS, Block
from netsim.node.consensus import Consensus
from netsim.node.message import Signed
from netsim.node.tendermint import Round, Tendermint
from netsim.node.tendermint_messages import Answer, Ask, Precommit, Prevote, Proposal, Votes
from netsim.testing import MS, Found, Network, fuzz, seeds, settings, survive


@given(seed=seeds())
@examples(max_examples=60)
def test_no_schedule_makes_correct_validators_disagree_and_calm_brings_new_blocks_to_all(seed: int) -> None:
    survive(seed, "tendermint")


@pytest.mark.parametrize(
    "broken",
    [{"quorum": 2}, {"forgets": ("prevote", "precommit")}],
    ids=["a quorum too small", "forgotten votes"],
)
def test_what_is_broken_is_found_out(broken: dict[str, Any]) -> None:
    with pytest.raises(Found, match=r"two final blocks|evidence against a correct node"):
        fuzz("tendermint", nodes=4, patience=0, **broken)


class DroppedLock(Tendermint):
    """Is locked on nothing."""

    def _lock(self, log: Round) -> bool:
        done = super()._lock(log)
        self.locked = None
        return done


class Credulous(Tendermint):
    """Believes in any prevotes that a proposal shows."""

    def _shown(self, polka: Votes, round: int, block: Block) -> bool:
        return True


class Traitor:
    """Node 1 of four lies. It lets node 3 decide on the block of the first round; in the second, which is its own, it
    proposes another to nodes 0 and 2."""

    def __init__(self, protocol: type[Consensus], forgets: tuple[str, ...] = ()) -> None:
        self.network = network = Network(4, settings(protocol), forgets=forgets)
        network.start()
        network.crash(1)
        network.submit(0)
        self.deliver("Transactions")
        self.deliver("Proposal")
        self.first = network.places[0].proposals[0][1]
        for target in (0, 2, 3):
            self.say(Prevote(1, b"", 1, 0, self.first.id), target)
        self.deliver("Prevote")
        self.say(Precommit(1, b"", 1, 0, self.first.id), 3)
        for target in (0, 2):
            self.say(Precommit(1, b"", 1, 0, None), target)
        network.take(lambda envelope: envelope.source == 3)
        self.deliver("Precommit")
        network.crash(3)
        assert [len(place.final) for place in network.places] == [0, 0, 0, 1]

    def say(self, message: Signed, target: int) -> None:
        """Put something into node 1's mouth."""
        self.network.post(1, target, message.signed(self.network.places[1].sign))

    def deliver(self, kind: str) -> None:
        """Deliver all messages of one type that are on their way."""
        for envelope in self.network.take(lambda envelope: type(envelope.message).__name__ == kind):
            self.network.deliver(envelope)

    def go_on(self, polka: Votes | None = None) -> None:
        """The second round."""
        network = self.network
        network.wait(1000 * MS)
        other = Block(1, self.first.parent, 1, created=666)
        for target in (0, 2):
            self.say(Proposal(1, b"", 1, other, polka), target)
            self.say(Prevote(1, b"", 1, 1, other.id), target)
            self.say(Precommit(1, b"", 1, 1, other.id), target)
        network.delay = lambda source, target: 5 * MS
        network.run(500 * MS)
        network.check_agreement((0, 2, 3))


def forged(traitor: Traitor) -> Votes:
    """Prevotes that nobody has cast, for the block of the second round."""
    other = Block(1, traitor.first.parent, 1, created=666)
    return Votes((0, 1, 2), (bytes(64),) * 3, 0, other.id)


def test_a_lock_protects_what_one_node_alone_has_decided() -> None:
    traitor = Traitor(Tendermint)
    traitor.go_on()
    traitor = Traitor(Tendermint)
    traitor.go_on(forged(traitor))
    assert "valid value without proof" in traitor.network.places[0].rejected


def test_a_dropped_lock_is_found_out() -> None:
    traitor = Traitor(DroppedLock)
    with pytest.raises(AssertionError, match="two final blocks at height 1"):
        traitor.go_on()


def test_belief_in_forged_prevotes_is_found_out() -> None:
    traitor = Traitor(Credulous)
    with pytest.raises(AssertionError, match="two final blocks at height 1"):
        traitor.go_on(forged(traitor))


@pytest.mark.parametrize("forgets", [(), ("lock", "valid")])
def test_a_lock_outlives_a_crash_if_it_was_written_down(forgets: tuple[str, ...]) -> None:
    traitor = Traitor(Tendermint, forgets)
    network = traitor.network
    network.wait(1000 * MS)  # the second round begins
    for node in (0, 2):
        network.crash(node)
    network.take(lambda envelope: True)
    for node in (0, 2):
        network.restart(node)
    if forgets:
        with pytest.raises(AssertionError, match="two final blocks at height 1"):
            traitor.go_on()
    else:
        traitor.go_on()


def test_nothing_that_a_validator_may_sign_harms_the_others() -> None:
    random = Random(1)
    network = Network(4, settings("tendermint"), delay=lambda source, target: 5 * MS)
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
        message = random.choice(
            (
                Prevote(3, b"", height, round, name),
                Precommit(3, b"", height, round, name),
                Proposal(3, b"", round, block, random.choice((None, votes))),
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
    assert isinstance(validator, Tendermint)
    assert sum(map(len, validator.early.values())) <= 4 * 3 * 4 * 32
    assert len(validator.rounds) <= validator.round + 5
