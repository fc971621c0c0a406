"""From a cut picture to the model's input: resized by area, then as the model takes it.

Pictures stay 8 bit up to the model's size (so a golden part can be kept as a PNG). A graph that takes regions gets them
so (`RegionFeed`); for others they become float32 here, channel by channel straight into the input tensor
(`Preprocessor`). Which of the two costs less: docs/decisions/0016.
"""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.domain.model import Input, Manifest, Preprocess, Resize
from edge.inference.located import Affine
from edge.inference.rectify import Pixels

Tensor = NDArray[np.float32]
Fed = NDArray[Any]
"""What a model is run with: float32 (1, 3, height, width), or uint8 (1, height, width, 3), as its manifest says."""

_HALVE_FROM = 3


class Feed(Protocol):
    """Turns pictures into what a model is run with. Safe for several threads, each with its own `out`."""

    @property
    def settings(self) -> Preprocess: ...

    def buffer(self) -> Fed:
        """What `fill` writes to, its pages touched."""
        ...

    def fill(self, picture: Pixels, out: Fed) -> Fed:
        """picture: (h, w, 1 or 3) uint8, BGR when 3, copied. Writes and returns `out`, as `buffer` makes it."""
        ...

    def tensor(self, picture: Pixels) -> Fed: ...

    def to_input(self, width: int, height: int) -> Affine:
        """(2, 3): px of a picture of that size -> px of the model's input."""
        ...

    def picture_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) that a picture of that size has in the model's input, without padding."""
        ...


def feed_for(manifest: Manifest) -> Feed:
    if manifest.input is Input.REGION:
        return RegionFeed(manifest.preprocess)
    return Preprocessor(manifest.preprocess)


class _Placing:
    """Where a picture comes to lie in the model's input."""

    def __init__(self, settings: Preprocess) -> None:
        self.settings = settings

    def to_input(self, width: int, height: int) -> Affine:
        left, top, w, h = self._place(width, height)
        across, down = w / width, h / height
        return np.array([[across, 0, 0.5 * across - 0.5 + left], [0, down, 0.5 * down - 0.5 + top]], np.float64)

    def picture_size(self, width: int, height: int) -> tuple[int, int]:
        return self._place(width, height)[2:]

    def _place(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Where the picture lies in the input: left, top, width, height."""
        wanted = self.settings
        if wanted.resize is Resize.STRETCH:
            return 0, 0, wanted.width, wanted.height
        scale = min(wanted.width / width, wanted.height / height)
        w = min(wanted.width, max(1, round(width * scale)))
        h = min(wanted.height, max(1, round(height * scale)))
        return (wanted.width - w) // 2, (wanted.height - h) // 2, w, h


class RegionFeed(_Placing):
    """For graphs that take the raw region: it is brought to the model's size here all the same, by area and at once
    for all checks that look at it, and the graph's own resizing then has nothing to do."""

    def buffer(self) -> NDArray[np.uint8]:
        return np.zeros((1, self.settings.height, self.settings.width, 3), np.uint8)

    def fill(self, picture: Pixels, out: Fed) -> Fed:
        small = resized(picture, self.settings.width, self.settings.height)
        np.copyto(out[0], small if small.ndim == 3 else small[:, :, None])
        return out

    def tensor(self, picture: Pixels) -> Fed:
        return self.fill(picture, self.buffer())


class Preprocessor(_Placing):
    """For graphs that take the normalised image, and for backbones. Holds no picture and no buffer."""

    def __init__(self, settings: Preprocess) -> None:
        super().__init__(settings)
        order = (2, 1, 0) if settings.rgb else (0, 1, 2)
        # Mean and std are given in the order of the model's channels.
        self._plan = [
            (plane, 1.0 / settings.std[channel], -settings.mean[channel] / settings.std[channel])
            for channel, plane in enumerate(order)
        ]

    def buffer(self) -> Tensor:
        return np.zeros((1, 3, self.settings.height, self.settings.width), np.float32)

    def fill(self, picture: Pixels, out: Tensor) -> Tensor:
        left, top, width, height = self._place(picture.shape[1], picture.shape[0])
        small = resized(picture, width, height)
        planes = cv2.split(small) if small.ndim == 3 and small.shape[2] == 3 else (small.reshape(height, width),) * 3
        whole = (width, height) == (self.settings.width, self.settings.height)
        if not whole:
            out[:] = 0.0  # the mean, normalised
        for channel, (plane, factor, offset) in enumerate(self._plan):
            target = out[0, channel] if whole else np.empty((height, width), np.float32)
            # One pass from uint8 to float32: plane * factor + 0 * plane + offset.
            cv2.addWeighted(planes[plane], factor, planes[plane], 0.0, offset, dst=target, dtype=cv2.CV_32F)
            if not whole:
                out[0, channel, top : top + height, left : left + width] = target
        return out

    def tensor(self, picture: Pixels) -> Tensor:
        return self.fill(picture, self.buffer())


def resized(picture: Pixels, width: int, height: int) -> Pixels:
    """By area along each side that shrinks, linear along one that grows.

    Halves come first while three px or more go into one, both ways, and none is left over: OpenCV averages 2 x 2 px in
    vector code and any other area in plain code, so a frame of 1080p is ready in half the time. The mean is kept in
    every step, so a scratch of one px leaves the same trace.
    """
    h, w = picture.shape[:2]
    while w >= _HALVE_FROM * width and h >= _HALVE_FROM * height and w % 2 == h % 2 == 0:
        w, h = w // 2, h // 2
        picture = np.asarray(cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA), np.uint8)
    if (w, h) == (width, height):
        return picture
    if width <= w and height <= h:
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    shrunk = picture
    if width < w or height < h:
        shrunk = np.asarray(cv2.resize(picture, (min(w, width), min(h, height)), interpolation=cv2.INTER_AREA))
    return np.asarray(cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
