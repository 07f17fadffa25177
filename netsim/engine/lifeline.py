"""Nothing that a run starts outlives it, however it ends.

A process of an emulation watches a pipe whose other end only the coordinator holds: when that is closed, by intent or
because the coordinator was killed, the process ends. The watching is done by a thread, since the event loop may be busy
for seconds. A stopped process (SIGSTOP) runs no threads, so the kernel is asked as well to kill it with its parent.

With multiprocessing's forkserver the parent is the fork server, which by itself lives as long as the last of its
children: each of them inherits the pipe that keeps it alive. `hold` lets go of that pipe, so the server ends with the
process that started it, and the kernel kills what is left.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import forkserver, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def hold(lifeline: Connection) -> None:
    """From now on this process is killed as soon as the other end of `lifeline` is closed. Nothing is sent on it."""
    die_with_parent(os.getppid())()
    _let_go_of_the_fork_server()
    threading.Thread(target=_wait_for_the_end, args=(lifeline,), name="lifeline", daemon=True).start()


def die_with_parent(parent: int) -> Callable[[], None]:
    """What a new process calls to be killed when its parent, the process `parent`, ends; nothing where not on Linux.

    It is made before the fork, so that between fork and exec nothing is loaded or locked. The kernel takes "parent" to
    mean the thread that forked: start processes from one that lasts.
    """
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None).prctl

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before we asked
            os.kill(os.getpid(), signal.SIGKILL)

    return bind


def _let_go_of_the_fork_server() -> None:
    # The standard library has no public name for this end of the pipe. Where it is not found, all still ends that runs.
    server: Any = getattr(forkserver, "_forkserver", None)
    alive = getattr(server, "_forkserver_alive_fd", None)
    if alive is not None and parent_process() is not None:  # in the process that started the server, it has to stay
        os.close(alive)
        server._forkserver_alive_fd = None


def _wait_for_the_end(lifeline: Connection) -> None:
    wait([lifeline])
    os.kill(os.getpid(), signal.SIGKILL)
