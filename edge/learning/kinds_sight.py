"""Where the defect of a part is, and what it looks like there: what a kind of defect is known by.

A part is looked at as its detector does: cut, masked, through the same backbone, once for both. The spot is where the
detector's map rises; of a place that a person has marked it is what rises there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.domain.model import Manifest
from edge.inference.rectify import Pixels
from edge.learning.backbone import Features
from edge.learning.correct import Sight, backbone_of, score_map
from edge.learning.kinds import Array, Example, Usual, describe, spot, usual
from edge.learning.memory_file import TaughtMemory


class KindSight:
    """One thread. ModelError when the installed backbone is not the one that the detector was taught with."""

    def __init__(self, manifest: Manifest, memory: TaughtMemory) -> None:
        self._memory = memory
        self._sight = Sight(memory, manifest.preprocess, backbone_of(memory))

    @property
    def backbone(self) -> str:
        """Its digest, 64 hex."""
        return self._memory.backbone_sha256

    def usual(self, good: Sequence[Pixels]) -> Usual:
        """good: parts at the model's size. UsageError for none."""
        return usual([self._sight.features(picture) for picture in good])

    def vector(self, picture: Pixels, normal: Usual) -> Array:
        """picture: (h, w, 3) uint8 BGR at the model's size. UsageError when `normal` is of another backbone."""
        features, heat = self._look(picture)
        return describe(features, spot(heat), normal)

    def example(self, kind: str, picture: Pixels, normal: Usual, marked: NDArray[np.uint8] | None = None) -> Example:
        """marked (h, w) uint8: how much of each px lies in the place that a person marked; None: nobody did."""
        features, heat = self._look(picture)
        unmarked = describe(features, spot(heat), normal)
        if marked is None:
            return Example(kind=kind, vector=unmarked)
        vector = describe(features, spot(heat, self._sight.marked_cells(marked)), normal)
        return Example(kind=kind, vector=vector, unmarked=unmarked)

    def _look(self, picture: Pixels) -> tuple[Features, Array]:
        features = self._sight.features(picture)
        return features, score_map(self._memory, self._sight.patches_of(features))
