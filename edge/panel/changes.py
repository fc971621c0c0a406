"""Changes of recipes: proposed, approved by another person, brought in at a lot's beginning or after a challenge.

The events in station.db say what shall be, the line says what is, the ledger says what a challenge has proved; `settle`
brings them together and may be called at any time, so that a panel that was killed goes on where it was. Nothing here
is needed for safety: a recipe on trial passes no part until it was told from here that it has been proved.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from pathlib import Path

from edge.bus import wire
from edge.clock import SECOND, Clock
from edge.domain.change import Action, ChangeEvent, ChangeState, Stage, Way, built_on, due_with_lot, on_trial
from edge.domain.part import Mode, Purpose
from edge.domain.recipe import Recipe, split_reference
from edge.errors import EdgeError, NotThere, Refused, ServiceError, StoreError
from edge.panel import proposals
from edge.panel.challenge import Ends, Progress, Started, progress, started_of, started_text
from edge.panel.seams import Commanding, Databases, Watching
from edge.store.ledger_reader import MAX_ROWS, PartFilter

ALONE = "approval.alone"
"""The preference by which one person may approve what the same person has proposed; "yes" says so."""
_SETTLES_NS = 5 * SECOND  # so long the line may say something else than was asked of it
_RECIPE_FAILED = "recipe_failed"


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """A lot was set that brings this change. Only in memory: a panel that ends leaves it to the next lot."""

    change: str
    lot: str
    by: str
    since_ns: int


class Changes:
    """May be asked from any thread but the event loop's; one thing at a time. EdgeError says what cannot be."""

    def __init__(
        self, *, books: Databases, watch: Watching, commands: Commanding, clock: Clock, models_dir: Path, taught: Path
    ) -> None:  # fmt: skip
        """taught: data_dir/taught, where what was taught waits."""
        self._books, self._watch, self._commands, self._clock = books, watch, commands, clock
        self._models_dir, self._taught = models_dir, taught
        self._lock = threading.RLock()
        self._attempt: _Attempt | None = None
        self._odd_since_ns: int | None = None

    # --- what people do -------------------------------------------------------------------------------------------

    def all(self) -> list[ChangeState]:
        return self._books.station.changes()

    def proposed(self) -> set[str]:
        """Recipes, NAME@VERSION, that came with changes which are not in use."""
        return {change.recipe_to for change in self.all() if change.stage is not Stage.ACTIVE}

    def one(self, change: str) -> ChangeState:
        found = next((each for each in self.all() if each.change == change), None)
        if found is None:
            raise NotThere(f"there is no change {change[:40]}", hint="see the list of changes")
        return found

    def propose(self, folder: str, *, by: str, reason: str, follows: str | None = None) -> ChangeState:
        """Install the package, keep the recipe as the next version, and write down that it is proposed."""
        with self._lock, self._books.revising:
            found = proposals.read_proposal(self._taught, folder)
            before = self._follows(found.recipe.name, follows)
            recipe = proposals.following(found.recipe, before, by=by, reason=reason)
            found.install(self._models_dir)
            event = ChangeEvent(
                by=by, action=Action.PROPOSED, change=uuid.uuid4().hex, recipe_from=str(before.ref) if before else "",
                recipe_to="", reason=reason, detail=found.report,
            )  # fmt: skip
            self._books.station.add_proposal(recipe, event)
            return self.one(event.change)

    def approve(self, change: str, *, by: str, way: Way, reason: str = "") -> ChangeState:
        alone = self._books.station.preference(ALONE) == "yes"
        return self._add(change, Action.APPROVED, by=by, reason=reason, way=way, alone=alone)

    def withdraw(self, change: str, *, by: str, reason: str) -> ChangeState:
        return self._add(change, Action.WITHDRAWN, by=by, reason=reason)

    def challenge(self, change: str, *, by: str, required: int) -> ChangeState:
        """The line goes to SETUP and tries the recipe. It stays there, whatever comes of it: a person starts it."""
        with self._lock:
            line, state = self._line(), self.one(change)
            other = on_trial(self.all())
            if other is not None:
                raise Refused("another challenge is running", hint="end it first")
            self._made_from_active(state, line)
            begun = Started(required=required, after_row=self._books.ledger.highest_row(), purpose=line.purpose)
            event = state.then(Action.CHALLENGE_STARTED, by=by, detail=started_text(begun))
            self._books.station.add_change(event)
            self._odd_since_ns = None
            name, version = split_reference(state.recipe_to)
            try:
                self._commands.ask(wire.SetMode(mode=Mode.SETUP, by=by, reason=f"challenge of {state.recipe_to}"))
                self._commands.ask(wire.SetPurpose(purpose=Purpose.CHALLENGE, by=by))
                self._commands.ask(wire.ActivateRecipe(name=name, version=version, by=by, trial=True))
            except EdgeError as error:
                self._add(change, Action.CHALLENGE_FAILED, by=by, reason=f"it did not begin: {error.message}"[:200])
                raise
            return self.one(change)

    def end_challenge(self, change: str, *, by: str, reason: str) -> ChangeState:
        """Given up: the recipe before comes back."""
        with self._lock:
            state = self._add(change, Action.CHALLENGE_FAILED, by=by, reason=reason)
            self._clear_trial(self._line(), state, by)
            return state

    def roll_back(self, change: str, *, by: str, reason: str) -> ChangeState:
        """The recipe before comes back at once, and what was built on this change goes with it."""
        with self._lock:
            changes, state = self.all(), self.one(change)
            event = state.then(Action.ROLLED_BACK, by=by, reason=reason)
            if not state.recipe_from:
                raise Refused("there was no recipe before this one", hint="choose another recipe, or stop the line")
            later = built_on(changes, state)
            active = str(self._line().active)
            if active in {one.recipe_to for one in (state, *later)}:
                name, version = split_reference(state.recipe_from)
                self._commands.ask(wire.ActivateRecipe(name=name, version=version, by=by))
            for one in reversed(later):
                self._books.station.add_change(
                    one.then(Action.ROLLED_BACK, by=by, reason=f"built on {state.recipe_to}: {reason}"[:400])
                )
            self._books.station.add_change(event)
            return self.one(change)

    # --- what the line is asked for -------------------------------------------------------------------------------

    def with_lot(self, lot: str, by: str) -> wire.SetLot:
        """What to ask the line when this lot begins: an approved change comes with it.

        A lot can be set also while changes cannot be read; it then brings none.
        """
        with self._lock:
            line = self.now()
            try:
                due = None if line is None or line.lot == lot else self.due(self.all())
            except StoreError:
                due = None
            if due is None:
                return wire.SetLot(lot=lot, by=by)
            self._attempt = _Attempt(change=due.change, lot=lot, by=by, since_ns=self._clock.now_ns())
            return wire.SetLot(lot=lot, by=by, recipe=split_reference(due.recipe_to))

    def due(self, changes: list[ChangeState]) -> ChangeState | None:
        """What the next lot brings."""
        line = self.now()
        if line is None:
            return None
        return due_with_lot(changes, "" if line.active is None else str(line.active))

    def check_activation(self, name: str, version: int) -> None:
        """Refused when this recipe is a change, or uses the model of one, that nobody has brought into use properly."""
        wanted = f"{name}@{version}"
        proven: set[str] = set()
        unproven: dict[str, ChangeState] = {}
        recipes = {str(row.ref) for row in self._books.station.recipes()}
        for change in self.all():
            brought = self._brought(change, recipes)
            if change.stage is Stage.ACTIVE:
                proven |= brought
            else:
                unproven |= dict.fromkeys(brought, change)
        used = {wanted} | proposals.models(self._books.station.recipe(name, version))
        found = next((change for what, change in unproven.items() if what in used - proven), None)
        if found is None:
            return
        if found.stage is Stage.APPROVED and found.way is Way.LOT:
            raise Refused("this change is approved for the beginning of a lot", hint="set the next lot: it brings it")
        raise Refused(
            f"{wanted} is a change that is not in use ({found.stage.value.replace('_', ' ')})",
            hint="have it approved by quality, then set the next lot or let it pass a challenge",
        )

    # --- what time brings -----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Write down what has become of changes, and set right what the line does not know yet. Cheap; call it often.

        EdgeError when something cannot be read or asked now: nothing is lost, call it again.
        """
        with self._lock:
            line = self.now()
            if line is None:
                return
            changes = self.all()
            trial = on_trial(changes)
            if trial is not None:
                self._follow(trial, line)
            elif line.trial:
                self._end_trial(changes, line)
            self._note_lot(changes, line)

    def progress(self, state: ChangeState) -> Progress | None:
        """Of the last challenge of this change; None when there was none."""
        event = state.last(Action.CHALLENGE_STARTED)
        if event is None:
            return None
        begun = started_of(event.detail)
        parts = self._books.ledger.parts(PartFilter(purpose=Purpose.CHALLENGE), MAX_ROWS)
        return progress(begun, state.recipe_to, parts)

    def _follow(self, trial: ChangeState, line: wire.LineState) -> None:
        now = self.progress(trial)
        assert now is not None
        begun = trial.events[-1]
        if now.ends is Ends.PASSED:
            detail = f"{now.caught} of {now.required} parts caught"
            self._add(trial.change, Action.CHALLENGE_PASSED, by=begun.by, detail=detail)
            self._end_trial(self.all(), line)
        elif now.ends is Ends.FAILED:
            self._fail(trial, line, f"part {now.missed} was not caught")
        elif self._stays_odd(trial, line):
            self._fail(trial, line, self._why(trial.recipe_to) or "the line does not try this recipe any more")

    def _fail(self, trial: ChangeState, line: wire.LineState, why: str) -> None:
        state = self._add(trial.change, Action.CHALLENGE_FAILED, by=trial.events[-1].by, reason=why[:400])
        self._clear_trial(line, state, state.events[-1].by)

    def _stays_odd(self, trial: ChangeState, line: wire.LineState) -> bool:
        """The line has been doing something else for a while: its recipe was changed, or could not be loaded."""
        tries = line.trial and str(line.active) == trial.recipe_to
        if tries or line.preparing == split_reference(trial.recipe_to):
            self._odd_since_ns = None
            return False
        now_ns = self._clock.now_ns()
        if self._odd_since_ns is None:
            self._odd_since_ns = now_ns
        return now_ns - self._odd_since_ns > _SETTLES_NS

    def _end_trial(self, changes: list[ChangeState], line: wire.LineState) -> None:
        """The challenge is over, and the line still tries: tell it what came of it."""
        mine = [one for one in changes if one.recipe_to == str(line.active) and one.last(Action.CHALLENGE_STARTED)]
        if mine:
            state = max(mine, key=lambda one: one.events[-1].id)
            self._clear_trial(line, state, state.events[-1].by)

    def _clear_trial(self, line: wire.LineState, state: ChangeState, by: str) -> None:
        """Purpose first: as long as the line tries, this is called again."""
        started = state.last(Action.CHALLENGE_STARTED)
        back = state.recipe_to if state.stage is Stage.ACTIVE else state.recipe_from
        if started is None or not back:
            return
        if line.purpose is Purpose.CHALLENGE:
            self._commands.ask(wire.SetPurpose(purpose=started_of(started.detail).purpose, by=by))
        name, version = split_reference(back)
        self._commands.ask(wire.ActivateRecipe(name=name, version=version, by=by))

    def _note_lot(self, changes: list[ChangeState], line: wire.LineState) -> None:
        attempt = self._attempt
        for one in changes:
            if one.stage is not Stage.APPROVED or one.way is not Way.LOT:
                continue
            mine = attempt is not None and attempt.change == one.change
            by = attempt.by if attempt is not None and mine else "line"
            if str(line.active) == one.recipe_to and not line.trial:
                self._add(one.change, Action.ACTIVATED, by=by, reason=f"lot {line.lot}")
                self._attempt = None if mine else attempt
            elif attempt is not None and mine and self._given_up(attempt, one, line):
                self._add(
                    one.change, Action.FAILED, by=by, reason=self._why(one.recipe_to) or "the line did not take it"
                )
                self._attempt = None

    def _given_up(self, attempt: _Attempt, state: ChangeState, line: wire.LineState) -> bool:
        waits = line.coming_lot or line.preparing == split_reference(state.recipe_to)
        return not waits and self._clock.now_ns() - attempt.since_ns > _SETTLES_NS

    def _why(self, recipe: str) -> str:
        """What the line said when it could not take this recipe; "" for nothing."""
        heard = self._watch.snapshot.services.get("line")
        alarms = heard.status.alarms if heard is not None else ()
        return next((one.detail for one in alarms if one.code == _RECIPE_FAILED and recipe in one.detail), "")[:400]

    # --- inside ---------------------------------------------------------------------------------------------------

    def _add(
        self, change: str, action: Action, *, by: str, reason: str = "", detail: str = "", way: Way | None = None,
        alone: bool = False,
    ) -> ChangeState:  # fmt: skip
        with self._lock:
            event = self.one(change).then(action, by=by, reason=reason, detail=detail, way=way, alone=alone)
            self._books.station.add_change(event)
            return self.one(change)

    def _follows(self, name: str, wanted: str | None) -> Recipe | None:
        station, line = self._books.station, self.now()
        active = line.active if line is not None else None
        known = [str(row.ref) for row in station.recipes()]
        newest = next((ref for ref in known if split_reference(ref)[0] == name), None)
        same = str(active) if active is not None and active.name == name else None
        found = wanted or same or newest or (str(active) if active is not None else None)
        if found is None:
            return None
        if found not in known:
            raise NotThere(f"there is no recipe {found}", hint="see the list of recipes")
        return station.recipe(*split_reference(found))

    def _brought(self, change: ChangeState, recipes: set[str]) -> frozenset[str]:
        """The recipe that came with the change, and the models that came with it."""
        station = self._books.station
        if change.recipe_to not in recipes:
            return frozenset((change.recipe_to,))
        before = station.recipe(*split_reference(change.recipe_from)) if change.recipe_from in recipes else None
        after = station.recipe(*split_reference(change.recipe_to))
        return proposals.brings(before, after) | {change.recipe_to}

    def _made_from_active(self, state: ChangeState, line: wire.LineState) -> None:
        if line.active is not None and str(line.active) != state.recipe_from:
            raise Refused(
                f"{state.recipe_to} was made from {state.recipe_from or 'nothing'}, and {line.active} is active",
                hint="activate the recipe that it was made from, or make the change again",
            )

    def now(self) -> wire.LineState | None:
        """What the line says; None while it is silent."""
        snapshot = self._watch.snapshot
        return snapshot.line if snapshot.alive(self._clock.now_ns()) else None

    def _line(self) -> wire.LineState:
        line = self.now()
        if line is None:
            raise ServiceError("the line is not heard", hint="see the system page; try again when it is back")
        return line
