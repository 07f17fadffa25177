"""What figures are held against, timed in the same process and the same minute: the machine's own pace."""

from __future__ import annotations

import asyncio
import heapq
import socket
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from typing import TypeVar

from netsim.bench.figure import Sample

_PENDING = 1000  # entries in the heap, as many as a thousand nodes have
_EVENTS = 200_000

Given = TypeVar("Given")


def bare_heap_loop(events: int = _EVENTS) -> float:
    """Events per second of wall time of a loop that pops a 6-tuple off a heap of 1000 and pushes a later one."""
    random = Random(1)
    heap = [(random.randrange(10**9), 0, node, node, node, None) for node in range(_PENDING)]
    heapq.heapify(heap)
    delays = [random.randrange(10**9) for _ in range(events)]
    pop, push = heapq.heappop, heapq.heappush
    began = time.perf_counter()
    for delay in delays:
        event = pop(heap)
        push(heap, (event[0] + delay, 0, event[2], event[3], event[4], None))
    return events / (time.perf_counter() - began)


def rate(run: Callable[[], tuple[Given, int]]) -> tuple[Sample, Given, float]:
    """Events per second of what `run` does, beside the bare heap loop before and after; what it gave; seconds.

    `run` says how many events there were.
    """
    before = bare_heap_loop()
    began = time.perf_counter()
    given, events = run()
    seconds = time.perf_counter() - began
    return Sample(events / seconds, (before + bare_heap_loop()) / 2), given, seconds


async def loopback_echo(size: int, count: int) -> float:
    """The median round trip (s) of so many bytes through a TCP echo on the loopback, with TCP_NODELAY."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        taken = []
        for _ in range(count):
            began = time.perf_counter()
            writer.write(bytes(size))
            await reader.readexactly(size)
            taken.append(time.perf_counter() - began)
        writer.close()
        await writer.wait_closed()
    return median(taken)


async def broker_hop(folder: Path, size: int, count: int) -> float:
    """The median round trip (s) of so many bytes between two plain aiomqtt clients through the embedded broker."""
    from netsim.engine.broker import open_broker

    async with open_broker("embedded", folder) as broker:
        end = broker.endpoint
        import aiomqtt

        def client() -> aiomqtt.Client:
            options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
            return aiomqtt.Client(end.host, end.port, username=end.username, password=end.password,
                                  socket_options=options)  # fmt: skip

        async with client() as here, client() as there:
            await here.subscribe("back")
            await there.subscribe("forth")

            async def answer() -> None:
                async for message in there.messages:
                    await there.publish("back", message.payload)

            answering = asyncio.create_task(answer())
            taken = []
            for _ in range(count):
                began = time.perf_counter()
                await here.publish("forth", bytes(size))
                await anext(aiter(here.messages))
                taken.append(time.perf_counter() - began)
            answering.cancel()
            await asyncio.wait({answering})
    return median(taken)


async def bare_timer(count: int, every_s: float) -> list[float]:
    """How late (s) the alarm that the clock pace uses goes off in a process that does nothing else."""
    from netsim.engine.timer import Alarm

    late = []
    with Alarm() as alarm:
        for _ in range(count):
            due = time.monotonic_ns() + round(every_s * 1e9)
            await alarm.until(due)
            late.append((time.monotonic_ns() - due) / 1e9)
    return late
