"""Transports that misbehave, put between a process and its broker. They are picked up by name in the processes."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Sequence

from netsim.engine import worker
from netsim.engine.layout import Place
from netsim.engine.transport import Transport


class Through:
    """Passes everything on."""

    def __init__(self, inner: Transport, place: Place) -> None:
        self.inner = inner
        self.place = place

    async def subscribe(self, topics: Sequence[str]) -> None:
        await self.inner.subscribe(topics)

    async def publish(self, topic: str, payload: bytes) -> None:
        await self.inner.publish(topic, payload)

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        async for topic, payload in self.inner.messages():
            yield topic, payload


class Slow(Through):
    """A machine that stalls at random, differently in every process and every run."""

    async def publish(self, topic: str, payload: bytes) -> None:
        if random.random() < 0.05:
            time.sleep(random.random() * 0.02)
        await self.inner.publish(topic, payload)

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        async for topic, payload in self.inner.messages():
            if random.random() < 0.05:
                time.sleep(random.random() * 0.02)
            yield topic, payload


class Talkative(Through):
    """Every process tells of its windows part by part, and what it tells the coordinator comes twice."""

    def __init__(self, inner: Transport, place: Place) -> None:
        super().__init__(inner, place)
        worker.PART_NS = 0

    async def publish(self, topic: str, payload: bytes) -> None:
        await self.inner.publish(topic, payload)
        if topic.endswith("/report"):
            await self.inner.publish(topic, payload)


class Frozen(Through):
    """The third process stops for good in the middle of the run."""

    async def publish(self, topic: str, payload: bytes) -> None:
        self.published = getattr(self, "published", 0) + 1
        if self.place.index == 2 and self.published > 20:
            time.sleep(3600)
        await self.inner.publish(topic, payload)


class Lossy(Through):
    """The second process never gets the eighth batch of the first one's outbox."""

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        seen = 0
        async for topic, payload in self.inner.messages():
            if self.place.index == 1 and topic.endswith("/out/0"):
                seen += 1
                if seen == 8:
                    continue
            yield topic, payload


class LosesTheTail(Through):
    """The second process gets nothing from the first one's outbox after its twentieth batch."""

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        seen = 0
        async for topic, payload in self.inner.messages():
            if self.place.index == 1 and topic.endswith("/out/0"):
                seen += 1
                if seen > 20:
                    continue
            yield topic, payload


class Deaf(Through):
    """The second process misses an order of the coordinator."""

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        seen = 0
        async for topic, payload in self.inner.messages():
            if self.place.index == 1 and ("/grant/" in topic or topic.endswith("/all")):
                seen += 1
                if seen == 10:
                    continue
            yield topic, payload


class TellsOfItsCrashLate(Through):
    """The process of a node that is killed says so half a second after it has happened."""

    async def publish(self, topic: str, payload: bytes) -> None:
        if self.place.ends_with_crash and topic.endswith("/report") and time.monotonic() - self.began > 0.7:
            time.sleep(0.5)
        await self.inner.publish(topic, payload)

    def __init__(self, inner: Transport, place: Place) -> None:
        super().__init__(inner, place)
        self.began = time.monotonic()


class DeafUntilItsCrash(Through):
    """The process of a node that is killed never gets anything of the first process's outbox but the probe."""

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        async for topic, payload in self.inner.messages():
            if not self.place.ends_with_crash or not topic.endswith("/out/0") or len(payload) <= 30:
                yield topic, payload


class HearsLate(Through):
    """The second process gets the first one's outbox only when the run is over."""

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        late: list[tuple[str, bytes]] = []
        async for topic, payload in self.inner.messages():
            if self.place.index == 1 and topic.endswith("/out/0") and len(payload) > 30:  # all but the probe
                late.append((topic, payload))
                continue
            yield topic, payload
            if topic.endswith("/all") and late:  # the coordinator's last word
                for told in late:
                    yield told


class Intruder(Through):
    """A stranger who knows the broker's password fills every topic with what does not belong there."""

    rubbish = (
        b"",
        b"\x00",
        b"\xc1" * 40,  # a byte that msgpack never uses
        b"\xdd\xff\xff\xff\xff",  # an array of four milliards
        b"\x91" * 5_000,  # nested beyond reason
        random.Random(1).randbytes(4_000),
        bytes(2_000_000),
    )

    async def publish(self, topic: str, payload: bytes) -> None:
        self.published = getattr(self, "published", 0) + 1
        root = topic.split("/")[0] + "/" + topic.split("/")[1]
        if self.published % 10 == 5:
            for other in (f"{root}/out/0", f"{root}/out/1", f"{root}/grant/1", f"{root}/all", f"{root}/report"):
                await self.inner.publish(other, self.rubbish[self.published // 10 % len(self.rubbish)])
                await self.inner.publish(other, payload)  # our own words, on a topic that they were not meant for
        await self.inner.publish(topic, payload)
        if self.published % 10 == 7 and "/out/" in topic:
            await self.inner.publish(topic, payload)  # the same again
