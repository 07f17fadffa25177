"""Rumours: how far they come and how fast, held against the laws and the published figures."""

from __future__ import annotations

from math import exp, sqrt
from statistics import fmean, stdev

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.node.gossip.push import rounds_needed
from netsim.node.message import Message
from netsim.node.participant import Choice
from netsim.node.pbft_messages import PrePrepare
from netsim.testing import MS, Envelope, strategy

from .overlays import DELTA, delays, graphs, overlay, propose


def push(**parameters: int | str) -> Choice:
    return strategy("push", **parameters)


def complete(nodes: int) -> list[tuple[int, int]]:
    return [(one, other) for one in range(nodes) for other in range(one)]


# ------------------------------------------------------------------------------------------------------- infect and die


def share_law(fanout: int) -> float:
    """The positive root of π = 1 − e^(−fπ)."""
    share = 1.0
    for _ in range(1000):
        share = 1 - exp(-fanout * share)
    return share


@pytest.mark.parametrize(("fanout", "published"), [(2, 0.797), (3, 0.940), (4, 0.980), (5, 0.993)])
def test_infect_and_die_reaches_the_share_of_the_law(fanout: int, published: float) -> None:
    nodes, seeds = 150, 12
    shares = []
    for seed in range(seeds):
        network = overlay(complete(nodes), push(fanout=fanout), seed=seed)
        propose(network)
        network.run(100 * DELTA)
        reached = sum(delay is not None for delay in delays(network))
        assert network.sent["PrePrepare"] == fanout * reached, "each that is reached sends once to so many"
        shares.append(reached / nodes)
    assert share_law(fanout) == pytest.approx(published, abs=0.0005)
    error = stdev(shares) / sqrt(seeds)
    assert abs(fmean(shares) - published) < 4 * error + 1 / nodes, "four standard errors, and the law is of infinity"


@examples(max_examples=40)
@given(graphs(), st.integers(1, 4), st.integers(0, 100))
def test_a_node_sends_once_to_distinct_neighbours_and_not_back(graph: nx.Graph[int], fanout: int, seed: int) -> None:
    network = overlay(graph.edges, push(fanout=fanout), seed=seed)
    propose(network)
    told: dict[int, list[int]] = {}
    brought_by = {0: 0}
    deliver = network.deliver

    def watch(envelope: Envelope) -> bool:
        told.setdefault(envelope.source, []).append(envelope.target)
        brought_by.setdefault(envelope.target, envelope.source)
        return deliver(envelope)

    network.deliver = watch  # type: ignore[method-assign]
    network.run(100 * DELTA)
    assert told.keys() <= brought_by.keys()
    for node, targets in told.items():
        assert len(set(targets)) == len(targets)
        assert set(targets) <= set(graph[node]) - {brought_by[node]}
        assert len(targets) == min(fanout, len(graph[node]) - (node > 0))


# ------------------------------------------------------------------------------------------------------ infect for ever


def mean_rounds(nodes: int) -> float:
    """The exact mean number of synchronous rounds until all know, each that knows telling one of the others a round.

    A Markov chain over how many know. Of k that know one after the other draws among n − 1; the h-th that is new has
    n − k − h choices.
    """
    expected = np.zeros(nodes + 1)
    for know in range(nodes - 1, 0, -1):
        rest = nodes - know
        new = np.array([1.0])  # the distribution of how many are new in this round
        for _ in range(know):
            hit = (rest - np.arange(len(new))) / (nodes - 1)
            new = np.append(new * (1 - hit), 0.0) + np.append(0.0, new * hit)
            new = new[: rest + 1]
        expected[know] = (1 + new[1:] @ expected[know + 1 : know + len(new)]) / (1 - new[0])
    return float(expected[1])


@pytest.mark.parametrize(("nodes", "published"), [(16, 7.414), (64, 11.158), (256, 14.670)])
def test_the_published_rounds_are_those_of_any_other_node_told_from_the_round_after(
    nodes: int, published: float
) -> None:
    assert mean_rounds(nodes) == pytest.approx(published, abs=0.0005)


@pytest.mark.parametrize(("nodes", "runs"), [(16, 150), (64, 40)])
def test_infect_for_ever_takes_the_published_rounds(nodes: int, runs: int) -> None:
    edges, choice = complete(nodes), push(mode="forever", fanout=1, interval=DELTA)
    rounds = []
    for seed in range(runs):
        network = overlay(edges, choice, seed=seed)
        propose(network)
        while None in (reached := delays(network)):
            network.run(DELTA)
        last = max(delay for delay in reached if delay is not None)
        assert last % DELTA == 0
        rounds.append(last // DELTA)
    error = stdev(rounds) / sqrt(runs)
    assert abs(fmean(rounds) - mean_rounds(nodes)) < 3.5 * error


@pytest.mark.parametrize("fanout", [1, 3, 6])
def test_the_rounds_are_enough_for_everybody_by_default_and_then_it_is_over(fanout: int) -> None:
    nodes = 40
    for seed in range(5):
        network = overlay(complete(nodes), push(mode="forever", fanout=fanout, interval=7 * MS), seed=seed)
        propose(network)
        network.run(10_000 * MS)
        assert None not in delays(network)
        assert network.sent["PrePrepare"] == nodes * fanout * rounds_needed(nodes, fanout)
        assert network.next_timer() is None


def test_each_block_has_rounds_of_its_own() -> None:
    network = overlay([(0, 1)], push(mode="forever", rounds=3, interval=10 * MS), delay=10_000 * MS)
    times: list[int] = []
    post = network.post

    def watch(source: int, target: int, message: Message) -> None:
        if isinstance(message, PrePrepare):
            times.append(network.now // MS)
        post(source, target, message)

    network.post = watch  # type: ignore[method-assign]
    for _ in range(3):
        propose(network)
        network.run(4 * MS)
    network.run(100 * MS)
    assert times == [0, 4, 8, 10, 14, 18, 20, 24, 28]


def test_the_rounds_can_be_chosen() -> None:
    network = overlay(complete(5), push(mode="forever", fanout=4, rounds=2))
    propose(network)
    network.run(10_000 * MS)
    assert network.sent["PrePrepare"] == 5 * 4 * 2
