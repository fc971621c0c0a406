"""Judged parts: found, shown whole, labelled; and those that wait for a person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response

from edge.domain.part import NAME_PATTERN, Purpose
from edge.domain.verdict import ReasonCode, Verdict
from edge.errors import UsageError
from edge.panel import evidence, records, shapes
from edge.panel.seams import Deps, deps_of
from edge.store.ledger_reader import PartFilter

router = APIRouter(prefix="/api/v1", responses=shapes.problems(422, 503))
Needs = Annotated[Deps, Depends(deps_of)]
Epoch = Annotated[int, Path(ge=0, le=shapes.MAX_NUMBER)]
N = Annotated[int, Path(ge=0, le=shapes.MAX_NUMBER)]
Name = Annotated[str, Path(pattern=f"^{NAME_PATTERN.pattern}$")]
BeforeRow = Annotated[int | None, Query(ge=1, le=shapes.MAX_NUMBER)]
Many = Annotated[int, Query(ge=1, le=200)]
LotText = Annotated[str | None, Query(max_length=60)]


@router.get("/parts")
def parts(
    deps: Needs,
    verdict: Annotated[list[Verdict] | None, Query(max_length=4)] = None,
    lot: LotText = None,
    reason: ReasonCode | None = None,
    purpose: Purpose | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before_row: BeforeRow = None,
    limit: Many = 50,
) -> shapes.PartPage:
    """Newest first. `since` inclusive, `until` exclusive: ISO 8601, UTC when no zone is given."""
    which = PartFilter(
        verdicts=tuple(dict.fromkeys(verdict or ())),
        lot=lot,
        reason=reason,
        purpose=purpose,
        since_wall=wall(since),
        until_wall=wall(until),
        before_row=before_row,
    )
    found = deps.books.ledger.parts(which, limit)
    return records.page(deps.books, found, found[-1].row if len(found) == limit else None)


@router.get("/parts/{epoch}/{n}", responses=shapes.problems(404))
def part(epoch: Epoch, n: N, deps: Needs) -> shapes.PartWhole:
    return records.whole(deps.books, records.stored(deps.books, deps.station.name, epoch, n))


@router.get(
    "/parts/{epoch}/{n}/image/{view}/{kind}", response_class=Response, responses=shapes.problems(404) | shapes.JPEG
)
def image(epoch: Epoch, n: N, view: Name, kind: Name, deps: Needs) -> Response:
    found = records.stored(deps.books, deps.station.name, epoch, n)
    return evidence.answer(deps.books.images, evidence.find(deps.books, found, view, kind))


@router.post("/parts/{epoch}/{n}/label", status_code=201, responses=shapes.problems(404, *shapes.WRITE))
def add_label(epoch: Epoch, n: N, wanted: shapes.Labelling, deps: Needs) -> shapes.LabelNow:
    """Confirm or overrule. Labels are kept for ever; the last one holds."""
    found = records.stored(deps.books, deps.station.name, epoch, n)
    label = deps.books.station.add_label(
        found.record.part,
        found.row,
        wanted.verdict,
        by=wanted.by,
        note=wanted.note,
        kind=wanted.kind or "",
        place=wanted.place,
        view=wanted.view or "",
    )
    return records.label(label)


@router.get("/review")
def review(deps: Needs, lot: LotText = None, before_row: BeforeRow = None, limit: Many = 20) -> shapes.PartPage:
    """NG and UNSURE parts without a label, newest first."""
    found = deps.books.station.unreviewed(deps.books.ledger, limit=limit, before_row=before_row, lot=lot)
    return records.page(deps.books, found.parts, found.before_row)


def wall(at: datetime | None) -> str | None:
    """As the ledger writes it, so that texts compare as times do ("+" sorts before ".")."""
    if at is None:
        return None
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    try:
        return aware.astimezone(UTC).isoformat()
    except OverflowError as error:
        raise UsageError(f"{at.isoformat()} is no time of this station", hint="use a year from 2 to 9998") from error
