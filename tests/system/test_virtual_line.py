"""The virtual line as a process, with a line in front of it that only beats, permits and looks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge.apps.demo import truth
from edge.apps.demo.scene.stamp import read_number
from edge.apps.demo.virtual_line import TRUTH_NAME
from edge.bus import topics, wire
from edge.bus.iopage import Output, OutputPage
from edge.bus.ring import RingReader
from edge.bus.sockets import Bus
from edge.clock import MS
from edge.line.simulated import PAGE_NAME

pytestmark = pytest.mark.system
SECONDS = 4.0


@dataclass
class Seen:
    sensor: list[int] = field(default_factory=list)
    frames: list[tuple[int, int | None, int]] = field(default_factory=list)  # exposed, number in the pixels, delay
    lag_ns: list[int] = field(default_factory=list)
    reports: int = 0


@dataclass
class Plant:
    station_file: Path
    station: str
    run_dir: Path
    truth: Path
    process: subprocess.Popen[bytes]


@pytest.fixture
def plant(tmp_path: Path, run_dir: Path, station: str) -> Iterator[Plant]:
    file = tmp_path / "station.toml"
    file.write_text(
        f'name = "{station}"\ndata_dir = "{tmp_path}/data"\nrun_dir = "{run_dir}"\n'
        '[[camera]]\nname = "top"\nkind = "virtual"\nwidth = 800\nheight = 600\ntriggered = true\n'
    )
    command = [sys.executable, "-m", "edge.apps.demo.virtual_line", "--station", str(file)]
    command += ["--seed", "5", "--rate", "600", "--product", "biscuit"]
    process = subprocess.Popen(command)
    plant = Plant(file, station, run_dir, tmp_path / "data" / TRUTH_NAME, process)
    try:
        _wait_for(plant.truth)
        yield plant
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(5)


def _wait_for(path: Path) -> None:
    until = time.monotonic() + 20
    while not (path.exists() and path.stat().st_size):
        assert time.monotonic() < until, f"{path} did not come"
        time.sleep(0.02)


def watch(plant: Plant, bus: Bus, seconds: float) -> Seen:
    """Beat, permit, and keep what comes."""
    inputs = bus.subscriber(topics.SIM_INPUTS)
    frames = bus.subscriber(topics.SIM_FRAMES, "top")
    page = OutputPage.attach(plant.run_dir / PAGE_NAME)
    page.write(Output.PERMIT, True, time.monotonic_ns())
    seen, ring, beat = Seen(), None, False
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        beat = not beat
        page.write(Output.HEARTBEAT, beat, time.monotonic_ns())
        for message in inputs.drain():
            _keep_input(seen, message)
        for message in frames.drain():
            assert isinstance(message, wire.SimFrame)
            frame = message.frame
            ring = ring or RingReader.attach(Path("/dev/shm"), plant.station, frame.camera, frame.epoch)
            picture = ring.copy(frame.slot, frame.generation)
            assert picture is not None
            delay_ns = time.monotonic_ns() - frame.exposed_at_ns
            seen.frames.append((frame.exposed_at_ns, read_number(picture), delay_ns))
        time.sleep(0.005)
    if ring:
        ring.close()
    page.close()
    return seen


def _keep_input(seen: Seen, message: wire.Message) -> None:
    if isinstance(message, wire.InputLevels):
        seen.reports += 1
    elif isinstance(message, wire.InputEdge) and message.input == "sensor" and message.value:
        seen.sensor.append(message.at_ns)
        seen.lag_ns.append(time.monotonic_ns() - message.at_ns)


def test_what_the_services_notice_is_what_is_true(plant: Plant) -> None:
    with Bus(plant.run_dir) as bus:
        control = bus.client(topics.SIM_CONTROL)
        seen = watch(plant, bus, SECONDS)
        assert control.ask(wire.SimCommand(action="finish")) == wire.Reply(ok=True)
        late = control.ask(wire.SimCommand(action="state"))
        assert isinstance(late, wire.Reply)
        report = json.loads(late.message)
        refused = control.ask(wire.SimCommand(action="fault", argument="flood"))
    plant.process.send_signal(signal.SIGTERM)
    assert plant.process.wait(5) == 0
    events = truth.read_last_run(plant.truth)
    edges = {event.at_ns: event.n for event in events if isinstance(event, truth.Edge)}
    assert len(seen.sensor) > 20
    assert set(seen.sensor) <= set(edges)
    exposures = {event.at_ns: event.n for event in events if isinstance(event, truth.Exposure)}
    assert len(seen.frames) > 20
    assert all(exposures[exposed_ns] == number for exposed_ns, number, _ in seen.frames)
    assert sorted(seen.lag_ns)[len(seen.lag_ns) // 2] < 20 * MS
    assert sorted(delay for _, _, delay in seen.frames)[len(seen.frames) // 2] < 40 * MS
    assert seen.reports > SECONDS * 7
    assert report["started"]
    assert report["fed"] > len(seen.sensor)
    assert isinstance(refused, wire.Reply)
    assert not refused.ok
    assert "belt_stop" in refused.hint
    assert isinstance(events[-1], truth.Ended)
    assert not list(Path("/dev/shm").glob(f"edge-{plant.station}*"))


def test_a_second_one_is_refused(plant: Plant) -> None:
    command = [*plant.process.args]  # type: ignore[misc]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 3
    assert "already running" in done.stderr


def test_a_killed_one_leaves_whole_lines_and_the_next_cleans_its_ring(plant: Plant) -> None:
    with Bus(plant.run_dir) as bus:
        watch(plant, bus, 2.0)
    os.kill(plant.process.pid, signal.SIGKILL)
    plant.process.wait()
    events = truth.TruthReader(plant.truth).read()
    assert any(isinstance(event, truth.Exposure) for event in events)
    assert list(Path("/dev/shm").glob(f"edge-{plant.station}*"))
    size = plant.truth.stat().st_size
    again = subprocess.Popen(plant.process.args)  # type: ignore[arg-type]
    try:
        until = time.monotonic() + 20
        while plant.truth.stat().st_size == size and time.monotonic() < until:
            time.sleep(0.02)
        assert len(list(Path("/dev/shm").glob(f"edge-{plant.station}*"))) == 1
        again.send_signal(signal.SIGTERM)
        assert again.wait(5) == 0
    finally:
        again.kill()
        again.wait()
    assert len(truth.read_last_run(plant.truth)) < 20
