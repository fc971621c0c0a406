"""Rectangles and polygons in pixels. x to the right, y down, origin at the top left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from edge.errors import RecipeError

_MAX_PX = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Rect:
    """A whole-pixel rectangle: left `x`, top `y`, `width`, `height`, all in px of the named picture."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if min(self.x, self.y) < 0 or min(self.width, self.height) < 1:
            raise RecipeError(f"rectangle {self} lies outside a picture", hint="use x, y >= 0 and a size >= 1")
        if max(self.x + self.width, self.y + self.height) > _MAX_PX:
            raise RecipeError(f"rectangle {self} is larger than any picture", hint=f"stay below {_MAX_PX} px")

    def inside(self, width: int, height: int) -> bool:
        return self.x + self.width <= width and self.y + self.height <= height


@dataclass(frozen=True, slots=True, kw_only=True)
class Polygon:
    """A closed polygon of 3 to 64 corners `(x, y)` in px."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not 3 <= len(self.points) <= 64:
            raise RecipeError(f"a polygon has 3 to 64 corners, this one has {len(self.points)}")
