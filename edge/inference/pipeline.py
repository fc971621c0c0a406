"""One view of a loaded recipe: from a frame to predictions and the result. Used by the service, `edge inspect`
and teaching, so that all of them see the same pixels.

`prepare` reads the frame for the last time; what follows works on its own copies.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

import cv2

from edge import log
from edge.domain.decide import Decision, decide, not_inspected
from edge.domain.frame import FrameRef
from edge.domain.part import PartId
from edge.domain.prediction import Prediction
from edge.domain.recipe import Check, CheckKind, Locate, View
from edge.domain.result import Placement, RecipeRef, Result, Timings
from edge.domain.verdict import ReasonCode
from edge.errors import ModelError, RecipeError
from edge.inference.cut import Cutter
from edge.inference.decode.anomaly import AnomalyDecoder, check_masks_fit
from edge.inference.decode.classification import ClassificationDecoder
from edge.inference.locate import make_locator
from edge.inference.located import Affine, NotLocated
from edge.inference.picture import PictureCheck
from edge.inference.preprocess import Fed
from edge.inference.rectify import Pixels, Rectify, Uncalibrated
from edge.inference.session import Model, Outputs

_log = log.get(__name__)


class Decoder(Protocol):
    def predict(self, outputs: Outputs, matrix: Affine, frame_size: tuple[int, int]) -> Prediction: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedCheck:
    """A check with its model. RecipeError or ModelError at `fit` when they do not go together."""

    check: Check
    model: Model
    cutter: Cutter
    decoder: Decoder

    @classmethod
    def fit(cls, check: Check, model: Model, locate: Locate) -> LoadedCheck:
        if model.manifest.kind.value != check.kind.value:
            raise ModelError(
                f"model {model.name} does not fit check {check.name}: it is for {model.manifest.kind}",
                hint=f"the check wants a model for {check.kind}",
            )
        if model.digest != check.model_digest:
            raise ModelError(
                f"model {model.name} is not the one that check {check.name} was made with",
                hint="import that model again, or make a new recipe version with this one",
            )
        if check.region and not check.region.inside(locate.width_px, locate.height_px):
            raise RecipeError(f"check {check.name}: its region lies outside the part picture")
        cutter = Cutter.plan(locate, check.region, model.preprocessor)
        return cls(check=check, model=model, cutter=cutter, decoder=_decoder(check, model, cutter))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """A located part as model inputs, one for each check: copies, nothing of the frame. Give it back with `release`
    after `infer`."""

    tensors: tuple[Fed, ...]
    matrix: Affine
    placement: Placement
    frame_size: tuple[int, int]


class RecipeRunner:
    """`prepare` from one thread, `infer` from any number of others; the rest keeps no state.

    checks: in the recipe's order. rectify: the camera's calibration.
    """

    def __init__(self, ref: RecipeRef, view: View, models: tuple[Model, ...], rectify: Rectify | None = None) -> None:
        self.ref, self.view = ref, view
        self.checks = tuple(
            LoadedCheck.fit(check, model, view.locate) for check, model in zip(view.checks, models, strict=True)
        )
        self.models = tuple(model.digest[:12] for model in models)
        self._rectify: Rectify = rectify or Uncalibrated()
        self._locator = make_locator(view.locate)
        self._picture = PictureCheck(view.picture) if view.picture else None
        self._free: deque[tuple[Fed, ...]] = deque()

    def prepare(self, frame: Pixels, identity: tuple[int, int] = (0, 0)) -> Prepared | Decision:
        """frame: (H, W, 1 or 3) uint8, BGR when 3, only read. identity: its epoch and seq, to know a frozen picture.

        A Decision is NOT_INSPECTED: the picture, the part's place, or a frame that is not as promised.
        """
        try:
            return self._prepare(frame, identity)
        except cv2.error as error:
            _log.error("a frame of %s could not be prepared: %s", self.view.camera, error)
            return not_inspected(ReasonCode.BAD_FRAME, self.view.camera)

    def infer(self, prepared: Prepared) -> tuple[Outputs | None, ...]:
        """The bare model runs, one for each check; None where the model failed (logged)."""
        return tuple(_run(one.model, tensor) for one, tensor in zip(self.checks, prepared.tensors, strict=True))

    def release(self, prepared: Prepared) -> None:
        """The tensors may be used again. Not before `infer` has returned."""
        self._free.append(prepared.tensors)

    def predict(self, prepared: Prepared, outputs: tuple[Outputs | None, ...]) -> tuple[Prediction, ...]:
        """A check whose model failed or said NaN has no prediction: `decide` makes that NOT_INSPECTED."""
        predictions = []
        for one, output in zip(self.checks, outputs, strict=True):
            if output is None:
                continue
            try:
                predictions.append(one.decoder.predict(output, prepared.matrix, prepared.frame_size))
            except ModelError as error:
                _log.error("%s", error)
        return tuple(predictions)

    def run(self, prepared: Prepared) -> tuple[Prediction, ...]:
        """`infer`, `release` and `predict` at once, for whoever has one thread."""
        outputs = self.infer(prepared)
        self.release(prepared)
        return self.predict(prepared, outputs)

    def finish(
        self,
        outcome: Prepared | Decision,
        predictions: tuple[Prediction, ...],
        *,
        part: PartId,
        frame: FrameRef | None = None,
        timings: Timings | None = None,
    ) -> Result:
        """The result of this view of `part`; boxes of all checks, worst first within each."""
        if isinstance(outcome, Prepared):
            decision, placement = decide(self.view.checks, predictions), outcome.placement
        else:
            decision, placement = outcome, None
        return Result(
            part=part,
            view=self.view.camera,
            recipe=self.ref,
            verdict=decision.verdict,
            reasons=decision.reasons,
            scores=decision.scores,
            boxes=tuple(box for prediction in predictions for box in prediction.boxes),
            models=self.models,
            placement=placement,
            frame=frame,
            timings=timings,
            calibration=self._rectify.profile,
        )

    def judge(self, frame: Pixels, *, part: PartId, identity: tuple[int, int] = (0, 0)) -> Result:
        """All of it for one frame, one after the other: for `edge inspect` and tests."""
        outcome = self.prepare(frame, identity)
        predictions = self.run(outcome) if isinstance(outcome, Prepared) else ()
        return self.finish(outcome, predictions, part=part)

    def _prepare(self, frame: Pixels, identity: tuple[int, int]) -> Prepared | Decision:
        bad = self._bad_frame(frame)
        if bad is not None:
            return bad
        reason = self._picture.check(frame, identity) if self._picture else None
        if reason is not None:
            return not_inspected(reason.code, reason.where, reason.value, reason.limit)
        flat = self._rectify.apply(frame)
        found = self._locator.find(flat)
        if isinstance(found, NotLocated):
            return not_inspected(found.code, self.view.camera, found.value, found.limit)
        tensors = self._fill(flat, found.matrix)
        size = (frame.shape[1], frame.shape[0])
        return Prepared(tensors=tensors, matrix=found.matrix, placement=found.placement, frame_size=size)

    def _fill(self, frame: Pixels, matrix: Affine) -> tuple[Fed, ...]:
        tensors = self._buffers()
        cuts: dict[Cutter, Pixels] = {}
        for one, tensor in zip(self.checks, tensors, strict=True):
            if one.cutter not in cuts:
                cuts[one.cutter] = one.cutter.cut(frame, matrix)
            one.model.preprocessor.fill(cuts[one.cutter], tensor)
        return tensors

    def _buffers(self) -> tuple[Fed, ...]:
        try:
            return self._free.pop()
        except IndexError:
            return tuple(one.model.preprocessor.buffer() for one in self.checks)

    def _bad_frame(self, frame: Pixels) -> Decision | None:
        if frame.ndim != 3 or frame.shape[2] not in (1, 3) or frame.dtype.name != "uint8":
            return not_inspected(ReasonCode.BAD_FRAME, self.view.camera)
        height, width = frame.shape[:2]
        for promised, have in ((self.view.frame_width, width), (self.view.frame_height, height)):
            if promised and promised != have:
                return not_inspected(ReasonCode.BAD_FRAME, self.view.camera, have, promised)
        return None


def _run(model: Model, tensor: Fed) -> Outputs | None:
    try:
        return model.run(tensor)
    except ModelError as error:
        _log.error("%s", error)
        return None


def _decoder(check: Check, model: Model, cutter: Cutter) -> Decoder:
    if check.kind is CheckKind.CLASSIFICATION:
        if check.ignore:
            raise RecipeError(f"check {check.name}: a classifier looks at the whole region; masks are not for it")
        return ClassificationDecoder(check, model.manifest.classes)
    if check.ignore:
        check_masks_fit(check, model.run(model.preprocessor.buffer()), max(1e-3, model.manifest.tolerance))
    return AnomalyDecoder(check, cutter, model.preprocessor, model.map_shape)
