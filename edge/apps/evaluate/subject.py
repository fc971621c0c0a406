"""What is evaluated: a recipe with its models, or a bare package that takes each picture whole."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from edge.apps.inspect import recipes
from edge.clock import Clock
from edge.domain.recipe import Check, View
from edge.errors import UsageError
from edge.inference.loading import ModelShelf
from edge.learning.examine import RunnerFor, package_check, whole_frame, with_recipe
from edge.learning.taught_with import learnt_from
from edge.settings.station import Inference
from edge.store.package_check import MANIFEST
from edge.store.packages import Package, import_package, open_package

_RECIPE = "recipe.json"
_BESIDE = ".recipe.json"  # what `edge teach --out NAME.zip` calls the recipe: NAME.recipe.json


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """name: of the recipe or the model, with its version. view: None for a bare package.

    learnt: SHA-256 of the pictures that its models were made from; None when that is not known.
    """

    name: str
    checks: tuple[Check, ...]
    view: View | None
    runner_for: RunnerFor
    threads: int
    learnt: frozenset[str] | None = None


def load_subject(model: Path, models: Path | None, camera: str | None, clock: Clock) -> Subject:
    """model: a package's folder or .zip, a recipe's file, or a folder that holds a recipe with its package.

    models: where the recipe's packages lie, when not beside it. Golden parts are run. UsageError, RecipeError or
    ModelError says what is missing or does not fit.
    """
    path = model / _RECIPE if model.is_dir() and not (model / MANIFEST).is_file() else model
    if not path.exists():
        raise UsageError(
            f"there is no model or recipe {model}", hint="give a package's folder or .zip, or a recipe's file"
        )
    # Unpacked for as long as loading takes: what is loaded needs no file.
    with tempfile.TemporaryDirectory(prefix="edge-evaluate-") as work:
        if path.suffix == ".json":
            return _of_recipe(path, _unpacked(path, models, Path(work)), camera, clock)
        if models or camera:
            raise UsageError(f"{model} is a bare package", hint="--models and --camera go with a recipe")
        return _of_package(open_package(path) if path.is_dir() else import_package(path, Path(work)), clock)


def _of_recipe(path: Path, models: Path | None, camera: str | None, clock: Clock) -> Subject:
    wanted = recipes.Wanted(recipe=str(path), models=models)
    loaded = recipes.load(wanted, clock)
    view = recipes.choose_view(loaded.recipe, camera)
    return Subject(
        name=str(loaded.ref),
        checks=view.checks,
        view=view,
        runner_for=with_recipe(loaded.runners[view.camera]),
        threads=loaded.models[0].options.threads,
        learnt=learnt_from(recipes.packages(wanted, view)),
    )


def _of_package(package: Package, clock: Clock) -> Subject:
    check = package_check(package.manifest, package.model_digest)
    shelf = ModelShelf(lambda reference: package, Inference(), clock)
    model = shelf.take([package.manifest.reference])[package.manifest.reference]
    return Subject(
        name=model.name,
        checks=(check,),
        view=None,
        runner_for=whole_frame(model, check),
        threads=model.options.threads,
        learnt=learnt_from([package]),
    )


def _unpacked(recipe: Path, models: Path | None, work: Path) -> Path | None:
    """The folder to look for packages in; None: beside the recipe."""
    beside = recipe.with_name(recipe.name.removesuffix(_BESIDE) + ".zip")
    wanted = beside if models is None and recipe.name.endswith(_BESIDE) and beside.is_file() else models
    if wanted is None or wanted.is_dir():
        return wanted
    import_package(wanted, work)
    return work
