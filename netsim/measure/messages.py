"""What the protocol cost the network, and how many rounds its blocks took."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from netsim.measure.blocks import Blocks
from netsim.measure.events import BYTES, DETAIL, HEIGHT, ROUND, TIME, Events
from netsim.trace import FIRST_CONTROL_TAG


class Messages(TypedDict):
    """Copies of the protocol's messages over the whole run, those that bring transactions to proposers left out.

    `dropped` alone counts every kind: a receiver that loses a message does not learn what it was. `per_block` is None
    where no block became final. `duplicates` are copies that reached a node which had had the message before, and
    `duplicate_bytes` what they cost; what gossip strategies say among themselves (`control_bytes` of all bytes sent) is
    neither.
    """

    sent: int
    delivered: int
    dropped: int
    bytes: int
    per_block: float | None
    duplicates: int
    duplicate_bytes: int
    control_bytes: int


def messages(events: Events, blocks: Blocks) -> Messages:
    """Add up the totals that every incarnation of a node leaves at its end; `bytes` are those of the copies sent."""
    sent, delivered = events.of("sent"), events.of("delivered")
    apart = events.header.transactions
    sent, delivered, repeated = (
        rows[~np.isin(rows[:, DETAIL], apart)] for rows in (sent, delivered, events.of("repeated"))
    )
    control = [tag for tag in events.header.messages if tag >= FIRST_CONTROL_TAG]
    copies, final = int(sent[:, HEIGHT].sum()), int(blocks.final.sum())
    return Messages(
        sent=copies,
        delivered=int(delivered[:, HEIGHT].sum()),
        dropped=int(events.of("dropped")[:, HEIGHT].sum()),
        bytes=int(sent[:, BYTES].sum()),
        per_block=copies / final if final else None,
        duplicates=int(repeated[:, HEIGHT].sum()),
        duplicate_bytes=int(repeated[:, BYTES].sum()),
        control_bytes=int(sent[np.isin(sent[:, DETAIL], control), BYTES].sum()),
    )


class OfType(TypedDict):
    """Copies of the messages of one type over the whole run, and what those sent cost."""

    name: str
    sent: int
    delivered: int
    repeated: int
    bytes: int


def by_type(events: Events) -> list[OfType]:
    """Every type of message that was sent, those included that bring transactions to proposers; by their tags."""
    totals = [events.of(kind) for kind in ("sent", "delivered", "repeated")]
    types = []
    for tag in np.unique(totals[0][:, DETAIL]).tolist():
        sent, delivered, repeated = (rows[rows[:, DETAIL] == tag] for rows in totals)
        types.append(
            OfType(
                name=events.header.messages.get(tag, f"type {tag}"),
                sent=int(sent[:, HEIGHT].sum()),
                delivered=int(delivered[:, HEIGHT].sum()),
                repeated=int(repeated[:, HEIGHT].sum()),
                bytes=int(sent[:, BYTES].sum()),
            )
        )
    return types


class Rounds(TypedDict):
    """Rounds (views) per finalised block; 1 is the best case. `timeouts` are those of the protocol's own timer."""

    mean: float | None
    max: int | None
    timeouts: int


def rounds(events: Events, blocks: Blocks) -> Rounds:
    """Measure finalised blocks proposed after the warm-up, and time-outs after it, both at correct nodes."""
    entered = np.unique(events.of_correct("round")[:, [HEIGHT, ROUND]], axis=0)
    heights = blocks.heights[blocks.measured & blocks.final]
    # How often a height stands in the ordered list is how many further rounds it saw.
    further = np.searchsorted(entered[:, 0], heights, "right") - np.searchsorted(entered[:, 0], heights, "left")
    timeouts = events.of_correct("timeout")
    return Rounds(
        mean=1 + int(further.sum()) / len(heights) if len(heights) else None,
        max=1 + int(further.max()) if len(heights) else None,
        timeouts=int((timeouts[:, TIME] >= events.header.warmup_ns).sum()),
    )
