"""What is so now: the state at a glance, health, events, outages, audit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from edge import __version__
from edge.clock import MS
from edge.errors import StoreError
from edge.panel import glance, shapes
from edge.panel.seams import Deps, deps_of
from edge.panel.snapshot import PANEL

router = APIRouter()
Needs = Annotated[Deps, Depends(deps_of)]
Many = Annotated[int, Query(ge=1, le=500)]


@router.get("/api/v1/state", responses=shapes.problems(422, 503))
def state(deps: Needs) -> shapes.State:
    snapshot, now_ns = deps.watch.snapshot, deps.clock.now_ns()
    counted = deps.tally.of(snapshot.line.lot if snapshot.line is not None else "")
    return shapes.State(
        station=deps.station.name,
        release=__version__,
        at=deps.clock.wall().isoformat(timespec="milliseconds"),
        line=glance.line_now(snapshot.line, now_ns),
        heard_ms=glance.heard_ms(snapshot, now_ns),
        alive=snapshot.alive(now_ns),
        lot=counted.lot,
        today=counted.today,
        ledger=counted.problem,
        services=glance.services(snapshot, deps.expected, now_ns),
        queues=glance.queues(snapshot),
        alarms=glance.alarms(snapshot, deps.expected, now_ns),
    )


@router.get("/health", responses={503: {"model": shapes.Health, "description": "something is not well"}})
def health(deps: Needs, response: Response) -> shapes.Health:
    """For whoever watches this device. `run`, the supervisor, is not asked for: under systemd there is none."""
    snapshot, now_ns = deps.watch.snapshot, deps.clock.now_ns()
    checks, problems = {"line": snapshot.alive(now_ns)}, []
    for name, ask in (
        ("ledger", lambda: deps.books.ledger.last_row()),
        ("evidence", lambda: deps.books.evidence.position()),
        ("station", lambda: deps.books.station.preference("language")),
    ):
        try:
            ask()
            checks[name] = True
        except StoreError as error:
            checks[name] = False
            problems.append(shapes.Problem(message=error.message, hint=error.hint))
    bad = {service.name for service in glance.unwell(glance.services(snapshot, deps.expected, now_ns))}
    checks |= {f"service {name}": name not in bad for name in deps.expected if name != PANEL}
    ok = all(checks.values())
    response.status_code = 200 if ok else 503
    return shapes.Health(ok=ok, checks=checks, problems=tuple(problems))


@router.get("/api/v1/events", responses=shapes.problems(422, 503))
def events(deps: Needs, limit: Many = 100) -> shapes.EventList:
    """Newest first."""
    found = deps.books.ledger.events(limit)
    return shapes.EventList(
        events=tuple(
            shapes.EventRow(epoch=each.epoch, at=each.wall, kind=each.kind, by=each.by, detail=each.detail)
            for each in found
        )
    )


@router.get("/api/v1/outages", responses=shapes.problems(422, 503))
def outages(deps: Needs, limit: Many = 100) -> shapes.OutageList:
    """Newest first."""
    found = deps.books.ledger.outages(limit)
    return shapes.OutageList(
        outages=tuple(
            shapes.OutageRow(
                epoch=each.epoch, at=each.wall, lasted_ms=max(0, each.to_ns - each.from_ns) // MS, why=each.why
            )
            for each in found
        )
    )


@router.get("/api/v1/audit", responses=shapes.problems(422, 503))
def audit(
    deps: Needs, limit: Many = 100, before_id: Annotated[int | None, Query(ge=1, le=shapes.MAX_NUMBER)] = None
) -> shapes.AuditPage:
    """Who did what on this panel, newest first."""
    found = deps.books.station.audit(limit, before_id)
    return shapes.AuditPage(
        entries=tuple(
            shapes.AuditEntry(id=row.id, at=row.at, by=row.by, action=row.action, detail=row.detail, digest=row.digest)
            for row in found
        ),
        before_id=found[-1].id if len(found) == limit else None,
    )
