"""Which recipes are loaded, which are wanted, which failed. Loading runs beside judging, in its own lane."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edge import log
from edge.bus.wire import Alarm, LineState, RecipeFailed, RecipeReady
from edge.domain.result import RecipeRef
from edge.errors import EdgeError, RecipeError
from edge.inference.lanes import Lane
from edge.inference.loading import LoadedRecipe
from edge.inference.pipeline import RecipeRunner

_log = log.get(__name__)

_REPEAT_NS = 1_000_000_000
_RETRY_NS = 5_000_000_000  # what failed to load may have been mended
Named = tuple[str, int]
LoadRecipe = Callable[[str, int], LoadedRecipe]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    error: EdgeError
    since_ns: int
    at_ns: int


class RecipeDesk:
    """`load(name, version)` runs in the lane's thread. Versions are kept until no part needs them."""

    def __init__(self, lane: Lane, load: LoadRecipe) -> None:
        self._lane, self._load = lane, load
        self._loaded: dict[Named, LoadedRecipe] = {}
        self._failed: dict[Named, _Failure] = {}
        self._active: RecipeRef | None = None
        self._preparing: Named | None = None
        self._heard = False
        self._report_ns = 0

    def line_says(self, state: LineState) -> None:
        if state.preparing != self._preparing:
            self._report_ns = 0
            if state.preparing is not None:
                self._failed.pop(state.preparing, None)  # asked for anew
        self._active, self._preparing, self._heard = state.active, state.preparing, True

    def runner(self, ref: RecipeRef, camera: str) -> RecipeRunner | None:
        loaded = self._loaded.get((ref.name, ref.version))
        if loaded is None or loaded.ref != ref:
            return None
        return loaded.runners.get(camera)

    def may_come(self, ref: RecipeRef) -> bool:
        """Is this recipe still to be loaded? False: it is here, or it never will be."""
        named = (ref.name, ref.version)
        if named in self._loaded or named in self._failed:
            return False
        return not self._heard or named in self._wanted(())

    def tick(self, now_ns: int, needed: Iterable[RecipeRef]) -> list[RecipeReady | RecipeFailed]:
        """Take what was loaded, begin what is wanted, drop what nobody needs; reports that are due."""
        for named, outcome in self._lane.finished():
            self._take(named, outcome, now_ns)
        wanted = self._wanted(needed)
        if self._heard:
            self._loaded = {named: loaded for named, loaded in self._loaded.items() if named in wanted}
            self._failed = {named: failure for named, failure in self._failed.items() if named in wanted}
        for named in wanted:
            if self._lane.room and self._due(named, now_ns):
                self._lane.submit(named, lambda named=named: self._try(named))  # type: ignore[misc]
        return self._reports(now_ns)

    def state(self) -> tuple[str, Alarm | None]:
        """(state for the status, why): starting while the active recipe is being loaded, or not known yet."""
        if not self._heard:
            return "starting", None
        if self._active is None:
            return "ready", None
        named = (self._active.name, self._active.version)
        loaded = self._loaded.get(named)
        if loaded is not None and loaded.ref == self._active:
            return "ready", None
        failure = self._failed.get(named)
        if failure is None:
            return "starting", None
        return "failed", Alarm(code="recipe_failed", since_ns=failure.since_ns, detail=failure.error.message)

    @property
    def names(self) -> list[str]:
        return [f"{name}@{version}" for name, version in self._loaded]

    def _wanted(self, needed: Iterable[RecipeRef]) -> dict[Named, None]:
        """In order of urgency."""
        refs = [*([self._active] if self._active else []), *needed]
        wanted = dict.fromkeys((ref.name, ref.version) for ref in refs)
        if self._preparing is not None:
            wanted[self._preparing] = None
        return wanted

    def _due(self, named: Named, now_ns: int) -> bool:
        failure = self._failed.get(named)
        return named not in self._loaded and (failure is None or now_ns - failure.at_ns >= _RETRY_NS)

    def _try(self, named: Named) -> LoadedRecipe | EdgeError:
        try:
            return self._load(*named)
        except EdgeError as error:
            return error

    def _take(self, named: Named, outcome: LoadedRecipe | EdgeError, now_ns: int) -> None:
        if isinstance(outcome, LoadedRecipe):
            active = self._active
            if active and named == (active.name, active.version) and outcome.ref != active:
                outcome = RecipeError(
                    f"recipe {active} in the database is not the one that the line runs", hint="activate it again"
                )
        self._report_ns = 0
        if isinstance(outcome, LoadedRecipe):
            self._failed.pop(named, None)
            self._loaded[named] = outcome
            _log.info("recipe %s@%d loaded", *named)
        else:
            before = self._failed.get(named)
            since_ns = before.since_ns if before else now_ns
            self._failed[named] = _Failure(error=outcome, since_ns=since_ns, at_ns=now_ns)
            _log.error("recipe %s@%d cannot be used: %s", *named, outcome)

    def _reports(self, now_ns: int) -> list[RecipeReady | RecipeFailed]:
        named = self._preparing
        if named is None or now_ns < self._report_ns:
            return []
        report: RecipeReady | RecipeFailed
        if named in self._loaded:
            report = ready_report(self._loaded[named])
        elif named in self._failed:
            error = self._failed[named].error
            report = RecipeFailed(name=named[0], version=named[1], message=error.message, hint=error.hint)
        else:
            return []
        self._report_ns = now_ns + _REPEAT_NS
        return [report]


def ready_report(loaded: LoadedRecipe) -> RecipeReady:
    recipe = loaded.recipe
    return RecipeReady(
        recipe=loaded.ref,
        product=recipe.product,
        cameras=tuple(view.camera for view in recipe.views),
        windows_ms=tuple((view.not_before_ms, view.not_after_ms) for view in recipe.views),
        models=tuple(model.digest[:12] for model in loaded.models),
        gate=recipe.gate,
        rules=recipe.rules,
    )
