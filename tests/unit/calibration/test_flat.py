"""A flat field takes the light's fall-off out, and refuses what is no flat field."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.flat import flat_field
from edge.domain.calibration import GAIN_ONE
from edge.errors import CalibrationError

Frame = NDArray[np.uint8]


def light(level: float = 180.0, fall: float = 0.35, seed: int = 0, channels: int = 3) -> Frame:
    """A frame of an even sheet: brightest in the middle, with noise."""
    down, across = np.mgrid[-1:1:120j, -1:1:160j]
    even = level * (1 - fall * (down**2 + across**2) / 2)
    noise = np.random.default_rng(seed).normal(0, 1.5, (*even.shape, channels))
    return np.clip(even[:, :, None] + noise, 0, 255).round().astype(np.uint8)


def series(count: int = 5, **how: float) -> list[tuple[str, Frame]]:
    return [(f"{n}.png", light(seed=n, **how)) for n in range(count)]  # type: ignore[arg-type]


def test_the_corrected_frame_is_even() -> None:
    made = flat_field(series())
    frame = light(seed=99).astype(np.float64)
    even = frame * (made.gain / GAIN_ONE)
    assert frame[60, 80].mean() / frame[2, 2].mean() > 1.3
    blocks = even.reshape(6, 20, 8, 20, 3).mean(axis=(1, 3, 4))
    assert blocks.max() / blocks.min() < 1.02
    assert made.unevenness == pytest.approx(0.65, abs=0.03)
    assert (made.frames, made.dark) == (5, None)


def test_dark_frames_are_taken_off_first() -> None:
    dark = [(f"d{n}.png", np.full((120, 160, 3), 12, np.uint8)) for n in range(3)]
    made = flat_field([(name, np.minimum(frame, 230) + 12) for name, frame in series()], dark)
    assert made.dark is not None
    assert (made.dark == 12).all()
    assert made.unevenness == pytest.approx(0.65, abs=0.03)


@pytest.mark.parametrize(
    ("flats", "darks", "told"),
    [
        (series(2), [], "too few"),
        (series(level=300.0), [], "too bright"),
        (series(level=60.0, fall=0.9), [], "too dark"),
        ([*series(3), ("bright.png", light(level=200.0))], [], "light changed"),
        ([*series(3), ("small.png", light()[:50])], [], "different sizes"),
        (series(), [(str(n), light(level=90.0)) for n in range(3)], "not dark"),
    ],
)
def test_what_is_no_flat_field(flats: list[tuple[str, Frame]], darks: list[tuple[str, Frame]], told: str) -> None:
    with pytest.raises(CalibrationError, match=told) as error:
        flat_field(flats, darks)
    assert error.value.hint


def test_a_pattern_is_no_even_surface() -> None:
    frames = series()
    for _, frame in frames:
        frame[::4] //= 2
    with pytest.raises(CalibrationError, match="not even"):
        flat_field(frames)
