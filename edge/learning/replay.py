"""What another version of a detector would say of parts that were judged before: shown before it is used.

A known defect that is stopped today and would pass is lost. That is never silent: `edge learning correct` refuses it
unless a person lets it go by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from edge.capture.folder import decode_picture
from edge.clock import Clock
from edge.domain.verdict import Verdict
from edge.errors import ModelError
from edge.inference import golden
from edge.inference.rectify import Pixels
from edge.inference.session import Model, SessionOptions
from edge.learning.correct import Bounds
from edge.learning.examine import Examiner, excess, package_check, whole_frame
from edge.learning.labelled import LabelledSet
from edge.learning.memory_file import FOLDER, TaughtMemory
from edge.learning.reestimate import DefectScore, Evidence, Reestimate, Setting, reestimate, settings_table
from edge.learning.threshold import Limits
from edge.store.packages import Package

GoOn = Callable[[int, int], bool]
"""(pictures done, in all); False ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A picture of a part. defect: what a person says, None: nobody did. cut: it is at the model's size already, kept
    in the package; else a whole frame. was: the verdict that was recorded. asked: the correction itself is about it.
    limit: a limit sample, whose answer is fixed."""

    name: str
    path: Path
    defect: bool | None
    cut: bool = False
    was: Verdict | None = None
    asked: bool = False
    limit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """score: of the check that decides; None when nothing was scored."""

    verdict: Verdict
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """was: None when nobody has judged the part before and nobody says what it is."""

    case: Case
    was: Said | None
    now: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """changes: parts with another verdict. lost: names of known defects that were stopped and would pass.

    stopped: names of known good parts that passed and would be stopped; passed: how many had passed.
    unreadable: pictures that are none, or no longer there; in no other figure. unproven: those of them whose answer is
    known. verdicts: how many parts get which. scores: of each part that has one, by the version that is tried.
    samples: how many limit samples were judged; flipped: names of those that get another answer than theirs, whatever
    they got before. They are in no other list.
    """

    seen: int
    changes: tuple[Change, ...]
    lost: tuple[str, ...]
    stopped: tuple[str, ...]
    passed: int
    unreadable: tuple[str, ...]
    unproven: tuple[str, ...]
    verdicts: dict[str, int]
    scores: tuple[tuple[Case, float], ...]
    complete: bool
    samples: int = 0
    flipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSettings:
    """What the UNSURE limit before and after a change means for the known parts, by the scores of the version that is
    tried. table: with others to choose from, by rising limit."""

    before: Setting
    after: Setting
    table: tuple[Setting, ...]


class Says(Protocol):
    def say(self, case: Case, picture: Pixels) -> Said: ...


class Judge:
    """One version of a detector. frames: whoever judges whole frames, as the line does; None: there are none."""

    def __init__(self, parts: Examiner | None, frames: Examiner | None) -> None:
        self._parts, self._frames = parts, frames

    def say(self, case: Case, picture: Pixels) -> Said:
        examiner = self._parts if case.cut else self._frames
        if examiner is None:
            raise ModelError(f"nothing judges {case.name}", hint="give the package or the recipe that does")
        look = examiner.look(picture)
        score = max(look.result.scores, key=excess, default=None)
        return Said(verdict=look.result.verdict, score=None if score is None else score.score)


def part_examiner(package: Package, bounds: Bounds, clock: Clock) -> Examiner:
    """Judges pictures at the model's size. The golden parts are run first: ModelError when one is not reproduced."""
    model = Model.load(package, SessionOptions())
    golden.verify(model, package)
    check = package_check(package.manifest, package.model_digest)
    check = replace(check, unsure_from=bounds.unsure_from, ng_from=bounds.ng_from)
    return Examiner(whole_frame(model, check), clock)


def golden_cases(package: Package) -> list[Case]:
    """The package's golden parts that are no judged ones."""
    told = {Verdict.OK.value: False, Verdict.NG.value: True}
    return [
        Case(name=one.file, path=package.folder / one.file, defect=told.get(one.label), cut=True)
        for one in package.manifest.golden
        if not one.file.startswith(f"{FOLDER}/")
    ]


def known_cases(package: Package, memory: TaughtMemory, asked_version: int = 0) -> list[Case]:
    """The judged parts that the package keeps. asked_version: whose parts the correction is about."""
    return [
        Case(
            name=f"kept/{one.name}",
            path=package.folder / one.file,
            defect=one.defect,
            cut=True,
            asked=one.version == asked_version,
            limit=one.limit,
        )
        for one in memory.known
    ]


def labelled_cases(pictures: LabelledSet) -> list[Case]:
    return [Case(name=one.name, path=one.path, defect=not one.good) for one in pictures.pictures]


def proposed_limits(memory: TaughtMemory, bounds: Bounds, found: Replay) -> Reestimate | None:
    """What the good parts of teaching and the labelled ones ask for together, held by the known defects. For a person:
    nothing uses it by itself. None without labelled good parts.

    Parts that a correction calls good are left out: they were stopped, and so are the highest scores by selection.
    """
    evidence = _evidence(memory, found)
    if not evidence.passed:
        return None
    current = Limits(
        unsure_from=bounds.unsure_from, ng_from=bounds.ng_from, rate=memory.rate, used=len(memory.scores)
    )  # fmt: skip
    return reestimate(evidence, current, memory.rate)


def known_settings(memory: TaughtMemory, limits: tuple[Bounds, Bounds], found: Replay) -> KnownSettings:
    """limits: before and after. Parts that a correction calls good are left out, as for `proposed_limits`."""
    before, after = (bounds.unsure_from for bounds in limits)
    table = settings_table(_evidence(memory, found), (before, after))
    row = {one.unsure_from: one for one in table}
    return KnownSettings(before=row[before], after=row[after], table=table)


def _evidence(memory: TaughtMemory, found: Replay) -> Evidence:
    """The good parts of teaching and the labelled ones; all known defects, limit samples among them."""
    return Evidence(
        taught=memory.scores,
        passed=tuple(score for case, score in found.scores if not case.cut and case.defect is False),
        defects=tuple(DefectScore(name=case.name, score=score) for case, score in found.scores if case.defect is True),
    )


def replay(cases: Sequence[Case], before: Says | None, after: Says, go_on: GoOn | None = None) -> Replay:
    """before: the version in use. None: the verdict that was recorded, or the one that the label asks for."""
    changes: list[Change] = []
    lost: list[str] = []
    stopped: list[str] = []
    unreadable: list[Case] = []
    verdicts = {verdict.value: 0 for verdict in Verdict}
    scores: list[tuple[Case, float]] = []
    flipped: list[str] = []
    looked, good_passed, samples = 0, 0, 0
    for case, picture in _pictures(cases, go_on):
        looked += 1
        if picture is None:
            unreadable.append(case)
            continue
        was, now = before.say(case, picture) if before else _told(case), after.say(case, picture)
        verdicts[now.verdict.value] += 1
        scores += [] if now.score is None else [(case, now.score)]
        passed, passes = was is not None and was.verdict is Verdict.OK, now.verdict is Verdict.OK
        if was is not None and was.verdict is not now.verdict:
            changes.append(Change(case=case, was=was, now=now))
        if case.limit:
            samples += 1
            flipped += [case.name] if passes is case.defect else []
            continue
        good_passed += case.defect is False and (passed or case.asked)
        if case.defect is True and passes and (not passed or case.asked):
            lost.append(case.name)
        if case.defect is False and not passes and (passed or case.asked):
            stopped.append(case.name)
    return Replay(
        seen=looked - len(unreadable),
        changes=tuple(changes),
        lost=tuple(lost),
        stopped=tuple(stopped),
        passed=good_passed,
        unreadable=tuple(case.name for case in unreadable),
        unproven=tuple(case.name for case in unreadable if case.defect is not None),
        verdicts=verdicts,
        scores=tuple(scores),
        complete=looked == len(cases),
        samples=samples,
        flipped=tuple(flipped),
    )


def _pictures(cases: Sequence[Case], go_on: GoOn | None) -> Iterator[tuple[Case, Pixels | None]]:
    for number, case in enumerate(cases):
        if go_on and not go_on(number, len(cases)):
            return
        yield case, decode_picture(case.path, 3)
    if go_on:
        go_on(len(cases), len(cases))


def _told(case: Case) -> Said | None:
    if case.was is not None:
        return Said(verdict=case.was, score=None)
    if case.defect is None:
        return None
    return Said(verdict=Verdict.NG if case.defect else Verdict.OK, score=None)
