"""The light barrier's eye: from a frame to the stretches of belt that are occupied.

The region is sampled coarsely across the motion (about 32 rows) and finely along it (at most 960 samples), so
a 1080p frame costs about as much as a thumbnail and a gap of 3 px between two parts stays visible.
All arrays here run forward: sample 0 is the upstream edge, whatever axis and direction the parts take.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.domain.barrier import BarrierSettings
from edge.errors import SettingsError, SourceError

MAX_ALONG = 960
RAW_ACROSS = 96
ACROSS = 32
SIGMAS = 6.0
FOLLOW = 0.02  # share of a new frame in the background: follows light over about 50 frames
MAX_STEP_GAIN = 2.0
GHOST_RATIO = 1.5
AREA = cv2.INTER_AREA
ENDS_OVER = 3  # samples on each side of a place where a part may end
STILL_NEAR = 0.04  # of the view: a part on the move shows an edge or a pattern on such a stretch
NOISE_CAP = 12  # grey levels: a larger change between two frames is something moving


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """An occupied stretch in px forward from the upstream edge; `cut_*`: it may go on beyond the region."""

    trail: float
    lead: float
    cut_up: bool
    cut_down: bool

    @property
    def length(self) -> float:
        return self.lead - self.trail


class StripView:
    """Where the region lies in the frame, and how to take it out as uint8 (across, along, channels)."""

    def __init__(self, settings: BarrierSettings, frame_size_px: tuple[int, int]) -> None:
        self._size = frame_size_px
        self._flip = settings.direction == "-"
        self._along_x = settings.axis == "x"
        height, width = frame_size_px
        n_along, n_across = (width, height) if self._along_x else (height, width)
        a0, a1 = (round(f * n_along) for f in settings.along)
        c0, c1 = (round(f * n_across) for f in settings.across)
        if a1 - a0 < 16 or c1 - c0 < 2:
            raise SettingsError(
                f"The light barrier's region is too small in a frame of {width}x{height}",
                hint="make the region at least 16 px long and 2 px wide",
            )
        self.px = -(-(a1 - a0) // MAX_ALONG)
        self.samples = (a1 - a0) // self.px
        a1 = a0 + self.samples * self.px
        step = max(1, (c1 - c0) // RAW_ACROSS)
        raw = len(range(c0, c1, step))
        per_row = max(1, raw // ACROSS)
        self.rows = raw // per_row
        self.row_px = float(step * per_row)
        self._along = slice(a0, a1)
        self._across = slice(c0, c0 + self.rows * per_row * step)
        self._step = step
        self._raw_rows = self.rows * per_row
        line = settings.line * n_along
        self.line_px = float(a1 - line if self._flip else line - a0)
        self.length_px = float(a1 - a0)
        if not 0 < self.line_px < self.length_px:
            raise SettingsError("The light barrier's line is at the region's very edge", hint="move the line")

    def take(self, frame: np.ndarray) -> np.ndarray:
        """`frame`: uint8 (H, W, 3) BGR or (H, W). Raises SourceError when it is not what was promised."""
        if frame.shape[:2] != self._size or frame.dtype != np.uint8 or frame.ndim not in (2, 3):
            raise SourceError(
                f"The light barrier got a frame of {frame.shape} {frame.dtype}, promised were {self._size}",
                hint="the camera's size and the station file disagree",
            )
        if self._along_x:
            thin = frame[self._across, self._along][:: self._step]
            strip = cv2.resize(thin, (self.samples, self.rows), interpolation=AREA)
        else:
            region = frame[self._along, self._across]
            # Every nth column; numpy would take twice the time of all the rest for it.
            thin = cv2.resize(region, (self._raw_rows, region.shape[0]), interpolation=cv2.INTER_NEAREST)
            strip = cv2.transpose(cv2.resize(thin, (self.rows, self.samples), interpolation=AREA))
        strip = strip.reshape(self.rows, self.samples, -1)
        return np.ascontiguousarray(strip[:, ::-1]) if self._flip else strip


class Background:
    """The empty belt, and what differs from it.

    One gain per frame follows the light (also under standing parts, where pixels cannot be followed);
    each pixel follows slowly where nothing stands.
    """

    def __init__(self, settings: BarrierSettings, view: StripView) -> None:
        self._polarity = settings.polarity
        self._given = settings.threshold
        self._floor = settings.threshold_floor
        self._view = view
        self._width = 2 if settings.min_width_px is None else round(settings.min_width_px / view.row_px)
        self._width = min(max(1, self._width), view.rows)
        self._join = int(settings.join_gap_px / view.px)
        self._min = settings.min_length_px
        self._level: np.ndarray | None = None
        self._noise = 0.0
        self._last: np.ndarray | None = None
        self._free = np.ones(view.samples, bool)

    @property
    def ready(self) -> bool:
        return self._level is not None

    def teach(self, strips: list[np.ndarray]) -> None:
        """Median over time (Cutler and Davis 1998), at each place of the frames in which nothing moves there.

        So a belt that is full of parts when teaching begins is still known from the gaps that pass; a place
        that is never still looks like the nearest one that is, for a belt looks the same along its motion.
        """
        self._free[:] = True
        for strip in strips:
            self._learn_noise(strip, 0.5)
        stack = np.stack(strips)
        still = self._still(stack)
        known = np.flatnonzero(still.any(axis=0))
        if known.size == 0:
            still[:], known = True, np.arange(still.shape[1])
        level = np.median(stack, axis=0).astype(np.float32)
        for at in np.flatnonzero(~still.all(axis=0)).tolist():
            nearest = known[np.argmin(np.abs(known - at))]
            level[:, at] = np.median(stack[still[:, nearest], :, nearest], axis=0)
        self._level = level

    def looks_occupied(self) -> bool:
        """Whether something seems to stand on what was taught.

        An empty belt looks the same along its motion, or changes gently with the light; a part has ends.
        """
        assert self._level is not None
        level, step = self._level, ENDS_OVER
        usual = np.median(level, axis=1, keepdims=True)
        other = self._rows_over(np.abs(level - usual))
        ends = np.zeros_like(other)
        ends[step:-step] = self._rows_over(np.abs(level[:, 2 * step :] - level[:, : -2 * step]))
        at = (np.flatnonzero(ends >= self._width) * self._view.px).tolist()
        found = [s for s in self.segments(other) if s.length >= self._min]
        margin = 2 * step * self._view.px
        return any(s.trail - margin <= end <= s.lead + margin for s in found for end in at)

    def forget(self) -> None:
        self._level = None

    def _rows_over(self, difference: np.ndarray) -> np.ndarray:
        """`difference`: (rows, samples, channels); rows above the threshold, per sample: int (samples,)."""
        over: np.ndarray = (
            difference.reshape(self._view.rows, difference.shape[1], -1).max(axis=2) > self.threshold
        ).sum(0)
        return over

    def _still(self, stack: np.ndarray) -> np.ndarray:
        """Where nothing moves near by to the next frame or from the one before: bool (frames, samples)."""
        still = np.zeros((stack.shape[0], stack.shape[2]), bool)
        near = np.ones((1, 2 * round(STILL_NEAR * stack.shape[2]) + 1), np.uint8)
        for k in range(1, len(stack)):
            change = cv2.absdiff(stack[k], stack[k - 1]).reshape(stack.shape[1:]).max(axis=2)
            moving = (change > self.threshold).sum(axis=0) >= self._width
            quiet = cv2.dilate(moving.astype(np.uint8)[None], near)[0] == 0
            still[k - 1] |= quiet
            still[k] |= quiet
        return still

    def occupancy(self, strip: np.ndarray) -> np.ndarray:
        """How many rows differ from the background, per sample along: int (samples,)."""
        assert self._level is not None
        self._follow_light(strip)
        self._learn_noise(strip, 0.05)
        level = cv2.convertScaleAbs(self._level).reshape(strip.shape)
        if self._polarity == "any":
            diff = cv2.absdiff(strip, level)
        else:
            pair = (strip, level) if self._polarity == "brighter" else (level, strip)
            diff = cv2.subtract(*pair)
        diff = diff.reshape(strip.shape)
        if strip.shape[2] == 3:
            blue, green, red = cv2.split(diff)
            diff = cv2.max(cv2.max(blue, green), red)
        else:
            diff = diff[..., 0]
        _, hit = cv2.threshold(diff, self.threshold, 1, cv2.THRESH_BINARY)
        counts: np.ndarray = cv2.reduce(hit, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()
        return counts

    @property
    def threshold(self) -> float:
        return self._given if self._given is not None else max(self._floor, SIGMAS * self._noise)

    def segments(self, counts: np.ndarray) -> list[Segment]:
        """Occupied stretches from upstream to downstream, gaps joined as set; crumbs left out."""
        padded = np.zeros(counts.size + 2, np.int8)
        padded[1:-1] = counts >= self._width
        steps = np.diff(padded)
        runs = list(zip(np.flatnonzero(steps > 0).tolist(), np.flatnonzero(steps < 0).tolist(), strict=True))
        joined: list[tuple[int, int]] = []
        for start, end in runs:
            if joined and start - joined[-1][1] <= self._join:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
        found = (self._segment(start, end) for start, end in joined)
        return [s for s in found if s.length >= self._min or s.cut_up or s.cut_down]

    def _segment(self, start: int, end: int) -> Segment:
        px, last = self._view.px, self._view.samples
        return Segment(trail=start * px, lead=end * px, cut_up=start <= 1, cut_down=end >= last - 1)

    def follow(self, strip: np.ndarray, counts: np.ndarray, kept: list[Segment]) -> None:
        """Let the empty places follow the light; `kept`: parts, with a margin, keep their background."""
        assert self._level is not None
        free = counts < self._width
        px, margin = self._view.px, 4
        for segment in kept:
            free[max(0, int(segment.trail / px) - margin) : int(segment.lead / px) + margin] = False
        self._free = free
        weights = (free * FOLLOW).astype(np.float32)[None, :, None]
        self._level += (strip - self._level) * weights

    def is_ghost(self, strip: np.ndarray, segment: Segment) -> bool:
        """Whether the outline of this difference is drawn in the background and not in the picture.

        Then something was there when teaching and has gone (Cucchiara et al. 2003 tell ghosts by motion; a
        belt may stand, so we tell them by their edges).
        """
        assert self._level is not None
        px, margin = self._view.px, 6
        span = slice(max(0, int(segment.trail / px) - margin), int(segment.lead / px) + margin)
        level = cv2.convertScaleAbs(self._level).reshape(strip.shape)[:, span]
        now = np.ascontiguousarray(strip[:, span])
        mask = (cv2.absdiff(now, level).reshape(now.shape).max(axis=2) > self.threshold).astype(np.uint8)
        outline = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(bool)
        if not outline.any():
            return False
        drawn_now, drawn_then = (_steepness(picture)[outline].mean() for picture in (now, level))
        return bool(drawn_then > GHOST_RATIO * drawn_now)

    def absorb(self, strip: np.ndarray, segment: Segment) -> None:
        """What lies here never moved: it is background."""
        assert self._level is not None
        px, margin = self._view.px, 4
        span = slice(max(0, int(segment.trail / px) - margin), int(segment.lead / px) + margin)
        self._level[:, span] = strip[:, span]

    def _follow_light(self, strip: np.ndarray) -> None:
        assert self._level is not None
        columns = np.flatnonzero(self._free)[::4]
        if columns.size * 4 < 0.15 * self._view.samples:
            return  # the parts fill the view: too little belt to judge the light by
        now = strip[::4, columns, :].astype(np.float32)
        was = self._level[::4, columns, :]
        gain = float(np.median((now + 1.0) / (was + 1.0)))
        if abs(gain - 1.0) > 0.003:
            np.multiply(self._level, min(max(gain, 1 / MAX_STEP_GAIN), MAX_STEP_GAIN), out=self._level)
            np.minimum(self._level, 255.0, out=self._level)

    def _learn_noise(self, strip: np.ndarray, share: float) -> None:
        """Sigma from what changes between two frames: shadows and drift are no noise, and move slowly."""
        now, last = strip[::4, ::4].astype(np.int16), self._last
        self._last = now
        free = self._free[::4]
        if last is not None and free.any():
            sigma = 0.89 * float(np.mean(np.minimum(np.abs(now - last), NOISE_CAP)[:, free]))
            self._noise += share * (sigma - self._noise)


def _steepness(picture: np.ndarray) -> np.ndarray:
    """Largest gradient over the channels, per pixel; `picture`: uint8 (across, along, channels)."""
    along = np.abs(cv2.Sobel(picture, cv2.CV_32F, 1, 0)).reshape(picture.shape)
    across = np.abs(cv2.Sobel(picture, cv2.CV_32F, 0, 1)).reshape(picture.shape)
    steep: np.ndarray = (along + across).max(axis=2)
    return steep
