"""`edge learning reteach`: a detector taught again from its raw pictures, as they are looked at in another way now.

The recipe's locator or crop, the camera, its calibration or the backbone has changed. All that was corrected since is
corrected once more; then the old and the new version judge every known part, each through its own view, and the
difference is shown. Whole or not at all; nothing becomes active by it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge.apps.learning import two_views
from edge.apps.learning.cases import Frames, Wanted, frames
from edge.apps.learning.look_again import Lacking, Read, choices_again, plan_again, read_again
from edge.apps.learning.now import Now, now_of, taught_source
from edge.apps.learning.raw import carry_to, pictures_of
from edge.apps.learning.reteach_report import Made, ReteachOutcome
from edge.apps.learning.source import Source
from edge.apps.progress import Step, Steps
from edge.clock import SECOND, Clock
from edge.domain import recipe as recipes
from edge.domain.recipe import Recipe, View
from edge.errors import SourceError, StoreError, UsageError
from edge.learning.again import Learnt, Past, learn_again
from edge.learning.corrected import Wish
from edge.learning.memory_file import TaughtMemory, taught_memory
from edge.learning.package import memory_of
from edge.learning.replay import replay
from edge.learning.retaught import Parent, retaught_recipe, write_retaught
from edge.learning.sift import doubts
from edge.learning.teach import Taught
from edge.learning.teach_record import TeachRecord
from edge.service import Stop
from edge.settings.station import Station
from edge.store.atomic import new_folder
from edge.store.packages import Package

REPORT = "report.json"  # goes with a proposal
MOST_WORDS = 1000  # of an error: the first names tell where to look


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """package: as for `edge learning correct`. recipe: a file, NAME@VERSION of the station, or it itself; None: the one
    beside the package. station: whose camera it is. version: of the new model; None: the next.

    out: the new folder; None: ./NAME@VERSION. accept_lost: names of known defects that may pass. accept_stopped: good
    parts that passed may be stopped. accept_missing: go on without pictures that cannot be used.
    """

    package: Path
    by: str
    reason: str
    recipe: str | Recipe | None = None
    station: Station | None = None
    wanted: Wanted = field(default_factory=Wanted)
    out: Path | None = None
    version: int | None = None
    accept_lost: tuple[str, ...] = ()
    accept_stopped: bool = False
    accept_missing: bool = False


class _NotAccepted(Exception):
    """Leaves the unfinished folder behind, which is removed."""

    def __init__(self, outcome: ReteachOutcome) -> None:
        super().__init__(outcome.refused)
        self.outcome = outcome


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Work:
    """What is known before anything is learnt."""

    source: Source
    recipe: Recipe
    memory: TaughtMemory
    now: Now
    wish: Wish
    looked: Frames
    out: Path
    version: int
    steps: Steps
    clock: Clock
    began_ns: int


def run(request: Request, step: Step, clock: Clock, stop: Stop) -> ReteachOutcome:
    """Whatever is wrong with what was asked for, or a stop, is an EdgeError, and nothing is written then."""
    began_ns = clock.now_ns()
    wish = Wish(
        by=request.by,
        reason=request.reason,
        made_at=clock.wall().isoformat(timespec="seconds"),
        accepted=request.accept_lost,
        stops_good=request.accept_stopped,
    )
    with taught_source(request.package, request.recipe, request.station) as source:
        memory, now = taught_memory(source.package), now_of(source, request.station)
        assert source.recipe is not None  # now_of has said so
        manifest = source.package.manifest
        version = request.version or manifest.version + 1
        work = _Work(
            source=source, recipe=source.recipe, memory=memory, now=now, wish=wish, version=version,
            looked=frames(request.wanted, source), out=request.out or Path(f"{manifest.name}@{version}"),
            steps=Steps(step, clock, stop), clock=clock, began_ns=began_ns,
        )  # fmt: skip
        if work.out.exists():
            raise UsageError(f"{work.out} is there already", hint="choose another --out, or remove it")
        read = read_again(now, memory, pictures_of(source, request.station), plan_again(now), work.steps)
        if read.lacking.count and not request.accept_missing:
            raise _unusable(read.lacking)
        taught, learnt = _learn(work, read)
        return _kept(work, read, taught, learnt)


def _learn(work: _Work, read: Read) -> tuple[Taught, Learnt]:
    taught = read.teacher.learn(lambda done, of: work.steps("learning", done, of))
    fresh = memory_of(taught)
    assert fresh is not None  # every method but the demo's keeps one, and the demo's packages have no record
    work.steps("correcting", 0, 1)
    past = Past(memory=work.memory, in_use=work.source.bounds)
    return taught, learn_again(taught, fresh, past, read.known, work.now.backbone)


def _kept(work: _Work, read: Read, taught: Taught, learnt: Learnt) -> ReteachOutcome:
    try:
        with new_folder(work.out) as folder:
            made, recipe, new = _written(work, read, taught, learnt, folder)
            carry_to(read.files.values(), folder)
            outcome = _tried(work, made, recipe, new)
            if outcome.refused:
                raise _NotAccepted(outcome)
            (folder / REPORT).write_text(json.dumps(outcome.report(), ensure_ascii=False), encoding="utf-8")
    except FileExistsError as error:
        hint = "give --out a new folder"
        raise StoreError(f"{work.out} cannot be written: {error} is in the way", hint=hint) from error
    except _NotAccepted as told:
        return told.outcome
    return outcome


def _written(
    work: _Work, read: Read, taught: Taught, learnt: Learnt, folder: Path
) -> tuple[Made, Recipe, Package]:  # fmt: skip
    """Package and recipe, into the unfinished folder."""
    work.steps("writing", 0, 1)
    now, package = work.now, work.source.package
    record = TeachRecord(
        pictures=read.pictures,
        choices=choices_again(now, taught.plan, taught.frame_size),
        taught_at=work.wish.made_at,
    )
    parent = Parent(package=package, memory=work.memory, in_use=work.source.bounds)
    new = write_retaught(parent, taught, learnt, record, now.why, work.wish, work.version, folder / "package")
    recipe = retaught_recipe(work.recipe, _view(now, taught), now.check.name, new, work.wish)
    (folder / "recipe.json").write_bytes(recipes.dump(recipe))
    made = Made(
        parent=package.manifest, new=new.manifest, in_use=work.source.bounds, now=now, read=read, taught=taught,
        learnt=learnt, wish=work.wish, record=record, out=work.out,
    )  # fmt: skip
    return made, recipe, new


def _view(now: Now, taught: Taught) -> View:
    """Of the new recipe: the limits of a sound picture are measured anew where the patch or the frames are others."""
    choices, picture = now.record.choices, now.view.picture
    same = now.today.patch == choices.patch and now.today.frame in (None, (choices.frame_width, choices.frame_height))
    if picture is None or taught.picture is None or same:
        return now.view
    return replace(now.view, picture=replace(taught.picture, refuse_frozen=picture.refuse_frozen))


def _tried(work: _Work, made: Made, recipe: Recipe, new: Package) -> ReteachOutcome:
    """Both versions judge the raw pictures of the parts that people have judged, then what else is known or stored."""
    ready_ns = work.clock.now_ns()
    cases = [*two_views.known_frames(work.memory, made.read), *work.looked.cases]
    was = two_views.before(work.recipe, work.source.package, work.now, work.clock)
    now = two_views.after(recipe, new, work.now, work.clock)

    def go_on(done: int, of: int) -> bool:
        work.steps("judging again", done, of)
        return True

    found = replay(cases, was, now, go_on)
    work.steps("checking", 0, 1)
    doubted = doubts(made.taught.samples, [one.score for one in made.taught.scored])
    work.steps.end()
    labelled = [case for case in work.looked.cases if case.defect is not None]
    return ReteachOutcome(
        made=made,
        found=found,
        stored=work.looked.stored,
        auroc=(was.auroc(labelled), now.auroc(labelled)) if labelled else None,
        seconds=(ready_ns - work.began_ns) / SECOND,
        replay_seconds=(work.clock.now_ns() - ready_ns) / SECOND,
        step_seconds=work.steps.seconds,
        doubts=doubted,
    )


def _unusable(lacking: Lacking) -> SourceError:
    return SourceError(
        f"{lacking.count} of the kept pictures cannot be used; {'; '.join(lacking.lines())}"[:MOST_WORDS],
        hint="put them back from a backup, mend the locator, or go on without them: --accept-missing",
    )
