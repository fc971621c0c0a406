"""A gable-top milk carton from above: two slopes, the sealed fin between them, print, a screw cap, a date."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.apps.demo.scene.dotfont import dots
from edge.apps.demo.scene.spec import Defect
from edge.apps.demo.scene.surface import MID, SIZE, Product, Surface, grid
from edge.apps.demo.scene.texture import (
    fbm,
    grain,
    lerp,
    scaled,
    smoothstep,
    text_alpha,
    tinted,
)

Image = npt.NDArray[Any]
Damaged = tuple[Surface, Image]

HALF_W, HALF_H = 174.0, 170.0
FIN_PX = 17.0
CAP_X, CAP_Y, CAP_R = -78.0, 92.0, 54.0
DATE_X, DATE_Y, DATE_DOT = 74.0, 92.0, 2.35
DATE_LINES = ("EXP 18.09.26", "L2 14:05")
_BOARD = np.array([0.865, 0.885, 0.890], np.float32)
_FIBRE = np.array([0.700, 0.800, 0.860], np.float32)
_BLUE = np.array([0.640, 0.330, 0.095], np.float32)
_GREEN = np.array([0.330, 0.600, 0.300], np.float32)
_CAP = np.array([0.660, 0.300, 0.080], np.float32)
_INK = np.array([0.150, 0.130, 0.120], np.float32)


def _rounded_box(cx: float, cy: float, w: float, h: float, r: float) -> Image:
    """Coverage (SIZE, SIZE) of a rounded rectangle with half sides `w`, `h`, centre from the middle, px."""
    x, y = grid()
    dx, dy = np.abs(x - cx) - (w - r), np.abs(y - cy) - (h - r)
    outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - r
    return np.clip(0.5 - outside, 0.0, 1.0)


def _print_layers(shift: tuple[float, float] = (0.0, 0.0)) -> list[tuple[Image, Image]]:
    """The brand print as (coverage, ink), in printing order; `shift` misplaces the white and green plates."""
    x, y = grid()
    block = _rounded_box(0.0, -94.0, 150.0, 56.0, 14.0)
    wave = -71.0 + 6.0 * np.sin(x / 34.0) + shift[1]
    low = block * smoothstep(-0.7, 0.7, y - wave)
    line = block * np.clip(3.0 - np.abs(y - wave), 0.0, 1.0)
    word = text_alpha("MILK", SIZE, (MID + shift[0], MID - 112.0 + shift[1]), scale=1.9, thickness=7.5)
    small = text_alpha("FRESH  WHOLE  1L", SIZE, (MID + shift[0], MID - 51.0 + shift[1]), scale=0.52, thickness=1.7)
    band = _rounded_box(0.0, 156.0, 174.0, 5.0, 0.1)
    return [(block, _BLUE), (low, _GREEN), (line, _BOARD), (word, _BOARD), (small, _BOARD), (band, _BLUE)]


@functools.cache
def _date_alpha() -> Image:
    """Coverage (SIZE, SIZE) of the date code's drops."""
    over = 4
    big = np.zeros((SIZE * over, SIZE * over), np.uint8)
    for row, text in enumerate(DATE_LINES):
        for col, dot_y in dots(text):
            px = MID + DATE_X + (col - 35.5) * DATE_DOT
            py = MID + DATE_Y + (dot_y - 9.5 + 12.0 * row) * DATE_DOT
            at = (round((px + 0.5) * over * 16), round((py + 0.5) * over * 16))
            cv2.circle(big, at, round(1.28 * over * 16), 255, -1, cv2.LINE_AA, shift=4)
    return cv2.resize(big, (SIZE, SIZE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0


def _body(rng: np.random.Generator) -> Surface:
    """The folded board without cap, print or date: slopes, fin with its crimp, creases, rounded eaves."""
    x, y = grid()
    corners = _rounded_box(0.0, 0.0, HALF_W, HALF_H, 9.0)
    eave = np.minimum(HALF_H - np.abs(y), 16.0)
    side = np.minimum(HALF_W - np.abs(x), 7.0)
    fin = smoothstep(FIN_PX + 1.0, FIN_PX - 1.0, np.abs(y))
    height = -0.10 * np.abs(y) + 0.32 * np.minimum(eave, 12.0) + 0.35 * side
    crimp = np.sin(2.0 * math.pi * x / 9.0) * smoothstep(FIN_PX - 3, FIN_PX - 6, np.abs(y))
    height = height + 7.0 * fin + 0.42 * crimp
    for sx in (-1.0, 1.0):
        # The side panels are folded in under the slopes; their edge shows as a ridge towards the fin.
        fold = np.abs((sx * x - HALF_W) + 0.42 * (HALF_H - np.abs(y)))
        height = height + 0.9 * np.exp(-((fold / 2.2) ** 2)) * (np.abs(y) > FIN_PX + 2)
    height = height + 0.10 * grain((SIZE, SIZE), rng, sigma_px=1.6)
    height = height + 0.55 * fbm((SIZE, SIZE), rng, cell_px=110.0, octaves=2)
    tone = 1.0 + 0.006 * grain((SIZE, SIZE), rng, sigma_px=0.8)
    # The fin stands up: it shades the slope away from the lamp.
    tone = tone * (1.0 - 0.26 * smoothstep(44.0, FIN_PX, y) * (y > FIN_PX - 1))
    tone = tone * (1.0 - 0.05 * smoothstep(-44.0, -FIN_PX, y) * (y < -FIN_PX + 1))
    albedo = tinted(_BOARD, tone)
    return Surface(height=height.astype(np.float32), albedo=albedo.astype(np.float32), alpha=corners)


def _printed(body: Surface, layers: list[tuple[Image, Image]]) -> Surface:
    """`body` with the print on it."""
    tone = body.albedo[..., 1] / _BOARD[1]
    albedo = body.albedo
    for cover, ink in layers:
        albedo = lerp(albedo, tinted(ink, tone), cover)
    return replace(body, albedo=albedo)


def _dated(surface: Surface, ink: Image) -> Surface:
    return replace(surface, albedo=lerp(surface.albedo, _INK, 0.9 * ink))


def _capped(
    surface: Surface, *, at: tuple[float, float] = (CAP_X, CAP_Y), squash: float = 1.0, lean_rad: float = 0.0,
    skirt: bool = True,
) -> Surface:  # fmt: skip
    """`surface` with the screw cap at `at`; a tilted one is `squash`ed along `lean_rad` and casts more shadow."""
    x, y = grid()
    dx, dy = x - at[0], y - at[1]
    u = dx * math.cos(lean_rad) + dy * math.sin(lean_rad)
    v = -dx * math.sin(lean_rad) + dy * math.cos(lean_rad)
    r = np.hypot(u / squash, v)
    lift = 1.0 + 5.0 * (1.0 - squash)
    shade_r = np.hypot(dx - 7.0 * lift, dy - 9.0 * lift)
    albedo = scaled(surface.albedo, 1.0 - 0.40 * smoothstep(CAP_R + 11.0, CAP_R - 13.0, shade_r))
    if skirt:
        ring = np.clip(CAP_R + 4.5 - np.hypot(dx, dy), 0.0, 1.0)
        albedo = lerp(albedo, _BOARD * 0.80, ring)
    cover = np.clip(CAP_R - 0.5 - r + 0.5, 0.0, 1.0)
    ribs = np.cos(72.0 * np.arctan2(v, u / squash)) * smoothstep(42.0, 44.0, r)
    disc = smoothstep(CAP_R - 9.0, CAP_R - 13.0, r)
    top = 8.0 * smoothstep(CAP_R + 1.0, CAP_R - 12.0, r) + 0.9 * ribs - 1.3 * smoothstep(33.0, 30.0, r)
    top = top + 0.04 * (1.0 - squash) * 10.0 * u
    drop = np.exp(-((np.hypot(u / squash, v) - 15.0) ** 2) / 5.0)
    colour = tinted(_CAP, 0.92 + 0.10 * disc + 0.05 * drop)
    shine = np.exp(-(((u + 18.0) / 24.0) ** 2) - ((v + 24.0) / 14.0) ** 2)
    colour = colour + cv2.merge([(0.16 * shine * disc).astype(np.float32)] * 3)
    return replace(
        surface,
        albedo=lerp(albedo, colour, cover).astype(np.float32),
        height=(surface.height * (1.0 - cover) + (top + 1.2 * drop) * cover).astype(np.float32),
    )


def make(rng: np.random.Generator) -> Surface:
    """A good carton; `rng` picks how flat its board lies and its grain."""
    return _capped(_dated(_printed(_body(rng), _print_layers()), _date_alpha()))


def damage(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    draw = {
        "cap_missing": _cap_missing, "cap_tilted": _cap_tilted, "label": _label, "date": _date, "dent": _dent,
    }  # fmt: skip
    return draw[defect.kind](good, defect, rng)


def _repainted(good: Surface, fresh: Surface, zone: Image) -> Surface:
    """`good` with the colours of `fresh` in `zone`: the rest, and the board's shape, stay those of this part."""
    return replace(good, albedo=lerp(good.albedo, fresh.albedo, zone).astype(np.float32))


def _recapped(good: Surface, fresh: Surface, footprint: Image) -> Surface:
    """`good` with the cap and its shadow as in `fresh`; the shape changes only under the caps (`footprint`)."""
    shape = good.height * (1.0 - footprint) + fresh.height * footprint
    return replace(_repainted(good, fresh, _cap_zone()), height=shape.astype(np.float32))


@functools.cache
def _undated() -> Surface:
    """A printed board without cap and date, to repaint from; kept, because drawing the print is slow.

    Its board has a grain of its own, too faint to tell from the part's.
    """
    return _printed(_body(np.random.default_rng(0)), _print_layers())


@functools.cache
def _misprinted(right: float, down: float) -> Surface:
    """The same with the white and green plates misplaced, `right` and `down` -1 or 1."""
    return _printed(_body(np.random.default_rng(0)), _print_layers((8.0 * right, 7.0 * down)))


@functools.cache
def _bare() -> Surface:
    """The same with its date."""
    return _dated(_undated(), _date_alpha())


def _cap_zone() -> Image:
    """Where a cap or its shadow can be; the print above it stays out."""
    x, y = grid()
    return smoothstep(CAP_R + 40.0, CAP_R + 34.0, np.hypot(x - CAP_X - 6, y - CAP_Y - 8)) * (y > FIN_PX + 2)


def _disc(at: tuple[float, float], radius_px: float) -> Image:
    x, y = grid()
    return np.clip(radius_px + 0.5 - np.hypot(x - at[0], y - at[1]), 0.0, 1.0)


def _cap_missing(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    """gross: no cap, open spout; medium: no cap, the foil still seals; subtle: the tamper ring is missing."""
    bare = _bare()
    x, y = grid()
    r = np.hypot(x - CAP_X, y - CAP_Y)
    old = _disc((CAP_X, CAP_Y), CAP_R + 4.0)
    if defect.severity == "subtle":
        fresh = _capped(bare, skirt=False)
        return _recapped(good, fresh, old), old * np.clip(r - CAP_R + 0.5, 0.0, 1.0)
    thread = np.cos((r - 30.0) * 2.0 * math.pi / 5.0) * smoothstep(44.0, 43.0, r) * smoothstep(29.0, 30.0, r)
    spout = np.clip(44.5 - r, 0.0, 1.0)
    shade_r = np.hypot(x - CAP_X - 5.0, y - CAP_Y - 6.0)
    albedo = scaled(bare.albedo, 1.0 - 0.34 * smoothstep(50.0, 38.0, shade_r))
    albedo = lerp(albedo, _BOARD * 0.97, spout)
    inner = np.clip(30.0 - r, 0.0, 1.0)
    if defect.severity == "gross":
        depth = smoothstep(32.0, 8.0, np.hypot(x - CAP_X + 5.0, y - CAP_Y + 6.0))
        albedo = lerp(albedo, lerp(np.broadcast_to(_BOARD * 0.24, albedo.shape), _BOARD * 0.50, depth), inner)
    else:
        foil = 0.70 + 0.10 * fbm((SIZE, SIZE), rng, cell_px=14.0, octaves=3)
        albedo = lerp(albedo, tinted(np.array([0.95, 0.95, 0.94]), foil), inner)
    height = bare.height + 5.0 * smoothstep(46.0, 40.0, r) + 0.9 * thread - 4.0 * inner
    fresh = Surface(height=height, albedo=albedo, alpha=bare.alpha)
    return _recapped(good, fresh, old), old


def _cap_tilted(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    """Cross-threaded: the cap sits askew, so it is off its ring and looks narrower one way."""
    off_px, squash = {"gross": (19.0, 0.82), "medium": (10.0, 0.90), "subtle": (2.8, 0.975)}[defect.severity]
    lean = float(rng.uniform(0.0, 2.0 * math.pi))
    at = (CAP_X + off_px * math.cos(lean), CAP_Y + off_px * math.sin(lean))
    old, new = _disc((CAP_X, CAP_Y), CAP_R + 4.0), _disc(at, CAP_R)
    bare = replace(_bare(), albedo=lerp(_bare().albedo, _BOARD * 0.80, old))
    fresh = _capped(bare, at=at, squash=squash, lean_rad=lean, skirt=False)
    both = np.maximum(old, new)
    return _recapped(good, fresh, both), both


def _label(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    """gross: print torn off down to the fibre; medium: torn corner or plates misplaced; subtle: faded print."""
    x, y = grid()
    zone = _rounded_box(0.0, -94.0, 153.0, 59.0, 14.0)
    side = float(rng.choice([-1.0, 1.0]))
    if defect.severity == "subtle":
        weight = zone * smoothstep(60.0, 20.0, np.abs(x - side * 70.0))
        return replace(good, albedo=lerp(good.albedo, _BOARD * 0.9, 0.13 * weight)), weight
    if defect.severity == "medium" and rng.random() < 0.5:
        fresh = _misprinted(side, float(rng.choice([-1.0, 1.0])))
        return _repainted(good, fresh, zone), zone
    reach = {"gross": 150.0, "medium": 62.0}[defect.severity]
    turn = float(rng.uniform(0.25, 0.6))
    along = side * x * math.cos(turn) - (y + 94.0) * math.sin(turn)
    ragged = 5.0 * fbm((SIZE, SIZE), rng, cell_px=30.0) + 1.0 * grain((SIZE, SIZE), rng, sigma_px=1.2)
    torn = smoothstep(-1.0, 1.0, along + ragged - (172.0 - reach)) * zone
    fibre = tinted(_FIBRE, 1.0 + 0.045 * grain((SIZE, SIZE), rng, sigma_px=1.8))
    lip = np.clip(cv2.GaussianBlur(torn, (0, 0), 2.5) * 2.0 - 1.6 * torn, 0.0, 1.0)
    albedo = lerp(lerp(good.albedo, fibre, 0.97 * torn), _BOARD * 1.08, 0.8 * lip)
    return replace(good, albedo=albedo.astype(np.float32), height=good.height - 1.6 * torn + lip), torn


def _date(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    """gross: no date, or wiped to a blot; medium: half is smeared or lost; subtle: one character is faint."""
    ink = _date_alpha()
    x, y = grid()
    local_x, local_y = x - DATE_X, y - DATE_Y
    box = smoothstep(100.0, 96.0, np.abs(local_x)) * smoothstep(46.0, 42.0, np.abs(local_y)) * (x > -12.0)
    smear = cv2.blur(cv2.GaussianBlur(ink, (0, 0), 2.2), (33, 3)) * 2.1
    if defect.severity == "gross":
        new = ink * 0.0 if rng.random() < 0.5 else np.clip(smear, 0.0, 1.0)
        weight = cv2.dilate(ink, np.ones((9, 9), np.uint8))
    elif defect.severity == "medium":
        half = smoothstep(-4.0, 4.0, local_x * float(rng.choice([-1.0, 1.0])) + 8.0)
        wiped = ink * 0.12 if rng.random() < 0.5 else np.clip(smear * 0.9, 0.0, 1.0)
        new = ink * (1.0 - half) + wiped * half
        weight = cv2.dilate(ink, np.ones((9, 9), np.uint8)) * half
    else:
        first = (float(rng.integers(4, 11)) - 5.9) * 6.0 * DATE_DOT
        spot = np.exp(-(((local_x - first) / 16.0) ** 2) - ((local_y + 14.0) / 14.0) ** 2)
        new, weight = ink * (1.0 - 0.62 * spot), ink * spot
    changed = box * np.clip(4.0 * cv2.dilate(np.abs(new - ink), np.ones((5, 5), np.uint8)), 0.0, 1.0)
    return _repainted(good, _dated(_undated(), new), changed), weight


def _dent(good: Surface, defect: Defect, rng: np.random.Generator) -> Damaged:
    """Crushed board: it cannot stretch, so the hollow is faceted, with sharp creases between its planes."""
    radius_px, depth_px = {"gross": (66.0, 34.0), "medium": (42.0, 18.0), "subtle": (22.0, 2.6)}[defect.severity]
    above = bool(rng.random() < 0.5)
    cx = float(rng.uniform(-95.0, 95.0)) if above else float(rng.uniform(40.0, 105.0))
    cy = -94.0 if above else float(rng.uniform(88.0, 104.0))
    x, y = grid()
    faces, turn = 5, float(rng.uniform(0.0, 2.0 * math.pi))
    steep = np.full((SIZE, SIZE), -np.inf, np.float32)
    for number in range(faces):
        heading = turn + (number + float(rng.uniform(-0.25, 0.25))) * 2.0 * math.pi / faces
        reach = radius_px * float(rng.uniform(0.65, 1.15))
        plane = ((x - cx) * math.cos(heading) + (y - cy) * math.sin(heading)) / reach
        steep = np.maximum(steep, plane)
    hollow = cv2.GaussianBlur(np.clip(1.0 - steep, 0.0, 1.0).astype(np.float32), (0, 0), 1.1)
    sharp = np.abs(cv2.Laplacian(hollow, cv2.CV_32F, ksize=3)) * radius_px
    crease = np.clip(cv2.GaussianBlur(sharp, (0, 0), 0.8) - 0.6, 0.0, 1.6)
    # Bent print and board fibres show paler along a hard crease.
    albedo = lerp(good.albedo, _BOARD, np.clip(0.016 * depth_px * crease, 0.0, 0.5))
    out = replace(good, height=good.height - depth_px * hollow, albedo=albedo.astype(np.float32))
    return out, smoothstep(0.0, 0.15, hollow) * (good.alpha > 0.5)


PRODUCT = Product(make=make, damage=damage, glare=None, texture=(0.9, 1.0), crumb_bgr=(120, 122, 120), crumbs=14)
