"""Votes on their way to the nodes of one process, without an event for each of them.

All votes of one claim (a type of vote and what it is about) are a *poll*: a row for each vote, with its arrivals at the
nodes. A node that is handed votes together (see `deferred`) has a *box* in it, into which it takes from the rows what
comes to it, in the order of arrival, when something happens at the node. So to send a vote to everybody is to append a
row, and the rest is done for many votes at once, in `columns`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from heapq import heappush
from typing import TYPE_CHECKING

from netsim.engine.columns import BITS, BOUND, INFO, NEVER, Kit, Line
from netsim.network.lines import Buffer
from netsim.node.bundle import Bundle, content
from netsim.node.message import Signed

if TYPE_CHECKING:
    from netsim.engine.loop import Flight, Node

Claim = tuple[int, ...]
ALARM, ARRIVAL = -1, 1  # kinds of event
FIRST = -1  # sorts before every sender
_ENOUGH = 1 << 30  # more votes than there are


class Poll:
    """The votes of one claim. Nodes are known by their place among those of the process."""

    __slots__ = (
        "_absent",
        "_contents",
        "_hit",
        "_nodes",
        "_places",
        "_polls",
        "_rows",
        "_senders",
        "arrivals",
        "bounds",
        "boxes",
        "capacity",
        "claim",
        "first",
        "info",
        "kit",
        "parts",
        "quiet",
        "votes",
    )

    def __init__(
        self,
        kit: Kit,
        polls: dict[Claim, Poll],
        claim: Claim,
        first: Signed,
        nodes: Mapping[int, Node],
        places: Mapping[int, int],
        capacity: int,
    ) -> None:
        """`polls`: where it is kept as long as there is a box. `first`: any of its votes. `places`: of the nodes.

        `capacity`: how many votes it is likely to have at most.
        """
        self.kit = kit
        self.claim = claim
        self.first = first
        self.votes: list[tuple[int, Signed]] = []  # of each row: who sent it, the vote
        self.parts = 0  # of a set of its senders
        self._contents: dict[Hashable, int] = {}  # what they vote for
        self.boxes: list[Box | None] = [None] * len(places)
        # Of each box's event, see `columns.BOUND`; `quiet` is the least of the numbers of rows up to which none of them
        # need be looked at.
        self.bounds = kit.column([NEVER, FIRST, 0, 0, _ENOUGH, _ENOUGH] * len(places))
        self.quiet = _ENOUGH
        self._hit = kit.new(len(places))
        self._nodes = nodes
        self._places = places
        self._absent = {place: node for node, place in places.items()}  # those that have no box
        self._polls = polls
        self._rows: Buffer = kit.new(0)  # where rows are written that were looked for,
        self._senders: Buffer = kit.new(0)  # and who sent them
        self._hold(capacity)
        polls[claim] = self

    def _hold(self, capacity: int) -> None:
        self.capacity = capacity
        self.arrivals: Buffer = self.kit.new(capacity * len(self.boxes))  # ns; node by node
        self.info: Buffer = self.kit.new(capacity * INFO)

    def add(self, times: Buffer, sender: int, number: int, vote: Signed, now: int) -> list[int]:
        """Let a vote wait for its receivers; `times`: its arrivals by place (ns), NEVER where it does not come.

        The places of those that need to see it at once: for them it does not wait. What is done by `now` (ns) is done.
        """
        others = []
        for place, node in list(self._absent.items()):
            if times[place] < NEVER and self.open(node) is None:
                others.append(place)
                times[place] = NEVER
        if len(self._absent) == len(self.boxes):
            self._polls.pop(self.claim, None)
            return others
        count = self.note(sender, number, vote, times) + 1
        if count > self.quiet:
            hits, self.quiet = self.kit.crowd(
                self.arrivals, self.info, self.bounds, len(self.boxes), self.capacity, count, self._hit
            )
            for place in self.kit.ints(self._hit, 0, hits, 1):
                box = self.boxes[place]
                assert box is not None, "others have no limit"
                box.watch(now)
        return others

    def note(self, sender: int, number: int, vote: Signed, times: Buffer | None = None) -> int:
        """Append a row: which one it is. Without `times`, it is on its way to nobody."""
        row = len(self.votes)
        if row == self.capacity:
            self._grow()
        self.arrivals[row :: self.capacity] = [NEVER] * len(self.boxes) if times is None else times
        what = self._contents.setdefault(content(vote), len(self._contents))
        self.info[INFO * row : INFO * row + INFO] = [sender, number, vote.size, what]
        self.parts = max(self.parts, sender // BITS + 1)
        self.votes.append((sender, vote))
        return row

    def _grow(self) -> None:
        rows, arrivals, info = self.capacity, self.arrivals, self.info
        self._hold(2 * rows)
        self.info[: INFO * rows] = info[: INFO * rows]
        for row in range(rows):
            self.arrivals[row :: self.capacity] = arrivals[row::rows]

    def bundle(self, turns: Line, begin: int, end: int, box: int) -> tuple[Bundle | None, int, int]:
        """What is of one box among some turns: None where a sender has more than one; how many, and their bytes."""
        kit, parts = self.kit, self.parts
        if len(self._rows) < end - begin:
            self._rows = kit.new(end - begin)
        if len(self._senders) < parts:
            self._senders = kit.new(parts)
        count, size, alike, distinct = kit.group(
            turns.fields, begin, end, box, self.info, self._rows, self._senders, parts
        )
        if not (count and distinct):
            return None, count, size
        senders = int.from_bytes(bytes(kit.ints(self._senders, 0, parts, 1)), "little")
        return Bundle(senders, alike, self.votes, kit.ints(self._rows, 0, count, 1)), count, size

    def number(self, row: int) -> int:
        """A vote's number."""
        return int(self.info[INFO * row + 1])

    def open(self, me: int) -> Box | None:
        """Make a box for a node, None where it may not be handed such votes together."""
        node = self._nodes[me]
        if not node.deferred.keeps(self.first):
            return None
        place = self._places[me]
        del self._absent[place]
        box = self.boxes[place] = Box(self, place, node)
        node.deferred.open(box)
        return box

    def close(self, box: Box) -> None:
        """A node has done with its box."""
        self.boxes[box.place] = None
        self._absent[box.place] = box.node.me
        if len(self._absent) == len(self.boxes):
            self._polls.pop(self.claim, None)


class Box:
    """The votes of a poll on their way to one node.

    If there are more than `left`, an event stands for the first that may move the node: its own arrival, the *waker*.
    But as long as more votes come into the box, that may be another one each time. So at first the event is an *alarm*,
    at the time of a vote some ranks earlier: so many more may come in, and arrive before it, until it has to be set
    anew. When it is due, it is seen anew what is known by then.
    """

    __slots__ = (
        "_alarm",
        "_base",
        "_begin",
        "_end",
        "_order",
        "_seen",
        "inside",
        "late",
        "left",
        "look",
        "node",
        "number",
        "place",
        "poll",
        "waiting",
        "waker",
    )

    def __init__(self, poll: Poll, place: int, node: Node) -> None:
        self.poll = poll
        self.place = place
        self.node = node
        self.number = -1  # by which the node knows it
        self.left = -1  # how many of those in the box the node may be handed without any reaction
        self.waker: Flight | None = None
        self.inside = 0  # those that have left it for the downlink and the CPU, and have not been handed over
        self.waiting = 0  # those that have left it and wait for the CPU behind something else
        self.late = False  # nothing that may still come moves the node
        self.look = -1  # the time of the event that looks at what is through the downlink
        self._order = poll.kit.new(poll.capacity)  # the rows in it by their arrival,
        self._begin = self._end = 0  # from here to there
        self._seen = len(poll.votes)  # rows from which it has what is its own
        self._alarm = NEVER  # when it is due, if there is one

    def __lt__(self, other: Box) -> bool:
        """Of two alarms of one node at one time either may be the first."""
        return False

    @property
    def empty(self) -> bool:
        """Whether nothing of it is anywhere."""
        return not (self.inside or self.waiting or self._begin < self._end or self._seen < len(self.poll.votes))

    def pull(self) -> int:
        """Take what has been sent since: how many are in it."""
        poll = self.poll
        rows = len(poll.votes)
        if self._seen < rows:
            if len(self._order) < poll.capacity:
                order = poll.kit.new(poll.capacity)
                order[: self._end] = self._order[: self._end]
                self._order = order
            self._end = poll.kit.pull(
                poll.arrivals,
                poll.info,
                self._order,
                self.place * poll.capacity,
                self._begin,
                self._end,
                self._seen,
                rows,
            )
            self._seen = rows
        return self._end - self._begin

    def watch(self, now: int) -> None:
        """Have an event stand for the first vote that may move the node. An alarm is due later than `now` (ns)."""
        held = self.pull()
        poll, left, node = self.poll, self.left, self.node
        self.waker = None
        if held <= left:
            self._expect(NEVER, FIRST, 0, left - held)
            return
        base = self.place * poll.capacity
        most = max(len(node.validators) - 1 - held, 0)
        spare, time, row = poll.kit.look(poll.arrivals, self._order, base, self._begin, self._end, left, now, most)
        if spare:
            heappush(node.heap, (time, ALARM, node.me, 0, node.me, self))
            self._expect(time, FIRST, 0, spare)
            self._alarm = time
        else:
            sender, vote = poll.votes[row]
            number = poll.number(row)
            self.waker = waker = node.alone(time, vote)
            waker.box, waker.row = self, row
            heappush(node.heap, (time, ARRIVAL, sender, number, node.me, waker))
            self._expect(time, sender, number, 0)

    def _expect(self, time: int, sender: int, number: int, spare: int) -> None:
        """The event stands there, and so many more may come to this node before it until it has to be set anew."""
        poll = self.poll
        bounds, at, rows = poll.bounds, BOUND * self.place, len(poll.votes)
        limit = rows + spare
        bounds[at] = time
        bounds[at + 1] = sender
        bounds[at + 2] = number
        bounds[at + 3] = rows
        bounds[at + 4] = spare
        bounds[at + 5] = limit
        self._alarm = NEVER
        if limit < poll.quiet:
            poll.quiet = limit

    def ring(self, time: int) -> None:
        """The alarm is due, if it still stands."""
        if self._alarm == time:
            self.watch(time)

    def let(self, left: int, now: int) -> None:
        """The node may be handed so many without any reaction."""
        if left != self.left:
            self.left = left
            self.watch(now)

    def take(self, time: int, sender: int, number: int, records: Buffer, count: int) -> int:
        """What arrives before the bound leaves the box for the `count` records: how many there are then.

        Nothing that may move the node does, but as its own event.
        """
        poll = self.poll
        self._begin, after = poll.kit.take(
            poll.arrivals,
            poll.info,
            self._order,
            self.place * poll.capacity,
            self._begin,
            self._end,
            time,
            sender,
            number,
            self.number,
            records,
            count,
        )
        self.inside += after - count
        self.left -= after - count
        return after

    def skip(self) -> None:
        """The first leaves it as an event."""
        self._begin += 1

    def rest(self) -> list[tuple[int, int, int, Signed]]:
        """Those in it: when each comes, its sender, its number, the vote."""
        self.pull()
        poll = self.poll
        times = poll.kit.ints(poll.arrivals, self.place * poll.capacity, (self.place + 1) * poll.capacity, 1)
        rows = poll.kit.ints(self._order, self._begin, self._end, 1)
        return [(times[row], poll.votes[row][0], poll.number(row), poll.votes[row][1]) for row in rows]

    def close(self) -> None:
        """The node has done with it: no event stands for it any more."""
        self.waker = None
        self._expect(NEVER, FIRST, 0, _ENOUGH)
        self.poll.close(self)
