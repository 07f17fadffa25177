"""The record: what is written is read back, a kill loses no whole row, the digest sees every change and no more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim import trace
from netsim.trace import COLUMNS, Fidelity, Header, Recorder, Trace, gather, message_id, read, unpack_message_id


def header(nodes: int = 3) -> Header:
    return Header(
        name="told by hand",
        scenario_sha256="0" * 64,
        seed=1,
        engine="simulate",
        version="0",
        level="full",
        duration_ns=10**9,
        warmup_ns=0,
        nodes=[f"node-{number}" for number in range(nodes)],
        sites=["here"],
        node_sites=[0] * nodes,
        validators=list(range(nodes)),
        byzantine=[],
        quorum=nodes,
        finality_rule="commit",
        kinds=list(trace.KINDS),
        messages={1: "Transactions"},
        transactions=[1],
        faults=[],
        expectations=[],
        fidelity=Fidelity(),
    )


def row(node: int, value: int) -> tuple[int, ...]:
    return (value, node, *range(value, value + len(COLUMNS) - 2))


def recorded(folder: Path, files: list[list[int]]) -> Trace:
    """Files of rows, each given by its node; the value of a row is how many its node had before."""
    seen: dict[int, int] = {}
    paths = []
    for number, nodes in enumerate(files):
        paths.append(folder / f"process-{number}")
        recorder = Recorder(paths[-1])
        for node in nodes:
            recorder.rows.extend(row(node, seen.setdefault(node, 0)))
            recorder.hops.extend((seen[node], node, 0, 5))
            seen[node] += 1
            recorder.flush()
        recorder.close()
    return gather(header(), paths)


@given(st.lists(st.integers(0, 2), max_size=30), st.randoms())
def test_the_digest_does_not_care_which_process_wrote_a_row(
    tmp_path_factory: pytest.TempPathFactory, nodes: list[int], random: object
) -> None:
    together = recorded(tmp_path_factory.mktemp("together"), [nodes])
    apart = recorded(
        tmp_path_factory.mktemp("apart"), [[node for node in nodes if node == number] for number in range(3)]
    )
    assert together.digest() == apart.digest()
    assert len(together.events) == len(nodes)


def test_the_digest_sees_every_value_and_the_order_within_a_node(tmp_path: Path) -> None:
    told = recorded(tmp_path, [[0, 1, 1, 2]])
    digest = told.digest()
    for place in np.ndindex(told.events.shape):
        if place[1] != 1:  # another node is another place in the table
            told.events[place] += 1
            assert told.digest() != digest
            told.events[place] -= 1
    told.hops[0, 3] += 1
    assert told.digest() != digest
    told.hops[0, 3] -= 1
    assert told.digest() == digest
    told.events[[1, 2]] = told.events[[2, 1]]
    assert told.digest() != digest


def test_a_trace_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    told = recorded(tmp_path, [[0, 1], [1, 2]])
    told.write(tmp_path)
    again = read(tmp_path)
    assert again.header == told.header
    assert (again.events == told.events).all()
    assert (again.hops == told.hops).all()
    assert again.digest() == told.digest()


def test_a_row_that_a_kill_cut_off_is_left_out_and_no_other(tmp_path: Path) -> None:
    recorded(tmp_path, [[0, 1, 2]])
    file = tmp_path / "process-0.events"
    file.write_bytes(file.read_bytes()[:-8])
    assert len(gather(header(), [tmp_path / "process-0"]).events) == 2


def test_what_a_process_never_wrote_is_no_error(tmp_path: Path) -> None:
    assert len(gather(header(), [tmp_path / "nobody"]).events) == 0


def test_a_file_that_is_no_trace_is_refused(tmp_path: Path) -> None:
    import polars as pl

    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "trace.parquet")
    with pytest.raises(ValueError, match="not a netsim trace"):
        read(tmp_path)


@given(st.integers(0, 2**19 - 1), st.integers(0, 255), st.integers(0, 2**36 - 1))
def test_a_message_id_holds_its_three_numbers(sender: int, incarnation: int, sequence: int) -> None:
    packed = message_id(sender, incarnation, sequence)
    assert 0 <= packed < 2**63
    assert unpack_message_id(packed) == (sender, incarnation, sequence)
