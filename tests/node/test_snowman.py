"""Snowman: polls, acceptance, windows, rivals, and what crashes, losses and strangers do."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim.node.ancestry import Missing
from netsim.node.block import GENESIS, Batch, Block
from netsim.node.snowman import FUTURE, SIBLINGS, Chits, Issued, Query, Snowman, _drawn
from netsim.node.snowman_tree import Rivals, Snowball, Tree
from netsim.testing import MS, Network, settings, strategy
from netsim.testing.chaos import seeds, survive

from .storm import Storm

DELTA = 20 * MS
WINDOW = 500 * MS
LONG = 10**9 * MS


def network(nodes: int, *, delay: int = DELTA, options: dict[str, Any] | None = None, **parameters: Any) -> Network:
    made = Network(nodes, settings("snowman", **parameters), delay=lambda source, target: delay, **(options or {}))
    made.start()
    return made


def node(net: Network, number: int) -> Snowman:
    participant = net.places[number].participant
    assert participant is not None
    assert isinstance(participant.consensus, Snowman)
    return participant.consensus


def proposals(net: Network) -> list[tuple[int, Block]]:
    made = [proposal for place in net.places for proposal in place.proposals]
    return sorted(made, key=lambda proposal: proposal[0])


def issued(net: Network, proposer: int, parent: Block, created: int, *transactions: Batch) -> Issued:
    """A block in a proposer's mouth."""
    block = Block(parent.height + 1, parent.id, proposer, created, transactions)
    return Issued(proposer, b"", block).signed(net.places[proposer].sign)


def tell(net: Network, target: int, message: Issued, sender: int = -1) -> list[str]:
    """Deliver a message; why the target rejects it."""
    world = net.places[target]
    assert world.participant is not None
    before = len(world.rejected)
    world.participant.on_message(message.signer if sender < 0 else sender, message)
    return world.rejected[before:]


# ------------------------------------------------------------------------------------------------------------ the laws


@pytest.mark.parametrize("nodes", range(4, 11))
def test_a_block_is_final_after_one_and_two_beta_delays(nodes: int) -> None:
    """Everybody is asked. A round of polls is K queries and K chits for each of n nodes."""
    beta, asked = 20, nodes - 1
    net = network(nodes, beta=beta, timeout=LONG)
    for _ in range(2):
        net.submit(0)
        net.run((2 * beta + 3) * DELTA)
    made = proposals(net)
    assert [block.height for _, block in made] == [1, 2]
    for time, block in made:
        for place in net.places:
            law = 2 * beta if place.me == block.proposer else 1 + 2 * beta
            assert place.finalised_at[block.height] == time + law * DELTA
    votes = nodes * asked * beta
    assert net.sent == {
        "Transactions": 2 * asked,
        "Issued": 2 * asked,
        "Query": 2 * votes,
        "Chits": 2 * votes,
    }


@given(st.data())
@examples(max_examples=25)
def test_with_unequal_delays_each_poll_takes_as_long_as_the_alpha_nearest_need_to_answer(data: st.DataObject) -> None:
    """Where the block is everywhere before the first query, which a slow window sees to: delays there and back."""
    nodes, beta = data.draw(st.integers(4, 9)), 3
    random = data.draw(st.randoms(use_true_random=False))
    delays = [[random.randint(50, 99) for _ in range(nodes)] for _ in range(nodes)]
    net = Network(
        nodes, settings("snowman", beta=beta, timeout=LONG), delay=lambda source, target: delays[source][target]
    )
    net.start()
    net.submit(0)
    net.run(10_000)
    [(time, block)] = proposals(net)
    leader = block.proposer
    for place in net.places:
        one = node(net, place.me)
        arrived = time + (delays[leader][place.me] if place.me != leader else 0)
        back = sorted(delays[place.me][other] + delays[other][place.me] for other in range(nodes) if other != place.me)
        assert place.finalised_at[1] == arrived + beta * back[one.alpha - 1]


@pytest.mark.parametrize("nodes", range(4, 11))
def test_so_many_may_be_down_and_no_more(nodes: int) -> None:
    tolerated = nodes - Snowman.quorum(nodes, settings("snowman").parameters)
    assert tolerated == (nodes - 1) // 4
    for down, goes_on in ((tolerated, True), (tolerated + 1, False)):
        net = network(nodes, beta=3, proposer_window=WINDOW)
        for number in range(down):
            net.crash(number)
        net.submit(nodes - 1)
        net.run(60_000 * MS)
        assert [len(place.final) for place in net.places[down:]] == [goes_on] * (nodes - down)


def test_alpha_is_in_proportion_to_who_can_be_asked() -> None:
    alphas = {
        nodes: (node(network(nodes), 0).alpha, node(network(nodes), 0).alpha_preference) for nodes in (1, 4, 5, 7, 21)
    }
    assert alphas == {1: (0, 0), 4: (3, 2), 5: (3, 3), 7: (5, 4), 21: (15, 11)}
    for impossible in ({"alpha": 21}, {"alpha": 10, "alpha_preference": 11}, {"alpha": 7, "sample": 6}):
        with pytest.raises(ValueError, match="alpha cannot be more"):
            Snowman.quorum(4, {**settings("snowman").parameters, **impossible})


def test_a_sample_is_of_different_validators_drawn_by_stake() -> None:
    weights = [1_000_000] * 9 + [9_000_000]
    net = network(10, sample=3, alpha=3, alpha_preference=2, options={"weights": weights})
    one = node(net, 0)
    samples = [one._sample(3) for _ in range(2000)]
    assert all(len(set(sample)) == 3 and 0 not in sample for sample in samples)
    rich = sum(9 in sample for sample in samples) / 2000
    chance = 1 - (8 / 17) * (7 / 16) * (6 / 15)  # that none of three draws is of the one with 9 of 17
    assert abs(rich - chance) < 4 * (chance * (1 - chance) / 2000) ** 0.5
    equal = node(network(10, sample=3, alpha=3, alpha_preference=2), 0)
    assert all(len(set(equal._sample(3))) == 3 for _ in range(100))


# ------------------------------------------------------------------------------------------------- Snowball, figure 3


def test_snowball_prefers_what_has_won_most_polls_and_counts_those_in_a_row() -> None:
    one = Snowball(0)
    for winner in 0, 1:
        one.win(winner, confident=True)
    assert (one.preference, one.last, one.confidence) == (0, 1, 1), "one win each: the first stays preferred"
    one.win(1, confident=True)
    assert (one.preference, one.confidence) == (1, 2)
    one.win(1, confident=False)
    assert one.confidence == 0, "a majority below alpha makes preferred, but does not count"
    one.win(1, confident=True)
    one.fail()
    assert (one.preference, one.confidence) == (1, 0)


def test_rivals_are_told_apart_bit_by_bit() -> None:
    """Of three blocks with two votes each, the two whose first bit is the same have four of six."""
    low, middle, high = (bytes([first]) + bytes(31) for first in (0b0000, 0b0101 << 4, 0b1000 << 4))
    rivals = Rivals(low).add(high).add(middle)
    assert sorted(rivals) == [low, middle, high]
    assert rivals.preferred == low
    votes = {low: 2, middle: 2, high: 2}
    assert (rivals.votes(votes), rivals.leading(votes)) == (6, 4)
    assert rivals.poll(votes, 4, 5) is None
    assert rivals.preferred == low
    assert rivals.poll({low: 1, middle: 5}, 4, 5) == middle
    assert rivals.preferred == middle
    assert rivals.accepted(1) == middle
    assert rivals.poll({middle: 4, high: 2}, 4, 5) == middle
    assert rivals.accepted(1) is None


def test_a_rival_that_comes_later_finds_what_has_been_won_before() -> None:
    first, second = bytes(32), bytes(31) + b"\x01"
    alone = Rivals(first)
    for _ in range(3):
        alone.poll({first: 5}, 4, 5)
    both = alone.add(second)
    assert both.accepted(3) == first
    assert both.accepted(4) is None
    for _ in range(3):
        assert both.poll({second: 5}, 4, 5) == second
    assert both.preferred == first, "three wins each"
    assert both.accepted(3) == second, "but these are the last in a row"


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=30, unique=True), st.randoms())
def test_any_rivals_can_be_preferred_and_accepted(blocks: list[bytes], random: Any) -> None:
    rivals = Rivals(blocks[0])
    for block in blocks[1:]:
        rivals = rivals.add(block)
    assert sorted(rivals) == sorted(blocks)
    assert rivals.preferred == blocks[0]
    chosen = random.choice(blocks)
    for _ in range(4):
        assert rivals.poll({chosen: 3}, 2, 3) == chosen
    assert rivals.preferred == rivals.accepted(4) == chosen


def chain(parent: Block, length: int, created: int = 0) -> list[Block]:
    blocks = [parent]
    for _ in range(length):
        blocks.append(Block(blocks[-1].height + 1, blocks[-1].id, 0, created))
    return blocks[1:]


def test_a_vote_for_a_block_is_one_for_each_below_it() -> None:
    tree = Tree(GENESIS)
    main, rival = chain(GENESIS, 3), chain(GENESIS, 1, created=1)
    for block in (*main, *rival):
        tree.add(block)
    assert tree.tip == main[-1]
    votes = [main[2].id, main[2].id, main[1].id, rival[0].id, bytes(32)]
    assert tree.support(votes) == {main[0].id: 3, main[1].id: 3, main[2].id: 2, rival[0].id: 1}
    assert tree.poll(votes, preference=2, confidence=3)
    assert tree.accepted(1) == main[0]
    assert tree.accept(main[0]) == rival
    assert tree.accepted(1) == main[1]
    assert not tree.accept(main[1])
    assert tree.accepted(1) is None, "two votes were enough to win, but not to count"
    assert list(tree) == main[2:]


def test_with_a_block_all_above_it_is_rejected_and_its_rival_takes_over() -> None:
    tree = Tree(GENESIS)
    main, rival = chain(GENESIS, 4), chain(GENESIS, 2, created=1)
    side = Block(3, main[1].id, 0, 9)
    for block in (*main, side, *rival):
        tree.add(block)
    for _ in range(2):
        assert tree.poll([rival[1].id] * 3, preference=2, confidence=3)
    assert tree.tip == rival[1]
    accepted = tree.accepted(2)
    assert accepted == rival[0]
    assert {block.id for block in tree.accept(rival[0])} == {block.id for block in (*main, side)}
    assert tree.holds(rival[0].id)
    assert [block.id in tree for block in (*main, side, *rival)] == [False] * 6 + [True]


def test_a_poll_lost_on_a_branch_leaves_no_confidence_there() -> None:
    tree = Tree(GENESIS)
    main = chain(GENESIS, 3)
    rival = Block(2, main[0].id, 0, 9)
    for block in (*main, rival):
        tree.add(block)
    for _ in range(5):
        tree.poll([main[2].id] * 3, 2, 3)
    tree.poll([rival.id] * 3, 2, 3)
    tree.accept(main[0])
    assert tree.accepted(2) is None
    assert tree.accepted(1) == rival
    tree.accept(rival)
    assert len(tree) == 0


# --------------------------------------------------------------------------------------------------- polls and windows


def test_a_poll_ends_when_enough_have_answered() -> None:
    net = network(7, beta=3, timeout=LONG)
    proposer = node(net, 0).leader
    assert proposer is not None
    down = (proposer + 1) % 7
    net.crash(down)
    net.submit(proposer)
    net.run(8 * DELTA)
    assert [len(place.final) for place in net.places] == [place.me != down for place in net.places]


def test_a_poll_without_enough_answers_ends_after_the_time_out_and_the_next_begins() -> None:
    net = network(4, beta=2)
    net.groups = [frozenset({0, 1}), frozenset({2, 3})]
    for number in range(4):
        net.submit(number)
    net.run(10_000 * MS)
    assert not any(place.final for place in net.places)
    assert any(note == "timeout v0 h1" for _, note in net.notes)
    net.groups = []
    net.run(10_000 * MS)
    net.check_agreement(range(4))
    assert min(len(place.final) for place in net.places) >= 1


def test_halves_that_prefer_different_blocks_come_to_prefer_the_same() -> None:
    """An even split, everybody asked, constant delays: it is the pauses that break the symmetry."""
    net = network(6, beta=5, timeout=1000 * MS, proposer_window=LONG)
    proposer = _drawn(1, 0, tuple(range(6)), (1_000_000,) * 6)
    one, other = issued(net, proposer, GENESIS, 0), issued(net, proposer, GENESIS, 1)
    assert one.slot == other.slot
    side = [number for number in range(6) if number != proposer]
    net.crash(proposer)
    for number in side:
        tell(net, number, one if number in side[:3] else other)
    assert len({node(net, number).tip.id for number in side}) == 2
    net.run(20_000 * MS)
    net.check_agreement(side)
    assert [len(net.places[number].final) for number in side] == [1] * 5


def test_even_halves_with_one_validator_down_come_to_prefer_the_same() -> None:
    """Three prefer one block and three another, of seven: nobody ever hears a majority of the six others."""
    net = network(7, beta=5, proposer_window=LONG)
    proposer = _drawn(1, 0, tuple(range(7)), (1_000_000,) * 7)
    one, other = issued(net, proposer, GENESIS, 0), issued(net, proposer, GENESIS, 1)
    net.crash(proposer)
    side = [number for number in range(7) if number != proposer]
    for number in side:
        tell(net, number, one if number in side[:3] else other)
    net.run(60_000 * MS)
    net.check_agreement(side)
    assert [len(net.places[number].final) for number in side] == [1] * 6


def test_a_restarted_proposer_does_not_propose_again_on_the_same_parent() -> None:
    """It makes a block on one that is not decided, crashes, and gets that one back before it has its own."""
    net = network(7, block_interval=100 * MS, proposer_window=LONG, timeout=LONG, delay=LONG)
    first, second = (_drawn(height, 0, tuple(range(7)), (1_000_000,) * 7) for height in (1, 2))
    assert first != second
    below = issued(net, first, GENESIS, 0)
    tell(net, second, below)
    net.submit(second)
    net.run(200 * MS)
    [(_, block)] = net.places[second].proposals
    assert block.parent == below.block.id
    net.crash(second)
    net.restart(second)
    node(net, second).bootstrapping = False
    net.submit(second)
    tell(net, second, below)
    net.run(1000 * MS)
    assert len(net.places[second].proposals) == 1
    assert node(net, second).tip == block


def test_a_proposer_that_is_down_is_replaced_a_window_later() -> None:
    net = network(7, beta=3, proposer_window=WINDOW)
    first, second = (_drawn(1, slot, tuple(range(7)), (1_000_000,) * 7) for slot in (0, 1))
    assert first != second
    assert node(net, 0).leader == first
    net.crash(first)
    net.submit(second)
    net.run(2 * WINDOW)
    [(time, block)] = proposals(net)
    assert (block.proposer, time, block.created) == (second, WINDOW, WINDOW)


def test_proposers_are_drawn_by_stake() -> None:
    drawn = [_drawn(height, 0, (3, 5, 8), (1, 0, 3)) for height in range(2000)]
    assert 5 not in drawn
    assert abs(drawn.count(8) / 2000 - 0.75) < 4 * (0.75 * 0.25 / 2000) ** 0.5
    assert {_drawn(height, 0, (3, 5), (0, 0)) for height in range(50)} == {3, 5}


def test_with_an_interval_several_blocks_may_be_undecided() -> None:
    net = network(7, block_interval=100 * MS, beta=20, processing=4, proposer_window=LONG)
    for _ in range(60):
        net.submit(0)
        net.run(50 * MS)
    net.run(3000 * MS)
    assert max(block.height for _, block in proposals(net)) > 10
    assert len({place.final[-1].id for place in net.places}) == 1
    assert not net.places[0].participant.mempool.pending  # type: ignore[union-attr]
    times = [block.created for block in net.places[0].final]
    assert min(later - earlier for earlier, later in pairwise(times)) >= 100 * MS


@pytest.mark.parametrize(("empty_blocks", "some"), [("always", True), ("when-needed", False), ("never", False)])
def test_empty_blocks_where_they_are_asked_for(empty_blocks: str, some: bool) -> None:
    net = network(4, block_interval=100 * MS, beta=2, empty_blocks=empty_blocks, proposer_window=LONG)
    net.run(2000 * MS)
    assert bool(net.places[0].final) == some


# ------------------------------------------------------------------------------------------------- what is invalid


def alone() -> tuple[Network, int]:
    """A node that nobody answers, and the proposer of height 1, who is another."""
    net = network(7, timeout=LONG, proposer_window=WINDOW, delay=LONG)
    return net, _drawn(1, 0, tuple(range(7)), (1_000_000,) * 7)


def test_impossible_blocks_are_refused() -> None:
    net, proposer = alone()
    target = (proposer + 1) % 7
    stranger = next(one for one in range(7) if one not in (proposer, target))
    foreign = Issued(proposer, b"", Block(1, GENESIS.id, stranger, 0)).signed(net.places[proposer].sign)
    assert tell(net, target, foreign) == ["impossible block"]
    assert tell(net, target, issued(net, proposer, GENESIS, 0, Batch(0, 0, 101, 10))) == ["impossible block"]
    assert tell(net, target, issued(net, proposer, GENESIS, 0, Batch(9, 0, 1, 10))) == ["transactions do not follow"]
    assert tell(net, target, issued(net, proposer, GENESIS, -1)) == ["block before its time"]
    high = Issued(proposer, b"", Block(9, GENESIS.id, proposer, 0)).signed(net.places[proposer].sign)
    assert tell(net, target, high) == ["block before its time"]
    assert tell(net, target, issued(net, stranger, GENESIS, 0)) == ["not in its proposer's window"]
    assert not node(net, target).tree
    assert tell(net, target, issued(net, proposer, GENESIS, 0)) == []
    assert len(node(net, target).tree) == 1


def test_a_block_from_the_future_is_kept_for_a_while() -> None:
    net, proposer = alone()
    target = (proposer + 1) % 7
    one = node(net, target)
    slot = next(slot for slot in range(FUTURE // WINDOW + 1, 100) if one._proposer(GENESIS, slot * WINDOW) == proposer)
    message = issued(net, proposer, GENESIS, slot * WINDOW)
    assert tell(net, target, message) == []
    assert len(one.early) == 1
    net.run(slot * WINDOW - FUTURE - 1)
    assert not one.tree
    net.run(1)
    assert one.tip == message.block


def test_a_proposer_that_makes_blocks_without_end_is_limited() -> None:
    net, proposer = alone()
    target = (proposer + 1) % 7
    rejected = [tell(net, target, issued(net, proposer, GENESIS, created)) for created in range(SIBLINGS + 5)]
    assert rejected == [[]] * SIBLINGS + [["one of too many on one parent"]] * 5


def test_chits_count_once_and_only_from_the_asked() -> None:
    net, proposer = alone()
    target = (proposer + 1) % 7
    one = node(net, target)
    message = issued(net, proposer, GENESIS, 0)
    tell(net, target, message)
    others = [number for number in range(7) if number != target]
    false = Chits(one.poll + 1, message.block.id, GENESIS.id)
    for _ in range(20):
        one.on_message(others[0], Chits(one.poll, bytes(32), bytes(32)))
        one.on_message(others[0], Chits(one.poll, message.block.id, GENESIS.id))
        one.on_message(others[1], false)
        one.on_message(target, Chits(one.poll, message.block.id, GENESIS.id))
    assert sum(answer is not None for answer in one.asked.values()) == 1
    assert one.poll == 1
    one.on_message(others[2], Missing(bytes(32), 0))
    one.on_message(others[2], Query(7))
    assert net.sent["Chits"] == 1


def test_what_too_few_speak_of_is_not_asked_for() -> None:
    net, proposer = alone()
    target = (proposer + 1) % 7
    one = node(net, target)
    tell(net, target, issued(net, proposer, GENESIS, 0))
    for number in range(7):
        if number != target:
            lie = bytes([number]) * 32 if number > 2 else b"x" * 32
            one.on_message(number, Chits(1, lie, lie))
    missing = [envelope for envelope in net.queue if isinstance(envelope.message, Missing)]
    assert one.alpha == 5
    assert [envelope.message.block for envelope in missing if isinstance(envelope.message, Missing)] == [b"x" * 32]


# -------------------------------------------------------------------------- followers, crashes, and what is missed


@pytest.mark.parametrize("gossip", ["direct", "flood"])
def test_followers_ask_and_are_not_asked(gossip: str) -> None:
    ring = [(number, (number + 1) % 8) for number in range(8)]
    chosen = settings("snowman", strategy(gossip), beta=4)
    validators = (0, 2, 4, 6, 7)
    net = Network(8, chosen, validators=validators, edges=ring, delay=lambda source, target: DELTA)
    net.start()
    net.submit(1)
    net.run(900 * MS)
    assert [len(place.final) for place in net.places] == [1] * 8
    asked = [envelope for envelope in net.queue if isinstance(envelope.message, Query)]
    assert all(envelope.target in validators for envelope in asked)
    assert [block.proposer in validators for _, block in proposals(net)] == [True]


def test_a_restarted_node_takes_over_what_others_have_accepted_without_polls_of_its_own() -> None:
    net = network(7, beta=10, timeout=500 * MS)
    net.submit(0)
    net.run(1000 * MS)
    net.crash(3)
    for _ in range(5):
        net.submit(0)
        net.run(8000 * MS)
    height = len(net.places[0].final)
    assert height > 3
    before = list(net.places[3].final)
    net.restart(3)
    assert net.places[3].final == before, "nothing is final twice"
    net.run(200 * MS)  # five round trips, half of what ten polls take
    assert [block.height for block in net.places[3].final] == list(range(1, height + 1))
    assert not node(net, 3).bootstrapping
    net.check_agreement(range(7))


def test_if_all_come_back_at_once_they_go_on_with_what_was_undecided() -> None:
    net = network(7, beta=10, timeout=500 * MS)
    net.submit(0)
    net.run(5 * DELTA)
    assert len(node(net, 0).tree) == 1
    for number in range(7):
        net.crash(number)
    net.run(1000 * MS)
    for number in range(7):
        net.restart(number)
    net.run(5000 * MS)
    assert [len(place.final) for place in net.places] == [1] * 7
    assert len({place.final[0].id for place in net.places}) == 1


def test_an_idle_node_learns_what_it_has_missed() -> None:
    net = network(7, beta=3, timeout=500 * MS)
    net.groups = [frozenset(range(6)), frozenset({6})]
    net.submit(0)
    net.run(6000 * MS)
    assert [len(place.final) for place in net.places] == [1] * 6 + [0]
    net.groups = []
    net.run(3000 * MS)
    assert [len(place.final) for place in net.places] == [1] * 7


# ------------------------------------------------------------------------------------------------------ the schedules


def storm(seed: int, protocol: type[Snowman] | str = "snowman", **parameters: Any) -> Storm:
    """A network that has been through a storm; raises AssertionError where two nodes disagree."""
    nodes = 4 + seed % 5
    gossip = strategy("flood") if seed % 3 == 0 else strategy("direct")
    chosen = {"beta": 6, "block_interval": 100 * MS * (seed % 2), "proposer_window": 300 * MS} | parameters
    net = Storm(seed, nodes, settings(protocol, gossip, **chosen))
    for _ in range(5):
        net.rage(8, 1000 * MS)
        net.check_agreement(range(nodes))
    net.calm()
    return net


def check(net: Storm) -> None:
    """After the storm new blocks become final at all nodes, and they agree."""
    net.run(2000 * MS)
    before = max(len(place.final) for place in net.places)
    for _ in range(20):
        net.submit(net.random.randrange(net.nodes))
        net.run(1000 * MS)
        net.check_agreement(range(net.nodes))
        assert not any(place.accusations for place in net.places), "nobody contradicts itself"
        if min(len(place.final) for place in net.places) > before + 1:
            return
    pytest.fail(f"stuck at heights {[len(place.final) for place in net.places]}")


@given(st.integers(0, 1 << 32))
@examples(max_examples=30)
def test_no_storm_makes_nodes_disagree_and_calm_brings_new_blocks_to_all(seed: int) -> None:
    check(storm(seed))


@given(seeds())
@examples(max_examples=8)
def test_no_disorder_does_so_either(seed: int) -> None:
    survive(seed, "snowman")


def disagrees(protocol: type[Snowman] | str = "snowman", **parameters: Any) -> bool:
    """Whether one of a few storms makes nodes disagree: the same check as above."""
    for seed in range(40):
        try:
            storm(seed, protocol, **parameters)
        except AssertionError:
            return True
    return False


class Contented(Snowman):
    """Takes a part of those that have answered, where it should take a part of those that were asked."""

    def _end_poll(self) -> None:
        votes = self.alpha, self.alpha_preference
        answered = sum(answer is not None for answer in self.asked.values())
        self.alpha, self.alpha_preference = (max(-(-of * answered // 20), 1) for of in (15, 11))
        super()._end_poll()
        self.alpha, self.alpha_preference = votes


def test_an_alpha_that_is_no_majority_is_found_out() -> None:
    assert disagrees(alpha=5, alpha_preference=5, beta=1)


def test_a_single_poll_by_a_majority_is_found_out() -> None:
    assert disagrees(alpha=11, beta=1)


def test_a_part_of_those_that_answer_is_found_out() -> None:
    assert disagrees(Contented)
