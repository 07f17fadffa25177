"""Elections, crashes, partitions, losses and repairs: the paper's behaviours, section by section."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from netsim.node.block import GENESIS, Batch, Block
from netsim.node.message import Message
from netsim.node.raft import FOLLOWER, LEADER, PRE_CANDIDATE, Raft
from netsim.node.raft_messages import (
    Append,
    AppendReply,
    Commit,
    Entry,
    Fetched,
    Heartbeat,
    HeartbeatReply,
    Mark,
    RequestVote,
    Snapshot,
    Vote,
)
from netsim.node.raft_progress import REPLICATE
from netsim.testing import MS, Network, settings

DELTA = 20 * MS
TIMEOUT = 1000 * MS  # the shortest: ten ticks of 100 ms


def constant(nodes: int, validators: Sequence[int] | None = None, **parameters: Any) -> Network:
    """A network of constant delay in which somebody leads."""
    network = Network(nodes, settings("raft", **parameters), validators=validators, delay=lambda source, target: DELTA)
    network.start()
    network.run(3 * TIMEOUT)
    assert len(leaders(network)) == 1
    return network


def server(network: Network, node: int) -> Raft:
    participant = network.places[node].participant
    assert participant is not None
    assert isinstance(participant.consensus, Raft)
    return participant.consensus


def leaders(network: Network) -> list[int]:
    up = (place.place for place in network.places if place.participant is not None)
    return [node for node in up if server(network, node).role == LEADER]


def busy(network: Network, duration: int, origins: Iterable[int], every: int = 50 * MS) -> None:
    """Let time pass while clients of some nodes submit."""
    for _ in range(duration // every):
        for origin in origins:
            network.submit(origin)
        network.run(every)


def heights(network: Network) -> list[int]:
    return [len(place.final) for place in network.places]


def cut(network: Network, *groups: Iterable[int]) -> None:
    network.groups = [frozenset(group) for group in groups]


# -------------------------------------------------------------------------------------- elections (sections 5.2, 5.4.1)


@pytest.mark.parametrize("nodes", range(1, 11))
def test_the_first_validator_stands_at_once_and_leads_after_four_delays(nodes: int) -> None:
    network = Network(nodes, settings("raft"), delay=lambda source, target: DELTA)
    network.start()
    network.run(4 * DELTA)
    assert leaders(network) == [0]
    assert server(network, 0).term == 1


@pytest.mark.parametrize("nodes", range(1, 11))
def test_else_timeouts_elect_one(nodes: int) -> None:
    network = Network(nodes, settings("raft", first_election="timeout"), delay=lambda source, target: DELTA)
    network.start()
    network.run(TIMEOUT - 100 * MS)
    assert leaders(network) == []
    network.run(4 * TIMEOUT)
    assert len(leaders(network)) == 1
    assert {server(network, node).leader for node in range(nodes)} == set(leaders(network))


@pytest.mark.parametrize("nodes", range(3, 11))
def test_half_may_crash_and_no_more(nodes: int) -> None:
    network = constant(nodes)
    crashed = range((nodes - 1) // 2)  # the leader among them
    for node in crashed:
        network.crash(node)
    alive = range(len(crashed), nodes)
    busy(network, 6 * TIMEOUT, alive)
    before = heights(network)
    assert min(before[node] for node in alive) > 10
    network.crash(len(crashed))
    busy(network, 6 * TIMEOUT, alive)
    assert max(heights(network)) <= max(before) + 2, "too few are left"
    for node in (*crashed, len(crashed)):
        network.restart(node)
    busy(network, 6 * TIMEOUT, alive)
    network.run(TIMEOUT)
    assert min(heights(network)) == max(heights(network)) > max(before) + 10
    network.check_agreement(range(nodes))


def test_a_killed_leader_is_replaced_within_two_timeouts_and_five_delays() -> None:
    for seed in range(10):
        network = constant(5)
        for place in network.places:
            place.rng.seed(seed)
        killed = network.now
        network.crash(0)
        busy(network, 3 * TIMEOUT, range(1, 5))
        elected = min(time for place in network.places[1:] for time, _ in place.proposals)
        assert elected - killed >= TIMEOUT - 100 * MS
        if server(network, leaders(network)[0]).term == 2:  # else the vote was split
            assert elected - killed <= 2 * TIMEOUT + 5 * DELTA


def test_a_candidate_whose_log_is_behind_gets_no_vote() -> None:
    network = constant(3)
    cut(network, (0, 1), (2,))
    busy(network, 500 * MS, (0,))
    network.crash(0)
    network.groups = []
    busy(network, 4 * TIMEOUT, (1, 2))
    assert leaders(network) == [1], "node 2 lacks what is final"
    network.restart(0)
    network.run(TIMEOUT)
    assert len(set(heights(network))) == 1
    network.check_agreement(range(3))


def test_a_server_that_was_cut_off_disturbs_nobody() -> None:
    """Pre-vote: dissertation, section 9.6."""
    network = constant(5)
    cut(network, (0, 1, 2, 3), (4,))
    busy(network, 5 * TIMEOUT, (0,))
    assert server(network, 4).role in (PRE_CANDIDATE, FOLLOWER)
    network.groups = []
    busy(network, 2 * TIMEOUT, (0,))
    assert [server(network, node).term for node in range(5)] == [1] * 5
    assert leaders(network) == [0]
    network.run(4 * DELTA)
    assert len(set(heights(network))) == 1


def test_a_leader_that_hears_no_majority_steps_down() -> None:
    """Dissertation, section 6.2."""
    network = constant(5)
    cut(network, (0, 1), (2, 3, 4))
    network.run(2 * TIMEOUT)
    assert 0 not in leaders(network)
    busy(network, 2 * TIMEOUT, range(5))
    (leading,) = leaders(network)
    assert leading in (2, 3, 4)
    network.groups = []
    busy(network, TIMEOUT, range(5))
    assert leaders(network) == [leading]
    network.run(TIMEOUT)
    assert len(set(heights(network))) == 1
    network.check_agreement(range(5))


def test_who_hears_a_leader_does_not_vote() -> None:
    network = constant(3)
    network.post(2, 1, RequestVote(7, False, 100, 7))
    network.run(2 * DELTA)
    assert server(network, 1).term == 1
    assert "Vote" not in {type(envelope.message).__name__ for envelope in network.queue}


def test_a_server_stuck_in_a_higher_term_makes_the_leader_step_down_and_everybody_goes_on() -> None:
    network = constant(3)
    place = network.places[2]
    network.crash(2)
    place.store["state"] = b"\x92\x09\x02"  # term 9, voted for itself; then it was cut off
    network.restart(2)
    busy(network, 4 * TIMEOUT, (0,))
    assert len(leaders(network)) == 1
    assert server(network, 0).term >= 10
    network.run(TIMEOUT)
    assert len(set(heights(network))) == 1


# ------------------------------------------------------------------------------- replication and repair (section 5.3)


def test_entries_that_only_a_deposed_leader_holds_are_replaced_and_their_transactions_are_not_lost() -> None:
    network = constant(5, block_interval=100 * MS)
    cut(network, (0,), (1, 2, 3, 4))
    network.submit(0, 3)
    network.run(500 * MS)
    assert server(network, 0).log.last.height == 1
    busy(network, 4 * TIMEOUT, (1, 2))
    network.groups = []
    busy(network, 2 * TIMEOUT, (0, 1))
    network.run(TIMEOUT)
    network.check_agreement(range(5))
    assert len(set(heights(network))) == 1
    batches = [batch for block in network.places[4].final for batch in block.transactions]
    assert any(batch.origin == 0 and batch.count == 3 for batch in batches)


@pytest.mark.parametrize("commit_message", ("at-once", "with-next"))
@pytest.mark.parametrize("inflight", (1, 4, 512))
def test_whatever_gets_lost_is_sent_again(inflight: int, commit_message: str) -> None:
    network = constant(4, block_interval=30 * MS, inflight=inflight, commit_message=commit_message)
    random = network.places[0].rng.__class__(5)
    for _ in range(300):
        network.submit(0)
        network.run(10 * MS)
        network.take(lambda envelope: random.random() < 0.05)
    network.run(2 * TIMEOUT)
    assert len(set(heights(network))) == 1
    assert heights(network)[0] >= 50
    if leaders(network) == [0]:
        assert all(progress.state == REPLICATE for progress in server(network, 0).progress.values())


def test_a_lost_append_is_repaired_after_two_heartbeats() -> None:
    network = constant(3)
    network.submit(0)
    network.take(lambda envelope: isinstance(envelope.message, Append) and envelope.target == 2)
    network.run(60 * MS)
    assert heights(network) == [1, 1, 0]
    network.run(2 * 100 * MS + 4 * DELTA)
    assert heights(network) == [1, 1, 1]


def test_a_follower_that_lacks_many_entries_of_many_terms_is_found_out_in_few_steps() -> None:
    """One refusal for each term at most, not for each entry."""
    network = constant(3)
    cut(network, (0, 1), (2,))
    for _ in range(3):
        busy(network, 1000 * MS, (0, 1))
        (leading,) = leaders(network)
        network.crash(leading)
        network.restart(leading)
        network.run(3 * TIMEOUT)
    network.groups = []
    network.sent.clear()
    refused: list[AppendReply] = []
    deliver = network.deliver

    def watch(envelope: Any) -> bool:
        if isinstance(envelope.message, AppendReply) and not envelope.message.success:
            refused.append(envelope.message)
        return deliver(envelope)

    network.deliver = watch  # type: ignore[method-assign]
    busy(network, TIMEOUT, (0,))
    network.run(TIMEOUT)
    assert len(set(heights(network))) == 1
    assert heights(network)[2] > 30
    assert 1 <= len(refused) <= 4


def test_what_arrives_late_or_twice_changes_nothing() -> None:
    network = constant(3)
    old: list[tuple[int, int, Message]] = []
    for _ in range(5):
        network.submit(0)
        old += [(envelope.source, envelope.target, envelope.message) for envelope in network.queue]
        network.run(DELTA)
        old += [(envelope.source, envelope.target, envelope.message) for envelope in network.queue]
        network.run(3 * DELTA)
    status = [server(network, node).status for node in range(3)]
    for source, target, message in (*old, *old[::-1]):
        network.post(source, target, message)
    network.run(5 * DELTA)
    assert [server(network, node).status for node in range(3)] == status
    assert [place.rejected for place in network.places] == [[]] * 3


# ---------------------------------------------------------------------------------------------- snapshots (section 7)


def test_a_server_that_lacks_what_the_log_holds_no_more_fetches_the_chain() -> None:
    network = constant(4, snapshot_interval=10, catch_up=3)
    network.crash(3)
    busy(network, 15_000 * MS, (0,))
    log = server(network, 0).log
    assert log.base.index > 100
    assert log.last.index - log.base.index <= 13
    network.restart(3)
    network.run(30 * DELTA)
    assert heights(network)[3] == heights(network)[0] > 256
    assert network.sent["Snapshot"] == 1
    assert network.sent["Fetched"] == 5, "64 blocks each"
    busy(network, 500 * MS, (0,))
    network.run(4 * DELTA)
    assert heights(network)[3] == heights(network)[0]
    assert network.sent["Snapshot"] == 1
    network.check_agreement(range(4))


def test_it_asks_others_when_the_leader_falls_silent_and_does_not_stand_meanwhile() -> None:
    network = constant(3, snapshot_interval=5, catch_up=0)
    network.crash(2)
    busy(network, 2000 * MS, (0,))
    network.restart(2)
    while network.sent.get("Fetch", 0) < 1:
        network.run(MS)
    network.crash(0)
    fetching = server(network, 2).transfer
    assert fetching.goal is not None
    network.run(900 * MS)
    assert heights(network)[2] == 0
    network.run(3 * TIMEOUT)
    assert fetching.goal is None
    assert heights(network)[2] == heights(network)[1]
    busy(network, TIMEOUT, (1,))
    assert leaders(network) == [1]


def test_a_lost_offer_is_made_again() -> None:
    network = constant(3, snapshot_interval=5, catch_up=0)
    network.crash(2)
    busy(network, 2000 * MS, (0,))
    network.restart(2)
    while not network.sent.get("Snapshot"):
        network.run(MS)
    network.take(lambda envelope: isinstance(envelope.message, Snapshot))
    network.run(TIMEOUT)
    assert heights(network)[2] == heights(network)[0]


def test_a_crash_while_it_fetches_and_one_after() -> None:
    network = constant(3, snapshot_interval=5, catch_up=0, block_size=10)
    network.crash(2)
    network.submit(0, 200)
    network.run(200 * 2 * DELTA + TIMEOUT)
    network.restart(2)
    while network.sent.get("Fetched", 0) < 2:
        network.run(MS)
    network.run(DELTA)
    reached = heights(network)[2]
    assert 0 < reached < 200
    for _ in range(2):
        network.crash(2)
        network.restart(2)
        network.run(2 * TIMEOUT)
        assert heights(network) == [200] * 3
    network.submit(0)
    network.run(5 * DELTA)
    assert heights(network) == [201] * 3


def test_learners_get_snapshots_too() -> None:
    network = constant(4, validators=(0, 1, 2), snapshot_interval=5, catch_up=0)
    network.crash(3)
    busy(network, 2000 * MS, (0,))
    network.restart(3)
    network.run(TIMEOUT)
    assert heights(network)[3] == heights(network)[0] > 20
    assert network.sent["Snapshot"] >= 1


# --------------------------------------------------------------------------------------------------- crash and restart


def test_all_crash_at_once_and_go_on_from_what_they_had_written_down() -> None:
    network = constant(5, snapshot_interval=7, catch_up=2)
    busy(network, 1000 * MS, (0, 1))
    before = [block.id for block in network.places[0].final]
    for node in range(5):
        network.crash(node)
    network.take(lambda envelope: True)
    for node in range(5):
        network.restart(node)
    busy(network, 5 * TIMEOUT, (0, 1))
    network.run(TIMEOUT)
    network.check_agreement(range(5))
    for place in network.places:
        assert [block.id for block in place.final][: len(before)] == before
        assert [block.height for block in place.final] == list(range(1, len(place.final) + 1)), "none twice"
        assert len(place.final) > len(before) + 5


def test_an_entry_that_was_acknowledged_survives_a_crash() -> None:
    network = constant(3)
    network.submit(0)
    network.run(DELTA)  # the followers have it, their replies are on the way
    for node in range(3):
        network.crash(node)
    network.take(lambda envelope: True)
    for node in (1, 2):
        network.restart(node)
    network.run(4 * TIMEOUT)
    assert heights(network) == [0, 1, 1]


# ------------------------------------------------------------------- what no correct server sends must not break one


def block(height: int, parent: bytes, **fields: Any) -> Block:
    return Block(**{"height": height, "parent": parent, "proposer": 0, "created": 1, **fields})


STRAY = block(1, bytes(32))
FAR = 1 << 61


@pytest.mark.parametrize(
    "message",
    [
        Append(1, FAR, FAR, (), FAR),
        Append(FAR, 0, 0, (Entry(1, STRAY),), FAR),
        Append(1, 1, 1, (Entry(1, STRAY),), 2),
        Append(1, 1, 1, (Entry(0, None),), 2),
        Append(1, 1, 1, (Entry(2, None),), 2),
        Append(1, 1, 1, (Entry(1, block(1, GENESIS.id, transactions=(Batch(FAR, 0, 1, 1),))),), 2),
        Append(1, 1, 1, (Entry(1, block(1, GENESIS.id, transactions=(Batch(0, 0, 1, FAR),))),), 2),
        Append(1, 1, 1, (Entry(1, block(1, GENESIS.id, proposer=77)),), 2),
        Append(1, 0, 0, (Entry(1, None), Entry(1, block(3, GENESIS.id))), 2),
        AppendReply(1, True, 0, FAR, 1),
        AppendReply(1, False, FAR, FAR, FAR),
        AppendReply(1, False, 1, 0, 0),
        AppendReply(FAR, True, 0, 0, 0),
        Heartbeat(1, FAR, FAR),
        Heartbeat(FAR, 0, 0),
        HeartbeatReply(1, True),
        HeartbeatReply(FAR, False),
        Commit(1, FAR, 1),
        RequestVote(FAR, True, FAR, FAR),
        RequestVote(FAR, False, FAR, FAR),
        RequestVote(0, False, 0, 0),
        Vote(FAR, True, True),
        Vote(FAR, False, False),
        Vote(1, False, True),
        Snapshot(1, Mark(FAR, 1, FAR, bytes(32))),
        Snapshot(1, Mark(7, 1, 0, bytes(32))),
        Snapshot(FAR, Mark(0, 0, 0, bytes(32))),
        Fetched((STRAY, STRAY)),
    ],
    ids=str,
)
def test_nonsense_raises_nothing_and_the_others_go_on(message: Message) -> None:
    network = constant(5)
    for target in (0, 1):
        for _ in range(2):
            network.post(4, target, message)
    network.crash(4)
    busy(network, 6 * TIMEOUT, (0, 1, 2), every=200 * MS)
    network.check_agreement((0, 2, 3))
    assert heights(network)[2] > 3


def test_only_validators_lead_and_vote() -> None:
    network = constant(4, validators=(0, 1, 2))
    network.post(3, 1, Heartbeat(9, 0, 0))
    network.post(3, 1, Append(9, 0, 0, (), 0))
    network.post(3, 1, RequestVote(9, False, 9, 9))
    network.post(3, 0, Vote(9, False, False))
    network.run(2 * DELTA)
    assert [server(network, node).term for node in range(3)] == [1] * 3
    assert server(network, 1).leader == 0


def test_a_server_votes_once_in_a_term() -> None:
    network = Network(5, settings("raft", first_election="timeout"))
    network.start()
    for candidate in (1, 2, 1):
        network.post(candidate, 0, RequestVote(1, False, 0, 0))
    for envelope in network.take(lambda envelope: isinstance(envelope.message, RequestVote)):
        network.deliver(envelope)
    votes = [(envelope.target, envelope.message) for envelope in sorted(network.queue)]
    assert votes == [(1, Vote(1, False, True)), (2, Vote(1, False, False)), (1, Vote(1, False, True))]
