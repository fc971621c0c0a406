"""The models that the line judges with now, and where they are from."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from edge.panel import shapes, taught_models
from edge.panel.seams import Deps, deps_of
from edge.panel.shapes_models import ModelsInUse

router = APIRouter(prefix="/api/v1/models", responses=shapes.problems(503))
Needs = Annotated[Deps, Depends(deps_of)]


@router.get("")
def models(deps: Needs) -> ModelsInUse:
    """Of the active recipe. Every file of their packages is read and checked: not to be asked again and again."""
    return taught_models.in_use(deps)
