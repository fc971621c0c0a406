"""Pictures that were taught with, made small for the page: of any kind that can be taught with, as JPEG."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge.errors import NotThere
from edge.recorder.imagefile import encode_jpeg

MOST_PIXELS = 60_000_000
_MOST_BYTES = 256 << 20
_QUALITY = 85


def small_jpeg(path: Path, longest_px: int) -> bytes:
    """By area, so that thin scratches stay seen. NotThere when it is not there any more or no picture."""
    cv2.setNumThreads(1)  # the cores belong to inspection
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise NotThere("this picture is no longer kept", hint="copy the folder of what was taught back") from error
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if 0 < len(data) <= _MOST_BYTES else None
    if pixels is None:
        raise NotThere("this picture cannot be read", hint="copy the folder of what was taught back")
    height, width = pixels.shape[:2]
    scale = min(1.0, longest_px / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    return encode_jpeg(np.ascontiguousarray(small, np.uint8), _QUALITY)
