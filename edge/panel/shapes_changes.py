"""What the API takes and gives about changes of recipes. See `edge.domain.change` for what they go through."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from edge.domain.change import Action, Stage, Way
from edge.panel.challenge import MOST_REQUIRED, REQUIRED
from edge.panel.shapes import Person, Shape, Why

_REFERENCE = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}@[1-9][0-9]{0,8}"
Folder = Annotated[str, StringConstraints(pattern=rf"^{_REFERENCE}$")]
RecipeName = Annotated[str, StringConstraints(pattern=rf"^{_REFERENCE}$")]


class Proposing(Shape):
    """`folder`: of data_dir/taught, NAME@VERSION: what `edge teach` or `edge learning correct` made.

    `follows`: the recipe that it shall take the place of, NAME@VERSION; left out: the active one when it is of the
    same name, else the newest of that name, else the active one.
    """

    folder: Folder
    by: Person
    reason: Why
    follows: RecipeName | None = None


class Approving(Shape):
    """By quality, who has looked at the report. `way`: with the next lot, or after a passed challenge."""

    by: Person
    way: Way
    reason: Annotated[str, StringConstraints(max_length=200)] = ""


class Saying(Shape):
    """Withdrawing, ending a challenge, rolling back: who and why."""

    by: Person
    reason: Why


class Challenging(Shape):
    """`required`: how many parts that are known to be bad will be sent down the line, and must all be caught."""

    by: Person
    required: Annotated[int, Field(ge=1, le=MOST_REQUIRED)] = REQUIRED


class ChallengeNow(Shape):
    """The challenge of a change, running or over. `waiting`: judged bad, the gate is not past them yet.

    `not_inspected`: prove nothing, send them again. `missed`: the part that failed it, "" for none.
    """

    required: int
    caught: int
    waiting: int
    not_inspected: int
    missed: str


class Event(Shape):
    """`at`: ISO 8601 UTC. `detail`: words about it, may be empty."""

    at: str
    by: str
    action: Action
    way: Way | None
    reason: str
    detail: str


class ChangeRow(Shape):
    """`recipe_from`: NAME@VERSION, "" when there was none. `differs`: what is other in `recipe_to`, as "top/surface:
    model", "top: locate", "gate", "new". `in_use`: the line judges with `recipe_to` now. `due`: the next lot brings it.

    `may`: what a person may do now: approved, withdrawn, challenge_started, challenge_failed (end it), rolled_back.
    `has_report`: GET .../report gives the report that it was proposed with.
    """

    change: str
    recipe_from: str
    recipe_to: str
    stage: Stage
    way: Way | None
    proposed_by: str
    proposed_at: str
    reason: str
    approved_by: str
    differs: tuple[str, ...]
    in_use: bool
    due: bool
    may: tuple[Action, ...]
    challenge: ChallengeNow | None
    events: tuple[Event, ...]
    has_report: bool


class ChangeList(Shape):
    """Newest proposal first. `active`: what the line judges with, null while it is not heard. `trial`: it is being
    challenged. `coming_lot`: begins as soon as the approved recipe is loaded, "" for none."""

    changes: tuple[ChangeRow, ...]
    active: str | None
    trial: bool
    coming_lot: str


class Report(Shape):
    """As the command gave it (`edge learning correct --json`); empty when there is none."""

    report: dict[str, Any]
