"""When parts are looked at in another way than a detector was taught, it is taught again by itself: as a job that runs
`edge learning refresh`. Nothing becomes active by it: what it makes lies beside what was taught, to be proposed.

A recipe's revision starts it when it moves crop, locator or patch of a check that was taught here; the panel's start
does when the station's cameras, or this release, are others than at the last time that everything was looked through.
"""

from __future__ import annotations

import hashlib
import json

from pydantic import ValidationError

from edge import __version__, log
from edge.domain.recipe import CheckKind, Recipe
from edge.errors import EdgeError, Refused
from edge.panel import shapes_retaught as of
from edge.panel.proposals import TAUGHT
from edge.panel.seams import Deps
from edge.panel.shapes_jobs import JobState, JobWhole, short
from edge.panel.vocabulary import N_
from edge.settings.station import Station

_log = log.get(__name__)
KIND = "reteach"
BY = "edge"  # nobody asked for it
CHANGED = N_("the station's cameras or this software have changed")
_MOST_REASON = 300
LOOKED_THROUGH = "taught.looked_through"
"""The preference that says for which cameras and release everything that was taught was looked through."""


def after_revision(deps: Deps, before: Recipe, after: Recipe) -> JobWhole | None:
    """The job, None when there is nothing to teach again. The revision stands, whatever becomes of it."""
    models = [model for model in moved(before, after) if (deps.station.data_dir / TAUGHT / model).is_dir()]
    if not models:
        return None
    reason = f"{after.name}@{after.version}: {after.reason}"[:_MOST_REASON]
    return _start(deps, after.author or BY, reason)


def at_start(deps: Deps) -> JobWhole | None:
    """None when nothing was taught here, or nothing has changed since it was looked through."""
    seen = _state(deps.station)
    try:
        taught = any((deps.station.data_dir / TAUGHT).glob("*@*"))
        if not taught or deps.books.station.preference(LOOKED_THROUGH) == seen:
            return None
        return _start(deps, BY, CHANGED, seen)
    except EdgeError as error:
        _log.warning("what was taught is not looked through: %s", error)
        return None


def last(deps: Deps) -> of.Retaught:
    job = next((job for job in deps.jobs.all() if job.kind == KIND), None)
    if job is None or job.result is None:
        return of.Retaught(job=job and short(job), models=())
    try:
        said = of.RefreshSaid.model_validate(job.result)
    except ValidationError as error:
        _log.error("job %d said what is no report of teaching again: %s", job.id, error)
        return of.Retaught(job=short(job), models=())
    return of.Retaught(job=short(job), models=tuple(_model(one) for one in said.models))


def again_of(report: bytes) -> of.TaughtAgain | None:
    """How it differs from what it was made from; None when the report is not of something that was taught again."""
    try:
        said = of.AgainSaid.model_validate_json(report)
    except ValidationError:
        return None
    return of.TaughtAgain(
        parent=said.parent, reason=said.reason, looks=said.changes, before=said.before, replay=said.replay
    )  # fmt: skip


def moved(before: Recipe, after: Recipe) -> tuple[str, ...]:
    """Models of the checks in `after` that look at their part in another way than in `before`, NAME@VERSION."""
    was = dict(_looks(before))
    return tuple(dict.fromkeys(key[2] for key, look in _looks(after) if key in was and was[key] != look))


def _model(said: of.ModelSaid) -> of.RetaughtModel:
    made = said.made
    kept = made.model if made and made.accepted else said.ready
    refused = made.replay if made and not made.accepted else of.ReplaySaid(seen=0)
    return of.RetaughtModel(
        recipe=said.recipe, model=said.model, looks=said.changes, made=kept, lost=refused.lost,
        stopped=refused.stopped, samples=refused.flipped, trouble=said.trouble,
    )  # fmt: skip


def _looks(recipe: Recipe) -> list[tuple[tuple[str, str, str], object]]:
    """(camera, check, model) and all that decides what its model sees."""
    return [
        ((view.camera, check.name, check.model), (view.locate, check.region, view.picture and view.picture.patch))
        for view in recipe.views
        for check in view.checks
        if check.kind is CheckKind.ANOMALY
    ]


def _start(deps: Deps, by: str, reason: str, seen: str = "") -> JobWhole | None:
    """seen: what it will have looked through when it has ended well."""
    if deps.station.file is None:
        _log.warning("nothing is taught again: the panel was not started from a station file")
        return None
    waiting = next((job for job in deps.jobs.all() if job.kind == KIND and job.state is JobState.WAITING), None)
    if waiting is not None and not seen:
        return waiting  # it reads the recipes when it begins
    command = ["learning", "refresh", "--station", str(deps.station.file), "--by", by, "--reason", reason]
    try:
        job = deps.jobs.start(KIND, [*command, "--json", "--progress"], by, lambda job: _looked(deps, job, seen))
    except Refused as error:
        _log.warning("nothing is taught again for now (%s): %s", reason, error)
        return None
    deps.books.station.add_audit(by, "teach.again", reason)
    return job


def _looked(deps: Deps, job: JobWhole, seen: str) -> None:
    if seen and job.state in (JobState.DONE, JobState.REFUSED):
        deps.books.station.set_preference(LOOKED_THROUGH, seen, by=BY)


def _state(station: Station) -> str:
    """64 hex: of the cameras as the station file has them, and of this release, which brings the backbones."""
    told = [__version__, *(camera.model_dump(mode="json") for camera in station.camera)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
