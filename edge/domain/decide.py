"""Deciding: predictions and limits in, verdict and reasons out. Pure; no clock, no state."""

from __future__ import annotations

from dataclasses import dataclass

from edge.domain.prediction import Prediction
from edge.domain.recipe import Check, CheckKind
from edge.domain.result import Score
from edge.domain.verdict import Reason, ReasonCode, Verdict, worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    verdict: Verdict
    reasons: tuple[Reason, ...]
    scores: tuple[Score, ...]


_CODES = {
    (CheckKind.ANOMALY, Verdict.NG): ReasonCode.ANOMALY,
    (CheckKind.ANOMALY, Verdict.UNSURE): ReasonCode.ANOMALY_UNSURE,
    (CheckKind.CLASSIFICATION, Verdict.NG): ReasonCode.CLASS,
    (CheckKind.CLASSIFICATION, Verdict.UNSURE): ReasonCode.CLASS_UNSURE,
}


def decide(checks: tuple[Check, ...], predictions: tuple[Prediction, ...]) -> Decision:
    """One decision for a view. A check without a prediction is NOT_INSPECTED(model_error), never OK."""
    by_name = {prediction.check: prediction for prediction in predictions}
    verdicts: list[Verdict] = []
    reasons: list[Reason] = []
    scores: list[Score] = []
    for check in checks:
        prediction = by_name.get(check.name)
        if prediction is None:
            verdicts.append(Verdict.NOT_INSPECTED)
            reasons.append(Reason(code=ReasonCode.MODEL_ERROR, where=check.name))
            continue
        verdict = judge(check, prediction.score)
        verdicts.append(verdict)
        scores.append(
            Score(
                check=check.name,
                score=prediction.score,
                unsure_from=check.unsure_from,
                ng_from=check.ng_from,
                label=prediction.label,
            )
        )
        if verdict is not Verdict.OK:
            limit = check.ng_from if verdict is Verdict.NG else check.unsure_from
            code = _CODES[check.kind, verdict]
            where = f"{check.name}:{prediction.label}" if prediction.label else check.name
            reasons.append(Reason(code=code, where=where, value=prediction.score, limit=limit))
    return Decision(verdict=worst(tuple(verdicts)), reasons=tuple(reasons), scores=tuple(scores))


def judge(check: Check, score: float) -> Verdict:
    """A score against a check's limits. Anything that does not compare as below both limits is not OK."""
    if score < check.unsure_from:
        return Verdict.OK
    if score < check.ng_from:
        return Verdict.UNSURE
    return Verdict.NG


def not_inspected(code: ReasonCode, where: str = "", value: float = 0.0, limit: float = 0.0) -> Decision:
    reason = Reason(code=code, where=where, value=value, limit=limit)
    return Decision(verdict=Verdict.NOT_INSPECTED, reasons=(reason,), scores=())
