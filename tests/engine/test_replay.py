"""What a machine did to an emulation is recorded, and a simulation that is told of it does the same, bit for bit."""

from __future__ import annotations

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import constant, emulated, simulated, world

from netsim.engine.loop import Loop, Memory, Packet
from netsim.engine.plan import Plan
from netsim.engine.replay import MeasuringLoop
from netsim.engine.simulator import simulate
from netsim.node.identity import KeyedHash
from netsim.running import replay
from netsim.scenario import Scenario
from netsim.trace import Fidelity, Recorder, Trace, gather, read

MEASURED = "compute=measured"
CRASH = "faults: [{at: 1 s, for: 500 ms, crash: [shenzhen-3]}]"
TWO_SITES = """
duration: 600 ms
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 3, access: 5g}
  suzhou:   {location: [31.299, 120.585], nodes: 2, access: fibre}
backbone:
  links: [{between: [shenzhen, suzhou], delay: 5 ms, jitter: 2 ms, loss: 1 %}]
consensus: {protocol: pbft, block_interval: 100 ms, timeout: 150 ms}
workload: {rate: 100 /s}
faults:
  - {at: 150 ms, for: 100 ms, crash: [suzhou-1]}
  - {at: 200 ms, for: 50 ms, partition: [[suzhou]]}
  - {at: 300 ms, for: 50 ms, freeze: [shenzhen-1]}
"""


def replayed(scenario: Scenario, recorded: Trace, folder: Path) -> str:
    """The digest of the replay."""
    folder.mkdir()
    return simulate(Plan(scenario), folder, recorded=recorded).digest()


def test_measured_compute_is_exact_in_lockstep(tmp_path: Path) -> None:
    scenario = world(constant(4, duration="2 s", more=CRASH), MEASURED)
    result = emulated(scenario, tmp_path)
    assert result.failure == ""
    fidelity = result.summary["fidelity"]
    assert (fidelity["verdict"], fidelity["twin"], fidelity["compute"]) == ("exact", "equal", "measured")
    quorum = result.summary["finality"]["quorum_ms"]["p50"]
    assert quorum is not None
    assert quorum > 60  # the law, and what computing takes
    trace = read(tmp_path)
    assert {(node, incarnation) for node, incarnation, _ in trace.costs.tolist()} == {
        *((node, 0) for node in range(4)),
        (3, 1),
    }
    assert (trace.costs[:, 2] > 0).all()

    (tmp_path / "equal").mkdir()
    again = replay(Plan(scenario), trace, tmp_path / "equal")
    assert (again.exit_code, again.twin_differs) == (0, "")
    assert again.summary["trace_digest"] == result.summary["trace_digest"]
    assert (read(tmp_path / "equal").costs == trace.costs).all()  # which can be replayed itself

    trace.costs[:, 2] += 1
    (tmp_path / "other").mkdir()
    other = replay(Plan(scenario), trace, tmp_path / "other")
    assert other.twin_differs
    assert (other.summary["fidelity"]["verdict"], other.exit_code) == ("invalid", 3)


def test_what_the_clock_displaced_is_replayed(tmp_path: Path) -> None:
    """At a pace that no machine can keep, through the death of a process."""
    scenario = world(
        constant(4, duration="2 s", more=CRASH),
        "emulation.pace=clock",
        "emulation.dilation=0.05",
        "emulation.patience=0 s",
    )
    result = emulated(scenario, tmp_path)
    trace = read(tmp_path)
    assert result.summary["fidelity"]["displaced"] > 0
    assert len(trace.displaced) > 0
    assert replayed(scenario, trace, tmp_path / "again") == result.summary["trace_digest"]


def test_there_is_nothing_to_measure_in_a_simulation(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="netsim replay"):
        simulated(world(constant(4), MEASURED), tmp_path)


def two_processes(plan: Plan, kind: type[Loop], random: Random, folder: Path) -> Trace:
    """The nodes in two loops that run ahead of each other as they like, so that much comes too late."""
    recorders = [Recorder(folder / f"process-{process}") for process in range(2)]
    loops = [kind(plan, recorder, KeyedHash(plan.scenario.seed), in_order=False) for recorder in recorders]
    homes = [[0, 3], [1, 2, 4]]
    for loop, nodes in zip(loops, homes, strict=True):
        for node in nodes:
            loop.add(node, Memory())
        loop.listen()
    now = [0, 0]
    on_the_way: list[list[Packet]] = [[], []]

    def receive(process: int, most: int) -> None:
        for packet in on_the_way[process][:most]:
            here = [place for place, receiver in enumerate(packet.receivers) if receiver in homes[process]]
            begun, departures = (
                times if isinstance(times, int) else [times[place] for place in here]
                for times in (packet.begun, packet.departures)
            )
            receivers = [packet.receivers[place] for place in here]
            if here:
                loops[process].accept(
                    packet.sender,
                    packet.incarnation,
                    packet.sequence,
                    packet.sent,
                    begun,
                    departures,
                    receivers,
                    packet.message,
                )
        del on_the_way[process][:most]

    while min(now) < plan.scenario.duration:
        process = random.randrange(2)
        receive(process, random.choice([0, 1, 5, 100]))
        now[process] += random.choice([0, 1_000_000, 10_000_000, 40_000_000])
        loops[process].run(now[process])
        on_the_way[1 - process] += loops[process].outbox
        loops[process].outbox = []
    for process in range(2):
        receive(process, len(on_the_way[process]))
        loops[process].finish()
        recorders[process].close()
    return gather(plan.header("emulate", Fidelity()), [folder / f"process-{process}" for process in range(2)])


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 1 << 32),
    st.sampled_from(["full", "blocks", "summary"]),
    st.sampled_from(["stream", "datagram"]),
    st.sampled_from([MEASURED, "compute.verify=200 us"]),
)
def test_any_interleaving_is_replayed(seed: int, level: str, transport: str, compute: str) -> None:
    scenario = world(TWO_SITES, f"trace={level}", f"transport={transport}", compute)
    kind = MeasuringLoop if scenario.compute.measured else Loop
    with TemporaryDirectory() as folder:
        recorded = two_processes(Plan(scenario), kind, Random(seed), Path(folder))
        assert replayed(scenario, recorded, Path(folder) / "again") == recorded.digest()


def test_the_interleavings_displace_something(tmp_path: Path) -> None:
    recorded = two_processes(Plan(world(TWO_SITES)), Loop, Random(1), tmp_path)
    assert len(recorded.displaced) > 10
    assert recorded.digest() != simulated(world(TWO_SITES), tmp_path / "undisturbed").digest()
