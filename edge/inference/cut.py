"""Cutting a region of the upright part out of the frame, reading each frame pixel about once.

A picture that will be shrunk for the model is first halved by area, in the frame, as often as that goes (OpenCV
does halving several times faster than any other factor). Only then it is turned, to twice the model's size, and
preprocessing halves it once more: a bilinear turn looks at four pixels for each of its own, so that turning
straight to the model's size would step over thin scratches.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.domain.geometry import Rect
from edge.domain.recipe import Locate, LocateKind
from edge.inference.located import Affine, compose, inverse, transform
from edge.inference.preprocess import Feed
from edge.inference.rectify import Pixels

_MARGIN_PX = 2  # what bilinear interpolation reads beyond the corners
_SAME_PX = 0.02  # a turn that moves no pixel by more than this is none
_MAX_FACTOR = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutter:
    """One region of the aligned part picture.

    region: px of that picture. factor: power of two that the frame is shrunk by first. width, height: of the cut.
    """

    region: Rect
    factor: int
    width: int
    height: int

    @classmethod
    def plan(cls, locate: Locate, region: Rect | None, preprocessor: Feed) -> Cutter:
        """For this model input. The region must lie in the aligned picture (whoever loads the recipe checks)."""
        rect = region or Rect(x=0, y=0, width=locate.width_px, height=locate.height_px)
        width, height = preprocessor.picture_size(rect.width, rect.height)
        shrink = min(rect.width / width, rect.height / height)
        factor = 1
        while factor * 2 <= min(shrink, _MAX_FACTOR):
            factor *= 2
        size = (max(1, round(rect.width / factor)), max(1, round(rect.height / factor)))
        if locate.kind is not LocateKind.WHOLE and shrink > factor:  # something is turned, and left to shrink
            # Along a side that is squeezed much more than the other, twice the model's size would skip pixels.
            size = (max(2 * width, size[0]), max(2 * height, size[1]))
        return cls(region=rect, factor=factor, width=size[0], height=size[1])

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of what `cut` gives."""
        return self.width, self.height

    @property
    def from_aligned(self) -> Affine:
        """(2, 3): px of the aligned part picture -> px of the cut."""
        width, height = self.size
        across, down = width / self.region.width, height / self.region.height
        # Pixel middles: px p of the region is (p + 0.5) * scale - 0.5 of the shrunk one.
        shift = ((0.5 - self.region.x) * across - 0.5, (0.5 - self.region.y) * down - 0.5)
        return np.array([[across, 0, shift[0]], [0, down, shift[1]]], np.float64)

    def cut(self, frame: Pixels, matrix: Affine) -> Pixels:
        """(h, w, 1 or 3) uint8 of `size`. matrix: frame px -> aligned px. Beyond the frame its edge is repeated.

        May be a view of `frame` when nothing has to be turned or shrunk.
        """
        width, height = self.size
        to_cut = compose(self.from_aligned, matrix)
        source, to_frame = self._source(frame, to_cut)
        turn = compose(to_cut, to_frame)
        return _turned(source, turn, width, height)

    def _source(self, frame: Pixels, to_cut: Affine) -> tuple[Pixels, Affine]:
        """The part of the frame that is needed, shrunk by the factor; and the map from its px to frame px."""
        width, height = self.size
        corners = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [-0.5, height - 0.5], [width - 0.5, height - 0.5]])
        reach = transform(inverse(to_cut), corners)
        k = self.factor * _steps_down(to_cut, self.from_aligned)
        low = np.floor((reach.min(axis=0) - _MARGIN_PX * k) / k).astype(int) * k
        high = np.ceil((reach.max(axis=0) + _MARGIN_PX * k) / k).astype(int) * k
        left, top = (max(0, min(int(low[i]), frame.shape[1 - i] - k)) for i in (0, 1))
        right = max(left + k, min(int(high[0]), left + (frame.shape[1] - left) // k * k))
        bottom = max(top + k, min(int(high[1]), top + (frame.shape[0] - top) // k * k))
        source = frame[top:bottom, left:right]
        if k > 1:
            source = halved(source, k)
        to_frame = np.array([[k, 0, left + (k - 1) / 2], [0, k, top + (k - 1) / 2]], np.float64)
        return source, to_frame


def _steps_down(to_cut: Affine, from_aligned: Affine) -> int:
    """How much smaller the aligned picture is than the frame, as a power of two: 1 unless a whole frame is scaled."""
    scale = np.linalg.norm(to_cut[:, :2], axis=1) / np.diag(from_aligned)
    step = 1
    while step * 2 * float(scale.max()) <= 1.0 and step < _MAX_FACTOR:
        step *= 2
    return step


def halved(picture: Pixels, factor: int) -> Pixels:
    """By area to 1 / factor, a power of two that divides both sides. (h, w, C) uint8."""
    channels = picture.shape[2]
    while factor > 1:
        size = (picture.shape[1] // 2, picture.shape[0] // 2)
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        factor //= 2
    return picture.reshape(picture.shape[0], picture.shape[1], channels)


def _turned(source: Pixels, turn: Affine, width: int, height: int) -> Pixels:
    shift = np.round(turn[:, 2])
    left, top = int(-shift[0]), int(-shift[1])
    still = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    moved = np.abs(transform(turn, corners) - transform(still, corners)).max()
    if moved < _SAME_PX and left >= 0 and top >= 0:
        part = source[top : top + height, left : left + width]
        if part.shape[:2] == (height, width):
            return part
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    turned = cv2.warpAffine(source, turn, (width, height), flags=flags, borderMode=border)
    return np.asarray(turned, np.uint8).reshape(height, width, -1)
