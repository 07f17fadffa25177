"""Nodes that come and go, as a scenario says it."""

from __future__ import annotations

from netsim.network.churn import crashes
from netsim.scenario.model import Churn

from .reading import LINKS, SMALL, read

SECOND = 10**9


def test_it_begins_after_one_interval_and_goes_on_to_the_end() -> None:
    (fault,) = read(f"{SMALL}faults: [{{every: 10 s, for: 1 s, churn: {{nodes: 2}}}}]\n").faults
    says = "churn: 2 of suzhou every 10 s for 1 s"
    assert fault == Churn(10 * SECOND, 30 * SECOND, 10 * SECOND, SECOND, 2, (0, 1, 2, 3), False, says)


def test_all_its_keys() -> None:
    first, second = read(LINKS).faults
    assert isinstance(first, Churn)
    assert (first.nodes, first.rewire) == ((3, 4, 6), True)
    assert first.says == "churn: 2 of hong-kong, suzhou-1 every 10 s for 1 s, then with other neighbours"
    assert isinstance(second, Churn)
    assert (second.at, second.end, second.every, second.lasts) == (2 * SECOND, 20 * SECOND, 4 * SECOND, 4 * SECOND)


def test_it_strikes_as_often_as_it_says() -> None:
    found = crashes(read(LINKS))
    assert len([crash for crash in found if len(crash.nodes) == 2]) == 2
    assert [crash.at // SECOND for crash in found if len(crash.nodes) == 1] == [2, 6, 10, 14, 18]
