"""Printed boards have exact size, in both kinds of file, and are found when they are seen."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from calibration import boards
from calibration.boards import Board, Found
from calibration.target import Box, Dot, pdf, sheet, svg
from edge.domain.calibration import BoardKind
from edge.errors import UsageError
from tests.unit.calibration.rendered import raster

BOARDS = [
    Board(kind=BoardKind.CHESSBOARD, columns=9, rows=6, square_mm=12.5),
    Board(kind=BoardKind.CHARUCO, columns=8, rows=5, square_mm=20, marker_mm=15, dictionary="5X5_100"),
    Board(kind=BoardKind.CHARUCO, columns=8, rows=6, square_mm=20, marker_mm=14, legacy=True),
    Board(kind=BoardKind.CIRCLES, columns=4, rows=11, square_mm=15),
]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.words)
def test_points_lie_where_they_are_said_to(board: Board) -> None:
    """The drawn sheet, looked at straight on at 8 px/mm: every point is there to a tenth of a mm."""
    found = boards.find(board, raster(board))
    assert isinstance(found, Found)
    assert found.whole
    nominal = board.points_mm[found.ids, :2].astype(np.float64)
    seen = (found.pixels.astype(np.float64) + 0.5) / 8
    if board.kind is not BoardKind.CHARUCO and np.dot(nominal[-1] - nominal[0], seen[-1] - seen[0]) < 0:
        seen = seen[::-1]  # the board looks the same upside down
    off = (seen - seen.mean(axis=0)) - (nominal - nominal.mean(axis=0))
    assert np.abs(off).max() < 0.1


def test_svg_is_in_mm() -> None:
    page = sheet(BOARDS[0])
    root = ElementTree.fromstring(svg(page))
    assert root.get("width") == f"{page.width:g}mm"
    assert root.get("viewBox") == f"0 0 {page.width:g} {page.height:g}"
    boxes = [one for one in root if one.get("width") == "12.5000"]
    assert len(boxes) == 35
    ruler = [one for one in root if one.get("width") == "100.0000"]
    assert len(ruler) == 1
    assert any("100.0 mm" in (one.text or "") for one in root)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.words)
def test_pdf_says_the_same(board: Board) -> None:
    page = sheet(board)
    data = pdf(page)
    assert data.startswith(b"%PDF-1.4")
    box = re.search(rb"/MediaBox \[0 0 ([0-9.]+) ([0-9.]+)\]", data)
    assert box is not None
    assert float(box[1]) * 25.4 / 72 == pytest.approx(page.width, abs=1e-3)
    assert float(box[2]) * 25.4 / 72 == pytest.approx(page.height, abs=1e-3)
    assert b"/PrintScaling /None" in data
    drawn = [tuple(map(float, one)) for one in re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re f", data)]
    boxes = [thing for thing in page.things if isinstance(thing, Box)]
    assert len(drawn) == len(boxes)
    for (x, y, width, height), thing in zip(drawn, boxes, strict=True):
        mm = np.array([x, y, width, height]) * 25.4 / 72
        wanted = [thing.x, page.height - thing.y - thing.height, thing.width, thing.height]
        assert mm == pytest.approx(wanted, abs=1e-3)
    assert data.count(b" m ") == sum(isinstance(thing, Dot) for thing in page.things)


def test_pdf_table_points_at_its_objects() -> None:
    data = pdf(sheet(BOARDS[0]))
    start = int(re.search(rb"startxref\n(\d+)", data)[1])  # type: ignore[index]
    assert data[start:].startswith(b"xref")
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n", data), 1):
        assert data[int(place) :].startswith(b"%d 0 obj" % number)


def test_nothing_larger_than_a_plotter() -> None:
    with pytest.raises(UsageError, match="too large"):
        sheet(Board(kind=BoardKind.CHESSBOARD, columns=50, rows=50, square_mm=100))
