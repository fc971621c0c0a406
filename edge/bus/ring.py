"""Pixels in shared memory: one ring of slots per camera, written by capture, read in place by the others.

A slot's generation: 0 never written; odd while pixels change; even and the same as announced: still that
frame. It is stored and loaded as one aligned 8-byte access (a memoryview cast to 'Q' moves an item by a
memcpy of constant size 8, compiled to one load or store; single-copy atomic on arm64, Arm ARM B2.2, and on
x86-64, Intel SDM volume 3, 9.1.1). Where fences stand and why: `edge.bus.fence`. The file: `edge.bus.ringfile`.

One writer thread. A reader that works in place asks `current` after its last look at the pixels and throws
the result away when the answer is no.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from edge.bus.fence import Fence, open_fence
from edge.bus.ringfile import (
    HEADER_BYTES,
    RECORD_WORDS,
    RingSpec,
    allocate,
    clean_stale,
    create_locked,
    open_ours,
    read_header,
    ring_path,
    write_header,
)
from edge.errors import RingError

__all__ = ["Pixels", "RingReader", "RingSpec", "RingWriter", "SlotMeta", "clean_stale", "ring_path"]

Pixels = NDArray[np.uint8]

_GENERATION, _SEQ, _EXPOSED_AT = 0, 1, 2  # words of a slot's record


class SlotMeta(NamedTuple):
    """What a slot holds. generation odd: being written. seq 0: no frame (never written, or given up)."""

    generation: int
    seq: int
    exposed_at_ns: int


class _Mapping:
    """The mapped file as records and frames, for writer and reader alike."""

    def __init__(self, memory: mmap.mmap, spec: RingSpec) -> None:
        self.spec = spec
        self._memory = memory
        self._records = memoryview(memory)[HEADER_BYTES : spec.offset_bytes(0)].cast("Q")
        self._frames = [
            np.frombuffer(memory, np.uint8, spec.frame_bytes, spec.offset_bytes(slot)).reshape(spec.shape)
            for slot in range(spec.slots)
        ]

    def frame(self, slot: int) -> Pixels:
        if not 0 <= slot < len(self._frames):
            raise RingError(
                f"slot {slot} of ring {self.spec.camera} is not there",
                hint=f"the ring has {self.spec.slots} slots" if self._frames else "the ring was closed",
            )
        return self._frames[slot]

    def load(self, slot: int, word: int) -> int:
        return self._records[slot * RECORD_WORDS + word]

    def store(self, slot: int, word: int, value: int) -> None:
        self._records[slot * RECORD_WORDS + word] = value

    def close(self) -> None:
        """Unmap. Frames that somebody still holds stay readable; the memory goes with the last of them."""
        if not self._frames:
            return
        self._frames = []
        self._records.release()
        with contextlib.suppress(BufferError):
            self._memory.close()
        del self._memory  # so that the last array still held is the last to hold it


class RingWriter:
    """Capture's end of a ring. Holds the file's lock until `close`, or until the process dies."""

    def __init__(self, path: Path, fd: int, mapping: _Mapping, fence: Fence) -> None:
        self.path = path
        self.spec = mapping.spec
        self._fd = fd
        self._mapping = mapping
        self._fence = fence
        self._closed = False

    @classmethod
    def create(cls, directory: Path, spec: RingSpec) -> Self:
        """Make the ring's file, all of its memory taken and touched, so that no later store can fail.

        Errors: RingError when it exists, there is no room, or there is no fence; nothing is left behind.
        """
        fence = open_fence()
        path = ring_path(directory, spec.station, spec.camera, spec.epoch)
        fd = create_locked(path)
        with contextlib.ExitStack() as undo:
            undo.callback(os.close, fd)
            undo.callback(path.unlink, missing_ok=True)
            allocate(fd, path, spec.total_bytes)
            memory = mmap.mmap(fd, spec.total_bytes)
            np.frombuffer(memory, np.uint8)[:: mmap.PAGESIZE] = 0  # page faults now, not in the first frames
            write_header(memory, spec, fence)
            mapping = _Mapping(memory, spec)
            undo.pop_all()
        return cls(path, fd, mapping, fence)

    def begin(self, slot: int) -> Pixels:
        """The slot's pixels to fill in place, (height, width, channels). From here no reader accepts it.

        The producer must not touch the array after `commit`. RingError when the slot is already begun.
        """
        frame = self._mapping.frame(slot)
        generation = self._mapping.load(slot, _GENERATION)
        if generation % 2:
            raise RingError(f"slot {slot} is being written", hint="commit or abort it first")
        self._mapping.store(slot, _GENERATION, generation + 1)
        self._fence()  # the odd generation is seen before any new pixel
        return frame

    def commit(self, slot: int, *, seq: int, exposed_at_ns: int) -> int:
        """The frame is whole: the generation to announce. seq from 1; exposed_at_ns: CLOCK_MONOTONIC."""
        if not (0 < seq < 2**63 and 0 <= exposed_at_ns < 2**63):
            raise RingError(f"frame {seq} at {exposed_at_ns} ns cannot be", hint="seq counts from 1")
        return self._finish(slot, seq, exposed_at_ns)

    def abort(self, slot: int) -> None:
        """The frame failed half way: the slot holds no frame until it is begun and committed again."""
        self._finish(slot, 0, 0)

    def _finish(self, slot: int, seq: int, exposed_at_ns: int) -> int:
        self._mapping.frame(slot)
        generation = self._mapping.load(slot, _GENERATION)
        if not generation % 2:
            raise RingError(f"slot {slot} was not begun", hint="begin it first")
        self._mapping.store(slot, _SEQ, seq)
        self._mapping.store(slot, _EXPOSED_AT, exposed_at_ns)
        self._fence()  # all pixels are seen before the even generation
        self._mapping.store(slot, _GENERATION, generation + 1)
        return generation + 1

    def close(self) -> None:
        """Unlink, unlock, unmap. Readers keep what they mapped; arrays given out stay valid."""
        if self._closed:
            return
        self._closed = True
        # Unlink while the lock is held: whoever gets the lock afterwards finds another file or none.
        self.path.unlink(missing_ok=True)
        # An array still held keeps mmap's own copy of the descriptor open, and with it the lock: let go.
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        os.close(self._fd)
        self._mapping.close()


class RingReader:
    """A read-only look at a ring. Never blocks the writer; finds out when it came too late."""

    def __init__(self, mapping: _Mapping, fence: Fence) -> None:
        self.spec = mapping.spec
        self._mapping = mapping
        self._fence = fence

    @classmethod
    def attach(cls, directory: Path, station: str, camera: str, epoch: int) -> Self:
        """Map an existing ring. RingError when it is not there, not ours, or not a ring as we know it."""
        fence = open_fence()
        path = ring_path(directory, station, camera, epoch)
        fd = open_ours(path, os.O_RDONLY)
        try:
            spec = read_header(path, fd)
            # Populated: the first look at each frame shall not pay for page faults either.
            flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
            memory = mmap.mmap(fd, spec.total_bytes, flags=flags, prot=mmap.PROT_READ)
        finally:
            os.close(fd)
        return cls(_Mapping(memory, spec), fence)

    def view(self, slot: int) -> Pixels:
        """The slot's pixels in place, read-only (height, width, channels). Ask `current` after use."""
        return self._mapping.frame(slot)

    def current(self, slot: int, generation: int) -> bool:
        """Were all looks at the slot's pixels so far looks at that generation, whole?"""
        self._mapping.frame(slot)
        self._fence()  # pixels were read before the generation is read again
        return (
            generation > 0
            and generation % 2 == 0
            and self._mapping.load(slot, _GENERATION) == generation
            and self._mapping.load(slot, _SEQ) != 0
        )

    def copy(
        self, slot: int, generation: int, out: Pixels | None = None, by: Callable[[Pixels, Pixels], object] = np.copyto
    ) -> Pixels | None:
        """A copy of that frame, in `out` if given; None when it was overwritten (`out` is then rubbish).

        by: what copies (target, source).
        """
        if not self.current(slot, generation):
            return None
        target = np.empty(self.spec.shape, np.uint8) if out is None else out
        if target.shape != self.spec.shape or target.dtype != np.uint8:
            raise RingError(
                f"a frame of {self.spec.shape} uint8 does not go into {target.shape} {target.dtype}",
                hint="make the buffer from the ring's spec",
            )
        by(target, self._mapping.frame(slot))
        return target if self.current(slot, generation) else None

    def meta(self, slot: int) -> SlotMeta:
        """Generation, seq and time that belong together; seq 0 when there is no whole frame right now.

        Pixels read after this call are not older than the generation that it returns.
        """
        self._mapping.frame(slot)
        generation = self._mapping.load(slot, _GENERATION)
        self._fence()
        seq = self._mapping.load(slot, _SEQ)
        exposed_at_ns = self._mapping.load(slot, _EXPOSED_AT)
        self._fence()
        after = self._mapping.load(slot, _GENERATION)
        if after != generation or generation % 2:
            return SlotMeta(after | 1, 0, 0)
        return SlotMeta(generation, seq, exposed_at_ns)

    def close(self) -> None:
        """Unmap; arrays given out stay valid."""
        self._mapping.close()
