"""What was taught or corrected, made ready to be proposed: the package installed, the recipe as it would be.

A folder of data_dir/taught holds `package/` and `recipe.json`, and `report.json` when the command wrote one. Of the
recipe only what the detector needs is taken over: gate timing, rules and exposure windows stay those of the recipe
that it shall follow, since no detector knows them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge.domain import recipe as recipes
from edge.domain.change import MAX_DETAIL
from edge.domain.recipe import Check, Recipe, View
from edge.errors import NotThere, RecipeError, Refused
from edge.store.packages import Package, import_package, open_package

TAUGHT = "taught"
_PACKAGE, _RECIPE, _REPORT = "package", "recipe.json", "report.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """recipe: as it lies in the folder. report: JSON, "" when there is none."""

    folder: Path
    package: Package
    recipe: Recipe
    report: str

    def install(self, models_dir: Path) -> None:
        """ModelError when another model of that name and version is there; the same again is fine."""
        import_package(self.folder / _PACKAGE, models_dir)


def read_proposal(taught: Path, name: str) -> Proposal:
    """taught: data_dir/taught. NotThere, ModelError or RecipeError says what is missing or does not fit."""
    folder = taught / name
    if not (folder / _PACKAGE).is_dir():
        raise NotThere(f"nothing was taught as {name}", hint="see the list of jobs")
    package = open_package(folder / _PACKAGE)
    recipe = recipes.load(_read(folder / _RECIPE, recipes.MAX_RECIPE_BYTES))
    used = {check.model_digest for view in recipe.views for check in view.checks}
    if package.model_digest not in used:
        raise RecipeError(f"the recipe of {name} does not use its model", hint="teach or correct it again")
    report = _read(folder / _REPORT, MAX_DETAIL).decode() if (folder / _REPORT).is_file() else ""
    return Proposal(folder=folder, package=package, recipe=recipe, report=report)


def following(recipe: Recipe, before: Recipe | None, *, by: str, reason: str) -> Recipe:
    """The recipe that is proposed to follow `before`. Refused when it would inspect nothing else than before."""
    made = recipe
    if before is not None:
        old = {view.camera: view for view in before.views}
        new = {view.camera: _seen_as_before(view, old.get(view.camera)) for view in recipe.views}
        if recipe.name == before.name:  # another camera of the same product goes on looking as it did
            new = {camera: new.get(camera, view) for camera, view in old.items()} | new
        product = before.product if recipe.name == before.name else recipe.product
        made = replace(recipe, product=product, views=tuple(new.values()), gate=before.gate, rules=before.rules)
        if not differences(before, made):
            raise Refused("the proposal changes nothing", hint="it is what the recipe says already")
    return replace(made, author=by, reason=reason, created_at="")


def differences(before: Recipe | None, after: Recipe) -> tuple[str, ...]:
    """What an approver must look at, as words of the recipe: "top/surface: model", "top: locate", "gate"."""
    if before is None:
        return ("new",)
    found = [part for part in ("gate", "rules") if getattr(before, part) != getattr(after, part)]
    if before.name != after.name:
        found.append("product")
    old, new = ({view.camera: view for view in recipe.views} for recipe in (before, after))
    found += [f"{camera}: gone" for camera in old if camera not in new]
    for camera, view in new.items():
        found += _of_view(old[camera], view) if camera in old else [f"{camera}: new"]
    return tuple(found)


def brings(before: Recipe | None, after: Recipe) -> frozenset[str]:
    """SHA-256 of the models that come with the change."""
    return models(after) - (models(before) if before else frozenset())


def models(recipe: Recipe) -> frozenset[str]:
    return frozenset(check.model_digest for view in recipe.views for check in view.checks)


def read_report(text: str) -> dict[str, Any]:
    """Of a stored report; empty when there was none or it is no object."""
    try:
        told = json.loads(text) if text else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _seen_as_before(view: View, before: View | None) -> View:
    if before is None:
        return view
    return replace(view, not_before_ms=before.not_before_ms, not_after_ms=before.not_after_ms)


def _of_view(before: View, after: View) -> list[str]:
    fields = ("locate", "picture", "frame_width", "frame_height", "not_before_ms", "not_after_ms")
    found = [f"{after.camera}: {name}" for name in fields if getattr(before, name) != getattr(after, name)]
    old, new = ({check.name: check for check in view.checks} for view in (before, after))
    found += [f"{after.camera}/{name}: gone" for name in old if name not in new]
    for name, check in new.items():
        found += _of_check(after.camera, old[name], check) if name in old else [f"{after.camera}/{name}: new"]
    return found


def _of_check(camera: str, before: Check, after: Check) -> list[str]:
    told = {
        "model": (before.model, before.model_digest) != (after.model, after.model_digest),
        "limits": (before.unsure_from, before.ng_from) != (after.unsure_from, after.ng_from),
        "region": before.region != after.region,
        "masks": before.ignore != after.ignore,
        "classes": before.ok_labels != after.ok_labels,
    }
    return [f"{camera}/{after.name}: {what}" for what, changed in told.items() if changed]


def _read(path: Path, most_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise NotThere(
            f"{path.name} of {path.parent.name} cannot be read: {error.strerror}", hint="teach or correct it again"
        ) from error
    if len(data) > most_bytes:
        raise Refused(f"{path.name} of {path.parent.name} is over {most_bytes // 1000} KB", hint="replay fewer parts")
    return data
