"""When blocks are final with Tendermint and QBFT, and what they cost, on links of constant delay."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.node.consensus import tolerated
from netsim.node.qbft import QBFT
from netsim.node.tendermint import Tendermint
from netsim.node.tendermint_heights import Heights
from netsim.testing import MS, Network, settings

DELTA = 20 * MS
QUORUMS: dict[type[Heights], tuple[int, ...]] = {Tendermint: (3, 4, 5, 5, 6, 7, 7), QBFT: (3, 4, 4, 5, 6, 6, 7)}
BOTH = pytest.mark.parametrize("protocol", list(QUORUMS))
PHASES = {Tendermint: ("Prevote", "Precommit"), QBFT: ("Prepare", "Commit")}


def latencies(network: Network) -> list[list[int]]:
    """Per block, ns from its proposal to its finality at each place."""
    made = {block.height: time for place in network.places for time, block in place.proposals}
    return [[place.finalised_at[height] - made[height] for place in network.places] for height in sorted(made)]


def law(delays: list[list[int]], leader: int, quorum: int) -> list[int]:
    """Finality with one-way delays, a message to oneself taking none."""
    nodes = range(len(delays))

    def quorum_reached(times: list[int], node: int) -> int:
        return sorted(times[other] + delays[other][node] for other in nodes)[quorum - 1]

    accepted = [delays[leader][node] for node in nodes]
    locked = [max(accepted[node], quorum_reached(accepted, node)) for node in nodes]
    return [max(locked[node], quorum_reached(locked, node)) for node in nodes]


@BOTH
def test_quorums_for_four_to_ten_validators(protocol: type[Heights]) -> None:
    assert tuple(protocol.quorum(nodes, {}) for nodes in range(4, 11)) == QUORUMS[protocol]


@BOTH
@pytest.mark.parametrize("nodes", range(1, 101))
def test_two_quorums_share_a_correct_validator_and_the_correct_ones_are_a_quorum(
    protocol: type[Heights], nodes: int
) -> None:
    quorum, faulty = protocol.quorum(nodes, {}), tolerated(nodes)
    assert 2 * quorum - nodes > faulty
    assert nodes - faulty >= quorum


@BOTH
def test_the_quorum_can_be_chosen_but_not_beyond_the_validators(protocol: type[Heights]) -> None:
    assert protocol.quorum(4, {"quorum": 2}) == 2
    assert protocol.quorum(4, {"quorum": None}) == protocol.quorum(4, {"quorum": 0}) == 3
    for impossible in (5, -1):
        with pytest.raises(ValueError, match="cannot exist"):
            protocol.quorum(4, {"quorum": impossible})


@BOTH
@pytest.mark.parametrize("nodes", range(4, 11))
def test_a_block_is_final_everywhere_after_three_delays_and_n_minus_1_times_2n_plus_1_messages(
    protocol: type[Heights], nodes: int
) -> None:
    network = Network(nodes, settings(protocol), delay=lambda source, target: DELTA)
    network.start()
    for _ in range(5):
        network.submit(0)
        network.run(5 * DELTA)
    assert latencies(network) == [[3 * DELTA] * nodes] * 5
    assert network.sent.pop("Transactions") == 5 * (nodes - 1)
    first, second = PHASES[protocol]
    per_block = {"Proposal": nodes - 1, first: nodes * (nodes - 1), second: nodes * (nodes - 1)}
    assert network.sent == {name: 5 * count for name, count in per_block.items()}
    assert sum(per_block.values()) == (nodes - 1) * (2 * nodes + 1)


@BOTH
@pytest.mark.parametrize("nodes", (1, 2, 3))
def test_few_validators_obey_the_same_law(protocol: type[Heights], nodes: int) -> None:
    network = Network(nodes, settings(protocol), delay=lambda source, target: DELTA)
    network.start()
    network.submit(0)
    network.run(5 * DELTA)
    equal = [[0 if one == other else DELTA for other in range(nodes)] for one in range(nodes)]
    assert latencies(network) == [law(equal, 0, protocol.quorum(nodes, {}))]


@pytest.mark.parametrize(
    ("leader", "expected"),
    [(0, [2_900_000, 2_900_000, 3_600_000, 14_400_000]), (3, [14_400_000, 14_400_000, 13_700_000, 24_500_000])],
)
@BOTH
def test_unequal_delays_published_example(protocol: type[Heights], leader: int, expected: list[int]) -> None:
    half, near, far, farther = 500_000, 1_200_000, 12_000_000, 13_000_000
    delays = [[0, half, near, far], [half, 0, near, far], [near, near, 0, farther], [far, far, farther, 0]]
    chosen = settings(protocol, block_interval=100 * MS)
    network = Network(4, chosen, delay=lambda source, target: delays[source][target])
    network.start()
    for _ in range(leader + 1):
        network.submit(0)
        network.run(100 * MS)
    assert latencies(network)[leader] == expected == law(delays, leader, 3)


@BOTH
@given(data=st.data())
@examples(max_examples=40)
def test_unequal_delays_give_the_quorum_law_to_the_nanosecond(protocol: type[Heights], data: st.DataObject) -> None:
    nodes = data.draw(st.integers(4, 10))
    delay = st.integers(1, 50)
    delays = [[0 if one == other else data.draw(delay) for other in range(nodes)] for one in range(nodes)]
    chosen = settings(protocol, block_interval=1000)
    network = Network(nodes, chosen, delay=lambda source, target: delays[source][target])
    network.start()
    for _ in range(3):
        network.submit(0)
        network.run(1000)
    quorum = protocol.quorum(nodes, {})
    assert latencies(network) == [law(delays, leader, quorum) for leader in range(3)]


@BOTH
def test_back_to_back_the_next_proposer_follows_when_the_last_block_is_final_at_it(protocol: type[Heights]) -> None:
    network = Network(4, settings(protocol, block_size=10), delay=lambda source, target: DELTA)
    network.start()
    network.submit(0, 5)
    network.run(20 * DELTA)
    made = sorted((time, block.proposer) for place in network.places for time, block in place.proposals)
    assert [later - earlier for (earlier, _), (later, _) in pairwise(made)] == [3 * DELTA] * 4
    assert [proposer for _, proposer in made] == [0, 1, 2, 3, 0]


@BOTH
@pytest.mark.parametrize("spread", (0, 30 * MS))
def test_blocks_keep_their_interval_without_drifting_whoever_proposes(protocol: type[Heights], spread: int) -> None:
    interval = 100 * MS
    chosen = settings(protocol, block_interval=interval, spread=spread, empty_blocks="always")
    network = Network(4, chosen, delay=lambda source, target: MS)
    network.start()
    network.run(99 * interval + spread)
    times = sorted(time for place in network.places for time, _ in place.proposals)
    assert len(times) == 100
    assert all(0 <= time - number * interval <= spread for number, time in enumerate(times))


@BOTH
def test_an_idle_network_says_nothing_and_proposes_at_once_when_there_is_a_reason(protocol: type[Heights]) -> None:
    network = Network(4, settings(protocol, block_interval=100 * MS), delay=lambda source, target: DELTA)
    network.start()
    network.run(10_000 * MS)
    assert not network.sent
    network.submit(0)
    network.run(250 * MS)
    network.submit(1)
    network.run(250 * MS)
    times = [time // MS for place in network.places for time, _ in place.proposals]
    assert times == [10_000, 10_250]


@BOTH
@pytest.mark.parametrize("validators", ((0, 2, 3, 5), (1, 2, 3, 4, 5)))
def test_followers_learn_what_is_final_and_do_not_vote(protocol: type[Heights], validators: tuple[int, ...]) -> None:
    network = Network(6, settings(protocol), validators=validators, delay=lambda source, target: DELTA)
    network.start()
    network.submit(0, 2)  # a follower's clients, in the second case
    network.run(10 * DELTA)
    assert [len(place.final) for place in network.places] == [1] * 6
    for phase in PHASES[protocol]:
        assert network.sent[phase] == len(validators) * 5
