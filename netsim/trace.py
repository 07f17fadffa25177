"""The one record of what happened. Both engines write it; everything that netsim says of a run is read from it.

A trace is two append-only tables of 64-bit integers and a typed header:

* `events`, one row per thing that happened at a node, in the order in which that node did it;
* `hops`, the parts of each delivered message's way, in nanoseconds (level `full` only);
* `Header`, what is needed to read them years later: names, validators, quorum, warm-up, faults, expectations.

Beside it lie what an emulation was told by its machine, so that a simulation can repeat it (no part of the digest):

* `costs`, with `compute: measured`: the processor's time of each call of a node's program, in its order;
* `displaced`, under the clock: the messages that came too late, in the order in which a node handled them.

A process appends its rows to a file of its own, chunk by chunk, so that a kill loses no handled row; `gather` merges
the files node by node. Each node's rows are hashed as canonical little-endian integers in the order in which it wrote
them, and `digest` is the hash over the nodes' hashes in node order: it does not care which process a node ran in.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Level = Literal["full", "blocks", "summary"]

COLUMNS = ("time_ns", "node", "kind", "block", "height", "round", "peer", "message", "bytes", "cause", "detail")
HOP_COLUMNS = ("message", "receiver", "part", "nanoseconds")
COST_COLUMNS = ("node", "incarnation", "nanoseconds")
# Which message (`sequence` holds the sender's incarnation, too) came too late at a node, which was due at `time_ns`; to
# when it was moved; and which event the node handled right before it, by its key in the loop.
DISPLACED_COLUMNS = (
    "node",
    "time_ns",
    "sender",
    "sequence",
    "moved_to_ns",
    "behind_time_ns",
    "behind_kind",
    "behind_sender",
    "behind_sequence",
)

# What each kind of row says beyond its time and node. `message` is packed by `message_id`; `cause` is the number (from
# 0, within this incarnation of the node) of the row of the event that made this one happen, −1 where it is not kept.
KINDS: dict[str, str] = {
    "start": "the node begins; detail: its incarnation",
    "crash": "the node is killed; detail: its incarnation",
    "freeze": "the node stops, to go on later; detail: how much later, ns",
    "send": "message, bytes of one copy; peer: the only addressee or −1; detail: copies · 256 + message type",
    "deliver": "the CPU takes a message up; peer: who sent it; detail: message type",
    "drop": "a message is lost at its receiver; peer: who sent it; detail: why, an index into DROPS",
    "timer": "a timer is due; detail: the first 63 bits of blake2b of its name",
    "submit": "height: the transaction's number; bytes: its size; detail: when it was due, ns",
    "include": "this node proposed transactions in a block; height: first number; peer: origin; detail: how many",
    "have": "a message that carries a block is here in full; detail: message type",
    "propose": "this node proposes a block; detail: transactions in it; bytes: their size",
    "finalise": "a block is final at this node; detail: transactions in it; bytes: their size",
    "round": "the node enters a further round (view) for this height",
    "timeout": "the protocol's own timer ran out at this height and round",
    "reject": "a message was malformed, forged or foreign, and dropped; detail: 63 bits of blake2b of the reason",
    "evidence": "the second of two signed messages that contradict each other; peer: their author; detail: what both "
    "are about: 55 bits of a hash, and the message type",
    "displaced": "the event handled next came too late and was moved; detail: how far, ns",
    "sent": "total at the end of an incarnation; height: copies; bytes; detail: message type",
    "delivered": "likewise, messages taken up",
    "repeated": "likewise, messages taken up that had been here before",
    "dropped": "likewise, messages lost at this receiver; detail: why, an index into DROPS",
}
DROPS = ("loss", "partition", "down")
PARTS = ("uplink", "access-up", "backbone", "retransmit", "access-down", "order", "downlink", "cpu-wait")

# The kinds of row that a trace level leaves out.
_MESSAGES = frozenset({"send", "deliver", "drop", "timer"})
LEFT_OUT: dict[Level, frozenset[str]] = {
    "full": frozenset(),
    "blocks": _MESSAGES,
    "summary": _MESSAGES | {"submit", "include"},
}

TAG_BITS = 8  # of a message type, where it stands below something else
FIRST_CONTROL_TAG = 128  # message types from here on are what gossip strategies say among themselves

SEQUENCE_BITS, _INCARNATION_BITS = 36, 8


def message_id(sender: int, incarnation: int, sequence: int) -> int:
    """Pack (sender, incarnation, sequence) into the integer that both tables use."""
    return (sender << _INCARNATION_BITS | incarnation) << SEQUENCE_BITS | sequence


def unpack_message_id(message: int) -> tuple[int, int, int]:
    """The inverse of `message_id`."""
    incarnation = message >> SEQUENCE_BITS & (1 << _INCARNATION_BITS) - 1
    return message >> SEQUENCE_BITS + _INCARNATION_BITS, incarnation, message & (1 << SEQUENCE_BITS) - 1


def text_id(text: str) -> int:
    """63 bits of a hash of a text: how a name stands in an integer column."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


class Fault(msgspec.Struct, frozen=True):
    """One fault as the report shades it. `end_ns` equals the run's end where it never ends."""

    kind: str
    start_ns: int
    end_ns: int
    says: str
    nodes: tuple[int, ...] = ()


class Expectation(msgspec.Struct, frozen=True):
    """One line of `expect:`; exactly one of the bounds that are not None must hold, or all of min and max."""

    key: str
    equals: str | None = None
    min: float | None = None
    max: float | None = None


class Fidelity(msgspec.Struct):
    """What the engine saw of itself; the verdict is measured from it and from the trace."""

    pace: Literal["lockstep", "clock", "virtual"] = "virtual"
    dilation: float = 1.0
    lookahead_ns: int | None = None
    rounds: int = 0
    broker_lost: int = 0
    complete: bool = True  # every event before the end handled, every high-water mark reached
    lateness_ns: list[int] = []  # clock pace: how late on the wall events were handled (a sample)
    timer_lateness_ns: list[int] = []  # meanwhile, how late a process was that had nothing to do but wait for a timer
    twin: Literal["equal", "differs", "skipped"] = "skipped"
    twin_differs: str = ""  # where the twin first differs, for people
    verified: Literal["equal", "differs"] | None = (
        None  # a second simulation in another process, where one was asked for
    )
    verified_differs: str = ""  # where that first differs, for people
    max_displaced_share: float = 0.01  # the scenario's bounds for `valid`
    max_displacement_ns: int = 1_000_000


class Evidence(msgspec.Struct, frozen=True, array_like=True):
    """Two messages with one author's signature that a correct node would not both have signed, as on the wire."""

    time_ns: int
    witness: int
    accused: int
    about: int  # the detail of the row
    first: bytes
    second: bytes


MOST_EVIDENCE = 100  # contradictions of which the messages are kept: the earliest, each once


class Header(msgspec.Struct):
    """What every reader of a trace needs to know beside its rows."""

    name: str
    scenario_sha256: str
    seed: int
    engine: Literal["emulate", "simulate"]
    version: str
    level: Level
    duration_ns: int
    warmup_ns: int
    nodes: list[str]
    sites: list[str]
    node_sites: list[int]  # for each node, an index into sites
    validators: list[int]
    byzantine: list[int]
    quorum: int
    finality_rule: str  # "commit", or "depth 6"
    kinds: list[str]  # the kind column indexes into this: KINDS, then the protocol's own
    messages: dict[int, str]  # message types by their tag
    transactions: list[int]  # tags of those that bring transactions to proposers; counted apart from the protocol's
    faults: list[Fault]
    expectations: list[Expectation]
    fidelity: Fidelity
    block_interval_ns: int = 0
    wall_s: float = 0.0
    evidence: list[Evidence] = []  # not in the digest: signatures differ between the engines
    schema: int = 1
    weights: list[int] = []  # of a protocol that mines: hash rates by node, in millionths; else empty
    compute: Literal["modelled", "measured"] = "modelled"  # what a node's computing costs it


class Recorder:
    """Appends rows to two binary files, `path` with the suffixes .events and .hops; and what is rare to further ones.

    Rows are flat integers in one list, much cheaper than an object each.
    """

    def __init__(self, path: Path) -> None:
        self.rows: list[int] = []
        self.hops: list[int] = []
        self.costs: list[int] = []
        self.displaced: list[int] = []
        self._path = path
        self._rows_file: BinaryIO = path.with_suffix(".events").open("ab", buffering=0)
        self._hops_file: BinaryIO = path.with_suffix(".hops").open("ab", buffering=0)
        self._evidence: list[Evidence] = []

    def table(self, rows: NDArray[np.int64]) -> None:
        """Append many rows at once, after all that were appended before: an array of rows × 11."""
        _write_all(self._rows_file, _little_endian(self.rows))
        self.rows.clear()
        _write_all(self._rows_file, rows.astype("<i8", order="C", copy=False).data.cast("B"))

    def accuse(self, evidence: Evidence) -> None:
        """Keep two messages that contradict each other."""
        self._evidence.append(evidence)

    def flush(self) -> None:
        """Hand all rows to the operating system: they survive this process from here on."""
        for values, file in ((self.rows, self._rows_file), (self.hops, self._hops_file)):
            if values:
                _write_all(file, _little_endian(values))
                values.clear()
        for values, suffix in ((self.costs, _COSTS), (self.displaced, _DISPLACED)):
            if values:
                self._append(suffix, _little_endian(values))
                values.clear()
        if self._evidence:
            self._append(".evidence", b"".join(map(_framed, self._evidence)))
            self._evidence.clear()

    def _append(self, suffix: str, data: bytes) -> None:
        """To a file that most runs have no need of: it is not kept open."""
        with self._path.with_suffix(suffix).open("ab", buffering=0) as file:
            _write_all(file, data)

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._rows_file.close()
        self._hops_file.close()


_COSTS, _DISPLACED = ".costs", ".displaced"


def _little_endian(values: list[int]) -> bytes:
    data = array("q", values)
    if sys.byteorder == "big":
        data.byteswap()
    return data.tobytes()


_EVIDENCE = msgspec.msgpack.Decoder(Evidence)
_LENGTH = 4  # bytes before each piece of evidence


def _framed(evidence: Evidence) -> bytes:
    data = msgspec.msgpack.encode(evidence)
    return len(data).to_bytes(_LENGTH, "big") + data


def _write_all(file: BinaryIO, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


class Trace:
    """A whole trace in memory: `events` (rows × 11) and `hops` (rows × 4), node by node, each in its node's order.

    So are `costs` (rows × 3) and `displaced` (rows × 9).
    """

    def __init__(
        self,
        header: Header,
        events: NDArray[np.int64],
        hops: NDArray[np.int64],
        costs: NDArray[np.int64] | None = None,
        displaced: NDArray[np.int64] | None = None,
    ) -> None:
        self.header = header
        self.events = events
        self.hops = hops
        self.costs = _nothing(COST_COLUMNS) if costs is None else costs
        self.displaced = _nothing(DISPLACED_COLUMNS) if displaced is None else displaced

    def node_digests(self) -> list[str]:
        """Per node, the hash of its rows and of the hops of what it received, as hexadecimal text."""
        import numpy as np

        count = len(self.header.nodes)
        digests = []
        event_bounds = np.searchsorted(self.events[:, 1], np.arange(count + 1))
        hop_bounds = np.searchsorted(self.hops[:, 1], np.arange(count + 1))
        for node in range(count):
            digest = blake2b(digest_size=32)
            digest.update(self.events[event_bounds[node] : event_bounds[node + 1]].astype("<i8").tobytes())
            digest.update(self.hops[hop_bounds[node] : hop_bounds[node + 1]].astype("<i8").tobytes())
            digests.append(digest.hexdigest())
        return digests

    def digest(self) -> str:
        """The trace digest: equal for two runs exactly when every node did the same things at the same times."""
        whole = blake2b(self.header.level.encode(), digest_size=32)
        for digest in self.node_digests():
            whole.update(bytes.fromhex(digest))
        return whole.hexdigest()

    def write(self, folder: Path) -> None:
        """Write `trace.parquet` and, where there are any, the other tables, with the header in their metadata."""
        import polars as pl

        metadata = {"netsim": msgspec.json.encode(self.header).decode()}
        for name, columns, table in (
            ("trace", COLUMNS, self.events),
            ("hops", HOP_COLUMNS, self.hops),
            ("costs", COST_COLUMNS, self.costs),
            ("displaced", DISPLACED_COLUMNS, self.displaced),
        ):
            if len(table) or name == "trace":
                frame = pl.DataFrame(table, schema=list(columns), orient="row")
                frame.write_parquet(folder / f"{name}.parquet", metadata=metadata)


def read(folder: Path) -> Trace:
    """Read a run folder's trace. Raises OSError, or ValueError for a file that is no trace of this schema."""
    import polars as pl

    path = folder / "trace.parquet"
    text = pl.read_parquet_metadata(path).get("netsim")
    if text is None:
        raise ValueError(f"{path} is not a netsim trace")
    header = msgspec.json.decode(text, type=Header)
    if header.schema != 1:
        raise ValueError(f"{path} has schema {header.schema}, this netsim reads 1")
    return Trace(
        header,
        _table(path, COLUMNS),
        _table(folder / "hops.parquet", HOP_COLUMNS),
        _table(folder / "costs.parquet", COST_COLUMNS),
        _table(folder / "displaced.parquet", DISPLACED_COLUMNS),
    )


def _table(path: Path, columns: Sequence[str]) -> NDArray[np.int64]:
    """A table of a run folder; one that is not there is empty."""
    import numpy as np
    import polars as pl

    if not path.exists():
        return _nothing(columns)
    return np.ascontiguousarray(pl.read_parquet(path).to_numpy().astype(np.int64, copy=False))


def _nothing(columns: Sequence[str]) -> NDArray[np.int64]:
    import numpy as np

    return np.zeros((0, len(columns)), np.int64)


def gather(header: Header, paths: Sequence[Path]) -> Trace:
    """Merge what the processes wrote. `paths` in an order in which each node's incarnations follow each other."""
    events = _load(paths, ".events", len(COLUMNS))
    hops = _load(paths, ".hops", len(HOP_COLUMNS))
    costs = _load(paths, _COSTS, len(COST_COLUMNS))
    displaced = _load(paths, _DISPLACED, len(DISPLACED_COLUMNS))
    header.evidence = _earliest(paths)
    return Trace(header, _by_column(events, 1), _by_column(hops, 1), _by_column(costs, 0), _by_column(displaced, 0))


def _earliest(paths: Iterable[Path]) -> list[Evidence]:
    """What the processes kept of contradictions: each once, as whoever noticed it first kept it."""
    kept = (evidence for path in paths for evidence in _read_evidence(path.with_suffix(".evidence")))
    earliest: dict[tuple[int, int], Evidence] = {}
    for evidence in sorted(kept, key=lambda evidence: (evidence.time_ns, evidence.witness)):
        earliest.setdefault((evidence.accused, evidence.about), evidence)
    return list(earliest.values())[:MOST_EVIDENCE]


def _read_evidence(file: Path) -> Iterable[Evidence]:
    data = file.read_bytes() if file.exists() else b""
    while len(data) > _LENGTH:
        end = _LENGTH + int.from_bytes(data[:_LENGTH], "big")
        if end > len(data):
            return  # a kill may cut the last one
        yield _EVIDENCE.decode(data[_LENGTH:end])
        data = data[end:]


def _load(paths: Sequence[Path], suffix: str, width: int) -> NDArray[np.int64]:
    import numpy as np

    tables: list[Any] = [np.zeros((0, width), "<i8")]
    for path in paths:
        file = path.with_suffix(suffix)
        if file.exists():
            values = np.fromfile(file, "<i8")
            tables.append(values[: len(values) // width * width].reshape(-1, width))  # a kill may cut the last row
    table = tables[-1] if len(paths) == 1 else np.concatenate(tables)
    return table.astype(np.int64, copy=False)


def _by_column(table: NDArray[np.int64], column: int) -> NDArray[np.int64]:
    import numpy as np

    return table.take(np.argsort(table[:, column], kind="stable"), axis=0)  # quicker than by brackets
