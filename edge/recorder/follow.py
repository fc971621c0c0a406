"""Follows the ledger: copies frames out of the rings, lets their slots go, then encodes and stores.

Works in batches of few copies. All of a batch is recorded in one transaction with the new position; a part that is
done again after a crash finds its own name again. Without evidence.db frames are released all the same.
"""

from __future__ import annotations

import errno
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge import log
from edge.bus.ring import Pixels
from edge.bus.wire import Lease
from edge.clock import MS, Clock
from edge.domain.frame import FrameRef
from edge.domain.ledger import StoredPart
from edge.domain.part import Purpose
from edge.domain.result import Result
from edge.errors import StoreError
from edge.recorder import evidence
from edge.recorder.imagefile import ImageFolder, Written, encode_jpeg, encode_png
from edge.recorder.rings import Rings
from edge.settings.station import Recorder
from edge.store.evidence import EvidenceStore, Image, Missed
from edge.store.ledger_reader import LedgerReader

BATCH_ROWS = 64
MAX_COPIES = 4  # frames held in memory; each is freed as soon as it is encoded
MAX_UNTOLD = 1000  # misses remembered for an evidence.db that is away

_log = log.get(__name__)
Release = Callable[[str, Lease], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A wanted view: its pixels, or what a run before this one wrote of it."""

    part: StoredPart
    result: Result
    path: str
    pixels: Pixels | None
    written: Written | None


class Follower:
    """position: the last row done with. newest: the highest row heard of. unwritable: the last write failed."""

    def __init__(self, settings: Recorder, folder: ImageFolder, rings: Rings, release: Release, clock: Clock) -> None:
        self._settings = settings
        self._folder = folder
        self._rings = rings
        self._release = release
        self._clock = clock
        self._untold: deque[Missed] = deque(maxlen=MAX_UNTOLD)
        self.position = 0
        self.newest = 0
        self.stored = 0
        self.stored_bytes = 0
        self.missed: Counter[str] = Counter()
        self.encode_ms: deque[float] = deque(maxlen=200)
        self.unwritable = ""

    @property
    def backlog(self) -> int:
        return max(0, self.newest - self.position)

    def resume(self, store: EvidenceStore) -> None:
        """An evidence.db was opened: go on where it ends, and tell it what happened while it was away."""
        if store.position() < self.position or self._untold:
            store.record(position=self.position, missed=tuple(self._untold))
        self._untold.clear()
        self.position = max(self.position, store.position())

    def begin_anew(self) -> None:
        """Another ledger is followed from its beginning: what is known of the rows of the old one counts no more."""
        self.position = self.newest = 0
        self._untold.clear()

    def step(self, ledger: LedgerReader, store: EvidenceStore | None) -> int:
        """Do the next few rows; how many. StoreError when the ledger or evidence.db fails; frames were released."""
        parts = ledger.parts_after(self.position, BATCH_ROWS)
        if not parts:
            self.newest = self.position
            return 0
        self.newest = max(self.newest, parts[-1].row)
        jobs: list[_Job] = []
        missed: list[Missed] = []
        row = self.position
        for part in parts:
            self._take(part, store is not None, jobs, missed)
            row = part.row
            if len(jobs) >= MAX_COPIES or (jobs and self._lossless(part)):  # those take seconds when they are large
                break
        images = [image for job in jobs if (image := self._store(job, missed)) is not None]
        self._record(store, row, images, missed)
        return sum(1 for part in parts if part.row <= row)

    def _take(self, part: StoredPart, stores: bool, jobs: list[_Job], missed: list[Missed]) -> None:
        """Copy what is wanted and let every slot of the part go."""
        proof = part.trigger.purpose is Purpose.CHALLENGE  # most of all one that was called good
        wanted = proof or evidence.wanted(part.record.verdict, part.row, self._settings.ok_every)
        for result in part.record.results:
            if result.frame is None:
                continue
            if wanted:
                taken = self._copy(part, result, result.frame, stores)
                if isinstance(taken, str):
                    self._miss(part, taken, missed)
                else:
                    jobs.append(taken)
            self._let_go(result.frame)

    def _copy(self, part: StoredPart, result: Result, frame: FrameRef, stores: bool) -> _Job | str:
        why = self._shed(part) if stores else evidence.STORE_DOWN
        if why is not None:
            return why
        path = evidence.image_path(part, result.view, lossless=self._lossless(part))
        pixels = self._rings.copy(frame)
        if not isinstance(pixels, str):
            return _Job(part=part, result=result, path=path, pixels=pixels, written=None)
        written = self._folder.found(path)
        if written is None:
            return pixels
        return _Job(part=part, result=result, path=path, pixels=None, written=written)

    def _lossless(self, part: StoredPart) -> bool:
        return evidence.lossless(part, self._settings.ok_lossless)

    def _shed(self, part: StoredPart) -> str | None:
        try:
            free = self._folder.free_bytes()
        except OSError:
            return evidence.UNWRITABLE
        behind = self.newest - part.row
        room = evidence.Room(free_bytes=free, min_free_bytes=self._settings.min_free_mb << 20, backlog=behind)
        return evidence.shed(part.record.verdict, room)

    def _let_go(self, frame: FrameRef) -> None:
        lease = Lease(epoch=frame.epoch, slot=frame.slot, generation=frame.generation, seq=frame.seq, state="done")
        self._release(frame.camera, lease)

    def _miss(self, part: StoredPart, why: str, missed: list[Missed]) -> None:
        self.missed[why] += 1
        missed.append(Missed(part=part.record.part, row=part.row, why=why))

    def _store(self, job: _Job, missed: list[Missed]) -> Image | None:
        try:
            written = job.written or self._write(job)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            self._miss(job.part, evidence.DISK_FULL if full else evidence.UNWRITABLE, missed)
            self.unwritable = "" if full else str(error)
            return None
        except StoreError as error:
            _log.warning("%s: %s", job.path, error)
            self._miss(job.part, evidence.UNWRITABLE, missed)
            return None
        self.unwritable = ""
        self.stored += 1
        self.stored_bytes += written.bytes
        return self._image(job, written)

    def _write(self, job: _Job) -> Written:
        assert job.pixels is not None
        height, width = job.pixels.shape[:2]
        before_ns = self._clock.now_ns()
        if self._lossless(job.part):
            data = encode_png(job.pixels)
        else:
            data = encode_jpeg(job.pixels, self._settings.jpeg_quality)
        self.encode_ms.append((self._clock.now_ns() - before_ns) / MS)
        overlay = evidence.overlay(job.part, job.result, width=width, height=height)
        return Written(bytes=self._folder.write(job.path, data, overlay), width=width, height=height)

    def _image(self, job: _Job, written: Written) -> Image:
        return Image(
            part=job.part.record.part,
            row=job.part.row,
            view=job.result.view,
            kind="frame",
            path=job.path,
            bytes=written.bytes,
            width=written.width,
            height=written.height,
            verdict=job.part.record.verdict,
            created_wall=self._clock.wall().isoformat(),
            created_ns=self._clock.now_ns(),
        )

    def _record(self, store: EvidenceStore | None, row: int, images: Sequence[Image], missed: Sequence[Missed]) -> None:
        """The position moves on even when evidence.db fails: the frames are released and will not come back."""
        self.position = row
        if store is None:
            self._untold.extend(missed)
            return
        try:
            store.record(position=row, images=images, missed=missed)
        except StoreError:
            for image in images:
                self.missed[evidence.STORE_DOWN] += 1
                self._untold.append(Missed(part=image.part, row=image.row, why=evidence.STORE_DOWN))
                self._forget_file(image)
            self._untold.extend(missed)
            raise

    def _forget_file(self, image: Image) -> None:
        try:
            self._folder.remove(image.path)
        except OSError as error:
            _log.warning("%s stays without a row: %s", image.path, error)
