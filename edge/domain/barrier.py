"""Values of the light barrier for plain video: how to look, and what a crossing is.

Positions are fractions of the frame (0..1, from its top left corner), so a recipe survives a change of
resolution; lengths are pixels of the full frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.errors import SettingsError

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierSettings:
    """How a light barrier looks at the frame. Raises SettingsError when the values make no sense.

    axis, direction: parts move along x or y; `+` is to the right or down.
    line: where the line lies along the axis; a part is counted when its centre passes it.
    along, across: the region looked at, along and across the motion. Keep hands, guides and other lanes
        out of it, and leave at least half a part on both sides of the line.
    min_length_px, max_length_px: extent along the motion that a part may have; None: no upper limit.
    min_width_px: extent across the motion that makes a place count as occupied; None: two samples.
    part_length_px: when given, longer blobs are split into parts of this length, and a part that is only
        half in view is centred by it. `learn_part_length`: take the median of what was counted instead
        (only for lines where all parts have one size).
    join_gap_px: gaps up to this are inside a part (clear or hollow parts); 0: every gap parts two parts.
    background: `taught` from the first `teach_frames` frames, or one `level` (BGR) for a back light. It follows slow
        light changes everywhere but under parts.
    must_be_empty: a taught background on which something with sharp ends, as long as a part, seems to stand is not
        taken, and the next `teach_frames` frames are tried: parts that were taught as belt would spoil the count. So
        teach on an empty belt, or on one that runs. False: for places where fixed things lie in the region.
    polarity: parts differ from the background in any way, or are only brighter, or only darker.
    threshold: difference in grey levels that is a part; None: 6 sigma of the noise, at least
        `threshold_floor`.
    min_travel_px: how far something that did not come in over the upstream edge must move before it may be
        counted; None: 5 % of the region.
    absorb_after_ms: what never moved (a part taken away that was there when teaching, a tool left behind)
        becomes background after this time. A part that has moved is never absorbed by waiting.
    coast_ms: how long a part may be invisible and still be the same part.
    return_window_ms: a part that the belt carries back out over the upstream edge and that comes again
        within this time is the same part. 0: what comes again is new (places where people put parts down).
    """

    axis: Literal["x", "y"] = "x"
    direction: Literal["+", "-"] = "+"
    line: float = 0.5
    along: Span = (0.0, 1.0)
    across: Span = (0.0, 1.0)
    min_length_px: float = 12.0
    max_length_px: float | None = None
    min_width_px: float | None = None
    part_length_px: float | None = None
    learn_part_length: bool = False
    join_gap_px: float = 0.0
    background: Literal["taught", "level"] = "taught"
    background_bgr: tuple[int, int, int] | None = None
    teach_frames: int = 15
    must_be_empty: bool = True
    polarity: Literal["any", "brighter", "darker"] = "any"
    threshold: int | None = None
    threshold_floor: int = 24
    min_travel_px: float | None = None
    absorb_after_ms: float = 2_000.0
    coast_ms: float = 500.0
    return_window_ms: float = 5_000.0

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            _need(getattr(self, name) in allowed, f"{name} is none of {', '.join(allowed)}")
        for name in ("along", "across"):
            low, high = getattr(self, name)
            _need(0.0 <= low < high <= 1.0, f"{name} is not a rising pair of fractions within 0..1")
        _need(self.along[0] < self.line < self.along[1], "the line is not inside the region along the motion")
        self._check_lengths()
        _need(1 <= self.teach_frames <= 120, "teach_frames is not within 1..120")
        _need(1 <= self.threshold_floor <= 254, "threshold_floor is not within 1..254")
        _need(self.threshold is None or 1 <= self.threshold <= 254, "threshold is not within 1..254")
        levels = self.background_bgr
        _need((self.background == "level") == (levels is not None), "background_bgr goes with level, only")
        _need(levels is None or all(0 <= v <= 255 for v in levels), "background_bgr is not within 0..255")

    def _check_lengths(self) -> None:
        _need(self.min_length_px > 0, "min_length_px is not above 0")
        for name in ("max_length_px", "part_length_px"):
            value = getattr(self, name)
            _need(value is None or value >= self.min_length_px, f"{name} is below min_length_px")
        for name in ("min_width_px", "min_travel_px", "join_gap_px", "coast_ms", "return_window_ms"):
            value = getattr(self, name)
            _need(value is None or value >= 0, f"{name} is below 0")
        _need(self.absorb_after_ms > 0, "absorb_after_ms is not above 0")
        _need(not (self.learn_part_length and self.part_length_px), "part_length_px is given and to be learned")


_CHOICES = {
    "axis": ("x", "y"),
    "direction": ("+", "-"),
    "background": ("taught", "level"),
    "polarity": ("any", "brighter", "darker"),
}


def _need(fine: bool, what: str) -> None:
    if not fine:
        raise SettingsError(f"The light barrier cannot work: {what}", hint="correct the barrier's settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """One part whose centre passed the line.

    n: count since start or reset, from 1.
    crossed_at_ns, error_ns: CLOCK_MONOTONIC, interpolated between the frames around the crossing.
    seq, seq_exposed_at_ns: the frame seen so far in which the part was most centred.
    offset_px: how far the centre was beyond the line in that frame (negative: before it).
    length_px: extent along the motion.
    """

    n: int
    crossed_at_ns: int
    error_ns: int
    seq: int
    seq_exposed_at_ns: int
    offset_px: float
    length_px: float
