"""A lens that is known exactly is found again from rendered boards; and what cannot be solved is said."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from calibration import boards, lens, plane, views
from calibration.boards import Board, Found
from calibration.views import View
from edge.domain.calibration import BoardKind, LensKind
from edge.errors import CalibrationError
from tests.unit.calibration.rendered import VIEWS, Camera, photo

CAMERA = Camera()
CHESSBOARD = Board(kind=BoardKind.CHESSBOARD, columns=9, rows=6, square_mm=20)
CHARUCO = Board(kind=BoardKind.CHARUCO, columns=10, rows=7, square_mm=20, marker_mm=15, dictionary="4X4_50")
LEGACY = Board(kind=BoardKind.CHARUCO, columns=10, rows=8, square_mm=20, marker_mm=15, legacy=True)
CIRCLES = Board(kind=BoardKind.CIRCLES, columns=4, rows=11, square_mm=18)


@functools.cache
def series(board: Board, blur_px: float = 0.7, noise: float = 2.0) -> list[View]:
    taken: list[View] = []
    for number, (turn, middle, distance) in enumerate(VIEWS):
        picture = photo(
            CAMERA, board, turn=turn, middle=middle, distance=distance, blur_px=blur_px, noise=noise, seed=number
        )
        found = boards.find(board, picture)
        if isinstance(found, Found):
            taken.append(View(name=f"{number}.png", found=found, blur_px=views.blur(board, found, picture)))
    return taken


@pytest.fixture(scope="module")
def chessboard() -> list[View]:
    return series(CHESSBOARD)


@pytest.mark.parametrize(
    ("board", "blur_px", "noise"),
    [(CHESSBOARD, 0.7, 2.0), (CHESSBOARD, 1.2, 4.0), (CHARUCO, 0.7, 2.0), (LEGACY, 0.7, 2.0), (CIRCLES, 0.7, 2.0)],
    ids=["chessboard", "soft and noisy", "charuco", "charuco of before 4.6", "circles"],
)
def test_the_true_lens_is_found(board: Board, blur_px: float, noise: float) -> None:
    seen = series(board, blur_px, noise)
    assert len(seen) >= 9
    solved = lens.solve(board, seen, CAMERA.size, LensKind.PINHOLE)
    found = solved.lens
    assert found.fx == pytest.approx(CAMERA.fx, rel=0.005)
    assert found.fy == pytest.approx(CAMERA.fy, rel=0.005)
    assert abs(found.cx - CAMERA.cx) < 0.005 * CAMERA.width
    assert abs(found.cy - CAMERA.cy) < 0.005 * CAMERA.height
    assert found.distortion[0] == pytest.approx(CAMERA.distortion[0], rel=0.05)
    assert found.rms_px < 0.25
    assert found.heldback_rms_px < 1.5 * found.rms_px
    # What it says of its own uncertainty must not be empty words.
    assert 0 < found.focal_sd_px[0] < 0.005 * CAMERA.fx
    assert abs(found.fx - CAMERA.fx) < 6 * found.focal_sd_px[0]


def test_the_held_back_error_tells_what_the_rms_hides(chessboard: list[View]) -> None:
    """Corners that are off at random fit five views better than they foretell a sixth."""
    noise = np.random.default_rng(5)
    shaken = [
        View(name=view.name, found=Found(ids=view.found.ids, pixels=_shaken(view, noise), whole=True), blur_px=2.0)
        for view in chessboard[:6]
    ]
    solved = lens.solve(CHESSBOARD, shaken, CAMERA.size, LensKind.WIDE).lens
    assert solved.rms_px == pytest.approx(0.4 * np.sqrt(2), rel=0.2)
    assert solved.heldback_rms_px > 1.005 * solved.rms_px


def _shaken(view: View, noise: np.random.Generator) -> np.ndarray:
    return view.found.pixels + noise.normal(0, 0.4, view.found.pixels.shape).astype(np.float32)


def test_a_view_that_does_not_fit_is_named(chessboard: list[View]) -> None:
    found = chessboard[3].found
    bent = found.pixels + np.random.default_rng(1).normal(0, 3, found.pixels.shape).astype(np.float32)
    odd = View(name="bent.png", found=Found(ids=found.ids, pixels=bent, whole=True), blur_px=2.0)
    solved = lens.solve(CHESSBOARD, [*chessboard, odd], CAMERA.size, LensKind.PINHOLE)
    assert [one.file for one in solved.refused] == ["bent.png"]
    assert "does not fit" in solved.refused[0].why
    assert {one.file for one in solved.views} == {view.name for view in chessboard}


def test_too_few_views_say_what_to_take(chessboard: list[View]) -> None:
    with pytest.raises(CalibrationError, match="4 usable views") as error:
        lens.solve(CHESSBOARD, chessboard[:4], CAMERA.size, LensKind.PINHOLE)
    assert "tilted" in error.value.hint


def test_a_board_that_never_tilts_is_refused(chessboard: list[View]) -> None:
    """Solved all the same, its focal length was a third off, with an uncertainty of a ten thousandth."""
    flat = [
        photo(CAMERA, CHESSBOARD, turn=(0.0, 0.0, 0.05 * n), middle=(0.35 + 0.06 * n, 0.5), distance=500, seed=n)
        for n in range(6)
    ]
    taken = [
        View(name=str(n), found=found, blur_px=2.0)
        for n, picture in enumerate(flat)
        if isinstance(found := boards.find(CHESSBOARD, picture), Found)
    ]
    assert len(taken) == 6
    with pytest.raises(CalibrationError, match="faced the camera"):
        lens.solve(CHESSBOARD, taken, CAMERA.size, LensKind.PINHOLE)


def test_tilts_are_told(chessboard: list[View]) -> None:
    """About 32 degrees over the level axis in the second view, 34 about the upright one in the fourth."""
    tilts = lens.solve(CHESSBOARD, chessboard, CAMERA.size, LensKind.PINHOLE).tilts_deg
    assert abs(tilts[1][1]) == pytest.approx(np.degrees(0.55), abs=2)
    assert abs(tilts[3][0]) == pytest.approx(np.degrees(0.6), abs=2)
    assert max(map(abs, tilts[0])) < 2


def test_the_scale_of_the_belt_is_true(chessboard: list[View]) -> None:
    """Within 0.1 %, tilted as a camera beside the belt sees it, through the lens that was found."""
    solved = lens.solve(CHESSBOARD, chessboard, CAMERA.size, LensKind.PINHOLE).lens
    picture = photo(CAMERA, CHESSBOARD, turn=(0.4, 0.1, 0.05), middle=(0.5, 0.5), distance=380, seed=77)
    found = boards.find(CHESSBOARD, picture)
    assert isinstance(found, Found)
    scaled = plane.scale(CHESSBOARD, found, solved, CAMERA.size)
    other = photo(CAMERA, CHESSBOARD, turn=(0.4, 0.1, 0.05), middle=(0.5, 0.5), distance=380, seed=78)
    seen = boards.find(CHESSBOARD, other)
    assert isinstance(seen, Found)
    mm = plane.to_mm(scaled.plane, plane.straight(solved, seen.pixels))
    width = np.linalg.norm(mm[8] - mm[0])
    diagonal = np.linalg.norm(mm[-1] - mm[0])
    assert width == pytest.approx(8 * 20, rel=0.001)
    assert diagonal == pytest.approx(np.hypot(8 * 20, 5 * 20), rel=0.001)
    assert scaled.plane.max_mm < 0.2
    assert max(scaled.corners_mm[:4]) > scaled.corners_mm[4]  # away from the board less is known
