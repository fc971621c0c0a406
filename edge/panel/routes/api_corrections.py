"""What detectors were wrong about, and correcting them from it: tried as a job, shown whole, then proposed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from edge.domain.part import NAME_PATTERN
from edge.panel import corrections, shapes
from edge.panel import shapes_corrections as of
from edge.panel.seams import Deps, deps_of

router = APIRouter(prefix="/api/v1/corrections", responses=shapes.problems(422, 503))
Needs = Annotated[Deps, Depends(deps_of)]
Number = Annotated[int, Path(ge=1, le=shapes.MAX_NUMBER)]
NameText = Annotated[str | None, Query(pattern=f"^{NAME_PATTERN.pattern}$")]


@router.get("")
def listed(deps: Needs) -> of.CorrectionList:
    """The last ones that were tried, newest first."""
    return of.CorrectionList(corrections=tuple(corrections.listed(deps)))


@router.get("/wrong")
def wrong(deps: Needs, camera: NameText = None, check: NameText = None) -> of.Wrong:
    """Parts of the active recipe's product that a detector judged otherwise than a person."""
    return corrections.wrong(deps, camera, check)


@router.get("/{number}", responses=shapes.problems(404))
def whole(number: Number, deps: Needs) -> of.Correction:
    return corrections.whole(deps, number)


@router.post("", status_code=201, responses=shapes.problems(404, *shapes.WRITE))
def start(wanted: of.Correct, deps: Needs) -> of.Correction:
    """Try it, as a job: makes the next version and judges known and stored parts again. Nothing is used by that."""
    return corrections.start(deps, wanted)


@router.post("/{number}/propose", responses=shapes.problems(404, *shapes.WRITE))
def propose(number: Number, wanted: of.Propose, deps: Needs) -> of.Correction:
    """Installs the new version and proposes the recipe that uses it. The line judges as before until QA approves."""
    return corrections.propose(deps, number, by=wanted.by, reason=wanted.reason)
