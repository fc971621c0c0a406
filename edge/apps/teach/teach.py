"""`edge teach`: gathers pictures, learns, and writes package, recipe and pictures. Whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.apps.progress import Step, Steps
from edge.apps.teach.known import Known, known_defects
from edge.apps.teach.outcome import Outcome
from edge.apps.teach.pictures import Gathered, Source
from edge.apps.teach.planning import camera_of
from edge.apps.teach.reading import Wanted, read_all
from edge.apps.teach.writing import Made, must_be_new, new_output, write
from edge.clock import SECOND, Clock
from edge.domain.part import check_name
from edge.errors import SourceError
from edge.learning.backbone import DEFAULT, load_backbone
from edge.learning.sift import doubts
from edge.learning.teach import MIN_PICTURES, Taught, Teacher
from edge.learning.teach_record import TeachChoices, TeachRecord
from edge.learning.threshold import DEFAULT_RATE
from edge.service import Stop
from edge.settings.station import Station

SIDE_PX = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """out: the new folder, or a .zip; None: ./NAME. side_px: of the square with as many pixels as the model's input.

    backbone, side_px, rate, int8: None: as before when it is taught again, else as usual. leave_out, confirm: names of
    pictures that are not taught with, and of odd ones that are good all the same. station: whose known defects are
    judged by what was taught.
    """

    source: Source
    name: str
    version: int = 1
    out: Path | None = None
    backbone: str | None = None
    side_px: int | None = None
    rate: float | None = None
    int8: bool | None = None
    threads: int = 1
    leave_out: tuple[str, ...] = ()
    confirm: tuple[str, ...] = ()
    station: Station | None = None


def run(request: Request, step: Step, clock: Clock, stop: Stop) -> Outcome:
    """Whatever is wrong, or a stop, is an EdgeError, and nothing is left behind then."""
    began_ns, steps = clock.now_ns(), Steps(step, clock, stop)
    made_at = clock.wall().isoformat(timespec="seconds")
    check_name(request.name, "model")
    out = request.out or Path(request.name)
    must_be_new(out)
    gathered = request.source.gather(steps).judged(request.leave_out, request.confirm)
    shown = [one for one in gathered.pictures if not one.dropped]
    if len(shown) < MIN_PICTURES:
        hint = "30 or more good parts are better"
        raise SourceError(f"{len(shown)} pictures are left; teaching needs {MIN_PICTURES} at least", hint=hint)
    wanted = _wanted(request, gathered)
    with new_output(out) as output:
        teacher, read = read_all(wanted, gathered.pictures, output.keep, steps)
        taught = _learn(teacher, len(shown), steps)
        steps("checking", 0, 1)
        found = doubts(taught.samples, [one.score for one in taught.scored])  # looked at for a person
        steps("writing", 0, 1)
        record = TeachRecord(pictures=read, choices=_choices(taught, wanted, gathered), taught_at=made_at)
        made = Made(
            taught=taught, name=request.name, version=request.version, record=record, basis=gathered.basis,
            notes=gathered.notes, seconds=steps.seconds,
        )  # fmt: skip
        package = write(made, output.folder)
        known = _known(request.station, made, output.folder, package.manifest.unsure_from, clock, steps)
        steps.end()
        steps.check()
    return Outcome(
        package=output.package, recipe=output.recipe, pictures=output.pictures, made=made,
        manifest_limits=(package.manifest.unsure_from, package.manifest.ng_from),
        seconds=(clock.now_ns() - began_ns) / SECOND, step_seconds=steps.seconds, doubts=found,
        known=known,
    )  # fmt: skip


def _known(
    station: Station | None, made: Made, folder: Path, unsure_from: float, clock: Clock, steps: Steps
) -> Known:  # fmt: skip
    if station is None or made.basis is None:
        return Known()
    scores = tuple(one.score for one in made.taught.scored)
    return known_defects(station, made.basis, folder, scores, unsure_from, clock, steps)


def _wanted(request: Request, gathered: Gathered) -> Wanted:
    before = gathered.before
    return Wanted(
        backbone=load_backbone(request.backbone or (before.backbone if before else DEFAULT)),
        view=gathered.basis.view if gathered.basis else None,
        side_px=request.side_px or (before.side_px if before else SIDE_PX),
        rate=request.rate if request.rate is not None else before.rate if before else DEFAULT_RATE,
        confirmed=tuple(one.name for one in gathered.pictures if one.confirmed),
        threads=request.threads,
        int8=request.int8 if request.int8 is not None else before is not None and before.int8,
    )


def _learn(teacher: Teacher, count: int, steps: Steps) -> Taught:
    def go_on(done: int, total: int) -> None:
        if done < count:
            steps("looking", done, count)
        else:
            steps("learning", done - count, total - count)

    steps("looking", 0, count)
    return teacher.learn(go_on)


def _choices(taught: Taught, wanted: Wanted, gathered: Gathered) -> TeachChoices:
    plan = taught.plan
    width, height = (0, 0) if plan.cut_out else taught.frame_size
    return TeachChoices(
        locate=plan.locate, region=plan.region, patch=plan.patch, cut_out=plan.cut_out, side_px=wanted.side_px,
        input_width=plan.preprocess.width, input_height=plan.preprocess.height, backbone=taught.backbone.name,
        backbone_sha256=taught.backbone.digest, rate=plan.rate, camera=camera_of(gathered.basis), frame_width=width,
        frame_height=height, calibration=gathered.calibration, camera_settings=gathered.camera_settings,
        int8=plan.int8,
    )  # fmt: skip
