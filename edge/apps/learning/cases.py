"""Which parts a replay looks at, and who judges whole frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.apps.evaluate.subject import load_subject
from edge.apps.learning.source import Source
from edge.clock import Clock
from edge.errors import UsageError
from edge.learning.examine import Examiner
from edge.learning.labelled import find_pictures
from edge.learning.replay import Case, labelled_cases
from edge.learning.stored import StoredParts, stored_parts
from edge.settings.station import Station


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """labelled: a folder in the MVTec layout. station: whose last stored parts are looked at."""

    labelled: Path | None = None
    station: Station | None = None
    last: int = 200

    @property
    def any(self) -> bool:
        return self.labelled is not None or self.station is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """cases: of whole frames. stored: what of the station was looked at."""

    cases: tuple[Case, ...]
    stored: StoredParts | None


def frames(wanted: Wanted, source: Source) -> Frames:
    """UsageError, SourceError or StoreError says what is not there."""
    cases: list[Case] = []
    stored = None
    if wanted.labelled is not None:
        cases += labelled_cases(find_pictures(wanted.labelled))
    if wanted.station is not None:
        view, recipe = source.view, source.recipe
        if view is None or recipe is None:
            raise UsageError("stored parts are whole frames", hint="give the --recipe that says how they are judged")
        stored = stored_parts(wanted.station, view.camera, wanted.last, recipe.name)
        cases += stored.cases
    return Frames(cases=tuple(cases), stored=stored)


def frame_examiner(source: Source, clock: Clock) -> Examiner:
    """As the line judges, with the recipe; without one each picture is a part."""
    if source.recipe_file is None:
        subject = load_subject(source.package.folder, None, None, clock)
    else:
        view = source.view
        camera = view.camera if view else None
        subject = load_subject(source.recipe_file, source.package.folder, camera, clock)
    return Examiner(subject.runner_for, clock)
