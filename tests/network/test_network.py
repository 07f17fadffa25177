import subprocess
import sys
from dataclasses import replace
from random import Random

import networkx as nx
import numpy as np
import pytest

from netsim.network import Drop, Pass
from netsim.scenario.model import Block, Choice, Crash, Handover, Link, Partition, Radio, Recording
from tests.network.worlds import MS, SECOND, constant, lognormal, network, profile, uniform_ns

CITIES = {"shenzhen": 2, "hong-kong": 1, "suzhou": 2}
RADIO = profile("radio", uniform_ns(3 * MS, 9 * MS), uniform_ns(MS, 2 * MS), 2 * MS, 80 * 10**6, 350 * 10**6)
LINE = profile("line", MS // 4, MS // 4)


def test_importing_the_network_imports_no_heavy_library() -> None:
    program = "import sys, netsim.network; print({'numpy', 'scipy', 'networkx'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_nodes_know_their_names_sites_and_peers() -> None:
    net = network(CITIES)
    assert net.size == 5
    assert net.names == ("shenzhen-0", "shenzhen-1", "hong-kong-0", "suzhou-0", "suzhou-1")
    assert net.sites == ("shenzhen", "hong-kong", "suzhou")
    assert net.node_sites == (0, 0, 1, 2, 2)
    assert net.peers[3] == (4, 0, 1, 2)
    assert net.validators == (0, 1, 2, 3, 4)


def test_minimum_and_median_follow_the_way() -> None:
    net = network(CITIES, access=[RADIO, LINE])  # shenzhen-0, hong-kong-0 and suzhou-1 by radio
    assert net.minimum(0, 1) == (3 + 2) * MS + MS // 4
    assert net.minimum(1, 0) == MS // 4 + (1 + 2) * MS
    assert net.median(0, 1) == (6 + 2) * MS + MS // 4
    assert net.minimum(0, 4) == pytest.approx((5 + 3 + 8.6) * MS, rel=0.005)


def test_a_given_link_overrides_the_backbones_delay_and_that_the_geography() -> None:
    links = [Link("shenzhen", "suzhou", lognormal(16 * MS, 0.3), jitter=2 * MS), Link("suzhou", "suzhou", loss=0.1)]
    net = network(CITIES, delay=5 * MS, links=links)
    assert net.median(0, 3) == pytest.approx(17 * MS)
    assert 0 < net.minimum(0, 3) < 5 * MS
    assert net.minimum(3, 0) == net.minimum(0, 1) == net.minimum(3, 4) == 5 * MS
    assert network(CITIES, links=[Link("suzhou", "suzhou", constant(MS))]).minimum(3, 4) == MS


def test_a_link_without_any_delay_has_the_minimum_zero() -> None:
    assert network({"shenzhen": 2}).minimum(0, 1) == 0


def test_a_distance_needs_two_places() -> None:
    with pytest.raises(ValueError, match="atlantis"):
        network({"shenzhen": 1, "atlantis": 1}).minimum(0, 1)
    assert network({"shenzhen": 1, "atlantis": 2}).minimum(1, 2) == 0


def test_each_end_has_its_own_bandwidth_and_state() -> None:
    net = network({"shenzhen": 3}, access=[RADIO, LINE])
    assert net.uplink(0).depart(0, 1000, 0, (1, 2))[1] == [100_000, 200_000]
    assert net.uplink(0).depart(0, 1000, 0, (1,))[1] == [100_000]  # a fresh one: it belongs to whoever asked
    assert net.uplink(1).depart(0, 1000, 0, (0, 2)) == (0, 0)
    downlink = net.downlink(0)
    assert downlink is not None
    assert downlink.enter(0, 350) == 8000
    assert net.downlink(1) is None


CELL = replace(
    profile("cell", uniform_ns(0, MS), MS // 2, 2 * MS, 80 * 10**6, 350 * 10**6),
    radio=Radio("DDDSU", MS // 2, MS // 2, "scheduled", 2, 0, 0.1, 4, "public"),
    recording=Recording((0, SECOND), (MS, 3 * MS), 3 * SECOND),
)


def test_the_least_delay_counts_from_sending_and_after_departure_without_the_senders_half() -> None:
    net = network({"shenzhen": 2}, access=[CELL, LINE], delay=5 * MS)
    assert net.after_departure(0, 1) == (2 + 5) * MS + MS // 4
    assert net.minimum(0, 1) == net.after_departure(0, 1) + MS + 3 * MS // 2  # the recording and the slots
    assert net.minimum(1, 0) == net.after_departure(1, 0) == (5 + 2) * MS + MS // 4 + MS // 2
    edge = net.graph.edges[0, 1]
    assert edge["minimum_back_ms"] == (net.minimum(1, 0) + MS + 3 * MS // 2) / MS  # as delivered


@pytest.mark.parametrize("transport", ["stream", "datagram"])
def test_nothing_arrives_before_the_least_delay(transport: str) -> None:
    net = network(
        {"shenzhen": 2, "suzhou": 2},
        access=[CELL, replace(CELL, name="roaming", handover=Handover(SECOND, 200 * MS), one_at_a_time=True)],
        links=[Link("shenzhen", "suzhou", lognormal(16 * MS, 0.3), MS, 0.01, 10**8)],
        transport=transport,
    )
    random = Random(2)
    inbound = net.inbound(range(4))
    for a in range(4):
        others = [node for node in range(4) if node != a]
        uplink, now = net.uplink(a), 0
        for sequence in range(100):
            now += random.randrange(20 * MS)
            size = random.choice([200, 20_000])
            _, departures = uplink.depart(now, size, sequence, others)
            arrivals = inbound.arrive(a, 0, sequence, others, departures, size)
            left = [departures] * 3 if isinstance(departures, int) else departures
            for b, time, departed in zip(others, arrivals.times, left, strict=True):
                assert time >= departed + net.after_departure(a, b)
                assert time >= now + net.minimum(a, b)


def test_isolated_messages_find_everything_free_and_the_median_is_theirs() -> None:
    net = network({"shenzhen": 1, "suzhou": 1, "hong-kong": 1}, access=[CELL, LINE], delay=5 * MS)
    times = np.arange(2000) * 7_777_777
    for a, b in ((0, 1), (1, 0), (0, 2), (2, 0)):
        delays = net.isolated(a, b, 200, times)
        ask = 5 * MS // 2 if a != 1 else 0  # a period: they have nothing to send along with
        least = net.minimum(a, b) + ask + (0 if b == 1 else MS + 3 * MS // 2)
        assert delays.min() >= least
        assert 1 not in (a, b) or delays.min() < least + MS // 2
        assert np.median(delays) == pytest.approx(net.median(a, b), rel=0.06)
        assert (delays == net.isolated(a, b, 200, times)).all()
    # sent at one moment they do not queue for each other, and what is drawn for each differs
    together = net.isolated(0, 1, 20_000, np.zeros(50, np.int64))
    assert len(set(together.tolist())) > 30
    assert together.max() - together.min() <= MS


def test_isolated_messages_take_what_a_fresh_flow_takes() -> None:
    """Drawn all at once or, where more than draws decide, one after the other: as the receiving end says."""
    for loss in (0.0, 0.05):
        links = [Link("shenzhen", "suzhou", lognormal(16 * MS, 0.3), MS, loss, 10**8)]
        net = network({"shenzhen": 1, "suzhou": 1}, access=[LINE], links=links)
        delays = net.isolated(0, 1, 3000, np.arange(300)).tolist()
        for number in range(300):
            assert net.inbound([1]).arrive(0, 0, number, [1], number, 3000).times == [number + delays[number]]


def test_isolated_datagrams_may_be_lost() -> None:
    net = network({"shenzhen": 1, "suzhou": 1}, links=[Link("shenzhen", "suzhou", loss=0.5)], transport="datagram")
    delays = net.isolated(0, 1, 100, np.arange(400))
    assert (delays == -1).mean() == pytest.approx(0.5, abs=0.1)
    assert (delays[delays != -1] == net.minimum(0, 1)).all()


def test_faults_of_the_network_become_rules_and_crashes_do_not() -> None:
    faults = [
        Partition(10 * SECOND, 20 * SECOND, ((0, 1), (2, 3, 4)), ""),
        Block(15 * SECOND, 30 * SECOND, (0,), (1,), ""),
        Crash(5 * SECOND, None, (2,), ""),
    ]
    rules = network(CITIES, faults=faults).rules
    assert isinstance(rules.judge(15 * SECOND, 0, 2), Drop)
    assert isinstance(rules.judge(15 * SECOND, 0, 1), Drop)
    assert isinstance(rules.judge(15 * SECOND, 1, 0), Pass)
    assert isinstance(rules.judge(20 * SECOND, 0, 2), Pass)
    assert isinstance(rules.judge(6 * SECOND, 0, 2), Pass)
    assert not rules.quiet
    assert network(CITIES, faults=faults[2:]).rules.quiet


def test_the_graph_says_who_is_where_and_how_far() -> None:
    graph = network({**CITIES, "atlantis": 1}, overlay=Choice("ring", {}), delay=7 * MS, access=[RADIO, LINE]).graph
    assert set(graph.edges) == {(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)}
    assert graph.nodes[2] == {
        "name": "hong-kong-0",
        "site": "hong-kong",
        "access": "radio",
        "lat": 22.319,
        "lon": 114.169,
    }
    assert graph.nodes[5] == {"name": "atlantis-0", "site": "atlantis", "access": "line"}
    assert graph.edges[0, 1] == {
        "minimum_ms": 12.25,
        "median_ms": 15.25,
        "minimum_back_ms": 10.25,
        "median_back_ms": 10.75,
    }


def test_the_graph_can_be_written_as_graphml() -> None:
    text = "\n".join(nx.generate_graphml(network({**CITIES, "atlantis": 1}, delay=7 * MS).graph))
    assert nx.parse_graphml(text).nodes["0"]["site"] == "shenzhen"


@pytest.mark.parametrize("nodes", [1, 2])
@pytest.mark.parametrize("name", ["complete", "ring", "star"])
def test_the_smallest_networks_work(nodes: int, name: str) -> None:
    net = network({"shenzhen": nodes}, overlay=Choice(name, {}), delay=MS)
    assert net.peers == (((),) if nodes == 1 else ((1,), (0,)))
    assert net.graph.number_of_nodes() == nodes
    if nodes == 2:
        assert net.inbound([1]).arrive(0, 0, 0, [1], 0, 10).times == [MS]
