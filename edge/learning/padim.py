"""What is normal at each place of the part: one Gaussian for each position of the backbone's feature maps.

Defard et al., "PaDiM: a Patch Distribution Modeling Framework for Anomaly Detection and Localization", ICPR 2021
Workshops, with three changes. Channels are reduced by principal components of the good features instead of at random
(fewer are needed, so the package is small). Each tap has Gaussians of its own at its own resolution, and the squared
distances are added (the covariance between taps is taken as zero). Each covariance is drawn towards the mean of all
positions' (Ledoit and Wolf's idea with a fixed share), so that few pictures suffice.

Everything here is numpy; `edge.learning.graph` writes the same as ONNX, and a test holds them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import UsageError
from edge.learning.backbone import Features, Tap

Array = NDArray[np.float32]

SMOOTHING_CELLS = 0.8  # sigma of the Gaussian over the map: one cell alone is rarely a defect
_SHRINK = 0.15  # least share of the covariance of all positions
_FLOOR = 1e-3  # of the mean variance, added to each: no direction is free of noise
_POOL = 3  # cells along a side that a feature of the finest tap is averaged over
_SOFT = np.array([0.25, 0.5, 0.25], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class TapPlan:
    """How one tap is used. kept: components. pooled: features are first averaged over 3 x 3 cells; soft: the nearer
    the cell, the more it counts."""

    kept: int
    pooled: bool
    soft: bool = False


PLANS = (TapPlan(kept=20, pooled=True), TapPlan(kept=32, pooled=False))
"""For the taps at stride 8 and 16."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TapFit:
    """The Gaussians of one tap: feature f at a place has components y = projection @ f + offset; its squared
    distance is |whiten @ (y - mean)|^2.

    projection (d, C), offset (d,), mean (d, h, w), whiten (h, w, d, d); float32. The weight of the tap is in `whiten`.
    """

    tap: str
    pooled: bool
    projection: Array
    offset: Array
    mean: Array
    whiten: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PadimFit:
    """taps: finest first; the map has the size of the first. mask (h, w) float32: 1 where the part is, 0 beside it;
    None: everywhere."""

    taps: tuple[TapFit, ...]
    mask: Array | None = None

    @property
    def map_size(self) -> tuple[int, int]:
        return self.taps[0].mean.shape[1], self.taps[0].mean.shape[2]


class FeatureStore:
    """The good parts' features, pooled where the plan says so: about 0.3 MB for a picture of 256 x 256."""

    def __init__(self, taps: Sequence[Tap], plans: Sequence[TapPlan] = PLANS) -> None:
        if len(taps) != len(plans):
            raise UsageError(f"the backbone has {len(taps)} taps, the plan is for {len(plans)}")
        self.taps, self.plans = tuple(taps), tuple(plans)
        self._rows: list[Features] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, features: Features) -> None:
        pairs = zip(features, self.plans, strict=True)
        self._rows.append(tuple(pooled(one, soft=plan.soft) if plan.pooled else one for one, plan in pairs))

    def row(self, index: int) -> Features:
        return self._rows[index]

    def stacked(self, tap: int, rows: Sequence[int]) -> Array:
        """(n, C, h, w) of these pictures."""
        return np.stack([self._rows[row][tap] for row in rows])


def fit(store: FeatureStore, rows: Sequence[int] | None = None, mask: NDArray[np.bool_] | None = None) -> PadimFit:
    """Learn from these pictures (None: from all), two at least. mask (h, w): where the part is."""
    chosen = list(range(len(store))) if rows is None else list(rows)
    if len(chosen) < 2:
        raise UsageError("one picture shows no variation", hint="give more good pictures")
    taps = [
        _fit_tap(store.stacked(number, chosen), tap.name, plan, weight=1.0 / len(store.taps))
        for number, (tap, plan) in enumerate(zip(store.taps, store.plans, strict=True))
    ]
    return PadimFit(taps=tuple(taps), mask=None if mask is None else mask.astype(np.float32))


def anomaly_map(model: PadimFit, row: Features) -> Array:
    """(h, w) float32 of one picture's features as the store keeps them: root of the mean squared distance, smoothed.

    About 1 where a part is as usual. The picture's score is the maximum.
    """
    height, width = model.map_size
    total = np.zeros((height, width), np.float32)
    for tap, features in zip(model.taps, row, strict=True):
        squared = _squared(tap, features)
        if squared.shape != total.shape:
            squared = np.asarray(cv2.resize(squared, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        total += squared
    if model.mask is not None:
        total *= model.mask
    size = (SMOOTHING_SIDE, SMOOTHING_SIDE)
    smooth = cv2.GaussianBlur(np.sqrt(total), size, SMOOTHING_CELLS, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(smooth, np.float32)


SMOOTHING_SIDE = 5


def smoothing_kernel() -> Array:
    """(5,) weights that sum to 1."""
    return np.asarray(cv2.getGaussianKernel(SMOOTHING_SIDE, SMOOTHING_CELLS, cv2.CV_32F).ravel(), np.float32)


def pooled(features: Array, *, soft: bool = False) -> Array:
    """(C, h, w) averaged over 3 x 3 cells, the border mirrored (reflect-101). soft: with weights 1, 2, 1 each way."""
    mirrored = cv2.BORDER_REFLECT_101
    if soft:
        planes = [cv2.sepFilter2D(plane, -1, _SOFT, _SOFT, borderType=mirrored) for plane in features]
    else:
        planes = [cv2.blur(plane, (_POOL, _POOL), borderType=mirrored) for plane in features]
    return np.asarray(np.stack(planes), np.float32)


def _squared(tap: TapFit, features: Array) -> Array:
    channels, height, width = features.shape
    flat = tap.projection @ features.reshape(channels, -1) + tap.offset[:, None]
    off = (flat - tap.mean.reshape(len(flat), -1)).reshape(-1, height, width)
    # Not a matmul: BLAS would start its threads anew for each of a thousand tiny products.
    white = np.einsum("hwij,jhw->hwi", tap.whiten, off)
    return np.asarray((white * white).sum(axis=2), np.float32)


def _fit_tap(features: Array, name: str, plan: TapPlan, weight: float) -> TapFit:
    """features: (n, C, h, w)."""
    count, channels, height, width = features.shape
    projection, offset = _components(features, min(plan.kept, channels))
    kept = len(projection)
    parts = np.empty((count, kept, height * width), np.float32)
    for row, one in enumerate(features):
        parts[row] = projection @ one.reshape(channels, -1) + offset[:, None]
    mean = parts.mean(axis=0)
    off = (parts - mean).transpose(2, 1, 0)  # (places, d, n)
    covariance = (off @ off.transpose(0, 2, 1)).astype(np.float64) / (count - 1)
    whiten = np.linalg.inv(np.linalg.cholesky(_shrunk(covariance, count)))
    return TapFit(
        tap=name,
        pooled=plan.pooled,
        projection=projection,
        offset=offset,
        mean=mean.reshape(kept, height, width),
        whiten=(whiten * np.sqrt(weight / kept)).reshape(height, width, kept, kept).astype(np.float32),
    )


def _components(features: Array, kept: int) -> tuple[Array, Array]:
    """projection (d, C) and offset (d,): the leading components of the standardised channels."""
    channels = features.shape[1]
    centre = features.mean(axis=(0, 2, 3), dtype=np.float64)
    squares = np.zeros((channels, channels), np.float64)
    for one in features:
        off = one.reshape(channels, -1) - centre.astype(np.float32)[:, None]
        squares += off @ off.T
    squares /= features.size / channels
    spread = np.sqrt(np.maximum(np.diag(squares), 1e-12))
    _, vectors = np.linalg.eigh(squares / np.outer(spread, spread))
    projection = vectors.T[::-1][:kept] / spread
    return projection.astype(np.float32), (-projection @ centre).astype(np.float32)


def _shrunk(covariance: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """covariance: (places, d, d). The fewer pictures for each component, the more all places share."""
    size = covariance.shape[-1]
    shared = covariance.mean(axis=0)
    share = max(_SHRINK, size / (size + count))
    floor = _FLOOR * max(float(np.trace(shared)) / size, 1e-6)
    return (1 - share) * covariance + share * shared + floor * np.eye(size)
