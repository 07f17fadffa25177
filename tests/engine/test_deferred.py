"""Votes that are handed over together: the trace is that of handling each by itself, whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from worlds import emulated, world

from netsim.engine import columns, loop
from netsim.engine.plan import Plan
from netsim.engine.simulator import NodeFailed, simulate
from netsim.node.consensus import ANY_NUMBER
from netsim.node.pbft import PBFT
from netsim.trace import Trace

SEVEN = """
duration: 2500 ms
sites: {here: {nodes: 5, access: ideal}, there: {nodes: 2, access: ideal}}
backbone: {delay: {distribution: uniform, low: 5 ms, high: 60 ms}}
consensus: {protocol: pbft, block_interval: 200 ms, timeout: 500 ms, empty_blocks: always, checkpoint: 4}
workload: {rate: 20 /s}
gossip: direct
trace: blocks
"""

FAULTS = [
    "{at: 600 ms, for: 700 ms, crash: [here-0]}",
    "{at: 913 ms, for: 300 ms, crash: [here-3, there-1]}",
    "{at: 800 ms, for: 300 ms, freeze: [here-2]}",
    "{at: 500 ms, for: 900 ms, partition: [[here], [there]]}",
    "{at: 400 ms, for: 600 ms, block: {from: here-1, to: here-4}}",
    "{until: 900 ms, asynchrony: {delay: up to 200 ms}}",
]
LINKS = ["", "backbone.links=[{between: [here, there], loss: 4 %}]", "transport=datagram", "sites.here.access=5g"]
COSTS = ["{sign: 0 us, verify: 0 us, execute: 0 us}", "{verify: 70 us}", "{sign: 1 ms, verify: 4 ms, execute: 5 us}"]
WRONG = ["equivocate", "forge", "withhold", "silent", "delay"]


def both(*overrides: str, kit: columns.Kit | None = None) -> tuple[Trace, Trace]:
    """The same scenario with votes handed over together and one by one."""
    scenario = world(SEVEN, *overrides)
    plan = Plan(scenario)
    if kit is not None and not plan.kept[plan.codes["deliver"]]:
        plan.kit = kit
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        return simulate(plan, Path(one)), simulate(Plan(scenario), Path(other), at_once=True)


@settings(max_examples=25, deadline=None)
@example(282, [FAULTS[1], FAULTS[4]], "", COSTS[2], [], "trace=blocks", False)  # a drop while votes wait for the CPU
@given(
    seed=st.integers(0, 1000),
    faults=st.lists(st.sampled_from(FAULTS), max_size=2, unique=True),
    link=st.sampled_from(LINKS),
    costs=st.sampled_from(COSTS),
    wrong=st.lists(st.sampled_from(WRONG), max_size=2),
    more=st.sampled_from(
        ["trace=blocks", "trace=summary", "gossip=flood", "consensus.quorum=3", "consensus.validators=[here]"]
    ),
    compiled=st.booleans(),
)
def test_the_trace_is_the_same(
    seed: int, faults: list[str], link: str, costs: str, wrong: list[str], more: str, compiled: bool
) -> None:
    misbehaving = ", ".join(f"{{nodes: [here-{4 - node}], does: {does}}}" for node, does in enumerate(wrong))
    together, alone = both(
        f"seed={seed}",
        f"faults=[{', '.join(faults)}]",
        f"misbehaviour=[{misbehaving}]",
        f"compute={costs}",
        more,
        *([link] if link else []),
        kit=columns.compiled() if compiled else None,
    )
    assert together.digest() == alone.digest()
    assert [(one.time_ns, one.witness) for one in together.header.evidence] == [
        (one.time_ns, one.witness) for one in alone.header.evidence
    ]


def test_what_waits_for_a_stopped_cpu_keeps_its_turn_though_the_cpu_needs_no_time() -> None:
    together, alone = both(
        "seed=659197",
        "sites.here.nodes=9",
        "sites.there={nodes: 5, access: 5g}",
        "transport=datagram",
        f"faults=[{FAULTS[2]}, {FAULTS[4]}, {{at: 1300 ms, for: 30 ms, freeze: [here-5, there-3]}}]",
        f"compute={COSTS[0]}",
    )
    assert together.digest() == alone.digest()


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("access", ["ideal", "5g", "fibre"])
@pytest.mark.parametrize("kit", [columns.plain, columns.compiled])
def test_the_trace_of_many_nodes_is_the_same(kit: Callable[[], columns.Kit], access: str, cost: str) -> None:
    """So many that an alarm stands for the vote that may move a node, again and again."""
    sites = f"sites={{here: {{nodes: 30, access: {access}}}, there: {{nodes: 11, access: ideal}}}}"
    together, alone = both(sites, f"compute={cost}", "duration=1 s", "backbone.delay=20 ms", kit=kit())
    assert together.digest() == alone.digest()


def test_most_votes_are_handed_over_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the tests above would show nothing."""
    handed: list[int] = []
    counted = loop.Node.counted

    def watched(node: loop.Node, totals: Iterable[tuple[int, int, int]]) -> None:
        together = [*totals]
        handed.append(sum(count for _, count, _ in together))
        counted(node, together)

    monkeypatch.setattr(loop.Node, "counted", watched)
    trace = simulate(Plan(world(SEVEN, "compute={verify: 70 us}")), tmp_path)
    delivered = trace.events[trace.events[:, 2] == trace.header.kinds.index("delivered")]
    assert sum(handed) > delivered[:, 4].sum() / 2
    assert max(handed) > 3


def test_a_protocol_that_is_moved_by_what_it_would_only_count_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PBFT, "unmoved_by", lambda replica, vote: ANY_NUMBER)
    with pytest.raises(NodeFailed, match="`unmoved_by`"):
        simulate(Plan(world(SEVEN)), tmp_path)


def test_a_packed_emulation_equals_its_twin(tmp_path: Path) -> None:
    result = emulated(
        world(SEVEN, "emulation.nodes_per_process=4", f"faults=[{FAULTS[1]}]", "duration=1500 ms"), tmp_path
    )
    assert result.summary["fidelity"]["verdict"] == "exact"
    assert result.summary["fidelity"]["twin"] == "equal"


def test_a_packed_emulation_of_many_nodes_equals_its_twin(tmp_path: Path) -> None:
    """What is compiled is made once, in the process that the others are forked off from."""
    many = world(SEVEN, "sites.here.nodes=60", "sites.there.nodes=20", "emulation.nodes_per_process=40", "duration=2 s")
    assert Plan(many).kit is columns.compiled()
    result = emulated(many, tmp_path)
    assert result.summary["fidelity"]["verdict"] == "exact"
    assert result.summary["fidelity"]["twin"] == "equal"


@pytest.mark.parametrize("level", ["full", "blocks"])
def test_what_few_votes_go_through_is_not_compiled(level: str) -> None:
    """To load machine code takes longer than they do; and none are put off where each has a row."""
    few, many = "sites.here.nodes=5", "sites.here.nodes=200"
    assert Plan(world(SEVEN, few, f"trace={level}")).kit is columns.plain()
    assert Plan(world(SEVEN, many, f"trace={level}")).kit is (
        columns.plain() if level == "full" else columns.compiled()
    )


def test_a_line_keeps_its_order_while_it_grows_and_shrinks() -> None:
    kit = columns.plain()
    line = columns.Line(kit, columns.TURN)
    for number in range(20):
        line.make_room(1)
        line.fields[columns.TURN * line.end : columns.TURN * (line.end + 1)] = [number, number, 0, number]
        line.end += 1
        if number % 3 == 0:
            line.begin += 1
    assert [turn[0] for turn in line.all()] == list(range(7, 20))
    line.remove(line.begin + 2)
    assert [turn[0] for turn in line.all()] == [7, 8, *range(10, 20)]
