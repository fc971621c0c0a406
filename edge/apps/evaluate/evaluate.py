"""`edge evaluate`: build everything, examine every picture, write the report whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from edge.apps.evaluate import report
from edge.apps.evaluate.drawing import miss
from edge.apps.evaluate.page import Miss, render
from edge.apps.evaluate.subject import Subject, load_subject
from edge.apps.evaluate.words import EvaluateWords
from edge.apps.progress import Step
from edge.capture.folder import decode_picture
from edge.clock import Clock
from edge.errors import EdgeError, ServiceError, SourceError, StoreError, UsageError
from edge.learning.evaluate import Evaluation, evaluate
from edge.learning.examine import Examiner
from edge.learning.figures import Seen
from edge.learning.labelled import find_pictures, read_mask
from edge.recorder.imagefile import encode_jpeg
from edge.service import Stop
from edge.store.atomic import new_folder

REPORT_HTML, REPORT_JSON = "report.html", "report.json"
SHOWN_MISSES = 12  # of each kind, as pictures in the report
_QUALITY = 85


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """model: a package, a recipe, or a folder with both. source: a folder in the MVTec layout. out: a new folder."""

    model: Path
    source: Path
    models: Path | None = None
    camera: str | None = None
    out: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """report: plain values for JSON. incomplete: what could not be looked at; None when all could."""

    report: dict[str, Any]
    lines: tuple[str, ...]
    incomplete: EdgeError | None


def run(request: Request, words: EvaluateWords, step: Step, clock: Clock, stop: Stop) -> Outcome:
    """Whatever is wrong with what was asked for is an EdgeError. After `stop` nothing is told:

    figures of half of the pictures are none.
    """
    _check_places(request)
    pictures = find_pictures(request.source)
    subject = load_subject(request.model, request.models, request.camera, clock)
    examiner = Examiner(subject.runner_for, clock)

    def go_on(done: int, total: int) -> bool:
        step(words("examining"), done, total)
        return not stop.requested

    found = evaluate(pictures, examiner, go_on, subject.learnt)
    if not found.complete:
        hint = "nothing was written; start it again"
        raise ServiceError(f"interrupted after {len(found.seen)} of {len(pictures.pictures)} pictures", hint=hint)
    if not found.seen:
        raise SourceError(f"no picture in {request.source} can be read", hint="are these files damaged?")
    told = report.as_object(str(request.source), subject, found)
    if request.out:
        _write(request.out, told, _page(request, subject, found, examiner, words, clock))
    return Outcome(report=told, lines=tuple(report.lines(subject, found, words)), incomplete=_incomplete(found))


def _page(
    request: Request, subject: Subject, found: Evaluation, examiner: Examiner, words: EvaluateWords, clock: Clock
) -> str:
    when = clock.wall().strftime("%Y-%m-%d %H:%M")
    escapes, stopped = found.escapes(), found.false_rejects()
    return render(
        str(request.source), when, subject, found, _misses(escapes, examiner), _misses(stopped, examiner), words
    )


def _misses(seen: Sequence[Seen], examiner: Examiner) -> list[Miss]:
    """Looked at once more: maps of the size of the frame are not kept."""
    misses: list[Miss] = []
    for one in seen[:SHOWN_MISSES]:
        frame = decode_picture(one.picture.path, 3)
        if frame is None:
            continue
        mask = read_mask(one.picture.mask) if one.picture.mask else None
        defect = mask if mask is not None and mask.shape == frame.shape[:2] else None
        drawn = miss(frame, examiner.look(frame).heat(), defect)
        misses.append(Miss(seen=one, jpeg=encode_jpeg(drawn, _QUALITY)))
    return misses


def _write(out: Path, told: dict[str, Any], page: str) -> None:
    try:
        with new_folder(out) as folder:
            (folder / REPORT_JSON).write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")
            (folder / REPORT_HTML).write_text(page, encoding="utf-8")
    except FileExistsError as error:
        raise StoreError(f"{out} cannot be written: {error} is in the way", hint="give --out a new folder") from error


def _incomplete(found: Evaluation) -> EdgeError | None:
    masks = found.figures.masks
    missed = {
        "pictures that cannot be read": found.unreadable,
        "masks that cannot be read": masks.unreadable,
        "masks of another size than their pictures": masks.other_size,
    }
    words = [f"{what}: {len(names)} ({report.some(names)})" for what, names in missed.items() if names]
    if not words:
        return None
    return SourceError("; ".join(words), hint="the figures are without them; mend the files and evaluate again")


def _check_places(request: Request) -> None:
    out = request.out
    if out is None:
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not empty", hint="give --out a new folder")
    if request.source.is_dir() and out.resolve().is_relative_to(request.source.resolve()):
        raise UsageError(f"{out} lies inside {request.source}", hint="reports and pictures are not mixed")
