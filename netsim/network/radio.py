"""Radio access slot by slot: 5G New Radio with its TDD patterns, and LTE as a frequency-division cell.

Theory of operation. Time is cut into slots, numbered from 0; a pattern says what each may carry: D data down, S too, U
up, F both ways. All cells of an operator share one phase, drawn from the seed, so that what a packet waits for follows
from when it comes. `processing` is that of the device or of the base station, after reception and before transmission.

    downlink               processing → the next D or S slot → one slot on the air → processing
    uplink, configured     processing → the next U slot → one slot → processing
    uplink, scheduled      processing → a scheduling request in the next U slot → one slot → processing →
                           the grant in the next D or S slot → data in the first U slot at least K2 slots after that
                           one began → one slot → processing

A request is needed only where the uplink's queue is empty, that is, where all that was given to it earlier is on the
air; otherwise the device has asked along with its data. With `request_every`, a device may ask only in the first uplink
slot from each multiple of that time on.

What is sent in one slot is one transport block. Each of its attempts fails with the share `bler`, and the last of
`attempts` is counted as good: beyond it, RLC would repeat the block. Once more,

    downlink               processing → the device's answer in the next U slot → one slot → processing → as above
    uplink                 processing → the grant in the next D or S slot → K2 → the next U slot → as above

How often a block fails is a draw keyed by (seed, direction, node) and the number of the slot that it is first sent in.

Air-time: `bandwidth` is what the cell gives the node, retransmissions not counted. Each allowed slot carries rate ×
period / allowed slots, so over whole periods exactly the rate fits. A message larger than what is left of a slot goes
on in the next; several small ones share a slot, and their fate. A message is through when all its blocks are, and PDCP
delivers in order. In a handover's outage no slot is used, neither for data nor to ask, to grant or to answer.

The rules are a simplification of 3GPP TS 38.321 (HARQ in 5.3.2 and 5.4.2, scheduling requests in 5.4.4) and TS 38.214
(K2 in 6.1.2.1); requests, grants and answers are never lost, and what other devices of the cell send is in `bandwidth`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from math import lcm
from typing import Literal

from netsim.network.conditions import Outages
from netsim.network.draws import draw, key
from netsim.network.lines import RECORD, SIZE, Buffer, Lines
from netsim.network.link import Times
from netsim.scenario.model import Radio

Direction = Literal["up", "down"]

_LETTERS: dict[Direction, str] = {"up": "UF", "down": "DSF"}
_BYTE = 8 * 10**9  # bits × ns per second
_MOST_LEFT = 1 << 62  # of a slot, that is looked at at once
MOST_SLOTS = 4093  # that `latency` looks at, far apart where chances to ask are; a prime, so any place in a pattern


@lru_cache(maxsize=64)
def phase(radio: Radio, seed: int) -> int:
    """How far the operator's pattern is at time 0, in ns."""
    operator = int.from_bytes(blake2b(radio.operator.encode(), digest_size=8).digest(), "little")
    return key(seed, "tdd-phase", operator) % (len(radio.pattern) * radio.slot)


class Slots:
    """Which slots there are, and which of them can be used: slot k begins at k · slot − phase."""

    def __init__(self, radio: Radio, phase: int, outages: Outages | None = None) -> None:
        self.radio = radio
        self.phase = phase
        self._slot = radio.slot
        self._length = len(radio.pattern)
        self._outages = outages
        self._ahead = {direction: _ahead(radio.pattern, letters) for direction, letters in _LETTERS.items()}
        self._pause = -(-radio.processing // radio.slot)  # processing from a boundary on, in slots

    def start(self, slot: int) -> int:
        """When a slot begins, in ns."""
        return slot * self._slot - self.phase

    def at(self, time: int) -> int:
        """The first slot that begins at `time` or later."""
        return -(-(time + self.phase) // self._slot)

    def next(self, direction: Direction, slot: int) -> int:
        """The first slot from `slot` on that can carry data in that direction."""
        ahead, length, outages = self._ahead[direction], self._length, self._outages
        slot += ahead[slot % length]
        if outages is not None:
            while end := outages.over(self.start(slot), self.start(slot + 1)):
                slot = self.at(end)
                slot += ahead[slot % length]
        return slot

    def granted(self, slot: int) -> int:
        """The uplink slot that data are sent in which the base station learns of in (the uplink slot) `slot`."""
        grant = self.next("down", slot + 1 + self._pause)
        return self.next("up", grant + self.radio.grant_slots)

    def asked(self, slot: int) -> int:
        """The first slot from `slot` on in which a device may ask for a grant."""
        slot = self.next("up", slot)
        every = self.radio.request_every
        while every:
            before = slot - 1
            while self._ahead["up"][before % self._length]:
                before -= 1
            chances = slot * self._slot // every
            if before * self._slot // every < chances:
                break
            slot = self.next("up", -(-(chances + 1) * every // self._slot))
        return slot

    def first(self, direction: Direction, slot: int, unasked: bool) -> int:
        """The first slot for data that could be sent from `slot` on; `unasked`: the base station knows of none."""
        if unasked and direction == "up" and self.radio.grant == "scheduled":
            return self.granted(self.asked(slot))
        return self.next(direction, slot)

    def again(self, direction: Direction, slot: int) -> int:
        """The slot in which a block is sent again that failed in `slot`."""
        if direction == "up":
            return self.granted(slot)
        answer = self.next("up", slot + 1 + self._pause)
        return self.next("down", answer + 1 + self._pause)


class Channel:
    """One direction of one node's radio: fills its slots in order."""

    def __init__(
        self, direction: Direction, slots: Slots, bandwidth: int | None, seed: int, node: int, backlog: bytes | None
    ) -> None:
        """`bandwidth` in bit/s, None: a slot holds anything."""
        radio = slots.radio
        self.slots = slots
        self._direction = direction
        self._processing = radio.processing
        allowed = sum(letter in _LETTERS[direction] for letter in radio.pattern)
        self._byte = _BYTE * allowed  # what a byte takes of a slot, and
        self._room = None if bandwidth is None else bandwidth * len(radio.pattern) * radio.slot  # what a slot has
        self._key = key(seed, f"harq-{direction}", node)
        self._odds = _odds(radio)
        slot, left, through = map(int, (backlog or b"-1 0 0").split())
        self._slot = slot  # the latest that data are in, and
        self._left = left  # what is left of it
        self._through = through  # when all of them are through
        self._block = (-1, 0)  # a block that was looked at, and when it is through

    def busy(self, now: int) -> bool:
        """Whether something waits that is not on the air yet."""
        return self.slots.start(self._slot) > now

    def carry(self, slot: int, size: int) -> tuple[int, int]:
        """Put a message into slots from `slot` on: when the first begins, and when the message is through, in ns."""
        if slot > self._slot:
            self._slot = slot
            self._left = self._room or 0
        if self._room is None:
            begun = self._slot
        else:
            work = size * self._byte
            if not self._left:
                self._turn()
            begun = self._slot
            while work > self._left:
                work -= self._left
                self._through = max(self._through, self._received(self._slot))
                self._turn()
            self._left -= work
        self._through = max(self._through, self._received(self._slot))
        return self.slots.start(begun), self._through

    def carry_each(self, slot: int, size: int, copies: int) -> tuple[list[int], list[int]]:
        """`carry` for copies of a message, one after the other, where a slot does not hold anything."""
        begins: list[int] = []
        ends: list[int] = []
        work = size * self._byte
        while copies:
            begun, through = self.carry(slot, size)
            more = min(self._left // work, copies - 1)  # that the slot in which it ends has room for
            self._left -= more * work
            begins += [begun, *[self.slots.start(self._slot)] * more]
            ends += [through] * (1 + more)
            copies -= 1 + more
        return begins, ends

    def enter(self, time: int, size: int) -> int:
        """Put a message that comes at a time into the next slot that it may use: when it is through, in ns."""
        self.carry(self.slots.next(self._direction, self.slots.at(time + self._processing)), size)
        return self._through

    def enter_line(self, lines: Lines, packets: Buffer, count: int, ends: Buffer) -> None:
        """`enter` for records of `lines`, in the order of time. Most go along with the one before."""
        shift, slot, byte = self.slots.phase + self._processing, self.slots.radio.slot, self._byte
        if self._room is None:
            byte = 0
        done = 0
        while done < count:
            if self._block[0] == self._slot:
                given = min(self._left, _MOST_LEFT)
                done, left = lines.slotted(
                    packets, done, count, shift, slot, self._slot, given, byte, self._through, ends
                )
                self._left -= given - left
                if done == count:
                    break
            ends[done] = self.enter(int(packets[RECORD * done]), int(packets[RECORD * done + SIZE]))
            done += 1

    def holds(self, slot: int, size: int) -> bool:
        """Whether so many bytes, put into slots from `slot` on, would all be in one."""
        if self._room is None:
            return True
        left = self._left if slot <= self._slot else self._room
        return size * self._byte <= (left or self._room)

    def backlog(self) -> bytes:
        """What a crash of the node does not change."""
        return b"%d %d %d" % (self._slot, self._left, self._through)

    def _turn(self) -> None:
        self._slot = self.slots.next(self._direction, self._slot + 1)
        self._left = self._room or 0

    def _received(self, slot: int) -> int:
        """When the block first sent in a slot has been received and processed."""
        block, through = self._block
        if block != slot:
            luck = draw(self._key, slot)
            last = slot
            for odds in self._odds:
                if luck >= odds:
                    break
                last = self.slots.again(self._direction, last)
            through = self.slots.start(last + 1) + self._processing
            self._block = slot, through
        return through


class RadioUplink:
    """The sender's half."""

    __slots__ = ("_channel", "_processing", "_slots")

    def __init__(self, slots: Slots, bandwidth: int | None, seed: int, node: int, backlog: bytes | None = None) -> None:
        """`bandwidth` in bit/s, None: a slot holds anything."""
        self._slots = slots
        self._processing = slots.radio.processing
        self._channel = Channel("up", slots, bandwidth, seed, node, backlog)

    def depart(self, now: int, size: int, sequence: int, receivers: Sequence[int]) -> tuple[Times, Times]:
        """See `Uplink.depart`."""
        channel, slots = self._channel, self._slots
        slot = slots.first("up", slots.at(now + self._processing), not channel.busy(now))
        copies = len(receivers)
        if copies == 1 or channel.holds(slot, size * copies):
            return channel.carry(slot, size * copies)
        return channel.carry_each(slot, size, copies)

    def backlog(self) -> bytes:
        """See `Uplink.backlog`."""
        return self._channel.backlog()


class RadioDownlink:
    """The receiver's half."""

    __slots__ = ("_channel",)

    def __init__(self, slots: Slots, bandwidth: int | None, seed: int, node: int) -> None:
        """`bandwidth` in bit/s, None: a slot holds anything."""
        self._channel = Channel("down", slots, bandwidth, seed, node, None)

    def enter(self, time: int, size: int) -> int:
        """See `Downlink.enter`."""
        return self._channel.enter(time, size)

    def enter_line(self, lines: Lines, packets: Buffer, count: int, ends: Buffer) -> None:
        """See `Downlink.enter_line`."""
        self._channel.enter_line(lines, packets, count, ends)


# --- in closed form ---------------------------------------------------------------------------------------------------


def least(radio: Radio) -> int:
    """The least delay of either direction, in ns: the right slot begins at once, and nothing needs to be asked for."""
    return 2 * radio.processing + radio.slot


def mean_alignment(radio: Radio, direction: Direction) -> float:
    """The mean wait for a slot of that direction, in ns, of what comes evenly over the period: Σ g² / (2 P).

    g are the gaps between beginnings of allowed slots, P the period.
    """
    allowed = [place for place, letter in enumerate(radio.pattern) if letter in _LETTERS[direction]]
    length = len(radio.pattern)
    gaps = [after - before for before, after in zip(allowed, [*allowed[1:], allowed[0] + length], strict=True)]
    return sum(gap * gap for gap in gaps) * radio.slot / (2 * length)


@dataclass(frozen=True, slots=True)
class Latency:
    """The delay of a small isolated message that comes at a random moment: a mixture of uniform distributions.

    `parts`: where each begins, in ns, and its share; all are one `slot` wide.
    """

    parts: tuple[tuple[int, float], ...]
    slot: int

    @property
    def mean(self) -> float:
        """In ns."""
        return sum((low + self.slot / 2) * share for low, share in self.parts)

    def quantile(self, share: float) -> float:
        """The delay, in ns, that a share of the messages does not exceed."""
        edges = sorted(
            edge for low, part in self.parts for edge in ((low, part / self.slot), (low + self.slot, -part / self.slot))
        )
        below = density = 0.0
        place = edges[0][0]
        for edge, change in edges:
            more = density * (edge - place)
            if below + more >= share and more:
                return min(place + (share - below) / density, edge)
            below += more
            place = edge
            density += change
        return place


@lru_cache(maxsize=64)
def latency(radio: Radio, direction: Direction) -> Latency:
    """The delay in one direction, without outages."""
    slots = Slots(radio, 0)
    period = len(radio.pattern) * radio.slot
    chances = lcm(period, radio.request_every or period) // radio.slot
    count = min(chances, MOST_SLOTS)
    parts: dict[int, float] = {}
    failing = [1.0, *(odds / 2**64 for odds in _odds(radio)), 0.0]
    for number in range(count):
        slot = number * chances // count
        last = slots.first(direction, slot, unasked=True)
        for more, fewer in pairwise(failing):
            low = slots.start(last + 1 - slot) + 2 * radio.processing
            parts[low] = parts.get(low, 0.0) + (more - fewer) / count
            last = slots.again(direction, last)
    return Latency(tuple(sorted(parts.items())), radio.slot)


@lru_cache(maxsize=64)
def _odds(radio: Radio) -> tuple[int, ...]:
    """P(a block fails at least j times), j = 1 …, in units of 2⁻⁶⁴."""
    odds, share = [], 1.0
    for _ in range(radio.attempts - 1):
        share *= radio.bler
        odds.append(round(share * 2**64))
    return tuple(odds)


@lru_cache(maxsize=128)
def _ahead(pattern: str, letters: str) -> tuple[int, ...]:
    """For each place in a pattern, how many slots to go to the next with one of the letters."""
    length = len(pattern)
    return tuple(
        next(more for more in range(length) if pattern[(place + more) % length] in letters) for place in range(length)
    )
