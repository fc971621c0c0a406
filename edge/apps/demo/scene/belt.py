"""What does not change from part to part: the scrolling belt, its side rails, the lamp's falloff."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.apps.demo.scene.texture import fbm, grain

Image = npt.NDArray[Any]

NOMINAL_H, NOMINAL_W = 600, 800
BELT_TOP_PX, BELT_BOTTOM_PX = 66, 546
RAIL_PATCH = (40, 12, 720, 40)
"""x, y, w, h in the 800 x 600 frame: a piece of the upper side rail. Nothing ever covers it and its light is
constant, so its mean tells brightness and its edges (ruler, screws) tell focus. Sensor noise still moves, so two
live frames are never equal there."""

_BELT = np.array([66.0, 55.0, 45.0], np.float32)
_LOOP_PX = 2400


def rail_patch(size: tuple[int, int]) -> tuple[int, int, int, int]:
    """RAIL_PATCH (x, y, w, h) in a frame of `size` (height, width)."""
    scale = size[1] / NOMINAL_W
    x, y, w, h = (round(value * scale) for value in RAIL_PATCH)
    return x, y, w, h


def belt_loop(
    rng: np.random.Generator, height: int, scale: float, crumb_bgr: tuple[int, int, int], crumbs: int
) -> Image:
    """One length of belt (height, loop, 3) uint8 that joins its own end: weave, wear, dust and crumbs."""
    length = round(_LOOP_PX * scale)
    y, x = np.mgrid[0:height, 0:length].astype(np.float32)
    pitch = length / round(length / 6.0)
    twill = np.sin(2.0 * math.pi * (x / pitch + y / 6.0)) * np.sin(2.0 * math.pi * (x / pitch - y / 6.0))
    wear = _periodic(fbm((height, length), rng, cell_px=190.0 * scale, octaves=3))
    streak = np.repeat(cv2.GaussianBlur(rng.standard_normal((height, 1)), (0, 0), 2.5), length, axis=1)
    dust = grain((height, length), rng, sigma_px=0.6)
    tone = 1.0 + 0.055 * twill + 0.020 * wear + 0.030 * streak + 0.022 * dust
    out = cv2.convertScaleAbs((_BELT * tone[..., None]).astype(np.float32))
    _scatter(out, rng, round(crumbs * 2.2), crumb_bgr, scale, max_px=2.3)
    _scatter(out, rng, 90, (112, 104, 98), scale, max_px=1.0)
    return out


def _periodic(field: Image) -> Image:
    """`field` with its two ends blended, so that a loop shows no seam."""
    span = field.shape[1] // 6
    weight = np.linspace(0.0, 1.0, span, dtype=np.float32)
    out = field.copy()
    out[:, -span:] = field[:, -span:] * (1.0 - weight) + field[:, :1] * weight
    return out


def _scatter(
    belt: Image, rng: np.random.Generator, count: int, bgr: tuple[int, int, int], scale: float, *, max_px: float
) -> None:
    """Small bits on the belt, in place: a lit body and a shadow away from the lamp."""
    height, length = belt.shape[:2]
    for _ in range(count):
        x, y = float(rng.uniform(8, length - 8)), float(rng.uniform(8, height - 8))
        r = float(rng.uniform(0.35, 1.0)) * max_px * scale
        gain = float(rng.uniform(0.6, 1.0))
        turn = float(rng.uniform(0, 180))
        axes = (round(16 * r), round(16 * r * float(rng.uniform(0.5, 1.0))))
        shadow = (round(16 * (x + 0.9 * r)), round(16 * (y + 1.1 * r)))
        patch = belt[max(0, int(y) - 9) : int(y) + 10, max(0, int(x) - 9) : int(x) + 10]
        offset = (16 * max(0, int(x) - 9), 16 * max(0, int(y) - 9))
        at = (round(16 * x) - offset[0], round(16 * y) - offset[1])
        under = (shadow[0] - offset[0], shadow[1] - offset[1])
        box = (axes[0] / 8.0, axes[1] / 8.0)
        _dot(patch, under, box, turn, (30, 24, 20))
        _dot(patch, at, box, turn, tuple(round(c * gain) for c in bgr))


def _dot(patch: Image, at: tuple[int, int], box: tuple[float, float], turn: float, bgr: tuple[int, ...]) -> None:
    """An antialiased ellipse (centre in 1/16 px, axes in px) drawn in place."""
    axes = (max(1, round(8 * box[0])), max(1, round(8 * box[1])))
    points = np.array(cv2.ellipse2Poly((at[0], at[1]), axes, round(turn), 0, 360, 30), np.int32)
    cv2.fillPoly(patch, [points], bgr, cv2.LINE_AA, shift=4)


def surroundings(rng: np.random.Generator, size: tuple[int, int]) -> Image:
    """The fixed part of the frame (H, W, 3) uint8: side rails with ruler and screws; the belt's place is black."""
    out = np.zeros((NOMINAL_H, NOMINAL_W, 3), np.float32)
    brushed = cv2.blur(rng.standard_normal((NOMINAL_H, NOMINAL_W)), (61, 1)) * 16.0
    _rail(out, brushed, 0, BELT_TOP_PX, lip_at_end=True)
    _rail(out, brushed, BELT_BOTTOM_PX, NOMINAL_H, lip_at_end=False)
    picture = cv2.convertScaleAbs(out)
    _ruler(picture)
    for x in (92, 400, 708):
        _screw(picture, x, 30, turn=0.4 + x * 0.013)
        _screw(picture, x + 40, 571, turn=1.1 + x * 0.017)
    picture = cv2.resize(picture, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    picture[-12:] = (40, 40, 40)
    return picture


def _rail(out: Image, brushed: Image, top: int, bottom: int, *, lip_at_end: bool) -> None:
    """A brushed aluminium profile in rows [top, bottom), its rounded lip on the belt's side; in place."""
    y = np.arange(top, bottom, dtype=np.float32)
    from_belt = (bottom - 1 - y) if lip_at_end else (y - top)
    tone = 132.0 + 10.0 * np.cos((y - top) / (bottom - top) * math.pi)
    tone = np.where(from_belt < 9, 178.0 - 92.0 * ((from_belt - 5.5) / 5.5) ** 2 * (from_belt < 5.5), tone)
    tone = np.where(from_belt < 2, 26.0, tone)
    tone = np.where(np.abs(from_belt - 10) < 1, 70.0, tone)
    rows = tone[:, None] + brushed[top:bottom]
    out[top:bottom] = rows[..., None] * np.array([1.02, 1.0, 0.97], np.float32)


def _ruler(picture: Image) -> None:
    """A printed scale along the upper rail, in place: sharp marks that a focus check can hold on to."""
    for index in range(78):
        x = 12 + 10 * index
        long = 15 if index % 10 == 0 else 10 if index % 5 == 0 else 6
        cv2.line(picture, (x, 0), (x, 12 + long), (38, 36, 36), 1)
        if index % 10 == 0:
            cv2.putText(
                picture, f"{index // 10}", (x + 4, 27), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (38, 36, 36), 1,
                cv2.LINE_AA,
            )  # fmt: skip


def _screw(picture: Image, x: int, y: int, *, turn: float) -> None:
    """A socket-head screw, in place: shadow, head, hexagon."""
    y = y + 8 if y < 100 else y
    cv2.circle(picture, (x + 2, y + 3), 11, (70, 70, 72), -1, cv2.LINE_AA)
    cv2.circle(picture, (x, y), 11, (92, 90, 88), -1, cv2.LINE_AA)
    cv2.circle(picture, (x, y), 9, (168, 166, 162), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (x, y), (9, 9), 0, 190, 280, (214, 212, 208), 2, cv2.LINE_AA)
    corners = [
        (x + 5.0 * math.cos(turn + k * math.pi / 3), y + 5.0 * math.sin(turn + k * math.pi / 3)) for k in range(6)
    ]
    cv2.fillPoly(picture, [np.round(np.array(corners) * 16).astype(np.int32)], (34, 33, 33), cv2.LINE_AA, 4)


def falloff(size: tuple[int, int]) -> Image:
    """The lamp over the field (H, W, 3) uint8, FALLOFF_ONE = full light; darker towards the corners.

    The rails carry their own constant light (they are what brightness is checked on).
    """
    height, width = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    u, v = (x - 0.46 * width) / (0.62 * width), (y - 0.46 * height) / (0.62 * height)
    gain = 1.03 - 0.13 * (u * u + v * v)
    return cv2.merge([cv2.convertScaleAbs(gain, alpha=float(FALLOFF_ONE))] * 3)


FALLOFF_ONE = 200
