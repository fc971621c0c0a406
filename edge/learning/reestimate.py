"""Limits anew, from what the line has shown since: good parts that were stopped, parts that passed, known defects.

Stopped parts alone must never raise a limit. They are the highest scores by selection; taken for a sample of all good
parts they would raise it again and again, until defects pass. So a limit rises only on the scores of the parts that
passed in the same time as well (the ledger has them all), and never past a known defect that is caught today, unless a
person asks for just that and is shown which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.errors import UsageError
from edge.learning.threshold import DEFAULT_RATE, Limits, promised_limits, suspects

_BELOW = 0.998  # of a defect's score: twice the tolerance between devices, so that it is caught on each of them
_JUST_ABOVE = 1 + 1e-6  # of a good part's score, which then passes
_SHARES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)  # of good parts stopped: rows of the table
_SHOWN_DEFECTS = 12  # that score lowest: each has a row in which it is just caught
_MOST_BINS = 200
_MOST_STOPPED = 0.2  # of good parts on a line that is worth running: more were picked out because they were stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectScore:
    """A part that a person called defective. score: by the model whose limits are sought."""

    name: str
    score: float
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All scores are by one model. taught: of the teach pictures, each by a model without it.

    overruled: judged UNSURE or NG at the line, and good as a person says. passed: judged OK at the line in the same
    time, all of them or a fair sample as large as the share of stopped parts that were looked at; an escape among
    them changes little, as it scored low. UsageError on a score that is no number of 0 or more.
    """

    taught: tuple[float, ...]
    overruled: tuple[float, ...] = ()
    passed: tuple[float, ...] = ()
    defects: tuple[DefectScore, ...] = ()

    def __post_init__(self) -> None:
        scores = [*self.good, *(one.score for one in self.defects)]
        if scores and not (np.isfinite(scores).all() and min(scores) >= 0):
            raise UsageError("a score is no number of 0 or more", hint="judge the parts again with this model")

    @property
    def good(self) -> tuple[float, ...]:
        return (*self.taught, *self.overruled, *self.passed)

    @property
    def fair(self) -> bool:
        """Whether the passed parts are enough for the stopped ones to be seen in proportion."""
        seen = len(self.overruled) + len(self.passed)
        return bool(self.passed) and len(self.overruled) <= _MOST_STOPPED * seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a limit means for the parts that are known. escapes: defects below it, lowest score first."""

    unsure_from: float
    rejects: int
    good: int
    escapes: tuple[str, ...]
    defects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reestimate:
    """limits: proposed. by_good: what the good parts alone ask for. held_by: defects for whose sake the proposal is
    lower. lost: defects that are caught today and would escape; empty unless it was asked not to hold.

    unseen: the good parts asked for a higher limit, and no fair number of passed parts was there to allow it.
    table: by rising limit; the present and the proposed limit are among the rows.
    """

    limits: Limits
    by_good: Limits
    held_by: tuple[str, ...]
    lost: tuple[str, ...]
    unseen: bool
    table: tuple[Setting, ...]

    @property
    def escapes(self) -> tuple[str, ...]:
        """Known defects that the proposed limit lets pass, whether they are caught today or not."""
        return next(row.escapes for row in self.table if row.unsure_from == self.limits.unsure_from)


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """edges: of the bins, rising, one more than counts. good, defects: parts in each bin."""

    edges: tuple[float, ...]
    good: tuple[int, ...]
    defects: tuple[int, ...]


def reestimate(evidence: Evidence, current: Limits, rate: float = DEFAULT_RATE, *, hold: bool = True) -> Reestimate:
    """New limits for a model in use. hold: no known defect that is caught today may pass.

    UsageError for a rate that cannot be, or with fewer than 3 good scores.
    """
    doubtful = set(suspects(evidence.taught)) if evidence.taught else set()
    sound = [score for row, score in enumerate(evidence.taught) if row not in doubtful]
    seen = [*evidence.overruled, *evidence.passed] if evidence.fair else []
    by_good = promised_limits([*sound, *seen], rate, trusted=True)
    unseen = not evidence.fair and by_good.unsure_from > current.unsure_from
    made = current if unseen else by_good
    lost = _lost(evidence.defects, current.unsure_from, made.unsure_from)
    held_by: tuple[str, ...] = ()
    if lost and hold:
        held_by = tuple(one.name for one in lost)
        made, lost = _lowered(made, max(current.unsure_from, _BELOW * lost[0].score), evidence.good), []
    return Reestimate(
        limits=made,
        by_good=by_good,
        held_by=held_by,
        lost=tuple(one.name for one in lost),
        unseen=unseen,
        table=settings_table(evidence, (current.unsure_from, made.unsure_from)),
    )


def settings_table(evidence: Evidence, marked: Sequence[float] = ()) -> tuple[Setting, ...]:
    """Limits to choose from, by rising limit. marked: limits that must be among them."""
    good = sorted(evidence.good, reverse=True)
    defects = sorted(evidence.defects, key=lambda one: (one.score, one.name))
    stopped = {int(share * len(good)) for share in _SHARES}
    tried = {good[count] * _JUST_ABOVE for count in stopped if count < len(good)}
    tried |= {one.score * _BELOW for one in defects[:_SHOWN_DEFECTS]}
    return tuple(_setting(limit, good, defects) for limit in sorted({*tried, *marked}))


def histogram(evidence: Evidence, bins: int = 40) -> Histogram:
    """Good parts and known defects over the same bins. UsageError when there is nothing to show."""
    scores = [*evidence.good, *(one.score for one in evidence.defects)]
    if not scores or not 1 <= bins <= _MOST_BINS:
        raise UsageError("there is no histogram of that", hint=f"give scores, and 1 to {_MOST_BINS} bins")
    edges = np.histogram_bin_edges(scores, bins)
    good, _ = np.histogram(evidence.good, edges)
    bad, _ = np.histogram([one.score for one in evidence.defects], edges)
    return Histogram(edges=tuple(edges.tolist()), good=tuple(good.tolist()), defects=tuple(bad.tolist()))


def _setting(limit: float, good: Sequence[float], defects: Sequence[DefectScore]) -> Setting:
    return Setting(
        unsure_from=limit,
        rejects=sum(score >= limit for score in good),
        good=len(good),
        escapes=tuple(one.name for one in defects if one.score < limit),
        defects=len(defects),
    )


def _lost(defects: Sequence[DefectScore], now: float, then: float) -> list[DefectScore]:
    """Caught with the limit `now` and not with `then`; lowest score first."""
    return sorted((one for one in defects if now <= one.score < then), key=lambda one: one.score)


def _lowered(limits: Limits, unsure_from: float, good: Sequence[float]) -> Limits:
    """NG stays as far above UNSURE as it was. The rate says what the lower limit costs."""
    band = limits.ng_from / limits.unsure_from
    rate = max(limits.rate, sum(score >= unsure_from for score in good) / len(good))
    return replace(limits, unsure_from=unsure_from, ng_from=unsure_from * band, rate=rate)
