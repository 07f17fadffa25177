"""A run for other tools: trace events as their format asks, and tables that say what summary.json says."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from netsim import catalogue
from netsim.cli import Form, export
from netsim.engine.plan import Plan
from netsim.engine.simulator import simulate
from netsim.export import perfetto, tables
from netsim.export.frames import TABLES, Frames
from netsim.measure import Summary, summarise
from netsim.measure.dist import dist_ms
from netsim.measure.events import DETAIL, KIND, NODE, PEER, TIME, Events
from netsim.scenario import parse
from netsim.trace import DROPS, Trace
from tests.commands import ROOT, netsim

NAME = '<b onclick="x()">, "quoted" $x$'
ROUGH = """
name: NAME
duration: 6 s
seed: 5
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 4, access: 5g}
  suzhou: {location: [31.299, 120.585], nodes: 3, access: fibre}
gossip: flood
overlay: {topology: random-regular, degree: 4}
consensus: {protocol: PROTOCOL, block_interval: 1 s}
workload: {rate: 5 /s, size: 2 kB}
compute: {sign: 25 us, verify: 70 us, execute: 5 us}
faults:
  - {at: 2 s, crash: shenzhen-0, for: 1 s}
  - {at: 2.5 s, partition: [[shenzhen], [suzhou]], for: 500 ms}
  - {at: 4 s, freeze: suzhou-1, for: 300 ms}
  - {at: 5 s, crash: suzhou-2}
"""


def simulated(protocol: str, folder: Path, *overrides: str) -> Trace:
    text = ROUGH.replace("NAME", json.dumps(NAME)).replace("PROTOCOL", protocol)
    return simulate(Plan(parse(text, "scenario.yaml", overrides=overrides, catalogue=catalogue)), folder)


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return simulated("pbft", tmp_path_factory.mktemp("trace"), "consensus.timeout=400 ms")


@pytest.fixture(scope="module")
def frames(trace: Trace) -> Frames:
    return Frames(trace)


@pytest.fixture(scope="module")
def summary(trace: Trace) -> Summary:
    return summarise(trace)


# By phase, what an event of it must have.
FIELDS = {
    "M": {"name", "ph", "ts", "pid", "args"},
    "X": {"name", "cat", "ph", "ts", "dur", "pid", "tid", "args"},
    "i": {"name", "cat", "ph", "s", "ts", "pid", "tid", "args"},
    "s": {"name", "cat", "ph", "id", "ts", "pid", "tid"},
    "f": {"name", "cat", "ph", "bp", "id", "ts", "pid", "tid"},
}


class Document:
    """A file of trace events, read as its format is described, and held against it.

    "Trace Event Format" (Google, 2016): complete events have `ts` and `dur`, in microseconds; those of one thread nest;
    instants have a scope; a flow begins (`s`) and ends (`f`) with the same category, name and id, each in the slice
    that lies around it (`bp: e` for the end). Perfetto sorts events by their time, and keeps the order of those at the
    same time; a flow is tied to the slice that began last.
    """

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        text = gzip.decompress(data) if path.suffix == ".gz" else data
        self.whole: dict[str, Any] = json.loads(text, parse_float=Decimal)
        self.events: list[dict[str, Any]] = self.whole["traceEvents"]
        self.processes: dict[int, str] = {}
        self.threads: dict[int, str] = {}
        self.process_of: dict[int, int] = {}
        for event in self.events:
            self._check_fields(event)
        self._check_names()
        self.flows = self._check_flows()

    def of(self, phase: str, category: str | None = None) -> list[dict[str, Any]]:
        return [event for event in self.events if event["ph"] == phase and event.get("cat", category) == category]

    def _check_fields(self, event: dict[str, Any]) -> None:
        wanted = FIELDS[event["ph"]]
        assert wanted <= event.keys() <= wanted | {"tid"}
        assert isinstance(event["name"], str)
        for time in (event["ts"], event.get("dur", Decimal(0))):
            assert time >= 0
            assert isinstance(time, int) or time == round(time, 3)
        assert all(isinstance(event.get(field, 1), int) and event.get(field, 1) > 0 for field in ("pid", "tid", "id"))
        assert event.get("s", "t") == "t"
        assert event.get("bp", "e") == "e"
        if event["name"] == "process_name":
            self.processes[event["pid"]] = event["args"]["name"]
        elif event["name"] == "thread_name":
            assert event["tid"] not in self.threads
            self.threads[event["tid"]] = event["args"]["name"]
            self.process_of[event["tid"]] = event["pid"]

    def _check_names(self) -> None:
        """Everything has a place with a name, and a thread belongs to one process, whose number it does not have."""
        assert not self.threads.keys() & self.processes.keys()
        for event in self.events:
            assert event["pid"] in self.processes
            if event["ph"] != "M":
                assert self.process_of[event["tid"]] == event["pid"]

    def _check_flows(self) -> dict[int, tuple[dict[str, Any], dict[str, Any]]]:
        """Slices of one thread do not overlap; both ends of every flow lie in one. The two slices of each flow."""
        around: dict[int, dict[str, Any]] = {}
        opened: dict[tuple[str, str, int], dict[str, Any]] = {}
        flows: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
        for event in sorted(self.events, key=lambda event: event["ts"]):
            last = around.get(event.get("tid", 0))
            if event["ph"] == "X":
                assert last is None or last["ts"] + last["dur"] <= event["ts"]
                around[event["tid"]] = event
            elif event["ph"] in "sf":
                assert last is not None
                assert last["ts"] <= event["ts"] <= last["ts"] + last["dur"]
                key = (event["cat"], event["name"], event["id"])
                if event["ph"] == "s":
                    assert key not in opened
                    opened[key] = last
                else:
                    flows[event["id"]] = (opened.pop(key), last)
        assert not opened
        return flows


@pytest.mark.parametrize("protocol", ["pbft", "hotstuff", "nakamoto"])
def test_trace_events_are_as_their_format_asks(protocol: str, tmp_path: Path) -> None:
    trace = simulated(protocol, tmp_path)
    events, header = Events(trace), trace.header
    count = perfetto.write(trace, tmp_path / "run.json")
    document = Document(tmp_path / "run.json")
    assert count == len(document.events)
    assert document.whole["otherData"]["scenario"] == NAME
    assert document.whole["otherData"]["trace_digest"] == trace.digest()

    delivered = events.of("deliver")
    assert len(document.flows) == len(delivered)
    ways = Counter(tuple(document.threads[end["tid"]] for end in flow) for flow in document.flows.values())
    nodes = header.nodes
    assert ways == Counter((nodes[sender], nodes[node]) for sender, node in delivered[:, [PEER, NODE]].tolist())
    assert all(begin["ts"] < end["ts"] for begin, end in document.flows.values())

    for kind in ("propose", "finalise", "crash", "freeze", "drop"):
        shown = sorted(int(event["ts"] * 1000) for event in document.of("i", "record") if event["name"] == kind)
        assert shown == sorted(events.of(kind)[:, TIME].tolist())
    reasons = Counter(event["args"]["reason"] for event in document.of("i", "record") if event["name"] == "drop")
    assert reasons == Counter(DROPS[reason] for reason in events.of("drop")[:, DETAIL].tolist())


def test_tracks_are_grouped_by_site_and_show_blocks_faults_and_who_is_down(trace: Trace, tmp_path: Path) -> None:
    perfetto.write(trace, tmp_path / "run.json")
    document = Document(tmp_path / "run.json")
    header = trace.header
    assert list(document.processes.values()) == ["shenzhen", "suzhou", "faults"]
    for tid, label in document.threads.items():
        if label in header.nodes:
            site = header.sites[header.node_sites[header.nodes.index(label)]]
            assert document.processes[document.process_of[tid]] == site

    slices = defaultdict(list)
    for event in document.of("X", "state"):
        slices[document.threads[event["tid"]]].append(
            (event["name"], int(event["ts"]), int(event["ts"] + event["dur"]))
        )
    assert slices["shenzhen-0 down"] == [("crashed", 2_000_000, 3_000_000)]
    assert slices["suzhou-1 down"] == [("frozen", 4_000_000, 4_300_000)]
    assert slices["suzhou-2 down"] == [("crashed", 5_000_000, 6_000_000)]
    faults = slices["faults"] + slices["faults 2"]  # two of them overlap
    assert len(slices["faults 2"]) == 1
    spans = {(fault.says, fault.start_ns // 1000, fault.end_ns // 1000) for fault in header.faults}
    assert set(faults) == spans
    finalised = Frames(trace).finalisations.filter(node="shenzhen-1")
    assert {f"block {height}" for height in finalised["height"]} <= {label for label, *_ in slices["shenzhen-1 blocks"]}
    assert any(label.startswith("round") for label, *_ in slices["shenzhen-1 rounds"])


def test_how_long_a_slice_is(trace: Trace, tmp_path: Path) -> None:
    """A Prepare is checked (70 µs); with the one that makes a quorum the node signs, too (25 µs more)."""
    perfetto.write(trace, tmp_path / "run.json")
    prepares = [event for event in Document(tmp_path / "run.json").of("X", "message") if event["name"] == "Prepare"]
    assert {int(event["dur"]) for event in prepares} <= {0, 70, 95}
    durations = Counter(int(event["dur"]) for event in prepares)
    assert durations[95] > 0
    assert durations[70] > 0  # where the next message waited
    assert all(event["args"].keys() >= {"block", "height", "round", "from", "bytes"} for event in prepares)


@pytest.mark.parametrize("level", ["blocks", "summary"])
def test_a_trace_without_messages_has_no_flows(level: str, tmp_path: Path) -> None:
    perfetto.write(simulated("pbft", tmp_path, f"trace={level}"), tmp_path / "run.json")
    document = Document(tmp_path / "run.json")
    assert not document.flows
    assert {event["cat"] for event in document.events if event["ph"] != "M"} == {"record", "state"}


def test_a_compressed_file_says_the_same_and_is_always_the_same(trace: Trace, tmp_path: Path) -> None:
    for name in ("a.json", "b.json.gz", "c.json.gz"):
        perfetto.write(trace, tmp_path / name)
    compressed = (tmp_path / "b.json.gz").read_bytes()
    assert gzip.decompress(compressed) == (tmp_path / "a.json").read_bytes()
    assert compressed == (tmp_path / "c.json.gz").read_bytes()


def test_the_tables_have_the_columns_that_are_described(frames: Frames) -> None:
    for table, described in TABLES.items():
        frame = getattr(frames, table)
        assert frame.columns == list(described.columns)
        assert len(frame) > 0


def test_the_tables_say_what_the_summary_says(frames: Frames, summary: Summary) -> None:
    def ns(column: pl.Series) -> Any:
        return (column.drop_nulls() * 1e6).round().cast(pl.Int64).to_numpy()

    counted = frames.finality.filter("counted")
    for who in ("first", "quorum", "all"):
        assert dist_ms(ns(counted[f"{who}_ms"])) == summary["finality"][f"{who}_ms"]  # type: ignore[literal-required]
    final = frames.finalisations.filter("validator", pl.col("block").is_in(counted["block"].implode()))
    for site in frames.header.sites:
        assert dist_ms(ns(final.filter(site=site)["final_ms"])) == summary["finality"]["by_site"][site]

    assert len(frames.transactions) == summary["transactions"]["submitted"]
    assert frames.transactions["block"].is_not_null().sum() == summary["transactions"]["finalised"]
    assert dist_ms(ns(frames.transactions["latency_ms"])) == summary["transactions"]["latency_ms"]

    measured = frames.finality.filter(pl.col("proposed_ms") >= frames.header.warmup_ns / 1e6)["block"].implode()
    spread = frames.propagation.filter(pl.col("block").is_in(measured))
    half = spread.filter(pl.col("share") >= 0.5).group_by("block").agg(pl.col("received_ms").min())
    assert dist_ms(ns(half["received_ms"])) == summary["propagation_ms"]["p50"]

    protocols = frames.traffic.filter(pl.col("type") != "Transactions")
    for what, key in (("sent", "sent"), ("delivered", "delivered"), ("repeated", "duplicates")):
        assert protocols.filter(what=what)["copies"].sum() == summary["messages"][key]  # type: ignore[literal-required]
    assert protocols.filter(what="sent")["bytes"].sum() == summary["messages"]["bytes"]
    assert frames.traffic.filter(what="dropped")["copies"].sum() == summary["messages"]["dropped"]


def test_the_parts_of_a_delay_add_up_to_it(frames: Frames, trace: Trace) -> None:
    messages = frames.messages
    parts = [column for column in messages.columns if column.endswith("_ms")][3:]
    came = messages.filter(pl.col("lost").is_null())
    sums = came.select(pl.sum_horizontal(parts)).to_series()
    assert np.allclose(sums, came["delay_ms"], rtol=0, atol=1e-9)
    assert came[parts].null_count().sum_horizontal().item() == 0
    lost = messages.filter(pl.col("lost").is_not_null())
    assert set(lost["lost"]) == {"partition", "down"}
    assert lost[parts].null_count().sum_horizontal().item() == len(lost) * len(parts)
    events = Events(trace)
    assert (len(came), len(lost)) == (events.is_kind("deliver").sum(), events.is_kind("drop").sum())


def test_the_events_are_the_trace_in_names(frames: Frames, trace: Trace) -> None:
    events, rows = frames.events, frames.measured.rows
    assert events["time_ns"].to_list() == rows[:, TIME].tolist()
    assert events["kind"].to_list() == [trace.header.kinds[kind] for kind in rows[:, KIND].tolist()]
    sends = events.filter(kind="send").select("message", sender="node", sent="type")
    delivered = events.filter(kind="deliver").join(sends, on="message", how="left")
    assert (delivered["peer"] == delivered["sender"]).all()
    assert (delivered["type"] == delivered["sent"]).all()
    caused = events.filter(kind="send").join(events, left_on="cause", right_on="event", suffix="_cause")
    assert set(caused["kind_cause"]) <= {"deliver", "timer", "submit"}
    assert (caused["node"] == caused["node_cause"]).all()


def test_the_document_describes_every_table() -> None:
    text = (ROOT / "scenarios" / "exports.md").read_text("utf-8")
    for table, described in TABLES.items():
        rows = "".join(f"| `{column}` | {holds} |\n" for column, holds in described.columns.items())
        assert f"### {table}\n\nA row for {described.says}.\n\n| column | holds |\n|---|---|\n{rows}" in text


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_tables_are_read_back_as_they_were_written(
    form: tables.Form, frames: Frames, trace: Trace, tmp_path: Path
) -> None:
    written = tables.write(trace, tmp_path / "tables", form)
    assert set(written) == set(TABLES)
    for table, rows in written.items():
        frame, path = getattr(frames, table), tmp_path / "tables" / f"{table}.{form}"
        assert len(frame) == rows
        back = pl.read_parquet(path) if form == "parquet" else pl.read_csv(path, schema=frame.schema)
        assert back.equals(frame)
    meaning = pl.read_csv(tmp_path / "tables" / tables.MEANING)
    assert meaning["column"].to_list() == [column for table in TABLES.values() for column in table.columns]


@pytest.mark.parametrize(("level", "missing"), [("blocks", {"messages"}), ("summary", {"messages", "transactions"})])
def test_a_trace_of_a_lesser_level_has_fewer_tables(level: str, missing: set[str], tmp_path: Path) -> None:
    trace = simulated("pbft", tmp_path, f"trace={level}")
    assert set(TABLES) - set(tables.write(trace, tmp_path / "tables", "csv")) == missing
    for table in missing:
        with pytest.raises(ValueError, match=f"of level {level}"):
            getattr(Frames(trace), table)


def test_a_run_in_which_nothing_happened_has_empty_tables(tmp_path: Path) -> None:
    """The nodes are down all the time."""
    trace = simulated("pbft", tmp_path, "faults=[{at: 0 s, crash: shenzhen}, {at: 0 s, crash: suzhou}]")
    written = tables.write(trace, tmp_path / "tables", "parquet")
    assert (written["finality"], written["messages"], written["nodes"]) == (0, 0, 7)
    perfetto.write(trace, tmp_path / "run.json")
    assert not Document(tmp_path / "run.json").flows


def test_what_a_killed_process_did_not_write_is_not_known(trace: Trace, frames: Frames, tmp_path: Path) -> None:
    """A run that was cut short may lack the last rows of a node, whose messages were taken up elsewhere."""
    rows = trace.events
    lacks = (rows[:, NODE] == 1) & (rows[:, TIME] > 3_000_000_000)
    cut = Trace(trace.header, rows[~lacks], trace.hops)
    messages = Frames(cut).messages
    unknown = messages.filter(pl.col("sent_ms").is_null())
    assert set(unknown["sender"]) == {trace.header.nodes[1]}
    assert unknown["delay_ms"].null_count() == len(unknown) > 0
    whole = frames.messages.filter(pl.col("receiver") != trace.header.nodes[1])
    assert messages["sent_ms"].drop_nulls().is_in(frames.messages["sent_ms"].implode()).all()
    assert len(messages.filter(pl.col("receiver") != trace.header.nodes[1])) == len(whole)
    perfetto.write(cut, tmp_path / "run.json")
    assert len(Document(tmp_path / "run.json").flows) == messages.filter(pl.col("lost").is_null())["sent_ms"].count()


def test_the_command_writes_into_the_run_or_where_it_is_told(
    trace: Trace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    trace.write(run)
    assert netsim(tmp_path, "export", run, "--to", "perfetto").returncode == 0
    assert Document(run / "perfetto.json.gz").flows
    export(run, Form.csv, tmp_path / "tables")
    assert f"finality.csv: {len(Frames(trace).finality)} rows" in capsys.readouterr().out

    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "trace.parquet").write_text("no table")
    for folder, form, output, said in (
        (tmp_path / "none", Form.csv, None, "none is no run's folder: No such file or directory"),
        (tmp_path / "other", Form.csv, None, "parquet"),
        (run, Form.perfetto, Path("run.txt"), "run.txt: trace events go into a .json or .json.gz file"),
    ):
        with pytest.raises(SystemExit) as left:
            export(folder, form, output)
        assert left.value.code == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert said in told.err


def test_a_full_disk_leaves_no_half_file(trace: Trace, tmp_path: Path) -> None:
    trace.write(tmp_path)
    before = set(tmp_path.iterdir())
    done = netsim(tmp_path, "export", ".", "--to", "perfetto", "--output", "run.json", limit=100_000)
    assert done.returncode == 4
    assert "File too large" in done.stderr
    assert set(tmp_path.iterdir()) == before
