"""The two ends of a node's access link: what it sends leaves through the one, what it is sent comes through the other.

This module has the interface and the plain ends: lines that let one byte through after the other, lines without limit,
what spikes and recordings add, and senders that send one block at a time. Radio is in `radio.py`; which end a profile
gets, `access.py` decides.

A packet of `size` bytes keeps a link of `bandwidth` bit/s busy for size · 8 / bandwidth; while it is busy, what comes
next waits (first in, first out, without bound). Times are whole ns, rounded up, so between any two of them a link
carries no more than its bandwidth, to the nanosecond.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from netsim.network.conditions import Conditions, Outages
from netsim.network.lines import RECORD, SIZE, Buffer, Lines
from netsim.network.loss import PACKET_BYTES

_BIT_NS = 8 * 10**9  # bits per byte × ns per second

Times = int | list[int]  # ns: one for all copies of a message, or one each


def serialisation(size: int, bandwidth: int) -> int:
    """How long `size` bytes take through `bandwidth` bit/s: ns, rounded up."""
    return -(-size * _BIT_NS // bandwidth)


class Uplink(Protocol):
    """The sender's half."""

    def depart(self, now: int, size: int, sequence: int, receivers: Sequence[int]) -> tuple[Times, Times]:
        """When each copy of a message begins to be sent, and when its last byte has left the access network.

        To be called in the order of sending. Departures never go back, but where a sender that sends one block at a
        time has other things to say in between. The two are the same object where a copy only waits for its turn.
        """

    def backlog(self) -> bytes:
        """What survives a crash of the node: bytes given to the link still leave."""


class Downlink(Protocol):
    """The receiver's half."""

    __slots__ = ()

    def enter(self, time: int, size: int) -> int:
        """When the last byte of a copy that reaches the access point at `time` is through. In the order of time."""

    def enter_line(self, lines: Lines, packets: Buffer, count: int, ends: Buffer) -> None:
        """`enter` for so many records of `lines`, in their order; when they are through is put into `ends`."""
        for packet in range(count):
            ends[packet] = self.enter(int(packets[RECORD * packet]), int(packets[RECORD * packet + SIZE]))


class FreeUplink:
    """No limit: everything leaves at once, or after the outage."""

    __slots__ = ("_outages",)

    def __init__(self, outages: Outages | None = None) -> None:
        self._outages = outages

    def depart(self, now: int, size: int, sequence: int, receivers: Sequence[int]) -> tuple[int, int]:
        """See `Uplink.depart`."""
        if self._outages is not None:
            now = self._outages.sending(now)
        return now, now

    def backlog(self) -> bytes:
        """See `Uplink.backlog`."""
        return b""


class QueuedUplink:
    """A line: the k-th of a message's copies departs k · size · 8 / bandwidth after the line is free."""

    __slots__ = ("_bandwidth", "_free_at", "_outages")

    def __init__(self, bandwidth: int, outages: Outages | None = None, backlog: bytes | None = None) -> None:
        """`bandwidth` in bit/s."""
        self._bandwidth = bandwidth
        self._outages = outages
        self._free_at = int(backlog or b"0")

    def depart(self, now: int, size: int, sequence: int, receivers: Sequence[int]) -> tuple[list[int], list[int]]:
        """See `Uplink.depart`."""
        begin = now if now > self._free_at else self._free_at
        outages = self._outages
        if outages is not None:
            begin = outages.sending(begin)
        work = size * _BIT_NS
        bandwidth = self._bandwidth
        departures = [begin - (-work * copy // bandwidth) for copy in range(1, len(receivers) + 1)]
        if outages is not None and outages.over(begin, departures[-1]):
            departures = [outages.through(begin, departure) for departure in departures]
        self._free_at = departures[-1]
        return departures, departures

    def backlog(self) -> bytes:
        """See `Uplink.backlog`."""
        return b"%d" % self._free_at


class FreeDownlink(Downlink):
    """No limit: everything is through at once, or after the outage."""

    __slots__ = ("_outages",)

    def __init__(self, outages: Outages | None = None) -> None:
        self._outages = outages

    def enter(self, time: int, size: int) -> int:
        """See `Downlink.enter`."""
        return time if self._outages is None else self._outages.sending(time)


class QueuedDownlink(Downlink):
    """A line: one copy after the other."""

    __slots__ = ("_bandwidth", "_free_at", "_outages")

    def __init__(self, bandwidth: int, outages: Outages | None = None) -> None:
        """`bandwidth` in bit/s."""
        self._bandwidth = bandwidth
        self._outages = outages
        self._free_at = 0

    def enter(self, time: int, size: int) -> int:
        """See `Downlink.enter`."""
        begin = time if time > self._free_at else self._free_at
        if self._outages is not None:
            begin = self._outages.sending(begin)
        through = begin - (-size * _BIT_NS // self._bandwidth)
        if self._outages is not None:
            through = self._outages.through(begin, through)
        self._free_at = through
        return through

    def enter_line(self, lines: Lines, packets: Buffer, count: int, ends: Buffer) -> None:
        """See `Downlink.enter_line`."""
        if self._outages is None:
            self._free_at = lines.queued(packets, count, self._free_at, _BIT_NS, self._bandwidth, ends)
        else:
            super().enter_line(lines, packets, count, ends)


class SlowedUplink:
    """An uplink whose spikes and recording come on top; what was given to it later does not leave it earlier."""

    __slots__ = ("_conditions", "_inner", "_last")

    def __init__(self, inner: Callable[[bytes | None], Uplink], conditions: Conditions, backlog: bytes | None) -> None:
        """`inner` makes the slots or the queue, with their own backlog."""
        last, _, rest = (backlog or b"0").partition(b" ")
        self._inner = inner(rest)
        self._conditions = conditions
        self._last = int(last)

    def depart(self, now: int, size: int, sequence: int, receivers: Sequence[int]) -> tuple[Times, Times]:
        """See `Uplink.depart`."""
        begun, departed = self._inner.depart(now, size, sequence, receivers)
        if isinstance(departed, int):
            return begun, self._passed(departed)
        return begun, [self._passed(time) for time in departed]

    def backlog(self) -> bytes:
        """See `Uplink.backlog`."""
        return b"%d %s" % (self._last, self._inner.backlog())

    def _passed(self, time: int) -> int:
        time = self._conditions.passed(time)
        if time > self._last:
            self._last = time
        return self._last


class SlowedDownlink(Downlink):
    """A downlink whose spikes and recording come on top, in order."""

    __slots__ = ("_conditions", "_inner", "_last")

    def __init__(self, inner: Downlink, conditions: Conditions) -> None:
        self._inner = inner
        self._conditions = conditions
        self._last = 0

    def enter(self, time: int, size: int) -> int:
        """See `Downlink.enter`."""
        time = self._conditions.passed(self._inner.enter(time, size))
        if time > self._last:
            self._last = time
        return self._last


class OneAtATime:
    """A sender that waits with the next block until the one before has arrived, as SimBlock's nodes do.

    A block is a message of more than one packet of 1448 bytes, and each of its copies counts. Other messages pass
    beside them, as if on a line of their own, but for those to a receiver to which a block waits: a stream to one
    receiver has one order.
    """

    __slots__ = ("_arrival", "_arrived", "_blocks", "_departed", "_others")

    def __init__(
        self,
        inner: Callable[[bytes | None], Uplink],
        arrival: Callable[[int, int, int, int], int],
        backlog: bytes | None,
    ) -> None:
        """`arrival(sequence, receiver, departure, size)`: when a copy arrives, in ns; in the order of sending."""
        arrived, blocks, others = (backlog or b"0;;").split(b";")
        self._blocks = inner(blocks)
        self._others = inner(others)
        self._arrival = arrival
        self._arrived = int(arrived)
        self._departed: dict[int, int] = {}  # the last block to each receiver

    def depart(self, now: int, size: int, sequence: int, receivers: Sequence[int]) -> tuple[Times, Times]:
        """See `Uplink.depart`."""
        if size <= PACKET_BYTES:
            return self._pass(now, size, sequence, receivers)
        begun: list[int] = []
        departed: list[int] = []
        for receiver in receivers:
            began, left = self._blocks.depart(max(now, self._arrived), size, sequence, (receiver,))
            begun.append(began if isinstance(began, int) else began[0])
            departed.append(left if isinstance(left, int) else left[0])
            self._departed[receiver] = departed[-1]
            self._arrived = self._arrival(sequence, receiver, departed[-1], size)
        return begun, departed

    def backlog(self) -> bytes:
        """See `Uplink.backlog`."""
        return b"%d;%s;%s" % (self._arrived, self._blocks.backlog(), self._others.backlog())

    def _pass(self, now: int, size: int, sequence: int, receivers: Sequence[int]) -> tuple[Times, Times]:
        begun, departed = self._others.depart(now, size, sequence, receivers)
        waiting = self._departed
        if not any(waiting.get(receiver, 0) > now for receiver in receivers):
            return begun, departed
        times = [departed] * len(receivers) if isinstance(departed, int) else departed
        return begun, [max(time, waiting.get(receiver, 0)) for time, receiver in zip(times, receivers, strict=True)]
