"""What good scenarios mean."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from netsim import catalogue
from netsim.scenario import (
    Access,
    Block,
    Choice,
    Compute,
    Crash,
    Distribution,
    Emulation,
    Expectation,
    Link,
    Node,
    Partition,
    Scenario,
    Site,
    Workload,
    load,
)

from .reading import SMALL, WHOLE, constant, read

MS = 1_000_000
SECOND = 1000 * MS


@pytest.fixture(scope="module")
def whole() -> Scenario:
    return read(WHOLE)


def test_sites_and_nodes(whole: Scenario) -> None:
    assert list(whole.sites) == ["shenzhen", "hong-kong", "suzhou"]
    assert whole.sites["suzhou"] == Site((31.299, 120.585), ("suzhou-a", "suzhou-b", "suzhou-c"), "5g")
    assert [node.name for node in whole.nodes[:5]] == [f"shenzhen-{number}" for number in range(5)]
    assert whole.nodes[9:] == (
        Node("suzhou-a", "suzhou", "5g"),
        Node("suzhou-b", "suzhou", "leased"),
        Node("suzhou-c", "suzhou", "lab"),
    )


def test_access_profiles_inherit_what_they_do_not_give(whole: Scenario) -> None:
    assert set(whole.access) == {"5g-factory", "fibre", "5g", "leased", "lab"}
    factory, public = whole.access["5g-factory"], whole.access["5g"]
    assert factory.up.kind == "lognormal"
    assert factory.down == public.down
    assert factory.core == constant(MS // 2)
    assert (factory.bandwidth_up, factory.bandwidth_down) == (100_000_000, public.bandwidth_down)
    assert factory.says == "private cells"
    assert whole.access["lab"] == Access(
        "lab",
        constant(0),
        Distribution("gamma", (("mean", 2 * MS), ("deviation", MS), ("minimum", MS))),
        constant(0),
        10**10,
        10**10,
        "ideal with down, bandwidth of its own",
    )


def test_a_profile_of_the_scenario_goes_before_the_built_in_one_that_it_extends() -> None:
    scenario = read("sites: {a: {access: 5g}}\naccess: {5g: {extends: 5g, core: 9 ms}, x: {extends: 5g}}\n")
    assert scenario.access["5g"].core == constant(9 * MS)
    assert scenario.access["5g"].bandwidth_up == 80_000_000
    assert list(scenario.access) == ["5g"]


def test_backbone(whole: Scenario) -> None:
    both, back, slow, within = whole.backbone.links
    assert whole.backbone.route_factor == 1.4
    assert both == Link("shenzhen", "hong-kong", constant(4_500_000), 400_000, 0.001, 10**9)
    assert back == Link("hong-kong", "shenzhen", constant(4_500_000), 400_000, 0.001, 10**9)
    assert slow == Link("suzhou", "hong-kong", Distribution("pareto", (("scale", 16 * MS), ("shape", 5.0))))
    assert (within.source, within.target) == ("suzhou", "suzhou")


def test_one_delay_between_all_needs_no_geography() -> None:
    scenario = read("sites: {a: {}, b: {}}\nbackbone: {delay: 20 ms}\n")
    assert scenario.backbone.delay == constant(20 * MS)
    assert scenario.sites["a"].location is None


def test_links_in_both_directions_need_no_geography() -> None:
    assert read("sites: {a: {}, b: {}}\nbackbone: {links: [{between: [a, b], delay: 1 ms}]}\n").backbone.delay is None


def test_a_lognormal_is_known_by_its_p99_or_its_sigma() -> None:
    text = "sites: {{a: {{}}}}\naccess: {{fibre: {{up: {{distribution: lognormal, median: 16 ms, {}}}}}}}\n"
    by_p99 = read(text.format("p99: 40 ms")).access["fibre"].up.parameters
    assert by_p99["sigma"] == pytest.approx(0.39388, abs=1e-5)  # ln(40/16) / 2.3263
    assert read(text.format(f"sigma: {by_p99['sigma']!r}")).access["fibre"].up.parameters == by_p99


def test_overlay_and_gossip(whole: Scenario) -> None:
    assert whole.overlay == Choice("random-regular", {"degree": 4})
    assert {kind: choice.name for kind, choice in whole.gossip.items()} == {
        "blocks": "flood",
        "votes": "direct",
        "transactions": "direct",
    }
    assert {choice.name for choice in read(f"{SMALL}gossip: flood\n").gossip.values()} == {"flood"}
    assert {choice.name for choice in read(f"{SMALL}gossip: {{protocol: flood}}\n").gossip.values()} == {"flood"}
    assert read(f"{SMALL}overlay: ring\n").overlay == Choice("ring", {})


def test_consensus(whole: Scenario) -> None:
    assert whole.consensus.protocol == "pbft"
    assert whole.consensus.validators == (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    assert whole.consensus.parameters == {
        "block_interval": 500 * MS,
        "block_size": 1 << 20,
        "block_transactions": None,
        "timeout": 2 * SECOND,
        "spread": 2_500_000,  # a period of the 5g cells
        "empty_blocks": "when-needed",
        "full_blocks": "wait",
        "window": 4,
        "checkpoint": 16,
        "quorum": 8,
    }


def test_a_word_in_place_of_a_quantity_is_none() -> None:
    assert read(f"{SMALL}consensus: {{quorum: auto}}\n").consensus.parameters["quorum"] is None


def test_back_to_back_blocks_and_free_computing_are_said_with_a_zero() -> None:
    scenario = read(
        f"{SMALL}consensus: {{block_interval: 0 s}}\ncompute: {{sign: 0 us, verify: 0 us, execute: 0 us}}\n"
    )
    assert scenario.consensus.parameters["block_interval"] == 0
    assert scenario.compute == Compute(0, 0, 0)


def test_workload_and_compute(whole: Scenario) -> None:
    assert whole.workload == Workload(100.0, 300, "uniform", (5, 6, 7, 8, 10), 50 * MS)
    assert whole.compute == Compute(0, 60_000, 1000)


def test_faults(whole: Scenario) -> None:
    assert whole.faults == (
        Partition(
            20 * SECOND,
            30 * SECOND,
            ((9, 10, 11), (0, 1, 2, 3, 4, 5), (6, 7, 8)),
            "suzhou | shenzhen, hong-kong-0 | hong-kong-1, hong-kong-2, hong-kong-3 cut off from each other",
        ),
        Block(20 * SECOND, 60 * SECOND, (9, 10, 11), (0, 1, 2, 3, 4), "nothing from suzhou reaches shenzhen"),
        Crash(35 * SECOND, 40 * SECOND, (0, 9, 10, 11), "shenzhen-0, suzhou crash"),
        Crash(50 * SECOND, None, (1,), "shenzhen-1 crashes"),
    )
    assert [fault.kind for fault in whole.faults] == ["partition", "block", "crash", "crash"]
    assert whole.faults[0].nodes == (6, 7, 8, 9, 10, 11)


def test_a_partition_of_one_group_cuts_it_off_from_all_others() -> None:
    text = "sites: {a: {nodes: 2, location: [1, 1]}, b: {nodes: 2, location: [1, 2]}}\n"
    (fault,) = read(f"{text}faults: [{{at: 1 s, partition: [[b]]}}]\n").faults
    assert fault == Partition(SECOND, 30 * SECOND, ((2, 3), (0, 1)), "b cut off from a")


def test_a_long_list_of_nodes_is_cut_short_in_words() -> None:
    names = ", ".join(f"a-{number}" for number in range(0, 40, 2))
    (fault,) = read(f"sites: {{a: {{nodes: 40}}}}\nfaults: [{{at: 1 s, crash: [{names}]}}]\n").faults
    assert fault.says == "a-0, a-2, a-4, a-6, a-8, a-10, 14 more crash"


def test_emulation_and_expectations(whole: Scenario) -> None:
    assert whole.emulation == Emulation("mqtt://user:pass@localhost:1883", 3, "clock", 2.5, 0.02, 3 * MS, 40 * MS)
    assert whole.expect == (
        Expectation("safety.agreement", equals="holds"),
        Expectation("finality.quorum_ms.p90", max=400),
        Expectation("finality.by_site.suzhou.p50", min=1.5, max=400),
        Expectation("blocks.empty", equals="0"),
    )


def test_everything_but_sites_has_a_default() -> None:
    scenario = read(SMALL)
    assert (scenario.name, scenario.description, scenario.seed) == ("x", "", 1)
    assert (scenario.duration, scenario.warmup, scenario.trace) == (30 * SECOND, 0, "full")
    assert scenario.transport == Choice(
        "stream", {"initial_window": 10, "idle_reset": "yes", "receive_window": 4 << 20}
    )
    assert scenario.overlay == Choice("complete", {})
    assert scenario.nodes[0].access == "fibre"
    assert scenario.consensus.validators == (0, 1, 2, 3)
    assert scenario.workload == Workload(100.0, 250, "poisson", (0, 1, 2, 3), 100 * MS)
    assert scenario.compute == Compute(25_000, 70_000, 5000)
    assert scenario.emulation == Emulation("embedded", "auto", "lockstep", 1.0, 0.01, MS, 2000 * MS)
    assert scenario.faults == ()
    assert scenario.expect == ()


def test_the_name_is_the_files_where_none_is_given(tmp_path: Path) -> None:
    file = tmp_path / "two: cities.yaml"
    file.write_text(SMALL)
    assert load(file, catalogue=catalogue).name == "two- cities"


def test_a_scenario_cannot_be_changed(whole: Scenario) -> None:
    with pytest.raises(FrozenInstanceError):
        whole.seed = 3  # type: ignore[misc]


def test_distributions_can_be_keys(whole: Scenario) -> None:
    assert len({link.delay for link in whole.backbone.links}) == 3


def test_the_room_imports_nothing_heavy() -> None:
    heavy = {"networkx", "numpy", "polars", "pydantic", "yaml"}
    check = f"import sys, netsim.scenario; print(sorted({heavy} & set(sys.modules)))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", check], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_room_knows_no_other() -> None:
    folder = Path(__file__).parents[2] / "netsim" / "scenario"
    lines = [line for file in folder.glob("*.py") for line in file.read_text(encoding="utf-8").splitlines()]
    imported = {line.split()[1] for line in lines if line.lstrip().startswith("from netsim")}
    others = {name for name in imported if not name.startswith("netsim.scenario")}
    assert {".".join(name.split(".")[:2]) for name in others} == {"netsim.catalogue"}
    assert fields(Scenario)  # and it is a plain value
