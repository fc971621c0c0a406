"""A changed recipe from the newest one and what a person changed in it. Pure; the store gives the version."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edge.domain.geometry import Rect
from edge.domain.recipe import Check, LocateKind, Recipe, View
from edge.errors import RecipeError, Refused
from edge.panel import shapes


def revised(recipe: Recipe, wanted: shapes.Revision) -> Recipe:
    """RecipeError when it cannot be, Refused when nothing is changed. What is left out stays as it is."""
    views = {view.camera: view for view in recipe.views}
    _all_different([change.camera for change in wanted.views], "view")
    for change in wanted.views:
        if change.camera not in views:
            raise RecipeError(f"the recipe has no view {change.camera}", hint=f"it has: {', '.join(views)}")
        views[change.camera] = _view(views[change.camera], change)
    changed = replace(
        recipe,
        views=tuple(views.values()),
        gate=recipe.gate if wanted.gate is None else wanted.gate,
        rules=recipe.rules if wanted.rules is None else wanted.rules,
    )
    if changed == recipe:
        raise Refused("nothing is changed", hint="change a limit or a region first")
    return replace(changed, author=wanted.by, reason=wanted.reason, created_at="")


def _view(view: View, change: shapes.ViewChange) -> View:
    checks = {check.name: check for check in view.checks}
    _all_different([each.name for each in change.checks], "check")
    for each in change.checks:
        if each.name not in checks:
            raise RecipeError(f"view {view.camera} has no check {each.name}", hint=f"it has: {', '.join(checks)}")
        checks[each.name] = _check(view, checks[each.name], each)
    picture = change.picture if "picture" in change.model_fields_set else view.picture
    return replace(view, checks=tuple(checks.values()), picture=picture)


def _check(view: View, check: Check, change: shapes.CheckChange) -> Check:
    fields: dict[str, Any] = {}
    for name in ("unsure_from", "ng_from", "ignore"):
        value = getattr(change, name)
        if value is not None:
            fields[name] = value
    if "region" in change.model_fields_set:
        _fits(view, check.name, change.region)
        fields["region"] = change.region
    return replace(check, **fields)


def _fits(view: View, check: str, region: Rect | None) -> None:
    """The part picture's size is the recipe's, unless the whole frame is the part."""
    if region is None or view.locate.kind is LocateKind.WHOLE:
        return
    width, height = view.locate.width_px, view.locate.height_px
    if not region.inside(width, height):
        raise RecipeError(
            f"check {check}: the region lies outside the part picture", hint=f"it is {width} x {height} px"
        )


def _all_different(names: list[str], what: str) -> None:
    if len(set(names)) != len(names):
        raise RecipeError(f"a {what} is named twice", hint="name each once")
