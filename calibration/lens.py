"""From views of a board to a lens: Zhang, "A Flexible New Technique for Camera Calibration", PAMI 22, 2000.

What a lens is good for is told by views that were not used: each group of views is left out once, the lens is solved
without it, and the error of its corners (after fitting only its pose) is the held-back error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.boards import Board
from calibration.views import Refusal, Tilts, View
from edge.domain.calibration import Lens, LensKind
from edge.errors import CalibrationError

LEAST_VIEWS = 5
_FOLDS = 5
_ODD = 3.0  # times the median error of a view: its corners do not fit the others'
_SURELY_FINE_PX = 0.6
_WORTH = 0.99  # of the held-back error: so much must a further coefficient gain
_HARDLY_TILTED_DEG = 5.0  # then near with a short lens and far with a long one look the same: a third off, and sure
_MUCH = 0.8  # of the held-back error: so much must the other kind of lens gain to be told
_WAYS = {
    LensKind.PINHOLE: (("k1 k2 p1 p2", cv2.CALIB_FIX_K3), ("k1 k2 p1 p2 k3", 0)),
    LensKind.WIDE: (
        ("k1 k2 p1 p2 k4", cv2.CALIB_RATIONAL_MODEL | cv2.CALIB_FIX_K3 | cv2.CALIB_FIX_K5 | cv2.CALIB_FIX_K6),
        ("k1 k2 p1 p2 k3 k4 k5 k6", cv2.CALIB_RATIONAL_MODEL),
    ),
}
_STOP = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 100, 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewError:
    file: str
    rms_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """coefficients: which ones, in words. views: those that were used. advice: what to do better, in words.
    tilts_deg: of each view."""

    lens: Lens
    coefficients: str
    views: tuple[ViewError, ...]
    refused: tuple[Refusal, ...]
    advice: tuple[str, ...]
    tilts_deg: Tilts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Candidate:
    """reach_px: see `_reach_px`."""

    words: str
    held_back: float
    fit: _Fit
    reach_px: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fit:
    rms: float
    matrix: NDArray[np.float64]
    distortion: NDArray[np.float64]
    sd: NDArray[np.float64]
    per_view: NDArray[np.float64]
    turns: tuple[NDArray[np.float64], ...]


def solve(board: Board, views: Sequence[View], size: tuple[int, int], kind: LensKind) -> Solved:
    """size: (width, height) of every picture. CalibrationError with too few views or when there is no solution."""
    _enough(views, 0)
    kept, refused = _fitting(board, list(views), size, kind)
    _enough(kept, len(refused))
    best = _best(board, kept, size, kind)
    tilts = _tilts(best.fit)
    if float(np.hypot(*tilts.T).max()) < _HARDLY_TILTED_DEG:
        raise CalibrationError(
            "the board faced the camera in every picture, so the focal length cannot be known",
            hint="tilt it by 20 to 40 degrees, to the left, right, up and down",
        )
    advice: list[str] = []
    if best.reach_px < np.inf:
        advice.append(f"holds up to {best.reach_px:.0f} px from the centre; what lies beyond was not seen well enough")
    if kind is LensKind.PINHOLE:
        wide = _best(board, kept, size, LensKind.WIDE)
        if wide.held_back < _MUCH * best.held_back:
            gain = f"{wide.held_back:.2f} instead of {best.held_back:.2f} px held back"
            advice.append(f"--model wide does better: {gain}")
    per_view = zip(kept, best.fit.per_view, strict=True)
    errors = [ViewError(file=view.name, rms_px=round(float(rms), 4)) for view, rms in per_view]
    return Solved(
        lens=_lens(kind, best.fit, best.held_back, len(kept)),
        coefficients=best.words,
        views=tuple(errors),
        refused=tuple(refused),
        advice=tuple(advice),
        tilts_deg=tuple((float(upright), float(level)) for upright, level in tilts),
    )


def _best(board: Board, views: Sequence[View], size: tuple[int, int], kind: LensKind) -> _Candidate:
    """The fewest coefficients that foretell views they have not seen."""
    best: _Candidate | None = None
    for words, flags in _WAYS[kind]:
        held_back = _held_back(board, views, size, flags)
        if best is None or held_back < _WORTH * best.held_back:
            fit = _fit(board, views, size, flags)
            best = _Candidate(words=words, held_back=held_back, fit=fit, reach_px=_reach_px(fit, size))
    assert best is not None
    return best


def _reach_px(fit: _Fit, size: tuple[int, int]) -> float:
    """How far from its centre the lens is sane: what is farther from the axis is also seen farther from it. Infinite
    when that is so up to the farthest corner."""
    width, height = size
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    focal, centre = np.diag(fit.matrix)[:2], fit.matrix[:2, 2]
    farthest = float(np.linalg.norm((corners - centre) / focal, axis=1).max())
    k1, k2, _, _, k3, k4, k5, k6 = np.append(fit.distortion, np.zeros(8))[:8]
    radius = np.linspace(0, 4 * max(farthest, 1.0), 4000)
    square = radius**2
    above, below = (1 + square * (a + square * (b + square * c)) for a, b, c in ((k1, k2, k3), (k4, k5, k6)))
    bent = radius * above / below
    falls = np.flatnonzero(~(np.diff(bent) > 0))
    if not len(falls) or bent[falls[0]] >= farthest:
        return float("inf")
    return float(bent[falls[0]] * focal.mean())


def _tilts(fit: _Fit) -> NDArray[np.float64]:
    """(views, 2) degrees that each board is turned from facing the camera, about its upright and its level axis."""
    normals = np.array([cv2.Rodrigues(turn)[0][:, 2] for turn in fit.turns])
    return np.asarray(np.degrees(np.arcsin(np.clip(normals[:, :2], -1, 1))), np.float64)


def _enough(views: Sequence[View], odd: int) -> None:
    if len(views) < LEAST_VIEWS:
        also = f" ({odd} did not fit the others)" if odd else ""
        raise CalibrationError(
            f"{len(views)} usable views of the board are too few{also}",
            hint=f"take at least {LEAST_VIEWS}, better 15: near and far, in every corner, tilted to all sides",
        )


def _fitting(
    board: Board, views: list[View], size: tuple[int, int], kind: LensKind
) -> tuple[list[View], list[Refusal]]:  # fmt: skip
    """Without views whose corners do not fit: a bent board, or corners that were found wrongly."""
    flags = cv2.CALIB_RATIONAL_MODEL if kind is LensKind.WIDE else 0
    per_view = _fit(board, views, size, flags).per_view
    most = max(_SURELY_FINE_PX, _ODD * float(np.median(per_view)))
    refused = [
        Refusal(file=view.name, why=f"does not fit the others: {rms:.2f} px; is the board flat, did it move?")
        for view, rms in zip(views, per_view, strict=True)
        if rms > most
    ]
    return [view for view, rms in zip(views, per_view, strict=True) if rms <= most], refused


def _fit(board: Board, views: Sequence[View], size: tuple[int, int], flags: int) -> _Fit:
    points = [board.points_mm[view.found.ids] for view in views]
    pixels = [view.found.pixels.reshape(-1, 1, 2) for view in views]
    try:
        rms, matrix, distortion, turns, _, sd, _, per_view = cv2.calibrateCameraExtended(
            points, pixels, size, np.eye(3), np.zeros(5), flags=flags, criteria=_STOP
        )
    except cv2.error as error:
        raise _unsolved() from error
    if not (np.isfinite(rms) and np.isfinite(matrix).all() and np.isfinite(distortion).all()):
        raise _unsolved()
    return _Fit(
        rms=float(rms),
        matrix=np.asarray(matrix, np.float64),
        distortion=np.asarray(distortion, np.float64).reshape(-1),
        sd=np.asarray(sd, np.float64).reshape(-1),
        per_view=np.asarray(per_view, np.float64).reshape(-1),
        turns=tuple(np.asarray(turn, np.float64) for turn in turns),
    )


def _held_back(board: Board, views: Sequence[View], size: tuple[int, int], flags: int) -> float:
    """px, over the corners of all views, each by a lens that was solved without it."""
    squares, corners = 0.0, 0
    for fold in range(min(_FOLDS, len(views))):
        out = views[fold::_FOLDS]
        fit = _fit(board, [view for view in views if all(view is not one for one in out)], size, flags)
        for view in out:
            off = _off(board, view, fit)
            squares, corners = squares + float((off**2).sum()), corners + len(off)
    return float(np.sqrt(squares / corners))


def _off(board: Board, view: View, fit: _Fit) -> NDArray[np.float64]:
    """(n, 2) px: of the corners of a view, with the lens as it is and the pose that suits them best."""
    points = board.points_mm[view.found.ids]
    seen, turn, move = cv2.solvePnP(points, view.found.pixels, fit.matrix, fit.distortion)
    if not seen:
        raise _unsolved()
    shown, _ = cv2.projectPoints(points, turn, move, fit.matrix, fit.distortion)
    return np.asarray(shown.reshape(-1, 2) - view.found.pixels, np.float64)


def _lens(kind: LensKind, fit: _Fit, held_back: float, views: int) -> Lens:
    count = 8 if kind is LensKind.WIDE else 5
    matrix, sd = fit.matrix, fit.sd
    return Lens(
        kind=kind,
        fx=float(matrix[0, 0]),
        fy=float(matrix[1, 1]),
        cx=float(matrix[0, 2]),
        cy=float(matrix[1, 2]),
        distortion=tuple(float(value) for value in fit.distortion[:count]),
        rms_px=round(fit.rms, 4),
        heldback_rms_px=round(held_back, 4),
        focal_sd_px=(round(float(sd[0]), 3), round(float(sd[1]), 3)),
        centre_sd_px=(round(float(sd[2]), 3), round(float(sd[3]), 3)),
        views=views,
    )


def _unsolved() -> CalibrationError:
    return CalibrationError(
        "no lens explains these views",
        hint="check --squares and that the board is flat; take views near and far, tilted to all sides",
    )
