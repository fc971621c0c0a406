"""Which pictures of a board are worth solving with, and which are still missing.

A lens is known only where corners were seen, and focal length apart from distance only when the board was tilted. Many
pictures of one pose add noise and false confidence, so they are refused, each with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.boards import Board, Found, Grey

Tilts = Sequence[tuple[float, float]]
"""Of boards: degrees about their upright and about their level axis."""

MOST_BLUR_PX = 6.0
"""Of an edge from dark to bright. A sharp camera gives 2 to 4; at 6 the corners still fit to a third of a px."""
_BLURRED_MORE = 2.2  # times the median: a hand that moved once
_SURELY_SHARP_PX = 4.0
_REPEATED = 0.012  # of the picture's diagonal: the mean way of the corners
_NEAR = 0.09  # of pose, see `_pose`
_CROWD = 3  # accepted views that near make the next one of no use
LEAST_TILT_DEG = 12.0
_GRID = 4  # cells across and down
_COVERED = 3  # corners in a cell
_LEAST_SHARE = 0.7  # of the cells


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """A picture in which the board was found. blur_px: how wide an edge is."""

    name: str
    found: Found
    blur_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A picture that is left out, and why, in words for a person."""

    file: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """cells: of a grid, row by row, how many corners lie in each. missing: views to take next, in words."""

    grid: int
    cells: tuple[int, ...]
    missing: tuple[str, ...]

    @property
    def share(self) -> float:
        return sum(count >= _COVERED for count in self.cells) / len(self.cells)


def blur(board: Board, found: Found, picture: Grey) -> float:
    """px from dark to bright at the found points: their contrast over their steepest slope, the median."""
    smooth = picture.astype(np.float32)
    slope = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)) / 8
    reach = max(4, round(0.4 * _step(board, found)))
    widths: list[float] = []
    for x, y in found.pixels.round().astype(int):
        window = (slice(max(0, y - reach), y + reach + 1), slice(max(0, x - reach), x + reach + 1))
        low, high = np.percentile(picture[window], (5, 95))
        steepest = float(np.percentile(slope[window], 98))
        if steepest > 0:
            widths.append(float(high - low) / steepest)
    return float(np.median(widths)) if widths else float("inf")


def chosen(board: Board, views: Sequence[View], size: tuple[int, int]) -> tuple[list[View], list[Refusal]]:
    """Those worth solving with, in their order, and the others. size: (width, height)."""
    usual = float(np.median([view.blur_px for view in views])) if views else 0.0
    taken: list[View] = []
    refused: list[Refusal] = []
    for view in views:
        why = _blurred(view, usual) or _known(board, view, taken, size)
        if why:
            refused.append(Refusal(file=view.name, why=why))
        else:
            taken.append(view)
    return taken, refused


def coverage(views: Sequence[View], size: tuple[int, int], tilts_deg: Tilts = ()) -> Coverage:
    """tilts_deg: of the views, as far as they are known."""
    width, height = size
    cells = np.zeros((_GRID, _GRID), np.int64)
    for view in views:
        columns = np.clip(view.found.pixels[:, 0] * _GRID / width, 0, _GRID - 1).astype(int)
        rows = np.clip(view.found.pixels[:, 1] * _GRID / height, 0, _GRID - 1).astype(int)
        np.add.at(cells, (rows, columns), 1)
    told = missing(cells, tilts_deg)
    return Coverage(grid=_GRID, cells=tuple(int(n) for n in cells.reshape(-1)), missing=told)


def _blurred(view: View, usual: float) -> str:
    if view.blur_px > MOST_BLUR_PX or view.blur_px > max(_SURELY_SHARP_PX, _BLURRED_MORE * usual):
        return f"blurred: an edge is {view.blur_px:.1f} px wide; hold the board still, focus, use more light"
    return ""


def _known(board: Board, view: View, taken: Sequence[View], size: tuple[int, int]) -> str:
    diagonal = float(np.hypot(*size))
    near: list[str] = []
    for other in taken:
        shared, own, its = np.intersect1d(view.found.ids, other.found.ids, return_indices=True)
        if len(shared) >= len(view.found.ids) / 2:
            way = np.linalg.norm(view.found.pixels[own] - other.found.pixels[its], axis=1).mean() / diagonal
            if way < _REPEATED:
                return f"repeats {other.name}: move the board between two pictures"
        if np.abs(_pose(board, view, size) - _pose(board, other, size)).max() < _NEAR:
            near.append(other.name)
    if len(near) >= _CROWD:
        return f"crowded: {', '.join(near[:_CROWD])} show the board much like this; move or tilt it more"
    return ""


def _pose(board: Board, view: View, size: tuple[int, int]) -> NDArray[np.float64]:
    """Where, how large, how tilted, how turned: each about 0 to 1."""
    corners = outline(board, view)
    middle = corners.mean(axis=0) / size
    large = np.sqrt(cv2.contourArea(corners.astype(np.float32)) / (size[0] * size[1]))
    across = corners[1] - corners[0]
    turn = np.arctan2(across[1], across[0]) / np.pi
    return np.array([*middle, large, *tilts(corners), turn])


def outline(board: Board, view: View) -> NDArray[np.float64]:
    """(4, 2) px: the board's outer points in the picture, also those that are hidden."""
    points = board.points_mm[:, :2]
    homography, _ = cv2.findHomography(points[view.found.ids], view.found.pixels)
    low, high = points.min(axis=0), points.max(axis=0)
    rim = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]], np.float64)
    return np.asarray(cv2.perspectiveTransform(rim.reshape(-1, 1, 2), homography).reshape(4, 2), np.float64)


def tilts(corners: NDArray[np.float64]) -> tuple[float, float]:
    """(about the vertical, about the horizontal axis of the board): log of one side's length over the other's."""
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    return float(np.log(sides[1] / sides[3])), float(np.log(sides[2] / sides[0]))


def missing(covered: NDArray[np.int64], tilts_deg: Tilts) -> tuple[str, ...]:
    """Views to take next, in words. covered: corners in each cell of the grid."""
    told: list[str] = []
    empty = covered < _COVERED
    if empty.mean() > 1 - _LEAST_SHARE or empty[:, 0].all() or empty[:, -1].all() or empty[0].all() or empty[-1].all():
        rims = {"left": empty[:, 0], "right": empty[:, -1], "top": empty[0], "bottom": empty[-1]}
        bare = [name for name, cells in rims.items() if cells.mean() > 0.5] or ["corners"]
        told.append(f"with the board at the {', '.join(bare)} of the picture")
    most = np.abs(np.array(tilts_deg).reshape(-1, 2)).max(axis=0, initial=0)
    if most[0] < LEAST_TILT_DEG:
        told.append("with the board's left or right side nearer to the camera (20 to 40 degrees)")
    if most[1] < LEAST_TILT_DEG:
        told.append("with the board's upper or lower side nearer to the camera (20 to 40 degrees)")
    return tuple(told)


def _step(board: Board, found: Found) -> float:
    """px from a point to its nearest neighbour on the board."""
    points = board.points_mm[found.ids, :2].astype(np.float32)
    homography, _ = cv2.findHomography(points, found.pixels)
    middle = points.mean(axis=0)
    pair = np.stack([middle, middle + np.array([board.square_mm, 0], np.float32)]).reshape(2, 1, 2)
    a, b = cv2.perspectiveTransform(pair, homography).reshape(2, 2)
    return float(np.linalg.norm(a - b))
