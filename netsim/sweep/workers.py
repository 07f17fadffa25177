"""Many runs through Dask: in worker processes of this machine, or of a cluster that has a scheduler somewhere.

Dask places the runs and does those of a lost worker again. What it hands out is one run at a time: a scenario, a seed,
and the code of a protocol that is no part of netsim. A worker must have the same netsim, to the letter of its source.
"""

from __future__ import annotations

import logging
import queue
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2b
from itertools import islice
from multiprocessing import active_children
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING, Any

import netsim
from netsim.sweep.run import INCOMPLETE, Run, SweepError, measured

if TYPE_CHECKING:
    from netsim.scenario import Point, Scenario

Task = tuple[int, int]  # a point, counted from 0, and a seed
Code = Mapping[str, bytes]  # Python files by name

ANSWER_S = 10  # how long a scheduler may take to answer
_LEAST_AHEAD = 64  # runs that the scheduler knows of; fewer would leave workers idle
_LOOK_S = 0.5  # between two looks at the scheduler while no run is done
_SILENT = logging.CRITICAL + 1
_LOGGERS = ("distributed", "distributed.client", "distributed.nanny", "distributed.worker", "distributed.scheduler")


@dataclass(frozen=True, slots=True)
class State:
    """How far a sweep is: how many runs are being simulated, how many were begun anew as their worker was lost."""

    running: int = 0
    redone: int = 0
    workers: int = 0


Observe = Callable[[State], None]


class OtherNetsim(Exception):
    """A worker's netsim is not the one that the sweep was started with."""


def sweep(
    points: Sequence[Point], tasks: Sequence[Task], jobs: int, client: Any = None, observe: Observe | None = None
) -> Iterator[Run]:
    """Simulate every task. The runs come as they are done, in any order; one that failed comes with its reason.

    They are simulated by the cluster of `client`, or else by `jobs` processes of this machine: in this one where there
    is one job, or one task. `observe` is told now and then how far it is. Raises SweepError; it, and Ctrl-C, leave
    nothing running.
    """
    if client is not None:
        yield from _spread(points, tasks, client, observe)
    elif min(jobs, len(tasks)) <= 1:
        for point, seed in tasks:
            if observe is not None:
                observe(State(running=1, workers=1))
            yield measured(point, points[point].scenario, seed)
    else:
        with _local(min(jobs, len(tasks))) as client:
            yield from _spread(points, tasks, client, observe)


@contextmanager
def joined(address: str) -> Iterator[Any]:
    """A client of the cluster whose scheduler is at `address`. Raises SweepError where none answers."""
    _silence()
    import distributed

    dask: Any = distributed  # whose names are partly untyped
    try:
        client = dask.Client(address, timeout=ANSWER_S, set_as_default=False, name="netsim-sweep")
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise SweepError(f"no Dask scheduler answers at {address}: {reason}") from None
    try:
        _check_versions(client)
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=2)


@contextmanager
def _local(jobs: int) -> Iterator[Any]:
    """A client of `jobs` processes on this machine, which end with the block, and with this process however it ends."""
    _silence()
    import distributed

    dask: Any = distributed
    others = set(active_children())
    with TemporaryDirectory(prefix="netsim-sweep-", ignore_cleanup_errors=True) as work:
        # Ctrl-C is this process's business: its children inherit that they are not to hear it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            cluster = dask.LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                protocol="tcp",
                scheduler_port=0,
                # No dashboard; but the scheduler serves its metrics all the same, at 8787 unless told otherwise, and
                # warns where another sweep has that port.
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                worker_dashboard_address=None,
                silence_logs=_SILENT,
                local_directory=work,
                memory_limit=0,
                preload=["netsim.sweep.worker"],
            )
            client = dask.Client(cluster, set_as_default=False)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        try:
            yield client
        finally:
            for nanny in cluster.workers.values():
                nanny.auto_restart = False
            for process in set(active_children()) - others:  # what they still simulate, nobody waits for
                process.kill()
            with suppress(Exception):
                client.close(timeout=2)
            with suppress(Exception):
                cluster.close(timeout=5)


def _silence() -> None:
    """What Dask's own processes have to say goes to their logs, not onto the terminal of a sweep."""
    import dask

    dask.config.set({"logging": dict.fromkeys((*_LOGGERS, "tornado", "tornado.application"), "critical")})
    import distributed  # noqa: F401  # which sets its loggers up when it is imported

    for name in (*_LOGGERS, "distributed.core", "distributed.comm", "tornado", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(_SILENT)


def _check_versions(client: Any) -> None:
    """Raises SweepError where a worker that is there already has another netsim, or none."""
    try:
        found = client.run(_netsim_here)
    except ModuleNotFoundError as error:
        raise SweepError(f"a worker of the cluster has no {error.name}") from None
    except Exception as error:
        raise SweepError(f"the cluster's workers cannot be asked for their version: {error}") from None
    for worker, (version, source) in found.items():
        if source != source_digest():
            raise SweepError(_other(worker, version))


def _netsim_here() -> tuple[str, str]:
    return netsim.__version__, source_digest()


def _other(worker: str, version: str) -> str:
    same = " of the same number, but not the same source" if version == netsim.__version__ else ""
    return f"the worker {worker} has netsim {version}{same}, this is {netsim.__version__}: install the same on both"


@cache
def source_digest() -> str:
    """A digest of this netsim's source: runs of one table are made by one program."""
    root = Path(netsim.__file__).parent
    digest = blake2b(digest_size=16)
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _spread(points: Sequence[Point], tasks: Sequence[Task], client: Any, observe: Observe | None) -> Iterator[Run]:
    """Hand the tasks out, some ahead of what is simulated, and take the runs as they come."""
    from distributed import KilledWorker

    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    waiting = iter(tasks)
    asked: dict[Any, Task] = {}
    lost = [0]
    codes = {number: code_of(points[number].scenario) for number in dict.fromkeys(point for point, _ in tasks)}

    def ask(count: int) -> None:
        for point, seed in islice(waiting, count):
            given = (point, points[point].scenario, seed, codes[point], source_digest())
            future = client.submit(_simulate, *given, pure=False)
            asked[future] = (point, seed)
            future.add_done_callback(done.put)

    def heard(event: tuple[float, Any]) -> None:
        if event[1].get("action") == "remove-worker":
            lost[0] += len(event[1].get("processing-tasks") or ())

    client.subscribe_topic("all", heard)
    looked = 0.0
    try:
        ask(_LEAST_AHEAD)
        while asked:
            try:
                future = done.get(timeout=_LOOK_S)
            except queue.Empty:
                future = None
            if time.monotonic() - looked > _LOOK_S:
                looked = time.monotonic()
                state = _state(client, lost[0])
                if observe is not None:
                    observe(state)
                ask(max(_LEAST_AHEAD, 4 * state.workers) - len(asked))
            if future is None:
                continue
            point, seed = asked.pop(future)
            try:
                run = future.result()
            except KilledWorker as error:
                failure = f"its worker was lost {error.allowed_failures + 1} times; perhaps there is not enough memory"
                run = Run(point, seed, {}, exit_code=INCOMPLETE, failure=failure)
            except OtherNetsim as error:
                raise SweepError(str(error)) from None
            except ModuleNotFoundError as error:
                raise SweepError(f"a worker of the cluster has no {error.name}") from None
            except Exception as error:
                if future.cancelled() or client.status != "running":
                    raise SweepError("the cluster's scheduler is gone") from None
                what = f"{type(error).__name__}: {' '.join(str(error).split())}"
                run = Run(point, seed, {}, exit_code=INCOMPLETE, failure=what)
            future.release()
            ask(1)
            yield run
    finally:
        with suppress(Exception):
            client.cancel(list(asked), force=True)


def _state(client: Any, redone: int) -> State:
    """What the scheduler says. Raises SweepError where it is gone."""
    try:
        processing, threads = client.processing(), client.nthreads()
    except Exception:
        raise SweepError("the cluster's scheduler is gone") from None
    running = sum(
        min(len(keys), threads.get(worker, 1)) for worker, keys in processing.items()
    )  # the others wait there
    return State(running, redone, len(processing))


def _simulate(point: int, scenario: Scenario, seed: int, code: Code, source: str) -> Run:
    """What a worker does. Raises OtherNetsim."""
    from distributed import get_worker

    worker = get_worker()
    own = Path(worker.local_directory)  # which goes with the worker, also when it is killed
    if source != source_digest():
        raise OtherNetsim(_other(worker.address, netsim.__version__))
    if code:
        folder = unpack(code, own)
        place, colon, name = scenario.consensus.protocol.partition(":")
        protocol = f"{Path(place).name}{colon}{name}"
        scenario = replace(scenario, consensus=replace(scenario.consensus, protocol=protocol, folder=str(folder)))
    return measured(point, scenario, seed, own)


def code_of(scenario: Scenario) -> Code:
    """The file of a protocol that is no part of netsim, and the Python files beside it, which it may import.

    There is none for one that is built in, or a module that is not in the scenario's folder, or a package.
    """
    consensus = scenario.consensus
    if consensus.folder is None:
        return {}
    module = consensus.protocol.partition(":")[0]
    file = consensus.code or Path(consensus.folder, f"{module}.py")
    return {path.name: path.read_bytes() for path in sorted(file.parent.glob("*.py"))} if file.is_file() else {}


def unpack(code: Code, below: Path) -> Path:
    """A folder with these files, the same for the same; modules of another one's are forgotten."""
    digest = blake2b(repr(sorted(code.items())).encode(), digest_size=8).hexdigest()
    folder = below / f"netsim-code-{digest}"
    if not folder.is_dir():
        new = Path(mkdtemp(dir=below))
        for name, text in code.items():
            (new / name).write_bytes(text)
        with suppress(OSError):  # another thread was quicker
            new.rename(folder)
    mine, prefix = str(folder.resolve()), str(below.resolve() / "netsim-code-")
    for name, module in list(sys.modules.items()):
        place = getattr(module, "__file__", None) or ""
        if place.startswith(prefix) and not place.startswith(mine):
            del sys.modules[name]
    sys.path[:] = [place for place in sys.path if not place.startswith(prefix) or place == mine]
    return folder
