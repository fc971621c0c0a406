"""New limits from reviewed parts: no known defect is lost unseen, and stopped parts alone raise nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import UsageError
from edge.learning.reestimate import DefectScore, Evidence, histogram, reestimate, settings_table
from edge.learning.threshold import Limits, promised_limits

RNG = np.random.default_rng(8)
TAUGHT = tuple(float(value) for value in np.exp(0.12 * RNG.standard_normal(40)))
LINE = tuple(float(value) for value in 1.15 * np.exp(0.12 * RNG.standard_normal(2000)))  # the line differs a little
CURRENT = promised_limits(TAUGHT, 0.02)
STOPPED = tuple(score for score in LINE if score >= CURRENT.unsure_from)
PASSED = tuple(score for score in LINE if score < CURRENT.unsure_from)


def defect(name: str, score: float) -> DefectScore:
    return DefectScore(name=name, score=score)


def test_the_lines_own_parts_bring_the_rate_back_to_the_promise() -> None:
    assert len(STOPPED) > 0.06 * len(LINE)
    found = reestimate(Evidence(taught=TAUGHT, overruled=STOPPED, passed=PASSED), CURRENT, 0.02)
    assert found.limits == found.by_good
    assert not found.unseen
    fresh = 1.15 * np.exp(0.12 * np.random.default_rng(9).standard_normal(20_000))
    assert 0.012 < float((fresh >= found.limits.unsure_from).mean()) < 0.028


def test_stopped_parts_alone_raise_no_limit_however_often() -> None:
    found = reestimate(Evidence(taught=TAUGHT, overruled=STOPPED), CURRENT, 0.02)
    assert found.limits.unsure_from <= CURRENT.unsure_from
    higher = reestimate(Evidence(taught=tuple(1.3 * one for one in TAUGHT), overruled=STOPPED), CURRENT, 0.02)
    assert higher.unseen
    assert higher.limits == CURRENT
    assert higher.by_good.unsure_from > CURRENT.unsure_from
    few = reestimate(Evidence(taught=TAUGHT, overruled=(3.0, 3.5, 4.0), passed=PASSED[:6]), CURRENT, 0.02)
    assert few.limits.unsure_from <= CURRENT.unsure_from


def test_a_defect_that_is_caught_today_holds_the_limit() -> None:
    allowed = reestimate(Evidence(taught=TAUGHT, overruled=STOPPED, passed=PASSED), CURRENT, 0.02)
    between = (CURRENT.unsure_from + allowed.limits.unsure_from) / 2
    known = (defect("clear", 9.0), defect("faint", between), defect("never caught", 0.5 * CURRENT.unsure_from))
    evidence = Evidence(taught=TAUGHT, overruled=STOPPED, passed=PASSED, defects=known)
    found = reestimate(evidence, CURRENT, 0.02)
    assert found.held_by == ("faint",)
    assert found.lost == ()
    assert found.escapes == ("never caught",)
    assert CURRENT.unsure_from <= found.limits.unsure_from < between
    row = next(row for row in found.table if row.unsure_from == found.limits.unsure_from)
    assert found.limits.rate == pytest.approx(row.rejects / row.good)
    given_up = reestimate(evidence, CURRENT, 0.02, hold=False)
    assert given_up.lost == ("faint",)
    assert given_up.limits == allowed.limits
    assert given_up.escapes == ("never caught", "faint")


scores = st.lists(st.floats(0.2, 5.0), min_size=3, max_size=40)


@settings(max_examples=60, deadline=None)
@given(taught=scores, passed=scores, bad=st.lists(st.floats(0.1, 8.0), max_size=8), now=st.floats(0.3, 4.0))
def test_no_defect_is_ever_lost_unless_asked(
    taught: list[float], passed: list[float], bad: list[float], now: float
) -> None:
    current = Limits(unsure_from=now, ng_from=1.1 * now, rate=0.02, used=len(taught))
    known = tuple(defect(f"d{n}", score) for n, score in enumerate(bad))
    found = reestimate(Evidence(taught=tuple(taught), passed=tuple(passed), defects=known), current, 0.02)
    caught = {one.name for one in known if one.score >= now}
    assert not caught & set(found.escapes)
    assert found.lost == ()
    assert found.limits.unsure_from < found.limits.ng_from
    assert {now, found.limits.unsure_from} <= {row.unsure_from for row in found.table}


def test_each_row_says_what_it_stops_and_what_escapes() -> None:
    evidence = Evidence(taught=(1.0, 1.1, 1.2, 1.3), defects=(defect("b", 1.25), defect("a", 1.05), defect("c", 4.0)))
    rows = settings_table(evidence, (1.15,))
    assert [row.unsure_from for row in rows] == sorted(row.unsure_from for row in rows)
    for row in rows:
        assert row.rejects == sum(score >= row.unsure_from for score in evidence.taught)
        assert row.escapes == tuple(one for one, score in (("a", 1.05), ("b", 1.25)) if score < row.unsure_from)
        assert (row.good, row.defects) == (4, 3)
    assert any(not row.rejects for row in rows)
    assert any(not row.escapes for row in rows)
    assert any(row.unsure_from == 1.15 for row in rows)


def test_a_table_stays_short_whatever_there_is() -> None:
    many = tuple(defect(f"d{n}", 1 + 0.01 * n) for n in range(500))
    assert len(settings_table(Evidence(taught=TAUGHT, passed=PASSED, defects=many), (1.0, 2.0))) <= 25


def test_good_and_bad_share_the_bins_of_one_histogram() -> None:
    drawn = histogram(Evidence(taught=(1.0, 1.1, 1.2), defects=(defect("a", 3.0),)), 20)
    assert len(drawn.edges) == 21
    assert (sum(drawn.good), sum(drawn.defects)) == (3, 1)
    assert (drawn.good[0], drawn.defects[-1]) == (1, 1)
    with pytest.raises(UsageError, match="no histogram"):
        histogram(Evidence(taught=()))


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.1])
def test_a_score_that_is_no_number_is_refused(score: float) -> None:
    with pytest.raises(UsageError, match="no number"):
        Evidence(taught=(1.0, score))
    with pytest.raises(UsageError, match="no number"):
        Evidence(taught=(1.0,), defects=(defect("a", score),))


def test_too_few_good_parts_are_refused() -> None:
    with pytest.raises(UsageError, match="too few"):
        reestimate(Evidence(taught=(1.0, 1.1)), CURRENT)
