"""`edge learning kinds teach`: reviewed examples in, a file of kinds out. Whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.apps.learning.kinds.parts import Kept, StationParts, opened_parts
from edge.apps.learning.kinds.report import TeachOutcome
from edge.apps.learning.source import Source, judged_part, opened
from edge.apps.progress import Steps
from edge.capture.folder import decode_picture
from edge.domain.geometry import Rect
from edge.domain.verdict import Verdict
from edge.errors import SourceError, UsageError
from edge.inference.rectify import Pixels
from edge.learning import kinds_file
from edge.learning.kinds import Example, Usual, check_kind, fit, left_out, waiting
from edge.learning.kinds_sight import KindSight
from edge.learning.labelled import LabelledSet, find_pictures, read_mask
from edge.learning.memory_file import taught_memory
from edge.settings.station import Station
from edge.store.atomic import new_file
from edge.store.station import Label

_MOST_GOOD = 30  # parts that say what is usual, when the package keeps none


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """model: a taught package, or what teach made. labelled: a folder with test/KIND. station: its reviewed parts.
    One of the two. out: the file, which is replaced when it is there."""

    model: Path
    recipe: Path | None = None
    labelled: Path | None = None
    station: Station | None = None
    out: Path


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """A part's frame, and how it is looked at. kind: of its defect, "" for a good part. place: that a person marked."""

    name: str
    path: Path
    source: Source
    sight: KindSight
    kind: str = ""
    place: Rect | None = None


def run(request: Request, step: Steps) -> TeachOutcome:
    """Whatever is wrong with what was asked for is an EdgeError, and nothing is written then."""
    if (request.labelled is None) is (request.station is None):
        raise UsageError("the examples come from one place", hint="give either --labelled DIR or --station FILE")
    if request.out.is_dir() or not request.out.parent.is_dir():
        raise UsageError(f"{request.out} cannot be written", hint="give --out a file in a folder that is there")
    with opened(request.model, request.recipe) as source:
        sight = KindSight(source.package.manifest, taught_memory(source.package))
        reference = source.package.manifest.reference
        if request.labelled is not None:
            shown = labelled_frames(find_pictures(request.labelled), source, sight)
            examples, normal, unusable = _looked_at(source, sight, shown, step)
        elif request.station is not None:
            with opened_parts(request.station, source.package.manifest.name) as parts:
                examples, normal, unusable = _looked_at(source, sight, _of_station(parts), step)
                unusable += parts.lacking
    known = fit(examples, normal, sight.backbone, reference)
    told = left_out(examples, known)
    step("writing", 0, 1)
    with new_file(request.out) as file:
        file.write_bytes(kinds_file.to_bytes(known))
    return TeachOutcome(
        known=known, out=request.out, told=told, waiting=waiting(examples), unusable=tuple(unusable)
    )  # fmt: skip


def _looked_at(
    source: Source, sight: KindSight, shown: Sequence[Frame], step: Steps
) -> tuple[list[Example], Usual, list[str]]:
    """Examples, what is usual, and the parts that cannot be used, with the reason."""
    good = kept_good(source)
    if not good:
        frames = [one for one in shown if not one.kind][:_MOST_GOOD]
        good = [judged_part(one.source, one.path, False, None).picture for one in frames]
    normal = sight.usual(good)
    examples: list[Example] = []
    unusable: list[str] = []
    defective = [one for one in shown if one.kind]
    for number, one in enumerate(defective):
        step("looking", number, len(defective))
        kind = check_kind(one.kind)
        try:
            if one.sight.backbone != sight.backbone:
                raise SourceError("it was judged with another backbone")
            part = judged_part(one.source, one.path, True, one.place)
        except SourceError as error:
            unusable.append(f"{one.name}: {error.message}")
            continue
        examples.append(one.sight.example(kind, part.picture, normal, part.marked))
    return examples, normal, unusable


def labelled_frames(labelled: LabelledSet, source: Source, sight: KindSight) -> list[Frame]:
    """With the marks that masks stand for; good parts have no kind."""
    return [
        Frame(
            name=one.name,
            path=one.path,
            kind="" if one.good else one.kind,
            place=_largest(one.mask) if one.mask else None,
            source=source,
            sight=sight,
        )
        for one in labelled.pictures
    ]


def _of_station(parts: StationParts) -> list[Frame]:
    named = parts.reviewed(Verdict.NG, named=True)
    return [_of_label(*one) for one in (*named, *parts.reviewed(Verdict.OK, most=_MOST_GOOD))]


def _of_label(label: Label, kept: Kept) -> Frame:
    eye = kept.eye
    return Frame(
        name=str(label.part),
        path=kept.frame,
        kind=label.kind,
        place=label.place if label.view == eye.camera else None,
        source=eye.source,
        sight=eye.sight,
    )


def kept_good(source: Source) -> list[Pixels]:
    """The good parts that the package keeps, at the model's size."""
    package = source.package
    files = [one.file for one in package.manifest.golden if one.label == Verdict.OK.value]
    files += [one.file for one in taught_memory(package).known if not one.defect]
    found: Iterator[Pixels | None] = (decode_picture(package.folder / file, 3) for file in dict.fromkeys(files))
    return [picture for picture in found if picture is not None]


def _largest(mask: Path) -> Rect | None:
    """The rectangle around the largest marked region. None when nothing is marked, or it is no picture."""
    marked = read_mask(mask)
    if marked is None or not marked.any():
        return None
    _, _, stats, _ = cv2.connectedComponentsWithStats(marked.astype(np.uint8), connectivity=8)
    x, y, width, height = (int(one) for one in stats[1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())][:4])
    return Rect(x=x, y=y, width=width, height=height)
