"""A line and a camera around the inference service: real sockets, a real ring, real models, and no hardware."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.bus import topics
from edge.bus.ring import RingSpec, RingWriter
from edge.bus.sockets import Bus
from edge.bus.wire import Expect, FrameReady, Judged, Lease, LineState, Message, Recorded, Status
from edge.clock import MS, SECOND, ManualClock
from edge.domain.frame import FrameRef
from edge.domain.part import PartId, Purpose
from edge.domain.recipe import Recipe
from edge.domain.result import RecipeRef, Result
from edge.inference.service import main
from edge.service import Notifier, Stop
from edge.settings.station import Camera, Inference, Station
from edge.store.station import StationStore
from tests.unit.inference import made
from tests.unit.inference.made import Pixels
from tests.unit.inference.test_desk import state

SLOTS = 8


class CountingNotifier(Notifier):
    def __init__(self) -> None:
        super().__init__(None)
        self.ready_ns = 0
        self.alive_at: list[float] = []

    def ready(self, status: str = "ready") -> None:
        self.ready_ns = time.monotonic_ns()

    def alive(self) -> None:
        self.alive_at.append(time.monotonic())


class Plant:
    """`start` begins the service in a thread of this process, `stop` ends it. Frames are made.SIDE squares."""

    def __init__(self, run_dir: Path, name: str, *, threads: int = 1, side: int = made.SIDE) -> None:
        self.folder = run_dir
        self.station = Station(
            name=name,
            data_dir=run_dir / "data",
            run_dir=run_dir / "run",
            shm_dir=run_dir,
            camera=(Camera(name="top", kind="virtual", width=side, height=side, triggered=True, slots=SLOTS),),
            inference=Inference(threads=threads),
        )
        self.side = side
        self.station.data_dir.mkdir()
        self.bus = Bus(self.station.run_dir)
        self.reports = self.bus.puller(topics.REPORTS)
        self.line = self.bus.publisher(topics.LINE)
        self.frames = self.bus.publisher(topics.FRAMES, "top")
        self.leases = self.bus.puller(topics.LEASES, "top")
        self.status = self.bus.subscriber(topics.STATUS, "inference")
        self.notifier, self._stop = CountingNotifier(), Stop()
        self._thread: threading.Thread | None = None
        self.error: BaseException | None = None
        self.epoch, self.seq = 0, 0
        self.ring = self._ring()

    def _ring(self) -> RingWriter:
        self.epoch += 1
        spec = RingSpec(
            station=self.station.name,
            camera="top",
            epoch=self.epoch,
            slots=SLOTS,
            height=self.side,
            width=self.side,
            channels=3,
        )
        return RingWriter.create(self.folder, spec)

    def new_epoch(self) -> None:
        """Capture was started anew."""
        self.ring.close()
        self.seq = 0
        self.ring = self._ring()

    def add_recipe(self, content: bytes | None = None, *, name: str = "grey", **changes: Any) -> RecipeRef:
        package = made.package(self.station.models_dir, content, name=name, golden=made.GOLDEN, **changes)
        return self.add(made.recipe(made.view((made.check(package),), locate=made.whole(self.side, self.side))))

    def add(self, recipe: Recipe) -> RecipeRef:
        store = StationStore(self.station.data_dir / "station.db", clock=ManualClock())
        try:
            return store.add_recipe(recipe)
        finally:
            store.close()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="inference")
        self._thread.start()

    def _run(self) -> None:
        try:
            main(self.station, self._stop, self.notifier)
        except BaseException as error:  # noqa: BLE001 - shown by the test that waits for something else
            self.error = error

    def stop(self) -> None:
        self._stop.request()
        if self._thread is not None:
            self._thread.join(10)
            assert not self._thread.is_alive()
        self.ring.close()
        self.bus.close()

    def say(self, message: Message) -> None:
        self.line.send(message)

    def expose(self, picture: Pixels, *, slot: int | None = None) -> FrameReady:
        """Into the ring, not yet announced."""
        self.seq += 1
        place = self.seq % SLOTS if slot is None else slot
        self.ring.begin(place)[:] = picture
        now_ns = time.monotonic_ns()
        generation = self.ring.commit(place, seq=self.seq, exposed_at_ns=now_ns)
        ref = FrameRef(
            camera="top",
            epoch=self.epoch,
            slot=place,
            generation=generation,
            seq=self.seq,
            exposed_at_ns=now_ns,
            error_ns=MS,
        )
        height, width, channels = self.ring.spec.shape
        return FrameReady(frame=ref, height=height, width=width, channels=channels)

    def expect(self, n: int, ref: RecipeRef, at_ns: int, *, cutoff_ms: float = 5000) -> Expect:
        return Expect(
            part=PartId(station=self.station.name, epoch=1, n=n),
            view="top",
            recipe=ref,
            not_before_ns=at_ns - 20 * MS,
            not_after_ns=at_ns + 60 * MS,
            cutoff_ns=at_ns + int(cutoff_ms * MS),
        )

    def pass_part(self, n: int, ref: RecipeRef, picture: Pixels, *, cutoff_ms: float = 5000) -> Expect:
        ready = self.expose(picture)
        expect = self.expect(n, ref, ready.frame.exposed_at_ns, cutoff_ms=cutoff_ms)
        self.say(expect)
        self.frames.send(ready)
        return expect

    def run_recipe(self, ref: RecipeRef) -> LineState:
        """Make it the active one, repeated as the line does, until the service has loaded it."""
        said = state(active=ref)
        until = time.monotonic() + 10
        while True:
            self.say(said)
            report = self.next_status()
            if report.state == "ready" and self.notifier.ready_ns and self._heard(report):
                return said
            assert time.monotonic() < until, f"{report.state}: {report.alarms}"

    def _heard(self, report: Status) -> bool:
        """Ready because the recipe is there, not because nothing was asked for yet."""
        return report.counters["recipes_loaded"] > 0

    def next_status(self) -> Status:
        report = self.status.receive(5000)
        assert isinstance(report, Status), self.error
        for later in self.status.drain():
            assert isinstance(later, Status)
            report = later
        return report

    def report(self, kind: type, timeout_ms: int = 5000) -> Any:
        """The next report of that kind; others are passed over."""
        until = time.monotonic() + timeout_ms / 1000
        while True:
            message = self.reports.receive(max(0, int((until - time.monotonic()) * 1000)))
            assert message is not None, f"no {kind.__name__}; service: {self.error}"
            if isinstance(message, kind):
                return message

    def judged(self, n: int) -> Result:
        """The result of part n, acknowledged as the line does when it is durable."""
        while True:
            result = self.report(Judged).result
            if result.part.n == n:
                self.say(recorded(result))
                return result

    def next_leases(self, count: int) -> list[tuple[int, str]]:
        """(seq, state) of the next leases."""
        found = []
        for _ in range(count):
            lease = self.leases.receive(5000)
            assert isinstance(lease, Lease)
            found.append((lease.seq, lease.state))
        return found

    def wait_for(self, done: Callable[[Status], bool]) -> Status:
        until = time.monotonic() + 8
        while True:
            report = self.next_status()
            if done(report):
                return report
            assert time.monotonic() < until, report


def recorded(result: Result) -> Recorded:
    return Recorded(
        row=result.part.n,
        part=result.part,
        verdict=result.verdict,
        reasons=result.reasons,
        results=(result,),
        trigger_ns=SECOND,
        purpose=Purpose.PRODUCTION,
        lot="",
        acted=True,
    )
