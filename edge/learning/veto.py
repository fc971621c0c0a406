"""Patches of known defects: what looks like one of them is NG, however near it lies to what is usual.

An exemplar counts only within its reach, and the reach ends halfway to the nearest remembered patch of a good part at
the latest: within it a patch is nearer to the defect than to anything remembered as good (triangle inequality). Where
nobody marked the place it is only guessed, and the reach is shorter. Measured on magnetic tiles (60 taught), with the
exemplars of all 96 defects that had not been NG at once: marked by their masks they stopped none of the 57 good parts
that had passed, and 56 of 79 escapes were seen through other parts' exemplars; unmarked none, and 20. The worst that a
person can do, good parts called defective and unmarked: 2 of 80 others stopped, on three sets.

Everything here is numpy; `edge.learning.bank_graph` writes the same as ONNX, and a test holds them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.learning.bank import LEAST, Array, BankFit, squared_distances

LEAST_ODD = {True: 1.0, False: 1.2}
"""Usual distances from the good patches: what is nearer is like them. Marked by a person, or not: then as far as the
oddest tenth of the patches of good parts."""
STEEP = 2.0  # the veto is full where the squared distance is at most half of the squared reach
_HALFWAY, _GUESSED = 0.5, 0.35  # of the distance to the nearest good patch, for marked places and for others
_MOST_USUAL = 1.0  # usual distances that a reach is at most: what is far from everything is odd anyway
_LEAST_REACH = 1e-6  # of a squared distance: nothing is divided by zero
HEIGHT = 2.0  # times the NG limit: what a full veto adds to the map


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vetoes:
    """patches (J, D) float32 of the space. reach (J,) float32: squared. height: in scores. parts: J numbers, which of
    the known parts each exemplar is of. marked: J, whether a person marked its place."""

    patches: Array
    reach: Array
    height: float
    parts: tuple[int, ...]
    marked: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.patches)

    def as_bank(self, fit: BankFit) -> BankFit:
        """The exemplars in the place of the good entries, the reach in the place of what is usual."""
        return replace(fit, entries=self.patches, usual=self.reach)


def none_yet(fit: BankFit) -> Vetoes:
    columns = fit.entries.shape[1]
    return Vetoes(
        patches=np.zeros((0, columns), np.float32), reach=np.zeros(0, np.float32), height=0.0, parts=(), marked=()
    )


def oddness(fit: BankFit, patches: Array) -> Array:
    """(n,) float32: how many times farther than usual each patch is from the good ones. Not smoothed, no mask."""
    squared = squared_distances(patches, fit.entries) / fit.usual
    return np.asarray(np.sqrt(np.maximum(squared.min(axis=1), np.float32(LEAST))), np.float32)


def reaches(fit: BankFit, patches: Array, marked: Sequence[bool]) -> Array:
    """(J,) squared reach of each exemplar: halfway to the nearest good entry, one usual distance at most."""
    share = np.where(np.array(marked, np.bool_), _HALFWAY, _GUESSED).astype(np.float32)
    squared = squared_distances(patches, fit.entries)
    usual = fit.usual[(squared / fit.usual).argmin(axis=1)] if len(patches) else np.zeros(0, np.float32)
    nearest = squared.min(axis=1) if len(patches) else np.zeros(0, np.float32)
    reach = np.minimum(share**2 * nearest, _MOST_USUAL**2 * usual)
    return np.asarray(np.maximum(reach, _LEAST_REACH), np.float32)


def stands_out(vetoes: Vetoes, fit: BankFit) -> NDArray[np.bool_]:
    """(J,) whether each exemplar is unlike the good patches."""
    least = np.array([LEAST_ODD[one] for one in vetoes.marked], np.float32)
    return np.asarray(oddness(fit, vetoes.patches) >= least)


def settled(vetoes: Vetoes, fit: BankFit, ng_from: float) -> Vetoes:
    """The same exemplars among these good entries and for this limit."""
    return replace(vetoes, reach=reaches(fit, vetoes.patches, vetoes.marked), height=round(HEIGHT * ng_from, 4))


def veto_map(vetoes: Vetoes, fit: BankFit, patches: Array) -> Array:
    """(h, w) float32: what is added to the anomaly map."""
    if not len(vetoes):
        return np.zeros(fit.space.map_size, np.float32)
    return np.asarray((vetoes.height * _share(vetoes, fit, patches)).reshape(fit.space.map_size), np.float32)


def vetoed(vetoes: Vetoes, fit: BankFit, patches: Array) -> NDArray[np.bool_]:
    """(n,) whether each patch lies within the reach of an exemplar."""
    return np.asarray(_share(vetoes, fit, patches) > 0) if len(vetoes) else np.zeros(len(patches), np.bool_)


def _share(vetoes: Vetoes, fit: BankFit, patches: Array) -> Array:
    """(n,) 1 at an exemplar, 0 beyond every reach, linear in the squared distance between."""
    squared = squared_distances(patches, vetoes.patches) / vetoes.reach
    share = np.clip(STEEP * (1 - np.maximum(squared.min(axis=1), np.float32(LEAST))), 0, 1)
    return np.asarray(share if fit.mask is None else share * fit.mask.ravel(), np.float32)
