"""Lost, stale, tried again: what the watch says of a source."""

from __future__ import annotations

from typing import Any

from edge.capture.watch import SourceWatch
from edge.clock import MS, SECOND
from edge.errors import SourceLost
from edge.settings.station import Camera as CameraSettings

LOST = SourceLost("the cable is out", hint="push it in")


def watch_of(**more: Any) -> SourceWatch:
    table: dict[str, Any] = {"name": "top", "kind": "virtual", "width": 64, "height": 64, "stale_after_ms": 1000.0}
    return SourceWatch(CameraSettings(**(table | more)))


def codes(watch: SourceWatch, now_ns: int) -> list[str]:
    return [alarm.code for alarm in watch.alarms(now_ns)]


def test_a_free_running_camera_is_ready_with_its_first_frame() -> None:
    watch = watch_of()
    watch.opened(0)
    assert watch.state(10) == "starting"
    watch.frame(20)
    assert watch.state(20) == "ready"
    assert codes(watch, 20) == []


def test_a_triggered_camera_is_ready_once_open_and_never_stale() -> None:
    watch = watch_of(triggered=True)
    watch.opened(0)
    assert watch.state(3600 * SECOND) == "ready"
    assert codes(watch, 3600 * SECOND) == []


def test_silence_makes_stale_until_a_frame_comes() -> None:
    watch = watch_of()
    watch.opened(0)
    watch.frame(5)
    assert watch.state(5 + SECOND) == "ready"
    assert watch.state(6 + SECOND) == "degraded"
    assert codes(watch, 6 + SECOND) == ["camera_stale"]
    assert watch.alarms(6 + SECOND)[0].since_ns == 5
    watch.frame(2 * SECOND)
    assert watch.state(2 * SECOND) == "ready"


def test_frames_we_did_not_ask_for_are_not_missed() -> None:
    watch = watch_of()
    watch.opened(0)
    watch.frame(0)
    watch.held_back(5 * SECOND)
    assert watch.state(5 * SECOND + MS) == "ready"


def test_a_lost_source_fails_at_once_and_is_tried_with_back_off() -> None:
    watch = watch_of()
    watch.opened(0)
    watch.frame(0)
    watch.failed(LOST, 100)
    assert watch.state(100) == "failed"
    assert watch.alarms(100)[0].code == "camera_lost"
    assert "push it in" in watch.alarms(100)[0].detail
    waits, now_ns = [], 100
    for _ in range(7):
        before = now_ns
        while not watch.retry_due(now_ns):
            now_ns += 100 * MS
        waits.append((now_ns - before) // MS)
        watch.failed(LOST, now_ns)
    assert waits == [200, 400, 800, 1600, 3200, 5000, 5000]
    assert watch.alarms(now_ns)[0].since_ns == 100, "one loss, however often it is tried"
    assert (watch.losses, watch.attempts) == (1, 7)


def test_only_a_frame_ends_the_loss_of_a_free_running_camera() -> None:
    watch = watch_of()
    watch.opened(0)
    watch.failed(LOST, 0)
    watch.opened(SECOND)
    assert watch.state(SECOND) == "starting"
    assert codes(watch, SECOND) == ["camera_lost"]
    watch.failed(LOST, SECOND)
    assert not watch.retry_due(SECOND + 300 * MS), "opened, but gave nothing: the back-off goes on"
    assert watch.retry_due(SECOND + 400 * MS)
    watch.opened(2 * SECOND)
    watch.frame(2 * SECOND)
    assert watch.state(2 * SECOND) == "ready"
    assert codes(watch, 2 * SECOND) == []
    watch.failed(LOST, 3 * SECOND)
    assert watch.retry_due(3 * SECOND + 200 * MS)


def test_a_triggered_camera_is_back_once_it_is_open() -> None:
    watch = watch_of(triggered=True)
    watch.opened(0)
    watch.failed(LOST, 0)
    watch.opened(SECOND)
    assert watch.state(SECOND) == "ready"
    assert codes(watch, SECOND) == []
