"""Against slow references that follow the definitions word by word."""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.learning.metrics import auroc, auroc_interval, average_precision, share_interval

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


def slow_delong(good: list[float], bad: list[float]) -> float:
    """Variance of the AUROC, pair by pair."""

    def share(one: float, others: list[float], sign: int) -> float:
        return sum(1.0 if sign * (one - other) > 0 else 0.5 if one == other else 0.0 for other in others) / len(others)

    won = [share(one, good, 1) for one in bad]
    lost = [share(one, bad, -1) for one in good]
    return sum(
        sum((share - sum(shares) / len(shares)) ** 2 for share in shares) / (len(shares) - 1) / len(shares)
        for shares in (won, lost)
    )


def newcombe_error(area: float, good: int, bad: int) -> float:
    """Newcombe 2006, method 5: standard error if this were the true area; N is the mean of m - 1 and n - 1."""
    n = (good - 1 + bad - 1) / 2
    inner = 1 + n * (1 - area) / (2 - area) + n * area / (1 + area)
    return math.sqrt(area * (1 - area) / (good * bad) * inner)


Z = 1.959964


@settings(deadline=None)
@given(
    st.lists(st.integers(-9, 5).map(float), min_size=2, max_size=25),
    st.lists(st.integers(-5, 9).map(float), min_size=2, max_size=25),
)
def test_auroc_interval_is_the_more_careful_of_both(good: list[float], bad: list[float]) -> None:
    area = auroc(good, bad)
    low, high = auroc_interval(good, bad)
    assert 0 <= low <= area <= high <= 1
    spread = math.sqrt(slow_delong(good, bad))
    limits = [(low, high)]
    if 0 < area < 1 and spread:
        middle, reach = math.log(area / (1 - area)), Z * spread / (area * (1 - area))
        limits = [(1 / (1 + math.exp(reach - middle)), 1 / (1 + math.exp(-middle - reach)))]
        assert low <= limits[0][0] + 1e-6
        assert high >= limits[0][1] - 1e-6
    for limit, others in ((low, limits[0][0]), (high, limits[0][1])):
        newcombe = abs(limit - area) - Z * newcombe_error(limit, len(good), len(bad))
        assert newcombe == pytest.approx(0, abs=1e-6) or limit == pytest.approx(others, abs=1e-6)


def test_auroc_interval_of_a_perfect_one_is_no_point() -> None:
    low, high = auroc_interval([0.0] * 14, [1.0] * 32)
    assert high == 1.0
    assert 1 - low == pytest.approx(Z * newcombe_error(low, 14, 32), abs=1e-6)
    assert 0.85 < low < 0.95
    wide, narrow = auroc_interval([0.0] * 5, [1.0] * 5), auroc_interval([0.0] * 500, [1.0] * 500)
    assert wide[0] < low < narrow[0]
    assert auroc_interval([1.0], [0.0])[0] == 0.0


@pytest.mark.parametrize(("good", "bad", "apart"), [(20, 20, 1.5), (15, 40, 2.5), (10, 10, 1.0)])
def test_auroc_interval_holds_the_truth_19_times_in_20(good: int, bad: int, apart: float) -> None:
    true = NormalDist().cdf(apart / math.sqrt(2))
    rng = np.random.default_rng(2)
    held = [
        low <= true <= high
        for low, high in (
            auroc_interval(rng.normal(0, 1, good).tolist(), rng.normal(apart, 1, bad).tolist()) for _ in range(400)
        )
    ]
    assert sum(held) >= 0.95 * 400


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
