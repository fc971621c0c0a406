"""Capture as a service: real sockets, a real ring, drawn pictures, and a line that only listens and acknowledges."""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.bus import topics, wire
from edge.bus.ring import RingReader
from edge.bus.sockets import Bus
from edge.capture.service import CaptureService, main
from edge.clock import SystemClock
from edge.domain.part import Mode, Purpose
from edge.errors import AlreadyRunning, SettingsError, SourceError
from edge.service import FileLock, Notifier, Stop
from edge.settings.station import Station
from tests.contract.camera_rigs import HEIGHT, WIDTH, SimSource, drawn, station_of, write_folder, write_video

BELT = (60, 240)  # height, width of the pictures with passing parts
PARTS = 3


class Line:
    """What the other services are to capture."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.bus = Bus(station.run_dir)
        self.reports = self.bus.puller(topics.REPORTS)
        self.line = self.bus.publisher(topics.LINE)
        self.statuses = self.bus.subscriber(topics.STATUS, "capture-top")
        self.frames = self.bus.subscriber(topics.FRAMES, "top")
        self.leases = self.bus.pusher(topics.LEASES, "top")
        self.seen: list[wire.Seen] = []
        self.status: list[wire.Status] = []
        self.shown: list[wire.FrameReady] = []
        self.acknowledges = True

    def listen(self) -> None:
        for message in self.reports.drain():
            assert isinstance(message, wire.Seen)
            self.seen.append(message)
            if self.acknowledges:
                self.line.send(wire.SeenAck(camera=message.camera, epoch=message.epoch, n=message.n))
        self.status += [message for message in self.statuses.drain() if isinstance(message, wire.Status)]
        self.shown += [message for message in self.frames.drain() if isinstance(message, wire.FrameReady)]

    def say(self, in_flight: int) -> None:
        state = wire.LineState(
            epoch=1, mode=Mode.RUN, permit=True, permit_reasons=(), active=None, preparing=None, lot="",
            purpose=Purpose.PRODUCTION, latched=False, bypass_until_ns=0, in_flight=in_flight, counts={},
        )  # fmt: skip
        self.line.send(state)

    def lease(self, ready: wire.FrameReady, state: str) -> None:
        frame = ready.frame
        lease = wire.Lease(
            epoch=frame.epoch, slot=frame.slot, generation=frame.generation, seq=frame.seq, state=state
        )  # fmt: skip
        end = time.monotonic() + 5
        while not self.leases.send(lease):  # the first one may be earlier than the connection
            assert time.monotonic() < end, "capture never listened"
            time.sleep(0.001)

    @property
    def numbers(self) -> list[int]:
        return [seen.n for seen in self.seen]

    @property
    def state(self) -> str:
        return self.status[-1].state if self.status else ""

    @property
    def alarms(self) -> list[str]:
        return [alarm.code for alarm in self.status[-1].alarms] if self.status else []


class Stage:
    def __init__(self, station: Station) -> None:
        self.line = Line(station)
        self.station = station
        self.service = CaptureService(station, "top", SystemClock())

    def until(self, reached: Callable[[], bool], within_s: float = 10.0) -> None:
        end = time.monotonic() + within_s
        while not reached():
            assert time.monotonic() < end, f"not within {within_s} s; {self.line.status[-1:]}"
            self.turn()

    def during(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn()

    def turn(self) -> None:
        self.service.turn()
        self.line.listen()

    def counter(self, name: str) -> float:
        return self.line.status[-1].counters[name] if self.line.status else 0


@contextmanager
def stage_of(station: Station) -> Iterator[Stage]:
    line = Stage(station)
    try:
        yield line
    finally:
        line.service.close()
        line.line.bus.close()


@pytest.fixture
def make_station(tmp_path: Path, run_dir: Path, station: str) -> Callable[..., Station]:
    return lambda **camera: station_of(tmp_path, run_dir, station, **camera)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    write_folder(tmp_path / "pictures")
    return tmp_path / "pictures"


def write_belt(path: Path) -> None:
    """Ten pictures of an empty belt, then parts that pass, 12 px a picture."""
    path.mkdir()
    height, width = BELT
    for k in range(10 + (width + 90 * PARTS) // 12):
        image = np.full((height, width, 3), 60, np.uint8)
        for part in range(PARTS):
            low = 12 * (k - 10) - 90 * part - 40
            if k >= 10 and low + 40 > 0 and low < width:
                image[15:45, max(0, low) : min(width, low + 40)] = 200
        assert cv2.imwrite(str(path / f"{k}.png"), image)


def belt_station(make_station: Callable[..., Station], path: Path, **more: Any) -> Station:
    write_belt(path)
    return make_station(
        kind="folder", source=str(path), height=BELT[0], width=BELT[1], rate_fps=100.0, barrier={"teach_frames": 5},
        **more,
    )  # fmt: skip


def test_every_picture_is_announced_and_lies_in_the_ring(make_station: Callable[..., Station], pictures: Path) -> None:
    with stage_of(make_station(kind="folder", source=str(pictures), rate_fps=20.0, loop=True)) as stage:
        stage.until(lambda: len(stage.line.shown) >= 8)
        first = stage.line.shown[0].frame
        ring = RingReader.attach(stage.station.shm_dir, stage.station.name, "top", first.epoch)
        for ready in stage.line.shown:
            pixels = ring.copy(ready.frame.slot, ready.frame.generation)
            assert pixels is not None
            assert np.array_equal(pixels, drawn((ready.frame.seq - 1) % 6))
            assert (ready.height, ready.width, ready.channels) == (HEIGHT, WIDTH, 3)
        ring.close()
        seqs = [ready.frame.seq for ready in stage.line.shown]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        stage.until(lambda: stage.line.state == "ready")
        stage.during(0.6)
        queues = {queue.name: queue for queue in stage.line.status[-1].queues}
        assert queues["ring"].size == 16
        assert {"ring", "seen", "frames-top", "leases-top", "line", "reports"} == set(queues)
        assert stage.counter("captured") >= 8
        assert stage.counter("bad_frames") == 0


def test_status_comes_twice_a_second(make_station: Callable[..., Station], pictures: Path) -> None:
    with stage_of(make_station(kind="folder", source=str(pictures), loop=True)) as stage:
        stage.until(lambda: stage.line.state == "ready")
        stage.line.status.clear()
        stage.during(1.6)
        assert 2 <= len(stage.line.status) <= 4
        assert stage.line.status[-1].service == "capture-top"


def test_each_part_is_seen_once_and_its_frame_is_centred(make_station: Callable[..., Station], tmp_path: Path) -> None:
    with stage_of(belt_station(make_station, tmp_path / "belt", slots=48)) as stage:
        ring: RingReader | None = None
        centres = {}
        while len(centres) < PARTS:
            stage.until(lambda: len(set(stage.line.numbers)) > len(centres))
            seen = stage.line.seen[-1]
            ring = ring or RingReader.attach(stage.station.shm_dir, stage.station.name, "top", seen.epoch)
            pixels = ring.copy(seen.frame.slot, seen.frame.generation)
            assert pixels is not None
            centres[seen.n] = 70.0 + float(np.flatnonzero(pixels[30, 70:170, 0] > 150).mean())
        assert ring is not None
        ring.close()
        assert all(abs(centre - BELT[1] / 2) <= 7 for centre in centres.values()), centres
        stage.during(0.3)
        assert sorted(set(stage.line.numbers)) == [1, 2, 3]
        times = {seen.n: seen.crossed_at_ns for seen in stage.line.seen}
        assert times[1] < times[2] < times[3] < time.monotonic_ns()


def test_seen_is_repeated_until_acknowledged_and_then_never(
    make_station: Callable[..., Station], tmp_path: Path
) -> None:
    with stage_of(belt_station(make_station, tmp_path / "belt")) as stage:
        stage.line.acknowledges = False
        stage.until(lambda: stage.line.numbers.count(1) >= 4)
        stage.until(lambda: "seen_unacknowledged" in stage.line.alarms)
        repeats = {(seen.epoch, seen.n, seen.crossed_at_ns, seen.frame) for seen in stage.line.seen if seen.n == 1}
        assert len(repeats) == 1, "a repetition says the same"
        stage.line.acknowledges = True
        stage.until(lambda: stage.counter("seen_unacknowledged") == 0 and not stage.line.reports.socket.poll(0))
        stage.during(0.2)
        stage.line.seen.clear()
        stage.during(0.3)
        assert stage.line.seen == []


def test_a_barrier_that_is_still_learning_the_belt_is_not_ready(
    make_station: Callable[..., Station], tmp_path: Path
) -> None:
    """Parts that pass meanwhile are told only when it has: until then the permit must be off."""
    with stage_of(belt_station(make_station, tmp_path / "belt", loop=True, slots=48)) as stage:
        stage.until(lambda: stage.line.state == "ready")
        states = [status.state for status in stage.line.status]
        assert states == ["starting"] * (len(states) - 1) + ["ready"]
        assert stage.line.status[-1].counters["barrier_taught"] == 1
        assert stage.line.status[-1].counters["captured"] >= 5, "teach_frames of this station"


def test_a_belt_that_stands_full_keeps_the_permit_off_and_says_why(
    make_station: Callable[..., Station], tmp_path: Path
) -> None:
    station = belt_station(make_station, tmp_path / "belt", loop=True)
    for path in (tmp_path / "belt").glob("*.png"):
        if path.stem != "22":  # one part, in the middle of the view
            path.unlink()
    with stage_of(station) as stage:
        stage.until(lambda: stage.line.alarms == ["belt_not_empty"])
        assert stage.line.state == "starting"
        assert stage.line.seen == []


def test_parts_nobody_takes_make_it_not_ready_until_they_are(
    make_station: Callable[..., Station], tmp_path: Path
) -> None:
    with stage_of(belt_station(make_station, tmp_path / "belt", loop=True)) as stage:
        stage.line.acknowledges = False
        stage.until(lambda: stage.line.state == "degraded")
        assert "seen_unacknowledged" in stage.line.alarms
        stage.line.acknowledges = True
        stage.until(lambda: stage.line.state == "ready")
        assert stage.counter("seen_lost") == 0


def test_the_frame_of_an_unacknowledged_part_is_kept(make_station: Callable[..., Station], tmp_path: Path) -> None:
    with stage_of(belt_station(make_station, tmp_path / "belt", loop=True, slots=12)) as stage:
        stage.line.acknowledges = False
        stage.until(lambda: bool(stage.line.seen))
        frame = stage.line.seen[0].frame
        ring = RingReader.attach(stage.station.shm_dir, stage.station.name, "top", frame.epoch)
        later = len(stage.line.shown) + 40
        stage.until(lambda: len(stage.line.shown) > later)
        assert ring.current(frame.slot, frame.generation)
        ring.close()


def test_a_lost_source_is_said_at_once_and_comes_back(make_station: Callable[..., Station], pictures: Path) -> None:
    with stage_of(make_station(kind="folder", source=str(pictures), loop=True)) as stage:
        stage.until(lambda: stage.line.state == "ready" and bool(stage.line.shown))
        shutil.rmtree(pictures)
        stage.until(lambda: stage.line.state == "failed", within_s=1.0)
        assert stage.line.alarms == ["camera_lost"]
        stage.during(1.0)
        assert stage.line.state == "failed"
        assert 1 <= stage.counter("retries") <= 3, "0.2, 0.6, 1.4 s after the loss"
        assert stage.counter("losses") == 1
        last = stage.line.shown[-1].frame
        write_folder(pictures)
        stage.until(lambda: stage.line.state == "ready", within_s=6.0)
        assert stage.line.alarms == []
        stage.until(lambda: stage.line.shown[-1].frame.seq > last.seq)
        assert stage.line.shown[-1].frame.epoch == last.epoch


def test_a_video_that_ended_is_a_lost_source(make_station: Callable[..., Station], tmp_path: Path) -> None:
    video = tmp_path / "line.mp4"
    write_video(video, count=10)
    with stage_of(make_station(kind="video", source=str(video))) as stage:
        stage.until(lambda: stage.line.state == "failed")
        assert stage.line.alarms == ["camera_lost"]
        assert stage.counter("captured") == 10
        stage.during(0.5)
        assert stage.counter("captured") == 10, "its parts are not counted twice"
        write_video(video, count=30)
        stage.until(lambda: stage.line.state == "ready", within_s=6.0)


def test_silence_is_stale_unless_triggered(make_station: Callable[..., Station]) -> None:
    with stage_of(make_station(kind="virtual", stale_after_ms=200.0)) as stage:
        stage.until(lambda: stage.line.state == "starting")
        stage.until(lambda: stage.line.state == "degraded", within_s=2.0)
        assert stage.line.alarms == ["camera_stale"]
        source = SimSource(stage.station, stage.line.bus)
        try:
            end = time.monotonic() + 5
            while stage.line.state != "ready" and time.monotonic() < end:
                source.expose()
                stage.turn()
            assert stage.line.state == "ready"
        finally:
            source.ring.close()
    with stage_of(make_station(kind="virtual", stale_after_ms=200.0, triggered=True)) as stage:
        stage.during(0.5)
        assert {status.state for status in stage.line.status} == {"ready"}


def test_frames_that_cannot_be_believed_are_refused_and_told(make_station: Callable[..., Station]) -> None:
    with stage_of(make_station(kind="virtual", triggered=True)) as stage:
        source = SimSource(stage.station, stage.line.bus)
        try:
            while not stage.line.shown:
                source.expose()
                stage.turn()
            stage.during(0.1)
            stage.line.shown.clear()
            source.expose(at_ns=1000)
            source.expose(at_ns=time.monotonic_ns() + 10**10)
            stage.until(lambda: stage.counter("bad_frames") == 2)
            assert stage.line.shown == []
            assert stage.line.alarms == ["frames_refused"]
            lost_before = stage.counter("lost")
            source.fill()  # the driver dropped one
            source.expose()
            stage.until(lambda: bool(stage.line.shown))
            stage.until(lambda: stage.counter("lost") == lost_before + 1)
        finally:
            source.ring.close()


def test_free_pace_waits_for_those_who_judge(make_station: Callable[..., Station], pictures: Path) -> None:
    station = make_station(kind="folder", source=str(pictures), loop=True, pace="free", slots=6, rate_fps=1000.0)
    with stage_of(station) as stage:
        stage.until(lambda: bool(stage.line.shown))
        for _ in range(300):  # inference takes every frame up, and is slow
            stage.turn()
            taken = stage.line.shown
            if taken:
                for ready in taken:
                    stage.line.lease(ready, "matched")
                stage.during(0.004)
                for ready in taken:
                    stage.line.lease(ready, "done")
                stage.line.shown = stage.line.shown[len(taken) :]
        stage.during(0.6)
        assert stage.counter("captured") > 50
        assert stage.counter("shed_unjudged") == 0
        assert stage.counter("overwritten") == 0


def test_free_pace_stops_when_line_has_enough(make_station: Callable[..., Station], pictures: Path) -> None:
    with stage_of(make_station(kind="folder", source=str(pictures), loop=True, pace="free")) as stage:
        stage.until(lambda: bool(stage.line.shown))
        for _ in range(20):
            stage.line.say(in_flight=32)
            stage.during(0.01)
        stage.line.shown.clear()
        stage.during(0.4)
        assert stage.line.shown == []
        assert stage.line.state == "ready", "it is we who do not ask"
        stage.line.say(in_flight=31)
        stage.until(lambda: bool(stage.line.shown))


def test_free_pace_counts_the_same_parts(make_station: Callable[..., Station], tmp_path: Path) -> None:
    station = belt_station(make_station, tmp_path / "belt", pace="free")
    with stage_of(station) as stage:
        stage.until(lambda: stage.line.state == "failed")
        assert sorted(set(stage.line.numbers)) == [1, 2, 3]
        times = sorted({seen.crossed_at_ns for seen in stage.line.seen})
        gap_ns = station.line.min_gap_ms * 1e6
        assert all(later - earlier >= gap_ns for earlier, later in itertools.pairwise(times))
        assert stage.counter("overwritten") == 0
        assert stage.counter("seen_without_frame") == 0


def test_a_second_one_is_refused_and_the_first_goes_on(make_station: Callable[..., Station], pictures: Path) -> None:
    with stage_of(make_station(kind="folder", source=str(pictures), loop=True)) as stage:
        with pytest.raises(AlreadyRunning, match="capture of camera top"):
            CaptureService(stage.station, "top", SystemClock())
        stage.until(lambda: len(stage.line.shown) > 3)


@pytest.mark.parametrize(
    ("camera", "error"),
    [
        ({"kind": "video", "source": "nowhere.mp4"}, SourceError),
        ({"kind": "folder", "source": "nowhere"}, SourceError),
        ({"kind": "folder", "width": 32}, SourceError),
        ({"kind": "folder", "barrier": {"along": (0.45, 0.55)}}, SettingsError),
    ],
)
def test_what_cannot_start_leaves_nothing(
    make_station: Callable[..., Station], pictures: Path, camera: dict[str, Any], error: type[Exception]
) -> None:
    station = make_station(**({"source": str(pictures)} | camera))
    with pytest.raises(error):
        CaptureService(station, "top", SystemClock())
    assert not list(station.shm_dir.glob(f"edge-{station.name}+*"))
    lock = FileLock(station.run_dir / "capture-top.lock")
    lock.acquire("a test")
    lock.release()


def test_an_unknown_camera_is_refused(make_station: Callable[..., Station], pictures: Path) -> None:
    with pytest.raises(SettingsError, match="no camera 'side'"):
        CaptureService(make_station(kind="folder", source=str(pictures)), "side", SystemClock())


def test_epochs_grow_and_an_old_ring_is_cleaned(make_station: Callable[..., Station], pictures: Path) -> None:
    station = make_station(kind="folder", source=str(pictures), loop=True)
    epochs = []
    for _ in range(2):
        with stage_of(station) as stage:
            stage.until(lambda: bool(stage.line.shown))
            epochs.append(stage.line.shown[0].frame.epoch)
            (ring,) = station.shm_dir.glob(f"edge-{station.name}+top+*")
            assert str(epochs[-1]) in ring.name
        assert not ring.exists()
    assert epochs[0] < epochs[1] < 2**53


class Beats(Notifier):
    """Counts what is told to the starter."""

    def __init__(self) -> None:
        super().__init__(None)
        self.times: list[tuple[str, float]] = []

    def send(self, text: str) -> None:
        self.times.append((text.split("=")[0], time.monotonic()))


def test_main_feeds_the_watchdog_and_ends_cleanly(make_station: Callable[..., Station], pictures: Path) -> None:
    station = make_station(kind="folder", source=str(pictures), rate_fps=2.0, loop=True)
    stop, beats = Stop(), Beats()
    line = Line(station)
    thread = threading.Thread(target=main, args=(station, "top", stop, beats))
    thread.start()
    try:
        end = time.monotonic() + 10
        while len(line.shown) < 3 and time.monotonic() < end:
            line.listen()
            time.sleep(0.01)
    finally:
        stop.request()
        begun = time.monotonic()
        thread.join(5)
    assert not thread.is_alive()
    assert time.monotonic() - begun < 1.0
    assert beats.times[0][0] == "READY"
    alive = [at for what, at in beats.times if what == "WATCHDOG"]
    assert max(later - earlier for earlier, later in itertools.pairwise(alive)) < 0.5
    time.sleep(0.05)
    line.listen()
    assert line.state == "stopping"
    line.bus.close()
    assert not list(station.shm_dir.glob(f"edge-{station.name}+*"))
