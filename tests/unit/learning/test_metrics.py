"""Against slow references that follow the definitions word by word."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.learning.metrics import auroc, average_precision, share_interval

# Few values, so that ties are the rule.
SCORES = st.lists(st.integers(-4, 4).map(lambda value: value / 2), min_size=1, max_size=30)


@settings(deadline=None)
@given(SCORES, SCORES)
def test_auroc_is_the_share_of_pairs_in_order(good: list[float], bad: list[float]) -> None:
    pairs = [1.0 if b > g else 0.5 if b == g else 0.0 for g, b in itertools.product(good, bad)]
    assert auroc(good, bad) == pytest.approx(sum(pairs) / len(pairs))


@settings(deadline=None)
@given(SCORES, SCORES)
def test_average_precision_is_the_sum_over_thresholds(good: list[float], bad: list[float]) -> None:
    area, recall = 0.0, 0.0
    for threshold in sorted({*good, *bad}, reverse=True):
        hits = sum(score >= threshold for score in bad)
        alarms = sum(score >= threshold for score in good)
        area += (hits / len(bad) - recall) * hits / (hits + alarms)
        recall = hits / len(bad)
    assert average_precision(good, bad) == pytest.approx(area)


def test_ranking_by_hand() -> None:
    """Documented example of the usual library: y = 0, 0, 1, 1; scores 0.1, 0.4, 0.35, 0.8."""
    good, bad = [0.1, 0.4], [0.35, 0.8]
    assert auroc(good, bad) == pytest.approx(0.75)
    assert average_precision(good, bad) == pytest.approx(0.8333333333333333)
    assert auroc([1.0], [1.0]) == 0.5
    assert average_precision([1.0], [1.0]) == 0.5


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        # "The rule of three" and its exact form, 1 - 0.025 ** (1 / n)
        (0, 30, 0.0, 1 - 0.025 ** (1 / 30)),
        (30, 30, 0.025 ** (1 / 30), 1.0),
        (0, 1, 0.0, 0.975),
        # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, 1998, table I
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (1, 29, 0.0009, 0.1776),
    ],
)
def test_share_interval_known(count: int, of: int, low: float, high: float) -> None:
    assert share_interval(count, of) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))


@settings(deadline=None)
@given(st.integers(1, 60).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_share_interval_leaves_a_fortieth_on_each_side(counts: tuple[int, int]) -> None:
    count, of = counts
    low, high = share_interval(count, of)
    assert low <= count / of <= high

    def chance(ks: range, share: float) -> float:
        return sum(math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in ks)

    if count:
        assert chance(range(count, of + 1), low) == pytest.approx(0.025)
    if count < of:
        assert chance(range(count + 1), high) == pytest.approx(0.025)


def test_share_interval_of_many_is_finite_and_narrow() -> None:
    low, high = share_interval(200, 10_000)
    assert 0.017 < low < 0.02 < high < 0.023
    with pytest.raises(ValueError, match="no share"):
        share_interval(2, 1)
    with pytest.raises(ValueError, match="no share"):
        share_interval(0, 0)
    assert np.isfinite(share_interval(0, 100_000)).all()
