"""A lane's thread: its own priority, its order, and what goes wrong in it."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from edge.clock import MS, SECOND, ManualClock, SystemClock
from edge.inference.lanes import Lane, Wake


@pytest.fixture
def wake() -> Iterator[Wake]:
    made = Wake()
    yield made
    made.close()


def _all(lane: Lane, wake: Wake) -> list[tuple[object, object]]:
    done: list[tuple[object, object]] = []
    while lane.depth:
        assert select.select([wake.fd], [], [], 5)[0]
        wake.clear()
        done += lane.finished()
    return done


def _priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_nice_is_of_the_lanes_thread_alone(wake: Wake) -> None:
    before = _priority()
    lane = Lane("slow", 1, wake, SystemClock(), nice=3)
    lane.submit("a", _priority)
    assert _all(lane, wake) == [("a", min(19, before + 3))]
    assert _priority() == before
    lane.close()


def test_a_priority_that_the_kernel_refuses_is_no_error(wake: Wake) -> None:
    lane = Lane("fast", 1, wake, SystemClock(), nice=-5)
    lane.submit("a", _priority)
    assert _all(lane, wake)[0][1] in (_priority(), max(-20, _priority() - 5))
    lane.close()


def test_jobs_come_back_in_order_and_room_is_counted(wake: Wake) -> None:
    lane = Lane("two", 2, wake, SystemClock())
    lane.submit(1, lambda: "one")
    lane.submit(2, lambda: "two")
    assert not lane.room
    assert _all(lane, wake) == [(1, "one"), (2, "two")]
    assert lane.room
    assert lane.busy_ns() == 0
    lane.close()


def test_a_defect_in_a_job_is_raised_where_it_is_noticed(wake: Wake) -> None:
    lane = Lane("broken", 1, wake, SystemClock())
    lane.submit(1, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        _all(lane, wake)
    lane.close()


def _finished(lane: Lane) -> list[tuple[Any, Any]]:
    until = time.monotonic() + 5
    while not (done := lane.finished()):
        assert time.monotonic() < until
        time.sleep(0.002)
    return done


def test_a_lane_gives_back_its_results_in_order_and_wakes(wake: Wake) -> None:
    lane = Lane("work", 2, wake, SystemClock())
    try:
        lane.submit("a", lambda: 1)
        lane.submit("b", lambda: 2)
        done: list[tuple[Any, Any]] = []
        while len(done) < 2:
            done += _finished(lane)
        assert done == [("a", 1), ("b", 2)]
        assert lane.depth == lane.busy_ns() == 0
    finally:
        lane.close()


def test_a_lane_knows_how_full_and_how_busy_it_is(wake: Wake) -> None:
    clock, gate, begun = ManualClock(), threading.Event(), threading.Event()
    lane = Lane("work", 2, wake, clock)

    def stuck() -> None:
        begun.set()
        gate.wait(5)

    try:
        lane.submit("a", stuck)
        lane.submit("b", lambda: None)
        assert begun.wait(5)
        assert not lane.room
        clock.advance_ms(6000)
        assert lane.busy_ns() == 6 * SECOND
    finally:
        gate.set()
        lane.close()


def test_a_lane_of_two_threads_gives_back_what_is_done_and_knows_the_longest(wake: Wake) -> None:
    clock, gate, begun = ManualClock(), threading.Event(), threading.Event()
    lane = Lane("work", 4, wake, clock, threads=2)

    def long() -> str:
        begun.set()
        assert gate.wait(5)
        return "long"

    lane.submit(1, long)
    assert begun.wait(5)
    clock.advance_ms(30)
    for token in (2, 3, 4):
        lane.submit(token, lambda: "short")
    assert not lane.room
    done: list[tuple[int, str]] = []
    until = time.monotonic() + 5
    while len(done) < 3 and time.monotonic() < until:
        done += lane.finished()
    assert sorted(done) == [(2, "short"), (3, "short"), (4, "short")]
    assert (lane.depth, lane.busy_ns()) == (1, 30 * MS)
    gate.set()
    while lane.depth and time.monotonic() < until:
        done += lane.finished()
    assert done[-1] == (1, "long")
    assert lane.busy_ns() == 0
    lane.close()


def test_a_defect_of_ours_ends_the_process_not_only_a_thread(wake: Wake) -> None:
    lane = Lane("work", 2, wake, SystemClock())
    try:
        lane.submit("a", lambda: [][0])
        with pytest.raises(IndexError):
            _finished(lane)
    finally:
        lane.close()
