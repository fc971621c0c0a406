"""Corrections of a taught detector, tried as jobs: nothing is used before somebody proposes and QA approves it.

Each has a folder data_dir/corrections/ID: `request.json` (who asked for what), `recipe.json` (what is corrected) and,
when it was not refused, `out/` (the next version of package and recipe).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from edge import log
from edge.domain import recipe as recipes
from edge.domain.part import PartId
from edge.domain.recipe import Recipe, split_reference
from edge.errors import EdgeError, NotThere, Refused, UsageError
from edge.panel import evidence, records
from edge.panel.live_part import image_url
from edge.panel.proposals import TAUGHT
from edge.panel.seams import Deps
from edge.panel.shapes_corrections import (
    Correct,
    Correction,
    CorrectionRow,
    LabelledPart,
    PictureOf,
    Report,
    Request,
    Wrong,
)
from edge.panel.shapes_jobs import JobState, JobWhole, short
from edge.panel.shapes_models import Detector
from edge.panel.taught_models import active_recipe, check_named, detectors, memory_of, taught
from edge.panel.wrongly_judged import Labelled, labelled_parts
from edge.store.atomic import explain_os, new_folder
from edge.store.packages import open_package

_log = log.get(__name__)
KIND = "correct"
PACKAGE = "package"
KEPT = 20  # folders: what was proposed from an older one is installed
_MOST_REQUEST_BYTES = 1 << 20


def wrong(deps: Deps, camera: str | None, check: str | None) -> Wrong:
    """What the named detector, or the first that can be corrected, was wrong about."""
    recipe = active_recipe(deps)
    if recipe is None:
        return Wrong(recipe=None, detectors=(), detector=None, parts=(), borderline=())
    found = detectors(deps, recipe)
    chosen = next((one for one in found if (one.camera, one.check) == (camera, check)), None)
    chosen = chosen or next((one for one in found if one.can is None), found[0] if found else None)
    told = _labelled(deps, recipe, chosen) if chosen is not None else Labelled(wrong=(), borderline=())
    return Wrong(
        recipe=recipe.ref, detectors=tuple(found), detector=chosen, parts=told.wrong, borderline=told.borderline
    )  # fmt: skip


def start(deps: Deps, wanted: Correct) -> Correction:
    """Begin to try it. Refused with words when it cannot be."""
    if not wanted.chosen:
        raise Refused("no part is chosen", hint="choose the parts that the detector shall learn from")
    recipe = active_recipe(deps)
    if recipe is None:
        raise Refused("no recipe is active", hint="choose a recipe first")
    check = check_named(recipe, wanted.camera, wanted.check)
    pictures = _pictures(deps, recipe, _usable(deps, recipe, wanted), wanted)
    number, folder = _new_folder(deps.station.data_dir / "corrections")
    at = deps.clock.wall().isoformat(timespec="seconds")
    request = Request(at=at, recipe=recipe.ref, model=check.model, wanted=wanted)
    try:
        (folder / "recipe.json").write_bytes(recipes.dump(recipe))
        (folder / "request.json").write_text(request.model_dump_json(), encoding="utf-8")
        job = deps.jobs.start(KIND, _command(deps, folder, check.model, wanted, pictures), wanted.by)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise explain_os(error, folder) from error
    except Refused:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    deps.books.station.add_audit(wanted.by, "correction.tried", f"{number}: {check.model}: {wanted.reason}")
    _forget(deps)
    return _correction(number, request, job, None)


def whole(deps: Deps, number: int) -> Correction:
    """NotThere when there is none, or it was too long ago."""
    request = _request(_folder(deps, number))
    if request is None:
        raise NotThere(f"there is no correction {number}", hint="only the last ones are kept: see their list")
    return _correction(number, request, _job(deps, number), _change(deps, number))


def listed(deps: Deps) -> list[CorrectionRow]:
    """Newest first."""
    rows: list[CorrectionRow] = []
    for number in sorted(_numbers(deps), reverse=True):
        request = _request(_folder(deps, number))
        if request is None:
            continue
        job, wanted = _job(deps, number), request.wanted
        report = _report(job)
        rows.append(
            CorrectionRow(
                id=number, at=request.at, by=wanted.by, reason=wanted.reason, model=request.model,
                parts=len(wanted.chosen), job=short(job) if job else None,
                accepted=report.accepted if report else None, change=_change(deps, number),
            )
        )  # fmt: skip
    return rows


def propose(deps: Deps, number: int, *, by: str, reason: str) -> Correction:
    """Put what was made where taught models wait, and propose it. Refused when it was not accepted, or is not done."""
    request, job = _request(_folder(deps, number)), _job(deps, number)
    report = _report(job)
    if request is None or job is None or report is None or not report.accepted:
        raise Refused("this correction was not accepted", hint="try it again with other parts")
    if _change(deps, number) is not None:
        raise Refused("this correction is proposed already", hint="see the models page")
    made = _folder(deps, number) / "out"
    _put(made, deps.station.data_dir / TAUGHT / report.model, json.dumps(job.result, ensure_ascii=False))
    change = deps.changes.propose(report.model, by=by, reason=reason, follows=str(request.recipe))
    try:
        (_folder(deps, number) / "change").write_text(change.change)
    except OSError as error:
        _log.error("correction %d is proposed as %s, and that is not written down: %s", number, change.change, error)
    return _correction(number, request, job, change.change)


# --- its pieces ---------------------------------------------------------------------------------------------------


def _usable(deps: Deps, recipe: Recipe, wanted: Correct) -> Detector:
    """Refused with the reason when this check cannot be corrected."""
    for one in detectors(deps, recipe):
        if (one.camera, one.check) == (wanted.camera, wanted.check):
            if one.can is not None:
                raise Refused(one.can.message, hint=one.can.hint)
            return one
    raise Refused("this check was not taught", hint="choose one that tells bad parts from good ones")


def _labelled(deps: Deps, recipe: Recipe, detector: Detector) -> Labelled:
    known: frozenset[str] = frozenset()
    if detector.can is None:
        known = memory_of(taught(deps, check_named(recipe, detector.camera, detector.check))).names
    return labelled_parts(deps.books, recipe, detector, known.__contains__)


def _pictures(deps: Deps, recipe: Recipe, detector: Detector, wanted: Correct) -> list[str]:
    """The options that name the chosen parts' pictures."""
    if len({name for name, *_ in wanted.chosen}) != len(wanted.chosen):
        raise UsageError("a part is chosen twice", hint="choose each once")
    told = _labelled(deps, recipe, detector)
    found = {f"{one.part.epoch}/{one.part.n}": one for one in (*told.wrong, *told.borderline)}
    options: list[str] = []
    for name, defect, option in wanted.chosen:
        part = found.get(name)
        if part is None or part.defect is not defect:
            raise Refused(f"part {name} is not labelled so any more", hint="open the page again")
        if part.image is None or part.known:
            what = "its picture is no longer kept" if part.image is None else "the detector knows it already"
            raise Refused(f"part {name} cannot be used: {what}", hint="leave it out")
        path = _path(deps, part, detector.camera)
        place = part.place if defect else None
        mark = f"@{place.x},{place.y},{place.width},{place.height}" if place else ""
        options += [option, f"{path}{mark}"]
    return options


def _path(deps: Deps, part: LabelledPart, camera: str) -> Path:
    stored = records.stored(deps.books, part.part.station, part.part.epoch, part.part.n)
    return evidence.path_of(deps.books.images, evidence.find(deps.books, stored, camera, evidence.FRAME))


def _command(deps: Deps, folder: Path, model: str, wanted: Correct, pictures: Sequence[str]) -> list[str]:
    """`--out` comes last: by it a job is found again."""
    if deps.station.file is None:
        raise Refused("the panel was not started from a station file", hint="start it with --station FILE")
    return [
        "learning", "correct", str(_source(deps, model)), "--recipe", str(folder / "recipe.json"),
        *pictures, "--by", wanted.by, "--reason", wanted.reason,
        "--station", str(deps.station.file), "--last", str(wanted.last),
        *(option for name in wanted.let_go for option in ("--accept-lost", name)),
        *(("--accept-stopped",) if wanted.stops_more else ()),
        "--as-version", str(_next_version(deps, model)),
        "--json", "--progress", "--out", str(folder / "out"),
    ]  # fmt: skip


def _source(deps: Deps, model: str) -> Path:
    """Where it was made, as its pictures lie beside it there; else where it is installed."""
    made, installed = deps.station.data_dir / TAUGHT / model, deps.station.models_dir / model
    try:
        same = open_package(made / PACKAGE).digest == open_package(installed).digest
    except EdgeError:
        return installed
    return made if same else installed


def _correction(number: int, request: Request, job: JobWhole | None, change: str | None) -> Correction:
    report = _report(job)
    pictures = _where(report, request.wanted.camera) if report else ()
    return Correction(
        id=number,
        request=request,
        job=short(job) if job else None,
        report=report,
        pictures=tuple(pictures),
        change=change,
    )


def _report(job: JobWhole | None) -> Report | None:
    if job is None or job.result is None or job.state not in (JobState.DONE, JobState.REFUSED):
        return None
    try:
        return Report.model_validate(job.result)
    except ValidationError as error:
        _log.error("job %d said what is no report of a correction: %s", job.id, error)
        return None


def _where(report: Report, camera: str) -> Iterator[PictureOf]:
    """Stored parts are named by their id, the chosen ones by their picture's file: both have a page here."""
    names = {change.name for change in report.replay.changes} | {*report.replay.lost, *report.replay.stopped}
    names |= {effect.name for effect in report.parts}
    for name in sorted(names):
        part = _part_named(name, camera)
        if part is not None:
            page = f"/results/{part.epoch}/{part.n}"
            yield PictureOf(name=name, page=page, url=image_url(part, camera, evidence.FRAME))


def _part_named(name: str, camera: str) -> PartId | None:
    """NAME of a stored part (STATION/EPOCH/N) or of its picture's file (STATION-EPOCH-N-CAMERA.jpg or .png)."""
    file = name.rpartition("/")[2] if name.startswith("kept/") else name
    stem = file.removesuffix(".jpg").removesuffix(".png")
    if stem != file and stem.endswith(f"-{camera}"):
        name = "/".join(stem.removesuffix(f"-{camera}").rsplit("-", 2))
    with contextlib.suppress(UsageError, ValueError):
        return PartId.parse(name)
    return None


def _job(deps: Deps, number: int) -> JobWhole | None:
    out = str(_folder(deps, number) / "out")
    return next((job for job in deps.jobs.all() if job.kind == KIND and job.command[-1] == out), None)


def _folder(deps: Deps, number: int) -> Path:
    return deps.station.data_dir / "corrections" / f"{number:06d}"


def _numbers(deps: Deps) -> list[int]:
    folder = deps.station.data_dir / "corrections"
    return sorted(int(path.name) for path in folder.glob("[0-9]*") if path.name.isdecimal())


def _new_folder(parent: Path) -> tuple[int, Path]:
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            number = max((int(path.name) for path in parent.glob("[0-9]*") if path.name.isdecimal()), default=0) + 1
            with contextlib.suppress(FileExistsError):
                (parent / f"{number:06d}").mkdir()
                return number, parent / f"{number:06d}"
    except OSError as error:
        raise explain_os(error, parent) from error


def _request(folder: Path) -> Request | None:
    path = folder / "request.json"
    try:
        if path.stat().st_size > _MOST_REQUEST_BYTES:
            return None
        return Request.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _forget(deps: Deps) -> None:
    """Folders of the oldest that no job works on."""
    for number in _numbers(deps)[:-KEPT]:
        job = _job(deps, number)
        if job is None or job.ended:
            shutil.rmtree(_folder(deps, number), ignore_errors=True)


def _change(deps: Deps, number: int) -> str | None:
    """The change that was proposed from it."""
    try:
        return (_folder(deps, number) / "change").read_text()[:32]
    except OSError:
        return None


def _put(made: Path, target: Path, report: str) -> None:
    """A copy by links: what was made is never changed. The same again is fine."""
    package = open_package(made / PACKAGE)
    if target.exists():
        if (target / PACKAGE).is_dir() and open_package(target / PACKAGE).digest == package.digest:
            return
        raise Refused(
            f"another {package.manifest.reference} was proposed in the meantime", hint="try the correction again"
        )
    try:
        with new_folder(target) as folder:
            shutil.copytree(made, folder, copy_function=os.link, dirs_exist_ok=True)
            (folder / "report.json").write_text(report, encoding="utf-8")
    except FileExistsError as error:
        raise Refused("another correction is being proposed", hint="try it again") from error


def _next_version(deps: Deps, model: str) -> int:
    """Above all that are installed or wait: after a way back the number after this one may be taken."""
    name, version = split_reference(model)
    folders = (deps.station.models_dir, deps.station.data_dir / TAUGHT)
    taken = [path.name.rpartition("@")[2] for folder in folders for path in folder.glob(f"{name}@*")]
    return 1 + max([version, *(int(number) for number in taken if number.isdecimal())])
