"""One part on a plain background, found by its outline; the angle by the outline or by a template."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.domain.geometry import Rect
from edge.domain.recipe import Locate, Polarity
from edge.domain.verdict import ReasonCode
from edge.inference import outline
from edge.inference.cut import halved
from edge.inference.located import Located, NotLocated, aligned, search_rect
from edge.inference.rectify import Pixels
from edge.inference.turn import TurnFinder

_WORK_PX = 520  # the search rectangle's longest side after shrinking
_FLOOR_LEVELS = 14.0  # weaker than this is no part: sensor noise and belt texture
_NOISE_FACTOR = 5.0
_OTSU_SHARE = 0.55  # of Otsu's threshold: outlines sit at the middle of the edge although the part has dark areas
_SEVERAL_SHARE = 0.5  # a second blob of at least this share of the largest is another part, not a broken piece


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blob:
    """contour: (n, 1, 2) in px of the shrunk picture; area_px: in frame px, holes filled."""

    contour: NDArray[np.int32]
    area_px: float
    cut: bool  # touches the edge of the search rectangle: not all of it is seen


class BlobLocator:
    """`find` takes under 2 ms for 800 x 600 on one core. Keeps no state between frames."""

    def __init__(self, settings: Locate) -> None:
        self._settings = settings
        self._turn = TurnFinder(settings) if settings.template and settings.rotate else None

    def find(self, frame: Pixels) -> Located | NotLocated:
        settings = self._settings
        rect = search_rect(settings, frame.shape[1], frame.shape[0])
        if rect is None or min(rect.width, rect.height) < 16:
            return NotLocated(code=ReasonCode.NOT_FOUND, limit=settings.min_area_px)
        step = steps_to(max(rect.width, rect.height), _WORK_PX)
        small = shrink(frame, rect, step)
        chosen = self._choose(_blobs(_foreground(small, settings.polarity), step))
        if isinstance(chosen, NotLocated):
            return chosen
        shape = outline.measure(chosen.contour)
        x = rect.x + step * shape.x + (step - 1) / 2
        y = rect.y + step * shape.y + (step - 1) / 2
        return aligned(settings, rect, x, y, self._angle(frame, shape, x, y) if settings.rotate else 0.0)

    def _angle(self, frame: Pixels, shape: outline.Outline, x: float, y: float) -> float:
        """From the outline where it has one answer within the limit; the template chooses between several."""
        settings = self._settings
        angles = outline.candidates(shape, settings.width_px, settings.height_px)
        allowed = tuple(angle for angle in angles if abs(angle) <= settings.max_angle_deg)
        if self._turn is None:
            return angles[0] if angles else 0.0
        if len(allowed) == 1:
            return allowed[0]
        if allowed:
            return self._turn.choose(frame, x, y, allowed)
        return angles[0] if angles else self._turn.find(frame, x, y)

    def _choose(self, blobs: list[Blob]) -> Blob | NotLocated:
        settings = self._settings
        sized = [blob for blob in blobs if settings.min_area_px <= blob.area_px <= settings.max_area_px]
        if not sized:
            largest = max((blob.area_px for blob in blobs), default=0.0)
            limit = settings.max_area_px if largest > settings.max_area_px else settings.min_area_px
            return NotLocated(code=ReasonCode.NOT_FOUND, value=largest, limit=limit)
        entire = sorted((blob for blob in sized if not blob.cut), key=lambda blob: -blob.area_px)
        if not entire:
            return NotLocated(code=ReasonCode.BADLY_PLACED, value=max(blob.area_px for blob in sized))
        if len(entire) > 1 and entire[1].area_px >= _SEVERAL_SHARE * entire[0].area_px:
            return NotLocated(code=ReasonCode.SEVERAL_FOUND, value=entire[1].area_px, limit=settings.min_area_px)
        return entire[0]


def shrink(frame: Pixels, rect: Rect, step: int) -> Pixels:
    """The rectangle by area to 1 / step, a power of two, (h, w, C), in BGR or grey as the frame is."""
    part = frame[rect.y : rect.y + rect.height, rect.x : rect.x + rect.width]
    height, width = rect.height // step, rect.width // step
    return halved(part[: height * step, : width * step], step)  # whole steps only: coordinates stay exact


def steps_to(longest_px: int, limit_px: int) -> int:
    """The power of two by which `longest_px` comes down to at most `limit_px`: halving is what cv2 does fast."""
    step = 1
    while longest_px > step * limit_px:
        step *= 2
    return step


def _foreground(picture: Pixels, polarity: Polarity) -> Pixels:
    """(h, w) 255 where it is unlike the background, whose colour is the border's median."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]]).astype(np.int16)
    level = np.median(border, axis=0)
    noise = float(np.median(np.abs(border - level))) * 1.4826
    unlike = _difference(picture, level, polarity)
    otsu, _ = cv2.threshold(unlike, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    limit = max(_OTSU_SHARE * otsu, _FLOOR_LEVELS, _NOISE_FACTOR * noise)
    _, mask = cv2.threshold(unlike, limit, 255, cv2.THRESH_BINARY)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)


def _difference(picture: Pixels, level: NDArray[np.floating], polarity: Polarity) -> Pixels:
    """(h, w) uint8: how far each pixel is from the background, the strongest channel counts."""
    planes = cv2.split(picture) if picture.shape[2] > 1 else [picture[:, :, 0]]
    strongest: NDArray[np.uint8] | None = None
    for plane, background in zip(planes, level.tolist(), strict=True):
        if polarity is Polarity.BRIGHT:
            one = cv2.subtract(plane, background)
        elif polarity is Polarity.DARK:
            one = cv2.subtract(np.full_like(plane, round(background)), plane)
        else:
            one = cv2.absdiff(plane, background)
        strongest = np.asarray(one if strongest is None else cv2.max(strongest, one), np.uint8)
    assert strongest is not None
    return strongest


def _blobs(mask: Pixels, step: int) -> list[Blob]:
    height, width = mask.shape
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found = []
    for contour in contours:
        if len(contour) < 8:
            continue
        x, y, w, h = cv2.boundingRect(contour)
        cut = x <= 0 or y <= 0 or x + w >= width or y + h >= height
        # A contour runs through pixel middles: half its length is missing around it.
        area = cv2.contourArea(contour) + 0.5 * cv2.arcLength(contour, True) + 1
        found.append(Blob(contour=np.asarray(contour, np.int32), area_px=area * step * step, cut=cut))
    return found
