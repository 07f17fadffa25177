"""The coordinator of an emulation: a broker, a process per node (or several), and who may go on until when.

Lockstep is conservative parallel simulation over real processes (Nicol 1993; Chandy, Misra and Bryant; Fujimoto). A
process is granted a window: it handles everything before a horizon that nothing can come before any more, publishes
what it sent, and reports where it stands. `windows.py` has the arithmetic, and says why it is exact.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import msgspec

from netsim import trace
from netsim.engine import control
from netsim.engine.bare_timer import bare_timer
from netsim.engine.broker import BrokerError, Endpoint, open_broker
from netsim.engine.clock_pace import board_size
from netsim.engine.control import Amendment, Order, Sealed, Topics, Word
from netsim.engine.inherited import VARIABLE, bequeath, in_common
from netsim.engine.interrupt import ignore_further_interrupts
from netsim.engine.layout import Place, lookahead, places, shortest_link, slack
from netsim.engine.plan import Plan
from netsim.engine.steering import LOOK_AGAIN_S, News, Steering
from netsim.engine.tally import Tally
from netsim.engine.transport import Mqtt, Transport, TransportLost
from netsim.engine.windows import Windows
from netsim.engine.worker import NO_BROKER, Job, Wrap, main

_SILENCE_S = 30.0  # a round may take this long on the wall before the silent are asked
_ANSWER_S = 5.0  # and so long may the answer take
_SHOW_EVERY_S = 0.1
_FOREWARNING_NS = 500_000_000  # clock pace, on the wall: how long before it happens all are told what is wished for
_LAST_WORDS_S = 0.2  # for the broker's own word of its death, before others tell of it
# What every process needs is imported once, before they are forked off; nothing in it starts threads.
_PRELOAD = ["netsim.engine.worker", "networkx", "numpy", "concurrent.futures.thread", "encodings.idna"]
_PRELOAD += ["cryptography.hazmat.primitives.asymmetric.ed25519", "nacl.signing", "netsim.engine.preload"]


class Interrupted(Exception):
    """The user wants the run to end."""


class Aborted(Exception):
    """The run cannot be completed; the message is one line, `details` are for the log."""

    def __init__(self, reason: str, details: str = "", lost: int = 0) -> None:
        super().__init__(reason)
        self.details = details
        self.lost = lost


@dataclass
class Emulated:
    """What an emulation leaves: its trace, whole or as far as it went, and why it ended early if it did."""

    trace: trace.Trace
    failure: Interrupted | Aborted | None = None
    rejected: int = 0
    processes: int = 0
    start_s: float = 0.0  # on the wall: from nothing to all processes being ready
    conduct_s: float = 0.0  # on the wall: from there to the end of the scenario


Observe = Callable[[int, Tally], None]


def emulate(
    plan: Plan,
    work: Path,
    broker: str,
    observe: Observe | None = None,
    wrap: Wrap | None = None,
    silence_s: float = _SILENCE_S,
    steering: Steering | None = None,
) -> Emulated:
    """Run a plan in real processes over a real broker. Raw rows and stores go to files in `work`.

    `steering`: what is wished for on the way, which amends the plan. Then a crash happens to its node alone, within
    the process, for nobody knows beforehand which process would have to take over.

    Raises LayoutError where the scenario cannot be laid out. Everything else that goes wrong is in the result, with
    what was recorded until then. No process outlives the call.
    """
    processes = places(plan, steered=steering is not None)
    coordinator = _Coordinator(plan, work, processes, observe, silence_s, steering)
    failure: Interrupted | Aborted | None = None
    try:
        asyncio.run(coordinator.run(broker, wrap))
    except (Interrupted, Aborted) as reason:
        failure = reason
    except KeyboardInterrupt:
        failure = Interrupted()
    if isinstance(failure, Interrupted):
        ignore_further_interrupts()
    fidelity = coordinator.fidelity
    fidelity.complete = failure is None
    if isinstance(failure, Aborted):
        fidelity.broker_lost = max(fidelity.broker_lost, failure.lost)
    gathered = trace.gather(plan.header("emulate", fidelity), [work / f"process-{place.index}" for place in processes])
    return Emulated(gathered, failure, coordinator.rejected, len(processes), coordinator.start_s, coordinator.conduct_s)


@dataclass
class _Process:
    place: Place
    running: ForkServerProcess
    expected_to_end: bool = False


@dataclass
class _Coordinator:
    plan: Plan
    work: Path
    places: tuple[Place, ...]
    observe: Observe | None
    silence_s: float
    steering: Steering | None = None
    rejected: int = 0
    fidelity: trace.Fidelity = field(default_factory=trace.Fidelity)

    def __post_init__(self) -> None:
        emulation = self.plan.scenario.emulation
        self.fidelity = trace.Fidelity(
            pace=emulation.pace,
            dilation=emulation.dilation,
            lookahead_ns=shortest_link(self.plan, self.places),
            max_displaced_share=emulation.displaced,
            max_displacement_ns=emulation.displacement_p99,
        )
        self.tally = Tally(self.plan)
        self.processes: list[_Process] = []
        self.lifelines: list[Connection] = []
        self.alive = {place.index for place in self.places}
        self.marks = [0] * len(self.places)
        self.busy = [0] * len(self.places)  # where the run is steered: until when their nodes work
        self.amendments: list[list[Amendment]] = [[] for _ in self.places]  # that they have not been told of yet
        self.amended = 0
        self.token = secrets.token_hex(8)
        self.key = secrets.token_bytes(32)
        self.topics = Topics(self.token)
        self.sealed = Sealed(self.key)
        self.encoder = msgspec.msgpack.Encoder()
        self.decoder = msgspec.msgpack.Decoder(Word)
        self.moved = time.monotonic()
        self.asked: float | None = None
        self.awaited: set[int] = set()
        self.shown = 0.0
        self.finishing = False
        self.start_s = self.conduct_s = 0.0
        self.began = time.monotonic()

    # --- the run, whatever the pace -------------------------------------------------------------------------------

    async def run(self, broker: str, wrap: Wrap | None) -> None:
        """Broker, processes, the conducting of them, and an orderly end of everything whatever happens.

        `trouble` gets what comes from outside, at any moment: a signal, the broker's death, a process's.
        """
        trouble: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with _signals(trouble):
            body = asyncio.create_task(self._with_broker(broker, wrap, trouble))
            await asyncio.wait({body, trouble}, return_when=asyncio.FIRST_COMPLETED)
            body.cancel()
            await asyncio.wait({body})
            if trouble.done():
                trouble.result()
            try:
                body.result()
            except (BrokerError, TransportLost, EOFError, OSError) as error:
                raise Aborted(str(error) or "the processes could not be started") from None

    async def _with_broker(self, broker: str, wrap: Wrap | None, trouble: asyncio.Future[None]) -> None:
        async with open_broker(broker, self.work) as opened:
            watching = asyncio.create_task(_broker_death(opened.died, trouble))
            try:
                await self._with_processes(opened.endpoint, wrap, trouble)
            except (TransportLost, EOFError, OSError):
                await asyncio.wait({trouble}, timeout=_LAST_WORDS_S)  # what has died may tell more of it itself
                raise
            finally:
                watching.cancel()

    async def _with_processes(self, endpoint: Endpoint, wrap: Wrap | None, trouble: asyncio.Future[None]) -> None:
        async with Mqtt(endpoint, f"{self.token}-coordinator") as transport:
            await transport.subscribe([self.topics.report])
            conducting = asyncio.create_task(self._conduct(transport))
            watching = asyncio.create_task(self._watch_silence(transport))
            try:
                self._start(endpoint, wrap, trouble)
                for task in (await asyncio.wait({conducting, watching}, return_when=asyncio.FIRST_COMPLETED))[0]:
                    task.result()
            finally:
                for task in (conducting, watching):
                    task.cancel()
                await asyncio.gather(conducting, watching, return_exceptions=True)
                await self._stop()

    def _start(self, endpoint: Endpoint, wrap: Wrap | None, trouble: asyncio.Future[None]) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # nobody multiplies matrices in there
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOAD)
        resource_tracker.ensure_running()  # by itself, since it lifts the mask
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # while it imports, it would die of Ctrl-C
        common = in_common(self.plan.scenario, self.places)
        testament = bequeath(self.plan.scenario, common, self.work)
        if testament is not None:
            os.environ[VARIABLE] = str(testament)
        try:
            forkserver.ensure_running()
        finally:
            os.environ.pop(VARIABLE, None)
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        board = context.RawArray("q", board_size(len(self.places))) if self.fidelity.pace == "clock" else None
        for place in self.places:
            theirs, ours = context.Pipe(duplex=False)
            steered = self.steering is not None
            job = Job(place, common, endpoint, self.token, self.key, self.work, theirs, wrap, steered, board)
            running = context.Process(target=main, args=(job,), name=f"netsim {self.token} {place.name}", daemon=True)
            running.start()
            theirs.close()
            self.lifelines.append(ours)
            process = _Process(place, running)
            self.processes.append(process)
            asyncio.get_running_loop().add_reader(running.sentinel, self._ended, process, trouble)

    def _ended(self, process: _Process, trouble: asyncio.Future[None]) -> None:
        """A process is gone: asked for, or not."""
        asyncio.get_running_loop().remove_reader(process.running.sentinel)
        if process.expected_to_end or trouble.done():
            return
        process.running.join(1)
        code = process.running.exitcode
        if self.finishing and code == 0:  # its last word is on its way
            return
        how = f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        reason = Aborted(f"the process of {process.place.name} died unasked ({how})")
        if code == NO_BROKER:
            reason = Aborted(f"the process of {process.place.name} lost the broker")

        def tell() -> None:
            if not trouble.done():
                trouble.set_exception(reason)

        # If the broker has died, its own word of it says more.
        asyncio.get_running_loop().call_later(_LAST_WORDS_S if code == NO_BROKER else 0, tell)

    async def _stop(self) -> None:
        """Leave no process behind."""
        loop = asyncio.get_running_loop()
        for process in self.processes:
            loop.remove_reader(process.running.sentinel)
        deadline = time.monotonic() + 2
        for process in self.processes:
            while process.expected_to_end and process.running.is_alive() and time.monotonic() < deadline:
                await asyncio.sleep(0.002)
            process.running.kill()
        for process in self.processes:
            process.running.join()
            process.running.close()
        for lifeline in self.lifelines:
            lifeline.close()

    # --- conducting -----------------------------------------------------------------------------------------------

    async def _conduct(self, transport: Mqtt) -> None:
        words = self._words(transport)
        await self._all(words, control.Hello)
        await self._tell(transport, self.topics.all, control.Probe())
        await self._all(words, control.Ready)
        ready = time.monotonic()
        self.start_s = ready - self.began
        if self.plan.scenario.emulation.pace == "clock":
            await self._by_the_clock(transport, words)
        else:
            await self._in_lockstep(transport, words)
        self.conduct_s = time.monotonic() - ready
        await self._finish(transport, words)

    async def _words(self, transport: Transport) -> Any:
        """What the processes say; loss and failure are answered here, once for all."""
        async for topic, data in transport.messages():
            payload = self.sealed.open(topic, data)
            if payload is None:
                self.rejected += 1
                continue
            word = self.decoder.decode(payload)
            if isinstance(word, control.Failed):
                self.processes[word.process].expected_to_end = True
                raise Aborted(f"{self._name(word.process)} failed: {word.reason}", word.details)
            if isinstance(word, control.Waiting):
                self._waits(word)
                continue
            yield word

    async def _all(self, words: Any, kind: type[Any]) -> None:
        """One word of that kind from every process."""
        self._await(self.alive)
        while self.awaited:
            word = await anext(words)
            if isinstance(word, kind):
                self.awaited.discard(word.process)

    async def _in_lockstep(self, transport: Mqtt, words: Any) -> None:
        reach = lookahead(self.plan, self.places)
        slacks = [slack(self.plan, place) for place in self.places]
        windows = Windows(reach, slacks, [place.since for place in self.places], self.plan.scenario.duration)
        granted: dict[int, int] = {}  # by process under way: the number of its grant
        parts = [0] * len(self.places)  # by process: the last part of it that it has told of
        self._await(())
        steering = self.steering
        if steering is not None:
            steering.begin()
        while True:
            if steering is not None and steering.wished:
                if not self.awaited:
                    self._grant_wish(steering, windows)
                    continue
            elif not (transport.waiting and self.awaited):  # what has come may change what is worth granting
                limit = None if steering is None else steering.limit(self.plan.scenario.duration)
                for process, number, horizon, marks in windows.grants(limit):
                    self.awaited.add(process)
                    granted[process] = number
                    parts[process] = 0
                    amendments, self.amendments[process] = self.amendments[process], []
                    grant = control.Grant(number, horizon, marks, amendments)
                    await self._tell(transport, self.topics.grant(process), grant)
                self.fidelity.rounds = windows.rounds
                if not self.awaited:
                    if not windows.waiting:
                        return
                    await asyncio.sleep(LOOK_AGAIN_S)  # the wall has not come as far
                    self._await(())
                    self._saw(windows.now, ())
                    continue
            word = await anext(words)
            if not isinstance(word, control.Report) or granted.get(word.process) != word.grant:
                continue
            if word.part:
                if word.part <= parts[word.process]:
                    continue
                parts[word.process] = word.part
            else:
                del granted[word.process]  # should the broker double it
                self.awaited.discard(word.process)
            self.moved, self.asked = time.monotonic(), None
            self.marks[word.process] = word.sequence
            self.busy[word.process] = word.busy
            windows.report(word)
            self.tally.add(word.news)
            if word.crashed:
                await self._kill(word.process)
            self._saw(windows.now, word.news)
            self._show(windows.now)

    def _grant_wish(self, steering: Steering, windows: Windows) -> None:
        """Let what is wished for happen at a time that nobody has been granted yet. All have reported."""
        at = max(windows.horizon, max(self.busy) + 1 if steering.kills else 0)
        amendment = self._amend(steering, at)
        if amendment is not None:
            windows.amend(amendment.at)
            for waiting in self.amendments:
                waiting.append(amendment)

    def _amend(self, steering: Steering, at: int) -> Amendment | None:
        """The plan is another one from `at` on (ns), or soon after; None where it cannot be."""
        granted = steering.grant(self.plan, at)
        if granted is None:
            return None
        self.amended += 1
        return Amendment(self.amended, granted, pickle.dumps(self.plan.scenario))

    async def _by_the_clock(self, transport: Transport, words: Any) -> None:
        context = multiprocessing.get_context("forkserver")
        async with bare_timer(context, f"netsim {self.token} timer", self.fidelity.timer_lateness_ns):
            await self._until_all_have_finished(transport, words)

    async def _until_all_have_finished(self, transport: Transport, words: Any) -> None:
        epoch = time.monotonic_ns() + 50_000_000
        await self._tell(transport, self.topics.all, control.Begin(epoch))
        finished: set[int] = set()
        if self.steering is not None:
            self.steering.begin()
        while finished != self.alive:
            self._await(self.alive - finished)
            if self.steering is not None and self.steering.wished:
                await self._grant_wish_soon(transport, self.steering, epoch)
            word = await anext(words)
            if not isinstance(word, control.Report):
                continue
            self.marks[word.process] = word.sequence
            self.tally.add(word.news)
            self._saw(word.next, word.news, word.late)
            if word.crashed:
                await self._kill(word.process)
                await self._tell(transport, self.topics.all, control.Gone(word.process))
            elif word.grant:
                finished.add(word.process)
            self._show(word.next)

    async def _grant_wish_soon(self, transport: Transport, steering: Steering, epoch: int) -> None:
        """Let what is wished for happen so late that all processes know of it before, most likely."""
        wall = time.monotonic_ns() - epoch + _FOREWARNING_NS
        amendment = self._amend(steering, int(wall / self.plan.scenario.emulation.dilation))
        if amendment is not None:
            await self._tell(transport, self.topics.all, control.Amend(amendment))

    async def _finish(self, transport: Transport, words: Any) -> None:
        """High-water marks to everybody, totals from everybody."""
        self.finishing = True
        self._await(self.alive)
        await self._tell(transport, self.topics.all, control.Finish(dict(enumerate(self.marks)), _ANSWER_S))
        while self.awaited:
            word = await anext(words)
            if isinstance(word, control.Finished):
                self.awaited.discard(word.process)
                self.processes[word.process].expected_to_end = True
                self.fidelity.broker_lost += word.lost
                self.fidelity.lateness_ns += word.lateness
                self.rejected += word.rejected
                self.tally.add(word.news)
                self._saw(self.plan.scenario.duration, word.news)
        self._show(self.plan.scenario.duration, last=True)

    async def _kill(self, process: int) -> None:
        """A crash: the process has written what it had handled; nothing else of it survives."""
        self.processes[process].expected_to_end = True
        self.processes[process].running.kill()
        self.alive.discard(process)

    async def _tell(self, transport: Transport, topic: str, order: Order) -> None:
        await transport.publish(topic, self.sealed.close(topic, self.encoder.encode(order)))

    # --- watching -------------------------------------------------------------------------------------------------

    def _await(self, processes: Any) -> None:
        self.awaited = set(processes)
        self.moved = time.monotonic()
        self.asked = None

    async def _watch_silence(self, transport: Transport) -> None:
        """A round that does not end: ask the silent what they wait for, then give up, naming them."""
        while True:
            await asyncio.sleep(min(0.25, self.silence_s / 4))
            now = time.monotonic()
            if self.asked is not None and now - self.asked > _ANSWER_S:
                silent = ", ".join(self._name(process) for process in sorted(self.awaited))
                raise Aborted(f"no word from {silent} for {now - self.moved:.0f} s")
            if self.asked is None and self.awaited and now - self.moved > self.silence_s:
                self.asked = now
                await self._tell(transport, self.topics.all, control.Ask())

    def _waits(self, word: control.Waiting) -> None:
        """A process has told what it is waiting for."""
        if word.missing:
            lost = sum(mark - received for _, received, mark in word.missing)
            sender, _, _ = word.missing[0]
            raise Aborted(
                f"the broker lost {lost} batch{'es' if lost > 1 else ''} of {self._name(sender)} on the way to "
                f"{self._name(word.process)}; lockstep cannot go on",
                lost=lost,
            )
        if self.asked is not None and word.process in self.awaited:
            # Its word of this round would have come before this answer, had it been granted one and sent it.
            raise Aborted(f"the broker lost a word between the coordinator and {self._name(word.process)}", lost=1)

    def _name(self, process: int) -> str:
        return self.places[process].name

    def _saw(self, now: int, news: News, late: int | None = None) -> None:
        """Tell whoever watches; `late` (ns) is known under the clock."""
        if self.steering is not None:
            self.steering.saw(now, news, self.plan.scenario.duration, late)

    def _show(self, now: int, last: bool = False) -> None:
        if self.observe is not None and (last or time.monotonic() - self.shown > _SHOW_EVERY_S):
            self.shown = time.monotonic()
            self.observe(min(now, self.plan.scenario.duration), self.tally)


async def _broker_death(died: Any, trouble: asyncio.Future[None]) -> None:
    reason = await died
    if not trouble.done():
        trouble.set_exception(Aborted(f"the broker died: {reason}"))


@contextmanager
def _signals(trouble: asyncio.Future[None]) -> Iterator[None]:
    """Ctrl-C and a polite kill end the run in order."""
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        if not trouble.done():
            trouble.set_exception(Interrupted())

    with ExitStack() as stack:
        # Outside the main thread the signals are somebody else's.
        with suppress(ValueError, RuntimeError):
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, interrupt)
                stack.callback(loop.remove_signal_handler, number)
        yield


__all__ = ["Aborted", "Emulated", "Interrupted", "emulate"]
