"""Positive controls: each way of breaking agreement is told, with who and when."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from .story import Story


def test_a_chain_that_everybody_shares_is_safe() -> None:
    safety = Story().decide(1, 0).decide(2, 100).summary()["safety"]
    assert (safety["agreement"], safety["violations"]) == ("holds", [])


def test_two_blocks_at_one_height_are_a_conflict() -> None:
    story = Story().propose(0xA, 0, height=1).propose(0xB, 0, node=3, height=1)
    story.finalise(0xB, {3: 70}, height=1).finalise(0xA, {1: 61, 0: 60}, height=1)
    assert story.summary()["safety"] == {
        "agreement": "violated",
        "violations": [
            {
                "kind": "conflict",
                "height": 1,
                "blocks": ("000000000000000a", "000000000000000b"),
                "nodes": (["shenzhen-0", "shenzhen-1"], ["suzhou-1"]),
                "times_ms": ([60, 61], [70]),
            }
        ],
        "evidence_count": 0,
        "accused": [],
        "evidence": [],
    }


def test_three_blocks_at_one_height_are_two_conflicts_with_the_first() -> None:
    story = Story()
    for block, node in ((0xC, 2), (0xA, 0), (0xB, 1)):
        story.finalise(block, {node: 10 * block}, height=1)
    blocks = [violation["blocks"] for violation in story.summary()["safety"]["violations"]]
    assert blocks == [(f"{0xA:016x}", f"{0xB:016x}"), (f"{0xA:016x}", f"{0xC:016x}")]


def test_a_node_that_contradicts_itself_is_a_conflict() -> None:
    story = Story().finalise(0xA, {2: 10}, height=1).finalise(0xB, {2: 20}, height=1)
    (violation,) = story.summary()["safety"]["violations"]
    assert (violation["kind"], violation["nodes"]) == ("conflict", (["suzhou-0"], ["suzhou-0"]))


def test_a_conflict_with_a_byzantine_node_is_none() -> None:
    story = Story(byzantine=[3]).decide(1, 0, after=[60, 60, 60]).finalise(0xB, {3: 70}, height=1)
    assert story.summary()["safety"]["agreement"] == "holds"


def test_a_follower_and_the_warm_up_are_checked_too() -> None:
    story = Story(validators=[0, 1, 2], quorum=2, warmup_ns=10**9)
    story.finalise(0xA, {0: 10, 1: 10}, height=1).finalise(0xB, {3: 20}, height=1)
    assert story.summary()["safety"]["agreement"] == "violated"


def test_a_height_left_out_is_a_gap() -> None:
    story = Story().finalise(1, {0: 10}).finalise(3, {0: 30})
    (violation,) = story.summary()["safety"]["violations"]
    assert (violation["kind"], violation["height"], violation["nodes"]) == ("gap", 3, (["shenzhen-0"], ["shenzhen-0"]))


def test_going_back_is_a_rollback() -> None:
    story = Story().finalise(1, {0: 10}).finalise(2, {0: 20}).finalise(1, {0: 30})
    (violation,) = story.summary()["safety"]["violations"]
    assert (violation["kind"], violation["height"]) == ("rollback", 1)


def test_replaying_the_chain_after_a_restart_is_no_rollback_but_skipping_some_is_a_gap() -> None:
    story = Story().row("start", 0, 0).finalise(1, {0: 10}).finalise(2, {0: 20}).row("crash", 0, 25)
    story.row("start", 0, 30, detail=1).finalise(1, {0: 40})
    assert story.summary()["safety"]["agreement"] == "holds"
    story.finalise(3, {0: 50})
    assert [violation["kind"] for violation in story.summary()["safety"]["violations"]] == ["gap"]


def test_a_node_that_comes_back_must_catch_up_with_every_block() -> None:
    story = Story().row("start", 0, 0).finalise(1, {0: 10}).row("crash", 0, 25)
    story.row("start", 0, 30, detail=1).finalise(4, {0: 40})
    assert [violation["kind"] for violation in story.summary()["safety"]["violations"]] == ["gap"]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(0, 1)), max_size=20),
    st.sets(st.integers(0, 3), max_size=1),
)
@settings(deadline=None)
def test_a_conflict_is_found_exactly_where_two_correct_nodes_differ(
    chains: list[tuple[int, int, int]], byzantine: set[int]
) -> None:
    story = Story(byzantine=sorted(byzantine))
    final: dict[int, set[int]] = {}
    for time, (node, height, branch) in enumerate(chains):
        block = 100 * height + branch
        story.finalise(block, {node: time}, height=height)
        if node not in byzantine:
            final.setdefault(height, set()).add(block)
    conflicts = [v["height"] for v in story.summary()["safety"]["violations"] if v["kind"] == "conflict"]
    assert conflicts == sorted(height for height, blocks in final.items() if len(blocks) > 1)
