"""`edge bench`: the performance figures, as medians of interleaved rounds on this machine."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from edge.apps.bench import transport

_SHM = Path("/dev/shm")  # noqa: S108 - the kernel's shared memory, where rings lie


def run(rounds: int, progress: transport.Progress) -> dict[str, Any]:
    """All groups. Later issues and commits add groups; a figure that was not measured is not in it."""
    return {
        "transport": transport.measure(transport.Plan(rounds, _SHM, progress)),
        "rounds": rounds,
        "machine": machine(),
    }


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "processor": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return "unknown"
