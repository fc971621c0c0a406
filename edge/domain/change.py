"""A change of recipe from its proposal to its use: what its events say, and what may happen to it next. Pure.

    proposed -> approved (lot)       -> active with the next lot
                approved (challenge) -> on trial -> active once the challenge is passed
    active   -> rolled back; it, and what failed, may be approved again

An event is never taken back; the state is what the events of the change add up to.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from edge.errors import Refused, StoreError, UsageError

MAX_DETAIL = 400_000
_MAX_TEXT = 500


class Action(StrEnum):
    """What happened to a change."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"
    CHALLENGE_STARTED = "challenge_started"
    CHALLENGE_PASSED = "challenge_passed"
    CHALLENGE_FAILED = "challenge_failed"
    ACTIVATED = "activated"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"


class Way(StrEnum):
    """How an approved change becomes active: together with the next lot, or after a passed challenge."""

    LOT = "lot"
    CHALLENGE = "challenge"


class Stage(StrEnum):
    """Where a change stands. Only an ACTIVE one may judge parts that can pass."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    CHALLENGE = "challenge"
    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvent:
    """id: rising over all changes; 0 while it is not stored. at: ISO 8601 UTC. change: which one.

    recipe_from, recipe_to: NAME@VERSION; from is "" when there was none. way: only of an approval. detail: JSON of a
    proposal's report or of a challenge, else words. UsageError on a text that is too long.
    """

    id: int = 0
    at: str = ""
    by: str
    action: Action
    change: str
    recipe_from: str
    recipe_to: str
    way: Way | None = None
    reason: str = ""
    detail: str = ""

    def __post_init__(self) -> None:
        texts = (self.by, self.change, self.recipe_from, self.recipe_to, self.reason)
        if any(len(text) > _MAX_TEXT or "\0" in text for text in texts) or len(self.detail) > MAX_DETAIL:
            raise UsageError("a text of this change is too long", hint="shorten the reason, or replay fewer parts")


_AFTER = {
    Action.PROPOSED: Stage.PROPOSED,
    Action.APPROVED: Stage.APPROVED,
    Action.WITHDRAWN: Stage.WITHDRAWN,
    Action.CHALLENGE_STARTED: Stage.CHALLENGE,
    Action.CHALLENGE_PASSED: Stage.ACTIVE,
    Action.CHALLENGE_FAILED: Stage.FAILED,
    Action.ACTIVATED: Stage.ACTIVE,
    Action.ROLLED_BACK: Stage.ROLLED_BACK,
    Action.FAILED: Stage.FAILED,
}
_FROM: dict[Action, tuple[Stage, ...]] = {
    Action.APPROVED: (Stage.PROPOSED, Stage.FAILED, Stage.ROLLED_BACK),
    Action.WITHDRAWN: (Stage.PROPOSED, Stage.APPROVED, Stage.FAILED),
    Action.CHALLENGE_STARTED: (Stage.APPROVED,),
    Action.CHALLENGE_PASSED: (Stage.CHALLENGE,),
    Action.CHALLENGE_FAILED: (Stage.CHALLENGE,),
    Action.ACTIVATED: (Stage.APPROVED,),
    Action.ROLLED_BACK: (Stage.ACTIVE,),
    Action.FAILED: (Stage.APPROVED,),
}
_WAY = {Action.CHALLENGE_STARTED: Way.CHALLENGE, Action.ACTIVATED: Way.LOT, Action.FAILED: Way.LOT}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeState:
    """A change as its events leave it. way: of the approval in force, None without one. events: oldest first."""

    change: str
    stage: Stage
    way: Way | None
    events: tuple[ChangeEvent, ...]

    @property
    def recipe_from(self) -> str:
        return self.events[0].recipe_from

    @property
    def recipe_to(self) -> str:
        return self.events[0].recipe_to

    @property
    def proposed_by(self) -> str:
        return self.events[0].by

    def last(self, action: Action) -> ChangeEvent | None:
        return next((event for event in reversed(self.events) if event.action is action), None)

    @property
    def may(self) -> tuple[Action, ...]:
        """What may happen next."""
        return tuple(action for action in _FROM if self._allows(action))

    def then(
        self,
        action: Action,
        *,
        by: str,
        reason: str = "",
        detail: str = "",
        way: Way | None = None,
        alone: bool = False,
    ) -> ChangeEvent:
        """The event, when it may happen now. Refused with words when it may not.

        alone: this station has one person, who may approve what the same person has proposed.
        """
        if not self._allows(action):
            raise Refused(
                f"{self.recipe_to} is {self.stage.value.replace('_', ' ')}: it cannot be {_DONE[action]}",
                hint="look at what happened to this change",
            )
        if action is Action.APPROVED:
            if way is None:
                raise Refused(
                    "an approval says how the change becomes active", hint="with the next lot, or a challenge"
                )
            if not alone and same_person(by, self.proposed_by):
                raise Refused(
                    "who proposed a change cannot approve it",
                    hint="somebody else of quality looks at it and approves",
                )
        return replace(
            self.events[0], id=0, at="", by=by, action=action, way=way, reason=reason, detail=detail
        )  # fmt: skip

    def with_event(self, event: ChangeEvent) -> ChangeState:
        """StoreError when it does not follow: the events were not written by these rules."""
        fits = (event.change, event.recipe_from, event.recipe_to) == (self.change, self.recipe_from, self.recipe_to)
        if not fits or not self._allows(event.action) or (event.action is Action.APPROVED and event.way is None):
            raise StoreError(f"event {event.id} of change {event.change} does not follow", hint="restore the backup")
        way = event.way if event.action is Action.APPROVED else self.way
        if event.action in (Action.FAILED, Action.CHALLENGE_FAILED, Action.ROLLED_BACK, Action.WITHDRAWN):
            way = None
        return ChangeState(
            change=self.change, stage=_AFTER[event.action], way=way, events=(*self.events, event)
        )  # fmt: skip

    def _allows(self, action: Action) -> bool:
        return self.stage in _FROM.get(action, ()) and _WAY.get(action, self.way) is self.way


_DONE = {
    Action.PROPOSED: "proposed",
    Action.APPROVED: "approved",
    Action.WITHDRAWN: "withdrawn",
    Action.CHALLENGE_STARTED: "challenged",
    Action.CHALLENGE_PASSED: "passed",
    Action.CHALLENGE_FAILED: "failed",
    Action.ACTIVATED: "activated",
    Action.ROLLED_BACK: "rolled back",
    Action.FAILED: "given up",
}


def states(events: Iterable[ChangeEvent]) -> list[ChangeState]:
    """All changes of these events (oldest first), newest proposal first. StoreError when they do not add up."""
    found: dict[str, ChangeState] = {}
    for event in events:
        if event.change in found:
            found[event.change] = found[event.change].with_event(event)
        elif event.action is Action.PROPOSED:
            found[event.change] = ChangeState(change=event.change, stage=Stage.PROPOSED, way=None, events=(event,))
        else:
            raise StoreError(f"change {event.change} begins in the middle", hint="restore the backup")
    return list(reversed(found.values()))


def due_with_lot(changes: Sequence[ChangeState], active: str) -> ChangeState | None:
    """The change that the next lot brings: approved for it, and made from the recipe that is active (NAME@VERSION).

    A change of another recipe waits: it would undo what was changed since.
    """
    fitting = (one for one in changes if one.stage is Stage.APPROVED and one.way is Way.LOT)
    return next((one for one in fitting if one.recipe_from == active), None)


def on_trial(changes: Sequence[ChangeState]) -> ChangeState | None:
    return next((one for one in changes if one.stage is Stage.CHALLENGE), None)


def built_on(changes: Sequence[ChangeState], undone: ChangeState) -> list[ChangeState]:
    """Active changes that were made from what this one brought, nearest first: they go back with it."""
    found: list[ChangeState] = []
    recipes = {undone.recipe_to}
    for one in sorted(changes, key=lambda change: change.events[0].id):
        if one.stage is Stage.ACTIVE and one.change != undone.change and one.recipe_from in recipes:
            recipes.add(one.recipe_to)
            found.append(one)
    return found


def same_person(one: str, other: str) -> bool:
    """Names are all that is known of people here: case, blanks and the way accents are typed make no other person."""

    def plain(name: str) -> str:
        return " ".join(unicodedata.normalize("NFKC", name).casefold().split())

    return plain(one) == plain(other)
