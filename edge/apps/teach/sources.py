"""Which of the options says where the pictures come from; exactly one must."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.apps.teach.collected import While
from edge.apps.teach.live import Live
from edge.apps.teach.pictures import Again, Folder, Source
from edge.apps.teach.stored import TAUGHT, Stored, next_version
from edge.clock import Clock
from edge.domain.part import check_name
from edge.errors import UsageError
from edge.learning.stored_good import Choice
from edge.service import Stop
from edge.settings.station import Station


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """The options of `edge teach`. station: of its own it means stored parts; beside `folder` or `again` it only says
    where the model goes."""

    folder: Path | None
    again: Path | None
    station: Station | None
    lot: str | None
    last: int
    confirmed: bool
    live: bool
    count: int
    what: While
    minutes: float
    by: str
    reason: str
    recipe: str | None
    camera: str | None
    back: tuple[str, ...]

    def source(self, clock: Clock, stop: Stop) -> Source:
        """UsageError when there is none, or several."""
        recipe = Path(self.recipe) if self.recipe else None
        if (self.folder is not None) + (self.again is not None) + self.live > 1:
            raise UsageError("several sources of pictures are given", hint="give a folder, or --again, or --live")
        if self.folder is not None:
            return Folder(path=self.folder, recipe=recipe, camera=self.camera)
        if self.again is not None:
            return Again(out=self.again, recipe=recipe, camera=self.camera, back=self.back)
        if self.station is None:
            raise UsageError("no pictures to teach with are given", hint="give a folder, or --station FILE, or --again")
        if self.live:
            return Live(
                station=self.station, count=self.count, what=self.what, by=self.by, reason=self.reason, clock=clock,
                stop=stop, minutes=self.minutes, recipe=self.recipe, camera=self.camera,
            )  # fmt: skip
        choice = Choice(lot=self.lot, last=self.last, confirmed=self.confirmed)
        return Stored(station=self.station, choice=choice, recipe=self.recipe, camera=self.camera)


def place(station: Station | None, name: str, version: int | None) -> tuple[int, Path | None]:
    """(version, folder) of what is taught. A station counts its models' versions and keeps what it taught."""
    check_name(name, "model")
    if station is None:
        return version or 1, None
    number = version or next_version(station, name)
    return number, station.data_dir / TAUGHT / f"{name}@{number}"
