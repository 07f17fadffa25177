"""Crashes, partitions, losses and lies: what happens to HotStuff and Jolteon, and how soon it is over."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.node.block import GENESIS, Block
from netsim.node.chained import PATIENCE, Chained
from netsim.node.chained_messages import (
    GENESIS_QC,
    QC,
    TC,
    Ancestors,
    Answer,
    Ask,
    Ending,
    NewView,
    Proposal,
    Timeout,
    Vote,
)
from netsim.node.hotstuff import HotStuff
from netsim.node.jolteon import Jolteon
from netsim.node.message import Signed
from netsim.testing import MS, Network, settings, strategy

DELTA = 20 * MS
TIMEOUT = 1000 * MS
INTERVAL = 100 * MS
PROTOCOLS: dict[str, type[Chained]] = {"hotstuff": HotStuff, "jolteon": Jolteon}
both = pytest.mark.parametrize("protocol", PROTOCOLS)


def busy(network: Network, duration: int, origins: Iterable[int], every: int = 50 * MS) -> None:
    """Let time pass while clients of some nodes submit."""
    for _ in range(duration // every):
        for origin in origins:
            network.submit(origin)
        network.run(every)


def constant(nodes: int, protocol: str, **parameters: Any) -> Network:
    chosen: dict[str, Any] = {"timeout": TIMEOUT, "block_interval": INTERVAL, **parameters}
    network = Network(nodes, settings(protocol, **chosen), delay=lambda source, target: DELTA)
    network.start()
    return network


def replica(network: Network, node: int) -> Chained:
    participant = network.places[node].participant
    assert participant is not None
    assert isinstance(participant.consensus, Chained)
    return participant.consensus


def heights(network: Network, nodes: Iterable[int]) -> list[int]:
    return [network.places[node].final[-1].height if network.places[node].final else 0 for node in nodes]


def level(network: Network, nodes: Iterable[int]) -> bool:
    """Whether nobody is behind. A collector may be one empty block ahead: it alone has the last certificate."""
    final = heights(network, nodes)
    return max(final) - min(final) <= 1


def recovery(network: Network, since: int, nodes: Iterable[int]) -> int:
    """ns from a moment until the first block with transactions proposed since then is final at all of these nodes."""
    proposals = [proposal for place in network.places for proposal in place.proposals]
    made = sorted((time, block.id) for time, block in proposals if time >= since and block.count)
    places = [network.places[node] for node in nodes]
    for _, name in made:
        times = [place.finalised_at[block.height] for place in places for block in place.final if block.id == name]
        if len(times) == len(places):
            return max(times) - since
    raise AssertionError("nothing was final afterwards")


@both
@pytest.mark.parametrize("phase", (0, 10, 25, 60))
@pytest.mark.parametrize("nodes", (4, 5, 6, 7, 10))
def test_a_killed_leader_is_replaced_within_timeout_and_a_dozen_delays(nodes: int, phase: int, protocol: str) -> None:
    network = constant(nodes, protocol)
    busy(network, 1000 * MS, range(nodes))
    network.run(phase * MS)
    killed, leader = network.now, replica(network, 0).leader
    network.crash(leader)
    alive = [node for node in range(nodes) if node != leader]
    busy(network, 3000 * MS, alive)
    assert recovery(network, killed, alive) <= TIMEOUT + INTERVAL + 12 * DELTA
    network.restart(leader)
    busy(network, 2000 * MS, range(nodes))
    network.run(1000 * MS)
    network.check_agreement(range(nodes))
    assert level(network, range(nodes))


@both
def test_a_dead_leader_costs_one_timeout_and_an_ending_from_everybody_to_everybody(protocol: str) -> None:
    network = constant(7, protocol)
    network.crash(0)
    network.submit(1)
    network.run(TIMEOUT + 2 * DELTA)
    name = "NewView" if protocol == "hotstuff" else "Timeout"
    assert network.sent == {"Transactions": 6, name: 6 * 6, "Proposal": 6}, (
        "of n − f endings, as soon as they are there"
    )


@both
def test_dead_leaders_in_a_row_cost_growing_timeouts(protocol: str) -> None:
    network = constant(10, protocol, timeout=1000 * MS)
    for dead in (0, 1, 2):
        network.crash(dead)
    network.submit(5)
    network.run(60_000 * MS)
    factor = {"hotstuff": 2.0, "jolteon": 1.2}[protocol]
    first = min(time for place in network.places for time, _ in place.proposals)
    assert first == sum(int(1000 * MS * factor**step + 0.5) for step in range(3)) + 4 * DELTA
    assert {replica(network, node).failed for node in range(3, 10)} == {0}, "a block is final"


@both
def test_timeouts_grow_so_often_and_no_more(protocol: str) -> None:
    network = constant(4, protocol, backoff=3.0, backoff_steps=2)
    chained = replica(network, 0)
    patience = []
    for chained.failed in range(5):
        patience.append(chained._patience())
    assert patience == [TIMEOUT, 3 * TIMEOUT, 9 * TIMEOUT, 9 * TIMEOUT, 9 * TIMEOUT]


@both
def test_where_each_view_has_another_leader_a_dead_one_of_four_stops_hotstuff(protocol: str) -> None:
    """HotStuff needs four live ones in a row. With terms long enough nothing stops; nor with more validators, or
    Jolteon, which needs three."""
    for nodes, span, live in ((4, 1, protocol == "jolteon"), (4, 4, True), (7, 1, True)):
        network = constant(nodes, protocol, leader_span=span)
        network.crash(1)
        busy(network, 30_000 * MS, (0, 2, 3), 500 * MS)
        assert (min(heights(network, (0, 2, 3))) > 3) is live, (nodes, span)
        network.check_agreement((0, 2, 3))


@both
@pytest.mark.parametrize("gossip", ("direct", "flood"))
@pytest.mark.parametrize("cut_for", (500, 3000, 9000))
def test_a_minority_that_was_cut_off_is_live_again_soon(cut_for: int, gossip: str, protocol: str) -> None:
    nodes = 7
    chosen = settings(protocol, timeout=TIMEOUT, block_interval=INTERVAL, gossip=strategy(gossip))
    edges = [(node, (node + step) % nodes) for node in range(nodes) for step in (1, 3)] if gossip == "flood" else None
    network = Network(nodes, chosen, edges=edges, delay=lambda source, target: DELTA)
    network.start()
    busy(network, 1000 * MS, (0, 6), 100 * MS)
    network.groups = [frozenset({5, 6}), frozenset(range(5))]
    busy(network, cut_for * MS, (0, 6), 100 * MS)
    assert min(heights(network, range(5))) > cut_for // 2000
    healed, network.groups = network.now, []
    busy(network, 6000 * MS, (0, 6), 100 * MS)
    network.check_agreement(range(nodes))
    assert recovery(network, healed, range(nodes)) <= 2 * TIMEOUT + INTERVAL + 20 * DELTA


@both
def test_two_halves_decide_nothing_and_go_on_together(protocol: str) -> None:
    network = constant(10, protocol)
    busy(network, 500 * MS, (1, 9))
    network.groups = [frozenset(range(5)), frozenset(range(5, 10))]
    network.run(20 * DELTA)
    stuck = heights(network, range(10))
    busy(network, 8000 * MS, (1, 9))
    assert heights(network, range(10)) == stuck
    healed, network.groups = network.now, []
    busy(network, 8000 * MS, (1, 9))
    network.check_agreement(range(10))
    assert recovery(network, healed, range(10)) <= 3 * TIMEOUT


@both
def test_one_that_was_down_for_long_catches_up_in_chunks(protocol: str) -> None:
    chosen = settings(protocol, block_size=10)
    network = Network(5, chosen, validators=range(1, 5), delay=lambda source, target: DELTA)
    network.start()
    network.crash(0)
    network.submit(1, 200)
    network.run(10_000 * MS)
    assert min(heights(network, range(1, 5))) >= 200
    network.restart(0)
    network.run(1000 * MS)
    network.check_agreement(range(5))
    assert level(network, range(5)), "although nobody proposes anything"
    assert network.sent["Missing"] <= 6


def test_one_that_was_down_catches_up_with_a_long_branch_of_which_nothing_is_final() -> None:
    network = Network(
        5, settings("hotstuff", leader_span=1, backoff=1), validators=range(4), delay=lambda source, target: DELTA
    )
    network.start()
    network.crash(4)
    network.crash(1)
    busy(network, 300_000 * MS, (0, 2, 3), 1000 * MS)
    assert not network.places[0].final
    network.restart(4)
    network.run(1000 * MS)
    assert replica(network, 4).tallest > 2 * 64
    assert len(replica(network, 4).open) >= replica(network, 4).tallest - 1


@both
@pytest.mark.parametrize("moment", range(0, 170, 10))
def test_all_are_killed_at_once_and_a_block_that_is_final_anywhere_stays(moment: int, protocol: str) -> None:
    network = constant(4, protocol)
    network.submit(0, 3)
    network.run(moment * MS)
    for node in range(4):
        network.crash(node)
    network.queue.clear()
    for node in range(4):
        network.restart(node)
    for node in range(4):
        network.submit(node)
    network.run(10_000 * MS)
    for node in range(4):
        network.submit(node)
    network.run(10_000 * MS)
    network.check_agreement(range(4))
    assert min(heights(network, range(4))) > 3
    assert not any(place.accusations for place in network.places)


@both
def test_a_follower_that_was_down_learns_what_is_final_while_nothing_happens(protocol: str) -> None:
    network = Network(6, settings(protocol), validators=(0, 1, 2, 3), delay=lambda source, target: DELTA)
    network.start()
    network.crash(5)
    network.submit(0)
    network.run(1000 * MS)
    network.restart(5)
    network.run(1000 * MS)
    assert len(network.places[5].final) >= 1
    assert level(network, range(6))


@both
def test_a_lost_last_proposal_is_asked_for_after_a_timeout(protocol: str) -> None:
    """Everybody else is satisfied and idle; who has not heard gives up the term, and is told."""
    network = constant(4, protocol)
    network.submit(0)
    last = {"hotstuff": 4, "jolteon": 3}[protocol]
    while not any(isinstance(e.message, Proposal) and e.message.view == last for e in network.queue):
        network.run(DELTA)
    network.take(lambda e: e.target == 3 and isinstance(e.message, Proposal))
    network.run(TIMEOUT // 2)
    assert [bool(place.final) for place in network.places] == [True, True, True, False]
    network.run(TIMEOUT)
    assert [bool(place.final) for place in network.places] == [True, True, True, True]
    busy(network, 4000 * MS, range(4))
    assert min(heights(network, range(4))) > 3


# ------------------------------------------------------------------------------------------------------------- lies


def stale(base: type[Chained]) -> type[Chained]:
    """A Byzantine leader that proposes on genesis as soon as a timeout certificate lets it reach its view, and votes
    for anything."""

    class Stale(base):  # type: ignore[misc, valid-type]
        def _grounds(self) -> tuple[QC, TC | None] | None:
            if self.tc is not None and self.tc.view + 1 == self.view:
                return GENESIS_QC, self.tc
            grounds: tuple[QC, TC | None] | None = super()._grounds()
            return grounds

        def safe(self, proposal: Proposal) -> bool:
            return True

        def proven(self, proposal: Proposal) -> bool:
            return True

    return Stale


def after_a_hidden_decision(correct: type[Chained]) -> Network:
    """Node 0 leads the first term and makes a block final that nobody else knows to be; then it is cut off, and a
    Byzantine node 1 leads the next term."""
    network = Network(4, settings(correct), delay=lambda source, target: DELTA)
    network.settings = settings(stale(correct))
    network.restart(1)
    network.settings = settings(correct)
    for node in (0, 2, 3):
        network.restart(node)
    network.submit(0)
    while not network.places[0].final:
        network.run(DELTA)
    network.queue.clear()
    network.groups = [frozenset({0}), frozenset({1, 2, 3})]
    assert [len(place.final) for place in network.places] == [1, 0, 0, 0]
    network.submit(2)
    network.run(20_000 * MS)
    return network


@both
def test_a_leader_that_ignores_what_was_locked_gets_no_votes(protocol: str) -> None:
    network = after_a_hidden_decision(PROTOCOLS[protocol])
    network.check_agreement((0, 2, 3))
    assert min(heights(network, (2, 3))) > 1, "the next leader goes on from the decision"
    network.groups = []
    busy(network, 4000 * MS, (0, 2, 3))
    network.check_agreement((0, 2, 3))
    assert len(set(heights(network, (0, 2, 3)))) == 1 or min(heights(network, (0, 2, 3))) > 4


class WithoutLock(HotStuff):
    """A mutant: votes for whatever it is shown."""

    def safe(self, proposal: Proposal) -> bool:
        return True


class WithoutHighest(Jolteon):
    """A mutant: does not mind what the signers of a timeout certificate had seen."""

    def proven(self, proposal: Proposal) -> bool:
        return Chained.proven(self, proposal)


@pytest.mark.parametrize("mutant", (WithoutLock, WithoutHighest))
def test_without_the_lock_it_gets_them_and_two_blocks_become_final(mutant: type[Chained]) -> None:
    network = after_a_hidden_decision(mutant)
    with pytest.raises(AssertionError, match="two final blocks at height 1"):
        network.check_agreement((0, 2, 3))


class Hasty(Jolteon):
    """A mutant: takes two certificates in a row for final, whatever lies between their views."""

    def decides(self, qc: QC) -> int:
        return max(qc.height - 1, 0)


def two_branches(correct: type[Chained]) -> Network:
    """Two blocks at height 1, in views 1 and 3. Each is certified, and in views 5 and 7 so is one on top of it; but
    always the collector alone knows of it, and is cut off."""
    network = Network(4, settings(correct, leader_span=1, empty_blocks="always"))
    network.start()
    for collector, view, group in ((1, 1, (0, 1, 2, 3)), (3, 3, (0, 2, 3)), (1, 5, (0, 1, 2)), (3, 7, (0, 2, 3))):
        network.groups = [frozenset(group)]
        while replica(network, collector).high_qc.view < view:
            if network.queue:
                network.deliver(heappop(network.queue))
            else:
                for node in group:
                    network.ring(network.places[node], PATIENCE)
        network.queue.clear()
    return network


def test_certificates_of_two_branches_decide_nothing_where_views_lie_between() -> None:
    network = two_branches(Jolteon)
    assert not any(place.final for place in network.places)
    assert (
        len(
            {block.id for _, block in (one for place in network.places for one in place.proposals) if block.height == 1}
        )
        == 2
    )
    network.groups = []
    network.delay = lambda source, target: DELTA
    network.run(5000 * MS)
    network.check_agreement(range(4))
    assert min(heights(network, range(4))) > 3


def test_decided_across_a_gap_both_would_be_final() -> None:
    with pytest.raises(AssertionError, match="two final blocks at height 1"):
        two_branches(Hasty).check_agreement(range(4))


@both
def test_of_two_proposals_for_one_view_at_most_one_is_certified_and_both_are_evidence(protocol: str) -> None:
    network = constant(4, protocol, empty_blocks="never")
    world = network.places[0]
    blocks = [Block(1, GENESIS.id, 0, created) for created in (1, 2)]
    proposals = [Proposal(0, b"", 1, block, GENESIS_QC, None).signed(world.sign) for block in blocks]
    for target, number in ((1, 0), (2, 0), (3, 1), (1, 1)):
        network.post(0, target, proposals[number])
    network.run(DELTA)
    assert [place.rejected for place in network.places] == [[], ["two proposals for one view"], [], []]
    assert len(network.places[1].accusations) == 1
    assert [replica(network, node).voted for node in (1, 2, 3)] == [1, 1, 1]


@both
def test_a_rival_block_that_is_certified_is_asked_for_and_followed(protocol: str) -> None:
    """Node 3 got another proposal for the view than the quorum; also where gossip has seen both."""
    chosen = settings(protocol, gossip=strategy("flood"))
    network = Network(4, chosen, delay=lambda source, target: DELTA)
    network.start()
    world = network.places[0]
    rival = Proposal(0, b"", 1, Block(1, GENESIS.id, 0, 1), GENESIS_QC, None).signed(world.sign)
    network.post(0, 3, rival)
    network.run(DELTA)
    network.submit(0)
    network.run(4000 * MS)
    network.check_agreement(range(4))
    assert all(len(place.final) >= 1 for place in network.places)
    assert "two proposals for one view" in network.places[3].rejected


INTEGER = st.sampled_from((0, 1, 2, 3, 4, 5, 8, 1 << 40))
DIGEST = st.sampled_from((GENESIS.id, bytes(32), b"x" * 32))
SIGNERS = st.lists(st.integers(0, 5), max_size=5).map(tuple)
QCS = st.one_of(
    st.just(GENESIS_QC),
    st.builds(
        lambda signers, *rest: QC(signers, tuple(bytes(64) for _ in signers), *rest),
        SIGNERS, INTEGER, INTEGER, DIGEST, INTEGER, INTEGER,
    ),
)  # fmt: skip
TCS = st.builds(
    lambda signers, view, seen: TC(signers, tuple(bytes(64) for _ in signers), view, seen),
    SIGNERS, INTEGER, st.lists(INTEGER, max_size=5).map(tuple),
)  # fmt: skip
BLOCKS = st.builds(Block, INTEGER, DIGEST, st.integers(0, 5), INTEGER)
SIGNER = st.integers(0, 3)
PROPOSALS = st.builds(Proposal, SIGNER, st.just(b""), INTEGER, BLOCKS, QCS, st.none() | TCS)
STRANGE = st.one_of(
    PROPOSALS,
    st.builds(Vote, SIGNER, st.just(b""), INTEGER, INTEGER, DIGEST, INTEGER, INTEGER),
    st.builds(Ending, SIGNER, st.just(b""), INTEGER, QCS, st.none() | TCS),
    st.builds(Ask, INTEGER, INTEGER),
    st.builds(Answer, st.none() | QCS, st.none() | TCS),
    st.builds(Ancestors, st.lists(PROPOSALS, max_size=3).map(tuple)),
)


@both
@given(strange=st.lists(STRANGE, max_size=20))
@examples(max_examples=60)
def test_nothing_that_a_byzantine_node_sends_stops_the_others(protocol: str, strange: list[Any]) -> None:
    network = constant(4, protocol)
    world = network.places[3]
    network.crash(3)
    network.submit(0)
    network.run(3 * DELTA)
    for message in strange:
        if type(message) is Ending:
            kind = NewView if protocol == "hotstuff" else Timeout
            message = kind(message.signer, message.signature, message.view, message.high_qc, message.tc)
        if isinstance(message, Signed):
            message = msgspec.structs.replace(message, signer=3).signed(world.sign)
        for target in range(3):
            network.post(3, target, message)
    busy(network, 6000 * MS, range(3), 500 * MS)
    network.check_agreement(range(3))
    assert min(heights(network, range(3))) > 3
    for node in range(3):
        chained = replica(network, node)
        assert len(chained.open) < 20
        assert len(chained.rivals) < 20
        assert not any(len(rivals) > 2 for rivals in chained.rivals.values())
