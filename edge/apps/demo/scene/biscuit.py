"""A petit-beurre: scalloped rounded rectangle, docking holes, an embossed word, baked browner at its edge."""

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
    polygon_alpha,
    scaled,
    smoothstep,
    stroke_alpha,
    text_alpha,
    tinted,
    wander,
)

Image = npt.NDArray[Any]
Damaged = tuple[Surface, Image]

HALF_W, HALF_H, CORNER = 181.0, 141.0, 30.0
_TEETH = 60
_GOLD = np.array([0.385, 0.630, 0.835], np.float32)
_PALE = np.array([0.500, 0.720, 0.890], np.float32)
_BROWN = np.array([0.170, 0.375, 0.640], np.float32)
_BURNT = np.array([0.085, 0.140, 0.225], np.float32)


def _outline() -> Image:
    """The scalloped edge, (N, 2) px: a rounded rectangle pushed out by |sin| lobes along its length."""
    w, h, r = HALF_W - CORNER, HALF_H - CORNER, CORNER
    sides = [2 * h, math.pi * r / 2, 2 * w, math.pi * r / 2] * 2
    total = sum(sides)
    points = []
    for s in np.linspace(0.0, total, 2400, endpoint=False):
        out = 6.5 * abs(math.sin(math.pi * _TEETH * s / total)) ** 0.7
        points.append(_on_rounded_rect(float(s), w, h, r, sides, out))
    return np.array(points) + MID


def _on_rounded_rect(s: float, w: float, h: float, r: float, sides: list[float], out: float) -> tuple[float, float]:
    """The point `s` px along the edge, starting at the lower right, pushed `out` px along the normal."""
    corners = [(w, -h), (-w, -h), (-w, h), (w, h)]
    normal = 0.0
    for index, length in enumerate(sides):
        cx, cy = corners[index // 2]
        if s <= length:
            if index % 2 == 1:
                angle = normal - s / r
                return cx + (r + out) * math.cos(angle), cy + (r + out) * math.sin(angle)
            back = length - s
            nx, ny = math.cos(normal), math.sin(normal)
            return cx + nx * (r + out) - ny * back, cy + ny * (r + out) + nx * back
        s -= length
        if index % 2 == 1:
            normal -= math.pi / 2
    return corners[0]


def _holes() -> Image:
    """Depth weight (SIZE, SIZE) of the docking holes, clear of the word in the middle."""
    out = np.zeros((SIZE, SIZE), np.float32)
    x, y = grid()
    for row, cy in enumerate((-88.0, -44.0, 44.0, 88.0)):
        count = 6
        for col in range(count):
            cx = (col - (count - 1) / 2) * 52.0 + (8.0 if row % 2 else -8.0)
            out = np.maximum(out, smoothstep(6.6, 3.4, np.hypot(x - cx, y - cy)))
    return out


def make(rng: np.random.Generator) -> Surface:
    """A good biscuit; `rng` picks its crumb, its pores and how evenly it was baked."""
    alpha = polygon_alpha(_outline(), SIZE)
    inside = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    word = cv2.GaussianBlur(text_alpha("EDGE", SIZE, (MID, MID), scale=2.5, thickness=8.0), (0, 0), 1.9)
    groove = np.exp(-(((inside - 27.0) / 3.0) ** 2))
    holes = _holes()
    dome = 11.0 * np.sqrt(np.maximum(0.0, 1.0 - (1.0 - np.minimum(inside / 20.0, 1.0)) ** 2))
    rough = 0.30 * grain((SIZE, SIZE), rng, sigma_px=1.2) + 0.80 * fbm((SIZE, SIZE), rng, cell_px=34.0, gain=0.42)
    pores = smoothstep(2.35, 3.1, grain((SIZE, SIZE), rng, sigma_px=1.25)) * (inside > 10)
    height = dome + 5.4 * word - 3.2 * groove - 8.0 * holes + rough - 2.4 * pores
    bake = fbm((SIZE, SIZE), rng, cell_px=150.0, octaves=3)
    brown = 0.82 * np.exp(-inside / 9.0) + 0.12 * np.exp(-inside / 40.0)
    brown += 0.24 * word + 0.05 * bake + 0.045 * rough + 0.05 * (0.5 - groove)
    albedo = lerp(np.broadcast_to(_GOLD, (SIZE, SIZE, 3)), _BROWN, np.clip(brown, 0.0, 1.0))
    albedo = scaled(albedo, 1.0 - 0.62 * holes - 0.10 * groove - 0.34 * pores)
    return Surface(height=height.astype(np.float32), albedo=albedo.astype(np.float32), alpha=alpha)


def damage(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    draw = {"broken": _broken, "burnt": _burnt, "misshapen": _misshapen, "crack": _crack, "spot": _spot}
    return draw[defect.kind](good, defect, rng)


def _inside_point(rng: np.random.Generator, margin_px: float) -> tuple[float, float]:
    x = float(rng.uniform(-1, 1)) * (HALF_W - margin_px)
    y = float(rng.uniform(-1, 1)) * (HALF_H - margin_px)
    return MID + x, MID + y


def _broken(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    """A corner snapped off along a ragged line; the fracture shows the pale crumb inside."""
    bite_px = {"gross": 105.0, "medium": 52.0, "subtle": 15.0}[defect.severity]
    x, y = grid()
    side_x, side_y = rng.choice([-1.0, 1.0], 2)
    angle = math.atan2(side_y * HALF_H, side_x * HALF_W) + float(rng.uniform(-0.18, 0.18))
    along = x * math.cos(angle) + y * math.sin(angle)
    reach = float((along * (good.alpha > 0.5)).max())
    ragged = 5.0 * fbm((SIZE, SIZE), rng, cell_px=42.0) + 1.1 * grain((SIZE, SIZE), rng, sigma_px=1.0)
    gone = smoothstep(-0.8, 0.8, along + ragged - (reach - bite_px))
    face = np.exp(-np.maximum(reach - bite_px - along - ragged, 0.0) / 4.0)
    crumb = 1.0 * grain((SIZE, SIZE), rng, sigma_px=1.2)
    out = replace(
        good,
        height=good.height * (1.0 - 0.8 * face) + 3.0 * crumb * face,
        albedo=lerp(good.albedo, _PALE * 1.04, 0.8 * np.clip(face * (1.0 + 0.3 * crumb), 0.0, 1.0)),
        alpha=good.alpha * (1.0 - gone),
    )
    return out, gone * good.alpha


def _burnt(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    """Too long at the hot side of the oven: dark from one edge inward, raised places first, with charred blisters."""
    reach_px, strength = {"gross": (250.0, 0.93), "medium": (115.0, 0.80), "subtle": (48.0, 0.42)}[defect.severity]
    x, y = grid()
    angle = float(rng.uniform(0.0, 2.0 * math.pi))
    along = x * math.cos(angle) + y * math.sin(angle)
    reach = float((along * (good.alpha > 0.5)).max())
    cloud = fbm((SIZE, SIZE), rng, cell_px=110.0, octaves=5)
    weight = smoothstep(-16.0, 0.6 * reach_px, along - (reach - reach_px) + 20.0 * cloud)
    blisters = smoothstep(0.45, 1.15, fbm((SIZE, SIZE), rng, cell_px=16.0, octaves=3))
    char = strength * smoothstep(0.25, 0.8, weight) * blisters
    raised = 0.88 + 0.08 * np.clip(good.height - 11.0, -1.0, 2.0)
    dark = strength * weight * raised
    albedo = lerp(good.albedo, _BROWN * 0.85, np.clip(1.2 * dark, 0.0, 1.0))
    albedo = lerp(albedo, _BURNT, np.clip(1.35 * dark - 0.50 + 0.50 * char, 0.0, 0.90))
    return replace(good, albedo=albedo, height=good.height + 2.2 * char), weight * good.alpha


def _misshapen(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    """Dough pushed or pulled at the cutter: one side bulges or caves in and the embossing follows."""
    push_px = {"gross": 44.0, "medium": 21.0, "subtle": 6.0}[defect.severity]
    x, y = grid()
    angle = float(rng.uniform(0.0, 2.0 * math.pi))
    # A caved-in side has room for the whole push; a bulge must stay on the canvas and on the belt.
    push_px *= 1.0 if rng.random() < 0.6 else -0.85
    ux, uy = math.cos(angle), math.sin(angle)
    at = min(HALF_W / max(abs(ux), 1e-6), HALF_H / max(abs(uy), 1e-6)) * 0.96
    weight = np.exp(-((x - at * ux) ** 2 + (y - at * uy) ** 2) / (2.0 * 78.0**2)).astype(np.float32)
    map_x, map_y = x + MID + push_px * ux * weight, y + MID + push_px * uy * weight

    def bend(layer: Image) -> Image:
        return cv2.remap(layer, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    out = Surface(height=bend(good.height), albedo=bend(good.albedo), alpha=bend(good.alpha))
    moved = cv2.dilate(np.abs(out.alpha - good.alpha), np.ones((5, 5), np.uint8))
    # The embossing inside moves too; a mask claims what moved by a visible half pixel.
    shifted = smoothstep(0.2, 0.8, abs(push_px) * weight) * out.alpha
    return out, np.maximum(moved, shifted)


def _crack(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    """A crack from the edge inward: a dark gap with pale, slightly lifted lips."""
    width_px, length_px, depth = {
        "gross": (6.5, 330.0, 0.95), "medium": (4.2, 200.0, 0.88), "subtle": (1.3, 75.0, 0.5),
    }[defect.severity]  # fmt: skip
    angle = float(rng.uniform(0.0, 2.0 * math.pi))
    ux, uy = math.cos(angle), math.sin(angle)
    at = min(HALF_W / max(abs(ux), 1e-6), HALF_H / max(abs(uy), 1e-6)) * 0.93
    heading = math.atan2(-uy * 0.8, -ux) + float(rng.uniform(-0.3, 0.3))
    points = wander((MID + at * ux, MID + at * uy), heading, length_px, rng, turn=0.22)
    line: Image = np.zeros((SIZE, SIZE), np.float32)
    # A crack tapers out towards its end and is nowhere of one width.
    for taper, until in ((0.45, 1.0), (0.7, 0.8), (1.0, 0.5)):
        piece = points[: max(3, round(len(points) * until))]
        line = np.maximum(line, stroke_alpha(piece, SIZE, width_px=max(0.5, width_px * taper)))
    line = line * (0.75 + 0.25 * np.clip(grain((SIZE, SIZE), rng, sigma_px=1.5), -1, 1)) * (good.alpha > 0.5)
    gap = cv2.GaussianBlur(line, (0, 0), 0.7)
    lips = np.clip(cv2.GaussianBlur(line, (0, 0), 1.6 + 0.5 * width_px) * 1.6 - gap, 0.0, 1.0)
    albedo = lerp(good.albedo, _PALE, 0.5 * depth * lips)
    albedo = scaled(albedo, 1.0 - 0.80 * depth * gap)
    out = replace(good, height=good.height - 6.0 * depth * gap + 1.5 * depth * lips, albedo=albedo)
    return out, line


def _spot(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    """Something foreign baked in or lying on it: charred crumb, grease, a bit of blue belt or glove."""
    radius_px, strength = {"gross": (27.0, 0.96), "medium": (13.0, 0.92), "subtle": (4.0, 0.75)}[defect.severity]
    colours = ([0.10, 0.11, 0.13], [0.42, 0.23, 0.12], [0.16, 0.25, 0.20])
    colour = np.array(colours[int(rng.integers(len(colours)))], np.float32)
    weight = blob(SIZE, _inside_point(rng, radius_px + 24.0), radius_px, rng, rough=0.28, soft_px=1.5)
    weight = weight * (good.alpha > 0.5)
    speckle = 1.0 + 0.18 * grain((SIZE, SIZE), rng, sigma_px=1.2)
    out = replace(
        good,
        albedo=lerp(good.albedo, tinted(colour, speckle), strength * weight),
        height=good.height + 2.5 * cv2.GaussianBlur(weight, (0, 0), 1.5),
    )
    return out, weight


PRODUCT = Product(make=make, damage=damage, glare=None, texture=(1.5, 2.0), crumb_bgr=(70, 118, 158), crumbs=46)
