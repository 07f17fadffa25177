"""Votes that a node is handed together: most of them are only counted, and nothing outside depends on when.

A protocol that counts votes declares how many more of a claim (a type of vote and what it is about) a node may be
handed without any reaction (see `Consensus.unmoved_by`). So many deliveries are *deferred*: each only takes its turn at
the node's CPU, first come, first served, which is arithmetic (Lindley's recursion) and needs no event of its own.
Before anything else happens at the node they are handed over in order, each at the time at which the CPU took it up. So
what is counted, recorded, rejected and told of contradictions is the same, at the same times, as if each had come by
itself. That holds as well for votes that had to wait behind something else, once they are the first in the CPU's queue.

Where every event is handled in its turn and no rule looks at arrivals, such votes need not even pass the heap. They
wait in *boxes* (see `poll`), one for each claim at each node, in the order of their arrivals. Only the first one that
may move the node is an event. Whenever something happens at the node, what has arrived by then leaves the boxes, in
order, through the downlink (where one is simulated) to the CPU; and afterwards the node is asked anew how many it may
be handed.

    box (on its way) ──► downlink ──► CPU ──► handed over

Where the trace holds a row for each delivery, none is deferred.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappush
from typing import TYPE_CHECKING

from netsim.engine.columns import TURN, Kit, Line
from netsim.engine.poll import FIRST, Box, Claim
from netsim.network.lines import RECORD
from netsim.node.bundle import Bundle
from netsim.node.consensus import ANY_NUMBER
from netsim.node.message import Signed
from netsim.node.participant import Participant

if TYPE_CHECKING:
    from netsim.engine.loop import Flight, Node

FAULT, ARRIVAL, WORK = range(3)  # the kinds of event by which it matters what comes first,
VOTE, VOTES = 5, 6  # and what waits for the CPU as an arrival does, but has been put off before: a vote, a line of them

# When the CPU takes it up and when it came to the CPU (ns), who sent it, its number, the message.
Turn = tuple[int, int, int, int, Signed]


class Deferred:
    """The deliveries that one node has put off."""

    __slots__ = (
        "_arrived",
        "_ends",
        "_kit",
        "_made",
        "_node",
        "_numbers",
        "_participant",
        "boxes",
        "handing",
        "left",
        "single",
        "through",
        "turns",
    )

    def __init__(self, node: Node, kit: Kit, arrived: Line) -> None:
        """`arrived`: where what has just arrived is put, of whatever node."""
        self._node = node
        self._kit = kit
        self._participant: Participant | None = None
        self.left: dict[Claim, int] = {}  # by claim: how many more may be put off that are events
        self.boxes: dict[Claim, Box] = {}
        self._numbers: dict[int, Box] = {}  # the same by their numbers
        self._made = 0  # boxes until now
        self._arrived = arrived
        self._ends = kit.new(0)  # of what has just come into the downlink
        self.through = Line(kit, RECORD)  # in the downlink: when they are through, in order
        self.turns = Line(kit, TURN)  # at the CPU, where votes wait in boxes;
        self.single: list[Turn] = []  # at the CPU, where they are events
        self.handing = False

    def begin(self, participant: object) -> None:
        """A new incarnation. A node that misbehaves sees everything at once: who knows what it does."""
        self._participant = participant if isinstance(participant, Participant) else None
        self.left.clear()

    @property
    def busy(self) -> bool:
        """Whether there is something to hand over, or to forget."""
        return self.turns.begin < self.turns.end or bool(self.single or self.left)

    # --- boxes ----------------------------------------------------------------------------------------------------

    def keeps(self, vote: Signed) -> bool:
        """Whether votes like this one may be put off at all."""
        return self._participant is not None and self._participant.keeps(vote)

    def open(self, box: Box) -> None:
        """There are votes on their way for which there was no box."""
        self.boxes[box.poll.claim] = box
        box.number = self._made
        self._made += 1
        self._numbers[box.number] = box
        self._look(box, -1, FAULT)

    def advance(self, time: int, kind: int, sender: int, sequence: int) -> None:
        """An event with this key comes to the node: what comes to the CPU before it takes its turn."""
        line = self._arrived
        if kind == ARRIVAL:
            self._take(line, time, sender, sequence)
        else:
            self._take(line, time if kind == FAULT else time + 1, FIRST, 0)
        node, kit = self._node, self._kit
        end = line.end
        if node.downlink is not None:
            through = self.through
            if end:
                if len(self._ends) < end:
                    self._ends = kit.new(2 * end)
                node.downlink.enter_line(kit, line.fields, end, self._ends)
                through.make_room(end)
                through.end = kit.join(through.fields, through.begin, through.end, line.fields, end, self._ends)
            if through.begin == through.end:
                return
            line = through
            if kind == WORK:
                end = kit.until(line.fields, line.begin, line.end, time, sender, sequence)
            else:
                end = kit.until(line.fields, line.begin, line.end, time if kind < WORK else time + 1, FIRST, 0)
        begin = line.begin
        if begin == end:
            return
        line.begin = end
        if node.queue:
            self._queue(line, begin, end)
        else:
            turns = self.turns
            turns.make_room(end - begin)
            node.free = kit.serve(line.fields, begin, end, node.free, node.verifying, turns.fields, turns.end)
            turns.end += end - begin

    def _take(self, line: Line, time: int, sender: int, number: int) -> None:
        """What arrives before a bound leaves the boxes."""
        line.begin = line.end = 0
        line.make_room(sum([box.pull() for box in self.boxes.values()]))
        count = 0
        for box in self.boxes.values():
            count = box.take(time, sender, number, line.fields, count)
        line.end = count

    def _queue(self, line: Line, begin: int, end: int) -> None:
        """They wait for the CPU behind something else."""
        queue, kit = self._node.queue, self._kit
        first = RECORD * begin
        if queue[-1][1] == VOTES:
            run = queue[-1][2]
        else:
            run = Line(kit, RECORD)
            queue.append((int(line.fields[first]), VOTES, run))
        run.make_room(end - begin)
        run.fields[RECORD * run.end : RECORD * (run.end + end - begin)] = line.fields[first : RECORD * end]
        run.end += end - begin
        for box in self.boxes.values():
            count = kit.among(line.fields, begin, end, box.number)
            box.inside -= count
            box.waiting += count

    def wake(self, box: Box, time: int, sender: int, sequence: int) -> bool:
        """The vote that may move the node has arrived. Whether it comes to the CPU at once: there is no downlink."""
        self.advance(time, ARRIVAL, sender, sequence)
        box.waker = None
        if self._node.downlink is None:
            box.skip()
        else:
            self.advance(time, ARRIVAL, sender, sequence + 1)
        box.left = -1  # to be set anew
        return self._node.downlink is None

    def ask(self, time: int, kind: int) -> None:
        """Something has happened at the node: what may it be handed now without any reaction?"""
        for box in [box for box in self.boxes.values() if box.empty]:
            self._close(box)
        for box in self.boxes.values():
            if not box.late:
                self._look(box, time, kind)

    def _close(self, box: Box) -> None:
        del self.boxes[box.poll.claim], self._numbers[box.number]
        box.close()

    def _look(self, box: Box, time: int, kind: int) -> None:
        """Find out which of these votes is the first that may move the node, and have an event stand for it."""
        assert self._participant is not None
        unmoved = max(self._participant.unmoved_by(box.poll.first), 0)
        left = unmoved - box.inside
        if unmoved >= ANY_NUMBER:
            box.late = True
        elif self._node.queue:
            left = ANY_NUMBER  # what comes now waits behind what waits for the CPU, and is looked at then
        elif left < 0:
            self._look_through(box, time, kind, -left)
            left = ANY_NUMBER  # the box's own come after that
        box.let(left, time)

    def _look_through(self, box: Box, time: int, kind: int, back: int) -> None:
        """The vote that may move the node is in the downlink, so many from the end of the box's own. All that may come
        through with it have to be known: what comes through in one slot comes by its sender's number."""
        node, through = self._node, self.through
        place = self._kit.from_the_end(through.fields, through.begin, through.end, box.number, back)
        at, sender, sequence, _, _, row = through.at(place)
        if time == at and kind >= WORK:
            through.remove(place)
            box.inside -= 1
            heappush(node.heap, (at, WORK, sender, sequence, node.me, (self._alone(at, box, row), 0)))
        elif box.look != at:
            box.look = at
            heappush(node.heap, (at, WORK, FIRST, sequence, node.me, None))

    def _alone(self, at: int, box: Box, row: int) -> Flight:
        """A vote of a box, on its way to this node as an event."""
        flight = self._node.alone(at, box.poll.votes[row][1])
        flight.box, flight.row = box, row
        return flight

    def empty(self) -> None:
        """What is still on its way comes like anything else from now on."""
        node = self._node
        for box in self.boxes.values():
            for at, who, number, vote in box.rest():
                heappush(node.heap, (at, ARRIVAL, who, number, node.me, node.alone(at, vote)))
        for at, who, number, _, name, row in self.through.all():
            vote = self._numbers[name].poll.votes[row][1]
            heappush(node.heap, (at, WORK, who, number, node.me, (node.alone(at, vote), 0)))
        waiting = [*node.queue]
        node.queue.clear()
        for item in waiting:
            if item[1] == VOTES:
                run: Line = item[2]
                for at, who, number, _, name, row in run.all():
                    node.queue.append((at, VOTE, (who, number, self._numbers[name].poll.votes[row][1])))
            else:
                node.queue.append(item)
        self.single += self._spelled_out()
        if self.single:  # they are still to be counted
            assert self._participant is not None
            for claim, box in self.boxes.items():
                self.left[claim] = self._participant.unmoved_by(box.poll.first) - box.inside
        self.through = Line(self._kit, RECORD)
        for box in list(self.boxes.values()):
            self._close(box)

    def _spelled_out(self) -> list[Turn]:
        """The turns of those that were in boxes, which have none any more."""
        turns, self.turns = self.turns, Line(self._kit, TURN)
        spelled = []
        for start, at, name, row in turns.all():
            poll = self._numbers[name].poll
            sender, vote = poll.votes[row]
            spelled.append((start, at, sender, poll.number(row), vote))
        return spelled

    # --- at the CPU -----------------------------------------------------------------------------------------------

    def takes(self, time: int, sender: int, sequence: int, vote: Signed) -> bool:
        """Whether a vote that comes to the CPU, or that came then and is now the first to wait for it, is put off."""
        claim = vote.claim
        assert claim is not None, "it may be put off"
        left = self.left.get(claim)
        if left is None:
            if self._participant is None:
                return False
            left = self._participant.unmoved_by(vote)
        if left <= 0:
            return False
        self.left[claim] = left - 1
        node = self._node
        start = node.free if node.free > time else time
        node.free = start + node.verifying
        self.single.append((start, time, sender, sequence, vote))
        return True

    def draws(self, time: int) -> bool:
        """The CPU is idle: whether the first of those that wait for it are votes that can be put off after all."""
        node = self._node
        if not node.verifying or node.late or not self._may_draw():
            return False
        self.attend(time, in_turn=True)
        return self._draw_boxed() if node.boxed else self._draw_single()

    def _may_draw(self) -> bool:
        """Whether the first that waits is such a vote."""
        if not self._node.queue:
            return False
        _, kind, what = self._node.queue[0]
        return kind in (VOTE, VOTES) or (kind == ARRIVAL and what[2].vote is not None)

    def _draw_single(self) -> bool:
        queue = self._node.queue
        drawn = False
        while self._may_draw():
            ready, kind, what = queue[0]
            sender, sequence = what[:2]
            if not self.takes(ready, sender, sequence, what[2] if kind == VOTE else what[2].vote):
                break
            queue.popleft()
            drawn = True
        return drawn

    def _draw_boxed(self) -> bool:
        """The same where votes wait in boxes."""
        node, kit, turns = self._node, self._kit, self.turns
        queue = node.queue
        known: list[Box] = []
        left: list[int] = []
        drawn = False
        while self._may_draw():
            ready, kind, what = queue[0]
            if kind == VOTES:
                for box in self.boxes.values():
                    if box not in known:
                        known.append(box)
                        left.append(self._lets(box))
                lets = kit.column(
                    [number for box, more in zip(known, left, strict=True) for number in (box.number, more)]
                )
                run: Line = what
                begin = run.begin
                turns.make_room(len(run))
                run.begin, node.free = kit.draw(
                    run.fields, begin, run.end, lets, len(known), node.free, node.verifying, turns.fields, turns.end
                )
                turns.end += run.begin - begin
                drawn = drawn or run.begin > begin
                after = kit.ints(lets, 1, 2 * len(known), 2)
                for box, had, has in zip(known, left, after, strict=True):
                    box.inside += had - has
                    box.waiting -= had - has
                left = after
                if len(run):
                    break
            else:
                sender, sequence = what[:2]
                vote, row = (what[2], -1) if kind == VOTE else (what[2].vote, what[2].row)
                claim = vote.claim
                found = self.boxes.get(claim) or node.box(vote)
                if found is None:
                    break
                if found not in known:
                    known.append(found)
                    left.append(self._lets(found))
                place = known.index(found)
                if left[place] <= 0:
                    break
                left[place] -= 1
                if row < 0 or what[2].box is not found:
                    row = found.poll.note(sender, sequence, vote)
                turns.make_room(1)
                start = max(node.free, ready)
                node.free = start + node.verifying
                turns.fields[TURN * turns.end : TURN * (turns.end + 1)] = kit.column([start, ready, found.number, row])
                turns.end += 1
                found.inside += 1
                drawn = True
            queue.popleft()
        return drawn

    def first(self, run: Line) -> tuple[int, int, int, Signed]:
        """Take out the first that waits for the CPU: when it came, who sent it, its number, the vote."""
        at, sender, number, _, name, row = run.at(run.begin)
        run.begin += 1
        box = self._numbers[name]
        box.waiting -= 1
        return at, sender, number, box.poll.votes[row][1]

    def _lets(self, box: Box) -> int:
        """How many more of these may be put off."""
        assert self._participant is not None
        return self._participant.unmoved_by(box.poll.first) - box.inside

    def waits(self, time: int) -> bool:
        """Whether something is still to be taken up at this very instant, when the CPU's work is done that it waits
        for. So what comes now has to wait as well, though the CPU needs no time for it."""
        last = self._last()
        return last is not None and last[0] == time > last[1]

    def _last(self) -> tuple[int, int] | None:
        """When the CPU takes up the last of what has a turn, and when that came."""
        if self.turns.begin < self.turns.end:
            place = TURN * (self.turns.end - 1)
            return int(self.turns.fields[place]), int(self.turns.fields[place + 1])
        return self.single[-1][:2] if self.single else None

    def attend(self, time: int, in_turn: bool = False) -> None:
        """Something else is about to happen at the node: hand over what its CPU has taken up by now.

        `in_turn`: the CPU takes that up as well, behind all that came to it before.
        """
        turns = self.turns
        if turns.begin < turns.end or self.single:
            # Else, what came while the CPU was busy waits for it; what found it idle did not.
            end = turns.end if in_turn else self._kit.begun(turns.fields, turns.begin, turns.end, time)
            count = len(self.single)
            if not in_turn:
                late = (turn for turn, (start, at, *_) in enumerate(self.single) if start >= time and start != at)
                count = next(late, count)
            self.handing = True
            self._hand_over(end)
            if count:
                handed, self.single = self.single[:count], self.single[count:]
                self._hand_over_single(handed)
            self.handing = False
        if self.left and not self.single:  # else nothing is handled now, and what was said holds for those that wait
            self.left.clear()

    def _hand_over(self, end: int) -> None:
        """What has its turn up to there. No more at a time than the participant has room for."""
        node, turns = self._node, self.turns
        while turns.begin < end:
            begin = turns.begin
            until = min(end, begin + node.room)
            turns.begin = until
            bundles = []
            totals = []
            distinct = True
            for box in self.boxes.values():
                bundle, count, size = box.poll.bundle(turns, begin, until, box.number)
                if count:
                    box.inside -= count
                    totals.append((box.poll.first.tag, count, size))
                    if bundle is None:
                        distinct = False
                    else:
                        bundles.append(bundle)
            node.count(bundles if distinct else [], self._one_by_one(begin, until))
            node.counted(totals)

    def _one_by_one(self, begin: int, end: int) -> Iterator[tuple[int, int, Signed]]:
        """Some turns: when each is taken up, by whom it was sent, the vote."""
        for place in range(begin, end):
            start, _, name, row = self.turns.at(place)
            sender, vote = self._numbers[name].poll.votes[row]
            yield start, sender, vote

    def _hand_over_single(self, turns: list[Turn]) -> None:
        """The same for those that were events."""
        node = self._node
        done = 0
        while done < len(turns):
            some = turns[done : done + node.room]
            done += len(some)
            claims: dict[Claim | None, dict[int, Signed]] = {}
            for _, _, sender, _, vote in some:
                claims.setdefault(vote.claim, {})[sender] = vote
            distinct = sum(map(len, claims.values())) == len(some)
            bundles = [Bundle.of(votes) for votes in claims.values()] if distinct else []
            node.count(bundles, ((start, sender, vote) for start, _, sender, _, vote in some))
            node.counted([(vote.tag, 1, vote.size) for *_, vote in some])

    def resign(self) -> list[Turn]:
        """What is left after `attend`: it waits for the CPU like anything else from now on."""
        left, self.single = self.single + self._spelled_out(), []
        return left

    def refuse(self, what: str) -> None:
        """A node does what its protocol has said it would not do."""
        raise RuntimeError(
            f"a vote that was only to be counted made node {self._node.me} {what}: `unmoved_by` is wrong"
        )
