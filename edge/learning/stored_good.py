"""Good parts among those that the line has judged and the recorder has kept: to teach with."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge.domain.ledger import StoredPart
from edge.domain.part import PartId, Purpose
from edge.domain.verdict import Verdict
from edge.errors import StoreError, UsageError
from edge.learning.stored import FRAME, MOST_PARTS, inside
from edge.settings.station import Camera, Station
from edge.store.evidence import EvidenceReader, Image
from edge.store.ledger_reader import LedgerReader, PartFilter
from edge.store.station import Label, StationReader

LOSSLESS = ".png"
_LOOK_BACK = 100_000  # parts of the ledger: of most OK ones no picture is kept
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which parts. lot: None for all. last: how many, the newest. confirmed: only those that a person called OK,
    whatever the line said; else those of production that it judged OK and nobody called anything else."""

    lot: str | None = None
    last: int = 100
    confirmed: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.last <= MOST_PARTS:
            raise UsageError(f"{self.last} stored parts cannot be taught with", hint=f"--last 1 to {MOST_PARTS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPicture:
    """path: of the kept frame. size: (width, height), px. lossy: it was compressed. calibration: of its camera then,
    NAME@VERSION or ""."""

    part: PartId
    path: Path
    size: tuple[int, int]
    lossy: bool
    calibration: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGood:
    """pictures: oldest first, as they came. looked_at: good parts of the ledger. unkept: how many had no picture.

    doubted: parts that the line called OK and a person did not: left out. other_size: pictures of another size than the
    camera gives now: left out too.
    """

    pictures: tuple[StoredPicture, ...]
    looked_at: int
    unkept: int
    doubted: int
    other_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What is read of a station. labels: None when station.db is not there."""

    ledger: LedgerReader
    evidence: EvidenceReader
    labels: StationReader | None
    images: Path


@contextmanager
def opened_books(station: Station) -> Iterator[Books]:
    """StoreError when ledger or evidence cannot be read, or do not belong together."""
    ledger = LedgerReader(station.data_dir / "ledger.db")
    try:
        evidence = EvidenceReader(station.data_dir / "evidence.db")
        labels = StationReader(station.data_dir / "station.db") if (station.data_dir / "station.db").exists() else None
        try:
            if evidence.ledger() not in ("", ledger.identity()):
                raise StoreError("the evidence is of another ledger", hint="run edge doctor")
            yield Books(ledger=ledger, evidence=evidence, labels=labels, images=station.data_dir / "images")
        finally:
            evidence.close()
            if labels is not None:
                labels.close()
    finally:
        ledger.close()


def stored_good(books: Books, camera: Camera, choice: Choice) -> StoredGood:
    """StoreError when something cannot be read."""
    found: list[StoredPicture] = []
    looked_at = unkept = doubted = other_size = 0
    before: int | None = None
    while looked_at < _LOOK_BACK and len(found) < choice.last:
        parts = books.ledger.parts(_filter(choice, before), _PAGE)
        if not parts:
            break
        before = parts[-1].row
        labels = books.labels.labels_for([part.row for part in parts]) if books.labels else {}
        good = [part for part in parts if _is_good(part, labels.get(part.row), choice)]
        doubted += sum(part.row in labels for part in parts if part not in good) if not choice.confirmed else 0
        pictures = pictures_of(books, good, camera.name)
        for part in good:
            looked_at += 1
            picture = pictures.get(part.row)
            if picture is None:
                unkept += 1
            elif picture.size != (camera.width, camera.height):
                other_size += 1
            elif len(found) < choice.last:
                found.append(picture)
    return StoredGood(
        pictures=tuple(reversed(found)), looked_at=looked_at, unkept=unkept, doubted=doubted, other_size=other_size
    )  # fmt: skip


def pictures_of(books: Books, parts: Collection[StoredPart], camera: str) -> dict[int, StoredPicture]:
    """By ledger row: the kept frame of that camera. Parts without one are left out."""
    images = books.evidence.images_for([part.row for part in parts]) if parts else {}
    found: dict[int, StoredPicture] = {}
    for part in parts:
        for image in images.get(part.row, ()):
            if (image.part, image.view, image.kind) == (part.record.part, camera, FRAME):
                found[part.row] = _picture(books, part, image)
    return found


def _picture(books: Books, part: StoredPart, image: Image) -> StoredPicture:
    calibration = next((one.calibration for one in part.record.results if one.view == image.view), "")
    lossy = PurePosixPath(image.path).suffix.lower() != LOSSLESS
    path, size = inside(books.images, image), (image.width, image.height)
    return StoredPicture(part=image.part, path=path, size=size, lossy=lossy, calibration=calibration)


def _filter(choice: Choice, before: int | None) -> PartFilter:
    if choice.confirmed:
        return PartFilter(lot=choice.lot, before_row=before)
    return PartFilter(verdicts=(Verdict.OK,), purpose=Purpose.PRODUCTION, lot=choice.lot, before_row=before)


def _is_good(part: StoredPart, label: Label | None, choice: Choice) -> bool:
    if label is not None:
        return label.verdict is Verdict.OK and label.part == part.record.part
    return not choice.confirmed
