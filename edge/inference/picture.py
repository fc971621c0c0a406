"""Is the picture itself sound? Judged on a fixed background patch that no part covers, as teaching saw it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.domain.geometry import Rect
from edge.domain.recipe import PictureLimits
from edge.domain.verdict import Reason, ReasonCode
from edge.inference.rectify import Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """brightness: mean grey level, 0 to 255. focus: variance of the Laplacian, grey levels squared."""

    brightness: float
    focus: float


def measure(frame: Pixels, patch: Rect) -> Measured:
    """frame: (H, W, 1 or 3) uint8; the patch must lie inside.

    Focus: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000.
    """
    return _measure(_cut(frame, patch))


class PictureCheck:
    """Keeps the last patch that it saw, to know a frozen picture. One for each camera and recipe; one thread."""

    def __init__(self, limits: PictureLimits) -> None:
        self._limits = limits
        self._last: tuple[tuple[int, int], Pixels] | None = None

    def check(self, frame: Pixels, identity: tuple[int, int]) -> Reason | None:
        """identity: (epoch, seq) of the frame: looking twice at one frame is no freeze. None when all is well."""
        limits = self._limits
        height, width = frame.shape[:2]
        if not limits.patch.inside(width, height):
            return Reason(code=ReasonCode.BAD_FRAME, where="picture patch", value=width, limit=limits.patch.width)
        patch = _cut(frame, limits.patch)
        frozen = self._frozen(patch, identity)
        seen = _measure(patch)
        if seen.brightness < limits.brightness_min:
            return Reason(code=ReasonCode.TOO_DARK, value=seen.brightness, limit=limits.brightness_min)
        if seen.brightness > limits.brightness_max:
            return Reason(code=ReasonCode.TOO_BRIGHT, value=seen.brightness, limit=limits.brightness_max)
        if frozen and limits.refuse_frozen:
            return Reason(code=ReasonCode.FROZEN)
        if seen.focus < limits.focus_min:
            return Reason(code=ReasonCode.BLURRED, value=seen.focus, limit=limits.focus_min)
        return None

    def _frozen(self, patch: Pixels, identity: tuple[int, int]) -> bool:
        last, self._last = self._last, (identity, patch.copy())
        if last is None or last[0] == identity:
            return False
        return last[1].shape == patch.shape and bool(np.array_equal(last[1], patch))


def _cut(frame: Pixels, patch: Rect) -> Pixels:
    return frame[patch.y : patch.y + patch.height, patch.x : patch.x + patch.width]


def _measure(patch: Pixels) -> Measured:
    grey = patch[:, :, 0] if patch.shape[2] == 1 else cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY)
    edges = cv2.Laplacian(grey, cv2.CV_16S)
    _, spread = cv2.meanStdDev(edges)
    return Measured(brightness=float(cv2.mean(grey)[0]), focus=float(spread[0, 0]) ** 2)
