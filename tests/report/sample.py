"""Summaries as a run would give them, and a console that keeps what is printed."""

from __future__ import annotations

import random
from io import StringIO
from typing import Any

import numpy as np
from rich.console import Console

from netsim.measure.blocks import BlockCounts
from netsim.measure.dist import Dist, dist_ms
from netsim.measure.fidelity import Fidelity
from netsim.measure.finality import Finality
from netsim.measure.liveness import Liveness
from netsim.measure.messages import Messages, Rounds
from netsim.measure.propagation import Propagation
from netsim.measure.safety import Safety
from netsim.measure.summary import ScenarioName, Summary
from netsim.measure.transactions import Transactions


def around(middle_ms: float, count: int) -> Dist:
    """A distribution with a tail to the right, the same on every call."""
    chance = random.Random(int(middle_ms * 1000) + count)
    return dist_ms(np.array([chance.lognormvariate(0, 0.2) * middle_ms * 1e6 for _ in range(count)], np.int64))


def summary(blocks: int = 55) -> Any:
    """13 validators in three cities, emulated in lockstep, all well; a test changes what it likes."""
    return Summary(
        schema=1,
        scenario=ScenarioName(name="greater-bay", sha256="ab" * 32, seed=7),
        engine="emulate",
        version="0.1.0",
        nodes=13,
        validators=13,
        duration_s=60,
        wall_s=4.9,
        blocks=BlockCounts(
            proposed=blocks + 1,
            finalised=blocks,
            empty=0,
            open=1,
            stale=0,
            stale_rate=0,
            interval_ms=around(1000, blocks - 1),
            byzantine_share=0,
        ),
        finality=Finality(
            rule="commit",
            first_ms=around(98, blocks),
            quorum_ms=around(113, blocks),
            all_ms=around(139, blocks),
            by_site={
                "shenzhen": around(109, 5 * blocks),
                "hong-kong": around(111, 4 * blocks),
                "suzhou": around(124, 4 * blocks),
            },
            reversal_probability=None,
            attacker_share=None,
            reverted=0,
        ),
        propagation_ms=Propagation(
            p50=around(30, blocks), p90=around(40, blocks), p99=around(45, blocks), all=around(50, blocks)
        ),
        transactions=Transactions(
            submitted=11012, finalised=10934, throughput_tps=198.8, latency_ms=around(640, 200 * blocks)
        ),
        messages=Messages(
            sent=17160,
            delivered=17100,
            dropped=60,
            bytes=9_812_345,
            per_block=312.0,
            duplicates=0,
            duplicate_bytes=0,
            control_bytes=0,
        ),
        rounds=Rounds(mean=1, max=1, timeouts=0),
        safety=Safety(agreement="holds", violations=[], evidence_count=0, accused=[], evidence=[]),
        liveness=Liveness(stalled_ms=1023.4, recovery_ms=None, recoveries=[]),
        fidelity=Fidelity(
            verdict="exact",
            twin="equal",
            pace="lockstep",
            displaced=0,
            displaced_share=0,
            displacement_ms=around(1, 0),
            displaced_finalisations_share=0,
            lateness_ms=around(1, 0),
            timer_lateness_ms=around(1, 0),
            broker_lost=0,
            dilation=1,
            lookahead_ms=1.2,
            rounds=11842,
            compute="modelled",
        ),
        expect=[],
        trace_digest="cd" * 32,
    )


def plain(width: int = 80) -> Console:
    """A console like a pipe of that width; `text` reads it back."""
    return Console(file=StringIO(), width=width, force_terminal=False)


def text(console: Console) -> str:
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()
