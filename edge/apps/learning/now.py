"""How the parts of a detector are looked at today: by its recipe, the station's camera, the installed backbone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from edge.apps.learning.source import Source, opened
from edge.domain.recipe import Check, Recipe, View, split_reference
from edge.errors import ModelError, RecipeError, UsageError
from edge.inference.rectify import Uncalibrated
from edge.learning.backbone import Backbone, load_backbone
from edge.learning.corrected import checked_by
from edge.learning.other_size import Scale
from edge.learning.stale import Difference, Today, differences, frame_of
from edge.learning.teach_record import TeachRecord, camera_text, teach_record
from edge.settings.station import Station
from edge.store.station import StationReader

Size = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Now:
    """check: of the recipe as it is, with the model that is taught again. view: for today's frames; it has a check of
    that name. today: the same in short; frame: (width, height) px, None for any. channels: 1 for a grey camera. why:
    what has changed since it was taught."""

    record: TeachRecord
    check: Check
    view: View
    today: Today
    channels: int
    backbone: Backbone
    why: tuple[Difference, ...]


@contextmanager
def taught_source(package: Path, recipe: str | Recipe | None, station: Station | None) -> Iterator[Source]:
    """recipe: a file, NAME@VERSION of the station's database, or it itself; None: the one beside the package."""
    if isinstance(recipe, str) and (station is None or "@" not in recipe or Path(recipe).is_file()):
        with opened(package, Path(recipe)) as source:
            yield source
        return
    with opened(package) as source:
        if isinstance(recipe, str):
            assert station is not None
            recipe = _of_station(station, recipe)
        yield source if recipe is None else replace(source, recipe=recipe, recipe_file=None)


def now_of(source: Source, station: Station | None) -> Now:
    """UsageError, RecipeError, SettingsError, ModelError or Refused says why that cannot be known."""
    record = teach_record(source.package)
    if record is None:
        raise ModelError(
            f"model {source.package.manifest.reference} does not say what it was taught with",
            hint="teach it with edge teach; from then on its pictures are kept",
        )
    view = source.view
    if source.recipe is None or view is None:
        raise UsageError("only its recipe says how parts are looked at", hint="give the --recipe that uses the model")
    check = checked_by(source.recipe, source.package)
    if check.ignore:
        raise RecipeError(
            f"check {check.name} has masks, and limits cannot be taught for those", hint="add them as a new version"
        )
    camera = station.camera_named(view.camera) if station else None
    size = (camera.width, camera.height) if camera else None
    backbone = load_backbone(record.choices.backbone)

    def today(view: View, frame: Size | None) -> Today:
        return Today(
            camera=view.camera,
            locate=view.locate,
            region=next(one.region for one in view.checks if one.name == check.name),
            patch=view.picture.patch if view.picture else None,
            frame=frame,
            calibration=Uncalibrated.profile,
            camera_settings=camera_text(camera) if camera else "",
            backbone=backbone.name,
            backbone_sha256=backbone.digest,
        )

    scaled, frame = _for_frames(view, record, size)
    return Now(
        record=record,
        check=check,
        view=scaled,
        today=today(scaled, frame),
        channels=camera.channels if camera else 3,
        backbone=backbone,
        why=differences(record.choices, today(view, frame)),
    )


def _of_station(station: Station, reference: str) -> Recipe:
    reader = StationReader(station.data_dir / "station.db")
    try:
        return reader.recipe(*split_reference(reference))
    finally:
        reader.close()


def _for_frames(view: View, record: TeachRecord, size: Size | None) -> tuple[View, Size | None]:
    """The view in px of today's frames, and their size. Pictures that were cut out have sizes of their own."""
    choices = record.choices
    if choices.cut_out:
        return view, None
    taught = (choices.frame_width, choices.frame_height) if choices.frame_width and choices.frame_height else None
    drawn = frame_of(view) or taught
    frame = size or drawn
    if drawn is None or frame is None or drawn == frame:
        return view, frame
    return Scale.between(drawn, frame).view(view), frame
