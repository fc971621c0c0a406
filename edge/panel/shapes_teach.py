"""Teaching as the API takes and gives it: where good parts come from, what was taught, and what a person says of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from edge.panel.shapes import Lot, Name, Person, Shape, Why
from edge.panel.shapes_changes import RecipeName
from edge.panel.shapes_jobs import Job
from edge.panel.shapes_retaught import TaughtAgain

MOST_PARTS = 500  # of one teaching: more teach little, and each is shown with its score
MOST_FOLDERS = 200
FolderName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f/\\.][^\x00-\x1f\x7f/\\]{0,99}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Parts = Annotated[int, Field(ge=3, le=MOST_PARTS)]


class FromFolder(Shape):
    """Pictures in a folder of data_dir/incoming, where they were copied to."""

    kind: Literal["folder"]
    folder: FolderName


class FromStored(Shape):
    """Parts that the line has judged and whose pictures are kept, the newest `last` of them. `lot`: of that lot only.

    `confirmed`: only those that a person called good; else those judged OK that no person called otherwise.
    """

    kind: Literal["stored"]
    last: Parts = 50
    lot: Lot | None = None
    confirmed: bool = False


class FromLive(Shape):
    """The next `count` parts. Meanwhile all are rejected, or they pass and the lot goes on hold."""

    kind: Literal["live"]
    count: Parts = 30
    parts: Literal["reject", "hold"]
    reason: Why


class Teaching(Shape):
    """`one_in`: one of so many good parts may be stopped. `camera`: which view of the recipe, where it has several.

    `recipe`: whose way to find the part is used; null: of a folder the whole picture is the part, of the line's parts
    the recipe that judged the last one.
    """

    name: Name
    by: Person
    source: Annotated[FromFolder | FromStored | FromLive, Field(discriminator="kind")]
    one_in: Annotated[int, Field(ge=5, le=10_000)] = 50
    recipe: RecipeName | None = None
    camera: Name | None = None


class Again(Shape):
    """With the same pictures. `leave_out`: not with these. `good`: these are good though they look odd. `take_in`: with
    these again, that were left out before."""

    by: Person
    leave_out: Annotated[tuple[Sha256, ...], Field(max_length=MOST_PARTS)] = ()
    good: Annotated[tuple[Sha256, ...], Field(max_length=MOST_PARTS)] = ()
    take_in: Annotated[tuple[Sha256, ...], Field(max_length=MOST_PARTS)] = ()


class Started(Shape):
    """`folder`: what the job makes, NAME@VERSION."""

    job: Job
    folder: str


class Incoming(Shape):
    """A folder of data_dir/incoming, and how many pictures it holds."""

    folder: str
    pictures: int


class TaughtRow(Shape):
    """`folder`: of data_dir/taught, NAME@VERSION. `at`: ISO 8601 UTC. `doubts`: pictures that nobody looked at yet."""

    folder: str
    at: str
    by: str
    pictures: int
    doubts: int


class TeachPage(Shape):
    """What there is to teach from, and what was taught, newest first. `lot`: the running one, "" for none.

    `job`: the newest teaching, and `job_folder` what it makes; null when there was none lately.
    """

    incoming: tuple[Incoming, ...]
    incoming_folder: str
    cameras: tuple[str, ...]
    lot: str
    job: Job | None
    job_folder: str
    taught: tuple[TaughtRow, ...]


class Doubt(Shape):
    """Why a picture should be looked at. `kind` says what `value` and `limit` are. `of`: the picture it resembles."""

    kind: Annotated[str, StringConstraints(max_length=40)]
    value: float
    limit: float
    of: str = ""


class TeachPicture(Shape):
    """One that a person should look at, or has. `score`: null when it was left out, so that nobody scored it."""

    name: str
    sha256: str
    url: str
    score: float | None
    doubts: tuple[Doubt, ...]
    left_out: bool
    confirmed: bool


class Guarantee(Shape):
    """What `used` good parts can promise: at `best` this share stopped. `missing`: more of them until it is `asked`."""

    used: int
    asked: float
    best: float
    missing: int


class KnownDefect(Shape):
    """A part that a person called NG. `score`: by what was taught. `kind`: as that person named it, "" for none."""

    name: str
    score: float
    kind: str = ""


class Setting(Shape):
    """What a limit means for the parts that are known: so many good ones stopped, so many defects passed."""

    unsure_from: float
    stopped_good: int
    good: int
    escapes: int
    defects: int


class Taught(Shape):
    """All about one teaching. `scores`: of the good parts, each by a model without it. `step_seconds`: in order.

    `again`: how it differs from the model in whose place it was taught again; null for one that is new.
    """

    folder: str
    name: str
    version: int
    at: str
    by: str
    pictures: int
    left_out: int
    lossy: int
    unsure_from: float
    ng_from: float
    rate: float
    guarantee: Guarantee
    scores: tuple[float, ...]
    defects: tuple[KnownDefect, ...]
    table: tuple[Setting, ...]
    look_at: tuple[TeachPicture, ...]
    notes: tuple[str, ...]
    seconds: float
    step_seconds: dict[str, float]
    again: TaughtAgain | None


class _Said(BaseModel):
    """Of the command's report; it may say more than is shown."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ScoreSaid(_Said):
    name: str
    score: float
    file: str


class DoubtSaid(_Said):
    name: str
    kind: str
    value: float
    limit: float
    of: str = ""


class ReportSaid(_Said):
    pictures: int
    lossy: int = 0
    unsure_from: float
    ng_from: float
    rate: float
    guarantee: Guarantee
    scores: tuple[ScoreSaid, ...]
    doubts: tuple[DoubtSaid, ...]
    defects: tuple[KnownDefect, ...] = ()
    table: tuple[Setting, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float
    step_seconds: dict[str, float] = {}
    by: str = ""
    at: str = ""
    asked: dict[str, Any] = {}


class PictureSaid(_Said):
    """Of the package's teach.json."""

    name: str
    sha256: Sha256
    ending: Annotated[str, StringConstraints(pattern=r"^\.[a-z]{2,5}$")]
    width: int
    height: int
    dropped: str = ""
    confirmed: bool = False

    @property
    def file(self) -> str:
        return self.sha256 + self.ending


class RecordSaid(_Said):
    pictures: tuple[PictureSaid, ...]
