"""Loading a recipe: its models from their packages, each loaded once, golden parts run before anything is judged."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from edge.clock import Clock
from edge.domain.recipe import Recipe
from edge.domain.result import RecipeRef
from edge.inference.golden import verify
from edge.inference.pipeline import RecipeRunner
from edge.inference.selftest import self_test
from edge.inference.session import Model, PackageFiles, SessionOptions
from edge.settings.station import Inference


class Package(PackageFiles, Protocol):
    """digest: of the manifest, and so of all that the package holds."""

    @property
    def digest(self) -> str: ...


FindPackage = Callable[[str], Package]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedRecipe:
    """runners: camera -> the runner of its view. models: (name@version, digest) of each check's model, in order."""

    recipe: Recipe
    ref: RecipeRef
    runners: dict[str, RecipeRunner]
    models: tuple[Model, ...]


class ModelShelf:
    """Models by package, shared by all checks and recipes that use them; gone with the last of those.

    One thread. threads and spinning: as the station file says, or by the self-test on the first recipe's largest model.
    """

    def __init__(self, find: FindPackage, settings: Inference, clock: Clock) -> None:
        self._find, self._clock = find, clock
        self._loaded: weakref.WeakValueDictionary[str, Model] = weakref.WeakValueDictionary()
        self._options = SessionOptions(
            providers=settings.providers, threads=max(1, settings.threads), spinning=bool(settings.spinning)
        )
        self._tested = settings.threads > 0
        self._spinning = settings.spinning

    @property
    def options(self) -> SessionOptions:
        return self._options

    def take(self, references: Iterable[str]) -> dict[str, Model]:
        """The models named name@version. ModelError when one is missing, malformed or wrong on its golden parts."""
        packages = {reference: self._find(reference) for reference in references}
        self._settle_threads(packages.values())
        return {reference: self._model(package) for reference, package in packages.items()}

    def _settle_threads(self, packages: Iterable[Package]) -> None:
        if self._tested:
            return
        largest = max(packages, key=lambda package: package.model_path.stat().st_size, default=None)
        if largest is None:
            return
        chosen = self_test(largest, self._options, self._clock)
        self._options = chosen if self._spinning is None else replace(chosen, spinning=self._spinning)
        self._tested = True

    def _model(self, package: Package) -> Model:
        model = self._loaded.get(package.digest)
        if model is None:
            model = Model.load(package, self._options)
            verify(model, package)
            self._loaded[package.digest] = model
        return model


def load_recipe(recipe: Recipe, shelf: ModelShelf) -> LoadedRecipe:
    """Everything that is needed to judge with this recipe. RecipeError or ModelError says what does not fit."""
    names = dict.fromkeys(check.model for view in recipe.views for check in view.checks)
    models = shelf.take(names)
    ref = recipe.ref
    runners = {
        view.camera: RecipeRunner(ref, view, tuple(models[check.model] for check in view.checks))
        for view in recipe.views
    }
    used = tuple(models[check.model] for view in recipe.views for check in view.checks)
    return LoadedRecipe(recipe=recipe, ref=ref, runners=runners, models=used)
