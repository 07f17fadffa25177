"""Votes on their way to the nodes of one process, without an event for each of them.

All votes of one claim (a type of vote and what it is about) are a *poll*: a row for each vote, with its arrivals at the
nodes. A node that is handed votes together (see `deferred`) has a *box* in it, into which it takes from the rows what
comes to it, in the order of arrival, when something happens at the node. So to send a vote to everybody is to append a
row, and the rest is done for many votes at once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from heapq import heappush
from typing import TYPE_CHECKING

from netsim.node.message import Signed

if TYPE_CHECKING:
    from netsim.engine.loop import Flight, Node

Claim = tuple[int, ...]
ALARM, ARRIVAL = -1, 1  # kinds of event
NEVER = 1 << 62  # ns: later than everything
_ENOUGH = 1 << 30  # more votes than there are

# When it comes to the next place (ns), who sent it, its number, the message, its box.
Coming = list[tuple[int, int, int, Signed, "Box"]]


class Poll:
    """The votes of one claim. Nodes are known by their place among those of the process."""

    __slots__ = ("_absent", "_nodes", "_places", "_polls", "boxes", "claim", "dues", "first", "limits", "quiet", "rows")

    def __init__(
        self,
        polls: dict[Claim, Poll],
        claim: Claim,
        first: Signed,
        nodes: Mapping[int, Node],
        places: Mapping[int, int],
    ) -> None:
        """`polls`: where it is kept as long as there is a box. `first`: any of its votes. `places`: of the nodes."""
        self.claim = claim
        self.first = first
        self.rows: list[tuple[list[int], int, int, Signed]] = []  # arrivals by place (ns), sender, number, vote
        self.boxes: list[Box | None] = [None] * len(places)
        # Of each box: the time of the event that stands for it, and how many rows there may be until it matters what
        # comes before that; `quiet` is the least of these.
        self.dues = [NEVER] * len(places)
        self.limits = [_ENOUGH] * len(places)
        self.quiet = _ENOUGH
        self._nodes = nodes
        self._places = places
        self._absent = {place: node for node, place in places.items()}  # those that have no box
        self._polls = polls
        polls[claim] = self

    def add(self, times: list[int], sender: int, number: int, vote: Signed, now: int) -> list[int]:
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
        self.rows.append((times, sender, number, vote))
        count = len(self.rows)
        if count > self.quiet:
            limits = self.limits
            hit = [place for place, (time, due) in enumerate(zip(times, self.dues, strict=True)) if time <= due]
            for place in hit:
                if limits[place] < count:
                    box = self.boxes[place]
                    assert box is not None, "others have no limit"
                    box.settle(now)
            self.quiet = min(limits)
        return others

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
        place = box.place
        self.boxes[place] = None
        self.dues[place], self.limits[place] = NEVER, _ENOUGH
        self._absent[place] = box.node.me
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
        "_bound",
        "_seen",
        "_since",
        "_spare",
        "inside",
        "late",
        "left",
        "look",
        "node",
        "place",
        "poll",
        "votes",
        "waker",
    )

    def __init__(self, poll: Poll, place: int, node: Node) -> None:
        self.poll = poll
        self.place = place
        self.node = node
        self.votes: Coming = []  # in order
        self.left = -1  # how many of those in the box the node may be handed without any reaction
        self.waker: Flight | None = None
        self.inside = 0  # those that have left it, and have not been handed over
        self.late = False  # nothing that may still come moves the node
        self.look = -1  # the time of the event that looks at what is through the downlink
        self._bound: tuple[int, ...] = (NEVER,)  # when the alarm is due, or the waker, by its key
        self._seen = len(poll.rows)  # rows from which it has what is its own
        self._since = self._seen  # when the event was last thought over there were so many, and
        self._spare = -1  # so many more may come to this node before the event until it has to be set anew

    def __lt__(self, other: Box) -> bool:
        """Of two alarms of one node at one time either may be the first."""
        return False

    @property
    def empty(self) -> bool:
        """Whether nothing of it is anywhere."""
        return not (self.inside or self.votes or self._seen < len(self.poll.rows))

    def pull(self) -> None:
        """Take what has been sent since."""
        rows = self.poll.rows
        if self._seen < len(rows):
            place = self.place
            self.votes += [
                (time, sender, number, vote, self)
                for times, sender, number, vote in rows[self._seen :]
                if (time := times[place]) < NEVER
            ]
            self._seen = len(rows)
            self.votes.sort()

    def watch(self, now: int) -> None:
        """Have an event stand for the first vote that may move the node. An alarm is due later than `now` (ns)."""
        self.pull()
        votes, left, node = self.votes, self.left, self.node
        self.waker = None
        if len(votes) <= left:
            self._expect((NEVER,), left - len(votes))
            return
        come = bisect_left(votes, (now,))
        spare = min((left - come) // 2, max(len(node.validators) - 1 - len(votes), 0))
        time = votes[left - spare][0]
        if spare > 0 and time > now:
            heappush(node.heap, (time, ALARM, node.me, 0, node.me, self))
            self._expect((time,), spare)
        else:
            time, sender, number, vote, _ = votes[left]
            self.waker = waker = node.alone(time, vote)
            waker.box = self
            heappush(node.heap, (time, ARRIVAL, sender, number, node.me, waker))
            self._expect((time, sender, number), 0)

    def settle(self, now: int) -> None:
        """So much may have come in that the event has to be set anew."""
        bound, place = self._bound, self.place
        rows = self.poll.rows[self._since :]
        spare = self._spare - sum([(times[place], sender, number) < bound for times, sender, number, _ in rows])
        if spare < 0:
            self.watch(now)
        else:
            self._expect(bound, spare)

    def _expect(self, bound: tuple[int, ...], spare: int) -> None:
        poll = self.poll
        self._bound = bound
        self._since = len(poll.rows)
        self._spare = spare
        poll.dues[self.place] = bound[0]
        poll.limits[self.place] = limit = self._since + spare
        if limit < poll.quiet:
            poll.quiet = limit

    def ring(self, time: int) -> None:
        """The alarm is due, if it still stands."""
        if self._bound == (time,):
            self.watch(time)

    def let(self, left: int, now: int) -> None:
        """The node may be handed so many without any reaction."""
        if left != self.left:
            self.left = left
            self.watch(now)

    def taken(self, bound: tuple[int, ...]) -> Coming:
        """What arrives before the bound leaves the box. Nothing that may move the node does, but as its own event."""
        self.pull()
        votes = self.votes
        end = bisect_left(votes, bound)  # nothing is compared beyond the number
        arrived = votes[:end]
        del votes[:end]
        self.inside += end
        self.left -= end
        return arrived

    def close(self) -> None:
        """The node has done with it: no event stands for it any more."""
        self.waker, self._bound = None, (NEVER,)
        self.poll.close(self)
