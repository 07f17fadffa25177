"""Why a block took that long: the parts of a critical path sum up to the whole, to the nanosecond."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsim import catalogue
from netsim.engine.plan import Plan
from netsim.engine.simulator import simulate
from netsim.measure.account import account, last_messages
from netsim.measure.causes import COMPUTE, Causes, CriticalPath, Milestone
from netsim.scenario import parse
from tests.commands import netsim

ROUGH = """
duration: 8 s
seed: 5
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 4, access: 5g}
  suzhou: {location: [31.299, 120.585], nodes: 3, access: fibre}
gossip: flood
overlay: {topology: random-regular, degree: 4}
consensus: {protocol: PROTOCOL, block_interval: 500 ms}
workload: {rate: 50 /s, size: 2 kB}
compute: {sign: 25 us, verify: 70 us, execute: 5 us}
faults:
  - {at: 2 s, crash: shenzhen-0, for: 1 s}
  - {at: 4 s, partition: [[shenzhen], [suzhou]], for: 1 s}
"""

CONSTANT = """
duration: 3 s
sites: {here: {nodes: 4, access: ideal}}
backbone: {delay: 20 ms}
gossip: direct
consensus: {protocol: pbft, block_interval: 500 ms, empty_blocks: always}
workload: {rate: 0 /s}
compute: {sign: 0 us, verify: 1 ms, execute: 0 us}
"""


def causes(text: str, folder: Path, *overrides: str) -> Causes:
    plan = Plan(parse(text, "scenario.yaml", overrides=overrides, catalogue=catalogue))
    return Causes(simulate(plan, folder))


def paths(found: Causes, milestone: Milestone = "quorum") -> list[CriticalPath]:
    return [path for place in found.places() if (path := found.path(place, milestone)) is not None]


@pytest.mark.parametrize("protocol", ["pbft", "tendermint", "hotstuff", "raft", "nakamoto", "snowman"])
def test_the_parts_sum_up_to_the_whole(protocol: str, tmp_path: Path) -> None:
    found = causes(ROUGH.replace("PROTOCOL", protocol), tmp_path)
    milestones: tuple[Milestone, ...] = ("first", "quorum", "all")
    for path in (path for milestone in milestones for path in paths(found, milestone)):
        assert sum(path.parts().values()) == path.final_ns - path.proposed_ns
        if path.steps:
            assert (path.steps[0].begin_ns, path.steps[-1].end_ns) == (path.proposed_ns, path.final_ns)
        for one, following in zip(path.steps, path.steps[1:], strict=False):
            assert one.end_ns == following.begin_ns
        for step in path.steps:
            assert sum(step.parts.values()) == step.end_ns - step.begin_ns
            assert all(elapsed > 0 for elapsed in step.parts.values())
    entries = account(found.header, paths(found))
    mean = sum(path.final_ns - path.proposed_ns for path in paths(found)) / len(paths(found))
    assert sum(entry.mean_ns for entry in entries) == pytest.approx(mean)
    assert sum(entry.share for entry in entries) == pytest.approx(1)


def test_pbft_is_three_messages_and_what_checks_them(tmp_path: Path) -> None:
    found = causes(CONSTANT, tmp_path)
    for path in paths(found):
        assert [step.what for step in path.steps if step.source is not None] == ["PrePrepare", "Prepare", "Commit"]
        assert path.rank == 2  # with one's own, a quorum of three
        assert path.parts()["backbone"] == 60_000_000
        assert path.parts()[COMPUTE] >= 3_000_000
    (last, *_) = last_messages(found.header, paths(found))
    assert (last.what, last.source, last.target, last.paths) == ("Commit", "here", "here", 1.0)


def test_a_block_is_found_by_its_height_and_by_its_id(tmp_path: Path) -> None:
    found = causes(CONSTANT, tmp_path)
    (place,) = found.places("3")
    assert found.blocks.heights[place] == 3
    with pytest.raises(ValueError, match="is called 99"):
        found.places("99")


def test_the_command_draws_it_and_says_what_it_needs(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(CONSTANT)
    for level in ("full", "summary"):
        run = netsim(
            tmp_path, "run", scenario, "--engine", "simulate", "--set", f"trace={level}", "--out", tmp_path / level
        )
        assert run.returncode == 0
    whole = netsim(tmp_path, "explain", tmp_path / "full")
    assert whole.returncode == 0
    assert "backbone" in whole.stdout
    assert "the 2nd Commit within here in 100%" in whole.stdout
    one = netsim(tmp_path, "explain", tmp_path / "full", "2", "--at", "all")
    assert "Block 2 (" in one.stdout
    for folder, said in ((tmp_path / "summary", "only in level full"), (tmp_path, "no run's folder")):
        wrong = netsim(tmp_path, "explain", folder)
        assert (wrong.returncode, wrong.stdout) == (2, "")
        assert said in wrong.stderr
