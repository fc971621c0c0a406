"""A camera that now gives frames of another size: what was drawn and photographed for the old ones, made to fit.

Only for the same field of view, more or less finely sampled. Another shape of frame shows something else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from edge.domain.geometry import Polygon, Rect
from edge.domain.recipe import Check, Locate, View
from edge.errors import RecipeError, Refused
from edge.inference.preprocess import resized
from edge.inference.rectify import Pixels

_SAME_SHAPE = 0.01  # of the sides' ratio: a camera's sizes are rounded to whole pixels
_MOST_SHIFT_PX, _MOST_AREA_PX = 65_535.0, 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From frames of one size to frames of another: px there = px here * (across, down)."""

    width: int
    height: int
    across: float
    down: float

    @classmethod
    def between(cls, old: tuple[int, int], new: tuple[int, int]) -> Scale:
        """Both (width, height). Refused when their shapes differ."""
        across, down = new[0] / old[0], new[1] / old[1]
        if abs(across / down - 1) > _SAME_SHAPE:
            raise Refused(
                f"frames of {old[0]} x {old[1]} px became {new[0]} x {new[1]} px: they show another field of view",
                hint="mark places and crop anew in the recipe, take new pictures of good parts and teach with them",
            )
        return cls(width=new[0], height=new[1], across=across, down=down)

    def frame(self, frame: Pixels) -> Pixels:
        """(H, W, C) uint8 to (height, width, C)."""
        return np.asarray(resized(frame, self.width, self.height), np.uint8).reshape(self.height, self.width, -1)

    def rect(self, rect: Rect, most: tuple[int, int]) -> Rect:
        """most: (width, height) of what it lies in, there."""
        x, right = self._edges(rect.x, rect.width, self.across, most[0])
        y, bottom = self._edges(rect.y, rect.height, self.down, most[1])
        return Rect(x=x, y=y, width=right - x, height=bottom - y)

    @staticmethod
    def _edges(first: int, length: int, by: float, most: int) -> tuple[int, int]:
        low = min(round(first * by), most - 1)
        return low, max(low + 1, min(round((first + length) * by), most))

    def view(self, view: View) -> View:
        """The recipe's view for the new frames. RecipeError when the part would be too small or too large."""
        locate = self._locate(view.locate)
        part = (locate.width_px, locate.height_px)
        frame = (self.width, self.height)
        picture = view.picture and replace(view.picture, patch=self.rect(view.picture.patch, frame))
        return replace(
            view,
            locate=locate,
            checks=tuple(self._check(check, part) for check in view.checks),
            picture=picture,
            frame_width=self.width,
            frame_height=self.height,
        )

    def _locate(self, locate: Locate) -> Locate:
        area, length = self.across * self.down, (self.across + self.down) / 2
        return replace(
            locate,
            search=locate.search and self.rect(locate.search, (self.width, self.height)),
            width_px=round(locate.width_px * self.across),
            height_px=round(locate.height_px * self.down),
            min_area_px=max(1, round(locate.min_area_px * area)),
            max_area_px=max(1, min(_MOST_AREA_PX, round(locate.max_area_px * area))),
            max_shift_px=min(_MOST_SHIFT_PX, locate.max_shift_px * length),
            template=self._template(locate.template) if locate.template else b"",
        )

    def _template(self, png: bytes) -> bytes:
        picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
        if picture is None:
            raise RecipeError("the recipe's template picture cannot be read", hint="teach the recipe again")
        width, height = round(picture.shape[1] * self.across), round(picture.shape[0] * self.down)
        scaled = resized(np.asarray(picture, np.uint8), max(1, width), max(1, height))
        return cv2.imencode(".png", scaled)[1].tobytes()

    def _check(self, check: Check, part: tuple[int, int]) -> Check:
        ignore = tuple(
            Polygon(points=tuple((x * self.across, y * self.down) for x, y in area.points)) for area in check.ignore
        )
        return replace(check, region=check.region and self.rect(check.region, part), ignore=ignore)
