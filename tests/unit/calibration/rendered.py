"""Pictures of boards through a lens that is known exactly: the sheet seen from any side, with blur and noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.boards import Board
from calibration.target import Box, Dot, sheet

_FINER = 2  # the frame is drawn larger, then shrunk by area, as a sensor gathers light
_PX_PER_MM = 8


@dataclass(frozen=True, kw_only=True)
class Camera:
    """distortion: k1 k2 p1 p2 k3."""

    width: int = 800
    height: int = 600
    fx: float = 900.0
    fy: float = 903.0
    cx: float = 407.3
    cy: float = 295.1
    distortion: tuple[float, ...] = (-0.22, 0.08, 0.0007, -0.0004, 0.0)

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def matrix(self) -> NDArray[np.float64]:
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]])

    @cached_property
    def rays(self) -> NDArray[np.float64]:
        """(h * n, w * n, 2): where each part of a px looks, undistorted, at depth 1."""
        n = _FINER
        down, across = np.mgrid[0 : self.height * n, 0 : self.width * n].astype(np.float64)
        pixels = np.stack([(across + 0.5) / n - 0.5, (down + 0.5) / n - 0.5], axis=-1).reshape(-1, 1, 2)
        stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 40, 1e-10)
        flat = cv2.undistortPointsIter(pixels, self.matrix, np.array(self.distortion), np.eye(3), np.eye(3), stop)
        return np.asarray(flat).reshape(self.height * n, self.width * n, 2)


def raster(board: Board, px_per_mm: float = _PX_PER_MM) -> NDArray[np.uint8]:
    """The sheet in grey, drawn from the same rectangles that are printed."""
    page = sheet(board)
    picture = np.full((round(page.height * px_per_mm), round(page.width * px_per_mm)), 235, np.uint8)
    for thing in page.things:
        if isinstance(thing, Dot):
            middle = (round(thing.x * px_per_mm * 16 - 8), round(thing.y * px_per_mm * 16 - 8))
            cv2.circle(picture, middle, round(thing.radius * px_per_mm * 16), 20, -1, cv2.LINE_AA, 4)
        elif isinstance(thing, Box):
            x, y = round(thing.x * px_per_mm), round(thing.y * px_per_mm)
            right, bottom = round((thing.x + thing.width) * px_per_mm), round((thing.y + thing.height) * px_per_mm)
            picture[y:bottom, x:right] = 20 if thing.black else 235
    return picture


def photo(
    camera: Camera,
    board: Board,
    *,
    turn: tuple[float, float, float],
    middle: tuple[float, float],
    distance: float,
    blur_px: float = 0.7,
    noise: float = 2.0,
    seed: int = 0,
    mirrored: bool = False,
) -> NDArray[np.uint8]:
    """turn: rotation vector, radians. middle: where the sheet's middle is seen, share of the picture. distance: mm."""
    page = sheet(board)
    drawn = raster(board)
    if mirrored:
        drawn = np.ascontiguousarray(drawn[:, ::-1])
    to_sheet = np.linalg.inv(_to_rays(camera, turn, middle, distance, (page.width / 2, page.height / 2)))
    rays = camera.rays
    places = np.concatenate([rays, np.ones((*rays.shape[:2], 1))], axis=2) @ to_sheet.T
    mm = (places[:, :, :2] / places[:, :, 2:]).astype(np.float32)
    maps = mm * _PX_PER_MM - 0.5
    smaller = cv2.GaussianBlur(drawn, (0, 0), 2.0)  # so that no sample falls between two bits of print
    seen = cv2.remap(smaller, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=150)  # type: ignore[call-overload]
    frame = cv2.resize(seen, camera.size, interpolation=cv2.INTER_AREA).astype(np.float64)
    frame = cv2.GaussianBlur(frame, (0, 0), blur_px)
    frame += np.random.default_rng(seed).normal(0, noise, frame.shape)
    return np.clip(frame.round(), 0, 255).astype(np.uint8)


def _to_rays(
    camera: Camera,
    turn: tuple[float, float, float],
    middle: tuple[float, float],
    distance: float,
    centre: tuple[float, float],
) -> NDArray[np.float64]:
    """(3, 3): homogeneous mm on the sheet -> homogeneous ray."""
    rotation, _ = cv2.Rodrigues(np.array(turn, np.float64))
    x = (middle[0] * camera.width - camera.cx) / camera.fx * distance
    y = (middle[1] * camera.height - camera.cy) / camera.fy * distance
    shift = np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1]], np.float64)
    return np.column_stack([rotation[:, 0], rotation[:, 1], [x, y, distance]]) @ shift


VIEWS = (
    ((0.0, 0.0, 0.02), (0.5, 0.5), 420.0),
    ((0.55, 0.05, 0.0), (0.5, 0.45), 430.0),
    ((-0.55, 0.0, 0.1), (0.5, 0.55), 430.0),
    ((0.0, 0.6, 0.0), (0.45, 0.5), 430.0),
    ((0.05, -0.6, 0.0), (0.55, 0.5), 430.0),
    ((0.35, 0.35, 0.3), (0.3, 0.3), 520.0),
    ((-0.35, 0.35, -0.3), (0.7, 0.3), 520.0),
    ((0.35, -0.35, 0.2), (0.3, 0.7), 520.0),
    ((-0.35, -0.35, -0.2), (0.7, 0.7), 520.0),
    ((0.2, 0.5, 1.4), (0.5, 0.5), 470.0),
    ((0.5, -0.2, -0.5), (0.6, 0.4), 600.0),
    ((-0.45, 0.3, 0.6), (0.4, 0.6), 600.0),
)
"""Poses of a good series: (turn, middle, distance)."""
