"""Teaching from the panel: `edge teach` as a job, and what it made, with the pictures that a person should look at.

Each teaching has a folder data_dir/taught/NAME@VERSION: `package/`, `recipe.json`, `pictures/` as the command writes
them, and `report.json`, written here: what the command said, who asked for it and for what. Nothing is used by the
line before it is proposed and approved (`edge.panel.changes`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge import log
from edge.domain import recipe as recipes
from edge.domain.change import MAX_DETAIL
from edge.domain.recipe import split_reference
from edge.errors import NotThere, Refused
from edge.panel import shapes_teach as of
from edge.panel.retaught import again_of
from edge.panel.seams import Deps
from edge.panel.shapes_jobs import JobState, JobWhole, short
from edge.store.atomic import explain_os, new_file

_log = log.get(__name__)
KIND = "teach"
INCOMING, TAUGHT = "incoming", "taught"
SHOWN = 20  # of what was taught, the newest
_MOST_RECORD_BYTES = 16 << 20
_FOLDER = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,39})@([1-9][0-9]{0,8})")


def page(deps: Deps) -> of.TeachPage:
    job = next((job for job in deps.jobs.all() if job.kind == KIND), None)
    line = deps.watch.snapshot.line
    return of.TeachPage(
        incoming=tuple(_incoming(deps)),
        incoming_folder=str(deps.station.data_dir / INCOMING),
        cameras=tuple(camera.name for camera in deps.station.camera),
        lot=line.lot if line is not None else "",
        job=short(job) if job else None,
        job_folder=Path(job.command[-1]).name if job else "",
        taught=tuple(_rows(deps)),
    )


def start(deps: Deps, wanted: of.Teaching) -> of.Started:
    """Refused when one runs already; NotThere when the folder or the recipe is not there."""
    options = [*_source(deps, wanted), *_recipe(deps, wanted), "--rate", f"{1 / wanted.one_in:.6g}"]
    if wanted.camera is not None:
        options += ["--camera", deps.station.camera_named(wanted.camera).name]
    return _start(deps, wanted.name, options, wanted.by, wanted.model_dump(mode="json", exclude={"by", "name"}))


def again(deps: Deps, folder: str, wanted: of.Again) -> of.Started:
    """The next version, from the kept pictures. NotThere names a picture that is not among them."""
    name, _ = split_reference(folder)
    names = {one.sha256: one.name for one in _record(_taught(deps) / folder).pictures}
    options = ["--again", str(_taught(deps) / folder), *_known_of(deps)]
    for option, chosen in (
        ("--leave-out", wanted.leave_out),
        ("--confirm", wanted.good),
        ("--take-in", wanted.take_in),
    ):
        for sha256 in chosen:
            if sha256 not in names:
                raise NotThere(f"{folder} has no picture {sha256[:12]}", hint="open the page again")
            options += [option, names[sha256]]
    said = _report(_taught(deps) / folder)
    asked = (said.asked if said else {}) | {"again": folder}
    return _start(deps, name, options, wanted.by, asked)


def whole(deps: Deps, folder: str) -> of.Taught:
    """NotThere when nothing was taught as that, or nobody has said what came of it."""
    place = _taught(deps) / folder
    name, version = split_reference(folder)
    said, record = _report(place), _record(place)
    if said is None:
        raise NotThere(f"there is no report of {folder}", hint="teach it again")
    return of.Taught(
        folder=folder, name=name, version=version, at=said.at, by=said.by, pictures=said.pictures,
        left_out=sum(bool(one.dropped) for one in record.pictures), lossy=said.lossy,
        unsure_from=said.unsure_from, ng_from=said.ng_from, rate=said.rate, guarantee=said.guarantee,
        scores=tuple(one.score for one in said.scores), defects=said.defects, table=said.table,
        look_at=tuple(_to_look_at(folder, said, record)), notes=said.notes, seconds=said.seconds,
        step_seconds=said.step_seconds, again=again_of(_read(place / "report.json", MAX_DETAIL)),
    )  # fmt: skip


def kept_picture(deps: Deps, folder: str, sha256: str) -> tuple[Path, of.PictureSaid]:
    """Where it lies, and what is known of it. NotThere when it is none of that teaching's."""
    place = _taught(deps) / folder
    one = next((one for one in _record(place).pictures if one.sha256 == sha256), None)
    if one is None:
        raise NotThere(f"{folder} has no picture {sha256[:12]}", hint="open the page again")
    return place / "pictures" / one.file, one


def _start(deps: Deps, name: str, options: Sequence[str], by: str, asked: dict[str, Any]) -> of.Started:
    """`--out` comes last: by it the page finds what a job makes."""
    with deps.books.revising:
        if any(job.kind == KIND and not job.ended for job in deps.jobs.all()):
            raise Refused("a teaching waits or runs already", hint="wait until it has ended, or cancel it")
        folder = f"{name}@{_next_version(deps, name)}"
        out = _taught(deps) / folder
        _, version = split_reference(folder)
        command = [
            "teach",
            *options,
            "--name",
            name,
            "--version",
            str(version),
            "--json",
            "--progress",
            "--out",
            str(out),
        ]
        job = deps.jobs.start(KIND, command, by, lambda job: _keep_report(out, job, asked))
    deps.books.station.add_audit(by, "teach.start", folder)
    return of.Started(job=short(job), folder=folder)


def _keep_report(out: Path, job: JobWhole, asked: dict[str, Any]) -> None:
    if job.state is not JobState.DONE or job.result is None:
        return
    told = job.result | {"by": job.by, "at": job.ended_at, "asked": asked}
    with new_file(out / "report.json") as path:
        path.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")


def _source(deps: Deps, wanted: of.Teaching) -> list[str]:
    source, station = wanted.source, deps.station
    if isinstance(source, of.FromFolder):
        folder = station.data_dir / INCOMING / source.folder
        if folder.is_symlink() or not folder.is_dir():
            raise NotThere(f"there is no folder {source.folder}", hint="copy it to the station's incoming folder")
        return [str(folder), *_known_of(deps)]
    if station.file is None:
        raise Refused("the panel was not started from a station file", hint="start it with --station FILE")
    if isinstance(source, of.FromStored):
        lot = ["--lot", source.lot] if source.lot is not None else []
        confirmed = ["--confirmed"] if source.confirmed else []
        return ["--station", str(station.file), "--last", str(source.last), *lot, *confirmed]
    return [
        "--live", "--station", str(station.file), "--count", str(source.count), "--while", source.parts,
        "--by", wanted.by, "--reason", source.reason,
    ]  # fmt: skip


def _known_of(deps: Deps) -> list[str]:
    """Whose known defects are judged by what was taught."""
    return [] if deps.station.file is None else ["--station", str(deps.station.file)]


def _recipe(deps: Deps, wanted: of.Teaching) -> list[str]:
    """By its name where the command reads the station's books, else as a file of its own."""
    if wanted.recipe is None:
        return []
    name, version = split_reference(wanted.recipe)
    if all((row.ref.name, row.ref.version) != (name, version) for row in deps.books.station.recipes()):
        raise NotThere(f"there is no recipe {wanted.recipe}", hint="see the list of recipes")
    if not isinstance(wanted.source, of.FromFolder):
        return ["--recipe", wanted.recipe]
    path = _taught(deps) / ".recipes" / f"{wanted.recipe}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_os(error, path.parent) from error
    with new_file(path) as unfinished:
        unfinished.write_bytes(recipes.dump(deps.books.station.recipe(name, version)))
    return ["--recipe", str(path)]


def _next_version(deps: Deps, name: str) -> int:
    """After all that was taught, installed, or is being made now."""
    folders = [path.name for place in (_taught(deps), deps.station.models_dir) for path in place.glob(f"{name}@*")]
    folders += [Path(word).name for job in deps.jobs.all() if not job.ended for word in job.command]
    found = (_FOLDER.fullmatch(folder) for folder in folders)
    return 1 + max((int(hit[2]) for hit in found if hit is not None and hit[1] == name), default=0)


def _taught(deps: Deps) -> Path:
    return deps.station.data_dir / TAUGHT


def _incoming(deps: Deps) -> Iterator[of.Incoming]:
    """Folders with pictures, by name. An MVTec layout counts by its good ones."""
    from edge.capture.folder import is_picture  # OpenCV: only when somebody teaches

    try:
        found = sorted((deps.station.data_dir / INCOMING).iterdir())
    except OSError:
        return  # nobody has copied anything yet
    for folder in [path for path in found if path.is_dir() and not path.is_symlink()][: of.MOST_FOLDERS]:
        good = next((folder / place for place in ("train/good", "good") if (folder / place).is_dir()), folder)
        try:
            pictures = sum(is_picture(path) for path in good.iterdir())
        except OSError:
            continue
        if pictures and not folder.name.startswith("."):
            yield of.Incoming(folder=folder.name, pictures=pictures)


def _rows(deps: Deps) -> Iterator[of.TaughtRow]:
    found = [path for path in _taught(deps).glob("*@*") if (path / "report.json").is_file()]
    for place in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[:SHOWN]:
        said = _report(place)
        if said is None:
            continue
        confirmed = {one.name for one in _record(place).pictures if one.confirmed}
        doubts = {one.name for one in said.doubts} - confirmed
        yield of.TaughtRow(folder=place.name, at=said.at, by=said.by, pictures=said.pictures, doubts=len(doubts))


def _to_look_at(folder: str, said: of.ReportSaid, record: of.RecordSaid) -> Iterator[of.TeachPicture]:
    """The oddest first: those that a model without them calls worst."""
    scores = {one.file: one.score for one in said.scores}
    doubts: dict[str, list[of.Doubt]] = {}
    for each in said.doubts:
        doubt = of.Doubt(kind=each.kind, value=each.value, limit=each.limit, of=each.of)
        doubts.setdefault(each.name, []).append(doubt)
    chosen = [one for one in record.pictures if one.name in doubts or one.dropped or one.confirmed]
    for one in sorted(chosen, key=lambda one: -scores.get(one.file, 0.0)):
        yield of.TeachPicture(
            name=one.name, sha256=one.sha256, url=f"/api/v1/teach/{folder}/picture/{one.sha256}",
            score=None if one.dropped else scores.get(one.file), doubts=tuple(doubts.get(one.name, ())),
            left_out=bool(one.dropped), confirmed=one.confirmed,
        )  # fmt: skip


def _report(place: Path) -> of.ReportSaid | None:
    """None when there is none that can be read."""
    try:
        return of.ReportSaid.model_validate_json(_read(place / "report.json", MAX_DETAIL))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        _log.warning("%s/report.json cannot be used: %s", place, error)
        return None


def _record(place: Path) -> of.RecordSaid:
    """NotThere when nothing was taught there, or it does not say with what."""
    path = place / "package" / "teach.json"
    try:
        return of.RecordSaid.model_validate_json(_read(path, _MOST_RECORD_BYTES))
    except (OSError, ValidationError) as error:
        raise NotThere(f"nothing was taught as {place.name}", hint="see the list of what was taught") from error


def _read(path: Path, most_bytes: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(f"it has more than {most_bytes} bytes")
    return data
