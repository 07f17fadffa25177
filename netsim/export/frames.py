"""The tables of a run, as polars data frames: names instead of numbers, null for what a row does not have.

`TABLES` says what each of them is and what its columns hold. Durations and moments end in their unit; a moment counts
from the start of the run. Blocks have the names that `netsim explain` takes: the first 15 hexadecimal digits of their
ids. What a table holds of blocks and transactions is what `summary.json` is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from netsim.measure.blocks import Blocks, join
from netsim.measure.causes import name
from netsim.measure.events import (
    BLOCK,
    BYTES,
    CAUSE,
    DETAIL,
    HEIGHT,
    KIND,
    MESSAGE,
    NEVER,
    NODE,
    PEER,
    ROUND,
    TIME,
    Events,
)
from netsim.measure.propagation import receptions
from netsim.measure.transactions import follow
from netsim.trace import DROPS, PARTS, TAG_BITS, Trace, unpack_message_id

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Table:
    """What a table has a row for, and what its columns hold."""

    says: str
    columns: Mapping[str, str]


_BLOCK = {"block": "the block's name", "height": "its height"}
_AT = {"node": "where", "site": "the node's site"}
TABLES: Mapping[str, Table] = {
    "nodes": Table(
        "a node",
        {
            "node": "its name",
            "site": "its site",
            "validator": "whether it votes on blocks",
            "byzantine": "whether it misbehaves",
        },
    ),
    "faults": Table(
        "a fault",
        {
            "kind": "crash, partition, degrade, …",
            "start_ms": "when it begins",
            "end_ms": "when it ends, at the latest with the run",
            "says": "in words",
            "nodes": "the nodes that it befalls, separated by spaces",
        },
    ),
    "finality": Table(
        "a proposed block",
        {
            **_BLOCK,
            "proposer": "the node that proposed it first",
            "city": "the proposer's site",
            "transactions": "how many it holds",
            "proposed_ms": "when it was first proposed",
            "first_ms": "from then until it was final at the first correct validator; null: never",
            "quorum_ms": "until it was final at a quorum",
            "all_ms": "until it was final at all correct validators that were not down for good",
            "counted": "whether summary.json counts it for finality: after the warm-up, with transactions if any has",
        },
    ),
    "finalisations": Table(
        "a block that is final at a correct node",
        {
            **_BLOCK,
            **_AT,
            "validator": "whether that node votes",
            "final_ms": "from the block's proposal",
        },
    ),
    "propagation": Table(
        "a block that a correct node has in full",
        {
            **_BLOCK,
            **_AT,
            "received_ms": "from the block's proposal; 0 at its proposer",
            "share": "of the correct nodes, how many have it by then",
        },
    ),
    "transactions": Table(
        "a transaction that was due after the warm-up (not at trace level summary)",
        {
            "origin": "the node whose client submitted it",
            "site": "that node's site",
            "number": "its number among that node's",
            "due_ms": "when it was due",
            **_BLOCK,
            "latency_ms": "until its block was final at its origin; null: not before the end",
        },
    ),
    "messages": Table(
        "a copy of a message that was taken up or lost at its receiver (trace level full only)",
        {
            "message": "sender, incarnation and sequence number, separated by slashes",
            "type": "of the message",
            "sender": "who sent it",
            "sender_site": "the sender's site",
            "receiver": "for whom the copy was",
            "receiver_site": "the receiver's site",
            "bytes": "of the copy",
            **_BLOCK,
            "round": "the round, or view, that it is about",
            "sent_ms": "when it was sent; null: the sender was killed before it wrote that down",
            "end_ms": "when the receiver's CPU took it up, or when it was lost",
            "delay_ms": "from the one to the other",
            "lost": f"why it was lost: {', '.join(DROPS)}; null: it was not",
            **{f"{part.replace('-', '_')}_ms": "part of the delay; null where it was lost" for part in PARTS},
        },
    ),
    "traffic": Table(
        "a type of message at a node, over one of its lives",
        {
            **_AT,
            "what": "sent, delivered (taken up), repeated (of these, had before) or dropped",
            "type": "of the message; null for dropped: a receiver does not learn what it loses",
            "lost": "for dropped: why",
            "copies": "how many",
            "bytes": "of all of them",
        },
    ),
    "events": Table(
        "a thing that happened at a node: the trace as it is",
        {
            "event": "the row's number, node by node, each in its order",
            "time_ns": "when",
            **_AT,
            "kind": "what happened",
            "block": "the block's name",
            "height": "its height; of submit and include the number of a transaction, of totals how many copies",
            "round": "the round, or view",
            "peer": "another node: who sent a message, to whom alone, the origin of transactions, who is accused",
            "message": "as in messages",
            "type": "of the message",
            "bytes": "of one copy, of a transaction, of a block's transactions",
            "cause": "the number of the row of the event of this node that made this one happen",
            "detail": "as the trace has it: see KINDS in netsim/trace.py",
        },
    ),
}
_TAG_IN_DETAIL = ("deliver", "have", "sent", "delivered", "repeated")
_TOTALS = ("sent", "delivered", "repeated", "dropped")


class Frames:
    """The tables of one trace, each made when it is first asked for."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.header = trace.header

    @cached_property
    def measured(self) -> Events:
        """The trace's rows, node by node."""
        return Events(self.trace)

    @cached_property
    def blocks(self) -> Blocks:
        """The proposed blocks."""
        return join(self.measured)

    @cached_property
    def nodes(self) -> pl.DataFrame:
        """See TABLES."""
        header = self.header
        every = np.arange(len(header.nodes))
        return _frame(
            "nodes",
            self._node(every),
            self._site(every),
            np.isin(every, header.validators),
            np.isin(every, header.byzantine),
        )

    @cached_property
    def faults(self) -> pl.DataFrame:
        """See TABLES."""
        faults, names = self.header.faults, self.header.nodes
        return _frame(
            "faults",
            _texts([fault.kind for fault in faults]),
            _ms(np.array([fault.start_ns for fault in faults], np.int64)),
            _ms(np.array([fault.end_ns for fault in faults], np.int64)),
            _texts([fault.says for fault in faults]),
            _texts([" ".join(names[node] for node in fault.nodes) for fault in faults]),
        )

    @cached_property
    def finality(self) -> pl.DataFrame:
        """See TABLES."""
        blocks = self.blocks
        reached = (blocks.first_ns, blocks.quorum_ns, blocks.all_ns)
        return _frame(
            "finality",
            *self._names(np.arange(len(blocks.ids))),
            self._node(blocks.proposers),
            self._site(blocks.proposers),
            blocks.transactions,
            _ms(blocks.proposed_ns),
            *(_until(times, blocks.proposed_ns) for times in reached),
            blocks.timed,
        )

    @cached_property
    def finalisations(self) -> pl.DataFrame:
        """See TABLES."""
        blocks, made = self.blocks, self.blocks.finalisations
        return _frame(
            "finalisations",
            *self._names(made.block),
            self._node(made.node),
            self._site(made.node),
            np.isin(made.node, self.header.validators),
            _ms(made.time_ns - blocks.proposed_ns[made.block]),
        )

    @cached_property
    def propagation(self) -> pl.DataFrame:
        """See TABLES."""
        block, time, node = receptions(self.measured, self.blocks).T
        first = np.searchsorted(block, block)  # where the block's own rows begin
        return _frame(
            "propagation",
            *self._names(block),
            self._node(node),
            self._site(node),
            _ms(time - self.blocks.proposed_ns[block]),
            (np.arange(len(block)) - first + 1) / max(1, int(self.measured.correct.sum())),
        )

    @cached_property
    def transactions(self) -> pl.DataFrame:
        """See TABLES. Raises ValueError for a trace that holds none."""
        if self.header.level == "summary":
            raise ValueError("its trace is of level summary, which holds no transactions")
        found = follow(self.measured, self.blocks)
        return _frame(
            "transactions",
            self._node(found.origin),
            self._site(found.origin),
            found.number,
            _ms(found.due_ns),
            *self._names(found.block),
            _until(found.final_ns, found.due_ns),
        )

    @cached_property
    def messages(self) -> pl.DataFrame:
        """See TABLES. Raises ValueError for a trace that holds none."""
        if self.header.level != "full":
            raise ValueError(f"its trace is of level {self.header.level}: messages are only in level full")
        events = self.measured
        sends = events.of("send")
        sends = sends[np.argsort(sends[:, MESSAGE], kind="stable")]
        ends = events.rows[events.is_kind("deliver") | events.is_kind("drop")]
        ends = ends[np.lexsort((ends[:, NODE], ends[:, MESSAGE]))]
        lost = ends[:, KIND] == self.header.kinds.index("drop")
        at = np.searchsorted(sends[:, MESSAGE], ends[:, MESSAGE]).clip(max=max(0, len(sends) - 1))
        known = sends[at, MESSAGE] == ends[:, MESSAGE] if len(sends) else np.zeros(len(ends), np.bool_)
        sent_ns = np.full(len(ends), NEVER)  # a process that was killed may not have written that it had sent something
        sent_ns[known] = sends[at[known], TIME]
        tags = np.where(lost, -1, ends[:, DETAIL])
        tags[known] = sends[at[known], DETAIL] & (1 << TAG_BITS) - 1
        return _frame(
            "messages",
            self._message(ends[:, MESSAGE]),
            self._type(tags),
            self._node(ends[:, PEER]),
            self._site(ends[:, PEER]),
            self._node(ends[:, NODE]),
            self._site(ends[:, NODE]),
            ends[:, BYTES],
            _names(ends[:, BLOCK]),
            _there(ends[:, HEIGHT]),
            _there(ends[:, ROUND]),
            _until(sent_ns, np.zeros_like(sent_ns)),
            _ms(ends[:, TIME]),
            _without(_ms(ends[:, TIME] - np.where(known, sent_ns, 0)), ~known),
            _chosen(np.where(lost, ends[:, DETAIL], -1), DROPS),
            *self._parts(ends[:, MESSAGE], ends[:, NODE], lost),
        )

    def _parts(self, messages: Integers, receivers: Integers, lost: NDArray[np.bool_]) -> list[pl.Series]:
        """What the delay of each copy is made of, a column for each part."""
        hops, nodes = self.trace.hops, len(self.header.nodes)
        places, named = _dense(messages, hops[:, 0])
        wanted, known = places * nodes + receivers, named * nodes + hops[:, 1]
        columns = []
        for part in range(len(PARTS)):
            mine = (hops[:, 2] == part) & (named >= 0)
            order = np.argsort(known[mine])
            copies, elapsed = known[mine][order], hops[mine, 3][order]
            found = np.searchsorted(copies, wanted).clip(max=max(0, len(copies) - 1))
            there = copies[found] == wanted if len(copies) else np.zeros(len(wanted), np.bool_)
            part_ns = np.zeros(len(wanted), np.int64)
            part_ns[there] = elapsed[found[there]]
            columns.append(_without(_ms(part_ns), lost))
        return columns

    @cached_property
    def traffic(self) -> pl.DataFrame:
        """See TABLES."""
        events, kinds = self.measured, self.header.kinds
        rows = events.rows[np.isin(events.rows[:, KIND], [kinds.index(kind) for kind in _TOTALS])]
        dropped = rows[:, KIND] == kinds.index("dropped")
        return _frame(
            "traffic",
            self._node(rows[:, NODE]),
            self._site(rows[:, NODE]),
            _chosen(rows[:, KIND], kinds),
            self._type(np.where(dropped, -1, rows[:, DETAIL])),
            _chosen(np.where(dropped, rows[:, DETAIL], -1), DROPS),
            rows[:, HEIGHT],
            rows[:, BYTES],
        )

    @cached_property
    def events(self) -> pl.DataFrame:
        """See TABLES."""
        rows, kinds = self.measured.rows, self.header.kinds
        tags = np.where(self._is(rows, _TAG_IN_DETAIL), rows[:, DETAIL], -1)
        tags = np.where(self._is(rows, ("send",)), rows[:, DETAIL] & (1 << TAG_BITS) - 1, tags)
        cause = np.where(rows[:, CAUSE] >= 0, self.measured.life_starts + rows[:, CAUSE], -1)
        return _frame(
            "events",
            np.arange(len(rows)),
            rows[:, TIME],
            self._node(rows[:, NODE]),
            self._site(rows[:, NODE]),
            _chosen(rows[:, KIND], kinds),
            _names(rows[:, BLOCK]),
            _there(rows[:, HEIGHT]),
            _there(rows[:, ROUND]),
            self._node(rows[:, PEER]),
            self._message(rows[:, MESSAGE]),
            self._type(tags),
            rows[:, BYTES],
            _there(cause),
            rows[:, DETAIL],
        )

    def _is(self, rows: Integers, kinds: Sequence[str]) -> NDArray[np.bool_]:
        return np.isin(rows[:, KIND], [self.header.kinds.index(kind) for kind in kinds])

    def _names(self, places: Integers) -> tuple[pl.Series, pl.Series]:
        """The names and heights of blocks; null for a place that is none."""
        blocks = self.blocks
        if not len(blocks.ids):
            return _names(np.zeros(len(places), np.int64)), _there(np.full(len(places), -1))
        named = np.where(places >= 0, blocks.ids[places], 0)
        return _names(named), _there(np.where(places >= 0, blocks.heights[places], -1))

    def _node(self, nodes: Integers) -> pl.Series:
        return _chosen(nodes, self.header.nodes)

    def _site(self, nodes: Integers) -> pl.Series:
        return _chosen(np.asarray(self.header.node_sites, np.int64)[nodes], self.header.sites)

    def _type(self, tags: Integers) -> pl.Series:
        names = [self.header.messages.get(tag, f"message of type {tag}") for tag in range(1 << TAG_BITS)]
        return _chosen(tags, names)

    def _message(self, messages: Integers) -> pl.Series:
        def named(message: int) -> str:
            sender, incarnation, sequence = unpack_message_id(message)
            return f"{self.header.nodes[sender]}/{incarnation}/{sequence}"

        return _each(messages, messages >= 0, named)


def _frame(table: str, *columns: pl.Series | NDArray[np.generic]) -> pl.DataFrame:
    names = TABLES[table].columns
    return pl.DataFrame({label: pl.Series(label, column) for label, column in zip(names, columns, strict=True)})


def _texts(values: Sequence[str]) -> pl.Series:
    return pl.Series(values, dtype=pl.String)


def _chosen(places: Integers, texts: Sequence[str]) -> pl.Series:
    """The text at each place; null for a place below 0."""
    found = _texts(texts).gather(pl.Series(np.where(places >= 0, places, 0)))
    return found.set(pl.Series(places < 0), None)


def _each(values: Integers, there: NDArray[np.bool_], named: Callable[[int], str]) -> pl.Series:
    """A text for each value, made once for each that is different; null for those that are not there."""
    different, places = np.unique(values, return_inverse=True)
    missing = ~there
    which = np.where(missing, -1, places)
    shown = {int(place) for place in which[there]}
    texts = [named(value) if place in shown else "" for place, value in enumerate(different.tolist())]
    return _chosen(which, texts or [""])


def _names(blocks: Integers) -> pl.Series:
    """The names of blocks by their ids, 0 for none."""
    return _each(blocks, blocks != 0, name)


def _there(values: Integers) -> pl.Series:
    """Numbers, null for those below 0."""
    return _without(values, values < 0)


def _ms(nanoseconds: Integers) -> NDArray[np.float64]:
    return nanoseconds / 1e6


def _until(ends_ns: Integers, begins_ns: Integers) -> pl.Series:
    """Durations in ms; null where the end is NEVER."""
    never = ends_ns == NEVER
    return _without(_ms(np.where(never, 0, ends_ns - begins_ns)), never)


def _without(values: NDArray[np.generic], missing: NDArray[np.bool_]) -> pl.Series:
    """The values, null where they are missing."""
    return pl.Series(values).set(pl.Series(missing), None)


def _dense(wanted: Integers, found: Integers) -> tuple[Integers, Integers]:
    """Both as places in the order of the wanted values, so that they can be packed; −1 for what is not wanted."""
    different, places = np.unique(wanted, return_inverse=True)
    if not len(different):
        return places, np.full(len(found), -1)
    at = np.searchsorted(different, found).clip(max=len(different) - 1)
    return places, np.where(different[at] == found, at, -1)
