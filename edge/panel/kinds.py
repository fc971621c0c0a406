"""Kinds of defects: how many of each, teaching them, and naming stopped parts by them. Names change no verdict.

The work is done by `edge learning kinds` as jobs. A detector's kinds are one file, data_dir/kinds/NAME.kinds. The panel
holds the station's database, so it takes the names in from what the job says.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from edge import log
from edge.domain.part import PartId, Purpose
from edge.domain.recipe import split_reference
from edge.errors import Refused, UsageError
from edge.panel import shapes_kinds as of
from edge.panel.seams import Deps
from edge.panel.shapes_jobs import JobState, JobWhole, short
from edge.panel.taught_models import active_recipe, detectors
from edge.store.atomic import explain_os
from edge.store.kinds import kind_counts
from edge.store.ledger_reader import PartFilter
from edge.store.station_schema import Named

_log = log.get(__name__)
TEACH, NAME = "kinds_teach", "kinds_name"
FOLDER, ENDING = "kinds", ".kinds"
NAMED_AFTER_TEACHING = 200  # stopped parts


def now(deps: Deps, which: PartFilter, last: int) -> of.KindsNow:
    """Of production."""
    counts = kind_counts(deps.books.ledger, deps.books.station, replace(which, purpose=Purpose.PRODUCTION), last)
    return of.KindsNow(
        lot=which.lot,
        counts=counts,
        known=tuple(deps.books.station.label_kinds()),
        detectors=tuple(of.KindsTaught(model=model, taught_at=_taught_at(deps, model)) for model in _models(deps)),
    )


def running_lot(deps: Deps) -> str | None:
    line = deps.watch.snapshot.line
    return line.lot or None if line is not None else None


def teach(deps: Deps, wanted: of.Teach) -> of.Started:
    """Begin to teach; when that is done, the last stopped parts are named. Refused with words when it cannot be."""
    model = _model(deps, wanted.detector)
    station = _station_file(deps)
    path = _file(deps, model)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_os(error, path.parent) from error

    def then(job: JobWhole) -> None:
        if job.state is JobState.DONE:
            _start_naming(deps, path, station, NAMED_AFTER_TEACHING, job.by)

    package = str(deps.station.models_dir / model)
    words = ["learning", "kinds", "teach", package, "--station", station, "--out", str(path), "--json", "--progress"]
    job = deps.jobs.start(TEACH, words, wanted.by, then)
    deps.books.station.add_audit(wanted.by, "kinds.teach", model)
    return of.Started(job=short(job))


def name_parts(deps: Deps, wanted: of.NameParts) -> of.Started:
    """Begin to name the last stopped parts. Refused before the kinds were taught."""
    path = _file(deps, _model(deps, wanted.detector))
    if not path.is_file():
        raise Refused("no kinds of defects were taught yet", hint="name 3 defects of two kinds, then teach the kinds")
    job = _start_naming(deps, path, _station_file(deps), wanted.last, wanted.by)
    return of.Started(job=short(job))


def _start_naming(deps: Deps, path: Path, station: str, last: int, by: str) -> JobWhole:
    words = ["learning", "kinds", "name", str(path), "--station", station, "--last", str(last), "--json", "--progress"]
    return deps.jobs.start(NAME, words, by, lambda job: _take_in(deps, job))


def _take_in(deps: Deps, job: JobWhole) -> None:
    """What the command could not keep itself, because the panel holds the database."""
    if job.state is not JobState.DONE or job.result is None:
        return
    try:
        told = of.NamedRows.model_validate(job.result)
        rows = [
            Named(row=one.row, part=PartId.parse(one.part), kind=one.kind, certainty=one.certainty, model=told.model)
            for one in told.rows
        ]
    except (ValidationError, UsageError) as error:
        _log.error("job %d names parts as nobody can read: %s", job.id, error)
        return
    if rows and told.kept is False:
        deps.books.station.add_names(rows)


def _models(deps: Deps) -> list[str]:
    """NAME@VERSION of the active recipe's detectors."""
    recipe = active_recipe(deps)
    found = detectors(deps, recipe) if recipe is not None else []
    return list(dict.fromkeys(one.model for one in found))


def _model(deps: Deps, name: str | None) -> str:
    recipe = active_recipe(deps)
    if recipe is None:
        raise Refused("no recipe is active", hint="choose a recipe first")
    usable = [one.model for one in detectors(deps, recipe) if one.can is None]
    for model in usable:
        if name is None or split_reference(model)[0] == name:
            return model
    raise Refused("the active recipe has no taught detector", hint="teach one first")


def _station_file(deps: Deps) -> str:
    if deps.station.file is None:
        raise Refused("the panel was not started from a station file", hint="start it with --station FILE")
    return str(deps.station.file)


def _file(deps: Deps, model: str) -> Path:
    return deps.station.data_dir / FOLDER / f"{split_reference(model)[0]}{ENDING}"


def _taught_at(deps: Deps, model: str) -> str:
    try:
        changed = _file(deps, model).stat().st_mtime
    except OSError:
        return ""
    return datetime.fromtimestamp(changed, UTC).isoformat(timespec="seconds")
