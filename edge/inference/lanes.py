"""Worker threads that take at most a few jobs and wake the main loop when one is done."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from edge.clock import Clock


class Wake:
    """An eventfd(2) that wakes a poll from another thread."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def set(self) -> None:
        os.eventfd_write(self.fd, 1)

    def clear(self) -> None:
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            return  # nobody had set it

    def close(self) -> None:
        os.close(self.fd)


@dataclass(slots=True, kw_only=True, eq=False)
class _Job:
    token: Any
    future: Future[Any]


class Lane:
    """One or more threads. Queue: `size` jobs, the running ones included; none is dropped, `room` says whether to wait.

    An exception in a job that is no EdgeError is a defect of ours: `finished` raises it in the main loop, and the
    process ends. nice: of these threads alone, beside the process's; a kernel that refuses leaves it as it is.
    """

    def __init__(self, name: str, size: int, wake: Wake, clock: Clock, *, threads: int = 1, nice: int = 0) -> None:
        self.name, self.size = name, size
        self._wake, self._clock = wake, clock
        self._executor = ThreadPoolExecutor(threads, name, initializer=_be_nice, initargs=(nice,))
        self._jobs: deque[_Job] = deque()
        self._begun_ns: dict[int, int] = {}  # thread -> when its running job began

    @property
    def depth(self) -> int:
        return len(self._jobs)

    @property
    def room(self) -> bool:
        return len(self._jobs) < self.size

    def busy_ns(self) -> int:
        """How long the oldest running job has been running; 0 when none is."""
        now_ns = self._clock.now_ns()
        return now_ns - min(self._begun_ns.copy().values(), default=now_ns)  # a copy: the threads change it meanwhile

    def submit(self, token: Any, work: Callable[[], Any]) -> None:
        """`token` comes back with the result. Only when there is room."""
        future = self._executor.submit(self._timed, work)
        self._jobs.append(_Job(token=token, future=future))
        future.add_done_callback(lambda _: self._wake.set())

    def finished(self) -> list[tuple[Any, Any]]:
        """(token, result) of the jobs that are done, in the order in which they came."""
        done = [job for job in self._jobs if job.future.done()]
        for job in done:
            self._jobs.remove(job)
        return [(job.token, job.future.result()) for job in done]

    def close(self) -> None:
        """Waits for the running jobs; those waiting are not begun."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _timed(self, work: Callable[[], Any]) -> Any:
        thread = threading.get_ident()
        self._begun_ns[thread] = self._clock.now_ns()
        try:
            return work()
        finally:
            del self._begun_ns[thread]


def _be_nice(nice: int) -> None:
    """On Linux the nice value is each thread's own: setpriority(2), "C library/kernel differences"."""
    if nice:
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + nice)
