"""The simulator: all nodes in one process, events popped as fast as they can be. No clock, no asyncio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, sleep

from netsim import trace
from netsim.engine.garbage import seldom_collected
from netsim.engine.interrupt import ignore_further_interrupts
from netsim.engine.loop import Loop, Memory
from netsim.engine.plan import Plan
from netsim.engine.replay import ReplayLoop
from netsim.engine.steering import LOOK_AGAIN_S, Steering
from netsim.engine.tally import Tally
from netsim.engine.wave import Waves
from netsim.node.identity import KeyedHash

_SLICE_NS = 100_000_000  # logical time between two looks at the wall
_SHOW_EVERY_S = 0.1
NOTHING_TO_MEASURE = (
    "`compute: measured` is what nodes take in real processes; emulate it, and `netsim replay RUN` simulates what was "
    "measured there"
)


class NodeFailed(Exception):
    """A node's program has raised an exception. `trace` holds what was done until then, and is not complete."""

    def __init__(self, error: Exception, recorded: trace.Trace) -> None:
        super().__init__(f"a node failed: {type(error).__name__}: {error}")
        self.trace = recorded


def _turns(loop: Loop) -> Iterator[tuple[int, int]]:
    """From when until when to go on at once (ns)."""
    while (now := loop.next()) < loop.end:
        yield now, now + _SLICE_NS


def _steered_turns(loop: Loop, steering: Steering) -> Iterator[tuple[int, int]]:
    """The same, but no faster than the wall, and with what is wished for in between."""
    horizon = 0
    steering.begin()
    while (now := loop.next()) < loop.end:
        while steering.wished:
            at = steering.grant(loop.plan, max(horizon, loop.busy + 1 if steering.kills else 0))
            if at is not None:
                loop.amend(at)
        limit = steering.limit(loop.end)
        now = loop.next()
        if now < limit:
            horizon = min(now + _SLICE_NS, limit)
            yield now, horizon
        else:
            sleep(LOOK_AGAIN_S)
            steering.saw(now, (), loop.end)


@seldom_collected()
def simulate(
    plan: Plan,
    work: Path,
    observe: Callable[[int, Tally], None] | None = None,
    recorded: trace.Trace | None = None,
    at_once: bool = False,
    steering: Steering | None = None,
) -> trace.Trace:
    """Run a plan in virtual time. Raw rows go to files in `work`; `observe(now_ns, tally)` is called now and then.

    `recorded`: the trace of an earlier run of the plan, to do exactly what was done there. `at_once`: event by event,
    without whatever is quicker and comes to the same. `steering`: what is wished for on the way, which amends the plan;
    then everything is done at once, since what is quicker looks ahead. Ctrl-C ends it early: the trace then holds what
    was done until then, and its fidelity is not `complete`. Raises OSError where the files cannot be written,
    ValueError where computing is to be measured and was not, and NodeFailed.
    """
    if plan.scenario.compute.measured and recorded is None:
        raise ValueError(NOTHING_TO_MEASURE)
    at_once = at_once or steering is not None
    recorder = trace.Recorder(work / "simulated")
    identities = KeyedHash(plan.scenario.seed)
    if recorded is not None and (len(recorded.costs) or len(recorded.displaced)):
        loop: Loop = ReplayLoop(plan, recorder, identities, recorded)
    else:
        loop = Loop(plan, recorder, identities, in_order=True, at_once=at_once)
        waves = None if at_once else Waves.of(plan, observe is not None)
        if waves is not None:
            loop.node = waves.node  # type: ignore[assignment]  # it makes them as the class does
    for node in range(plan.network.size):
        loop.add(node, Memory())
    loop.listen()
    tally = Tally(plan)
    end = plan.scenario.duration
    shown = perf_counter()
    fidelity = trace.Fidelity()
    turns = _turns(loop) if steering is None else _steered_turns(loop, steering)
    try:
        for now, horizon in turns:
            loop.run(horizon)
            recorder.flush()
            tally.add(loop.news)
            if steering is not None:
                steering.saw(loop.next(), loop.news, end)
            loop.news.clear()
            if observe is not None and perf_counter() - shown > _SHOW_EVERY_S:
                shown = perf_counter()
                observe(min(now, end), tally)
        loop.finish()
        if observe is not None:
            observe(end, tally)
    except KeyboardInterrupt:
        ignore_further_interrupts()
        fidelity.complete = False
    except OSError:
        raise
    except Exception as error:  # a protocol may be anybody's
        fidelity.complete = False
        recorder.close()
        raise NodeFailed(error, trace.gather(plan.header("simulate", fidelity), [work / "simulated"])) from error
    recorder.close()
    return trace.gather(plan.header("simulate", fidelity), [work / "simulated"])
