"""The connection to the broker: order, back pressure, TLS, and what happens when it goes."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from netsim.engine.broker import Endpoint, open_broker
from netsim.engine.transport import Mqtt, Transport, TransportLost

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_CONNACK = bytes((0x20, 2, 0, 0))  # accepted
_BIG = bytes(16 << 20)  # more than the kernel keeps for a connection


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[Endpoint]:
    async with open_broker("embedded", tmp_path) as broker:
        yield broker.endpoint


@asynccontextmanager
async def server(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[Endpoint]:
    """Something that is no broker: it accepts a connection, and then does as it likes."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(task := asyncio.ensure_future(_serve(serve, reader, writer)))
        await asyncio.wait({task})

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield Endpoint("127.0.0.1", listening.sockets[0].getsockname()[1], tls=tls is not None)
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(serve: Serve, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await serve(reader, writer)
    finally:
        writer.close()


async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer an MQTT CONNECT."""
    header = await reader.readexactly(2)
    await reader.readexactly(header[1])
    writer.write(_CONNACK)


async def take(transport: Transport, count: int) -> list[tuple[str, bytes]]:
    messages = transport.messages()
    return [await anext(messages) for _ in range(count)]


@pytest.mark.parametrize("alone", [False, True])
async def test_topics_arrive_whole_and_in_order(alone: bool, endpoint: Endpoint) -> None:
    async with Mqtt(endpoint, "sender") as sender, Mqtt(endpoint, "receiver", alone) as receiver:
        await receiver.subscribe(["a", "b"])
        sent = [("ab"[number % 2], bytes([number % 256]) * number) for number in range(400)]
        for topic, payload in sent:
            await sender.publish(topic, payload)
        await sender.publish("c", b"not subscribed to")
        await sender.publish("a", b"last")
        assert await take(receiver, 401) == [*sent, ("a", b"last")]


async def test_a_reader_that_waits_alone_is_told_when_the_broker_goes(tmp_path: Path) -> None:
    async with open_broker("embedded", tmp_path) as broker, Mqtt(broker.endpoint, "me", alone=True) as transport:
        await transport.subscribe(["a"])
        await transport.publish("a", b"x")
        messages = transport.messages()
        assert await anext(messages) == ("a", b"x")
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        with pytest.raises(TransportLost, match="closed the connection"):
            await anext(messages)


async def test_the_last_word_arrives_though_something_was_unread() -> None:
    """A socket that is closed with something unread in it takes back what the other end has not read."""
    heard: list[bytes] = []
    writers: list[asyncio.StreamWriter] = []

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        assert isinstance(writer.transport, asyncio.Transport)
        writer.transport.pause_reading()
        writers.append(writer)
        await asyncio.sleep(0.1)
        writer.transport.resume_reading()
        with suppress(ConnectionError):
            heard.append(await reader.readuntil(b"\xe0\x00"))  # goodbye

    async with server(slow) as endpoint, Mqtt(endpoint, "me") as transport:
        writers[0].write(b"\x30\x03\x00\x01a" * 1000)  # a thousand times, on topic a, nothing
        await transport.publish("b", b"last")
    assert heard == [b"\x30\x07\x00\x01blast\xe0\x00"]


async def test_several_tasks_may_publish_at_once(endpoint: Endpoint) -> None:
    """Far more than the socket takes at once: some wait for it, and others come just when it has room again."""
    payloads = [bytes([number % 251]) * 20_000 for number in range(1000)]
    async with Mqtt(endpoint, "sender") as sender, Mqtt(endpoint, "receiver") as receiver:
        await receiver.subscribe(["a"])
        publishing = asyncio.gather(*(sender.publish("a", payload) for payload in payloads))
        async with asyncio.timeout(30):  # for what does not come
            received = await take(receiver, len(payloads))
            await publishing
        assert [payload for _, payload in received] == payloads


async def test_subscribing_to_hundreds_of_topics_is_one_call(endpoint: Endpoint) -> None:
    topics = [f"netsim/0123456789abcdef/out/{number}" for number in range(300)]
    async with Mqtt(endpoint, "me") as transport:
        await transport.subscribe([])
        await transport.subscribe(topics)
        for topic in topics:
            await transport.publish(topic, b"")
        assert [topic for topic, _ in await take(transport, 300)] == topics


async def test_a_topic_that_the_broker_refuses_is_named() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await reader.readexactly(2)
        identifier = await reader.readexactly(2)
        writer.write(bytes((0x90, 4)) + identifier + bytes((0, 0x80)))  # SUBACK: granted, refused
        await asyncio.Event().wait()

    async with server(serve) as endpoint, Mqtt(endpoint, "me") as transport:
        with pytest.raises(TransportLost, match="refused the subscription to b"):
            await transport.subscribe(["a", "b"])


async def test_a_connection_lost_while_subscribing_is_told_at_once() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await reader.readexactly(2)

    async with server(serve) as endpoint, Mqtt(endpoint, "me") as transport:
        async with asyncio.timeout(30):  # half of what is waited for an answer
            with pytest.raises(TransportLost, match="closed the connection"):
                await transport.subscribe(["a"])


async def test_publishing_waits_for_a_broker_that_does_not_read() -> None:
    goes_on, finished = asyncio.Event(), asyncio.Event()
    received = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        await accept(reader, writer)
        await goes_on.wait()
        while chunk := await reader.read(1 << 20):
            received += len(chunk)
        finished.set()

    async with server(serve) as endpoint:
        async with Mqtt(endpoint, "me") as transport:
            publishing = asyncio.create_task(transport.publish("a", _BIG))
            await asyncio.sleep(0.05)
            assert not publishing.done()
            goes_on.set()
            await publishing
        await finished.wait()
        assert received > len(_BIG)


async def test_a_connection_lost_while_publishing_waits_is_told() -> None:
    hang_up = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await hang_up.wait()
        writer.transport.abort()

    async with server(serve) as endpoint, Mqtt(endpoint, "me") as transport:
        publishing = asyncio.create_task(transport.publish("a", _BIG))
        await asyncio.sleep(0.05)
        hang_up.set()
        with pytest.raises(TransportLost, match="closed the connection"):
            await publishing


async def test_what_arrived_before_the_connection_was_lost_is_still_read() -> None:
    entered = asyncio.Event()  # a connection that is lost before is lost on entering

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await entered.wait()
        writer.write(bytes((0x30, 4, 0, 1)) + b"ax" + bytes((0x30, 4, 0, 1)) + b"ay")

    async with server(serve) as endpoint, Mqtt(endpoint, "me") as transport:
        entered.set()
        messages = transport.messages()
        assert await anext(messages) == ("a", b"x")
        assert await anext(messages) == ("a", b"y")
        with pytest.raises(TransportLost, match="closed the connection"):
            await anext(messages)


@pytest.mark.parametrize(
    "rubbish",
    [
        bytes((0x30, 6, 0, 3, 0xFF, 0xFE, 0xFD, 0)),  # a topic that is not UTF-8
        bytes((0x30, 3, 0, 9, 0)),  # a topic longer than its packet
        bytes((0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF)),  # a length of more bytes than there can be
        bytes((0x00, 0)),  # no packet type
    ],
)
async def test_a_server_that_does_not_speak_mqtt_is_a_lost_connection(rubbish: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(rubbish)
        await asyncio.Event().wait()

    async with server(serve) as endpoint:
        with pytest.raises(TransportLost):  # on entering, or on reading
            async with Mqtt(endpoint, "me") as transport:
                await anext(transport.messages())


async def test_nobody_there_is_told_on_entering() -> None:
    async with server(accept) as endpoint:
        pass
    with pytest.raises(TransportLost, match=f"^no connection to the broker at {endpoint}: Connection refused$"):
        async with Mqtt(endpoint, "me"):
            pass


async def test_tls_is_spoken_and_the_certificate_checked(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in front of the broker takes the TLS off."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection(endpoint.host, endpoint.port)
        try:
            await asyncio.gather(_copy(reader, outer), _copy(inner, writer))
        finally:
            outer.close()

    certificate = _certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with server(serve, context) as front:
        secure = Endpoint(front.host, front.port, endpoint.username, endpoint.password, tls=True)
        with pytest.raises(TransportLost, match="certificate verify failed"):
            async with Mqtt(secure, "me"):
                pass
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with Mqtt(secure, "me") as transport:
            await transport.subscribe(["a"])
            payloads = [b"small", bytes(range(256)) * (3 << 12), *(bytes([n]) * n for n in range(100))]
            for payload in payloads:
                await transport.publish("a", payload)
            assert [payload for _, payload in await take(transport, len(payloads))] == payloads


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(1 << 16):
        writer.write(chunk)
        await writer.drain()
    writer.close()


def _certificate(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1 and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file
