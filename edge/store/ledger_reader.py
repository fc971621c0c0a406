"""The ledger as everybody but `line` sees it: read-only, in short transactions, through the writer's restarts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.clock import Clock
from edge.domain.ledger import EventRecord, GateRecord, LineMemory, OutageRecord, StoredPart
from edge.domain.part import PartId, Purpose
from edge.domain.verdict import GateOutcome, ReasonCode, Verdict
from edge.errors import StoreError
from edge.store.database import PATIENCE_S, open_reader
from edge.store.ledger_schema import LEDGER, PART_COLUMNS, decode_memory, member, stored_part

MAX_ROWS = 1000
_HOUR = 13  # characters of ISO 8601 up to the hour


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFilter:
    """Which parts; empty means all. reason: the deciding (first) one of parts that are not OK.

    before_row: only rows below, for paging. since_wall (inclusive), until_wall (exclusive): ISO 8601 UTC as text.
    """

    verdicts: tuple[Verdict, ...] = ()
    lot: str | None = None
    reason: ReasonCode | None = None
    purpose: Purpose | None = None
    since_wall: str | None = None
    until_wall: str | None = None
    before_row: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many parts of each verdict and each gate outcome; all keys are there. Gates may lag behind verdicts."""

    verdicts: dict[Verdict, int]
    gates: dict[GateOutcome, int]

    @property
    def parts(self) -> int:
        return sum(self.verdicts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGate:
    row: int
    gate: GateRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRow:
    """One start of `line`. started_ns: CLOCK_MONOTONIC of that boot. closed: it ended in order."""

    epoch: int
    boot_id: str
    started_ns: int
    wall: str
    closed: bool


class LedgerReader:
    """Every method raises StoreError when the ledger cannot be read. Any thread, one call at a time."""

    def __init__(self, path: Path, *, clock: Clock | None = None, patience_s: float = PATIENCE_S) -> None:
        self._reader = open_reader(path, LEDGER, clock=clock, patience_s=patience_s)
        self._known_station = ""

    def station(self) -> str:
        """Whose ledger it is. A ledger belongs to one station for ever."""
        if not self._known_station:
            rows = self._reader.rows("SELECT station FROM meta")
            if not rows:
                raise StoreError(f"{self._reader.path} has no station yet", hint="start edge line first")
            self._known_station = rows[0][0]
        return self._known_station

    def identity(self) -> str:
        """Tells this ledger from every other, also of the same station: its first epoch. "" before that."""
        rows = self._reader.rows("SELECT boot_id, started_ns, wall FROM epochs ORDER BY epoch LIMIT 1")
        return hashlib.blake2b(repr(rows[0]).encode(), digest_size=16).hexdigest() if rows else ""

    def highest_row(self) -> int:
        """The highest row that a part ever had, also when retention has removed it; 0 before the first."""
        return int(self._reader.rows("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'parts'")[0][0])

    def parts_after(self, row: int, limit: int = 100) -> list[StoredPart]:
        """Parts with a greater row, in order: how one follows the ledger."""
        return self._parts("p.row > ? ORDER BY p.row LIMIT ?", (row, _bounded(limit)))

    def part(self, part: PartId) -> StoredPart | None:
        if part.station != self.station():
            return None
        found = self._parts("p.epoch = ? AND p.n = ?", (part.epoch, part.n))
        return found[0] if found else None

    def parts(self, which: PartFilter | None = None, limit: int = 100) -> list[StoredPart]:
        """Newest first."""
        which = which or PartFilter()
        terms, values = _terms(which)
        index = "INDEXED BY parts_flagged" if _flagged_only(which) else ""
        return self._parts(f"{terms} ORDER BY p.row DESC LIMIT ?", (*values, _bounded(limit)), index)

    def _parts(self, terms: str, values: tuple[Any, ...], index: str = "") -> list[StoredPart]:
        station = self.station()
        tables = f"parts AS p {index} LEFT JOIN gates AS g ON g.part_row = p.row"
        sql = f"SELECT {PART_COLUMNS} FROM {tables} WHERE {terms}"  # noqa: S608 - our own words, bound values
        return [stored_part(station, row) for row in self._reader.rows(sql, values)]

    def counts(
        self,
        *,
        epoch: int | None = None,
        lot: str | None = None,
        purpose: Purpose | None = None,
        since_wall: str | None = None,
    ) -> Counts:
        """Counted as they were recorded, also what retention has removed since. since_wall: counts by whole hours."""
        hour = None if since_wall is None else since_wall[:_HOUR]
        rows = self._reader.rows(
            """SELECT what, sum(count) FROM tally
               WHERE epoch = coalesce(?, epoch) AND lot = coalesce(?, lot)
               AND purpose = coalesce(?, purpose) AND hour >= coalesce(?, hour) GROUP BY what""",
            (epoch, lot, None if purpose is None else purpose.value, hour),
        )
        found: dict[str, int] = dict(rows)
        return Counts(
            verdicts={verdict: found.get(verdict.value, 0) for verdict in Verdict},
            gates={outcome: found.get(outcome.value, 0) for outcome in GateOutcome},
        )

    def gates_after(self, row: int, limit: int = 100) -> list[StoredGate]:
        """Gate records with a greater row, in order. Their rows are counted apart from those of the parts."""
        station = self.station()
        rows = self._reader.rows(
            """SELECT g.row, p.epoch, p.n, g.outcome, g.at_ns FROM gates AS g JOIN parts AS p ON p.row = g.part_row
               WHERE g.row > ? ORDER BY g.row LIMIT ?""",
            (row, _bounded(limit)),
        )
        return [
            StoredGate(
                row=number,
                gate=GateRecord(
                    part=PartId(station=station, epoch=epoch, n=n), outcome=member(GateOutcome, outcome), at_ns=at_ns
                ),
            )
            for number, epoch, n, outcome, at_ns in rows
        ]

    def last_row(self) -> int:
        """The newest part's row, 0 when there is none."""
        return int(self._reader.rows("SELECT coalesce(max(row), 0) FROM parts")[0][0])

    def open_parts(self) -> int:
        """How many parts were accepted and have no record yet."""
        return int(self._reader.rows("SELECT count(*) FROM open_triggers")[0][0])

    def outages(self, limit: int = 100) -> list[OutageRecord]:
        """Newest first."""
        rows = self._reader.rows(
            "SELECT epoch, from_ns, to_ns, why, wall FROM outages ORDER BY row DESC LIMIT ?", (_bounded(limit),)
        )
        names = ("epoch", "from_ns", "to_ns", "why", "wall")
        return [OutageRecord(**dict(zip(names, row, strict=True))) for row in rows]

    def events(self, limit: int = 100) -> list[EventRecord]:
        """Newest first."""
        rows = self._reader.rows(
            "SELECT epoch, at_ns, wall, kind, by, detail FROM events ORDER BY row DESC LIMIT ?", (_bounded(limit),)
        )
        names = ("epoch", "at_ns", "wall", "kind", "by", "detail")
        return [EventRecord(**dict(zip(names, row, strict=True))) for row in rows]

    def epochs(self, limit: int = MAX_ROWS) -> list[EpochRow]:
        """Newest first."""
        rows = self._reader.rows(
            "SELECT epoch, boot_id, started_ns, wall, closed_ns IS NOT NULL FROM epochs ORDER BY epoch DESC LIMIT ?",
            (_bounded(limit),),
        )
        return [
            EpochRow(epoch=epoch, boot_id=boot, started_ns=started_ns, wall=wall, closed=bool(closed))
            for epoch, boot, started_ns, wall, closed in rows
        ]

    def memory(self) -> LineMemory | None:
        return decode_memory(self._reader.rows("SELECT value FROM state WHERE name = 'memory'"))

    def row_of_age(self, age_ns: int) -> int:
        """The first row that is younger than `age_ns` of the line's working time (see `ledger_age`).

        What belongs to rows below it may go by retention. Past the last row when all are older.
        """
        latest = self._reader.rows(
            """SELECT aged_ns - started_ns + (SELECT CAST(value AS INTEGER) FROM state WHERE name = 'alive')
               FROM epochs ORDER BY epoch DESC LIMIT 1"""
        )
        if not latest or latest[0][0] is None:
            return 0
        low, high = self._bounds()
        while low < high:
            middle = (low + high) // 2
            row, aged_ns = self._age_at(middle)
            low, high = (row + 1, high) if aged_ns < latest[0][0] - age_ns else (low, middle)
        return low

    def _bounds(self) -> tuple[int, int]:
        first, last = self._reader.rows("SELECT (SELECT min(row) FROM parts), (SELECT max(row) FROM parts)")[0]
        return (0, 0) if first is None else (first, last + 1)

    def _age_at(self, row: int) -> tuple[int, int]:
        """(row, working time at its trigger) of the first part from `row` on."""
        rows = self._reader.rows(
            """SELECT p.row, e.aged_ns + p.trigger_ns - e.started_ns FROM parts AS p JOIN epochs AS e USING (epoch)
               WHERE p.row >= ? ORDER BY p.row LIMIT 1""",
            (row,),
        )
        return rows[0] if rows else (row, 0)

    def close(self) -> None:
        self._reader.close()


def _bounded(limit: int) -> int:
    return max(0, min(limit, MAX_ROWS))


def _terms(which: PartFilter) -> tuple[str, tuple[Any, ...]]:
    """SQL terms and their values. The tally bounds the rows to look at, so that nothing is scanned for nothing."""
    terms: list[str] = ["1"]
    values: list[Any] = []

    def add(term: str, *bound: Any) -> None:
        terms.append(term)
        values.extend(bound)

    if which.verdicts:
        add(f"p.verdict IN ({', '.join('?' * len(which.verdicts))})", *(v.value for v in which.verdicts))
    if _flagged_only(which):
        add("p.verdict <> 'OK'")  # the planner takes the partial index only when it reads its condition
    if which.reason is not None:
        add("p.reason = ?", which.reason.value)
    if which.purpose is not None:
        add(_among("purpose"), *[which.purpose.value] * 3)
    if which.lot is not None:
        add(_among("lot"), *[which.lot] * 3)
    if which.since_wall is not None:
        since, hour = which.since_wall, which.since_wall[:_HOUR]
        add("p.wall >= ? AND p.row >= (SELECT min(first_row) FROM tally WHERE hour >= ?)", since, hour)
    if which.until_wall is not None:
        until, hour = which.until_wall, which.until_wall[:_HOUR]
        add("p.wall < ? AND p.row <= (SELECT max(last_row) FROM tally WHERE hour <= ?)", until, hour)
    if which.before_row is not None:
        add("p.row < ?", which.before_row)
    return " AND ".join(terms), tuple(values)


def _flagged_only(which: PartFilter) -> bool:
    """Whether the index of what is not OK answers: it is small, and in the order of rows."""
    return which.reason is not None or (bool(which.verdicts) and Verdict.OK not in which.verdicts)


def _among(column: str) -> str:
    low = f"(SELECT min(first_row) FROM tally WHERE {column} = ?)"  # noqa: S608 - our own names
    high = f"(SELECT max(last_row) FROM tally WHERE {column} = ?)"  # noqa: S608
    return f"p.{column} = ? AND p.row BETWEEN {low} AND {high}"
