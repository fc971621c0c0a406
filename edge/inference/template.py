"""A part found by matching the picture of a good one: coarse over place and turn, then finer, then between pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.domain.recipe import Locate
from edge.domain.verdict import ReasonCode
from edge.inference.blob import shrink, steps_to
from edge.inference.located import Located, NotLocated, aligned, search_rect
from edge.inference.rectify import Pixels
from edge.inference.turn import decode_template

_COARSE_PX = 40  # the template's longest side where everything is searched
_FINE_PX = 120  # and where the search ends: a tenth of a pixel there is enough
_KEEP = 3  # best coarse places that are looked at again
_MASK_FROM_DEG = 1.0  # turned further, the template's corners show nothing of it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Level:
    step: int
    template: Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guess:
    """x, y: middle of the part in px of the level's picture; angle counter-clockwise as seen."""

    score: float
    x: float
    y: float
    angle_deg: float


class TemplateLocator:
    def __init__(self, settings: Locate) -> None:
        template = decode_template(settings)
        longest = max(template.shape)
        coarse, fine = steps_to(longest, _COARSE_PX), steps_to(longest, _FINE_PX)
        steps = [coarse]
        while steps[-1] > fine:
            steps.append(steps[-1] // 2)
        self._settings = settings
        self._size = (template.shape[1], template.shape[0])
        self._levels = [_Level(step=step, template=_shrunk(template, step)) for step in steps]

    def find(self, frame: Pixels) -> Located | NotLocated:
        settings = self._settings
        rect = search_rect(settings, frame.shape[1], frame.shape[0])
        if rect is None or rect.width < self._size[0] or rect.height < self._size[1]:
            return NotLocated(code=ReasonCode.NOT_FOUND, limit=settings.min_match)
        pictures = [_grey(shrink(frame, rect, level.step)) for level in self._levels]
        guesses = self._everywhere(pictures[0])
        for number in range(len(self._levels)):
            guesses = self._closer(number, pictures[number], guesses)
            guesses = [max(guesses, key=lambda guess: guess.score)]
        best = guesses[0]
        if best.score < settings.min_match:
            return NotLocated(code=ReasonCode.NOT_FOUND, value=best.score, limit=settings.min_match)
        step = self._levels[-1].step
        x, y = _frame_px(best.x, step, rect.x), _frame_px(best.y, step, rect.y)
        return aligned(settings, rect, x, y, best.angle_deg)

    def _turn_step_deg(self, level: _Level) -> float:
        """A turn that moves the template's ends by about a pixel and a half."""
        return math.degrees(1.5 / (max(level.template.shape) / 2))

    def _everywhere(self, picture: Pixels) -> list[_Guess]:
        level, limit = self._levels[0], self._settings.max_angle_deg if self._settings.rotate else 0.0
        count = math.ceil(limit / self._turn_step_deg(level))
        turns = np.linspace(-limit, limit, 2 * count + 1) if count else np.zeros(1)
        found = [_best(picture, level.template, float(turn), (0, 0)) for turn in turns]
        found.sort(key=lambda guess: -guess.score)
        return found[:_KEEP]

    def _closer(self, number: int, picture: Pixels, guesses: list[_Guess]) -> list[_Guess]:
        """Each guess again at this level, around its place, with finer turns."""
        level = self._levels[number]
        ratio = self._levels[max(0, number - 1)].step / level.step
        found = []
        for guess in guesses:
            x, y = ((guess.x + 0.5) * ratio - 0.5, (guess.y + 0.5) * ratio - 0.5)
            start = _Guess(score=guess.score, x=x, y=y, angle_deg=guess.angle_deg)
            found.append(self._climb(picture, level, start, reach=math.ceil(ratio) + 2))
        return found

    def _climb(self, picture: Pixels, level: _Level, start: _Guess, *, reach: int) -> _Guess:
        if not self._settings.rotate:
            return _around(picture, level.template, start, 0.0, reach)
        step = self._turn_step_deg(level) / 2
        tries = [_around(picture, level.template, start, start.angle_deg + k * step, reach) for k in (-2, -1, 0, 1, 2)]
        middle = min(max(max(range(5), key=lambda k: tries[k].score), 1), 3)
        before, at, after = (tries[middle + k].score for k in (-1, 0, 1))
        turn = tries[middle].angle_deg + step * _vertex(before, at, after)
        best = _around(picture, level.template, start, turn, reach)
        return max(best, *tries, key=lambda guess: guess.score)


def _frame_px(value: float, step: int, offset: int) -> float:
    return offset + step * value + (step - 1) / 2


def _grey(picture: Pixels) -> Pixels:
    grey = picture[:, :, 0] if picture.shape[2] == 1 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return np.asarray(grey, np.uint8)


def _shrunk(template: Pixels, step: int) -> Pixels:
    """By area to 1 / step, around the template's middle: the middle stays the middle."""
    height, width = template.shape
    h, w = max(4, height // step), max(4, width // step)
    if step == 1:
        return template
    x, y = max(0.0, (width - w * step) / 2), max(0.0, (height - h * step) / 2)
    move = np.array([[1.0, 0.0, -x], [0.0, 1.0, -y]])
    cut = cv2.warpAffine(template, move, (w * step, h * step), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(cut, (w, h), interpolation=cv2.INTER_AREA), np.uint8)


def _turned(template: Pixels, angle_deg: float) -> tuple[Pixels, NDArray[np.float32] | None]:
    if abs(angle_deg) < 1e-3:
        return template, None
    height, width = template.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, 1.0)
    turned = cv2.warpAffine(template, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    if abs(angle_deg) < _MASK_FROM_DEG:
        return np.asarray(turned, np.uint8), None
    mask = cv2.warpAffine(np.ones((height, width), np.float32), matrix, (width, height))
    return np.asarray(turned, np.uint8), np.where(mask > 0.99, 1, 0).astype(np.float32)


def _best(picture: Pixels, template: Pixels, angle_deg: float, offset: tuple[int, int]) -> _Guess:
    """Best place of the turned template in `picture`, whose top left pixel is `offset` of the level's picture."""
    turned, mask = _turned(template, angle_deg)
    score = cv2.matchTemplate(picture, turned, cv2.TM_CCOEFF_NORMED, mask=mask)
    score = np.nan_to_num(score, nan=-1.0, posinf=-1.0, neginf=-1.0)  # flat areas have no correlation
    score[score > 1.001] = -1.0
    _, peak, _, (column, row) = cv2.minMaxLoc(score)
    x, y = float(column), float(row)
    if 0 < column < score.shape[1] - 1:
        x += _vertex(*(float(score[row, column + k]) for k in (-1, 0, 1)))
    if 0 < row < score.shape[0] - 1:
        y += _vertex(*(float(score[row + k, column]) for k in (-1, 0, 1)))
    height, width = template.shape
    x, y = x + offset[0] + (width - 1) / 2, y + offset[1] + (height - 1) / 2
    return _Guess(score=float(peak), x=x, y=y, angle_deg=angle_deg)


def _around(picture: Pixels, template: Pixels, start: _Guess, angle_deg: float, reach: int) -> _Guess:
    """The best place within `reach` px of `start`."""
    height, width = template.shape
    left = round(start.x - (width - 1) / 2) - reach
    top = round(start.y - (height - 1) / 2) - reach
    left, top = (max(0, min(left, picture.shape[1] - width)), max(0, min(top, picture.shape[0] - height)))
    cut = picture[top : top + height + 2 * reach + 1, left : left + width + 2 * reach + 1]
    return _best(cut, template, angle_deg, (left, top))


def _vertex(before: float, at: float, after: float) -> float:
    """Where a parabola through three neighbours peaks, in steps from the middle one, within half a step."""
    bend = before - 2 * at + after
    return max(-0.5, min(0.5, 0.5 * (before - after) / bend)) if bend < 0 else 0.0
