"""Kinds of defects, as the panel's API takes and gives them."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from edge.panel.shapes import DefectKind, Name, Number, Person, Shape
from edge.panel.shapes_jobs import Job
from edge.store.kinds import KindCounts


class KindsTaught(Shape):
    """A detector of the active recipe. `model`: NAME@VERSION. `taught_at`: when its kinds were taught, ISO 8601 UTC; ""
    before."""

    model: str
    taught_at: str


class KindsNow(Shape):
    """Counts of stopped parts of production. `lot`: of which they are, null for all.

    `kinds`: what people call them, or the classifier, the most frequent first; a person's word goes first. `known`:
    every kind that a person has named on this station. A kind changes no verdict.
    """

    lot: str | None
    counts: KindCounts
    known: tuple[str, ...]
    detectors: tuple[KindsTaught, ...]


class Teach(Shape):
    """Learn from all reviewed parts whose kind a person has named. `detector`: the name of a model of the active
    recipe; null: its first that can be taught."""

    by: Person
    detector: Name | None = None


class NameParts(Shape):
    """Name the last stopped parts. As `Teach`."""

    by: Person
    detector: Name | None = None
    last: Annotated[int, Field(ge=1, le=2000)] = 200


class Started(Shape):
    """`job`: of which the answer is the whole report of `edge learning kinds`."""

    job: Job


class NamedRow(Shape):
    """A line of what `edge learning kinds name` says."""

    row: Number
    part: Annotated[str, StringConstraints(max_length=100)]
    kind: DefectKind
    certainty: Annotated[float, Field(ge=0, le=1)]


class NamedRows(Shape):
    """Of its report, what is kept. kept: the command has kept them itself."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    model: Annotated[str, StringConstraints(max_length=100)]
    kept: bool | None
    rows: Annotated[tuple[NamedRow, ...], Field(max_length=2000)]
