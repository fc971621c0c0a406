"""Parts that the line has judged and whose pictures the recorder has kept: whole frames, fit to be judged again.

They are JPEGs: a score of one is near that of the frame and not the same. So two versions are compared on the same
stored picture, and what was recorded at the time is told beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge.domain.part import Purpose
from edge.errors import StoreError, UsageError
from edge.learning.replay import Case
from edge.settings.station import Station
from edge.store.evidence import EvidenceReader, Image
from edge.store.ledger_reader import LedgerReader, PartFilter

FRAME = "frame"
MOST_PARTS = 10_000
_LOOK_BACK = 100_000  # parts of the ledger: most OK ones have no picture
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredParts:
    """cases: newest first. looked_at: parts of the ledger. unkept: how many of them have no picture of this view."""

    cases: tuple[Case, ...]
    looked_at: int
    unkept: int


def stored_parts(station: Station, camera: str, last: int) -> StoredParts:
    """The last parts of production that have a picture of that camera. UsageError on a silly number, StoreError when
    ledger or evidence cannot be read, or do not belong together."""
    if not 1 <= last <= MOST_PARTS:
        raise UsageError(f"{last} stored parts cannot be replayed", hint=f"--last 1 to {MOST_PARTS}")
    ledger = LedgerReader(station.data_dir / "ledger.db")
    try:
        evidence = EvidenceReader(station.data_dir / "evidence.db")
        try:
            if evidence.ledger() not in ("", ledger.identity()):
                raise StoreError("the evidence is of another ledger", hint="run edge doctor")
            return _collected(ledger, evidence, station.data_dir / "images", camera, last)
        finally:
            evidence.close()
    finally:
        ledger.close()


def _collected(ledger: LedgerReader, evidence: EvidenceReader, folder: Path, camera: str, last: int) -> StoredParts:
    cases: list[Case] = []
    looked_at, before = 0, None
    while looked_at < _LOOK_BACK:
        parts = ledger.parts(PartFilter(purpose=Purpose.PRODUCTION, before_row=before), _PAGE)
        if not parts:
            break
        before = parts[-1].row
        images = evidence.images_for([part.row for part in parts])
        for part in parts:
            looked_at += 1
            for image in images.get(part.row, ()):
                if (image.part, image.view, image.kind) == (part.record.part, camera, FRAME):
                    name = str(part.record.part)
                    cases.append(Case(name=name, path=_inside(folder, image), defect=None, was=part.record.verdict))
            if len(cases) == last:
                return StoredParts(cases=tuple(cases), looked_at=looked_at, unkept=looked_at - last)
    return StoredParts(cases=tuple(cases), looked_at=looked_at, unkept=looked_at - len(cases))


def _inside(folder: Path, image: Image) -> Path:
    path = PurePosixPath(image.path)
    target = folder / path
    if path.is_absolute() or ".." in path.parts or not target.resolve().is_relative_to(folder.resolve()):
        raise StoreError(f"picture {image.id} lies outside the images' folder", hint="run edge doctor")
    return target
