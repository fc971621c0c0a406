"""What every camera keeps to (edge.capture.camera.Camera), whichever kind it is."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.capture.camera import Camera, Shot
from edge.errors import SourceError, SourceLost
from tests.contract.camera_rigs import HEIGHT, WIDTH, Rig, rig_of


class Place:
    """Where a camera shall put its frame, and how often it asked."""

    def __init__(self, shape: tuple[int, int, int] = (HEIGHT, WIDTH, 3)) -> None:
        self.pixels = np.zeros(shape, np.uint8)
        self.asked = 0

    def __call__(self) -> np.ndarray:
        self.asked += 1
        return self.pixels


@pytest.fixture(params=["virtual", "video", "folder"])
def rig(request: pytest.FixtureRequest, tmp_path: Path, run_dir: Path, station: str) -> Iterator[Rig]:
    with rig_of(request.param, tmp_path, run_dir, station) as rig:
        yield rig


def take(rig: Rig, camera: Camera, place: Place, within_s: float = 5.0) -> Shot:
    """The next shot, exposing until there is one (a subscriber may just be connecting)."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        rig.expose()
        shot = camera.read(place, 0.05)
        if shot is not None:
            return shot
    raise AssertionError("no frame came")


def test_frames_are_as_promised(rig: Rig) -> None:
    facts = rig.camera.facts
    assert facts.shape == (HEIGHT, WIDTH, 3)
    assert facts.proves_freshness
    rig.camera.open()
    place = Place()
    take(rig, rig.camera, place)
    assert place.asked == 1
    assert place.pixels[HEIGHT // 2, 8, 1] > 150, "the picture's own green side"
    assert int(place.pixels[HEIGHT // 2, WIDTH - 8, 1]) < place.pixels[HEIGHT // 2, 8, 1]
    assert rig.camera.counts.refused == 0


def test_stamps_grow_and_are_of_this_clock(rig: Rig) -> None:
    rig.camera.open()
    before_ns = time.monotonic_ns()
    shots = [take(rig, rig.camera, Place()) for _ in range(5)]
    stamps = [shot.exposed_at_ns for shot in shots]
    assert stamps == sorted(set(stamps))
    assert before_ns <= stamps[0]
    assert stamps[-1] <= time.monotonic_ns()
    assert all(0 < shot.error_ns < 1_000_000_000 for shot in shots)
    media = [shot.media_ns for shot in shots if shot.media_ns is not None]
    assert media == sorted(set(media))


def test_it_opens_again_after_closing(rig: Rig) -> None:
    for _ in range(2):
        rig.camera.open()
        take(rig, rig.camera, Place())
        rig.camera.close()
    rig.camera.close()
    with pytest.raises(SourceLost):
        rig.camera.read(Place(), 0.01)


def test_opening_twice_begins_anew(rig: Rig) -> None:
    rig.camera.open()
    rig.camera.open()
    take(rig, rig.camera, Place())


def test_no_frame_in_time_is_none(rig: Rig) -> None:
    rig.camera.open()
    if not rig.live:
        take(rig, rig.camera, Place())  # the first is due at once, the next 20 ms later
    place = Place()
    begun = time.monotonic()
    assert rig.camera.read(place, 0.005) is None
    assert time.monotonic() - begun < 1.0
    assert place.asked == 0, "no slot is taken for nothing"


def test_a_lost_source_says_so_and_can_come_no_more_by_itself(rig: Rig) -> None:
    rig.camera.open()
    take(rig, rig.camera, Place())
    rig.lose()
    until = time.monotonic() + 5
    with pytest.raises(SourceLost) as lost:  # noqa: PT012 - what is buffered may still come
        while time.monotonic() < until:
            rig.camera.read(Place(), 0.05)
    assert lost.value.hint
    rig.camera.close()
    with pytest.raises(SourceError):
        rig.camera.open()


def test_another_size_than_promised_is_never_a_good_frame(rig: Rig) -> None:
    camera = rig.other_size()
    place = Place((40, 80, 3))
    try:
        camera.open()
    except SourceError as error:
        assert "64x48" in error.message
        assert "80x40" in error.message
        assert error.hint
    else:
        until = time.monotonic() + 5
        while camera.counts.wrong_size == 0 and time.monotonic() < until:
            rig.expose()
            assert camera.read(place, 0.05) is None
        assert camera.counts.wrong_size > 0
        assert "64x48" in camera.counts.refusal
        assert place.asked == 0
    finally:
        camera.close()


def test_nothing_is_left_after_closing(rig: Rig) -> None:
    rig.camera.open()  # the first time, libraries keep things of their own
    take(rig, rig.camera, Place())
    rig.camera.close()
    before = open_files(), threading.active_count(), threads()
    for _ in range(3):
        rig.camera.open()
        take(rig, rig.camera, Place())
        rig.camera.close()
    assert settled(before), f"before {before}, now {(open_files(), threading.active_count(), threads())}"


def settled(before: tuple[int, int, int]) -> bool:
    """A socket closes in ZeroMQ's own thread, a moment later."""
    until = time.monotonic() + 2
    while time.monotonic() < until:
        now = open_files(), threading.active_count(), threads()
        if all(mine <= theirs for mine, theirs in zip(now, before, strict=True)):
            return True
        time.sleep(0.02)
    return False


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def threads() -> int:
    return len(os.listdir("/proc/self/task"))
