"""The kept raw pictures, those of teaching and of the corrections since, looked at as parts are looked at today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

from edge.apps.learning.now import Now, Size
from edge.apps.progress import Steps
from edge.apps.teach.planning import input_size
from edge.capture.folder import decode_picture
from edge.domain.geometry import Rect
from edge.domain.recipe import Locate
from edge.errors import Refused, SourceError
from edge.inference.rectify import Pixels
from edge.inference.session import SessionOptions
from edge.learning.correct import JudgedPart
from edge.learning.kept_pictures import Wanted, gather
from edge.learning.memory_file import KnownPart, TaughtMemory
from edge.learning.other_size import Scale
from edge.learning.samples import SampleCutter
from edge.learning.teach import Plan, Teacher
from edge.learning.teach_record import TeachChoices, TeachPicture

_SAME_SHAPE = 0.01  # of the sides' ratio: scaled places are rounded to whole pixels
_NOT_FOUND = "the part was not found in it when it was taught again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """Names of pictures that cannot be used. not_found: today's locator finds no part in them."""

    missing: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    not_found: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return len(self.missing) + len(self.altered) + len(self.not_found)

    def lines(self) -> list[str]:
        told = (("missing", self.missing), ("altered", self.altered), ("no part found in", self.not_found))
        return [f"{what}: {', '.join(names)}" for what, names in told if names]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Read:
    """pictures: for the new record. known: the judged parts by the SHA-256 of their raw pictures, cut out anew. files:
    of all of them. sizes: of frames that were scaled to today's."""

    teacher: Teacher
    pictures: tuple[TeachPicture, ...]
    known: dict[str, JudgedPart]
    files: dict[str, Path]
    lacking: Lacking
    sizes: tuple[Size, ...]


def plan_again(now: Now) -> Plan:
    """All choices but those that follow from the view stay. Refused when pictures that were cut out one by one should
    be looked at in another way."""
    choices, backbone = now.record.choices, now.backbone
    shape, before = _shape(now.today.region, now.today.locate), _shape(choices.region, choices.locate)
    if choices.cut_out and (now.today.region, now.today.locate) != (choices.region, choices.locate):
        raise Refused(
            "its pictures were cut out one by one: another region or locator cannot look for the part in them",
            hint="teach with whole frames",
        )
    size = (choices.input_width, choices.input_height)
    if abs(shape[0] * before[1] / (shape[1] * before[0]) - 1) > _SAME_SHAPE:
        size = input_size(*shape, choices.side_px, backbone.multiple_px)
    return Plan(
        locate=now.today.locate,
        preprocess=backbone.preprocess(*size),
        region=now.today.region,
        patch=now.today.patch,
        rate=choices.rate,
        cut_out=choices.cut_out,
        confirmed=tuple(one.name for one in now.record.pictures if one.confirmed),
        int8=choices.int8,
    )


def read_again(now: Now, memory: TaughtMemory, folder: Path | None, plan: Plan, steps: Steps) -> Read:
    """Reads all. What cannot be used is in `lacking`."""
    teach = now.record.taught_with
    wanted = [Wanted(name=one.name, sha256=one.sha256) for one in teach]
    wanted += [Wanted(name=one.name, sha256=one.sha256) for one in memory.known]
    left_out = [Wanted(name=one.name, sha256=one.sha256) for one in now.record.pictures if one.dropped]
    steps("reading", 0, len(wanted))
    gathered = gather(folder, wanted)
    files = gathered.found | gather(folder, left_out).found
    reader = _Reader(now, plan)
    teacher = Teacher(plan, now.backbone, SessionOptions())
    for number, one in enumerate(teach):
        steps("reading", number, len(wanted))
        path = gathered.found.get(one.sha256)
        if path is not None:
            reader.show(teacher, path, one)
    known = {}
    for number, part in enumerate(memory.known, len(teach)):
        steps("reading", number, len(wanted))
        path = gathered.found.get(part.sha256)
        judged = None if path is None else reader.judged(path, part)
        if judged is not None:
            known[part.sha256] = judged
    steps("reading", len(wanted), len(wanted))
    return Read(
        teacher=teacher,
        pictures=_still(now.record.pictures, files, reader.no_lesson),
        known=known,
        files=files,
        lacking=Lacking(missing=gathered.missing, altered=gathered.altered, not_found=tuple(reader.not_found)),
        sizes=tuple(sorted(reader.sizes)),
    )


def choices_again(now: Now, plan: Plan, frame: Size) -> TeachChoices:
    """frame: (width, height) px that the pictures were taught in."""
    before = now.record.choices
    return replace(
        before,
        locate=plan.locate,
        region=plan.region,
        patch=plan.patch,
        input_width=plan.preprocess.width,
        input_height=plan.preprocess.height,
        backbone_sha256=now.backbone.digest,
        camera=now.view.camera,
        frame_width=0 if plan.cut_out else frame[0],
        frame_height=0 if plan.cut_out else frame[1],
        calibration=now.today.calibration,
        camera_settings=now.today.camera_settings or before.camera_settings,
    )


class _Reader:
    """Decodes, scales to today's frames, cuts out; keeps the names of what holds no part."""

    def __init__(self, now: Now, plan: Plan) -> None:
        self._now, self._plan = now, plan
        self._cutter = SampleCutter(plan.locate, plan.preprocess, plan.region, cut_out=plan.cut_out)
        self.not_found: list[str] = []
        self.no_lesson: set[str] = set()  # SHA-256 of teach pictures among them
        self.sizes: set[Size] = set()

    def show(self, teacher: Teacher, path: Path, one: TeachPicture) -> None:
        frame, _ = self._frame(path)
        try:
            teacher.show(frame, one.name)
        except SourceError:
            self.not_found.append(one.name)
            self.no_lesson.add(one.sha256)

    def judged(self, path: Path, part: KnownPart) -> JudgedPart | None:
        frame, scale = self._frame(path)
        place = part.place
        if place is not None and scale is not None:
            place = scale.rect(place, (scale.width, scale.height))
        try:
            return JudgedPart(
                name=part.name,
                picture=self._cutter.cut(frame, part.name).picture,
                sha256=part.sha256,
                defect=part.defect,
                marked=None if place is None else self._cutter.marked(frame, place, part.name),
                place=part.place,
            )
        except SourceError:
            self.not_found.append(part.name)
            return None

    def _frame(self, path: Path) -> tuple[Pixels, Scale | None]:
        """In today's size, and how it came to have that. SourceError when it cannot be decoded any more."""
        pixels = decode_picture(path, self._now.channels)
        if pixels is None:
            raise SourceError(f"{path} cannot be read as a picture", hint="copy it again from a backup")
        size, wanted = (pixels.shape[1], pixels.shape[0]), self._now.today.frame
        if wanted is None or size == wanted:
            return pixels, None
        self.sizes.add(size)
        scale = Scale.between(size, wanted)
        return scale.frame(pixels), scale


def _still(
    pictures: Sequence[TeachPicture], files: Mapping[str, Path], no_lesson: AbstractSet[str]
) -> tuple[TeachPicture, ...]:  # fmt: skip
    """Those that are there; where no part was found, kept and not taught with."""
    there = (one for one in pictures if one.sha256 in files)
    return tuple(replace(one, dropped=_NOT_FOUND) if one.sha256 in no_lesson else one for one in there)


def _shape(region: Rect | None, locate: Locate) -> Size:
    return (region.width, region.height) if region else (locate.width_px, locate.height_px)
