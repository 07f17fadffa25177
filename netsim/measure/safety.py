"""The agreement checker: no two correct nodes may ever finalise different blocks at one height."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np

from netsim.measure.dist import ms
from netsim.measure.events import BLOCK, HEIGHT, NODE, TIME, Events
from netsim.measure.evidence import Accused, Contradiction, accused, contradictions

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Violation(TypedDict):
    """Two blocks that cannot both be final, and who finalised each of them when (in the order of the nodes).

    `conflict`: two blocks at one height. `rollback`: a node finalised the second block after the first, but below it.
    `gap`: it went from the first to the second and finalised nothing in between. `height` is the second block's.
    """

    kind: Literal["conflict", "rollback", "gap"]
    height: int
    blocks: tuple[str, str]  # the first 63 bits of their ids, as hexadecimal text
    nodes: tuple[list[str], list[str]]
    times_ms: tuple[list[float], list[float]]


class Safety(TypedDict):
    """Whether the correct nodes agree, where they do not, and what proves that nodes are Byzantine.

    `evidence` holds the first contradictions with both messages, `evidence_count` is the number of all.
    """

    agreement: Literal["holds", "violated"]
    violations: list[Violation]
    evidence_count: int
    accused: list[Accused]
    evidence: list[Contradiction]


def safety(events: Events) -> Safety:
    """Check every `finalise` row of every node that is not Byzantine, warm-up included."""
    is_final = events.is_kind("finalise") & events.correct[events.rows[:, NODE]]
    rows = events.rows[is_final]
    violations = _conflicts(events, rows) + _jumps(events, rows, events.life_starts[is_final])
    against = accused(events)
    return Safety(
        agreement="violated" if violations else "holds",
        violations=violations,
        evidence_count=sum(one["count"] for one in against),
        accused=against,
        evidence=contradictions(events),
    )


def _conflicts(events: Events, rows: NDArray[np.int64]) -> list[Violation]:
    """Each further block at a height, against the one that was final there first."""
    earliest_first = rows[np.argsort(rows[:, TIME], kind="stable")]
    pairs, firsts = np.unique(earliest_first[:, [HEIGHT, BLOCK]], axis=0, return_index=True)
    heights, counts = np.unique(pairs[:, 0], return_counts=True)
    violations = []
    for height in heights[counts > 1]:
        by_time = np.sort(firsts[pairs[:, 0] == height])
        sides = [
            earliest_first[(earliest_first[:, HEIGHT] == height) & (earliest_first[:, BLOCK] == block)]
            for block in earliest_first[by_time, BLOCK]
        ]
        violations += [_violation("conflict", events, sides[0], other) for other in sides[1:]]
    return violations


def _jumps(events: Events, rows: NDArray[np.int64], lives: NDArray[np.int64]) -> list[Violation]:
    """Where one node's chain goes back, or on by more than one block.

    A node may finalise a block again after a restart, when it replays what it had persisted: a step back is held
    against it within one life only, a gap always.
    """
    step = np.diff(rows[:, HEIGHT])
    same_node, same_life = np.diff(rows[:, NODE]) == 0, np.diff(lives) == 0
    rollbacks, gaps = same_life & (step < 0), same_node & (step > 1)
    return [
        _violation("gap" if gaps[at] else "rollback", events, rows[at : at + 1], rows[at + 1 : at + 2])
        for at in np.flatnonzero(rollbacks | gaps)
    ]


def _violation(
    kind: Literal["conflict", "rollback", "gap"],
    events: Events,
    former: NDArray[np.int64],
    latter: NDArray[np.int64],
) -> Violation:
    def names(side: NDArray[np.int64]) -> list[str]:
        return [events.header.nodes[node] for node in side[:, NODE]]

    def times(side: NDArray[np.int64]) -> list[float]:
        return [ms(time) for time in side[:, TIME]]

    former, latter = (side[np.argsort(side[:, NODE], kind="stable")] for side in (former, latter))
    return Violation(
        kind=kind,
        height=int(latter[0, HEIGHT]),
        blocks=(f"{former[0, BLOCK]:016x}", f"{latter[0, BLOCK]:016x}"),
        nodes=(names(former), names(latter)),
        times_ms=(times(former), times(latter)),
    )
