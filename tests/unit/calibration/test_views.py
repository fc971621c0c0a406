"""Which views are worth solving with."""

from __future__ import annotations

from calibration import boards, views
from calibration.boards import Board, Found
from calibration.views import View
from edge.domain.calibration import BoardKind
from tests.unit.calibration.rendered import VIEWS, Camera, photo

CAMERA = Camera()
CHESSBOARD = Board(kind=BoardKind.CHESSBOARD, columns=9, rows=6, square_mm=20)
BOARD = Board(kind=BoardKind.CHARUCO, columns=10, rows=7, square_mm=20, marker_mm=15)


def view(name: str, number: int, blur_px: float = 0.7, dx: float = 0.0, board: Board = BOARD) -> View:
    turn, (x, y), distance = VIEWS[number]
    picture = photo(CAMERA, board, turn=turn, middle=(x + dx, y), distance=distance, blur_px=blur_px, seed=number)
    found = boards.find(board, picture)
    assert isinstance(found, Found)
    return View(name=name, found=found, blur_px=views.blur(board, found, picture))


def test_a_good_series_is_taken_whole() -> None:
    series = [view(str(n), n) for n in range(len(VIEWS))]
    taken, refused = views.chosen(BOARD, series, CAMERA.size)
    assert (len(taken), refused) == (len(VIEWS), [])
    covered = views.coverage(taken, CAMERA.size, [(30.0, 5.0), (2.0, 25.0)])
    assert covered.share > 0.7
    assert sum(covered.cells) == sum(len(one.found.ids) for one in taken)
    assert covered.missing == ()


def test_blur_is_measured_in_px() -> None:
    """A Gaussian of sigma s makes an edge about 2.5 s wide from dark to bright."""
    widths = [view("a", 0, blur_px=sigma, board=CHESSBOARD).blur_px for sigma in (0.7, 1.5, 2.5)]
    assert widths == sorted(widths)
    assert 2.5 * 2.5 * 0.8 < widths[2] < 2.5 * 2.5 * 1.3


def test_blurred_views_are_refused() -> None:
    series = [view(str(n), n, board=CHESSBOARD) for n in range(4)]
    soft = view("soft.png", 5, blur_px=3.0, board=CHESSBOARD)
    taken, refused = views.chosen(CHESSBOARD, [*series, soft], CAMERA.size)
    assert len(taken) == 4
    assert [one.file for one in refused] == ["soft.png"]
    assert "blurred" in refused[0].why


def test_the_same_view_again_is_refused() -> None:
    first = view("first.png", 2)
    again = View(name="again.png", found=view("x", 2, dx=0.002).found, blur_px=first.blur_px)
    taken, refused = views.chosen(BOARD, [first, again, view("other.png", 6)], CAMERA.size)
    assert [one.name for one in taken] == ["first.png", "other.png"]
    assert [(one.file, "repeats first.png" in one.why) for one in refused] == [("again.png", True)]


def test_the_fourth_view_of_one_place_is_refused() -> None:
    crowd = [view(f"{n}.png", 0, dx=0.02 * n) for n in range(4)]
    taken, refused = views.chosen(BOARD, crowd, CAMERA.size)
    assert [one.name for one in taken] == ["0.png", "1.png", "2.png"]
    assert "crowded" in refused[0].why


def test_empty_rims_are_named() -> None:
    """All views in the left half: the right is missing."""
    turn, _, distance = VIEWS[1]
    found = boards.find(BOARD, photo(CAMERA, BOARD, turn=turn, middle=(0.25, 0.5), distance=2 * distance))
    assert isinstance(found, Found)
    missing = views.coverage([View(name="a", found=found, blur_px=2.0)], CAMERA.size, [(30.0, 30.0)]).missing
    assert "right" in missing[0]
    assert "left" not in missing[0]


def test_tilts_that_are_missing_are_named() -> None:
    told = views.coverage([], CAMERA.size, [(3.0, 25.0)]).missing
    assert any("left or right side nearer" in one for one in told)
    assert not any("upper or lower side nearer" in one for one in told)
