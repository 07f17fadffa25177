"""Sweeps: every combination is a scenario, and what is wrong with one is said where its value is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from netsim import catalogue
from netsim.scenario import Point, ScenarioError, load, points

TEXT = """\
sites: {suzhou: {nodes: 4}}
sweep:
  consensus.window: [2, 8]
  sites.suzhou.nodes:
    - 4
    - 7
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def swept(file: Path, vary: Sequence[str] = (), overrides: Sequence[str] = ()) -> list[Point]:
    return points(file, vary=vary, overrides=overrides, catalogue=catalogue)


def wrong(file: Path, vary: Sequence[str] = (), overrides: Sequence[str] = ()) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        swept(file, vary, overrides)
    return [str(problem).removeprefix(f"{file.parent}/") for problem in caught.value.problems]


def test_every_combination_is_a_point_the_last_key_changing_fastest(file: Path) -> None:
    found = [(point.scenario.consensus.parameters["window"], len(point.scenario.nodes)) for point in swept(file)]
    assert found == [(2, 4), (2, 7), (8, 4), (8, 7)]
    assert swept(file)[1].values == {"consensus.window": "2", "sites.suzhou.nodes": "7"}


def test_the_scenario_by_itself_is_what_it_is_without_the_sweep(file: Path) -> None:
    scenario = load(file, catalogue=catalogue)
    assert scenario.sweep == {"consensus.window": 2, "sites.suzhou.nodes": 2}
    assert "sweep" not in scenario.text
    file.write_text(TEXT.splitlines()[0], encoding="utf-8")
    assert load(file, catalogue=catalogue) == scenario


def test_the_command_line_varies_further_keys_and_the_same_ones_otherwise(file: Path) -> None:
    found = swept(file, ["sites.suzhou.nodes=5", "compute.sign=0 us, 25 us"])
    assert [list(point.values.values()) for point in found] == [
        ["2", "5", "0 us"],
        ["2", "5", "25 us"],
        ["8", "5", "0 us"],
        ["8", "5", "25 us"],
    ]
    assert [point.scenario.compute.sign for point in found] == [0, 25_000, 0, 25_000]


def test_what_is_set_does_not_vary(file: Path) -> None:
    assert [point.values for point in swept(file, overrides=["consensus.window=3", "sites.suzhou.nodes=4"])] == [{}]
    assert {point.scenario.seed for point in swept(file, overrides=["seed=9"])} == {9}


def test_a_value_may_be_a_whole_section_and_keys_in_it_go_before_it(file: Path) -> None:
    found = swept(
        file,
        ["consensus.window=3", "sites.suzhou.nodes=4", "consensus={preset: fisco-bcos}, {timeout: 7 s}"],
        ["consensus.checkpoint=5"],
    )
    assert [point.values["consensus"] for point in found] == ["{preset: fisco-bcos}", "{timeout: 7 s}"]
    assert [point.scenario.consensus.parameters["timeout"] for point in found] == [3 * 10**9, 7 * 10**9]
    assert {point.scenario.consensus.parameters["window"] for point in found} == {3}
    assert {point.scenario.consensus.parameters["checkpoint"] for point in found} == {5}


def test_what_is_wrong_is_said_of_the_value_and_of_the_first_point_that_has_it(file: Path) -> None:
    file.write_text(TEXT.replace("    - 7", "    - seven").replace("8", "0"), encoding="utf-8")
    assert wrong(file) == [
        "x.yaml:3:25: `window` is `0`; the least is 1 (consensus.window = 0, sites.suzhou.nodes = 4)",
        "x.yaml:6:7: `nodes` is `seven`, which is no whole number (consensus.window = 2, sites.suzhou.nodes = seven)",
    ]


def test_what_two_values_disagree_on_is_found(file: Path) -> None:
    assert wrong(file, ["consensus.quorum=4, 5"]) == [
        "--vary consensus.quorum: `quorum` is 5, and there are 4 validators "
        "(consensus.window = 2, sites.suzhou.nodes = 4, consensus.quorum = 5)"
    ]
    assert wrong(file, ["consensus={protocol: scripted}", "sites.suzhou.nodes=4"]) == [
        "x.yaml:3:22: unknown key `window` (consensus.window = 2, sites.suzhou.nodes = 4, "
        "consensus = {protocol: scripted})",
        "x.yaml:3:25: unknown key `window` (consensus.window = 8, sites.suzhou.nodes = 4, "
        "consensus = {protocol: scripted})",
    ]


def test_a_mark_inside_a_value_is_kept(file: Path) -> None:
    file.write_text("sites: {a: {nodes: 4}}\nsweep: {consensus: [{window: 0}, {}]}\n", encoding="utf-8")
    assert wrong(file) == ["x.yaml:2:30: `window` is `0`; the least is 1 (consensus = {window: 0})"]


@pytest.mark.parametrize(
    ("sweep", "problem"),
    [
        ("x", "2:8: `sweep` is a mapping from keys to lists, such as `{sites.suzhou.nodes: [4, 8]}`"),
        ("{duration: 5 s}", "2:19: `duration` is a list of one value or more, such as `[4, 8]`"),
        ("{duration: []}", "2:19: `duration` is a list of one value or more, such as `[4, 8]`"),
        ("{duration: [5 s, 5 s]}", "2:19: `duration` holds `5 s` twice"),
        ("{seed: [1, 2]}", "2:9: `seed` is varied by `netsim sweep --seeds`"),
        ("{sweep.a: [1, 2]}", "2:9: `sweep.a` is itself what says what varies"),
        ("{durtion: [5 s]}", "2:19: unknown key `durtion`; did you mean `duration`? (durtion = 5 s)"),
        (
            f"{{duration: {list(range(40))}, warmup: {list(range(40))}}}",
            "2:8: `sweep` has 1600 combinations; the most is 1000",
        ),
    ],
)
def test_what_is_no_sweep(sweep: str, problem: str, file: Path) -> None:
    file.write_text(f"sites: {{a: {{nodes: 4}}}}\nsweep: {sweep}\n", encoding="utf-8")
    assert wrong(file) == [f"x.yaml:{problem}"]


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("duration", "--vary duration: is written `--vary key=a,b,c`"),
        ("duration=", "--vary duration: `duration` is a list of one value or more, such as `[4, 8]`"),
        ("seed=1,2", "--vary seed: `seed` is varied by `netsim sweep --seeds`"),
        (
            "duration=5",
            "--vary duration: `duration` is `5`, a number without a unit: ns, us, ms, s, min, h (duration = 5)",
        ),
        ("a..b=1", "--vary a..b: a key has a name on both sides of each dot (a..b = 1)"),
        ("warmup=1 s", "--vary warmup: `warmup` is given by --set, too"),
    ],
)
def test_what_is_wrong_with_an_option(option: str, problem: str, file: Path) -> None:
    file.write_text("sites: {a: {nodes: 4}}\n", encoding="utf-8")
    assert wrong(file, [option], ["warmup=2 s"]) == [problem]


NAMED = """\
sites: {near: {nodes: 4}, far: {nodes: 2}}
backbone: {delay: 1 ms}
sweep:
  place:
    out: {sites.near.nodes: 4, sites.far.nodes: 2}
    in:  {sites.near.nodes: 2, sites.far.nodes: 4}
  consensus.window: [2, 8]
"""


def test_a_name_stands_for_alternatives_of_several_keys(file: Path) -> None:
    file.write_text(NAMED, encoding="utf-8")
    found = swept(file)
    assert [list(point.values.values()) for point in found] == [["out", "2"], ["out", "8"], ["in", "2"], ["in", "8"]]
    assert list(found[0].values) == ["place", "consensus.window"]
    assert [[len(site.nodes) for site in point.scenario.sites.values()] for point in found[1:3]] == [[4, 2], [2, 4]]
    assert load(file, catalogue=catalogue).sweep == {"place": 2, "consensus.window": 2}


def test_the_command_line_picks_of_what_has_names(file: Path) -> None:
    file.write_text(NAMED, encoding="utf-8")
    found = swept(file, ["place=in", "consensus.window=3"])
    assert [point.values for point in found] == [{"place": "in", "consensus.window": "3"}]
    assert wrong(file, ["place=on"]) == ["--vary place: `place` has no alternative `on`; there are out, in"]
    assert wrong(file, ["sites.far.nodes=1,2"]) == [
        "--vary sites.far.nodes: `sites.far.nodes` is varied by `place`, too"
    ]


@pytest.mark.parametrize(
    ("sweep", "problem"),
    [
        (
            "{place: {}}",
            "2:16: `place` has no alternatives, such as `{near: {sites.a.nodes: 4}, far: {sites.b.nodes: 4}}`",
        ),
        ("{place: {in: 4}}", "2:21: `in` is a mapping from keys to values, such as `{sites.suzhou.nodes: 4}`"),
        ("{place: {in: {seed: 4}}}", "2:22: `seed` is varied by `netsim sweep --seeds`"),
        ("{warmup: [0 s], b: {x: {warmup: 1 s}}}", "2:32: `warmup` is varied by `warmup`, too"),
        ("{a: {x: {warmup: 0 s}}, b: {x: {warmup: 1 s}}}", "2:40: `warmup` is varied by `a`, too"),
        ("{a: {x: {warmup: 0}}}", "2:25: `warmup` is `0`, a number without a unit: ns, us, ms, s, min, h (a = x)"),
    ],
)
def test_what_are_no_alternatives(sweep: str, problem: str, file: Path) -> None:
    file.write_text(f"sites: {{a: {{nodes: 4}}}}\nsweep: {sweep}\n", encoding="utf-8")
    assert wrong(file) == [f"x.yaml:{problem}"]


def test_points_that_are_to_be_emulated_are_named_by_their_values(file: Path) -> None:
    file.write_text(f"{NAMED}emulation: {{points: [{{place: in, consensus.window: 8}}]}}\n", encoding="utf-8")
    assert [point.emulated for point in swept(file)] == [False, False, False, True]
    assert [point.emulated for point in swept(file, ["place=out"])] == [False, False]
    file.write_text(f"{NAMED}emulation: {{points: [{{place: on}}, {{warmup: 1 s}}]}}\n", encoding="utf-8")
    assert wrong(file) == [
        "x.yaml:8:30: `place` is `on` at no point; there are out, in",
        "x.yaml:8:44: `warmup` does not vary in the `sweep`",
    ]
