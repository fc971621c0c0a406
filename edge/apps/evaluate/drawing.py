"""A missed part as a picture: what was there beside what the model saw of it."""

from __future__ import annotations

import cv2
import numpy as np

from edge.inference.rectify import Pixels
from edge.learning.examine import Area, Heat

_SIDE_PX = 360  # the longer side of each half
_HEAT_SHARE = 0.65
_GAP_PX = 6
_OUTLINE, _EDGE = (255, 255, 0), (0, 0, 0)  # BGR: cyan, seen on dark and on bright parts


def miss(frame: Pixels, seen: tuple[Heat, Area] | None, defect: Area | None) -> Pixels:
    """(h, w, 3) uint8 BGR. frame: (H, W, 3); seen: its map as `Look.heat` gives it; defect: its mask (H, W).

    The brightest colour is the UNSURE limit, or the hottest place where that is above it.
    """
    scale = _SIDE_PX / max(frame.shape[:2])
    size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(frame, size, interpolation=way), np.uint8)
    left, right = small.copy(), _heated(small, seen, size)
    if defect is not None:
        shape = cv2.resize(defect.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        outlines, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(left, outlines, -1, _EDGE, 3)
        cv2.drawContours(left, outlines, -1, _OUTLINE, 1)
    gap = np.full((size[1], _GAP_PX, 3), 255, np.uint8)
    return np.hstack([left, gap, right])


def _heated(small: Pixels, seen: tuple[Heat, Area] | None, size: tuple[int, int]) -> Pixels:
    if seen is None or not seen[1].any():
        return small
    heat, looked = seen
    low = float(heat[looked].min())
    high = max(0.0, float(heat[looked].max()))
    levels = np.clip((heat - low) / (high - low or 1.0), 0, 1) * 255
    levels[~looked] = 0
    level = cv2.resize(levels.astype(np.uint8), size, interpolation=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)
    return np.asarray(cv2.addWeighted(colours, _HEAT_SHARE, small, 1 - _HEAT_SHARE, 0), np.uint8)
