"""Compose a frame: belt, parts with their shadows, lamp, rails, sensor noise, number.

All that can be drawn before it is due is drawn before: `prepare(spec)` makes a part's sprite; `frame` only
scrolls the belt and lays the sprites on it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.apps.demo.scene import belt, biscuit, carton, metal_ring
from edge.apps.demo.scene.spec import PRODUCTS, PartSpec, check_product
from edge.apps.demo.scene.stamp import write_number
from edge.apps.demo.scene.surface import MID, SIZE, Product, Surface
from edge.apps.demo.scene.texture import fbm, grain, to_u8
from edge.errors import UsageError

Image = npt.NDArray[Any]

VARIANTS = 4
_NOISE_SIGMA = 1.9
_NOISE_ROOM_PX = 160
_TILE_PX = SIZE + 96
_SHADOW_PX = (6.0, 8.0)
_GLARE_ONE = 128.0
_KEPT = 10
_ONE = 1.0 / 255.0


def product(name: str) -> Product:
    """How `name` is drawn. UsageError when there is no such product."""
    return {"biscuit": biscuit.PRODUCT, "ring": metal_ring.PRODUCT, "carton": carton.PRODUCT}[check_product(name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprite:
    """A part ready to be laid down: `light` (h, w, 3) uint8 is added where `clear` (h, w, 3) uint8 (255 = belt shows
    in full) has dimmed what lies under it. `left_px`, `top_px`: from the part's slot centre to its corner.
    `reach_px`: how far the part itself, without its shadow, goes left and right of its slot centre."""

    light: Image
    clear: Image
    left_px: int
    top_px: int
    reach_px: tuple[int, int]


class Renderer:
    """Draws one product on one belt. Same product, seed and size: same bytes, whatever was drawn before.

    `size` is (height, width), 4:3, at least 480 x 360. `noise` scales the sensor noise (1.0 = normal). Not thread-safe.
    """

    def __init__(self, product_name: str, seed: int, size: tuple[int, int] = (600, 800), *, noise: float = 1.0) -> None:
        self._product = product(product_name)
        if size[0] * 4 != size[1] * 3 or size[1] < 480:
            raise UsageError(f"cannot draw {size[1]} x {size[0]}", hint="4:3, at least 480 x 360, e.g. 800 x 600")
        self.name, self.seed, self.size = product_name, seed, size
        self.scale = size[1] / belt.NOMINAL_W
        stream = np.random.default_rng([seed, PRODUCTS.index(product_name), 77])
        self._good = [self._product.make(np.random.default_rng([seed, k, 5])) for k in range(VARIANTS)]
        self._bodies = [to_u8(surface.bgr()) for surface in self._good]
        self._glare = (
            None if self._product.glare is None else cv2.convertScaleAbs(self._product.glare(), alpha=_GLARE_ONE)
        )
        self._tiles = _texture_tiles(stream, *self._product.texture)
        self._top = round(belt.BELT_TOP_PX * self.scale)
        self._bottom = round(belt.BELT_BOTTOM_PX * self.scale)
        self._belt = belt.belt_loop(
            stream, self._bottom - self._top, self.scale, self._product.crumb_bgr, self._product.crumbs
        )
        self._surroundings = belt.surroundings(stream, size)
        self._falloff = belt.falloff(size)[self._top : self._bottom]
        self._noise = _noise_pair(stream, size, _NOISE_SIGMA * noise)
        self._sprites: OrderedDict[PartSpec, Sprite] = OrderedDict()

    def prepare(self, spec: PartSpec) -> Sprite:
        """Draw the part now (a few ms; more with a defect). The last few are kept, so `frame` finds them."""
        sprite = self._sprites.get(spec)
        if sprite is None:
            sprite = self._draw(spec)
            self._sprites[spec] = sprite
            while len(self._sprites) > _KEPT:
                self._sprites.popitem(last=False)
        return sprite

    def frame(
        self, visible: Sequence[tuple[PartSpec, float]], belt_offset_px: float, frame_n: int, stamp: int | None
    ) -> Image:
        """One picture (H, W, 3) BGR uint8, newly allocated.

        `visible`: parts and the x of their slot centres (the part lies `dx_px`, `dy_px` off it), in pixels of this
        frame. `belt_offset_px`: how far the belt has moved (+x). `frame_n` picks the noise. `stamp`: number to write.
        """
        out = self._surroundings.copy()
        field = out[self._top : self._bottom]
        _scroll(self._belt, round(belt_offset_px), field)
        for spec, x_center_px in visible:
            self._lay(out, self.prepare(spec), x_center_px)
        cv2.multiply(field, self._falloff, dst=field, scale=1.0 / belt.FALLOFF_ONE)
        self._add_noise(out, frame_n)
        if stamp is not None:
            write_number(out, stamp)
        return out

    def defect_mask(self, spec: PartSpec, x_center_px: float | None = None) -> Image:
        """Where the defect is: (H, W) uint8, 255 or 0, for a part at `x_center_px` (None: the middle).

        All 0 for a good part. A missing piece is marked where it should have been.
        """
        out = np.zeros(self.size, np.uint8)
        if spec.defect is None:
            return out
        _, weight = self._surface(spec)
        center = (self.size[1] / 2 if x_center_px is None else x_center_px, (self._top + self._bottom) / 2)
        turn = self._turn(spec, center[0], center[1])
        whole = cv2.warpAffine(weight.astype(np.float32), turn, (self.size[1], self.size[0]))
        out[whole > 0.25] = 255
        return out

    def _surface(self, spec: PartSpec) -> tuple[Surface, Image]:
        variant = int(np.random.default_rng([spec.seed, spec.n, 1]).integers(VARIANTS))
        if spec.defect is None:
            return self._good[variant], np.zeros((SIZE, SIZE), np.float32)
        rng = np.random.default_rng([spec.seed, spec.n, 2])
        return self._product.damage(self._good[variant], spec.defect, rng)

    def _draw(self, spec: PartSpec) -> Sprite:
        rng = np.random.default_rng([spec.seed, spec.n, 1])
        variant = int(rng.integers(VARIANTS))
        surface, _ = self._surface(spec)
        body = self._bodies[variant] if spec.defect is None else to_u8(surface.bgr())
        body = _textured(body, self._tiles, rng)
        body = cv2.convertScaleAbs(body, alpha=spec.light)
        alpha = cv2.convertScaleAbs(surface.alpha, alpha=255.0)
        side = int(SIZE * self.scale) + 2
        turn = self._turn(spec, side / 2, side / 2)
        flat = cv2.multiply(body, cv2.merge([alpha] * 3), scale=_ONE)
        laid = cv2.warpAffine(_with_alpha(flat, alpha), turn, (side, side))
        light, cover = cv2.cvtColor(laid, cv2.COLOR_BGRA2BGR), cv2.extractChannel(laid, 3)
        if self._glare is not None:
            light = _shine(light, self._glare, turn)
        return _sprite(light, cover, self.scale, side)

    def _turn(self, spec: PartSpec, x: float, y: float) -> Image:
        """The affine map from the product's square to a picture with the part's slot centre at (x, y)."""
        turn = cv2.getRotationMatrix2D((MID, MID), spec.angle_deg, self.scale)
        turn[0, 2] += x + spec.dx_px * self.scale - MID
        turn[1, 2] += y + spec.dy_px * self.scale - MID
        return turn

    def _lay(self, out: Image, sprite: Sprite, x_center_px: float) -> None:
        left = round(x_center_px) + sprite.left_px
        top = (self._top + self._bottom) // 2 + sprite.top_px
        height, width = sprite.clear.shape[:2]
        x0, x1 = max(0, left), min(self.size[1], left + width)
        y0, y1 = max(self._top, top), min(self._bottom, top + height)
        if x0 >= x1 or y0 >= y1:
            return
        place = out[y0:y1, x0:x1]
        part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        cv2.multiply(place, sprite.clear[part], dst=place, scale=_ONE)
        cv2.add(place, sprite.light[part], dst=place)

    def _add_noise(self, out: Image, frame_n: int) -> None:
        """Walk through the noise field so that two frames in a row never get the same piece of it."""
        step = frame_n * 9973 + self.seed
        x, y = step % _NOISE_ROOM_PX, step // _NOISE_ROOM_PX % _NOISE_ROOM_PX
        part = np.s_[y : y + self.size[0], x : x + self.size[1]]
        cv2.add(out, self._noise[0][part], dst=out)
        cv2.subtract(out, self._noise[1][part], dst=out)


def _with_alpha(bgr: Image, alpha: Image) -> Image:
    out = cv2.cvtColor(bgr, cv2.COLOR_BGR2BGRA)
    cv2.insertChannel(alpha, out, 3)
    return out


def _signed_pair(field: Image) -> tuple[Image, Image]:
    """A signed field as two uint8 pictures, to add and to subtract: far quicker than signed arithmetic."""
    rounded = np.rint(field)
    return (np.maximum(rounded, 0).astype(np.uint8), np.maximum(-rounded, 0).astype(np.uint8))


def _texture_tiles(stream: np.random.Generator, fine: float, slow: float) -> tuple[Image, Image]:
    """Grain and mottling (TILE, TILE, 3), of which each part gets its own piece."""
    shape = (_TILE_PX, _TILE_PX)
    field = fine * grain(shape, stream, sigma_px=0.9) + slow * fbm(shape, stream, cell_px=70.0, octaves=2)
    return _signed_pair(cv2.merge([field * 1.05, field, field * 0.95]))


def _textured(body: Image, tiles: tuple[Image, Image], rng: np.random.Generator) -> Image:
    x, y = (int(v) for v in rng.integers(_TILE_PX - SIZE, size=2))
    part = np.s_[y : y + SIZE, x : x + SIZE]
    return cv2.subtract(cv2.add(body, tiles[0][part]), tiles[1][part])


def _noise_pair(stream: np.random.Generator, size: tuple[int, int], sigma: float) -> tuple[Image, Image]:
    """Sensor noise larger than the frame: mostly luminance, a little colour, as after demosaicing."""
    shape = (size[0] + _NOISE_ROOM_PX, size[1] + _NOISE_ROOM_PX)
    grey = stream.standard_normal(shape, dtype=np.float32)
    planes = [sigma * (0.85 * grey + 0.5 * stream.standard_normal(shape, dtype=np.float32)) for _ in range(3)]
    return _signed_pair(cv2.merge(planes))


def _scroll(loop: Image, offset_px: int, field: Image) -> None:
    """Copy the visible piece of the belt into `field`; the belt's texture moves to +x as the offset grows."""
    length, width = loop.shape[1], field.shape[1]
    start = -offset_px % length
    first = min(width, length - start)
    field[:, :first] = loop[:, start : start + first]
    if first < width:
        field[:, first:] = loop[:, : width - first]


def _shine(light: Image, glare: Image, turn: Image) -> Image:
    """Multiply by the lamp's pattern, placed and scaled like the part but not turned with it."""
    fixed = turn.copy()
    scale = float(np.hypot(turn[0, 0], turn[0, 1]))
    fixed[:, :2] = np.eye(2) * scale
    fixed[:, 2] = turn @ np.array([MID, MID, 1.0]) - scale * MID
    size = (light.shape[1], light.shape[0])
    gain = cv2.warpAffine(glare, fixed, size, borderMode=cv2.BORDER_REPLICATE)
    return cv2.multiply(light, cv2.merge([gain] * 3), scale=1.0 / _GLARE_ONE)


def _sprite(light: Image, cover: Image, scale: float, side: int) -> Sprite:
    """Add the shadow on the belt and cut to what is not empty."""
    # At a quarter of the size: a shadow is soft, and the blur costs a sixteenth.
    small = cv2.resize(cover, (side // 4, side // 4), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 2.3 * scale)
    move = np.array([[1.0, 0.0, _SHADOW_PX[0] * scale / 4], [0.0, 1.0, _SHADOW_PX[1] * scale / 4]])
    small = cv2.warpAffine(small, move, (side // 4, side // 4))
    shadow = cv2.convertScaleAbs(cv2.resize(small, (side, side)), alpha=0.62)
    x, y, width, height = cv2.boundingRect(cv2.max(cover, cv2.subtract(shadow, np.array([1.0]))))
    own_x, _, own_width, _ = cv2.boundingRect(cover)
    part = np.s_[y : y + height, x : x + width]
    clear = cv2.multiply(255 - cover[part], 255 - shadow[part], scale=_ONE)
    return Sprite(
        light=np.ascontiguousarray(light[part]),
        clear=cv2.merge([clear] * 3),
        left_px=x - round(side / 2),
        top_px=y - round(side / 2),
        reach_px=(round(side / 2) - own_x, own_x + own_width - round(side / 2)),
    )
