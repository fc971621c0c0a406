"""Corrections as the API takes and gives them.

A report is what `edge learning correct --json` said; that command may say more than is shown here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge.domain.geometry import Rect
from edge.domain.part import PartId
from edge.domain.result import RecipeRef
from edge.domain.verdict import Verdict
from edge.panel.shapes import MAX_NUMBER, ImageRef, Name, Number, Person, Shape, Why
from edge.panel.shapes_jobs import Job
from edge.panel.shapes_models import Detector

MOST_PARTS = 100
MOST_REPLAYED = 2000
_Part = Annotated[str, Field(pattern=r"^[0-9]{1,16}/[0-9]{1,16}$")]
Id = Annotated[int, Field(ge=1, le=MAX_NUMBER)]


class LabelledPart(Shape):
    """A part of which a person said what it is, and what the detector said of it. `defect`: it is one, else it is good.

    `known`: the detector was corrected with it before. `image`: null when its picture is no longer kept.
    """

    part: PartId
    at: str
    lot: str
    verdict: Verdict
    score: float
    unsure_from: float
    ng_from: float
    defect: bool
    by: str
    note: str
    kind: str
    place: Rect | None
    known: bool
    image: ImageRef | None


class Wrong(Shape):
    """What the chosen detector was wrong about, newest label first. No detectors: no recipe is active.

    `borderline`: judged rightly, and with a score near the limits: fit to be limit samples.
    """

    recipe: RecipeRef | None
    detectors: tuple[Detector, ...]
    detector: Detector | None
    parts: tuple[LabelledPart, ...]
    borderline: tuple[LabelledPart, ...]


class Correct(Shape):
    """Correct the check of `camera` from these parts, EPOCH/N each. `last`: how many stored parts are judged again.

    `limit_good`, `limit_defects`: kept as limit samples: their answer is fixed, nothing is learnt from them.
    `let_go`: known defects, by name, that may pass from now on. `stops_more`: more good parts may be stopped.
    """

    camera: Name
    check: Name
    good: Annotated[tuple[_Part, ...], Field(max_length=MOST_PARTS)] = ()
    defects: Annotated[tuple[_Part, ...], Field(max_length=MOST_PARTS)] = ()
    limit_good: Annotated[tuple[_Part, ...], Field(max_length=MOST_PARTS)] = ()
    limit_defects: Annotated[tuple[_Part, ...], Field(max_length=MOST_PARTS)] = ()
    by: Person
    reason: Why
    last: Annotated[int, Field(ge=1, le=MOST_REPLAYED)] = 200
    let_go: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=300)], ...], Field(max_length=50)] = ()
    stops_more: bool = False

    @property
    def chosen(self) -> tuple[tuple[str, bool, str], ...]:
        """Each part with whether it is a defect, and the command's option for it."""
        lists = (
            (self.good, False, "--good"),
            (self.defects, True, "--defect"),
            (self.limit_good, False, "--limit-good"),
            (self.limit_defects, True, "--limit-defect"),
        )
        return tuple((name, defect, option) for names, defect, option in lists for name in names)


# --- the report -----------------------------------------------------------------------------------------------


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Bounds(_Told):
    unsure_from: float
    ng_from: float


class Effect(_Told):
    """What one part taught: its score before and after."""

    name: str
    defect: bool
    score_before: float
    score_after: float
    marked: bool = False


class Change(_Told):
    """A part with another verdict. `from`: null when nobody judged it before. `label`: good, defect, or ""."""

    name: str
    label: str = ""
    was: Annotated[str | None, Field(alias="from")] = None
    to: str
    score_from: float | None = None
    score_to: float | None = None


class Stored(_Told):
    parts: int
    pictures: int


class Replay(_Told):
    """seen: parts judged again. lost: defects that would pass. stopped: good parts that would be stopped.

    samples: limit samples that were judged; flipped: those of them that get another answer than theirs.
    """

    seen: int
    verdicts: dict[str, int] = {}
    changes: tuple[Change, ...] = ()
    lost: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    samples: int = 0
    flipped: tuple[str, ...] = ()
    stored: Stored | None = None


class Setting(_Told):
    """What a limit would mean for the parts that are known."""

    unsure_from: float
    stopped_good: int
    good: int
    escapes: int
    defects: int


class Settings(_Told):
    """What limits mean for the known parts, by the scores of the new version. `table`: others to choose from."""

    before: Setting
    after: Setting
    table: tuple[Setting, ...] = ()


class Asked(_Told):
    """What all known parts ask for together. `held_by`: defects for whose sake it is not higher."""

    unsure_from: float
    ng_from: float
    rate: float
    held_by: tuple[str, ...] = ()


class Report(_Told):
    """`refused`: why the new version is not kept, "" when it is."""

    accepted: bool
    refused: str = ""
    model: str
    parent: str
    parts: tuple[Effect, ...] = ()
    unsure_from: float
    ng_from: float
    before: Bounds
    taught_good_stopped: int = 0
    taught_good: int = 0
    limits: Settings | None = None
    proposed: Asked | None = None
    replay: Replay
    seconds: float = 0.0
    replay_seconds: float = 0.0


class PictureOf(Shape):
    """Where the report's part of this name is seen: its page, and its picture if one is kept."""

    name: str
    page: str
    url: str | None


class Request(Shape):
    """What was asked for, as it is kept in data_dir/corrections/ID/request.json."""

    format: Literal[1] = 1
    at: str
    recipe: RecipeRef
    model: str
    wanted: Correct


class Correction(Shape):
    """`job`: null when it is too long ago. `report`: null until there is one; the job's trouble says why there is none.

    `change`: the change that was proposed from it, null while none was.
    """

    id: Id
    request: Request
    job: Job | None
    report: Report | None
    pictures: tuple[PictureOf, ...]
    change: str | None


class CorrectionRow(Shape):
    id: Id
    at: str
    by: str
    reason: str
    model: str
    parts: Number
    job: Job | None
    accepted: bool | None
    change: str | None


class CorrectionList(Shape):
    """Newest first."""

    corrections: tuple[CorrectionRow, ...]


class Propose(Shape):
    by: Person
    reason: Why
