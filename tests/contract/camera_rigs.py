"""One rig for each kind of camera: the camera and hands on its source, so that one contract test fits all."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from edge.bus import topics, wire
from edge.bus.ring import RingSpec, RingWriter
from edge.bus.sockets import Bus
from edge.capture.camera import Camera
from edge.capture.factory import make_camera
from edge.clock import SystemClock
from edge.domain.frame import FrameRef
from edge.settings.station import Camera as CameraSettings
from edge.settings.station import Station

HEIGHT, WIDTH = 48, 64
FRAMES = 6


def drawn(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Frame `number` as (height, width, 3): flat blocks, one of eight brightnesses."""
    picture = np.full((height, width, 3), 20 + 30 * (number % 8), np.uint8)
    picture[:, : width // 2, 1] = 200
    return picture


def write_video(path: Path, count: int = FRAMES, fps: float = 50.0, size: tuple[int, int] = (HEIGHT, WIDTH)) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (size[1], size[0]))
    assert writer.isOpened()
    for number in range(count):
        writer.write(drawn(number, *size))
    writer.release()


def write_folder(path: Path, count: int = FRAMES, first: int = 0) -> None:
    path.mkdir(exist_ok=True)
    for number in range(first, first + count):
        assert cv2.imwrite(str(path / f"part{number}.png"), drawn(number))


def station_of(tmp_path: Path, run_dir: Path, name: str, **camera: Any) -> Station:
    table = {"name": "top", "width": WIDTH, "height": HEIGHT, "rate_fps": 50.0} | camera
    return Station(name=name, data_dir=tmp_path / "data", run_dir=run_dir, camera=(CameraSettings(**table),))


class SimSource:
    """The virtual line's camera side: its own ring, announced on SIM_FRAMES."""

    def __init__(self, station: Station, bus: Bus, epoch: int = 1, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> None:
        height, width = shape
        self.spec = RingSpec(
            station=station.name, camera="sim-top", epoch=epoch, slots=4, height=height, width=width, channels=3
        )
        self.ring = RingWriter.create(station.shm_dir, self.spec)
        self.frames = bus.publisher(topics.SIM_FRAMES, "top")
        self.seq = 0

    def fill(self, at_ns: int | None = None, picture: np.ndarray | None = None) -> FrameRef:
        slot = self.seq % self.spec.slots
        self.seq += 1
        at_ns = time.monotonic_ns() if at_ns is None else at_ns
        height, width, _ = self.spec.shape
        np.copyto(self.ring.begin(slot), drawn(self.seq % 7, height, width) if picture is None else picture)
        generation = self.ring.commit(slot, seq=self.seq, exposed_at_ns=at_ns)
        return FrameRef(
            camera="sim-top", epoch=self.spec.epoch, slot=slot, generation=generation, seq=self.seq,
            exposed_at_ns=at_ns, error_ns=50_000,
        )  # fmt: skip

    def announce(self, frame: FrameRef) -> None:
        height, width, channels = self.spec.shape
        self.frames.send(wire.SimFrame(frame=frame, height=height, width=width, channels=channels))

    def expose(self, at_ns: int | None = None, picture: np.ndarray | None = None) -> FrameRef:
        frame = self.fill(at_ns, picture)
        self.announce(frame)
        return frame

    def close(self) -> None:
        self.ring.close()
        self.frames.close()


class Rig(Protocol):
    """`expose`: let the source give a frame. `lose`: it gives no more. `other_size`: a camera whose source and promise
    differ."""

    camera: Camera
    live: bool  # waits for frames, where a recording has them lying there

    def expose(self) -> None: ...

    def lose(self) -> None: ...

    def other_size(self) -> Camera: ...


class VideoRig:
    live = False

    def __init__(self, tmp_path: Path, run_dir: Path, station: str) -> None:
        self.path = tmp_path / "line.mp4"
        write_video(self.path)
        self._station = lambda **more: station_of(
            tmp_path, run_dir, station, kind="video", source=str(self.path), **more
        )
        self.camera = self._make()

    def expose(self) -> None:
        pass

    def lose(self) -> None:
        self.path.unlink()

    def other_size(self) -> Camera:
        return self._make(width=80, height=40)

    def _make(self, **more: Any) -> Camera:
        station = self._station(**more)
        with Bus(station.run_dir) as bus:
            return make_camera(station.camera[0], station=station, bus=bus, clock=SystemClock())


class FolderRig(VideoRig):
    def __init__(self, tmp_path: Path, run_dir: Path, station: str) -> None:
        self.path = tmp_path / "pictures"
        write_folder(self.path)
        self._station = lambda **more: station_of(
            tmp_path, run_dir, station, kind="folder", source=str(self.path), **more
        )
        self.camera = self._make()

    def lose(self) -> None:
        shutil.rmtree(self.path)


class VirtualRig:
    live = True

    def __init__(self, tmp_path: Path, run_dir: Path, station: str, bus: Bus) -> None:
        self._station = station_of(tmp_path, run_dir, station, kind="virtual")
        self._bus = bus
        self.source = SimSource(self._station, bus)
        self.camera = make_camera(self._station.camera[0], station=self._station, bus=bus, clock=SystemClock())

    def expose(self) -> None:
        self.source.expose()

    def lose(self) -> None:
        self.source.close()

    def other_size(self) -> Camera:
        settings = self._station.camera[0].model_copy(update={"width": 80, "height": 40})
        return make_camera(settings, station=self._station, bus=self._bus, clock=SystemClock())


@contextmanager
def rig_of(kind: str, tmp_path: Path, run_dir: Path, station: str) -> Iterator[Rig]:
    if kind == "virtual":
        with Bus(run_dir) as bus:
            rig = VirtualRig(tmp_path, run_dir, station, bus)
            try:
                yield rig
            finally:
                rig.camera.close()
                rig.source.ring.close()
        return
    recorded = (VideoRig if kind == "video" else FolderRig)(tmp_path, run_dir, station)
    try:
        yield recorded
    finally:
        recorded.camera.close()
