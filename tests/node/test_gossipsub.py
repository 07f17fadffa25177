"""Gossipsub: the mesh and its bounds, gossip beyond it, and what its neighbours may ask of a node."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim import catalogue
from netsim.node.gossip.gossipsub import (
    MAX_IHAVE_LENGTH,
    MAX_IHAVE_MESSAGES,
    RETRANSMISSIONS,
    Gossipsub,
    Graft,
    IHave,
    IWant,
    Prune,
)
from netsim.node.message import Codec, WireError
from netsim.node.participant import Choice
from netsim.scenario.declared import read_parameter
from netsim.testing import MS, Envelope, strategy

from .broadcasts import SECOND, TOPIC, Broadcasts, batch_message, connected, delays, nth
from .overlays import graphs, over_the_wire
from .test_gossip_in_engines import rejects, simulated, world

Delay = Callable[[int, int], int]


def _presets() -> dict[str, dict[str, Any]]:
    """Every parameter by preset."""
    entry = catalogue.find("gossip", "gossipsub")
    assert entry is not None
    return {
        preset.name: {
            one.name: read_parameter(one, dict(preset.values).get(one.name, one.default)) for one in entry.parameters
        }
        for preset in entry.presets
    }


PRESETS = _presets()


def gossipsub(preset: str = "libp2p", **parameters: Any) -> Choice:
    return strategy("gossipsub", **PRESETS[preset] | parameters)


def mesh(world: Broadcasts) -> nx.Graph[int]:
    """The links that are in both their ends' meshes, and no others are."""
    nodes = range(world.network.nodes)
    links = {(node, peer) for node in nodes for peer in world.at(node, Gossipsub).mesh}
    assert links == {(peer, node) for node, peer in links}, "a link is in both meshes or in none"
    graph: nx.Graph[int] = nx.Graph(sorted(links))
    graph.add_nodes_from(nodes)
    return graph


QUIET: dict[str, Any] = {"flood_publish": "no", "degree_lazy": 0, "gossip_factor": 0.0}  # the mesh alone


def alone(**parameters: Any) -> tuple[Broadcasts, Gossipsub]:
    """A node whose only neighbour says what the test puts into its mouth."""
    world = Broadcasts(nx.path_graph(2), gossipsub(**parameters))
    world.network.settle()
    world.network.crash(1)
    return world, world.at(0, Gossipsub)


@examples(max_examples=60)
@given(graphs(), delays(), st.integers(0, 100), st.data())
def test_everybody_gets_everything_in_2m_minus_n_minus_1_copies_along_a_mesh_of_m_links(
    graph: nx.Graph[int], delay: Delay, seed: int, data: st.DataObject
) -> None:
    nodes = graph.number_of_nodes()
    world = Broadcasts(graph, gossipsub(**QUIET), delay, seed)
    world.network.run(2 * SECOND)
    links = mesh(world)
    for node in range(nodes):
        assert min(graph.degree[node], 5) <= links.degree[node] <= 12
    for _ in range(3):
        before = world.copies
        assert not world.lacking(world.say(data.draw(st.integers(0, nodes - 1)), wait=SECOND))
        assert world.copies - before == 2 * links.number_of_edges() - (nodes - 1)


def test_a_message_of_ones_own_goes_to_all_neighbours_where_it_is_flooded() -> None:
    graph = nx.complete_graph(20)
    for flood, least, most in (("yes", 19, 19), ("no", 5, 12)):
        world = Broadcasts(graph, gossipsub(flood_publish=flood))
        world.network.run(5 * SECOND)
        world.say(3, wait=0)
        assert least <= world.copies <= most


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_meshes_come_to_lie_within_their_bounds_and_cost_their_degree_less_two(preset: str) -> None:
    nodes = 60
    graph = nx.random_regular_graph(24, nodes, seed=2)
    world = Broadcasts(graph, gossipsub(preset=preset, **QUIET))
    world.network.run(5 * SECOND)
    links = mesh(world)
    degrees = [degree for _, degree in links.degree]
    assert PRESETS[preset]["degree_low"] <= min(degrees) <= max(degrees) <= PRESETS[preset]["degree_high"]
    mean = sum(degrees) / nodes
    assert PRESETS[preset]["degree"] <= mean
    grafts = world.sent("Graft")
    for author in range(6):
        assert not world.lacking(world.say(author, wait=SECOND))
    duplicates = sum(place.duplicates for place in world.network.places)
    assert duplicates / 6 / nodes == pytest.approx(mean - 2 + 2 / nodes)
    assert world.sent("Graft") == grafts, "a settled mesh stays as it is"


def test_a_mesh_keeps_its_quota_of_links_that_the_node_dialled() -> None:
    nodes = 40
    world = Broadcasts(nx.complete_graph(nodes), gossipsub(degree=6, degree_out=3))
    world.network.run(10 * SECOND)
    for node in range(nodes):
        dialled = [peer for peer in world.at(node, Gossipsub).mesh if (node < peer) == ((node + peer) % 2 == 0)]
        assert len(dialled) >= 3


@pytest.mark.parametrize("seed", range(12))
def test_who_has_too_many_keeps_those_that_it_dialled_and_does_not_take_back_whom_it_pruned(seed: int) -> None:
    """Node 0 has dialled nodes 2 and 4; whom it has not dialled it accepts while there is room."""
    graph: nx.Graph[int] = nx.empty_graph(14)
    graph.add_edges_from((0, leaf) for leaf in (1, 2, 3, 4, 5, 7, 9, 11, 13))
    world = Broadcasts(graph, gossipsub(degree=4, degree_low=2, degree_high=4, degree_out=2), seed=seed)
    world.network.settle()
    hub = world.at(0, Gossipsub)
    before = set(hub.mesh)
    world.network.run(2 * SECOND)
    kept = set(hub.mesh)
    assert {2, 4} <= kept <= before
    assert len(kept) == 4
    for pruned in before - kept:
        hub.on_control(min(kept), Prune(TOPIC, SECOND))
        hub.on_control(pruned, Graft(TOPIC))
        assert pruned not in hub.mesh, "there is room, but it comes too early"


@examples(max_examples=10)
@given(st.integers(0, 1000), delays())
def test_where_the_mesh_is_cut_gossip_bridges_it(seed: int, delay: Delay) -> None:
    graph = nx.random_regular_graph(6, 16, seed=seed)
    choice = gossipsub(degree=1, degree_low=1, degree_high=1, degree_out=0, flood_publish="no")
    world = Broadcasts(graph, choice, delay, seed)
    world.network.run(2 * SECOND)
    for author in (0, 9):
        assert not world.lacking(world.say(author, wait=20 * SECOND))
    assert world.sent("IWant")


@pytest.mark.parametrize(("factor", "told"), [(0.25, 10), (0.0, 6), (1.0, 40)])
def test_gossip_goes_to_a_share_of_the_others_or_to_a_few_at_three_heartbeats(factor: float, told: int) -> None:
    choice = gossipsub(degree=4, degree_low=4, degree_high=4, degree_out=0, gossip_factor=factor)
    world = Broadcasts(nx.star_graph(44), choice)
    world.network.run(3 * SECOND)
    hub = world.at(0, Gossipsub)
    assert len(hub.mesh) == 4
    heard: list[int] = []

    def watch(envelope: Envelope) -> bool:
        if envelope.source == 0 and isinstance(envelope.message, IHave):
            heard.append(envelope.target)
        return False

    world.lose(watch)
    world.say(0, wait=10 * SECOND)
    assert len(heard) == 3 * told
    assert not set(heard) & set(hub.mesh)


@examples(max_examples=50)
@given(graphs(), delays(), st.integers(1, 150), st.integers(0, 100), st.booleans())
def test_no_single_loss_keeps_a_message_from_anybody_who_has_two_ways_to_hear_it(
    graph: nx.Graph[int], delay: Delay, unlucky: int, seed: int, flood: bool
) -> None:
    assume(graph.number_of_nodes() > 2 and not nx.has_bridges(graph))
    world = Broadcasts(graph, gossipsub(flood_publish="yes" if flood else "no"), delay, seed)
    world.lose(nth(unlucky))
    nodes = graph.number_of_nodes()
    said = [world.say(number * 7 % nodes, wait=SECOND // 3) for number in range(4)]
    world.network.run(8 * SECOND)
    assert [world.lacking(batch) for batch in said] == [set()] * 4


@examples(max_examples=40)
@given(graphs(), delays(), st.integers(0, 100), st.data())
def test_when_a_node_crashes_all_others_that_are_still_connected_get_every_message(
    graph: nx.Graph[int], delay: Delay, seed: int, data: st.DataObject
) -> None:
    nodes = graph.number_of_nodes()
    world = Broadcasts(graph, gossipsub(), delay, seed)
    victim = data.draw(st.integers(0, nodes - 1))
    alive = [node for node in range(nodes) if node != victim]
    assume(alive and connected(graph.edges, alive))
    world.network.run(data.draw(st.integers(0, 3 * SECOND)))
    world.network.crash(victim)
    for _ in range(2):
        assert not world.lacking(world.say(data.draw(st.sampled_from(alive)), wait=5 * SECOND))
    world.network.restart(victim)
    for _ in range(2):
        assert not world.lacking(world.say(data.draw(st.integers(0, nodes - 1)), wait=5 * SECOND))


def test_a_node_that_comes_back_without_its_mesh_is_in_both_ends_again() -> None:
    world = Broadcasts(nx.complete_graph(14), gossipsub(flood_publish="no"))
    world.network.run(3 * SECOND)
    world.network.crash(5)
    world.network.restart(5)
    for author in range(4):
        world.say(author)
    assert 5 <= mesh(world).degree[5] <= 12


def test_heartbeats_have_a_phase_of_their_own() -> None:
    world = Broadcasts(nx.complete_graph(20), gossipsub())
    due = {place.timers["transactions:heartbeat"][0] for place in world.network.places}
    assert len(due) == 20
    assert 0 < min(due) < max(due) <= SECOND
    world.network.run(10 * SECOND)
    later = {place.timers["transactions:heartbeat"][0] for place in world.network.places}
    assert later == {time + 10 * SECOND for time in due}


def test_neighbours_come_and_go() -> None:
    world = Broadcasts(nx.cycle_graph(4), gossipsub())
    world.say(0)
    links = [(0, 2), (1, 2), (1, 3)]
    world.rewire(links)
    assert world.at(0, Gossipsub).mesh == ()
    world.network.run(2 * SECOND)
    assert {frozenset(link) for link in mesh(world).edges} == {frozenset(link) for link in links}
    world.rewire([(2, 3), (0, 1)])
    world.rewire(links)
    assert not world.at(0, Gossipsub).mesh, "a new connection"
    world.network.run(2 * SECOND)
    assert not world.lacking(world.say(3))
    before = len(world.network.queue)
    for message in (Graft(TOPIC), IHave(TOPIC, (bytes(32),)), IWant(TOPIC, (bytes(32),)), Prune(TOPIC, 1)):
        world.at(0, Gossipsub).on_control(1, message)
    assert len(world.network.queue) == before, "it is no neighbour any more"


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_what_is_given_overrides_the_preset(preset: str) -> None:
    world = Broadcasts(nx.complete_graph(30), gossipsub(preset=preset, degree=2, degree_low=2, degree_high=2))
    assert len({graft.target for graft in world.network.queue if graft.source == 0}) == 2
    assert world.network.places[0].timers["transactions:heartbeat"][0] <= PRESETS[preset]["heartbeat"]


def test_the_presets_differ_as_published() -> None:
    libp2p, ethereum = PRESETS["libp2p"], PRESETS["ethereum"]
    keys = ("degree", "degree_low", "degree_high", "degree_lazy", "mcache_len", "mcache_gossip")
    assert [libp2p[key] for key in keys] == [6, 5, 12, 6, 5, 3]
    assert [ethereum[key] for key in keys] == [8, 6, 12, 6, 6, 3]
    assert (libp2p["heartbeat"], ethereum["heartbeat"]) == (SECOND, 700 * MS)
    assert (libp2p["seen_ttl"], ethereum["seen_ttl"]) == (120 * SECOND, 385 * SECOND)


def test_bounds_that_contradict_each_other_give_way_to_the_degree() -> None:
    choice = gossipsub(degree=3, degree_low=9, degree_high=1, degree_out=3, mcache_len=1, mcache_gossip=9)
    world = Broadcasts(nx.complete_graph(12), choice)
    grafts = [envelope for envelope in world.network.queue if envelope.source == 0]
    assert len(grafts) == 3
    world.network.run(5 * SECOND)
    assert not world.lacking(world.say(0))


# -------------------------------------------------------------------------------------------- memory, limits, liars


def test_a_message_can_be_asked_for_as_long_as_it_is_cached_and_three_times() -> None:
    world, node = alone(mcache_len=4)
    message = batch_message(1)
    node.broadcast(message)
    before = world.copies
    for _ in range(20):
        node.on_control(1, IWant(TOPIC, (message.digest, message.digest, bytes(32))))
    assert world.copies - before == RETRANSMISSIONS
    other = batch_message(2)
    node.broadcast(other)
    world.network.run(4 * SECOND)
    before = world.copies
    node.on_control(1, IWant(TOPIC, (other.digest,)))
    assert world.copies == before
    assert node.seen(other), "it is remembered for longer"


def test_what_was_seen_is_remembered_for_one_to_two_times_the_time_to_live() -> None:
    world, node = alone(seen_ttl=5 * SECOND)
    message = batch_message(1)
    node.relay(1, message)
    world.network.run(5 * SECOND)
    assert node.seen(message)
    world.network.run(7 * SECOND)
    assert not node.seen(message)


def test_gossip_is_heard_a_few_times_between_two_heartbeats() -> None:
    world, node = alone(heartbeat=10 * SECOND)
    before = world.sent("IWant")
    for number in range(50):
        node.on_control(1, IHave(TOPIC, (batch_message(number).digest,)))
    assert world.sent("IWant") - before == MAX_IHAVE_MESSAGES


def test_what_is_asked_of_one_neighbour_between_two_heartbeats_is_bounded() -> None:
    world, node = alone(heartbeat=10 * SECOND)
    digests = [number.to_bytes(32, "big") for number in range(2 * MAX_IHAVE_LENGTH)]
    node.on_control(1, IHave(TOPIC, tuple(digests[:3000])))
    node.on_control(1, IHave(TOPIC, tuple(digests[3000:7000])))
    node.on_control(1, IHave(TOPIC, tuple(digests[7000:])))
    asked = [envelope.message for envelope in world.network.queue if isinstance(envelope.message, IWant)]
    assert sum(len(want.messages) for want in asked) == MAX_IHAVE_LENGTH


def test_a_broken_promise_is_asked_of_the_next_who_made_it_and_then_forgotten() -> None:
    world = Broadcasts(nx.star_graph(3), gossipsub())
    world.network.settle()
    node = world.at(0, Gossipsub)
    for peer in (1, 2, 3, 1):
        node.on_control(peer, IHave(TOPIC, (bytes(32), batch_message(1).digest)))
    node.relay(2, batch_message(1))
    asked: list[int] = []
    times: list[int] = []

    def watch(envelope: Envelope) -> bool:
        if isinstance(envelope.message, IWant):
            asked.append(envelope.target)
            assert asked == [1] or envelope.message.messages == (bytes(32),), "the other is here"
            times.append(world.network.now)
        return False

    world.lose(watch)
    world.network.run(30 * SECOND)
    assert asked == [1, 2, 3]
    assert all(3 * SECOND <= later - earlier <= 4 * SECOND + 20 * MS for earlier, later in pairwise(times))
    node.on_control(2, IHave(TOPIC, (bytes(32),)))
    world.network.run(SECOND)
    assert asked == [1, 2, 3, 2]


def test_who_is_refused_is_not_in_the_mesh_and_does_not_ask_before_the_backoff_is_over() -> None:
    world = Broadcasts(nx.path_graph(2), gossipsub(prune_backoff=10 * SECOND))
    world.network.settle()
    node = world.at(0, Gossipsub)
    assert list(node.mesh) == [1]
    node.on_control(1, Prune(TOPIC, 10 * SECOND))
    assert not node.mesh
    node.on_control(1, Graft(TOPIC))
    assert not node.mesh, "it asks too early"
    assert world.sent("Prune") == 1
    before = world.sent("Graft")
    world.network.run(9 * SECOND)
    assert world.sent("Graft") == before
    world.network.run(3 * SECOND)
    assert world.sent("Graft") > before
    assert list(node.mesh) == [1]


def test_a_node_without_a_mesh_sends_its_own_words_to_some_neighbours() -> None:
    world = Broadcasts(nx.star_graph(9), gossipsub(flood_publish="no"))
    world.network.settle()
    hub = world.at(0, Gossipsub)
    for peer in range(1, 10):
        hub.on_control(peer, Prune(TOPIC, 60 * SECOND))
    before = world.copies
    hub.broadcast(batch_message(1))
    assert world.copies - before == 6


def test_own_words_from_before_a_crash_are_known_again_but_old_ones_are_not_new() -> None:
    world, node = alone()
    node.repeated(1, batch_message(1))
    assert node.seen(batch_message(1))
    world.network.run(8 * SECOND)
    node.repeated(1, batch_message(1))
    before = world.sent("IWant"), world.copies
    node.on_control(1, IWant(TOPIC, (batch_message(1).digest,)))
    assert (world.sent("IWant"), world.copies) == before, "not cached again"


# ---------------------------------------------------------------------------------------------------- the simulator


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_pbft_of_seven_decides_over_it_in_the_simulator(preset: str, tmp_path: Path) -> None:
    gossip = f"{{protocol: gossipsub, preset: {preset}}}"
    trace, summary = simulated(world(gossip), tmp_path)
    assert summary["fidelity"]["verdict"] == "exact"
    assert summary["safety"]["agreement"] == "holds"
    assert summary["blocks"]["finalised"] == 12, "one each 250 ms"
    assert summary["propagation_ms"]["all"]["max"] == 3 * 20, "half of the ring, which is all mesh"
    assert rejects(trace) == 0


# ------------------------------------------------------------------------------------------------------------- wire


def test_messages_that_name_too_much_are_refused() -> None:
    for kind in (IHave, IWant):
        with pytest.raises(WireError):
            Codec(Gossipsub.messages).decode(kind(TOPIC, (bytes(32),) * (MAX_IHAVE_LENGTH + 1)).encoded)
        with pytest.raises(WireError):
            Codec(Gossipsub.messages).decode(kind(TOPIC, (bytes(31),)).encoded)


def test_it_works_on_what_has_been_decoded_too() -> None:
    world = Broadcasts(nx.random_regular_graph(4, 10, seed=1), gossipsub())
    over_the_wire(world.network)
    for author in range(4):
        assert not world.lacking(world.say(author))
