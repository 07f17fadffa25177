"""Traces told by hand: what happened where and when, in milliseconds, as rows of a trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from netsim.measure import Summary, summarise
from netsim.trace import COLUMNS, DROPS, HOP_COLUMNS, KINDS, Expectation, Fault, Fidelity, Header, Trace, message_id

NAMES = list(KINDS)
BLOCK_TAG, VOTE_TAG = 16, 17


def ns(milliseconds: float) -> int:
    return round(milliseconds * 1_000_000)


class Story:
    """Four validators in two cities, a quorum of three, ten seconds without a warm-up, unless told otherwise."""

    def __init__(self, **header: Any) -> None:
        self.rows: list[list[int]] = []
        self.header = Header(
            **{
                "name": "story",
                "scenario_sha256": "ab" * 32,
                "seed": 7,
                "engine": "simulate",
                "version": "0.1.0",
                "level": "full",
                "duration_ns": ns(10_000),
                "warmup_ns": 0,
                "nodes": ["shenzhen-0", "shenzhen-1", "suzhou-0", "suzhou-1"],
                "sites": ["shenzhen", "suzhou"],
                "node_sites": [0, 0, 1, 1],
                "validators": [0, 1, 2, 3],
                "byzantine": [],
                "quorum": 3,
                "finality_rule": "commit",
                "kinds": NAMES,
                "messages": {1: "transactions", BLOCK_TAG: "proposal", VOTE_TAG: "vote"},
                "transactions": [1],
                "faults": [],
                "expectations": [],
                "fidelity": Fidelity(),
                **header,
            }
        )

    def row(
        self,
        kind: str,
        node: int,
        at: float,
        *,
        block: int = 0,
        height: int = -1,
        round: int = -1,
        peer: int = -1,
        message: int = -1,
        bytes: int = 0,
        cause: int = -1,
        detail: int = 0,
    ) -> Story:
        cells = [ns(at), node, NAMES.index(kind), block, height, round, peer, message, bytes, cause, detail]
        self.rows.append(cells)
        return self

    def propose(self, block: int, at: float, *, node: int = 0, height: int = 0, transactions: int = 1) -> Story:
        """Blocks are numbered as their heights are, unless a height is given."""
        return self.row("propose", node, at, block=block, height=height or block, detail=transactions)

    def finalise(self, block: int, at: dict[int, float], *, height: int = 0, transactions: int = 1) -> Story:
        """`at`: when at which node."""
        for node, time in at.items():
            self.row("finalise", node, time, block=block, height=height or block, detail=transactions)
        return self

    def decide(self, block: int, proposed: float, after: Sequence[float] = (60, 60, 60, 60), **more: Any) -> Story:
        """A block that is final at node 0, 1, … so long after its proposal."""
        self.propose(block, proposed, **more)
        return self.finalise(
            block,
            {node: proposed + delay for node, delay in enumerate(after)},
            **{key: value for key, value in more.items() if key != "node"},
        )

    def submit(self, origin: int, number: int, due: float, *, later: float = 1) -> Story:
        return self.row("submit", origin, due + later, height=number, bytes=250, detail=ns(due))

    def include(self, block: int, origin: int, first: int, count: int, *, at: float = 0, node: int = 0) -> Story:
        return self.row("include", node, at, block=block, height=first, peer=origin, detail=count)

    def send(self, node: int, at: float, sequence: int, *, tag: int = VOTE_TAG, copies: int = 3, **more: Any) -> Story:
        return self.row("send", node, at, message=message_id(node, 0, sequence), detail=copies << 8 | tag, **more)

    def deliver(self, node: int, at: float, sender: int, sequence: int, *, tag: int = VOTE_TAG, **more: Any) -> Story:
        return self.row("deliver", node, at, peer=sender, message=message_id(sender, 0, sequence), detail=tag, **more)

    def total(self, kind: str, node: int, count: int, *, bytes: int = 0, detail: int = VOTE_TAG) -> Story:
        return self.row(kind, node, 10_000, height=count, bytes=bytes, detail=detail)

    def fault(self, kind: str, start: float, end: float, says: str = "a fault") -> Story:
        self.header.faults.append(Fault(kind, ns(start), ns(end), says))
        return self

    def expect(self, key: str, **bound: Any) -> Story:
        self.header.expectations.append(Expectation(key, **bound))
        return self

    def trace(self) -> Trace:
        events = np.array(self.rows, np.int64).reshape(-1, len(COLUMNS))
        return Trace(self.header, events, np.zeros((0, len(HOP_COLUMNS)), np.int64))

    def summary(self) -> Summary:
        return summarise(self.trace())


LOST, PARTITIONED, DOWN = (DROPS.index(why) for why in ("loss", "partition", "down"))
