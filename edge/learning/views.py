"""A handful of pictures, each seen again a little moved: what lies across the border of two cells is no defect.

Measured with 5 pictures: AUROC 0.971 becomes 0.983, 0.757 becomes 0.787, and 0.936 becomes 0.931. Turning or mirroring
them, or changing their brightness, gains nothing on parts that lie alike, or costs.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.inference.rectify import Pixels

MOST_PICTURES = 12
"""Beyond, pictures differ by themselves."""
_STEP_PX = 4  # of the model's input: half a cell of the finest tap
_STEPS = ((0, 0), (_STEP_PX, _STEP_PX), (-_STEP_PX, _STEP_PX), (_STEP_PX, -_STEP_PX), (-_STEP_PX, -_STEP_PX))


def views(picture: Pixels) -> list[Pixels]:
    """The picture (H, W, 3) uint8 itself, then it moved half a cell along both diagonals, its edge repeated."""
    step = _STEP_PX
    wide = cv2.copyMakeBorder(picture, step, step, step, step, cv2.BORDER_REPLICATE)
    height, width = picture.shape[:2]
    return [
        np.ascontiguousarray(wide[step - down : step - down + height, step - right : step - right + width], np.uint8)
        for right, down in _STEPS
    ]
