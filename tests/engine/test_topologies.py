"""What a flood costs on each topology: 2E − (N − 1) messages with E by closed forms, and a delay for each hop."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest
from worlds import constant, rows, simulated, world

from netsim.engine.plan import Plan

DELTA = 20_000_000
NODES = 12
LINKS = {
    "line": NODES - 1,
    "grid": 2 * 3 * 4 - 3 - 4,  # 2mn − m − n
    "{topology: tree, children: 3}": NODES - 1,
    "ring": NODES,
    "star": NODES - 1,
    "complete": NODES * (NODES - 1) // 2,
    "{topology: clustered, within: 4}": 2 * NODES,  # all at one site
}


@pytest.mark.parametrize("topology", LINKS)
def test_a_flood_costs_two_for_each_link_but_those_by_which_it_came(topology: str, tmp_path: Path) -> None:
    overlay = topology if topology.startswith("{") else f"{{topology: {topology}}}"
    flooded = f"overlay: {overlay}\ngossip: {{blocks: flood, votes: direct}}"
    scenario = world(constant(NODES, duration="3 s", more=flooded), "consensus.block_interval=500 ms")
    graph = Plan(scenario).network.graph
    assert graph.number_of_edges() == LINKS[topology]

    trace = simulated(scenario, tmp_path)
    proposals = [name for name, kind in trace.header.messages.items() if kind == "PrePrepare"]
    blocks = len(rows(trace, "propose"))
    sent = [row for row in rows(trace, "send") if row["detail"] & 255 in proposals]
    assert blocks >= 4
    assert sum(row["detail"] >> 8 for row in sent) == blocks * (2 * LINKS[topology] - (NODES - 1))

    hops = nx.single_source_shortest_path_length(graph, 0)
    (first, *_) = sorted(rows(trace, "propose"), key=lambda row: row["time_ns"])
    taken = {
        node: min(
            row["time_ns"] for row in rows(trace, "deliver") if row["node"] == node and row["detail"] in proposals
        )
        for node in range(1, NODES)
    }
    assert taken == {node: first["time_ns"] + hops[node] * DELTA for node in range(1, NODES)}
