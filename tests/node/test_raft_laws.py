"""When blocks are final and what they cost, on links of constant delay, once somebody leads."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim import catalogue
from netsim.node.gossip.flood import Flood
from netsim.node.raft import Raft
from netsim.scenario.declared import read_parameter
from netsim.testing import MS, Network, settings

DELTA = 20 * MS
CALM = {"timeout": 1000_000 * MS}  # heartbeats every 100 s: none comes in between


def led(nodes: int, delays: list[list[int]] | None = None, **chosen: Any) -> Network:
    """A network in which the first validator leads."""
    parameters = {name: chosen.pop(name) for name in list(chosen) if name not in ("validators", "edges")}
    network = Network(
        nodes,
        settings("raft", **{**CALM, **parameters}),
        delay=lambda source, target: delays[source][target] if delays else DELTA,
        **chosen,
    )
    network.start()
    network.run(1000 * MS)
    assert [place.participant and place.participant.consensus.leader for place in network.places] == [
        network.validators[0]
    ] * nodes
    network.sent.clear()
    return network


def latencies(network: Network, heights: Iterable[int] = ()) -> list[list[int]]:
    """Per block, of all or some heights, ns from its proposal to its finality at each place."""
    made = {block.height: time for place in network.places for time, block in place.proposals}
    chosen = list(heights) or sorted(made)
    return [[place.finalised_at[height] - made[height] for place in network.places] for height in chosen]


@pytest.mark.parametrize(("nodes", "quorum"), ((1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (7, 4), (10, 6)))
def test_a_quorum_is_a_majority(nodes: int, quorum: int) -> None:
    assert Raft.quorum(nodes, {}) == quorum
    assert 2 * quorum > nodes >= 2 * (quorum - 1), "any two share a server, and one fewer would not do"


def test_heartbeats_must_come_before_the_election() -> None:
    with pytest.raises(ValueError, match="must be more than"):
        Raft.quorum(4, {"election_ticks": 2, "heartbeat_ticks": 2})


@pytest.mark.parametrize("nodes", range(4, 11))
def test_final_after_two_delays_at_the_leader_and_three_at_followers_with_3n_minus_3_messages(nodes: int) -> None:
    network = led(nodes)
    for _ in range(5):
        network.submit(0)
        network.run(4 * DELTA)
    assert latencies(network) == [[2 * DELTA] + [3 * DELTA] * (nodes - 1)] * 5
    assert network.sent.pop("Transactions") == 5 * (nodes - 1)
    assert network.sent == dict.fromkeys(("Append", "AppendReply", "Commit"), 5 * (nodes - 1))


@pytest.mark.parametrize("nodes", (1, 2, 3))
def test_few_validators_obey_the_same_law(nodes: int) -> None:
    network = led(nodes)
    network.submit(0)
    network.run(4 * DELTA)
    assert latencies(network) == [[0] if nodes == 1 else [2 * DELTA] + [3 * DELTA] * (nodes - 1)]


@pytest.mark.parametrize("nodes", range(4, 11))
def test_back_to_back_the_commit_rides_on_the_next_append_and_2n_minus_2_messages_do(nodes: int) -> None:
    network = led(nodes, commit_message="with-next", block_size=10)
    network.submit(0, 6)
    network.run(20 * DELTA)
    times = [time for time, _ in network.places[0].proposals]
    assert [later - earlier for earlier, later in pairwise(times)] == [2 * DELTA] * 5
    assert latencies(network, range(1, 6)) == [[2 * DELTA] + [3 * DELTA] * (nodes - 1)] * 5
    assert network.sent.pop("Transactions") == nodes - 1
    assert network.sent == {"Append": 6 * (nodes - 1), "AppendReply": 6 * (nodes - 1)}


def test_with_an_interval_the_commit_rides_on_an_append_an_interval_later() -> None:
    interval = 100 * MS
    network = led(5, commit_message="with-next", block_interval=interval, empty_blocks="always")
    network.run(10 * interval)
    assert latencies(network, range(2, 12)) == [[2 * DELTA] + [interval + DELTA] * 4] * 10


def test_without_a_next_append_a_heartbeat_tells_what_is_committed() -> None:
    network = led(4, commit_message="with-next", timeout=1000 * MS)  # a heartbeat every 100 ms
    network.submit(0)
    network.run(3 * DELTA)
    assert [len(place.final) for place in network.places] == [1, 0, 0, 0]
    network.run(100 * MS)
    assert [len(place.final) for place in network.places] == [1] * 4


@given(st.data())
@examples(max_examples=60)
def test_unequal_delays_give_the_law_to_the_nanosecond(data: st.DataObject) -> None:
    nodes = data.draw(st.integers(4, 10))
    delay = st.integers(1, 50)
    delays = [[0 if one == other else data.draw(delay) for other in range(nodes)] for one in range(nodes)]
    network = led(nodes, delays, block_interval=1000)
    for _ in range(3):
        network.submit(0)
        network.run(1000)
    round_trips = sorted(delays[0][node] + delays[node][0] for node in range(nodes))
    committed = round_trips[Raft.quorum(nodes, {}) - 1]
    law = [0 if node == 0 else delays[0][node] for node in range(nodes)]
    assert latencies(network) == [[committed + one for one in law]] * 3


def test_greater_bay_example() -> None:
    half, near, far, farther = 500_000, 1_200_000, 12_000_000, 13_000_000
    delays = [[0, half, near, far], [half, 0, near, far], [near, near, 0, farther], [far, far, farther, 0]]
    network = led(4, delays)
    network.submit(0)
    network.run(100 * MS)
    assert latencies(network) == [[2_400_000, 2_900_000, 3_600_000, 14_400_000]]


def test_followers_learn_what_is_final_and_do_not_count() -> None:
    network = led(6, validators=(1, 3, 4))
    network.submit(0, 2)  # a follower's clients
    network.run(10 * DELTA)
    assert [len(place.final) for place in network.places] == [1] * 6
    assert (network.sent["Append"], network.sent["AppendReply"], network.sent["Commit"]) == (5, 5, 5)
    network.crash(3)
    network.crash(4)  # both of the others that count
    network.submit(1)
    network.run(10 * DELTA)
    assert [len(place.final) for place in network.places] == [1] * 6


def test_it_works_over_a_ring_that_floods_what_clients_say() -> None:
    network = led(6, gossip=Flood, edges=[(node, (node + 1) % 6) for node in range(6)])
    network.submit(3)
    network.run(10 * DELTA)
    assert [len(place.final) for place in network.places] == [1] * 6
    assert network.sent == {"Transactions": 7, "Append": 5, "AppendReply": 5, "Commit": 5}


# --------------------------------------------------------------------------------------- when blocks are proposed


def test_an_interval_keeps_its_rhythm_with_many_blocks_in_flight() -> None:
    interval = 10 * MS  # a round trip is four of them
    network = led(4, block_interval=interval, empty_blocks="always")
    network.run(50 * interval)
    times = [time for time, _ in network.places[0].proposals]
    assert {later - earlier for earlier, later in pairwise(times)} == {interval}


def test_no_more_than_inflight_blocks_are_not_committed() -> None:
    network = led(4, block_interval=10 * MS, inflight=3)
    for place in (1, 2, 3):
        network.crash(place)
    for _ in range(20):
        network.submit(0)
        network.run(10 * MS)
    assert len(network.places[0].proposals) == 3


def test_a_batch_waits_until_its_time_is_over_or_the_block_is_full() -> None:
    network = led(4, batch_timeout=200 * MS, block_size=100)
    begin = network.now
    network.submit(0)
    network.run(150 * MS)
    network.submit(0)
    network.run(100 * MS)
    assert [(time - begin, block.count) for time, block in network.places[0].proposals] == [(200 * MS, 2)]
    network.submit(0, 25)
    network.run(10 * MS)
    assert [block.count for _, block in network.places[0].proposals] == [2, 10, 10], "the rest waits"
    network.run(300 * MS)
    assert [(time - begin, block.count) for time, block in network.places[0].proposals[3:]] == [(450 * MS + 1, 5)], (
        "a moment apart"
    )


def test_a_block_holds_no_more_transactions_than_it_may() -> None:
    network = led(4, batch_timeout=200 * MS, block_transactions=4)
    network.submit(0, 3)
    network.submit(0, 3)
    network.run(300 * MS)
    assert [block.count for _, block in network.places[0].proposals] == [4, 2]
    assert [block.count for block in network.places[3].final] == [4, 2]


def test_a_batch_is_not_proposed_before_the_interval_is_over() -> None:
    network = led(4, batch_timeout=50 * MS, block_interval=300 * MS)
    begin = network.now
    network.submit(0)
    network.run(100 * MS)
    network.submit(0)
    network.run(1000 * MS)
    assert [time - begin for time, _ in network.places[0].proposals] == [50 * MS, 350 * MS]


def test_the_preset_is_fabrics() -> None:
    entry = catalogue.find("protocols", "raft")
    assert entry is not None
    declared = {parameter.name: parameter for parameter in entry.parameters}
    (fabric,) = (preset for preset in entry.presets if preset.name == "fabric")
    values = {name: read_parameter(declared[name], value) for name, value in fabric.values}
    network = Network(5, settings("raft", **values), delay=lambda source, target: DELTA)
    network.start()
    network.run(1000 * MS)
    begin = network.now
    network.submit(2, 499)
    network.submit(3, 2)
    network.run(DELTA)
    assert [block.count for _, block in network.places[0].proposals] == [500]
    network.run(4000 * MS)
    assert [time - begin for time, _ in network.places[0].proposals] == [DELTA, DELTA + 2000 * MS]
    assert [len(place.final) for place in network.places] == [2] * 5
