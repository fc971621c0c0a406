"""`edge learning replay`: known and stored parts judged again, by this version and perhaps by another one."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.apps.learning.cases import Wanted, frame_examiner, frames
from edge.apps.learning.report import replay_lines, replay_object
from edge.apps.learning.source import Source, opened
from edge.apps.progress import Step
from edge.clock import Clock
from edge.errors import EXIT_NO, EXIT_OK, ServiceError
from edge.learning.memory_file import has_memory, taught_memory
from edge.learning.replay import Case, Judge, Replay, golden_cases, known_cases, part_examiner, replay
from edge.learning.stored import StoredParts
from edge.service import Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """model: as for `edge learning correct`. against: the version to compare with; None: what was recorded of stored
    parts, and of labelled ones what their label asks for."""

    model: Path
    recipe: Path | None = None
    against: Path | None = None
    wanted: Wanted = field(default_factory=Wanted)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """exit_code: 1 when a known defect passes that the other version, or its label, stops, or a limit sample gets
    another answer than its own."""

    name: str
    against: str
    found: Replay
    stored: StoredParts | None

    @property
    def exit_code(self) -> int:
        return EXIT_NO if self.found.lost or self.found.flipped or self.found.unproven else EXIT_OK

    def report(self) -> dict[str, Any]:
        return {"model": self.name, "against": self.against, **replay_object(self.found, self.stored)}

    def lines(self) -> list[str]:
        compared = self.against or "what was recorded, and the labels"
        return [f"{self.name} against {compared}", *replay_lines(self.found, self.stored)]


def run(request: Request, step: Step, clock: Clock, stop: Stop) -> Outcome:
    """Whatever is wrong with what was asked for is an EdgeError."""
    with ExitStack() as stack:
        source = stack.enter_context(opened(request.model, request.recipe))
        other = stack.enter_context(opened(request.against)) if request.against else None
        looked = frames(request.wanted, source)
        cases = [*_kept(source), *looked.cases]
        after = _judge(source, clock, bool(looked.cases))
        before = _judge(other, clock, bool(looked.cases)) if other else None

        def go_on(done: int, total: int) -> bool:
            step("judging again", done, total)
            return not stop.requested

        found = replay(cases, before, after, go_on)
        if not found.complete:
            raise ServiceError("interrupted: what half of the parts say is not told", hint="start it again")
        against = other.package.manifest.reference if other else ""
        return Outcome(name=source.package.manifest.reference, against=against, found=found, stored=looked.stored)


def _kept(source: Source) -> list[Case]:
    """What the package keeps; golden parts alone when it was not taught by a bank."""
    cases = golden_cases(source.package)
    if has_memory(source.package):
        cases += known_cases(source.package, taught_memory(source.package))
    return cases


def _judge(source: Source, clock: Clock, whole_frames: bool) -> Judge:
    frame = frame_examiner(source, clock) if whole_frames else None
    return Judge(part_examiner(source.package, source.bounds, clock), frame)
