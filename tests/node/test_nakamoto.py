"""Proof of work: who mines, which chain is followed, when a block is final and when it is not any more."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples

from netsim.node.block import GENESIS, WINDOW_BITS, Batch, Block
from netsim.node.nakamoto import Mined, Nakamoto
from netsim.testing import MS, Network, Place, misbehaviour, seeds, settings, strategy, survive

DELTA = 20 * MS
MINUTE = 60_000 * MS


def network(nodes: int = 3, **more: Any) -> Network:
    """A network in which nobody mines by itself, as good as, and messages wait until they are delivered."""
    own = {key: more.pop(key) for key in ("weights", "validators", "edges", "misbehaving", "forgets") if key in more}
    made = Network(nodes, settings("nakamoto", **{"block_interval": 10**6 * MINUTE, "depth": 2, **more}), **own)
    made.start()
    return made


def mine(made: Network, node: int) -> Block:
    """A node's lot is drawn now."""
    made.wait(1)
    made.ring(made.places[node], "mine")
    return made.places[node].proposals[-1][1]


def program(made: Network, node: int) -> Nakamoto:
    running = made.places[node].participant
    assert running is not None
    assert isinstance(running.consensus, Nakamoto)
    return running.consensus


def tips(made: Network) -> list[bytes]:
    running = (made.places[node].participant and program(made, node) for node in range(made.nodes))
    return [node.tree.tip.id for node in running if node]


def heights(place: Place) -> list[int]:
    return [block.height for block in place.final]


def say(made: Network, signer: int, block: Block, to: Sequence[int], filler: int = 0) -> None:
    """Put into a node's mouth what its program would not say."""
    message = Mined(signer, b"", block, filler).signed(made.places[signer].sign)
    for target in to:
        made.post(signer, target, message)
    made.settle()


# --------------------------------------------------------------------------------------------------------------- laws


@pytest.mark.parametrize("nodes", range(4, 11))
@pytest.mark.parametrize("depth", [1, 3])
def test_a_block_is_final_when_the_depth_has_arrived_and_costs_n_minus_1_messages(nodes: int, depth: int) -> None:
    chosen = settings("nakamoto", block_interval=MINUTE, depth=depth)
    made = Network(nodes, chosen, delay=lambda source, target: DELTA)
    made.start()
    made.run(30 * MINUTE)
    mined = {block.height: (time, block.proposer) for place in made.places for time, block in place.proposals}
    assert len(mined) == sum(len(place.proposals) for place in made.places) > 15, "no fork with these seeds"
    assert made.sent == {"Mined": len(mined) * (nodes - 1)}
    for place in made.places:
        assert len(place.finalised_at) == len(mined) - depth + 1
        for height, time in place.finalised_at.items():
            above, miner = mined[height + depth - 1]
            assert time == above + (0 if miner == place.me else DELTA)


def test_quorum_ms_is_measured_at_more_than_half() -> None:
    assert [Nakamoto.quorum(nodes, {}) for nodes in (1, 2, 3, 4, 7, 1000)] == [1, 2, 2, 3, 4, 501]


def test_miners_find_blocks_by_their_share_of_the_hash_rate() -> None:
    """Bitcoin backbone, section 3: each query succeeds alike."""
    weights = (1_000_000, 2_000_000, 5_000_000, 0, 7_000_000)
    made = Network(5, settings("nakamoto", block_interval=MINUTE), weights=weights, validators=(0, 1, 2, 3))
    made.start()
    count = 2000
    made.run(count * MINUTE)
    found = [len(place.proposals) for place in made.places]
    assert found[3:] == [0, 0], "no hash rate, and no validator"
    for number, share in zip(found, (1 / 8, 2 / 8, 5 / 8), strict=False):
        assert abs(number - count * share) < 4 * (count * share) ** 0.5, "four deviations of a Poisson number"
    times = sorted(time for place in made.places for time, _ in place.proposals)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert sum(gap > MINUTE for gap in gaps) / len(gaps) == pytest.approx(0.3679, abs=0.04), "e^-1: no memory"


def test_without_an_interval_a_run_comes_to_an_end() -> None:
    made = Network(2, settings("nakamoto", block_interval=0), delay=lambda source, target: 1)
    made.start()
    made.run(1000 * MS)
    assert 800 < len(made.places[0].proposals) + len(made.places[1].proposals) < 1200


# --------------------------------------------------------------------------------------------------------- fork choice


def test_of_equal_chains_the_first_that_came_is_followed_until_the_other_is_longer() -> None:
    """Nakamoto 2008, section 5."""
    made = network()
    ours, theirs = mine(made, 0), mine(made, 1)
    assert ours.height == theirs.height == 1
    made.settle()
    assert tips(made) == [ours.id, theirs.id, ours.id]
    longer = mine(made, 1)
    made.settle()
    assert longer.parent == theirs.id
    assert tips(made) == [longer.id] * 3
    assert [[block.id for block in place.final] for place in made.places] == [[theirs.id]] * 3


def test_transactions_of_a_block_that_is_given_up_wait_again_and_none_is_included_twice() -> None:
    made = network()
    made.submit(0, 3)
    made.submit(2, 2)
    made.settle()
    lost, kept = mine(made, 0), mine(made, 1)
    assert lost.count == kept.count == 5
    made.groups = [frozenset({0}), frozenset({1, 2})]
    made.settle()
    made.submit(0, 4)  # whom nobody hears
    alone = mine(made, 0)
    assert alone.count == 4
    second, third = mine(made, 1), mine(made, 1)
    made.settle()
    made.groups = []
    fourth = mine(made, 1)
    made.settle()
    assert (second.count, third.count, fourth.count) == (0, 0, 0)
    assert tips(made) == [fourth.id] * 3
    assert [batch.count for batch in made.places[0].participant.mempool.take(1000)] == [4]  # type: ignore[union-attr]
    assert mine(made, 0).count == 4


def test_a_reorganisation_deeper_than_the_depth_takes_final_blocks_back() -> None:
    made = network(4)
    made.groups = [frozenset({0, 1}), frozenset({2, 3})]
    ours = [mine(made, 0) for _ in range(3)]
    theirs = [mine(made, 2) for _ in range(4)]
    made.settle()
    assert [heights(place) for place in made.places] == [[1, 2], [1, 2], [1, 2, 3], [1, 2, 3]]
    with pytest.raises(AssertionError, match="two final blocks at height 1"):
        made.check_agreement(range(4))
    made.groups = []
    last = mine(made, 3)
    made.settle()
    assert tips(made) == [last.id] * 4
    for place in made.places[:2]:
        assert [block.id for block in place.final] == [block.id for block in (*ours[:2], *theirs)]
        assert list(place.participant.chain) == [GENESIS, *theirs]  # type: ignore[union-attr]


@pytest.mark.parametrize("length", [5, 70, 200])
def test_a_fork_far_below_the_last_final_block_is_found(length: int) -> None:
    """Also where more is missing than one answer brings."""
    made = network(4)
    made.groups = [frozenset({0, 1}), frozenset({2, 3})]
    for _ in range(length):
        mine(made, 0)
        made.settle()
    for _ in range(length + 5):
        mine(made, 2)
        made.settle()
    made.groups = []
    mine(made, 2)
    for _ in range(10):
        made.settle()
        made.wait(1000 * MS)
    assert len(set(tips(made))) == 1
    assert program(made, 0).chain.height == length + 5


# ----------------------------------------------------------------------------------------------- what nobody should say


def on(parent: Block, miner: int = 1, **more: Any) -> Block:
    return Block(**{"height": parent.height + 1, "parent": parent.id, "proposer": miner, "created": 0, **more})


@pytest.mark.parametrize(
    ("block", "filler"),
    [
        (on(GENESIS, 2), 0),
        (on(GENESIS), 1),
        (on(GENESIS, height=2), 0),
        (on(GENESIS, height=0), 0),
        (on(GENESIS, transactions=(Batch(1, 0, 101, 10),)), 0),
    ],
    ids=["somebody else's", "of another size", "at another height", "below genesis", "too large"],
)
def test_impossible_blocks_are_refused(block: Block, filler: int) -> None:
    made = network()
    say(made, 1, block, [0], filler)
    assert made.places[0].rejected == ["impossible block"]
    assert program(made, 0).tree.tip == GENESIS
    assert made.places[0].store.keys() <= {"life"}


def test_a_block_whose_transactions_do_not_follow_is_dropped_with_what_stands_on_it() -> None:
    made = network()
    made.submit(0, 3)
    made.settle()
    good = mine(made, 0)
    made.settle()
    again = on(good, transactions=good.transactions)
    say(made, 1, again, [0])
    say(made, 1, on(again), [0])
    assert made.places[0].rejected == ["transactions do not follow", "on a block that was dropped"]
    assert tips(made) == [good.id] * 3
    made.restart(0)
    assert program(made, 0).tree.tip == good, "nor after a restart"


def test_transactions_of_a_window_may_not_begin_in_the_middle_of_what_is_known() -> None:
    made = network()
    first = on(GENESIS, transactions=(Batch(2, 7 << WINDOW_BITS, 2, 10),))
    say(made, 1, first, [0, 1, 2])
    say(made, 1, on(first, transactions=(Batch(2, (7 << WINDOW_BITS) + 3, 2, 10),)), [0])
    assert made.places[0].rejected == ["transactions do not follow"]


def test_strangers_do_not_fill_a_node() -> None:
    made = network()
    for number in range(1100):
        say(made, 1, Block(5, number.to_bytes(32, "big"), 1, 0), [0])
    waiting = program(made, 0).ancestry._waiting
    assert sum(map(len, waiting.values())) == len(waiting) == 1024
    ours = mine(made, 2)
    made.settle()
    assert tips(made)[0] == ours.id


# -------------------------------------------------------------------------------------- loss, crash, restart, followers


def test_a_lost_block_is_asked_for_when_the_next_one_comes() -> None:
    made = network()
    first = mine(made, 1)
    made.take(lambda envelope: envelope.target == 0)
    second = mine(made, 1)
    made.settle()
    assert tips(made) == [second.id] * 3
    assert [block.id for block in made.places[0].final] == [first.id]
    assert made.sent["Missing"] == 1


def test_who_does_not_answer_is_passed_over_for_the_next() -> None:
    made = network(4)
    mine(made, 1)
    made.take(lambda envelope: envelope.target == 0)
    second = mine(made, 1)
    made.crash(1)
    made.settle()
    assert tips(made)[0] == GENESIS.id, "the only one who was asked is down"
    for _ in range(2):
        made.wait(1000 * MS)
        made.settle()
    assert tips(made)[0] == second.id


def test_a_restarted_node_follows_the_same_chain_and_says_nothing_twice() -> None:
    made = network()
    for node in (0, 1, 0, 0):
        mine(made, node)
        made.settle()
    mine(made, 1)
    fork = mine(made, 0)  # at the same height, and the first that 0 has
    made.settle()
    before, final = tips(made)[0], heights(made.places[0])
    made.crash(0)
    made.restart(0)
    assert tips(made)[0] == before == fork.id
    made.settle()
    assert heights(made.places[0]) == final
    mine(made, 0)
    made.settle()
    assert heights(made.places[0]) == [1, 2, 3, 4, 5]
    assert len(set(tips(made))) == 1


def test_a_restarted_node_asks_what_it_has_missed() -> None:
    made = network()
    mine(made, 0)
    made.settle()
    made.crash(0)
    for _ in range(3):
        mine(made, 1)
    made.settle()
    made.restart(0)
    made.settle()
    assert len(set(tips(made))) == 1
    assert heights(made.places[0]) == [1, 2, 3]
    assert made.sent["Inquiry"] == 2


def test_a_miner_that_dies_before_its_block_has_left_says_it_after_the_restart() -> None:
    made = network()
    block = mine(made, 0)
    made.take(lambda envelope: True)
    made.crash(0)
    made.restart(0)
    made.settle()
    assert tips(made) == [block.id] * 3


def test_followers_follow_and_never_mine() -> None:
    made = network(5, validators=(1, 3), block_interval=MINUTE)
    made.delay = lambda source, target: DELTA
    made.run(40 * MINUTE)
    assert [bool(place.proposals) for place in made.places] == [False, True, False, True, False]
    assert len({tuple(heights(place)) for place in made.places}) == 1
    assert len(made.places[0].final) > 20


@pytest.mark.parametrize("gossip", ["flood", "announce", "plumtree", "gossipsub"])
def test_gossip_over_a_ring_brings_every_block_to_all(gossip: str) -> None:
    chosen = settings("nakamoto", gossip=strategy(gossip), block_interval=MINUTE, depth=2)
    ring = [(node, (node + 1) % 6) for node in range(6)]
    made = Network(6, chosen, edges=ring, delay=lambda source, target: DELTA)
    made.start()
    made.run(20 * MINUTE)
    made.crash(2)
    made.run(10 * MINUTE)
    made.restart(2)
    made.run(10 * MINUTE)
    assert len(set(tips(made))) == 1
    assert len(made.places[2].final) == len(made.places[0].final) > 15


# --------------------------------------------------------------------------------------------------------------- chaos


@given(seed=seeds())
@examples(max_examples=40, deadline=None)
def test_whatever_happens_the_calm_brings_one_chain_and_new_blocks(seed: int) -> None:
    survive(seed, "nakamoto")


@given(seed=seeds())
@examples(max_examples=4, deadline=None)
def test_byzantine_miners_cannot_stop_it(seed: int) -> None:
    """What each strategy makes of it: less than half of the miners, whatever they do, do not keep chains apart."""
    for does in ("equivocate", "withhold", "delay", "forge", "censor"):
        made = Network(
            5,
            settings("nakamoto", block_interval=1000 * MS, depth=6),
            delay=lambda source, target: 5 * MS,
            misbehaving={node: [misbehaviour(does)] for node in (0, 1)},
        )
        for place in made.places:
            place.rng.seed(seed + place.me)
        made.start()
        made.run(60_000 * MS)
        chains = [place.participant.chain for place in made.places[2:]]  # type: ignore[union-attr]
        common = min(chain.height for chain in chains)
        assert common > 10
        assert len({chain.at(common - 6).id for chain in chains}) == 1


class Stubborn(Nakamoto):
    """Never changes over to another chain."""

    def _add(self, mined: Mined) -> None:
        if mined.block.parent == self.tree.tip.id:
            super()._add(mined)
        else:
            self.chain.remember(mined.block)


def broken(**options: Any) -> bool:
    """Whether one of some schedules finds an error: the same check as above."""
    for seed in range(100):
        try:
            survive(seed, **options)
        except AssertionError:
            return True
    return False


def test_a_node_that_never_reorganises_is_found_out() -> None:
    assert broken(protocol=Stubborn)


def test_forgetting_blocks_is_found_out() -> None:
    assert broken(protocol="nakamoto", forgets=("block",))
