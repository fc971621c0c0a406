"""`edge learning correct`: judged pictures in, the next version of a package (and its recipe) out. Whole or not at all.

Before it is kept, the old and the new version judge every part whose answer is known; a known defect that would be
lost refuses it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge.apps.learning.cases import Frames, Wanted, frame_examiner, frames
from edge.apps.learning.raw import keep_with, pictures_of
from edge.apps.learning.report import CorrectOutcome
from edge.apps.learning.source import Given, Source, judged_parts, opened
from edge.apps.progress import Step
from edge.clock import SECOND, Clock
from edge.domain import recipe as recipes
from edge.errors import ServiceError, StoreError, UsageError
from edge.learning.correct import Bounds, Corrected, JudgedPart, backbone_of, correct
from edge.learning.corrected import Wish, corrected_recipe, write_corrected
from edge.learning.limit_samples import unchanged, without
from edge.learning.memory_file import TaughtMemory, taught_memory
from edge.learning.replay import Judge, Replay, golden_cases, known_cases, part_examiner, replay
from edge.service import Stop
from edge.store.atomic import new_folder

REPORT = "report.json"  # goes with a proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """package: its folder, its .zip, or the folder that `edge teach` made. drop_limit: names of limit samples that go.

    out: the new folder; None: ./NAME@VERSION. accept_lost: names of known defects that may be lost.
    accept_stopped: good parts that passed may be stopped. version: the new number, 0: the next one; of two corrections
    of the same version only one can be the next.
    """

    package: Path
    given: Given = field(default_factory=Given)
    drop_limit: tuple[str, ...] = ()
    by: str
    reason: str
    recipe: Path | None = None
    out: Path | None = None
    wanted: Wanted = field(default_factory=Wanted)
    accept_lost: tuple[str, ...] = ()
    accept_stopped: bool = False
    version: int = 0


class _NotAccepted(Exception):
    """Leaves the unfinished folder behind, which is removed."""

    def __init__(self, outcome: CorrectOutcome) -> None:
        super().__init__(outcome.refused)
        self.outcome = outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tools:
    step: Step
    clock: Clock
    stop: Stop
    began_ns: int


def run(request: Request, step: Step, clock: Clock, stop: Stop) -> CorrectOutcome:
    """Whatever is wrong with what was asked for is an EdgeError, and nothing is written then."""
    tools = _Tools(step=step, clock=clock, stop=stop, began_ns=clock.now_ns())
    made_at = clock.wall().isoformat(timespec="seconds")
    wish = Wish(
        by=request.by,
        reason=request.reason,
        made_at=made_at,
        accepted=request.accept_lost,
        stops_good=request.accept_stopped,
        version=request.version,
        dropped=request.drop_limit,
    )
    with opened(request.package, request.recipe) as source:
        memory = taught_memory(source.package)
        out = request.out or Path(f"{source.package.manifest.name}@{wish.version_after(source.package.manifest)}")
        if out.exists():
            raise UsageError(f"{out} is there already", hint="choose another --out, or remove it")
        looked = frames(request.wanted, source)
        step("learning", 0, 1)
        parts = judged_parts(source, request.given, memory.known)
        made = _learnt(source, without(memory, request.drop_limit), parts, bool(request.drop_limit))
        try:
            with new_folder(out) as folder:
                new = _written(source, made, parts, wish, folder)
                keep_with(pictures_of(source, request.wanted.station), request.given.files, folder)
                samples = tuple(part.name for part in parts if part.limit)
                outcome = _tried(source, new, (made, wish, samples, out), looked, tools)
                if outcome.refused:
                    raise _NotAccepted(outcome)
                (folder / REPORT).write_text(json.dumps(outcome.report(), ensure_ascii=False), encoding="utf-8")
        except FileExistsError as error:
            hint = "give --out a new folder"
            raise StoreError(f"{out} cannot be written: {error} is in the way", hint=hint) from error
        except _NotAccepted as told:
            return told.outcome
        return outcome


def _learnt(source: Source, memory: TaughtMemory, parts: Sequence[JudgedPart], drops: bool) -> Corrected:
    """From all but limit samples; when there are no others the model stays as it is."""
    if not parts and not drops:
        raise UsageError("nothing is to be corrected", hint="give --good PICTURE or --defect PICTURE")
    learnt = [part for part in parts if not part.limit]
    if not learnt:
        return unchanged(memory, source.bounds, source.package.model_path.read_bytes())
    return correct(memory, learnt, source.bounds, source.package.manifest.preprocess, backbone_of(memory))


def _tried(
    old: Source, new: Source, what: tuple[Corrected, Wish, tuple[str, ...], Path], looked: Frames, tools: _Tools
) -> CorrectOutcome:  # fmt: skip
    made, wish, samples, out = what
    ready_ns = tools.clock.now_ns()
    found = _replayed(old, new, made.bounds, looked, tools)
    return CorrectOutcome(
        source=old,
        new=new.package.manifest,
        made=made,
        wish=wish,
        samples=samples,
        found=found,
        stored=looked.stored,
        out=out,
        seconds=(ready_ns - tools.began_ns) / SECOND,
        replay_seconds=(tools.clock.now_ns() - ready_ns) / SECOND,
    )


def _written(source: Source, made: Corrected, parts: list[JudgedPart], wish: Wish, folder: Path) -> Source:
    package = write_corrected(source.package, made, parts, wish, folder / "package")
    if source.recipe is None:
        return Source(package=package, recipe=None, recipe_file=None)
    recipe = corrected_recipe(source.recipe, source.package, package, wish)
    file = folder / "recipe.json"
    file.write_bytes(recipes.dump(recipe))
    return Source(package=package, recipe=recipe, recipe_file=file)


def _replayed(
    old: Source, new: Source, bounds: Bounds, looked: Frames, tools: _Tools
) -> Replay:  # fmt: skip
    """The parts that the packages keep, then whole frames, if there are any."""
    known = taught_memory(new.package)
    cases = [*golden_cases(old.package), *known_cases(new.package, known, new.package.manifest.version), *looked.cases]
    before, after = (
        Judge(part_examiner(one.package, its, tools.clock), frame_examiner(one, tools.clock) if looked.cases else None)
        for one, its in ((old, old.bounds), (new, bounds))
    )

    def go_on(done: int, total: int) -> bool:
        tools.step("judging again", done, total)
        return not tools.stop.requested

    found = replay(cases, before, after, go_on)
    if not found.complete:
        raise ServiceError("interrupted; nothing was written", hint="start it again")
    return found
