"""The light barrier for plain video: counts each part once and says in which frame it is centred.

    frame -> strip (barrier_strip) -> occupied stretches -> parts followed from frame to frame
          (barrier_tracks) -> a part whose centre passes from before the line to beyond it is counted, once

A crossing is reported in the very frame that shows the centre beyond the line; by then the most centred
frame is known, it is that one or one before it. The only later cases: a part longer than twice the way from
the upstream edge to the line, of unknown length, is reported when its end comes into view; and what is seen
while the background is being taught is reported when that is done.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

import numpy as np

from edge.capture.barrier_strip import Background, Segment, StripView
from edge.capture.barrier_tracks import Sight, Track, moved_by, pair, regroup
from edge.clock import MS
from edge.domain.barrier import BarrierSettings, Crossing

__all__ = ["BarrierHealth", "Crossing", "LightBarrier"]

STILL_PX = 3.0
LEARN_FROM = 5
CONFIRMED = 3  # sights: a flicker at the edge is not the part that is expected back
GHOST_CHECK_NS = 500 * MS


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierHealth:
    """What the barrier did not count, and what it sees now; nothing is dropped silently.

    stale_frames: frames not newer than the one before. too_short, too_long: parts that passed the line and had
    no allowed length. absorbed: things that became background. threshold: grey levels, 0 before teaching.
    refused: backgrounds that were not taken because something seemed to stand on the belt; it counts nothing until
    one is (see `BarrierSettings.must_be_empty`).
    """

    taught: bool
    refused: int
    stale_frames: int
    too_short: int
    too_long: int
    absorbed: int
    in_view: int
    threshold: float


class LightBarrier:
    """Feed it every frame in order. Not for several threads at once; does no I/O and reads no clock."""

    def __init__(self, settings: BarrierSettings, frame_size_px: tuple[int, int]) -> None:
        """`frame_size_px`: (height, width). Raises SettingsError when the region does not fit the frame."""
        self._settings = settings
        self._view = StripView(settings, frame_size_px)
        travel = settings.min_travel_px
        self._min_travel = 0.05 * self._view.length_px if travel is None else travel
        self.reset()

    def reset(self) -> None:
        """As new: the background is taught again, parts in view are forgotten, counting starts at 1."""
        self._background = Background(self._settings, self._view)
        self._teaching: list[tuple[np.ndarray, int, int]] = []
        self._tracks: list[Track] = []  # upstream first
        self._returns: list[tuple[int, Track]] = []
        self._lengths: deque[float] = deque(maxlen=15)
        self._belt = 0.0  # px/ns, from parts that move
        self._t_ns: int | None = None
        self._n = self._stale = self._refused = self._too_short = self._too_long = self._absorbed = 0

    @property
    def health(self) -> BarrierHealth:
        return BarrierHealth(
            taught=self._background.ready,
            refused=self._refused,
            stale_frames=self._stale,
            too_short=self._too_short,
            too_long=self._too_long,
            absorbed=self._absorbed,
            in_view=len(self._tracks),
            threshold=self._background.threshold if self._background.ready else 0.0,
        )

    def teach(self, frame: np.ndarray) -> None:
        """Take this frame as the background, now: somebody says that the belt is empty."""
        self._background.teach([self._view.take(frame)])
        self._teaching.clear()
        self._tracks.clear()

    def feed(self, frame: np.ndarray, *, seq: int, exposed_at_ns: int) -> list[Crossing]:
        """Crossings decided by this frame, uint8 (H, W, 3) BGR or (H, W); oldest first.

        Raises SourceError when the frame has another size or type than promised.
        """
        strip = self._view.take(frame)
        if self._t_ns is not None and exposed_at_ns <= self._t_ns:
            self._stale += 1
            return []
        if self._background.ready:
            return self._step(strip, seq, exposed_at_ns)
        return self._learn(strip, seq, exposed_at_ns)

    def _learn(self, strip: np.ndarray, seq: int, t_ns: int) -> list[Crossing]:
        """Collect frames until the background is known, then catch up with what they showed."""
        levels = self._settings.background_bgr
        if levels is not None:
            grey = (round(0.114 * levels[0] + 0.587 * levels[1] + 0.299 * levels[2]),)
            self._background.teach([np.full_like(strip, levels if strip.shape[2] == 3 else grey)])
            return self._step(strip, seq, t_ns)
        if self._teaching and t_ns <= self._teaching[-1][2]:
            self._stale += 1
            return []
        self._teaching.append((strip, seq, t_ns))
        if len(self._teaching) < self._settings.teach_frames:
            return []
        self._background.teach([s for s, _, _ in self._teaching])
        seen, self._teaching = self._teaching, []
        if self._settings.must_be_empty and self._background.looks_occupied():
            self._background.forget()
            self._refused += 1
            return []
        return [crossing for strip, seq, t in seen for crossing in self._step(strip, seq, t)]

    def _step(self, strip: np.ndarray, seq: int, t_ns: int) -> list[Crossing]:
        since = t_ns - self._t_ns if self._t_ns is not None else 0
        self._t_ns = t_ns
        counts = self._background.occupancy(strip)
        found = self._background.segments(counts)
        found = regroup(
            found,
            self._tracks,
            counts,
            px=self._view.px,
            length=self._expected_length(),
            least=self._settings.min_length_px,
            t_ns=t_ns,
        )
        entering = max(0.0, self._belt * since)
        pairs, unseen, unknown = pair(self._tracks, found, t_ns, self._view.length_px, entering)
        belt_step = self._belt_step(pairs)
        for track, segment in pairs:
            self._move(track, segment, t_ns, belt_step)
        tracks = [t for t, _ in pairs] + [t for t in unseen if self._still_expected(t, t_ns)]
        tracks += [self._born(s, t_ns, since) for s in unknown]
        tracks = [t for t in tracks if not self._absorb(t, strip, t_ns)]
        self._tracks = sorted(tracks, key=lambda t: t.segment.trail + t.segment.lead)
        self._background.follow(strip, counts, [t.segment for t in self._tracks])
        crossings = [self._look(t, seq, t_ns) for t in reversed(self._tracks) if not t.missed]
        return sorted((c for c in crossings if c is not None), key=lambda c: c.n)

    def _expected_length(self) -> float | None:
        if self._settings.learn_part_length and len(self._lengths) >= LEARN_FROM:
            return median(self._lengths)
        return self._settings.part_length_px

    def _belt_step(self, pairs: list[tuple[Track, Segment]]) -> float:
        """px that the belt moved since the last frame: the median over the parts seen in both."""
        steps = [moved_by(t.segment, s) for t, s in pairs if not t.missed]
        known = [step for step in steps if step is not None]
        return median(known) if known else 0.0

    def _move(self, track: Track, segment: Segment, t_ns: int, belt_step: float) -> None:
        step = moved_by(track.segment, segment)
        if step is not None:
            speed = step / (t_ns - track.t_ns)
            if track.sights == 1:
                track.velocity = speed
                self._judge_birth(track, segment, speed)
            else:
                track.velocity += 0.6 * (speed - track.velocity)
            self._belt = track.velocity if track.moved else self._belt
        track.measure(segment, self._settings.part_length_px)
        self._watch_still(track, segment, t_ns, belt_step)
        track.segment, track.t_ns, track.missed = segment, t_ns, False
        track.sights += 1
        if track.sights == CONFIRMED:
            self._take_return(track, t_ns)

    def _judge_birth(self, track: Track, segment: Segment, speed: float) -> None:
        """A fast part may first be seen well inside: did its speed bring it in since the frame before?"""
        came = speed * track.born_after_ns
        if not track.entered and came > 0 and track.born.lead - came <= 0.25 * came:
            track.entered = True
            self._assume_before(track, speed)

    def _assume_before(self, track: Track, speed: float) -> None:
        """Frames were lost, or the belt is very fast: the part was before the line in the frame before."""
        centre = track.centre_in(track.born)
        if centre is None or track.before is not None or track.born_after_ns <= 0:
            return
        earlier = centre - speed * track.born_after_ns
        if earlier < self._view.line_px <= centre:
            t_ns = track.since_ns - track.born_after_ns
            track.before = Sight(seq=0, t_ns=t_ns, segment=track.born, centre=earlier)

    def _watch_still(self, track: Track, segment: Segment, t_ns: int, belt_step: float) -> None:
        old = track.still_from
        shift = max(abs(segment.lead - old.lead), abs(segment.trail - old.trail))
        if shift > STILL_PX + self._view.px:
            both = min(abs(segment.lead - track.born.lead), abs(segment.trail - track.born.trail))
            ahead = segment.lead - track.born.lead
            coming_in = segment.cut_up and not segment.cut_down and ahead > STILL_PX + self._view.px
            track.moved = track.moved or both > STILL_PX or coming_in
            track.still_from, track.still_since_ns, track.passed_px = segment, t_ns, 0.0
        else:
            track.passed_px += belt_step  # with its sign: jitter carries nothing past

    def _still_expected(self, track: Track, t_ns: int) -> bool:
        """Whether a part that is not seen may come again; remembers those the belt takes back upstream."""
        ahead = track.predicted(t_ns)
        track.missed = True
        back = track.segment.cut_up and (track.velocity < 0 or ahead.lead <= 0)
        if back and (track.moved or track.returned):
            self._returns.append((t_ns, track))
        gone = ahead.trail >= self._view.length_px or track.segment.cut_down
        flicker = track.segment.cut_up and track.sights < CONFIRMED
        return not back and not gone and not flicker and t_ns - track.t_ns <= self._settings.coast_ms * MS

    def _born(self, segment: Segment, t_ns: int, since_ns: int) -> Track:
        came = max(0.0, self._belt * since_ns)
        entered = segment.cut_up or (came > 0 and segment.lead - came <= 0.25 * came)
        track = Track(
            segment=segment,
            t_ns=t_ns,
            velocity=max(self._belt, 0.0) if segment.cut_up else self._belt,
            length=self._expected_length(),
            entered=entered,
            born=segment,
            still_from=segment,
            since_ns=t_ns,
            born_after_ns=since_ns,
            still_since_ns=t_ns,
        )
        track.measure(segment, self._settings.part_length_px)
        if entered and not segment.cut_up:
            self._assume_before(track, self._belt)
        return track

    def _take_return(self, track: Track, t_ns: int) -> None:
        if track.asked or not track.entered:
            return
        track.asked = True
        window = self._settings.return_window_ms * MS
        self._returns = [(t, old) for t, old in self._returns if t_ns - t <= window]
        if self._returns:
            _, old = self._returns.pop()
            track.counted, track.returned = old.counted, True
            track.length = old.length

    def _absorb(self, track: Track, strip: np.ndarray, t_ns: int) -> bool:
        """Ghosts, what stays while the belt carries others past, and what never came in nor moved: background."""
        waited = t_ns - track.still_since_ns >= self._settings.absorb_after_ms * MS
        stays = abs(track.passed_px) > 0.5 * self._view.length_px
        if not waited or track.missed:
            return False
        if (track.moved or track.entered) and not stays:
            if t_ns - track.ghost_checked_ns < GHOST_CHECK_NS:
                return False
            track.ghost_checked_ns = t_ns
            if not self._background.is_ghost(strip, track.segment):
                return False
        self._background.absorb(strip, track.segment)
        self._absorbed += 1
        return True

    def _look(self, track: Track, seq: int, t_ns: int) -> Crossing | None:
        """Take one sight into account; the crossing, when it decides one."""
        if track.counted:
            return None
        track.waiting.append((seq, t_ns, track.segment))
        if track.centre_in(track.segment) is None:
            return None
        for old_seq, old_t, segment in track.waiting:
            centre = track.centre_in(segment)
            if centre is not None:
                self._note(track, Sight(seq=old_seq, t_ns=old_t, segment=segment, centre=centre))
        track.waiting.clear()
        if track.after is not None:
            self._take_return(track, t_ns)
        before, after = track.before, track.after
        ready = track.entered or track.travel >= self._min_travel
        if track.counted or before is None or after is None or not ready:
            return None
        return self._count(track, before, after)

    def _note(self, track: Track, sight: Sight) -> None:
        line = self._view.line_px
        if track.first_centre is None:
            track.first_centre = sight.centre
        track.travel = max(track.travel, sight.centre - track.first_centre)
        if track.best is None or abs(sight.centre - line) < abs(track.best.centre - line):
            track.best = sight
        if sight.centre < line:
            track.before, track.after = sight, None
        elif track.after is None:
            track.after = sight

    def _count(self, track: Track, before: Sight, after: Sight) -> Crossing | None:
        track.counted = True
        best = track.best or after
        whole = not best.segment.cut_up and not best.segment.cut_down
        length = best.segment.length if whole or track.length is None else track.length
        if length < self._settings.min_length_px:
            self._too_short += 1
            return None
        if self._settings.max_length_px is not None and length > self._settings.max_length_px:
            self._too_long += 1
            return None
        self._n += 1
        self._lengths.append(length)
        crossed, error = self._crossing_time(before, after)
        return Crossing(
            n=self._n,
            crossed_at_ns=crossed,
            error_ns=error,
            seq=best.seq,
            seq_exposed_at_ns=best.t_ns,
            offset_px=best.centre - self._view.line_px,
            length_px=length,
        )

    def _crossing_time(self, before: Sight, after: Sight) -> tuple[int, int]:
        """Interpolated; the error grows with a coarse centre and with the time between the two frames."""
        step_ns, step_px = after.t_ns - before.t_ns, after.centre - before.centre
        crossed = before.t_ns + round(step_ns * (self._view.line_px - before.centre) / step_px)
        bracket = max(after.t_ns - crossed, crossed - before.t_ns)
        # One sample of doubt in each centre, and a quarter of the gap for a belt that changes its speed.
        doubt = step_ns * self._view.px / step_px + 0.25 * step_ns
        return crossed, round(min(bracket, doubt))
