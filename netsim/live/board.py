"""What is known of a run while it goes on, for whoever looks.

The engine's thread writes, and the server's reads whenever a viewer is ready for more. A viewer is told what has
changed since it was told last, however long ago that was: so nothing queues up for a slow one, and one that comes late
is told everything that is kept. Times are in ns inside, and in ms or s where the name says so.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal

from netsim.engine.plan import Life, Plan
from netsim.engine.steering import News
from netsim.scenario.model import Block, Churn, Crash, Partition

Phase = Literal["starting", "running", "checking", "over"]
_KEPT = 400  # blocks; of older ones no more is told
_RECENT = 50  # finalisations of a city that its running median is taken over
_ANSWERS = 20


@dataclass
class _Kept:
    """A block: when it was proposed, by whom, and when it was final where."""

    number: int
    proposer: int = -1
    proposed: int | None = None
    final: dict[int, int] = field(default_factory=dict)  # by correct validator
    changed: int = 0


class Board:
    """The run as it is told of, and as its viewers see it."""

    def __init__(self, plan: Plan) -> None:
        network = plan.network
        self._lock = threading.Lock()
        self._plan = plan
        self._correct = frozenset(network.validators) - frozenset(plan.byzantine)
        self._phase: Phase = "starting"
        self._now = self._late = 0
        self._version = 0
        self._count = self._count_final = 0
        self._blocks: OrderedDict[int, _Kept] = OrderedDict()
        self._finals = [0] * network.size
        self._latencies: list[list[int]] = [[] for _ in network.sites]
        self._answers: list[dict[str, Any]] = []
        self._end: dict[str, Any] | None = None
        self._look_at_faults()

    # --- from the engine's thread ---------------------------------------------------------------------------------

    def saw(self, now: int, news: News, late: int) -> None:
        """See `engine.steering.Watch`."""
        with self._lock:
            if self._phase == "starting":
                self._phase = "running"
            self._now, self._late = max(self._now, now), late
            for proposal, node, name, time in news:
                self._version += 1
                block = self._block(name)
                block.changed = self._version
                if proposal:
                    self._propose(block, node, time)
                else:
                    self._finalise(block, node, time)

    def answer(self, at: int | None, says: str) -> None:
        """A wish is granted from `at` on, or refused (None)."""
        with self._lock:
            self._answers.append({"at_s": None if at is None else at / 1e9, "says": says})
            del self._answers[:-_ANSWERS]
            self._look_at_faults()

    def check(self) -> None:
        """The run is done, and its twin is being simulated."""
        with self._lock:
            self._phase = "checking"

    def over(self, end: dict[str, Any]) -> None:
        """Nothing more will be told but how it ended."""
        with self._lock:
            self._phase, self._end = "over", end

    def _block(self, name: int) -> _Kept:
        block = self._blocks.get(name)
        if block is None:
            self._count += 1
            block = self._blocks[name] = _Kept(self._count)
            if len(self._blocks) > _KEPT:
                self._blocks.popitem(last=False)
        return block

    def _propose(self, block: _Kept, node: int, time: int) -> None:
        if block.proposed is None:
            block.proposer, block.proposed = node, time
            for other, final in block.final.items():
                self._measure(other, final - time)

    def _finalise(self, block: _Kept, node: int, time: int) -> None:
        self._finals[node] += 1
        if node not in self._correct or node in block.final:
            return
        self._count_final += not block.final
        block.final[node] = time
        if block.proposed is not None:
            self._measure(node, time - block.proposed)

    def _measure(self, node: int, latency: int) -> None:
        latencies = self._latencies[self._plan.network.node_sites[node]]
        latencies.append(latency)
        del latencies[:-_RECENT]

    def _look_at_faults(self) -> None:
        """What the plan says now of what fails, and when."""
        self._faults = tuple(self._plan.scenario.faults)
        self._lives = list(self._plan.lives)

    # --- from the server's ----------------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        return self._phase

    def since(self, version: int) -> tuple[int, dict[str, Any]]:
        """The present version, and what has changed since that one; 0 for everything that is kept."""
        with self._lock:
            now = self._now
            cut = {
                node
                for fault in self._faults
                if isinstance(fault, Partition) and fault.at <= now < fault.end
                for node in fault.nodes
            }
            return self._version, {
                "phase": self._phase,
                "now_s": now / 1e9,
                "late_ms": self._late / 1e6,
                "blocks_proposed": self._count,
                "blocks_final": self._count_final,
                "blocks": [self._told(block) for block in self._blocks.values() if block.changed > version],
                "down": [node for node, lives in enumerate(self._lives) if not _is_up(lives, now)],
                "cut": sorted(cut),
                "finals": list(self._finals),
                "medians_ms": [median(latencies) / 1e6 if latencies else None for latencies in self._latencies],
                "faults": self._told_faults(now),
                "answers": list(self._answers),
                "end": self._end,
            }

    def _told(self, block: _Kept) -> dict[str, Any]:
        proposed = block.proposed
        times = [] if proposed is None else sorted(time - proposed for time in block.final.values())

        def after(count: int) -> float | None:
            return times[count - 1] / 1e6 if 0 < count <= len(times) else None

        return {
            "number": block.number,
            "proposer": block.proposer,
            "proposed_s": None if proposed is None else proposed / 1e9,
            "first_ms": after(1),
            "quorum_ms": after(self._plan.quorum),
            "all_ms": after(len(self._correct)),
        }

    def _told_faults(self, now: int) -> list[dict[str, Any]]:
        duration = self._plan.scenario.duration
        told = []
        for number, fault in enumerate(self._faults):
            end = duration if fault.end is None else fault.end
            state = "to come" if now < fault.at else "over" if now >= end else "now"
            told.append(
                {
                    "number": number,
                    "kind": fault.kind,
                    "says": fault.says,
                    "from_s": fault.at / 1e9,
                    "to_s": min(end, duration) / 1e9,
                    "until_end": end >= duration,
                    "state": state,
                    "shaded": not isinstance(fault, Churn),
                    "heals": state == "now" and isinstance(fault, Partition | Block | Crash),
                }
            )
        return told


def _is_up(lives: list[Life], now: int) -> bool:
    return any((start or 0) <= now and (crash is None or now < crash) for start, crash in lives)
