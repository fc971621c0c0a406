"""What a model says about one region of one part. Saying is not deciding: see `domain.decide`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge.errors import ModelError

MAX_BOXES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A place that a model points at, in frame px (corners after mapping back), with its own score."""

    x: int
    y: int
    width: int
    height: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One check's output. `score`: anomaly score, or probability of the best defect class (higher is worse).

    label: class name for classification, "" for anomaly. boxes: at most 16, worst first. ModelError on a
    score that is not finite: a model that says NaN has said nothing.
    """

    check: str
    score: float
    label: str = ""
    boxes: tuple[Box, ...] = ()

    def __post_init__(self) -> None:
        if not math.isfinite(self.score):
            raise ModelError(f"check {self.check}: the model's score is {self.score}", hint="run edge model check")
        if len(self.boxes) > MAX_BOXES:
            raise ModelError(f"check {self.check}: {len(self.boxes)} boxes, at most {MAX_BOXES} are kept")
