"""The counts that are on every page: asked of the ledger at most once a second, whoever watches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC

from edge.clock import MS, Clock
from edge.domain.part import Purpose
from edge.errors import StoreError
from edge.panel import shapes
from edge.store.ledger_reader import LedgerReader

_FRESH_NS = 950 * MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Of production parts. lot, today: None while the ledger cannot be read; problem then says why."""

    lot: shapes.Counts | None = None
    today: shapes.Counts | None = None
    problem: shapes.Problem | None = None


class Tally:
    """`of` may be called from any thread but the event loop's. `today` begins at midnight of the device's own zone."""

    def __init__(self, ledger: Callable[[], LedgerReader], clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._lock = threading.Lock()
        self._counted = Counted()
        self._lot: str | None = None
        self._until_ns = 0

    def of(self, lot: str) -> Counted:
        """Those of `lot` and of today, at most 0.95 s old. Never raises: what is wrong is in `problem`."""
        with self._lock:
            if lot != self._lot or self._clock.now_ns() >= self._until_ns:
                self._counted = self._count(lot)
                self._lot, self._until_ns = lot, self._clock.now_ns() + _FRESH_NS
            return self._counted

    def _count(self, lot: str) -> Counted:
        try:
            return Counted(lot=self._ask(lot, None), today=self._ask(None, self._midnight()))
        except StoreError as error:
            return Counted(problem=shapes.Problem(message=error.message, hint=error.hint))

    def _ask(self, lot: str | None, since_wall: str | None) -> shapes.Counts:
        found = self._ledger().counts(lot=lot, purpose=Purpose.PRODUCTION, since_wall=since_wall)
        return shapes.Counts(parts=found.parts, verdicts=found.verdicts, gates=found.gates)

    def _midnight(self) -> str:
        here = self._clock.wall().astimezone()
        return here.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC).isoformat()
