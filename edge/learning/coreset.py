"""The few patches that stand for all: greedy k-centre selection, as PatchCore uses it.

Each pick is the patch that is farthest from all picked before, so that what is rare among good parts is kept as surely
as what is common; a random choice would forget it, and call it a defect for ever after. Gonzalez, "Clustering to
minimize the maximum intercluster distance", Theoretical Computer Science 38, 1985; Roth et al., "Towards Total Recall
in Industrial Anomaly Detection", CVPR 2022.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.errors import UsageError

MOST_CANDIDATES = 50_000
"""Of patches that are looked at for each pick, about 1 ms for 64 numbers each; more are thinned out evenly."""


def k_centre(patches: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Rows of `count` patches (n, d), or of all that differ when there are fewer; in the order of picking.

    The first is the patch nearest to the mean. Nothing is random: the same patches give the same rows.
    """
    if count < 1 or len(patches) < 1:
        raise UsageError(f"{count} of {len(patches)} patches cannot be chosen")
    rows = np.arange(len(patches), dtype=np.int64)
    if len(patches) > MOST_CANDIDATES:
        # The step is no whole number, so that every column of the map stays in.
        rows = np.linspace(0, len(patches) - 1, MOST_CANDIDATES).astype(np.int64)
    candidates = np.ascontiguousarray(patches[rows])
    lengths = np.einsum("nd,nd->n", candidates, candidates)
    pick = int(np.argmin(_squared(candidates, lengths, candidates.mean(axis=0))))
    nearest = np.full(len(candidates), np.inf, np.float32)
    picks: list[int] = []
    while len(picks) < count and nearest[pick] > 0:
        picks.append(pick)
        np.minimum(nearest, _squared(candidates, lengths, candidates[pick]), out=nearest)
        nearest[pick] = 0  # rounding must not choose it again
        pick = int(np.argmax(nearest))
    return rows[picks]


def _squared(
    candidates: NDArray[np.float32], lengths: NDArray[np.float32], centre: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Squared distances (n,) but for rounding."""
    far = candidates @ (-2 * centre)
    far += lengths
    far += centre @ centre
    return np.asarray(far, np.float32)
