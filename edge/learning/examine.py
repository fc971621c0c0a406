"""One picture through the very pipeline of the line, step by step, so that each step is timed and its map can be seen.

`with_recipe` judges as a recipe says; `whole_frame` takes each picture, of whatever size, for one part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.clock import Clock
from edge.domain.decide import Decision, not_inspected
from edge.domain.model import Manifest, ModelKind
from edge.domain.part import PartId
from edge.domain.prediction import Prediction
from edge.domain.recipe import Check, CheckKind, Locate, View
from edge.domain.result import RecipeRef, Result, Score, Timings
from edge.domain.verdict import ReasonCode
from edge.errors import RecipeError, UsageError
from edge.inference.decode.anomaly import AnomalyDecoder
from edge.inference.pipeline import Prepared, RecipeRunner
from edge.inference.rectify import Pixels
from edge.inference.session import Model, Outputs

Heat = NDArray[np.float32]
Area = NDArray[np.bool_]
RunnerFor = Callable[[int, int], RecipeRunner | None]
"""(width, height) of a frame to whoever judges it; None when no part can have that size."""

_STATION, _EPOCH, _VIEW = "evaluate", 1, "whole"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """What came out of one picture. It keeps no pixels of it, only the maps in their own few cells."""

    result: Result
    _runner: RecipeRunner | None = None
    _prepared: Prepared | None = None
    _outputs: tuple[Outputs | None, ...] = ()

    @property
    def excess(self) -> float | None:
        """Of the worst check; None when nothing was scored."""
        return max((excess(score) for score in self.result.scores), default=None)

    def heat(self) -> tuple[Heat, Area] | None:
        """(H, W) of the frame: the excess of each pixel, the worst over all maps, and where any of them looks.

        None when there is no map, as for a part that was not found.
        """
        if self._runner is None or self._prepared is None:
            return None
        whole: tuple[Heat, Area] | None = None
        for one, outputs in zip(self._runner.checks, self._outputs, strict=True):
            if outputs is None or not isinstance(one.decoder, AnomalyDecoder):
                continue
            heat, looked = one.decoder.in_frame(outputs, self._prepared.matrix, self._prepared.frame_size)
            heat = (heat - np.float32(one.check.unsure_from)) / np.float32(_band(one.check))
            heat[~looked] = -np.inf
            whole = (heat, looked) if whole is None else (np.maximum(whole[0], heat), whole[1] | looked)
        return whole


class Examiner:
    """`look` from one thread. It counts the pictures, to know two that are the same from one that is shown twice."""

    def __init__(self, runner_for: RunnerFor, clock: Clock) -> None:
        self._runner_for, self._clock = runner_for, clock
        self._count = 0

    def look(self, frame: Pixels) -> Look:
        """frame: (H, W, 3) uint8 BGR."""
        self._count += 1
        part = PartId(station=_STATION, epoch=_EPOCH, n=self._count)
        runner = self._runner_for(frame.shape[1], frame.shape[0])
        if runner is None:
            return Look(result=_of_no_size(part))
        began_ns = self._clock.now_ns()
        outcome: Prepared | Decision = runner.prepare(frame, (_EPOCH, self._count))
        prepared_ns = self._clock.now_ns()
        outputs = runner.infer(outcome) if isinstance(outcome, Prepared) else ()
        ran_ns = self._clock.now_ns()
        predictions: tuple[Prediction, ...] = ()
        if isinstance(outcome, Prepared):
            runner.release(outcome)
            predictions = runner.predict(outcome, outputs)
        timings = Timings(
            waited_us=0,
            prepare_us=(prepared_ns - began_ns) // 1000,
            model_us=(ran_ns - prepared_ns) // 1000,
            total_us=(self._clock.now_ns() - began_ns) // 1000,
        )
        result = runner.finish(outcome, predictions, part=part, timings=timings)
        prepared = outcome if isinstance(outcome, Prepared) else None
        return Look(result=result, _runner=runner, _prepared=prepared, _outputs=outputs)


def with_recipe(runner: RecipeRunner) -> RunnerFor:
    return lambda width, height: runner


def whole_frame(model: Model, check: Check) -> RunnerFor:
    """check: of the whole part picture, as `package_check` makes it."""
    ref = RecipeRef(name=model.manifest.name, version=model.manifest.version, digest="")
    kept: dict[tuple[int, int], RecipeRunner] = {}

    def runner_for(width: int, height: int) -> RecipeRunner | None:
        if (width, height) not in kept:
            try:
                locate = Locate(width_px=width, height_px=height)
            except RecipeError:
                return None
            kept.clear()  # of many sizes only the last, each holds buffers
            view = View(camera=_VIEW, locate=locate, checks=(check,))
            kept[width, height] = RecipeRunner(ref, view, (model,))
        return kept[width, height]

    return runner_for


def excess(score: Score) -> float:
    """0 at the UNSURE limit, 1 at the NG limit: the order of the scores, and the same for every check."""
    return (score.score - score.unsure_from) / _band(score)


def _band(limits: Score | Check) -> float:
    return limits.ng_from - limits.unsure_from or max(abs(limits.ng_from), 1e-9)


def package_check(manifest: Manifest, digest: str) -> Check:
    """By the limits that the package itself suggests. UsageError for a model that has none."""
    if manifest.kind is not ModelKind.ANOMALY:
        raise UsageError(
            f"model {manifest.reference} names classes, and does not say which are good",
            hint="give a recipe that uses it",
        )
    return Check(
        name=manifest.kind.value,
        kind=CheckKind.ANOMALY,
        model=manifest.reference,
        model_digest=digest,
        unsure_from=manifest.unsure_from,
        ng_from=manifest.ng_from,
    )


def _of_no_size(part: PartId) -> Result:
    decision = not_inspected(ReasonCode.BAD_FRAME, _VIEW)
    ref = RecipeRef(name=_STATION, version=1, digest="")
    return Result(part=part, view=_VIEW, recipe=ref, verdict=decision.verdict, reasons=decision.reasons)
