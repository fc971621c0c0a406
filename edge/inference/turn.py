"""The angle of a part whose middle is known, by comparing rings around the middle with those of a good part.

Picture and template are unrolled to (angle, radius); a turn is then a shift, found for all angles at once by a
circular correlation. Reddy and Chatterji, "An FFT-based technique for translation, rotation, and scale-invariant
image registration", IEEE Trans. Image Processing 5(8), 1996, without the scale.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.domain.recipe import Locate
from edge.errors import RecipeError
from edge.inference.rectify import Pixels

_ANGLES = 512  # 0.7 degrees each, refined by a parabola
_RADII = 40
_ALLOWED_SHARE = 0.6  # a good part lies within the limit; only one that clearly lies otherwise is badly placed


def decode_template(settings: Locate) -> Pixels:
    """(h, w) grey. RecipeError when the bytes are no picture or too small to compare."""
    picture = cv2.imdecode(np.frombuffer(settings.template, np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None or min(picture.shape) < 8:
        raise RecipeError("the recipe's template picture cannot be read", hint="teach the recipe again")
    return np.asarray(picture, np.uint8)


class TurnFinder:
    """template: the upright good part, its middle in the middle, at the frame's scale."""

    def __init__(self, settings: Locate) -> None:
        template = decode_template(settings)
        height, width = template.shape
        self._radius = min(height, width) / 2
        self._limit_deg = settings.max_angle_deg
        rings = self._unroll(template, (width - 1) / 2, (height - 1) / 2)
        self._spectrum = np.conj(np.fft.rfft(rings, axis=0))

    def find(self, frame: Pixels, x: float, y: float) -> float:
        """Degrees, counter-clockwise as seen; beyond the limit when the part lies so: the caller says BADLY_PLACED."""
        return self._settle(self._match(frame, x, y))

    def choose(self, frame: Pixels, x: float, y: float, angles: tuple[float, ...]) -> float:
        """The one of `angles` that matches best."""
        match = self._match(frame, x, y)
        rows = [round(-angle * _ANGLES / 360.0) for angle in angles]
        near = [max(float(match[(row + k) % _ANGLES]) for k in (-2, -1, 0, 1, 2)) for row in rows]
        return angles[int(np.argmax(near))]

    def _match(self, frame: Pixels, x: float, y: float) -> NDArray[np.floating]:
        """(angles,) how well the picture, turned back by each row's angle, matches the template."""
        reach = int(np.ceil(self._radius)) + 2
        left, top = max(0, int(x) - reach), max(0, int(y) - reach)
        part = frame[top : int(y) + reach + 1, left : int(x) + reach + 1]
        grey = part[:, :, 0] if part.shape[2] == 1 else cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
        rings = self._unroll(np.asarray(grey, np.uint8), x - left, y - top)
        return np.fft.irfft((np.fft.rfft(rings, axis=0) * self._spectrum).sum(axis=1), n=_ANGLES)

    def _settle(self, match: NDArray[np.floating]) -> float:
        """The best turn within the limit, unless one beyond it is clearly better (a part lying upside down)."""
        best = int(np.argmax(match))
        turns = np.arange(_ANGLES) * (360.0 / _ANGLES)
        allowed = np.where(np.minimum(turns, 360.0 - turns) <= self._limit_deg, match, -np.inf)
        inside = int(np.argmax(allowed))
        chosen = inside if match[inside] >= _ALLOWED_SHARE * match[best] else best
        return _refine_deg(match, chosen)

    def _unroll(self, grey: Pixels, x: float, y: float) -> NDArray[np.float32]:
        """(angles, radii) float32, each ring without its mean and weighted by its length."""
        polar = cv2.warpPolar(grey, (_RADII, _ANGLES), (x, y), self._radius, cv2.INTER_LINEAR | cv2.WARP_POLAR_LINEAR)
        rings = polar.astype(np.float32)
        rings -= rings.mean(axis=0)
        # High frequencies make the peak sharp; raw levels would let the light's gradient decide.
        rings = np.asarray(cv2.Sobel(rings, cv2.CV_32F, 0, 1, ksize=3, borderType=cv2.BORDER_REPLICATE), np.float32)
        rings *= np.sqrt(np.arange(_RADII, dtype=np.float32) + 1)
        return rings


def _refine_deg(match: NDArray[np.floating], best: int) -> float:
    """Row `best` as an angle, by a parabola. Rows of warpPolar run clockwise as seen (y down)."""
    before, at, after = (float(match[(best + k) % _ANGLES]) for k in (-1, 0, 1))
    bend = before - 2 * at + after
    shift = best + (0.5 * (before - after) / bend if bend < 0 else 0.0)
    clockwise = shift * 360.0 / _ANGLES
    return 0.0 - (clockwise if clockwise <= 180 else clockwise - 360)
