"""Anomaly models: `score` (1,) and `map` (1, 1, h, w), higher is worse, to a Prediction.

The image's score is the model's own. When a check has ignore masks it is the maximum of the map outside them
instead; for that the model's score must be the maximum of its map (checked when the recipe is loaded).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.domain.geometry import Polygon
from edge.domain.prediction import MAX_BOXES, Box, Prediction
from edge.domain.recipe import Check
from edge.errors import ModelError, RecipeError
from edge.inference.cut import Cutter
from edge.inference.located import Affine, compose, inverse, transform
from edge.inference.preprocess import Feed
from edge.inference.session import Outputs

_FINE = 8  # sub-cells along a side, to measure how much of a cell a mask covers
_COVERED = 0.5  # a cell is ignored from this share on


class AnomalyDecoder:
    """map_shape: (h, w) of the model's map. RecipeError when the masks leave nothing to look at."""

    def __init__(self, check: Check, cutter: Cutter, preprocessor: Feed, map_shape: tuple[int, int]) -> None:
        self._check, self._region = check, cutter.region
        self._cell_to_aligned = _cell_to_aligned(cutter, preprocessor, map_shape)
        self._ignored: NDArray[np.bool_] | None = None
        if check.ignore:
            self._ignored = _covered(check.ignore, cutter, self._cell_to_aligned, map_shape)
            if self._ignored.all():
                raise RecipeError(f"check {check.name}: the masks leave nothing to inspect", hint="make them smaller")

    def predict(self, outputs: Outputs, matrix: Affine, frame_size: tuple[int, int]) -> Prediction:
        """matrix: frame px -> aligned px; frame_size: (width, height). ModelError on a score that is no number."""
        heat = outputs[1][0, 0]
        score = float(outputs[0][0])
        if self._ignored is not None:
            heat = np.where(self._ignored, -np.inf, heat)
            score = float(heat.max())
        boxes: tuple[Box, ...] = ()
        if score >= self._check.unsure_from and not np.isnan(heat).any():
            boxes = self._boxes(heat, matrix, frame_size)
        return Prediction(check=self._check.name, score=score, boxes=boxes)

    def in_frame(
        self, outputs: Outputs, matrix: Affine, frame_size: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The map laid over the frame, linear between the middles of its cells; and where the check looks: (H, W)."""
        to_frame = compose(inverse(matrix), self._cell_to_aligned)
        heat = outputs[1][0, 0]
        flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
        spread = cv2.warpAffine(heat, to_frame, frame_size, flags=flags, borderMode=border)
        region = np.array([[1, 0, self._region.x], [0, 1, self._region.y]], np.float64)
        whole = np.ones((self._region.height, self._region.width), np.uint8)
        looked = cv2.warpAffine(whole, compose(inverse(matrix), region), frame_size, flags=cv2.INTER_NEAREST) > 0
        if self._ignored is not None:
            cells = (~self._ignored).astype(np.uint8)
            looked &= cv2.warpAffine(cells, to_frame, frame_size, flags=cv2.INTER_NEAREST) > 0
        return np.asarray(spread, np.float32), np.asarray(looked)

    def _boxes(self, heat: NDArray[np.floating], matrix: Affine, frame_size: tuple[int, int]) -> tuple[Box, ...]:
        """Connected hot cells as boxes in frame px, worst first; the hottest cell alone when none reaches the limit."""
        limit = min(self._check.unsure_from, float(heat.max()))
        hot = (heat >= limit).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(hot, connectivity=8)
        worst = np.full(count, -np.inf)
        np.maximum.at(worst, labels.ravel().astype(np.intp), heat.ravel())
        order = sorted(range(1, count), key=lambda k: -worst[k])[:MAX_BOXES]
        to_frame = compose(inverse(matrix), self._cell_to_aligned)
        return tuple(_box(stats[k], float(worst[k]), to_frame, frame_size) for k in order)


def score_is_map_maximum(outputs: Outputs, tolerance: float) -> bool:
    score, peak = float(outputs[0][0]), float(outputs[1].max())
    return abs(score - peak) <= tolerance * max(1.0, abs(score))


def check_masks_fit(check: Check, outputs: Outputs, tolerance: float) -> None:
    """ModelError when `check` has masks and the model's score is not the maximum of its map."""
    if check.ignore and not score_is_map_maximum(outputs, tolerance):
        raise ModelError(
            f"check {check.name} has masks, and model {check.model} does not score by its map",
            hint="remove the masks or use another model",
        )


def _cell_to_aligned(cutter: Cutter, preprocessor: Feed, map_shape: tuple[int, int]) -> Affine:
    height, width = map_shape
    across, down = preprocessor.settings.width / width, preprocessor.settings.height / height
    to_input = np.array([[across, 0, 0.5 * across - 0.5], [0, down, 0.5 * down - 0.5]], np.float64)
    to_cut = compose(inverse(preprocessor.to_input(*cutter.size)), to_input)
    return compose(inverse(cutter.from_aligned), to_cut)


def _covered(
    masks: tuple[Polygon, ...], cutter: Cutter, cell_to_aligned: Affine, map_shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """(h, w): which cells the masks cover. Masks are in px of the region's picture."""
    height, width = map_shape
    to_cell = inverse(cell_to_aligned)
    fine = np.zeros((height * _FINE, width * _FINE), np.uint8)
    corner = np.array([cutter.region.x - 0.5, cutter.region.y - 0.5])
    for mask in masks:
        aligned = np.array(mask.points, np.float64) + corner
        cells = (transform(to_cell, aligned) + 0.5) * _FINE - 0.5
        cv2.fillPoly(fine, [np.round(np.clip(cells, -30_000, 30_000) * 16).astype(np.int32)], 1, shift=4)
    share = cv2.resize(fine.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(share >= _COVERED)


def _box(stats: NDArray[np.int32], score: float, to_frame: Affine, frame_size: tuple[int, int]) -> Box:
    x, y, width, height = (int(value) for value in stats[:4])
    left, top, right, bottom = x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5
    corners = np.array([[left, top], [right, top], [left, bottom], [right, bottom]])
    reach = transform(to_frame, corners) + 0.5  # px middles to px edges
    low = np.clip(np.floor(reach.min(axis=0)), 0, np.array(frame_size) - 1).astype(int)
    high = np.clip(np.ceil(reach.max(axis=0)), low + 1, frame_size).astype(int)
    return Box(x=int(low[0]), y=int(low[1]), width=int(high[0] - low[0]), height=int(high[1] - low[1]), score=score)
