"""The loop: one CPU, first come first served; what a delivery's time is made of; what causes what."""

from __future__ import annotations

from pathlib import Path

import pytest
from worlds import rows, simulated, world

from netsim.trace import PARTS, Trace

BUSY = """
duration: 2 s
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 4, access: 5g}
  suzhou:   {location: [31.299, 120.585], nodes: 3, access: fibre}
backbone:
  links:
    - {between: [shenzhen, suzhou], delay: 5 ms, jitter: 2 ms, loss: 1 %, bandwidth: 10 Mbps}
consensus: {protocol: pbft, block_interval: 100 ms, checkpoint: 4}
workload: {rate: 500 /s, size: 2 KiB}
compute: {sign: 200 us, verify: 500 us, execute: 10 us}
"""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return simulated(world(BUSY), tmp_path_factory.mktemp("busy"))


def test_the_parts_of_every_delivery_add_up_to_its_time(busy: Trace) -> None:
    sent = {row["message"]: row["time_ns"] for row in rows(busy, "send")}
    parts: dict[tuple[int, int], int] = {}
    seen = set()
    for message, receiver, part, nanoseconds in busy.hops.tolist():
        assert nanoseconds > 0
        parts[message, receiver] = parts.get((message, receiver), 0) + nanoseconds
        seen.add(PARTS[part])
    delivered = rows(busy, "deliver")
    assert len(delivered) > 1000
    for row in delivered:
        assert row["time_ns"] - sent[row["message"]] == parts[row["message"], row["node"]]
    assert seen == set(PARTS)


def test_a_node_does_one_thing_at_a_time(busy: Trace) -> None:
    """What is taken up begins when what went before has ended: the rows of a node never step back."""
    for node in range(7):
        mine = [row for row in busy.events.tolist() if row[1] == node and row[2] != busy.header.kinds.index("drop")]
        times = [row[0] for row in mine]
        assert times == sorted(times)


def test_what_is_sent_again_by_nobody_arrives_once(busy: Trace) -> None:
    delivered = [(row["message"], row["node"]) for row in rows(busy, "deliver")]
    assert len(delivered) == len(set(delivered))


def test_causes_lead_back_to_an_event_of_the_same_node(busy: Trace) -> None:
    kinds = busy.header.kinds
    events = {"deliver", "timer", "submit"}
    caused = 0
    for node in range(7):
        mine = [row for row in busy.events.tolist() if row[1] == node]
        for at, row in enumerate(mine):
            if row[9] >= 0:
                assert row[9] <= at
                assert kinds[mine[row[9]][2]] in events
                assert mine[row[9]][0] <= row[0]
                caused += 1
    assert caused > 1000


def test_a_transaction_is_final_at_most_once_and_only_if_it_was_submitted(busy: Trace) -> None:
    submitted = {(row["node"], row["height"]) for row in rows(busy, "submit")}
    included: list[tuple[int, int]] = []
    final = {row["block"] for row in rows(busy, "finalise")}
    for row in rows(busy, "include"):
        if row["block"] in final:
            included += [(row["peer"], row["height"] + index) for index in range(row["detail"])]
    assert len(included) == len(set(included)) > 100
    assert set(included) <= submitted
    assert max(due["detail"] - due["time_ns"] for due in rows(busy, "submit")) <= 0  # never before it was due


@pytest.mark.parametrize("transport", ["stream", "datagram"])
def test_a_stream_loses_nothing_and_a_datagram_does(transport: str, tmp_path: Path) -> None:
    trace = simulated(world(BUSY, f"transport={transport}", "consensus.timeout=500 ms"), tmp_path)
    assert bool(rows(trace, "drop")) == (transport == "datagram")
