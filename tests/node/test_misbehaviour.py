"""Each strategy does what it says, to every protocol alike; and no f nodes that follow one do more harm than f may."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from netsim import catalogue
from netsim.node.block import Block
from netsim.node.consensus import tolerated
from netsim.node.message import Message
from netsim.node.misbehaviour.equivocate import Aside, Equivocate
from netsim.node.participant import Participant, message_types
from netsim.node.pbft_messages import Prepare, PrePrepare
from netsim.node.transactions import Transactions
from netsim.testing import MS, Network, misbehaviour, settings, strategy

BYZANTINE = [entry.name for entry in catalogue.entries("protocols") if entry.built and entry.byzantine]
STRATEGIES: dict[str, dict[str, Any]] = {
    "silent": {},
    "equivocate": {},
    "withhold": {"what": "all"},
    "delay": {"by": 700 * MS},
    "forge": {},
    "censor": {},
}
DELAY = 10 * MS


def network(nodes: int, misbehaving: Sequence[int], does: str, at: int = 0, **parameters: Any) -> Network:
    """PBFT, with some nodes that all do the same."""
    return made(nodes, "pbft", {node: [(does, parameters)] for node in misbehaving}, at)


def made(
    nodes: int,
    protocol: str,
    misbehaving: dict[int, list[tuple[str, dict[str, Any]]]],
    at: int = 0,
    gossip: str = "direct",
    **more: Any,
) -> Network:
    """A network that has been started, every message in it taking 10 ms."""
    network = Network(
        nodes,
        settings(protocol, gossip=strategy(gossip)),
        misbehaving={
            node: [misbehaviour(does, at, **parameters) for does, parameters in strategies]
            for node, strategies in misbehaving.items()
        },
        **{"delay": lambda source, target: DELAY, **more},
    )
    network.start()
    return network


def sent(made: Network, by: int, kind: type[Message] = Message) -> list[tuple[int, Message]]:
    """What a node has sent that has not arrived: to whom, and what."""
    return [(copy.target, copy.message) for copy in sorted(made.queue) if copy.source == by and _is(copy.message, kind)]


def _is(message: Message, kind: type[Message]) -> bool:
    return isinstance(message, kind) and not isinstance(message, Transactions)


def blocks(made: Network, node: int) -> list[Block]:
    return made.places[node].final


# ----------------------------------------------------------------------------------------------------- one by one


def test_a_silent_node_says_nothing_and_listens() -> None:
    made = network(4, [3], "silent")
    speakers = set()
    post = made.post

    def watch(source: int, target: int, message: Message) -> None:
        speakers.add(source)
        post(source, target, message)

    made.post = watch  # type: ignore[method-assign]
    made.submit(0)
    made.submit(3)
    made.run(5000 * MS)
    assert [len(place.final) for place in made.places] == [1, 1, 1, 1]
    assert speakers == {0, 1, 2}


def test_whatever_it_is_it_begins_at_its_time() -> None:
    made = network(4, [0], "silent", at=500 * MS)
    made.submit(1)
    made.run(100 * MS)
    assert len(blocks(made, 1)) == 1
    made.run(500 * MS)
    made.submit(1)
    made.run(400 * MS)
    assert len(blocks(made, 1)) == 1, "the primary is silent now"


@pytest.mark.parametrize("gossip", ["direct", "flood", "compact", "announce", "plumtree"])
def test_withheld_blocks_do_not_come_from_their_author(gossip: str) -> None:
    withholding = {0: [("withhold", {"what": "blocks", "from": (2, 3)})]}
    made_ = made(4, "pbft", withholding, gossip=gossip)
    seen: dict[int, set[str]] = {}
    deliver = made_.deliver

    def watch(envelope: Any) -> bool:
        if envelope.source == 0:
            seen.setdefault(envelope.target, set()).add(str(envelope.message))
        return deliver(envelope)

    made_.deliver = watch  # type: ignore[method-assign]
    made_.submit(0, size=900)
    made_.run(400 * MS)
    brought = {
        target: any("PrePrepare" in message for message in messages) for target, messages in sorted(seen.items())
    }
    assert brought == {1: True, 2: False, 3: False}
    made_.run(10_000 * MS)
    assert [len(place.final) for place in made_.places] == [1] * 4, "by gossip, or in the next view"


def test_what_others_have_said_is_passed_on_by_who_withholds() -> None:
    ring = [(node, (node + 1) % 4) for node in range(4)]
    made_ = made(4, "pbft", {1: [("withhold", {"what": "all"})]}, gossip="flood", edges=ring)
    made_.submit(0)
    made_.run(15 * MS)
    assert {target for target, message in sent(made_, 1, PrePrepare)} == {2}
    assert not sent(made_, 1, Prepare)


def test_delayed_words_leave_later_and_others_words_at_once() -> None:
    ring = [(node, (node + 1) % 4) for node in range(4)]
    made_ = made(4, "pbft", {1: [("delay", {"by": 30 * MS})]}, gossip="flood", edges=ring)
    made_.submit(0)
    made_.run(15 * MS)
    assert sent(made_, 1, PrePrepare)
    assert not sent(made_, 1, Prepare)
    made_.run(24 * MS)
    assert not [message for _, message in sent(made_, 1, Prepare) if getattr(message, "signer", None) == 1]
    made_.run(2 * MS)
    assert [message for _, message in sent(made_, 1, Prepare) if getattr(message, "signer", None) == 1]


def test_delay_may_be_of_one_kind_alone() -> None:
    made = network(4, [0], "delay", by=50 * MS, what="blocks")
    made.submit(0)
    made.run(200 * MS)
    assert made.places[1].finalised_at == {1: 50 * MS + 3 * DELAY}


def test_a_crash_loses_what_was_held_back() -> None:
    made = network(4, [0], "delay", by=50 * MS)
    made.submit(0)
    made.crash(0)
    made.wait(100 * MS)
    assert not sent(made, 0)


def test_forgeries_are_rejected_by_everybody_and_accuse_nobody() -> None:
    made = network(4, [2], "forge")
    for _ in range(5):
        made.submit(0)
        made.run(200 * MS)
    rejected = [place.rejected.count("wrong signature") for place in made.places]
    assert rejected == [10, 10, 0, 10], "a prepare and a commit for each block"
    assert [len(place.final) for place in made.places] == [5] * 4
    assert not any(place.accusations for place in made.places)


def test_forgeries_are_in_the_names_of_all_other_validators() -> None:
    made = network(4, [2], "forge")
    names = set()
    for _ in range(20):
        made.submit(0)
        made.run(15 * MS)
        names |= {message.signer for _, message in sent(made, 2, Prepare) if isinstance(message, Prepare)}
        made.run(200 * MS)
    assert names == {0, 1, 2, 3}


def test_a_censor_leaves_its_victims_out_and_nobody_else() -> None:
    made = network(4, [0], "censor", of=(1, 2))
    for node in (1, 2, 3, 1):
        made.submit(node)
        made.run(100 * MS)
    assert [batch.origin for block in blocks(made, 3) for batch in block.transactions] == [3]
    made.run(5000 * MS)
    assert {batch.origin for block in blocks(made, 3) for batch in block.transactions} == {1, 2, 3}, "another proposes"
    assert {block.proposer for block in blocks(made, 3)} > {0}


# ------------------------------------------------------------------------------------------------------ equivocation


def equivocator(made: Network, node: int) -> Equivocate:
    found = made.places[node].participant
    assert isinstance(found, Equivocate)
    return found


def test_the_two_sides_get_two_proposals() -> None:
    made = network(4, [0], "equivocate")
    made.submit(0)
    proposals = [(to, message.block) for to, message in sent(made, 0, PrePrepare) if isinstance(message, PrePrepare)]
    assert [to for to, _ in proposals] == [1, 2, 3]
    assert proposals[0][1] == proposals[1][1] != proposals[2][1]
    assert proposals[2][1].created == proposals[0][1].created + 1


def test_who_sees_the_second_face_can_be_chosen() -> None:
    made = network(4, [0], "equivocate", towards=(1,))
    made.submit(0)
    proposals = {to: message.block for to, message in sent(made, 0, PrePrepare) if isinstance(message, PrePrepare)}
    assert proposals[2] == proposals[3] != proposals[1]


def test_followers_are_divided_too() -> None:
    made_ = made(8, "pbft", {0: [("equivocate", {})]}, validators=range(4))
    assert equivocator(made_, 0).sides == (0, 0, 0, 1, 0, 0, 1, 1)


def test_faces_hear_their_own_side_and_fellows_their_like() -> None:
    made_ = made(7, "pbft", {node: [("equivocate", {})] for node in (0, 1, 2)})
    assert equivocator(made_, 1).sides[3:] == (0, 0, 1, 1)
    made_.submit(0)
    asides = [(to, message) for to, message in sent(made_, 0, Aside) if isinstance(message, Aside)]
    assert sorted((to, message.face) for to, message in asides if "PrePrepare" in str(message)) == [
        (1, 0),
        (1, 1),
        (2, 0),
        (2, 1),
    ]
    bare = PrePrepare(0, bytes(64), 0, Block(1, bytes(32), 0, 0))
    assert any(message.size > len(message.encoded) >= bare.size for _, message in asides), "it weighs what it says"


def test_what_only_equivocators_say_to_each_other_is_foreign_to_all_others() -> None:
    made_ = made(4, "pbft", {0: [("equivocate", {})]})
    aside = Aside(0, Prepare(1, bytes(64), 0, 1, bytes(32)).encoded, 0)
    for node in (0, 1):
        program = made_.places[node].participant
        assert program is not None
        program.on_message(2, aside)
        assert made_.places[node].rejected == ["foreign type"]
    assert Aside in message_types(made_.settings)
    assert Participant.message_names(made_.settings)[100] == "Aside"
    assert Aside not in message_types(settings())


def test_an_equivocator_is_a_witness_against_itself() -> None:
    made = network(4, [0], "equivocate")
    made.submit(0)
    assert [(first.signer, type(first)) for first, _ in made.places[0].accusations] == [(0, PrePrepare)]


def test_where_gossip_brings_both_together_correct_nodes_have_evidence() -> None:
    made_ = made(4, "pbft", {0: [("equivocate", {})]}, gossip="flood")
    made_.submit(0)
    made_.run(100 * MS)
    assert [[first.signer for first, _ in place.accusations] for place in made_.places[1:]] == [[0]] * 3


def test_until_its_time_there_is_one_face_and_then_a_second_with_its_memory() -> None:
    made = network(4, [0], "equivocate", at=500 * MS)
    for _ in range(3):
        made.submit(0)
        made.run(100 * MS)
    assert len(list(equivocator(made, 0).faces)) == 1
    assert [len(place.final) for place in made.places] == [3] * 4
    made.run(300 * MS)
    first, second = equivocator(made, 0).faces
    assert first.program.chain.head == second.program.chain.head == blocks(made, 1)[-1]
    made.submit(0)
    proposals = [message.block for _, message in sent(made, 0, PrePrepare) if isinstance(message, PrePrepare)]
    assert len(set(proposals)) == 2
    assert {block.height for block in proposals} == {4}


def test_each_face_remembers_its_own_through_a_crash() -> None:
    made = network(4, [0, 1], "equivocate", at=150 * MS)
    made.groups = [frozenset((0, 1, 2)), frozenset((0, 1, 3))]
    for _ in range(4):
        made.submit(2)
        made.submit(3)
        made.run(100 * MS)
    first, second = (face.program.chain for face in equivocator(made, 0).faces)
    heads = first.head, second.head
    assert first.at(1) == second.at(1), "of what was final before there were two"
    assert heads[0] != heads[1]
    made.crash(0)
    made.restart(0)
    assert tuple(face.program.chain.head for face in equivocator(made, 0).faces) == heads
    made.run(500 * MS)
    made.submit(2)
    made.submit(3)
    made.run(5000 * MS)
    assert blocks(made, 2)[-1].height == blocks(made, 3)[-1].height > heads[0].height
    with pytest.raises(AssertionError, match="two final blocks at height"):
        made.check_agreement([2, 3])


def test_down_at_its_time_a_node_has_two_faces_when_it_is_back() -> None:
    made = network(4, [0], "equivocate", at=500 * MS)
    made.submit(0)
    made.run(100 * MS)
    made.crash(0)
    made.run(600 * MS)
    made.restart(0)
    first, second = equivocator(made, 0).faces
    assert first.program.chain.height == second.program.chain.height == 1


def test_what_an_equivocator_does_besides_each_face_does_by_itself() -> None:
    for order in (("equivocate", "silent"), ("silent", "equivocate")):
        made_ = made(4, "pbft", {0: [(does, {}) for does in order]})
        assert isinstance(made_.places[0].participant, Equivocate)
        made_.submit(0)
        assert not sent(made_, 0)
    both = {0: [("equivocate", {}), ("delay", {"by": 5 * MS}), ("forge", {})]}
    made_ = made(4, "pbft", both)
    made_.submit(0)
    assert not sent(made_, 0)
    made_.wait(5 * MS)
    assert len(sent(made_, 0, PrePrepare)) == 6, "two proposals to the three others, and as many forgeries"


# ------------------------------------------------------------------------------------------------- every protocol


@pytest.mark.parametrize("nodes", [4, 7])
@pytest.mark.parametrize("does", STRATEGIES)
@pytest.mark.parametrize("protocol", BYZANTINE)
def test_with_f_faulty_nodes_agreement_holds_and_blocks_become_final(protocol: str, does: str, nodes: int) -> None:
    faulty = range(tolerated(nodes))  # from 0 on: the first leaders
    network = made(nodes, protocol, {node: [(does, STRATEGIES[does])] for node in faulty})
    correct = range(len(faulty), nodes)
    for _ in range(8):
        network.submit(correct[0])
        network.submit(correct[-1])
        network.run(1000 * MS)
    network.run(20_000 * MS)
    network.check_agreement(correct)
    for node in correct:
        served = [batch for block in blocks(network, node) for batch in block.transactions]
        assert len(served) == 16, f"of the 16 batches {len(served)} are final at {node}"
    _check_evidence(network, correct)


@pytest.mark.parametrize("nodes", [4, 5, 6, 7])
@pytest.mark.parametrize("protocol", BYZANTINE)
def test_2q_minus_n_equivocators_break_agreement_and_one_fewer_does_not(protocol: str, nodes: int) -> None:
    chosen = settings(protocol)
    enough = 2 * chosen.protocol.quorum(nodes, chosen.parameters) - nodes
    assert _agrees_in_two_parts(protocol, nodes, enough) is False
    assert _agrees_in_two_parts(protocol, nodes, enough - 1) is True


def _agrees_in_two_parts(protocol: str, nodes: int, traitors: int) -> bool:
    """Whether agreement holds where the correct nodes are parted and the equivocators, from 0 on, hear both parts."""
    network = made(nodes, protocol, {node: [("equivocate", {})] for node in range(traitors)})
    correct = range(traitors, nodes)
    half = (len(correct) + 1) // 2
    parts = correct[:half], correct[half:]
    network.groups = [frozenset((*range(traitors), *part)) for part in parts]
    for _ in range(12):
        for part in parts:
            if part:
                network.submit(part[0])
        network.run(1500 * MS)
    network.groups = []
    network.run(20_000 * MS)
    _check_evidence(network, correct)
    try:
        network.check_agreement(correct)
    except AssertionError:
        return False
    return True


def _check_evidence(network: Network, correct: Sequence[int]) -> None:
    """There is none against a correct node."""
    accused = {first.signer for place in network.places for first, _ in place.accusations}
    assert not accused & set(correct), f"evidence against correct nodes: {accused & set(correct)}"


@pytest.mark.parametrize("protocol", BYZANTINE)
@given(seed=st.integers(0, 1 << 30))
@examples(max_examples=12, deadline=None)
def test_whatever_f_nodes_do_together_under_random_delays_agreement_holds(protocol: str, seed: int) -> None:
    random = Random(seed)
    nodes = random.randint(4, 7)
    faulty = random.sample(range(nodes), tolerated(nodes))
    doing = {
        node: [(does, STRATEGIES[does]) for does in random.sample(sorted(STRATEGIES), random.randint(1, 3))]
        for node in faulty
    }
    network = made(
        nodes,
        protocol,
        doing,
        at=random.choice((0, 800)) * MS,
        gossip=random.choice(("direct", "flood")),
        delay=lambda source, target: random.randint(1, random.choice((5, 50, 400))) * MS,
    )
    correct = [node for node in range(nodes) if node not in faulty]
    for _ in range(10):
        network.submit(random.choice(correct))
        if random.random() < 0.2:
            victim = random.choice(faulty)
            network.crash(victim)
            network.run(random.randint(1, 500) * MS)
            network.restart(victim)
        network.run(random.randint(1, 1000) * MS)
    network.delay = lambda source, target: DELAY
    network.run(30_000 * MS)
    network.check_agreement(correct)
    _check_evidence(network, correct)
    assert all(blocks(network, node) for node in correct)
