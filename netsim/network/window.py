"""Slow start and the congestion window: why a large block needs many round trips on a long link.

A message is cut into packets; of a flow's packets at most a window is under way at once. In rounds: a round lasts as
long as a round trip, or as the window takes through the flow's bottleneck where that is longer, and in a round one
window may be sent. What does not fit waits for the next round. When a round has used its window up and lost nothing,
the window doubles (slow start), and from the threshold on it grows by one packet (congestion avoidance, RFC 5681). It
begins with 10 packets (RFC 6928) and is never more than what the receiver accepts.

* A loss that duplicate acknowledgements have shown halves the window; after one that only the timer has shown it is the
  initial one, and the threshold half of what it was (RFC 5681, with the initial window in place of one packet). This
  holds from the flow's next message on.
* A flow that was idle for n retransmission timeouts has its window halved n times, not below the initial one, and its
  threshold raised to three quarters of what the window was (RFC 7661 in Linux's form, tcp_slow_start_after_idle).

It applies only to messages of more than the initial window, on flows with a bottleneck: the least of the sender's
bandwidth up, the link's for each flow, and the receiver's bandwidth down. A link without a limit has nothing that could
be congested. Smaller messages pass at once and leave the window as it is.

With one message, an idle flow and no loss that is the textbook's latency: the time through the bottleneck, and for each
window before the last the time that the sender stands still, max(0, round trip − window / bandwidth) (Kurose and Ross,
"Computer Networking", section on TCP's delay; Heidemann, Obraczka and Touch, "Modeling the performance of HTTP over
several transport protocols", 1997). What is left out: the connection's set-up, delayed acknowledgements, queues that
overflow, and other flows in the same bottleneck.
"""

from __future__ import annotations

from dataclasses import dataclass

from netsim.network.link import serialisation
from netsim.network.loss import PACKET_BYTES, packets_of, retransmission_timeout
from netsim.scenario.model import Choice

INITIAL_PACKETS = 10  # RFC 6928
RECEIVE_BYTES = 4 << 20
_NO_THRESHOLD = 1 << 62
_NEVER = -(1 << 62)
_LEAST_THRESHOLD = 2  # packets, RFC 5681


@dataclass(frozen=True, slots=True)
class SlowStart:
    """What the windows of all flows over one path have in common."""

    round_trip: int  # ns
    rate: int  # bit/s, of the bottleneck
    initial: int  # packets
    most: int  # packets that the receiver accepts
    idle_reset: bool

    @property
    def unhindered(self) -> int:
        """The largest message that passes at once, in bytes."""
        return self.initial * PACKET_BYTES


def slow_start(transport: Choice, rate: int | None, round_trip: int) -> SlowStart | None:
    """What a scenario's transport makes of a path with this bottleneck (bit/s); None where there is no window."""
    options = transport.parameters
    initial = options.get("initial_window", INITIAL_PACKETS)
    if transport.name != "stream" or initial is None or rate is None:
        return None
    most = max(1, options.get("receive_window", RECEIVE_BYTES) // PACKET_BYTES)
    return SlowStart(round_trip, rate, min(initial, most), most, options.get("idle_reset", "yes") == "yes")


class Window:
    """The congestion window of one flow."""

    __slots__ = ("_end", "_lossless", "_path", "_sent", "_threshold", "_used", "packets")

    def __init__(self, path: SlowStart) -> None:
        self.packets = path.initial  # that may be sent in a round
        self._path = path
        self._threshold = _NO_THRESHOLD
        # This round: how many packets of it are used, when it ends, and whether nothing was lost in it so far.
        self._used = 0
        self._end = _NEVER
        self._lossless = True
        self._sent = _NEVER  # when the latest message had been sent

    def wait(self, time: int, size: int) -> int:
        """For how many ns a message is held back that would have left its sender's access whole at `time`.

        To be called in the order of the flow's messages, for those of more than `unhindered` bytes. The message is
        taken to begin as long before `time` as it takes through the bottleneck, but not before the one before it is
        sent.
        """
        rate = self._path.rate
        begin = max(time - serialisation(size, rate), self._sent)
        if begin >= self._end:
            self._resume(begin)
        left, done = packets_of(size), 0  # packets to be sent; bytes that have been since `begin`
        while left > (free := max(0, self.packets - self._used)):
            left -= free
            size -= free * PACKET_BYTES
            done += free * PACKET_BYTES
            self._used = self.packets
            at = begin + serialisation(done, rate)
            if at < self._end:  # the window is used up, and the first acknowledgement is yet to come
                at = begin = self._end
                done = 0
            self._grow()
            self._turn(at)
        self._used += left
        self._sent = begin + serialisation(done + size, rate)
        return self._sent - time

    def lost(self, by_timer: bool) -> None:
        """Packets of the latest message were lost, which duplicate acknowledgements have shown, or only the timer."""
        self._threshold = max(self.packets // 2, _LEAST_THRESHOLD)
        self.packets = min(self.packets, self._path.initial) if by_timer else self._threshold
        self._lossless = False

    def _resume(self, time: int) -> None:
        """Begin a round some time after the last one was over."""
        self._grow()
        initial = self._path.initial
        timeouts = (time - self._sent) // retransmission_timeout(self._path.round_trip)
        if self._path.idle_reset and timeouts and self.packets > initial:
            self._threshold = max(self._threshold, self.packets * 3 // 4)
            self.packets = max(self.packets >> timeouts, initial)
        self._turn(time)

    def _grow(self) -> None:
        """What a round does to the window, if it has used it up and lost nothing."""
        if self._lossless and self._used >= self.packets:
            grown = min(2 * self.packets, self._threshold) if self.packets < self._threshold else self.packets + 1
            self.packets = max(self.packets, min(grown, self._path.most))

    def _turn(self, time: int) -> None:
        """Begin a round."""
        self._used = 0
        self._lossless = True
        self._end = time + max(self._path.round_trip, serialisation(self.packets * PACKET_BYTES, self._path.rate))
