"""Boards that are shown to a camera, and finding them in a picture.

A chessboard counts its inner corners, a ChArUco board its squares, a grid of circles its circles (rows shifted by half
a step: asymmetric, as OpenCV calls it). A mirrored print matters for ChArUco alone: the other two are their own mirror
image, turned.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.domain.calibration import BoardKind
from edge.errors import UsageError

Points = NDArray[np.float32]
Grey = NDArray[np.uint8]

DICTIONARIES = {
    name.removeprefix("DICT_"): getattr(cv2.aruco, name) for name in dir(cv2.aruco) if name.startswith("DICT_")
}
_LEAST_SIDE = 3
_LEAST_OF_CHARUCO = 8  # corners: fewer say too little about where the board is
_SB = cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_ACCURACY


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """columns, rows: see above. square_mm: side of a square, or from circle to circle along a row, halved.

    marker_mm: side of a ChArUco marker. dictionary: of its markers, OpenCV's name without DICT_. legacy: the pattern of
    OpenCV before 4.6, whose boards with an even number of rows begin with a white square.
    """

    kind: BoardKind
    columns: int
    rows: int
    square_mm: float
    marker_mm: float = 0.0
    dictionary: str = "4X4_50"
    legacy: bool = False

    def __post_init__(self) -> None:
        if not (_LEAST_SIDE <= self.columns <= 100 and _LEAST_SIDE <= self.rows <= 100):
            raise UsageError(f"a board of {self.columns} x {self.rows} cannot be", hint="3x3 to 100x100, as 9x6")
        if not 0.05 <= self.square_mm <= 1000:
            raise UsageError(f"squares of {self.square_mm} mm cannot be", hint="0.05 to 1000 mm: measure a printed one")
        if self.kind is BoardKind.CHARUCO:
            if self.dictionary not in DICTIONARIES:
                raise UsageError(f"there is no dictionary {self.dictionary}", hint="as 4X4_50, 5X5_100, 6X6_250")
            if not 0 < self.marker_mm < self.square_mm:
                raise UsageError("a ChArUco board needs --marker-mm, smaller than its squares")

    @property
    def points_mm(self) -> Points:
        """(n, 3): of all points, in order, z = 0."""
        if self.kind is BoardKind.CHARUCO:
            return np.asarray(self.charuco().getChessboardCorners(), np.float32)
        across, down = np.meshgrid(np.arange(self.columns), np.arange(self.rows))
        if self.kind is BoardKind.CIRCLES:
            flat = np.stack([2 * across + down % 2, down, np.zeros_like(down)], axis=-1)
        else:
            flat = np.stack([across, down, np.zeros_like(down)], axis=-1)
        return (flat.reshape(-1, 3) * self.square_mm).astype(np.float32)

    @property
    def words(self) -> str:
        named = {"chessboard": "inner corners", "charuco": "squares", "circles": "circles"}[self.kind.value]
        return f"{self.kind.value} of {self.columns} x {self.rows} {named}"

    def charuco(self) -> cv2.aruco.CharucoBoard:
        dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARIES[self.dictionary])
        board = cv2.aruco.CharucoBoard((self.columns, self.rows), self.square_mm, self.marker_mm, dictionary)
        board.setLegacyPattern(self.legacy)
        return board


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """ids (n,): which of the board's points. pixels (n, 2): where, px of the picture. whole: all of them."""

    ids: NDArray[np.int32]
    pixels: Points
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """why: what was seen instead, for a person."""

    why: str


def find(board: Board, picture: Grey) -> Found | Missed:
    """The board in a grey picture (H, W) uint8."""
    finder = {
        BoardKind.CHESSBOARD: _chessboard,
        BoardKind.CHARUCO: _charuco,
        BoardKind.CIRCLES: _circles,
    }[board.kind]
    found = finder(board, picture)
    return found if found is not None else Missed(why=_why_not(board, picture))


def _chessboard(board: Board, picture: Grey) -> Found | None:
    """Duda, Frese, "Accurate Detection and Localization of Checkerboard Corners for Calibration", BMVC 2018."""
    for flags in (0, _SB):  # each finds some boards that the other does not; the second takes three times as long
        seen, pixels = cv2.findChessboardCornersSB(picture, (board.columns, board.rows), flags=flags)
        if seen:
            return _all_of(board, pixels)
    return None


def _circles(board: Board, picture: Grey) -> Found | None:
    size = (board.columns, board.rows)
    for flags in (cv2.CALIB_CB_ASYMMETRIC_GRID, cv2.CALIB_CB_ASYMMETRIC_GRID | cv2.CALIB_CB_CLUSTERING):
        seen, pixels = cv2.findCirclesGrid(picture, size, flags=flags, blobDetector=_blobs(picture))
        if seen:
            return _all_of(board, pixels)
    return None


def _blobs(picture: Grey) -> cv2.SimpleBlobDetector:
    """For circles from a few px to a tenth of the picture; the library's own limit is 5,000 px of area."""
    wanted = cv2.SimpleBlobDetector.Params()
    wanted.minArea, wanted.maxArea = 20, picture.size / 100
    wanted.minDistBetweenBlobs = 4
    return cv2.SimpleBlobDetector.create(wanted)


def _charuco(board: Board, picture: Grey) -> Found | None:
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    detector = cv2.aruco.CharucoDetector(board.charuco(), detectorParams=parameters)
    pixels, ids, _, _ = detector.detectBoard(picture)
    if ids is None or len(ids) < _LEAST_OF_CHARUCO:
        return None
    ids = np.asarray(ids, np.int32).reshape(-1)
    return Found(ids=ids, pixels=_flat(pixels), whole=len(ids) == len(board.points_mm))


def _all_of(board: Board, pixels: object) -> Found:
    return Found(ids=np.arange(len(board.points_mm), dtype=np.int32), pixels=_flat(pixels), whole=True)


def _flat(pixels: object) -> Points:
    return np.asarray(pixels, np.float32).reshape(-1, 2)


def _why_not(board: Board, picture: Grey) -> str:
    """What is there instead, as far as it can be told."""
    if board.kind is BoardKind.CHARUCO:
        if _charuco(board, np.ascontiguousarray(picture[:, ::-1])) is not None:
            return "the board is mirrored: print it again without mirroring, and look at it from its printed side"
        return _other_charuco(board, picture)
    return _other_chessboard(board, picture) if board.kind is BoardKind.CHESSBOARD else f"no {board.words} was found"


def _other_charuco(board: Board, picture: Grey) -> str:
    dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARIES[board.dictionary])
    _, ids, _ = cv2.aruco.ArucoDetector(dictionary).detectMarkers(picture)
    wanted = len(board.charuco().getIds())
    if ids is None or not len(ids):
        return f"no marker of {board.dictionary} was found: is it another --dictionary, or no board at all?"
    if int(ids.max()) >= wanted:
        return f"marker {int(ids.max())} is not on a {board.words}: it is another board"
    if len(ids) >= wanted // 2:
        other = "without --legacy" if board.legacy else "with --legacy"
        return f"{len(ids)} markers are there, but no squares between them: try {other}, and see --squares"
    return f"only {len(ids)} of {wanted} markers were found: show more of the board, sharper, without glare"


def _other_chessboard(board: Board, picture: Grey) -> str:
    """A larger pattern search tells how many corners there really are."""
    flags = _SB | cv2.CALIB_CB_LARGER
    seen, _, meta = cv2.findChessboardCornersSBWithMeta(picture, (_LEAST_SIDE, _LEAST_SIDE), flags)
    if not seen or meta is None:
        return f"no {board.words} was found: show the whole board with a white rim, sharp and without glare"
    rows, columns = sorted(meta.shape[:2], reverse=board.rows > board.columns)
    if {rows, columns} == {board.rows, board.columns}:
        return f"a {board.words} was hardly seen: show it sharper and flatter"
    return (
        f"{columns} x {rows} inner corners were seen, not {board.columns} x {board.rows}: part of the board is hidden "
        "or outside the picture, or it is another board"
    )
