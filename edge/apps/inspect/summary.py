"""What came out: counts per verdict, reason and group, latency, and how well scores tell `good` from the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.apps.inspect.film import FilmEnd
from edge.apps.inspect.judge import JudgedPart
from edge.domain.verdict import Verdict
from edge.learning.metrics import auroc

GOOD = "good"


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """ms per part: locating, preparing, models, deciding. Reading the picture is not in it. None without a part."""

    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """verdicts, reasons: counts; a part with two reasons counts in both. groups: sub-folder -> verdict -> count.

    auroc: per check, of its scores, sub-folder `good` against all others; empty when there are not both. Parts that
    have no score are not in it: `verdicts` says how many were not inspected. complete: everything that was given was
    seen. frames: None for images.
    """

    parts: int
    verdicts: dict[str, int]
    reasons: dict[str, int]
    groups: dict[str, dict[str, int]]
    latency_ms: Latency
    auroc: dict[str, float]
    complete: bool
    interrupted: bool
    frames: FilmEnd | None
    passed_over: int

    @property
    def all_ok(self) -> bool:
        return self.complete and self.parts == self.verdicts[Verdict.OK.value] > 0


def summarise(
    parts: Sequence[JudgedPart], *, interrupted: bool, frames: FilmEnd | None = None, passed_over: int = 0
) -> Summary:
    groups: dict[str, Counter[str]] = {}
    for part in parts:
        groups.setdefault(part.group, Counter())[part.verdict.value] += 1
    whole = frames is None or not (frames.cut_short or frames.undecodable)
    return Summary(
        parts=len(parts),
        verdicts=_by_verdict(Counter(part.verdict.value for part in parts)),
        reasons=dict(Counter(reason.code.value for part in parts for reason in part.result.reasons).most_common()),
        groups={} if set(groups) <= {""} else {name: _by_verdict(found) for name, found in groups.items()},
        latency_ms=_latency([part.result.timings.total_us for part in parts if part.result.timings]),
        auroc=_aurocs(parts),
        complete=whole and not interrupted,
        interrupted=interrupted,
        frames=frames,
        passed_over=passed_over,
    )


def _aurocs(parts: Sequence[JudgedPart]) -> dict[str, float]:
    scores: dict[str, tuple[list[float], list[float]]] = {}
    for part in parts:
        for score in part.result.scores:
            scores.setdefault(score.check, ([], []))[part.group != GOOD].append(score.score)
    return {check: round(auroc(good, bad), 4) for check, (good, bad) in scores.items() if good and bad}


def _by_verdict(found: Counter[str]) -> dict[str, int]:
    return {verdict.value: found[verdict.value] for verdict in Verdict}


def _latency(took_us: list[int]) -> Latency:
    if not took_us:
        return Latency(p50=None, p99=None)
    p50, p99 = np.percentile(took_us, (50, 99)) / 1000
    return Latency(p50=round(float(p50), 3), p99=round(float(p99), 3))
