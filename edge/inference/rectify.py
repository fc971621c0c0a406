"""Lens and scale correction of a whole frame, before anything is looked for in it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class Rectify(Protocol):
    """`profile`: name@version of the calibration in use, "" for none; every result names it."""

    @property
    def profile(self) -> str: ...

    def apply(self, frame: Pixels) -> Pixels:
        """The corrected frame, (H, W, C) uint8; may be `frame` itself."""
        ...


class Uncalibrated:
    """No profile for this camera: frames pass through untouched, in place, without a copy."""

    profile = ""

    def apply(self, frame: Pixels) -> Pixels:
        return frame
