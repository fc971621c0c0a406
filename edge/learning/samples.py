"""Good pictures for teaching: each checked, located and cut exactly as it will be at the line."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.domain.geometry import Rect
from edge.domain.model import Preprocess
from edge.domain.recipe import Locate
from edge.errors import SourceError, UsageError
from edge.inference.cut import Cutter
from edge.inference.locate import make_locator
from edge.inference.located import NotLocated
from edge.inference.preprocess import Preprocessor, resized
from edge.inference.rectify import Pixels

_DARK_LEVEL = 12.0
_FLAT_LEVELS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """name: where the picture is from. picture: (h, w, 3) uint8 BGR at the model's size, as preprocessing has it before
    it becomes float32; fit to be a golden part."""

    name: str
    picture: Pixels


class SampleCutter:
    """All frames must have one size, but for parts that are cut out already. Keeps no picture."""

    def __init__(
        self, locate: Locate, preprocess: Preprocess, region: Rect | None = None, *, cut_out: bool = False
    ) -> None:  # fmt: skip
        """region: of the aligned part picture (None: all of it). cut_out: each frame, of whatever size, is one part:
        `locate` and `region` do not count."""
        self._preprocessor = Preprocessor(preprocess)
        self._locator = make_locator(locate)
        self._cutter = Cutter.plan(locate, region, self._preprocessor)
        self._cut_out = cut_out
        self.frame_size: tuple[int, int] | None = None

    def cut(self, frame: Pixels, name: str) -> Sample:
        """frame: (H, W, 1 or 3) uint8.

        SourceError when it shows nothing or no part is found; UsageError on mixed sizes. Both name the picture.
        """
        self._check(frame, name)
        cut = self._cut(frame, frame, name)
        if cut.shape[2] == 1:
            cut = np.asarray(cv2.cvtColor(cut, cv2.COLOR_GRAY2BGR), np.uint8)
        size = self._preprocessor.picture_size(cut.shape[1], cut.shape[0])
        return Sample(name=name, picture=resized(cut, *size))

    def marked(self, frame: Pixels, place: Rect, name: str) -> Pixels:
        """(h, w) uint8 of the sample's picture: how much of each px lies in `place`, which is in px of the frame."""
        whole = np.zeros((*frame.shape[:2], 1), np.uint8)
        whole[place.y : place.y + place.height, place.x : place.x + place.width] = 255
        cut = self._cut(frame, whole, name)
        size = self._preprocessor.picture_size(cut.shape[1], cut.shape[0])
        return np.asarray(resized(cut, *size).reshape(size[1], size[0]), np.uint8)

    def _cut(self, frame: Pixels, pixels: Pixels, name: str) -> Pixels:
        """The part that is found in `frame`, cut out of `pixels`, which have the frame's size."""
        locator, cutter = self._locator, self._cutter
        if self._cut_out:
            whole = Locate(width_px=frame.shape[1], height_px=frame.shape[0])
            locator, cutter = make_locator(whole), Cutter.plan(whole, None, self._preprocessor)
        found = locator.find(frame)
        if isinstance(found, NotLocated):
            raise SourceError(
                f"{name}: the part was not found ({found.code.value})",
                hint="remove the picture, or teach with a recipe whose locator finds the part",
            )
        return np.asarray(cutter.cut(pixels, found.matrix), np.uint8)

    def _check(self, frame: Pixels, name: str) -> None:
        height, width = frame.shape[:2]
        if self.frame_size is None:
            self.frame_size = (width, height)
        elif self.frame_size != (width, height) and not self._cut_out:
            have = f"{width} x {height} px, the others {self.frame_size[0]} x {self.frame_size[1]}"
            raise UsageError(f"{name} has {have}", hint="teach with pictures of one camera, all of one size")
        mean, spread = cv2.meanStdDev(frame)
        if float(mean.max()) < _DARK_LEVEL or float(spread.max()) < _FLAT_LEVELS:
            what = "black" if float(mean.max()) < _DARK_LEVEL else "of one colour"
            raise SourceError(f"{name} is {what}: it shows no part", hint="remove it, or check lamp and lens cap")
