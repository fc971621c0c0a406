"""Belts drawn by rule, so that it is known where each part is in each frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge.capture.barrier import LightBarrier
from edge.domain.barrier import BarrierSettings, Crossing

FRAME_NS = 33_000_000
SPAN, WIDTH = 400, 96
LINE = 200
PLAIN = BarrierSettings()
NOISE = np.random.default_rng(7).normal(0.0, 3.0, (16, WIDTH, SPAN, 3)).astype(np.float32)
PATTERN = 6 * cv2.GaussianBlur(np.random.default_rng(3).normal(0, 25, (48, 200)).astype(np.float32), (0, 0), 2)


@dataclass(frozen=True)
class Part:
    """A rectangle whose centre is at `belt - start` px from the upstream edge."""

    start: float
    length: int = 50
    grey: int = 190
    baked: bool = False  # with a pattern on it, as a biscuit has


@dataclass(frozen=True)
class Hand:
    """Reaches `deep` px across the belt from its side, `at` px from the upstream edge."""

    at: int
    wide: int
    deep: int


def picture(
    parts: Sequence[Part], belt: float, rng: np.random.Generator, light: float = 1.0, hand: Hand | None = None
) -> np.ndarray:
    """One uint8 BGR frame (WIDTH, SPAN, 3), motion to the right, with camera noise of 3 grey levels."""
    image = np.full((WIDTH, SPAN), 80.0, np.float32)
    image[::7] += 6.0
    for part in parts:
        low = round(belt - part.start - part.length / 2)
        low, high = max(0, low), min(SPAN, low + part.length)
        if high > low:
            image[24:72, low:high] = part.grey
            if part.baked:
                first = low - round(belt - part.start - part.length / 2)
                image[24:72, low:high] += PATTERN[:, first : first + high - low]
    if hand is not None:
        image[: hand.deep, hand.at : hand.at + hand.wide] = 150.0
    noisy = image[..., None] * np.float32(light) + NOISE[rng.integers(len(NOISE))]
    return np.clip(noisy, 0, 255).astype(np.uint8)


def turned(image: np.ndarray, how: BarrierSettings) -> np.ndarray:
    image = image[:, ::-1] if how.direction == "-" else image
    return np.ascontiguousarray(np.swapaxes(image, 0, 1) if how.axis == "y" else image)


def run(
    parts: Sequence[Part],
    belt: Sequence[float],
    how: BarrierSettings = PLAIN,
    *,
    lost: Iterable[int] = (),
    lights: Sequence[float] | None = None,
    hands: Mapping[int, Hand] | None = None,
    barrier: LightBarrier | None = None,
) -> list[tuple[int, Crossing]]:
    """Feed a belt that is at `belt[k]` in frame k; (frame in which it was reported, crossing)."""
    rng = np.random.default_rng(7)
    gone = set(lost)
    out = []
    for k, at in enumerate(belt):
        light, hand = 1.0 if lights is None else lights[k], (hands or {}).get(k)
        image = turned(picture(parts, at, rng, light, hand), how)
        if barrier is None:
            barrier = LightBarrier(how, (image.shape[0], image.shape[1]))
        if k not in gone:
            out += [(k, c) for c in barrier.feed(image, seq=k + 1, exposed_at_ns=(k + 1) * FRAME_NS)]
    return out


def empty_then(belt: Iterable[float]) -> list[float]:
    """20 frames of empty belt to teach on, then the motion."""
    return [-1e6] * 20 + list(belt)


def steady(speed: float, to: float, start: float = 0.0) -> list[float]:
    return list(np.arange(start, to, speed))
