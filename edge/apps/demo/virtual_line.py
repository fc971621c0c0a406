"""The virtual line's process: `python -m edge.apps.demo.virtual_line --station FILE --seed S --rate R --product P`.

Conveyor, sensor, camera, gate, bin, relay and their truth file, reached by the services as hardware would be:
inputs and frames over the simulated channels, outputs through the page of memory. It takes no part in deciding.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge import log, service
from edge.apps.demo import truth
from edge.apps.demo.scene import faults
from edge.apps.demo.scene.render import Renderer
from edge.apps.demo.scene.spec import PRODUCTS
from edge.apps.demo.scene.stamp import write_number
from edge.apps.demo.studio import Image, Studio
from edge.apps.demo.troubles import parse
from edge.apps.demo.world import Conditions, Shot, Turn, World
from edge.bus import topics, wire
from edge.bus.iopage import OutputPage
from edge.bus.ring import RingSpec, RingWriter, clean_stale
from edge.bus.sockets import Bus
from edge.clock import MS, Clock, SystemClock, boot_id
from edge.domain.frame import FrameRef
from edge.errors import SettingsError, UsageError
from edge.line.simulated import PAGE_NAME
from edge.service import FileLock, Notifier, Stop
from edge.settings import station as stations
from edge.settings.station import Camera, Station

TRUTH_NAME = "truth.jsonl"
_SLOTS = 8
_WAIT_MS = 10
_STAMP_ERROR_NS = 50_000


class LineReport(msgspec.Struct, frozen=True, kw_only=True):
    """The reply to the action `state`. drained: the last part is past gate and bin."""

    fed: int
    permit: bool
    started: bool
    drained: bool
    late_frames: int


class SimCamera:
    """Gives out the shots in their order; one that is not drawn yet holds up those behind it, and is counted."""

    def __init__(self, bus: Bus, station: Station, camera: Camera, studio: Studio, clock: Clock) -> None:
        name = f"sim-{camera.name}"
        clean_stale(station.shm_dir, station.name, name)
        height, width = studio.size
        self._spec = RingSpec(
            station=station.name, camera=name, epoch=clock.now_ns() // MS, slots=_SLOTS,
            height=height, width=width, channels=3,
        )  # fmt: skip
        self._ring = RingWriter.create(station.shm_dir, self._spec)
        self._frames = bus.publisher(topics.SIM_FRAMES, camera.name)
        self._studio = studio
        self._shots: deque[Shot] = deque()
        self._last: Image | None = None
        self._seq = 0
        self._waited_for = 0
        self.late_frames = 0

    def give(self, shots: Sequence[Shot]) -> None:
        self._shots.extend(shots)
        while self._shots:
            picture = self._picture(self._shots[0])
            if picture is None:
                return
            self._announce(self._shots.popleft(), picture)

    def close(self) -> None:
        self._ring.close()

    def _picture(self, shot: Shot) -> Image | None:
        if shot.look == "stale" and self._last is not None:
            return self._last
        picture = self._studio.take(shot.n)
        if picture is None:
            if self._waited_for != shot.n:
                self._waited_for = shot.n
                self.late_frames += 1
            return None
        if shot.look == "black":
            picture = faults.black(picture)
            write_number(picture, shot.n)  # the number is our proof, not a part of the scene
        return picture

    def _announce(self, shot: Shot, picture: Image) -> None:
        self._last = picture
        slot = self._seq % _SLOTS
        self._seq += 1
        np.copyto(self._ring.begin(slot), picture)
        generation = self._ring.commit(slot, seq=self._seq, exposed_at_ns=shot.exposed_at_ns)
        frame = FrameRef(
            camera=self._spec.camera, epoch=self._spec.epoch, slot=slot, generation=generation,
            seq=self._seq, exposed_at_ns=shot.exposed_at_ns, error_ns=_STAMP_ERROR_NS,
        )  # fmt: skip
        height, width, channels = self._spec.shape
        self._frames.send(wire.SimFrame(frame=frame, height=height, width=width, channels=channels))


class VirtualLine:
    """The machine and what it is connected to. Built whole; `turn` does one round; `close` ends all of it."""

    def __init__(self, station: Station, conditions: Conditions, clock: Clock) -> None:
        camera = _camera_of(station)
        self._clock = clock
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as building:
            lock = FileLock(service.private_directory(station.run_dir) / "virtual-line.lock")
            lock.acquire("the virtual line")
            building.callback(lock.release)
            self._studio = Studio(Renderer(conditions.product, conditions.seed, (camera.height, camera.width)))
            building.callback(self._studio.close)
            bus = building.enter_context(Bus(station.run_dir))
            self._camera = SimCamera(bus, station, camera, self._studio, clock)
            building.callback(self._camera.close)
            self._page = OutputPage.create(station.run_dir / PAGE_NAME)
            building.callback(self._page.close)
            self._inputs = bus.publisher(topics.SIM_INPUTS)
            self._control = bus.server(topics.SIM_CONTROL)
            station.data_dir.mkdir(parents=True, exist_ok=True)
            self._truth = truth.TruthWriter(station.data_dir / TRUTH_NAME)
            building.callback(self._truth.close)
            self._stack = building.pop_all()
        now_ns = clock.now_ns()
        self._world = World(conditions, now_ns)
        self._truth.write([_started(station, conditions, now_ns)])

    def turn(self) -> None:
        """Let everything happen that is due, then wait for the next, or for a command; 10 ms at most."""
        now_ns = self._clock.now_ns()
        self._tell(self._world.turn(self._page.read(), now_ns))
        self._camera.give([])
        wait_ms = (self._world.due_ns() - self._clock.now_ns()) // MS
        asked = self._control.receive(max(1, min(_WAIT_MS, wait_ms)))
        if asked is not None:
            peer, command = asked
            assert isinstance(command, wire.SimCommand)
            self._control.reply(peer, self._obey(command))

    def close(self) -> None:
        ended = truth.Ended(at_ns=self._clock.now_ns(), fed=self._world.fed, late_frames=self._camera.late_frames)
        self._truth.write([ended])
        self._stack.close()

    def _tell(self, turn: Turn) -> None:
        self._truth.write(turn.truth)  # first: what the services learn of has happened
        for edge in turn.inputs:
            self._inputs.send(edge)
        if turn.levels is not None:
            self._inputs.send(turn.levels)
        for draw in turn.draws:
            self._studio.order(draw)
        self._camera.give(turn.shots)

    def _obey(self, command: wire.SimCommand) -> wire.Reply:
        try:
            return self._do(command)
        except UsageError as error:
            return wire.Reply(ok=False, message=error.message, hint=error.hint)

    def _do(self, command: wire.SimCommand) -> wire.Reply:
        match command.action:
            case "run" | "stop":
                self._tell(self._world.command_belt(command.action == "run"))
            case "fault":
                self._tell(self._world.trouble(parse(command.argument, command.value), command.value))
            case "clear":
                self._tell(self._world.clear())
            case "finish":
                self._world.finish()
            case "state":
                return wire.Reply(ok=True, message=self._report())
            case _:
                raise UsageError(
                    f"the virtual line cannot {command.action[:40]!r}", hint="run, stop, fault, clear, finish, state"
                )
        return wire.Reply(ok=True)

    def _report(self) -> str:
        world = self._world
        report = LineReport(
            fed=world.fed, permit=world.permit, started=world.started, drained=world.drained,
            late_frames=self._camera.late_frames,
        )  # fmt: skip
        return msgspec.json.encode(report).decode()


def main(station: Station, conditions: Conditions, stop: Stop, notifier: Notifier) -> None:
    cv2.setNumThreads(1)
    parent = os.getppid()
    line = VirtualLine(station, conditions, SystemClock())
    try:
        notifier.ready()
        while not stop.requested and os.getppid() == parent:  # whoever started it is gone: end too
            line.turn()
            notifier.alive()
    finally:
        line.close()


def _camera_of(station: Station) -> Camera:
    """The one camera over the conveyor. SettingsError when the station has none that can be drawn for."""
    virtual = [camera for camera in station.camera if camera.kind == "virtual"]
    if len(virtual) != 1 or virtual[0].channels != 3:
        raise SettingsError(
            "the virtual line needs one colour camera of kind virtual", hint="let edge demo write the station file"
        )
    return virtual[0]


def _started(station: Station, conditions: Conditions, now_ns: int) -> truth.Started:
    return truth.Started(
        at_ns=now_ns,
        boot_id=boot_id(),
        station=station.name,
        seed=conditions.seed,
        product=conditions.product,
        rate_per_min=conditions.rate_per_min,
        travel_ms=conditions.travel_ms,
        gate=station.line.gate,
        safe_ms=conditions.safe_ms,
        defect_rate=conditions.defect_rate,
    )


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="virtual_line", description="The machine of edge demo, on its own.")
    parser.add_argument("--station", type=Path, required=True)
    parser.add_argument("--product", choices=PRODUCTS, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="parts a minute")
    parser.add_argument("--travel-ms", type=float, default=800.0, help="sensor to gate")
    parser.add_argument("--parts", type=int, default=0, help="how many to feed (0: no end)")
    parser.add_argument("--defect-rate", type=float, default=0.12, help="share of defective parts")
    parser.add_argument("--bin-size", type=int, default=0, help="rejects until the bin is full (0: never)")
    parser.add_argument("--permit-stops-belt", action="store_true", help="else parts go on and must be rejected")
    return parser.parse_args(argv)


def conditions_of(given: argparse.Namespace, station: Station) -> Conditions:
    return Conditions(
        product=given.product,
        seed=given.seed,
        rate_per_min=given.rate,
        travel_ms=given.travel_ms,
        safe_ms=station.line.safe_ms,
        min_gap_ms=station.line.min_gap_ms,
        defect_rate=given.defect_rate,
        parts=given.parts,
        bin_size=given.bin_size,
        pass_pulse=station.line.gate == "pass_pulse",
        permit_stops_belt=given.permit_stops_belt,
    )


def _run(argv: Sequence[str]) -> int:
    given = parse_arguments(argv)

    def body(stop: Stop, notifier: Notifier) -> None:
        station = stations.load(given.station)
        main(station, conditions_of(given, station), stop, notifier)

    log.setup("virtual-line")
    return service.run(body)


if __name__ == "__main__":
    raise SystemExit(_run(sys.argv[1:]))
