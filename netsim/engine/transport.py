"""How bytes get from process to process: publish, subscribe, receive, and one exception when the connection is gone.

`Mqtt` is the transport of an emulation. The rest of the engine knows only `Transport`, so tests can put a broker that
loses messages, or another protocol, in its place.

Quality of service 0: the engine numbers what it publishes and finds every loss itself, so an acknowledgement by the
broker would tell it nothing and cost a round trip. No keep-alive: a process may compute for many seconds without
coming back to its event loop, and a broker must not take it for dead; who is silent is found by the coordinator.
"""

from __future__ import annotations

import asyncio
import re
import select
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, Self

import aiomqtt
import paho.mqtt.client as paho

from netsim.engine.broker import Endpoint

_PATIENCE_S = 60.0  # for the broker's answers, when hundreds of processes log in at once on few cores
_GOODBYE_S = 1.0
_READ_BYTES = 1 << 18  # at once, before the event loop gets its turn
_REFUSED = 0x80  # MQTT 3.1.1, section 3.9.3
_PUBLISH, _KIND_AND_QUALITY = 0x30, 0xF6  # the first byte of a packet: sections 2.2 and 3.3.1
_MOST_LENGTH_BYTES = 4  # section 2.2.3
_TOPICS = 1 << 12  # names of topics that are remembered
_DISCONNECT = b"\xe0\x00"  # section 3.14


class TransportLost(Exception):
    """There is no connection to the broker, or none any more; the message is one line that says why."""


class Transport(Protocol):
    """What the engine needs of a connection."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Hand a payload over; waits while the connection takes no more. Raises TransportLost."""

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Returns when all are acknowledged. Raises TransportLost."""

    def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """What arrives, as (topic, payload), for one reader. Raises TransportLost after the last, and never ends."""


class Mqtt:
    """A connection to an MQTT 3.1.1 broker, open within its context. Raises TransportLost on entering, too.

    aiomqtt logs in, subscribes, notices the end and logs out. Payloads pass it and the paho client inside it by: these
    read a packet in four system calls and some 60 µs. Here a read takes all that has come, and what is not a payload
    goes on to paho. With TLS, where what is decrypted already would have to be looked for as well, paho reads and
    writes.

    `alone`: nothing else in this event loop waits for anything, so a reader waits in the kernel and not in the loop.
    """

    def __init__(self, endpoint: Endpoint, identifier: str, alone: bool = False) -> None:
        self._endpoint = endpoint
        self._client = aiomqtt.Client(
            endpoint.host,
            endpoint.port,
            username=endpoint.username,
            password=endpoint.password,
            identifier=identifier,
            keepalive=0,
            timeout=_PATIENCE_S,
            tls_context=ssl.create_default_context() if endpoint.tls else None,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        self._paho = self._client._client  # a private name; aiomqtt's version is bounded for its sake
        self._paho.on_message = self._on_message
        self._paho.on_publish = None
        self._alone = alone and not endpoint.tls
        self._inbox: deque[tuple[str, bytes]] = deque()
        self._news = asyncio.Event()  # something arrived, or the connection is lost
        self._taken = asyncio.Event()  # the socket has taken all that was published
        self._taken.set()
        self._lost = False
        self._socket: socket.socket | None = None  # None: paho reads and writes
        self._poll = select.poll()
        self._begun = b""  # of a packet whose rest has not come yet
        self._foreign = b""  # packets that are paho's to read
        self._unsent = bytearray()
        self._topics: dict[bytes, str] = {}

    async def __aenter__(self) -> Self:
        try:
            await self._client.__aenter__()
        except aiomqtt.MqttError as error:
            raise TransportLost(f"no connection to the broker at {self._endpoint}: {_reason(error)}") from None
        self._paho.on_socket_register_write = None  # so paho writes at once what the socket takes
        self._watching = asyncio.create_task(self._watch())
        connection = self._paho.socket()
        if connection is None:
            raise self._closed()
        self._descriptor = connection.fileno()
        self._poll.register(self._descriptor, select.POLLIN)
        if not self._endpoint.tls:
            assert isinstance(connection, socket.socket)
            self._socket = connection
            vars(self._paho).update(_sock_recv=self._hand_on, _sock_send=self._send)  # private names, too
            asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.timeout = _GOODBYE_S
        try:
            await self._leave()
            with suppress(aiomqtt.MqttError):
                await self._client.__aexit__(None, None, None)
                await self._watching
        finally:
            self._watching.cancel()
            ended = self._client._disconnected  # another private name
            if ended.done():
                ended.exception()  # known: else asyncio complains that nobody has looked

    async def _leave(self) -> None:
        """Say goodbye, and read on until the broker has hung up.

        A socket that is closed while something in it is unread resets the connection, and what was published last is
        lost where the broker has not read it yet (RFC 1122, section 4.2.2.13).
        """
        if self._socket is None or self._lost:
            return
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                self._send(_DISCONNECT)
                while not self._lost:
                    self._news.clear()
                    await self._news.wait()
                    self._inbox.clear()

    async def publish(self, topic: str, payload: bytes) -> None:
        """See `Transport.publish`."""
        self._check()
        if self._socket is None:
            await self._publish_by_paho(topic, payload)
            return
        name = topic.encode()
        try:
            self._send(b"".join((_opened(len(name) + 2 + len(payload)), len(name).to_bytes(2, "big"), name, payload)))
        except OSError:
            self._hang_up()
            raise self._closed() from None
        if self._unsent:
            await self._taken.wait()
            self._check()

    async def _publish_by_paho(self, topic: str, payload: bytes) -> None:
        if self._paho.publish(topic, payload).rc != paho.MQTT_ERR_SUCCESS:
            self._lose()
            raise self._closed()
        if self._paho.want_write():
            if self._taken.is_set():
                self._taken.clear()
                asyncio.get_running_loop().add_writer(self._descriptor, self._write_by_paho)
            await self._taken.wait()
            self._check()
        else:
            self._taken.set()  # what others wait for went with it

    async def subscribe(self, topics: Sequence[str]) -> None:
        """See `Transport.subscribe`."""
        if not topics:
            return
        await self._taken.wait()
        self._check()
        subscribing = asyncio.ensure_future(self._client.subscribe([(topic, 0) for topic in topics]))
        try:  # aiomqtt would wait for the answer of a broker that is gone
            await asyncio.wait({subscribing, self._watching}, return_when=asyncio.FIRST_COMPLETED)
            if not subscribing.done():
                raise self._closed()
            granted = subscribing.result()
        except aiomqtt.MqttError as error:
            self._check()
            raise TransportLost(f"subscribing at the broker at {self._endpoint} failed: {_reason(error)}") from None
        finally:
            subscribing.cancel()
        codes = [code if isinstance(code, int) else code.value for code in granted]
        for topic, code in zip(topics, codes, strict=True):
            if code >= _REFUSED:
                raise TransportLost(f"the broker at {self._endpoint} refused the subscription to {topic}")

    @property
    def waiting(self) -> bool:
        """Whether something has arrived that was not read."""
        return bool(self._inbox)

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """See `Transport.messages`."""
        inbox = self._inbox
        while True:
            while inbox:
                yield inbox.popleft()
            self._check()
            if self._alone:
                self._wait_in_the_kernel()
            else:
                self._news.clear()
                await self._news.wait()

    def _wait_in_the_kernel(self) -> None:
        """Until something has come, or the connection is lost. What was published has gone: `publish` saw to it."""
        self._poll.poll()
        self._read()

    def _lose(self) -> None:
        """The connection is gone: whoever waits is to find out."""
        self._lost = True
        self._news.set()
        self._taken.set()

    def _check(self) -> None:
        if self._lost:
            raise self._closed()

    def _closed(self) -> TransportLost:
        return TransportLost(f"the broker at {self._endpoint} closed the connection")

    async def _watch(self) -> None:
        """Wait for the end of the connection: aiomqtt's own iterator, which gets no messages, ends with it."""
        with suppress(aiomqtt.MqttError):
            await anext(self._client.messages)
        self._lose()

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            self._inbox.append((message.topic, bytes(message.payload)))
        except UnicodeDecodeError:  # whoever sends such a topic is no MQTT broker (MQTT 3.1.1, section 1.5.3)
            self._lose()
        self._news.set()

    # --- reading and writing past paho ----------------------------------------------------------------------------

    def _read(self) -> None:
        """Take all that has come."""
        assert self._socket is not None
        try:
            chunk = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk or not self._take(self._begun + chunk if self._begun else chunk):
            self._hang_up()

    def _take(self, data: bytes) -> bool:
        """Packets to the inbox, or to paho. False: this is not MQTT."""
        at, end = 0, len(data)
        inbox, topics = self._inbox, self._topics
        while at + 2 <= end:
            length = data[at + 1]
            start = at + 2
            if length & 0x80:
                length, start = _length(data, at + 1)
                if start < 0:
                    return False
                if not start:
                    break
            after = start + length
            if after > end:
                break
            if data[at] & _KIND_AND_QUALITY == _PUBLISH:
                payload = start + 2 + (data[start] << 8 | data[start + 1]) if length > 1 else after + 1
                if payload > after:
                    return False
                name = data[start + 2 : payload]
                topic = topics.get(name)
                if topic is None:
                    try:
                        topic = name.decode()
                    except UnicodeDecodeError:  # MQTT 3.1.1, section 1.5.3
                        return False
                    if len(topics) < _TOPICS:
                        topics[name] = topic
                inbox.append((topic, data[payload:after]))
            else:
                self._foreign += data[at:after]
            at = after
        self._begun = data[at:]
        while self._foreign and not self._lost:
            self._paho.loop_read()
            if self._paho.socket() is None:
                return False
        if inbox:
            self._news.set()
        return True

    def _hand_on(self, most: int) -> bytes:
        """What paho reads in place of the socket."""
        if not self._foreign:
            if self._lost:
                return b""
            raise BlockingIOError
        data, self._foreign = self._foreign[:most], self._foreign[most:]
        return data

    def _send(self, data: bytes | bytearray) -> int:
        """Write at once what the socket takes, and the rest when it takes more. Raises OSError."""
        assert self._socket is not None
        if self._unsent:
            self._unsent += data
            return len(data)
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._unsent += data[sent:]
            self._taken.clear()
            asyncio.get_running_loop().add_writer(self._descriptor, self._write)
        return len(data)

    def _write(self) -> None:
        """The socket takes more."""
        assert self._socket is not None
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self._hang_up()
            return
        del self._unsent[:sent]
        if not self._unsent:
            asyncio.get_running_loop().remove_writer(self._descriptor)
            self._taken.set()

    def _hang_up(self) -> None:
        """The connection is of no use any more: paho is to find it closed, and aiomqtt with it."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._descriptor)
        loop.remove_writer(self._descriptor)
        self._foreign = b""
        self._lose()
        self._paho.loop_read()

    def _write_by_paho(self) -> None:
        """The socket takes more. paho removes this writer when it has got rid of everything, or is disconnected."""
        self._paho.loop_write()
        if not self._paho.want_write():
            self._taken.set()


def _opened(length: int) -> bytes:
    """How a packet opens that publishes with quality of service 0: its type and its length (section 2.2.3)."""
    opened = bytearray((_PUBLISH,))
    while length > 0x7F:
        opened.append(length & 0x7F | 0x80)
        length >>= 7
    opened.append(length)
    return bytes(opened)


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A packet's length and where what it counts begins; 0 where not all of it has come, −1 where it has no end."""
    length = 0
    for place in range(_MOST_LENGTH_BYTES):
        if at + place == len(data):
            return 0, 0
        byte = data[at + place]
        length |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return length, at + place + 1
    return 0, -1


def _reason(error: BaseException) -> str:
    """An error in plain words, without the codes in front: "Not authorized"."""
    return re.sub(r"^\[[^\]]*\] *", "", str(error)) or type(error).__name__
