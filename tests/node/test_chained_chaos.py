"""Whatever the schedule, correct replicas of HotStuff and Jolteon agree; and when messages flow again, they go on."""

from __future__ import annotations

from heapq import heappop
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.node.chained_messages import QC, TC, Proposal
from netsim.node.consensus import Consensus
from netsim.node.participant import Choice
from netsim.testing import Network, settings, strategy
from netsim.testing.chaos import Chaos, survive

both = pytest.mark.parametrize("protocol", ("hotstuff", "jolteon"))
SPANS = {"leader_span": (1, 3, 4), "empty_blocks": ("when-needed", "when-needed", "always")}


@both
@given(seed=st.integers(0, 1 << 32))
@examples(max_examples=30)
def test_no_schedule_makes_correct_replicas_disagree_and_calm_brings_new_blocks_to_all(
    protocol: str, seed: int
) -> None:
    survive(seed, protocol)


@both
@given(seed=st.integers(0, 1 << 32))
@examples(max_examples=8)
def test_none_does_so_either_where_leaders_change_at_every_view_or_blocks_never_end(protocol: str, seed: int) -> None:
    # With one view in a term HotStuff needs four live leaders in a row, which a faulty one among a few may prevent.
    survive(seed, protocol, vary=SPANS, faulty=0)


@pytest.mark.parametrize(
    "gossip",
    [strategy("announce"), strategy("push", mode="forever"), strategy("plumtree"), strategy("gossipsub")],
    ids=["announce", "push", "plumtree", "gossipsub"],
)
@both
@given(seed=st.integers(0, 1 << 32))
@examples(max_examples=3)
def test_none_does_so_either_where_gossip_has_a_state_of_its_own(protocol: str, gossip: Choice, seed: int) -> None:
    survive(seed, protocol, gossip=gossip)


def disagrees(protocol: str, **broken: Any) -> bool:
    """Whether one of a hundred schedules makes broken replicas disagree, or contradict themselves."""
    for seed in range(100):
        try:
            Chaos(seed, protocol, **broken).run(700)
        except AssertionError:
            return True
    return False


@both
def test_a_quorum_too_small_is_found_out(protocol: str) -> None:
    assert disagrees(protocol, nodes=4, quorum=2)


@both
def test_forgetting_what_was_voted_for_is_found_out(protocol: str) -> None:
    assert disagrees(protocol, nodes=4, forgets=("voted",))


class Partitions(Network):
    """Another network for every few messages, and a leader with two faces: as in Twins (Bano et al., OPODIS 2021), but
    that both also propose on old certificates and vote for anything."""

    def __init__(self, seed: int, protocol: str) -> None:
        self.random = Random(seed)
        nodes = self.random.choice((4, 4, 5, 7))
        traitors = range((nodes - 1) // 3)
        self.sides = [0] * (nodes + len(traitors))
        self.ahead: int | None = None  # who is cut off because it knows more
        span = self.random.choice((1, 1, 2, 3))
        super().__init__(nodes, settings(protocol, leader_span=span, empty_blocks="always"), twins=traitors)
        self.correct = range(len(traitors), nodes)
        self.honest = self.settings
        self.false = settings(false(self.settings.protocol), leader_span=span, empty_blocks="always")
        self.start()

    def restart(self, place: int) -> None:
        self.settings = self.honest if self.places[place].me in self.correct else self.false
        super().restart(place)

    def connected(self, source: int, target: int) -> bool:
        return self.sides[source] == self.sides[target]

    def step(self) -> None:
        """A while in one partition, perhaps a crash, and time for the timers of most. A correct replica that gets ahead
        of the others is cut off for a few steps: nobody shall know what it knows."""
        random = self.random
        if self.ahead is None or random.random() < 0.3:
            self.ahead = None
            parts = random.choice((1, 1, 2, 2, 3))
            self.sides = [random.randrange(parts) for _ in self.places]
        self.submit(random.randrange(self.nodes))
        for _ in range(random.choice((10, 40, 100))):
            if not self.queue:
                break
            envelope = heappop(self.queue)
            self.deliver(envelope)
            final = len(self.places[envelope.target].final)
            if envelope.target in self.correct and final > max(
                len(self.places[node].final) for node in self.correct if node != envelope.target
            ):
                self.ahead = envelope.target
                self.sides = [int(place.place == self.ahead) for place in self.places]
                self.queue.clear()
        if random.random() < 0.7:
            self.queue.clear()
        if random.random() < 0.1:
            self.restart(random.choice(self.correct))
        self.now += 2
        for place in self.places:
            for timer, share in (("patience", 0.8), ("propose", 1.0), ("ancestry", 0.5)):
                if timer in place.timers and random.random() < share:
                    self.ring(place, timer)


def false(base: type[Consensus]) -> type[Consensus]:
    """A Byzantine replica: proposes on any certificate that it has and votes for anything, and more than once."""

    class Traitor(base):  # type: ignore[misc, valid-type]
        seen: tuple[QC, ...] = ()
        voted: int

        def _learn(self, sender: int, qc: QC, tc: TC | None, answer: bool = False) -> None:
            self.seen = (*self.seen[-8:], qc)
            super()._learn(sender, qc, tc, answer)

        def _grounds(self) -> tuple[QC, TC | None] | None:
            if self.tc is not None and self.tc.view + 1 == self.view:
                older = [qc for qc in self.seen if qc.view < self.tc.view]
                if older:
                    return self.context.rng.choice(older), self.tc
            grounds: tuple[QC, TC | None] | None = super()._grounds()
            return grounds

        def safe(self, proposal: Proposal) -> bool:
            return True

        def _accept(self, sender: int, message: Proposal) -> None:
            self.voted = min(self.voted, message.view - 1)
            super()._accept(sender, message)

    return Traitor


@both
@given(seed=st.integers(0, 1 << 32))
@examples(max_examples=60)
def test_false_leaders_and_changing_partitions_do_not_make_correct_replicas_disagree(protocol: str, seed: int) -> None:
    network = Partitions(seed, protocol)
    for _ in range(60):
        network.step()
        network.check_agreement(network.correct)
    accused = {first.signer for node in network.correct for first, _ in network.places[node].accusations}
    assert not accused.intersection(network.correct)
