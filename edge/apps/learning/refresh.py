"""`edge learning refresh`: every detector that a station has taught and whose parts are looked at in another way now,
taught again. The panel starts it when a recipe's view or the station's camera has changed.

Nothing becomes active by it: what it makes lies in data_dir/taught, for a person to propose.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.apps.learning import reteach
from edge.apps.learning.cases import Wanted
from edge.apps.learning.now import taught_source
from edge.apps.learning.raw import judges_parts, taught_dir
from edge.apps.learning.reteach_report import ReteachOutcome
from edge.apps.learning.stale import Staleness, staleness
from edge.apps.progress import Step
from edge.clock import Clock
from edge.domain.recipe import CheckKind, Recipe, split_reference
from edge.errors import EXIT_ERROR, EXIT_NO, EXIT_OK, EdgeError, ModelError
from edge.learning.stale import Difference, differences
from edge.learning.teach_record import teach_record
from edge.service import Stop
from edge.settings.station import Station
from edge.store.packages import open_package
from edge.store.station import StationReader

_PACKAGE = "package"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refreshed:
    """One detector. ready: NAME@VERSION that was taught again for this before, and is not in the recipe yet. made: what
    was taught again just now. trouble: why it could not be; then nothing was written."""

    recipe: str
    model: str
    why: tuple[Difference, ...] = ()
    ready: str = ""
    made: ReteachOutcome | None = None
    trouble: EdgeError | None = None

    def report(self) -> dict[str, Any]:
        trouble = self.trouble
        return {
            "recipe": self.recipe,
            "model": self.model,
            "stale": bool(self.why),
            "changes": [{"what": one.what, "was": one.was, "now": one.now} for one in self.why],
            "ready": self.ready,
            "made": self.made.report() if self.made else None,
            "trouble": {"message": trouble.message, "hint": trouble.hint} if trouble else None,
        }

    def lines(self) -> list[str]:
        words = [f"{self.recipe}: {self.model}"]
        if self.trouble:
            return [*words, f"  cannot be taught again: {self.trouble.message}", f"  {self.trouble.hint}"]
        if self.made:
            return [*words, *(f"  {line}" for line in self.made.lines())]
        words += [f"  {one.words()}" for one in self.why]
        return [
            *words,
            f"  {self.ready} was taught for that already; propose it" if self.ready else "  is as it was taught",
        ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    models: tuple[Refreshed, ...]

    @property
    def exit_code(self) -> int:
        """1: one was refused, as a known defect would be lost. 3: one could not be taught again."""
        if any(one.trouble for one in self.models):
            return EXIT_ERROR
        return EXIT_NO if any(one.made and one.made.refused for one in self.models) else EXIT_OK

    @property
    def complaints(self) -> list[tuple[str, str]]:
        """(message, hint) of each detector that was not taught again though it should be."""
        troubles = [one.trouble for one in self.models if one.trouble]
        told = [(trouble.message, trouble.hint) for trouble in troubles]
        refused = [one.made.refused for one in self.models if one.made and one.made.refused]
        return told + [(words, "nothing was written; see the report") for words in refused]

    def report(self) -> dict[str, Any]:
        return {"models": [one.report() for one in self.models]}

    def lines(self) -> list[str]:
        words = [line for one in self.models for line in one.lines()]
        return words or ["no recipe uses a model that was taught on this station"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Task:
    station: Station
    by: str
    reason: str
    last: int
    step: Step
    clock: Clock
    stop: Stop


def run(
    station: Station, *, by: str, reason: str, last: int, step: Step, clock: Clock, stop: Stop
) -> Outcome:  # fmt: skip
    """One that fails does not keep the others from being tried. StoreError when recipes cannot be read, ServiceError
    when it is interrupted."""
    task = _Task(station=station, by=by, reason=reason, last=last, step=step, clock=clock, stop=stop)
    return Outcome(models=tuple(_refreshed(task, recipe, model) for recipe, model in _in_use(station)))


def _in_use(station: Station) -> Iterator[tuple[Recipe, str]]:
    """Of the newest version of each recipe: the models that were taught here, each with its recipe."""
    reader = StationReader(station.data_dir / "station.db")
    try:
        newest = [reader.latest(name) for name in sorted({row.ref.name for row in reader.recipes()})]
    finally:
        reader.close()
    for recipe in newest:
        for check in (check for view in recipe.views for check in view.checks):
            if check.kind is CheckKind.ANOMALY and (taught_dir(station) / check.model / _PACKAGE).is_dir():
                yield recipe, check.model


def _refreshed(task: _Task, recipe: Recipe, model: str) -> Refreshed:
    name = f"{recipe.name}@{recipe.version}"
    try:
        with taught_source(taught_dir(task.station) / model, recipe, task.station) as source:
            found = staleness(source, task.station)
        ready = _ready(task.station, found) if found.now.why else ""
        made = _again(task, recipe, model) if found.now.why and not ready else None
    except EdgeError as error:
        if task.stop.requested:
            raise
        return Refreshed(recipe=name, model=model, trouble=error)
    return Refreshed(recipe=name, model=model, why=found.now.why, ready=ready, made=made)


def _again(task: _Task, recipe: Recipe, model: str) -> ReteachOutcome:
    name, version = split_reference(model)
    version = _next_version(task.station, name, version)
    stored = task.station if judges_parts(task.station) else None
    request = reteach.Request(
        package=taught_dir(task.station) / model, by=task.by, reason=task.reason, recipe=recipe, station=task.station,
        wanted=Wanted(station=stored, last=task.last), version=version,
        out=taught_dir(task.station) / f"{name}@{version}",
    )  # fmt: skip
    return reteach.run(request, task.step, task.clock, task.stop)


def _ready(station: Station, found: Staleness) -> str:
    """A later version that fits today's view."""
    name, version = split_reference(found.model)
    for later in sorted(_versions(taught_dir(station), name), reverse=True):
        if later <= version:
            break
        try:
            package = open_package(taught_dir(station) / f"{name}@{later}" / _PACKAGE)
            record = teach_record(package)
        except ModelError:
            continue  # damaged: it can not be proposed, and the next version goes past it
        again = "taught_again_from" in (package.manifest.training or {})
        if again and record and not differences(record.choices, found.now.today):
            return f"{name}@{later}"
    return ""


def _next_version(station: Station, name: str, version: int) -> int:
    taken = [version, *_versions(taught_dir(station), name), *_versions(station.models_dir, name)]
    return max(taken) + 1


def _versions(folder: Path, name: str) -> list[int]:
    if not folder.is_dir():
        return []
    found = (entry.name.rpartition("@") for entry in folder.iterdir() if entry.is_dir())
    return [int(version) for its, _, version in found if its == name and version.isdecimal()]
