"""Kinds of defects: how many of each there were; teaching them, and naming stopped parts, as jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from edge.panel import kinds, shapes
from edge.panel import shapes_kinds as of
from edge.panel.routes.api_parts import LotText, wall
from edge.panel.seams import Deps, deps_of
from edge.store.kinds import MOST_PARTS
from edge.store.ledger_reader import PartFilter

router = APIRouter(prefix="/api/v1/kinds")
Needs = Annotated[Deps, Depends(deps_of)]
Last = Annotated[int, Query(ge=1, le=MOST_PARTS)]


@router.get("", responses=shapes.problems(422, 503))
def counted(
    deps: Needs, lot: LotText = None, since: datetime | None = None, until: datetime | None = None,
    last: Last = MOST_PARTS,
) -> of.KindsNow:  # fmt: skip
    """Of the newest `last` stopped parts of a lot, or of a time (a shift: `since` inclusive, `until` exclusive).

    With neither lot nor time: of the lot that runs now.
    """
    if lot is None and since is None and until is None:
        lot = kinds.running_lot(deps)
    return kinds.now(deps, PartFilter(lot=lot, since_wall=wall(since), until_wall=wall(until)), last)


@router.post("/teach", status_code=202, responses=shapes.problems(*shapes.WRITE))
def teach(wanted: of.Teach, deps: Needs) -> of.Started:
    """From all reviewed parts whose kind a person has named. The last stopped parts are named after it."""
    return kinds.teach(deps, wanted)


@router.post("/name", status_code=202, responses=shapes.problems(*shapes.WRITE))
def name(wanted: of.NameParts, deps: Needs) -> of.Started:
    """Name the last stopped parts by the kinds that were taught. No verdict changes."""
    return kinds.name_parts(deps, wanted)
