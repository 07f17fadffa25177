"""What goes before what between two sites: links, the matrix, the preset, the geography."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsim import catalogue
from netsim.network import Network
from netsim.scenario import Link, Scenario, load
from netsim.scenario.model import Bursts, Congestion

from .reading import LINKS, constant, read

MS = 1_000_000
SECOND = 1000 * MS
HOUR = 3600 * SECOND
CITIES = """\
sites:
  shenzhen:  {location: [22.543, 114.058], access: ideal}
  hong-kong: {location: [22.319, 114.169], access: ideal}
  suzhou:    {location: [31.299, 120.585], access: ideal}
"""


def delays_ms(scenario: Scenario, *pairs: tuple[int, int]) -> list[float]:
    network = Network(scenario)
    return [network.minimum(*pair) / MS for pair in pairs or ((0, 1), (0, 2), (1, 2))]


def by_ends(scenario: Scenario) -> dict[tuple[str, str], Link]:
    return {(link.source, link.target): link for link in scenario.backbone.links}


@pytest.mark.parametrize(
    ("preset", "expected", "route_factor"),
    [
        ("leased", [1.2, 8.6, 8.7], 1.5),
        ("public", [4.5, 15.4, 16], 2.7),
        ("congested", [17, 15.4, 21], 2.7),
        ("detour", [34, 15.4, 16], 2.7),
    ],
)
def test_a_preset_knows_three_cities(preset: str, expected: list[float], route_factor: float) -> None:
    scenario = read(f"{CITIES}backbone: {preset}\n")
    assert delays_ms(scenario) == expected
    assert delays_ms(scenario, (1, 0), (2, 0), (2, 1)) == expected
    assert scenario.backbone.route_factor == route_factor
    assert scenario == read(f"{CITIES}backbone: {{preset: {preset}}}\n")


def test_the_route_factors_follow_from_the_way_to_suzhou() -> None:
    """Where nothing is known but the geography, the same way takes about as long."""
    for preset, factor in (("leased", 8.6), ("public", 15.4)):
        route_factor = read(f"{CITIES}backbone: {preset}\n").backbone.route_factor
        geography = read(f"{CITIES}backbone: {{route_factor: {route_factor}}}\n")
        assert delays_ms(geography, (0, 2)) == [pytest.approx(factor, rel=0.01)]


def test_sites_near_a_city_stand_for_it_and_others_follow_the_geography() -> None:
    sites = """\
sites:
  nanshan:  {location: [22.533, 113.930], access: ideal}
  kunshan:  {location: [31.385, 120.981], access: ideal}
  shanghai: {location: [31.230, 121.474], access: ideal}
  kowloon:  {location: [22.316, 114.170], access: ideal}
"""
    scenario = read(f"{sites}backbone: public\n")
    assert set(by_ends(scenario)) >= {("nanshan", "kunshan"), ("kunshan", "nanshan"), ("kowloon", "kunshan")}
    assert not any("shanghai" in ends for ends in by_ends(scenario))
    straight = read(f"{sites}backbone: {{route_factor: 2.7}}\n")
    assert delays_ms(scenario, (0, 2), (1, 2)) == delays_ms(straight, (0, 2), (1, 2))
    assert scenario.notes == ()


def test_two_sites_at_the_same_city_follow_the_geography() -> None:
    text = "sites: {a: {location: [22.54, 114.05]}, b: {location: [22.55, 114.06]}, c: {location: [22.3, 114.2]}}\n"
    assert set(by_ends(read(f"{text}backbone: leased\n"))) == {("a", "c"), ("c", "a"), ("b", "c"), ("c", "b")}


def test_a_preset_that_knows_nothing_says_so() -> None:
    text = "sites: {a: {location: [1, 1]}, b: {location: [2, 2]}}\nbackbone: public\n"
    assert read(text).notes == (
        "no two sites are at the cities that the backbone `public` knows, so all follow the geography",
    )


def test_the_congested_border_loses_by_the_time_of_day() -> None:
    links = by_ends(read(f"{CITIES}backbone: congested\n"))
    assert links["shenzhen", "hong-kong"] == Link(
        "shenzhen", "hong-kong", constant(17 * MS), loss=0.01, congestion=Congestion(0, 0.09, 21 * HOUR)
    )
    assert links["suzhou", "hong-kong"].congestion == Congestion(0, 0.06, 21 * HOUR)
    assert links["suzhou", "shenzhen"] == Link("suzhou", "shenzhen", constant(15_400_000))


def test_a_link_changes_what_it_gives_and_leaves_the_rest_to_the_preset() -> None:
    scenario = read(LINKS)
    links = by_ends(scenario)
    assert links["hong-kong", "shenzhen"] == Link(
        "hong-kong",
        "shenzhen",
        constant(17 * MS),
        jitter=MS,
        loss=0.01,
        bursts=Bursts(0.01, 0.3, 200 * MS),
        congestion=Congestion(0, 0.09, 21 * HOUR),
    )
    assert links["hong-kong", "suzhou"].congestion == Congestion(5 * MS, 0.02, 9 * HOUR)
    assert links["suzhou", "hong-kong"].congestion == Congestion(0, 0.06, 21 * HOUR)
    assert scenario.backbone.time_of_day == 20 * HOUR + HOUR // 2
    assert by_ends(read(LINKS, ["backbone.links.1.congestion=none"]))["hong-kong", "suzhou"].congestion is None


def test_a_route_factor_of_its_own_goes_before_the_presets() -> None:
    assert read(f"{CITIES}backbone: {{preset: public, route_factor: 1.2}}\n").backbone.route_factor == 1.2


@pytest.fixture
def scenario_file(tmp_path: Path) -> Path:
    (tmp_path / "delays.csv").write_text("rtt_ms,shenzhen,suzhou\nshenzhen,0.4,30\nsuzhou,32,\n")
    file = tmp_path / "x.yaml"
    file.write_text(f"{CITIES}backbone: {{preset: public, matrix: delays.csv}}\n")
    return file


def test_a_matrix_goes_before_the_preset(scenario_file: Path) -> None:
    scenario = load(scenario_file, catalogue=catalogue)
    assert delays_ms(scenario, (0, 2), (2, 0), (0, 1)) == [15, 16, 4.5]
    assert by_ends(scenario)["shenzhen", "shenzhen"].delay == constant(200_000)
    assert read(scenario.text) == scenario


def test_a_link_goes_before_the_matrix(scenario_file: Path) -> None:
    links = "[{between: [shenzhen, suzhou], delay: 7 ms}, {from: suzhou, to: suzhou, jitter: 1 ms}]"
    scenario = load(scenario_file, overrides=[f"backbone.links={links}"], catalogue=catalogue)
    assert delays_ms(scenario, (0, 2), (2, 0)) == [7, 7]
    jitter_alone = load(
        scenario_file, overrides=["backbone.links=[{from: shenzhen, to: suzhou, jitter: 1 ms}]"], catalogue=catalogue
    )
    assert by_ends(jitter_alone)["shenzhen", "suzhou"] == Link("shenzhen", "suzhou", constant(15 * MS), jitter=MS)


def test_no_network_is_needed_to_know_that_a_delay_is_missing(scenario_file: Path) -> None:
    """What a preset and a matrix give counts as given."""
    sites = "sites: {a: {}, b: {}}\nbackbone: {matrix: delays.csv}\n"
    (scenario_file.parent / "delays.csv").write_text(",a,b\na,,5\nb,6,\n")
    scenario_file.write_text(sites)
    assert delays_ms(load(scenario_file, overrides=["access.fibre.extends=ideal"], catalogue=catalogue), (0, 1)) == [5]
