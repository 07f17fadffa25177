"""The journeys of some blocks: which of their messages went from whom to whom and when, and when each node had what.

What a map plays back. A message *leaves* when the last of its bytes has left the sender's uplink, and is *taken up*
when the receiver's CPU begins with it; a message that is lost ends where and when the loss is noticed. At trace levels
other than `full` the messages are not on record, and a journey has only its moments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from netsim.measure.blocks import Blocks, join, positions
from netsim.measure.dist import rank
from netsim.measure.events import BLOCK, DETAIL, KIND, MESSAGE, NEVER, NODE, PEER, TIME, Events
from netsim.trace import KINDS, PARTS, Fault, Trace

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_FIRST = MOST_SLOWEST = 10
MOST_NUMBERS = 60_000  # in all journeys together: a page that holds them stays small
_NUMBERS_OF_A_MESSAGE = 5
_MOST_BLOCKS = MOST_FIRST + MOST_SLOWEST + 1

# A message's columns.
TYPE, FROM, TO, LEFT, TAKEN_UP, LOST = range(6)


@dataclass(frozen=True)
class Journey:
    """One block. All times are ns since its proposal; NEVER where something did not happen.

    `messages` has a row for each copy of a message about this block (type, from, to, left, taken up, 1 where it was
    lost), ordered by the time when they left; `sent` says how many there were before they were thinned out. `moments`
    says for each node when it first had the block, when the protocol's own kinds of row about the block (prepared,
    certified, …) were first recorded there, and when the block was final there, in this order.
    """

    block: int
    height: int
    proposer: int
    transactions: int
    proposed_ns: int
    why: tuple[str, ...]  # of "first", "slowest", "median": why it was chosen
    quorum_ns: int
    messages: NDArray[np.int64]
    sent: int
    moments: Mapping[str, NDArray[np.int64]]
    down: tuple[int, ...]  # nodes that were not up when it was proposed

    def meets(self, fault: Fault) -> bool:
        """Whether a fault lasts at any time between the proposal and the last that happened to the block."""
        times = np.concatenate([self.messages[:, TAKEN_UP], *self.moments.values()])
        last = int(times[times != NEVER].max(initial=0))
        return fault.start_ns <= self.proposed_ns + last and fault.end_ns > self.proposed_ns


@dataclass(frozen=True, slots=True)
class Way:
    """How long messages took from one site to another, or within one: the median, ns, over `count` of them."""

    source: int
    target: int
    median_ns: int
    count: int


class Journeys:
    """The journeys of a run: the first blocks, the slowest, and the one with the median time to finality."""

    def __init__(self, trace: Trace, events: Events | None = None, blocks: Blocks | None = None) -> None:
        """`events` and `blocks` of the same trace, where the caller has them already."""
        self.header = trace.header
        self.events = Events(trace) if events is None else events
        self.blocks = join(self.events) if blocks is None else blocks
        self._hops = trace.hops

    @property
    def has_messages(self) -> bool:
        """Whether the trace says which message went where."""
        return self.header.level == "full"

    @cached_property
    def stages(self) -> list[str]:
        """What `moments` tell of: "have", what the protocol records of a block on its way, "finalise"."""
        return ["have", *(kind for kind in self.header.kinds if kind not in KINDS and self._leads(kind)), "finalise"]

    def _leads(self, kind: str) -> bool:
        """Whether most nodes that finalise a block have such a row about it before."""
        made, nodes = self.blocks.finalisations, len(self.header.nodes)
        rows = self.events.of(kind)
        rows = rows[np.isin(rows[:, BLOCK], self.blocks.ids)]
        pair = positions(self.blocks.ids, rows[:, BLOCK]) * nodes + rows[:, NODE]
        final = positions(made.block * nodes + made.node, pair)
        before = (final < 0) | (rows[:, TIME] <= made.time_ns[final]) if len(made.block) else np.ones(len(rows), bool)
        pairs = len(np.unique(pair))
        return bool(before.sum() * 2 > len(rows) and pairs * 2 >= len(made.block) and pairs)

    @cached_property
    def chosen(self) -> dict[int, tuple[str, ...]]:
        """Places in `blocks`, in the order of the proposals, each with the reasons why it is shown.

        At most the first ten, the slowest ten and the median of the blocks whose finality is measured; of all blocks
        where none became final. Fewer where there are so many nodes that their moments alone would fill a page.
        """
        blocks = self.blocks
        timed = np.flatnonzero(blocks.timed & blocks.final)
        if not len(timed):
            return dict.fromkeys(range(min(len(blocks.ids), MOST_FIRST, self._most_blocks)), ("first",))
        latency = blocks.quorum_ns[timed] - blocks.proposed_ns[timed]
        by_latency = timed[np.argsort(latency, kind="stable")]
        median = int(by_latency[rank(50, len(timed))])
        slowest = by_latency[::-1][:MOST_SLOWEST].tolist()
        reasons: dict[int, tuple[str, ...]] = {median: ("median",)}
        for slow, first in zip_longest(slowest, timed[:MOST_FIRST].tolist()):
            for place, reason in ((slow, "slowest"), (first, "first")):
                if place is not None and (place in reasons or len(reasons) < self._most_blocks):
                    reasons[place] = (*reasons.get(place, ()), reason)
        return {place: reasons[place] for place in sorted(reasons)}

    @property
    def _most_blocks(self) -> int:
        """Half of the numbers may be moments."""
        return min(_MOST_BLOCKS, max(1, MOST_NUMBERS // 2 // (max(1, len(self.header.nodes)) * len(self.stages))))

    def all(self) -> Iterator[Journey]:
        """The journeys of the chosen blocks."""
        if not self.chosen:
            return
        places = np.fromiter(self.chosen, np.int64)
        moments = self._moments(places)
        share = MOST_NUMBERS - places.size * len(self.header.nodes) * len(self.stages)
        most = max(0, share) // _NUMBERS_OF_A_MESSAGE // places.size
        blocks = self.blocks
        for (place, why), messages, at in zip(self.chosen.items(), self._messages(places), moments, strict=True):
            proposed = int(blocks.proposed_ns[place])
            messages[:, LEFT : TAKEN_UP + 1] -= proposed
            yield Journey(
                block=int(blocks.ids[place]),
                height=int(blocks.heights[place]),
                proposer=int(blocks.proposers[place]),
                transactions=int(blocks.transactions[place]),
                proposed_ns=proposed,
                why=why,
                quorum_ns=_since(blocks.quorum_ns[place : place + 1], proposed).item(),
                messages=messages[_thin(messages, most)],
                sent=len(messages),
                down=self._down(proposed),
                moments={stage: _since(times, proposed) for stage, times in zip(self.stages, at, strict=True)},
            )

    def ways(self) -> list[Way]:
        """Per pair of sites with messages between them, the median time from the uplink to the receiver's door.

        All delivered messages count, in the whole run; waits for the sender's uplink and the receiver's CPU do not.
        """
        hops = self._hops
        if not len(hops):
            return []
        begins = np.flatnonzero(np.r_[True, (np.diff(hops[:, 0]) != 0) | (np.diff(hops[:, 1]) != 0)])
        under_way = np.isin(hops[:, 2], [PARTS.index("uplink"), PARTS.index("cpu-wait")], invert=True)
        took = np.add.reduceat(np.where(under_way, hops[:, 3], 0), begins)
        site_of, sites = np.array(self.header.node_sites), len(self.header.sites)
        pair = site_of[_sender(hops[begins, 0])] * sites + site_of[hops[begins, 1]]
        order = np.lexsort((took, pair))
        pair, took = pair[order], took[order]
        names, starts, counts = np.unique(pair, return_index=True, return_counts=True)
        return [
            Way(name // sites, name % sites, int(took[start + rank(50, count)]), count)
            for name, start, count in zip(names.tolist(), starts.tolist(), counts.tolist(), strict=True)
        ]

    @cached_property
    def _outages(self) -> list[tuple[int, int, int]]:
        """Node, from, until: when it was not up, before its first start included."""
        found = []
        changes = self.events.rows[self.events.is_kind("start") | self.events.is_kind("crash")]
        since = dict.fromkeys(range(len(self.header.nodes)), 0)  # down since then; NEVER: it is up
        started = self.header.kinds.index("start")
        for time, node, kind in changes[:, [TIME, NODE, KIND]].tolist():
            if kind == started and since[node] < time:
                found.append((node, since[node], time))
            since[node] = NEVER if kind == started else time
        return found + [(node, begin, NEVER) for node, begin in since.items() if 0 < begin < NEVER]

    def _down(self, time: int) -> tuple[int, ...]:
        return tuple(sorted(node for node, begin, end in self._outages if begin <= time < end))

    def _moments(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """When it was, by place, stage and node; the proposer has its block when it proposes it."""
        nodes = len(self.header.nodes)
        times = np.full((len(places), len(self.stages), nodes), NEVER)
        for number, stage in enumerate(self.stages):
            rows = self.events.of(stage)
            at = positions(self.blocks.ids[places], rows[:, BLOCK])
            known = at >= 0
            np.minimum.at(times[:, number], (at[known], rows[known, NODE]), rows[known, TIME])
        proposers = self.blocks.proposers[places]
        own = times[np.arange(len(places)), 0, proposers]
        times[np.arange(len(places)), 0, proposers] = np.minimum(own, self.blocks.proposed_ns[places])
        return times

    def _messages(self, places: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Per place the messages about its block, in the order in which they left."""
        if not self.has_messages:
            return [np.zeros((0, 6), np.int64)] * len(places)
        rows = self.events.rows
        kinds = [self.header.kinds.index(kind) for kind in ("send", "deliver", "drop")]
        ours = rows[np.isin(rows[:, KIND], kinds) & np.isin(rows[:, BLOCK], self.blocks.ids[places])]
        sent, arrived = ours[ours[:, KIND] == kinds[0]], ours[ours[:, KIND] != kinds[0]]
        sent = sent[np.argsort(sent[:, MESSAGE], kind="stable")]
        at = positions(sent[:, MESSAGE], arrived[:, MESSAGE])
        arrived, at = arrived[at >= 0], at[at >= 0]
        lost = arrived[:, KIND] == kinds[2]
        table = np.stack(
            (
                sent[at, DETAIL] & 0xFF,
                arrived[:, PEER],
                arrived[:, NODE],
                sent[at, TIME] + self._uplink(arrived),
                arrived[:, TIME],
                lost.astype(np.int64),
            ),
            axis=1,
        )
        block = positions(self.blocks.ids[places], arrived[:, BLOCK])
        order = np.lexsort((table[:, TO], table[:, FROM], table[:, LEFT], block))
        bounds = np.searchsorted(block[order], np.arange(1, len(places)))
        return np.split(table[order], bounds)

    def _uplink(self, arrived: NDArray[np.int64]) -> NDArray[np.int64]:
        """How long each copy waited for its sender's uplink; 0 where its way is not on record."""
        hops = self._hops[self._hops[:, 2] == PARTS.index("uplink")]
        hops = hops[np.isin(hops[:, 0], arrived[:, MESSAGE])]
        nodes = len(self.header.nodes)
        # A message's number may fill 63 bits, so it is replaced by its rank before the receiver is added.
        names, of_hop = np.unique(hops[:, 0], return_inverse=True)
        if not len(names):
            return np.zeros(len(arrived), np.int64)
        name = np.searchsorted(names, arrived[:, MESSAGE])
        known = names[name.clip(max=len(names) - 1)] == arrived[:, MESSAGE]
        at = positions(of_hop * nodes + hops[:, 1], np.where(known, name * nodes + arrived[:, NODE], -1))
        return np.where(at >= 0, hops[at, 3], 0)


def _sender(message: NDArray[np.int64]) -> NDArray[np.int64]:
    from netsim.trace import unpack_message_id

    return np.asarray(unpack_message_id(message)[0])  # type: ignore[arg-type]


def _since(times: NDArray[np.int64], begin: int) -> NDArray[np.int64]:
    return np.where(times == NEVER, NEVER, times - begin)


def _thin(messages: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Which of a block's messages are kept, at most so many.

    First, of each type, the first that each node took up; then, evenly, those of every type, in the order in which they
    left.
    """
    count = len(messages)
    if count <= most:
        return np.arange(count)
    by_arrival = np.lexsort((messages[:, TAKEN_UP], messages[:, LOST]))
    types = messages[by_arrival, TYPE] << 32 | messages[by_arrival, TO]
    firsts = by_arrival[np.unique(types, return_index=True)[1]]
    if len(firsts) > most:
        firsts = np.sort(firsts)
        return firsts[_evenly(len(firsts), most)]
    rest = np.setdiff1d(np.arange(count), firsts)
    rest = rest[np.argsort(messages[rest, TYPE], kind="stable")]
    return np.sort(np.r_[firsts, rest[_evenly(len(rest), most - len(firsts))]])


def _evenly(count: int, most: int) -> NDArray[np.int64]:
    return np.arange(most) * count // max(1, most)
