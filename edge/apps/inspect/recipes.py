"""Which recipe, and where its model packages lie: beside a recipe file, in a folder that is named, or installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.clock import Clock
from edge.domain import recipe as recipes
from edge.domain.recipe import Recipe, View, split_reference
from edge.errors import EdgeError, ModelError, RecipeError, UsageError
from edge.inference.loading import LoadedRecipe, ModelShelf, load_recipe
from edge.settings.station import Inference, Station
from edge.store.package_check import MANIFEST
from edge.store.packages import Package, find_package, open_package
from edge.store.station import StationReader

_BESIDE = (".", "package", "models")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """recipe: a file, or NAME@VERSION of the station's database. models: a folder of packages, or one package."""

    recipe: str
    station: Station | None = None
    models: Path | None = None


def load(wanted: Wanted, clock: Clock) -> LoadedRecipe:
    """UsageError, RecipeError, ModelError or StoreError says what is missing or does not fit."""
    recipe, beside = _recipe(wanted)
    places = _places(wanted, beside)
    settings = wanted.station.inference if wanted.station else Inference()
    return load_recipe(recipe, ModelShelf(lambda reference: _find(reference, places), settings, clock))


def packages(wanted: Wanted, view: View) -> list[Package]:
    """Of the view's checks, as `load` finds them."""
    places = _places(wanted, _recipe(wanted)[1])
    return [_find(reference, places) for reference in dict.fromkeys(check.model for check in view.checks)]


def choose_view(recipe: Recipe, camera: str | None) -> View:
    """The view of that camera; without a name, the only one. UsageError otherwise."""
    known = ", ".join(view.camera for view in recipe.views)
    if camera is None:
        if len(recipe.views) > 1:
            raise UsageError(f"recipe {recipe.ref} has {len(recipe.views)} views", hint=f"give --camera, of {known}")
        return recipe.views[0]
    for view in recipe.views:
        if view.camera == camera:
            return view
    raise UsageError(f"recipe {recipe.ref} has no view of camera {camera[:60]!r}", hint=f"it has {known}")


def _recipe(wanted: Wanted) -> tuple[Recipe, list[Path]]:
    """The recipe, and where its packages may lie beside it."""
    path = Path(wanted.recipe)
    if path.is_file():
        return recipes.load(_read(path)), [path.parent / name for name in _BESIDE]
    if path.suffix == ".json" or "/" in wanted.recipe or "@" not in wanted.recipe:
        raise UsageError(f"there is no recipe file {path}", hint="give a recipe's file, or NAME@VERSION with --station")
    name, version = split_reference(wanted.recipe)
    if wanted.station is None:
        raise UsageError(f"no station says where recipe {wanted.recipe} is", hint="give its file with --station")
    reader = StationReader(wanted.station.data_dir / "station.db")
    try:
        return reader.recipe(name, version), []
    finally:
        reader.close()


def _places(wanted: Wanted, beside: list[Path]) -> list[Path]:
    """Where packages are looked for, in this order."""
    places = [wanted.models] if wanted.models else beside
    return places if wanted.station is None else [*places, wanted.station.models_dir]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(recipes.MAX_RECIPE_BYTES + 1)  # one more, so that `load` refuses it
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}", hint="may this user read it?") from error


def _find(reference: str, places: list[Path]) -> Package:
    """The first package of that name. One that is there and damaged is an error, not passed over."""
    for place in places:
        if (place / reference).is_dir():
            return find_package(place, reference)
        if (place / MANIFEST).is_file():
            package = _whole(place)
            if package.manifest.reference == reference:
                return package
    looked = ", ".join(str(place) for place in places) or "no place was named"
    raise ModelError(f"model {reference} is not there", hint=f"looked in {looked}; name its folder with --models")


def _whole(place: Path) -> Package:
    try:
        return open_package(place)
    except EdgeError as error:
        raise ModelError(f"the model package in {place} is damaged: {error.message}", hint=error.hint) from error
