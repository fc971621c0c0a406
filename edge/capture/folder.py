"""A folder of images as a camera: one frame per file, in natural order (2 before 10)."""

from __future__ import annotations

import os
import re
from pathlib import Path

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
ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})
_MAX_FILE_BYTES = 256 << 20
_DIGITS = re.compile(r"([0-9]+)")

Listing = tuple[tuple[str, int, int], ...]  # name, time of change, size


class FolderCamera:
    """Shows a file every 1/`rate_fps` s, or one whenever asked (`pace = "free"`). Files are decoded ahead of time.

    Grey and colour become what was promised. A file that cannot be read, or has another size, is named in the log,
    counted and passed over. At the end it lists the folder anew (`loop`) or is lost; a folder that was shown to its
    end is not opened again until something in it has changed.
    """

    def __init__(self, settings: CameraSettings, clock: Clock) -> None:
        self._path = Path(settings.source)
        self._loop = settings.loop
        self._clock = clock
        self._facts = Facts(
            width=settings.width,
            height=settings.height,
            channels=settings.channels,
            proves_freshness=True,
            on_demand=settings.pace == "free",
        )
        self.counts = Counts()
        self._period_ns = round(SECOND / settings.rate_fps)
        self._pace = Pace(free=self._facts.on_demand)
        self._time = MediaTime(self._period_ns)
        self._files: Listing = ()
        self._next = 0
        self._good = 0  # pictures shown since the folder was listed
        self._ready: tuple[Pixels, int, int] | None = None  # (picture, media, due), decoded and not yet shown
        self._ended: Listing = ()
        self._open = False

    @property
    def facts(self) -> Facts:
        return self._facts

    def open(self) -> None:
        self.close()
        files = self._list()
        if files == self._ended:
            raise SourceError(
                f"all pictures in {self._path} were shown", hint="set loop = true, add pictures, or restart capture"
            )
        self._check_first(files)
        self._ended = ()
        self._begin(files)
        self._time = MediaTime(self._period_ns)
        self._pace.restart()
        self._open = True

    def read(self, into: Into, timeout_s: float) -> Shot | None:
        if not self._open:
            raise SourceLost(f"{self._path} is not open", hint="open it first")
        if self._ready is None:
            picture = self._decode_next()
            if picture is None:
                return None
            media_ns = self._time.next(None)
            self._ready = picture, media_ns, self._pace.due_ns(media_ns, self._clock.now_ns())
            self.counts.slipped = self._pace.slipped
        picture, media_ns, due_ns = self._ready
        if not wait_until(self._clock, due_ns, timeout_s):
            return None
        np.copyto(into(), picture)
        self._ready = None
        return Shot(exposed_at_ns=due_ns, error_ns=STAMP_ERROR_NS, media_ns=media_ns)

    def close(self) -> None:
        self._open = False
        self._files, self._next, self._ready = (), 0, None

    def _begin(self, files: Listing) -> None:
        self._files, self._next, self._good = files, 0, 0

    def _list(self) -> Listing:
        """The pictures of the folder, in natural order. SourceError when there are none."""
        if not os.path.isdir(self._path):
            raise SourceError(
                f"there is no folder {self._path}", hint="correct the camera's source in the station file"
            )
        try:
            entries = [path for path in self._path.iterdir() if is_picture(path)]
            listing = [(path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in entries]
        except OSError as error:
            raise SourceError(
                f"{self._path} cannot be read: {error.strerror}", hint="may this user read it?"
            ) from error
        if not listing:
            raise SourceError(f"there are no pictures in {self._path}", hint=f"known: {', '.join(sorted(ENDINGS))}")
        return tuple(sorted(listing, key=lambda entry: natural(entry[0])))

    def _check_first(self, files: Listing) -> None:
        """The first readable picture must be what was promised: a wrong station file is found at the start."""
        for name, _, _ in files:
            picture = decode_picture(self._path / name, self._facts.channels)
            if picture is None:
                continue
            if picture.shape != self._facts.shape:
                height, width = picture.shape[:2]
                raise SourceError(
                    self._sizes(name, picture),
                    hint=f"set width = {width} and height = {height} of this camera in the station file",
                )
            return
        raise SourceError(f"no picture in {self._path} can be read", hint="are these files damaged?")

    def _decode_next(self) -> Pixels | None:
        if self._next == len(self._files):
            self._turn_back()
        name = self._files[self._next][0]
        self._next += 1
        picture = decode_picture(self._path / name, self._facts.channels)
        if picture is None:
            if not os.path.isdir(self._path):
                raise SourceLost(f"the folder {self._path} is gone", hint="put it back; capture tries again by itself")
            self.counts.unreadable += 1
            self._refuse(f"{self._path / name} cannot be read")
            return None
        if picture.shape != self._facts.shape:
            self.counts.wrong_size += 1
            self._refuse(self._sizes(name, picture))
            return None
        self._good += 1
        return picture

    def _turn_back(self) -> None:
        """All files were shown: begin again, or end. Without one good picture it would turn for ever."""
        if not self._good:
            raise SourceLost(f"no picture in {self._path} can be shown: {self.counts.refusal}", hint="mend the files")
        if not self._loop:
            self._ended = self._files
            self.close()
            raise SourceLost(f"all pictures in {self._path} were shown", hint="set loop = true to repeat them")
        try:
            self._begin(self._list())
        except SourceError as error:
            raise SourceLost(error.message, hint=error.hint) from error

    def _sizes(self, name: str, picture: Pixels) -> str:
        height, width = picture.shape[:2]
        return f"{self._path / name} is {width}x{height}, promised were {self._facts.width}x{self._facts.height}"

    def _refuse(self, words: str) -> None:
        self.counts.refusal = words
        _log.warning("%s: passed over", words)


def natural(name: str) -> tuple[list[int | str], str]:
    """Sorting key: numbers in names by value. Even places are text, odd ones numbers, so keys always compare."""
    pieces = _DIGITS.split(name.lower())
    return [int(piece) if place % 2 else piece for place, piece in enumerate(pieces)], name


def is_picture(path: Path) -> bool:
    """By its ending; hidden files are none."""
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file()


def decode_picture(path: Path, channels: int) -> Pixels | None:
    """(height, width, channels) uint8, BGR or grey; None when it is no picture. Deeper ones become 8 bit."""
    data = read_picture(path)
    return None if data is None else decode_bytes(data, channels)


def read_picture(path: Path) -> bytes | None:
    """The file's bytes, as `decode_bytes` takes them; None when it cannot be read, is empty or too large."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError:
        return None
    return data if 0 < len(data) <= _MAX_FILE_BYTES else None


def decode_bytes(data: bytes, channels: int) -> Pixels | None:
    """As `decode_picture`, from what `read_picture` gave."""
    try:
        picture = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR if channels == 3 else cv2.IMREAD_GRAYSCALE
        )
    except cv2.error:
        return None
    return None if picture is None else np.asarray(picture, np.uint8).reshape(*picture.shape[:2], channels)
