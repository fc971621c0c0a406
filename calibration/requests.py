"""What `edge calibrate` asks for: one JSON object on standard input, strict and bounded; and what each job answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from calibration.boards import Board
from edge.domain.calibration import BoardKind, LensKind

Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
Point = tuple[float, float]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BoardRequest(Strict):
    """squares: columns and rows, counted as the kind of board counts them (`calibration.boards`)."""

    board: BoardKind
    squares: tuple[int, int]
    square_mm: float
    marker_mm: float = 0.0
    dictionary: str = "4X4_50"
    legacy: bool = False

    def made(self) -> Board:
        return Board(
            kind=self.board,
            columns=self.squares[0],
            rows=self.squares[1],
            square_mm=self.square_mm,
            marker_mm=self.marker_mm,
            dictionary=self.dictionary,
            legacy=self.legacy,
        )


class Saved(Strict):
    """Where the profile goes and who answers for it. start_from: NAME or NAME@VERSION that it goes on from, or ""."""

    profiles: Path
    name: Name
    by: Text
    reason: Text
    start_from: str = ""


class LensRequest(Strict):
    images: Annotated[tuple[Path, ...], Field(min_length=1, max_length=2000)]
    target: BoardRequest
    model: LensKind = LensKind.PINHOLE
    saved: Saved


class ScaleRequest(Strict):
    image: Path
    target: BoardRequest
    saved: Saved


class CheckRequest(Strict):
    """Either a board, whose squares are measured, or two places (frame px) and the length between them in mm."""

    image: Path
    profiles: Path
    profile: str
    target: BoardRequest | None = None
    between: tuple[Point, Point] | None = None
    expect_mm: float | None = None
    tolerance_mm: Annotated[float, Field(gt=0)] = 0.1


class FlatRequest(Strict):
    images: Annotated[tuple[Path, ...], Field(min_length=1, max_length=1000)]
    dark: Annotated[tuple[Path, ...], Field(max_length=1000)] = ()
    saved: Saved


class TargetRequest(Strict):
    target: BoardRequest
    out: Path
    form: Literal["svg", "pdf"]
