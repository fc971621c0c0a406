"""A recorded video as a camera. The only reader of video files; decoding is FFmpeg's, inside OpenCV."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge import log
from edge.bus.ring import Pixels
from edge.capture.camera import Counts, Facts, Into, Shot
from edge.capture.pacing import STAMP_ERROR_NS, MediaTime, Pace, wait_until
from edge.clock import SECOND, Clock
from edge.errors import SourceError, SourceLost
from edge.settings.station import Camera as CameraSettings

_log = log.get(__name__)
_FASTEST_FPS = 1000.0


class VideoCamera:
    """Shows the file at its own time stamps (`pace = "recorded"`) or a frame whenever asked (`free`).

    At the end it begins again (`loop`) or is lost. A video that ended is not opened again until the file is another
    one: its parts would be counted twice. Exposure is the time a frame was due, or taken when free.
    The size is checked when it is opened. Where it changes within the file, OpenCV's FFmpeg scales those frames to the
    first one's size and does not say so (4.14); no property of it tells.
    """

    def __init__(self, settings: CameraSettings, clock: Clock) -> None:
        self._path = Path(settings.source)
        self._loop = settings.loop
        self._rated_fps = settings.rate_fps
        self._clock = clock
        self._facts = Facts(
            width=settings.width,
            height=settings.height,
            channels=settings.channels,
            proves_freshness=True,
            on_demand=settings.pace == "free",
        )
        self.counts = Counts()
        self._pace = Pace(free=self._facts.on_demand)
        self._time = MediaTime(SECOND)
        self._capture: Any = None
        self._pending: tuple[int, int] | None = None  # (media, due) of the frame that is grabbed, not yet shown
        self._shown = 0
        self._ended: tuple[int, ...] | None = None
        self._colour: Pixels | None = None

    @property
    def facts(self) -> Facts:
        return self._facts

    def open(self) -> None:
        self.close()
        if self._ended is not None and self._ended == _fingerprint(self._path):
            raise SourceError(
                f"{self._path} was shown to its end",
                hint="set loop = true, put another video there, or restart capture",
            )
        self._ended = None
        self._start()
        period_ns = round(SECOND / self._fps())
        self._time = MediaTime(period_ns)
        self._pace.restart()

    def read(self, into: Into, timeout_s: float) -> Shot | None:
        if self._capture is None:
            raise SourceLost(f"{self._path} is not open", hint="open it first")
        if self._pending is None:
            self._pending = self._grab()
        media_ns, due_ns = self._pending
        if not wait_until(self._clock, due_ns, timeout_s):
            return None
        self._pending = None
        if not self._fill(into()):
            return None
        return Shot(exposed_at_ns=due_ns, error_ns=STAMP_ERROR_NS, media_ns=media_ns)

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None
        self._pending = None

    def _start(self) -> None:
        """Open the file and grab its first frame, so that what is not a video is found now."""
        if not os.path.isfile(self._path):
            raise SourceError(f"there is no video {self._path}", hint="correct the camera's source in the station file")
        # One thread: frame threads would take the cores that inference needs, and add latency.
        capture = cv2.VideoCapture(str(self._path.resolve()), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        try:
            if not capture.isOpened() or not capture.grab():
                raise _unplayable(self._path)
            self._check_size(capture)
        except SourceError:
            capture.release()
            raise
        self._capture = capture
        self._shown = 0

    def _check_size(self, capture: Any) -> None:
        size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        promised = self._facts.width, self._facts.height
        if size != promised:
            raise SourceError(
                f"{self._path} has frames of {size[0]}x{size[1]}, promised were {promised[0]}x{promised[1]}",
                hint=f"set width = {size[0]} and height = {size[1]} of this camera in the station file",
            )

    def _fps(self) -> float:
        told = float(self._capture.get(cv2.CAP_PROP_FPS))
        return told if 0 < told <= _FASTEST_FPS else self._rated_fps

    def _grab(self) -> tuple[int, int]:
        """Decode the next frame ahead of its time: (media, due). The first is grabbed since `_start`."""
        if self._shown and not self._capture.grab():
            self._turn_back()
        self._shown += 1
        media_ns = self._time.next(float(self._capture.get(cv2.CAP_PROP_POS_MSEC)))
        due_ns = self._pace.due_ns(media_ns, self._clock.now_ns())
        self.counts.slipped = self._pace.slipped
        return media_ns, due_ns

    def _turn_back(self) -> None:
        """The video is over. Opened anew, not rewound: not every file can be, and it may be gone meanwhile."""
        shown = self._shown
        told = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.close()
        _log.info("%s ended after %d of %d frames", self._path, shown, told)
        if not self._loop:
            self._ended = _fingerprint(self._path)
            raise SourceLost(f"{self._path} ended after {shown} of {told} frames", hint="set loop = true to repeat it")
        try:
            self._start()
        except SourceError as error:
            raise SourceLost(error.message, hint=error.hint) from error
        self._time.seam()

    def _fill(self, place: Pixels) -> bool:
        """Put the grabbed frame in place. OpenCV writes colour straight into the slot."""
        grey = self._facts.channels == 1
        if grey and self._colour is None:
            self._colour = np.empty((self._facts.height, self._facts.width, 3), np.uint8)
        target = self._colour if self._colour is not None else place
        try:
            good, picture = self._capture.retrieve(target)
        except cv2.error:
            good, picture = False, None
        if not good or picture is None:
            return self._refuse("unreadable", f"frame {self._shown} of {self._path} cannot be decoded")
        if picture.shape != target.shape:
            size = f"{picture.shape[1]}x{picture.shape[0]}"
            return self._refuse("wrong_size", f"frame {self._shown} of {self._path} is {size}")
        if grey:
            cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY, dst=place[..., 0])
        elif not np.shares_memory(picture, place):
            np.copyto(place, picture)
        return True

    def _refuse(self, what: str, words: str) -> bool:
        setattr(self.counts, what, getattr(self.counts, what) + 1)
        self.counts.refusal = words
        _log.warning("%s", words)
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """What a video says of itself. frames: how many it should hold, 0 when it does not say; some only guess."""

    width: int
    height: int
    frames: int


def video_facts(path: Path) -> VideoFacts:
    """SourceError when not even its first frame can be decoded."""
    capture = cv2.VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    try:
        if not capture.isOpened() or not capture.grab():
            raise _unplayable(path)
        return VideoFacts(
            width=int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            height=int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            frames=max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))),
        )
    finally:
        capture.release()


def _unplayable(path: Path) -> SourceError:
    return SourceError(f"{path} cannot be played", hint="it is damaged or no video: does another player show it?")


def _fingerprint(path: Path) -> tuple[int, ...] | None:
    """Tells whether it is still the same file; None when there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
