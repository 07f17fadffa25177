"""Compact relay: what a block costs in delays and bytes, and that nobody can spoil it."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import networkx as nx
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.node.block import Batch, Block
from netsim.node.gossip.announce import Announcement
from netsim.node.gossip.compact import (
    SHORT_ID,
    Bodies,
    GetTransactions,
    SendCompact,
    ShortForm,
    short_payload,
)
from netsim.node.message import Control, Message
from netsim.node.participant import Choice
from netsim.node.pbft_messages import PrePrepare
from netsim.node.scripted import Scripted
from netsim.node.transactions import Transactions
from netsim.testing import MS, Envelope, Network, settings, strategy

from .overlays import DELTA, delays, graphs, over_the_wire, overlay, participant, propose

SECOND = 1000 * MS
BLOCKS = 0  # the topic
LINE = list(pairwise(range(5)))
ROUND_TRIP = 2 * DELTA


def compact(**parameters: int) -> Choice:
    return strategy("compact", **{"repeat": 0, **parameters})


def warmed_up(edges: list[tuple[int, int]], **parameters: int) -> Network:
    """An overlay over which one block has come already."""
    network = overlay(edges, compact(**parameters))
    propose(network)
    network.run(SECOND)
    return network


def per_hop(network: Network) -> list[int | None]:
    """What the latest block took over each hop of the line."""
    network.run(SECOND)
    reached = delays(network)
    return [None if a is None or b is None else b - a for a, b in pairwise(reached)]


def test_a_block_takes_one_and_a_half_round_trips_announced_and_half_a_one_unsolicited() -> None:
    network = overlay(LINE, compact())
    propose(network)
    assert per_hop(network) == [1.5 * ROUND_TRIP] * 4
    propose(network)
    assert per_hop(network) == [0.5 * ROUND_TRIP] * 4


def test_transactions_that_are_missing_cost_one_round_trip_more() -> None:
    network = overlay(LINE, compact())
    propose(network, lost=True)
    assert per_hop(network) == [(1.5 + 1) * ROUND_TRIP] * 4
    propose(network, lost=True)
    assert per_hop(network) == [(0.5 + 1) * ROUND_TRIP] * 4


def test_what_is_sent_unsolicited_does_not_wait_for_the_announcements() -> None:
    wait = 7 * MS
    network = overlay(LINE, compact(trickle=wait))
    propose(network)
    assert per_hop(network) == [wait + 1.5 * ROUND_TRIP] * 4
    propose(network)
    assert per_hop(network) == [0.5 * ROUND_TRIP] * 4


def test_without_high_bandwidth_neighbours_every_block_is_announced() -> None:
    network = warmed_up(LINE, high_bandwidth=0)
    propose(network)
    assert per_hop(network) == [1.5 * ROUND_TRIP] * 4
    assert "SendCompact" not in network.sent


def test_what_is_there_is_not_sent_again_and_what_is_missing_is_sent_once() -> None:
    network = warmed_up([(0, 1)])
    sent: list[Message] = []
    post = network.post

    def watch(source: int, target: int, message: Message) -> None:
        sent.append(message)
        post(source, target, message)

    network.post = watch  # type: ignore[method-assign]
    propose(network, 100, size=250)
    network.wait(1)
    network.submit(0, 50, 250)
    network.take(lambda envelope: isinstance(envelope.message, Transactions))
    network.run(SECOND)
    forms = [message for message in sent if isinstance(message, ShortForm)]
    (bodies,) = (message for message in sent if isinstance(message, Bodies))
    assert not any(isinstance(message, PrePrepare) for message in sent)
    assert [form.size for form in forms] == [
        len(form.encoded) + SHORT_ID * count for form, count in zip(forms, (100, 50), strict=True)
    ]
    assert all(0 < len(form.encoded) - len(form.inner) < 12 for form in forms)
    assert bodies.size == len(bodies.encoded) + 50 * 250


@examples(max_examples=50)
@given(graphs(), st.integers(0, 3), st.lists(st.booleans(), min_size=1, max_size=5))
def test_everybody_gets_every_block_and_its_transactions(graph: nx.Graph[int], limit: int, lost: list[bool]) -> None:
    network = overlay(graph.edges, compact(high_bandwidth=limit))
    for one in lost:
        propose(network, lost=one)
        network.run(10 * SECOND)
        assert None not in delays(network)
    assert not any(place.rejected for place in network.places)
    assert network.sent.get("PrePrepare", 0) == 0


@examples(max_examples=80)
@given(graphs(), st.integers(1, 80), st.booleans())
def test_no_single_loss_of_a_control_message_keeps_a_block_from_anybody(
    graph: nx.Graph[int], unlucky: int, lost: bool
) -> None:
    network = overlay(graph.edges, compact(timeout=SECOND, repeat=1))
    controls = 0
    deliver = network.deliver

    def lose(envelope: Envelope) -> bool:
        nonlocal controls
        controls += isinstance(envelope.message, Control)
        return (isinstance(envelope.message, Control) and controls == unlucky) or deliver(envelope)

    network.deliver = lose  # type: ignore[method-assign]
    for _ in range(2):
        propose(network, lost=lost)
        network.run(60 * SECOND)
        assert None not in delays(network)
    assert network.next_timer() is None


def test_those_that_were_first_of_late_are_asked_to_send_unsolicited_and_no_more_than_the_limit() -> None:
    hub, others = 1, (2, 3, 4, 5, 6)
    network = overlay([(0, hub), *((hub, other) for other in others)], compact(high_bandwidth=3))
    messages = []
    for height in range(1, 8):
        block = Block(height, bytes(32), 0, height, (Batch(0, height << 20, 10, 100),))
        messages.append(PrePrepare(0, b"", 0, block).signed(network.places[0].sign))
    told: list[tuple[int, bool]] = []
    for first, message in zip((2, 3, 4, 2, 5, 3, 6), messages, strict=True):
        participant(network, hub).on_message(first, message)
        said = network.take(lambda envelope: envelope.source == hub)
        told += [
            (envelope.target, envelope.message.unsolicited)
            for envelope in said
            if isinstance(envelope.message, SendCompact)
        ]
    # 2, 3, 4 are asked; 2 is first again, so 3 is the one that gives way to 5; 3 again takes the place of 4, 6 of 2.
    assert told == [
        *((2, True), (3, True), (4, True)),
        *((5, True), (3, False)),
        *((3, True), (4, False)),
        *((6, True), (2, False)),
    ]


@pytest.mark.parametrize(
    ("transactions", "size", "form", "per_hop_delays"),
    [
        (10, 2 * SHORT_ID, "ShortForm", 1),
        (10, 2 * SHORT_ID - 1, "ShortForm", 3),
        (10, SHORT_ID, "PrePrepare", 3),
        (1, 0, "PrePrepare", 1),
    ],
)
def test_what_a_short_form_does_not_halve_is_announced_and_what_it_does_not_shorten_is_sent_as_it_is(
    transactions: int, size: int, form: str, per_hop_delays: int
) -> None:
    network = warmed_up(LINE)
    network.sent.clear()
    propose(network, transactions, size=size)
    assert per_hop(network) == [per_hop_delays * DELTA] * 4
    assert {name: count for name, count in network.sent.items() if name in ("ShortForm", "PrePrepare")} == {form: 4}


def test_bytes_that_are_no_transactions_are_not_saved() -> None:
    batch = Batch(0, 0, 100, 250)
    message = Scripted(0, bytes(64), Block(1, bytes(32), 0, 0, (batch,)), 5000, 0, 0)
    assert message.payload == 100 * 250 + 5000
    assert short_payload(message) == 100 * SHORT_ID + 5000


def test_other_kinds_are_announced() -> None:
    network = Network(3, settings(gossip=compact()), edges=[(0, 1), (1, 2)], delay=lambda source, target: DELTA)
    network.start()
    network.submit(2, 50, 250)
    network.run(6 * DELTA - 1)
    assert not network.places[0].proposals
    network.run(1)
    assert network.places[0].proposals
    assert network.sent["Transactions"] == 2
    assert "ShortForm" not in network.sent


def test_it_works_on_what_has_been_decoded_too() -> None:
    network = overlay(LINE, compact())
    over_the_wire(network)
    propose(network, lost=True)
    assert per_hop(network) == [2.5 * ROUND_TRIP] * 4
    propose(network)
    assert per_hop(network) == [0.5 * ROUND_TRIP] * 4
    assert not any(place.rejected for place in network.places)


# ------------------------------------------------------------------------------------------------------------- liars


def short_form(message: Message, **changes: object) -> ShortForm:
    form = ShortForm(BLOCKS, short_payload(message), message.encoded)
    return msgspec.structs.replace(form, **changes)


@pytest.fixture
def relay() -> tuple[Network, PrePrepare]:
    """Nodes 0 and 1 have a block that node 2, their neighbour, lacks, and lacks the transactions of; 3 is 2's too."""
    network = overlay([(0, 1), (0, 2), (1, 2), (2, 3)], compact(timeout=SECOND))
    network.groups = [frozenset({0, 1}), frozenset({2, 3})]
    propose(network, lost=True)
    found: list[Message] = []
    while not found:
        network.run(DELTA)
        found = [envelope.message for envelope in network.queue if isinstance(envelope.message, ShortForm)]
    network.run(SECOND)
    network.groups = []
    message = vars(found[0])["message"]
    assert isinstance(message, PrePrepare)
    return network, message


def test_a_short_form_that_is_none_is_counted_and_dropped(relay: tuple[Network, PrePrepare]) -> None:
    network, message = relay
    for form in (
        short_form(message, inner=b""),
        short_form(message, inner=message.encoded[:-1]),
        short_form(message, inner=Transactions(message.bodies[0]).encoded),
        short_form(message, inner=short_form(message).encoded),
        short_form(message, inner=Announcement(BLOCKS, (bytes(32),)).encoded),
        short_form(message, payload_size=0),
    ):
        participant(network, 2).on_message(3, form)
    assert network.places[2].rejected == [
        *["malformed"] * 2,
        *["foreign type"] * 3,
        "short ids of other transactions",
    ]
    assert not network.queue


def test_a_forgery_in_a_short_form_does_not_shadow_the_genuine_one(relay: tuple[Network, PrePrepare]) -> None:
    network, message = relay
    forged = msgspec.structs.replace(message, signature=bytes(64))
    victim = participant(network, 2)
    victim.on_message(3, short_form(forged))
    victim.on_message(0, Announcement(BLOCKS, (message.digest,)))
    victim.on_message(3, Bodies(BLOCKS, message.digest, message.bodies))
    assert network.places[2].rejected == ["wrong signature"]
    network.take(lambda envelope: True)
    network.run(2 * SECOND)
    assert delays(network)[2] is not None, "when the liar's time is over, the next is asked"


def test_one_that_is_asked_for_transactions_and_silent_is_passed_over(relay: tuple[Network, PrePrepare]) -> None:
    network, message = relay
    participant(network, 2).on_message(3, short_form(message))
    participant(network, 2).on_message(0, Announcement(BLOCKS, (message.digest,)))
    network.take(lambda envelope: envelope.target == 3)
    network.run(3 * SECOND)
    assert delays(network)[2] is not None
    assert network.places[2].rejected == []


def test_transactions_that_nobody_asked_for_are_counted_and_dropped(relay: tuple[Network, PrePrepare]) -> None:
    network, message = relay
    victim, stranger = participant(network, 2), Batch(0, 5 << 20, 1, 1)
    victim.on_message(3, Bodies(BLOCKS, message.digest, message.bodies))
    victim.on_message(0, short_form(message))
    victim.on_message(0, Bodies(BLOCKS, message.digest, (stranger,)))
    victim.on_message(3, Bodies(BLOCKS, message.digest, message.bodies))
    assert network.places[2].rejected == ["transactions that were not asked for"] * 3
    assert delays(network)[2] is None
    victim.on_message(0, Bodies(BLOCKS, message.digest, message.bodies))
    assert delays(network)[2] is not None
    victim.on_message(0, Bodies(BLOCKS, message.digest, message.bodies))
    victim.on_message(1, short_form(message))
    assert network.places[2].duplicates == 2, "what comes too late is waste, not a lie"


def test_transactions_of_another_message_are_not_given(relay: tuple[Network, PrePrepare]) -> None:
    network, message = relay
    participant(network, 0).on_message(3, GetTransactions(BLOCKS, message.digest, (Batch(0, 5 << 20, 1, 1 << 30),)))
    participant(network, 0).on_message(3, GetTransactions(BLOCKS, bytes(32), message.bodies))
    assert network.places[0].rejected == ["transactions of another message"]
    assert not network.queue
    participant(network, 0).on_message(3, GetTransactions(BLOCKS, message.digest, message.bodies * 100))
    (answer,) = network.take(lambda envelope: True)
    assert answer.message == Bodies(BLOCKS, message.digest, message.bodies), "each once"
