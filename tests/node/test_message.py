"""The wire: what is sent arrives equal, what is not sent by us is refused, sizes are those of the encoder."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim import catalogue
from netsim.node.gossip.announce import Announcement, Request
from netsim.node.message import (
    MESSAGE_KINDS,
    WIRE_VERSION,
    Codec,
    Control,
    Message,
    MessageKind,
    Signed,
    WireError,
    tag_of,
)
from netsim.node.participant import Choice, Participant, message_types
from netsim.node.pbft_messages import Ask, Commit, Prepare, PrePrepare, Proposal
from netsim.testing import settings, strategy

from .messages import MESSAGES, PRE_PREPARES, SIGNED

GOSSIP: dict[MessageKind, Choice] = {
    "blocks": strategy("compact"),
    "votes": strategy("plumtree"),
    "transactions": strategy("gossipsub"),
}
CODEC = Participant.codec(settings(gossip=GOSSIP))


@given(MESSAGES)
def test_what_is_sent_arrives_equal(message: Message) -> None:
    arrived = CODEC.decode(message.encoded)
    assert arrived == message
    assert type(arrived) is type(message)
    assert (arrived.about, arrived.size, arrived.digest) == (message.about, message.size, message.digest)


@given(MESSAGES)
def test_the_size_is_what_the_encoder_makes_and_the_bodies_that_it_stands_for(message: Message) -> None:
    assert message.size == len(WIRE_VERSION + msgspec.msgpack.encode(message)) + message.payload
    assert message.payload >= 0


@given(MESSAGES)
def test_what_the_trace_is_told_fits_its_columns(message: Message) -> None:
    assert all(-(1 << 63) <= value < 1 << 63 for value in message.about)
    assert str(message)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_a_message_or_a_wire_error(data: bytes) -> None:
    for attempt in (data, WIRE_VERSION + data):
        with suppress(WireError):
            CODEC.decode(attempt)


@given(MESSAGES, st.data())
def test_damaged_messages_give_a_message_or_a_wire_error(message: Message, data: st.DataObject) -> None:
    damaged = bytearray(message.encoded)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(WireError):
        CODEC.decode(bytes(damaged)[: data.draw(st.integers(0, len(damaged)))])


@pytest.mark.parametrize(
    "broken",
    [
        Prepare(-1, bytes(64), 0, 0, bytes(32)),
        Prepare(0, bytes(63), 0, 0, bytes(32)),
        Prepare(0, bytes(64), 1 << 62, 0, bytes(32)),
        Prepare(0, bytes(64), 0, 0, bytes(33)),
        Ask(0, 0, 0, (b"",)),
        Proposal(0, bytes(64), 0, None),  # type: ignore[arg-type]
    ],
)
def test_fields_out_of_bounds_are_refused(broken: Message) -> None:
    with pytest.raises(WireError):
        CODEC.decode(broken.encoded)


def test_other_versions_and_oversized_messages_are_refused() -> None:
    message = Ask(0, 0, 0, ())
    with pytest.raises(WireError, match="wire version 02, not 01"):
        CODEC.decode(b"\x02" + message.encoded[1:])
    with pytest.raises(WireError, match="missing"):
        CODEC.decode(b"")
    with pytest.raises(WireError, match="more than 3"):
        Codec([Ask], limit=3).decode(message.encoded)
    with pytest.raises(WireError):
        CODEC.decode(WIRE_VERSION + b"\x91" * 100_000)


@given(SIGNED)
def test_the_digest_covers_everything_but_the_signature(message: Signed) -> None:
    other = msgspec.structs.replace(message, signature=bytes(64))
    assert other.digest == message.digest
    assert msgspec.structs.replace(message, signer=message.signer + 1).digest != message.digest
    signed = message.signed(lambda digest: digest * 2)
    assert signed.signature == message.digest * 2
    assert signed.digest == message.digest


def test_messages_of_different_types_with_equal_fields_have_different_digests() -> None:
    fields = (1, bytes(64), 2, 3, bytes(32))
    assert Prepare(*fields).digest != Commit(*fields).digest


@given(PRE_PREPARES)
def test_a_proposal_is_signed_alike_with_and_without_its_transactions(message: PrePrepare) -> None:
    assert message.proposal.digest == message.digest
    assert message.proposal.header.id == message.block.id


def test_no_two_gossip_strategies_and_protocols_share_a_tag() -> None:
    tags: dict[int, type[Message]] = {}
    for entry in catalogue.ENTRIES:
        if entry.kind not in ("gossip", "protocols") or not entry.built:
            continue
        for message in catalogue.load(entry).messages:
            topics = range(3) if issubclass(message, Control) else range(1)
            for tag in (tag_of(message) + topic for topic in topics):
                assert tags.setdefault(tag, message) is message
                assert tag < 256
                assert (tag >= 112) == issubclass(message, Control)


def test_control_messages_have_a_name_and_a_tag_for_each_topic() -> None:
    gossip = {"blocks": strategy("compact"), "votes": strategy("flood"), "transactions": strategy("announce")}
    names = Participant.message_names(settings(gossip=gossip))  # type: ignore[arg-type]
    topics = {kind: topic for topic, kind in enumerate(MESSAGE_KINDS)}
    asked = {kind: Request(topic, ()).tag for kind, topic in topics.items()}
    assert (names[asked["blocks"]], names[asked["transactions"]]) == ("Request (blocks)", "Request (transactions)")
    assert asked["votes"] not in names
    assert Participant.transaction_tags(settings(gossip=gossip)) == [  # type: ignore[arg-type]
        1,
        Announcement(topics["transactions"], ()).tag,
        asked["transactions"],
    ]


def test_every_message_type_has_a_tag_of_its_own_and_a_name() -> None:
    names = Participant.message_names(settings())
    assert len(names) == len(message_types(settings()))
    assert names[1] == "Transactions"
    assert min(tag for tag in names if tag != 1) >= 16

    class Untagged(Message, frozen=True):
        pass

    with pytest.raises(TypeError, match="needs an integer tag"):
        tag_of(Untagged)
