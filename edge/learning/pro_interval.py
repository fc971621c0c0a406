"""Between what limits AU-PRO would lie with other pictures of the same kind: a bootstrap over whole pictures.

Pixels of one picture are no independent witnesses, pictures are (Efron and Tibshirani, "An Introduction to the
Bootstrap", 1993, chapter 13: percentiles). Good and defective pictures are drawn apart, as many of each as there are.
With few pictures such limits are a little too narrow: a dozen defective ones prove less than they seem to.

Each picture is kept as its counts of pixels in classes of score, 16 times as coarse as those of `PixelFigures`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
_MOST_CLASSES = 4096  # that occur; neighbours are put together beyond
_AT_ONCE = 50  # draws: tens of MB
_SEED = 1
Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Picture:
    """classes: those that occur, lowest score first. normal: pixels of each. found: weight of regions of each."""

    classes: NDArray[np.int64]
    normal: NDArray[np.float32]
    found: NDArray[np.float32]
    regions: int


class ProPictures:
    """`add` each picture, then ask. A few KB for each."""

    def __init__(self) -> None:
        self._pictures: list[_Picture] = []

    def add(self, normal: NDArray[np.int64], found: NDArray[np.float64], regions: int) -> None:
        """normal, found: (classes,), lowest score first: pixels that are no defect, and the weights of those that are,
        each region's together 1."""
        classes = np.flatnonzero((normal > 0) | (found > 0))
        self._pictures.append(
            _Picture(
                classes=classes,
                normal=normal[classes].astype(np.float32),
                found=found[classes].astype(np.float32),
                regions=regions,
            )
        )

    def interval(self, limit: float, confidence: float, draws: int = DRAWS) -> tuple[float, float] | None:
        """None with fewer than two defective pictures, or without a normal pixel: nothing could vary."""
        defective = [row for row, one in enumerate(self._pictures) if one.regions]
        good = [row for row, one in enumerate(self._pictures) if not one.regions]
        normal, found = self._dense()
        if len(defective) < 2 or not normal.any():
            return None
        rng = np.random.default_rng(_SEED)
        areas: list[Counts] = []
        for done in range(0, draws, _AT_ONCE):
            times = np.zeros((min(_AT_ONCE, draws - done), len(self._pictures)))
            for group in filter(len, (good, defective)):
                times[:, group] = rng.multinomial(len(group), np.full(len(group), 1 / len(group)), len(times))
            areas.append(_areas(times @ normal, times @ found, limit))
        tail = (1 - confidence) / 2
        low, high = np.quantile(np.concatenate(areas), (tail, 1 - tail))
        return float(low), float(high)

    def _dense(self) -> tuple[Counts, Counts]:
        """(pictures, classes that occur), highest score first."""
        known = np.unique(np.concatenate([one.classes for one in self._pictures] or [np.zeros(0, np.int64)]))
        count = min(len(known), _MOST_CLASSES)
        normal, found = (np.zeros((len(self._pictures), count)) for _ in range(2))
        for row, one in enumerate(self._pictures):
            places = np.searchsorted(known, one.classes) * count // max(len(known), 1)
            np.add.at(normal[row], places, one.normal)
            np.add.at(found[row], places, one.found)
        return normal[:, ::-1], found[:, ::-1]


def _areas(normal: Counts, found: Counts, limit: float) -> Counts:
    """AU-PRO of each row (draws, classes), as `PixelFigures` has it: trapezoids, cut at the limit."""
    across, up = (np.cumsum(one, axis=1) / one.sum(axis=1, keepdims=True) for one in (normal, found))
    across, up = (np.pad(one, ((0, 0), (1, 0))) for one in (across, up))
    steps = np.diff(across, axis=1)
    inside = np.clip(limit - across[:, :-1], 0, steps)
    share = np.divide(inside, steps, out=np.zeros_like(steps), where=steps > 0)
    ends = up[:, :-1] + share * np.diff(up, axis=1)
    return np.asarray((inside * (up[:, :-1] + ends) / 2).sum(axis=1) / limit)
