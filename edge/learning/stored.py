"""Parts that the line has judged and whose pictures the recorder has kept: whole frames, fit to be judged again.

They are JPEGs: a score of one is near that of the frame and not the same. So two versions are compared on the same
stored picture, and what was recorded at the time is told beside it. What people say of a part in station.db is its
answer: those parts are judged again however old they are, as long as their picture is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge.domain.ledger import StoredPart
from edge.domain.part import Purpose
from edge.domain.verdict import Verdict
from edge.errors import StoreError, UsageError
from edge.learning.replay import Case
from edge.settings.station import Station
from edge.store.evidence import EvidenceReader, Image
from edge.store.ledger_reader import LedgerReader, PartFilter
from edge.store.station import Label, StationReader

FRAME = "frame"
MOST_PARTS = 10_000
MOST_LABELLED = 1000  # of good parts, and of defects: the newest labels
_LOOK_BACK = 100_000  # parts of the ledger: most OK ones have no picture
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredParts:
    """cases: newest first, then older labelled ones. looked_at: parts of the ledger. unkept: how many of them have no
    picture of this view. labelled: how many of the cases have an answer."""

    cases: tuple[Case, ...]
    looked_at: int
    unkept: int
    labelled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Books:
    """answers: labels that hold, by ledger row."""

    ledger: LedgerReader
    evidence: EvidenceReader
    folder: Path
    camera: str
    answers: dict[int, Label]

    def images(self, parts: Sequence[StoredPart]) -> dict[int, list[Image]]:
        return self.evidence.images_for([part.row for part in parts]) if parts else {}

    def case(self, part: StoredPart, images: dict[int, list[Image]], product: str) -> Case | None:
        """None when no picture of this view is kept."""
        for image in images.get(part.row, ()):
            if (image.part, image.view, image.kind) == (part.record.part, self.camera, FRAME):
                path, defect = inside(self.folder, image), self._defect(part, product)
                return Case(name=str(part.record.part), path=path, defect=defect, was=part.record.verdict)
        return None

    def _defect(self, part: StoredPart, product: str) -> bool | None:
        """Of another product, or of a defect that another camera shows, this detector need not know."""
        label, recipe = self.answers.get(part.row), part.trigger.recipe
        if label is None or label.part != part.record.part or recipe is None or recipe.name != product:
            return None
        return label.verdict is Verdict.NG if label.view in ("", self.camera) else None


def stored_parts(station: Station, camera: str, last: int, product: str = "") -> StoredParts:
    """The last parts of production that have a picture of that camera, and all that people have labelled.

    product: name of the recipe whose labels count. UsageError on a silly number, StoreError when a database cannot be
    read, or ledger and evidence do not belong together.
    """
    if not 1 <= last <= MOST_PARTS:
        raise UsageError(f"{last} stored parts cannot be replayed", hint=f"--last 1 to {MOST_PARTS}")
    answers = _answers(station.data_dir / "station.db") if product else {}
    ledger = LedgerReader(station.data_dir / "ledger.db")
    try:
        evidence = EvidenceReader(station.data_dir / "evidence.db")
        try:
            if evidence.ledger() not in ("", ledger.identity()):
                raise StoreError("the evidence is of another ledger", hint="run edge doctor")
            folder = station.data_dir / "images"
            books = _Books(ledger=ledger, evidence=evidence, folder=folder, camera=camera, answers=answers)
            return _collected(books, last, product)
        finally:
            evidence.close()
    finally:
        ledger.close()


def _answers(path: Path) -> dict[int, Label]:
    """None while nobody has labelled anything here."""
    if not path.is_file():
        return {}
    reader = StationReader(path)
    try:
        found = [
            label for verdict in (Verdict.OK, Verdict.NG) for label in reader.newest_labels(verdict, MOST_LABELLED)
        ]
    finally:
        reader.close()
    return {label.row: label for label in found}


def _collected(books: _Books, last: int, product: str) -> StoredParts:
    cases: list[Case] = []
    looked_at, before = 0, None
    while looked_at < _LOOK_BACK and len(cases) < last:
        parts = books.ledger.parts(PartFilter(purpose=Purpose.PRODUCTION, before_row=before), _PAGE)
        if not parts:
            break
        before, images = parts[-1].row, books.images(parts)
        for part in parts:
            looked_at += 1
            case = books.case(part, images, product)
            cases += [case] if case else []
            if len(cases) == last:
                break
    unkept = looked_at - len(cases)
    cases += _older(books, {case.name for case in cases}, product)
    labelled = sum(case.defect is not None for case in cases)
    return StoredParts(cases=tuple(cases), looked_at=looked_at, unkept=unkept, labelled=labelled)


def _older(books: _Books, taken: set[str], product: str) -> list[Case]:
    """Labelled parts, of any purpose, that are not among the last ones."""
    wanted = [label.part for label in books.answers.values() if str(label.part) not in taken]
    parts = [part for part in map(books.ledger.part, wanted) if part is not None]
    found: list[Case] = []
    for start in range(0, len(parts), _PAGE):
        page = parts[start : start + _PAGE]
        images = books.images(page)
        cases = (books.case(part, images, product) for part in page)
        found += [case for case in cases if case is not None and case.defect is not None]
    return found


def inside(folder: Path, image: Image) -> Path:
    """Where the picture lies. StoreError when that is not below `folder`."""
    path = PurePosixPath(image.path)
    target = folder / path
    if path.is_absolute() or ".." in path.parts or not target.resolve().is_relative_to(folder.resolve()):
        raise StoreError(f"picture {image.id} lies outside the images' folder", hint="run edge doctor")
    return target
