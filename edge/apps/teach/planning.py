"""What is taught of the pictures: which part of them, and the size of the model's input."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.domain import recipe as recipes
from edge.domain.geometry import Rect
from edge.domain.recipe import Locate, Recipe, View
from edge.errors import RecipeError, UsageError
from edge.learning.backbone import Backbone
from edge.learning.teach import Plan

_CAMERA = "top"  # of a recipe that is made without another one
_ONE_SIZE_SHARE = 0.25  # of the pictures may have one size and yet all be cut out one by one

Size = tuple[int, int]
"""(width, height) in px."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """A recipe whose locator, camera, gate and rules go on; one view of it."""

    recipe: Recipe
    view: View

    @classmethod
    def of(cls, recipe: Recipe, camera: str | None) -> Basis:
        """camera: of the view; None where the recipe has one only. RecipeError when it cannot be taught for."""
        views = [view for view in recipe.views if camera in (None, view.camera)]
        if not views:
            known = ", ".join(view.camera for view in recipe.views)
            raise RecipeError(f"{recipe.ref} has no view of camera {camera!r}", hint=f"its cameras: {known}")
        if len(views) > 1 or views[0].checks[0].ignore:
            raise RecipeError(
                f"{recipe.ref} has several views or masks, and limits cannot be taught for those",
                hint="say which --camera, and teach with a recipe without masks; add those as a new version",
            )
        return cls(recipe=recipe, view=views[0])


def recipe_file(path: Path) -> Recipe:
    """UsageError when there is no such file, RecipeError when it holds no recipe."""
    try:
        with path.open("rb") as file:
            return recipes.load(file.read(recipes.MAX_RECIPE_BYTES + 1))
    except OSError as error:
        raise UsageError(f"the recipe {path} cannot be read: {error.strerror}", hint="give a recipe's file") from error


def camera_of(basis: Basis | None) -> str:
    return basis.view.camera if basis else _CAMERA


def make_plan(
    backbone: Backbone, view: View | None, frame: Size, *, side_px: int, rate: float, confirmed: tuple[str, ...] = ()
) -> Plan:
    """view: of the recipe that is the basis; None: the whole picture, of size `frame`, is the part."""
    width, height = frame
    whole = Rect(x=0, y=0, width=width, height=height)
    locate, region, patch = Locate(search=whole, width_px=width, height_px=height), None, None
    if view is not None:
        locate, region = view.locate, view.checks[0].region
        patch = view.picture.patch if view.picture else None
    shape = (region.width, region.height) if region else (locate.width_px, locate.height_px)
    size = input_size(*shape, side_px, backbone.multiple_px)
    return Plan(
        locate=locate, preprocess=backbone.preprocess(*size), region=region, patch=patch, rate=rate, confirmed=confirmed
    )  # fmt: skip


def input_size(width_px: int, height_px: int, side_px: int, multiple_px: int) -> tuple[int, int]:
    """Width and height of the model's input: about side_px squared pixels, the part's shape, allowed multiples."""
    scale = side_px / math.sqrt(width_px * height_px)
    sides = (max(2, round(side * scale / multiple_px)) * multiple_px for side in (width_px, height_px))
    width, height = sides
    return width, height


def cut_out_size(sizes: Sequence[Size]) -> Size | None:
    """The middle width and height of pictures that were cut out one by one, so that hardly two have one size.

    None when many have the same: whatever has another size among them is a mistake.
    """
    if max(Counter(sizes).values()) > max(1, len(sizes) * _ONE_SIZE_SHARE):
        return None
    widths, heights = zip(*sizes, strict=True)
    return statistics.median_low(widths), statistics.median_low(heights)
