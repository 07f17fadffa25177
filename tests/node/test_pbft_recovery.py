"""Crashes, partitions and losses: what happens to PBFT, and how soon it is over."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise, product
from typing import Any

import pytest

from netsim.node.block import Block
from netsim.node.gossip.direct import Direct
from netsim.node.gossip.flood import Flood
from netsim.node.gossip.strategy import Strategy
from netsim.node.pbft import PBFT
from netsim.node.pbft_messages import Prepare, PrePrepare, ViewChange
from netsim.testing import MS, Network, settings

DELTA = 20 * MS
TIMEOUT = 1000 * MS
INTERVAL = 100 * MS


def busy(network: Network, duration: int, origins: Iterable[int], every: int = 50 * MS) -> None:
    """Let time pass while clients of some nodes submit."""
    for _ in range(duration // every):
        for origin in origins:
            network.submit(origin)
        network.run(every)


def constant(nodes: int, *, gossip: type[Strategy] = Direct, **parameters: int) -> Network:
    """A network of constant delay; flooding goes along a ring with chords."""
    chosen: dict[str, Any] = {"timeout": TIMEOUT, "block_interval": INTERVAL, "window": 4, **parameters}
    edges = [(node, (node + step) % nodes) for node in range(nodes) for step in (1, 5)] if gossip is Flood else None
    network = Network(nodes, settings(gossip=gossip, **chosen), edges=edges, delay=lambda source, target: DELTA)
    network.start()
    return network


def recovery(network: Network, since: int, nodes: Iterable[int]) -> int:
    """ns from a moment until the first block proposed since then is final at all of these nodes."""
    made = sorted((time, block.id) for place in network.places for time, block in place.proposals if time >= since)
    places = [network.places[node] for node in nodes]
    for _, name in made:
        times = [place.finalised_at[block.height] for place in places for block in place.final if block.id == name]
        if len(times) == len(places):
            return max(times) - since
    raise AssertionError("nothing was final afterwards")


@pytest.mark.parametrize(("nodes", "phase"), [*product((4, 5, 6, 7), (0, 25, 60)), (13, 15)])
def test_a_killed_leader_is_replaced_within_timeout_interval_and_ten_delays(nodes: int, phase: int) -> None:
    network = constant(nodes)
    busy(network, 1000 * MS, range(nodes))
    network.run(phase * MS)
    killed = network.now
    before = [block.id for block in max((place.final for place in network.places), key=len)]
    network.crash(0)
    network.submit(1)
    busy(network, 2000 * MS, range(1, nodes))
    assert recovery(network, killed, range(1, nodes)) <= TIMEOUT + INTERVAL + 10 * DELTA
    for place in network.places[1:]:
        assert [block.id for block in place.final][: len(before)] == before, "a final block was lost"
    network.restart(0)
    busy(network, 1000 * MS, range(nodes))
    network.run(200 * MS)
    network.check_agreement(range(nodes))
    assert len({len(place.final) for place in network.places}) == 1


def test_leaders_that_are_dead_in_a_row_cost_doubling_timeouts() -> None:
    network = constant(7)
    for dead in (0, 1):
        network.crash(dead)
    busy(network, 3 * TIMEOUT, range(2, 7))
    assert recovery(network, 0, range(2, 7)) <= 2 * TIMEOUT + INTERVAL + 10 * DELTA
    for place in network.places[2:]:
        assert isinstance(place.participant and place.participant.consensus, PBFT)


@pytest.mark.parametrize(
    ("gossip", "interval", "cut_for"),
    (
        (Direct, 0, 500),
        (Direct, 0, 3000),
        (Direct, 100, 4000),
        (Direct, 1000, 500),
        (Direct, 1000, 3000),
        (Direct, 1000, 9000),
        (Flood, 1000, 4000),
    ),
)
def test_a_minority_that_was_cut_off_is_live_again_soon_and_held_nobody_up(
    gossip: type[Strategy], interval: int, cut_for: int
) -> None:
    nodes, cut, far = range(13), (9, 10, 11, 12), 3 * DELTA if gossip is Flood else DELTA
    network = constant(13, gossip=gossip, block_interval=interval * MS, timeout=3000 * MS)
    busy(network, 1000 * MS, (0, 5, 12), 100 * MS)
    network.groups = [frozenset(cut), frozenset(nodes) - frozenset(cut)]
    at = network.now
    busy(network, cut_for * MS, (0, 5, 12), 100 * MS)
    longest = max(interval * MS, 3 * far) + 4 * far
    final = sorted(time for time in network.places[0].finalised_at.values() if time >= at - longest)
    assert max(later - earlier for earlier, later in pairwise(final)) <= longest
    healed, network.groups = network.now, []
    busy(network, 3000 * MS, (0, 5, 12), 100 * MS)
    network.check_agreement(nodes)
    assert recovery(network, healed, nodes) <= interval * MS + 10 * far


def test_a_majority_that_was_split_is_live_again_within_a_quarter_of_the_timeout() -> None:
    network = constant(13, timeout=3000 * MS)
    busy(network, 500 * MS, (1, 12))
    network.groups = [frozenset(range(6)), frozenset(range(6, 13))]
    busy(network, 8000 * MS, (1, 12))
    stuck = [len(place.final) for place in network.places]
    healed, network.groups = network.now, []
    busy(network, 3000 * MS, (1, 12))
    network.check_agreement(range(13))
    assert min(len(place.final) for place in network.places) > max(stuck)
    assert recovery(network, healed, range(13)) <= 750 * MS + 10 * DELTA


def test_nodes_that_learn_vote_again_when_the_others_need_them() -> None:
    network = constant(13)
    network.groups = [frozenset(range(9)), frozenset(range(9, 13))]
    busy(network, 5000 * MS, (0, 12))
    network.groups = []
    busy(network, 2000 * MS, (0, 12))
    replicas = [place.participant.consensus for place in network.places if place.participant]
    assert [replica.active for replica in replicas if isinstance(replica, PBFT)] == [True] * 9 + [False] * 4
    killed = network.now
    network.crash(0)
    network.crash(8)  # eight of those that vote are left: too few
    busy(network, 3000 * MS, (1, 12))
    correct = [node for node in range(13) if node not in (0, 8)]
    assert recovery(network, killed, correct) <= TIMEOUT + INTERVAL + 10 * DELTA
    network.check_agreement(correct)


def test_transactions_lost_in_a_partition_are_told_again() -> None:
    network = constant(4)
    network.groups = [frozenset({0, 1, 2}), frozenset({3})]
    busy(network, 500 * MS, (3,))
    network.groups = []
    busy(network, 500 * MS, (3,))
    network.run(1000 * MS)
    assert sum(block.count for block in network.places[0].final) == 20


def test_lost_checkpoints_do_not_stop_the_chain() -> None:
    network = constant(4, checkpoint=2, window=1)
    for _ in range(100):
        network.submit(1)
        network.take(lambda envelope: type(envelope.message).__name__ == "Checkpoint")
        network.run(10 * MS)
    reached = len(network.places[0].final)
    assert reached <= 4, "nothing is proposed beyond the high water mark"
    busy(network, 3 * TIMEOUT, (1,))
    assert all(len(place.final) > reached + 5 for place in network.places)
    network.check_agreement(range(4))


def test_a_node_that_slept_through_many_blocks_gets_them_in_chunks() -> None:
    network = constant(4, block_interval=0)
    network.crash(3)
    busy(network, 15_000 * MS, (0,), 50 * MS)
    assert len(network.places[0].final) > 150
    network.restart(3)
    network.run(10 * DELTA)
    assert len(network.places[3].final) == len(network.places[0].final)
    network.check_agreement(range(4))
    assert network.sent["Answer"] >= 3


def test_after_a_restart_an_idle_node_still_learns_what_it_missed() -> None:
    network = constant(4)
    network.crash(3)
    busy(network, 500 * MS, (0,))
    network.run(1000 * MS)
    network.restart(3)
    network.run(1000 * MS)
    assert len(network.places[3].final) == len(network.places[0].final) > 0


def test_all_crash_at_once_and_go_on_from_what_they_had_written_down() -> None:
    network = constant(4)
    busy(network, 1000 * MS, (0, 1))
    before = [block.id for block in network.places[0].final]
    for node in range(4):
        network.crash(node)
    network.take(lambda envelope: True)
    for node in range(4):
        network.restart(node)
    busy(network, 3000 * MS, (0, 1))
    network.check_agreement(range(4))
    for place in network.places:
        assert [block.id for block in place.final][: len(before)] == before
        assert len(place.final) > len(before) + 5


def propose(network: Network, node: int, view: int, created: int) -> Block:
    """Have a node propose a block to node 1, whatever its program thinks of it."""
    place = network.places[node]
    assert place.participant is not None
    head = place.participant.chain.head
    block = Block(head.height + 1, head.id, node, created)
    network.post(node, 1, PrePrepare(node, b"", view, block).signed(place.sign))
    return block


def test_a_replica_that_crashed_does_not_prepare_another_block_in_the_same_view() -> None:
    network = Network(4, settings())
    network.start()
    first = propose(network, 0, 0, created=1)
    network.deliver(network.take(lambda envelope: True)[0])
    network.take(lambda envelope: True)
    network.crash(1)
    network.restart(1)
    second = propose(network, 0, 0, created=2)
    network.settle()
    assert second.id != first.id
    assert "Prepare" not in {type(envelope.message).__name__ for envelope in network.queue}
    assert "two proposals for one view and height" in network.places[1].rejected


def test_a_replica_that_crashed_keeps_its_promise_not_to_act_in_the_view_that_it_left() -> None:
    network = Network(4, settings())
    network.start()
    network.submit(1)
    network.wait(TIMEOUT)
    assert any(isinstance(envelope.message, ViewChange) for envelope in network.queue)
    network.take(lambda envelope: True)
    network.crash(1)
    network.restart(1)
    propose(network, 0, 0, created=1)
    for envelope in network.take(lambda envelope: isinstance(envelope.message, PrePrepare)):
        network.deliver(envelope)
    assert not any(isinstance(envelope.message, Prepare) for envelope in network.queue)


def test_a_replica_that_crashed_still_reports_what_it_had_prepared() -> None:
    network = Network(4, settings())
    network.start()
    network.submit(0)
    for kind in ("Transactions", "PrePrepare", "Prepare"):
        for envelope in network.take(lambda envelope, kind=kind: type(envelope.message).__name__ == kind):  # type: ignore[misc]
            network.deliver(envelope)
    network.take(lambda envelope: True)
    network.crash(1)
    network.restart(1)
    network.take(lambda envelope: True)
    network.wait(2 * TIMEOUT)
    reports = [envelope.message for envelope in network.queue if envelope.source == 1]
    report = next(message for message in reports if isinstance(message, ViewChange))
    assert [proof.header.height for proof in report.prepared] == [1]
