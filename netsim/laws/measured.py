"""The same quantities as the laws', found by running scenarios: every link 20 ms, all else free."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from netsim.laws.law import Law, Number
from netsim.validate.laboratory import FREE, NEVER, finality, scenario

if TYPE_CHECKING:
    from netsim.scenario import Scenario
    from netsim.trace import Trace

Run = Callable[["Scenario"], "Trace"]

DELTA = 20_000_000  # ns
WARM_UP_S, BLOCKS_S = 2, 6  # the undisturbed run: what comes first is left out
TIMEOUT_MS = 500  # where validators are down
CRASH_S = 2
PATIENCE_S = (20, 60)  # how long a run waits for what should happen, and another one if it does not


@dataclass(frozen=True, slots=True)
class Normal:
    """An undisturbed run: the quorum, the delays until the first and the last validator has a block, and the messages
    of a block. A delay that is not the same for all blocks is the mean."""

    quorum: int
    first: Number
    last: Number
    messages: Number


def scenario_of(law: Law, nodes: int, seconds: int, keys: str, more: str) -> Scenario:
    """A scenario with so many validators. `keys`: further ones of the protocol; `more`: of the scenario."""
    probable = "" if law.depth is None else f"finality: {{depth: {law.depth}}}"
    given = ", ".join(part for part in (f'protocol: "{law.protocol}"', law.consensus, keys) if part)
    return scenario(f"""
duration: {seconds} s
sites: {{v: {{nodes: {nodes}, access: ideal}}}}
backbone: {{delay: {DELTA} ns}}
gossip: direct
consensus: {{{given}}}
{probable}
{FREE}
{more}
""")


def normal(law: Law, nodes: int, run: Run) -> Normal:
    """What blocks take and cost where nothing happens to them."""
    seconds = WARM_UP_S + BLOCKS_S * law.slowness
    trace = run(scenario_of(law, nodes, seconds, "", f"warmup: {WARM_UP_S} s\nworkload: {{rate: 0 /s}}"))
    table = finality(trace)
    table = table[(table != NEVER).all(axis=1)]  # the last blocks are open
    assert len(table) > 1, "no blocks are final"
    return Normal(
        trace.header.quorum,
        _in_delays(table.min(axis=1).tolist()),
        _in_delays(table.max(axis=1).tolist()),
        _messages(trace, law.apart),
    )


def _in_delays(times: Sequence[int]) -> Number:
    mean = Fraction(sum(times), len(times)) / DELTA
    return int(mean) if mean.denominator == 1 else mean


def _messages(trace: Trace, apart: Iterable[str]) -> Number:
    """Messages sent between two proposals, per block: pipelined or not, what blocks cost goes round in a circle. The
    circle is closed where each leader has had its turn as often as the others, so as many blocks as possible are
    taken, and a multiple of the number of validators and of what a leader may propose in a row."""
    from netsim.measure.blocks import join
    from netsim.measure.events import DETAIL, TIME, Events

    events = Events(trace)
    blocks = join(events)
    header = trace.header
    proposed = blocks.proposed_ns[blocks.measured]
    circle = 4 * len(header.validators)
    count = max((len(proposed) - 1) // circle * circle, 0) or len(proposed) - 1
    sends = events.of("send")
    left_out = [*header.transactions, *(tag for tag, name in header.messages.items() if name in set(apart))]
    sent = 0
    for time, detail in sends[:, (TIME, DETAIL)].tolist():
        if proposed[0] <= time < proposed[count] and detail & 0xFF not in left_out:
            sent += detail >> 8
    each = Fraction(sent, count)
    return int(each) if each.denominator == 1 else each


# ------------------------------------------------------------------------------------------------------------- crashes


def placements(nodes: int, count: int) -> list[tuple[int, ...]]:
    """Different ways to choose so many of the nodes: the first ones (who lead first), the last ones, and as far apart
    as possible, which leaves no long row of live leaders."""
    first = tuple(range(count))
    last = tuple(range(nodes - count, nodes))
    spread = tuple(sorted({number * nodes // count for number in range(count)})) if count else ()
    return list(dict.fromkeys((first, last, spread)))


def survives(law: Law, nodes: int, crashed: Sequence[int], run: Run) -> bool:
    """Whether, with these validators down for good, blocks go on to become final at all others."""
    import numpy as np

    from netsim.measure.blocks import join
    from netsim.measure.events import NEVER as NOT_FINAL
    from netsim.measure.events import Events

    def alive(seconds: int) -> bool:
        faults = f"faults: [{{at: {CRASH_S} s, crash: [{_names(crashed)}]}}]" if crashed else ""
        blocks = join(Events(run(_disturbed(law, nodes, seconds, faults))))
        late = blocks.proposed_ns > seconds * 10**9 * 2 // 3
        return bool(np.any(late & (blocks.all_ns != NOT_FINAL)))

    return any(map(alive, PATIENCE_S))


# ------------------------------------------------------------------------------------------------------- equivocators


def disagree(law: Law, nodes: int, liars: Sequence[int], run: Run) -> bool:
    """Whether equivocators make two blocks final at one height, in a partition of the correct validators that leaves
    them connected with both halves."""
    from netsim.measure.events import Events
    from netsim.measure.safety import safety

    correct = [node for node in range(nodes) if node not in liars]
    half = (len(correct) + 1) // 2  # as the faces of equivocators divide them
    sides = _names(correct[:half]), _names(correct[half:])

    def violated(seconds: int) -> bool:
        cuts = [
            f"{{at: 0 s, for: {seconds} s, block: {{from: [{one}], to: [{other}]}}}}"
            for one, other in (sides, sides[::-1])
            if one and other
        ]
        lies = f"misbehaviour: [{{nodes: [{_names(liars)}], does: equivocate}}]" if liars else ""
        text = _disturbed(law, nodes, seconds, f"faults: [{', '.join(cuts)}]\n{lies}")
        return safety(Events(run(text)))["agreement"] == "violated"

    return any(map(violated, PATIENCE_S))


def _names(nodes: Iterable[int]) -> str:
    return ", ".join(f"v-{node}" for node in nodes)


def _disturbed(law: Law, nodes: int, seconds: int, more: str) -> Scenario:
    """A scenario in which little happens but what is looked for: a block a second is enough."""
    slow = replace(law, consensus=re.sub(r"block_interval: \d+ s", "block_interval: 1 s", law.consensus))
    keys = f"timeout: {TIMEOUT_MS} ms"
    return scenario_of(slow, nodes, seconds, keys, f"{more}\nworkload: {{rate: 2 /s}}\ntrace: blocks")
