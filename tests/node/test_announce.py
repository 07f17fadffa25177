"""Announcements: everybody asks once, and in the end everybody gets everything."""

from __future__ import annotations

import msgspec
import networkx as nx
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.node.gossip.announce import MOST_CLAIMS, MOST_DIGESTS, Announcement, Request
from netsim.node.message import Control, MessageKind
from netsim.node.participant import Choice
from netsim.node.pbft_messages import PrePrepare
from netsim.testing import MS, Envelope, Network, settings, strategy

from .overlays import DELTA, delays, graphs, over_the_wire, overlay, participant, propose

SECOND = 1000 * MS
BLOCKS = 0  # the topic


def announce(**parameters: int) -> Choice:
    return strategy("announce", **parameters)


@examples(max_examples=50)
@given(graphs(), st.sampled_from((0, 7 * MS)), st.sampled_from((0, 3 * MS)))
def test_a_block_takes_three_delays_and_both_waits_over_each_hop_and_is_sent_n_minus_1_times(
    graph: nx.Graph[int], trickle: int, request_delay: int
) -> None:
    nodes, edges = graph.number_of_nodes(), graph.number_of_edges()
    network = overlay(graph.edges, announce(trickle=trickle, request_delay=request_delay, repeat=0))
    propose(network)
    network.run(10 * SECOND)
    hops = nx.single_source_shortest_path_length(graph, 0)
    assert delays(network) == [hops[node] * (3 * DELTA + trickle + request_delay) for node in range(nodes)]
    assert network.sent["PrePrepare"] == network.sent["Request"] == nodes - 1
    assert nodes - 1 <= network.sent["Announcement"] <= 2 * edges - (nodes - 1)
    assert not any(place.duplicates for place in network.places)


@examples(max_examples=50)
@given(graphs(), st.integers(1, 60))
def test_no_single_loss_of_a_control_message_keeps_a_block_from_anybody(graph: nx.Graph[int], unlucky: int) -> None:
    network = overlay(graph.edges, announce(timeout=SECOND))
    propose(network)
    controls = 0
    deliver = network.deliver

    def lose(envelope: Envelope) -> bool:
        nonlocal controls
        controls += isinstance(envelope.message, Control)
        return (isinstance(envelope.message, Control) and controls == unlucky) or deliver(envelope)

    network.deliver = lose  # type: ignore[method-assign]
    network.run(60 * SECOND)
    assert None not in delays(network)
    assert not network.queue
    assert network.next_timer() is None


def test_without_being_told_again_a_lost_announcement_cuts_off() -> None:
    for repeat in (0, 1):
        network = overlay([(0, 1), (1, 2)], announce(timeout=SECOND, repeat=repeat))
        propose(network)
        network.run(3 * DELTA)
        assert network.take(lambda envelope: envelope.target == 2)
        network.run(60 * SECOND)
        assert delays(network)[2] == (None if not repeat else SECOND + 6 * DELTA)


@examples(max_examples=50)
@given(graphs(), st.integers(0, 400), st.integers(1, 3000), st.data())
def test_who_stays_up_and_connected_gets_everything_whoever_crashes(
    graph: nx.Graph[int], crash: int, down: int, data: st.DataObject
) -> None:
    nodes = graph.number_of_nodes()
    victim = data.draw(st.integers(1, nodes - 1))
    network = overlay(graph.edges, announce(timeout=SECOND))
    propose(network)
    network.run(crash * MS)
    network.crash(victim)
    network.run(down * MS)
    network.restart(victim)
    network.run(60 * SECOND)
    graph_without = graph.copy()
    graph_without.remove_node(victim)
    reached = delays(network)
    assert all(reached[node] is not None for node in nx.node_connected_component(graph_without, 0))
    propose(network)
    network.run(10 * SECOND)
    assert None not in delays(network), "who is back gets what is new"


def test_each_announcer_is_asked_in_turn_and_twice_and_then_the_message_is_given_up() -> None:
    network = overlay([(0, 3), (1, 3), (2, 3)], announce(timeout=SECOND, repeat=0))
    lacking, digest = participant(network, 3), bytes(32)
    for announcer in (1, 2):
        lacking.on_message(announcer, Announcement(BLOCKS, (digest,)))
    network.wait(10 * SECOND)
    asked = [envelope.target for envelope in sorted(network.queue)]
    assert asked == [1, 2, 1, 2]
    lacking.on_message(0, Announcement(BLOCKS, (digest,)))
    assert [envelope.target for envelope in sorted(network.queue)][4:] == [0], "announced again, it is asked for again"


def test_a_forged_block_does_not_shadow_the_genuine_one() -> None:
    network = overlay([(0, 1), (0, 2), (1, 2)], announce(timeout=SECOND, repeat=0))
    propose(network)
    network.run(2 * DELTA)
    (answer, *_) = network.take(lambda envelope: isinstance(envelope.message, PrePrepare))
    forged = msgspec.structs.replace(answer.message, signature=bytes(64))
    assert forged.digest == answer.message.digest
    participant(network, answer.target).on_message(0, forged)
    assert network.places[answer.target].rejected == ["wrong signature"]
    network.run(10 * SECOND)
    assert None not in delays(network)


def test_ones_own_words_from_before_a_crash_are_asked_for_once() -> None:
    network = overlay([(0, 1)], announce(timeout=SECOND))
    propose(network)
    (announced,) = {envelope.message for envelope in network.queue if isinstance(envelope.message, Announcement)}
    network.run(4 * DELTA)
    network.crash(0)
    network.restart(0)
    before = network.sent["Request"]
    participant(network, 0).on_message(1, announced)
    network.run(60 * SECOND)
    assert network.sent["Request"] == before + 1
    assert network.places[0].duplicates == 1


def test_what_one_neighbour_claims_is_bounded_and_others_are_heard_all_the_same() -> None:
    network = overlay([(0, 1), (1, 2)], announce(timeout=SECOND, repeat=0))
    liar, victim = 2, participant(network, 1)

    def digests(first: int) -> tuple[bytes, ...]:
        return tuple(number.to_bytes(32, "big") for number in range(first, first + MOST_DIGESTS))

    for number in range(10):
        victim.on_message(liar, Announcement(BLOCKS, digests(number * MOST_DIGESTS)))
    asked = sum(len(envelope.message.digests) for envelope in network.queue if isinstance(envelope.message, Request))
    assert asked == MOST_CLAIMS
    propose(network)
    network.run(SECOND // 2)
    assert delays(network)[1] == 3 * DELTA
    network.run(60 * SECOND)
    victim.on_message(liar, Announcement(BLOCKS, digests(0)))
    assert network.sent["Request"] > MOST_CLAIMS // MOST_DIGESTS, "claims that came to nothing are forgotten"


def test_many_digests_travel_in_several_messages() -> None:
    direct = strategy("direct")
    gossip: dict[MessageKind, Choice] = {
        "blocks": direct,
        "votes": direct,
        "transactions": announce(trickle=SECOND, repeat=0),
    }
    network = Network(2, settings(gossip=gossip), validators=(0,), delay=lambda source, target: DELTA)
    network.start()
    for _ in range(MOST_DIGESTS + 5):
        network.submit(1)
    network.run(2 * SECOND)
    assert (network.sent["Announcement"], network.sent["Request"]) == (2, 2)
    assert network.sent["Transactions"] == MOST_DIGESTS + 5


@pytest.mark.parametrize("strange", [Announcement(BLOCKS, ()), Request(BLOCKS, (bytes(32),) * 3)])
def test_empty_and_pointless_control_messages_are_left_alone(strange: Control) -> None:
    network = overlay([(0, 1)], announce())
    participant(network, 1).on_message(0, strange)
    assert not network.queue
    assert not network.places[1].rejected


def test_it_works_on_what_has_been_decoded_too() -> None:
    network = overlay(nx.cycle_graph(5).edges, announce())
    over_the_wire(network)
    propose(network)
    network.run(SECOND)
    assert delays(network) == [hops * 3 * DELTA for hops in (0, 1, 2, 2, 1)]
