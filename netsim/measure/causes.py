"""Why a block took that long: the critical path of its finality, walked back along causes.

A block becomes final at a node while that node handles something: a message, a timer, transactions. A message was sent
while its sender handled something, and so on, back to the handling in which the block was proposed. That chain is the
*critical path* (Yang and Miller, "Critical path analysis for the execution of parallel and distributed programs", ICDCS
1988): had any of its messages come earlier, the next would have been sent earlier. It is read from a trace of level
`full`, where each row names the event of its own node that made it happen, and messages join the nodes.

The path is cut at the proposal, and its parts sum up to the time from proposal to finality, to the nanosecond.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from netsim.measure.blocks import Blocks, join
from netsim.measure.events import BLOCK, CAUSE, DETAIL, HEIGHT, KIND, MESSAGE, NODE, PEER, ROUND, TIME, Events
from netsim.trace import PARTS, TAG_BITS, Trace, unpack_message_id

if TYPE_CHECKING:
    from numpy.typing import NDArray

Milestone = Literal["first", "quorum", "all"]

COMPUTE, WAIT = "compute", "wait"
CAUSES = (*PARTS, COMPUTE, WAIT)  # what a path is made of: parts of a message's way, work, and idle waiting
# What each of them is, for people.
MEANING: Mapping[str, str] = {
    "uplink": "waiting for the sender's uplink",
    "access-up": "the sender's air or access line",
    "backbone": "the backbone between the sites",
    "retransmit": "packets lost and sent again, or held back by the congestion window",
    "access-down": "the receiver's air or access line",
    "order": "waiting for earlier messages of the same stream",
    "downlink": "waiting for the receiver's downlink",
    "cpu-wait": "waiting for the receiver's CPU",
    COMPUTE: "computing: signatures and transactions",
    WAIT: "waiting for a timer, for transactions, or to be up again",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of a critical path: a message on its way from `source` to `node`, or what happened at `node` itself.

    `what` is the message's type, or the kind of row that the work led to, or what was waited for. `parts` are in ns, in
    the order in which they happen, and sum up to `end_ns` − `begin_ns`.
    """

    what: str
    source: int | None
    node: int
    begin_ns: int
    end_ns: int
    parts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """Why a block was final at a node when it was. The steps follow each other without a gap.

    `rank`: of the messages of the last one's type that are about the same, how many the node had taken up with it; 0
    where it needed none. A rank of 8 among votes says that it was the eighth vote of others.
    """

    block: int
    height: int
    node: int
    proposed_ns: int
    final_ns: int
    steps: tuple[Step, ...]
    rank: int = 0

    @property
    def last_message(self) -> Step | None:
        """The message that made the block final, None where the node needed none."""
        return next((step for step in reversed(self.steps) if step.source is not None), None)

    def parts(self) -> dict[str, int]:
        """The whole time by causes, in ns."""
        total: dict[str, int] = {}
        for step in self.steps:
            for part, elapsed in step.parts.items():
                total[part] = total.get(part, 0) + elapsed
        return total


class Causes:
    """The critical paths of a run."""

    def __init__(self, trace: Trace) -> None:
        """Raises ValueError for a trace that does not say what caused what."""
        if trace.header.level != "full":
            raise ValueError(f"its trace is of level {trace.header.level}: what caused what is only in level full")
        self.header = trace.header
        self.events = Events(trace)
        self.blocks: Blocks = join(self.events)
        self._hops = trace.hops
        if (np.diff(self._hops[:, 1]) < 0).any():
            self._hops = self._hops[np.argsort(self._hops[:, 1], kind="stable")]
        # What has been looked for already: of large traces only a little is needed, and sorting all would take longest.
        self._found: dict[str, tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]] = {}
        self._sends: dict[int, tuple[NDArray[np.int64], NDArray[np.intp]]] = {}
        self._received: dict[int, NDArray[np.int64]] = {}

    def places(self, which: str | None = None) -> Sequence[int]:
        """The places in `blocks` of those blocks that are measured and final; or of those that `which` names.

        A name is a height, or the beginning of a block's id in hexadecimal digits. Raises ValueError where no final
        block has it.
        """
        final = np.flatnonzero(self.blocks.final)
        if which is None:
            return [int(place) for place in final if self.blocks.timed[place]]
        if which.isdecimal():
            named = [int(place) for place in final if self.blocks.heights[place] == int(which)]
        else:
            named = [int(place) for place in final if name(int(self.blocks.ids[place])).startswith(which.lower())]
        if not named:
            raise ValueError(f"no block that is final at a quorum is called {which}")
        return named

    def path(self, place: int, milestone: Milestone = "quorum") -> CriticalPath | None:
        """Why the block at a place was final at the first, the quorum-th or the last validator when it was.

        None where that did not happen. Raises LookupError where the trace is cut short and lacks a part of it.
        """
        blocks, made = self.blocks, self.blocks.finalisations
        reached = {"first": blocks.first_ns, "quorum": blocks.quorum_ns, "all": blocks.all_ns}
        at_ns = int(reached[milestone][place])
        counted = (made.block == place) & (made.time_ns == at_ns) & self.events.correct_validator[made.node]
        nodes = made.node[counted]
        if not len(nodes):
            return None
        block, height, proposed = (int(column[place]) for column in (blocks.ids, blocks.heights, blocks.proposed_ns))
        node = int(nodes[0])
        proposal = self._row("propose", int(blocks.proposers[place]), block)
        final = self._row("finalise", node, block)
        steps = tuple(_since(proposed, reversed(list(self._back(final, proposal)))))
        path = CriticalPath(block, height, node, proposed, at_ns, steps)
        return path if path.last_message is None else replace(path, rank=self._rank(self._event(final), proposed))

    def _row(self, kind: str, node: int, block: int) -> int:
        """The number of a node's first row of that kind about that block."""
        if kind not in self._found:
            places = np.flatnonzero(self.events.is_kind(kind))
            self._found[kind] = places, self.events.rows[places, NODE], self.events.rows[places, BLOCK]
        places, nodes, blocks = self._found[kind]
        begin, end = np.searchsorted(nodes, (node, node + 1))
        return int(places[begin + int(np.flatnonzero(blocks[begin:end] == block)[0])])

    def _back(self, row: int, proposal: int) -> Iterator[Step]:
        """The steps that led to a row, the last first, back to the handling in which the block was proposed."""
        rows, kinds = self.events.rows, self.header.kinds
        proposed, begun = int(rows[proposal, TIME]), self._event(proposal)
        while True:
            event = self._event(row)
            at, node = int(rows[row, TIME]), int(rows[row, NODE])
            what = self._name(row)
            if event == begun and node == int(rows[proposal, NODE]):
                yield Step(what, None, node, min(proposed, at), at, {COMPUTE: at - min(proposed, at)})
                return
            taken_up = int(rows[event, TIME])
            if taken_up < at:
                yield Step(what, None, node, taken_up, at, {COMPUTE: at - taken_up})
            if taken_up <= proposed:
                return
            kind = kinds[int(rows[event, KIND])]
            if kind != "deliver":  # a timer, transactions, or the node's start: before that it waited, or was down
                yield Step(kind, None, node, proposed, taken_up, {WAIT: taken_up - proposed})
                return
            sent = self._send(int(rows[event, MESSAGE]))
            parts = self._parts(int(rows[event, MESSAGE]), node)
            begin = int(rows[sent, TIME])
            yield Step(self._name(event), int(rows[event, PEER]), node, begin, taken_up, parts)
            if begin <= proposed:
                return
            row = sent

    def _rank(self, event: int, since: int) -> int:
        """Of messages that are about the same, which one a delivery was at its node since a moment, counted from 1."""
        rows, kind = self.events.rows, self.header.kinds.index("deliver")
        if rows[event, KIND] != kind:
            return 0
        before = rows[self.events.bounds[rows[event, NODE]] : event]
        before = before[np.searchsorted(before[:, TIME], since) :]
        alike = before[(before[:, KIND] == kind) & (before[:, DETAIL] == rows[event, DETAIL])]
        about = self._about(int(rows[event, MESSAGE]))
        return 1 + sum(self._about(message) == about for message in alike[:, MESSAGE].tolist())

    def _about(self, message: int) -> list[int]:
        """The block, height and round that a message is about; nothing where the trace is cut short."""
        with suppress(LookupError):
            return [int(self.events.rows[self._send(message), column]) for column in (BLOCK, HEIGHT, ROUND)]
        return []

    def _event(self, row: int) -> int:
        """The row of the event during which a row was written."""
        return int(self.events.life_starts[row]) + max(int(self.events.rows[row, CAUSE]), 0)  # −1: the start itself

    def _name(self, row: int) -> str:
        kind, detail = self.header.kinds[int(self.events.rows[row, KIND])], int(self.events.rows[row, DETAIL])
        if kind not in ("send", "deliver"):
            return kind
        tag = detail & (1 << TAG_BITS) - 1 if kind == "send" else detail
        return self.header.messages.get(tag, f"message of type {tag}")

    def _send(self, message: int) -> int:
        """The number of the row in which a message was sent."""
        sender = unpack_message_id(message)[0]
        if sender not in self._sends:
            begin, end = self.events.bounds[sender : sender + 2]
            sent = begin + np.flatnonzero(self.events.rows[begin:end, KIND] == self.header.kinds.index("send"))
            order = np.argsort(self.events.rows[sent, MESSAGE], kind="stable")
            self._sends[sender] = self.events.rows[sent[order], MESSAGE], sent[order]
        messages, rows = self._sends[sender]
        place = int(np.searchsorted(messages, message))
        if place == len(messages) or messages[place] != message:
            raise LookupError(f"the trace does not hold the sending of message {message}")
        return int(rows[place])

    def _parts(self, message: int, receiver: int) -> dict[str, int]:
        if receiver not in self._received:
            begin, end = self._hop_bounds[receiver : receiver + 2]
            hops = self._hops[begin:end]
            self._received[receiver] = hops[np.argsort(hops[:, 0], kind="stable")]
        hops = self._received[receiver]
        begin, end = np.searchsorted(hops[:, 0], (message, message + 1))
        return {
            PARTS[part]: elapsed
            for _, _, part, elapsed in sorted(hops[begin:end].tolist(), key=lambda hop: int(hop[2]))
        }

    @cached_property
    def _hop_bounds(self) -> NDArray[np.intp]:
        """Where the hops of what each node received begin, and where those of the last one end."""
        return np.searchsorted(np.ascontiguousarray(self._hops[:, 1]), np.arange(len(self.header.nodes) + 1))


def name(block: int) -> str:
    """The first 15 hexadecimal digits of a block's id: as many as the trace's 63 bits hold whole."""
    return f"{block << 1:016x}"[:15]


def _since(begin: int, steps: Iterator[Step]) -> Iterator[Step]:
    """The steps as far as they lie after a moment: what was before it is cut off, the earliest parts first."""
    for step in steps:
        if step.end_ns <= begin:
            continue
        surplus = max(begin - step.begin_ns, 0)
        parts = {}
        for part, elapsed in step.parts.items():
            cut = min(surplus, elapsed)
            surplus -= cut
            if elapsed > cut:
                parts[part] = elapsed - cut
        yield Step(step.what, step.source, step.node, max(step.begin_ns, begin), step.end_ns, parts)
