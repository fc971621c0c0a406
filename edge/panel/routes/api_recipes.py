"""Recipes: list, whole, revised into a new version, and a picture to draw regions on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response

from edge.domain.part import NAME_PATTERN
from edge.domain.recipe import Recipe
from edge.domain.result import RecipeRef
from edge.errors import NotThere, Refused
from edge.panel import evidence, retaught, shapes
from edge.panel.revise import revised
from edge.panel.seams import Deps, deps_of
from edge.store.station import RecipeRow

router = APIRouter(prefix="/api/v1/recipes", responses=shapes.problems(404, 422, 503))
Needs = Annotated[Deps, Depends(deps_of)]
Name = Annotated[str, Path(pattern=f"^{NAME_PATTERN.pattern}$")]
Version = Annotated[int, Path(ge=1, le=shapes.MAX_VERSION)]


@router.get("")
def listed(deps: Needs) -> shapes.RecipeList:
    """By name, newest version first."""
    found, proposed = deps.books.station.recipes(), deps.changes.proposed()
    return shapes.RecipeList(recipes=tuple(_row(deps, row, found, proposed) for row in found))


@router.get("/{name}/{version}")
def whole(name: Name, version: Version, deps: Needs) -> shapes.RecipeWhole:
    return _whole(deps, name, version)


@router.post("/{name}/{version}/revise", status_code=201, responses=shapes.problems(*shapes.WRITE))
def revise(name: Name, version: Version, wanted: shapes.Revision, deps: Needs) -> shapes.RecipeWhole:
    """A new version; 409 when `version` is not the newest, or nothing is changed. Changes that are only proposed do
    not count: what is set on the line goes on from what is in use."""
    with deps.books.revising:
        recipe = _recipe(deps, name, version)
        newest = _newest(deps.books.station.recipes(), name, deps.changes.proposed())
        if version != newest:
            raise Refused(f"{name}@{version} is not the newest version", hint=f"start from {name}@{newest}")
        ref = deps.books.station.add_recipe(revised(recipe, wanted))
    retaught.after_revision(deps, recipe, deps.books.station.recipe(ref.name, ref.version))
    return _whole(deps, ref.name, ref.version)


@router.get("/{name}/{version}/picture/{camera}", response_class=Response, responses=shapes.JPEG)
def picture(name: Name, version: Version, camera: Name, deps: Needs) -> Response:
    """The newest kept frame of this camera with a part of this recipe: of this version if there is one."""
    recipe = _recipe(deps, name, version)
    if camera not in {view.camera for view in recipe.views}:
        raise NotThere(f"{name}@{version} has no view {camera}", hint="see its views")
    image = evidence.newest_frame(deps.books, recipe.ref, camera)
    if image is None:
        raise NotThere(
            f"no picture of {camera} is kept yet for {name}", hint="let some parts pass, then open this page again"
        )
    return evidence.answer(deps.books.images, image)


def _recipe(deps: Deps, name: str, version: int) -> Recipe:
    _known(deps, name, version)
    return deps.books.station.recipe(name, version)


def _known(deps: Deps, name: str, version: int) -> tuple[RecipeRow, list[RecipeRow]]:
    found = deps.books.station.recipes()
    row = next((row for row in found if (row.ref.name, row.ref.version) == (name, version)), None)
    if row is None:
        raise NotThere(f"there is no recipe {name}@{version}", hint="see the list of recipes")
    return row, found


def _whole(deps: Deps, name: str, version: int) -> shapes.RecipeWhole:
    row, found = _known(deps, name, version)
    return shapes.RecipeWhole(
        row=_row(deps, row, found, deps.changes.proposed()), recipe=deps.books.station.recipe(name, version)
    )


def _row(deps: Deps, row: RecipeRow, found: list[RecipeRow], proposed: set[str]) -> shapes.RecipeRow:
    return shapes.RecipeRow(
        name=row.ref.name,
        version=row.ref.version,
        digest=row.ref.digest,
        product=row.product,
        author=row.author,
        reason=row.reason,
        created_at=row.created_at,
        newest=row.ref.version == _newest(found, row.ref.name, proposed),
        active=row.ref == _active(deps),
    )


def _newest(found: list[RecipeRow], name: str, proposed: set[str]) -> int:
    """Of what is more than a proposal; of all while there is nothing else."""
    versions = [row.ref.version for row in found if row.ref.name == name]
    return max([version for version in versions if f"{name}@{version}" not in proposed] or versions)


def _active(deps: Deps) -> RecipeRef | None:
    line = deps.watch.snapshot.line
    return None if line is None else line.active
