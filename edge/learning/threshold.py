"""From the scores of good parts to the limits of OK, UNSURE and NG.

The scores must be of pictures that the model was not taught with (`edge.learning.teach` leaves each out in turn).

With enough parts for the wanted rate the limit assumes nothing about how scores spread: above the k-th highest of n
lies a share of k in n + 1 of all good parts (conformal prediction). Fewer parts promise 1 in n + 1 at best, and a rarer
rate is not taken on trust, because a limit set too high is paid for with defective parts: more pictures bring the rate
down. There the highest score alone would be a poor guide, so the logarithms are also taken as normal with unknown mean
and spread, and the Student t prediction limit (Hahn, "Factors for calculating two-sided prediction intervals for
samples from a normal distribution", JASA 64, 1969) is the limit if it is lower. So `limits`, the cautious way.

`promised_limits` keeps nearer to the rate that was asked for. Measured on made-up scores, the t limit of all logarithms
stops 0.8 to 5 % where 2 % were meant, because scores (each the highest of a map) lie askew even as logarithms: so only
the upper half tells the spread. And the more parts there are beyond the wanted rate, the more the ordered scores
themselves decide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import UsageError

DEFAULT_RATE = 0.002
_LEAST_SCORE = 1e-9
_SUSPECT_SPREADS = 4.5  # of the other scores: 3 in a million of parts that are all alike
_LEAST_SUSPECT_SPREAD = 0.05  # of ln(score)
_ABOVE = 1 + 1e-6  # just above a score that is still good
_NG_SHARE = 0.1  # of the rate: what exceeds NG is that much rarer among good parts; between is UNSURE
_LEAST_BAND, _MOST_BAND = 1.02, 1.3
_LEAST_SPREAD = 0.02  # of ln(score): a handful of nearly equal pictures says nothing about the next day's
_SHAPE_FROM = 15  # parts: from here on their shape is trusted for rarer rates than can be counted,
_SHAPE_SHARE = 0.5  # but never below this share of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """unsure_from, ng_from: in the model's scores. rate: share of good parts meant to be UNSURE or NG.

    used: how many scores they are from; those of suspects do not count.
    """

    unsure_from: float
    ng_from: float
    rate: float
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantee:
    """What `used` good parts can promise about false rejects, whatever the shape of their scores.

    asked: the wanted share. best: the least that can be promised. missing: further good parts until `asked` can be.
    """

    used: int
    asked: float
    best: float
    missing: int

    def words(self) -> str:
        """For a person."""
        best, asked = _one_in(self.best), _one_in(self.asked)
        if not self.missing:
            return f"{self.used} samples guarantee 1 good part in {asked} stopped, and at best 1 in {best}"
        return f"with {self.used} samples at best 1 in {best} can be guaranteed, with {self.missing} more 1 in {asked}"


def limits(scores: Sequence[float], rate: float = DEFAULT_RATE, *, trusted: bool = False) -> Limits:
    """scores: of good parts, each by a model that did not see it; at least 3. UsageError for a rate that cannot be."""
    kept = _kept(scores, rate, trusted)
    logs = np.log(np.maximum(kept, _LEAST_SCORE))
    count = len(kept)
    share = max(rate, attainable(count))
    spread = max(float(logs.std(ddof=1)), _LEAST_SPREAD) * math.sqrt(1 + 1 / count)
    steps = [student_quantile(one, count - 1) for one in (share, share * _NG_SHARE)]
    unsure = float(np.sort(kept)[-math.floor(share * (count + 1) + 1e-9)]) * _ABOVE
    if rate < attainable(count):
        unsure = min(unsure, math.exp(float(logs.mean()) + steps[0] * spread))
    band = math.exp((steps[1] - steps[0]) * spread)
    return _limits(unsure, band, share, count)


def promised_limits(scores: Sequence[float], rate: float = DEFAULT_RATE, *, trusted: bool = False) -> Limits:
    """As `limits`, but meant to stop that share of good parts and not fewer or more.

    The shape of the scores is trusted for rates down to half of what can be counted (from 30 parts on; less with
    fewer): a limit set higher on trust would be paid for with defective parts. Where it is not honest: with 30 to 48
    parts and scores whose logarithms have an exponential tail, 3 % are stopped where 2 % are meant; and suspects that
    nobody has confirmed do not count, so that with such tails 4 to 5 % are stopped until somebody has.
    """
    kept = _kept(scores, rate, trusted)
    logs = np.sort(np.log(np.maximum(kept, _LEAST_SCORE)))[::-1]
    count = len(logs)
    share = max(rate, attainable(count) * min(1.0, max(_SHAPE_SHARE, _SHAPE_FROM / count)))
    middle, upper = float(np.median(logs)), count // 2
    above = np.maximum(logs - middle, 0.0)
    spread = max(math.sqrt(float((above**2).sum()) / upper), _LEAST_SPREAD) * math.sqrt(1 + 1 / count)
    steps = [student_quantile(one, upper) for one in (share, share * _NG_SHARE)]
    unsure = middle + steps[0] * spread
    beyond = share * (count + 1)  # how many of the scores should lie beyond the limit
    if beyond >= 1 - 1e-9:
        unsure += beyond / (beyond + 1) * (_ordered(logs, beyond) - unsure)
    return _limits(math.exp(unsure) * _ABOVE, math.exp((steps[1] - steps[0]) * spread), share, count)


def guarantee(count: int, rate: float) -> Guarantee:
    """count: good parts that limits are from (`Limits.used`). rate: the share of false rejects that is wanted."""
    needed = math.ceil(1 / rate - 1 - 1e-9)
    return Guarantee(used=count, asked=rate, best=attainable(count), missing=max(0, needed - count))


def attainable(count: int) -> float:
    """The least share of false rejects that `count` good parts can promise without assuming anything."""
    return 1 / (count + 1)


def suspects(scores: Sequence[float]) -> list[int]:
    """Rows whose score stands far above the others', worst first: perhaps a defective part among the good."""
    bound = suspect_from(scores)
    return sorted((row for row, score in enumerate(scores) if score > bound), key=lambda row: -scores[row])


def suspect_from(scores: Sequence[float]) -> float:
    """Above this score a picture is unlike the others."""
    logs = np.log(np.maximum(np.asarray(scores, np.float64), _LEAST_SCORE))
    middle = float(np.median(logs))
    spread = max(1.4826 * float(np.median(np.abs(logs - middle))), _LEAST_SUSPECT_SPREAD)
    return math.exp(middle + _SUSPECT_SPREADS * spread)


def _kept(scores: Sequence[float], rate: float, trusted: bool) -> NDArray[np.float64]:
    """The scores without those of suspects."""
    if not 1e-6 <= rate <= 0.2:
        raise UsageError(f"a false-reject rate of {rate:g} cannot be asked for", hint="use 0.000001 to 0.2")
    if len(scores) < 3:
        raise UsageError(f"{len(scores)} scores are too few for a limit", hint="teach with at least 3 pictures")
    return np.delete(np.asarray(scores, np.float64), [] if trusted else suspects(scores))


def _limits(unsure: float, band: float, share: float, count: int) -> Limits:
    band = min(_MOST_BAND, max(_LEAST_BAND, band))
    return Limits(unsure_from=unsure, ng_from=unsure * band, rate=share, used=count)


def _ordered(falling: NDArray[np.float64], rank: float) -> float:
    """The rank-th highest, 1 the first; between two ranks in proportion."""
    below = min(math.floor(rank + 1e-9), len(falling))
    after = min(below + 1, len(falling))
    part = max(0.0, rank - below)
    return float((1 - part) * falling[below - 1] + part * falling[after - 1])


def _one_in(share: float) -> int:
    return round(1 / share)


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
