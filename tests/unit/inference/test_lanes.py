"""A lane's thread: its own priority, its order, and what goes wrong in it."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator

import pytest

from edge.clock import SystemClock
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
