"""The annotated picture: where the part was found, what the models point at, verdict and scores.

OpenCV draws ASCII only, so the words of the reasons stand in the tables; on the picture are codes and numbers,
the same in every language.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.apps.inspect.judge import JudgedPart
from edge.bus.ring import Pixels
from edge.domain.recipe import Locate
from edge.domain.verdict import Verdict

Colour = tuple[int, int, int]

# BGR; told apart by lightness too, for the colour-blind and for grey prints.
_COLOURS: dict[Verdict, Colour] = {
    Verdict.OK: (80, 175, 50),
    Verdict.NG: (40, 40, 215),
    Verdict.UNSURE: (0, 165, 255),
    Verdict.NOT_INSPECTED: (190, 90, 160),
}
_PART: Colour = (255, 190, 60)
_DARK: Colour = (25, 25, 25)
_WHITE: Colour = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TEXT_SHARE = 0.045  # of the picture's width, for a line of text
_LEAST_TEXT_PX = 14


def annotate(frame: Pixels, part: JudgedPart, locate: Locate) -> Pixels:
    """A new (H + band, W, 3) uint8 BGR picture of the frame (H, W, 1 or 3), with a band of text below it."""
    colour = _COLOURS[part.verdict]
    picture = cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR) if frame.shape[2] == 1 else frame.copy()
    thick = max(1, round(picture.shape[1] / 320))
    place = part.result.placement
    if place is not None:
        size = (locate.width_px, locate.height_px)
        corners = cv2.boxPoints(((place.x_px, place.y_px), size, -place.angle_deg))
        cv2.polylines(picture, [np.round(corners).astype(np.int32)], True, _PART, thick, cv2.LINE_AA)
    for box in part.result.boxes:
        low, high = (box.x, box.y), (box.x + box.width - 1, box.y + box.height - 1)
        cv2.rectangle(picture, low, high, _WHITE, thick + 2)
        cv2.rectangle(picture, low, high, colour, thick)
    cv2.rectangle(picture, (0, 0), (picture.shape[1] - 1, picture.shape[0] - 1), colour, 2 * thick)
    return np.asarray(np.vstack([picture, _band(picture.shape[1], part, colour)]), np.uint8)


def _band(width: int, part: JudgedPart, colour: Colour) -> Pixels:
    height = max(_LEAST_TEXT_PX, round(width * _TEXT_SHARE))
    lines = _lines(part)
    band = np.full((round(height * 1.6) * len(lines), width, 3), _DARK, np.uint8)
    for row, (text, shade) in enumerate(zip(lines, (colour, *[_WHITE] * len(lines)), strict=False)):
        _write(band, text, round(height * (1.6 * row + 1.2)), height, shade)
    return band


def _lines(part: JudgedPart) -> list[str]:
    scores = [
        f"{score.check} {score.score:.3g} (UNSURE {score.unsure_from:.3g}, NG {score.ng_from:.3g}) {score.label}"
        for score in part.result.scores
    ]
    codes = [reason.code.value for reason in part.result.reasons]
    return [f"{part.verdict}  #{part.n}  {part.name}", *scores, *([", ".join(codes)] if codes else [])]


def _write(band: Pixels, text: str, bottom: int, height: int, colour: Colour) -> None:
    """One line, made narrower where it would not fit."""
    plain = text.encode("ascii", "replace").decode()
    scale = height / 30
    thick = max(1, round(height / 18))
    (wide, _), _ = cv2.getTextSize(plain, _FONT, scale, thick)
    room = band.shape[1] - height
    if wide > room:
        scale *= max(0.1, room / wide)
    cv2.putText(band, plain, (height // 2, bottom), _FONT, scale, colour, thick, cv2.LINE_AA)
