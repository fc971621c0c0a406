"""A turned steel ring with chamfers and a notch: fine turning marks, and highlights that stay with the lamp."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.apps.demo.scene.spec import Defect
from edge.apps.demo.scene.surface import MID, SIZE, Product, Surface, grid
from edge.apps.demo.scene.texture import (
    blob,
    fbm,
    grain,
    lerp,
    scaled,
    smoothstep,
    stroke_alpha,
    tinted,
    wander,
)

Image = npt.NDArray[Any]
Damaged = tuple[Surface, Image]

OUTER_PX, BORE_PX = 182.0, 92.0
CHAMFER_PX = 10.0
NOTCH_WIDTH_PX, NOTCH_DEPTH_PX = 50.0, 36.0
_STEEL = np.array([0.575, 0.560, 0.545], np.float32)
_RUST = np.array([0.120, 0.235, 0.400], np.float32)
_OIL = np.array([0.200, 0.250, 0.265], np.float32)


def _inside(bore_px: float) -> Image:
    """Signed distance (SIZE, SIZE) px to the ring's edge, positive inside. The notch is cut at the top."""
    x, y = grid()
    r = np.hypot(x, y)
    body = np.minimum(OUTER_PX - r, r - bore_px)
    # A slot with a round bottom: a half plane of width NOTCH_WIDTH_PX down to the depth, then a circle.
    half = NOTCH_WIDTH_PX / 2
    bottom = -(OUTER_PX - NOTCH_DEPTH_PX + half)
    slot = np.where(y < bottom, np.abs(x), np.hypot(x, y - bottom)) - half
    return np.minimum(body, slot)


def _shape(bore_px: float) -> tuple[Image, Image, Image]:
    """Coverage, chamfer height and chamfer weight (0 on the face, 1 on the bevel)."""
    inside = _inside(bore_px)
    alpha = np.clip(inside + 0.5, 0.0, 1.0)
    bevel = np.minimum(np.maximum(inside, 0.0), CHAMFER_PX)
    weight = smoothstep(CHAMFER_PX + 0.8, CHAMFER_PX - 0.8, inside)
    return alpha, 0.75 * bevel, weight


def _turning_marks(rng: np.random.Generator) -> Image:
    """Brightness (SIZE, SIZE) of the marks the tool left: fine feed, and a few deeper ones by its chatter."""
    radii = np.arange(0, SIZE * 2)
    fine = rng.standard_normal(radii.size)
    fine = 0.6 * fine + 0.4 * np.roll(fine, 1)
    slow = cv2.GaussianBlur(rng.standard_normal((1, radii.size)), (0, 0), 9.0)[0] * 4.0
    feed = np.sin(2.0 * math.pi * radii / 5.2)
    profile = (0.62 * fine + 0.42 * slow + 0.55 * feed).astype(np.float32)
    x, y = grid()
    # The tool moves inward one feed per turn, so the marks are a spiral, not circles.
    r = np.hypot(x, y) + 2.6 * np.arctan2(y, x) / (2.0 * math.pi)
    return np.interp(2.0 * r, radii, profile).astype(np.float32)


def make(rng: np.random.Generator) -> Surface:
    """A good ring; `rng` picks its turning marks."""
    alpha, height, bevel = _shape(BORE_PX)
    tone = 1.0 + 0.052 * _turning_marks(rng) * (1.0 - 0.8 * bevel)
    tone += 0.012 * fbm((SIZE, SIZE), rng, cell_px=120.0, octaves=2)
    albedo = tinted(_STEEL, tone)
    albedo = lerp(albedo, _STEEL * 1.12, 0.75 * bevel)
    return Surface(height=height.astype(np.float32), albedo=albedo.astype(np.float32), alpha=alpha)


def glare() -> Image:
    """Brightness (SIZE, SIZE) that the grooves throw to the camera: a bow tie across the lamp's direction.

    Concentric grooves scatter light along the radius, so a turned face shines where the radius points to the
    lamp and darkens across it (anisotropic reflection, Kajiya 1985). It stays put when the part turns.
    """
    x, y = grid()
    angle = np.arctan2(y, x) + 0.0011 * (np.hypot(x, y) - 137.0)
    lamp = math.atan2(-0.55, -0.42)
    near = np.abs(np.cos(angle - lamp)) ** 5
    fill = np.abs(np.cos(angle - lamp - 1.25)) ** 10
    side = 0.5 + 0.5 * np.cos(angle - lamp)
    out = 0.64 + 0.74 * near + 0.34 * fill + 0.10 * side
    return out.astype(np.float32)


def damage(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    draw = {"scratch": _scratch, "dent": _dent, "burr": _burr, "stain": _stain, "bore": _bore}
    return draw[defect.kind](good, defect, rng)


def _on_face(rng: np.random.Generator, margin_px: float) -> tuple[float, float, float]:
    """x, y of a place on the face and its angle; keeps clear of the notch at the top."""
    low, high = BORE_PX + CHAMFER_PX + margin_px, OUTER_PX - CHAMFER_PX - margin_px
    middle = (low + high) / 2
    radius = float(rng.uniform(low, high)) if low < high else middle
    angle = float(rng.uniform(-math.pi / 2 + 0.4, 1.5 * math.pi - 0.4))
    return MID + radius * math.cos(angle), MID + radius * math.sin(angle), angle


def _scratch(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    """Something hard dragged across the turning marks: bright bare metal with a dark side."""
    width_px, length_px, count, depth = {
        "gross": (4.5, 190.0, 3, 1.0), "medium": (3.0, 130.0, 1, 0.9), "subtle": (1.0, 48.0, 1, 0.5),
    }[defect.severity]  # fmt: skip
    x, y, angle = _on_face(rng, 14.0)
    heading = angle + math.pi / 2 + float(rng.choice([-1, 1])) * float(rng.uniform(0.45, 0.9))
    line = np.zeros((SIZE, SIZE), np.float32)
    for number in range(count):
        start = (
            x - 0.5 * length_px * math.cos(heading) + 13.0 * number,
            y - 0.5 * length_px * math.sin(heading) + 9.0 * number,
        )
        points = wander(start, heading + 0.07 * number, length_px, rng, turn=0.03)
        line = np.maximum(line, stroke_alpha(points, SIZE, width_px=width_px))
    line = line * (good.alpha > 0.5)
    core = cv2.GaussianBlur(line, (0, 0), 0.6)
    albedo = lerp(good.albedo, np.array([0.98, 0.97, 0.96]), 0.85 * depth * core)
    shadow = np.roll(core, (2, 1), axis=(0, 1)) * (1.0 - core)
    albedo = scaled(albedo, 1.0 - 0.55 * depth * shadow)
    return replace(good, albedo=albedo, height=good.height - 2.0 * depth * core), line


def _dent(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    """A knock: a hollow with a raised lip; the turning marks are crushed inside."""
    radius_px, depth_px = {"gross": (33.0, 26.0), "medium": (18.0, 13.0), "subtle": (7.0, 2.4)}[defect.severity]
    x, y, angle = _on_face(rng, 0.7 * radius_px)
    gx, gy = grid()
    along = (gx + MID - x) * math.cos(angle) + (gy + MID - y) * math.sin(angle)
    across = -(gx + MID - x) * math.sin(angle) + (gy + MID - y) * math.cos(angle)
    t = np.hypot(along / 0.8, across) / radius_px * (1.0 + 0.06 * fbm((SIZE, SIZE), rng, cell_px=24.0))
    hollow = np.exp(-((t / 0.62) ** 4))
    lip = np.exp(-(((t - 0.95) / 0.16) ** 2))
    weight = smoothstep(1.15, 0.85, t) * (good.alpha > 0.5)
    crushed = tinted(_STEEL, 0.817 + 0.043 * grain((SIZE, SIZE), rng, sigma_px=1.5))
    strength = {"gross": 0.9, "medium": 0.8, "subtle": 0.4}[defect.severity]
    albedo = lerp(good.albedo, crushed, strength * hollow)
    return replace(good, albedo=albedo, height=good.height - depth_px * hollow + 0.16 * depth_px * lip), weight


def _burr(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    """Metal left at an edge by a blunt tool: ragged bright slivers that stand out past the outline."""
    out_px, arc_rad = {"gross": (21.0, 1.0), "medium": (11.0, 0.62), "subtle": (3.2, 0.26)}[defect.severity]
    at_bore = bool(rng.random() < 0.4)
    edge_px = BORE_PX if at_bore else OUTER_PX
    middle = float(rng.uniform(-math.pi / 2 + 0.8, 1.5 * math.pi - 0.8))
    x, y = grid()
    beyond = (edge_px - np.hypot(x, y)) if at_bore else (np.hypot(x, y) - edge_px)
    turn = np.abs((np.arctan2(y, x) - middle + math.pi) % (2.0 * math.pi) - math.pi)
    envelope = smoothstep(arc_rad / 2, arc_rad / 4, turn) * (beyond > -16.0)
    teeth = np.interp(turn * edge_px, np.arange(0, 400, 3.0), rng.uniform(0.15, 1.0, 134)).astype(np.float32)
    reach = out_px * envelope * teeth
    added = np.clip(reach - beyond + 0.5, 0.0, 1.0) * (envelope > 0.02)
    alpha = np.maximum(good.alpha, added * smoothstep(0.0, 0.1, envelope))
    ragged = envelope * np.exp(-np.maximum(-beyond - 0.3 * out_px, 0.0) / 3.0) * (beyond > -0.8 * CHAMFER_PX)
    shine = 0.93 + 0.14 * grain((SIZE, SIZE), rng, sigma_px=1.4)
    albedo = lerp(good.albedo, tinted(_STEEL, 1.45 * shine), 0.85 * np.clip(ragged, 0.0, 1.0))
    height = good.height + 3.0 * cv2.GaussianBlur(alpha - good.alpha, (0, 0), 1.2)
    mask = np.maximum(alpha - good.alpha, ragged * good.alpha)
    return Surface(height=height, albedo=albedo.astype(np.float32), alpha=alpha), mask


def _stain(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    """Rust or burnt oil: brown, cloudy, darker at its rim where it dried."""
    radius_px, strength = {"gross": (58.0, 0.92), "medium": (29.0, 0.80), "subtle": (13.0, 0.32)}[defect.severity]
    x, y, _ = _on_face(rng, 0.5 * radius_px)
    weight = blob(SIZE, (x, y), radius_px, rng, rough=0.24, soft_px=5.0)
    rim = np.clip(4.0 * weight * (1.0 - weight), 0.0, 1.0)
    cloud = 0.80 + 0.14 * fbm((SIZE, SIZE), rng, cell_px=26.0)
    colour = _RUST if rng.random() < 0.6 else _OIL
    amount = strength * np.clip(weight * cloud + 0.25 * rim, 0.0, 1.0)
    # A stain lies on the metal: the marks show through, so it filters more than it covers.
    albedo = lerp(good.albedo, good.albedo * (colour / _STEEL), 0.75 * amount)
    albedo = lerp(albedo, colour, 0.35 * amount)
    return replace(good, albedo=albedo), weight * (good.alpha > 0.5)


def _bore(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    """The hole is bored to a wrong diameter, wider or narrower; everything else is right."""
    error_px = {"gross": 17.0, "medium": 10.0, "subtle": 2.6}[defect.severity]
    error_px *= 1.0 if rng.random() < 0.5 else -1.0
    alpha, height, bevel = _shape(BORE_PX + error_px)
    _, _, old_bevel = _shape(BORE_PX)
    at_bore = np.hypot(*grid()) < (BORE_PX + OUTER_PX) / 2
    # Where the old bevel was there is now face or nothing, and the other way round.
    face = lerp(good.albedo, _STEEL, 0.75 * old_bevel * at_bore)
    albedo = lerp(face, _STEEL * 1.12, 0.75 * bevel * at_bore).astype(np.float32)
    changed = cv2.dilate(np.abs(alpha - good.alpha), np.ones((3, 3), np.uint8))
    return Surface(height=height.astype(np.float32), albedo=albedo, alpha=alpha), changed


PRODUCT = Product(make=make, damage=damage, glare=glare, texture=(1.2, 1.2), crumb_bgr=(96, 96, 94), crumbs=16)
