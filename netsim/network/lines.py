"""Many packets at one downlink, over plain buffers of integers, so that whoever has many may compile what is done.

A packet is a *record* of as many fields, of which a downlink reads two: when it comes, and its size.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence
from typing import Protocol

Buffer = MutableSequence[int]

RECORD = 6  # fields of a record; the first is its time, in ns, and
SIZE = 3  # this one its size, in bytes


class Lines(Protocol):
    """The functions of this module, as they are or compiled."""

    @property
    def queued(self) -> Callable[[Buffer, int, int, int, int, Buffer], int]: ...

    @property
    def slotted(self) -> Callable[[Buffer, int, int, int, int, int, int, int, int, Buffer], tuple[int, int]]: ...


def queued(packets: Buffer, count: int, free: int, byte: int, bandwidth: int, ends: Buffer) -> int:
    """One after the other through a line that is free from a time on: when it is free after them, in ns.

    A byte takes `byte` / `bandwidth` ns; a packet's time is rounded up.
    """
    for packet in range(count):
        time = packets[RECORD * packet]
        work = -(-packets[RECORD * packet + SIZE] * byte // bandwidth)
        free = (time if time > free else free) + work
        ends[packet] = free
    return free


def slotted(
    packets: Buffer,
    first: int,
    count: int,
    shift: int,
    slot: int,
    latest: int,
    left: int,
    byte: int,
    through: int,
    ends: Buffer,
) -> tuple[int, int]:
    """Those from the `first` on that go along with the one before them, in the slot `latest`, of which so much is left:
    which is the first that does not, and what is left then.

    Slot k begins at k · `slot` − `shift`. A byte takes `byte` of what is left, and all are through together.
    """
    while first < count:
        work = packets[RECORD * first + SIZE] * byte
        if packets[RECORD * first] + shift > latest * slot or work > left:
            break
        left -= work
        ends[first] = through
        first += 1
    return first, left
