"""Every protocol of the catalogue in real processes: exact, and equal to its simulation, also through a crash."""

from __future__ import annotations

from pathlib import Path

import pytest
from known import is_known
from worlds import emulated, world

from netsim import catalogue
from netsim.trace import read

WORLD = """
duration: 3 s
sites:
  shenzhen:  {location: [22.543, 114.058], nodes: 3, access: 5g}
  hong-kong: {location: [22.319, 114.169], nodes: 2, access: fibre}
  suzhou:    {location: [31.299, 120.585], nodes: 2, access: 5g}
backbone: {links: [{between: [shenzhen, hong-kong], delay: 4 ms, jitter: 1 ms}]}
workload: {rate: 60 /s, size: 250 B}
faults:
  - {at: 1 s, for: 1 s, crash: [shenzhen-0]}
"""
# Defaults are those of the real systems; these let something happen within 4 s.
CONSENSUS = {
    "snowman": "sample: 6, beta: 4",
    "clique": "wiggle: 50 ms",
}
FLOODED = ("tendermint", "hotstuff", "raft", "clique")
PROTOCOLS = [entry.name for entry in catalogue.entries("protocols") if entry.built]


@pytest.mark.parametrize(
    ("protocol", "gossip"),
    [*((protocol, "direct") for protocol in PROTOCOLS), *((protocol, "flood") for protocol in FLOODED)],
)
def test_every_protocol_is_exact_and_equals_its_twin(protocol: str, gossip: str, tmp_path: Path) -> None:
    own = CONSENSUS.get(protocol, "")
    consensus = f"{{protocol: {protocol}, block_interval: 200 ms, timeout: 500 ms{own and ', '}{own}}}"
    overlay = "overlay={topology: random-regular, degree: 4}" if gossip == "flood" else "overlay=complete"
    scenario = world(f"{WORLD}consensus: {consensus}\ngossip: {gossip}\n", overlay)
    result = emulated(scenario, tmp_path)
    assert result.failure == ""
    fidelity, summary = result.summary["fidelity"], result.summary
    assert (fidelity["verdict"], fidelity["twin"]) == ("exact", "equal"), read(tmp_path).header.fidelity.twin_differs
    assert is_known(f"{protocol}/{gossip}", summary["trace_digest"])
    assert summary["safety"]["agreement"] == "holds"
    assert summary["blocks"]["finalised"] > 0
