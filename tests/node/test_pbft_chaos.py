"""Whatever the schedule, correct replicas agree; and when messages flow again, they go on."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as examples

from netsim.node.block import Block
from netsim.node.participant import Choice
from netsim.node.pbft import PBFT
from netsim.node.pbft_messages import Prepared, Proposal, ViewChange
from netsim.node.pbft_proofs import Verifier
from netsim.testing import MS, Network, seeds, settings, strategy, survive


@given(seed=seeds())
@examples(max_examples=80)
def test_no_schedule_makes_correct_replicas_disagree_and_calm_brings_new_blocks_to_all(seed: int) -> None:
    survive(seed, "pbft")


@pytest.mark.parametrize(
    "gossip",
    [
        strategy("announce", timeout=300 * MS),
        strategy("compact", timeout=300 * MS),
        strategy("push", mode="forever"),
        strategy("plumtree", timeout=300 * MS, retry=100 * MS),
        strategy("gossipsub"),
    ],
    ids=["announce", "compact", "push", "plumtree", "gossipsub"],
)
@given(seed=seeds())
@examples(max_examples=12)
def test_none_does_so_either_where_gossip_has_a_state_of_its_own(gossip: Choice, seed: int) -> None:
    survive(seed, "pbft", gossip=gossip)


def test_a_quorum_too_small_splits_a_partitioned_network() -> None:
    network = Network(4, settings(quorum=2), delay=lambda source, target: 5 * MS)
    network.start()
    network.groups = [frozenset({0, 1}), frozenset({2, 3})]
    network.submit(0, 1)
    network.submit(3, 2)
    network.run(10_000 * MS)
    with pytest.raises(AssertionError, match="two final blocks at height 1"):
        network.check_agreement(range(4))


class Liar(PBFT):
    """Reports to have prepared a block of its own in the last view, with signatures that it has made up."""

    def _view_change(self) -> ViewChange:
        message = super()._view_change()
        block = Block(self.chain.height + 1, self.chain.head.id, self.me, created=666)
        self.chain.remember(block)
        view = self.view - 1
        signers = tuple(node for node in self.validators if node != self.verifier.primary(view))[: self.q - 1]
        proposal = Proposal(self.verifier.primary(view), bytes(64), view, block.header)
        forged = Prepared(signers, tuple(bytes(64) for _ in signers), proposal)
        false = msgspec.structs.replace(message, signature=b"", prepared=(forged,)).signed(self.context.sign)
        self.view_changes[self.me] = false
        return false


def with_a_liar() -> Network:
    """Node 0 lies about what it has prepared, after a block has become final at node 3 alone."""
    network = Network(4, settings(protocol=Liar))
    network.restart(0)
    network.settings = settings()
    for node in (1, 2, 3):
        network.restart(node)
    network.submit(0, 1)
    for kind, targets in (("Transactions", "0123"), ("PrePrepare", "0123"), ("Prepare", "023"), ("Commit", "3")):
        for envelope in network.take(lambda envelope, kind=kind: type(envelope.message).__name__ == kind):  # type: ignore[misc]
            if str(envelope.target) in targets:
                network.deliver(envelope)
    assert [len(place.final) for place in network.places] == [0, 0, 0, 1]
    network.crash(3)
    network.take(lambda envelope: True)
    network.delay = lambda source, target: 5 * MS
    network.run(10_000 * MS)
    return network


def test_forged_certificates_are_refused() -> None:
    network = with_a_liar()
    assert "view change without proof" in network.places[1].rejected
    network.restart(3)
    network.submit(1)
    network.run(20_000 * MS)
    network.check_agreement((1, 2, 3))
    assert all(len(network.places[node].final) > 1 for node in (1, 2, 3))


def test_forged_certificates_would_make_replicas_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Verifier, "prepared", lambda self, proof: True)
    network = with_a_liar()
    with pytest.raises(AssertionError, match="two final blocks at height 1"):
        network.check_agreement((1, 2, 3))
