"""Capture as processes: killed, wrongly used, and at the full size and rated speed of a camera."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.bus import topics, wire
from edge.bus.ring import RingReader
from edge.bus.sockets import Bus
from tests.contract.camera_rigs import HEIGHT, WIDTH, write_folder

pytestmark = pytest.mark.system
BIG_HEIGHT, BIG_WIDTH = 3040, 4056
RATED_FPS = 10.0
SHM = Path("/dev/shm")


class Place:
    """A station file of one folder camera, and the processes that were started for it."""

    def __init__(self, tmp_path: Path, run_dir: Path, station: str) -> None:
        self.folder = tmp_path / "pictures"
        self.file = tmp_path / "station.toml"
        self.station = station
        self.run_dir = run_dir
        self._data = tmp_path / "data"
        self._started: list[subprocess.Popen[str]] = []

    def write(self, **camera: object) -> None:
        table: dict[str, object] = {"name": "top", "kind": "folder", "source": str(self.folder), "loop": True}
        lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in (table | camera).items())
        self.file.write_text(
            f'name = "{self.station}"\ndata_dir = "{self._data}"\nrun_dir = "{self.run_dir}"\n[[camera]]\n{lines}\n'
        )

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "edge.cli", "capture", "top", "--station", str(self.file)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self._started.append(process)
        return process

    def rings(self) -> list[Path]:
        return sorted(SHM.glob(f"edge-{self.station}+*.ring"))

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()
        for ring in self.rings():
            ring.unlink()


@pytest.fixture
def place(tmp_path: Path, run_dir: Path, station: str) -> Iterator[Place]:
    place = Place(tmp_path, run_dir, station)
    yield place
    place.close()


def wait(reached: Callable[[], bool], within_s: float = 20.0) -> None:
    until = time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < until, f"not within {within_s} s"
        time.sleep(0.01)


def test_what_a_killed_capture_leaves_is_cleaned_by_the_next(place: Place) -> None:
    write_folder(place.folder)
    place.write(width=WIDTH, height=HEIGHT)
    with Bus(place.run_dir) as bus:
        frames = bus.subscriber(topics.FRAMES, "top")
        first = place.start()
        wait(lambda: frames.receive(10) is not None)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        (left,) = place.rings()
        while frames.receive() is not None:
            pass
        begun = time.monotonic()
        second = place.start()
        wait(lambda: frames.receive(10) is not None)
        assert time.monotonic() - begun < 5.0
        (ring,) = place.rings()
        assert ring != left
        begun = time.monotonic()
        second.terminate()
        assert second.wait(5) == 0
        assert time.monotonic() - begun < 2.0
    assert place.rings() == []
    assert "left by a capture that was killed" in (second.stderr.read() if second.stderr else "")


@pytest.mark.parametrize(
    ("camera", "words", "hint"),
    [
        ({"kind": "video", "source": "nowhere.mp4"}, "there is no video", "station file"),
        ({"width": 32, "height": 32}, "is 64x48, promised were 32x32", "set width = 64"),
    ],
)
def test_a_wrong_source_is_one_clear_error(place: Place, camera: dict[str, object], words: str, hint: str) -> None:
    write_folder(place.folder)
    place.write(**({"width": WIDTH, "height": HEIGHT} | camera))
    process = place.start()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 3
    assert words in said
    assert hint in said
    assert "Traceback" not in said
    assert place.rings() == []


def test_a_full_size_camera_loses_nothing_at_its_rated_speed(place: Place) -> None:
    """4056x3040x3 at 10 a second for 2 s; each frame's first, middle and last row are looked at in place."""
    place.folder.mkdir()
    for number, grey in enumerate((40, 90)):
        picture = np.full((BIG_HEIGHT, BIG_WIDTH, 3), grey, np.uint8)
        assert cv2.imwrite(str(place.folder / f"{number}.bmp"), picture)
    place.write(width=BIG_WIDTH, height=BIG_HEIGHT, rate_fps=RATED_FPS, slots=6)
    with Bus(place.run_dir) as bus:
        frames = bus.subscriber(topics.FRAMES, "top")
        statuses = bus.subscriber(topics.STATUS, "capture-top")
        process = place.start()
        wait(lambda: frames.receive(10) is not None)
        refs = [check_frame(place, ready) for ready in receive(frames, round(2 * RATED_FPS))]
        wait(lambda: bool(list(statuses.drain(1))))
        counters = [status.counters for status in statuses.drain() if isinstance(status, wire.Status)]
        assert frames.lost == 0
        process.terminate()
        assert process.wait(5) == 0
    seqs = [seq for seq, _, _ in refs]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert all(whole for _, _, whole in refs)
    steps_ns = np.diff([at_ns for _, at_ns, _ in refs])
    assert np.median(steps_ns) == 1e9 / RATED_FPS
    assert all(count["overwritten"] == count["shed_unjudged"] == count["bad_frames"] == 0 for count in counters)


def receive(frames: object, count: int) -> Iterator[wire.FrameReady]:
    from edge.bus.sockets import Receiver

    assert isinstance(frames, Receiver)
    for _ in range(count):
        ready = frames.receive(5000)
        assert isinstance(ready, wire.FrameReady)
        yield ready


def check_frame(place: Place, ready: wire.FrameReady) -> tuple[int, int, bool]:
    """(seq, stamp, whole): does every looked-at row belong to the announced picture, still, after looking?"""
    frame = ready.frame
    ring = RingReader.attach(SHM, place.station, frame.camera, frame.epoch)
    pixels = ring.view(frame.slot)
    grey = (40, 90)[(frame.seq - 1) % 2]
    good = all(bool((pixels[row] == grey).all()) for row in (0, BIG_HEIGHT // 2, BIG_HEIGHT - 1))
    whole = good and ring.current(frame.slot, frame.generation)
    del pixels
    ring.close()
    return frame.seq, frame.exposed_at_ns, whole
