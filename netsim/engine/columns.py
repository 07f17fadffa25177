"""Votes in columns: what is done with many of them at once, over plain buffers of 64-bit integers.

Every function here is ordinary Python over anything that holds integers. Where many validators vote, the buffers are
numpy's and the functions are compiled (numba), which is some dozen times faster; where few do, they are lists, and
nothing is compiled: to load what has been compiled takes about a second. Both do the same.

A vote is a *row* of its poll: `info` has what is known of each row, `arrivals` when it comes to one node after the
other (`base` is where the node's begin), `order` a node's rows as they arrive. What has left a box is a *record* in a
line: time, sender, number, size, the box's number, the row; and so it goes through the downlink (`network.lines`). What
is at the CPU is a *turn*: when it is taken up and when it came, the box's number, the row.

Two votes come in the order of (time, sender, number). A bound is such a triple; a sender of -1 comes before all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from netsim.network.lines import RECORD, Buffer, queued, slotted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEVER = 1 << 62  # ns: later than everything
TURN = 4  # of a turn: taken up, came, box, row
INFO = 4  # of a row: sender, number, size, which of the poll's contents it has
BITS = 8  # of a set of nodes that are kept in one integer
BOUND = 6  # of a box's bound: time, sender, number, rows when it was set, how many more are spare, up to which row
_MANY = 150_000  # votes from which on it pays to compile


def pull(arrivals: Buffer, info: Buffer, order: Buffer, base: int, begin: int, end: int, seen: int, rows: int) -> int:
    """Put the rows from `seen` up to `rows` that come to a node where they belong in its order: where that ends now."""
    for row in range(seen, rows):
        time = arrivals[base + row]
        if time >= NEVER:
            continue
        sender, number = info[INFO * row], info[INFO * row + 1]
        place = end
        while place > begin:
            other = order[place - 1]
            at = arrivals[base + other]
            if at < time:
                break
            if at == time:
                who = info[INFO * other]
                if who < sender or (who == sender and info[INFO * other + 1] < number):
                    break
            order[place] = other
            place -= 1
        order[place] = row
        end += 1
    return end


def take(
    arrivals: Buffer,
    info: Buffer,
    order: Buffer,
    base: int,
    begin: int,
    end: int,
    time: int,
    sender: int,
    number: int,
    box: int,
    records: Buffer,
    count: int,
) -> tuple[int, int]:
    """Merge what comes before a bound into `count` records, in order: where the box begins now, and how many."""
    while begin < end:
        row = order[begin]
        at, who, which = arrivals[base + row], info[INFO * row], info[INFO * row + 1]
        if at > time or (at == time and (who > sender or (who == sender and which >= number))):
            break
        place = RECORD * count
        while place > 0:
            before = records[place - RECORD]
            if before < at:
                break
            if before == at:
                other = records[place - RECORD + 1]
                if other < who or (other == who and records[place - RECORD + 2] < which):
                    break
            for field in range(RECORD):
                records[place + field] = records[place - RECORD + field]
            place -= RECORD
        records[place] = at
        records[place + 1] = who
        records[place + 2] = which
        records[place + 3] = info[INFO * row + 2]
        records[place + 4] = box
        records[place + 5] = row
        count += 1
        begin += 1
    return begin, count


def join(line: Buffer, begin: int, end: int, records: Buffer, count: int, times: Buffer) -> int:
    """Let records join a line, each at another time than its own; these never go back. Where the line ends now."""
    for record in range(count):
        source = RECORD * record
        time, sender, number = times[record], records[source + 1], records[source + 2]
        place = RECORD * end
        while place > RECORD * begin:
            before = line[place - RECORD]
            if before < time:
                break
            if before == time:
                other = line[place - RECORD + 1]
                if other < sender or (other == sender and line[place - RECORD + 2] < number):
                    break
            for field in range(RECORD):
                line[place + field] = line[place - RECORD + field]
            place -= RECORD
        line[place] = time
        for field in range(1, RECORD):
            line[place + field] = records[source + field]
        end += 1
    return end


def until(line: Buffer, begin: int, end: int, time: int, sender: int, number: int) -> int:
    """The first record of a line that does not come before a bound, or the line's end."""
    while begin < end:
        at, who = line[RECORD * begin], line[RECORD * begin + 1]
        if at > time or (at == time and (who > sender or (who == sender and line[RECORD * begin + 2] >= number))):
            break
        begin += 1
    return begin


def serve(line: Buffer, begin: int, end: int, free: int, cost: int, turns: Buffer, count: int) -> int:
    """Give each of these records its turn at a CPU that is free from a time on: when it is free after them."""
    for record in range(begin, end):
        source, place = RECORD * record, TURN * (count + record - begin)
        at = line[source]
        start = at if at > free else free
        free = start + cost
        turns[place] = start
        turns[place + 1] = at
        turns[place + 2] = line[source + 4]
        turns[place + 3] = line[source + 5]
    return free


def draw(
    line: Buffer, begin: int, end: int, boxes: Buffer, known: int, free: int, cost: int, turns: Buffer, count: int
) -> tuple[int, int]:
    """`serve` as long as each one's box lets it: `boxes` has their numbers and how many more each lets, and is changed.

    Where the line begins now, and when the CPU is free.
    """
    while begin < end:
        source = RECORD * begin
        which = 0
        while boxes[2 * which] != line[source + 4]:
            which += 1
        if boxes[2 * which + 1] <= 0:
            break
        boxes[2 * which + 1] -= 1
        at = line[source]
        start = at if at > free else free
        free = start + cost
        turns[TURN * count] = start
        turns[TURN * count + 1] = at
        turns[TURN * count + 2] = line[source + 4]
        turns[TURN * count + 3] = line[source + 5]
        count += 1
        begin += 1
    return begin, free


def begun(turns: Buffer, begin: int, end: int, time: int) -> int:
    """Up to where a CPU has begun with what has its turn: what came while it was busy and is due now, it has not."""
    while begin < end and (turns[TURN * begin] < time or turns[TURN * begin] == turns[TURN * begin + 1]):
        begin += 1
    return begin


def group(
    turns: Buffer, begin: int, end: int, box: int, info: Buffer, rows: Buffer, senders: Buffer, parts: int
) -> tuple[int, int, bool, bool]:
    """The rows of one box among some turns, in order, and the set of their senders, in so many parts.

    How many they are, how many bytes together, whether all have one content, and whether no two are of one sender.
    """
    count = size = content = 0
    alike = distinct = True
    for part in range(parts):
        senders[part] = 0
    for turn in range(begin, end):
        if turns[TURN * turn + 2] == box:
            row = turns[TURN * turn + 3]
            rows[count] = row
            size += info[INFO * row + 2]
            if count == 0:
                content = info[INFO * row + 3]
            elif content != info[INFO * row + 3]:
                alike = False
            part, bit = info[INFO * row] // BITS, 1 << info[INFO * row] % BITS
            if senders[part] & bit:
                distinct = False
            senders[part] |= bit
            count += 1
    return count, size, alike, distinct


def among(line: Buffer, begin: int, end: int, box: int) -> int:
    """How many of some records are of one box."""
    count = 0
    for record in range(begin, end):
        if line[RECORD * record + 4] == box:
            count += 1
    return count


def from_the_end(line: Buffer, begin: int, end: int, box: int, number: int) -> int:
    """The `number`-th last of the records of one box, which are so many at least."""
    place = end
    while number:
        place -= 1
        if line[RECORD * place + 4] == box:
            number -= 1
    return place


def look(
    arrivals: Buffer, order: Buffer, base: int, begin: int, end: int, left: int, now: int, most: int
) -> tuple[int, int, int]:
    """What stands for the first vote that may move a node, which has `left` before it: how many ranks earlier it is, at
    what time, and its row. No more than `most` may still come in. If it is earlier at all, it is later than `now`."""
    low, high = begin, end
    while low < high:
        middle = (low + high) // 2
        if arrivals[base + order[middle]] < now:
            low = middle + 1
        else:
            high = middle
    spare = max(min((left - (low - begin)) // 2, most), 0)
    row = order[begin + left - spare]
    time = arrivals[base + row]
    if spare and time <= now:
        spare = 0
        row = order[begin + left]
        time = arrivals[base + row]
    return spare, time, row


def crowd(
    arrivals: Buffer, info: Buffer, bounds: Buffer, places: int, capacity: int, rows: int, hit: Buffer
) -> tuple[int, int]:
    """Count anew, at the places whose limit has been passed, what has come in before their bound: how many `hit` have
    no more to spare, and the least limit of the others."""
    hits = 0
    quiet = NEVER
    for place in range(places):
        at = BOUND * place
        if bounds[at + 5] < rows:
            time, sender, number = bounds[at], bounds[at + 1], bounds[at + 2]
            spare = bounds[at + 4]
            for row in range(bounds[at + 3], rows):
                come = arrivals[place * capacity + row]
                if come < time or (
                    come == time
                    and (info[INFO * row] < sender or (info[INFO * row] == sender and info[INFO * row + 1] < number))
                ):
                    spare -= 1
            if spare < 0:
                hit[hits] = place
                hits += 1
                continue
            bounds[at + 3] = rows
            bounds[at + 4] = spare
            bounds[at + 5] = rows + spare
        if bounds[at + 5] < quiet:
            quiet = bounds[at + 5]
    return hits, quiet


@dataclass(frozen=True, slots=True)
class Kit:
    """These functions, and the buffers that they work on."""

    new: Callable[[int], Buffer]  # so many integers, of any value
    column: Callable[[list[int] | NDArray[np.int64]], Buffer]  # of these
    ints: Callable[[Buffer, int, int, int], list[int]]  # from, up to, every so many
    pull: Callable[[Buffer, Buffer, Buffer, int, int, int, int, int], int]
    take: Callable[[Buffer, Buffer, Buffer, int, int, int, int, int, int, int, Buffer, int], tuple[int, int]]
    join: Callable[[Buffer, int, int, Buffer, int, Buffer], int]
    until: Callable[[Buffer, int, int, int, int, int], int]
    serve: Callable[[Buffer, int, int, int, int, Buffer, int], int]
    draw: Callable[[Buffer, int, int, Buffer, int, int, int, Buffer, int], tuple[int, int]]
    begun: Callable[[Buffer, int, int, int], int]
    group: Callable[[Buffer, int, int, int, Buffer, Buffer, Buffer, int], tuple[int, int, bool, bool]]
    among: Callable[[Buffer, int, int, int], int]
    from_the_end: Callable[[Buffer, int, int, int, int], int]
    look: Callable[[Buffer, Buffer, int, int, int, int, int, int], tuple[int, int, int]]
    crowd: Callable[[Buffer, Buffer, Buffer, int, int, int, Buffer], tuple[int, int]]
    queued: Callable[[Buffer, int, int, int, int, Buffer], int]
    slotted: Callable[[Buffer, int, int, int, int, int, int, int, int, Buffer], tuple[int, int]]


_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    pull,
    take,
    join,
    until,
    serve,
    draw,
    begun,
    group,
    among,
    from_the_end,
    look,
    crowd,
    queued,
    slotted,
)


def kit(votes: int) -> Kit:
    """What suits so many votes, each counted once for each of its receivers."""
    return compiled() if votes >= _MANY and find_spec("numba") is not None else plain()


@cache
def plain() -> Kit:
    """Lists, and the functions as they stand here."""
    return Kit(
        lambda count: [0] * count,
        lambda values: values if isinstance(values, list) else values.tolist(),
        lambda buffer, first, end, step: cast("list[int]", buffer[first:end:step]),
        *_FUNCTIONS,
    )


@cache
def compiled() -> Kit:
    """Numpy's arrays, and machine code: made once on a machine, and kept beside this file or in the user's cache."""
    import numpy as np
    from numba import int64, njit

    def machine_code(function: Callable[..., Any]) -> Any:
        takes = [kind for name, kind in function.__annotations__.items() if name != "return"]
        signature = tuple(int64 if kind == "int" else int64[::1] for kind in takes)
        try:
            return njit(signature, cache=True)(function)
        except RuntimeError:  # nowhere to keep it
            return njit(signature)(function)

    def column(values: list[int] | NDArray[np.int64]) -> Buffer:
        return cast(Buffer, np.asarray(values, np.int64))

    def ints(buffer: Any, first: int, end: int, step: int) -> list[int]:
        found: list[int] = buffer[first:end:step].tolist()
        return found

    return Kit(lambda count: cast(Buffer, np.empty(count, np.int64)), column, ints, *map(machine_code, _FUNCTIONS))


class Line:
    """Records or turns, one after the other: those from `begin` to `end` are there."""

    __slots__ = ("_fields", "_kit", "begin", "end", "fields")

    def __init__(self, kit: Kit, fields: int) -> None:
        self.fields: Buffer = kit.new(0)
        self.begin = 0
        self.end = 0
        self._kit = kit
        self._fields = fields

    def __len__(self) -> int:
        return self.end - self.begin

    def make_room(self, more: int) -> None:
        """For so many more behind its end."""
        if self.begin == self.end:
            self.begin = self.end = 0
        if len(self.fields) < (self.end + more) * self._fields:
            first, last = self.begin * self._fields, self.end * self._fields
            fields = self._kit.new(2 * (last - first + more * self._fields))
            fields[: last - first] = self.fields[first:last]
            self.fields = fields
            self.begin, self.end = 0, self.end - self.begin

    def at(self, place: int) -> list[int]:
        """The fields of one."""
        return self._kit.ints(self.fields, place * self._fields, (place + 1) * self._fields, 1)

    def all(self) -> list[list[int]]:
        """The fields of each."""
        return [self.at(place) for place in range(self.begin, self.end)]

    def remove(self, place: int) -> None:
        """One of them is no longer there."""
        first, last = place * self._fields, self.end * self._fields
        self.fields[first : last - self._fields] = self.fields[first + self._fields : last]
        self.end -= 1
