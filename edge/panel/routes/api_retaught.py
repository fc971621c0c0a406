"""What the station has taught again by itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from edge.panel import retaught
from edge.panel.seams import Deps, deps_of
from edge.panel.shapes_retaught import Retaught

router = APIRouter(prefix="/api/v1/retaught")
Needs = Annotated[Deps, Depends(deps_of)]


@router.get("")
def last(deps: Needs) -> Retaught:
    """What the last look through everything that was taught here has found, and made."""
    return retaught.last(deps)
