"""Steps back and becomes the job's command. Run as a file of its own, before anything of ours is imported.

    python -I -S job_start.py PARENT COMMAND...

Least of all that runs here: nice 19 and SCHED_IDLE (sched(7)), so that no verdict waits for a job; first to go when
memory is short (proc(5), oom_score_adj). SIGTERM when the panel ends, however it ends (prctl(2), PR_SET_PDEATHSIG): a
job that holds the line in set-up can still put it back. All of this is kept across execve(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_NICE = 19
_FIRST_TO_GO = "800"


def main(parent: int, command: list[str]) -> None:
    died = ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if died != 0 or os.getppid() != parent:  # it has ended before we could be told
        raise SystemExit(3)
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
    os.execv(command[0], command)  # noqa: S606 - a list, no shell


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
