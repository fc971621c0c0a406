"""A product's surface: what it is made of before it is lit, turned and laid on the belt."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.apps.demo.scene.spec import Defect
from edge.apps.demo.scene.texture import lit, scaled

Image = npt.NDArray[Any]

SIZE = 480
"""Side of the square that every product is made in, in pixels of the 800 x 600 frame; its centre is MID."""
MID = SIZE / 2 - 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """`height` (SIZE, SIZE) px; `albedo` (SIZE, SIZE, 3) BGR 0..1, also sensible just outside the part;
    `alpha` (SIZE, SIZE) 0..1 coverage. All float32."""

    height: Image
    albedo: Image
    alpha: Image

    def bgr(self) -> Image:
        """Lit, (SIZE, SIZE, 3) float32, 1.0 = white."""
        return scaled(self.albedo, lit(self.height))


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """How one product is drawn.

    `make`: a good one; a few are made at start and shared by all parts. `damage`: a copy with a defect and the
    weight 0..1 (SIZE, SIZE) of where it is. `glare`: brightness (SIZE, SIZE) that stays with the lamp when the
    part turns, or None. `texture`: deviations of (fine grain, slow mottling) in grey levels.
    """

    make: Callable[[np.random.Generator], Surface]
    damage: Callable[[Surface, Defect, np.random.Generator], tuple[Surface, Image]]
    glare: Callable[[], Image] | None
    texture: tuple[float, float]
    crumb_bgr: tuple[int, int, int]
    crumbs: int


@functools.cache
def grid() -> tuple[Image, Image]:
    """x (right) and y (down) of every pixel from the centre, (SIZE, SIZE) float32; shared, so not writable."""
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    x, y = x - np.float32(MID), y - np.float32(MID)
    x.flags.writeable = y.flags.writeable = False
    return x, y
