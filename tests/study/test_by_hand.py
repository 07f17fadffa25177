"""The study's figures against what follows by hand from the medians of its links: which vote is the one that counts."""

from __future__ import annotations

from statistics import median

import pytest

from netsim import catalogue
from netsim.network.network import Network
from netsim.scenario import Scenario, points
from netsim.study.results import ACCESS, BORDER, CITIES, PLACE, PROTOCOL, in_city
from netsim.sweep.run import measured
from netsim.validate.agreement import qth_smallest
from tests.commands import ROOT

MS = 1_000_000
# What a link's median leaves out, ms: the block's bytes on the uplink, signatures, and that the q-th of several votes
# which vary is later than the q-th of the medians.
LEAST, MOST = 0.0, 3.0


def shortened(protocol: str, border: str, place: str) -> Scenario:
    wanted = {PROTOCOL: protocol, BORDER: border, ACCESS: "fibre", PLACE: place}
    found = points(
        ROOT / "scenarios" / "border-study.yaml",
        vary=[f"{key}={word}" for key, word in wanted.items()],
        overrides=["duration=14 s", "warmup=2 s", "expect={}"],
        catalogue=catalogue,
    )
    assert len(found) == 1
    return found[0].scenario


def by_hand(protocol: str, network: Network) -> list[float]:
    """Finality at each node in ms, the first being the leader."""
    everybody = range(network.size)
    delays = [[0 if a == b else network.median(a, b) for b in everybody] for a in everybody]
    if protocol == "pbft":
        return [at / MS for at in qth_smallest(delays, 7, 0)]  # ⌈(10 + 3 + 1) / 2⌉
    commits = sorted(delays[0][j] + delays[j][0] for j in everybody)[5]  # the sixth is the majority
    return [(commits + delays[0][j]) / MS for j in everybody]  # and a follower learns of it at once


@pytest.mark.parametrize(
    ("protocol", "border", "place"),
    [
        ("pbft", "leased", "out"),  # two crossings of the border until Shenzhen's nodes know, three for Hong Kong's
        ("pbft", "public", "in"),  # waits for Suzhou
        ("pbft", "detour", "in"),  # faster in Hong Kong than without Suzhou: its votes come by another way
        ("raft", "detour", "out"),  # the sixth of the majority is Suzhou's, nearer than Hong Kong by the detour
    ],
)
def test_finality_is_that_of_the_vote_that_counts(protocol: str, border: str, place: str) -> None:
    scenario = shortened(protocol, border, place)
    network = Network(scenario)
    figures = measured(0, scenario, 1).figures
    expected = by_hand(protocol, network)
    for city in CITIES:
        here = [expected[node] for node in range(network.size) if network.sites[network.node_sites[node]] == city]
        assert LEAST <= figures[in_city(city)] - median(here) <= MOST, city
