"""What a sound picture looks like: brightness and focus of a background patch over the good pictures."""

from __future__ import annotations

import numpy as np

from edge.domain.geometry import Rect
from edge.domain.recipe import PictureLimits
from edge.errors import UsageError
from edge.inference.picture import measure
from edge.inference.rectify import Pixels

_LEAST_ROOM = 12.0  # grey levels: a lamp ages and warms up, and the part's own check still sees it
_SPREADS = 8.0
_FOCUS_SHARE = 0.5  # of the least sharp good picture


class PatchWatch:
    """Measures the patch in each good picture. patch: px of the frame; no part ever covers it."""

    def __init__(self, patch: Rect) -> None:
        self._patch = patch
        self._brightness: list[float] = []
        self._focus: list[float] = []

    def show(self, frame: Pixels) -> None:
        """UsageError when the patch does not lie in the frame."""
        if not self._patch.inside(frame.shape[1], frame.shape[0]):
            raise UsageError("the background patch lies outside the pictures", hint="mark it again in the recipe")
        seen = measure(frame, self._patch)
        self._brightness.append(seen.brightness)
        self._focus.append(seen.focus)

    def limits(self) -> PictureLimits:
        levels, focus = np.array(self._brightness), np.array(self._focus)
        room = max(_LEAST_ROOM, _SPREADS * float(levels.std()))
        return PictureLimits(
            patch=self._patch,
            brightness_min=max(0.0, round(float(levels.min()) - room, 1)),
            brightness_max=min(255.0, round(float(levels.max()) + room, 1)),
            focus_min=round(_FOCUS_SHARE * float(focus.min()), 2),
        )
