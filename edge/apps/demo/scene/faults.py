"""What goes wrong between the part and the pixels: frames spoiled on request, never in place.

Each takes and gives (H, W, 3) uint8. The stamp is spoiled too; write it again to keep the number readable.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]


def black(frame: Image) -> Image:
    """The lamp is off or the lens is covered: a trace of light remains, as on a real sensor."""
    return cv2.convertScaleAbs(frame, alpha=0.02)


def dim(frame: Image, gain: float = 0.4) -> Image:
    return cv2.convertScaleAbs(frame, alpha=gain)


def bright(frame: Image, gain: float = 1.9) -> Image:
    """Over-exposed: clipped at 255, as the sensor clips."""
    return cv2.convertScaleAbs(frame, alpha=gain, beta=18)


def blur(frame: Image, sigma_px: float = 5.0) -> Image:
    """The lens is out of focus. Sensor noise comes after the lens, so a little of it is kept."""
    soft = cv2.GaussianBlur(frame, (0, 0), sigma_px)
    fine = cv2.subtract(frame, cv2.GaussianBlur(frame, (3, 3), 0))
    return cv2.add(soft, np.minimum(fine, 3))
