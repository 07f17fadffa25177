"""Whatever the schedule, servers that crash and come back agree; and when messages flow again, they go on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples

from netsim.node.consensus import Consensus
from netsim.node.raft import CANDIDATE, FOLLOWER, LEADER, Raft
from netsim.node.raft_log import NOBODY
from netsim.node.raft_messages import Append, AppendReply, RequestVote, Vote
from netsim.testing import MS, Network, settings
from netsim.testing.chaos import Chaos, seeds

VARY = {
    "snapshot_interval": (1, 3, 10_000),
    "catch_up": (0, 2, 5000),
    "inflight": (1, 2, 512),
    "commit_message": ("at-once", "with-next"),
    "batch_timeout": (0, 0, 50 * MS),
    "election_ticks": (2, 3, 5),
    "first_election": ("at-once", "timeout"),
}


class Leaping(Chaos):
    """Where time leaps at some of the servers now and then: else hardly anybody would lose patience with a leader."""

    def __init__(self, seed: int, protocol: type[Consensus] = Raft, **options: Any) -> None:
        super().__init__(seed, protocol, vary=VARY, **options)
        self.leaps = self.random.choice((0, 0.01, 0.05))

    def _step(self) -> None:
        if self.random.random() >= self.leaps:
            super()._step()
            return
        chosen = [place for place in self.network.places if self.random.random() < 0.6]
        for _ in range(self.random.randint(1, 6)):
            for place in chosen:
                if "tick" in place.timers:
                    self.network.ring(place, "tick")


@given(seed=seeds())
@examples(max_examples=80)
def test_no_schedule_makes_servers_disagree_and_calm_brings_new_blocks_to_all(seed: int) -> None:
    chaos = Leaping(seed)
    chaos.run(1000)
    chaos.go_on()


def disagrees(broken: type[Consensus], **options: Any) -> bool:
    """Whether one of a few hundred schedules makes broken servers disagree: the same check as above."""
    for seed in range(400):
        chaos = Leaping(seed, broken, **options)
        try:
            chaos.run(1000)
        except AssertionError:
            return True
    return False


class TooFew(Raft):
    """Half of the servers are enough."""

    @staticmethod
    def quorum(validators: int, parameters: Any) -> int:
        return validators // 2


class Blind(Raft):
    """Votes for whoever asks first, whatever it lacks (against section 5.4.1)."""

    def _behind(self, message: RequestVote) -> bool:
        return False


class Forgetful(Raft):
    """Does not write down whom it has voted for."""

    def _resume(self, term: int, vote: int) -> None:
        super()._resume(term, NOBODY)


class Hasty(Raft):
    """Commits entries of earlier terms by counting (against section 5.4.2)."""

    def _may_commit(self, index: int) -> bool:
        return True


def test_a_majority_too_small_is_found_out() -> None:
    assert disagrees(TooFew, nodes=4, faulty=0)


def test_votes_for_candidates_that_lack_entries_are_found_out() -> None:
    assert disagrees(Blind)


def test_forgetting_the_log_is_found_out() -> None:
    assert disagrees(Raft, forgets=("log/",))


def test_forgetting_term_and_vote_is_found_out() -> None:
    assert disagrees(Raft, forgets=("state",))


# ------------------------------------------------------------------------------------------------ by hand, step by step


def server(network: Network, node: int) -> Raft:
    participant = network.places[node].participant
    assert participant is not None
    consensus = participant.consensus
    assert isinstance(consensus, Raft)
    return consensus


def pass_on(network: Network, source: int, target: int, *kinds: type) -> None:
    """Deliver what is on its way from one server to another, of certain types."""
    for envelope in network.take(
        lambda envelope: (envelope.source, envelope.target) == (source, target) and isinstance(envelope.message, kinds)
    ):
        network.deliver(envelope)


def lose_all(network: Network) -> None:
    network.take(lambda envelope: True)


def campaign(network: Network, node: int) -> None:
    """Have a server lose its patience."""
    while server(network, node).role == FOLLOWER:
        network.ring(network.places[node], "tick")


def elect(network: Network, candidate: int, voters: tuple[int, ...]) -> None:
    """Have a server stand, and some vote. They have just come up, so they do not know of any leader."""
    for node in (candidate, *voters):
        network.restart(node)
    while server(network, candidate).role != LEADER:  # once more where it learns first of a higher term
        campaign(network, candidate)
        for _ in ("pre-vote", "vote"):
            for voter in voters:
                pass_on(network, candidate, voter, RequestVote)
                pass_on(network, voter, candidate, Vote)
    network.take(lambda envelope: isinstance(envelope.message, (RequestVote, Vote)))


def figure_8(protocol: type[Raft]) -> Network:
    """Section 5.4.2, figure 8, where servers S1 … S5 are 0 … 4."""
    network = Network(5, settings(protocol, first_election="timeout"))
    network.start()
    elect(network, 0, (1, 2))
    network.settle()
    # (a) S1 leads. Its block is at S2 alone.
    network.submit(0)
    pass_on(network, 0, 1, Append)
    lose_all(network)
    # (b) S1 crashes. S5 is elected by S3 and S4, and takes another block, which nobody gets.
    network.crash(0)
    elect(network, 4, (2, 3))
    network.submit(4)
    lose_all(network)
    # (c) S5 crashes. S1 is elected again, and S3 and S4 get its old block; but not the entry of its new term.
    network.crash(4)
    elect(network, 0, (1, 2, 3))
    for follower in (2, 3):
        pass_on(network, 0, follower, Append)
        pass_on(network, follower, 0, AppendReply)
        pass_on(network, 0, follower, Append)
        assert server(network, follower).log.last.term == 1
        pass_on(network, follower, 0, AppendReply)
    lose_all(network)
    # (d) S1 crashes. The last entry of S5 is of a higher term than those of the others: it is elected, and goes on.
    network.crash(0)
    elect(network, 4, (1, 2, 3))
    network.settle()
    network.restart(0)
    network.run(20_000 * MS)
    return network


def test_an_entry_of_an_earlier_term_that_a_majority_holds_may_still_be_replaced() -> None:
    network = figure_8(Raft)
    network.check_agreement(range(5))
    assert [[block.proposer for block in place.final] for place in network.places] == [[4]] * 5


def test_to_commit_it_by_counting_makes_servers_disagree() -> None:
    network = figure_8(Hasty)
    assert [block.proposer for block in network.places[0].final] == [0]
    with pytest.raises(AssertionError, match="two final blocks at height 1"):
        network.check_agreement(range(5))


def two_candidates(protocol: type[Raft]) -> Network:
    """Servers 0 and 2 stand for the same term. Server 1 votes for 0, crashes, comes back, and is asked by 2."""
    network = Network(3, settings(protocol, first_election="timeout"))
    network.start()
    for candidate in (0, 2):
        campaign(network, candidate)
    for candidate in (0, 2):
        pass_on(network, candidate, 1, RequestVote)
        pass_on(network, 1, candidate, Vote)
        assert server(network, candidate).role == CANDIDATE
    pass_on(network, 0, 1, RequestVote)
    pass_on(network, 1, 0, Vote)
    network.crash(1)
    network.restart(1)
    pass_on(network, 2, 1, RequestVote)
    pass_on(network, 1, 2, Vote)
    lose_all(network)
    return network


def test_a_vote_survives_a_crash() -> None:
    network = two_candidates(Raft)
    assert [server(network, node).role for node in range(3)] == ["leader", "follower", "candidate"]


def test_forgetting_it_makes_two_leaders_of_one_term_that_commit_different_blocks() -> None:
    network = two_candidates(Forgetful)
    assert [server(network, node).role for node in range(3)] == ["leader", "follower", "leader"]
    assert server(network, 0).term == server(network, 2).term == 1
    for leader in (0, 2):
        network.submit(leader)
        lose_all(network)
        network.crash(1)
        network.restart(1)
        network.run(300 * MS)  # the other two hear this leader's heartbeats, and it hears what they lack
        lose_all(network)
    with pytest.raises(AssertionError, match="two final blocks at height 1"):
        network.check_agreement(range(3))
