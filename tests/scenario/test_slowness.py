"""Freezes, degraded links, asynchrony and clocks, as a scenario says them."""

from __future__ import annotations

import pytest

from netsim.scenario.model import Asynchrony, Clocks, Degrade, Freeze

from .reading import problems, read

MS, SECOND = 10**6, 10**9
SITES = "sites: {suzhou: {nodes: 2, location: [31, 120]}, shenzhen: {nodes: 2, location: [22, 114]}}\n"


def faults(*items: str) -> str:
    return SITES + "faults:\n" + "".join(f"  - {{{item}}}\n" for item in items)


def test_a_freeze() -> None:
    (fault,) = read(faults("at: 2 s, for: 1 s, freeze: [suzhou-1, shenzhen]")).faults
    assert fault == Freeze(2 * SECOND, 3 * SECOND, (1, 2, 3), "suzhou-1, shenzhen stopped")


def test_a_degraded_link_one_way_both_ways_and_within_a_site() -> None:
    both, one, within = read(
        faults(
            "at: 1 s, for: 2 s, degrade: {between: [suzhou, shenzhen], delay: +50 ms, loss: 5 %}",
            "at: 1 s, degrade: {from: suzhou, to: shenzhen, delay: 5 ms}",
            "at: 1 s, degrade: {between: [suzhou, suzhou], loss: 1 %}",
        )
    ).faults
    ways = (("suzhou", "shenzhen"), ("shenzhen", "suzhou"))
    says = "suzhou and shenzhen: 50 ms slower, 5 % more lost"
    assert both == Degrade(SECOND, 3 * SECOND, ways, 50 * MS, 0.05, says)
    assert one == Degrade(SECOND, 30 * SECOND, ways[:1], 5 * MS, 0.0, "suzhou to shenzhen: 5 ms slower")
    assert isinstance(within, Degrade)
    assert within.links == (("suzhou", "suzhou"),)


def test_an_asynchronous_network_until_the_global_stabilisation_time() -> None:
    leader, some = read(
        faults(
            "until: 20 s, asynchrony: {delay: up to 5 s, targets: leader}",
            "at: 1 s, until: 2 s, asynchrony: {delay: 5 s, targets: [suzhou]}",
        )
    ).faults
    assert leader == Asynchrony(0, 20 * SECOND, 5 * SECOND, None, "messages of the leader up to 5 s late")
    assert some == Asynchrony(SECOND, 2 * SECOND, 5 * SECOND, (0, 1), "messages of suzhou up to 5 s late")


def test_clocks() -> None:
    assert read(SITES).clocks == Clocks(0, 0)
    assert read(f"{SITES}clocks: {{skew: 5 ms, drift: 20 ppm}}\n").clocks == Clocks(5 * MS, 20_000)
    assert read(f"{SITES}clocks: {{drift: 0.5 ppm}}\n").clocks == Clocks(0, 500)


def test_they_are_read_as_they_are_written_out() -> None:
    text = faults(
        "at: 2 s, for: 1 s, freeze: [suzhou-1, shenzhen]",
        "at: 1 s, for: 2 s, degrade: {between: [suzhou, shenzhen], delay: +50 ms, loss: 5 %}",
        "at: 1 s, for: 1 s, degrade: {from: suzhou, to: shenzhen, delay: 5 ms}",
        "at: 1 s, for: 1 s, degrade: {between: [suzhou, suzhou], loss: 1 %}",
        "until: 20 s, asynchrony: {delay: up to 5 s, targets: leader}",
        "until: 20 s, asynchrony: {delay: up to 5 s}",
    )
    scenario = read(f"{text}clocks: {{skew: 5 ms, drift: 20.5 ppm}}\n")
    again = read(scenario.text)
    assert again == scenario
    assert again.sha256 == scenario.sha256


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("at: 1 s, freeze: [beijing]", "names `beijing`, which is no node and no site"),
        ("at: 99 s, freeze: [suzhou]", "is 99 s, and the scenario ends at 30 s"),
        ("at: 1 s, degrade: {between: [suzhou, beijing], delay: 5 ms}", "names `beijing`, which is no site"),
        ("at: 1 s, degrade: {between: [suzhou, shenzhen]}", "needs a `delay` or a `loss`"),
        ("at: 1 s, degrade: {delay: 5 ms}", "needs either `between` or both `from` and `to`"),
        ("at: 1 s, degrade: {from: suzhou, delay: 5 ms}", "needs either `between` or both `from` and `to`"),
        ("at: 1 s, degrade: {between: [suzhou, shenzhen], delay: -5 ms}", "-5 ms"),
        ("at: 1 s, degrade: {between: [suzhou, shenzhen], loss: 100 %}", "must be less than 100 %"),
        ("asynchrony: {delay: 5 s}", "`until`"),
        ("until: 1 s, at: 2 s, asynchrony: {delay: 5 s}", "is 1 s, and it begins at 2 s"),
        ("until: 1 s, asynchrony: {delay: 0 s}", "`delay`"),
        ("until: 1 s, asynchrony: {delay: 5 s, targets: [leaders]}", "names `leaders`"),
    ],
)
def test_what_is_wrong_is_said(fault: str, problem: str) -> None:
    found = problems(faults(fault))
    assert len(found) == 1, found
    assert problem in found[0]


@pytest.mark.parametrize("clocks", ["drift: 20", "drift: 20 %", "drift: -1 ppm", "drift: 1000000 ppm", "skew: 5"])
def test_clocks_that_are_none(clocks: str) -> None:
    (problem,) = problems(f"{SITES}clocks: {{{clocks}}}\n")
    assert clocks.partition(":")[0] in problem
