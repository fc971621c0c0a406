"""What an evaluation counts: figures of merit from examined pictures.

A part is stopped at the line unless it is OK. Here UNSURE and NG are what a false reject is made of; parts that could
not be inspected (not found, too dark) are neither found nor escaped, and are counted apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.domain.result import Result
from edge.domain.verdict import Verdict
from edge.learning.labelled import LabelledPicture
from edge.learning.metrics import CONFIDENCE, auroc, auroc_interval, average_precision, share_interval
from edge.learning.pixel_figures import PixelFigures

STOPPED = (Verdict.UNSURE, Verdict.NG)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """A picture that was examined. excess: see `examine.excess`; None when nothing was scored."""

    picture: LabelledPicture
    result: Result
    excess: float | None

    @property
    def verdict(self) -> Verdict:
        return self.result.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskCount:
    """used, missing, black: defective pictures with a mask, without one, with one that marks nothing. The names of
    pictures whose mask cannot be read or has another size than they. mapless: pictures that have no map to compare."""

    used: int
    missing: int
    black: int
    unreadable: tuple[str, ...]
    other_size: tuple[str, ...]
    mapless: int
    regions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """`count` of `of`, and the 95 % interval of the true share. value and interval are None for none of none."""

    count: int
    of: int

    @property
    def value(self) -> float | None:
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        return share_interval(self.count, self.of) if self.of else None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotInspected:
    """How many parts, and reason code -> count; a part with two reasons counts in both."""

    good: int
    defect: int
    reasons: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindFigures:
    """Of one kind of defect. escaped: judged OK, of those that were inspected. auroc: against all good parts."""

    n: int
    verdicts: dict[str, int]
    escaped: Share
    auroc: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """ms per part: locating, preparing, models, deciding; not reading the file. None when no part was examined."""

    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A figure is None where the pictures cannot tell it: no good or no defective ones, no masks, no map.

    image_auroc_ci, au_pro_ci: between what limits the true figure lies, 95 %; au_pro_ci needs two defective pictures.
    """

    image_auroc: float | None
    image_auroc_ci: tuple[float, float] | None
    average_precision: float | None
    au_pro: float | None
    au_pro_ci: tuple[float, float] | None
    pixel_auroc: float | None
    false_rejects: Share
    escapes: Share
    per_defect: dict[str, KindFigures]
    latency_ms: Latency
    good: int
    defect: int
    not_inspected: NotInspected
    masks: MaskCount


def figures(seen: Sequence[Seen], masks: MaskCount, pixels: PixelFigures) -> Figures:
    good = [one for one in seen if one.picture.good]
    defective = [one for one in seen if not one.picture.good]
    lows, highs = _scores(good), _scores(defective)
    kinds = dict.fromkeys(one.picture.kind for one in defective)
    return Figures(
        image_auroc=auroc(lows, highs) if lows and highs else None,
        image_auroc_ci=auroc_interval(lows, highs) if lows and highs else None,
        average_precision=average_precision(lows, highs) if lows and highs else None,
        au_pro=pixels.au_pro(),
        au_pro_ci=pixels.au_pro_interval(CONFIDENCE),
        pixel_auroc=pixels.auroc(),
        false_rejects=_share(good, STOPPED),
        escapes=_share(defective, (Verdict.OK,)),
        per_defect={kind: _kind([one for one in defective if one.picture.kind == kind], lows) for kind in kinds},
        latency_ms=_latency([one.result.timings.total_us for one in seen if one.result.timings]),
        good=len(good),
        defect=len(defective),
        not_inspected=_not_inspected(seen),
        masks=masks,
    )


def _not_inspected(seen: Sequence[Seen]) -> NotInspected:
    ours = [one for one in seen if one.verdict is Verdict.NOT_INSPECTED]
    good = sum(one.picture.good for one in ours)
    reasons = Counter(reason.code.value for one in ours for reason in one.result.reasons)
    return NotInspected(good=good, defect=len(ours) - good, reasons=dict(reasons.most_common()))


def _kind(seen: Sequence[Seen], lows: Sequence[float]) -> KindFigures:
    found = Counter(one.verdict.value for one in seen)
    highs = _scores(seen)
    return KindFigures(
        n=len(seen),
        verdicts={verdict.value: found[verdict.value] for verdict in Verdict},
        escaped=_share(seen, (Verdict.OK,)),
        auroc=auroc(lows, highs) if lows and highs else None,
    )


def _share(seen: Sequence[Seen], wrong: tuple[Verdict, ...]) -> Share:
    inspected = [one for one in seen if one.verdict is not Verdict.NOT_INSPECTED]
    return Share(count=sum(one.verdict in wrong for one in inspected), of=len(inspected))


def _scores(seen: Sequence[Seen]) -> list[float]:
    return [one.excess for one in seen if one.excess is not None]


def _latency(took_us: list[int]) -> Latency:
    if not took_us:
        return Latency(p50=None, p99=None)
    p50, p99 = np.percentile(took_us, (50, 99)) / 1000
    return Latency(p50=round(float(p50), 3), p99=round(float(p99), 3))
