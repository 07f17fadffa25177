"""What is wished for while a run goes on: granted at a time that nobody has reached, and the twin is equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from worlds import world

from netsim import catalogue
from netsim.engine.plan import Plan
from netsim.engine.simulator import simulate
from netsim.engine.steering import News, Steering
from netsim.live.wishes import CutOff, Heal, Kill
from netsim.run import Result, run
from netsim.scenario import Scenario, load
from netsim.trace import read

TEXT = """
duration: 6 s
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 3}
  suzhou: {location: [31.299, 120.585], nodes: 2}
consensus: {protocol: pbft, block_interval: 250 ms}
workload: {rate: 40 /s}
"""
S = 10**9


class Script:
    """Wishes at given times."""

    def __init__(self, *wishes: tuple[int, Any]) -> None:
        self.left = list(wishes)
        self.answers: list[tuple[int | None, str]] = []
        self.steering = Steering(self, speed=1000)

    def saw(self, now: int, news: News, late: int) -> None:
        while self.left and now >= self.left[0][0]:
            _, (kind, *what) = self.left.pop(0)
            self.steering.wish(kind(lambda at, says: self.answers.append((at, says)), *what))


SCRIPT = ((1 * S, CutOff, "suzhou"), (2 * S, Heal, 0), (3 * S, Kill, "shenzhen-0"), (4 * S, Heal, 1))


def run_with(script: Script, scenario: Scenario, folder: Path, engine: Any = "emulate") -> Result:
    folder.mkdir(exist_ok=True)
    return run(Plan(scenario), folder, engine, steering=script.steering)


@pytest.mark.parametrize("engine", ["emulate", "simulate"])
def test_what_is_wished_for_is_an_ordinary_fault(engine: str, tmp_path: Path) -> None:
    script = Script(*((at, (kind, *what)) for at, kind, *what in SCRIPT))
    result = run_with(script, world(TEXT), tmp_path, engine)
    assert [at is not None for at, _ in script.answers] == [True] * 4, script.answers
    assert result.exit_code == 0, result
    if engine == "emulate":
        assert result.summary["fidelity"]["twin"] == "equal"
        assert result.summary["fidelity"]["verdict"] == "exact"
    trace = read(tmp_path)
    assert [fault.kind for fault in trace.header.faults] == ["partition", "crash"]
    kept = load(tmp_path / "scenario.yaml", catalogue=catalogue)
    assert [(fault.at, fault.end) for fault in kept.faults] == [
        (script.answers[0][0], script.answers[1][0]),
        (script.answers[2][0], script.answers[3][0]),
    ]
    (tmp_path / "again").mkdir()
    assert simulate(Plan(kept), tmp_path / "again").digest() == trace.digest()
