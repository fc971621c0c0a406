"""`edge recorder`: evidence at low priority. Its death never stops inspection, and what it missed is known."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection
from typing import Generic, Protocol, TypeVar

from edge import log
from edge.bus import topics, wire
from edge.bus.sockets import Bus, Poller, Pusher, Receiver
from edge.clock import MS, SECOND, Clock, SystemClock
from edge.errors import StoreError
from edge.recorder import allegiance, evidence
from edge.recorder.follow import Follower
from edge.recorder.imagefile import ImageFolder
from edge.recorder.orphans import OrphanSweep
from edge.recorder.retention import Retention, candidates
from edge.recorder.rings import Rings
from edge.service import FileLock, Notifier, Stop, private_directory
from edge.settings.station import Station
from edge.store.evidence import EvidenceStore
from edge.store.ledger_reader import LedgerReader
from edge.store.station import StationReader

WAIT_MS = 100
GATHER_S = 0.02  # after a wake-up: what comes close together is done in one go, which takes less from inspection
STATUS_NS = 500 * MS
TIDY_NS = SECOND
PATIENCE_S = 0.1  # readers: shorter than the watchdog
BEHIND = evidence.BACKLOG_SHEDS_OK
KEEP_MISSED_ROWS = 100_000  # of the ledger; the counts by reason stay for ever
_MAX_PAUSE_NS = 30 * SECOND

_log = log.get(__name__)


class _Closes(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closes)


class Reopened(Generic[T]):
    """A database that is opened when it can be, and again, after growing pauses, when it failed."""

    def __init__(self, make: Callable[[], T], clock: Clock) -> None:
        self._make = make
        self._clock = clock
        self._pause_ns = 0
        self._try_at_ns = 0
        self._open: T | None = None
        self.trouble: StoreError | None = None

    def get(self) -> tuple[T | None, bool]:
        """The database or None, and whether it was opened just now."""
        if self._open is not None or self._clock.now_ns() < self._try_at_ns:
            return self._open, False
        try:
            self._open = self._make()
        except StoreError as error:
            self.failed(error)
        return self._open, self._open is not None

    def works(self) -> None:
        self.trouble = None
        self._pause_ns = 0

    def failed(self, error: StoreError) -> None:
        self.close()
        now_ns = self._clock.now_ns()
        if self.trouble is None:
            _log.warning("%s", error)
        self.trouble = error
        self._pause_ns = min(_MAX_PAUSE_NS, self._pause_ns * 2 or SECOND)
        self._try_at_ns = now_ns + self._pause_ns

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


class Recorder:
    """One turn of the loop at a time; `main` runs it. Everything that touches the disk is in here."""

    def __init__(self, station: Station, release: Callable[[str, wire.Lease], object], clock: Clock) -> None:
        self._station = station
        self._clock = clock
        self.folder = ImageFolder(station.data_dir / "images")
        self._rings = Rings(station.shm_dir, station.name)
        self.follower = Follower(station.recorder, self.folder, self._rings, release, clock)
        self.retention = Retention(station.recorder, self.folder, clock)
        self.orphans = OrphanSweep(self.folder)
        data = station.data_dir
        self.ledger = Reopened(lambda: LedgerReader(data / "ledger.db", patience_s=PATIENCE_S), clock)
        self.evidence = Reopened(self._open_evidence, clock)
        self._labels = Reopened(lambda: StationReader(data / "station.db", patience_s=PATIENCE_S), clock)
        self._tidy_at_ns = 0
        self._belongs = False  # the evidence is of this ledger, as far as both are known
        self._ledger_file = 0
        self._set_aside = ""
        self._alarm_since_ns: dict[str, int] = {}

    def _open_evidence(self) -> EvidenceStore:
        try:
            self._station.data_dir.mkdir(parents=True, exist_ok=True)
            self.folder.prepare()
        except OSError as error:
            raise StoreError(f"images cannot be written: {error}", hint="check data_dir and who owns it") from error
        return EvidenceStore(self._station.data_dir / "evidence.db")

    def turn(self) -> bool:
        """True when there may be more to do at once."""
        store = self._store()
        ledger = self._ledger()
        done = 0
        if ledger is not None:
            if store is not None and not self._agree(ledger, store):
                return False
            done = self._follow(ledger, store)
            if done == 0 and store is not None and self._belongs:
                done = self._sweep(store)
        if store is not None and self._clock.now_ns() >= self._tidy_at_ns:
            done += self._tidy(store)
        return done > 0

    def _ledger(self) -> LedgerReader | None:
        """The ledger, opened again when another file lies at its place."""
        with contextlib.suppress(OSError):
            file = (self._station.data_dir / "ledger.db").stat().st_ino
            if file != self._ledger_file:
                self._ledger_file = file
                self.ledger.close()
        ledger, fresh = self.ledger.get()
        self._belongs = self._belongs and not fresh
        return ledger

    def _agree(self, ledger: LedgerReader, store: EvidenceStore) -> bool:
        """Whether the rows of one are the rows of the other; evidence of another ledger is set aside."""
        if self._belongs:
            return True
        try:
            facts = allegiance.LedgerFacts.of(ledger)
        except StoreError as error:
            self.ledger.failed(error)
            return False
        if not facts.identity:
            return True  # nothing to follow yet
        try:
            self._belongs = allegiance.follows(store, facts)
        except StoreError as error:
            self.evidence.failed(error)
            return False
        if not self._belongs:
            self._put_aside()
        return self._belongs

    def _put_aside(self) -> None:
        self.evidence.close()
        try:
            target = allegiance.set_aside(self._station.data_dir, self.folder.root)
        except OSError as error:
            hint = "move evidence.db and images out of data_dir, or put the old ledger back"
            self.evidence.failed(StoreError(f"this evidence is of another ledger: {error}", hint=hint))
            return
        self._set_aside = target.name
        self.follower.begin_anew()

    def _sweep(self, store: EvidenceStore) -> int:
        try:
            return self.orphans.step(store)
        except StoreError as error:
            self.evidence.failed(error)
        except OSError as error:
            _log.warning("orphans: %s", error)
        return 0

    def _store(self) -> EvidenceStore | None:
        store, fresh = self.evidence.get()
        if store is not None and fresh:
            self._belongs = False
            try:
                self.follower.resume(store)
            except StoreError as error:
                self.evidence.failed(error)
                return None
            self.evidence.works()
        return store

    def _follow(self, ledger: LedgerReader, store: EvidenceStore | None) -> int:
        before = self.follower.position
        try:
            done = self.follower.step(ledger, store)
        except StoreError as error:
            # The position moves just before evidence.db is asked: it tells which of the two failed.
            (self.ledger if self.follower.position == before else self.evidence).failed(error)
            return 0
        self.ledger.works()
        return done

    def _tidy(self, store: EvidenceStore) -> int:
        try:
            gone = self.retention.step(store, self._labelled(store), self.folder.free_bytes())
            store.forget_missed(below_row=self.follower.position - KEEP_MISSED_ROWS)
        except StoreError as error:
            self.evidence.failed(error)
            return 0
        except OSError as error:
            _log.warning("retention: %s", error)
            gone = 0
        if gone == 0:
            self._tidy_at_ns = self._clock.now_ns() + TIDY_NS
        return gone

    def _labelled(self, store: EvidenceStore) -> Collection[int]:
        """Rows that a person has labelled, of those that could go. None are known while station.db is away."""
        labels, _ = self._labels.get()
        if labels is None:
            return ()
        try:
            found = labels.labels_for([image.row for image in candidates(store)])
        except StoreError as error:
            self._labels.failed(error)
            return ()
        self._labels.works()
        return frozenset(found)

    def alarms(self) -> tuple[wire.Alarm, ...]:
        """disk_low, recorder_behind, evidence_unavailable, evidence_set_aside (since the start, where it lies),
        ledger_unavailable, images_unwritable."""
        now_ns, found = self._clock.now_ns(), self._troubles()
        self._alarm_since_ns = {code: self._alarm_since_ns.get(code, now_ns) for code in found}
        return tuple(
            wire.Alarm(code=code, since_ns=self._alarm_since_ns[code], detail=detail) for code, detail in found.items()
        )

    def _troubles(self) -> dict[str, str]:
        found = {}
        with contextlib.suppress(OSError):
            free_mb = self.folder.free_bytes() >> 20
            if free_mb < self._station.recorder.min_free_mb:
                found["disk_low"] = f"{free_mb} MB"
        if self.follower.backlog >= BEHIND:
            found["recorder_behind"] = str(self.follower.backlog)
        if self.evidence.trouble is not None:
            found["evidence_unavailable"] = self.evidence.trouble.message
        if self._set_aside:
            found["evidence_set_aside"] = self._set_aside
        if self.ledger.trouble is not None:
            found["ledger_unavailable"] = self.ledger.trouble.message
        if self.follower.unwritable:
            found["images_unwritable"] = self.follower.unwritable
        return found

    def counters(self) -> dict[str, float]:
        """Since the start; missed_* also counts what was shed (shed_*: by choice, because of room)."""
        follower = self.follower
        counters: dict[str, float] = {
            "stored": follower.stored,
            "bytes": follower.stored_bytes,
            "removed": self.retention.removed,
            "orphans": self.orphans.removed,
            "position": follower.position,
        }
        for why in evidence.WHYS:
            kind = "shed" if why in (evidence.DISK_FULL, evidence.BACKLOG) else "missed"
            counters[f"{kind}_{why}"] = follower.missed[why]
        times = sorted(follower.encode_ms)
        if times:
            counters["encode_ms_p50"] = times[len(times) // 2]
            counters["encode_ms_p99"] = times[len(times) * 99 // 100]
        return counters

    def close(self) -> None:
        self._rings.close()
        self.ledger.close()
        self.evidence.close()
        self._labels.close()


def main(station: Station, stop: Stop, notifier: Notifier) -> None:
    """Run until stopped. Each turn is at most a few images long, so that the watchdog is fed in time."""
    _step_back()
    clock = SystemClock()
    lock = FileLock(private_directory(station.run_dir) / "recorder.lock")
    lock.acquire("edge recorder")
    with contextlib.ExitStack() as closing:
        closing.callback(lock.release)
        bus = closing.enter_context(Bus(station.run_dir))
        pushers = {camera.name: bus.pusher(topics.LEASES, camera.name) for camera in station.camera}
        recorder = Recorder(station, lambda camera, lease: _send(pushers, camera, lease), clock)
        closing.callback(recorder.close)
        _loop(recorder, bus, pushers, stop, notifier, clock)


def _loop(
    recorder: Recorder, bus: Bus, pushers: dict[str, Pusher], stop: Stop, notifier: Notifier, clock: Clock
) -> None:
    line = bus.subscriber(topics.LINE)
    status = bus.publisher(topics.STATUS, "recorder")
    poller = Poller(line)
    started_ns, status_at_ns, busy = clock.now_ns(), 0, False
    notifier.ready()
    while not stop.requested:
        if poller.wait(0 if busy else WAIT_MS) and not busy:
            stop.wait(GATHER_S)
        for message in line.drain():  # a wake-up only; the ledger is the record
            if isinstance(message, wire.Recorded):
                recorder.follower.newest = max(recorder.follower.newest, message.row)
        busy = recorder.turn()
        notifier.alive()
        if clock.now_ns() >= status_at_ns:
            status_at_ns = clock.now_ns() + STATUS_NS
            status.send(_status(recorder, line, pushers, started_ns, clock))


def _send(pushers: dict[str, Pusher], camera: str, lease: wire.Lease) -> None:
    """A camera that is no longer in the station file has nobody to tell."""
    if camera in pushers:
        pushers[camera].send(lease)


def _status(
    recorder: Recorder, line: Receiver, pushers: dict[str, Pusher], started_ns: int, clock: Clock
) -> wire.Status:
    backlog = wire.QueueState(name="backlog", size=BEHIND, depth=recorder.follower.backlog)
    alarms = recorder.alarms()
    return wire.Status(
        service="recorder",
        pid=os.getpid(),
        started_ns=started_ns,
        at_ns=clock.now_ns(),
        state="degraded" if alarms else "ready",
        queues=(backlog, line.queue_state(), *(pusher.queue_state() for pusher in pushers.values())),
        counters=recorder.counters(),
        alarms=alarms,
    )


def _step_back() -> None:
    """Inspection comes first: nice(2), and SCHED_BATCH of sched(7). A kernel that refuses leaves us as we were."""
    with contextlib.suppress(OSError):
        os.nice(10)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
