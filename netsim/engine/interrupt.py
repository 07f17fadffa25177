"""Ctrl-C ends a run once: whoever is impatient does not lose what was recorded.

The signal is ignored and blocked as well, since libraries that are loaded later (polars) bring handlers of their own.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def ignore_further_interrupts() -> None:
    """From now on Ctrl-C does nothing; outside the main thread, signals are somebody else's."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


@contextmanager
def interrupts_restored() -> Iterator[None]:
    """Afterwards Ctrl-C does what it did before; what came in between is forgotten."""
    before = signal.getsignal(signal.SIGINT)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            signal.signal(signal.SIGINT, before)
