"""Limits from good scores: they hold on average what they promise, and promise no more than they can."""

from __future__ import annotations

import numpy as np
import pytest

from edge.errors import UsageError
from edge.learning.threshold import attainable, limits, student_quantile, suspects


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
