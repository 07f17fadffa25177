"""One alarm per process, exact to some 0.1 ms, for events that are due at a time of the wall.

asyncio rounds its time-outs up to the next millisecond. On Linux a timer of the kernel wakes the event loop through a
file descriptor instead; elsewhere the alarm is as coarse as asyncio.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

_ABSOLUTE = 1  # TFD_TIMER_ABSTIME, linux/timerfd.h
_SECOND = 1_000_000_000
_EXACT = sys.platform == "linux"


class Alarm:
    """Calls back once at a time of the monotonic clock (`time.monotonic_ns`). To be used in a context."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._callback: Callable[[], object] | None = None
        self._coarse: asyncio.TimerHandle | None = None
        self._descriptor: int | None = None
        if _EXACT:
            self._descriptor = _create()
            self._loop.add_reader(self._descriptor, self._ring)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cancel()
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)

    def set(self, deadline_ns: int, callback: Callable[[], object]) -> None:
        """Call back at that time, or at once if it is past, instead of what was set before."""
        self._callback = callback
        if self._descriptor is not None:
            _arm(self._descriptor, max(deadline_ns, 1))
        else:
            if self._coarse is not None:
                self._coarse.cancel()
            delay = (deadline_ns - time.monotonic_ns()) / _SECOND
            self._coarse = self._loop.call_later(max(delay, 0), self._ring)

    def cancel(self) -> None:
        """Do not call back."""
        self._callback = None
        if self._descriptor is not None:
            _arm(self._descriptor, 0)
        elif self._coarse is not None:
            self._coarse.cancel()

    async def until(self, deadline_ns: int) -> None:
        """Wait for that time. For one task at a time: the alarm has one deadline."""
        due = asyncio.Event()
        self.set(deadline_ns, due.set)
        try:
            await due.wait()
        finally:
            self.cancel()

    def _ring(self) -> None:
        if self._descriptor is not None:
            try:
                os.read(self._descriptor, 8)
            except BlockingIOError:  # set anew after the event loop had seen it go off
                return
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


if sys.platform == "linux" and sys.version_info >= (3, 13):

    def _create() -> int:
        return os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)

    def _arm(descriptor: int, deadline_ns: int) -> None:
        os.timerfd_settime_ns(descriptor, flags=_ABSOLUTE, initial=deadline_ns)

elif sys.platform == "linux":

    class _Time(ctypes.Structure):
        _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))  # struct timespec

    class _Timer(ctypes.Structure):
        _fields_ = (("interval", _Time), ("value", _Time))  # struct itimerspec

    _c = ctypes.CDLL(None, use_errno=True)

    def _create() -> int:
        flags = os.O_NONBLOCK | os.O_CLOEXEC  # which TFD_NONBLOCK and TFD_CLOEXEC are defined as
        return _checked(_c.timerfd_create(time.CLOCK_MONOTONIC, flags))

    def _arm(descriptor: int, deadline_ns: int) -> None:
        """0 disarms."""
        timer = _Timer(value=_Time(*divmod(deadline_ns, _SECOND)))
        _checked(_c.timerfd_settime(descriptor, _ABSOLUTE, ctypes.byref(timer), None))

    def _checked(result: int) -> int:
        if result < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return result
