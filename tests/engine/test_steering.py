"""What is wished for while a run goes on: it happens at a time that nobody has reached, and the twin is equal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import world

from netsim import catalogue
from netsim.engine.plan import Plan
from netsim.engine.simulator import simulate
from netsim.engine.steering import News, Steering, Wish
from netsim.live.wishes import Answer, CutOff, Heal, Kill
from netsim.running import EngineName, run
from netsim.scenario import Scenario, load
from netsim.trace import read

S = 10**9
AT_ONCE = 1e12  # times the wall's pace
TEXT = """
duration: 4 s
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 3}
  suzhou: {location: [31.299, 120.585], nodes: 2}
consensus: {protocol: pbft, block_interval: 250 ms}
workload: {rate: 40 /s}
"""
# Nodes work for long, crash by themselves, come back elsewhere and stop; so much else is going on.
BUSY = """
duration: 3 s
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 4}
  suzhou: {location: [31.299, 120.585], nodes: 3}
overlay: {topology: random-regular, degree: 4}
consensus: {protocol: pbft, block_interval: 250 ms}
compute: {sign: 60 ms, verify: 20 ms, execute: 0 ms}
workload: {rate: 40 /s}
faults:
- {every: 700 ms, for: 500 ms, churn: {nodes: 1, rewire: yes}}
- {at: 1 s, for: 300 ms, freeze: [suzhou]}
- {at: 2 s, for: 500 ms, crash: [shenzhen-0]}
trace: blocks
"""
Ask = Callable[[Answer], Wish]


class Script:
    """Wishes for things when a run has come so far."""

    def __init__(self, *wishes: tuple[int, Ask], speed: float = AT_ONCE) -> None:
        self._left = sorted(wishes, key=lambda wish: wish[0])
        self.granted: list[int | None] = []
        self.said: list[str] = []
        self.seen: list[int] = []
        self.late: list[int] = []
        self.steering = Steering(self, speed)

    def saw(self, now: int, news: News, late: int) -> None:
        self.seen.append(now)
        self.late.append(late)
        while self._left and now >= self._left[0][0]:
            self.steering.wish(self._left.pop(0)[1](self._answer))

    def _answer(self, at: int | None, says: str) -> None:
        self.granted.append(at)
        self.said.append(says)


def cut(site: str) -> Ask:
    return lambda answer: CutOff(answer, site)


def kill(node: str) -> Ask:
    return lambda answer: Kill(answer, node)


def heal(fault: int) -> Ask:
    return lambda answer: Heal(answer, fault)


def digests(scenario: Scenario, script: Script) -> tuple[str, str]:
    """Of a steered simulation, and of one of the scenario that it leaves."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        run(Plan(scenario), folder, "simulate", steering=script.steering)
        (folder / "again").mkdir()
        left = load(folder / "scenario.yaml", catalogue=catalogue)
        return read(folder).digest(), simulate(Plan(left), folder / "again").digest()


@pytest.mark.parametrize(
    ("engine", "options"),
    [
        ("simulate", ()),
        ("emulate", ("emulation.nodes_per_process=2",)),
        ("emulate", ("emulation.pace=clock",)),
    ],
)
def test_what_is_wished_for_is_an_ordinary_fault(engine: EngineName, options: tuple[str, ...], tmp_path: Path) -> None:
    wishes = (S // 2, cut("suzhou")), (S, heal(0)), (3 * S // 2, kill("shenzhen-0")), (2 * S, heal(1))
    script = Script(*wishes, speed=AT_ONCE if engine == "simulate" else 10)
    result = run(Plan(world(TEXT, *options)), tmp_path, engine, steering=script.steering)
    assert result.exit_code == 0
    began, healed, crashed, back = script.granted
    kept = load(tmp_path / "scenario.yaml", catalogue=catalogue)
    assert [(fault.kind, fault.at, fault.end) for fault in kept.faults] == [
        ("partition", began, healed),
        ("crash", crashed, back),
    ]
    trace = read(tmp_path)
    assert [(fault.kind, fault.start_ns, fault.end_ns) for fault in trace.header.faults] == [
        ("partition", began, healed),
        ("crash", crashed, back),
    ]
    if engine == "emulate":
        fidelity = result.summary["fidelity"]
        assert fidelity["displaced"] or fidelity["twin"] == "equal"  # lockstep displaces nothing
    if not options:
        (tmp_path / "again").mkdir()
        assert simulate(Plan(kept), tmp_path / "again").digest() == trace.digest()


_WISHES = st.one_of(
    st.sampled_from(["shenzhen", "suzhou"]).map(cut),
    st.sampled_from([f"shenzhen-{number}" for number in range(4)] + ["suzhou-0"]).map(kill),
    st.integers(0, 6).map(heal),
)


@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3 * S), _WISHES), max_size=6))
def test_whatever_is_wished_for_when_the_scenario_that_is_left_gives_the_same(wishes: list[tuple[int, Ask]]) -> None:
    steered, alone = digests(world(BUSY), Script(*wishes))
    assert steered == alone


def test_a_node_is_killed_when_the_work_that_it_has_begun_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would have sent what a node that is dead by then does not send."""
    costly = "compute={sign: 150 ms, verify: 60 ms, execute: 0 ms}"
    wishes = [(number * S // 3, kill(f"suzhou-{number % 3}")) for number in range(1, 7)]
    for careful in (True, False):
        monkeypatch.setattr(Kill, "kills", careful)
        steered, alone = digests(world(BUSY, costly, "faults=[]"), Script(*wishes))
        assert (steered == alone) is careful


def test_what_cannot_be_is_refused_and_nothing_changes() -> None:
    wishes = (cut("Atlantis"), kill("nobody"), heal(0), heal(7), kill("shenzhen-1"), heal(0), heal(0))
    script = Script(*((S, wish) for wish in wishes))
    steered, alone = digests(world(TEXT), script)
    assert steered == alone
    assert script.said == [
        "cut off Atlantis: there is no city Atlantis",
        "kill nobody: there is no node nobody",
        "heal fault 1: there is no such fault",
        "heal fault 8: there is no such fault",
        "kill shenzhen-1",
        "heal fault 1",
        "heal fault 1: that fault is over, or has not begun",
    ]


def test_where_all_are_in_one_city_nobody_can_be_cut_off() -> None:
    script = Script((0, cut("shenzhen")))
    digests(world(TEXT, "sites={shenzhen: {location: [22.543, 114.058], nodes: 4}}"), script)
    assert script.granted == [None]


def test_what_is_wished_for_at_the_end_is_refused(tmp_path: Path) -> None:
    script = Script((4 * S, kill("suzhou-0")))
    run(Plan(world(TEXT)), tmp_path, "simulate", steering=script.steering)
    script.steering.wish(kill("suzhou-1")(script._answer))
    script.steering.close()
    assert script.granted
    assert set(script.granted) == {None}


def test_a_plan_that_would_change_the_past_is_refused() -> None:
    plan = Plan(world(TEXT))
    with pytest.raises(ValueError, match=r"before 2\.000 s"):
        plan.amend(world(TEXT, "faults=[{at: 1 s, crash: [suzhou-0]}]"), 2 * S)
    assert not plan.faults
    plan.amend(world(TEXT, "faults=[{at: 2 s, crash: [suzhou-0]}]"), 2 * S)
    assert plan.lives[3] == [(0, 2 * S)]


@pytest.mark.parametrize("engine", ["simulate", "emulate"])
def test_nobody_goes_on_before_the_wall_does(engine: EngineName, tmp_path: Path) -> None:
    """At twice the wall's pace, what is told of is never ahead of it; and it changes nothing."""
    script = Script(speed=2)
    scenario = world(TEXT, "duration=1 s")
    result = run(Plan(scenario), tmp_path, engine, steering=script.steering)
    assert result.exit_code == 0
    assert script.seen == sorted(script.seen)
    assert min(script.late) >= 0
    (tmp_path / "alone").mkdir()
    assert simulate(Plan(scenario), tmp_path / "alone").digest() == result.summary["trace_digest"]
