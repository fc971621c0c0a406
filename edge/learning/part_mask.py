"""What of the picture shows the part. What lies beside it never decides: a crumb on the belt is no defect.

Beyond a narrow margin around the part the picture is replaced by the mean of the good ones before the network sees it,
and cells of the map that show nothing of the part count nothing. Only for parts that are found by their outline on a
plain background and so lie alike; elsewhere nobody can say what is background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.domain.model import Preprocess
from edge.inference.preprocess import Tensor
from edge.inference.rectify import Pixels

_OTSU_SHARE = 0.5  # of Otsu's threshold on the distance from the background: the middle of the outline
_MARGIN_PX = 2  # of the model's input: room for the locator's error; a crumb that touches the part may still show
_FEATHER_PX = 1.0
_COVERED = 0.05  # a cell of the map with at least this much of the part counts
_HOLE_SHARE = 0.1  # of the part's area: a bore is a hole, and one sees the belt through it
_LEAST_PART = 0.02  # of the picture: less is no outline


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PartMask:
    """keep (1, 1, H, W) uint8: 255 on the part, 0 beside it. mean (1, 3, H, W) uint8: the mean picture, its channels in
    the model's order. cells (h, w): of the map, those that show some of the part. Bytes, because both are in the model.
    """

    keep: NDArray[np.uint8]
    mean: NDArray[np.uint8]
    cells: NDArray[np.bool_]

    def apply(self, tensor: Tensor, preprocess: Preprocess) -> Tensor:
        """(1, 3, H, W), as the network is to see it."""
        middle = np.array(preprocess.mean, np.float32).reshape(1, 3, 1, 1)
        spread = np.array(preprocess.std, np.float32).reshape(1, 3, 1, 1)
        beside = (self.mean.astype(np.float32) - middle) / spread
        share = self.keep.astype(np.float32) / np.float32(255)
        return np.asarray(beside + share * (tensor - beside), np.float32)


def find_mask(pictures: Sequence[Pixels], preprocess: Preprocess, map_size: tuple[int, int]) -> PartMask | None:
    """pictures: (H, W, 3) uint8, aligned, of the model's size. None when no part stands out from the border.

    The mean over all shows the part without the noise and dirt of each.
    """
    total = np.zeros(pictures[0].shape, np.float64)
    for picture in pictures:
        total += picture
    mean = total / len(pictures)
    part = _part(mean)
    if not _LEAST_PART < float(part.mean()) < 1 - _LEAST_PART:
        return None
    size = 2 * _MARGIN_PX + 1
    wide = cv2.dilate(part, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    keep = np.rint(255 * cv2.GaussianBlur(wide, (0, 0), _FEATHER_PX)).astype(np.uint8)
    levels = np.clip(np.rint(mean), 0, 255).astype(np.uint8)
    planes = (levels[:, :, ::-1] if preprocess.rgb else levels).transpose(2, 0, 1)
    covered = cv2.resize(part, (map_size[1], map_size[0]), interpolation=cv2.INTER_AREA)
    return PartMask(keep=keep[None, None], mean=planes[None].copy(), cells=np.asarray(covered >= _COVERED))


def _part(mean: NDArray[np.float64]) -> NDArray[np.float32]:
    """(H, W) 1 where the mean picture is unlike its border."""
    border = np.concatenate([mean[0], mean[-1], mean[:, 0], mean[:, -1]])
    unlike = np.abs(mean - np.median(border, axis=0)).max(axis=2)
    levels = np.clip(np.rint(unlike), 0, 255).astype(np.uint8)
    otsu, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return _filled((levels > _OTSU_SHARE * otsu).astype(np.uint8)).astype(np.float32)


def _filled(part: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A shadow or a dark print on the part is no background, though it looks like it: small holes are the part's."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(1 - part, connectivity=4)
    height, width = part.shape
    whole = part.copy()
    for label, (x, y, w, h, area) in enumerate(stats[1:].tolist(), 1):
        enclosed = x > 0 and y > 0 and x + w < width and y + h < height
        if enclosed and area < _HOLE_SHARE * int(part.sum()):
            whole[labels == label] = 1
    return whole
