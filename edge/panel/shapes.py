"""Everything that the panel's API takes and gives: strict, bounded, and the source of /openapi.json.

Values of the domain (Reason, Score, Box, Recipe, ...) are given as they are, so that nothing is copied by hand.
A field with `_ms` is an age or a duration in milliseconds: clocks of the device and of the browser need not agree.
`by` is who does it, in that person's own words, until sign-in exists.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from edge.domain.geometry import Polygon, Rect
from edge.domain.ledger import GateRecord, PartRecord, TriggerRecord
from edge.domain.part import Mode, PartId, Purpose
from edge.domain.recipe import GateTiming, NgRule, PictureLimits, Recipe
from edge.domain.result import RecipeRef
from edge.domain.verdict import GateOutcome, Reason, Verdict

MAX_VERSION = 1_000_000_000
MAX_NUMBER = 2**53 - 1  # what a browser's numbers hold exactly

_NO_CONTROLS = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"  # and not only blanks
Person = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=_NO_CONTROLS)]
Why = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_CONTROLS)]
Lot = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=_NO_CONTROLS)]
Note = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
DefectKind = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40, pattern=_NO_CONTROLS)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
Version = Annotated[int, Field(ge=1, le=MAX_VERSION)]
Number = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
Limit = Annotated[float, Field(allow_inf_nan=False)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(Shape):
    """Every refusal and every error: what happened, and what the person can do."""

    message: str
    hint: str


class Done(Shape):
    """A request was carried out. `message` may be empty."""

    ok: bool
    message: str
    hint: str


# --- the state, at a glance ------------------------------------------------------------------------------


class LineNow(Shape):
    """What `line` last said. `bypass_left_ms` 0: no bypass. `preparing`: name@version that inference is loading.

    `counts`: as `line` reports them, since its start. `trial`: the active recipe is being challenged, nothing passes.
    `coming_lot`: begins when `preparing` is loaded, "" for none.
    """

    epoch: int
    mode: Mode
    permit: bool
    permit_reasons: tuple[str, ...]
    active: RecipeRef | None
    preparing: str | None
    lot: str
    purpose: Purpose
    latched: bool
    bypass_until_ns: int
    bypass_left_ms: int
    in_flight: int
    counts: dict[str, int]
    trial: bool
    coming_lot: str


class Counts(Shape):
    """Production parts only. All keys of `verdicts` and `gates` are always there."""

    parts: int
    verdicts: dict[Verdict, int]
    gates: dict[GateOutcome, int]


class Service(Shape):
    """`state`: as it says itself (starting, ready, degraded, failed, stopping), `silent` when nothing was heard for
    2 s, `unknown` when nothing was ever heard. `restarts`, `pid`: null when nobody has told us."""

    name: str
    state: str
    pid: int | None
    age_ms: int | None
    uptime_ms: int | None
    restarts: int | None
    counters: dict[str, float]


class Queue(Shape):
    """`size` it may reach, `depth` now, `dropped` by its writer, `lost` before its reader, `malformed`."""

    service: str
    name: str
    size: int
    depth: int
    dropped: int
    lost: int
    malformed: int


class Alarm(Shape):
    """`since_ms`: how long it stands. `code`: a key of the catalogue of words."""

    code: str
    since_ms: int
    detail: str
    service: str


class State(Shape):
    """GET /api/v1/state. `heard_ms`: age of the last word from `line`, null when there was none.

    `alive`: that age is below 3 s; when it is not, nothing in `line` may be shown as if it were so now.
    `lot`, `today`: null while the ledger cannot be read, and `ledger` then says why.
    """

    station: str
    release: str
    at: str
    line: LineNow | None
    heard_ms: int | None
    alive: bool
    lot: Counts | None
    today: Counts | None
    ledger: Problem | None
    services: tuple[Service, ...]
    queues: tuple[Queue, ...]
    alarms: tuple[Alarm, ...]


class Health(Shape):
    """GET /health. 200 when all of `checks` are true, else 503."""

    ok: bool
    checks: dict[str, bool]
    problems: tuple[Problem, ...]


# --- commands to the line -----------------------------------------------------------------------------------


class SetMode(Shape):
    """BYPASS needs a reason and minutes (at most 30). `line` decides, and says why when it refuses."""

    mode: Mode
    by: Person
    reason: Annotated[str, StringConstraints(max_length=200)] = ""
    minutes: Annotated[float, Field(ge=0, le=30, allow_inf_nan=False)] = 0.0


class ActivateRecipe(Shape):
    name: Name
    version: Version
    by: Person


class SetLot(Shape):
    lot: Lot
    by: Person


class SetPurpose(Shape):
    purpose: Purpose
    by: Person


class Reset(Shape):
    """Release the latch that an NG rule set."""

    by: Person
    reason: Why


# --- recipes -----------------------------------------------------------------------------------------------


class RecipeRow(Shape):
    """One version. `newest` of its name; `active` now on the line."""

    name: str
    version: int
    digest: str
    product: str
    author: str
    reason: str
    created_at: str
    newest: bool
    active: bool


class RecipeList(Shape):
    recipes: tuple[RecipeRow, ...]


class RecipeWhole(Shape):
    row: RecipeRow
    recipe: Recipe


class CheckChange(Shape):
    """What is left out stays as it is. `region`: null takes the whole part picture. px of the aligned part picture."""

    name: Name
    unsure_from: Limit | None = None
    ng_from: Limit | None = None
    region: Rect | None = None
    ignore: Annotated[tuple[Polygon, ...], Field(max_length=64)] | None = None


class ViewChange(Shape):
    """What is left out stays as it is. `picture`: null looks at the picture's quality no more."""

    camera: Name
    picture: PictureLimits | None = None
    checks: Annotated[tuple[CheckChange, ...], Field(max_length=16)] = ()


class Revision(Shape):
    """A new version of the newest one. `rules`: all of them, in place of those that were."""

    by: Person
    reason: Why
    gate: GateTiming | None = None
    rules: Annotated[tuple[NgRule, ...], Field(max_length=16)] | None = None
    views: Annotated[tuple[ViewChange, ...], Field(max_length=16)] = ()


# --- parts --------------------------------------------------------------------------------------------------


class ImageRef(Shape):
    """A kept picture, at `url` (JPEG). width, height in px: those of the frame, so that boxes fit on it."""

    view: str
    kind: str
    width: int
    height: int
    url: str


class LabelNow(Shape):
    """What a person said that a part is; the last one holds. `at`: ISO 8601 UTC. `kind`: of the defect, "" for none.

    `place`: where it was marked, in px of the frame of camera `view`.
    """

    verdict: Verdict
    by: str
    at: str
    note: str
    kind: str
    place: Rect | None
    view: str


class PartRow(Shape):
    """A part as it is listed. `at`: the trigger's wall clock, ISO 8601 UTC. `gate`: null until the part is past it.
    `named`: what the classifier calls its defect, null for nothing; it changes no verdict."""

    row: int
    part: PartId
    at: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    purpose: Purpose
    lot: str
    recipe: RecipeRef | None
    gate: GateOutcome | None
    label: LabelNow | None
    named: str | None
    images: tuple[ImageRef, ...]


class PartPage(Shape):
    """Newest first. `before_row`: ask with it for what follows, null at the end.

    `notes`: what could not be looked up (images while the recorder has never run, labels), and why.
    """

    parts: tuple[PartRow, ...]
    before_row: int | None
    notes: tuple[Problem, ...]


class PartWhole(Shape):
    """All that is known about a part. `missed`: why wanted images are not there. `labels`: oldest first."""

    row: int
    trigger: TriggerRecord
    record: PartRecord
    gate: GateRecord | None
    label: LabelNow | None
    labels: tuple[LabelNow, ...]
    images: tuple[ImageRef, ...]
    missed: tuple[str, ...]
    notes: tuple[Problem, ...]


class Labelling(Shape):
    """Confirm or overrule: OK, NG or UNSURE. Nobody can say NOT_INSPECTED. `kind`: what the defect is called.

    `place`: where it is, in px of the frame of camera `view`; both or neither.
    """

    verdict: Verdict
    by: Person
    note: Note = ""
    kind: DefectKind | None = None
    place: Rect | None = None
    view: Name | None = None


class EventRow(Shape):
    """Something that `line` recorded that is not a part. `at`: ISO 8601 UTC."""

    epoch: int
    at: str
    kind: str
    by: str
    detail: str


class EventList(Shape):
    events: tuple[EventRow, ...]


class OutageRow(Shape):
    """A time in which no triggers could be accepted; all that came was rejected. `at`: when it was recorded."""

    epoch: int
    at: str
    lasted_ms: int
    why: str


class OutageList(Shape):
    outages: tuple[OutageRow, ...]


class AuditEntry(Shape):
    id: int
    at: str
    by: str
    action: str
    detail: str
    digest: str


class AuditPage(Shape):
    """Newest first. `before_id`: ask with it for what follows, null at the end."""

    entries: tuple[AuditEntry, ...]
    before_id: int | None


class Words(Shape):
    """The whole catalogue of one language. texts: English to that language. codes, alarms: their English ids."""

    language: str
    texts: dict[str, str]
    codes: dict[str, dict[str, str]]
    alarms: dict[str, dict[str, str]]


_PROBLEMS = {
    400: "the request cannot be read",
    403: "another site, or another host name",
    404: "there is no such thing",
    408: "it came too slowly",
    409: "understood and refused",
    413: "too large",
    414: "too long an address",
    415: "not JSON",
    422: "a field is wrong",
    429: "too many at once",
    500: "a mistake of ours",
    503: "something that is needed is not there now",
    507: "no room on the disk",
}
WRITE = (400, 408, 409, 413, 415, 422, 429, 503, 507)
JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}, "description": "the picture"}}


def problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`."""
    return {code: {"model": Problem, "description": _PROBLEMS[code]} for code in codes}
