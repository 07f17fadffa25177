"""What a trace says of nodes that contradict themselves."""

from __future__ import annotations

from pathlib import Path

from netsim.trace import MOST_EVIDENCE, TAG_BITS, Evidence, Recorder, gather, read

from .story import BLOCK_TAG, VOTE_TAG, Story, ns


def about(what: int, tag: int = VOTE_TAG) -> int:
    return what << TAG_BITS | tag


def told(story: Story, witness: int, accused: int, what: int, at: float, tag: int = VOTE_TAG, height: int = 1) -> Story:
    return story.row("evidence", witness, at, peer=accused, height=height, round=0, detail=about(what, tag))


def kept(
    accused: int, what: int, at: float = 0, witness: int = 0, pair: tuple[bytes, bytes] = (b"a", b"b")
) -> Evidence:
    return Evidence(ns(at), witness, accused, about(what), *pair)


def test_without_evidence_there_is_none() -> None:
    safety = Story().decide(1, 0).summary()["safety"]
    assert (safety["evidence_count"], safety["accused"], safety["evidence"]) == (0, [], [])


def test_a_contradiction_is_told_once_with_its_first_correct_witness_and_both_messages() -> None:
    story = Story(byzantine=[3], evidence=[kept(3, 7, pair=(b"\x01\x02", b"\xff"))])
    for witness, at in ((3, 10), (2, 30), (1, 20), (1, 40)):
        told(story, witness, 3, 7, at)
    assert story.summary()["safety"]["evidence"] == [
        {
            "node": "suzhou-1",
            "message": "vote",
            "height": 1,
            "round": 0,
            "time_ms": 10,
            "witness": "shenzhen-1",
            "witnesses": 2,
            "messages": ["0102", "ff"],
        }
    ]
    assert story.summary()["safety"]["evidence_count"] == 1


def test_what_only_the_accused_has_seen_has_no_witness_and_what_is_of_no_height_says_so() -> None:
    story = told(Story(byzantine=[3]), 3, 3, 7, 10, height=-1)
    (only,) = story.summary()["safety"]["evidence"]
    assert (only["witness"], only["witnesses"], only["height"], only["messages"]) == (None, 0, None, [])


def test_contradictions_differ_by_author_type_and_what_they_are_about() -> None:
    story = Story(byzantine=[2, 3])
    for at, (accused, what, tag) in enumerate(
        ((3, 7, VOTE_TAG), (3, 7, BLOCK_TAG), (3, 8, VOTE_TAG), (2, 7, VOTE_TAG))
    ):
        told(story, 0, accused, what, at, tag)
        told(story, 1, accused, what, at + 100, tag)
    safety = story.summary()["safety"]
    assert safety["evidence_count"] == 4
    assert [(one["node"], one["message"], one["time_ms"]) for one in safety["evidence"]] == [
        ("suzhou-1", "vote", 0),
        ("suzhou-1", "proposal", 1),
        ("suzhou-1", "vote", 2),
        ("suzhou-0", "vote", 3),
    ]
    assert safety["accused"] == [
        {"node": "suzhou-0", "count": 1, "messages": ["vote"], "first_ms": 3, "witnesses": 2},
        {"node": "suzhou-1", "count": 3, "messages": ["vote", "proposal"], "first_ms": 0, "witnesses": 2},
    ]


def test_of_many_the_first_are_listed_and_all_are_counted() -> None:
    story = Story(byzantine=[3])
    for what in range(MOST_EVIDENCE + 20):
        told(story, 0, 3, what, 1000 - what)
    safety = story.summary()["safety"]
    assert safety["evidence_count"] == MOST_EVIDENCE + 20
    assert len(safety["evidence"]) == MOST_EVIDENCE
    assert safety["evidence"][0]["time_ms"] == 1000 - (MOST_EVIDENCE + 19)


def test_it_can_be_expected() -> None:
    story = told(Story(byzantine=[3]), 0, 3, 7, 10).expect("safety.evidence_count", min=1)
    assert [judged["passed"] for judged in story.summary()["expect"]] == [True]


def test_the_earliest_are_kept_each_once_whichever_process_wrote_them(tmp_path: Path) -> None:
    for process in range(2):
        recorder = Recorder(tmp_path / f"process-{process}")
        for what in range(MOST_EVIDENCE):
            recorder.accuse(kept(3, what, at=2 * what + (process if what % 2 else -process), witness=process))
            if what % 7 == 0:
                recorder.flush()
        recorder.accuse(kept(3, 500 + process, at=50))
        recorder.close()
    with (tmp_path / "process-1.evidence").open("ab") as file:
        file.write(b"\0\0\0\x20cut short")
    trace = gather(Story().header, [tmp_path / "process-0", tmp_path / "process-1", tmp_path / "process-2"])
    found = trace.header.evidence
    assert len(found) == MOST_EVIDENCE
    assert [one.time_ns for one in found] == sorted(one.time_ns for one in found)
    assert {one.about >> TAG_BITS for one in found} == {*range(MOST_EVIDENCE - 2), 500, 501}
    assert all(
        one.witness == (0 if (one.about >> TAG_BITS) % 2 else 1)
        for one in found
        if one.about < about(500) and one.about
    )


def test_it_is_in_the_run_folder_and_not_in_the_digest(tmp_path: Path) -> None:
    trace = told(Story(byzantine=[3]), 0, 3, 7, 10).trace()
    digest = trace.digest()
    trace.header.evidence = [kept(3, 7, pair=(bytes(range(256)), b""))]
    assert trace.digest() == digest
    trace.write(tmp_path)
    assert read(tmp_path).header.evidence == trace.header.evidence


def test_where_fewer_than_a_quorum_are_correct_all_of_them_are_waited_for() -> None:
    story = Story(byzantine=[2, 3]).decide(1, 0, after=[60, 70, 10, 10])
    assert story.summary()["finality"]["quorum_ms"]["max"] == 70
    assert story.summary()["blocks"]["finalised"] == 1


def test_propagation_is_to_the_correct_nodes() -> None:
    story = Story(byzantine=[3]).propose(1, 0)
    for node, at in ((1, 20), (2, 30)):
        story.row("have", node, at, block=1, height=1)
    assert story.summary()["propagation_ms"]["all"]["max"] == 30
