"""Small pictures of judged frames, straight from the ring: shrunk in place, rechecked, encoded.

One thread. OpenCV uses no threads of its own here: the cores belong to inspection.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.bus.attached import AttachedRings
from edge.bus.ring import Pixels
from edge.domain.frame import FrameRef
from edge.errors import RingError, StoreError
from edge.recorder.imagefile import encode_jpeg

LONGEST_PX = 960
_QUALITY = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallPicture:
    """width, height: of the JPEG. frame_width, frame_height: of the frame that it shows, whole."""

    jpeg: bytes
    width: int
    height: int
    frame_width: int
    frame_height: int


class Pictures:
    """Of every camera, by what results name."""

    def __init__(self, shm_dir: Path, station: str) -> None:
        cv2.setNumThreads(1)
        self._rings = AttachedRings(shm_dir, station)

    def small(self, frame: FrameRef) -> SmallPicture | None:
        """None when the frame is no longer there: its slot was reused, or its ring is gone."""
        try:
            ring = self._rings.of(frame)
            pixels = ring.view(frame.slot)
            small = _shrunk(pixels)
            if not ring.current(frame.slot, frame.generation):
                return None  # what was shrunk may be half of one frame and half of another
            jpeg = encode_jpeg(small, _QUALITY)
        except (RingError, StoreError):
            return None
        height, width = pixels.shape[:2]
        return SmallPicture(
            jpeg=jpeg, width=small.shape[1], height=small.shape[0], frame_width=width, frame_height=height
        )

    def close(self) -> None:
        self._rings.close()


def _shrunk(pixels: Pixels) -> Pixels:
    """(height, width, channels) to at most LONGEST_PX, always a copy of its own. By area: thin scratches stay seen."""
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= LONGEST_PX:
        return pixels.copy()
    size = (max(1, width * LONGEST_PX // longest), max(1, height * LONGEST_PX // longest))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
