"""The line's process is real-time on one core, or as before where it may not be."""

from __future__ import annotations

import os
import subprocess
import sys

_SETTLE = """
import os, threading
from edge.line import realtime
{before}
print(realtime.settle())
seen = []
thread = threading.Thread(target=lambda: seen.append((os.sched_getscheduler(0), len(os.sched_getaffinity(0)))))
thread.start()
thread.join()
print(*seen[0], max(os.sched_getaffinity(0)))
"""


def _settle(before: str = "") -> list[str]:
    """In a process of its own: what it starts inherits it."""
    code = _SETTLE.format(before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.split()


def test_every_thread_of_it_keeps_to_the_last_core() -> None:
    granted, policy, cores, last = _settle()
    if granted == "True":
        assert (int(policy), int(cores)) == (os.SCHED_FIFO, 1)
    assert int(last) == max(os.sched_getaffinity(0))


def test_without_the_right_to_real_time_it_may_run_anywhere() -> None:
    refuse = "os.setgid(65534); os.setuid(65534)" if os.geteuid() == 0 else ""
    granted, policy, cores, _ = _settle(refuse)
    assert (granted, int(policy), int(cores)) == ("False", os.SCHED_OTHER, len(os.sched_getaffinity(0)))
