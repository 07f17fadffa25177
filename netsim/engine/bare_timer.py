"""A process that does nothing but wait for a timer: what the machine itself costs a run that is paced by the clock.

It sets the same kind of alarm as the nodes' processes do, in the same kind of event loop, about as often as one of
them wakes, beside them and for as long as they run. How late it is, they could not be earlier.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext

from netsim.engine.clock_pace import Lateness
from netsim.engine.lifeline import hold
from netsim.engine.timer import Alarm

_PERIOD_NS = 5_000_000
_ANSWER_S = 2.0
_LOOK_S = 0.005


@asynccontextmanager
async def bare_timer(context: ForkServerContext, name: str, lateness: list[int]) -> AsyncIterator[None]:
    """Let it wait for as long as the context lasts; then its `lateness` (ns, a sample) is added.

    Nothing is where it does not answer, as on a machine that has no time for it.
    """
    lifeline, ours = context.Pipe(duplex=False)
    theirs, answers = context.Pipe()
    process = context.Process(target=_main, args=(lifeline, theirs), name=name, daemon=True)
    process.start()
    lifeline.close()
    theirs.close()
    try:
        yield
        answers.send(None)
        deadline = time.monotonic() + _ANSWER_S
        while not answers.poll() and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_S)
        if answers.poll():
            lateness += answers.recv()
    except (OSError, EOFError):
        pass  # it has been killed, and the run does not depend on it
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()
        answers.close()


def _main(lifeline: Connection, answers: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to answer
    hold(lifeline)
    asyncio.run(_wait(answers))


async def _wait(answers: Connection) -> None:
    """Until we are asked."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_reader(answers.fileno(), asked.set)
    lateness = Lateness()
    gc.freeze()
    gc.disable()
    with Alarm() as alarm:
        due = time.monotonic_ns()
        while not asked.is_set():
            due = max(due + _PERIOD_NS, time.monotonic_ns())
            await alarm.until(due)
            lateness.add(time.monotonic_ns() - due)
    answers.send(lateness.sample)
