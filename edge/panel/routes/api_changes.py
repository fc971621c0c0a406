"""Changes of recipes: proposed, approved, brought into use, rolled back. `changes.Changes` decides."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from edge.domain.change import Action, ChangeEvent, ChangeState, Stage
from edge.domain.recipe import Recipe, split_reference
from edge.panel import proposals, shapes, shapes_changes
from edge.panel.challenge import Progress
from edge.panel.seams import Deps, deps_of

router = APIRouter(prefix="/api/v1/changes", responses=shapes.problems(422, 503))
Needs = Annotated[Deps, Depends(deps_of)]
Change = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
MOST = 100  # that are listed
WRITE = shapes.problems(404, *shapes.WRITE)
_BY_PEOPLE = (
    Action.APPROVED,
    Action.WITHDRAWN,
    Action.CHALLENGE_STARTED,
    Action.CHALLENGE_FAILED,
    Action.ROLLED_BACK,
)


@router.get("")
def listed(deps: Needs) -> shapes_changes.ChangeList:
    """The last ones, newest proposal first."""
    now, found = deps.changes.now(), deps.changes.all()
    return shapes_changes.ChangeList(
        changes=tuple(_row(deps, change, found) for change in found[:MOST]),
        active=None if now is None or now.active is None else str(now.active),
        trial=now is not None and now.trial,
        coming_lot="" if now is None else now.coming_lot,
    )


@router.get("/{change}", responses=shapes.problems(404))
def one(change: Change, deps: Needs) -> shapes_changes.ChangeRow:
    return _row(deps, deps.changes.one(change))


@router.get("/{change}/report", responses=shapes.problems(404))
def report(change: Change, deps: Needs) -> shapes_changes.Report:
    """What it was proposed with: what it changes in the verdicts of known parts, and its limits."""
    state = deps.changes.one(change)
    return shapes_changes.Report(report=proposals.read_report(deps.books.station.report_of(state.change)))


@router.post("", status_code=201, responses=WRITE)
def propose(wanted: shapes_changes.Proposing, deps: Needs) -> shapes_changes.ChangeRow:
    """The package is installed and the recipe kept as a new version; nothing becomes active."""
    return _row(
        deps, deps.changes.propose(wanted.folder, by=wanted.by, reason=wanted.reason, follows=wanted.follows)
    )  # fmt: skip


@router.post("/{change}/approve", responses=WRITE)
def approve(change: Change, wanted: shapes_changes.Approving, deps: Needs) -> shapes_changes.ChangeRow:
    """By another person than the one who proposed it."""
    return _row(deps, deps.changes.approve(change, by=wanted.by, way=wanted.way, reason=wanted.reason))


@router.post("/{change}/withdraw", responses=WRITE)
def withdraw(change: Change, wanted: shapes_changes.Saying, deps: Needs) -> shapes_changes.ChangeRow:
    return _row(deps, deps.changes.withdraw(change, by=wanted.by, reason=wanted.reason))


@router.post("/{change}/challenge", responses=WRITE)
def challenge(change: Change, wanted: shapes_changes.Challenging, deps: Needs) -> shapes_changes.ChangeRow:
    """The line goes to SETUP, rejects everything and tries the recipe; GET tells how many parts were caught."""
    return _row(deps, deps.changes.challenge(change, by=wanted.by, required=wanted.required))


@router.post("/{change}/challenge/end", responses=WRITE)
def end_challenge(change: Change, wanted: shapes_changes.Saying, deps: Needs) -> shapes_changes.ChangeRow:
    """Given up: the recipe before comes back, the line stays in SETUP."""
    return _row(deps, deps.changes.end_challenge(change, by=wanted.by, reason=wanted.reason))


@router.post("/{change}/roll-back", responses=WRITE)
def roll_back(change: Change, wanted: shapes_changes.Saying, deps: Needs) -> shapes_changes.ChangeRow:
    """The recipe before comes back at once; changes that were built on this one go back with it."""
    return _row(deps, deps.changes.roll_back(change, by=wanted.by, reason=wanted.reason))


def _row(deps: Deps, state: ChangeState, found: list[ChangeState] | None = None) -> shapes_changes.ChangeRow:
    """found: all changes, when they are read already."""
    now, due = deps.changes.now(), deps.changes.due(deps.changes.all() if found is None else found)
    active = "" if now is None or now.active is None else str(now.active)
    first, approval = state.events[0], state.last(Action.APPROVED)
    return shapes_changes.ChangeRow(
        change=state.change,
        recipe_from=state.recipe_from,
        recipe_to=state.recipe_to,
        stage=state.stage,
        way=state.way,
        proposed_by=first.by,
        proposed_at=first.at,
        reason=first.reason,
        approved_by=approval.by if approval is not None and state.way is not None else "",
        differs=_differs(deps, state),
        in_use=active == state.recipe_to,
        due=due is not None and due.change == state.change,
        may=tuple(action for action in state.may if action in _BY_PEOPLE),
        challenge=_challenge(deps.changes.progress(state)) if state.stage is Stage.CHALLENGE else None,
        events=tuple(_event(event) for event in state.events),
        has_report=state.change in deps.books.station.reported(),
    )


def _differs(deps: Deps, state: ChangeState) -> tuple[str, ...]:
    def recipe(reference: str) -> Recipe | None:
        return deps.books.station.recipe(*split_reference(reference)) if reference else None

    after = recipe(state.recipe_to)
    assert after is not None
    return proposals.differences(recipe(state.recipe_from), after)


def _challenge(now: Progress | None) -> shapes_changes.ChallengeNow | None:
    if now is None:
        return None
    return shapes_changes.ChallengeNow(
        required=now.required,
        caught=now.caught,
        waiting=now.waiting,
        not_inspected=now.not_inspected,
        missed=now.missed,
    )


def _event(event: ChangeEvent) -> shapes_changes.Event:
    detail = "" if event.action in (Action.PROPOSED, Action.CHALLENGE_STARTED) else event.detail
    return shapes_changes.Event(
        at=event.at, by=event.by, action=event.action, way=event.way, reason=event.reason, detail=detail
    )
