"""What was taught as files: package, recipe and the pictures. They appear together or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from edge.apps.teach.planning import Basis, camera_of
from edge.domain import recipe as recipes
from edge.domain.recipe import Recipe
from edge.errors import StoreError, UsageError
from edge.learning.package import write_taught
from edge.learning.recipe import make_recipe
from edge.learning.teach import Taught
from edge.learning.teach_record import PICTURES, TeachRecord, pictures_beside
from edge.store.atomic import explain_os, new_folder, sync, unfinished_folder
from edge.store.packages import Package, pack

_PACKAGE, _RECIPE = "package", "recipe.json"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """seconds: of each step so far."""

    taught: Taught
    name: str
    version: int
    record: TeachRecord
    basis: Basis | None
    notes: tuple[str, ...]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """folder: unfinished, with everything in it. package, recipe, pictures: where they will be."""

    folder: Path
    package: Path
    recipe: Path
    pictures: Path

    def keep(self, name: str, data: bytes) -> None:
        path = self.folder / PICTURES / name
        if not path.exists():  # the same picture twice
            path.write_bytes(data)


def must_be_new(out: Path) -> None:
    for path in (out, *((_recipe_beside(out), pictures_beside(out)) if out.suffix == ".zip" else ())):
        if path.exists():
            raise UsageError(f"{path} is there already", hint="choose another --out, or remove it")


@contextmanager
def new_output(out: Path) -> Iterator[Output]:
    """Leaving it well, everything is in its place: one new folder, or a .zip with recipe and pictures beside it.

    StoreFull or StoreError when it cannot be written.
    """
    if out.suffix == ".zip":
        with unfinished_folder(out) as folder:
            yield _begun(folder, package=out, recipe=_recipe_beside(out), pictures=pictures_beside(out))
            pack(folder / _PACKAGE, folder / out.name)
            _put(folder, out)
        return
    try:
        with new_folder(out) as folder:
            yield _begun(folder, package=out / _PACKAGE, recipe=out / _RECIPE, pictures=out / PICTURES)
    except FileExistsError as error:
        raise StoreError(f"{out} cannot be written: it is there by now", hint="choose another --out") from error


def write(made: Made, folder: Path) -> Package:
    """Package and recipe into the unfinished folder. StoreFull, StoreError or ModelError."""
    told = {"seconds": ", ".join(f"{step} {took:.2f}" for step, took in made.seconds.items())}
    told |= {f"note {number}": words for number, words in enumerate(made.notes, 1)}
    package = write_taught(
        made.taught, folder / _PACKAGE, name=made.name, version=made.version, record=made.record, told=told
    )
    try:
        (folder / _RECIPE).write_bytes(recipes.dump(_recipe(made, package)))
    except OSError as error:
        raise explain_os(error, folder / _RECIPE) from error
    return package


def _recipe(made: Made, package: Package) -> Recipe:
    """Gate, rules and windows go on from the recipe that is the basis."""
    camera, basis = camera_of(made.basis), made.basis
    new = make_recipe(made.taught, package, name=made.name, product=made.name, camera=camera)
    new = replace(new, author="edge teach")
    if basis is None:
        return new
    old = basis.view
    view = replace(new.views[0], not_before_ms=old.not_before_ms, not_after_ms=old.not_after_ms)
    return replace(
        new, product=basis.recipe.product, gate=basis.recipe.gate, rules=basis.recipe.rules, views=(view,)
    )  # fmt: skip


def _begun(folder: Path, *, package: Path, recipe: Path, pictures: Path) -> Output:
    (folder / PICTURES).mkdir()
    return Output(folder=folder, package=package, recipe=recipe, pictures=pictures)


def _recipe_beside(out: Path) -> Path:
    return out.with_suffix(".recipe.json")


def _put(folder: Path, out: Path) -> None:
    """The model last: without it the others judge nothing. A kill between these renames is the only way to a part."""
    for path in sorted((folder / PICTURES).iterdir()):
        sync(path)
    places = ((PICTURES, pictures_beside(out)), (_RECIPE, _recipe_beside(out)), (out.name, out))
    with contextlib.ExitStack() as undo:
        for name, target in places:
            if target.exists():
                raise StoreError(f"{target} cannot be written: it is there by now", hint="choose another --out")
            sync(folder / name)
            os.rename(folder / name, target)
            undo.callback(os.rename, target, folder / name)
        sync(out.parent)
        undo.pop_all()
