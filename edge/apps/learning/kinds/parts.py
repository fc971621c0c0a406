"""Defective parts that the line has stored, looked at as the line did: by the recipe and the model that judged them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.apps.learning.source import Source
from edge.domain.ledger import StoredPart
from edge.domain.part import Purpose
from edge.domain.recipe import Check, split_reference
from edge.domain.result import RecipeRef
from edge.domain.verdict import Verdict
from edge.errors import ModelError, RecipeError, StoreError
from edge.learning.kinds_sight import KindSight
from edge.learning.memory_file import taught_memory
from edge.learning.stored import FRAME, inside
from edge.settings.station import Station
from edge.store.evidence import EvidenceReader
from edge.store.ledger_reader import MAX_ROWS, LedgerReader, PartFilter
from edge.store.packages import find_package
from edge.store.station import Label, StationReader

MOST_PARTS = 2000
_LOOK_BACK = 100_000  # stopped parts of the ledger
_PAGE = 200
_STOPPED = (Verdict.NG, Verdict.UNSURE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Eye:
    """source: a version of the detector with the recipe that used it."""

    source: Source
    sight: KindSight

    @property
    def camera(self) -> str:
        view = self.source.view
        return view.camera if view else ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """A part whose frame is kept, and who looks at it."""

    part: StoredPart
    frame: Path
    eye: Eye


class StationParts:
    """The parts that the detector NAME has judged, in whatever version. `opened_parts` makes it."""

    def __init__(self, station: Station, model: str, books: tuple[LedgerReader, EvidenceReader, StationReader]) -> None:
        self._station, self._model = station, model
        self._ledger, self._evidence, self._book = books
        self._eyes: dict[RecipeRef, Eye | None] = {}
        self.lacking: list[str] = []  # recipes whose parts cannot be looked at any more, and why

    def reviewed(self, verdict: Verdict, *, named: bool = False, most: int = MAX_ROWS) -> list[tuple[Label, Kept]]:
        """Parts of which a person says so, newest label first. named: only those whose kind of defect he names, too."""
        found: list[tuple[Label, Kept]] = []
        for label in self._book.newest_labels(verdict, MAX_ROWS):
            part = self._ledger.part(label.part) if label.kind or not named else None
            kept = self._kept(part) if part is not None else None
            if kept is not None:
                found.append((label, kept))
            if len(found) == most:
                break
        return found

    def stopped(self, last: int) -> Iterator[Kept]:
        """NG and UNSURE parts of production, newest first."""
        found, looked_at, before = 0, 0, None
        while found < last and looked_at < _LOOK_BACK:
            which = PartFilter(verdicts=_STOPPED, purpose=Purpose.PRODUCTION, before_row=before)
            parts = self._ledger.parts(which, _PAGE)
            if not parts:
                return
            before, looked_at = parts[-1].row, looked_at + len(parts)
            for part in parts:
                kept = self._kept(part) if found < last else None
                if kept is not None:
                    found += 1
                    yield kept

    def _kept(self, part: StoredPart) -> Kept | None:
        eye = self._eye(part.trigger.recipe)
        if eye is None:
            return None
        for image in self._evidence.images_of(part.row):
            if (image.part, image.view, image.kind) == (part.record.part, eye.camera, FRAME):
                return Kept(part=part, frame=inside(self._station.data_dir / "images", image), eye=eye)
        return None

    def _eye(self, ref: RecipeRef | None) -> Eye | None:
        """None when that recipe does not use the detector."""
        if ref is None:
            return None
        if ref not in self._eyes:
            try:
                self._eyes[ref] = self._opened(ref)
            except (RecipeError, ModelError) as error:
                self._eyes[ref] = None
                self.lacking.append(f"parts of {ref}: {error.message}")
        return self._eyes[ref]

    def _opened(self, ref: RecipeRef) -> Eye | None:
        recipe = self._book.recipe(ref.name, ref.version)
        check = next((one for view in recipe.views for one in view.checks if self._is_ours(one)), None)
        if check is None:
            return None
        package = find_package(self._station.models_dir, check.model)
        if package.model_digest != check.model_digest:
            raise ModelError(f"the installed {check.model} is not the one that judged them")
        source = Source(package=package, recipe=recipe, recipe_file=None)
        return Eye(source=source, sight=KindSight(package.manifest, taught_memory(package)))

    def _is_ours(self, check: Check) -> bool:
        return split_reference(check.model)[0] == self._model


@contextmanager
def opened_parts(station: Station, model: str) -> Iterator[StationParts]:
    """model: NAME of the detector. StoreError when a database cannot be read, or they do not belong together."""
    with ExitStack() as stack:
        ledger = LedgerReader(station.data_dir / "ledger.db")
        stack.callback(ledger.close)
        evidence = EvidenceReader(station.data_dir / "evidence.db")
        stack.callback(evidence.close)
        book = StationReader(station.data_dir / "station.db")
        stack.callback(book.close)
        if evidence.ledger() not in ("", ledger.identity()):
            raise StoreError("the evidence is of another ledger", hint="run edge doctor")
        yield StationParts(station, model, (ledger, evidence, book))
