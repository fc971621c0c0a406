"""`edge inference`: frames and expectations in, judgements out. Writes nothing to the disk.

Threads: this one (sockets, matching, deciding, the watchdog), one that prepares, one or more that run models, one
that loads recipes. Those that do long work release the GIL in it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack

import cv2

from edge import log
from edge.bus import topics
from edge.bus.sockets import Bus, Endpoint, Poller, Pusher
from edge.bus.wire import Expect, FrameReady, Judged, Lease, LineState, QueueState, Recorded, Status
from edge.clock import Clock, SystemClock
from edge.domain.frame import FrameRef
from edge.errors import EdgeError
from edge.inference.desk import RecipeDesk
from edge.inference.figures import Figures
from edge.inference.judging import Judging, Promised
from edge.inference.lanes import Lane, Wake
from edge.inference.loading import LoadedRecipe, ModelShelf, load_recipe
from edge.inference.matching import FrameBook, Pace
from edge.inference.rings import Rings
from edge.inference.selftest import default_workers, usable_cores
from edge.service import FileLock, Notifier, Stop, private_directory
from edge.settings.station import Station
from edge.store.packages import find_package
from edge.store.station import StationReader

_log = log.get(__name__)

_POLL_MS = 20
_STATUS_NS = 500_000_000
_HUNG_NS = 5_000_000_000  # no model of ours takes that long: the watchdog shall end us
_GIL_SWITCH_S = 0.0005  # a model's thread that comes back must not wait 5 ms for this one
_LANE = 2  # jobs for each thread of a lane: one runs, one waits
_MODEL_NICE = -5  # of what is not the line, a verdict in the making comes first: everything else waits for it


def main(station: Station, stop: Stop, notifier: Notifier) -> None:
    """Until `stop`. ServiceError or AlreadyRunning when it cannot start."""
    private_directory(station.run_dir)
    lock = FileLock(station.run_dir / "inference.lock")
    lock.acquire("edge inference")
    sys.setswitchinterval(_GIL_SWITCH_S)
    cv2.setNumThreads(1)
    try:
        with InferenceService(station, SystemClock()) as service:
            notifier.ready()
            while not stop.requested:
                service.turn()
                if not service.hung:
                    notifier.alive()
    finally:
        lock.release()


def recipe_loader(station: Station, clock: Clock) -> Callable[[str, int], LoadedRecipe]:
    """Loads a recipe of station.db with its installed packages. Call it from one thread only."""
    shelf = ModelShelf(lambda reference: find_package(station.models_dir, reference), station.inference, clock)

    def load(name: str, version: int) -> LoadedRecipe:
        reader = StationReader(station.data_dir / "station.db")
        try:
            recipe = reader.recipe(name, version)
        finally:
            reader.close()
        return load_recipe(recipe, shelf)

    return load


class InferenceService:
    """Everything of the process; `turn` is one round of its loop, at most about 20 ms when nothing happens."""

    def __init__(
        self,
        station: Station,
        clock: Clock,
        load: Callable[[str, int], LoadedRecipe] | None = None,
    ) -> None:
        self._clock = clock
        self._started_ns = clock.now_ns()
        self._status_ns = 0
        self._undo = ExitStack()
        try:
            self._build(station, load or recipe_loader(station, clock))
        except EdgeError:
            self._undo.close()
            raise

    def __enter__(self) -> InferenceService:
        return self

    def __exit__(self, *exc: object) -> None:
        """Waits for the running model; jobs that wait are not begun."""
        self._undo.close()

    @property
    def hung(self) -> bool:
        return max(self._prepare.busy_ns(), self._model.busy_ns()) > _HUNG_NS

    def turn(self) -> None:
        self._poller.wait(_POLL_MS)
        self._wake.clear()
        for message in self._line.drain():
            self._from_line(message)
        for message in self._frames.drain():
            if isinstance(message, FrameReady):
                self._judging.frame(message)
        self._judging.step()
        now_ns = self._clock.now_ns()
        for report in self._desk.tick(now_ns, self._judging.needed()):
            self._reports.send(report)
        if now_ns >= self._status_ns:
            self._status_ns = now_ns + _STATUS_NS
            self._status.send(self._report(now_ns))

    def _build(self, station: Station, load: Callable[[str, int], LoadedRecipe]) -> None:
        cameras = [camera.name for camera in station.camera]
        bus = self._undo.enter_context(Bus(station.run_dir))
        self._frames = bus.subscriber(topics.FRAMES, *cameras)
        self._line = bus.subscriber(topics.LINE)
        self._reports = bus.pusher(topics.REPORTS)
        self._leases: dict[str, Pusher] = {name: bus.pusher(topics.LEASES, name) for name in cameras}
        self._status = bus.publisher(topics.STATUS, "inference")
        self._wake = Wake()
        self._undo.callback(self._wake.close)
        self._poller = Poller(self._frames, self._line)
        self._poller.add_fd(self._wake.fd)
        self._rings = Rings(station.shm_dir, station.name)
        self._undo.callback(self._rings.close)
        self._prepare, self._loader = self._lane("prepare", _LANE), self._lane("loader", 1)
        workers = station.inference.workers or default_workers(usable_cores())
        self._model = self._lane("model", _LANE, workers, nice=_MODEL_NICE)
        self._figures = Figures()
        self._desk = RecipeDesk(self._loader, load)
        self._books = {
            camera.name: FrameBook(Pace(triggered=camera.triggered, period_ns=int(1e9 / camera.rate_fps)))
            for camera in station.camera
        }
        self._judging = self._make_judging(station)

    def _make_judging(self, station: Station) -> Judging:
        return Judging(
            desk=self._desk,
            rings=self._rings,
            books=self._books,
            promised={
                camera.name: Promised(height=camera.height, width=camera.width, channels=camera.channels)
                for camera in station.camera
            },
            prepare_lane=self._prepare,
            model_lane=self._model,
            figures=self._figures,
            clock=self._clock,
            send=lambda result: self._reports.send(Judged(result=result)),
            lend=self._lend,
        )

    def _lane(self, name: str, each: int, threads: int = 1, nice: int = 0) -> Lane:
        lane = Lane(name, each * threads, self._wake, self._clock, threads=threads, nice=nice)
        self._undo.callback(lane.close)
        return lane

    def _from_line(self, message: object) -> None:
        if isinstance(message, Expect):
            self._judging.expect(message)
        elif isinstance(message, Recorded):
            self._judging.recorded(message)
        elif isinstance(message, LineState):
            self._desk.line_says(message)
            self._judging.line_started(message.epoch)

    def _lend(self, frame: FrameRef, state: str) -> None:
        lease = Lease(epoch=frame.epoch, slot=frame.slot, generation=frame.generation, seq=frame.seq, state=state)
        self._leases[frame.camera].send(lease)  # a courtesy: refused ones are counted, generations decide

    def _report(self, now_ns: int) -> Status:
        state, why = self._desk.state()
        alarms = (*((why,) if why else ()), *self._rings.alarms.values())
        counters = self._figures.as_counters()
        counters["unmatched_frames"] = float(sum(book.unmatched for book in self._books.values()))
        counters["recipes_loaded"] = float(len(self._desk.names))
        return Status(
            service="inference",
            pid=os.getpid(),
            started_ns=self._started_ns,
            at_ns=now_ns,
            state="degraded" if state == "ready" and alarms else state,
            queues=self._queues(),
            counters=counters,
            alarms=alarms,
        )

    def _queues(self) -> tuple[QueueState, ...]:
        sockets: list[Endpoint] = [self._frames, self._line, self._reports, *self._leases.values()]
        lanes = (self._prepare, self._model, self._loader)
        return (
            *(endpoint.queue_state() for endpoint in sockets),
            *(QueueState(name=lane.name, size=lane.size, depth=lane.depth) for lane in lanes),
            QueueState(name="parts", size=self._judging.size, depth=self._judging.depth),
        )
