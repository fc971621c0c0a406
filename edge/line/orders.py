"""What people ask of the line, and what inference says of recipes. Every change is in the ledger's events."""

from __future__ import annotations

from collections.abc import Callable

from edge.bus import wire
from edge.clock import Clock
from edge.errors import Refused
from edge.line.alarms import Alarms
from edge.line.flow import Flow
from edge.line.journal import Journal
from edge.line.modes import Change, Modes
from edge.line.recipes import Recipes
from edge.line.triggers import Triggers

RECIPE_FAILED = "recipe_failed"


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
            return
        if text is None:
            return

        def durable() -> None:
            self._recipes.committed(report)
            self._alarms.clear(RECIPE_FAILED)
            self._recipe_changed(report)

        change = Change(kind="recipe", by=self._recipes.asked_by, detail=f"{report.recipe} {report.recipe.digest}")
        self._journal.remember(change, then=durable)

    def recipe_failed(self, report: wire.RecipeFailed) -> None:
        if self._recipes.failed(report):
            self._give_up(f"{report.name}@{report.version}", report.message)

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
                )
                self.apply(change)
            case wire.SetLot():
                self.apply(self._modes.set_lot(request.lot, by=request.by))
            case wire.SetPurpose():
                self.apply(self._modes.set_purpose(request.purpose, by=request.by))
            case wire.ResetLatch():
                self.apply(self._modes.reset(by=request.by, reason=request.reason))
            case wire.ActivateRecipe():
                self._recipes.ask(request.name, request.version, by=request.by)
            case wire.SoftTrigger():
                self._call(now_ns)
            case _:
                raise Refused(f"the line does not take {type(request).__name__}")

    def _call(self, now_ns: int) -> None:
        announced = self._triggers.call(now_ns)
        if announced is None:
            raise Refused("parts are not announced by calls here", hint='set trigger = "software" in the station file')
        if not self._flow.announce(announced):
            raise Refused("the ledger has no room", hint="free space on the disk")
