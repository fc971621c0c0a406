"""Deciding is pure: the same predictions always give the same verdict, and silence is never OK."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.decide import decide, judge
from edge.domain.prediction import Prediction
from edge.domain.recipe import Check, CheckKind
from edge.domain.verdict import ReasonCode, Verdict, worst
from edge.errors import ModelError


def check(name: str = "surface", kind: CheckKind = CheckKind.ANOMALY) -> Check:
    labels = ("good",) if kind is CheckKind.CLASSIFICATION else ()
    return Check(
        name=name, kind=kind, model="m@1", model_digest="0" * 64, unsure_from=2.0, ng_from=3.0, ok_labels=labels
    )


@pytest.mark.parametrize(
    ("score", "verdict"),
    [(1.999, Verdict.OK), (2.0, Verdict.UNSURE), (2.999, Verdict.UNSURE), (3.0, Verdict.NG), (99.0, Verdict.NG)],
)
def test_limits_belong_to_the_worse_side(score: float, verdict: Verdict) -> None:
    assert judge(check(), score) is verdict


def test_a_score_that_is_no_number_never_becomes_a_prediction() -> None:
    for score in (math.nan, math.inf, -math.inf):
        with pytest.raises(ModelError):
            Prediction(check="surface", score=score)


def test_nan_is_not_ok_even_if_it_got_through() -> None:
    assert judge(check(), math.nan) is Verdict.NG


def test_a_check_without_prediction_is_not_inspected() -> None:
    decision = decide((check("a"), check("b")), (Prediction(check="a", score=0.0),))
    assert decision.verdict is Verdict.NOT_INSPECTED
    assert [reason.code for reason in decision.reasons] == [ReasonCode.MODEL_ERROR]


def test_no_checks_is_not_ok() -> None:
    assert decide((), ()).verdict is Verdict.NOT_INSPECTED


def test_reasons_name_check_label_value_and_limit() -> None:
    decision = decide(
        (check("date", CheckKind.CLASSIFICATION),), (Prediction(check="date", score=5.0, label="smeared"),)
    )
    (reason,) = decision.reasons
    assert (reason.code, reason.where, reason.value, reason.limit) == (ReasonCode.CLASS, "date:smeared", 5.0, 3.0)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=8))
def test_ok_only_when_every_check_is_below_its_limit(scores: list[float]) -> None:
    checks = tuple(check(f"c{index}") for index in range(len(scores)))
    predictions = tuple(Prediction(check=f"c{index}", score=score) for index, score in enumerate(scores))
    decision = decide(checks, predictions)
    assert (decision.verdict is Verdict.OK) == all(score < 2.0 for score in scores)
    assert bool(decision.reasons) == (decision.verdict is not Verdict.OK)


def test_the_worst_of_nothing_is_not_inspected() -> None:
    assert worst(()) is Verdict.NOT_INSPECTED
    assert worst((Verdict.OK, Verdict.NG, Verdict.UNSURE)) is Verdict.NG
