"""Models in use as the API gives them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from edge.domain.result import RecipeRef
from edge.panel.shapes import Problem, Shape

_Text = Annotated[str, Field(max_length=1000)]
_Names = Annotated[tuple[_Text, ...], Field(max_length=10_000)]


class Corrected(BaseModel):
    """One correction that a package has been through, as it says itself: who, when, why, and from which parts.

    `parent`: NAME@VERSION that it was made from. `good`, `defects`: the parts' pictures. `accepted`: defects that were
    let go by name. `retaught`: what had changed when it was taught again.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    version: int
    parent: _Text
    by: _Text
    reason: _Text
    made_at: _Text
    good: _Names = ()
    defects: _Names = ()
    accepted: _Names = ()
    retaught: _Names = ()
    limits_before: tuple[float, float]
    limits_after: tuple[float, float]


class Detector(Shape):
    """One check of the active recipe that tells bad from good. `can`: null when it can be corrected, else why not."""

    camera: str
    check: str
    model: str
    unsure_from: float
    ng_from: float
    can: Problem | None


class ModelInUse(Shape):
    """`pictures`: how many it was taught with, null when the package does not say. `history`: corrections since, newest
    first. `trouble`: why the package could not be read."""

    camera: str
    check: str
    kind: str
    model: str
    digest: str
    unsure_from: float
    ng_from: float
    pictures: int | None
    history: tuple[Corrected, ...]
    trouble: Problem | None


class ModelsInUse(Shape):
    """`recipe`: null while none is active."""

    recipe: RecipeRef | None
    models: tuple[ModelInUse, ...]
