"""Noise, grain, blobs and light: the material that all products are made of.

Surfaces are float32: heights in pixels, reflectances 0..1 in BGR. Nothing here keeps state; randomness is
passed in.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]

LIGHT = (-0.42, -0.55, 0.72)
"""Unit vector from the belt to the lamp: x right, y down, z to the camera (the lamp is up and left)."""


def fbm(
    shape: tuple[int, int], rng: np.random.Generator, *, cell_px: float, octaves: int = 4, gain: float = 0.5
) -> Image:
    """Smooth noise (H, W) float32, mean about 0 and deviation 1: octaves of interpolated random grids.

    `cell_px`: size of the largest blobs. Method: fractional Brownian motion (Musgrave 1993, value noise).
    """
    height, width = shape
    out = np.zeros(shape, np.float32)
    amplitude = 1.0
    for _ in range(octaves):
        grid = (max(2, int(height / cell_px) + 2), max(2, int(width / cell_px) + 2))
        noise = rng.standard_normal(grid, dtype=np.float32)
        out += amplitude * cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        amplitude *= gain
        cell_px /= 2.0
        if cell_px < 1.0:
            break
    return (out - out.mean()) / max(float(out.std()), 1e-6)


def grain(shape: tuple[int, int], rng: np.random.Generator, *, sigma_px: float) -> Image:
    """Fine noise (H, W) float32 of deviation 1, blurred to `sigma_px`."""
    noise = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), sigma_px)
    return noise / max(float(noise.std()), 1e-6)


def smoothstep(low: float, high: float, x: Image) -> Image:
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def lerp(a: Image, b: Any, weight: Image) -> Image:
    """Blend (H, W, 3) `a` to `b` (colour or picture) by (H, W) `weight` 0..1; float32.

    Plane by plane: numpy is several times slower on a last axis of three.
    """
    weight = weight.astype(np.float32, copy=False)
    targets = np.asarray(b, np.float32) if np.ndim(b) == 1 else cv2.split(np.asarray(b, np.float32))
    planes = cv2.split(np.asarray(a, np.float32))
    return cv2.merge([plane + (target - plane) * weight for plane, target in zip(planes, targets, strict=True)])


def scaled(a: Image, gain: Image) -> Image:
    """(H, W, 3) `a` times (H, W) `gain`, float32."""
    return cv2.multiply(np.asarray(a, np.float32), cv2.merge([gain.astype(np.float32, copy=False)] * 3))


def tinted(colour: Image, tone: Image) -> Image:
    """A BGR colour (3,) times (H, W) `tone`: (H, W, 3) float32."""
    tone = tone.astype(np.float32, copy=False)
    return cv2.merge([tone * np.float32(part) for part in colour])


def lit(height: Image, *, ambient: float = 0.5) -> Image:
    """Brightness (H, W) float32 of a matt height map; a flat place is 1.0. Lambert's law plus sky light."""
    lx, ly, lz = LIGHT
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    facing = (lz - lx * slope_x - ly * slope_y) / cv2.sqrt(1.0 + slope_x * slope_x + slope_y * slope_y)
    return ambient + (1.0 - ambient) / lz * np.maximum(facing, 0.0)


def to_u8(bgr: Image) -> Image:
    """Reflectance 0..1 (float) to uint8 with saturation."""
    return cv2.convertScaleAbs(np.maximum(bgr, 0.0), alpha=255.0)


def polygon_alpha(points: Image, size: int, *, over: int = 4) -> Image:
    """Coverage (size, size) float32 0..1 of a polygon (N, 2) in pixels, by drawing it `over` times larger."""
    big = np.zeros((size * over, size * over), np.uint8)
    fixed = np.round((points + 0.5) * over * 16).astype(np.int32)
    cv2.fillPoly(big, [fixed], 255, shift=4)
    return cv2.resize(big, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0


def text_alpha(
    text: str, size: int, center: tuple[float, float], *, scale: float, thickness: float, over: int = 4,
    font: int = cv2.FONT_HERSHEY_DUPLEX,
) -> Image:  # fmt: skip
    """Coverage (size, size) float32 of a word centred at (x, y); `scale` is OpenCV's, at one pixel per pixel."""
    big = np.zeros((size * over, size * over), np.uint8)
    stroke = max(1, round(thickness * over))
    (width, high), _ = cv2.getTextSize(text, font, scale * over, stroke)
    at = (round(center[0] * over - width / 2), round(center[1] * over + high / 2))
    cv2.putText(big, text, at, font, scale * over, 255, stroke, cv2.LINE_AA)
    return cv2.resize(big, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0


def stroke_alpha(points: Image, size: int, *, width_px: float, over: int = 2) -> Image:
    """Coverage (size, size) float32 of an open line through `points` (N, 2)."""
    big = np.zeros((size * over, size * over), np.uint8)
    fixed = np.round((points + 0.5) * over * 16).astype(np.int32)
    cv2.polylines(big, [fixed], False, 255, max(1, round(width_px * over)), cv2.LINE_AA, shift=4)
    return cv2.resize(big, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0


def wander(
    start: tuple[float, float], heading_rad: float, length_px: float, rng: np.random.Generator, *, turn: float
) -> Image:
    """A line that loses its way: (N, 2) points 6 px apart, each step turned by a random `turn` (radians)."""
    steps = max(3, int(length_px / 6))
    headings = heading_rad + np.cumsum(rng.normal(0.0, turn, steps))
    moves = 6.0 * np.stack([np.cos(headings), np.sin(headings)], axis=1)
    return np.asarray(start) + np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)])


def blob(
    size: int, center: tuple[float, float], radius_px: float, rng: np.random.Generator, *, rough: float = 0.3,
    soft_px: float = 2.0,
) -> Image:  # fmt: skip
    """An irregular spot: weight (size, size) float32 0..1 with an edge `soft_px` wide."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    distance = np.hypot(x - center[0], y - center[1])
    edge = radius_px * (1.0 + rough * fbm((size, size), rng, cell_px=max(6.0, radius_px), octaves=3))
    return smoothstep(-soft_px, soft_px, edge - distance)
