"""When the frames of a recording are shown: at the distances they were taken, or as soon as somebody asks."""

from __future__ import annotations

import math

from edge.clock import MS, SECOND, Clock

# Recorded media have stamps of whole milliseconds at best.
STAMP_ERROR_NS = MS
_SLIP_NS = 500 * MS
_LONGEST_STEP_NS = 10 * SECOND


class Pace:
    """Free: each frame is due when it is asked for. Else the first is due at once and the others after it as recorded.

    A recording that is more than half a second behind (this process stood still) is held back instead of being
    shown in a rush with stamps of long ago: nothing in it is lost, and `slipped` counts it.
    """

    def __init__(self, *, free: bool) -> None:
        self._free = free
        self._zero_ns: int | None = None
        self._last_ns = 0
        self.slipped = 0

    def restart(self) -> None:
        self._zero_ns = None

    def due_ns(self, media_ns: int, now_ns: int) -> int:
        """When the frame at `media_ns` is due, CLOCK_MONOTONIC; grows from frame to frame. Ask once for each."""
        if self._free or self._zero_ns is None:
            self._zero_ns = now_ns - media_ns
        elif now_ns - (self._zero_ns + media_ns) > _SLIP_NS:
            self.slipped += 1
            self._zero_ns = now_ns - media_ns
        self._last_ns = max(self._zero_ns + media_ns, self._last_ns + 1)
        return self._last_ns


class MediaTime:
    """Time in a recording from its own stamps: from 0, growing, through its end into its beginning.

    A stamp that does not grow, or leaps by more than ten seconds, is broken: the frame then counts as one period.
    """

    def __init__(self, period_ns: int) -> None:
        self._period_ns = period_ns
        self._last_ms: float | None = None
        self._at_ns: int | None = None
        self.broken = 0

    def next(self, stamp_ms: float | None) -> int:
        """ns of the next frame, which carries this stamp; None when it has none."""
        before, self._last_ms = self._last_ms, stamp_ms
        if self._at_ns is None:
            self._at_ns = 0
            return 0
        step_ns = self._period_ns
        if before is not None and stamp_ms is not None:
            told = (stamp_ms - before) * MS
            if math.isfinite(told) and 0 < told <= _LONGEST_STEP_NS:
                step_ns = round(told)
            else:
                self.broken += 1
        self._at_ns += max(1, step_ns)
        return self._at_ns

    def seam(self) -> None:
        """The next frame is the first of the recording again, one period after the last."""
        self._last_ms = None


def wait_until(clock: Clock, due_ns: int, timeout_s: float) -> bool:
    """Sleep until `due_ns`, `timeout_s` at most. True when it is due."""
    left_s = (due_ns - clock.now_ns()) / SECOND
    if left_s > 0:
        clock.sleep(min(left_s, timeout_s))
    return clock.now_ns() >= due_ns
