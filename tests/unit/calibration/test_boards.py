"""Boards are found where they are, and what is shown instead is named."""

from __future__ import annotations

import numpy as np
import pytest

from calibration import boards
from calibration.boards import Board, Found, Missed
from edge.domain.calibration import BoardKind
from edge.errors import UsageError
from tests.unit.calibration.rendered import Camera, photo

CAMERA = Camera()
CHESSBOARD = Board(kind=BoardKind.CHESSBOARD, columns=9, rows=6, square_mm=20)
CHARUCO = Board(kind=BoardKind.CHARUCO, columns=10, rows=7, square_mm=20, marker_mm=15)
LEGACY = Board(kind=BoardKind.CHARUCO, columns=10, rows=8, square_mm=20, marker_mm=15, legacy=True)
MODERN = Board(kind=BoardKind.CHARUCO, columns=10, rows=8, square_mm=20, marker_mm=15)
CIRCLES = Board(kind=BoardKind.CIRCLES, columns=4, rows=11, square_mm=18)


def shown(board: Board, mirrored: bool = False) -> np.ndarray:
    return photo(CAMERA, board, turn=(0.2, 0.3, 0.1), middle=(0.5, 0.5), distance=430, mirrored=mirrored)


def why(board: Board, picture: np.ndarray) -> str:
    found = boards.find(board, picture)
    assert isinstance(found, Missed), "it was found"
    return found.why


@pytest.mark.parametrize("board", [CHESSBOARD, CHARUCO, LEGACY, CIRCLES], ids=lambda board: board.words)
def test_found_whole(board: Board) -> None:
    found = boards.find(board, shown(board))
    assert isinstance(found, Found)
    assert found.whole
    assert found.pixels.shape == (len(board.points_mm), 2)


def test_a_charuco_board_may_be_half_hidden() -> None:
    picture = shown(CHARUCO)
    picture[:, :400] = 128
    found = boards.find(CHARUCO, picture)
    assert isinstance(found, Found)
    assert not found.whole
    assert 8 <= len(found.ids) < len(CHARUCO.points_mm)
    whole = boards.find(CHARUCO, shown(CHARUCO))
    assert isinstance(whole, Found)
    at = {int(name): place for name, place in zip(whole.ids, whole.pixels, strict=True)}
    assert max(np.linalg.norm(at[int(n)] - p) for n, p in zip(found.ids, found.pixels, strict=True)) < 0.5


def test_no_board() -> None:
    empty = np.full((600, 800), 140, np.uint8)
    assert "no chessboard" in why(CHESSBOARD, empty)
    assert "no marker" in why(CHARUCO, empty)
    assert "no circles" in why(CIRCLES, empty)


def test_another_chessboard_is_measured() -> None:
    other = Board(kind=BoardKind.CHESSBOARD, columns=7, rows=5, square_mm=20)
    told = why(CHESSBOARD, shown(other))
    assert "7 x 5" in told
    assert "not 9 x 6" in told


def test_a_mirrored_print_is_named() -> None:
    assert "mirrored" in why(CHARUCO, shown(CHARUCO, mirrored=True))


def test_the_other_charuco_pattern_is_named() -> None:
    assert "without --legacy" in why(LEGACY, shown(MODERN))
    assert "with --legacy" in why(MODERN, shown(LEGACY))


def test_another_dictionary_is_named() -> None:
    other = Board(kind=BoardKind.CHARUCO, columns=10, rows=7, square_mm=20, marker_mm=15, dictionary="6X6_250")
    assert "another --dictionary" in why(other, shown(CHARUCO))


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": 2},
        {"square_mm": 0.0},
        {"kind": BoardKind.CHARUCO},
        {"kind": BoardKind.CHARUCO, "marker_mm": 30.0},
        {"kind": BoardKind.CHARUCO, "marker_mm": 10.0, "dictionary": "9X9"},
    ],
)
def test_boards_that_cannot_be(wrong: dict[str, object]) -> None:
    known: dict[str, object] = {"kind": BoardKind.CHESSBOARD, "columns": 9, "rows": 6, "square_mm": 20.0}
    with pytest.raises(UsageError):
        Board(**{**known, **wrong})  # type: ignore[arg-type]
