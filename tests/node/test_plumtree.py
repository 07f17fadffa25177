"""Plumtree: the tree that grows, what it costs, and how it mends itself. The sections are those of the paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.node.gossip.plumtree import (
    MOST_CLAIMS,
    MOST_GIVEN,
    MOST_NAMED,
    UNKNOWN,
    Graft,
    IHave,
    Plumtree,
    Prune,
)
from netsim.node.message import Codec, WireError
from netsim.node.participant import Choice
from netsim.node.transactions import Transactions
from netsim.testing import MS, Envelope, strategy
from netsim.trace import COLUMNS, Trace

from .broadcasts import SECOND, TOPIC, Broadcasts, batch_message, connected, delays, nth
from .overlays import graphs, over_the_wire
from .test_gossip_in_engines import rejects, simulated, world

Delay = Callable[[int, int], int]


def plumtree(**parameters: int | None) -> Choice:
    return strategy("plumtree", **parameters)


def eager_links(world: Broadcasts) -> list[tuple[int, int]]:
    """The links that are eager at both ends."""
    nodes = range(world.network.nodes)
    eager = {node: world.at(node, Plumtree).eager for node in nodes}
    return [(a, b) for a in nodes for b in eager[a] if a < b and a in eager[b]]


@examples(max_examples=80)
@given(graphs(), delays(), st.data())
def test_a_stable_tree_sends_n_minus_1_copies_per_broadcast_whoever_is_the_author(
    graph: nx.Graph[int], delay: Delay, data: st.DataObject
) -> None:
    nodes, edges = graph.number_of_nodes(), graph.number_of_edges()
    threshold = data.draw(st.sampled_from((None, 1, 2, 7)))
    world = Broadcasts(graph, plumtree(threshold=threshold), delay)
    for number in range(6):
        before, announced, grafts = world.copies, world.sent("IHave"), world.sent("Graft")
        batch = world.say(data.draw(st.integers(0, nodes - 1)))
        assert not world.lacking(batch)
        if number:
            assert world.copies - before == nodes - 1
            if world.sent("Graft") == grafts:  # the tree has not moved
                in_front = nodes - 1 if threshold else 0
                assert world.sent("IHave") - announced == 2 * (edges - nodes + 1) + in_front
        else:
            assert world.copies - before == 2 * edges - (nodes - 1), "the first is a flood"
        assert nx.is_tree(nx.Graph(eager_links(world)))
    assert not world.network.queue


def test_without_hop_counts_only_lazy_links_carry_announcements() -> None:
    graph = nx.random_regular_graph(4, 20, seed=3)
    world = Broadcasts(graph, plumtree(threshold=None))
    world.say(0)
    before = world.sent("IHave")
    world.say(7)
    assert world.sent("IHave") - before == 2 * (40 - 19)


def test_one_announcement_may_name_many_messages() -> None:
    world = Broadcasts(nx.cycle_graph(4), plumtree(threshold=None, lazy_delay=50 * MS))
    world.say(1)
    before = world.sent("IHave")
    for _ in range(10):
        world.say(1, wait=MS)
    world.network.run(SECOND)
    assert world.sent("IHave") - before == 2, "one from each end of the lazy link"


@examples(max_examples=80)
@given(graphs(), delays(), st.data())
def test_when_a_node_crashes_all_others_that_are_still_connected_get_every_message(
    graph: nx.Graph[int], delay: Delay, data: st.DataObject
) -> None:
    nodes = graph.number_of_nodes()
    world = Broadcasts(graph, plumtree(), delay)
    victim = data.draw(st.integers(0, nodes - 1))
    alive = [node for node in range(nodes) if node != victim]
    assume(alive and connected(graph.edges, alive))
    world.say(data.draw(st.integers(0, nodes - 1)))
    world.network.crash(victim)
    author = st.sampled_from(alive)
    assert not world.lacking(world.say(data.draw(author), wait=20 * SECOND))
    for _ in range(4):
        world.say(data.draw(author), wait=20 * SECOND)
    before, grafts = world.copies, world.sent("Graft")
    assert not world.lacking(world.say(data.draw(author)))
    to_the_dead = sum(victim in world.at(node, Plumtree).eager for node in alive)
    assert world.copies - before <= len(alive) - 1 + to_the_dead
    assert world.sent("Graft") == grafts, "it is mended"
    world.network.restart(victim)
    for _ in range(4):
        assert not world.lacking(world.say(data.draw(st.integers(0, nodes - 1)), wait=20 * SECOND))
    before = world.copies
    assert not world.lacking(world.say(victim))
    assert world.copies - before == nodes - 1


@examples(max_examples=150)
@given(graphs(), delays(), st.integers(1, 150), st.booleans())
def test_no_single_loss_keeps_a_message_from_anybody(
    graph: nx.Graph[int], delay: Delay, unlucky: int, at_once: bool
) -> None:
    world = Broadcasts(graph, plumtree(), delay)
    world.lose(nth(unlucky))
    nodes = graph.number_of_nodes()
    said = [world.say(number * 7 % nodes, wait=0 if at_once else 3 * SECOND) for number in range(5)]
    world.network.run(30 * SECOND)
    assert [world.lacking(batch) for batch in said] == [set()] * 5


def storms(world: Broadcasts, count: int) -> list[int]:
    """All nodes broadcast within a few milliseconds, again and again: copies sent in each of these storms."""
    copies = []
    for _ in range(count):
        before = world.copies
        said = [world.say(node, wait=MS) for node in range(world.network.nodes)]
        world.network.run(5 * SECOND)
        assert [world.lacking(batch) for batch in said] == [set()] * len(said)
        copies.append(world.copies - before)
    return copies


def test_many_authors_at_once_settle_on_one_tree_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = nx.random_regular_graph(4, 16, seed=5)
    stable = 16 * 15
    assert storms(Broadcasts(graph, plumtree()), 12)[-4:] == [stable] * 4
    monkeypatch.setattr(Plumtree, "_cuts", lambda self, message: True)
    assert stable not in storms(Broadcasts(graph, plumtree()), 12), "every duplicate prunes: it never comes to rest"


def test_the_tree_leans_towards_the_author_by_the_threshold() -> None:
    """Section 3.8: a ring whose tree grew for node 0 has its lazy link on the other side, next to node 10."""

    def last(threshold: int | None) -> int:
        world = Broadcasts(nx.cycle_graph(20), plumtree(threshold=threshold, lazy_delay=0))
        world.say(0)
        for _ in range(20):
            world.say(10)
        arrivals: list[int] = []
        start = world.network.now

        def watch(envelope: Envelope) -> bool:
            if isinstance(envelope.message, Transactions):
                arrivals.append(world.network.now - start)
            return False

        world.lose(watch)
        world.say(10)
        assert len(arrivals) == 19
        return max(arrivals) // (20 * MS)

    assert last(None) == 19
    assert 10 <= last(7) <= 13
    assert last(1) == 10


def test_a_copy_that_nobody_counted_the_hops_of_is_passed_on_all_the_same() -> None:
    world = Broadcasts(nx.path_graph(3), plumtree())
    world.lose(lambda envelope: isinstance(envelope.message, IHave) and envelope.target == 1)
    batch = world.say(0, wait=30 * MS)
    (announced,) = (envelope.message for envelope in world.network.queue if isinstance(envelope.message, IHave))
    assert announced.messages == ((Transactions(batch).digest, UNKNOWN),)
    world.network.run(SECOND)
    assert not world.lacking(batch)


def test_each_end_of_a_link_takes_what_it_says_and_hears_to_heart() -> None:
    world = Broadcasts(nx.path_graph(2), plumtree())
    node = world.at(0, Plumtree)
    node.relay(1, batch_message(1))
    node.repeated(1, batch_message(1))
    assert (node.eager, node.lazy, world.sent("Prune")) == ((), (1,), 1)
    node.on_control(1, IHave(TOPIC, ((batch_message(2).digest, 1),)))
    world.network.wait(SECOND)
    assert (node.eager, node.lazy, world.sent("Graft")) == ((1,), (), 1)
    node.on_control(1, Prune(TOPIC))
    assert (node.eager, node.lazy) == ((), (1,))
    node.relay(1, batch_message(2))
    assert (node.eager, node.lazy) == ((1,), ())


def test_who_becomes_eager_is_told_what_waits_to_be_announced() -> None:
    world = Broadcasts(nx.path_graph(3), plumtree(lazy_delay=SECOND))
    node = world.at(1, Plumtree)
    node.on_control(0, Prune(TOPIC))
    node.relay(2, batch_message(1))
    node.on_control(0, Graft(TOPIC, ()))
    (envelope,) = world.network.queue
    assert (envelope.target, envelope.message) == (0, IHave(TOPIC, ((batch_message(1).digest, UNKNOWN),)))


def test_what_is_said_again_is_announced_again() -> None:
    world = Broadcasts(nx.path_graph(3), plumtree())
    world.say(0)
    message = batch_message(1)
    before = world.copies
    world.at(0, Plumtree).broadcast(message)
    world.network.run(5 * SECOND)
    assert world.copies == before
    assert world.at(0, Plumtree).eager == (1,), "nobody prunes it"


def test_own_words_from_before_a_crash_are_known_again() -> None:
    world = Broadcasts(nx.path_graph(2), plumtree())
    strategy_ = world.at(0, Plumtree)
    strategy_.on_control(1, IHave(TOPIC, ((batch_message(1).digest, 1),)))
    strategy_.repeated(1, batch_message(1))
    world.network.run(10 * SECOND)
    assert world.sent("Graft") == world.sent("Prune") == 0
    assert strategy_.seen(batch_message(1))


def test_neighbours_come_and_go() -> None:
    world = Broadcasts(nx.cycle_graph(4), plumtree())
    world.say(0)
    world.say(0)
    edges = [(0, 1), (1, 2), (0, 2), (0, 3)]
    world.rewire(edges)
    for number in range(5):
        before = world.copies
        assert not world.lacking(world.say(number % 4))
    assert world.copies - before == 3
    assert set(eager_links(world)) <= {(a, b) for a, b in edges}


def test_a_gone_neighbour_is_not_asked() -> None:
    world = Broadcasts(nx.path_graph(3), plumtree())
    world.at(1, Plumtree).on_control(2, IHave(TOPIC, ((bytes(32), 1),)))
    world.rewire([(0, 1), (2, 2)])
    world.network.run(10 * SECOND)
    assert world.sent("Graft") == 0
    for message in (IHave(TOPIC, ((bytes(32), 1),)), Graft(TOPIC, ()), Prune(TOPIC)):
        world.at(1, Plumtree).on_control(2, message)
    world.network.run(10 * SECOND)
    assert world.sent("Graft") == 0
    assert world.at(1, Plumtree).lazy == ()


# ------------------------------------------------------------------------------------------------------------ liars


def test_who_announces_what_it_does_not_have_is_asked_twice_and_no_more() -> None:
    world = Broadcasts(nx.path_graph(2), plumtree())
    world.at(0, Plumtree).on_control(1, IHave(TOPIC, ((bytes(32), 0),)))
    world.network.run(60 * SECOND)
    assert world.sent("Graft") == 2


def test_what_one_neighbour_claims_is_bounded_and_others_are_heard_all_the_same() -> None:
    world = Broadcasts(nx.path_graph(3), plumtree())
    victim = world.at(1, Plumtree)
    claims = [number.to_bytes(32, "big") for number in range(10_000)]
    for start in range(0, len(claims), MOST_NAMED):
        part = claims[start : start + MOST_NAMED]
        victim.on_control(2, IHave(TOPIC, tuple((digest, 0) for digest in part)))
    message = batch_message(1)
    victim.on_control(0, IHave(TOPIC, ((message.digest, 0),)))
    asked: list[Graft] = []

    def watch(envelope: Envelope) -> bool:
        if isinstance(envelope.message, Graft):
            asked.append(envelope.message)
        return False

    world.lose(watch)
    world.network.run(1010 * MS)
    world.network.run(20 * MS)
    assert sum(len(graft.messages) for graft in asked) == MOST_CLAIMS + 1
    assert (message.digest,) in [graft.messages for graft in asked]
    assert max(len(graft.messages) for graft in asked) == MOST_NAMED
    world.network.run(60 * SECOND)
    victim.on_control(2, IHave(TOPIC, ((claims[-1], 0),)))
    before = len(asked)
    world.network.run(2 * SECOND)
    assert len(asked) > before, "claims that came to nothing are forgotten"


def test_who_asks_for_the_same_again_and_again_gets_it_a_few_times() -> None:
    world = Broadcasts(nx.path_graph(2), plumtree())
    batch = world.say(0)
    digest = Transactions(batch).digest
    before = world.copies
    for _ in range(50):
        world.at(0, Plumtree).on_control(1, Graft(TOPIC, (digest, digest, bytes(32))))
    assert world.copies - before == MOST_GIVEN


def test_many_announcements_travel_in_several_messages() -> None:
    world = Broadcasts(nx.cycle_graph(3), plumtree(threshold=None, lazy_delay=SECOND))
    world.say(0)
    before = world.sent("IHave")
    for _ in range(MOST_NAMED + 5):
        world.say(0, wait=0)
    world.network.run(2 * SECOND)
    assert world.sent("IHave") - before == 2 * 2


# ---------------------------------------------------------------------------------------------------- the simulator


def test_pbft_of_seven_decides_over_it_in_the_simulator_and_comes_to_send_n_minus_1_copies(tmp_path: Path) -> None:
    overlay = "overlay: {topology: random-regular, degree: 4}"
    sent: list[int] = []
    for duration in (3, 5):
        (tmp_path / str(duration)).mkdir()
        trace, summary = simulated(world("plumtree", f"{overlay}\nduration: {duration} s"), tmp_path / str(duration))
        assert summary["fidelity"]["verdict"] == "exact"
        assert summary["safety"]["agreement"] == "holds"
        assert summary["blocks"]["finalised"] == 4 * duration, "one each 250 ms"
        assert rejects(trace) == 0
        sent.append(copies(trace))
    assert sent[1] - sent[0] == 2 * 4 * 6 * (1 + 6 + 7), "of 8 blocks, their prepares and their commits"


def copies(trace: Trace) -> int:
    """How many copies of blocks and votes were sent."""
    names = {"PrePrepare", "Prepare", "Commit"}
    tags = {tag for tag, name in trace.header.messages.items() if name in names}
    kind = trace.header.kinds.index("sent")
    rows = (dict(zip(COLUMNS, row, strict=True)) for row in trace.events.tolist() if row[2] == kind)
    return sum(row["height"] for row in rows if row["detail"] in tags)


# ------------------------------------------------------------------------------------------------------------- wire


def test_messages_that_name_too_much_are_refused() -> None:
    with pytest.raises(WireError):
        Codec(Plumtree.messages).decode(Graft(TOPIC, (bytes(32),) * (MOST_NAMED + 1)).encoded)
    with pytest.raises(WireError):
        Codec(Plumtree.messages).decode(IHave(TOPIC, ((bytes(31), 0),)).encoded)


def test_it_works_on_what_has_been_decoded_too() -> None:
    world = Broadcasts(nx.random_regular_graph(4, 10, seed=1), plumtree())
    over_the_wire(world.network)
    for author in range(4):
        before = world.copies
        assert not world.lacking(world.say(author))
    assert world.copies - before == 9
