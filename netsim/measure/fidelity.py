"""The verdict: how far the figures of a run can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

import numpy as np

from netsim.measure.blocks import Blocks, positions
from netsim.measure.dist import Dist, dist_ms, ms, rank
from netsim.measure.events import BLOCK, CAUSE, DETAIL, HEIGHT, MESSAGE, NODE, TIME, Events

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netsim import trace

Verdict = Literal["exact", "valid", "degraded", "invalid"]

# What an engine handles one by one, as rows of level `full` and, where those are left out, as totals.
_HANDLED = ("deliver", "timer", "submit", "drop")
_HANDLED_TOTALS = ("delivered", "dropped")


class Fidelity(TypedDict):
    """The verdict and all that it rests on. Lateness is on the wall, everything else in the scenario's time.

    `timer_lateness_ms` is that of a process which did nothing but wait for a timer meanwhile: what the machine costs.
    `displaced_finalisations_share` is None where the trace holds no chain of causes (levels other than `full`) or no
    finalisation.
    """

    verdict: Verdict
    twin: Literal["equal", "differs", "skipped"]
    pace: Literal["lockstep", "clock", "virtual"]
    displaced: int
    displaced_share: float
    displacement_ms: Dist
    displaced_finalisations_share: float | None
    lateness_ms: Dist
    timer_lateness_ms: Dist
    broker_lost: int
    dilation: float
    lookahead_ms: float | None
    rounds: int
    compute: Literal["modelled", "measured"]
    verified: NotRequired[Literal["equal", "differs"]]  # there where a second simulation was asked for


def fidelity(events: Events, blocks: Blocks) -> Fidelity:
    """Judge a run by what its engine saw of itself and by the displaced events in its trace."""
    seen = events.header.fidelity
    displacements = np.sort(events.of("displaced")[:, DETAIL])
    count = len(displacements)
    share = count / max(_handled(events), count, 1)
    replayed_otherwise = events.header.engine == "simulate" and seen.twin == "differs"
    judged = Fidelity(
        verdict="invalid" if replayed_otherwise else _verdict(seen, displacements, share),
        twin=seen.twin,
        pace=seen.pace,
        displaced=count,
        displaced_share=share,
        displacement_ms=dist_ms(displacements),
        displaced_finalisations_share=_displaced_finalisations_share(events, blocks),
        lateness_ms=dist_ms(np.asarray(seen.lateness_ns, np.int64)),
        timer_lateness_ms=dist_ms(np.asarray(seen.timer_lateness_ns, np.int64)),
        broker_lost=seen.broker_lost,
        dilation=seen.dilation,
        lookahead_ms=None if seen.lookahead_ns is None else ms(seen.lookahead_ns),
        rounds=seen.rounds,
        compute=events.header.compute,
    )
    if seen.verified is not None:
        judged["verified"] = seen.verified
    return judged


def _verdict(seen: trace.Fidelity, displacements: NDArray[np.int64], share: float) -> Verdict:
    """`exact`, `valid` or `degraded` by the displaced events; `invalid` where the run cannot be trusted at all.

    With no event displaced, an emulation that differs from its twin is a defect of netsim, whatever its pace: its
    figures say nothing about the protocol. In lockstep a displaced event is one too. A simulation that another process
    does not repeat depends on more than its scenario.
    """
    if seen.broker_lost or not seen.complete or seen.verified == "differs":
        return "invalid"
    if not len(displacements):
        if seen.twin == "differs":
            return "invalid"
        return "valid" if seen.pace == "clock" and seen.twin == "skipped" else "exact"
    if seen.pace != "clock":
        return "invalid"
    p99 = displacements[rank(99, len(displacements))]
    within = share <= seen.max_displaced_share and p99 <= seen.max_displacement_ns
    return "valid" if within else "degraded"


def _handled(events: Events) -> int:
    """How many events were handled; without a row for each, timers are missed and the displaced share errs upwards."""
    if events.header.level == "full":
        return sum(int(events.is_kind(kind).sum()) for kind in _HANDLED)
    return sum(int(events.of(kind)[:, HEIGHT].sum()) for kind in _HANDLED_TOTALS)


def _displaced_finalisations_share(events: Events, blocks: Blocks) -> float | None:
    """The share of the finalisations behind the finality figures that have a displaced event among their causes.

    The chain of causes is walked back to the block's proposal: what was displaced up to then moved the beginning of
    the block along with its end, and every later block as well.
    """
    rows = events.rows
    block = np.where(events.is_kind("finalise"), positions(blocks.ids, rows[:, BLOCK]), -1)
    counted = np.flatnonzero((block >= 0) & events.correct_validator[rows[:, NODE]])
    counted = counted[blocks.measured[block[counted]]]
    if events.header.level != "full" or not len(counted):
        return None
    nearest = _nearest_displaced(events)[counted]
    touched = (nearest >= 0) & (rows[nearest, TIME] > blocks.proposed_ns[block[counted]])
    return int(touched.sum()) / len(counted)


def _nearest_displaced(events: Events) -> NDArray[np.int64]:
    """For every row, the index of the nearest displaced row in its chain of causes, itself included, or -1.

    By pointer doubling: in round k each row asks the row 2^k causes back, so a chain of a million needs twenty rounds.
    """
    rows = events.rows
    marks = np.flatnonzero(events.is_kind("displaced"))
    marks = marks[marks + 1 < len(rows)]
    marks = marks[rows[marks, NODE] == rows[marks + 1, NODE]]  # the row that follows is the event that was moved
    nearest = np.full(len(rows), -1)
    nearest[marks + 1] = marks + 1
    ancestor = _causes(events)
    for _ in range(len(rows).bit_length()):
        asking = np.flatnonzero((nearest < 0) & (ancestor >= 0))
        if not len(marks) or not len(asking):
            break
        asked = ancestor[asking]
        nearest[asking], ancestor[asking] = nearest[asked], ancestor[asked]
    return nearest


def _causes(events: Events) -> NDArray[np.int64]:
    """For every row, the index of the row that made it happen, or -1: for a delivery, that of its sending."""
    rows, index = events.rows, np.arange(len(events.rows))
    cause = np.where(rows[:, CAUSE] >= 0, events.life_starts + rows[:, CAUSE], -1)
    cause[cause >= index] = -1  # an event's own row names itself; one that a kill cut off is not there

    delivers, sends = np.flatnonzero(events.is_kind("deliver")), np.flatnonzero(events.is_kind("send"))
    messages, firsts = np.unique(rows[sends, MESSAGE], return_index=True)
    found = positions(messages, rows[delivers, MESSAGE])
    known = found >= 0
    cause[delivers[known]] = sends[firsts[found[known]]]

    # The transactions of one batch are one event with a row each; its effects name the last as their cause.
    submits = np.flatnonzero(events.is_kind("submit"))
    follows = submits[1:][(np.diff(submits) == 1) & (np.diff(rows[submits][:, [NODE, TIME]], axis=0) == 0).all(axis=1)]
    cause[follows] = follows - 1
    return cause
