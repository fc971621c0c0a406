"""Parts in a recorded video: found by the light barrier as on the line, or every frame is one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.apps.inspect.pictures import GoOn, Picture
from edge.bus.ring import Pixels
from edge.capture.barrier import BarrierHealth, LightBarrier
from edge.capture.video import VideoCamera, video_facts
from edge.clock import SECOND, Clock
from edge.domain.barrier import BarrierSettings
from edge.errors import SourceError, SourceLost
from edge.settings.station import Camera as CameraSettings

_KEPT = 16  # frames; a crossing is reported in its frame or a few later
_SHORT_FRAMES, _SHORT_SHARE = 5, 0.02  # what a video's own count of its frames may be off
_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmEnd:
    """How far a video was seen. told: frames it should hold (0: unknown). barrier: None when every frame is a part."""

    shown: int
    told: int
    undecodable: int
    barrier: BarrierHealth | None

    @property
    def cut_short(self) -> bool:
        return self.told - self.shown - self.undecodable > max(_SHORT_FRAMES, _SHORT_SHARE * self.told)


class FilmPictures:
    """Pictures of the parts in a video, as fast as they are asked for. `end`: how far it was seen.

    barrier: None makes every frame a part. promised: (width, height) that recipe and station say.
    SourceError when it is no video, or of another size than promised.
    """

    def __init__(
        self,
        source: Path,
        clock: Clock,
        *,
        barrier: BarrierSettings | None,
        promised: Sequence[tuple[int, int]] = (),
        channels: int = 3,
    ) -> None:
        facts = video_facts(source)
        for width, height in promised:
            if (width, height) != (facts.width, facts.height):
                raise SourceError(
                    f"{source} has frames of {facts.width}x{facts.height}, promised were {width}x{height}",
                    hint="give the video that this recipe and station are for, or teach the recipe on this one",
                )
        self._camera = _camera(source, facts.width, facts.height, channels, clock)
        self._shape = (facts.height, facts.width, channels)
        self._barrier = None if barrier is None else LightBarrier(barrier, self._shape[:2])
        self._keep = _KEPT if barrier is None else _KEPT + barrier.teach_frames
        self._reel: OrderedDict[int, tuple[Pixels, float]] = OrderedDict()  # seq -> frame and its time in s
        self._shown = 0
        self._told = facts.frames
        self.total = facts.frames  # for the progress: frames, not parts

    @property
    def end(self) -> FilmEnd:
        return FilmEnd(
            shown=self._shown,
            told=self._told,
            undecodable=self._camera.counts.refused,
            barrier=None if self._barrier is None else self._barrier.health,
        )

    def each(self, go_on: GoOn) -> Iterator[Picture]:
        self._camera.open()
        while go_on(self._shown) and self._next_frame():
            seq = self._shown
            frame, time_s = self._reel[seq]
            if self._barrier is None:
                yield self._picture(seq)
                continue
            for crossing in self._barrier.feed(frame, seq=seq, exposed_at_ns=round(time_s * SECOND)):
                yield self._picture(crossing.seq)

    def close(self) -> None:
        self._camera.close()

    def _next_frame(self) -> bool:
        """The next frame onto the reel; False at the end. Frames that cannot be decoded are counted by the camera."""
        while True:
            place = self._free_place()
            try:
                shot = self._camera.read(lambda place=place: place, _TIMEOUT_S)  # type: ignore[misc]
            except SourceLost:
                return False
            if shot is not None:
                self._shown += 1
                self._reel[self._shown] = place, (shot.media_ns or 0) / SECOND
                return True

    def _free_place(self) -> Pixels:
        """The oldest frame's memory once as many are kept as anybody may ask for."""
        if len(self._reel) < self._keep:
            return np.empty(self._shape, np.uint8)
        _, (oldest, _) = self._reel.popitem(last=False)
        return oldest

    def _picture(self, seq: int) -> Picture:
        frame, time_s = self._reel.get(seq, (None, None))
        return Picture(name=f"frame {seq}", seq=seq, pixels=frame, time_s=time_s, late=frame is None)


def _camera(source: Path, width: int, height: int, channels: int, clock: Clock) -> VideoCamera:
    settings = CameraSettings.model_validate(
        {
            "name": "inspect",
            "kind": "video",
            "source": str(source),
            "width": width,
            "height": height,
            "channels": channels,
            "pace": "free",
        }
    )
    return VideoCamera(settings, clock)
