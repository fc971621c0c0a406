"""How well scores tell good parts from defective ones, and how sure a counted share is.

Everything is computed from the definition, ties included, so that no library's habits come in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
_HALVINGS = 60  # of the interval 0 to 1: finer than a float can tell


def auroc(good: Sequence[float], bad: Sequence[float]) -> float:
    """The chance that a bad one scores higher than a good one, ties half (Mann and Whitney 1947). Neither is empty."""
    ordered = np.sort(np.asarray(good, np.float64))
    below = np.searchsorted(ordered, bad, side="left")
    up_to = np.searchsorted(ordered, bad, side="right")
    return float((below + up_to).mean() / 2 / len(ordered))


def auroc_interval(good: Sequence[float], bad: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Between what limits the true `auroc` lies. Neither is empty.

    Two ways are taken, and of each limit the more careful one. DeLong, DeLong and Clarke-Pearson ("Comparing the areas
    under two or more correlated receiver operating characteristic curves", Biometrics 44, 1988), on the scale of
    log(a / (1 - a)) so that no limit leaves 0 to 1, knows that some kinds of defect are found and others are not; but
    it takes 1.0 for certain, however few parts there were. Newcombe ("Confidence intervals for an effect size measure
    based on the Mann-Whitney statistic, part 2", Statistics in Medicine 25, 2006, method 5) does not.
    """
    area = auroc(good, bad)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    low, high = _newcombe(area, len(good), len(bad), z)
    spread = math.sqrt(_delong(good, bad))
    if 0 < area < 1 and spread > 0:
        middle, reach = math.log(area / (1 - area)), z * spread / (area * (1 - area))
        low = min(low, _logistic(middle - reach))
        high = max(high, _logistic(middle + reach))
    return low, high


def average_precision(good: Sequence[float], bad: Sequence[float]) -> float:
    """Precision at each threshold, weighted by the recall it adds; equal scores are one threshold. Neither is empty.

    No interpolation: that would be too kind (Davis and Goadrich, "The relationship between precision-recall and ROC
    curves", ICML 2006).
    """
    lows, highs = np.sort(np.asarray(good, np.float64)), np.sort(np.asarray(bad, np.float64))
    thresholds, found = np.unique(highs, return_counts=True)
    hits = len(highs) - np.searchsorted(highs, thresholds, side="left")
    alarms = len(lows) - np.searchsorted(lows, thresholds, side="left")
    return float((found * hits / (hits + alarms)).sum() / len(highs))


def share_interval(count: int, of: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Between what limits the true share lies when `count` of `of` were seen; of >= 1.

    Exact, never too narrow (Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of
    the binomial", Biometrika 26, 1934): none of 30 still means up to 12 %.
    """
    if not 0 <= count <= of or of < 1:
        raise ValueError(f"{count} of {of} is no share")
    tail = (1 - confidence) / 2
    weights = _log_choices(of)
    low = 0.0 if count == 0 else _crossing(lambda share: _at_least(weights, count, share) < tail)
    high = 1.0 if count == of else _crossing(lambda share: 1 - _at_least(weights, count + 1, share) > tail)
    return low, high


def _delong(good: Sequence[float], bad: Sequence[float]) -> float:
    """Variance of the AUROC: that of each part's share of pairs in order, over the parts of its side. Of one part on a
    side nothing is known: 0 for it."""
    lows, highs = np.sort(np.asarray(good, np.float64)), np.sort(np.asarray(bad, np.float64))
    won = (np.searchsorted(lows, highs, "left") + np.searchsorted(lows, highs, "right")) / 2 / len(lows)
    lost = (np.searchsorted(highs, lows, "left") + np.searchsorted(highs, lows, "right")) / 2 / len(highs)
    return float(sum(shares.var(ddof=1) / len(shares) for shares in (won, lost) if len(shares) > 1))


def _newcombe(area: float, good: int, bad: int, z: float) -> tuple[float, float]:
    """The values that lie z of their own standard errors from `area`. The errors are as if scores were exponential."""
    most = (good + bad) / 2 - 1

    def error(value: float) -> float:
        more = 1 + most * ((1 - value) / (2 - value) + value / (1 + value))
        return z * math.sqrt(value * (1 - value) * more / (good * bad))

    low = 0.0 if area == 0 else _crossing(lambda value: value < area and area - value > error(value))
    high = 1.0 if area == 1 else _crossing(lambda value: value <= area or value - area < error(value))
    return low, high


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))


def _log_choices(of: int) -> NDArray[np.float64]:
    whole = math.lgamma(of + 1)
    return np.array([whole - math.lgamma(k + 1) - math.lgamma(of - k + 1) for k in range(of + 1)])


def _at_least(log_choices: NDArray[np.float64], count: int, share: float) -> float:
    """P(X >= count) of a binomial X; 0 < share < 1."""
    of = len(log_choices) - 1
    k = np.arange(count, of + 1)
    return float(np.exp(log_choices[count:] + k * math.log(share) + (of - k) * math.log1p(-share)).sum())


def _crossing(is_below: Callable[[float], bool]) -> float:
    """Where a condition that holds for small shares stops to hold."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2
