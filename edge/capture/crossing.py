"""The light barrier at its post: crossings in frames become `Seen` messages about this camera's ring."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from statistics import median

from edge.bus import wire
from edge.bus.ring import Pixels
from edge.capture.barrier import BarrierHealth, LightBarrier
from edge.capture.camera import Facts, Shot
from edge.clock import Clock
from edge.domain.barrier import BarrierSettings, Crossing
from edge.domain.frame import FrameRef

_REMEMBERED = 1024  # frames; a crossing is reported in its frame or a few later, while teaching up to 120
_TIMINGS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A frame with its place on the barrier's time axis, which is the recording's where there is one."""

    axis_ns: int
    frame: FrameRef


class BarrierPost:
    """Counts on through `reset`: `n` names a part for ever within an epoch."""

    def __init__(self, settings: BarrierSettings, facts: Facts, clock: Clock) -> None:
        self._barrier = LightBarrier(settings, (facts.height, facts.width))
        self._clock = clock
        self._shown: deque[_Shown] = deque(maxlen=_REMEMBERED)
        self._took_ns: deque[int] = deque(maxlen=_TIMINGS)
        self.seen = 0
        self.without_frame = 0

    @property
    def health(self) -> BarrierHealth:
        return self._barrier.health

    @property
    def median_us(self) -> float:
        return median(self._took_ns) / 1000 if self._took_ns else 0.0

    def reset(self) -> None:
        """The source came back: nobody knows what moved meanwhile, and the light may be another."""
        self._barrier.reset()
        self._shown.clear()

    def feed(self, pixels: Pixels, shot: Shot, frame: FrameRef) -> list[wire.Seen]:
        """What crossed, decided by this frame; (height, width, channels) as it lies in the ring."""
        axis_ns = shot.exposed_at_ns if shot.media_ns is None else shot.media_ns
        self._shown.append(_Shown(axis_ns=axis_ns, frame=frame))
        begun_ns = self._clock.now_ns()
        crossings = self._barrier.feed(pixels, seq=frame.seq, exposed_at_ns=axis_ns)
        self._took_ns.append(self._clock.now_ns() - begun_ns)
        return [self._seen(crossing) for crossing in crossings]

    def _seen(self, crossing: Crossing) -> wire.Seen:
        self.seen += 1
        frame = self._frame(crossing.seq)
        crossed_at_ns, scale = self._clock_time(crossing.crossed_at_ns)
        return wire.Seen(
            camera=frame.camera,
            epoch=frame.epoch,
            n=self.seen,
            crossed_at_ns=crossed_at_ns,
            error_ns=round(crossing.error_ns * scale) + frame.error_ns,
            frame=frame,
        )

    def _frame(self, seq: int) -> FrameRef:
        """The centred frame. One forgotten is named by a generation that never is: the part counts, uninspected."""
        for shown in reversed(self._shown):
            if shown.frame.seq == seq:
                return shown.frame
        self.without_frame += 1
        last = self._shown[-1].frame
        return FrameRef(
            camera=last.camera,
            epoch=last.epoch,
            slot=last.slot,
            generation=0,
            seq=seq,
            exposed_at_ns=self._shown[0].frame.exposed_at_ns,
            error_ns=last.error_ns,
        )

    def _clock_time(self, axis_ns: int) -> tuple[int, float]:
        """CLOCK_MONOTONIC of a time on the barrier's axis, between the frames around it; and ns of it per ns there."""
        shown = list(self._shown)
        place = bisect_left(shown, axis_ns, key=lambda entry: entry.axis_ns)
        if place == 0 or place == len(shown):
            edge = shown[min(place, len(shown) - 1)]
            return edge.frame.exposed_at_ns + axis_ns - edge.axis_ns, 1.0
        before, after = shown[place - 1], shown[place]
        span_ns = after.axis_ns - before.axis_ns
        real_ns = after.frame.exposed_at_ns - before.frame.exposed_at_ns
        passed_ns = (axis_ns - before.axis_ns) * real_ns // span_ns
        return before.frame.exposed_at_ns + passed_ns, real_ns / span_ns
