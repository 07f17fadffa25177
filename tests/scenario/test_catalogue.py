"""The registry, and what the schema makes of what it declares."""

from __future__ import annotations

from itertools import pairwise

import pytest

from netsim import catalogue
from netsim.catalogue import KINDS, Entry, Parameter
from netsim.scenario import Distribution, defaults
from netsim.scenario.declared import read_parameter, write_parameter
from netsim.scenario.listing import NOTHING
from netsim.scenario.summary import keys

from .reading import SMALL, read

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
    entry = catalogue.find("protocols", "hotstuff")
    assert entry is not None
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
    assert "clocks" not in listed


def mean(distribution: Distribution) -> float:
    """Of straight lines between quantiles, in ns."""
    return sum((q - p) * (a + b) / 2 for (p, a), (q, b) in pairwise(distribution.points))


def test_public_5g_has_the_means_of_the_slot_model() -> None:
    """DDDSU at 30 kHz, 10 % block errors, scheduled uplink: 5.53 ms up and 2.165 ms down (see network/profiles.py)."""
    profile = read("sites: {a: {access: 5g}}").access["5g"]
    assert mean(profile.up) == pytest.approx(5_530_000, rel=0.02)
    assert mean(profile.down) == pytest.approx(2_165_000, rel=0.02)
    assert dict(profile.up.points)[0.95] == 7_900_000
    assert dict(profile.down.points)[0.99] == 6_000_000
    assert (profile.bandwidth_up, profile.bandwidth_down, profile.core) == (80_000_000, 350_000_000, 2_000_000)


def test_the_other_profiles_are_what_they_say() -> None:
    profiles = read("sites: {a: {nodes: [{name: x, access: leased}, {name: y, access: ideal}]}}").access
    assert profiles["fibre"].core + profiles["fibre"].up.parameters["low"] == 1_000_000
    assert profiles["fibre"].core + profiles["fibre"].down.parameters["low"] == 1_000_000
    assert profiles["leased"].up.parameters == {"value": 250_000}
    assert profiles["ideal"].up.parameters == {"value": 0}
    assert profiles["ideal"].bandwidth_up is None


def test_what_may_be_expected_is_what_a_summary_holds() -> None:
    from netsim.measure.summary import expectable

    assert set(keys(["a", "b"])) == expectable(["a", "b"])
