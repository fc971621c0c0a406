"""Time. Decisions use CLOCK_MONOTONIC nanoseconds only; the wall clock is for people to read.

Clocks are passed in, so tests can hold time still.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

MS = 1_000_000
SECOND = 1_000_000_000


class Clock(Protocol):
    """`now_ns`: CLOCK_MONOTONIC, ns. `wall`: aware UTC datetime, for display and export only."""

    def now_ns(self) -> int: ...

    def wall(self) -> datetime: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now_ns(self) -> int:
        return time.monotonic_ns()

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class ManualClock:
    """A clock that moves only when told to. For tests and for replay faster than time."""

    def __init__(self, now_ns: int = SECOND, wall: datetime | None = None) -> None:
        self._now_ns = now_ns
        self._start_ns = now_ns
        self._wall = wall or datetime(2026, 1, 1, tzinfo=UTC)

    def now_ns(self) -> int:
        return self._now_ns

    def wall(self) -> datetime:
        from datetime import timedelta

        return self._wall + timedelta(microseconds=(self._now_ns - self._start_ns) / 1000)

    def sleep(self, seconds: float) -> None:
        self._now_ns += int(seconds * SECOND)

    def advance_ms(self, ms: float) -> None:
        self._now_ns += int(ms * MS)


def boot_id() -> str:
    """The kernel's id of this boot: CLOCK_MONOTONIC values compare only within one boot.

    Source: random(4), /proc/sys/kernel/random/boot_id.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown-boot"
