"""PBFT with at most so many transactions in a block, and a full block that does not wait, as in FISCO BCOS."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsim import catalogue
from netsim.engine.plan import Plan
from netsim.engine.simulator import simulate
from netsim.measure import Summary, summarise
from netsim.scenario import parse

TEXT = """
duration: 20 s
sites: {a: {nodes: 4, access: ideal}}
backbone: {delay: 5 ms}
consensus: {protocol: pbft, block_interval: 500 ms, spread: 0 s, block_transactions: 50}
workload: {rate: 200 /s, arrival: uniform, from: a-0, batch: 10 ms}
compute: {sign: 0 us, verify: 0 us, execute: 0 us}
"""


def measured(folder: Path, *overrides: str) -> Summary:
    return summarise(simulate(Plan(parse(TEXT, "x.yaml", overrides=overrides, catalogue=catalogue)), folder))


def test_a_block_holds_no_more_and_waits_for_its_interval(tmp_path: Path) -> None:
    summary = measured(tmp_path)
    assert summary["blocks"]["interval_ms"]["p50"] == pytest.approx(500)
    assert summary["transactions"]["throughput_tps"] == pytest.approx(100, rel=0.03)  # 50 each half second


def test_a_full_block_is_proposed_at_once(tmp_path: Path) -> None:
    summary = measured(tmp_path, "consensus.full_blocks=at-once")
    assert summary["blocks"]["interval_ms"]["p50"] == pytest.approx(250, abs=10)  # 50 transactions have come
    assert summary["transactions"]["throughput_tps"] == pytest.approx(200, rel=0.02)


def test_one_that_is_not_full_waits(tmp_path: Path) -> None:
    summary = measured(tmp_path, "consensus.full_blocks=at-once", "workload.rate=50 /s")
    assert summary["blocks"]["interval_ms"]["min"] == pytest.approx(500, abs=0.1)
    assert summary["blocks"]["interval_ms"]["max"] == pytest.approx(500, abs=0.1)
