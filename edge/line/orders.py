"""What people ask of the line, and what inference says of recipes. Every change is in the ledger's events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.bus import wire
from edge.clock import SECOND, Clock
from edge.domain.part import Mode
from edge.errors import Refused
from edge.line.alarms import Alarms
from edge.line.flow import Flow
from edge.line.journal import Journal
from edge.line.modes import Change, Modes
from edge.line.recipes import Named, Recipes
from edge.line.triggers import Triggers

RECIPE_FAILED = "recipe_failed"
_LOT_WAITS_NS = 30 * SECOND  # for its recipe; then it begins with the one that is active


@dataclass(frozen=True, slots=True, kw_only=True)
class _ComingLot:
    """Waits for its recipe to be loaded. After a restart it begins with the recipe that is active."""

    lot: str
    by: str
    recipe: Named
    until_ns: int


class Orders:
    """Main thread only. recipe_changed: called when another recipe is in force."""

    def __init__(
        self,
        *,
        modes: Modes,
        recipes: Recipes,
        triggers: Triggers,
        flow: Flow,
        journal: Journal,
        alarms: Alarms,
        clock: Clock,
        recipe_changed: Callable[[wire.RecipeReady], None],
    ) -> None:
        self._modes, self._recipes, self._triggers, self._flow = modes, recipes, triggers, flow
        self._journal, self._alarms, self._clock = journal, alarms, clock
        self._recipe_changed = recipe_changed
        self._coming: _ComingLot | None = None

    @property
    def coming_lot(self) -> str:
        """ "" when none waits."""
        return "" if self._coming is None else self._coming.lot

    def turn(self) -> None:
        """A lot waits no longer than that for its recipe."""
        coming = self._coming
        if coming is not None and self._clock.now_ns() >= coming.until_ns:
            self._recipes.give_up()
            self._give_up("{}@{}".format(*coming.recipe), "it was not loaded in time")
            self._begin_without()

    def obey(self, request: wire.Message) -> wire.Reply:
        """The reply; a refusal carries its reason and what to do."""
        try:
            self._obey(request)
        except Refused as refused:
            return wire.Reply(ok=False, message=refused.message, hint=refused.hint)
        return wire.Reply(ok=True)

    def apply(self, change: Change | None) -> None:
        """Record a change of mode, lot or latch; when it halts the line, nothing in flight passes any more."""
        if change is None:
            return
        if change.halts:
            self._flow.halt()
        self._journal.remember(change)

    def recipe_ready(self, report: wire.RecipeReady) -> None:
        try:
            text = self._recipes.ready(report)
        except Refused as refused:
            self._give_up(str(report.recipe), refused.message)
            self._begin_without()
            return
        if text is None:
            return

        changes = [Change(kind="recipe", by=self._recipes.asked_by, detail=f"{report.recipe} {report.recipe.digest}")]
        if self._coming is not None:  # a person who asked for another recipe since has let the lot begin
            changes.append(self._modes.next_lot(self._coming.lot, by=self._coming.by))
            self._coming = None

        def durable() -> None:
            self._recipes.committed(report)
            self._modes.lot_begins()
            self._alarms.clear(RECIPE_FAILED)
            self._recipe_changed(report)

        self._journal.remember(*changes, then=durable)

    def recipe_failed(self, report: wire.RecipeFailed) -> None:
        if self._recipes.failed(report):
            self._give_up(f"{report.name}@{report.version}", report.message)
            self._begin_without()

    def _give_up(self, name: str, message: str) -> None:
        self._alarms.happened(RECIPE_FAILED, self._clock.now_ns(), f"{name}: {message}"[:200])
        self._journal.note(RECIPE_FAILED, f"{name}: {message}"[:500])

    def _obey(self, request: wire.Message) -> None:
        now_ns = self._clock.now_ns()
        match request:
            case wire.SetMode():
                change = self._modes.set_mode(
                    request.mode,
                    by=request.by,
                    reason=request.reason,
                    minutes=request.minutes,
                    has_recipe=self._recipes.active is not None,
                    now_ns=now_ns,
                    tries=self._recipes.tries,
                )
                self.apply(change)
            case wire.SetLot():
                self._set_lot(request, now_ns)
            case wire.SetPurpose():
                self.apply(self._modes.set_purpose(request.purpose, by=request.by))
            case wire.ResetLatch():
                self.apply(self._modes.reset(by=request.by, reason=request.reason))
            case wire.ActivateRecipe():
                self._activate(request)
            case wire.SoftTrigger():
                self._call(now_ns)
            case _:
                raise Refused(f"the line does not take {type(request).__name__}")

    def _set_lot(self, request: wire.SetLot, now_ns: int) -> None:
        """With a recipe: both at one moment, so that no part of the new lot is judged by the recipe before it. Saying
        the running lot's name again is no beginning."""
        self._modes.check_lot(request.lot, by=request.by)
        if self._recipes.committing() is not None:  # for some milliseconds: it may bring a lot with it
            raise Refused("a recipe is becoming active at this moment", hint="set the lot again")
        if self._coming is not None:  # another lot takes its place, and its recipe must not come in the middle of it
            self._coming = None
            self._recipes.give_up()
        begins = request.recipe is not None and request.lot != self._modes.lot
        if begins and request.recipe is not None and self._recipes.ask(*request.recipe, by=request.by):
            self._coming = _ComingLot(
                lot=request.lot, by=request.by, recipe=request.recipe, until_ns=now_ns + _LOT_WAITS_NS
            )
            self._journal.remember(self._modes.lot_waits(request.lot, by=request.by))
        else:
            self.apply(self._modes.set_lot(request.lot, by=request.by))

    def _begin_without(self) -> None:
        """The lot that waited begins with the recipe that is active."""
        coming, self._coming = self._coming, None
        if coming is not None:
            self.apply(self._modes.set_lot(coming.lot, by=coming.by))

    def _activate(self, request: wire.ActivateRecipe) -> None:
        if request.trial and self._modes.mode is not Mode.SETUP:
            raise Refused("a recipe is challenged in SETUP only", hint="set the line to SETUP first")
        self._begin_without()
        if self._recipes.trial is request.trial or not self._recipes.is_active(request.name, request.version):
            self._recipes.ask(request.name, request.version, by=request.by, trial=request.trial)
            return
        named = f"{request.name}@{request.version}"
        if request.trial:
            self._recipes.put_on_trial()
            self._journal.remember(Change(kind="recipe", by=request.by, detail=f"{named} on trial"))
            return
        self._recipes.lift()
        self._journal.remember(
            Change(kind="recipe", by=request.by, detail=f"{named} after its trial"), then=self._recipes.lifted
        )

    def _call(self, now_ns: int) -> None:
        announced = self._triggers.call(now_ns)
        if announced is None:
            raise Refused("parts are not announced by calls here", hint='set trigger = "software" in the station file')
        if not self._flow.announce(announced):
            raise Refused("the ledger has no room", hint="free space on the disk")
