"""One view, from frame to result: scores, boxes in frame pixels, masks, and what is not inspected."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.domain.decide import Decision
from edge.domain.frame import FrameRef
from edge.domain.geometry import Polygon, Rect
from edge.domain.model import Manifest, ModelKind, Preprocess
from edge.domain.part import PartId
from edge.domain.recipe import CheckKind, Locate, LocateKind, PictureLimits, View
from edge.domain.result import RecipeRef, Result
from edge.domain.verdict import ReasonCode, Verdict
from edge.errors import ModelError, RecipeError
from edge.inference.pipeline import Prepared, RecipeRunner
from edge.inference.session import Model
from tests.unit.inference import made
from tests.unit.inference.made import Pixels

REF = RecipeRef(name="disc", version=1, digest="0" * 16)
PART = PartId(station="s", epoch=1, n=1)


def _runner(view: View, *models: Model) -> RecipeRunner:
    return RecipeRunner(REF, view, models)


def _judge(runner: RecipeRunner, frame: Pixels) -> Result:
    return runner.judge(frame, part=PART)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model.load(made.package(tmp_path / "grey"))


def _view(model: Model, **changes: object) -> View:
    picture = {key: changes.pop(key) for key in ("locate", "picture", "frame_width") if key in changes}
    return made.view((made.check(_package(model), **changes),), **picture)


class _package:
    """As much of a package as `made.check` reads."""

    def __init__(self, model: Model) -> None:
        self.manifest: Manifest = model.manifest
        self.model_digest: str = model.digest


@pytest.mark.parametrize(
    ("spot", "verdict", "code"),
    [(80, Verdict.OK, None), (120, Verdict.UNSURE, ReasonCode.ANOMALY_UNSURE), (160, Verdict.NG, ReasonCode.ANOMALY)],
)
def test_a_score_meets_its_limits(model: Model, spot: int, verdict: Verdict, code: ReasonCode | None) -> None:
    result = _judge(_runner(_view(model), model), made.with_spot(16, 24, 8, spot=spot))
    assert result.verdict is verdict
    assert [reason.code for reason in result.reasons] == ([code] if code else [])
    assert result.scores[0].score == pytest.approx(spot, abs=1e-3)
    assert result.models == (model.digest[:12],)
    assert result.calibration == ""
    assert bool(result.boxes) is (verdict is not Verdict.OK)


def test_boxes_lie_on_the_frame(model: Model) -> None:
    result = _judge(_runner(_view(model), model), made.with_spot(16, 24, 16))
    box = result.boxes[0]
    assert (box.x, box.y, box.width, box.height) == (16, 24, 16, 16)
    assert box.score == pytest.approx(250, abs=1e-3)


def test_boxes_are_worst_first_and_at_most_sixteen(model: Model) -> None:
    frame = made.level(40)
    for k in range(16):
        frame[16 * (k // 4) : 16 * (k // 4) + 8, 16 * (k % 4) : 16 * (k % 4) + 8] = 110 + k
    frame[56:, 56:] = 250
    boxes = _judge(_runner(_view(model), model), frame).boxes
    assert len(boxes) == 16
    assert [box.score for box in boxes] == sorted((box.score for box in boxes), reverse=True)
    assert boxes[0].score == pytest.approx(250, abs=1e-3)
    assert (boxes[0].x, boxes[0].y, boxes[0].width) == (48, 48, 16)  # it touches its neighbour at a corner


def test_boxes_come_back_through_region_and_turn(model: Model) -> None:
    """A spot on a turned part, seen in a region at half the scale, is boxed where it lies in the frame."""
    frame = np.full((600, 800, 3), 20, np.uint8)
    matrix = cv2.getRotationMatrix2D((400, 300), 20, 1.0)
    part = np.full((600, 800, 3), 20, np.uint8)
    cv2.rectangle(part, (280, 220), (520, 380), (90, 90, 90), -1)
    cv2.rectangle(part, (330, 330), (345, 345), (255, 255, 255), -1)
    frame = np.asarray(cv2.warpAffine(part, matrix, (800, 600), borderValue=(20, 20, 20)), np.uint8)
    locate = Locate(kind=LocateKind.BLOB, width_px=280, height_px=200, rotate=True, max_angle_deg=40, min_area_px=5000)
    view = _view(model, locate=locate, region=Rect(x=40, y=60, width=128, height=128), unsure_from=120.0)
    result = _judge(_runner(view, model), frame)
    x, y = matrix @ (337.5, 337.5, 1)
    box = result.boxes[0]
    assert result.placement is not None
    assert result.placement.angle_deg == pytest.approx(20, abs=1)
    assert box.x <= x <= box.x + box.width
    assert box.y <= y <= box.y + box.height
    assert max(box.width, box.height) < 60


def test_masks_leave_their_cells_out(model: Model) -> None:
    frame = made.with_spot(16, 24, 8)
    frame[40:48, 40:48] = 130
    mask = Polygon(points=((14, 22), (26, 22), (26, 34), (14, 34)))
    result = _judge(_runner(_view(model, ignore=(mask,)), model), frame)
    assert result.verdict is Verdict.UNSURE
    assert result.scores[0].score == pytest.approx(130, abs=1e-3)
    assert [(box.x, box.y) for box in result.boxes] == [(40, 40)]


def test_masks_are_in_pixels_of_the_region(model: Model) -> None:
    """The region begins at (32, 16); the spot in it is masked, the same spot outside the mask is not."""
    locate = made.whole(128, 128)
    region = Rect(x=32, y=16, width=64, height=64)
    mask = Polygon(points=((8, 8), (16, 8), (16, 16), (8, 16)))
    runner = _runner(_view(model, locate=locate, region=region, ignore=(mask,)), model)
    hidden, seen = made.level(40, 128), made.level(40, 128)
    hidden[24:32, 40:48] = 250
    seen[8 + 24 : 8 + 32, 40:48] = 250
    assert _judge(runner, hidden).verdict is Verdict.OK
    assert _judge(runner, seen).verdict is Verdict.NG


def test_masks_over_everything_are_refused(model: Model) -> None:
    mask = Polygon(points=((-1, -1), (65, -1), (65, 65), (-1, 65)))
    with pytest.raises(RecipeError, match="nothing to inspect"):
        _runner(_view(model, ignore=(mask,)), model)


def test_masks_need_a_model_that_scores_by_its_map(tmp_path: Path) -> None:
    model = Model.load(made.package(tmp_path, made.anomaly_onnx(score_offset=5.0)))
    mask = Polygon(points=((0, 0), (8, 0), (8, 8)))
    _runner(_view(model), model)
    with pytest.raises(ModelError, match="does not score by its map"):
        _runner(_view(model, ignore=(mask,)), model)


def test_a_score_that_is_no_number_is_not_inspected(tmp_path: Path) -> None:
    model = Model.load(made.package(tmp_path, made.anomaly_onnx(nan=True)))
    result = _judge(_runner(_view(model), model), made.level(40))
    assert result.verdict is Verdict.NOT_INSPECTED
    assert [reason.code for reason in result.reasons] == [ReasonCode.MODEL_ERROR]


def test_a_map_that_is_no_number_is_never_ok(model: Model) -> None:
    """A masked check takes its score from the map: a NaN there must not vanish."""
    mask = Polygon(points=((0, 0), (8, 0), (8, 8), (0, 8)))
    runner = _runner(_view(model, ignore=(mask,)), model)
    prepared = runner.prepare(made.level(40))
    assert isinstance(prepared, Prepared)
    heat = np.full((1, 1, 8, 8), 40, np.float32)
    heat[0, 0, 5, 5] = np.nan
    predictions = runner.predict(prepared, ((np.array([40], np.float32), heat),))
    assert runner.finish(prepared, predictions, part=PART).verdict is Verdict.NOT_INSPECTED


def test_a_classifier_names_the_worst_class(tmp_path: Path) -> None:
    package = made.package(
        tmp_path, made.classifier_onnx(), kind=ModelKind.CLASSIFICATION, classes=("red", "green", "blue")
    )
    model = Model.load(package)
    check = made.check(
        package, kind=CheckKind.CLASSIFICATION, ok_labels=("green",), unsure_from=0.3, ng_from=0.7, name="cap"
    )
    runner = _runner(made.view((check,)), model)
    picture = made.level(0)
    picture[:, :, 2] = 100  # BGR: red
    result = _judge(runner, picture)
    assert result.verdict is Verdict.NG
    assert (result.scores[0].label, result.reasons[0].where) == ("red", "cap:red")
    green = made.level(0)
    green[:, :, 1] = 100
    assert _judge(runner, green).verdict is Verdict.OK


@pytest.mark.parametrize("labels", [("purple",), ("red", "green", "blue")])
def test_class_names_must_fit(tmp_path: Path, labels: tuple[str, ...]) -> None:
    package = made.package(
        tmp_path, made.classifier_onnx(), kind=ModelKind.CLASSIFICATION, classes=("red", "green", "blue")
    )
    check = made.check(package, kind=CheckKind.CLASSIFICATION, ok_labels=labels, unsure_from=0.3, ng_from=0.7)
    with pytest.raises(ModelError):
        _runner(made.view((check,)), Model.load(package))


def test_the_recipes_model_must_be_this_very_one(model: Model) -> None:
    with pytest.raises(ModelError, match="not the one"):
        _runner(_view(model, model_digest="1" * 64), model)
    with pytest.raises(ModelError, match="is for anomaly"):
        _runner(_view(model, kind=CheckKind.CLASSIFICATION, ok_labels=("a",)), model)
    with pytest.raises(RecipeError, match="outside the part"):
        _runner(_view(model, region=Rect(x=0, y=0, width=65, height=10)), model)


def test_what_is_not_located_is_never_a_defect(model: Model) -> None:
    locate = Locate(kind=LocateKind.BLOB, min_area_px=5000, width_px=64, height_px=64)
    result = _judge(_runner(_view(model, locate=locate), model), made.level(60, 200))
    assert result.verdict is Verdict.NOT_INSPECTED
    assert (result.reasons[0].code, result.placement, result.scores) == (ReasonCode.NOT_FOUND, None, ())


def test_a_bad_picture_is_not_inspected(model: Model) -> None:
    patch = PictureLimits(patch=Rect(x=0, y=0, width=64, height=8), brightness_min=30, brightness_max=200, focus_min=0)
    runner = _runner(_view(model, picture=patch), model)
    assert _judge(runner, made.level(10)).reasons[0].code is ReasonCode.TOO_DARK
    assert runner.judge(made.level(90), part=PART, identity=(1, 2)).verdict is Verdict.OK
    assert runner.judge(made.level(90), part=PART, identity=(1, 3)).reasons[0].code is ReasonCode.FROZEN


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64, 3), np.float32),
        made.level(0, 80),
    ],
)
def test_a_frame_that_is_not_as_promised(model: Model, frame: np.ndarray) -> None:
    outcome = _runner(_view(model, frame_width=64), model).prepare(frame)
    assert isinstance(outcome, Decision)
    assert outcome.reasons[0].code is ReasonCode.BAD_FRAME


def test_two_checks_share_a_cut_and_buffers_are_used_again(tmp_path: Path) -> None:
    package = made.package(tmp_path)
    model = Model.load(package)
    checks = (made.check(package), made.check(package, name="again", unsure_from=10.0, ng_from=20.0))
    runner = _runner(made.view(checks), model, model)
    first = runner.prepare(made.level(40))
    assert isinstance(first, Prepared)
    predictions = runner.run(first)
    assert [prediction.check for prediction in predictions] == ["surface", "again"]
    second = runner.prepare(made.level(45))
    assert isinstance(second, Prepared)
    assert second.tensors[0] is first.tensors[0]
    third = runner.prepare(made.level(45))
    assert isinstance(third, Prepared)
    assert third.tensors[0] is not second.tensors[0]


def test_the_frame_is_named_in_the_result(model: Model) -> None:
    runner = _runner(_view(model), model)
    frame = FrameRef(camera="top", epoch=3, slot=1, generation=4, seq=9, exposed_at_ns=5, error_ns=1)
    prepared = runner.prepare(made.level(40))
    assert isinstance(prepared, Prepared)
    assert runner.finish(prepared, runner.run(prepared), part=PART, frame=frame).frame == frame


def test_other_sizes_are_brought_to_the_models(tmp_path: Path) -> None:
    """A 640 px part for a 64 px model: the spot of 80 px fills one cell."""
    package = made.package(tmp_path, preprocess=Preprocess(width=64, height=64, mean=(0, 0, 0), std=(1, 1, 1)))
    model = Model.load(package)
    frame = made.with_spot(160, 240, 80, side=640)
    result = _judge(_runner(made.view((made.check(package),), locate=made.whole(640, 640)), model), frame)
    assert result.scores[0].score == pytest.approx(250, abs=0.5)
    assert (result.boxes[0].x, result.boxes[0].y, result.boxes[0].width) == (160, 240, 80)
