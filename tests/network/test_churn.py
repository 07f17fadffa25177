"""Who crashes when, and what that does to the overlay: drawn by the seed, the same for everybody who asks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.network.churn import Peers, crashes, rewired
from netsim.network.overlay import build, neighbours
from netsim.scenario.model import Choice, Churn, Crash, Fault, Scenario

from .worlds import MS, SECOND, scenario


def churn(count: int = 2, of: int = 9, **changes: object) -> Churn:
    """Every 5 s from 5 s on, for 1 s."""
    plain = Churn(5 * SECOND, 60 * SECOND, 5 * SECOND, SECOND, count, tuple(range(of)), False, "churn")
    return replace(plain, **changes)  # type: ignore[arg-type]


def world(*faults: Fault, nodes: int = 9, seed: int = 1, overlay: Choice | None = None) -> Scenario:
    """One minute."""
    sizes = {"shenzhen": nodes - nodes // 3, "suzhou": nodes // 3} if nodes > 2 else {"shenzhen": nodes}
    return scenario(sizes, faults=faults, seed=seed, overlay=overlay)


def test_churn_is_a_crash_of_so_many_nodes_each_time_it_is_due() -> None:
    found = crashes(world(churn(2)))
    assert [crash.at for crash in found] == [5 * number * SECOND for number in range(1, 12)]
    assert all(crash.end == crash.at + SECOND for crash in found)
    assert all(len(set(crash.nodes)) == 2 and set(crash.nodes) <= set(range(9)) for crash in found)
    assert len({crash.nodes for crash in found}) > 5


def test_churn_stops_when_it_is_said_to_and_hits_only_whom_it_may() -> None:
    found = crashes(world(churn(1, end=21 * SECOND, nodes=(2, 7))))
    assert [crash.at // SECOND for crash in found] == [5, 10, 15, 20]
    assert {node for crash in found for node in crash.nodes} == {2, 7}


def test_churn_says_who_crashes() -> None:
    (first, *_) = crashes(world(churn(1, nodes=(7,))))
    assert first.says == "churn: suzhou-1"


def test_the_same_seed_draws_the_same_and_another_seed_others() -> None:
    assert crashes(world(churn())) == crashes(world(churn()))
    assert crashes(world(churn())) != crashes(world(churn(), seed=2))


def test_two_churns_draw_apart() -> None:
    found = crashes(world(churn(1), churn(1, at=7 * SECOND)))
    by_fault = [[crash.nodes for crash in found if crash.at // SECOND % 5 == rest] for rest in (0, 2)]
    assert by_fault[0] != by_fault[1]
    assert [crash.at for crash in found] == sorted(crash.at for crash in found)


def test_every_node_is_as_likely_as_any_other() -> None:
    often = Counter(
        node for crash in crashes(world(churn(3, at=0, every=20 * MS, lasts=MS))) for node in crash.nodes
    )  # 3000 times 3 of 9
    assert sum(often.values()) == 9000
    assert all(abs(often[node] - 1000) < 4 * (3000 * 1 / 3 * 2 / 3) ** 0.5 for node in range(9))


@given(st.integers(1, 9), st.integers(0, 100), st.sampled_from([SECOND, 3 * SECOND, 9 * SECOND]))
def test_a_node_that_is_down_is_not_drawn_until_it_is_back(count: int, seed: int, lasts: int) -> None:
    given_crash = Crash(8 * SECOND, 31 * SECOND, (0, 1), "both crash")
    for_ever = Crash(40 * SECOND, None, (2,), "it crashes")
    found = crashes(world(churn(count, lasts=lasts), churn(1, lasts=2 * SECOND), given_crash, for_ever, seed=seed))
    everything = [(crash.at, crash.end, node) for crash in found for node in crash.nodes]
    for at, end, node in everything:
        assert not any(
            begun <= at and at <= (until or at) and (begun, until) != (at, end)
            for begun, until, other in [
                *everything,
                *((fault.at, fault.end, one) for fault in (given_crash, for_ever) for one in fault.nodes),
            ]
            if other == node
        )


def test_where_not_enough_are_up_fewer_crash() -> None:
    found = crashes(world(churn(9), Crash(8 * SECOND, 31 * SECOND, (0, 1), "both crash")))
    assert [len(crash.nodes) for crash in found] == [9, 7, 7, 7, 7, 7, 9, 9, 9, 9, 9]


def test_more_churn_than_anyone_can_mean_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="60000000000 times"):
        crashes(world(churn(1, at=0, every=1, lasts=1)))


# ---- other neighbours

OVERLAYS = {
    "ring": Choice("ring", {}),
    "star": Choice("star", {}),
    "line": Choice("line", {}),
    "tree": Choice("tree", {"children": 3}),
    "grid": Choice("grid", {}),
    "complete": Choice("complete", {}),
    "scale-free": Choice("scale-free", {"links": 2}),
    "clustered": Choice("clustered", {"within": 2, "between": 1}),
}


def states(world: Scenario) -> list[tuple[int, list[Peers]]]:
    """Everybody's peers from the beginning and after each change."""
    nodes = len(world.nodes)
    sites = [list(world.sites).index(node.site) for node in world.nodes]
    peers = list(neighbours(world.overlay, nodes, world.seed, sites))
    changes = rewired(world, tuple(peers))
    found = [(0, peers)]
    for time in sorted({time for of_one in changes.values() for time, _ in of_one}):
        peers = list(peers)
        for node, of_one in changes.items():
            peers[node] = dict(of_one).get(time, peers[node])
        found.append((time, peers))
    return found


def graph_of(peers: list[Peers]) -> nx.Graph[int]:
    graph: nx.Graph[int] = nx.empty_graph(len(peers))
    graph.add_edges_from((node, other) for node, others in enumerate(peers) for other in others)
    return graph


@given(st.sampled_from(sorted(OVERLAYS)), st.integers(3, 20), st.integers(0, 2**64), st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_a_rewired_overlay_stays_connected_and_keeps_its_links(name: str, nodes: int, seed: int, count: int) -> None:
    moving = churn(count, nodes, rewire=True)
    found = states(world(moving, nodes=nodes, seed=seed, overlay=OVERLAYS[name]))
    links = graph_of(found[0][1]).number_of_edges()
    for _, peers in found:
        for node, others in enumerate(peers):
            assert node not in others
            assert all(node in peers[other] for other in others)
            assert [(other - node) % nodes for other in others] == sorted({(other - node) % nodes for other in others})
        graph = graph_of(peers)
        assert nx.is_connected(graph)
        assert graph.number_of_edges() == links


def test_nodes_come_back_with_as_many_other_neighbours_when_they_come_back() -> None:
    sparse = Choice("random-regular", {"degree": 4})
    moving = world(churn(1, 60, rewire=True), nodes=60, overlay=sparse)
    found = states(moving)
    back = {crash.end: crash.nodes[0] for crash in crashes(moving)}
    assert [time for time, _ in found[1:]] == list(back)
    for (_, before), (time, after) in pairwise(found):
        node = back[time]
        assert len(after[node]) == len(before[node])
        assert len(set(after[node]) - set(before[node])) >= 2
        lost, won = set(before[node]) - set(after[node]), set(after[node]) - set(before[node])
        assert all(len(after[other]) == len(before[other]) - 1 for other in lost)
        assert all(len(after[other]) == len(before[other]) + 1 for other in won)


def test_all_others_are_as_likely_to_become_a_neighbour() -> None:
    moving = churn(1, at=0, every=20 * MS, lasts=MS, rewire=True, nodes=(0,))
    others = [tuple(other for other in range(1, 11) if other != node) for node in range(1, 11)]
    peers = [(1, 2), *((*near, 0) if node in (1, 2) else near for node, near in enumerate(others, 1))]
    changes = rewired(world(moving, nodes=11), peers)
    often = Counter(peer for _, peers in changes[0] for peer in peers)
    drawn = len(changes[0])  # a draw that changes nothing is not told
    assert drawn > 2800
    assert all(abs(often[node] - drawn / 5) < 4 * (drawn * 0.2 * 0.8) ** 0.5 for node in range(1, 11))


def test_without_rewire_nobody_gets_other_neighbours() -> None:
    assert rewired(world(churn()), neighbours(Choice("ring", {}), 9, 1)) == {}


def test_a_node_that_is_back_after_the_end_changes_nothing() -> None:
    late = churn(1, at=58 * SECOND, lasts=5 * SECOND, rewire=True)
    assert rewired(world(late), neighbours(Choice("ring", {}), 9, 1)) == {}


def test_the_middle_of_a_star_stays_its_middle() -> None:
    moving = world(churn(1, nodes=(0,), rewire=True), overlay=OVERLAYS["star"])
    assert [peers for _, peers in states(moving)] == [list(neighbours(OVERLAYS["star"], 9, 1))]
    assert build(OVERLAYS["star"], 9, 1).degree[0] == 8
