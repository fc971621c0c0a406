"""Centre and angle of a part from its outline, steady also when a piece of the part is missing.

The centre of mass moves by a fraction of any bite; the outline that is still there does not. Round parts:
the circle that most of the outline lies on. Others: the sides of the smallest enclosing rectangle, each fitted
robustly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_ROUND_FILL = 0.84  # hull area over smallest circle: circle 1, square 0.64, 4:3 rectangle 0.61
_ROUNDS = 8
_CIRCLE_POINTS = 300
_LONG = 1.12  # longer than that: the long side tells a half turn from a quarter turn
_MIN_SIDE_SHARE = 0.3  # a side seen over less than this tells nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """In px of the picture the contour is from.

    angle_deg: of the long side, counter-clockwise as seen, from level; None for round parts. elongated: the sides
    differ enough to tell a half turn from a quarter turn.
    """

    x: float
    y: float
    angle_deg: float | None
    elongated: bool


def measure(contour: NDArray[np.int32]) -> Outline:
    """contour: (n, 1, 2) as from cv2.findContours, n >= 3, without holes."""
    hull = cv2.convexHull(contour).reshape(-1, 2).astype(np.float64)
    (_, _), radius = cv2.minEnclosingCircle(contour)
    if cv2.contourArea(hull.astype(np.float32)) > _ROUND_FILL * math.pi * radius * radius:
        x, y = _middle_of_round(contour.reshape(-1, 2).astype(np.float64))
        return Outline(x=x, y=y, angle_deg=None, elongated=False)
    return _boxy(contour.reshape(-1, 2).astype(np.float64), cv2.minAreaRect(contour))


def candidates(outline: Outline, width_px: int, height_px: int) -> tuple[float, ...]:
    """Angles the outline allows for a part whose upright picture is width_px x height_px, nearest 0 first.

    An elongated outline goes the long way of an elongated picture: two angles; otherwise four. None when round.
    """
    if outline.angle_deg is None:
        return ()
    upright, period = outline.angle_deg, 90.0
    if outline.elongated and max(width_px, height_px) > _LONG * min(width_px, height_px):
        upright, period = upright - (0.0 if width_px > height_px else 90.0), 180.0
    angles = {_wrap(upright + turn * period) for turn in range(round(360 / period))}
    return tuple(sorted(angles, key=abs))


def _wrap(angle_deg: float) -> float:
    wrapped = math.fmod(angle_deg, 360.0)
    if wrapped > 180:
        return wrapped - 360
    return wrapped + 360 if wrapped <= -180 else wrapped


def _middle_of_round(points: Points) -> tuple[float, float]:
    """Middle of the circle that most of the outline lies on: a bite, a burr or a notch is left out.

    Algebraic circle fit (Kasa, IEEE Trans. Instrum. Meas. 25, 1976), iteratively reweighted: first
    by 1 / distance, then so that outliers count for nothing.
    """
    thinned = points[:: max(1, len(points) // _CIRCLE_POINTS)]
    shift = thinned.mean(axis=0)
    p = thinned - shift
    columns = np.column_stack([p, np.ones(len(p))])
    squares = (p**2).sum(axis=1)
    weights = np.ones(len(p))
    centre = np.zeros(2)
    for turn in range(2 * _ROUNDS):
        weighted = columns * weights[:, None]
        solution = np.linalg.solve(weighted.T @ columns, weighted.T @ squares)
        centre = solution[:2] / 2
        radius = math.sqrt(max(0.0, float(solution[2] + centre @ centre)))
        off = np.abs(np.hypot(*(p - centre).T) - radius)
        if turn < _ROUNDS:
            weights = 1.0 / np.maximum(off, 0.25)
        else:  # what is far off by now is no part of the circle at all
            weights = 1.0 / (1.0 + (off / max(0.5, 1.5 * float(np.median(off)))) ** 2) ** 2
    return float(centre[0] + shift[0]), float(centre[1] + shift[1])


def _boxy(points: Points, rect: tuple[Sequence[float], Sequence[float], float]) -> Outline:
    (x, y), (width, height), turn_deg = rect
    # cv2 turns clockwise as seen (y down); in the rectangle's own frame its sides are level.
    turn = math.radians(turn_deg)
    across = np.array([math.cos(turn), math.sin(turn)])
    down = np.array([-math.sin(turn), math.cos(turn)])
    u, v = (points - (x, y)) @ across, (points - (x, y)) @ down
    level = [_side(u, v, width, side * height / 2, max(width, height)) for side in (-1, 1)]
    upright = [_side(v, u, height, side * width / 2, max(width, height)) for side in (-1, 1)]
    slope = _mean_slope([(side, 1.0) for side in level] + [(side, -1.0) for side in upright])
    du, dv = _halfway(upright, width), _halfway(level, height)
    centre = np.array([x, y]) + du * across + dv * down
    long_side, short_side = max(width, height), max(min(width, height), 1e-6)
    clockwise = turn_deg + math.degrees(slope) + (0.0 if width >= height else 90.0)
    elongated = long_side > _LONG * short_side
    return Outline(x=float(centre[0]), y=float(centre[1]), angle_deg=_wrap(-clockwise), elongated=elongated)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    offset: float
    slope: float
    weight: float


def _side(along: Points, off: Points, length: float, at: float, size: float) -> _Side | None:
    """A straight line through the outline points near one side of the rectangle, its ends left out."""
    near = (np.abs(off - at) < max(2.0, 0.04 * size)) & (np.abs(along) < 0.42 * length)
    s, d = along[near], off[near]
    if len(s) < 8 or float(np.ptp(s)) < _MIN_SIDE_SHARE * length:
        return None
    weights = np.ones(len(s))
    slope = offset = 0.0
    for _ in range(4):
        total = weights.sum()
        s_mean, d_mean = float(weights @ s) / total, float(weights @ d) / total
        spread = float(weights @ (s - s_mean) ** 2)
        slope = float(weights @ ((s - s_mean) * (d - d_mean))) / max(spread, 1e-9)
        offset = d_mean - slope * s_mean
        weights = 1.0 / np.maximum(np.abs(d - offset - slope * s), 0.25)
    return _Side(offset=offset, slope=slope, weight=float(np.ptp(s)) ** 3)


def _mean_slope(sides: list[tuple[_Side | None, float]]) -> float:
    """Small angle (rad, clockwise as seen) by which the part is turned against the rectangle."""
    seen = [(side.slope * sign, side.weight) for side, sign in sides if side is not None]
    total = sum(weight for _, weight in seen)
    return math.atan(sum(slope * weight for slope, weight in seen) / total) if total > 0 else 0.0


def _halfway(sides: list[_Side | None], length: float) -> float:
    """Middle between two opposite sides, as an offset from the rectangle's own middle."""
    first, second = sides
    if first is None or second is None:
        return 0.0
    return (first.offset + second.offset) / 2
