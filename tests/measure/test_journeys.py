"""Which messages of a block went where and when, and when each node had what."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.measure import journeys as measured
from netsim.measure.events import NEVER
from netsim.measure.journeys import FROM, LEFT, LOST, TAKEN_UP, TO, TYPE, Journeys, Way
from netsim.trace import PARTS, Trace, message_id
from tests.measure.story import BLOCK_TAG, NAMES, VOTE_TAG, Story, ns
from tests.measure.story import LOST as AS_LOST


def hop(sender: int, sequence: int, receiver: int, **parts: float) -> list[list[int]]:
    """The parts of one copy's way, in ms; `_` stands for the - in their names."""
    name = message_id(sender, 0, sequence)
    return [[name, receiver, PARTS.index(part.replace("_", "-")), ns(took)] for part, took in parts.items()]


def with_hops(story: Story, *hops: list[list[int]]) -> Trace:
    trace = story.trace()
    return Trace(trace.header, trace.events, np.array([row for each in hops for row in each], np.int64).reshape(-1, 4))


def proposal() -> Story:
    """Node 0 proposes block 1 at 100 ms and sends it to 1 and to 2, where it is lost; 1 votes."""
    story = Story(messages={1: "transactions", BLOCK_TAG: "proposal", VOTE_TAG: "vote"})
    story.propose(1, 100).send(0, 101, 0, tag=BLOCK_TAG, copies=2, block=1)
    story.deliver(1, 110, 0, 0, tag=BLOCK_TAG, block=1).row("have", 1, 111, block=1, detail=BLOCK_TAG)
    story.row("drop", 2, 120, block=1, peer=0, message=message_id(0, 0, 0), detail=AS_LOST)
    story.send(1, 112, 0, copies=1, block=1).deliver(0, 130, 1, 0, block=1)
    story.send(1, 113, 1, copies=1, block=2).deliver(0, 131, 1, 1, block=2)  # about another block
    return story.finalise(1, {0: 140, 1: 150, 2: 160})


def test_messages_leave_when_their_bytes_have_left_the_uplink() -> None:
    trace = with_hops(proposal(), hop(0, 0, 1, uplink=2, backbone=6, cpu_wait=1), hop(1, 0, 0, backbone=18))
    (journey,) = Journeys(trace).all()
    assert journey.messages.tolist() == [
        [BLOCK_TAG, 0, 2, ns(1), ns(20), 1],  # a lost copy's way is not on record: it left when it was sent
        [BLOCK_TAG, 0, 1, ns(3), ns(10), 0],
        [VOTE_TAG, 1, 0, ns(12), ns(30), 0],
    ]
    assert journey.sent == 3
    assert tuple(range(6)) == (TYPE, FROM, TO, LEFT, TAKEN_UP, LOST)


def test_moments_of_every_node() -> None:
    kinds = [*NAMES, "prepared", "counts"]
    story = proposal()
    story.header.kinds = kinds
    for kind, node, at in (("prepared", 0, 131), ("prepared", 0, 135), ("prepared", 1, 125)):
        story.rows.append([ns(at), node, kinds.index(kind), 1, 1, 0, -1, -1, 0, -1, 0])
    story.rows.append([ns(1), 0, kinds.index("counts"), 0, 1, 0, -1, -1, 0, -1, 0])  # about no block
    journeys = Journeys(with_hops(story))
    (journey,) = journeys.all()
    assert journeys.stages == ["have", "prepared", "finalise"]
    assert {stage: times.tolist() for stage, times in journey.moments.items()} == {
        "have": [0, ns(11), NEVER, NEVER],  # the proposer has what it proposes
        "prepared": [ns(31), ns(25), NEVER, NEVER],
        "finalise": [ns(40), ns(50), ns(60), NEVER],
    }
    assert journey.quorum_ns == ns(60)
    assert journey.why == ("median", "slowest", "first")


def test_what_comes_after_finality_is_no_stage_on_the_way_to_it() -> None:
    story = Story(kinds=[*NAMES, "stable", "prepared"]).decide(1, 100, (60, 70, 80, 90))
    for kind, after in (("stable", (65, 75, 85, 85)), ("prepared", (40, 50, 60, 95))):
        for node, delay in enumerate(after):
            story.rows.append([ns(100 + delay), node, story.header.kinds.index(kind), 1, 1, 0, -1, -1, 0, -1, 0])
    assert Journeys(story.trace()).stages == ["have", "prepared", "finalise"]


def test_nodes_that_are_down_and_the_faults_of_the_time() -> None:
    story = Story()
    for node, at in ((0, 0), (1, 0), (2, 0), (3, 2500)):  # node 3 joins later
        story.row("start", node, at)
    story.row("crash", 1, 1500).row("start", 1, 2200).row("crash", 2, 3500)
    for height in (1, 2, 3, 4):
        story.decide(height, 1000 * height)
    story.fault("partition", 1990, 2010).fault("block", 3060, 4000).fault("degrade", 3061, 3990)
    shown = list(Journeys(story.trace()).all())
    assert [journey.down for journey in shown] == [(3,), (1, 3), (), (2,)]
    kinds = [[fault.kind for fault in story.header.faults if journey.meets(fault)] for journey in shown]
    assert kinds == [[], ["partition"], ["block"], []]  # the end of a fault is not in it


def test_the_first_the_slowest_and_the_median_are_shown() -> None:
    story = Story(duration_ns=ns(60_000))
    latencies = {height: 40 + (7 * height) % 50 for height in range(1, 51)}  # each once
    for height, latency in latencies.items():
        story.decide(height, 1000 * height, (latency,) * 4)
    journeys = Journeys(story.trace())
    why = {place + 1: reasons for place, reasons in journeys.chosen.items()}
    assert [height for height, reasons in why.items() if "first" in reasons] == list(range(1, 11))
    slowest = sorted(latencies, key=lambda height: -latencies[height])[:10]
    assert sorted(height for height, reasons in why.items() if "slowest" in reasons) == sorted(slowest)
    assert [latencies[height] for height, reasons in why.items() if "median" in reasons] == [64]
    assert list(why) == sorted(why)


def test_without_a_final_block_the_first_ones_are_shown() -> None:
    story = Story()
    for height in range(1, 15):
        story.propose(height, 100 * height)
    shown = list(Journeys(story.trace()).all())
    assert [journey.height for journey in shown] == list(range(1, 11))
    assert all(journey.quorum_ns == NEVER for journey in shown)
    assert list(Journeys(Story().trace()).all()) == []


def test_other_levels_have_moments_alone() -> None:
    story = Story(level="summary").decide(1, 100)
    story.row("have", 1, 111, block=1, detail=BLOCK_TAG)
    journeys = Journeys(story.trace())
    (journey,) = journeys.all()
    assert not journeys.has_messages
    assert journey.messages.shape == (0, 6)
    assert journey.moments["have"].tolist() == [0, ns(11), NEVER, NEVER]
    assert journeys.ways() == []


def test_delays_between_cities_leave_waits_at_either_end_out() -> None:
    story = proposal()
    hops = (
        hop(0, 0, 1, uplink=50, access_up=1, backbone=2, cpu_wait=70),  # within shenzhen
        hop(0, 0, 2, access_up=1, backbone=10),
        hop(0, 1, 2, access_up=1, backbone=20, retransmit=200),
        hop(0, 2, 3, access_up=1, backbone=12, access_down=3),
        hop(2, 0, 1, backbone=9),
    )
    assert Journeys(with_hops(story, *hops)).ways() == [
        Way(0, 0, ns(3), 1),
        Way(0, 1, ns(16), 3),  # the median of 11, 16 and 221
        Way(1, 0, ns(9), 1),
    ]


def test_a_large_run_is_thinned_out_by_rule() -> None:
    nodes = 200
    story = Story(
        nodes=[f"n{number}" for number in range(nodes)],
        node_sites=[0] * nodes,
        validators=[0, 1, 2],
        duration_ns=ns(1e6),
    )
    sequence = 0
    for height in range(1, 22):
        story.decide(height, 1000 * height, (50, 60, 70))
        for sender in range(4):
            for receiver in range(10, nodes):
                at = 1000 * height + 0.01 * (receiver + sender)
                story.send(sender, at, sequence, tag=BLOCK_TAG, copies=1, block=height)
                story.deliver(receiver, at + 1 + sender, sender, sequence, tag=BLOCK_TAG, block=height)
                sequence += 1
    shown = list(Journeys(story.trace()).all())
    numbers = sum(5 * len(journey.messages) + sum(map(len, journey.moments.values())) for journey in shown)
    assert numbers <= measured.MOST_NUMBERS
    assert len(shown) == 21
    for journey in shown:
        assert journey.sent == 4 * (nodes - 10)
        assert 0 < len(journey.messages) < journey.sent
        assert (np.diff(journey.messages[:, LEFT]) >= 0).all()
        firsts = journey.messages[journey.messages[:, FROM] == 0]  # the copies of node 0 are the first everywhere
        assert set(firsts[:, TO].tolist()) == set(range(10, nodes))


rows = st.tuples(
    st.integers(0, 2), st.integers(0, 3), st.integers(0, 3), st.integers(0, 50), st.integers(51, 99), st.integers(0, 1)
)


@settings(max_examples=50)
@given(st.lists(rows, max_size=60), st.integers(0, 40))
def test_thinning_keeps_at_most_so_many_and_invents_none(messages: list[tuple[int, ...]], most: int) -> None:
    table = np.array(messages, np.int64).reshape(-1, 6)
    kept = measured._thin(table, most)
    assert len(kept) == min(most, len(table))
    assert len(set(kept.tolist())) == len(kept)
    assert (np.diff(kept) > 0).all()
