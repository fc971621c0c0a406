"""A job as the API gives it and as it is kept in its file: strict and bounded, as both come from outside."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from edge.panel.shapes import MAX_NUMBER, Person, Problem, Shape

Kind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$")]
Text = Annotated[str, StringConstraints(max_length=200)]
Count = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
MAX_STEPS = 64


class JobState(StrEnum):
    """refused: it ended with the answer no (exit code 1). interrupted: the panel ended while it ran or waited."""

    WAITING = "waiting"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


ENDED = (JobState.DONE, JobState.REFUSED, JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED)


class Step(Shape):
    """One thing that a job did or does: `done` of `of`, in `seconds` so far. `of` 0: nobody knows how many."""

    step: Text
    done: Count
    of: Count
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class Job(Shape):
    """`steps`: in the order in which they began, the last is the present one. `trouble`: why it did not do it.

    `queued_at`, `ended_at`: the wall clock, ISO 8601 UTC. `ran_s`: how long it worked so far.
    """

    id: Annotated[int, Field(ge=1, le=MAX_NUMBER)]
    kind: Kind
    by: Person
    state: JobState
    queued_at: Text
    ended_at: Text = ""
    ran_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    steps: Annotated[tuple[Step, ...], Field(max_length=MAX_STEPS)] = ()
    exit_code: int | None = None
    trouble: Problem | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


class JobWhole(Job):
    """`result`: the JSON object that the command said, null while there is none. `command`: without `edge`."""

    command: Annotated[tuple[Annotated[str, StringConstraints(max_length=4096)], ...], Field(max_length=512)]
    result: dict[str, Any] | None = None


def short(job: Job) -> Job:
    return Job(**{name: getattr(job, name) for name in Job.model_fields})


class JobList(Shape):
    """Newest first."""

    jobs: tuple[Job, ...]


class Cancel(Shape):
    by: Person
