"""When blocks of HotStuff and Jolteon are final and what they cost, on links of constant delay."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.node.chained import Chained
from netsim.node.consensus import tolerated
from netsim.node.hotstuff import HotStuff
from netsim.node.jolteon import Jolteon
from netsim.testing import MS, Network, settings, strategy

DELTA = 20 * MS
CHAIN = {"hotstuff": 3, "jolteon": 2}  # certificates in a row that make a block final
both = pytest.mark.parametrize("protocol", CHAIN)


def constant(nodes: int, protocol: str, **parameters: Any) -> Network:
    network = Network(nodes, settings(protocol, **parameters), delay=lambda source, target: DELTA)
    network.start()
    return network


def replica(network: Network, node: int) -> Chained:
    participant = network.places[node].participant
    assert participant is not None
    assert isinstance(participant.consensus, Chained)
    return participant.consensus


def made(network: Network) -> dict[int, int]:
    """When each height was proposed."""
    return {block.height: time for place in network.places for time, block in place.proposals}


def latencies(network: Network, height: int) -> list[int]:
    """ns from the proposal at a height to its finality at each place."""
    since = made(network)[height]
    return [place.finalised_at[height] - since for place in network.places]


@pytest.mark.parametrize("nodes", range(1, 101))
def test_two_quorums_share_a_correct_validator_and_the_correct_ones_are_a_quorum(nodes: int) -> None:
    quorum, faulty = HotStuff.quorum(nodes, {}), tolerated(nodes)
    assert quorum == Jolteon.quorum(nodes, {}) == nodes - faulty
    assert 2 * quorum - nodes > faulty


def test_the_quorum_can_be_chosen_but_not_beyond_the_validators() -> None:
    assert HotStuff.quorum(4, {"quorum": 2}) == 2
    for impossible in (5, -1):
        with pytest.raises(ValueError, match="cannot exist"):
            HotStuff.quorum(4, {"quorum": impossible})


@both
@pytest.mark.parametrize("span", (1, 2, 3, 4, 100))
@pytest.mark.parametrize("nodes", range(4, 11))
def test_a_block_alone_is_final_after_two_delays_per_certificate_and_one_to_tell(
    nodes: int, span: int, protocol: str
) -> None:
    network = constant(nodes, protocol, leader_span=span)
    network.submit(0)
    network.run(20 * DELTA)
    chain = CHAIN[protocol]
    collector = replica(network, 0).leader_of(1 + chain)
    law = [(2 * chain + (node != collector)) * DELTA for node in range(nodes)]
    assert latencies(network, 1) == law
    assert network.sent == {
        "Transactions": nodes - 1,
        "Proposal": (chain + 1) * (nodes - 1),
        "Vote": (chain + 1) * (nodes - 1),
    }
    assert not any(place.timers for place in network.places), "nothing waits, and no timer runs"


@both
@pytest.mark.parametrize("span", (1, 2, 3, 4, 5))
@pytest.mark.parametrize("nodes", range(4, 11))
def test_under_load_each_view_takes_two_delays_and_2n_minus_2_messages_whoever_leads(
    nodes: int, span: int, protocol: str
) -> None:
    network = constant(nodes, protocol, leader_span=span, block_size=10)
    network.submit(0, 40)
    network.run((2 * 40 + 20) * DELTA)
    chain, times = CHAIN[protocol], made(network)
    # Whoever leads first proposes at once; all others hear of the transactions a delay later, before it is their turn.
    assert [times[height] for height in range(1, 41)] == [2 * DELTA * view for view in range(40)]
    for height in range(1, 41):
        collector = replica(network, 0).leader_of(height + chain)
        law = [(2 * chain + (node != collector)) * DELTA for node in range(nodes)]
        assert latencies(network, height) == law
    views = 40 + chain
    assert network.sent["Proposal"] == network.sent["Vote"] == views * (nodes - 1)
    assert set(network.sent) == {"Transactions", "Proposal", "Vote"}


@both
@pytest.mark.parametrize("nodes", (1, 2, 3))
def test_few_validators_obey_the_same_law(nodes: int, protocol: str) -> None:
    network = constant(nodes, protocol)
    network.submit(0)
    network.run(10 * DELTA)
    chain = CHAIN[protocol]
    law = [(2 * chain + (node != 0)) * DELTA for node in range(nodes)] if nodes > 1 else [0]
    assert latencies(network, 1) == law


def law(delays: list[list[int]], quorum: int, leaders: list[int], chain: int) -> list[int]:
    """Finality of the block of the first of consecutive views, with one-way delays, a message to oneself taking none.

    A replica votes for a block when it has it and all below, and makes a block final when it has the certificate too. A
    leader proposes when it has the block below and a quorum of votes for it."""
    nodes = range(len(delays))
    here = [0] * len(delays)  # by node, when it has all blocks so far
    certified = 0
    for view, leader in enumerate(leaders):
        if view:
            certified = sorted(here[node] + delays[node][leader] for node in nodes)[quorum - 1]
        proposed = max(certified, here[leader])
        if view == chain:
            break
        here = [max(here[node], proposed + delays[leader][node]) for node in nodes]
    return [max(here[node], proposed + delays[leader][node]) for node in nodes]


@both
@given(st.data())
@examples(max_examples=40)
def test_unequal_delays_give_the_law_to_the_nanosecond(protocol: str, data: st.DataObject) -> None:
    nodes = data.draw(st.integers(4, 10))
    span = data.draw(st.integers(1, 5))
    delay = st.integers(1, 50)
    delays = [[0 if one == other else data.draw(delay) for other in range(nodes)] for one in range(nodes)]
    network = Network(nodes, settings(protocol, leader_span=span), delay=lambda source, target: delays[source][target])
    network.start()
    network.submit(0)
    network.run(2000)
    chain = CHAIN[protocol]
    leaders = [replica(network, 0).leader_of(view) for view in range(1, chain + 2)]
    assert latencies(network, 1) == law(delays, nodes - tolerated(nodes), leaders, chain)
    # Nobody has to ask; who hears of a certificate before the block does not vote for it any more.
    assert network.sent["Vote"] <= network.sent["Proposal"] == (chain + 1) * (nodes - 1)
    assert set(network.sent) == {"Transactions", "Proposal", "Vote"}


@both
def test_blocks_with_transactions_keep_their_interval_without_drifting_while_leaders_change(protocol: str) -> None:
    interval = 1000 * MS
    network = constant(4, protocol, block_interval=interval, timeout=5000 * MS)
    for _ in range(400):
        network.submit(2)
        network.run(50 * MS)
    network.run(interval)
    blocks = sorted((time, block) for place in network.places for time, block in place.proposals if block.count)
    assert len({block.proposer for _, block in blocks}) == 4
    assert {later[0] - earlier[0] for earlier, later in pairwise(blocks)} == {interval}
    chain = CHAIN[protocol]
    assert {latencies(network, block.height)[block.proposer - 1] for _, block in blocks} <= {
        2 * chain * DELTA,
        (2 * chain + 1) * DELTA,
    }


@both
def test_proposals_are_late_by_a_random_part_of_the_spread_that_does_not_add_up(protocol: str) -> None:
    interval, spread = 1000 * MS, 30 * MS
    network = constant(4, protocol, block_interval=interval, spread=spread)
    for _ in range(400):
        network.submit(2)
        network.run(50 * MS)
    times = sorted(time for place in network.places for time, block in place.proposals if block.count)
    late = [(time - times[0]) % interval for time in times[1:]]
    assert len(times) == 20
    assert all(offset < spread for offset in late)
    assert len(set(late)) == len(late)


@both
def test_a_leader_that_was_idle_proposes_at_once_and_the_next_block_an_interval_later(protocol: str) -> None:
    network = constant(4, protocol, block_interval=1000 * MS)
    network.run(5000 * MS)
    assert not made(network)
    for _ in range(3):
        for node in range(4):
            network.submit(node)
        network.run(400 * MS)
    network.run(3000 * MS)
    times = sorted(time for place in network.places for time, block in place.proposals if block.count)
    assert times == [5000 * MS, 6000 * MS]


@both
def test_empty_blocks_at_every_interval_where_they_are_asked_for(protocol: str) -> None:
    network = constant(4, protocol, block_interval=100 * MS, empty_blocks="always")
    network.run(2000 * MS)
    times = sorted(made(network).values())
    assert {later - earlier for earlier, later in pairwise(times)} == {100 * MS}
    assert len(times) == 21
    assert min(len(place.final) for place in network.places) == 20 - CHAIN[protocol]


@both
def test_without_empty_blocks_finality_waits_for_further_transactions(protocol: str) -> None:
    network = constant(4, protocol, empty_blocks="never")
    chain = CHAIN[protocol]
    for number in range(chain + 1):
        assert not any(place.final for place in network.places[1:])
        network.submit(0)
        network.run(4 * DELTA)
        assert len(made(network)) == number + 1
    assert all(place.final for place in network.places)
    assert all(block.count for place in network.places for _, block in place.proposals)
    network.run(20_000 * MS)
    assert "NewView" not in network.sent
    assert "Timeout" not in network.sent


@both
@pytest.mark.parametrize("validators", ((0, 2, 3, 5), (1, 2, 3, 4, 5)))
def test_followers_learn_what_is_final_and_do_not_vote(validators: tuple[int, ...], protocol: str) -> None:
    chosen = settings(protocol)
    network = Network(6, chosen, validators=validators, delay=lambda source, target: DELTA)
    network.start()
    network.submit(0, 2)  # a follower's clients, in the second case
    network.run(12 * DELTA)
    assert [place.final[0].count for place in network.places] == [2] * 6
    views = CHAIN[protocol] + 1
    assert network.sent == {"Transactions": 5, "Proposal": 5 * views, "Vote": (len(validators) - 1) * views}


@both
@pytest.mark.parametrize("followers", (False, True))
def test_flooding_along_a_ring(followers: bool, protocol: str) -> None:
    nodes = 8
    network = Network(
        nodes,
        settings(protocol, gossip=strategy("flood")),
        validators=range(0, nodes, 2) if followers else None,
        edges=[(node, (node + 1) % nodes) for node in range(nodes)],
        delay=lambda source, target: DELTA,
    )
    network.start()
    for _ in range(5):
        network.submit(1)
        network.run(60 * DELTA)
    assert min(len([block for block in place.final if block.count]) for place in network.places) == 5
    network.check_agreement(range(nodes))
    assert set(network.sent) == {"Transactions", "Proposal", "Vote"}


@both
def test_a_certificate_is_checked_once_and_not_by_who_has_made_it(protocol: str) -> None:
    checks = 0
    network = Network(4, settings(protocol), delay=lambda source, target: DELTA)
    verify = network.identities.verify

    def counted(node: int, digest: bytes, signature: bytes) -> bool:
        nonlocal checks
        checks += 1
        return verify(node, digest, signature)

    network.identities.verify = counted  # type: ignore[method-assign]
    network.start()
    network.submit(0)
    network.run(20 * DELTA)
    views, quorum, others = CHAIN[protocol] + 1, 3, 3
    # Everybody else checks the proposal and its certificate, genesis's apart; whoever collects them, the votes.
    assert checks == views * others + (views - 1) * others * quorum + views * others
