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
_READ_AT_ONCE = 32  # messages, before the event loop gets its turn
_REFUSED = 0x80  # MQTT 3.1.1, section 3.9.3


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

    aiomqtt logs in, subscribes, notices the end and logs out. Payloads go through the paho client inside it by that
    client's public interface for foreign event loops, which saves each of them two turns of our event loop on its way
    out, and a task and a turn on its way in: most of what it would cost otherwise.
    """

    def __init__(self, endpoint: Endpoint, identifier: str) -> None:
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
        self._paho = self._client._client  # the one private name; aiomqtt's version is bounded for its sake
        self._paho.on_message = self._on_message
        self._paho.on_publish = None
        self._inbox: deque[tuple[str, bytes]] = deque()
        self._news = asyncio.Event()  # something arrived, or the connection is lost
        self._taken = asyncio.Event()  # the socket has taken all that was published
        self._taken.set()
        self._lost = False

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
        if not self._endpoint.tls:  # with TLS, what is decrypted already would have to be looked for as well
            asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.timeout = _GOODBYE_S
        try:
            with suppress(aiomqtt.MqttError):
                await self._client.__aexit__(None, None, None)
                await self._watching
        finally:
            self._watching.cancel()

    async def publish(self, topic: str, payload: bytes) -> None:
        """See `Transport.publish`."""
        self._check()
        if self._paho.publish(topic, payload).rc != paho.MQTT_ERR_SUCCESS:
            self._lose()
            raise self._closed()
        if self._paho.want_write():
            if self._taken.is_set():
                self._taken.clear()
                asyncio.get_running_loop().add_writer(self._descriptor, self._write)
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

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """See `Transport.messages`."""
        inbox = self._inbox
        while True:
            while inbox:
                yield inbox.popleft()
            self._check()
            self._news.clear()
            await self._news.wait()

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

    def _read(self) -> None:
        """Read as long as whole messages come; paho by itself reads one for each turn of the event loop."""
        inbox = self._inbox
        for _ in range(_READ_AT_ONCE):
            before = len(inbox)
            self._paho.loop_read()
            if len(inbox) == before:
                return

    def _write(self) -> None:
        """The socket takes more. paho removes this writer when it has got rid of everything, or is disconnected."""
        self._paho.loop_write()
        if not self._paho.want_write():
            self._taken.set()


def _reason(error: BaseException) -> str:
    """An error in plain words, without the codes in front: "Not authorized"."""
    return re.sub(r"^\[[^\]]*\] *", "", str(error)) or type(error).__name__
