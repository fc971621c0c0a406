"""From the scores of good parts to the limits of OK, UNSURE and NG.

The scores must be of pictures that the model was not taught with (`edge.learning.teach` leaves each out in turn).

With enough parts for the wanted rate the limit assumes nothing about how scores spread: above the k-th highest of n
lies a share of k in n + 1 of all good parts (conformal prediction). Fewer parts promise 1 in n + 1 at best, and a rarer
rate is not taken on trust, because a limit set too high is paid for with defective parts: more pictures bring the rate
down. There the highest score alone would be a poor guide, so the logarithms are also taken as normal with unknown mean
and spread, and the Student t prediction limit (Hahn, "Factors for calculating two-sided prediction intervals for
samples from a normal distribution", JASA 64, 1969) is the limit if it is lower.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.errors import UsageError

DEFAULT_RATE = 0.002
_LEAST_SCORE = 1e-9
_SUSPECT_SPREADS = 4.5  # of the other scores: 3 in a million of parts that are all alike
_LEAST_SUSPECT_SPREAD = 0.05  # of ln(score)
_ABOVE = 1 + 1e-6  # just above a score that is still good
_NG_SHARE = 0.1  # of the rate: what exceeds NG is that much rarer among good parts; between is UNSURE
_LEAST_BAND, _MOST_BAND = 1.02, 1.3
_LEAST_SPREAD = 0.02  # of ln(score): a handful of nearly equal pictures says nothing about the next day's


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """unsure_from, ng_from: in the model's scores. rate: share of good parts meant to be UNSURE or NG.

    used: how many scores they are from; those of suspects do not count.
    """

    unsure_from: float
    ng_from: float
    rate: float
    used: int


def limits(scores: Sequence[float], rate: float = DEFAULT_RATE, *, trusted: bool = False) -> Limits:
    """scores: of good parts, each by a model that did not see it; at least 3. UsageError for a rate that cannot be."""
    if not 1e-6 <= rate <= 0.2:
        raise UsageError(f"a false-reject rate of {rate:g} cannot be asked for", hint="use 0.000001 to 0.2")
    if len(scores) < 3:
        raise UsageError(f"{len(scores)} scores are too few for a limit", hint="teach with at least 3 pictures")
    kept = np.delete(np.asarray(scores, np.float64), [] if trusted else suspects(scores))
    logs = np.log(np.maximum(kept, _LEAST_SCORE))
    count = len(kept)
    share = max(rate, attainable(count))
    spread = max(float(logs.std(ddof=1)), _LEAST_SPREAD) * math.sqrt(1 + 1 / count)
    steps = [student_quantile(one, count - 1) for one in (share, share * _NG_SHARE)]
    unsure = float(np.sort(kept)[-math.floor(share * (count + 1) + 1e-9)]) * _ABOVE
    if rate < attainable(count):
        unsure = min(unsure, math.exp(float(logs.mean()) + steps[0] * spread))
    band = min(_MOST_BAND, max(_LEAST_BAND, math.exp((steps[1] - steps[0]) * spread)))
    return Limits(unsure_from=unsure, ng_from=unsure * band, rate=share, used=count)


def attainable(count: int) -> float:
    """The least share of false rejects that `count` good parts can promise without assuming anything."""
    return 1 / (count + 1)


def suspects(scores: Sequence[float]) -> list[int]:
    """Rows whose score stands far above the others', worst first: perhaps a defective part among the good."""
    logs = np.log(np.maximum(np.asarray(scores, np.float64), _LEAST_SCORE))
    middle = float(np.median(logs))
    spread = max(1.4826 * float(np.median(np.abs(logs - middle))), _LEAST_SUSPECT_SPREAD)
    rows = [row for row, value in enumerate(logs) if value > middle + _SUSPECT_SPREADS * spread]
    return sorted(rows, key=lambda row: -scores[row])


def student_quantile(share: float, freedom: int) -> float:
    """t that a Student variable with `freedom` degrees (>= 1) exceeds with probability `share` (0 to 0.5)."""
    low, high = 0.0, 1.0
    while _upper_tail(high, freedom) > share:
        low, high = high, high * 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _upper_tail(middle, freedom) > share else (low, middle)
    return (low + high) / 2


def _upper_tail(t: float, freedom: int) -> float:
    """P(T > t), t >= 0: the finite series of Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= (k - 1) / k * cosine * cosine
        total += term
    inside = (angle + sine * total) * 2 / math.pi if odd else sine * total
    return (1 - inside) / 2
