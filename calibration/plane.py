"""From one board that lies on the belt to millimetres: a homography from straight px, and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.boards import Board, Found
from edge.domain.calibration import Lens, Plane
from edge.errors import CalibrationError

Points = NDArray[np.float64]
_FOLDS = 5
_LEAST = 12  # points
_LEAST_SHARE = 0.1  # of the picture's area that the board must cover
_BENT = 0.02  # of a square: corners that are off by more lie on no plane, or the squares have another size


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """corners_mm: how much the solutions differ in the picture's four corners and middle, mm: left top, right top,
    right bottom, left bottom, middle. share: of the picture that the board covers."""

    plane: Plane
    corners_mm: tuple[float, float, float, float, float]
    share: float


def straight(lens: Lens | None, pixels: NDArray[np.float32] | Points) -> Points:
    """(n, 2) frame px -> straight px. No lens: as they are."""
    points = np.asarray(pixels, np.float64).reshape(-1, 2)
    if lens is None:
        return points
    matrix = camera_matrix(lens)
    bent = points.reshape(-1, 1, 2)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 100, 1e-10)
    return np.asarray(
        cv2.undistortPointsIter(bent, matrix, np.array(lens.distortion), np.eye(3), matrix, stop).reshape(-1, 2)
    )


def camera_matrix(lens: Lens) -> Points:
    return np.array([[lens.fx, 0, lens.cx], [0, lens.fy, lens.cy], [0, 0, 1]], np.float64)


def to_mm(plane: Plane, points: Points) -> Points:
    """(n, 2) straight px -> mm."""
    matrix = np.array(plane.to_mm, np.float64).reshape(3, 3)
    return np.asarray(cv2.perspectiveTransform(points.reshape(-1, 1, 2), matrix).reshape(-1, 2), np.float64)


def scale(board: Board, found: Found, lens: Lens | None, size: tuple[int, int]) -> Scale:
    """size: (width, height). CalibrationError when the board shows too little or is not flat."""
    pixels = straight(lens, found.pixels)
    mm = board.points_mm[found.ids, :2].astype(np.float64)
    hull = cv2.convexHull(found.pixels)
    share = float(cv2.contourArea(hull)) / (size[0] * size[1])
    if len(pixels) < _LEAST or share < _LEAST_SHARE:
        raise CalibrationError(
            f"the board covers {share:.0%} of the picture with {len(pixels)} points: too little for a scale",
            hint=f"use a larger board, so that it covers {_LEAST_SHARE:.0%} at least, better half of the picture",
        )
    matrix = _homography(pixels, mm)
    rest, maps = _held_back(pixels, mm)
    off = np.linalg.norm(rest, axis=1)
    if float(np.sqrt((off**2).mean())) > _BENT * board.square_mm:
        raise CalibrationError(
            f"the board's points are {off.max():.2f} mm off a plane",
            hint="lay it flat on the belt; calibrate the lens first (edge calibrate lens); check --square-mm",
        )
    return Scale(
        plane=Plane(
            to_mm=tuple(float(value) for value in matrix.reshape(-1)),
            px_per_mm=_px_per_mm(matrix, pixels.mean(axis=0)),
            rms_mm=round(float(np.sqrt((off**2).mean())), 5),
            max_mm=round(float(off.max()), 5),
        ),
        corners_mm=_spread(maps, straight(lens, _places(size))),
        share=share,
    )


def _homography(pixels: Points, mm: Points) -> Points:
    matrix, _ = cv2.findHomography(pixels, mm)
    if matrix is None or not np.isfinite(matrix).all():
        raise CalibrationError("no plane explains the board's points", hint="show the board whole and sharp")
    return np.asarray(matrix, np.float64)


def _held_back(pixels: Points, mm: Points) -> tuple[Points, list[Points]]:
    """(n, 2) mm: each point foretold by the others, less where it is; and the maps without each fold."""
    rest = np.empty_like(mm)
    maps: list[Points] = []
    for fold in range(_FOLDS):
        out = np.arange(len(pixels)) % _FOLDS == fold
        matrix = _homography(pixels[~out], mm[~out])
        maps.append(matrix)
        rest[out] = cv2.perspectiveTransform(pixels[out].reshape(-1, 1, 2), matrix).reshape(-1, 2) - mm[out]
    return rest, maps


def _px_per_mm(matrix: Points, place: Points) -> float:
    """At that straight px: the root of how many square px make a square mm."""
    steps = (place + np.array([[0, 0], [1, 0], [0, 1]], np.float64)).reshape(-1, 1, 2)
    a, b, c = cv2.perspectiveTransform(steps, matrix).reshape(-1, 2)
    (bx, by), (cx, cy) = b - a, c - a
    return float(1 / np.sqrt(abs(bx * cy - by * cx)))


def _places(size: tuple[int, int]) -> Points:
    width, height = size[0] - 1.0, size[1] - 1.0
    return np.array([[0, 0], [width, 0], [width, height], [0, height], [width / 2, height / 2]])


def _spread(maps: list[Points], places: Points) -> tuple[float, float, float, float, float]:
    """One standard deviation of where each place lies on the belt: solutions that each lack a fifth (jackknife)."""
    seen = np.array([cv2.perspectiveTransform(places.reshape(-1, 1, 2), one).reshape(-1, 2) for one in maps])
    squares = ((seen - seen.mean(axis=0)) ** 2).sum(axis=2).sum(axis=0) * (len(maps) - 1) / len(maps)
    a, b, c, d, e = (round(float(value), 5) for value in np.sqrt(squares))
    return a, b, c, d, e
