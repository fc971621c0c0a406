"""Simulated output lines: a page of memory that line writes and the virtual line reads, like a latch.

One writer, one reader. Each change is an event (time, output, level) in a circle of 65,536 entries, so the
reader knows exactly when the gate moved even if it looks late. A killed writer leaves its last level standing,
as an output pin would; only the relay (heartbeat) makes that safe.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from edge.bus.fence import open_fence
from edge.errors import PortError

_MAGIC = 0x45444745_494F0001  # "EDGE" "IO" 1
_ENTRIES = 65_536
_WORDS = 8 + _ENTRIES * 2
_SIZE = _WORDS * 8


class Output(IntEnum):
    GATE = 0
    PERMIT = 1
    HEARTBEAT = 2
    LAMP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputEvent:
    """`output` went to `level` at `at_ns` (CLOCK_MONOTONIC)."""

    output: Output
    level: bool
    at_ns: int


class OutputPage:
    """Make it with `create` (the virtual line) or `attach` (the simulated port). PortError when it cannot be."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._words = memoryview(memory).cast("Q")
        self._read = self._words[1]
        self._fence = open_fence()

    @classmethod
    def create(cls, path: Path) -> OutputPage:
        """A fresh page; replaces what a killed virtual line left."""
        path.unlink(missing_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, _SIZE)
            page = cls(mmap.mmap(fd, _SIZE))
        finally:
            os.close(fd)
        page._words[0] = _MAGIC
        return page

    @classmethod
    def attach(cls, path: Path) -> OutputPage:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise PortError(
                f"the virtual line's outputs {path} are not there", hint="start the virtual line"
            ) from error
        try:
            if os.fstat(fd).st_size != _SIZE:
                raise PortError(f"{path} is not an output page", hint="remove it and start the virtual line again")
            page = cls(mmap.mmap(fd, _SIZE))
        finally:
            os.close(fd)
        if page._words[0] != _MAGIC:
            page.close()
            raise PortError(f"{path} is not an output page", hint="remove it and start the virtual line again")
        return page

    def write(self, output: Output, level: bool, at_ns: int) -> None:
        """Append an event; visible to the reader only when it is whole."""
        count = self._words[1]
        place = 8 + (count % _ENTRIES) * 2
        self._words[place] = at_ns
        self._words[place + 1] = output << 1 | level
        self._fence()
        self._words[1] = count + 1

    def read(self) -> list[OutputEvent]:
        """Events since the last read, oldest first. PortError when the writer lapped the reader."""
        count = self._words[1]
        self._fence()
        if count - self._read > _ENTRIES:
            raise PortError("the virtual line looked too late at its outputs")
        events = []
        for index in range(self._read, count):
            place = 8 + (index % _ENTRIES) * 2
            word = self._words[place + 1]
            events.append(OutputEvent(output=Output(word >> 1), level=bool(word & 1), at_ns=self._words[place]))
        self._read = count
        return events

    def close(self) -> None:
        self._words.release()
        self._memory.close()
