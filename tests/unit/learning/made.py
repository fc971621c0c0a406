"""Good parts drawn here: a textured plate with a bright disc and two holes, a little different each time."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.domain.geometry import Rect
from edge.domain.recipe import Locate

Pixels = NDArray[np.uint8]
WIDTH, HEIGHT = 160, 128
LOCATE = Locate(search=Rect(x=0, y=0, width=WIDTH, height=HEIGHT), width_px=WIDTH, height_px=HEIGHT)


def good(number: int) -> Pixels:
    """(128, 160, 3) uint8 BGR."""
    rng = np.random.default_rng([number, 5])
    picture = np.full((HEIGHT, WIDTH, 3), (70, 80, 90), np.float32)
    x, y = 80 + float(rng.uniform(-1, 1)), 64 + float(rng.uniform(-1, 1))
    cv2.circle(picture, (round(x * 16), round(y * 16)), 44 * 16, (150, 170, 190), -1, cv2.LINE_AA, 4)
    for off in (-18, 18):
        cv2.circle(picture, (round((x + off) * 16), round(y * 16)), 8 * 16, (40, 45, 50), -1, cv2.LINE_AA, 4)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.8) * float(rng.uniform(0.97, 1.03))
    picture += 4 * cv2.GaussianBlur(rng.standard_normal(picture.shape).astype(np.float32), (0, 0), 1.0)
    return np.clip(picture, 0, 255).astype(np.uint8)


def scratched(number: int) -> Pixels:
    """A good one with a dark line across the disc."""
    picture = good(number)
    cv2.line(picture, (60, 84), (100, 96), (30, 30, 30), 4, cv2.LINE_AA)
    return picture
