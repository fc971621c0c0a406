"""How well anomaly maps point at the defects: AU-PRO and pixel AUROC, picture by picture, in little memory.

Pixels are counted in about a million classes of score that keep the sign, the exponent and 11 bits of the mantissa of
a float32: scores nearer to each other than 1 in 2000 count as equal. That moves neither figure by more than a rounding,
and a thousand frames of 12 megapixels need the same 24 MB as ten small ones, and a few KB for each that its interval is
drawn from.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.learning.pro_interval import ProPictures

PRO_LIMIT = 0.3  # of false positive pixels: what lies beyond is of no use to anybody (Bergmann et al.)
_DROPPED_BITS = 12
_CLASSES = 1 << (32 - _DROPPED_BITS)
_COARSE = 16  # classes in one of the interval's
_STRIP_PX = 1 << 20  # at once: a frame of 12 megapixels would need a few hundred MB more
_SIGN = np.uint32(1 << 31)


class PixelFigures:
    """`add` each picture whose defects are known; then ask. A good picture has an empty mask."""

    def __init__(self) -> None:
        self._normal = np.zeros(_CLASSES, np.int64)
        self._defect = np.zeros(_CLASSES, np.int64)
        self._region = np.zeros(_CLASSES, np.float64)  # each region's pixels weigh 1 together
        self._single = ProPictures()
        self.regions = 0
        self.pictures = 0

    def add(self, heat: NDArray[np.float32], defect: NDArray[np.bool_], looked: NDArray[np.bool_]) -> None:
        """All (H, W). Regions are the 8-connected ones of `defect`. ModelError when a score is no number.

        looked: where the check looks at all. Normal pixels elsewhere do not count: nothing is said of them. Defective
        ones elsewhere count, as missed by every threshold.
        """
        if not heat.shape == defect.shape == looked.shape:
            raise ValueError(f"map {heat.shape}, mask {defect.shape} and area {looked.shape} are not of one size")
        if np.isnan(heat).any():
            raise ModelError("the model's map holds values that are no numbers", hint="import the model again")
        self.pictures += 1
        rows = max(1, _STRIP_PX // heat.shape[1])
        here = np.zeros(_CLASSES, np.int64)
        for top in range(0, heat.shape[0], rows):
            strip = slice(top, top + rows)
            normal = heat[strip][looked[strip] & ~defect[strip]]
            here += np.bincount(_class_of(normal), minlength=_CLASSES)
        self._normal += here
        found, regions = np.zeros(_CLASSES // _COARSE), 0
        if defect.any():
            found, regions = self._add_regions(heat, defect, looked)
        self._single.add(here.reshape(-1, _COARSE).sum(axis=1), found, regions)

    def _add_regions(
        self, heat: NDArray[np.float32], defect: NDArray[np.bool_], looked: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], int]:
        """Their weight in coarse classes, and how many there are."""
        count, labels, stats, _ = cv2.connectedComponentsWithStats(defect.astype(np.uint8), connectivity=8)
        hit = np.where(looked[defect], _class_of(heat[defect]), 0)
        weight = 1.0 / stats[labels[defect], cv2.CC_STAT_AREA]
        np.add.at(self._defect, hit, 1)
        np.add.at(self._region, hit, weight)
        self.regions += count - 1
        coarse = np.zeros(_CLASSES // _COARSE)
        np.add.at(coarse, hit // _COARSE, weight)
        return coarse, count - 1

    def au_pro(self, limit: float = PRO_LIMIT) -> float | None:
        """Area under the mean share of each region that is found, over the share of normal pixels that are too, from 0
        to `limit`, divided by it. None without a region or a normal pixel.

        Bergmann et al., "Uninformed Students", CVPR 2020: a small defect weighs as much as a large one.
        """
        return self._area(self._region, limit)

    def au_pro_interval(self, confidence: float, limit: float = PRO_LIMIT) -> tuple[float, float] | None:
        """Between what limits it would lie with other pictures of the same kind; the figure itself is always inside.

        None where there is no `au_pro`, and with a single defective picture.
        """
        value, limits = self.au_pro(limit), self._single.interval(limit, confidence)
        return None if value is None or limits is None else (min(limits[0], value), max(limits[1], value))

    def auroc(self) -> float | None:
        """The chance that a defective pixel scores higher than a normal one. None when either kind is missing."""
        return self._area(self._defect, 1.0)

    def _area(self, found: NDArray[np.int64] | NDArray[np.float64], limit: float) -> float | None:
        total, normal = float(found.sum()), int(self._normal.sum())
        if not total or not normal:
            return None
        used = np.flatnonzero((self._normal > 0) | (found > 0))[::-1]  # the highest score first
        across = np.concatenate([[0.0], np.cumsum(self._normal[used]) / normal])
        up = np.concatenate([[0.0], np.cumsum(found[used]) / total])
        last = int(np.searchsorted(across, limit, side="right"))
        if last < len(across):
            share = (limit - across[last - 1]) / (across[last] - across[last - 1])
            end = up[last - 1] + share * (up[last] - up[last - 1])
            across, up = np.append(across[:last], limit), np.append(up[:last], end)
        return float(np.trapezoid(up, across) / limit)


def _class_of(heat: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Classes in the order of the scores: IEEE 754 numbers of one sign are in the order of their bits."""
    bits = (np.ascontiguousarray(heat, np.float32) + np.float32(0)).view(np.uint32)  # -0 + 0 is 0: they are one score
    ordered = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    # 0 is kept for pixels that nobody looks at: not even minus infinity falls into it.
    return np.asarray(ordered >> np.uint32(_DROPPED_BITS), np.uint32)
