"""What teaching again has changed, as JSON and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.apps.learning.look_again import Read
from edge.apps.learning.now import Now
from edge.apps.learning.report import MOST_STOPPED, replay_lines, replay_object, some
from edge.apps.teach.outcome import Outcome as TaughtOutcome
from edge.apps.teach.writing import Made as TaughtMade
from edge.domain.model import Manifest
from edge.errors import EXIT_NO, EXIT_OK
from edge.learning.again import Learnt, out_of_sight
from edge.learning.correct import Bounds
from edge.learning.corrected import Wish
from edge.learning.replay import Replay
from edge.learning.sift import Flag
from edge.learning.stored import StoredParts
from edge.learning.teach import Taught
from edge.learning.teach_record import PICTURES, TeachRecord

_SAME_CAMERA_PICTURES = ("camera", "camera settings", "calibration")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """What came out before anybody judged with it. in_use: the old version's limits in the recipe."""

    parent: Manifest
    new: Manifest
    in_use: Bounds
    now: Now
    read: Read
    taught: Taught
    learnt: Learnt
    wish: Wish
    record: TeachRecord
    out: Path


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReteachOutcome:
    """auroc: (before, after) of the labelled parts; None without them. seconds: until the new version was there.

    step_seconds: of each step. doubts: teach pictures that a person should look at.
    """

    made: Made
    found: Replay
    stored: StoredParts | None
    auroc: tuple[float | None, float | None] | None
    seconds: float
    replay_seconds: float
    step_seconds: Mapping[str, float]
    doubts: tuple[Flag, ...]

    @property
    def refused(self) -> str:
        """Why the new version is not kept; "" when it is."""
        wish, found = self.made.wish, self.found
        if found.flipped:
            return f"limit samples would be judged otherwise: {some(found.flipped)}"
        if found.flipped:
            return f"limit samples would be judged otherwise: {some(found.flipped)}"
        if lost := [name for name in found.lost if name not in wish.accepted]:
            return f"known defects would pass: {some(lost)}"
        if len(found.stopped) > MOST_STOPPED * found.passed and not wish.stops_good:
            return f"{len(found.stopped)} of {found.passed} known good parts would be stopped"
        return f"known parts cannot be read: {some(found.unproven)}" if found.unproven else ""

    @property
    def exit_code(self) -> int:
        return EXIT_NO if self.refused else EXIT_OK

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person must know who reads the figures."""
        made = self.made
        notes = []
        if any(one.what in _SAME_CAMERA_PICTURES for one in made.now.why):
            notes.append(
                "the kept pictures are of the camera as it was: they cannot show what it sees now. Look at the stored "
                "parts; if good ones are stopped, take new pictures and teach with them"
            )
        if made.read.sizes:
            sizes = ", ".join(f"{width} x {height}" for width, height in made.read.sizes)
            notes.append(f"pictures of {sizes} px were scaled to the frames of today; new ones would show more")
        if unseen := [one.name for one in made.learnt.parts if out_of_sight(one)]:
            notes.append(f"marked defects are not in the model's picture any more: {some(unseen)}")
        if made.learnt.moved != (1.0, 1.0):
            shares = " and ".join(f"{100 * share:.0f} %" for share in made.learnt.moved)
            notes.append(f"people had moved the limits UNSURE and NG to {shares} of what was taught: so were these")
        return tuple(notes)

    def report(self) -> dict[str, Any]:
        """The JSON object of `--json`: all that `edge teach` and `edge learning correct` tell of what they made, and
        what differs. The same is report.json beside the new package."""
        made, kept = self.made, not self.refused
        was, now, lacking = made.now.record.choices, made.record.choices, made.read.lacking
        return self._as_taught() | {
            "accepted": kept,
            "refused": self.refused,
            "changes": [asdict(one) for one in made.now.why],
            "notes": list(self.notes),
            "package": str(made.out / "package") if kept else None,
            "recipe": str(made.out / "recipe.json") if kept else None,
            "model": made.new.reference,
            "parent": made.parent.reference,
            "by": made.wish.by,
            "reason": made.wish.reason,
            "at": made.wish.made_at,
            "corrected": [one.name for one in made.learnt.parts],
            "missing": list(lacking.missing),
            "altered": list(lacking.altered),
            "not_found": list(lacking.not_found),
            "before": _side(made.in_use, (was.input_width, was.input_height), self._auroc(0)),
            "after": _side(self._limits, (now.input_width, now.input_height), self._auroc(1)),
            "limits_moved": [round(one, 4) for one in made.learnt.moved],
            "taught_good": len(made.taught.scored),
            "taught_good_stopped": self._stopped,
            "replay": replay_object(self.found, self.stored),
            "replay_seconds": round(self.replay_seconds, 2),
        }

    def _as_taught(self) -> dict[str, Any]:
        made = self.made
        taught = TaughtMade(
            taught=made.taught,
            name=made.new.name,
            version=made.new.version,
            record=made.record,
            basis=None,
            notes=(),
            seconds=self.step_seconds,
        )
        outcome = TaughtOutcome(
            package=made.out / "package",
            recipe=made.out / "recipe.json",
            pictures=made.out / PICTURES,
            made=taught,
            manifest_limits=(self._limits.unsure_from, self._limits.ng_from),
            seconds=self.seconds,
            step_seconds=self.step_seconds,
            doubts=self.doubts,
        )
        return outcome.report()

    def lines(self) -> list[str]:
        """The same in words."""
        made = self.made
        words = [one.words() for one in made.now.why] or ["nothing has changed since it was taught"]
        words += [f"look: {note}" for note in self.notes]
        words += made.read.lacking.lines()
        count, corrected = len(made.taught.scored), len(made.learnt.parts)
        words.append(
            f"taught again with {count} pictures, corrected again with {corrected} parts in {self.seconds:.1f} s"
        )
        words.append(
            f"limits: UNSURE from {made.in_use.unsure_from:.3f} to {self._limits.unsure_from:.3f}, NG from "
            f"{made.in_use.ng_from:.3f} to {self._limits.ng_from:.3f}; "
            f"{self._stopped} of {count} good parts of the teaching lie above"
        )
        if self.auroc and None not in self.auroc:
            words.append(f"AUROC of the labelled parts: {self.auroc[0]:.4f} to {self.auroc[1]:.4f}")
        words += replay_lines(self.found, self.stored)
        if self.refused:
            hint = "give lost defects to edge learning correct first, or let one go: --accept-lost NAME"
            hint = hint if self.found.lost else "--accept-stopped takes more false rejects"
            return [*words, f"NOT ACCEPTED, nothing was written: {self.refused} ({hint})"]
        words.append(f"{made.new.reference} made; {made.parent.reference} stays, and stays in use")
        return [*words, f"model:  {made.out / 'package'}", f"recipe: {made.out / 'recipe.json'}"]

    @property
    def _limits(self) -> Bounds:
        return self.made.learnt.bounds

    @property
    def _stopped(self) -> int:
        return sum(one.score >= self._limits.unsure_from for one in self.made.taught.scored)

    def _auroc(self, which: int) -> float | None:
        value = self.auroc[which] if self.auroc else None
        return None if value is None else round(value, 4)


def _side(limits: Bounds, size: Sequence[int], auroc: float | None) -> dict[str, Any]:
    return {"unsure_from": limits.unsure_from, "ng_from": limits.ng_from, "input": list(size), "auroc": auroc}
