"""`edge learning kinds name`: what the defects of stopped parts are called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.apps.learning.kinds.parts import MOST_PARTS, opened_parts
from edge.apps.learning.kinds.report import NamedPart, NameOutcome
from edge.apps.learning.source import Source, judged_part, opened
from edge.apps.progress import Steps
from edge.capture.folder import is_picture, natural
from edge.clock import Clock
from edge.domain.recipe import split_reference
from edge.errors import AlreadyRunning, ModelError, SourceError, UsageError
from edge.learning import kinds_file
from edge.learning.kinds import KindsFit, name_vector
from edge.learning.kinds_sight import KindSight
from edge.learning.memory_file import taught_memory
from edge.settings.station import Station
from edge.store.station import StationStore
from edge.store.station_schema import Named


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """kinds: the file that `kinds teach` made. station: its last stopped parts are named. pictures: a folder of
    defective parts, looked at with `model`."""

    kinds: Path
    station: Station | None = None
    last: int = 200
    pictures: Path | None = None
    model: Path | None = None
    recipe: Path | None = None


def run(request: Request, step: Steps, clock: Clock) -> NameOutcome:
    """Whatever is wrong with what was asked for is an EdgeError.

    Names of a station's parts are kept in its database while no panel holds that; else they are only told.
    """
    known = _read(request.kinds)
    if request.station is not None and request.pictures is None:
        return _stored(request.station, request.last, known, step, clock)
    if request.station is not None or request.pictures is None or request.model is None:
        hint = "give either --station FILE, or --pictures DIR with the --model that looks at them"
        raise UsageError("what shall be named?", hint=hint)
    return _pictures(request.pictures, request.model, request.recipe, known, step)


def _pictures(folder: Path, model: Path, recipe: Path | None, known: KindsFit, step: Steps) -> NameOutcome:
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", hint="give a folder of pictures of defective parts")
    paths = sorted((path for path in folder.iterdir() if is_picture(path)), key=lambda path: natural(path.name))
    found: list[NamedPart] = []
    unusable: list[str] = []
    with opened(model, recipe) as source:
        sight = _sight(known, source)
        for number, path in enumerate(paths):
            step("naming", number, len(paths))
            try:
                picture = judged_part(source, path, True, None).picture
            except SourceError as error:
                unusable.append(f"{path.name}: {error.message}")
                continue
            named = name_vector(known, sight.vector(picture, known.usual))
            found.append(NamedPart(name=path.name, named=named))
    return NameOutcome(known=known, parts=tuple(found), unusable=tuple(unusable))


def _stored(station: Station, last: int, known: KindsFit, step: Steps, clock: Clock) -> NameOutcome:
    if not 1 <= last <= MOST_PARTS:
        raise UsageError(f"{last} parts cannot be named at once", hint=f"--last 1 to {MOST_PARTS}")
    found: list[NamedPart] = []
    rows: list[Named] = []
    unusable: list[str] = []
    at = clock.wall().isoformat(timespec="milliseconds")
    with opened_parts(station, split_reference(known.model)[0]) as parts:
        for number, kept in enumerate(parts.stopped(last)):
            step("naming", number, last)
            part, eye = kept.part.record.part, kept.eye
            try:
                if eye.sight.backbone != known.backbone:
                    raise SourceError("it was judged with another backbone")
                picture = judged_part(eye.source, kept.frame, True, None).picture
            except SourceError as error:
                unusable.append(f"{part}: {error.message}")
                continue
            named = name_vector(known, eye.sight.vector(picture, known.usual))
            found.append(NamedPart(name=str(part), named=named))
            certainty = round(named.confidence, 4)
            rows.append(
                Named(row=kept.part.row, part=part, kind=named.kind, certainty=certainty, model=known.model, at=at)
            )
        unusable += parts.lacking
    kept_there = _kept(station, rows, clock)
    return NameOutcome(known=known, parts=tuple(found), unusable=tuple(unusable), rows=tuple(rows), kept=kept_there)


def _kept(station: Station, rows: list[Named], clock: Clock) -> bool:
    """Whether they are in the database now. False while a panel holds it, which takes them from what is told."""
    try:
        store = StationStore(station.data_dir / "station.db", clock=clock)
    except AlreadyRunning:
        return False
    try:
        store.add_names(rows)
    finally:
        store.close()
    return True


def _sight(known: KindsFit, source: Source) -> KindSight:
    manifest = source.package.manifest
    sight = KindSight(manifest, taught_memory(source.package))
    if sight.backbone != known.backbone or manifest.name != split_reference(known.model)[0]:
        raise ModelError(
            f"these kinds were taught with {known.model}, not with {manifest.reference}",
            hint="teach the kinds with this detector",
        )
    return sight


def _read(path: Path) -> KindsFit:
    try:
        with path.open("rb") as file:
            return kinds_file.from_bytes(file.read(kinds_file.MAX_BYTES + 1))
    except OSError as error:
        hint = "give the file that edge learning kinds teach made"
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint=hint) from error
