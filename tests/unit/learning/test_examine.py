"""Verdicts are the pipeline's own, and the map lies where the part lies in the frame."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.clock import SystemClock
from edge.domain.geometry import Polygon, Rect
from edge.domain.model import ModelKind
from edge.domain.recipe import CheckKind, Locate, LocateKind, Polarity, View
from edge.domain.result import Score
from edge.domain.verdict import ReasonCode, Verdict
from edge.errors import UsageError
from edge.inference.pipeline import RecipeRunner
from edge.inference.session import Model
from edge.learning.examine import Examiner, excess, package_check, whole_frame, with_recipe
from tests.unit.inference import made


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """map: mean grey level in cells of 8 px; UNSURE from 100, NG from 150."""
    return Model.load(made.package(tmp_path))


def of_package(model: Model) -> Examiner:
    return Examiner(whole_frame(model, package_check(model.manifest, model.digest)), SystemClock())


def of_view(model: Model, view: View) -> Examiner:
    runner = RecipeRunner(made.recipe(view).ref, view, (model,) * len(view.checks))
    return Examiner(with_recipe(runner), SystemClock())


def test_whole_pictures_of_any_size(model: Model) -> None:
    examiner = of_package(model)
    for width, height in ((64, 64), (200, 120), (64, 64), (50, 300)):
        look = examiner.look(np.full((height, width, 3), 125, np.uint8))
        assert look.result.verdict is Verdict.UNSURE
        assert look.excess == pytest.approx(0.5)
        assert look.result.timings is not None
        seen = look.heat()
        assert seen is not None
        assert seen[0].shape == (height, width)
        assert seen[1].all()
        np.testing.assert_allclose(seen[0], 0.5, atol=1e-5)
    tiny = examiner.look(made.level(10, 15))
    assert [reason.code for reason in tiny.result.reasons] == [ReasonCode.BAD_FRAME]
    assert (tiny.excess, tiny.heat()) == (None, None)


def test_the_map_lies_on_the_picture(model: Model) -> None:
    """A bright square in a picture of three times the model's size."""
    picture = made.with_spot(96, 24, 24, side=192)
    seen = of_package(model).look(picture).heat()
    assert seen is not None
    hot = seen[0] >= 0
    y, x = np.argwhere(hot).mean(axis=0)
    assert (x, y) == (pytest.approx(96 + 11.5, abs=0.6), pytest.approx(24 + 11.5, abs=0.6))
    assert 300 < hot.sum() < 24 * 24 + 4 * 24 * 10


def test_region_and_masks_are_where_it_looks(model: Model) -> None:
    locate = Locate(search=Rect(x=10, y=20, width=128, height=128), width_px=128, height_px=128)
    mask = Polygon(points=((0, 0), (32, 0), (32, 32), (0, 32)))
    check = replace(
        package_check(model.manifest, model.digest), region=Rect(x=32, y=0, width=64, height=64), ignore=(mask,)
    )
    frame = np.full((160, 200, 3), 50, np.uint8)
    seen = of_view(model, View(camera="top", locate=locate, checks=(check,))).look(frame).heat()
    assert seen is not None
    expected = np.zeros((160, 200), np.bool_)
    expected[20:84, 42:106] = True
    expected[20:52, 42:74] = False
    np.testing.assert_array_equal(seen[1], expected)
    assert np.isneginf(seen[0][~expected]).all()


def test_a_turned_part(model: Model) -> None:
    """Dark plate on a bright belt, set upright by its outline: the bright spot is found again in the frame."""
    frame = np.full((220, 220, 3), 255, np.uint8)
    middle, turned = (110.0, 100.0), 25.0
    corners = cv2.boxPoints((middle, (96, 64), -turned))
    cv2.fillPoly(frame, [np.round(corners).astype(np.int32)], (20, 20, 20))
    angle = math.radians(turned)
    spot = (110 + 25 * math.cos(angle), 100 - 25 * math.sin(angle))
    cv2.circle(frame, (round(spot[0]), round(spot[1])), 9, (230, 230, 230), -1)
    locate = Locate(
        kind=LocateKind.BLOB, polarity=Polarity.DARK, rotate=True, width_px=80, height_px=48, min_area_px=500
    )
    view = View(camera="top", locate=locate, checks=(package_check(model.manifest, model.digest),))
    look = of_view(model, view).look(frame)
    assert look.result.placement is not None
    seen = look.heat()
    assert seen is not None
    heat, looked = seen
    assert looked.sum() == pytest.approx(80 * 48, rel=0.02)
    y, x = np.argwhere(heat == heat.max()).mean(axis=0)
    assert math.hypot(x - spot[0], y - spot[1]) < 4


def test_two_checks_are_held_against_their_own_limits(model: Model) -> None:
    check = package_check(model.manifest, model.digest)
    lax = replace(check, name="lax", unsure_from=200.0, ng_from=250.0)
    left = replace(check, name="left", region=Rect(x=0, y=0, width=32, height=64))
    view = made.view((lax, left))
    look = of_view(model, view).look(made.level(125))
    assert look.excess == pytest.approx(0.5)
    seen = look.heat()
    assert seen is not None
    np.testing.assert_allclose(seen[0][:, :30], 0.5, atol=1e-5)
    np.testing.assert_allclose(seen[0][:, 34:], -1.5, atol=1e-5)


def test_limits_that_are_one() -> None:
    one = Score(check="a", score=3.0, unsure_from=2.0, ng_from=2.0)
    assert excess(one) == 0.5
    assert excess(replace(one, score=1.0)) < 0
    assert excess(replace(one, unsure_from=0.0, ng_from=0.0)) > 0


def test_a_classifier_alone_does_not_say_what_is_good(tmp_path: Path) -> None:
    package = made.package(
        tmp_path, made.classifier_onnx(), kind=ModelKind.CLASSIFICATION, classes=("a", "b", "c"), name="kinds"
    )
    with pytest.raises(UsageError, match="does not say which are good"):
        package_check(package.manifest, package.model_digest)
    check = made.check(package, kind=CheckKind.CLASSIFICATION, ok_labels=("a",), unsure_from=0.4, ng_from=0.6)
    look = of_view(Model.load(package), made.view((check,))).look(made.level(100))
    assert look.excess is not None
    assert look.heat() is None
