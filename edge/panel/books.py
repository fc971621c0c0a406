"""The three databases as the panel uses them: two to read, and its own, of which it is the one writer.

Each is opened when it is first needed and there, and tried again at the next question when it was not: the panel runs
before `line` has ever made a ledger. What cannot be read is a StoreError with a hint, after 0.3 s at most.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from edge.clock import Clock
from edge.errors import ServiceError, StoreError
from edge.store.evidence import EvidenceReader
from edge.store.ledger_reader import LedgerReader
from edge.store.station import StationStore

PATIENCE_S = 0.3  # of a person who waits; a writer that starts again takes less
IMAGES = "images"


class _Closes(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closes)


class _Opened(Generic[T]):
    """Opened once it can be. The database objects take calls from any thread, one at a time."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._value: T | None = None

    def get(self) -> T:
        with self._lock:
            if self._value is None:
                self._value = self._make()
            return self._value

    def close(self) -> None:
        with self._lock:
            if self._value is not None:
                self._value.close()
                self._value = None


class Books:
    """`revising`: held while a recipe is read, changed and kept again, so that two people cannot cross."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self.images = data_dir / IMAGES
        self.revising = threading.Lock()
        self._data_dir = data_dir
        self._clock = clock
        self._ledger = _Opened(lambda: LedgerReader(data_dir / "ledger.db", patience_s=PATIENCE_S))
        self._evidence = _Opened(lambda: EvidenceReader(data_dir / "evidence.db", patience_s=PATIENCE_S))
        self._station = _Opened(self._open_station)

    def _open_station(self) -> StationStore:
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            return StationStore(self._data_dir / "station.db", clock=self._clock)
        except ServiceError as error:  # the command line holds it just now
            raise StoreError(error.message, hint=error.hint) from error
        except OSError as error:
            raise StoreError(
                f"{self._data_dir} cannot be used: {error}", hint="check data_dir and its owner"
            ) from error

    @property
    def ledger(self) -> LedgerReader:
        return self._ledger.get()

    @property
    def evidence(self) -> EvidenceReader:
        return self._evidence.get()

    @property
    def station(self) -> StationStore:
        return self._station.get()

    def close(self) -> None:
        self._ledger.close()
        self._evidence.close()
        self._station.close()
