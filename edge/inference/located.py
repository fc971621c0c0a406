"""Where a part is in its frame, and the affine maps between frame and upright part picture.

Pixel coordinates count from the middle of the top left pixel, as in cv2.warpAffine: a picture of width w has
its middle at (w - 1) / 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.domain.geometry import Rect
from edge.domain.recipe import Locate
from edge.domain.result import Placement
from edge.domain.verdict import ReasonCode

Affine = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Located:
    """matrix: (2, 3) float64, frame px -> px of the aligned part picture."""

    placement: Placement
    matrix: Affine


@dataclass(frozen=True, slots=True, kw_only=True)
class NotLocated:
    """NOT_FOUND, BADLY_PLACED or SEVERAL_FOUND, with the value that was measured and the limit it met."""

    code: ReasonCode
    value: float = 0.0
    limit: float = 0.0


def search_rect(settings: Locate, width: int, height: int) -> Rect | None:
    """The search rectangle as far as it lies in a frame of that size; None when it lies outside."""
    wanted = settings.search
    if wanted is None:
        return Rect(x=0, y=0, width=width, height=height)
    right, bottom = min(wanted.x + wanted.width, width), min(wanted.y + wanted.height, height)
    if wanted.x >= right or wanted.y >= bottom:
        return None
    return Rect(x=wanted.x, y=wanted.y, width=right - wanted.x, height=bottom - wanted.y)


def aligned(settings: Locate, rect: Rect, x_px: float, y_px: float, angle_deg: float) -> Located | NotLocated:
    """A part found at (x, y), turned by `angle_deg` counter-clockwise; BADLY_PLACED beyond the recipe's limits."""
    shift = math.hypot(x_px - (rect.x + (rect.width - 1) / 2), y_px - (rect.y + (rect.height - 1) / 2))
    if shift > settings.max_shift_px:
        return NotLocated(code=ReasonCode.BADLY_PLACED, value=shift, limit=settings.max_shift_px)
    if abs(angle_deg) > settings.max_angle_deg:
        return NotLocated(code=ReasonCode.BADLY_PLACED, value=angle_deg, limit=settings.max_angle_deg)
    matrix = np.asarray(cv2.getRotationMatrix2D((x_px, y_px), -angle_deg, 1.0), np.float64)
    matrix[0, 2] += (settings.width_px - 1) / 2 - x_px
    matrix[1, 2] += (settings.height_px - 1) / 2 - y_px
    return Located(placement=Placement(x_px=x_px, y_px=y_px, angle_deg=angle_deg), matrix=matrix)


def whole(settings: Locate, rect: Rect) -> Located:
    """The rectangle is the part: scaled to the part picture's size (normally the same)."""
    across, down = settings.width_px / rect.width, settings.height_px / rect.height
    matrix = np.array(
        [
            [across, 0.0, (0.5 - rect.x) * across - 0.5],
            [0.0, down, (0.5 - rect.y) * down - 0.5],
        ]
    )
    middle = Placement(x_px=rect.x + (rect.width - 1) / 2, y_px=rect.y + (rect.height - 1) / 2, angle_deg=0.0)
    return Located(placement=middle, matrix=matrix)


def compose(second: Affine, first: Affine) -> Affine:
    """The map that does `first`, then `second`; all (2, 3)."""
    matrix = second[:, :2] @ first
    matrix[:, 2] += second[:, 2]
    return matrix


def inverse(matrix: Affine) -> Affine:
    return np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def transform(matrix: Affine, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) points through a (2, 3) map."""
    return points @ matrix[:, :2].T + matrix[:, 2]
