"""What a test may leave behind: nothing. Linux only; all of it is read from /proc, nothing is patched."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SESSION_VARIABLE = "EDGE_TEST_SESSION"
_GRACE_S = 2.0  # what was told to stop may still be stopping
_POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What runs now: pids of all descendants, non-daemon threads, ring files of this test session."""

    pids: frozenset[int]
    threads: frozenset[threading.Thread]
    rings: frozenset[Path]


def station_prefix(pid: int) -> str:
    """How the stations of the test session `pid` are named, so that sessions side by side do not mix."""
    return f"t{pid}n"


def take(shm_dir: Path = Path("/dev/shm")) -> Snapshot:
    """The present state. Costs well under a millisecond when nothing runs."""
    return Snapshot(
        pids=frozenset(_running(_descendants(os.getpid()))),
        threads=frozenset(t for t in threading.enumerate() if t.is_alive() and not t.daemon),
        rings=frozenset(shm_dir.glob(f"edge-*{station_prefix(os.getpid())}*")),
    )


def wait_gone(before: Snapshot, shm_dir: Path = Path("/dev/shm"), grace_s: float = _GRACE_S) -> list[str]:
    """What is there now and was not there `before`, in words; empty as soon as nothing is."""
    until = time.monotonic() + grace_s
    while leaked := _describe(before, take(shm_dir)):
        if time.monotonic() > until:
            break
        time.sleep(_POLL_S)
    return leaked


def orphans(session: str) -> list[int]:
    """Processes of this session (by its environment variable) that are no longer our descendants."""
    ours = _descendants(os.getpid()) | {os.getpid()}
    mark = f"{SESSION_VARIABLE}={session}".encode()
    pids = {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    return sorted(_running(pid for pid in pids - ours if mark in _read(pid, "environ").split(b"\0")))


def end(pids: Iterable[int]) -> None:
    """Kill what leaked, so that one test's leak does not fail the next."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it went by itself meanwhile


def command(pid: int) -> str:
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip() or "?"


def _describe(before: Snapshot, now: Snapshot) -> list[str]:
    return [
        *(f"process {pid}: {command(pid)}" for pid in sorted(now.pids - before.pids - _of_others(before))),
        *(f"thread {thread.name}" for thread in now.threads - before.threads),
        *(f"shared memory {ring}" for ring in sorted(now.rings - before.rings)),
    ]


def _of_others(before: Snapshot) -> set[int]:
    """What processes of before have started since, as a browser does: theirs to end, and found when they are."""
    return set().union(*(_descendants(pid) for pid in before.pids))


def _descendants(pid: int) -> set[int]:
    """proc(5), /proc/pid/task/tid/children: the children that each thread made."""
    found: set[int] = set()
    for task in _tasks(pid):
        try:
            children = {int(child) for child in (task / "children").read_text().split()}
        except OSError:
            continue  # the thread has ended
        found |= children
        for child in children:
            found |= _descendants(child)
    return found


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def _running(pids: Iterable[int]) -> Iterable[int]:
    """Without the dead that wait for their parent, and without multiprocessing's own tracker: it is
    started once by the interpreter and ends with it."""
    for pid in pids:
        state = _read(pid, "stat").rpartition(b")")[2].split()[:1]
        if state not in ([], [b"Z"], [b"X"]) and b"multiprocessing.resource_tracker" not in _read(pid, "cmdline"):
            yield pid


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
