"""Flat field and dark frame: what an even surface looks like, so that light and lens can be taken out of the picture.

Several frames are averaged, which leaves what stays: the light's fall-off, the lens's shading, dust on the sensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.domain.calibration import GAIN_ONE
from edge.errors import CalibrationError

Frame = NDArray[np.uint8]
LEAST_FRAMES = 3
_BURNT, _DARKEST, _BRIGHTEST = 250, 40, 235
_MOST_BURNT = 0.001  # of the pixels
_MOST_GAIN = 4.0
_MOST_CHANGE = 3.0  # levels that frames of one series may differ in the mean
_MOST_DARK = 30
_MOST_TEXTURE = 0.06  # of the level: a surface with a pattern is no flat field
_SOFT_SHARE = 0.02  # of the longer side: what is finer than this is texture or dust


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatField:
    """gain: (H, W) or (H, W, 3) uint16, in 1 / GAIN_ONE. dark: uint8 of the same shape, None without dark frames.

    unevenness: darkest over brightest place, before. frames: how many were averaged.
    """

    gain: NDArray[np.uint16]
    dark: Frame | None
    unevenness: float
    frames: int


def flat_field(flats: Sequence[tuple[str, Frame]], darks: Sequence[tuple[str, Frame]] = ()) -> FlatField:
    """(name, frame) of an even, bright, matt surface; and of a covered lens. CalibrationError says what to do."""
    level = _mean(flats, "flat field")
    dark = _mean(darks, "dark") if darks else None
    if dark is not None:
        _fits(dark, level)
        level = level - dark
    soft = _soft(level)
    _check_level(flats, soft)
    texture = float(np.abs(level / np.maximum(soft, 1) - 1).mean())
    if texture > _MOST_TEXTURE:
        raise CalibrationError(
            f"the surface is not even: {texture:.0%} of texture",
            hint="use a white sheet out of focus, or opal glass, and move it a little between the frames",
        )
    wanted = np.median(soft, axis=(0, 1), keepdims=True)
    gain = np.clip(wanted / np.maximum(level, 1), 1 / _MOST_GAIN, _MOST_GAIN)
    grey = soft if soft.ndim == 2 else soft.mean(axis=2)
    return FlatField(
        gain=(gain * GAIN_ONE).round().astype(np.uint16),
        dark=None if dark is None else dark.round().astype(np.uint8),
        unevenness=round(float(grey.min() / grey.max()), 4),
        frames=len(flats),
    )


def _mean(frames: Sequence[tuple[str, Frame]], what: str) -> NDArray[np.float64]:
    if len(frames) < LEAST_FRAMES:
        raise CalibrationError(f"{len(frames)} frames are too few for a {what}", hint=f"take {LEAST_FRAMES} or more")
    first_name, first = frames[0]
    means = []
    total = np.zeros(first.shape, np.float64)
    for name, frame in frames:
        if frame.shape != first.shape:
            raise CalibrationError(f"{name} and {first_name} have different sizes", hint="take all with one camera")
        total += frame
        means.append(float(frame.mean()))
    if max(means) - min(means) > _MOST_CHANGE:
        raise CalibrationError(
            f"the light changed between the {what} frames: mean {min(means):.0f} to {max(means):.0f}",
            hint="lock exposure, gain and white balance, shade daylight, let the lamp warm up",
        )
    return total / len(frames)


def _check_level(flats: Sequence[tuple[str, Frame]], soft: NDArray[np.float64]) -> None:
    burnt = max(float((frame >= _BURNT).mean()) for _, frame in flats)
    if burnt > _MOST_BURNT or soft.max() > _BRIGHTEST:
        raise CalibrationError("the surface is too bright in places", hint="shorter exposure or less light")
    if soft.min() < _DARKEST:
        raise CalibrationError(
            f"the surface is too dark in places: level {soft.min():.0f}",
            hint=f"more light or longer exposure, until the darkest corner has {_DARKEST} of 255",
        )


def _fits(dark: NDArray[np.float64], level: NDArray[np.float64]) -> None:
    if dark.shape != level.shape:
        raise CalibrationError("dark and flat frames have different sizes", hint="take all with one camera")
    if dark.mean() > _MOST_DARK:
        raise CalibrationError(f"the dark frames are not dark: level {dark.mean():.0f}", hint="cover the lens")


def _soft(level: NDArray[np.float64]) -> NDArray[np.float64]:
    sigma = max(2.0, _SOFT_SHARE * max(level.shape[:2]))
    return np.asarray(cv2.GaussianBlur(level, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float64)
