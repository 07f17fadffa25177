"""What access profiles inherit, and what files make of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsim import catalogue
from netsim.scenario import Access, Distribution, Scenario, ScenarioError, load, parse
from netsim.scenario.model import Handover, Radio, Recording, Spikes

from .reading import LINKS, constant, read

MS = 1_000_000
SECOND = 1000 * MS


def profile(text: str) -> Access:
    """The profile `lab`, written as in a scenario's section."""
    return read(f"sites: {{a: {{access: lab}}}}\naccess:\n  {text}\n").access["lab"]


@pytest.fixture(scope="module")
def links() -> Scenario:
    return read(LINKS)


def test_a_cell_with_all_its_keys(links: Scenario) -> None:
    factory = links.access["factory"]
    assert factory.radio == Radio("DDDSUDDSUU", MS // 4, MS // 5, "configured", 3, 5 * MS, 0.01, 2, "works")
    assert factory.spikes == Spikes(0.02, 40 * MS, 90 * MS, 300 * MS)
    assert factory.handover == Handover(20 * SECOND, 60 * MS)
    assert (factory.bandwidth_up, factory.core) == (80_000_000, constant(2 * MS))
    assert not factory.one_at_a_time


def test_each_key_of_a_cell_is_inherited_by_itself() -> None:
    cell = profile("{lab: {extends: 5g, tdd: DSUU, k2: 4}}")
    assert cell.radio == Radio("DSUU", MS // 2, MS // 2, "scheduled", 4, 0, 0.1, 4, "public")
    assert cell.says == "5g with tdd, k2 of its own"
    assert profile("{base: {tdd: F, slot: 1 ms, operator: x}, lab: {extends: base, bler: 0 %}}").radio == Radio(
        "F", MS, MS // 2, "scheduled", 2, 0, 0.0, 4, "x"
    )


def test_a_cell_of_its_own_has_the_defaults_of_the_language() -> None:
    assert profile("{lab: {tdd: DU}}").radio == Radio("DU", MS // 2, MS // 2, "scheduled", 2, 0, 0.1, 4, "public")


def test_each_key_of_spikes_and_handovers_is_inherited_by_itself(links: Scenario) -> None:
    crowded = links.access["crowded"]
    assert crowded.spikes == Spikes(0.05, 75 * MS, 270 * MS, SECOND)
    assert crowded.one_at_a_time
    base = "base: {handover: {every: 30 s, outage: 9 ms}}"
    assert profile(f"{{{base}, lab: {{extends: base, handover: {{outage: 1 ms}}}}}}").handover == Handover(
        30 * SECOND, MS
    )


def test_empty_sections_mean_their_defaults() -> None:
    lab = profile("{lab: {extends: 5g, spikes: {}, handover: {}}}")
    assert lab.spikes == Spikes(0.035, 75 * MS, 270 * MS, SECOND)
    assert lab.handover == Handover(60 * SECOND, 50 * MS)


def test_what_is_inherited_can_be_taken_away() -> None:
    lab = profile("{lab: {extends: lte, tdd: none, spikes: none}}")
    assert (lab.radio, lab.spikes) == (None, None)
    assert lab.core == constant(8 * MS)
    recorded = "base: {trace: {delays: 1 ms, lasts: 1 s}, handover: {}, one_at_a_time: yes}"
    gone = profile(f"{{{recorded}, lab: {{extends: base, trace: none, handover: none, one_at_a_time: no}}}}")
    assert (gone.recording, gone.handover, gone.one_at_a_time) == (None, None, False)


def test_a_recording_in_the_scenario_itself(links: Scenario) -> None:
    assert links.access["recorded"].recording == Recording(
        (0, SECOND, SECOND + SECOND // 2), (5_200_000, 5_100_000, 7_400_000), 3 * SECOND + SECOND // 2
    )
    steady = profile("{lab: {trace: {delays: 4 5 6 us, lasts: 100 ms}}}").recording
    assert steady == Recording((0, 100 * MS, 200 * MS), (4000, 5000, 6000), 300 * MS)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A scenario, with its recording in a folder beside it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link.csv").write_text("time_s,delay_ms\n0,5\n1,6.25\n3,4\n")
    file = tmp_path / "x.yaml"
    file.write_text("sites: {a: {access: lab}}\naccess: {lab: {extends: 5g, trace: data/link.csv}}\n")
    return file


def test_a_file_with_times_is_played_and_looked_for_beside_the_scenario(recorded: Path) -> None:
    lab = load(recorded, catalogue=catalogue).access["lab"]
    assert lab.recording == Recording((0, SECOND, 3 * SECOND), (5 * MS, 6_250_000, 4 * MS), 5 * SECOND)
    assert lab.radio is not None


def test_the_resolved_text_needs_no_file(recorded: Path) -> None:
    scenario = load(recorded, catalogue=catalogue)
    assert "trace: {delays: 5000 6250 4000 us, lasts: 1 2 2 s}" in scenario.text
    assert read(scenario.text) == scenario


def test_a_file_without_times_is_drawn_from_in_both_directions(recorded: Path) -> None:
    (recorded.parent / "data" / "link.csv").write_text("rtt_ms\n10\n14\n12\n")
    scenario = load(recorded, catalogue=catalogue)
    lab = scenario.access["lab"]
    assert lab.recording is None
    assert lab.up == lab.down
    assert (lab.up.points[0], lab.up.points[-1]) == ((0.0, 5 * MS), (1.0, 7 * MS))
    assert scenario.notes == ("link.csv: round trips, halved",)
    assert read(scenario.text) == scenario


def test_a_file_without_times_goes_not_beside_a_delay(recorded: Path) -> None:
    (recorded.parent / "data" / "link.csv").write_text("10\n14\n12\n")
    with pytest.raises(ScenarioError) as raised:
        load(recorded, overrides=["access.lab.up=1ms"], catalogue=catalogue)
    (problem,) = raised.value.problems
    assert problem.message == (
        "`trace` names a file without times, so `up` and `down` are drawn from it: give those or the file"
    )
    assert (problem.line, problem.column) == (2, 36)


def test_what_a_run_could_not_read_again_is_refused(tmp_path: Path) -> None:
    for name in "abcd":
        lines = [f"{second}.{second % 997:06},{second % 8999 + 1000}.{second:06}" for second in range(20_000)]
        (tmp_path / f"{name}.csv").write_text("time_s,delay_us\n" + "\n".join(lines))
    sites = ", ".join(f"{name}: {{access: {name}}}" for name in "abcd")
    profiles = ", ".join(f"{name}: {{trace: {name}.csv}}" for name in "abcd")
    file = tmp_path / "x.yaml"
    file.write_text(f"sites: {{{sites}}}\naccess: {{{profiles}}}\nbackbone: {{delay: 1 ms}}\n")
    with pytest.raises(ScenarioError, match="written out with all that its files hold, the scenario has 1"):
        load(file, catalogue=catalogue)


def test_proposals_are_spread_over_the_longest_pattern_in_use() -> None:
    assert read("sites: {a: {}}\n").consensus.parameters["spread"] == 0
    cells = "sites: {a: {nodes: [{name: x, access: 5g}, {name: y, access: 5g-long-period}]}}\n"
    assert read(cells).consensus.parameters["spread"] == 5 * MS
    unused = "sites: {a: {access: 5g}}\naccess: {lab: {extends: 5g-long-period}}\n"
    assert read(unused).consensus.parameters["spread"] == 2_500_000
    assert read(cells, ["consensus.spread=0 s"]).consensus.parameters["spread"] == 0
    scripted = read(cells, ["consensus.protocol=scripted"])
    assert scripted.consensus.parameters["spread"] == 5 * MS


def test_a_core_and_the_one_delay_between_all_may_be_drawn(tmp_path: Path) -> None:
    (tmp_path / "pings.csv").write_text("delay_ms\n1\n2\n4\n")
    text = """
sites: {a: {access: lab, nodes: 2}}
access: {lab: {core: {distribution: empirical, file: pings.csv}}}
backbone: {delay: {distribution: uniform, low: 1 ms, high: 3 ms}}
"""
    scenario = parse(text, str(tmp_path / "x.yaml"), catalogue=catalogue)
    assert scenario.access["lab"].core.kind == "quantiles"
    assert [value for _, value in scenario.access["lab"].core.points] == [MS, MS, 2 * MS, 4 * MS, 4 * MS]
    assert scenario.backbone.delay == Distribution("uniform", (("low", MS), ("high", 3 * MS)))
    assert read(scenario.text) == scenario, "the resolved text needs no file"
    with pytest.raises(ScenarioError) as error:
        parse(text, str(tmp_path / "elsewhere" / "x.yaml"), catalogue=catalogue)
    assert "x.yaml:3:22: `core` has a `file` that cannot be read" in str(error.value)
