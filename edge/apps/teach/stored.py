"""Good pictures from a station: parts that its line has judged and its recorder has kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.apps.progress import Steps
from edge.apps.teach.pictures import Gathered, Given
from edge.apps.teach.planning import Basis, recipe_file
from edge.domain.recipe import Recipe
from edge.errors import RecipeError, SourceError, UsageError
from edge.learning.stored_good import Books, Choice, StoredGood, StoredPicture, opened_books, stored_good
from edge.learning.teach import MIN_PICTURES
from edge.learning.teach_record import Origin, camera_text
from edge.settings.station import Station

TAUGHT = "taught"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """recipe: NAME@VERSION of station.db, or a file; None: the one that judged the last part."""

    station: Station
    choice: Choice
    recipe: str | None = None
    camera: str | None = None

    def gather(self, steps: Steps) -> Gathered:
        """StoreError when the station's books cannot be read; SourceError when they hold too few pictures."""
        steps("reading", 0, 0)
        with opened_books(self.station) as books:
            basis = Basis.of(station_recipe(books, self.recipe), self.camera)
            found = stored_good(books, self.station.camera_named(basis.view.camera), self.choice)
        if len(found.pictures) < MIN_PICTURES:
            raise SourceError(_too_few(found, self.choice), hint=_more(self.choice, self.station))
        return of_parts(found.pictures, basis, self.station, _told(found))


def of_parts(
    pictures: tuple[StoredPicture, ...], basis: Basis, station: Station, notes: tuple[str, ...]
) -> Gathered:  # fmt: skip
    lossy = sum(one.lossy for one in pictures)
    if lossy:
        words = (
            f"{lossy} pictures are JPEGs: the limits are of compressed pictures, and the line, which judges what the "
            "camera gave, may stop more good parts than is promised; collect with --live to be sure"
        )
        notes = (*notes, words)
    return Gathered(
        pictures=tuple(
            Given(path=one.path, name=str(one.part), origin=Origin.PART, part=str(one.part), lossy=one.lossy)
            for one in pictures
        ),
        basis=basis,
        calibration=pictures[-1].calibration,
        camera_settings=camera_text(station.camera_named(basis.view.camera)),
        notes=notes,
    )


def station_recipe(books: Books, named: str | None) -> Recipe:
    """RecipeError or UsageError when there is none such."""
    if named is not None and (Path(named).exists() or "@" not in named):
        return recipe_file(Path(named))
    if books.labels is None:
        raise RecipeError("this station has no recipes yet", hint="give --recipe FILE")
    if named is None:
        last = books.ledger.parts(limit=1)
        used = last[0].trigger.recipe if last else None
        if used is None:
            raise RecipeError("no part was judged with a recipe yet", hint="give --recipe NAME@VERSION or FILE")
        return books.labels.recipe(used.name, used.version)
    name, _, version = named.partition("@")
    if not version.isdecimal():
        raise UsageError(f"{named[:60]!r} names no version", hint="write NAME@VERSION, as in biscuit@3")
    return books.labels.recipe(name, int(version))


def next_version(station: Station, name: str) -> int:
    """One more than the highest that is installed, or was taught here."""
    taken = [0]
    for folder in (station.models_dir, station.data_dir / TAUGHT):
        for path in folder.glob(f"{name}@*") if folder.is_dir() else ():
            version = path.name.rpartition("@")[2]
            taken += [int(version)] if version.isdecimal() else []
    return max(taken) + 1


def _told(found: StoredGood) -> tuple[str, ...]:
    notes = [f"{len(found.pictures)} kept pictures of {found.looked_at} good parts"]
    if found.doubted:
        notes.append(f"{found.doubted} parts that the line called OK and a person did not were left out")
    if found.other_size:
        notes.append(f"{found.other_size} pictures of another size than the camera gives now were left out")
    return tuple(notes)


def _too_few(found: StoredGood, choice: Choice) -> str:
    what = "that a person called OK" if choice.confirmed else "that the line judged OK"
    where = f" in lot {choice.lot}" if choice.lot is not None else ""
    kept = f"{len(found.pictures)} pictures are kept of {found.looked_at} parts {what}{where}"
    return f"{kept}; teaching needs {MIN_PICTURES} at least"


def _more(choice: Choice, station: Station) -> str:
    if choice.confirmed:
        return "confirm good parts on the review page, or leave --confirmed away"
    every = station.recorder.ok_every
    kept = (
        f"every {every}th OK part's picture is kept (ok_every)" if every else "no OK part's picture is kept (ok_every)"
    )
    return f"{kept}; or collect good parts with --live"
