"""The barrier's crossings as messages about this camera's frames, in this clock's time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.bus import wire
from edge.capture.camera import Facts, Shot
from edge.capture.crossing import BarrierPost
from edge.clock import MS, SECOND, ManualClock
from edge.domain.barrier import BarrierSettings
from edge.domain.frame import FrameRef

HEIGHT, WIDTH, LINE = 40, 200, 100
FRAME_NS = 30 * MS
STEP_PX = 10
FACTS = Facts(width=WIDTH, height=HEIGHT, channels=3, proves_freshness=True)


def picture(centre_px: float | None) -> np.ndarray:
    image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    if centre_px is not None:
        low, high = max(0, round(centre_px - 15)), min(WIDTH, round(centre_px + 15))
        if high > low:
            image[8:32, low:high] = 200
    return image


class Belt:
    """Feeds the post: 4 empty frames to teach on, then a part from edge to edge."""

    def __init__(self) -> None:
        settings = BarrierSettings(teach_frames=4)
        self.post = BarrierPost(settings, FACTS, ManualClock())
        self.seq = 0
        self.real_ns = 5 * SECOND

    def run(self, centres: Sequence[float | None], real_step_ns: int, *, media: bool) -> list[wire.Seen]:
        out = []
        for centre in centres:
            self.seq += 1
            self.real_ns += real_step_ns
            media_ns = self.seq * FRAME_NS if media else None
            frame = FrameRef(
                camera="top", epoch=3, slot=self.seq % 8, generation=2 * self.seq, seq=self.seq,
                exposed_at_ns=self.real_ns, error_ns=MS,
            )  # fmt: skip
            shot = Shot(exposed_at_ns=self.real_ns, error_ns=MS, media_ns=media_ns)
            out += self.post.feed(picture(centre), shot, frame)
        return out


EMPTY: list[float | None] = [None] * 4
PASSING: list[float | None] = [float(x) for x in range(-15, WIDTH + 20, STEP_PX)]
CROSSING_INDEX = 12  # centre 105, after 95


def test_a_live_part_crosses_between_its_two_frames() -> None:
    belt = Belt()
    begun_ns = belt.real_ns
    (seen,) = belt.run([*EMPTY, *PASSING], FRAME_NS, media=False)
    middle_ns = begun_ns + FRAME_NS * (4 + CROSSING_INDEX) + FRAME_NS // 2
    assert abs(seen.crossed_at_ns - middle_ns) < FRAME_NS // 5
    assert (seen.camera, seen.epoch, seen.n) == ("top", 3, 1)
    assert seen.frame.seq in (4 + CROSSING_INDEX, 5 + CROSSING_INDEX)
    assert seen.frame.generation == 2 * seen.frame.seq


def test_a_recording_shown_ten_times_as_fast_is_told_in_this_clocks_time() -> None:
    belt = Belt()
    begun_ns, fast_ns = belt.real_ns, FRAME_NS // 10
    (seen,) = belt.run([*EMPTY, *PASSING], fast_ns, media=True)
    middle_ns = begun_ns + fast_ns * (4 + CROSSING_INDEX) + fast_ns // 2
    assert abs(seen.crossed_at_ns - middle_ns) < fast_ns // 5
    assert seen.error_ns < fast_ns + MS
    assert seen.frame.exposed_at_ns <= belt.real_ns


def test_the_count_goes_on_through_a_reset() -> None:
    belt = Belt()
    first = belt.run([*EMPTY, *PASSING], FRAME_NS, media=False)
    belt.post.reset()
    second = belt.run([*EMPTY, *PASSING, *EMPTY, *PASSING], FRAME_NS, media=False)
    assert [seen.n for seen in first + second] == [1, 2, 3]
    assert belt.post.seen == 3


def test_a_frame_that_is_long_forgotten_is_named_by_a_generation_that_never_is() -> None:
    """The belt stood just before the line: the frame in which the part is centred was the first of very many."""
    belt = Belt()
    out = belt.run([*EMPTY, *PASSING[:CROSSING_INDEX], *([96.0] * 1100)], FRAME_NS, media=False)
    assert out == []
    (seen,) = belt.run([110.0, 120.0], FRAME_NS, media=False)
    assert seen.frame.seq < belt.seq - 1024
    assert seen.frame.generation == 0
    assert belt.post.without_frame == 1
    assert belt.real_ns - 2 * FRAME_NS < seen.crossed_at_ns < belt.real_ns


def test_how_long_it_took_is_measured() -> None:
    belt = Belt()
    assert belt.post.median_us == 0.0
    belt.run(EMPTY, FRAME_NS, media=False)
    assert belt.post.health.taught
    assert belt.post.median_us == 0.0, "this clock stands still"
