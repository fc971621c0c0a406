"""One picture in, one judged part out: `RecipeRunner` step by step, so that each step is timed."""

from __future__ import annotations

from dataclasses import dataclass

from edge.apps.inspect.pictures import Picture
from edge.clock import Clock
from edge.domain.decide import Decision, not_inspected
from edge.domain.part import PartId
from edge.domain.prediction import Prediction
from edge.domain.result import Result, Score, Timings
from edge.domain.verdict import ReasonCode, Verdict
from edge.inference.pipeline import Prepared, RecipeRunner

_EPOCH = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPart:
    """n counts from 1. image: name of the annotated picture inside --out, "" without one."""

    n: int
    name: str
    group: str
    time_s: float | None
    result: Result
    image: str = ""

    @property
    def verdict(self) -> Verdict:
        return self.result.verdict

    @property
    def worst(self) -> Score | None:
        """The check nearest to (or furthest over) its limit; None when nothing was scored."""
        return max(self.result.scores, key=_badness, default=None)


class Judge:
    """`station`: whose parts these are, for their ids."""

    def __init__(self, runner: RecipeRunner, clock: Clock, station: str) -> None:
        self._runner, self._clock, self._station = runner, clock, station

    def judge(self, n: int, picture: Picture) -> JudgedPart:
        part = PartId(station=self._station, epoch=_EPOCH, n=n)
        result = self._result(part, picture)
        return JudgedPart(n=n, name=picture.name, group=picture.group, time_s=picture.time_s, result=result)

    def _result(self, part: PartId, picture: Picture) -> Result:
        if picture.pixels is None:
            code = ReasonCode.OVERWRITTEN if picture.late else ReasonCode.UNREADABLE
            return self._runner.finish(not_inspected(code, self._runner.view.camera), (), part=part)
        began_ns = self._clock.now_ns()
        outcome: Prepared | Decision = self._runner.prepare(picture.pixels, (_EPOCH, picture.seq))
        prepared_ns = self._clock.now_ns()
        outputs = self._runner.infer(outcome) if isinstance(outcome, Prepared) else ()
        ran_ns = self._clock.now_ns()
        predictions: tuple[Prediction, ...] = ()
        if isinstance(outcome, Prepared):
            self._runner.release(outcome)
            predictions = self._runner.predict(outcome, outputs)
        timings = Timings(
            waited_us=0,
            prepare_us=(prepared_ns - began_ns) // 1000,
            model_us=(ran_ns - prepared_ns) // 1000,
            total_us=(self._clock.now_ns() - began_ns) // 1000,
        )
        return self._runner.finish(outcome, predictions, part=part, timings=timings)


def _badness(score: Score) -> float:
    """0 at the UNSURE limit, 1 at the NG limit; scales of different checks cannot be compared as they are."""
    band = score.ng_from - score.unsure_from
    return (score.score - score.unsure_from) / (band or max(abs(score.ng_from), 1e-9))
