"""Boards to print at exact size, as SVG or PDF, with a ruler that shows whether the printer kept it.

Everything is rectangles and circles in mm, so both files say the same. PDF: one page, ISO 32000-1; 1 mm = 72 / 25.4 pt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from calibration.boards import DICTIONARIES, Board
from edge.domain.calibration import BoardKind
from edge.errors import UsageError

_PT = 72 / 25.4
_MARGIN_MM = 12.0
_RULER_MM = 100.0
_FOOT_MM = 22.0  # below the board: ruler and words
_CIRCLE = 0.5523  # of the radius: control points of four Bezier curves for a circle
_CIRCLE_SHARE = 0.5  # of the step: a circle's radius
MOST_MM = 2000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Filled, mm from the page's top left."""

    x: float
    y: float
    width: float
    height: float
    black: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """Filled black, mm: middle and radius."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Left end of the base line, mm; size of the type, mm."""

    x: float
    y: float
    size: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A page of width x height mm. Later things cover earlier ones. board_at: where the board's points begin, mm."""

    width: float
    height: float
    things: tuple[Box | Dot | Words, ...]
    board_at: tuple[float, float]


def sheet(board: Board) -> Sheet:
    """UsageError when it would be larger than any plotter."""
    things, width, height = _drawn(board)
    page = max(width, _RULER_MM) + 2 * _MARGIN_MM
    if max(page, height + 2 * _MARGIN_MM + _FOOT_MM) > MOST_MM:
        raise UsageError(f"a board of {width:.0f} x {height:.0f} mm is too large", hint=f"at most {MOST_MM:.0f} mm")
    moved = tuple(_moved(thing, _MARGIN_MM, _MARGIN_MM) for thing in things)
    foot = height + _MARGIN_MM + 8
    inner = board.square_mm if board.kind is BoardKind.CHESSBOARD else 0.0
    return Sheet(
        width=page,
        height=foot + _FOOT_MM,
        things=(*moved, *_ruler(_MARGIN_MM, foot), *_legend(board, foot)),
        board_at=(_MARGIN_MM + inner, _MARGIN_MM + inner),
    )


def svg(page: Sheet) -> str:
    """In mm, at exact size."""
    view = f"0 0 {page.width:g} {page.height:g}"
    size = f'width="{page.width:g}mm" height="{page.height:g}mm" viewBox="{view}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} shape-rendering="crispEdges">',
        f'<rect width="{page.width:g}" height="{page.height:g}" fill="#fff"/>',
        *(_svg(thing) for thing in page.things),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def pdf(page: Sheet) -> bytes:
    """One page, no compression, Helvetica for the words; asks viewers not to scale it."""
    content = "\n".join(_pdf(thing, page.height) for thing in page.things).encode("latin-1", "replace")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {page.width * _PT:.4f} {page.height * _PT:.4f}] "
        "/Contents 5 0 R /Resources << /Font << /F 4 0 R >> >> >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    out = bytearray(b"%PDF-1.4\n")
    places: list[int] = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)


def _drawn(board: Board) -> tuple[list[Box | Dot], float, float]:
    """The board alone from (0, 0), its width and height in mm."""
    if board.kind is BoardKind.CHARUCO:
        return _charuco(board)
    side = board.square_mm
    if board.kind is BoardKind.CIRCLES:
        radius = side * _CIRCLE_SHARE
        places = board.points_mm[:, :2] + 2 * side
        dots: list[Box | Dot] = [Dot(x=float(x), y=float(y), radius=radius) for x, y in places]
        return dots, float(places[:, 0].max()) + 2 * side, float(places[:, 1].max()) + 2 * side
    columns, rows = board.columns + 1, board.rows + 1
    return _squares(columns, rows, side, first_black=True), columns * side, rows * side


def _squares(columns: int, rows: int, side: float, *, first_black: bool) -> list[Box | Dot]:
    return [
        Box(x=column * side, y=row * side, width=side, height=side)
        for row in range(rows)
        for column in range(columns)
        if ((row + column) % 2 == 0) is first_black
    ]


def _charuco(board: Board) -> tuple[list[Box | Dot], float, float]:
    """White squares hold the markers; which squares those are is asked of OpenCV, as is each marker's place."""
    made, side = board.charuco(), board.square_mm
    corners = [np.asarray(one, np.float64).reshape(4, 3)[:, :2] for one in made.getObjPoints()]
    first = corners[0].min(axis=0) // side
    things = _squares(board.columns, board.rows, side, first_black=bool((first[0] + first[1]) % 2))
    for marker, place in zip(np.asarray(made.getIds()).reshape(-1), corners, strict=True):
        things += _marker(board, int(marker), place.min(axis=0))
    return things, board.columns * side, board.rows * side


def _marker(board: Board, marker: int, place: np.ndarray) -> list[Box | Dot]:
    """A black square with its white bits, as `generateImageMarker` draws it with one px for a bit."""
    dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARIES[board.dictionary])
    bits = dictionary.markerSize + 2
    picture = cv2.aruco.generateImageMarker(dictionary, marker, bits)
    x, y, step = float(place[0]), float(place[1]), board.marker_mm / bits
    things: list[Box | Dot] = [Box(x=x, y=y, width=board.marker_mm, height=board.marker_mm)]
    for row, column in zip(*np.nonzero(picture), strict=True):
        things.append(Box(x=x + float(column) * step, y=y + float(row) * step, width=step, height=step, black=False))
    return things


def _ruler(x: float, y: float) -> list[Box | Words]:
    things: list[Box | Words] = [Box(x=x, y=y, width=_RULER_MM, height=0.3)]
    for mm in range(int(_RULER_MM) + 1):
        long = 4.0 if mm % 10 == 0 else 2.0
        left = x + mm - (0.0 if mm == 0 else 0.2 if mm == _RULER_MM else 0.1)
        things.append(Box(x=left, y=y, width=0.2, height=long))
    return [*things, Words(x=x, y=y + 8, size=3.2, text="0"), Words(x=x + 94, y=y + 8, size=3.2, text="100 mm")]


def _legend(board: Board, y: float) -> list[Words]:
    told = f"{board.words}, {board.square_mm:g} mm"
    if board.kind is BoardKind.CHARUCO:
        told += f", markers {board.marker_mm:g} mm, {board.dictionary}{', legacy' if board.legacy else ''}"
    check = "Print at 100 %. The ruler must measure 100.0 mm; if not, give --square-mm what you measure."
    return [
        Words(x=_MARGIN_MM, y=y + 13, size=3.2, text=told),
        Words(x=_MARGIN_MM, y=y + 18, size=3.2, text=check),
    ]


def _moved(thing: Box | Dot, x: float, y: float) -> Box | Dot:
    if isinstance(thing, Dot):
        return Dot(x=thing.x + x, y=thing.y + y, radius=thing.radius)
    return Box(x=thing.x + x, y=thing.y + y, width=thing.width, height=thing.height, black=thing.black)


def _svg(thing: Box | Dot | Words) -> str:
    if isinstance(thing, Box):
        fill = "#000" if thing.black else "#fff"
        size = f'width="{thing.width:.4f}" height="{thing.height:.4f}"'
        return f'<rect x="{thing.x:.4f}" y="{thing.y:.4f}" {size} fill="{fill}"/>'
    if isinstance(thing, Dot):
        return f'<circle cx="{thing.x:.4f}" cy="{thing.y:.4f}" r="{thing.radius:.4f}" shape-rendering="auto"/>'
    font = f'font-family="Helvetica, Arial, sans-serif" font-size="{thing.size:g}"'
    return f'<text x="{thing.x:.4f}" y="{thing.y:.4f}" {font}>{thing.text}</text>'


def _pdf(thing: Box | Dot | Words, page_height: float) -> str:
    """y grows upwards there."""
    x, y = thing.x * _PT, (page_height - thing.y) * _PT
    if isinstance(thing, Words):
        text = thing.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        return f"0 g BT /F {thing.size * _PT:.4f} Tf {x:.4f} {y:.4f} Td ({text}) Tj ET"
    if isinstance(thing, Box):
        height = thing.height * _PT
        return f"{0 if thing.black else 1} g {x:.4f} {y - height:.4f} {thing.width * _PT:.4f} {height:.4f} re f"
    r, c = thing.radius * _PT, thing.radius * _PT * _CIRCLE
    curves: Sequence[tuple[float, ...]] = (
        (x + r, y + c, x + c, y + r, x, y + r),
        (x - c, y + r, x - r, y + c, x - r, y),
        (x - r, y - c, x - c, y - r, x, y - r),
        (x + c, y - r, x + r, y - c, x + r, y),
    )
    path = " ".join(" ".join(f"{value:.4f}" for value in curve) + " c" for curve in curves)
    return f"0 g {x + r:.4f} {y:.4f} m {path} f"
