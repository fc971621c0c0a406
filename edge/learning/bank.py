"""What good parts look like, as a memory of their patches: the distance to the nearest one says how odd a patch is.

Roth et al., "Towards Total Recall in Industrial Anomaly Detection" (PatchCore), CVPR 2022, with three changes. The
patches are standardised channel by channel on the good parts and reduced to their principal components. A distance is
divided by the usual one of the remembered patch, which is measured on the other pictures: a print that varies must
vary more before it is odd than a smooth ground must. And for parts that always lie the same way the place counts too:
what is usual at the rim is not usual in the middle.

Everything here is numpy; `edge.learning.bank_graph` writes the same as ONNX, and a test holds them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import UsageError
from edge.learning.backbone import Features
from edge.learning.coreset import k_centre
from edge.learning.padim import SMOOTHING_CELLS, SMOOTHING_SIDE, FeatureStore, TapPlan

Array = NDArray[np.float32]

PLANS = (TapPlan(kept=0, pooled=True, soft=True), TapPlan(kept=0, pooled=True))
"""Both taps are averaged over 3 x 3 cells, the fine one softly (docs/decisions/0017); how many components are kept is
for both together."""

ENTRIES = 1000
COMPONENTS = 64
PLACE_WEIGHT = 5.0
"""Of a move across the picture's longer side; the squared length of a usual patch is about 2."""
_LEAST_SPREAD = 1e-6  # of a channel: of one that never changes nothing is learnt
_NOWHERE = 1e3  # far from any patch: an entry that is left out, and that nothing takes the part of
_LEAST_USUAL = 1e-4  # pictures that are copies of each other say nothing about the next
LEAST = 0.01
"""Of a squared distance over its usual one: below it the root would make much of how single precision rounds."""
_SHARED = 1.0  # patches: how many the mean of all counts for in an entry's own usual distance
_EVEN = 0.5  # share of the entries' (geometric) mean, against each one's own


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TapView:
    """projection (d, C), offset (d,), float32: from one tap's features to its share of a patch's components.

    soft: how they are averaged over cells (`edge.learning.padim.pooled`).
    """

    tap: str
    projection: Array
    offset: Array
    soft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Space:
    """From features to patches. taps: finest first. map_size: (h, w) of the finest.

    place_weight: 0, or so much do two more columns count, the place of the patch.
    """

    taps: tuple[TapView, ...]
    map_size: tuple[int, int]
    place_weight: float = 0.0

    @property
    def components(self) -> int:
        return len(self.taps[0].offset)

    @property
    def plans(self) -> tuple[TapPlan, ...]:
        """How a store must keep features for this space."""
        return tuple(TapPlan(kept=0, pooled=True, soft=view.soft) for view in self.taps)

    @property
    def places(self) -> Array:
        """(h * w, 2) down and across, in longer sides of the map, weighted."""
        height, width = self.map_size
        down, across = np.mgrid[0:height, 0:width].reshape(2, -1)
        return np.asarray(np.stack([down, across], axis=1) * (self.place_weight / max(height, width)), np.float32)

    def patches(self, row: Features) -> Array:
        """(h * w, components, + 2 with places) float32. row: as a store with these plans keeps it."""
        height, width = self.map_size
        total = np.zeros((height, width, self.components), np.float32)
        for view, features in zip(self.taps, row, strict=True):
            channels, h, w = features.shape
            flat = features.reshape(channels, -1).T @ view.projection.T + view.offset
            total += cv2.resize(flat.reshape(h, w, -1), (width, height), interpolation=cv2.INTER_LINEAR)
        patches = total.reshape(height * width, -1)
        return np.hstack([patches, self.places]) if self.place_weight else patches


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BankFit:
    """entries (K, D) float32: patches of the space. usual (K,): squared distance that is usual for each.

    mask (h, w) float32: 1 where the part is, 0 beside it; None: everywhere. level: the lowest score of good
    parts; 0: calibrated distances alone (`heat`).
    """

    space: Space
    entries: Array
    usual: Array
    mask: Array | None = None
    level: float = 0.0

    @property
    def even(self) -> Array:
        """(K,) over `usual`: its middle for every entry alike, for distances that are not calibrated."""
        return np.asarray(self.usual / np.exp(np.log(self.usual).mean(dtype=np.float64)), np.float32)


def find_space(store: FeatureStore, components: int = COMPONENTS) -> Space:
    """Standardise each channel over all pictures and places, weigh each tap alike, keep the leading components."""
    height, width = store.row(0)[0].shape[1:]
    taps = [_standardised(store, number) for number in range(len(store.taps))]
    whole = Space(taps=tuple(taps), map_size=(height, width))
    squares = np.zeros((whole.components, whole.components), np.float64)
    for row in range(len(store)):
        patches = whole.patches(store.row(row))
        squares += patches.T @ patches
    _, vectors = np.linalg.eigh(squares)
    turn = vectors.T[::-1][:components]
    views = [
        replace(
            view,
            projection=(turn @ view.projection).astype(np.float32),
            offset=(turn @ view.offset).astype(np.float32),
        )
        for view in taps
    ]
    return Space(taps=tuple(views), map_size=(height, width))


def all_patches(space: Space, store: FeatureStore) -> Array:
    """(pictures, h * w, D) float32."""
    height, width = space.map_size
    patches = np.empty((len(store), height * width, space.components + (2 if space.place_weight else 0)), np.float32)
    for row in range(len(store)):
        patches[row] = space.patches(store.row(row))
    return patches


def _standardised(store: FeatureStore, number: int) -> TapView:
    """One tap's channels, each in columns of its own beside the other taps'; weighted by 1 / sqrt(channels)."""
    channels = [tap.channels for tap in store.taps]
    rows = range(len(store))
    total = sum(store.row(row)[number].mean(axis=(1, 2), dtype=np.float64) for row in rows)
    mean = np.asarray(total) / len(store)
    squares = sum((store.row(row)[number].astype(np.float64) ** 2).mean(axis=(1, 2)) for row in rows)
    spread = np.sqrt(np.maximum(np.asarray(squares) / len(store) - mean**2, _LEAST_SPREAD**2))
    scale = 1 / (spread * np.sqrt(channels[number]))
    first = sum(channels[:number])
    projection = np.zeros((sum(channels), channels[number]), np.float64)
    projection[first : first + channels[number]] = np.diag(scale)
    return TapView(
        tap=store.taps[number].name,
        projection=projection.astype(np.float32),
        offset=(projection @ -mean).astype(np.float32),
        soft=store.plans[number].soft,
    )


class Memory:
    """A bank while it is taught: what it would be without some of the pictures, and what is usual for each entry.

    An entry keeps patches much like it out of the bank. Whoever leaves its picture out must therefore not just drop it:
    of the patches that it stands for, the one that is farthest from what stays takes its part, as the next pick would.
    That is nearly what choosing all entries anew would give, without its half a second for each block of pictures, and
    good parts that were never shown score much as those that were left out (docs/decisions/0015).
    """

    def __init__(
        self, space: Space, pictures: Array, folds: Sequence[range], cells: NDArray[np.bool_] | None = None
    ) -> None:  # fmt: skip
        """pictures: (n, h * w, D) patches of the space. folds: pictures that are left out together, two folds at
        least; each picture in one of them. cells (h, w): where the part is; None: everywhere."""
        if len(folds) < 2:
            raise UsageError("one picture shows no variation", hint="give more good pictures")
        self._space, self._folds, self._pictures = space, folds, pictures
        self._mask = None if cells is None else cells.astype(np.float32)
        self._inside = slice(None) if cells is None else np.flatnonzero(cells)
        flat = pictures[:, self._inside].reshape(-1, pictures.shape[2])
        rows = k_centre(flat, ENTRIES)
        self.entries = flat[rows]
        fold_of = np.repeat(np.arange(len(folds)), [len(fold) for fold in folds])
        self._sources = fold_of[rows // (len(flat) // len(pictures))]
        self._banks, nearest = self._without()
        self._sums, self._counts = self._distances(nearest)
        self._left_out = [self._unseen(fold) for fold in range(len(folds))]
        fit = self._fit()
        peaks = [float(heat(fit, *least).max()) for fold in self._left_out for least in fold]
        self._level = min(peaks)

    def fit(self) -> BankFit:
        return self._fit(self._level)

    def held_out(self, fold: int) -> list[Array]:
        """The maps (h, w) of that fold's pictures, by what the others have shown."""
        fit = self.fit()
        return [heat(fit, *least) for least in self._left_out[fold]]

    def _fit(self, level: float = 0.0) -> BankFit:
        usual = self._usual(range(len(self._folds)))
        return BankFit(space=self._space, entries=self.entries, usual=usual, mask=self._mask, level=level)

    def _unseen(self, fold: int) -> list[tuple[Array, Array]]:
        """`least_of` that fold's pictures, by what the others have shown."""
        usual = self._usual([one for one in range(len(self._folds)) if one != fold])
        fit = BankFit(space=self._space, entries=self._banks[fold], usual=usual)
        return [least_of(fit, squared_distances(self._pictures[row], fit.entries)) for row in self._folds[fold]]

    def _without(self) -> tuple[Array, Array]:
        """(folds, K, D) twice: the bank without each fold, as it would be chosen, and as the nearest patches of the
        others to its entries, whatever they are."""
        chosen = np.repeat(self.entries[None], len(self._folds), axis=0)
        for fold in range(len(self._folds)):
            chosen[fold, self._sources == fold] = _NOWHERE
        nearest = chosen.copy()
        most, least = np.zeros(chosen.shape[:2], np.float32), np.full(chosen.shape[:2], np.inf, np.float32)
        for fold, rows in enumerate(self._folds):
            for picture in rows:
                patches = self._pictures[picture][self._inside]
                squared = squared_distances(patches, self.entries)
                # Only this picture's patches may stand in, for the entries of every other fold.
                for other in range(len(self._folds)):
                    if other != fold:
                        self._choose(other, patches, squared, chosen[other], most[other])
                        self._approach(other, patches, squared, nearest[other], least[other])
        return chosen, nearest

    def _choose(self, fold: int, patches: Array, squared: Array, entries: Array, most: Array) -> None:
        """For each entry of the fold: of the patches that it stands for, the farthest from all other folds' entries."""
        stands_for = squared.argmin(axis=1)
        rows = np.flatnonzero(self._sources[stands_for] == fold)
        far = squared[rows][:, self._sources != fold].min(axis=1, initial=np.inf)
        order = np.argsort(far)  # of several rows for one entry, the last that is written stays: the farthest
        rows, far = rows[order], far[order]
        better = far > most[stands_for[rows]]
        rows, far = rows[better], far[better]
        entries[stands_for[rows]], most[stands_for[rows]] = patches[rows], far

    def _approach(self, fold: int, patches: Array, squared: Array, entries: Array, least: Array) -> None:
        """For each entry of the fold: the patch that is nearest to it."""
        own = np.flatnonzero(self._sources == fold)
        rows = squared[:, own].argmin(axis=0)
        far = squared[rows, own]
        better = far < least[own]
        own, rows = own[better], rows[better]
        entries[own], least[own] = patches[rows], squared[rows, own]

    def _distances(self, banks: Array) -> tuple[Array, Array]:
        """(folds, K) each: of the patches of a fold that are nearest to an entry, the squared distances' sum, and
        how many they are; by the bank without that fold.

        By the nearest patches of the others: with a bank as it would be chosen, an entry that stands for few patches
        seems far from everything, and its calibrated distances then hide defects (AUROC 0.946 instead of 0.955 over
        four sets of pictures).
        """
        shape = (len(self._folds), len(self.entries))
        sums, counts = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for fold, rows in enumerate(self._folds):
            for picture in rows:
                squared = squared_distances(self._pictures[picture][self._inside], banks[fold])
                nearest = squared.argmin(axis=1)
                far = squared[np.arange(len(nearest)), nearest]
                sums[fold] += np.bincount(nearest, far, minlength=shape[1])
                counts[fold] += np.bincount(nearest, minlength=shape[1])
        return sums, counts

    def _usual(self, folds: Sequence[int]) -> Array:
        """(K,) the mean squared distance of the patches nearest to each entry, made more even over the entries: by each
        one's own alone scores are as good, but maps point less well at the defect (AU-PRO on biscuits 0.75, so 0.81).
        """
        sums, counts = self._sums[folds].sum(axis=0), self._counts[folds].sum(axis=0)
        mean = max(float(sums.sum() / counts.sum()), _LEAST_USUAL)
        own = (sums + _SHARED * mean) / (counts + _SHARED)
        return np.asarray((own + _EVEN * np.exp(np.log(own).mean())) / (1 + _EVEN), np.float32)


def anomaly_map(fit: BankFit, patches: Array) -> Array:
    """(h, w) float32: how many times farther than usual a patch is, smoothed. The picture's score is the maximum."""
    return heat(fit, *least_of(fit, squared_distances(patches, fit.entries)))


def least_of(fit: BankFit, squared: Array) -> tuple[Array, Array]:
    """(n,) twice, of squared distances (n, K) to the entries: the least over each one's own usual distance, and the
    least over the usual distance of all."""
    calibrated = squared / fit.usual
    return calibrated.min(axis=1), np.asarray((calibrated * fit.even).min(axis=1), np.float32)


def heat(fit: BankFit, calibrated: Array, plain: Array) -> Array:
    """(h, w) float32. Both (h * w,), as `least_of` gives them.

    Calibrated distances tell better whether a part is good, plain ones better where it is not: what varies much among
    good parts is also where they break. So what every good part reaches is ordered by plain distances, and what goes
    beyond by calibrated ones; the score, the maximum, hardly changes (docs/decisions/0017).
    """
    near, far = (np.sqrt(np.maximum(one, np.float32(LEAST))) for one in (plain, calibrated))
    level = np.float32(fit.level)
    total = (np.minimum(near, level) + np.maximum(far - level, 0)).reshape(fit.space.map_size)
    if fit.mask is not None:
        total *= fit.mask
    size = (SMOOTHING_SIDE, SMOOTHING_SIDE)
    return np.asarray(cv2.GaussianBlur(total, size, SMOOTHING_CELLS, borderType=cv2.BORDER_REFLECT_101), np.float32)


def squared_distances(patches: Array, entries: Array) -> Array:
    """(n, K)"""
    squared = patches @ (-2 * entries.T)
    squared += np.einsum("nd,nd->n", patches, patches)[:, None]
    squared += np.einsum("kd,kd->k", entries, entries)
    return np.asarray(np.maximum(squared, 0, out=squared), np.float32)
