"""The file behind a ring: its layout, and how it is made, opened, locked and cleaned. Used through `edge.bus.ring`.

A file of our own in a tmpfs, `edge-<station>+<camera>+<epoch>.ring` ('+' cannot be in a name, so the file
name reads back in one way only). Not multiprocessing.shared_memory: in Python 3.11 it unlinks a segment
when a mere reader exits.

    0       header, 4096 bytes: magic, version, geometry, names (written once; the magic last)
    4096    one record of 64 bytes per slot (a cache line, so slots do not disturb each other):
            generation, seq, exposed_at_ns, each an unsigned 64-bit integer
    ...     pixels of slot 0, 1, ... each (height, width, channels) uint8, aligned to 64 KiB

The writer holds flock(LOCK_EX) on the file for life; the kernel drops it when the process dies, so a ring
whose lock can be taken is stale (`clean_stale`). flock belongs to the open file: a child forked (not
spawned) from capture would keep it.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from edge.bus.fence import Fence
from edge.domain.part import NAME_PATTERN, check_name
from edge.errors import RingError

MAX_RING_BYTES = 2 << 30
MAX_SLOTS = 256
MAX_SIDE_PX = 32_768
HEADER_BYTES = 4096
RECORD_WORDS = 8  # 64 bytes

_MAGIC = b"EDGERING"
_VERSION = 1
_HEADER = struct.Struct("<8sI4xQIIIIQ40s40s")
_ALIGN_BYTES = 65_536  # a multiple of every arm64 page size: 4, 16 (Pi 5) and 64 KiB
_LOCK_ATTEMPTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RingSpec:
    """A ring's name and geometry. Frames are uint8, (height, width, channels), channels 1 or 3.

    Errors: UsageError for a name, RingError for a size out of bounds.
    """

    station: str
    camera: str
    epoch: int
    slots: int
    height: int
    width: int
    channels: int

    def __post_init__(self) -> None:
        check_name(self.station, "station")
        check_name(self.camera, "camera")
        sides_fit = 0 < self.height <= MAX_SIDE_PX and 0 < self.width <= MAX_SIDE_PX
        if not (sides_fit and self.channels in (1, 3) and 0 < self.slots <= MAX_SLOTS):
            raise RingError(
                f"a ring of {self.slots} slots of {self.width}x{self.height}x{self.channels} cannot be",
                hint=f"1 to {MAX_SLOTS} slots, sides of 1 to {MAX_SIDE_PX} pixels, 1 or 3 channels",
            )
        if not 0 <= self.epoch < 2**63:
            raise RingError(f"{self.epoch} cannot be an epoch", hint="epochs count up from 0")
        if self.total_bytes > MAX_RING_BYTES:
            raise RingError(
                f"a ring of {self.total_bytes >> 20} MiB is too large",
                hint=f"fewer slots or smaller frames; the limit is {MAX_RING_BYTES >> 20} MiB",
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    @property
    def frame_bytes(self) -> int:
        return self.height * self.width * self.channels

    @property
    def total_bytes(self) -> int:
        return self.offset_bytes(self.slots)

    def offset_bytes(self, slot: int) -> int:
        """Where the slot's pixels begin in the file."""
        records_end = HEADER_BYTES + self.slots * RECORD_WORDS * 8
        return _aligned(records_end) + slot * _aligned(self.frame_bytes)


def _aligned(size: int) -> int:
    return -(-size // _ALIGN_BYTES) * _ALIGN_BYTES


def ring_path(directory: Path, station: str, camera: str, epoch: int) -> Path:
    """The ring's file. UsageError for a name that could not be one."""
    check_name(station, "station")
    check_name(camera, "camera")
    return directory / f"edge-{station}+{camera}+{int(epoch)}.ring"


def clean_stale(directory: Path, station: str, camera: str | None = None) -> list[Path]:
    """Unlink the rings of this station (and camera) whose writer is gone; which ones.

    A held ring is never touched. Safe beside writers and other cleaners: only the holder of a file's lock
    unlinks it, and only after seeing that the name still leads to the file it locked.
    """
    check_name(station, "station")
    removed = []
    for path in sorted(directory.glob(f"edge-{station}+*.ring")):
        fields = path.name.removeprefix("edge-").removesuffix(".ring").split("+")
        if len(fields) != 3 or NAME_PATTERN.fullmatch(fields[1]) is None or not fields[2].isdecimal():
            continue
        if camera in (None, fields[1]) and _unlink_if_stale(path):
            removed.append(path)
    return removed


def _unlink_if_stale(path: Path) -> bool:
    try:
        fd = open_ours(path, os.O_RDWR)
    except RingError:
        return False  # already gone, or not ours to remove
    try:
        if not _lock(fd) or not _leads_to(path, fd):
            return False
        path.unlink()
        return True
    finally:
        os.close(fd)


def create_locked(path: Path) -> int:
    """A new, empty, locked file. A cleaner may take it for stale in the instant before the lock: again."""
    lost = False
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if not (lost and error.errno == errno.EEXIST):
                raise _not_made(path, error) from error
            time.sleep(0.001)
            continue
        if _lock(fd) and _leads_to(path, fd):
            return fd
        os.close(fd)
        lost = True
    raise RingError(f"{path} is removed as often as it is made", hint="is a second capture starting?")


def allocate(fd: int, path: Path, size: int) -> None:
    """Take the memory now. A sparse file on a full tmpfs would be SIGBUS at some later store."""
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        raise _not_made(path, error, size) from error


def _not_made(path: Path, error: OSError, size: int = 0) -> RingError:
    if error.errno == errno.EEXIST:
        hint = "a ring of this epoch exists: is capture already running for this camera?"
    elif error.errno in (errno.ENOSPC, errno.EFBIG, errno.ENOMEM, errno.EDQUOT):
        room = os.statvfs(path.parent)
        free = room.f_bavail * room.f_frsize
        hint = f"it needs {size >> 20} MiB, {free >> 20} MiB are free: fewer slots, or a larger {path.parent}"
    else:
        hint = f"may this user write in {path.parent}?"
    return RingError(f"the ring {path} cannot be made: {error.strerror}", hint=hint)


def open_ours(path: Path, mode: int) -> int:
    """Open a ring file that this user made: /dev/shm is open to all, and a planted ring would be judged.

    O_NONBLOCK: a planted FIFO must not hang us.
    """
    try:
        fd = os.open(path, mode | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise RingError(
            f"the ring {path} cannot be opened: {error.strerror}", hint="is capture running for this camera?"
        ) from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        os.close(fd)
        raise _unusable(path, "it is not a file that only this user can write")
    return fd


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _leads_to(path: Path, fd: int) -> bool:
    """Does the name still mean the file that is open? (Its inode number cannot be reused while it is.)"""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(fd))
    except FileNotFoundError:
        return False


def write_header(memory: mmap.mmap, spec: RingSpec, fence: Fence) -> None:
    names = spec.station.encode("ascii"), spec.camera.encode("ascii")
    sizes = spec.slots, spec.height, spec.width, spec.channels, spec.total_bytes
    header = _HEADER.pack(_MAGIC, _VERSION, spec.epoch, *sizes, *names)
    memory[len(_MAGIC) : len(header)] = header[len(_MAGIC) :]
    fence()
    memory[: len(_MAGIC)] = _MAGIC


def read_header(path: Path, fd: int) -> RingSpec:
    """The geometry, checked against the bounds, the file's name and its true size. RingError else."""
    header, size = os.pread(fd, _HEADER.size, 0), os.fstat(fd).st_size
    if len(header) < _HEADER.size or header[: len(_MAGIC)] != _MAGIC:
        raise _unusable(path, "it does not begin as a ring does")
    _, version, epoch, slots, height, width, channels, total_bytes, station, camera = _HEADER.unpack(header)
    if version != _VERSION:
        raise _unusable(path, f"it has layout {version}, this software knows {_VERSION}")
    names = [name.rstrip(b"\0").decode("ascii", "replace") for name in (station, camera)]
    if any(NAME_PATTERN.fullmatch(name) is None for name in names):
        raise _unusable(path, "it has no proper name")
    spec = RingSpec(
        station=names[0],
        camera=names[1],
        epoch=epoch,
        slots=slots,
        height=height,
        width=width,
        channels=channels,
    )
    if ring_path(path.parent, spec.station, spec.camera, spec.epoch) != path:
        raise _unusable(path, f"it says it is {spec.station}/{spec.camera}/{spec.epoch}")
    if not spec.total_bytes == total_bytes == size:
        raise _unusable(path, f"{spec.total_bytes} bytes by geometry, {total_bytes} by header, {size} in truth")
    return spec


def _unusable(path: Path, why: str) -> RingError:
    return RingError(
        f"the ring {path} cannot be used: {why}", hint="if capture is just starting, try again; else restart it"
    )
