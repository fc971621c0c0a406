"""Real-time scheduling of the line's threads. sched(7).

All threads of the process need it, not only the gate's: they share the interpreter, and one that holds it while other
programs have the processor would keep the gate waiting. The gate's stands above the others.
"""

from __future__ import annotations

import os

PROCESS, GATE = 40, 50  # of 1 to 99; kernel threads that serve interrupts have 50 and more on PREEMPT_RT


def ask(priority: int) -> str:
    """For the calling thread and those it starts from now on. What it got: without the right, scheduling as usual."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError:
        return "other"
    return f"fifo {priority}"
