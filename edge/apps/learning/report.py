"""What a correction or a replay has found, as JSON and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.apps.learning.source import Source
from edge.domain.model import Manifest
from edge.errors import EXIT_NO, EXIT_OK
from edge.learning.correct import Corrected, Effect
from edge.learning.corrected import Wish
from edge.learning.reestimate import Reestimate, Setting
from edge.learning.replay import Case, Change, KnownSettings, Replay, Said, known_settings, proposed_limits
from edge.learning.stored import StoredParts

_SHOWN = 20
MOST_STOPPED = 0.05  # of the known good parts that passed: more false rejects are not taken silently


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorrectOutcome:
    """samples: names of limit samples that come with this version. seconds: until the new version was there;
    replay_seconds: until it was known what it changes."""

    source: Source
    new: Manifest
    made: Corrected
    wish: Wish
    samples: tuple[str, ...]
    found: Replay
    stored: StoredParts | None
    out: Path
    seconds: float
    replay_seconds: float

    @property
    def refused(self) -> str:
        """Why the new version is not kept; "" when it is."""
        lost = [name for name in self.found.lost if name not in self.wish.accepted]
        unread = self.found.unproven
        if self.found.flipped:
            return f"limit samples would be judged otherwise: {some(self.found.flipped)}"
        if lost:
            return f"known defects would pass: {some(lost)}"
        if len(self.found.stopped) > MOST_STOPPED * self.found.passed and not self.wish.stops_good:
            return f"{len(self.found.stopped)} of {self.found.passed} known good parts would be stopped"
        return f"known parts cannot be read: {some(unread)}" if unread else ""

    @property
    def exit_code(self) -> int:
        return EXIT_NO if self.refused else EXIT_OK

    @property
    def settings(self) -> KnownSettings:
        """Both limits for the parts that are known, by the scores of the new version."""
        return known_settings(self.made.memory, (self.source.bounds, self.made.bounds), self.found)

    @property
    def proposal(self) -> Reestimate | None:
        return proposed_limits(self.made.memory, self.made.bounds, self.found)

    def report(self) -> dict[str, Any]:
        """The JSON object of `--json`."""
        kept, before = not self.refused, self.source.bounds
        return {
            "accepted": kept,
            "refused": self.refused,
            "package": str(self.out / "package") if kept else None,
            "recipe": str(self.out / "recipe.json") if kept and self.source.recipe else None,
            "model": self.new.reference,
            "parent": self.source.package.manifest.reference,
            "by": self.wish.by,
            "reason": self.wish.reason,
            "parts": [_effect(one) for one in self.made.effects],
            "unsure_from": self.new.unsure_from,
            "ng_from": self.new.ng_from,
            "before": {"unsure_from": before.unsure_from, "ng_from": before.ng_from},
            "lowered_for": self.made.lowered_for,
            "taught_good_stopped": self.made.stopped,
            "taught_good": len(self.made.memory.scores),
            "withdrawn": self.made.withdrawn,
            "samples": list(self.samples),
            "dropped": list(self.wish.dropped),
            "limits": limits_object(self.settings),
            "proposed": _proposed(self.proposal),
            "replay": replay_object(self.found, self.stored),
            "seconds": round(self.seconds, 2),
            "replay_seconds": round(self.replay_seconds, 2),
        }

    def lines(self) -> list[str]:
        """The same in words."""
        words = [_effect_words(one) for one in self.made.effects]
        before = self.source.bounds
        if self.made.lowered_for:
            words.append(
                f"limits lowered for {self.made.lowered_for}: UNSURE from {before.unsure_from:.3f} to "
                f"{self.new.unsure_from:.3f}; {self.made.stopped} of {len(self.made.memory.scores)} good parts of the "
                "teaching lie above"
            )
        if self.made.withdrawn:
            words.append(f"{self.made.withdrawn} exemplars of earlier defects are like a good part, and went")
        words += [f"{name}: kept as limit sample, nothing is learnt from it" for name in self.samples]
        words += [f"{name}: no limit sample any more" for name in self.wish.dropped]
        words += [
            *replay_lines(self.found, self.stored),
            *limits_lines(self.settings),
            *_proposed_words(self.proposal, self.new.unsure_from),
        ]
        if self.refused:
            hint = "give lost defects with --defect too, or let one go: --accept-lost NAME"
            hint = hint if self.found.lost else "mend what is damaged; --accept-stopped takes more false rejects"
            if self.found.flipped:
                hint = "correct it otherwise; or take one out for a reason: --drop-limit NAME"
            return [*words, f"NOT ACCEPTED, nothing was written: {self.refused} ({hint})"]
        made = [f"{self.new.reference} made in {self.seconds:.1f} s; {self.source.package.manifest.reference} stays"]
        made.append(f"model:  {self.out / 'package'}")
        if self.source.recipe:
            made.append(f"recipe: {self.out / 'recipe.json'}")
        return [*words, *made]


def replay_object(found: Replay, stored: StoredParts | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "seen": found.seen,
        "verdicts": found.verdicts,
        "changes": [_change(one) for one in found.changes],
        "lost": list(found.lost),
        "stopped": list(found.stopped),
        "unreadable": list(found.unreadable),
        "samples": found.samples,
        "flipped": list(found.flipped),
    }
    if stored is not None:
        told["stored"] = {
            "parts": stored.looked_at,
            "pictures": len(stored.cases),
            "unkept": stored.unkept,
            "labelled": stored.labelled,
        }
    return told


def replay_lines(found: Replay, stored: StoredParts | None) -> list[str]:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in found.verdicts.items() if count)
    words = [f"judged {found.seen} known parts: {counts or 'none'}; {len(found.changes)} with another verdict"]
    if stored is not None:
        words.append(f"of the station's last {stored.looked_at} parts {len(stored.cases)} have a picture")
    words += [f"  {_change_words(one)}" for one in found.changes[:_SHOWN]]
    if len(found.changes) > _SHOWN:
        words.append(f"  and {len(found.changes) - _SHOWN} more")
    if found.samples:
        words.append(f"limit samples: {found.samples - len(found.flipped)} of {found.samples} get their answer")
    for what, names in (
        ("limit samples that get another answer", found.flipped),
        ("known defects that would pass", found.lost),
        ("known good parts that would be stopped", found.stopped),
        ("pictures that cannot be read", found.unreadable),
    ):
        if names:
            words.append(f"{what}: {len(names)} ({some(names)})")
    return words


def some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _proposed(proposal: Reestimate | None) -> dict[str, Any] | None:
    if proposal is None:
        return None
    limits = proposal.limits
    return {
        "unsure_from": round(limits.unsure_from, 4),
        "ng_from": round(limits.ng_from, 4),
        "rate": round(limits.rate, 6),
        "held_by": list(proposal.held_by),
        "escapes": list(proposal.escapes),
        "table": [_setting(row) for row in proposal.table],
    }


def _setting(row: Setting) -> dict[str, Any]:
    return {
        "unsure_from": round(row.unsure_from, 4),
        "stopped_good": row.rejects,
        "good": row.good,
        "escapes": len(row.escapes),
        "defects": row.defects,
    }


def limits_object(found: KnownSettings) -> dict[str, Any]:
    """What the limits before and after mean for the known parts, and others to choose from."""
    ends = {"before": found.before, "after": found.after}
    told: dict[str, Any] = {what: _setting(row) | {"escaping": list(row.escapes)} for what, row in ends.items()}
    return told | {"table": [_setting(row) for row in found.table]}


def limits_lines(found: KnownSettings) -> list[str]:
    def words(row: Setting) -> str:
        return f"{len(row.escapes)} of {row.defects} known defects pass, {row.rejects} of {row.good} good parts stopped"

    before, after = found.before, found.after
    told = [f"UNSURE from {after.unsure_from:.3f}: {words(after)}"]
    if before.unsure_from != after.unsure_from:
        told.append(f"with {before.unsure_from:.3f} as before: {words(before)}")
    return told


def _proposed_words(proposal: Reestimate | None, now: float) -> list[str]:
    if proposal is None:
        return []
    limit = proposal.limits.unsure_from
    row = next(one for one in proposal.table if one.unsure_from == limit)
    held = f", held by {some(proposal.held_by)}" if proposal.held_by else ""
    told = f"{row.rejects} of {row.good} good parts stopped, {len(row.escapes)} of {row.defects} defects pass"
    asked = f"all known parts together ask for UNSURE from {limit:.3f} (now {now:.3f}){held}"
    return [f"{asked}: {told}; limits are set in the recipe"]


def _label(case: Case) -> str:
    return {True: "defect", False: "good", None: ""}[case.defect]


def _change(one: Change) -> dict[str, Any]:
    return {
        "name": one.case.name,
        "label": _label(one.case),
        "recorded": one.case.was.value if one.case.was else None,
        "from": one.was.verdict.value if one.was else None,
        "to": one.now.verdict.value,
        "score_from": _score(one.was),
        "score_to": _score(one.now),
    }


def _change_words(one: Change) -> str:
    was = one.was.verdict.value if one.was else "-"
    label = _label(one.case)
    return f"{one.case.name}{f' ({label})' if label else ''}: {was} -> {one.now.verdict.value}"


def _score(said: Said | None) -> float | None:
    return None if said is None or said.score is None else round(said.score, 4)


def _effect(one: Effect) -> dict[str, Any]:
    return {
        "name": one.name,
        "defect": one.defect,
        "score_before": round(one.score_before, 4),
        "score_after": round(one.score_after, 4),
        "entries": one.entries,
        "exemplars": one.vetoes,
        "place": list(one.place) if one.place else None,
        "marked": one.marked,
    }


def _effect_words(one: Effect) -> str:
    scores = f"score {one.score_before:.3f} -> {one.score_after:.3f}"
    if not one.defect:
        return f"{one.name}: good, places remembered: {one.entries}, {scores}"
    if one.place is None:
        return f"{one.name}: defective, no place of it is unlike good parts, {scores}"
    across, down = (round(100 * share) for share in one.place)
    told = f"{one.name}: defective at {across} % across, {down} % down, {one.vetoes} exemplars, {scores}"
    return told if one.marked else f"{told}; if the defect is elsewhere, mark it: PICTURE@x,y,w,h"
