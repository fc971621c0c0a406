"""Everything that is kept about one view of one part: the message from inference is the record."""

from __future__ import annotations

from dataclasses import dataclass

from edge.domain.frame import FrameRef
from edge.domain.part import PartId
from edge.domain.prediction import Box
from edge.domain.verdict import Reason, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeRef:
    """A recipe version: `name@version`, and the first 16 hex digits of the SHA-256 of its canonical JSON."""

    name: str
    version: int
    digest: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A check's score beside the limits it was held against (UNSURE from `unsure_from`, NG from `ng_from`)."""

    check: str
    score: float
    unsure_from: float
    ng_from: float
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where the part was found in the frame: centre in px, angle in degrees, counter-clockwise as seen.

    The size of the aligned picture is the recipe's (`Locate.width_px`, `height_px`).
    """

    x_px: float
    y_px: float
    angle_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Microseconds: exposure to announced frame taken up, locate and preprocess, model runs, exposure to verdict."""

    waited_us: int
    prepare_us: int
    model_us: int
    total_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One view's judgement of one part.

    models: first 12 hex digits of each model file's SHA-256, in the order of the recipe's checks.
    calibration: name@version of the profile used, "" for none. frame is None when no frame was judged.
    """

    part: PartId
    view: str
    recipe: RecipeRef
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    scores: tuple[Score, ...] = ()
    boxes: tuple[Box, ...] = ()
    models: tuple[str, ...] = ()
    placement: Placement | None = None
    frame: FrameRef | None = None
    timings: Timings | None = None
    calibration: str = ""
