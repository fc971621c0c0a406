"""`edge capture CAMERA`: drives one camera, puts its pixels in shared memory and announces them. Writes nothing else.

One loop in one thread: read -> commit the slot -> FRAMES -> light barrier -> Seen. Reading never takes longer than
50 ms (and a decoding), so leases and acknowledgements are heard, and the watchdog is fed, from the same loop.

A camera that cannot be opened at the start ends the process with its error and hint; whoever started it tries again.
One that is lost later is said to be at once (`line` then drops the permit), and tried again by the loop itself.
"""

from __future__ import annotations

import contextlib
import zlib

from edge import log
from edge.bus import topics, wire
from edge.bus.ring import RingSpec, RingWriter, clean_stale
from edge.bus.slots import SlotPool
from edge.bus.sockets import Bus, Poller
from edge.capture.camera import Camera, Shot
from edge.capture.factory import make_camera
from edge.capture.feed import SlotFeed, patience
from edge.capture.outbox import SeenOutbox
from edge.capture.report import Reporter
from edge.capture.watch import SourceWatch
from edge.clock import MS, Clock, SystemClock, boot_id
from edge.domain.frame import FrameRef
from edge.errors import SourceError
from edge.service import FileLock, Notifier, Stop, private_directory
from edge.settings.station import Camera as CameraSettings
from edge.settings.station import Station

_log = log.get(__name__)
_READ_S = 0.05
_READ_ANXIOUS_S = 0.02  # while acknowledgements are awaited
_IDLE_MS = 50
_HELD_BACK_MS = 2
_STATUS_NS = 500 * MS
_MOST_IN_FLIGHT = 32  # parts that a recording shown as fast as possible may have under way
_GAPS = 2  # and it keeps its parts this many times the line's smallest gap apart


class CaptureService:
    """One camera at work. Built whole; `turn` does one round of 50 ms at most; `close` ends all of it.

    Errors when built: AlreadyRunning, SourceError (no such source), SettingsError (the light barrier), RingError.
    """

    def __init__(self, station: Station, camera_name: str, clock: Clock) -> None:
        settings = station.camera_named(camera_name)
        self._settings = settings
        self._clock = clock
        with contextlib.ExitStack() as building:
            lock = FileLock(private_directory(station.run_dir) / f"capture-{settings.name}.lock")
            lock.acquire(f"capture of camera {settings.name}")
            building.callback(lock.release)
            for path in clean_stale(station.shm_dir, station.name, settings.name):
                _log.info("removed %s, left by a capture that was killed", path)
            bus = building.enter_context(Bus(station.run_dir))
            self._camera = self._opened_camera(station, bus)
            building.callback(self._camera.close)
            writer = RingWriter.create(station.shm_dir, _ring_spec(station, settings, _epoch(clock)))
            building.callback(writer.close)
            self._build(station, bus, writer)
            self._stack = building.pop_all()
        self._watch.opened(clock.now_ns())

    def turn(self) -> None:
        now_ns = self._clock.now_ns()
        self._listen()
        if not self._watch.is_open:
            self._retry(now_ns)
        elif self._held_back(now_ns):
            self._watch.held_back(now_ns)
            self._poller.wait(_HELD_BACK_MS)
        else:
            self._shoot()
        self._outbox.turn(self._clock.now_ns())
        self._report()

    def close(self) -> None:
        self._send_status("stopping", self._clock.now_ns())
        self._stack.close()

    def _opened_camera(self, station: Station, bus: Bus) -> Camera:
        if self._settings.kind != "virtual" or self._settings.barrier is not None:
            import cv2  # not for the virtual camera alone: 30 MB

            cv2.setNumThreads(1)  # the other cores are for inference
        camera = make_camera(self._settings, station=station, bus=bus, clock=self._clock)
        camera.open()
        return camera

    def _build(self, station: Station, bus: Bus, writer: RingWriter) -> None:
        settings, clock, facts = self._settings, self._clock, self._camera.facts
        keep = patience(settings, station.line.max_travel_ms)
        pool = SlotPool(settings.slots, fresh_for_ns=keep.fresh_for_ns, matched_for_ns=keep.matched_for_ns)
        self._feed = SlotFeed(writer, pool, keep, clock)
        self._frames = bus.publisher(topics.FRAMES, settings.name)
        self._leases = bus.puller(topics.LEASES, settings.name)
        self._line = bus.subscriber(topics.LINE)
        self._reports = bus.pusher(topics.REPORTS)
        self._status = bus.publisher(topics.STATUS, f"capture-{settings.name}")
        self._poller = Poller(self._leases, self._line)
        self._outbox = SeenOutbox(self._reports.send)
        self._watch = SourceWatch(settings)
        self._post = None
        if settings.barrier is not None:
            from edge.capture.crossing import BarrierPost

            self._post = BarrierPost(settings.barrier.settings(), facts, clock)
        name = f"capture-{settings.name}"
        self._reporter = Reporter(name, self._camera, self._feed, self._outbox, self._watch, self._post, clock.now_ns())
        self._said, self._said_ns = "", 0
        self._gap_ns = round(_GAPS * station.line.min_gap_ms * MS)
        self._part_ns = 0  # when the last part was seen
        self._in_flight = 0

    def _listen(self) -> None:
        for message in self._leases.drain():
            if isinstance(message, wire.Lease):
                self._feed.lease(message)
        for message in self._line.drain():
            if isinstance(message, wire.SeenAck):
                self._outbox.acknowledged(message, self._settings.name)
            elif isinstance(message, wire.LineState):
                self._in_flight = message.in_flight

    def _held_back(self, now_ns: int) -> bool:
        """A recording that is shown as fast as parts can be judged waits for slots, for line and for the gap."""
        if not self._camera.facts.on_demand:
            return False
        under_way = self._in_flight + self._outbox.pending
        too_close = self._part_ns > 0 and now_ns - self._part_ns < self._gap_ns
        return under_way >= _MOST_IN_FLIGHT or too_close or not self._feed.spare(now_ns)

    def _shoot(self) -> None:
        timeout_s = _READ_ANXIOUS_S if self._outbox.pending else _READ_S
        try:
            shot = self._camera.read(self._feed.into, timeout_s)
        except SourceError as error:
            self._lose(error)
            return
        if shot is None:
            self._feed.give_up()
            return
        self._reporter.missed.frame(shot.driver_seq)
        frame = self._feed.publish(shot)
        if frame is not None:
            self._announce(shot, frame)

    def _announce(self, shot: Shot, frame: FrameRef) -> None:
        facts, now_ns = self._camera.facts, self._clock.now_ns()
        self._frames.send(wire.FrameReady(frame=frame, height=facts.height, width=facts.width, channels=facts.channels))
        self._watch.frame(now_ns)
        self._reporter.rate.frame(now_ns)
        if self._post is not None:
            for seen in self._post.feed(self._feed.last_pixels(), shot, frame):
                self._feed.claim(seen.frame)
                self._outbox.add(seen, self._clock.now_ns())
                self._part_ns = self._clock.now_ns()
            if facts.on_demand and self._post.health.taught:  # only a crossing claims: old ones need not lapse by time
                self._feed.unclaimed(frame.seq - self._settings.slots // 2)

    def _lose(self, error: SourceError) -> None:
        """Said at once, by `_report` in this same turn."""
        _log.error("%s", error)
        self._feed.give_up()
        self._camera.close()
        self._watch.failed(error, self._clock.now_ns())

    def _retry(self, now_ns: int) -> None:
        if not self._watch.retry_due(now_ns):
            self._poller.wait(_IDLE_MS)
            return
        try:
            self._camera.open()
        except SourceError as error:
            self._watch.failed(error, self._clock.now_ns())
            return
        _log.info("camera %s is back", self._settings.name)
        self._watch.opened(self._clock.now_ns())
        self._reporter.missed.restart()
        if self._post is not None:
            self._post.reset()

    def _report(self) -> None:
        now_ns = self._clock.now_ns()
        state = self._reporter.state(now_ns)
        if state != self._said or now_ns - self._said_ns >= _STATUS_NS:
            self._send_status(state, now_ns)

    def _send_status(self, state: str, now_ns: int) -> None:
        self._said, self._said_ns = state, now_ns
        ends = (self._frames, self._leases, self._line, self._reports)
        queues = tuple(end.queue_state() for end in ends)
        self._status.send(self._reporter.status(queues, now_ns, state))


def main(station: Station, camera_name: str, stop: Stop, notifier: Notifier) -> None:
    service = CaptureService(station, camera_name, SystemClock())
    try:
        notifier.ready()
        while not stop.requested:
            service.turn()
            notifier.alive()
    finally:
        service.close()


def _epoch(clock: Clock) -> int:
    """Names this start of capture: ms since boot, then 16 bits of the boot's id.

    Grows from start to start within a boot (the lock keeps two from starting in one millisecond); across boots it
    differs, by the start's ms and the boot's id, without trusting the wall clock and without writing anything.
    Under 2**53 for four years of uptime, so that browsers can count with it.
    """
    return (clock.now_ns() // MS) << 16 | zlib.crc32(boot_id().encode()) & 0xFFFF


def _ring_spec(station: Station, settings: CameraSettings, epoch: int) -> RingSpec:
    return RingSpec(
        station=station.name,
        camera=settings.name,
        epoch=epoch,
        slots=settings.slots,
        height=settings.height,
        width=settings.width,
        channels=settings.channels,
    )
