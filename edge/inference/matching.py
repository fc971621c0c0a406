"""Which frame shows which part: by camera and time of exposure. Pure; time is passed in."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from edge.bus.wire import Expect, FrameReady

_KEPT = 512  # frames of one camera; more than any ring holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """triggered: the camera exposes once for each part. period_ns: rated time between frames otherwise."""

    triggered: bool
    period_ns: int


@dataclass(slots=True, kw_only=True)
class _Seen:
    ready: FrameReady
    used: bool = False


class FrameBook:
    """The recent frames of one camera. A frame goes to one part at most.

    Size: 512 frames; the oldest is forgotten, and counted in `unmatched` when no part took it.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._frames: OrderedDict[tuple[int, int], _Seen] = OrderedDict()
        self._newest_ns = 0
        self.unmatched = 0

    def add(self, ready: FrameReady) -> bool:
        """False when it was announced before."""
        key = (ready.frame.epoch, ready.frame.seq)
        if key in self._frames:
            return False
        self._frames[key] = _Seen(ready=ready)
        self._newest_ns = max(self._newest_ns, ready.frame.exposed_at_ns)
        if len(self._frames) > _KEPT:
            _, oldest = self._frames.popitem(last=False)
            self.unmatched += not oldest.used
        return True

    def take(self, expect: Expect, now_ns: int) -> FrameReady | None:
        """The frame for this part, now its own; None as long as there is none, or a better one may still come.

        A frame fits when its exposure, whatever its error, lies in the window; the one nearest the middle is taken.
        """
        middle = (expect.not_before_ns + expect.not_after_ns) // 2
        fitting = [seen for seen in self._frames.values() if not seen.used and _fits(seen.ready, expect)]
        if not fitting:
            return None
        best = min(fitting, key=lambda seen: abs(seen.ready.frame.exposed_at_ns - middle))
        if self._better_may_come(best.ready, expect, middle, now_ns):
            return None
        best.used = True
        return best.ready

    def _better_may_come(self, best: FrameReady, expect: Expect, middle: int, now_ns: int) -> bool:
        """Only a camera that runs freely has a next frame; waiting for it costs time, so only if it can be nearer."""
        if self._pace.triggered or self._newest_ns >= middle:
            return False
        following = self._newest_ns + self._pace.period_ns
        if following > expect.not_after_ns or now_ns > following + self._pace.period_ns:
            return False
        return abs(following - middle) < abs(best.frame.exposed_at_ns - middle)


def _fits(ready: FrameReady, expect: Expect) -> bool:
    at, error = ready.frame.exposed_at_ns, ready.frame.error_ns
    return expect.not_before_ns <= at - error and at + error <= expect.not_after_ns
