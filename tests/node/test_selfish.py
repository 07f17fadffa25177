"""Selfish mining: Eyal and Sirer's Algorithm 1, case by case, and what it yields."""

from __future__ import annotations

from typing import Any

import pytest

from netsim.node.block import GENESIS, Block
from netsim.node.misbehaviour.selfish import Selfish
from netsim.testing import MS, Network, misbehaviour, settings
from netsim.validate.figure import Sample, judge
from netsim.validate.forks import EXPERIMENTS, mining, selfish_revenue, selfish_scenario
from netsim.validate.laboratory import scenario, simulated

MINUTE = 60_000 * MS


def network(**more: Any) -> Network:
    """Node 0 is selfish; nobody mines by itself, as good as, and messages wait until they are delivered."""
    chosen = settings("nakamoto", block_interval=10**6 * MINUTE, depth=3)
    made = Network(3, chosen, misbehaving={0: [misbehaviour("selfish", **more)]})
    made.start()
    return made


def mine(made: Network, node: int, *, quietly: bool = False) -> Block:
    """A node's lot is drawn, and everybody hears of it that is to; `quietly`: not yet."""
    made.wait(1)
    made.ring(made.places[node], "mine")
    if not quietly:
        made.settle()
    return made.places[node].proposals[-1][1]


def pool(made: Network) -> Selfish:
    running = made.places[0].participant
    assert running is not None
    assert isinstance(running.consensus, Selfish)
    return running.consensus


def tip(made: Network, node: int) -> Block:
    running = made.places[node].participant
    assert running is not None
    found: Block = running.consensus.tree.tip  # type: ignore[attr-defined]
    return found


def test_its_blocks_are_kept() -> None:
    made = network()
    blocks = [mine(made, 0) for _ in range(3)]
    assert [block.height for block in blocks] == [1, 2, 3]
    assert made.sent == {}
    assert (pool(made).lead, pool(made).public, len(pool(made).secret)) == (3, GENESIS, 3)
    assert tip(made, 1) == GENESIS


def test_without_a_lead_it_gives_up_when_others_find_a_block() -> None:
    made = network()
    theirs = mine(made, 1)
    assert tip(made, 0) == pool(made).public == theirs
    assert mine(made, 0).parent == theirs.id


def test_one_ahead_it_answers_with_its_block_and_there_are_two_to_choose_from() -> None:
    made = network()
    ours = mine(made, 0)
    theirs = mine(made, 1)
    assert made.sent == {"Mined": 4}
    assert (tip(made, 0), tip(made, 1), tip(made, 2)) == (ours, theirs, theirs)
    assert (pool(made).lead, len(pool(made).secret)) == (0, 0)


def test_level_with_another_chain_it_shows_its_next_block_and_wins() -> None:
    made = network()
    mine(made, 0)
    mine(made, 1)
    winner = mine(made, 0)
    assert [tip(made, node) for node in range(3)] == [winner] * 3
    assert (pool(made).lead, pool(made).public, len(pool(made).secret)) == (0, winner, 0)
    mine(made, 0)
    assert len(pool(made).secret) == 1, "and it begins anew"


def test_level_with_another_chain_it_gives_up_when_that_wins() -> None:
    made = network()
    mine(made, 0)
    mine(made, 1)
    winner = mine(made, 2)
    assert [tip(made, node) for node in range(3)] == [winner] * 3
    assert len(pool(made).secret) == 0


def test_level_with_another_chain_honest_miners_may_win_for_it() -> None:
    made = network()
    ours = mine(made, 0)
    theirs = mine(made, 1, quietly=True)
    for envelope in made.take(lambda envelope: envelope.target == 0):
        made.deliver(envelope)
    for envelope in made.take(lambda envelope: (envelope.source, envelope.target) == (0, 2)):
        made.deliver(envelope)  # before that of 1
    made.settle()
    assert (tip(made, 1), tip(made, 2)) == (theirs, ours)
    winner = mine(made, 2)
    assert winner.parent == ours.id
    assert [tip(made, node) for node in range(3)] == [winner] * 3


def test_two_ahead_it_shows_all_and_wins() -> None:
    made = network()
    mine(made, 0)
    ours = mine(made, 0)
    mine(made, 1)
    assert [tip(made, node) for node in range(3)] == [ours] * 3
    assert (pool(made).public, len(pool(made).secret)) == (ours, 0)


def test_further_ahead_it_shows_one_for_one() -> None:
    made = network()
    ours = [mine(made, 0) for _ in range(4)]
    first = mine(made, 1)
    assert made.sent == {"Mined": 4}
    assert (pool(made).lead, len(pool(made).secret)) == (3, 3)
    assert tip(made, 2) == first
    second = mine(made, 1)
    assert (pool(made).lead, len(pool(made).secret)) == (2, 2)
    assert tip(made, 2) == second
    mine(made, 2)
    assert [tip(made, node) for node in range(3)] == [ours[-1]] * 3


def test_others_blocks_at_a_lower_height_change_nothing() -> None:
    made = network()
    for _ in range(4):
        mine(made, 0)
    mine(made, 1, quietly=True)
    mine(made, 2, quietly=True)
    made.settle()
    assert (pool(made).lead, len(pool(made).secret)) == (3, 3)


def test_two_blocks_that_come_together_leave_it_with_what_is_left_of_its_lead() -> None:
    made = network()
    ours = [mine(made, 0) for _ in range(3)]
    mine(made, 1, quietly=True)
    lost = made.take(lambda envelope: envelope.target == 0)
    made.settle()
    mine(made, 1)  # 0 asks for its parent
    assert lost
    assert [tip(made, node) for node in range(3)] == [ours[-1]] * 3


def test_what_it_keeps_nobody_gets_by_asking() -> None:
    made = network()
    mine(made, 1)
    for _ in range(3):
        mine(made, 0)
    made.crash(2)
    made.restart(2)
    made.settle()
    assert made.sent["Inquiry"] == 2
    assert tip(made, 2).proposer == 1
    secret = next(iter(pool(made).secret))
    assert pool(made).shown(secret) is None


def test_a_restart_does_not_tell_on_it() -> None:
    made = network()
    first = mine(made, 1)
    ours = [mine(made, 0) for _ in range(3)]
    made.crash(0)
    made.restart(0)
    made.settle()
    assert (pool(made).lead, pool(made).public, tip(made, 0)) == (3, first, ours[-1])
    assert tip(made, 2) == first
    mine(made, 2)
    mine(made, 2)
    assert [tip(made, node) for node in range(3)] == [ours[-1]] * 3


def test_until_its_time_comes_it_mines_as_everybody_does() -> None:
    made = network(at=1000 * MS)
    honest = mine(made, 0)
    assert [tip(made, node) for node in range(3)] == [honest] * 3
    made.wait(1000 * MS)
    mine(made, 0)
    assert [tip(made, node) for node in (1, 2)] == [honest] * 2


# ------------------------------------------------------------------------------------------------------ what it yields


def test_the_formula_is_the_one_that_is_published() -> None:
    """Eyal and Sirer 2014, section 4.3: the thresholds from which on it pays."""
    for gamma, threshold in ((0.0, 1 / 3), (0.5, 1 / 4), (1.0, 0.0)):
        assert threshold == pytest.approx((1 - gamma) / (3 - 2 * gamma))
        if threshold:
            assert selfish_revenue(threshold, gamma) == pytest.approx(threshold)
            assert selfish_revenue(threshold - 0.01, gamma) < threshold - 0.01
        assert selfish_revenue(threshold + 0.01, gamma) > threshold + 0.01


@pytest.mark.parametrize("near", [1, 7])
def test_who_mines_on_its_block_follows_from_the_network(near: int) -> None:
    """Of eight honest miners those that hear of it first, unless they have found the other block themselves."""
    gamma = near / 8 * 7 / 8
    measured = mining(simulated(scenario(selfish_scenario(30, 800, near=near), 3)))
    assert measured.choices > 60
    assert abs(measured.gamma - gamma) <= 3 * (gamma * (1 - gamma) / measured.choices) ** 0.5


def test_its_revenue_agrees_with_the_formula_for_the_gamma_that_is_measured() -> None:
    (experiment,) = (one for one in EXPERIMENTS if one.name == "selfish 30")
    samples = []
    for seed in range(10):
        result = mining(simulated(scenario(selfish_scenario(30, 1000), seed)))
        samples.append(Sample(100 * result.revenue, 100 * selfish_revenue(0.3, result.gamma)))
    line = judge("", experiment.figures[0], samples)
    assert abs(line.difference) <= line.half < 2.5, "the 95 % interval of ten seeds holds it"
