"""Which parts a detector was wrong about, or right by a hair, as people's labels say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.domain.ledger import StoredPart
from edge.domain.recipe import Recipe
from edge.domain.result import Score
from edge.domain.verdict import Verdict
from edge.panel import evidence, records
from edge.panel.seams import Databases
from edge.panel.shapes import ImageRef
from edge.panel.shapes_corrections import LabelledPart
from edge.panel.shapes_models import Detector
from edge.store.station import Label

MOST_LABELS = 400  # that hold, of each kind of answer: older ones are not looked at
_NEAR = 0.15  # of the UNSURE limit: so near, another light or another batch may tip the verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Newest label first. wrong: judged otherwise than a person did. borderline: rightly, near the limits."""

    wrong: tuple[LabelledPart, ...]
    borderline: tuple[LabelledPart, ...]


def labelled_parts(books: Databases, recipe: Recipe, detector: Detector, known: Callable[[str], bool]) -> Labelled:
    """known: whether the detector was corrected with the picture of that file name."""
    labels = [
        *books.station.newest_labels(Verdict.OK, MOST_LABELS),
        *books.station.newest_labels(Verdict.NG, MOST_LABELS),
    ]
    wrong: list[LabelledPart] = []
    borderline: list[LabelledPart] = []
    for label in sorted(labels, key=lambda one: one.at, reverse=True):
        part = books.ledger.part(label.part)
        if part is None or part.row != label.row or part.trigger.recipe is None:
            continue
        score = _score(part, detector)
        if part.trigger.recipe.name != recipe.name or score is None:
            continue
        if _was_wrong(part, label, score):
            wrong.append(_told(books, part, label, score, detector, known))
        elif _was_right(label, score) and _is_near(score):
            borderline.append(_told(books, part, label, score, detector, known))
    return Labelled(wrong=tuple(wrong), borderline=tuple(borderline))


def _score(part: StoredPart, detector: Detector) -> Score | None:
    for result in part.record.results:
        if result.view == detector.camera:
            return next((score for score in result.scores if score.check == detector.check), None)
    return None


def _was_wrong(part: StoredPart, label: Label, score: Score) -> bool:
    """Stopped by this very check though it is good; or a defect that all of the station let pass."""
    stopped = score.score >= score.unsure_from
    return stopped if label.verdict is Verdict.OK else not stopped and part.record.verdict is Verdict.OK


def _was_right(label: Label, score: Score) -> bool:
    return (score.score >= score.unsure_from) is (label.verdict is Verdict.NG)


def _is_near(score: Score) -> bool:
    return (1 - _NEAR) * score.unsure_from <= score.score < max(score.ng_from, (1 + _NEAR) * score.unsure_from)


def _told(
    books: Databases, part: StoredPart, label: Label, score: Score, detector: Detector, known: Callable[[str], bool]
) -> LabelledPart:
    image, is_known = _picture(books, part, detector.camera, known)
    return LabelledPart(
        part=part.record.part,
        at=part.trigger.wall,
        lot=part.trigger.lot,
        verdict=part.record.verdict,
        score=score.score,
        unsure_from=score.unsure_from,
        ng_from=score.ng_from,
        defect=label.verdict is Verdict.NG,
        by=label.by,
        note=label.note,
        kind=label.kind,
        place=label.place if label.view == detector.camera else None,
        known=is_known,
        image=image,
    )


def _picture(
    books: Databases, part: StoredPart, camera: str, known: Callable[[str], bool]
) -> tuple[ImageRef | None, bool]:
    for image in books.evidence.images_of(part.row):
        if (image.part, image.view, image.kind) == (part.record.part, camera, evidence.FRAME):
            return records.image_ref(image), known(Path(image.path).name)
    return None, False
