"""The commit thread: whatever is queued becomes one transaction; then, and only then, the gate hears of an OK.

Queue: `QUEUE` entries for new triggers; one that finds no room is not accepted: the line asks `has_room`, counts it,
and then accepts none (an outage, permit off). What follows an accepted trigger always finds room: it is bounded by the
parts in flight. When the disk cannot keep up, parts are rejected, as their OK is not durable in time. On a full disk
what belongs to recorded parts is written from the reserve; the rest is kept and tried again until room is back.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge import log
from edge.bus.wire import QueueState
from edge.clock import SECOND, Clock
from edge.domain.ledger import Alive, Entry, GateRecord, LineMemory, PartRecord, TriggerRecord
from edge.domain.part import PartId
from edge.domain.verdict import ReasonCode, Verdict
from edge.errors import EdgeError, StoreFull
from edge.line.gate_thread import Allow, Progress
from edge.line.jitter import Jitter

QUEUE = 4000
BATCH = 2000  # entries in one transaction
_RETRY_S = 0.5
_IDLE_S = 0.25  # what is in no hurry waits no longer
_TOP_UP_NS = 2 * SECOND  # between two looks at the reserve, when nothing waits
_PRUNE_NS = 60 * SECOND
_PRUNED = 1000  # records of a kind in one round: more than the fastest line records in a minute

_log = log.get(__name__)


class EpochStart(Protocol):
    """What a new epoch finds. outage_from_ns: the last alive mark, on this boot's clock."""

    @property
    def epoch(self) -> int: ...
    @property
    def closed_parts(self) -> object: ...
    @property
    def outage_from_ns(self) -> int | None: ...
    @property
    def memory(self) -> LineMemory | None: ...
    @property
    def unclean(self) -> bool: ...


class Ledger(Protocol):
    """What the line needs of `edge.store.ledger.LedgerWriter`. All calls come from the commit thread."""

    def begin_epoch(self, *, boot_id: str, now_ns: int, wall: str) -> EpochStart: ...

    def commit(self, entries: Sequence[Entry]) -> Mapping[PartId, int]:
        """Durable on return. StoreFull when there is no room: nothing of it was written."""

    def top_up(self) -> bool:
        """Refill the reserve a little."""

    def prune(self, *, keep_ns: int | None, max_parts: int | None, limit: int = 500) -> int:
        """Retention: remove some of the oldest records."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """These entries are durable; rows of the parts' records. then: what the main loop does next."""

    entries: tuple[Entry, ...]
    rows: dict[PartId, int]
    then: Callable[[], None] | None = None


@dataclass(slots=True)
class CommitStats:
    duration: Jitter = field(default_factory=Jitter)
    commits: int = 0


@dataclass(frozen=True, slots=True)
class _Job:
    entries: tuple[Entry, ...]
    then: Callable[[], None] | None = None


class Committer:
    """`start` waits for the epoch; `put` and `done` belong to the main thread; `close` commits what is queued."""

    def __init__(
        self,
        *,
        open_ledger: Callable[[], Ledger],
        progress: Progress,
        clock: Clock,
        wake_fd: int,
        boot_id: str,
        keep_ns: int | None = None,
        max_parts: int | None = None,
    ) -> None:
        """keep_ns: how long records stay, in the line's working time; None: for ever. max_parts: so many at most."""
        self._open = open_ledger
        self._progress = progress
        self._clock = clock
        self._wake_fd = wake_fd
        self._boot_id = boot_id
        self._keep_ns, self._max_parts = keep_ns, max_parts
        self._top_up_ns = self._prune_ns = 0
        self._allow: Callable[[Allow], object] = _nobody
        self._changed = threading.Condition()
        self._jobs: deque[_Job] = deque()
        self._kept: list[_Job] = []  # not written yet: the disk is full
        self._done: deque[Committed] = deque()
        self._depth = 0
        self._urgent = False
        self._start: EpochStart | None = None
        self._started = threading.Event()
        self._ending = False
        self.full = False
        self.error: EdgeError | None = None
        self.stats = CommitStats()
        self._thread = threading.Thread(target=self._run, name="commit", daemon=True)

    def start(self, timeout_s: float = 10.0) -> EpochStart:
        """Open the ledger and begin the epoch, durably. The store's errors are raised here."""
        self._thread.start()
        self._started.wait(timeout_s)
        if self.error is not None:
            raise self.error
        if self._start is None:
            raise StoreFull("the ledger did not open in time", hint="see whether the disk works")
        return self._start

    def connect(self, allow: Callable[[Allow], object]) -> None:
        """Who hears of durable OKs."""
        self._allow = allow

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    @property
    def depth(self) -> int:
        return self._depth

    def has_room(self) -> bool:
        """Whether another trigger can be accepted."""
        return not self.full and self._depth < QUEUE

    def put(self, *entries: Entry, then: Callable[[], None] | None = None, soon: bool = True) -> None:
        """Queue entries as one piece; never waits. Ask `has_room` before a new trigger.

        soon: commit at once. Otherwise with whatever comes next, within a quarter of a second: each commit is a write
        to the disk, and an SD card has only so many.
        """
        with self._changed:
            self._jobs.append(_Job(entries, then))
            self._depth += len(entries)
            if soon:
                self._urgent = True
                self._changed.notify()

    def done(self) -> list[Committed]:
        done: list[Committed] = []
        while self._done:
            done.append(self._done.popleft())
        return done

    def queues(self) -> tuple[QueueState, ...]:
        return (QueueState(name="commits", size=QUEUE, depth=self._depth),)

    def close(self, timeout_s: float = 1.5) -> None:
        """Commit what is queued if that works, close the ledger, end."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    # --- the thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        ledger: Ledger | None = None
        try:
            ledger = self._open()
            wall = self._clock.wall().isoformat()
            self._start = ledger.begin_epoch(boot_id=self._boot_id, now_ns=self._clock.now_ns(), wall=wall)
            self._started.set()
            while self._work(ledger):
                continue
        except EdgeError as error:  # carried to the main thread, which ends the process with it
            self.error = error
        finally:
            self._progress.commit_since_ns = 0
            self._started.set()
            if ledger is not None:
                _close(ledger)
            os.eventfd_write(self._wake_fd, 1)

    def _work(self, ledger: Ledger) -> bool:
        """One group. False: all is done and the thread ends."""
        with self._changed:
            if not self._urgent and not self._ending:
                self._changed.wait(_RETRY_S if self._kept else _IDLE_S)
            jobs = self._kept + self._take()
            self._kept = []
            ending = self._ending
        if jobs:
            self._write(ledger, jobs, ending=ending)
        if not (ending or self._jobs or self._kept):
            self._tidy(ledger)
        return not ending or bool(self._jobs)

    def _tidy(self, ledger: Ledger) -> None:
        now_ns = self._clock.now_ns()
        if now_ns >= self._top_up_ns:
            self._top_up_ns = now_ns + _TOP_UP_NS
            with self._at_work():
                ledger.top_up()
        if (self._keep_ns or self._max_parts) and now_ns >= self._prune_ns:
            self._prune_ns = now_ns + _PRUNE_NS
            with self._at_work(), contextlib.suppress(StoreFull):  # a full disk: what is old stays a little longer
                ledger.prune(keep_ns=self._keep_ns, max_parts=self._max_parts, limit=_PRUNED)

    def _take(self) -> list[_Job]:
        jobs: list[_Job] = []
        entries = 0
        while self._jobs and entries < BATCH:
            job = self._jobs.popleft()
            entries += len(job.entries)
            jobs.append(job)
        self._urgent = bool(self._jobs)
        return jobs

    def _write(self, ledger: Ledger, jobs: list[_Job], *, ending: bool) -> None:
        try:
            self._commit(ledger, jobs)
            self._now_full(False)
        except StoreFull as error:
            if not self.full:
                _log.error("%s", error)
            self._now_full(True)
            self._write_what_fits(ledger, jobs)
            if not ending:
                self._rest_before_retry()

    def _write_what_fits(self, ledger: Ledger, jobs: list[_Job]) -> None:
        """What belongs to recorded parts may use the last of the reserve; new triggers and theirs wait."""
        new = {e.part for job in jobs for e in job.entries if isinstance(e, TriggerRecord)}
        now: list[_Job] = []
        later: list[_Job] = []
        for job in jobs:
            (later if any(_waits(entry, new) for entry in job.entries) else now).append(job)
        self._kept = later
        if not now:
            return
        try:
            self._commit(ledger, now)
        except StoreFull:
            self._kept = jobs

    def _commit(self, ledger: Ledger, jobs: list[_Job]) -> None:
        entries = [entry for job in jobs for entry in job.entries]
        began_ns = self._clock.now_ns()
        with self._at_work():
            rows = ledger.commit(entries)
        self.stats.duration.add(self._clock.now_ns() - began_ns)
        self.stats.commits += 1
        for entry in entries:
            if isinstance(entry, PartRecord) and may_pass(entry):
                self._allow(Allow(part=entry.part))
        self._depth_less(len(entries))
        for job in jobs:
            mine = {e.part: rows[e.part] for e in job.entries if isinstance(e, PartRecord)}
            self._done.append(Committed(entries=job.entries, rows=mine, then=job.then))
        os.eventfd_write(self._wake_fd, 1)

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        """While the disk is at it the gate's thread watches the time: a disk that hangs must be noticed."""
        self._progress.commit_since_ns = self._clock.now_ns()
        try:
            yield
        finally:
            self._progress.commit_since_ns = 0

    def _depth_less(self, count: int) -> None:
        with self._changed:
            self._depth -= count

    def _now_full(self, full: bool) -> None:
        if self.full is not full:
            self.full = full
            os.eventfd_write(self._wake_fd, 1)

    def _rest_before_retry(self) -> None:
        with self._changed:
            if not self._ending:
                self._changed.wait(_RETRY_S)


def may_pass(record: PartRecord) -> bool:
    """Whether the gate shall let this part through: an OK, or a recorded bypass."""
    if record.verdict is Verdict.OK:
        return True
    bypassed = tuple(reason.code for reason in record.reasons) == (ReasonCode.BYPASS,)  # only the line gives that one
    return record.verdict is Verdict.NOT_INSPECTED and bypassed


def _waits(entry: Entry, new: set[PartId]) -> bool:
    """An alive mark waits too: it would claim that the triggers that wait are recorded."""
    if isinstance(entry, TriggerRecord | PartRecord | GateRecord):
        return entry.part in new
    return isinstance(entry, Alive) and bool(new)


def _close(ledger: Ledger) -> None:
    try:
        ledger.close()
    except EdgeError as error:
        _log.error("the ledger could not be closed: %s", error)


def _nobody(message: Allow) -> None:
    del message
