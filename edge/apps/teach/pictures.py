"""Where good pictures come from, and the simplest such place: a folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from edge.apps.progress import Steps
from edge.apps.teach.planning import Basis, recipe_file
from edge.capture.folder import ENDINGS, is_picture, natural
from edge.errors import ModelError, Refused, SourceError, UsageError
from edge.learning.memory_file import taught_memory
from edge.learning.teach import MIN_PICTURES
from edge.learning.teach_record import Origin, TeachChoices, TeachPicture, pictures_beside, teach_record
from edge.store.packages import open_package

_GOOD = ("train/good", "good")
_LEFT_OUT = "left out by a person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A picture to teach with, not yet read. name: of the file, or the part's id.

    sha256: that it must have, "" for any. part, lossy, dropped, confirmed: as in `TeachPicture`.
    """

    path: Path
    name: str
    origin: Origin = Origin.FILE
    part: str = ""
    lossy: bool = False
    dropped: str = ""
    confirmed: bool = False
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """pictures: in the order in which they are shown. basis: whose locator, camera and gate are used.

    calibration, camera_settings: as in `TeachChoices`. before: what was chosen when these were taught with the last
    time. notes: for the person, in words.
    """

    pictures: tuple[Given, ...]
    basis: Basis | None = None
    calibration: str = ""
    camera_settings: str = ""
    before: TeachChoices | None = None
    notes: tuple[str, ...] = ()

    def judged(self, left_out: tuple[str, ...], confirmed: tuple[str, ...]) -> Gathered:
        """What a person says of them, by name: `left_out` are kept and not taught with, `confirmed` are good though
        unlike the others. UsageError names one that is not there."""
        if unknown := sorted({*left_out, *confirmed} - {one.name for one in self.pictures}):
            raise UsageError(f"there is no picture {unknown[0]!r}", hint="write its name as teach did")
        return replace(
            self,
            pictures=tuple(
                replace(
                    one,
                    dropped=one.dropped or (_LEFT_OUT if one.name in left_out else ""),
                    confirmed=one.confirmed or one.name in confirmed,
                )
                for one in self.pictures
            ),
        )


class Source(Protocol):
    def gather(self, steps: Steps) -> Gathered:
        """EdgeError says why there is nothing to teach with."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Good pictures, or an MVTec layout with train/good. recipe: whose locator, region, background patch and camera are
    used; None: the whole picture is the part. camera: which of the recipe's views, where it has several."""

    path: Path
    recipe: Path | None = None
    camera: str | None = None

    def gather(self, steps: Steps) -> Gathered:
        steps("reading", 0, 0)
        basis = Basis.of(recipe_file(self.recipe), self.camera) if self.recipe else None
        return Gathered(
            pictures=tuple(Given(path=path, name=path.name) for path in good_pictures(self.path)), basis=basis
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The kept pictures of what an earlier `edge teach` made, with its recipe or another one. What was left out then
    stays out, but for `back`: names that a person takes in again."""

    out: Path
    recipe: Path | None = None
    camera: str | None = None
    back: tuple[str, ...] = ()

    def gather(self, steps: Steps) -> Gathered:
        steps("reading", 0, 0)
        package = open_package(self.out / "package")
        record = teach_record(package)
        if record is None:
            raise ModelError(f"{self.out} does not say what it was taught with", hint="teach from the pictures again")
        if known := len(taught_memory(package).known):
            raise Refused(
                f"{known} judged parts, which this model was corrected with, would be forgotten",
                hint="edge learning reteach keeps them; to forget them, teach from the folder of its pictures",
            )
        if unknown := sorted(set(self.back) - {one.name for one in record.pictures}):
            raise UsageError(f"there is no picture {unknown[0]!r} to take in again", hint="write its name as teach did")
        folder, choices = pictures_beside(self.out), record.choices
        own = self.out / "recipe.json" if not choices.cut_out else None
        recipe = self.recipe or own
        return Gathered(
            pictures=tuple(_kept(folder, one, self.back) for one in record.pictures),
            basis=Basis.of(recipe_file(recipe), self.camera) if recipe else None,
            calibration=choices.calibration,
            camera_settings=choices.camera_settings,
            before=choices,
        )


def good_pictures(source: Path) -> list[Path]:
    """In natural order. UsageError without the folder, SourceError with too few pictures."""
    if not source.is_dir():
        raise UsageError(f"there is no folder {source}", hint="give the folder with pictures of good parts")
    folder = next((source / place for place in _GOOD if (source / place).is_dir()), source)
    try:
        files = sorted((path for path in folder.iterdir() if is_picture(path)), key=lambda path: natural(path.name))
    except OSError as error:
        raise SourceError(f"{folder} cannot be read: {error.strerror}", hint="may this user read it?") from error
    if len(files) < MIN_PICTURES:
        known = ", ".join(sorted(ENDINGS))
        raise SourceError(
            f"{folder} holds {len(files)} pictures; teaching needs {MIN_PICTURES} at least",
            hint=f"30 or more good parts are better; known endings: {known}",
        )
    return files


def _kept(folder: Path, one: TeachPicture, back: tuple[str, ...]) -> Given:
    return Given(
        path=folder / one.file, name=one.name, origin=one.origin, part=one.part, lossy=one.lossy,
        dropped="" if one.name in back else one.dropped, confirmed=one.confirmed,
        sha256=one.sha256,
    )  # fmt: skip
