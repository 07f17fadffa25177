"""The two ends of a node's access link: queues that let one byte through after the other.

A packet of `size` bytes keeps a link of `bandwidth` bit/s busy for size · 8 / bandwidth; while it is busy, what comes
next waits (first in, first out, without bound). Times are whole ns, rounded up, so between any two of them a link
carries no more than its bandwidth, to the nanosecond.
"""

from __future__ import annotations

_BIT_NS = 8 * 10**9  # bits per byte × ns per second


def serialisation(size: int, bandwidth: int) -> int:
    """How long `size` bytes take through `bandwidth` bit/s: ns, rounded up."""
    return -(-size * _BIT_NS // bandwidth)


class Uplink:
    """The sender's half. It is free again at `free_at` (ns)."""

    __slots__ = ("bandwidth", "free_at")

    def __init__(self, bandwidth: int | None) -> None:
        """`bandwidth` in bit/s; None is unlimited."""
        self.bandwidth = bandwidth
        self.free_at = 0

    def depart(self, now: int, size: int, copies: int) -> int | list[int]:
        """When the last byte of each copy leaves: the k-th at max(now, free_at) + k · size · 8 / bandwidth.

        One number, `now`, for all copies where the bandwidth is unlimited; else as many as there are copies.
        """
        bandwidth = self.bandwidth
        if bandwidth is None:
            return now
        begin = now if now > self.free_at else self.free_at
        work = size * _BIT_NS
        departures = [begin - (-work * copy // bandwidth) for copy in range(1, copies + 1)]
        self.free_at = departures[-1]
        return departures


class Downlink:
    """The receiver's half. It is free again at `free_at` (ns)."""

    __slots__ = ("bandwidth", "free_at")

    def __init__(self, bandwidth: int) -> None:
        """`bandwidth` in bit/s."""
        self.bandwidth = bandwidth
        self.free_at = 0

    def enter(self, time: int, size: int) -> int:
        """When the last byte of a copy that reaches the access point at `time` is through. In the order of time."""
        begin = time if time > self.free_at else self.free_at
        self.free_at = through = begin - (-size * _BIT_NS // self.bandwidth)
        return through
