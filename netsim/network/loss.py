"""Packet loss, and what a reliable stream makes of it.

A message is cut into packets of 1448 bytes (Ethernet's 1500 less the headers of IPv4 and of TCP with timestamps). At
each moment a link loses a share p of its packets, independently: its own share, or that of a burst (`bursts.py`), and
what the busy hour adds (`congestion.py`). All packets of a message meet the moment at which it comes to the backbone; a
message of k packets arrives whole with probability (1 − p)^k.

* `datagram`: otherwise it is lost.
* `stream`: what was lost, and only that (selective acknowledgement, RFC 2018), is sent again. The first loss of a
  packet with at least three packets of its message behind it is shown by duplicate acknowledgements: fast retransmit, a
  round trip later (RFC 5681, section 3.2; that the three arrive is taken for granted). A loss among the last three
  packets, or of anything that is sent again, is shown by the retransmission timer alone. The timer starts at the larger
  of 200 ms and twice the flow's round trip, and doubles (RFC 6298, section 5.5) up to 120 s: Linux's TCP_RTO_MIN and
  TCP_RTO_MAX. After 15 timeouts, where Linux would give up (tcp_retries2), the packet is let through.

A message is there when the last of its packets is. With R for the round trip, T(j) for what the first j timeouts add up
to, and l of the k packets among the last three, it comes later

    than T(j)      with probability 1 − (1 − p^(j+1))^k,
    than R + T(j)  with probability 1 − (1 − p^(j+2))^(k − l) · (1 − p^(j+1))^l.

Where p changes with time, p^n stands for the product over a packet's n attempts: what is sent again meets the link as
it then is, so a burst that is over by then does no more harm.
"""

from __future__ import annotations

from functools import lru_cache
from math import expm1, inf, log1p

from netsim.network.bursts import GilbertElliott
from netsim.network.congestion import Strain

PACKET_BYTES = 1448
DUPLICATES = 3  # acknowledgements that show a loss, RFC 5681
SHORTEST_TIMEOUT = 200_000_000
LONGEST_TIMEOUT = 120_000_000_000
TIMEOUTS = 15
MOST_WITH_CONGESTION = 0.99  # share of packets: the busy hour alone never cuts a link off

# When packets are sent again, in the order of time: how many timeouts there were, and whether a fast retransmit before.
_AGAIN = [(timeouts, fast) for timeouts in range(TIMEOUTS + 1) for fast in (False, True)][1:]


def packets_of(size: int) -> int:
    """How many packets a message of `size` bytes is cut into."""
    return -(-size // PACKET_BYTES)


def retransmission_timeout(round_trip: int) -> int:
    """The first timeout of a flow with this round trip, in ns."""
    return max(SHORTEST_TIMEOUT, 2 * round_trip)


class Loss:
    """Loss on one path: the share of packets at any time, and how its flows recover."""

    __slots__ = ("bursts", "in_bursts", "round_trip", "share", "strain", "timeout")

    def __init__(
        self,
        share: float,
        round_trip: int,
        bursts: GilbertElliott | None = None,
        in_bursts: float = 0.0,
        strain: Strain | None = None,
    ) -> None:
        """`share` of 1, `in_bursts` the same during `bursts`; `round_trip` of the path in ns."""
        self.share = share
        self.bursts = bursts
        self.in_bursts = in_bursts
        self.strain = strain
        self.round_trip = round_trip
        self.timeout = retransmission_timeout(round_trip)

    @property
    def never(self) -> bool:
        """Whether nothing is ever lost."""
        extra = 0.0 if self.strain is None else self.strain.most_loss
        return not (self.share or extra or (self.bursts is not None and self.in_bursts))

    @property
    def steady(self) -> bool:
        """Whether the share is the same at all times."""
        return self.bursts is None and self.strain is None

    def share_at(self, time: int) -> float:
        """The share of packets lost at `time` (ns)."""
        share = self.in_bursts if self.bursts is not None and self.bursts.bad(time) else self.share
        return share if self.strain is None else _congested(share, self.strain.loss(time))

    def most_odds(self, size: int) -> int:
        """What `odds` never exceeds: where a draw is no less, there is no need to ask how things are at that time."""
        share = self.share if self.bursts is None else max(self.share, self.in_bursts)
        most = share if self.strain is None else _congested(share, self.strain.most_loss)
        return loss_odds(most, packets_of(size))

    def odds(self, size: int, time: int) -> int:
        """P(a message of `size` bytes that comes to the backbone at `time` loses a packet), in units of 2⁻⁶⁴."""
        return loss_odds(self.share_at(time), packets_of(size))

    def recovery(self, luck: int, size: int, time: int) -> tuple[int, bool]:
        """How many ns it costs a stream that a message lost packets, and whether the timer ran out.

        `luck` is the message's 64-bit draw, below its `odds`.
        """
        packets = packets_of(size)
        last = min(packets, DUPLICATES)
        early = packets - last
        early_lost = last_lost = self.share_at(time)  # P(all attempts of such a packet so far failed)
        delay = 0
        for timeouts, fast in _AGAIN:
            if fast and not early:
                continue
            delay = self.delay(timeouts) + fast * self.round_trip
            share = self.share_at(time + delay)
            if fast:
                early_lost *= share
            else:
                last_lost *= share
            if luck >= _either(early_lost, early, last_lost, last):
                break
        return delay, timeouts > 0

    def delay(self, timeouts: int) -> int:
        """What so many timeouts add up to, in ns."""
        longest = max(LONGEST_TIMEOUT, self.timeout)
        return sum(min(self.timeout << attempt, longest) for attempt in range(timeouts))


def _congested(share: float, more: float) -> float:
    return share if share >= MOST_WITH_CONGESTION else min(share + more, MOST_WITH_CONGESTION)


@lru_cache(maxsize=4096)
def loss_odds(share: float, packets: int) -> int:
    """1 − (1 − p)^k in units of 2⁻⁶⁴."""
    return _either(share, packets, 0.0, 0)


def _either(share: float, packets: int, other_share: float, others: int) -> int:
    """P(any of some packets is lost, or any of some others), in units of 2⁻⁶⁴."""
    return round(-expm1(_whole(share, packets) + _whole(other_share, others)) * 2**64)


def _whole(share: float, packets: int) -> float:
    """The logarithm of P(none of some packets is lost)."""
    if not packets:
        return 0.0
    return packets * log1p(-share) if share < 1 else -inf
