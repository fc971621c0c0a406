"""Each fault of the picture gives its own reason, and only its own."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.domain.geometry import Rect
from edge.domain.recipe import PictureLimits
from edge.domain.verdict import ReasonCode
from edge.inference.picture import PictureCheck, measure
from tests.unit.inference.made import Pixels

PATCH = Rect(x=10, y=5, width=200, height=30)
LIMITS = PictureLimits(patch=PATCH, brightness_min=60, brightness_max=140, focus_min=300)


def _frame(seed: int, gain: float = 1.0) -> Pixels:
    """A ruler in the patch, with the grain of a sensor."""
    rng = np.random.default_rng(seed)
    frame = np.full((100, 300, 3), 100.0)
    frame[5:35, 10:210:4] = 70
    return np.clip(frame * gain + rng.normal(0, 1.5, frame.shape), 0, 255).astype(np.uint8)


def _code(check: PictureCheck, frame: Pixels, seq: int) -> ReasonCode | None:
    reason = check.check(frame, (1, seq))
    return reason.code if reason else None


def test_sound_pictures_pass() -> None:
    check = PictureCheck(LIMITS)
    assert [_code(check, _frame(seq), seq) for seq in range(1, 6)] == [None] * 5


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (_frame(1, 0.3), ReasonCode.TOO_DARK),
        (np.zeros((100, 300, 3), np.uint8), ReasonCode.TOO_DARK),
        (_frame(1, 2.0), ReasonCode.TOO_BRIGHT),
        (cv2.GaussianBlur(_frame(1), (0, 0), 3), ReasonCode.BLURRED),
    ],
)
def test_each_fault_has_its_reason(frame: Pixels, code: ReasonCode) -> None:
    assert _code(PictureCheck(LIMITS), frame, 1) is code


def test_the_same_pixels_with_another_number_are_frozen() -> None:
    check = PictureCheck(LIMITS)
    assert _code(check, _frame(1), 1) is None
    assert _code(check, _frame(1), 2) is ReasonCode.FROZEN
    assert _code(check, _frame(3), 3) is None


def test_looking_twice_at_one_frame_is_no_freeze() -> None:
    check = PictureCheck(LIMITS)
    assert _code(check, _frame(1), 1) is None
    assert _code(check, _frame(1), 1) is None


def test_frozen_may_be_allowed() -> None:
    allowed = PictureLimits(patch=PATCH, brightness_min=60, brightness_max=140, focus_min=300, refuse_frozen=False)
    check = PictureCheck(allowed)
    assert [_code(check, _frame(1), seq) for seq in (1, 2)] == [None, None]


def test_a_patch_outside_the_frame_is_a_bad_frame() -> None:
    assert _code(PictureCheck(LIMITS), np.zeros((20, 20, 3), np.uint8), 1) is ReasonCode.BAD_FRAME


def test_grey_frames_measure_as_colour_ones() -> None:
    grey = np.asarray(cv2.cvtColor(_frame(1), cv2.COLOR_BGR2GRAY), np.uint8)
    seen = measure(grey[:, :, None], PATCH)
    assert seen == measure(np.stack([grey] * 3, axis=2), PATCH)
    assert seen.brightness == pytest.approx(float(grey[5:35, 10:210].mean()), abs=0.01)
