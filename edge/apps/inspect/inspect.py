"""`edge inspect`: build everything, then one straight loop over the parts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge.apps.inspect import recipes
from edge.apps.inspect.film import FilmPictures
from edge.apps.inspect.judge import Judge, JudgedPart
from edge.apps.inspect.overlay import annotate
from edge.apps.inspect.pictures import FolderPictures
from edge.apps.inspect.report import OutFolder, as_object
from edge.apps.inspect.screen import Screen
from edge.apps.inspect.summary import Summary, summarise
from edge.apps.inspect.words import InspectWords
from edge.capture.folder import ENDINGS
from edge.clock import Clock
from edge.domain.barrier import BarrierSettings
from edge.domain.recipe import View
from edge.errors import EXIT_NO, EXIT_OK, EdgeError, ServiceError, SourceError, StoreError, UsageError
from edge.service import Stop
from edge.settings.station import BarrierTable, Station
from edge.settings.station import Camera as CameraSettings
from edge.store.atomic import new_folder

_STATION = "inspect"  # whose parts they are when no station is named


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asked for. barrier: `key=value` over the station's or the default settings of the light barrier."""

    source: Path
    recipe: str
    station: Station | None = None
    models: Path | None = None
    camera: str | None = None
    out: Path | None = None
    every_frame: bool = False
    barrier: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """report: plain values for JSON. incomplete: why not all of the source was judged; None when it was."""

    summary: Summary
    report: dict[str, Any]
    incomplete: EdgeError | None

    @property
    def exit_code(self) -> int:
        """0 all OK, 1 a part was not, 3 not everything could be looked at."""
        if self.incomplete is not None:
            return self.incomplete.exit_code
        return EXIT_OK if self.summary.all_ok else EXIT_NO


def run(request: Request, words: InspectWords, screen: Screen, clock: Clock, stop: Stop) -> Outcome:
    """Judge all of it. After `stop` is requested the part in hand is finished, and what was judged is kept.

    Whatever is wrong with what was asked for is an EdgeError before the first part, and nothing is left of `out`.
    """
    _check_places(request)
    barrier = _barrier(request)  # before the models are loaded: a slip of the pen is told at once
    loaded = recipes.load(recipes.Wanted(recipe=request.recipe, station=request.station, models=request.models), clock)
    view = recipes.choose_view(loaded.recipe, request.camera)
    with closing(_pictures(request, view, barrier, clock)) as pictures:
        with _out_folder(request.out) as out:
            judge = Judge(loaded.runners[view.camera], clock, request.station.name if request.station else _STATION)
            parts = _judge_all(pictures, judge, view, out, screen, stop)
            summary = _summary(pictures, parts, request, stop)
            report = as_object(request.source, loaded.ref, parts, summary, words)
            if out:
                out.write_tables(report, parts, words)
        screen.summary(summary)
        return Outcome(summary=summary, report=report, incomplete=_incomplete(summary, request))


def _judge_all(
    pictures: FilmPictures | FolderPictures, judge: Judge, view: View, out: OutFolder | None, screen: Screen, stop: Stop
) -> list[JudgedPart]:
    parts: list[JudgedPart] = []

    def go_on(seen: int) -> bool:
        screen.progress(seen, pictures.total)
        return not stop.requested

    for picture in pictures.each(go_on):
        part = judge.judge(len(parts) + 1, picture)
        if out and picture.pixels is not None:
            part = replace(part, image=out.keep_image(part, annotate(picture.pixels, part, view.locate)))
        parts.append(part)
        screen.part(part)
    return parts


def _summary(pictures: FilmPictures | FolderPictures, parts: list[JudgedPart], request: Request, stop: Stop) -> Summary:
    if isinstance(pictures, FolderPictures):
        return summarise(parts, interrupted=stop.requested, passed_over=pictures.passed_over)
    if not parts and not stop.requested:
        raise SourceError(
            f"no part was seen in the {pictures.end.shown} frames of {request.source}",
            hint="correct the light barrier (--barrier axis=y, direction=-, line=0.4, ...), or take --every-frame",
        )
    return summarise(parts, interrupted=stop.requested, frames=pictures.end)


def _incomplete(summary: Summary, request: Request) -> EdgeError | None:
    if summary.complete:
        return None
    kept = f"what was judged is in {request.out}" if request.out else "what was judged is shown"
    if summary.interrupted:
        return ServiceError(f"interrupted after {summary.parts} parts", hint=f"{kept}; the rest was not looked at")
    frames = summary.frames
    seen = f"{frames.shown} of {frames.told}" if frames else ""
    return SourceError(
        f"{request.source} is damaged: {seen} frames could be seen",
        hint=f"{kept}; copy or record the video again, parts may be missing",
    )


def _pictures(request: Request, view: View, barrier: BarrierSettings, clock: Clock) -> FilmPictures | FolderPictures:
    settings = _camera(request)
    channels = settings.channels if settings else 3
    source = request.source
    if source.is_dir() or source.suffix.lower() in ENDINGS:
        return FolderPictures(source, channels)
    sizes = [(view.frame_width, view.frame_height)] if view.frame_width and view.frame_height else []
    sizes += [(settings.width, settings.height)] if settings else []
    return FilmPictures(
        source, clock, barrier=None if request.every_frame else barrier, promised=sizes, channels=channels
    )


def _camera(request: Request) -> CameraSettings | None:
    """The station's camera whose recording this is: the one that was named, or the first."""
    if request.station is None:
        return None
    return request.station.camera_named(request.camera) if request.camera else request.station.camera[0]


def _barrier(request: Request) -> BarrierSettings:
    """The station's settings or the defaults, changed by `--barrier key=value`, values as in the station file."""
    settings = _camera(request)
    table = settings.barrier if settings else None
    values: dict[str, Any] = table.model_dump(exclude_unset=True) if table else {}
    for word in request.barrier:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--barrier {word[:60]!r} sets nothing", hint="write --barrier key=value, as in axis=y")
        values[key.strip()] = _value(value.strip())
    try:
        return BarrierTable.model_validate(values).settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(piece) for piece in first["loc"]) or "the light barrier"
        known = ", ".join(BarrierTable.model_fields)
        raise UsageError(f"--barrier {where}: {first['msg']}", hint=f"known: {known}") from error


def _value(text: str) -> object:
    """As TOML reads it; what it does not read is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


@contextmanager
def _out_folder(path: Path | None) -> Iterator[OutFolder | None]:
    """To be filled; it is there when all is written, or not at all. StoreError when it cannot be."""
    if path is None:
        yield None
        return
    try:
        with new_folder(path) as folder:
            yield OutFolder(folder)
    except FileExistsError as error:
        raise StoreError(f"{path} cannot be written: {error} is in the way", hint="give --out a new folder") from error


def _check_places(request: Request) -> None:
    if not request.source.exists():
        raise UsageError(f"there is no {request.source}", hint="give a video, a folder of images, or an image")
    out = request.out
    if out is None:
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not empty", hint="give --out a new folder: results of two runs are not mixed")
    if request.source.is_dir() and out.resolve().is_relative_to(request.source.resolve()):
        raise UsageError(f"{out} lies inside {request.source}", hint="its pictures would be judged the next time")
