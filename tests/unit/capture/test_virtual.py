"""The virtual line's camera: only whole frames of this ring, with the virtual line's own stamps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from edge.bus import wire
from edge.bus.sockets import Bus
from edge.capture.camera import Shot
from edge.capture.virtual import VirtualCamera
from edge.clock import SystemClock
from edge.errors import SourceError, SourceLost
from edge.settings.station import Station
from tests.contract.camera_rigs import HEIGHT, WIDTH, SimSource, drawn, station_of


@dataclass
class Stage:
    station: Station
    bus: Bus
    source: SimSource
    camera: VirtualCamera
    place: np.ndarray

    def read(self, timeout_s: float = 1.0) -> Shot | None:
        return self.camera.read(lambda: self.place, timeout_s)


@pytest.fixture
def stage(tmp_path: Path, run_dir: Path, station: str) -> Iterator[Stage]:
    """Connected: one frame was exposed and read."""
    settings = station_of(tmp_path, run_dir, station, kind="virtual")
    with Bus(run_dir) as bus:
        source = SimSource(settings, bus)
        camera = VirtualCamera(settings.camera[0], settings, bus, SystemClock())
        camera.open()
        stage = Stage(settings, bus, source, camera, np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        try:
            connect(stage)
            yield stage
        finally:
            camera.close()
            stage.source.ring.close()


def connect(stage: Stage) -> None:
    until = time.monotonic() + 5
    source = stage.source
    source.expose()
    while stage.read(0.05) is None:
        assert time.monotonic() < until
        source.expose()
    while stage.read(0.02) is not None:
        pass


def test_pixels_and_stamps_are_the_virtual_lines(stage: Stage) -> None:
    frame = stage.source.expose(picture=drawn(5))
    shot = stage.read()
    assert shot == Shot(exposed_at_ns=frame.exposed_at_ns, error_ns=50_000, driver_seq=frame.seq)
    assert np.array_equal(stage.place, drawn(5))


def test_a_frame_that_was_overwritten_is_refused(stage: Stage) -> None:
    old = stage.source.fill()
    for _ in range(stage.source.spec.slots):
        stage.source.fill()
    stage.source.announce(old)
    before = stage.place.copy()
    assert stage.read() is None
    assert stage.camera.counts.overrun == 1
    assert np.array_equal(stage.place, before)


def test_a_frame_overwritten_while_it_is_copied_is_refused(stage: Stage) -> None:
    stage.source.expose()

    def overwritten_now() -> np.ndarray:
        for _ in range(stage.source.spec.slots):
            stage.source.fill()
        return stage.place

    assert stage.camera.read(overwritten_now, 1.0) is None
    assert stage.camera.counts.overrun == 1
    assert "while it was copied" in stage.camera.counts.refusal


@pytest.mark.parametrize(
    "wrong", [{"slot": -1}, {"slot": 99}, {"generation": 3}, {"generation": -2}, {"epoch": 77}, {"epoch": -1}]
)
def test_a_frame_that_cannot_be_is_refused(stage: Stage, wrong: dict[str, int]) -> None:
    stage.source.announce(replace(stage.source.fill(), **wrong))
    assert stage.read() is None
    assert stage.camera.counts.overrun == 1
    stage.source.expose()
    assert stage.read() is not None


def test_an_announced_size_that_was_not_promised_is_refused(stage: Stage) -> None:
    frame = stage.source.fill()
    stage.source.frames.send(wire.SimFrame(frame=frame, height=HEIGHT, width=WIDTH, channels=1))
    assert stage.read() is None
    assert stage.camera.counts.wrong_size == 1


def test_a_ring_of_another_size_is_refused_whatever_is_announced(stage: Stage) -> None:
    stage.source.close()
    stage.source = SimSource(stage.station, stage.bus, epoch=2, shape=(HEIGHT * 2, WIDTH))
    until = time.monotonic() + 5
    while stage.camera.counts.overrun == 0 and time.monotonic() < until:
        frame = stage.source.fill()
        stage.source.frames.send(wire.SimFrame(frame=frame, height=HEIGHT, width=WIDTH, channels=3))
        assert stage.read(0.05) is None
    assert stage.camera.counts.overrun > 0


def test_a_virtual_line_that_starts_again_is_followed(stage: Stage) -> None:
    stage.source.close()
    stage.source = SimSource(stage.station, stage.bus, epoch=2)
    connect(stage)
    stage.source.expose(picture=drawn(3))
    assert stage.read() is not None
    assert np.array_equal(stage.place, drawn(3))


def test_silence_is_no_loss_but_the_end_is_until_it_is_back(stage: Stage) -> None:
    assert stage.read(0.25) is None
    stage.source.close()
    with pytest.raises(SourceLost):  # noqa: PT012 - it looks ten times a second
        for _ in range(20):
            assert stage.read(0.05) is None
    stage.camera.close()
    with pytest.raises(SourceError, match="not running") as refused:
        stage.camera.open()
    assert refused.value.hint
    stage.source = SimSource(stage.station, stage.bus, epoch=2)
    stage.camera.open()
    connect(stage)
