"""When recorded frames are due, and time in a recording."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from edge.capture.pacing import MediaTime, Pace, wait_until
from edge.clock import MS, SECOND, ManualClock

PERIOD_NS = 40 * MS


def test_recorded_frames_keep_their_distances() -> None:
    pace = Pace(free=False)
    assert [pace.due_ns(media * MS, SECOND + 1) - SECOND for media in (70, 100, 160)] == [1, 30 * MS + 1, 90 * MS + 1]


def test_a_little_late_is_caught_up_with_true_stamps() -> None:
    pace = Pace(free=False)
    pace.due_ns(0, SECOND)
    assert pace.due_ns(PERIOD_NS, SECOND + 300 * MS) == SECOND + PERIOD_NS
    assert pace.slipped == 0


def test_far_too_late_holds_the_recording_back() -> None:
    pace = Pace(free=False)
    pace.due_ns(0, SECOND)
    late_ns = 4 * SECOND
    assert pace.due_ns(PERIOD_NS, late_ns) == late_ns
    assert pace.due_ns(2 * PERIOD_NS, late_ns) == late_ns + PERIOD_NS
    assert pace.slipped == 1


def test_free_frames_are_due_when_asked_for() -> None:
    pace = Pace(free=True)
    assert [pace.due_ns(media * SECOND, now) for media, now in ((0, 5), (1, 7), (2, 7))] == [5, 7, 8]


@given(st.lists(st.tuples(st.integers(1, SECOND), st.integers(0, 3 * SECOND)), max_size=50), st.booleans())
def test_stamps_grow_whatever_the_delays(steps: list[tuple[int, int]], free: bool) -> None:
    pace, media, now, last = Pace(free=free), 0, SECOND, 0
    for media_step, waited in steps:
        media, now = media + media_step, now + waited
        due = pace.due_ns(media, now)
        assert due > last
        last = due
        now = max(now, due)


def test_media_time_follows_good_stamps() -> None:
    time = MediaTime(PERIOD_NS)
    assert [time.next(ms) for ms in (500.0, 533.0, 600.0)] == [0, 33 * MS, 100 * MS]
    assert time.broken == 0


def test_broken_stamps_count_as_one_period() -> None:
    time = MediaTime(PERIOD_NS)
    stamps = (0.0, 0.0, 40.0, 20.0, math.nan, 60.0, 1e9)
    assert [time.next(ms) // PERIOD_NS for ms in stamps] == [0, 1, 2, 3, 4, 5, 6]
    assert time.broken == 5


def test_the_seam_of_a_loop_is_one_period() -> None:
    time = MediaTime(PERIOD_NS)
    time.next(0.0)
    time.next(25.0)
    time.seam()
    assert [time.next(0.0), time.next(25.0)] == [25 * MS + PERIOD_NS, 50 * MS + PERIOD_NS]
    assert time.broken == 0


def test_waiting_ends_at_the_limit() -> None:
    clock = ManualClock(SECOND)
    assert not wait_until(clock, 2 * SECOND, 0.25)
    assert clock.now_ns() == SECOND + SECOND // 4
    assert wait_until(clock, 2 * SECOND, 10)
    assert clock.now_ns() == 2 * SECOND
    assert wait_until(clock, SECOND, 10)
    assert clock.now_ns() == 2 * SECOND
