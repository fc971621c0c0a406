"""Recorded video as a camera: pace, loop, end, and what is no good video."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.capture.camera import Shot
from edge.capture.video import VideoCamera
from edge.clock import MS, SECOND, ManualClock
from edge.errors import SourceError, SourceLost
from edge.settings.station import Camera as CameraSettings
from tests.contract.camera_rigs import HEIGHT, WIDTH, drawn, write_video

START_NS = 7 * SECOND


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_NS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_video(tmp_path / "line.mp4")
    return tmp_path / "line.mp4"


def camera_of(path: Path, clock: ManualClock, **more: Any) -> VideoCamera:
    table = {"name": "top", "kind": "video", "source": str(path), "width": WIDTH, "height": HEIGHT} | more
    return VideoCamera(CameraSettings(**table), clock)


def show(camera: VideoCamera, count: int) -> list[tuple[Shot, np.ndarray]]:
    """That many frames; time passes as the camera waits."""
    out = []
    while len(out) < count:
        place = np.zeros(camera.facts.shape, np.uint8)
        shot = camera.read(lambda place=place: place, 0.05)
        if shot is not None:
            out.append((shot, place))
    return out


def numbers(shown: list[tuple[Shot, np.ndarray]]) -> list[int]:
    """Which drawn frame each is, by its brightness."""
    return [round((float(place[4:-4, -16:, 0].mean()) - 20) / 30) for _, place in shown]


def test_frames_come_at_the_times_they_were_taken(path: Path, clock: ManualClock) -> None:
    camera = camera_of(path, clock)
    camera.open()
    shown = show(camera, 6)
    assert numbers(shown) == [0, 1, 2, 3, 4, 5]
    assert [shot.exposed_at_ns for shot, _ in shown] == [START_NS + k * 20 * MS for k in range(6)]
    assert [shot.media_ns for shot, _ in shown] == [k * 20 * MS for k in range(6)]
    assert clock.now_ns() == START_NS + 100 * MS
    camera.close()


def test_the_picture_lands_in_the_slot_itself(path: Path, clock: ManualClock) -> None:
    camera = camera_of(path, clock)
    camera.open()
    slots = np.zeros((2, HEIGHT, WIDTH, 3), np.uint8)
    camera.read(lambda: slots[1], 0.05)
    assert slots[1].any()
    assert not slots[0].any()
    camera.close()


def test_free_shows_a_frame_at_each_asking(path: Path, clock: ManualClock) -> None:
    camera = camera_of(path, clock, pace="free")
    assert camera.facts.on_demand
    camera.open()
    shown = show(camera, 6)
    assert clock.now_ns() - START_NS < MS
    assert [shot.exposed_at_ns - START_NS for shot, _ in shown] == list(range(6))
    assert [shot.media_ns for shot, _ in shown] == [k * 20 * MS for k in range(6)]
    camera.close()


def test_the_end_is_a_loss_and_the_same_file_is_not_shown_again(path: Path, clock: ManualClock) -> None:
    camera = camera_of(path, clock)
    camera.open()
    show(camera, 6)
    with pytest.raises(SourceLost, match="ended after 6 of 6 frames"):
        show(camera, 1)
    for _ in range(2):
        with pytest.raises(SourceError, match="shown to its end"):
            camera.open()
    os.utime(path, ns=(0, 0))  # another file
    camera.open()
    assert numbers(show(camera, 2)) == [0, 1]
    camera.close()


def test_a_loop_goes_on_without_a_break_in_time(path: Path, clock: ManualClock) -> None:
    camera = camera_of(path, clock, loop=True)
    camera.open()
    shown = show(camera, 14)
    assert numbers(shown) == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1]
    assert [shot.media_ns for shot, _ in shown] == [k * 20 * MS for k in range(14)]
    camera.close()


def test_a_loop_whose_file_is_gone_is_lost(path: Path, clock: ManualClock) -> None:
    camera = camera_of(path, clock, loop=True)
    camera.open()
    show(camera, 3)
    path.unlink()
    with pytest.raises(SourceLost, match="there is no video"):
        show(camera, 10)
    write_video(path)
    camera.open()
    assert numbers(show(camera, 1)) == [0]
    camera.close()


def test_grey_is_made_of_colour(path: Path, clock: ManualClock) -> None:
    camera = camera_of(path, clock, channels=1)
    camera.open()
    (_, place), *_ = show(camera, 1)
    assert place.shape == (HEIGHT, WIDTH, 1)
    expected = cv2.cvtColor(drawn(0), cv2.COLOR_BGR2GRAY)
    inside = np.s_[4:-4, 4 : WIDTH // 2 - 4]
    assert abs(float(place[..., 0][inside].mean()) - float(expected[inside].mean())) < 6
    camera.close()


def test_being_late_for_long_holds_the_video_back(path: Path, clock: ManualClock) -> None:
    camera = camera_of(path, clock)
    camera.open()
    show(camera, 2)
    clock.advance_ms(3000)
    late_ns = clock.now_ns()
    shown = show(camera, 2)
    assert shown[0][0].exposed_at_ns == late_ns
    assert camera.counts.slipped == 1
    assert numbers(shown) == [2, 3]
    camera.close()


@pytest.mark.parametrize("content", [b"", b"not a video at all " * 99])
def test_what_is_no_video_is_refused(tmp_path: Path, clock: ManualClock, content: bytes) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(content)
    with pytest.raises(SourceError, match=r"bad\.mp4 cannot be played") as refused:
        camera_of(bad, clock).open()
    assert refused.value.hint


def test_a_truncated_video_is_refused(path: Path, clock: ManualClock) -> None:
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SourceError, match="cannot be played"):
        camera_of(path, clock).open()


@pytest.mark.parametrize("source", ["nowhere.mp4", ".", "", "rtsp://127.0.0.1/x", "concat:a.mp4|b.mp4"])
def test_what_is_no_file_is_refused(clock: ManualClock, source: str) -> None:
    with pytest.raises(SourceError, match="there is no video"):
        camera_of(Path(source), clock).open()


def test_a_size_that_changes_on_the_way_harms_no_other_frame(tmp_path: Path, clock: ManualClock) -> None:
    """OpenCV of today scales such a frame to the size of the first without a word; others gave it as it was."""
    pictures = [drawn(0), drawn(1), drawn(2, 80, 96), drawn(3)]
    stream = tmp_path / "line.mjpeg"
    stream.write_bytes(b"".join(cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures))
    camera = camera_of(stream, clock)
    camera.open()
    shown: list[int] = []
    with pytest.raises(SourceLost):  # noqa: PT012 - at its end
        while True:
            shown += numbers(show(camera, 1))
    assert [number for number in shown if number != 2] == [0, 1, 3]
    assert len(shown) + camera.counts.wrong_size == 4
    camera.close()
