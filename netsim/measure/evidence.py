"""What proves that a node is Byzantine: pairs of messages with its signature that no correct node would both sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from netsim.measure.dist import ms
from netsim.measure.events import DETAIL, HEIGHT, NODE, PEER, ROUND, TIME, Events
from netsim.trace import MOST_EVIDENCE, TAG_BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Contradiction(TypedDict):
    """Two messages of one type about one thing, by `node`. `height` and `round` are null where they do not apply.

    `time_ms` is when the first witness had both, the accused itself among them; `witness` is the first correct one,
    null where none had both, and `witnesses` how many correct ones there were. `messages`: the two as they were on the
    wire, hexadecimal.
    """

    node: str
    message: str
    height: int | None
    round: int | None
    time_ms: float
    witness: str | None
    witnesses: int
    messages: list[str]


class Accused(TypedDict):
    """All evidence against one node: how many contradictions, of which message types, the first of them when, and how
    many correct nodes had any."""

    node: str
    count: int
    messages: list[str]
    first_ms: float
    witnesses: int


def contradictions(events: Events) -> list[Contradiction]:
    """Each contradiction once, in the order of time; the earliest only, as many as the trace keeps messages of."""
    signed = {(kept.accused, kept.about): kept for kept in events.header.evidence}
    found = []
    for rows in _grouped(events)[:MOST_EVIDENCE]:
        time_ns, author, height, round_, about = rows[0, [TIME, PEER, HEIGHT, ROUND, DETAIL]].tolist()
        correct = rows[events.correct[rows[:, NODE]], NODE]
        pair = signed.get((author, about))
        found.append(
            Contradiction(
                node=events.header.nodes[author],
                message=_type(events, about),
                height=height if height >= 0 else None,
                round=round_ if round_ >= 0 else None,
                time_ms=ms(time_ns),
                witness=events.header.nodes[correct[0]] if len(correct) else None,
                witnesses=len(np.unique(correct)),
                messages=[] if pair is None else [pair.first.hex(), pair.second.hex()],
            )
        )
    return found


def accused(events: Events) -> list[Accused]:
    """The nodes against which there is evidence, in the order of the nodes."""
    groups = _grouped(events)
    found = []
    for node in sorted({int(rows[0, PEER]) for rows in groups}):
        against = [rows for rows in groups if rows[0, PEER] == node]
        every = np.concatenate(against)
        found.append(
            Accused(
                node=events.header.nodes[node],
                count=len(against),
                messages=list(dict.fromkeys(_type(events, int(rows[0, DETAIL])) for rows in against)),
                first_ms=ms(every[:, TIME].min()),
                witnesses=len(np.unique(every[events.correct[every[:, NODE]], NODE])),
            )
        )
    return found


def _grouped(events: Events) -> Sequence[NDArray[np.int64]]:
    """The rows of each contradiction in the order of time, and the contradictions by their first row."""
    rows = events.of("evidence")
    if not len(rows):
        return []
    rows = rows[np.lexsort((rows[:, NODE], rows[:, TIME]))]
    _, firsts, which = np.unique(rows[:, [PEER, DETAIL]], axis=0, return_index=True, return_inverse=True)
    by_group = rows[np.argsort(which.reshape(-1), kind="stable")]
    groups = np.split(by_group, np.cumsum(np.bincount(which.reshape(-1)))[:-1])
    return [groups[at] for at in np.argsort(firsts)]


def _type(events: Events, about: int) -> str:
    """The name of a message type."""
    tag = about & (1 << TAG_BITS) - 1
    return events.header.messages.get(tag, str(tag))
