"""Frames of another size of the same shape: places and pictures are made to fit, and no other shape is."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.domain.geometry import Polygon, Rect
from edge.domain.recipe import Check, CheckKind, Locate, LocateKind, PictureLimits, View
from edge.errors import RecipeError, Refused
from edge.inference.locate import make_locator
from edge.inference.located import Located
from edge.learning.other_size import Scale
from tests.unit.learning import made

HALF = Scale.between((160, 128), (80, 64))


def view() -> View:
    check = Check(
        name="surface", kind=CheckKind.ANOMALY, model="plate@1", model_digest="0" * 64, unsure_from=1.0, ng_from=2.0,
        region=Rect(x=11, y=21, width=99, height=81), ignore=(Polygon(points=((2, 4), (6, 4), (6, 8))),),
    )  # fmt: skip
    locate = Locate(
        kind=LocateKind.BLOB, search=Rect(x=3, y=5, width=157, height=123), width_px=120, height_px=110,
        min_area_px=1000, max_area_px=9000, max_shift_px=30.0,
    )  # fmt: skip
    limits = PictureLimits(
        patch=Rect(x=100, y=100, width=60, height=28), brightness_min=1, brightness_max=2, focus_min=3
    )
    return View(
        camera="top", locate=locate, checks=(check,), picture=limits, frame_width=160, frame_height=128
    )  # fmt: skip


def test_all_places_of_a_view() -> None:
    made_view = HALF.view(view())
    locate, check = made_view.locate, made_view.checks[0]
    assert (made_view.frame_width, made_view.frame_height) == (80, 64)
    assert locate.search == Rect(x=2, y=2, width=78, height=62)
    assert (locate.width_px, locate.height_px) == (60, 55)
    assert (locate.min_area_px, locate.max_area_px, locate.max_shift_px) == (250, 2250, 15.0)
    assert check.region == Rect(x=6, y=10, width=49, height=41)
    assert check.region.inside(locate.width_px, locate.height_px)
    assert check.ignore[0].points == ((1.0, 2.0), (3.0, 2.0), (3.0, 4.0))
    assert made_view.picture is not None
    assert made_view.picture.patch == Rect(x=50, y=50, width=30, height=14)


def test_a_part_is_found_in_the_smaller_frame_with_the_smaller_template() -> None:
    """The same place, through the same locator, in the other px."""
    frame = made.good(3)
    template = cv2.imencode(".png", frame[20:108, 36:124])[1].tobytes()
    locate = Locate(kind=LocateKind.TEMPLATE, width_px=88, height_px=88, template=template)
    whole = make_locator(locate).find(frame)
    half = make_locator(HALF.view(replace(view(), locate=locate)).locate).find(HALF.frame(frame))
    assert isinstance(whole, Located)
    assert isinstance(half, Located)
    # Middles of pixels: px p of the frame is (p + 0.5) / 2 - 0.5 of half of it.
    assert half.placement.x_px == pytest.approx((whole.placement.x_px + 0.5) / 2 - 0.5, abs=0.3)
    assert half.placement.y_px == pytest.approx((whole.placement.y_px + 0.5) / 2 - 0.5, abs=0.3)


def test_frames_keep_their_mean() -> None:
    frame = made.good(1)
    half = HALF.frame(frame)
    assert half.shape == (64, 80, 3)
    assert abs(float(half.mean()) - float(frame.mean())) < 0.5
    assert HALF.frame(frame[:, :, :1]).shape == (64, 80, 1)
    assert np.array_equal(Scale.between((160, 128), (160, 128)).frame(frame), frame)


def test_another_shape_is_another_field_of_view() -> None:
    Scale.between((1920, 1080), (640, 361))  # rounded to whole pixels
    with pytest.raises(Refused, match="another field of view"):
        Scale.between((1920, 1080), (640, 480))


def test_what_becomes_too_small_is_said() -> None:
    with pytest.raises(RecipeError, match="the part picture is 15 x 14 px"):
        Scale.between((160, 128), (20, 16)).view(view())
