"""Real-time scheduling of the line's threads. sched(7).

All threads of the process need it, not only the gate's: they share the interpreter, and one that holds it while other
programs have the processor would keep the gate waiting. The gate's stands above the others.

They keep to one core (decision 0014): real-time threads wake where they ran last and push aside whatever runs there,
which would be the model as often as not, while the next core had room.
"""

from __future__ import annotations

import contextlib
import os

PROCESS, GATE = 40, 50  # of 1 to 99; kernel threads that serve interrupts have 50 and more on PREEMPT_RT


def ask(priority: int) -> str:
    """For the calling thread and those it starts from now on. What it got: without the right, scheduling as usual."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError:
        return "other"
    return f"fifo {priority}"


def settle() -> bool:
    """The calling thread and those it starts from now on: real-time on one core. False without the right to that."""
    if ask(PROCESS) == "other":
        return False  # kept to a core that others keep busy, it would wait there
    cores = os.sched_getaffinity(0)
    with contextlib.suppress(OSError):  # a core that was taken from us meanwhile: all of them, then
        os.sched_setaffinity(0, {max(cores)})  # the last: interrupts come to the first
    return True
