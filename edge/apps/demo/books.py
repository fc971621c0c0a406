"""What the services' own books say of one run of the demo: the ledger's rows, read out whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.apps.demo.truth import Started
from edge.clock import boot_id
from edge.domain.ledger import OutageRecord, StoredPart
from edge.errors import Refused
from edge.store.ledger_reader import MAX_ROWS, LedgerReader, PartFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The parts and outages of the epochs that belong to the run. open_parts: accepted and still without a record."""

    parts: Sequence[StoredPart]
    outages: Sequence[OutageRecord]
    open_parts: int


def read_books(ledger: Path, started: Started) -> Books:
    """The run's share of the ledger. StoreError when it cannot be read, Refused when the run was in another boot."""
    if started.boot_id != boot_id():
        raise Refused("this run was before the last start of the machine: its times compare with nothing", hint="")
    reader = LedgerReader(ledger)
    try:
        epochs = {
            row.epoch
            for row in reader.epochs()
            if row.boot_id == started.boot_id and row.started_ns >= started.at_ns
        }  # fmt: skip
        outages = tuple(outage for outage in reader.outages(MAX_ROWS) if outage.epoch in epochs)
        return Books(parts=_parts_of(reader, epochs), outages=outages, open_parts=reader.open_parts())
    finally:
        reader.close()


def _parts_of(reader: LedgerReader, epochs: set[int]) -> tuple[StoredPart, ...]:
    found: list[StoredPart] = []
    before: int | None = None
    while page := reader.parts(PartFilter(before_row=before), MAX_ROWS):
        ours = [part for part in page if part.record.part.epoch in epochs]
        found += ours
        before = page[-1].row
        if not ours:
            break
    return tuple(reversed(found))
