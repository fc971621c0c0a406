"""The detectors of the active recipe, and what their packages say of how they were taught and corrected."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.domain.recipe import Check, CheckKind, Recipe, View
from edge.errors import EdgeError, ModelError, Refused
from edge.panel.seams import Deps
from edge.panel.shapes import Problem
from edge.panel.shapes_models import Corrected, Detector, ModelInUse, ModelsInUse
from edge.panel.vocabulary import N_
from edge.store.packages import Package, find_package

_MEMORY = "memory/memory.json"  # what a taught package remembers; only what people did with it is read here
_MOST_BYTES = 8_000_000
_SEVERAL = Problem(
    message=N_("several checks use this model"), hint=N_("a correction needs a model that one check uses alone")
)
_MASKS = Problem(
    message=N_("the check has ignored areas"), hint=N_("corrections know none: teach it again instead")
)  # fmt: skip


class _Known(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: Annotated[str, Field(max_length=1000)]


class Memory(BaseModel):
    """known: parts that the package was corrected with. corrections: every one so far, oldest first."""

    model_config = ConfigDict(extra="ignore")
    known: Annotated[tuple[_Known, ...], Field(max_length=10_000)] = ()
    corrections: Annotated[tuple[Corrected, ...], Field(max_length=1000)] = ()

    @property
    def names(self) -> frozenset[str]:
        return frozenset(part.name for part in self.known)


def active_recipe(deps: Deps) -> Recipe | None:
    """As the line has it now. None while it is not known, or station.db does not have it."""
    line = deps.watch.snapshot.line
    if line is None or line.active is None:
        return None
    known = {row.ref for row in deps.books.station.recipes()}
    return deps.books.station.recipe(line.active.name, line.active.version) if line.active in known else None


def in_use(deps: Deps) -> ModelsInUse:
    """All models of the active recipe."""
    recipe = active_recipe(deps)
    if recipe is None:
        return ModelsInUse(recipe=None, models=())
    return ModelsInUse(
        recipe=recipe.ref,
        models=tuple(_in_use(deps, view, check) for view in recipe.views for check in view.checks),
    )


def detectors(deps: Deps, recipe: Recipe) -> list[Detector]:
    """The recipe's checks that tell bad from good, and why one cannot be corrected."""
    return [
        Detector(
            camera=view.camera,
            check=check.name,
            model=check.model,
            unsure_from=check.unsure_from,
            ng_from=check.ng_from,
            can=_hindrance(deps, recipe, check),
        )
        for view in recipe.views
        for check in view.checks
        if check.kind is CheckKind.ANOMALY
    ]


def check_named(recipe: Recipe, camera: str, name: str) -> Check:
    """Refused when the recipe has no such check."""
    for view in recipe.views:
        for check in view.checks:
            if (view.camera, check.name) == (camera, name):
                return check
    raise Refused(
        f"{recipe.ref} has no check {name} at camera {camera}",
        hint="the active recipe has changed: open the page again",
    )


def taught(deps: Deps, check: Check) -> Package:
    """The installed package of a check. ModelError when it is not there, or remembers nothing to start from."""
    package = _installed(deps, check)
    if _MEMORY not in package.manifest.files:
        raise ModelError(f"{check.model} keeps nothing that a correction could start from", hint="teach it again")
    return package


def memory_of(package: Package) -> Memory:
    """Empty when the package keeps none. ModelError when it cannot be read."""
    if _MEMORY not in package.manifest.files:
        return Memory()
    path = package.folder / _MEMORY
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ModelError(f"{_MEMORY} of {package.manifest.reference} is too large", hint="teach it again")
        return Memory.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelError(f"{_MEMORY} of {package.manifest.reference} cannot be read", hint="teach it again") from error


def _installed(deps: Deps, check: Check) -> Package:
    package = find_package(deps.station.models_dir, check.model)
    if package.model_digest != check.model_digest:
        raise ModelError(f"{check.model} is installed with other contents", hint="import the recipe's own model")
    return package


def _hindrance(deps: Deps, recipe: Recipe, check: Check) -> Problem | None:
    users = [one for view in recipe.views for one in view.checks if one.model_digest == check.model_digest]
    if len(users) > 1:
        return _SEVERAL
    if check.ignore:
        return _MASKS
    try:
        taught(deps, check)
    except EdgeError as error:
        return Problem(message=error.message, hint=error.hint)
    return None


def _in_use(deps: Deps, view: View, check: Check) -> ModelInUse:
    trouble, pictures = None, None
    history: tuple[Corrected, ...] = ()
    try:
        package = _installed(deps, check)
        told = (package.manifest.training or {}).get("pictures")
        pictures = told if isinstance(told, int) else None
        history = memory_of(package).corrections
    except EdgeError as error:
        trouble = Problem(message=error.message, hint=error.hint)
    return ModelInUse(
        camera=view.camera,
        check=check.name,
        kind=check.kind.value,
        model=check.model,
        digest=check.model_digest[:12],
        unsure_from=check.unsure_from,
        ng_from=check.ng_from,
        pictures=pictures,
        history=tuple(reversed(history)),
        trouble=trouble,
    )
