"""Long work: what runs, what waits, what came of it. Each topic's own route starts its jobs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from edge.panel import shapes, shapes_jobs
from edge.panel.seams import Deps, deps_of

router = APIRouter(prefix="/api/v1/jobs")
Needs = Annotated[Deps, Depends(deps_of)]
Number = Annotated[int, Path(ge=1, le=shapes.MAX_NUMBER)]


@router.get("")
def jobs(deps: Needs) -> shapes_jobs.JobList:
    """The last ones, newest first, without their results."""
    return shapes_jobs.JobList(jobs=tuple(shapes_jobs.short(job) for job in deps.jobs.all()))


@router.get("/{number}", responses=shapes.problems(404, 422))
def job(number: Number, deps: Needs) -> shapes_jobs.JobWhole:
    return deps.jobs.job(number)


@router.post("/{number}/cancel", responses=shapes.problems(404, *shapes.WRITE))
def cancel(number: Number, wanted: shapes_jobs.Cancel, deps: Needs) -> shapes_jobs.JobWhole:
    """A running job is told to end and becomes `cancelled` when it has; within 20 s. Ended already: 409."""
    job = deps.jobs.cancel(number)
    deps.books.station.add_audit(wanted.by, "job.cancel", f"{job.id} {job.kind}")
    return job
