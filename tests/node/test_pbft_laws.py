"""When blocks are final and what they cost, on links of constant delay."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.node.consensus import tolerated
from netsim.node.pbft import PBFT
from netsim.testing import MS, Network, settings

DELTA = 20 * MS


def latencies(network: Network) -> list[list[int]]:
    """Per block, ns from its proposal to its finality at each place."""
    made = {block.height: time for place in network.places for time, block in place.proposals}
    return [[place.finalised_at[height] - made[height] for place in network.places] for height in sorted(made)]


def law(delays: list[list[int]], leader: int, quorum: int) -> list[int]:
    """Finality with one-way delays, a message to oneself taking none: pre-prepare, prepare, commit."""
    nodes = range(len(delays))

    def quorum_reached(times: list[int], node: int) -> int:
        return sorted(times[other] + delays[other][node] for other in nodes)[quorum - 1]

    accepted = [delays[leader][node] for node in nodes]
    prepared = [max(accepted[node], quorum_reached(accepted, node)) for node in nodes]
    return [max(prepared[node], quorum_reached(prepared, node)) for node in nodes]


@pytest.mark.parametrize("nodes", range(1, 101))
def test_two_quorums_share_a_correct_validator_and_the_correct_ones_are_a_quorum(nodes: int) -> None:
    quorum, faulty = PBFT.quorum(nodes, {}), tolerated(nodes)
    assert 2 * quorum - nodes >= faulty + 1
    assert 2 * (quorum - 1) - nodes < faulty + 1, "one fewer would not do"
    assert nodes - faulty >= quorum


def test_the_quorum_can_be_chosen_but_not_beyond_the_validators() -> None:
    assert PBFT.quorum(4, {"quorum": 2}) == 2
    assert PBFT.quorum(4, {"quorum": None}) == PBFT.quorum(4, {"quorum": 0}) == 3
    for impossible in (5, -1):
        with pytest.raises(ValueError, match="cannot exist"):
            PBFT.quorum(4, {"quorum": impossible})


@pytest.mark.parametrize("nodes", range(4, 14))
def test_a_block_is_final_everywhere_after_three_delays_and_2n_times_n_minus_1_messages(nodes: int) -> None:
    network = Network(nodes, settings(), delay=lambda source, target: DELTA)
    network.start()
    for _ in range(5):
        network.submit(0)
        network.run(4 * DELTA)
    assert latencies(network) == [[3 * DELTA] * nodes] * 5
    assert network.sent.pop("Transactions") == 5 * (nodes - 1)
    per_block = {"PrePrepare": nodes - 1, "Prepare": (nodes - 1) ** 2, "Commit": nodes * (nodes - 1)}
    assert network.sent == {name: 5 * count for name, count in per_block.items()}
    assert sum(per_block.values()) == 2 * nodes * (nodes - 1)


@pytest.mark.parametrize("nodes", (1, 2, 3))
def test_few_validators_obey_the_same_law(nodes: int) -> None:
    network = Network(nodes, settings(), delay=lambda source, target: DELTA)
    network.start()
    network.submit(0)
    network.run(4 * DELTA)
    equal = [[0 if one == other else DELTA for other in range(nodes)] for one in range(nodes)]
    assert latencies(network) == [law(equal, 0, PBFT.quorum(nodes, {}))]


def test_unequal_delays_published_example() -> None:
    half, near, far, farther = 500_000, 1_200_000, 12_000_000, 13_000_000
    delays = [[0, half, near, far], [half, 0, near, far], [near, near, 0, farther], [far, far, farther, 0]]
    assert law(delays, 0, 3) == [2_900_000, 2_900_000, 3_600_000, 14_400_000]
    assert law(delays, 3, 3) == [14_400_000, 14_400_000, 13_700_000, 24_500_000]


@given(st.data())
@examples(max_examples=60)
def test_unequal_delays_give_the_quorum_law_to_the_nanosecond(data: st.DataObject) -> None:
    nodes = data.draw(st.integers(4, 10))
    delay = st.integers(1, 50)
    delays = [[0 if one == other else data.draw(delay) for other in range(nodes)] for one in range(nodes)]
    network = Network(nodes, settings(block_interval=1000), delay=lambda source, target: delays[source][target])
    network.start()
    for _ in range(3):
        network.submit(0)
        network.run(1000)
    assert latencies(network) == [law(delays, 0, PBFT.quorum(nodes, {}))] * 3


def test_back_to_back_the_next_block_follows_when_the_last_is_final() -> None:
    network = Network(4, settings(block_size=10), delay=lambda source, target: DELTA)
    network.start()
    network.submit(0, 5)
    network.run(20 * DELTA)
    times = [time for time, _ in network.places[0].proposals]
    assert [later - earlier for earlier, later in pairwise(times)] == [3 * DELTA] * 4


def test_proposals_keep_their_interval_without_drifting() -> None:
    interval = 100 * MS
    chosen = settings(block_interval=interval, window=16, timeout=5000 * MS)
    network = Network(4, chosen, delay=lambda source, target: 3 * interval)
    network.start()
    for _ in range(300):
        network.submit(2)
        network.run(10 * MS)
    network.run(20 * interval)
    times = [time for time, _ in network.places[0].proposals]
    assert {later - earlier for earlier, later in pairwise(times)} == {interval}
    assert {latency for block in latencies(network) for latency in block} == {9 * interval}


def test_proposals_are_late_by_a_random_part_of_the_spread_that_does_not_add_up() -> None:
    interval, spread = 100 * MS, 30 * MS
    chosen = settings(block_interval=interval, spread=spread, empty_blocks="always")
    network = Network(4, chosen, delay=lambda source, target: MS)
    network.start()
    network.run(200 * interval)
    times = [time for time, _ in network.places[0].proposals]
    assert len(times) == 200
    late = [time - number * interval for number, time in enumerate(times)]
    assert all(0 <= offset < spread for offset in late)
    assert len(set(late)) == len(late)
    assert abs(sum(late) / len(late) - spread / 2) < 4 * spread / (12 * len(late)) ** 0.5, "four standard errors"


def test_back_to_back_there_is_no_interval_to_spread_over() -> None:
    network = Network(4, settings(block_size=10, spread=30 * MS), delay=lambda source, target: DELTA)
    network.start()
    network.submit(0, 3)
    network.run(20 * DELTA)
    times = [time for time, _ in network.places[0].proposals]
    assert [later - earlier for earlier, later in pairwise(times)] == [3 * DELTA] * 2


def test_an_idle_leader_proposes_at_once_and_not_without_transactions() -> None:
    network = Network(4, settings(block_interval=100 * MS), delay=lambda source, target: DELTA)
    network.start()
    network.run(1000 * MS)
    assert not network.places[0].proposals
    network.submit(0)
    network.run(250 * MS)
    network.submit(0)
    assert [time for time, _ in network.places[0].proposals] == [1000 * MS, 1250 * MS]
    network.submit(0)
    network.run(1000 * MS)
    assert [time for time, _ in network.places[0].proposals][2:] == [1350 * MS]


def test_empty_blocks_where_they_are_asked_for() -> None:
    network = Network(4, settings(block_interval=100 * MS, empty_blocks="always"), delay=lambda source, target: DELTA)
    network.start()
    network.run(1000 * MS)
    assert [len(place.final) for place in network.places] == [10] * 4


def test_no_more_than_the_window_is_in_flight() -> None:
    network = Network(4, settings(block_interval=10 * MS, window=3, empty_blocks="always"))
    network.start()
    network.wait(200 * MS)
    assert [block.height for _, block in network.places[0].proposals] == [1, 2, 3]


@pytest.mark.parametrize("validators", ((0, 2, 3, 5), (1, 2, 3, 4, 5)))
def test_followers_learn_what_is_final_and_do_not_vote(validators: tuple[int, ...]) -> None:
    network = Network(6, settings(), validators=validators, delay=lambda source, target: DELTA)
    network.start()
    network.submit(0, 2)  # a follower's clients, in the second case
    network.run(10 * DELTA)
    assert [len(place.final) for place in network.places] == [1] * 6
    count = len(validators)
    assert network.sent["Prepare"] == (count - 1) * 5
    assert network.sent["Commit"] == count * 5
