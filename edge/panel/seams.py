"""What the panel's routes work with, passed in whole, so that tests and pages run with fakes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from starlette.requests import HTTPConnection

from edge.bus import wire
from edge.clock import Clock
from edge.domain.part import PartId
from edge.panel.live import Shown
from edge.panel.shapes_jobs import JobWhole
from edge.panel.shapes_live import LiveMessage
from edge.panel.snapshot import Snapshot
from edge.panel.tally import Tally
from edge.settings.station import Station
from edge.store.evidence import EvidenceReader
from edge.store.ledger_reader import LedgerReader
from edge.store.station import StationStore

if TYPE_CHECKING:
    from edge.panel.changes import Changes  # which works with what is named here


class Watching(Protocol):
    @property
    def snapshot(self) -> Snapshot: ...


class Commanding(Protocol):
    """Waits: never called in the event loop. Refused with the line's words, ServiceError without an answer."""

    def ask(self, request: wire.Message) -> wire.Reply: ...


class Databases(Protocol):
    """Each may raise StoreError when it is asked for: it is not there yet, or not now."""

    images: Path
    revising: threading.Lock

    @property
    def ledger(self) -> LedgerReader: ...
    @property
    def evidence(self) -> EvidenceReader: ...
    @property
    def station(self) -> StationStore: ...


class Feeding(Protocol):
    """The live feed; nothing in it blocks."""

    @property
    def shown(self) -> Shown: ...
    def viewer(self) -> AbstractContextManager[None]: ...
    def picture(self, part: PartId, view: str) -> bytes | None: ...
    def message(self, n: int, shown: Shown, since: int | None) -> LiveMessage: ...


class Working(Protocol):
    """Long work as `edge` commands in processes of their own; see `jobs.Jobs`. Nothing waits for the work itself."""

    def start(
        self, kind: str, arguments: Sequence[str], by: str, then: Callable[[JobWhole], None] | None = None
    ) -> JobWhole: ...
    def all(self) -> tuple[JobWhole, ...]: ...
    def job(self, number: int) -> JobWhole: ...
    def cancel(self, number: int) -> JobWhole: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """expected: the services that this station has, in the order in which they are shown."""

    station: Station
    clock: Clock
    watch: Watching
    commands: Commanding
    books: Databases
    live: Feeding
    tally: Tally
    jobs: Working
    changes: Changes
    expected: tuple[str, ...]


async def deps_of(connection: HTTPConnection) -> Deps:
    """For `Depends` in routes. Async, so that it takes no worker thread."""
    deps: Deps = connection.app.state.deps
    return deps
