"""Clique: turns and wiggles, the signer limit, forks and how they end, and what crashes, losses and strangers do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.node.ancestry import Missing
from netsim.node.block import GENESIS, Batch, Block
from netsim.node.clique import FUTURE, SIBLINGS, Behind, Clique, Sealed
from netsim.testing import MS, Network, settings, strategy
from netsim.testing.chaos import seeds, survive

from .storm import Storm

DELTA = 20 * MS
PERIOD = 1000 * MS
LONG = 10**9 * MS  # a wiggle that never ends before a block comes


def network(nodes: int, *, delay: int = DELTA, options: dict[str, Any] | None = None, **parameters: Any) -> Network:
    made = Network(nodes, settings("clique", **parameters), delay=lambda source, target: delay, **(options or {}))
    made.start()
    return made


def node(net: Network, number: int) -> Clique:
    participant = net.places[number].participant
    assert participant is not None
    assert isinstance(participant.consensus, Clique)
    return participant.consensus


def tip(net: Network, number: int) -> Block:
    return node(net, number).heaviest.tip


def followed(net: Network, number: int) -> list[Block]:
    """The chain that a node follows, from height 1 on."""
    path = node(net, number).chain.path(tip(net, number), 0)
    assert path is not None
    return path


def silence(net: Network) -> None:
    """Node 0 is left alone, and only listens."""
    for number in range(1, net.nodes):
        net.crash(number)
    net.take(lambda envelope: True)
    node(net, 0).signing = False


def sealed(net: Network, signer: int, parent: Block, created: int, *transactions: Batch) -> Sealed:
    """A block in a signer's mouth."""
    block = Block(parent.height + 1, parent.id, signer, created, transactions)
    return Sealed(signer, b"", block).signed(net.places[signer].sign)


def tell(net: Network, target: int, *messages: Sealed) -> list[str]:
    """Deliver messages; what the target rejects."""
    world = net.places[target]
    assert world.participant is not None
    before = len(world.rejected)
    for message in messages:
        world.participant.on_message(message.signer, message)
    return world.rejected[before:]


# ------------------------------------------------------------------------------------------------------------ the laws


@pytest.mark.parametrize("nodes", range(4, 11))
def test_a_block_arrives_after_one_delay_and_costs_n_minus_1_messages(nodes: int) -> None:
    net = network(nodes, depth=1, wiggle=LONG)
    for _ in range(5):
        net.submit(0)
        net.run(3 * DELTA)
    made = [(time, block) for place in net.places for time, block in place.proposals]
    assert sorted(block.height for _, block in made) == [1, 2, 3, 4, 5]
    for time, block in made:
        expected = [time + (0 if place.me == block.proposer else DELTA) for place in net.places]
        assert [place.finalised_at[block.height] for place in net.places] == expected
    assert net.sent == {"Transactions": 5 * (nodes - 1), "Sealed": 5 * (nodes - 1)}


@given(st.data())
@examples(max_examples=25)
def test_with_unequal_delays_a_block_is_final_when_it_arrives(data: st.DataObject) -> None:
    nodes = data.draw(st.integers(4, 10))
    random = data.draw(st.randoms(use_true_random=False))
    delays = [[random.randint(1, 400 * MS) for _ in range(nodes)] for _ in range(nodes)]
    chosen = settings("clique", depth=1, wiggle=LONG, block_interval=PERIOD)
    net = Network(nodes, chosen, delay=lambda source, target: delays[source][target])
    net.start()
    net.run(5 * PERIOD)
    made = [(time, block) for place in net.places for time, block in place.proposals if block.height <= 5]
    assert len(made) == 5
    for time, block in made:
        for place in net.places:
            way = 0 if place.me == block.proposer else delays[block.proposer][place.me]
            assert place.finalised_at[block.height] == time + way


@pytest.mark.parametrize("nodes", range(4, 11))
def test_at_the_automatic_depth_a_block_is_final_under_blocks_of_a_majority(nodes: int) -> None:
    net = network(nodes, wiggle=LONG, block_interval=PERIOD)
    net.run(20 * PERIOD + DELTA)
    majority = nodes // 2 + 1
    assert Clique.quorum(nodes, {}) == majority
    made = {block.height: time for place in net.places for time, block in place.proposals}
    assert made == {height: (height - 1) * PERIOD for height in range(1, 22)}, "they do not drift"
    for place in net.places:
        for height, time in place.finalised_at.items():
            signer = (height + majority - 1) % nodes
            assert time == made[height] + (majority - 1) * PERIOD + (0 if place.me == signer else DELTA)
        top = node(net, place.me).chain.path(tip(net, place.me), place.final[-2].height)
        assert top is not None
        assert len({block.proposer for block in top}) == len(top) == majority


@pytest.mark.parametrize("nodes", range(1, 11))
def test_a_minority_of_signers_may_be_down_and_no_more(nodes: int) -> None:
    tolerated = (nodes - 1) // 2
    for down, goes_on in ((tolerated, True), (tolerated + 1, False)):
        net = Network(nodes, settings("clique", block_interval=PERIOD), delay=lambda source, target: DELTA)
        net.start()
        for signer in range(down):
            net.crash(signer)
        net.take(lambda envelope: True)
        net.run(60 * PERIOD)
        heights = {tip(net, number).height for number in range(down, nodes)}
        if goes_on:
            assert min(heights) > 20
        else:
            assert max(heights, default=0) <= nodes // 2


# ---------------------------------------------------------------------------------------------------------- turns


def test_signers_take_turns_in_the_order_of_their_numbers() -> None:
    net = network(5, wiggle=LONG, block_interval=PERIOD)
    net.run(12 * PERIOD + DELTA)
    assert [block.proposer for block in followed(net, 0)] == [height % 5 for height in range(1, 14)]
    assert [node(net, number).leader for number in range(5)] == [14 % 5] * 5
    assert node(net, 0).status == f"follows h13 {tip(net, 0).id[:2].hex()}, difficulty 26"


def test_another_fills_in_after_its_wiggle_and_the_rhythm_goes_on() -> None:
    net = network(4, wiggle=100 * MS, block_interval=PERIOD)
    net.crash(2)
    net.run(12 * PERIOD)
    chain = followed(net, 0)
    assert [block.created for block in chain] == [number * PERIOD for number in range(len(chain))]
    late = {block.height: time - block.created for place in net.places for time, block in place.proposals}
    for number, block in enumerate(chain):
        in_turn = block.proposer == block.height % 4
        recent = {below.proposer for below in chain[max(number - 2, 0) : number]}
        assert in_turn == (block.height % 4 not in {2, *recent})
        assert 0 <= late[block.height] < (1 if in_turn else 3 * 100 * MS)
    assert any(late.values())
    assert {"round v1 h2", "round v1 h6", "round v1 h10"} <= {note for _, note in net.notes}


def test_the_wiggle_is_evenly_drawn_and_as_long_as_go_ethereums() -> None:
    """0 to (⌊n/2⌋ + 1) × 500 ms: the mean within four standard errors of the half."""
    longest = 3 * 500 * MS
    offsets = []
    for _ in range(1):
        net = network(4, block_interval=PERIOD, wiggle=500 * MS)
        for signer in range(4):
            for _ in range(100):
                one = node(net, signer)
                one.preparing = False
                one.heaviest.tip = Block(signer, bytes(32), 9, 0)  # whose successor is somebody else's turn
                one.context.cancel_timer("propose")
                one.rhythm.pause()
                one._prepare()
                offsets.append(net.places[signer].timers["propose"][0] - one.due)
    assert all(0 <= offset < longest for offset in offsets)
    assert abs(sum(offsets) / len(offsets) - longest / 2) < 4 * longest / (12 * len(offsets)) ** 0.5


def test_an_idle_network_without_an_interval_is_silent_and_then_makes_what_finality_needs() -> None:
    net = network(4, wiggle=LONG, timeout=LONG)
    net.run(10 * PERIOD)
    assert not net.sent
    net.submit(1)
    net.run(10 * PERIOD)
    assert [[block.count for block in place.final] for place in net.places] == [[1]] * 4
    assert [block.count for block in followed(net, 0)] == [1, 0, 0]


@pytest.mark.parametrize(("empty_blocks", "heights"), [("always", 11), ("when-needed", 3), ("never", 1)])
def test_empty_blocks_where_they_are_asked_for(empty_blocks: str, heights: int) -> None:
    net = network(4, wiggle=LONG, block_interval=PERIOD, empty_blocks=empty_blocks)
    net.submit(0)
    net.run(10 * PERIOD + DELTA)
    assert {tip(net, number).height for number in range(4)} == {heights}


# ---------------------------------------------------------------------------------------------- what is invalid


@pytest.fixture
def grown() -> Iterator[tuple[Network, list[Block]]]:
    """A node that follows a chain of five blocks, and nobody else."""
    net = network(4, wiggle=LONG, block_interval=PERIOD, timeout=LONG)
    net.run(4 * PERIOD + DELTA)
    silence(net)
    yield net, followed(net, 0)


def test_of_any_three_blocks_in_a_row_of_four_signers_one_has_signed_one(grown: tuple[Network, list[Block]]) -> None:
    net, chain = grown
    below, last = chain[-2:]
    assert [block.proposer for block in chain] == [1, 2, 3, 0, 1]
    due = last.created + PERIOD
    net.run(PERIOD)
    assert tell(net, 0, sealed(net, 1, last, due)) == ["signed too recently"]
    assert tell(net, 0, sealed(net, 3, below, last.created)) == ["signed too recently"]
    assert tell(net, 0, sealed(net, 2, below, last.created)) == []
    assert tell(net, 0, sealed(net, 2, last, due), sealed(net, 3, last, due)) == []


def test_a_block_may_not_bear_a_time_before_it_is_due(grown: tuple[Network, list[Block]]) -> None:
    net, chain = grown
    assert tell(net, 0, sealed(net, 2, chain[-1], chain[-1].created + PERIOD - 1)) == ["block before its time"]


def test_a_block_from_the_future_is_kept_until_its_time_or_refused(grown: tuple[Network, list[Block]]) -> None:
    net, chain = grown
    soon = sealed(net, 2, chain[-1], net.now + 5 * PERIOD)
    late = sealed(net, 3, chain[-1], net.now + FUTURE + 1)
    assert tell(net, 0, soon, soon, late) == ["block from the future"]
    net.run(5 * PERIOD - 1)
    assert node(net, 0).chain.get(soon.block.id) is None
    net.run(1)
    assert tip(net, 0) == soon.block
    assert not node(net, 0).early


def test_impossible_blocks_are_refused(grown: tuple[Network, list[Block]]) -> None:
    net, chain = grown
    last, due = chain[-1], chain[-1].created + PERIOD
    net.run(PERIOD)
    foreign = Sealed(2, b"", Block(6, last.id, 3, due)).signed(net.places[2].sign)
    large = sealed(net, 2, last, due, Batch(0, 0, 101, 10))
    low = Sealed(2, b"", Block(0, last.id, 2, due)).signed(net.places[2].sign)
    assert tell(net, 0, foreign, large, low) == ["impossible block"] * 3
    high = Sealed(2, b"", Block(9, last.id, 2, due)).signed(net.places[2].sign)
    assert tell(net, 0, high) == ["block before its time"]
    insane = sealed(net, 2, last, due, Batch(9, 0, 1, 10))
    assert tell(net, 0, insane) == ["transactions do not follow"]
    assert tip(net, 0) == last
    net.sent.clear()
    node(net, 0).on_message(3, Missing(insane.block.id, 0))
    assert not net.sent, "nobody is given a block that turned out to be invalid"
    assert tell(net, 0, sealed(net, 2, last, due)) == []
    assert tip(net, 0).height == 6


def test_a_signer_that_makes_blocks_without_end_is_limited(grown: tuple[Network, list[Block]]) -> None:
    net, chain = grown
    last, due = chain[-1], chain[-1].created + PERIOD
    net.run(2 * PERIOD)
    many = [sealed(net, 2, last, due + number) for number in range(SIBLINGS + 10)]
    assert tell(net, 0, *many) == ["one of too many on one parent"] * 10
    above = sealed(net, 3, many[-1].block, many[-1].block.created + PERIOD)
    net.run(PERIOD)
    tell(net, 0, above)
    assert tell(net, 0, many[-1]) == [], "one that another stands on is kept"
    assert node(net, 0).chain.get(above.block.id) is not None


def test_blocks_of_one_signer_on_one_parent_are_evidence_and_on_two_are_not(grown: tuple[Network, list[Block]]) -> None:
    net, chain = grown
    one, other = sealed(net, 2, chain[-1], 9 * PERIOD), sealed(net, 2, chain[-1], 10 * PERIOD)
    after = sealed(net, 2, chain[-2], 9 * PERIOD)
    assert one.slot == other.slot
    assert one.slot != after.slot


# --------------------------------------------------------------------------------------------------- forks and ties


def test_a_heavier_chain_takes_back_what_was_final_and_its_transactions_wait_again() -> None:
    net = network(4, wiggle=300 * MS, block_interval=PERIOD, depth=1)
    net.groups = [frozenset({0}), frozenset({1, 2, 3})]
    net.submit(0)
    net.run(10 * PERIOD)
    alone = node(net, 0)
    assert [block.proposer for block in followed(net, 0)] == [0], "alone it makes one block and must wait for others"
    lost = tip(net, 0)
    assert [block.count for block in net.places[0].final] == [1]
    net.groups = []
    net.run(20 * PERIOD)
    assert len({block.id for block in (chain[8] for chain in (followed(net, number) for number in range(4)))}) == 1
    assert lost.id not in (block.id for block in alone.chain)
    assert sum(block.count for block in followed(net, 3)) == 1, "its transaction is in another block"
    with pytest.raises(AssertionError, match="two final blocks at height 1"):
        net.check_agreement(range(4))


def halted(ties: str) -> Network:
    """Signer 2 of four is down at its turn, and two others fill in for it at once: 0 and 3, neither of which knows of
    the other's block. Signer 1, who made the block below, must wait for two others."""
    net = network(4, block_interval=PERIOD, ties=ties, delay=200 * MS, wiggle=1 * MS)
    net.crash(2)
    net.run(60 * PERIOD)
    return net


def test_following_the_first_seen_signers_may_wait_for_each_other_for_ever() -> None:
    net = halted("first-seen")
    chains = [followed(net, number) for number in (0, 1, 3)]
    assert {len(chain) for chain in chains} == {2}
    assert len({chain[-1].id for chain in chains}) == 2
    for number, chain in zip((0, 1, 3), chains, strict=True):
        assert not node(net, number)._may_sign(number, chain[-1])
    totals = {node(net, number).heaviest.total(chain[-1].id) for number, chain in zip((0, 1, 3), chains, strict=True)}
    assert totals == {3}


def test_eip_3436_lets_all_follow_the_same_of_two_equal_chains() -> None:
    net = halted("eip-3436")
    assert min(len(followed(net, number)) for number in (0, 1, 3)) > 40


def test_eip_3436_prefers_the_lower_height_then_the_signer_whose_turn_is_longest_ago() -> None:
    """At height 6 of four signers it is 2's turn; 3's was three blocks ago, 0's two and 1's one."""
    one = node(network(4), 0)
    blocks = {signer: Block(6, GENESIS.id, signer, 0) for signer in range(4)}
    assert sorted(blocks, key=lambda signer: one._rank(blocks[signer])) == [3, 0, 1, 2]
    lower = Block(5, GENESIS.id, 0, 0)
    assert all(one._preferred(lower, block) for block in blocks.values())
    twins = sorted((Block(6, GENESIS.id, 3, created) for created in (1, 2)), key=lambda block: block.id)
    assert one._preferred(twins[0], twins[1])
    assert not one._preferred(twins[1], twins[0])


@pytest.mark.parametrize("ring", [False, True])
def test_halves_that_have_both_come_to_a_halt_find_together(ring: bool) -> None:
    edges = [(number, (number + 1) % 4) for number in range(4)] if ring else None
    chosen = settings("clique", strategy("flood"), block_interval=PERIOD, wiggle=100 * MS)
    net = Network(4, chosen, edges=edges, delay=lambda source, target: DELTA)
    net.start()
    net.groups = [frozenset({0, 1}), frozenset({2, 3})]
    net.run(30 * PERIOD)
    assert [tip(net, number).height for number in range(4)] == [2, 2, 2, 2]
    assert len({tip(net, number).id for number in range(4)}) == 2
    net.groups = []
    net.run(10 * PERIOD)
    assert min(tip(net, number).height for number in range(4)) > 5
    assert len({chain[4].id for chain in (followed(net, number) for number in range(4))}) == 1


# -------------------------------------------------------------------------- followers, crashes, and what is missed


@pytest.mark.parametrize("gossip", ["direct", "flood"])
def test_followers_learn_what_is_final_and_make_no_blocks(gossip: str) -> None:
    ring = [(number, (number + 1) % 8) for number in range(8)]
    chosen = settings("clique", strategy(gossip), block_interval=PERIOD)
    net = Network(8, chosen, validators=(0, 2, 4, 6, 7), edges=ring, delay=lambda source, target: DELTA)
    net.start()
    net.submit(1)
    net.run(12 * PERIOD)
    assert {block.proposer for block in followed(net, 1)} == {0, 2, 4, 6, 7}
    assert min(len(place.final) for place in net.places) >= 9
    net.check_agreement(range(8))
    assert sum(block.count for block in net.places[3].final) == 1


def test_a_restarted_node_follows_what_it_followed_and_finalises_nothing_twice() -> None:
    net = network(4, block_interval=PERIOD, wiggle=LONG)
    net.run(7 * PERIOD + DELTA)
    before = tip(net, 3), list(node(net, 3).chain), list(net.places[3].final)
    net.crash(3)
    net.restart(3)
    assert (tip(net, 3), list(node(net, 3).chain), net.places[3].final) == before
    net.run(10 * PERIOD)
    heights = [block.height for block in net.places[3].final]
    assert heights == list(range(1, len(heights) + 1))


def test_a_node_that_was_away_catches_up_and_does_not_fill_in_meanwhile() -> None:
    net = network(4, block_interval=PERIOD, wiggle=100 * MS)
    net.run(3 * PERIOD)
    net.crash(3)
    net.run(100 * PERIOD)
    net.places[3].proposals.clear()
    net.restart(3)
    net.run(100 * MS)
    assert tip(net, 3).height >= 60, "in answer to one question"
    net.run(1000 * MS)
    assert tip(net, 3) == tip(net, 0)
    assert net.places[3].final[-1].height > 100
    net.run(20 * PERIOD)
    assert next(block.height for _, block in net.places[3].proposals) >= 100


def test_if_all_come_back_at_once_they_go_on() -> None:
    net = network(4, block_interval=PERIOD)
    net.run(5 * PERIOD)
    for number in range(4):
        net.crash(number)
    net.run(100 * PERIOD)
    for number in range(4):
        net.restart(number)
    net.run(10 * PERIOD)
    assert min(tip(net, number).height for number in range(4)) >= 10
    created = [block.created for block in followed(net, 0)]
    assert all(later - earlier >= PERIOD for earlier, later in pairwise(created))


def test_the_last_block_is_learnt_even_if_no_other_follows() -> None:
    net = network(4, wiggle=LONG, depth=1)
    net.groups = [frozenset({0, 1, 2}), frozenset({3})]
    net.submit(1)
    net.run(PERIOD)
    assert [len(place.final) for place in net.places] == [1, 1, 1, 0]
    net.groups = []
    node(net, 3)._on_stalled()
    net.run(PERIOD)
    assert [len(place.final) for place in net.places] == [1] * 4


def test_questions_of_strangers_get_one_block_or_none(grown: tuple[Network, list[Block]]) -> None:
    net, chain = grown
    net.sent.clear()
    one = node(net, 0)
    one.on_message(3, Missing(bytes(32), 0))
    one.on_message(3, Behind(chain[-1].id, 5))
    assert not net.sent
    one.on_message(3, Behind(bytes(32), 1 << 60))
    assert net.sent == {"Sealed": 1}


# ------------------------------------------------------------------------------------------------------ the schedules


def storm(seed: int, protocol: type[Clique] | str = "clique") -> Storm:
    """A network that has been through a storm, and five seconds of calm for each signer after it."""
    nodes = 4 + seed % 4
    gossip = strategy("flood") if seed % 3 == 0 else strategy("direct")
    chosen = settings(protocol, gossip, block_interval=PERIOD, wiggle=200 * MS)
    net = Storm(seed, nodes, chosen)
    net.rage(40, PERIOD)
    net.calm()
    net.run(5 * nodes * PERIOD)
    return net


def check(net: Storm) -> None:
    """All follow one chain, but for what is on its way; it is valid; and it has grown since the storm."""
    chains = [followed(net, number) for number in range(net.nodes)]
    common = min(map(len, chains)) - 3
    assert common > 0
    assert len({tuple(block.id for block in chain[:common]) for chain in chains}) == 1
    assert chains[0][common - 1].created > net.now - (8 + net.nodes) * PERIOD, "it grows"
    limit = net.nodes // 2 + 1
    signers = [block.proposer for block in chains[0]]
    assert all(len(set(signers[at : at + limit])) == limit for at in range(len(signers) - limit + 1))
    seen = {(message.slot, message.signer): message for message in node(net, 0).sealed.values()}
    assert len(seen) == len(node(net, 0).sealed), "no signer makes two blocks on one parent"


@given(st.integers(0, 1 << 32))
@examples(max_examples=60)
def test_after_any_storm_all_follow_one_chain_and_it_grows(seed: int) -> None:
    check(storm(seed))


@given(seeds())
@examples(max_examples=30)
def test_after_any_disorder_too(seed: int) -> None:
    survive(seed, "clique")


def broken(protocol: type[Clique]) -> bool:
    """Whether one of a few storms shows that a protocol is broken: the same check as above."""
    for seed in range(12):
        try:
            check(storm(seed, protocol))
        except AssertionError:
            return True
    return False


class Unlimited(Clique):
    """Without the signer limit."""

    def _may_sign(self, signer: int, parent: Block) -> bool:
        return True


class Forgetful(Clique):
    """Does not write down what it has made."""

    def _keep(self, message: Sealed) -> None:
        self._count(message)


class Equal(Clique):
    """Every block is as good as another, and the first seen wins."""

    def _difficulty(self, block: Block) -> int:
        return 1

    def _preferred(self, new: Block, tip: Block) -> bool:
        return False


@pytest.mark.parametrize("protocol", [Unlimited, Forgetful, Equal], ids=lambda mutant: mutant.__name__)
def test_what_a_rule_is_for_shows_where_it_is_missing(protocol: type[Clique]) -> None:
    assert broken(protocol)


@pytest.mark.parametrize(("protocol", "follows"), [(Clique, False), (Unlimited, True)])
def test_without_the_signer_limit_one_signer_could_make_a_chain_alone(protocol: type[Clique], follows: bool) -> None:
    net = Network(4, settings(protocol, block_interval=PERIOD, timeout=LONG, wiggle=LONG))
    net.start()
    silence(net)
    blocks = [GENESIS]
    messages = []
    for number in range(5):
        messages.append(sealed(net, 3, blocks[-1], number * PERIOD))
        blocks.append(messages[-1].block)
    net.now = 10 * PERIOD
    tell(net, 0, *messages)
    assert (tip(net, 0) == blocks[-1]) == follows
