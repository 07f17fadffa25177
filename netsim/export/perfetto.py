"""A run as trace events, for ui.perfetto.dev and chrome://tracing: what each node did when, and who caused it.

The format is Chrome's JSON ("Trace Event Format", Google 2016), which Perfetto reads. A site is a process, a node a
thread of it with up to three more below its own:

    shenzhen-0          what it handles: a slice per message, timer or transaction, as long as the CPU is known to work
                        at it; instants for what it records meanwhile (propose, finalise, timeout, …)
    shenzhen-0 blocks   from when it has a block to when that is final here; as many tracks as overlap
    shenzhen-0 rounds   the further rounds (views) of a height, until the next one or until it is final
    shenzhen-0 down     crashed, or frozen

Faults have a process of their own. Each delivery of a message is a flow, an arrow from the slice that sent it to the
one that takes it up. Messages, and with them slices and flows, are in a trace of level `full` only. The totals at the
end of a life are left out.

How long the CPU works at something is known where the next message had to wait for it, and else to the last thing that
the node recorded meanwhile: work after that is not in the trace, and so not in the slice.

Times are microseconds with three decimals: exact to the nanosecond. Slices of one track never overlap, as the format
asks; on a track, events stand in the order of time, and at the same time what begins stands before what lies in it.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
import numpy as np

from netsim.measure.causes import name
from netsim.measure.events import BLOCK, BYTES, CAUSE, DETAIL, HEIGHT, KIND, MESSAGE, NODE, PEER, ROUND, TIME, Events
from netsim.trace import DROPS, PARTS, TAG_BITS, Fault, Header, Trace

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE = "perfetto.json.gz"
Row = list[int]
Slice = tuple[int, int, str, dict[str, Any]]  # begin and end in ns, name, arguments
_EVENTS = frozenset({"start", "deliver", "timer", "submit"})  # the rows that say what a node handles
_TOTALS = frozenset({"sent", "delivered", "repeated", "dropped"})
_JSON = msgspec.json.Encoder()


def write(trace: Trace, path: Path) -> int:
    """Write a run's trace events into a file, compressed where its name ends in .gz; how many there are.

    The file is there whole or not at all. Raises OSError.
    """
    new = path.with_name(f".{path.name}.part")
    try:
        with ExitStack() as stack:
            plain = stack.enter_context(new.open("wb"))
            # Without a name and a time in its head, the same run gives the same file.
            file = stack.enter_context(gzip.GzipFile("", "wb", 6, plain, 0)) if path.suffix == ".gz" else plain
            count = _write(trace, stack.enter_context(io.TextIOWrapper(file, encoding="utf-8")))
        new.replace(path)
    finally:
        with suppress(OSError):
            new.unlink()
    return count


def _write(trace: Trace, file: IO[str]) -> int:
    header = trace.header
    about = {
        "scenario": header.name,
        "seed": header.seed,
        "engine": header.engine,
        "netsim": header.version,
        "trace_digest": trace.digest(),
    }
    file.write(f'{{"displayTimeUnit":"ns","otherData":{_json(about)},"traceEvents":[\n')
    count = 0
    for event in trace_events(trace):
        file.write(event if not count else ",\n" + event)
        count += 1
    file.write("\n]}\n")
    return count


def trace_events(trace: Trace) -> Iterator[str]:
    """The trace events, each as JSON: track by track, each in the order of time."""
    events, header = Events(trace), trace.header
    deliveries = _Deliveries(events, trace.hops)
    begins = np.searchsorted(events.rows[:, NODE], np.arange(len(header.nodes) + 1)).tolist()
    tracks = _Tracks(header)
    yield from tracks.processes()
    for lane, faults in enumerate(_lanes(_faults(header))):
        yield from _slices(tracks.name(len(header.sites), "faults" if not lane else f"faults {lane + 1}"), faults)
    for node, (begin, end) in enumerate(pairwise(begins)):
        yield from _Node(events, node, begin, end, deliveries, tracks).trace_events()


class _Deliveries:
    """Numbers the deliveries of the whole run from 1: what a flow is known by at both of its ends."""

    def __init__(self, events: Events, hops: NDArray[np.int64]) -> None:
        waits = hops[(hops[:, 2] == PARTS.index("cpu-wait")) & (hops[:, 3] > 0)]
        self._waited = set(map(tuple, waits[:, :2].tolist()))
        # A process that was killed may not have written that it had sent something.
        known = np.isin(events.rows[:, MESSAGE], events.of("send")[:, MESSAGE])
        taken_up = np.flatnonzero(events.is_kind("deliver") & known)
        order = np.argsort(events.rows[taken_up, MESSAGE], kind="stable")
        self._messages = events.rows[taken_up[order], MESSAGE]
        self._of_row: NDArray[np.int64] = np.zeros(len(events.rows), np.int64)
        self._of_row[taken_up[order]] = np.arange(1, len(taken_up) + 1)

    def sent(self, message: int) -> range:
        """The deliveries that a message came to."""
        begin, end = np.searchsorted(self._messages, (message, message + 1))
        return range(int(begin) + 1, int(end) + 1)

    def waited(self, message: int, receiver: int) -> bool:
        """Whether a message had to wait for its receiver's CPU."""
        return (message, receiver) in self._waited

    def taken_up(self, row: int) -> int:
        """The delivery that a row is; 0 where nothing is known of its other end."""
        return int(self._of_row[row])


class _Tracks:
    """Processes and threads: numbers are given in the order in which they are to be seen, and never twice.

    No thread has the number of a process: Perfetto would take it for that process's main thread.
    """

    def __init__(self, header: Header) -> None:
        self._names = [*header.sites, "faults"]
        self._next = len(self._names) + 1

    def processes(self) -> Iterator[str]:
        """Names the sites, and what holds the faults, which comes first."""
        for process, label in enumerate(self._names):
            place = 0 if process == len(self._names) - 1 else process + 1
            yield _metadata(process + 1, 0, "process_name", {"name": label})
            yield _metadata(process + 1, 0, "process_sort_index", {"sort_index": place})

    def name(self, process: int, label: str) -> _Track:
        """A further track of a process, counted from 0."""
        self._next += 1
        return _Track(process + 1, self._next, label)


class _Track:
    """One track, and the beginnings of its events as JSON."""

    def __init__(self, process: int, thread: int, label: str) -> None:
        self._place = f'"pid":{process},"tid":{thread}'
        self.begin = (
            _metadata(process, thread, "thread_name", {"name": label}),
            _metadata(process, thread, "thread_sort_index", {"sort_index": thread}),
        )

    def slice(self, at: int, end: int, label: str, category: str, arguments: dict[str, Any]) -> str:
        """A complete event."""
        what = f'"name":{_json(label)},"cat":"{category}","ph":"X","ts":{_us(at)},"dur":{_us(end - at)}'
        return f'{{{what},{self._place},"args":{_json(arguments)}}}'

    def instant(self, at: int, label: str, category: str, arguments: dict[str, Any]) -> str:
        """Something that takes no time."""
        what = f'"name":{_json(label)},"cat":"{category}","ph":"i","s":"t","ts":{_us(at)}'
        return f'{{{what},{self._place},"args":{_json(arguments)}}}'

    def flow(self, at: int, label: str, number: int, arrives: bool) -> str:
        """An end of an arrow, which is tied to the slice that lies around it."""
        end = '"ph":"f","bp":"e"' if arrives else '"ph":"s"'
        return f'{{"name":{_json(label)},"cat":"message",{end},"id":{number},"ts":{_us(at)},{self._place}}}'


class _Node:
    """The tracks of one node."""

    def __init__(
        self, events: Events, node: int, begin: int, end: int, deliveries: _Deliveries, tracks: _Tracks
    ) -> None:
        self._header = events.header
        self._site = events.header.node_sites[node]
        self._label = events.header.nodes[node]
        self._rows: list[Row] = events.rows[begin:end].tolist()
        self._first = begin
        self._lives: list[int] = (events.life_starts[begin:end] - begin).tolist()
        self._deliveries = deliveries
        self._tracks = tracks

    def trace_events(self) -> Iterator[str]:
        """Its own track, then those below it; what would be empty is left out."""
        track = self._tracks.name(self._site, self._label)
        yield from track.begin
        yield from self._own(track)
        for what, slices in (("blocks", self._blocks()), ("rounds", self._rounds()), ("down", self._down())):
            for number, lane in enumerate(_lanes(slices)):
                label = f"{self._label} {what}" + (f" {number + 1}" if number else "")
                yield from _slices(self._tracks.name(self._site, label), lane)

    def _own(self, track: _Track) -> Iterator[str]:
        """What it handles, and what it records meanwhile."""
        header, full = self._header, self._header.level == "full"
        ends = self._ends() if full else {}
        for place, row in enumerate(self._rows):
            kind, at = header.kinds[row[KIND]], row[TIME]
            if kind in _TOTALS:
                continue
            if kind == "send":
                label = _type(header, row[DETAIL] & (1 << TAG_BITS) - 1)
                if row[CAUSE] < 0:  # on starting, or when its neighbours change: no slice lies around it
                    yield track.slice(at, at, "send", "event", {})
                for number in self._deliveries.sent(row[MESSAGE]):
                    yield track.flow(at, label, number, arrives=False)
            elif full and kind in _EVENTS:
                label = _type(header, row[DETAIL]) if kind == "deliver" else kind
                category = "message" if kind == "deliver" else "event"
                yield track.slice(at, ends.get(place, at), label, category, _arguments(header, kind, row))
                number = self._deliveries.taken_up(self._first + place)
                if number:
                    yield track.flow(at, label, number, arrives=True)
            else:
                yield track.instant(at, kind, "record", _arguments(header, kind, row))

    def _ends(self) -> dict[int, int]:
        """By the place of each event that the node handles, until when its CPU is known to work at it."""
        ends: dict[int, int] = {}
        handled: int | None = None  # the event before, as long as nothing else can have kept the CPU
        for place, (row, life) in enumerate(zip(self._rows, self._lives, strict=True)):
            kind = self._header.kinds[row[KIND]]
            if kind in _EVENTS:
                if handled is not None and kind == "deliver" and self._deliveries.waited(row[MESSAGE], row[NODE]):
                    ends[handled] = row[TIME]
                handled = place
            elif kind in ("crash", "freeze"):
                handled = None
            elif kind not in _TOTALS and row[CAUSE] >= 0:
                ends[life + row[CAUSE]] = row[TIME]  # a node's rows stand in the order of time
        return ends

    def _blocks(self) -> Iterable[Slice]:
        """From when it had each block, or proposed it, to when that was final here."""
        header = self._header
        had: dict[int, int] = {}
        proposed: set[int] = set()
        final: dict[int, Slice] = {}
        for row in self._rows:
            kind, block = header.kinds[row[KIND]], row[BLOCK]
            if kind in ("have", "propose"):
                had.setdefault(block, row[TIME])
                proposed |= {block} if kind == "propose" else set()
            elif kind == "finalise" and block not in final:
                about = {"block": name(block), "transactions": row[DETAIL], "bytes": row[BYTES]}
                about["own"] = block in proposed
                final[block] = (had.get(block, row[TIME]), row[TIME], f"block {row[HEIGHT]}", about)
        return final.values()

    def _rounds(self) -> Iterator[Slice]:
        """Each further round, to the next one, to when its height is final, to a crash, or to the end."""
        opened: tuple[int, int, int] | None = None

        def closed(at: int) -> Iterator[Slice]:
            if opened is not None:
                begin, height, number = opened
                yield begin, at, f"round {number} of height {height}", {"height": height, "round": number}

        for row in self._rows:
            kind = self._header.kinds[row[KIND]]
            over = kind == "finalise" and opened is not None and row[HEIGHT] >= opened[1]
            if over or kind in ("round", "crash"):
                yield from closed(row[TIME])
                opened = (row[TIME], row[HEIGHT], row[ROUND]) if kind == "round" else None
        yield from closed(self._header.duration_ns)

    def _down(self) -> Iterator[Slice]:
        crashed: int | None = None
        for row in self._rows:
            kind, at = self._header.kinds[row[KIND]], row[TIME]
            if kind == "crash":
                crashed = at
            elif kind == "start" and crashed is not None:
                yield crashed, at, "crashed", {}
                crashed = None
            elif kind == "freeze":
                yield at, at + row[DETAIL], "frozen", {}
        if crashed is not None:
            yield crashed, max(crashed, self._header.duration_ns), "crashed", {}


def _faults(header: Header) -> Iterator[Slice]:
    for fault in header.faults:
        yield fault.start_ns, fault.end_ns, fault.says, _about(header, fault)


def _about(header: Header, fault: Fault) -> dict[str, Any]:
    return {"kind": fault.kind} | ({"nodes": [header.nodes[node] for node in fault.nodes]} if fault.nodes else {})


def _lanes(slices: Iterable[Slice]) -> list[list[Slice]]:
    """As many lists as it takes for none of them to hold two slices that overlap, each in the order of time."""
    lanes: list[list[Slice]] = []
    for one in sorted(slices, key=lambda one: one[:2]):
        free = next((lane for lane in lanes if lane[-1][1] <= one[0]), None)
        if free is None:
            lanes.append([one])
        else:
            free.append(one)
    return lanes


def _slices(track: _Track, slices: Sequence[Slice]) -> Iterator[str]:
    yield from track.begin
    for begin, end, label, arguments in slices:
        yield track.slice(begin, end, label, "state", arguments)


def _type(header: Header, tag: int) -> str:
    return header.messages.get(tag, f"message of type {tag}")


def _number(row: Row) -> dict[str, Any]:
    return {"detail": row[DETAIL]}


# What a row's detail says, by kind; a kind that is not here is the protocol's own.
_DETAILS: dict[str, Callable[[Header, Row], dict[str, Any]]] = {
    "start": lambda _, row: {"incarnation": row[DETAIL]},
    "crash": lambda _, row: {"incarnation": row[DETAIL]},
    "freeze": lambda _, row: {"for_ns": row[DETAIL]},
    "deliver": lambda _, row: {},
    "drop": lambda _, row: {"reason": DROPS[row[DETAIL]]},
    "submit": lambda _, row: {"due_ns": row[DETAIL]},
    "include": lambda _, row: {"transactions": row[DETAIL]},
    "have": lambda header, row: {"message": _type(header, row[DETAIL])},
    "propose": lambda _, row: {"transactions": row[DETAIL]},
    "finalise": lambda _, row: {"transactions": row[DETAIL]},
    "round": lambda _, row: {},
    "timeout": lambda _, row: {},
    "displaced": lambda _, row: {"by_ns": row[DETAIL]},
}
_NUMBERED = ("submit", "include")  # kinds whose height is the number of a transaction


def _arguments(header: Header, kind: str, row: Row) -> dict[str, Any]:
    """What a row says beside its time, in names."""
    found: dict[str, Any] = {}
    if row[BLOCK]:
        found["block"] = name(row[BLOCK])
    if row[HEIGHT] >= 0:
        found["transaction" if kind in _NUMBERED else "height"] = row[HEIGHT]
    if row[ROUND] >= 0:
        found["round"] = row[ROUND]
    if row[PEER] >= 0:
        found["origin" if kind == "include" else "from"] = header.nodes[row[PEER]]
    if row[BYTES] > 0:
        found["bytes"] = row[BYTES]
    detail = _DETAILS.get(kind)
    return found | (_number(row) if detail is None else detail(header, row))


def _metadata(process: int, thread: int, what: str, arguments: dict[str, Any]) -> str:
    place = f'"pid":{process}' + (f',"tid":{thread}' if thread else "")
    return f'{{"name":"{what}","ph":"M","ts":0,{place},"args":{_json(arguments)}}}'


def _us(nanoseconds: int) -> str:
    """Microseconds, exact."""
    return f"{nanoseconds // 1000}.{nanoseconds % 1000:03}"


def _json(value: object) -> str:
    return _JSON.encode(value).decode()
