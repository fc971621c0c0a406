"""Limits from good scores: they hold on average what they promise, and promise no more than they can."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.errors import UsageError
from edge.learning.threshold import attainable, guarantee, limits, promised_limits, student_quantile, suspects

Draw = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float64]]


@pytest.mark.parametrize(
    ("share", "freedom", "expected"),
    # Tables of Student's t, as in every textbook.
    [
        (0.025, 1, 12.706),
        (0.05, 2, 2.920),
        (0.025, 5, 2.571),
        (0.005, 10, 3.169),
        (0.001, 30, 3.385),
        (0.05, 99, 1.660),
    ],
)
def test_students_quantiles(share: float, freedom: int, expected: float) -> None:
    assert student_quantile(share, freedom) == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize("count", [5, 20, 100])
def test_the_next_good_part_is_stopped_as_rarely_as_promised(count: int) -> None:
    rng = np.random.default_rng(count)
    stopped, promised = 0, 0.0
    rounds = 800
    for _ in range(rounds):
        found = limits(list(np.exp(0.5 + 0.15 * rng.standard_normal(count))), 0.02)
        promised += found.rate
        stopped += int(np.exp(0.5 + 0.15 * rng.standard_normal()) >= found.unsure_from)
    # Never above the conformal limit, hence never much rarer; the t limit keeps it from being much more frequent.
    assert 0.6 * promised / rounds < stopped / rounds < 1.8 * promised / rounds


def test_few_pictures_promise_little() -> None:
    assert attainable(9) == pytest.approx(0.1)
    scores = [1.0, 1.1, 1.2, 1.3, 1.15, 1.05, 1.25, 1.18, 1.12]
    found = limits(scores, 0.001)
    assert found.rate == pytest.approx(0.1)
    assert found.unsure_from <= 1.3001
    assert found.unsure_from < found.ng_from <= 1.3 * found.unsure_from


def test_one_defective_part_among_the_good_moves_no_limit() -> None:
    scores = [float(value) for value in np.exp(0.1 * np.random.default_rng(3).standard_normal(40))]
    clean = limits(scores)
    spoiled = limits([*scores, 9.0])
    assert suspects([*scores, 9.0]) == [40]
    assert spoiled.used == 40
    assert spoiled.unsure_from == clean.unsure_from


@pytest.mark.parametrize("rate", [0.0, 0.5, float("nan")])
def test_a_rate_that_cannot_be(rate: float) -> None:
    with pytest.raises(UsageError, match="false-reject rate"):
        limits([1.0, 1.1, 1.2], rate)


def test_equal_scores_still_leave_room() -> None:
    found = limits([1.0] * 5)
    assert 1.0 < found.unsure_from < found.ng_from


# How scores may spread: (name, draw, highest mean share stopped of 30 parts, of 50 and more), where 2 % are meant.
SHAPES: tuple[tuple[str, Draw, float, float], ...] = (
    ("log-normal", lambda rng, size: np.exp(0.15 * rng.standard_normal(size)), 0.024, 0.024),
    ("wide log-normal", lambda rng, size: np.exp(0.5 * rng.standard_normal(size)), 0.024, 0.024),
    ("gamma 4", lambda rng, size: rng.gamma(4, 1, size), 0.024, 0.024),
    ("gamma 30", lambda rng, size: rng.gamma(30, 1, size), 0.024, 0.024),
    ("highest of many", lambda rng, size: np.exp(0.12 * rng.gumbel(size=size)), 0.035, 0.027),
    ("log-t with 5", lambda rng, size: np.exp(0.12 * rng.standard_t(5, size)), 0.033, 0.026),
    ("Pareto", lambda rng, size: np.exp(0.15 * rng.exponential(size=size)), 0.038, 0.029),
)


@pytest.mark.parametrize(("name", "draw", "most_of_30", "most"), SHAPES, ids=[shape[0] for shape in SHAPES])
def test_two_in_a_hundred_are_stopped_whatever_the_shape(name: str, draw: Draw, most_of_30: float, most: float) -> None:
    """The mean share over teach sets of 30 to 150; per set, the count must lie in the binomial 99 % interval."""
    future = np.sort(draw(np.random.default_rng(1), (200_000,)))
    for count in (30, 50, 80, 150):
        rng = np.random.default_rng([count, 7])
        bounds = [promised_limits(list(row), 0.02, trusted=True).unsure_from for row in draw(rng, (300, count))]
        shares = 1 - np.searchsorted(future, bounds) / len(future)
        assert 0.014 < shares.mean() < (most_of_30 if count == 30 else most), count
        stopped = rng.binomial(60, shares)
        outside = float((stopped > 5).mean())  # P(more than 5 of 60 at 2 %) is 0.15 %, more than 4 is 0.8 %
        assert outside < (0.08 if count == 30 else 0.04), count


def test_pooled_over_sets_the_promise_lies_in_the_binomial_interval() -> None:
    """20 sets of each shape, 31 to 150 good parts each, 20 later ones: 99 % of 2,800 is 38 to 76."""
    rng, stopped = np.random.default_rng(11), 0
    for number, (_, draw, _, _) in enumerate(SHAPES):
        count = (31, 40, 60, 80, 100, 120, 150)[number]
        rounds = [promised_limits(list(draw(rng, (count,))), 0.02, trusted=True).unsure_from for _ in range(20)]
        stopped += sum(int((draw(rng, (20,)) >= bound).sum()) for bound in rounds)
    assert 38 <= stopped <= 76


def test_few_parts_promise_little_by_shape_too() -> None:
    scores = [1.0, 1.1, 1.2, 1.3, 1.15, 1.05, 1.25, 1.18, 1.12]
    assert promised_limits(scores, 0.001).rate == pytest.approx(0.1)
    many = promised_limits([*scores] * 5, 0.001, trusted=True)
    assert many.rate == pytest.approx(0.5 / 46)
    assert promised_limits([1.0] * 5).unsure_from > 1.0
    clean = promised_limits([*scores] * 3)
    assert promised_limits([*scores * 3, 9.0]) == clean
    with pytest.raises(UsageError, match="too few"):
        promised_limits([1.0, 1.1])


def test_the_guarantee_in_plain_words() -> None:
    few = guarantee(12, 0.02)
    assert (few.best, few.missing) == (pytest.approx(1 / 13), 37)
    assert few.words() == "with 12 samples at best 1 in 13 can be guaranteed, with 37 more 1 in 50"
    enough = guarantee(49, 0.02)
    assert enough.missing == 0
    assert enough.words() == "49 samples guarantee 1 good part in 50 stopped, and at best 1 in 50"
