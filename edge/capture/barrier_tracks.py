"""The light barrier's memory: which occupied stretch is which part, from frame to frame.

Parts on a belt keep their order and move by nearly the same amount, so stretches and parts are paired in
order at the least total surprise (dynamic programming as in sequence alignment, Needleman and Wunsch 1970).
Positions are px forward from the upstream edge.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from edge.capture.barrier_strip import Segment

HISTORY = 64
SPLIT_FROM = 1.5
MOVE_APART_PX = 8.0
GROWN = 1.15
LENGTH_SURPRISE_PX = 40.0  # no more, or a hand on a part would make it another one


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A part in one frame; `centre` is px forward from the upstream edge."""

    seq: int
    t_ns: int
    segment: Segment
    centre: float


@dataclass(slots=True, kw_only=True)
class Track:
    """One part while it is in the region.

    velocity: px/ns. length: None until the whole part was in view once. entered: it came in over the
    upstream edge. travel: farthest its centre was ahead of where it began. before, after: the last sight before
    the line and the first one beyond it. waiting: sights whose centre cannot be known before the length is.
    """

    segment: Segment
    t_ns: int
    velocity: float
    length: float | None
    entered: bool
    born: Segment
    still_from: Segment
    since_ns: int
    counted: bool = False
    returned: bool = False
    asked: bool = False
    moved: bool = False
    born_after_ns: int = 0
    still_since_ns: int = 0
    passed_px: float = 0.0
    ghost_checked_ns: int = 0
    missed: bool = False
    sights: int = 1
    best: Sight | None = None
    before: Sight | None = None
    after: Sight | None = None
    first_centre: float | None = None
    travel: float = 0.0
    waiting: deque[tuple[int, int, Segment]] = field(default_factory=lambda: deque(maxlen=HISTORY))

    def predicted(self, t_ns: int) -> Segment:
        """Where the part should be now, at full length where that is known."""
        shift = self.velocity * (t_ns - self.t_ns)
        lead, trail = self.segment.lead, self.segment.trail
        if self.length is not None:
            if self.segment.cut_up and not self.segment.cut_down:
                trail = lead - self.length
            elif self.segment.cut_down and not self.segment.cut_up:
                lead = trail + self.length
        return replace(self.segment, trail=trail + shift, lead=lead + shift)

    def centre_in(self, segment: Segment) -> float | None:
        """The part's centre, by the edge that is in view; None when it cannot be known (yet)."""
        length = self.length
        if not segment.cut_up and not segment.cut_down:
            if length is None or segment.length <= GROWN * length:
                return (segment.trail + segment.lead) / 2
            # Something hangs on behind (a hand, the next part): the front is what can be trusted.
            return segment.lead - length / 2
        if length is None or (segment.cut_up and segment.cut_down):
            return None
        return segment.lead - length / 2 if segment.cut_up else segment.trail + length / 2

    def measure(self, segment: Segment, given: float | None) -> None:
        """Learn the part's length where it is in full view; what suddenly grew is believed slowly."""
        if segment.cut_up or segment.cut_down or given is not None:
            return
        if self.length is None:
            self.length = segment.length
        share = 0.3 if segment.length <= GROWN * self.length else 0.1
        self.length += share * (segment.length - self.length)


def moved_by(old: Segment, new: Segment) -> float | None:
    """How far a stretch moved, by edges that are real in both views; None when none is."""
    steps = []
    if not old.cut_down and not new.cut_down:
        steps.append(new.lead - old.lead)
    if not old.cut_up and not new.cut_up:
        steps.append(new.trail - old.trail)
    if not steps:
        return None
    if max(steps) - min(steps) > MOVE_APART_PX:
        return min(steps, key=abs)  # one end has grown or shrunk: a hand, a shadow, a neighbour
    return sum(steps) / len(steps)


def pair(
    tracks: list[Track], segments: list[Segment], t_ns: int, span_px: float, entering_px: float
) -> tuple[list[tuple[Track, Segment]], list[Track], list[Segment]]:
    """(pairs, tracks not seen, segments not known), keeping the order along the belt.

    Equal parts cannot be told apart when the belt starts or stops and moves more than half their pitch between
    two frames; at steady speed there is no such limit.
    `span_px`: length of the region. `entering_px`: how far from the upstream edge something new may appear.
    """
    ahead = [track.predicted(t_ns) for track in tracks]
    lose = [_losing(a, t, span_px) for a, t in zip(ahead, tracks, strict=True)]
    gain = [8 + 0.2 * s.length if s.cut_up or s.trail <= entering_px else s.length + 8 for s in segments]
    rows, cols = len(tracks) + 1, len(segments) + 1
    cost = np.zeros((rows, cols)).tolist()
    step = [[0] * cols for _ in range(rows)]
    for i in range(rows):
        for j in range(cols):
            if i == j == 0:
                continue
            choices = [
                cost[i - 1][j] + lose[i - 1] if i else np.inf,
                cost[i][j - 1] + gain[j - 1] if j else np.inf,
                cost[i - 1][j - 1] + _surprise(ahead[i - 1], segments[j - 1], tracks[i - 1]) if i and j else np.inf,
            ]
            step[i][j] = min(range(3), key=choices.__getitem__)
            cost[i][j] = choices[step[i][j]]
    return _unwind(step, tracks, segments)


def _unwind(
    step: list[list[int]], tracks: list[Track], segments: list[Segment]
) -> tuple[list[tuple[Track, Segment]], list[Track], list[Segment]]:
    pairs, unseen, unknown = [], [], []
    i, j = len(tracks), len(segments)
    while i or j:
        choice = step[i][j]
        if choice == 0:
            unseen.append(tracks[i - 1])
        elif choice == 1:
            unknown.append(segments[j - 1])
        else:
            pairs.append((tracks[i - 1], segments[j - 1]))
        i, j = i - (choice != 1), j - (choice != 0)
    return pairs, unseen, unknown


def _losing(ahead: Segment, track: Track, span_px: float) -> float:
    """The price of not seeing a part: small when it should just have left."""
    visible = min(ahead.lead, span_px) - max(ahead.trail, 0.0)
    return 8.0 + max(0.0, min(visible, track.length or track.segment.length))


def _surprise(ahead: Segment, seen: Segment, track: Track) -> float:
    """px between where a part was expected and where this is; edges at the region's ends say little."""
    lead = abs(seen.lead - ahead.lead) if not seen.cut_down else None
    trail = abs(seen.trail - ahead.trail) if not seen.cut_up else None
    if lead is None or trail is None:
        return lead if lead is not None else trail if trail is not None else 0.0
    surprise = 0.8 * min(lead, trail) + 0.2 * max(lead, trail)
    if track.length is not None:
        surprise += min(abs(seen.length - track.length), LENGTH_SURPRISE_PX)
    # Of the first part on a belt nobody knows the speed yet.
    speed_unknown = track.sights == 1 and track.velocity == 0.0 and seen.trail > ahead.trail
    return 0.3 * surprise if speed_unknown else surprise


def regroup(
    segments: list[Segment],
    tracks: list[Track],
    counts: np.ndarray,
    *,
    px: int,
    length: float | None,
    least: float,
    t_ns: int,
) -> list[Segment]:
    """Split stretches that hold several parts, join stretches that are one; upstream first.

    `counts`: occupied rows per sample, `px` per sample; a waist in it is where two parts touch.
    `length`: expected part length in px, given or learned, or None. `least`: the shortest part there is.
    """
    ahead = [(t.predicted(t_ns), t.length) for t in tracks if t.length is not None]
    out: list[Segment] = []
    for segment in _join(segments, [a for a, _ in ahead]):
        cuts = _cuts(segment, length, ahead)
        cuts = _at_waists(cuts, segment, counts, px, 0.2 * (length or 20.0))
        out += _cut(segment, _worth_cutting(cuts, segment, least))
    return out


def _join(segments: list[Segment], ahead: list[Segment]) -> list[Segment]:
    """Two stretches that lie inside one known part, and in no other, are that part with a glare in it."""
    out: list[Segment] = []
    for segment in segments:
        if out and any(_holds(a, out[-1]) and _holds(a, segment) for a in ahead):
            out[-1] = replace(segment, trail=out[-1].trail, cut_up=out[-1].cut_up)
        else:
            out.append(segment)
    return out


def _holds(part: Segment, piece: Segment) -> bool:
    slack = 0.15 * part.length
    return part.trail - slack <= piece.trail and piece.lead <= part.lead + slack


def _cuts(segment: Segment, length: float | None, ahead: list[tuple[Segment, float]]) -> list[float]:
    """Where one stretch falls into parts: known parts in their order, then parts of the expected length.

    Laid from an end that is in view, so that an error does not grow from frame to frame.
    `ahead`: where each known part should be, and its full length.
    """
    held = [(a, full) for a, full in ahead if _lies_in(a, segment)]
    known, lengths = [a for a, _ in held], [full for _, full in held]
    whole = not segment.cut_up and not segment.cut_down
    long = length is not None and segment.length >= SPLIT_FROM * length
    if whole and length is not None and not long:
        return []
    if not long and (len(known) < 2 or segment.length < 0.7 * sum(_visible(a, segment) for a in known)):
        return []
    if whole:
        return _cuts_of_whole(segment, length, lengths)
    if not segment.cut_up:
        return _lay(segment.trail, lengths, length, segment, 1)
    if not segment.cut_down:
        return _lay(segment.lead, lengths[::-1], length, segment, -1)
    if not known:
        return _lay(segment.lead, [], length, segment, -1)
    start = known[-1].trail if known[-1].trail > segment.trail else known[-1].lead
    return [start, *_lay(start, lengths[-2::-1], length, segment, -1)]


def _cuts_of_whole(segment: Segment, length: float | None, lengths: list[float]) -> list[float]:
    left = segment.length - sum(lengths)
    if length is not None:
        lengths = [*[length] * round(left / length), *lengths] if left > 0.5 * length else lengths
    scale = segment.length / sum(lengths)
    return [segment.trail + scale * sum(lengths[:k]) for k in range(1, len(lengths))]


def _lay(start: float, lengths: list[float], length: float | None, segment: Segment, way: int) -> list[float]:
    """Ends of parts laid one after another from `start`; the last part may be cut off by the region."""
    out: list[float] = []
    at, queue = start, list(lengths)
    while queue or length is not None:
        size = queue.pop(0) if queue else length or 0.0
        at += way * size
        # What is left beyond the known parts is a part when half of it shows; less may be anything.
        share = 0.1 if queue else 0.5
        margin = share * size
        if size <= 0 or not segment.trail + margin < at < segment.lead - margin:
            break
        if length is None and not queue:
            break
        out.append(at)
    return out


def _visible(part: Segment, segment: Segment) -> float:
    lead = min(part.lead, segment.lead) if segment.cut_down else part.lead
    trail = max(part.trail, segment.trail) if segment.cut_up else part.trail
    return lead - trail


def _lies_in(part: Segment, segment: Segment) -> bool:
    shared = min(part.lead, segment.lead) - max(part.trail, segment.trail)
    return shared > 0 and shared > 0.5 * _visible(part, segment)


def _at_waists(cuts: list[float], segment: Segment, counts: np.ndarray, px: int, reach: float) -> list[float]:
    out: list[float] = []
    for cut in cuts:
        low = max(int((cut - reach) / px), int(segment.trail / px) + 1)
        high = min(int((cut + reach) / px) + 1, int(segment.lead / px))
        if high <= low:
            continue
        window = counts[low:high]
        narrow = np.flatnonzero(window == window.min()) + low
        out.append(float(narrow[np.argmin(np.abs(narrow - cut / px))]) * px)
    return sorted(set(out))


def _worth_cutting(cuts: list[float], segment: Segment, least: float) -> list[float]:
    """Without those that would leave a piece in full view shorter than any part: a hand has let go, say."""
    out: list[float] = []
    for cut in cuts:
        behind = out[-1] if out else segment.trail
        if cut - behind >= least or (segment.cut_up and not out):
            out.append(cut)
    if out and segment.lead - out[-1] < least and not segment.cut_down:
        out.pop()
    return out


def _cut(segment: Segment, cuts: list[float]) -> list[Segment]:
    edges = [segment.trail, *cuts, segment.lead]
    last = len(edges) - 2
    return [
        Segment(
            trail=a,
            lead=b,
            cut_up=segment.cut_up and k == 0,
            cut_down=segment.cut_down and k == last,
        )
        for k, (a, b) in enumerate(pairwise(edges))
        if b > a
    ]
