"""What the line's threads are tested with: a port that remembers, a ledger held by hand, waits with wide limits."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge.bus.iopage import Output
from edge.bus.sockets import Poller
from edge.bus.wire import QueueState
from edge.clock import Clock
from edge.domain.ledger import Entry, LineMemory, PartRecord, TriggerRecord
from edge.domain.part import PartId
from edge.errors import StoreError, StoreFull
from edge.line.ports import InputEvent

PATIENCE_S = 10.0


def until(reached: Callable[[], bool], what: str = "it") -> None:
    """Wait for another thread. Generous: a busy machine is slow, a defect is for ever."""
    end = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < end, f"{what} never came"
        time.sleep(0.0005)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    output: Output
    level: bool
    at_ns: int


class FakePort:
    """Remembers what it was told, and when by the test's clock. broken: outputs that raise OSError."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.changes: list[Change] = []
        self.levels: dict[Output, bool] = {}
        self.broken: set[Output] = set()

    def set(self, output: Output, level: bool) -> None:
        if output in self.broken:
            raise OSError(f"{output.name} is not there")
        self.changes.append(Change(output=output, level=level, at_ns=self._clock.now_ns()))
        self.levels[output] = level

    def of(self, output: Output) -> list[Change]:
        return [change for change in list(self.changes) if change.output is output]

    def register(self, poller: Poller) -> None:
        return

    def read(self) -> list[InputEvent]:
        return []

    def alive(self, now_ns: int) -> bool:
        return True

    def seen_until_ns(self) -> int:
        return 0

    def lost(self) -> int:
        return 0

    def queues(self) -> tuple[QueueState, ...]:
        return ()

    def close(self) -> None:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeStart:
    epoch: int = 7
    closed_parts: int = 0
    outage_from_ns: int | None = None
    memory: LineMemory | None = None
    unclean: bool = False


@dataclass
class FakeLedger:
    """Keeps what is committed. gate, reserve: while cleared, a commit or a `top_up` waits. room_for_triggers, room: of
    the disk."""

    committed: list[tuple[Entry, ...]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    reserve: threading.Event = field(default_factory=threading.Event)
    waiting: bool = False
    room_for_triggers: bool = True
    room: bool = True
    fault: StoreError | None = None
    topped_up: int = 0
    pruned: list[int | None] = field(default_factory=list)
    closed: bool = False

    def __post_init__(self) -> None:
        self.gate.set()
        self.reserve.set()

    def begin_epoch(self, *, boot_id: str, now_ns: int, wall: str) -> FakeStart:
        return FakeStart()

    def commit(self, entries: Sequence[Entry]) -> dict[PartId, int]:
        self.waiting = True
        assert self.gate.wait(PATIENCE_S)
        self.waiting = False
        if self.fault is not None:
            raise self.fault
        triggers = any(isinstance(entry, TriggerRecord) for entry in entries)
        if not self.room or (triggers and not self.room_for_triggers):
            raise StoreFull("the disk is full", hint="free space")
        before = sum(isinstance(entry, PartRecord) for entry in self.entries)
        self.committed.append(tuple(entries))
        parts = [entry.part for entry in entries if isinstance(entry, PartRecord)]
        return {part: before + place for place, part in enumerate(parts, 1)}

    @property
    def entries(self) -> list[Entry]:
        return [entry for group in list(self.committed) for entry in group]

    def top_up(self) -> bool:
        assert self.reserve.wait(PATIENCE_S)
        self.topped_up += 1
        return True

    def prune(self, *, keep_ns: int | None, max_parts: int | None, limit: int = 500) -> int:
        self.pruned.append(keep_ns)
        return 0

    def close(self) -> None:
        self.closed = True


class Wake:
    """An eventfd as the main loop has it."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def rang(self) -> bool:
        try:
            return os.eventfd_read(self.fd) > 0
        except BlockingIOError:
            return False

    def close(self) -> None:
        os.close(self.fd)
