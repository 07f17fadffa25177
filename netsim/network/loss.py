"""Packet loss, and what a reliable stream makes of it.

A message is cut into packets of 1448 bytes (Ethernet's 1500 less the headers of IPv4 and of TCP with timestamps), each
lost with the same share p, independently. A message of k packets arrives whole with probability (1 − p)^k.

* `datagram`: otherwise it is lost.
* `stream`: what was lost, and only that (selective acknowledgement, RFC 2018), is sent again when the retransmission
  timer runs out, so at least j timeouts are needed with probability 1 − (1 − p^j)^k. The timer starts at the larger of
  200 ms and twice the flow's shortest round trip, and doubles (RFC 6298, section 5.5) up to 120 s: Linux's TCP_RTO_MIN
  and TCP_RTO_MAX. After 15 timeouts, where Linux would give up (tcp_retries2), the packet is let through.

This is the slow side of TCP: fast retransmit, which saves a timeout when further packets follow at once, is left out,
and so is congestion control.
"""

from __future__ import annotations

from functools import lru_cache
from math import expm1, log1p

PACKET_BYTES = 1448
SHORTEST_TIMEOUT = 200_000_000
LONGEST_TIMEOUT = 120_000_000_000
TIMEOUTS = 15


class Loss:
    """Loss on one path: the share of packets, and the first retransmission timeout of its flows (ns)."""

    __slots__ = ("share", "timeout")

    def __init__(self, share: float, round_trip: int) -> None:
        """`share` of 1; `round_trip`: the shortest of the path, in ns."""
        self.share = share
        self.timeout = max(SHORTEST_TIMEOUT, 2 * round_trip)

    def odds(self, size: int) -> tuple[int, ...]:
        """P(a message of `size` bytes has to be sent again at least j times), j = 1 … 15, in units of 2⁻⁶⁴."""
        return failure_odds(self.share, -(-size // PACKET_BYTES))

    def delay(self, timeouts: int) -> int:
        """What so many timeouts add up to, in ns."""
        longest = max(LONGEST_TIMEOUT, self.timeout)
        return sum(min(self.timeout << attempt, longest) for attempt in range(timeouts))


@lru_cache(maxsize=4096)
def failure_odds(share: float, packets: int) -> tuple[int, ...]:
    """1 − (1 − p^j)^k for j = 1 … 15, in units of 2⁻⁶⁴."""
    return tuple(
        round(-expm1(packets * log1p(-(share**count))) * 2**64) if share < 1 else 2**64
        for count in range(1, TIMEOUTS + 1)
    )
