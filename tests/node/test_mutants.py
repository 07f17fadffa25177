"""Every protocol with a bug is found out by the schedules that the protocol itself survives."""

from __future__ import annotations

import pytest

from netsim import catalogue
from tests.node.mutants import MUTANTS, Mutant


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(mutant, id=f"{mutant.protocol}: {mutant.says}", marks=[pytest.mark.long] if mutant.long else [])
        for mutant in MUTANTS
    ],
)
def test_it_is_found_out(mutant: Mutant) -> None:
    assert mutant.hunt() is not None, f"{mutant.within} schedules find nothing"


def test_there_is_one_for_each_protocol() -> None:
    built = {entry.name for entry in catalogue.entries("protocols") if entry.built}
    assert {mutant.protocol for mutant in MUTANTS if not mutant.long} == built - {"scripted"}
