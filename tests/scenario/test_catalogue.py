"""The registry, and what the schema makes of what it declares."""

from __future__ import annotations

from math import exp, expm1

import pytest

from netsim import catalogue
from netsim.catalogue import KINDS, Entry, Parameter
from netsim.network.radio import latency
from netsim.scenario import defaults
from netsim.scenario.declared import read_parameter, write_parameter
from netsim.scenario.listing import NOTHING
from netsim.scenario.model import Radio, Spikes
from netsim.scenario.summary import keys

from .reading import SMALL, constant, read

PARAMETERS = [(entry, parameter) for entry in catalogue.ENTRIES for parameter in entry.parameters]


def test_names_are_unique_and_every_kind_has_entries() -> None:
    for kind in KINDS:
        names = [entry.name for entry in catalogue.entries(kind)]
        assert names
        assert len(names) == len(set(names))


def test_every_entry_and_parameter_has_a_sentence() -> None:
    assert all(entry.says for entry in catalogue.ENTRIES)
    assert all(parameter.says for _, parameter in PARAMETERS)


def test_a_planned_entry_cannot_be_loaded() -> None:
    entry = Entry("protocols", "planned", "Will be built one day")
    with pytest.raises(LookupError, match="not built yet"):
        catalogue.load(entry)


@pytest.mark.parametrize("entry", [entry for entry in catalogue.ENTRIES if entry.built], ids=lambda entry: entry.name)
def test_every_built_entry_can_be_loaded(entry: Entry) -> None:
    assert catalogue.load(entry) is not None


@pytest.mark.parametrize(("entry", "parameter"), PARAMETERS)
def test_every_default_is_good_and_written_as_it_is_read(entry: Entry, parameter: Parameter) -> None:
    if parameter.default is not None:
        value = read_parameter(parameter, parameter.default)
        assert read_parameter(parameter, write_parameter(parameter, value)) == value


@pytest.mark.parametrize("row", defaults(catalogue), ids=lambda row: row[0])
def test_a_default_is_what_a_scenario_gets_that_does_not_say(row: tuple[str, str, str]) -> None:
    key, value, says = row
    assert says
    if "NAME" not in key and "[]" not in key and value != NOTHING:
        assert read(SMALL, [f"{key}={value or chr(34) * 2}"]) == read(SMALL)


def test_the_defaults_name_the_ones_that_matter() -> None:
    listed = {key: value for key, value, _ in defaults(catalogue)}
    assert listed["duration"] == "30 s"
    assert listed["sites.NAME.access"] == "fibre"
    assert listed["consensus.block_interval"] == "1 s"
    assert listed["emulation.fidelity.displacement_p99"] == "1 ms"
    assert listed["transport.initial_window"] == "10"
    assert listed["access.NAME.spikes.lasts"] == "1 s"
    assert listed["backbone.links[].congestion.peak"] == "21:00"
    assert "clocks" not in listed


@pytest.mark.parametrize(
    ("profile", "up_ms", "down_ms"), [("5g", 5.53, 2.165), ("5g-long-period", 9.06, 2.32), ("lte", 16.8, 5.17)]
)
def test_a_cell_has_the_means_that_its_description_gives(profile: str, up_ms: float, down_ms: float) -> None:
    cell = read(f"sites: {{a: {{access: {profile}}}}}").access[profile].radio
    assert cell is not None
    assert latency(cell, "up").mean / 1e6 == pytest.approx(up_ms, rel=0.003)
    assert latency(cell, "down").mean / 1e6 == pytest.approx(down_ms, rel=0.003)


def test_public_5g_is_the_one_of_the_table() -> None:
    profile = read("sites: {a: {access: 5g}}").access["5g"]
    assert profile.radio == Radio("DDDSU", 500_000, 500_000, "scheduled", 2, 0, 0.1, 4, "public")
    assert (profile.bandwidth_up, profile.bandwidth_down) == (80_000_000, 350_000_000)
    assert profile.core == constant(2_000_000)
    assert (profile.spikes, profile.handover) == (None, None)


def test_urllc_keeps_to_its_target() -> None:
    cell = read("sites: {a: {access: 5g-urllc}}").access["5g-urllc"].radio
    assert cell is not None
    assert latency(cell, "up").mean == pytest.approx(latency(cell, "down").mean)
    assert latency(cell, "up").mean < 500_000


def test_nsa_gives_the_round_trips_that_were_measured() -> None:
    """The excess of a round trip: lognormal, mu 1.83 and sigma 0.57 of ms."""
    profile = read("sites: {a: {access: 5g-nsa}}").access["5g-nsa"]
    assert profile.up == profile.down
    median, sigma = profile.up.parameters["median"] / 1e6, profile.up.parameters["sigma"]
    mean = median * exp(sigma**2 / 2)
    whole = exp(1.83 + 0.57**2 / 2)
    assert 2 * mean == pytest.approx(whole, rel=0.01)
    assert 2 * mean**2 * expm1(sigma**2) == pytest.approx(whole**2 * expm1(0.57**2), rel=0.01)
    assert profile.spikes == Spikes(0.035, 75_000_000, 270_000_000, 10**9)


def test_the_other_profiles_are_what_they_say() -> None:
    profiles = read("sites: {a: {nodes: [{name: x, access: leased}, {name: y, access: ideal}]}}").access
    assert profiles["fibre"].core == constant(500_000)
    assert profiles["fibre"].up.parameters["low"] == profiles["fibre"].down.parameters["low"] == 500_000
    assert profiles["leased"].up.parameters == {"value": 250_000}
    assert profiles["ideal"].up.parameters == {"value": 0}
    assert profiles["ideal"].bandwidth_up is None


def test_what_may_be_expected_is_what_a_summary_holds() -> None:
    from netsim.measure.summary import expectable

    assert set(keys(["a", "b"])) == expectable(["a", "b"])
