"""The ledger's one writer, inside `line`. What it returns from is durable (WAL, synchronous=FULL).

See `ledger_schema` for the tables and `reserve` for what happens on a full disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edge.clock import Clock
from edge.domain.ledger import (
    Alive,
    Entry,
    EventRecord,
    GateRecord,
    LineMemory,
    OutageRecord,
    PartRecord,
    TriggerRecord,
)
from edge.domain.part import PartId, check_name
from edge.domain.verdict import GateOutcome, Reason, ReasonCode, Verdict
from edge.errors import StoreError, StoreFull
from edge.store.database import Database, open_writer
from edge.store.ledger_age import old_rows
from edge.store.ledger_schema import (
    LEDGER,
    STAMPED,
    decode_memory,
    encode_detail,
    encode_memory,
    stamped_values,
)
from edge.store.reserve import Reserve, Room

T = TypeVar("T")
_STAMPED_MARKS = ", ".join("?" * len(STAMPED.split(",")))
_INSERT_TRIGGER = f"INSERT INTO open_triggers ({STAMPED}) VALUES ({_STAMPED_MARKS})"  # noqa: S608 - our own names
_INSERT_PART = f"""INSERT INTO parts ({STAMPED}, verdict, reason, decided_ns, cutoff_ns, detail)
  SELECT {STAMPED}, ?, ?, ?, ?, ? FROM open_triggers WHERE epoch = ? AND n = ?"""  # noqa: S608 - our own names
_INSERT_GATE = """INSERT INTO gates (part_row, outcome, at_ns)
  SELECT row, ?, ? FROM parts WHERE epoch = ? AND n = ?"""
_SET_STATE = """INSERT INTO state (name, value) VALUES (?, ?)
  ON CONFLICT DO UPDATE SET value = excluded.value"""
_FIRST_FILL_STEPS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStart:
    """What `line` finds when it starts.

    closed_parts: parts left open by earlier epochs, closed now as NOT_INSPECTED(line_restart), rejected.
    outage_from_ns: since when (this boot's CLOCK_MONOTONIC) no triggers were accepted: the last alive mark, or 0
    (the boot) when that mark is of an earlier boot; None for the very first epoch. unclean: the last epoch was not
    closed by `close`. memory: what `line` last committed as its memory.
    """

    epoch: int
    closed_parts: int
    outage_from_ns: int | None
    memory: LineMemory | None
    unclean: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _LastEpoch:
    epoch: int
    boot_id: str
    started_ns: int
    aged_ns: int
    closed_ns: int | None
    alive_ns: int


class LedgerWriter:
    """Entries go in by `commit`, in groups, each group whole or not at all. One thread at a time."""

    def __init__(self, database: Database, room: Room, station: str, clock: Clock) -> None:
        self._database = database
        self._room = room
        self._station = station
        self._clock = clock
        self._epoch = 0

    @classmethod
    def open(cls, path: Path, *, station: str, reserve_bytes: int, clock: Clock) -> LedgerWriter:
        """Open or make the ledger and its reserve (the first time; later `top_up` refills it in steps).

        AlreadyRunning when another `line` has it, StoreFull, StoreError (another station's, newer, damaged).
        """
        check_name(station, "station")
        database = open_writer(path, LEDGER, synchronous="FULL")
        try:
            is_new = _claim(database, station)
            room = Room(database, reserve_bytes)
            room.prepare_log()
            room.top_up(_FIRST_FILL_STEPS if is_new else 1)
        except BaseException:
            database.close()
            raise
        return cls(database, room, station, clock)

    def begin_epoch(self, *, boot_id: str, now_ns: int, wall: str) -> EpochStart:
        """A new epoch, greater than all before it, and the end of all that earlier ones left open: one transaction."""

        def body(connection: sqlite3.Connection) -> EpochStart:
            last = _last_epoch(connection)
            same_boot = last is not None and last.boot_id == boot_id
            closed = _close_left_open(connection, now_ns if same_boot else None, last)
            if last is not None and not same_boot:
                _record_outage_before(connection, last, wall)
            return EpochStart(
                epoch=_insert_epoch(connection, last, boot_id, now_ns, wall),
                closed_parts=closed,
                outage_from_ns=None if last is None else last.alive_ns if same_boot else 0,
                memory=decode_memory(connection.execute("SELECT value FROM state WHERE name = 'memory'")),
                unclean=last is not None and last.closed_ns is None,
            )

        start = self._durably(body, last_room=True)
        self._epoch = start.epoch
        return start

    def commit(self, entries: Sequence[Entry]) -> dict[PartId, int]:
        """One transaction, durable on return: the row of each PartRecord among the entries.

        StoreFull: nothing was written; new triggers are refused first, while parts already accepted can still be
        closed out of the last of the reserve. StoreError: a defect of the caller (a part closed twice, a part that
        was never accepted, a gate record of an open part); nothing was written.
        """

        def body(connection: sqlite3.Connection) -> dict[PartId, int]:
            rows: dict[PartId, int] = {}
            for entry in entries:
                self._insert(connection, entry, rows)
            return rows

        accepts = any(isinstance(entry, TriggerRecord) for entry in entries)
        return self._durably(body, last_room=not accepts)

    def _durably(self, body: Callable[[sqlite3.Connection], T], *, last_room: bool) -> T:
        """Run `body` in a transaction; when the disk gives no room, out of the reserve."""
        while True:
            try:
                with self._database.transaction() as connection:
                    result = body(connection)
                    self._room.secure(connection, last_room=last_room)
                return result
            except StoreFull:
                # A log that a reader held may be free to start over now; then the ballast can serve.
                with suppress(StoreFull):
                    self._database.checkpoint()
                if not self._room.release(last_room=last_room):
                    raise

    def _insert(self, connection: sqlite3.Connection, entry: Entry, rows: dict[PartId, int]) -> None:
        match entry:
            case TriggerRecord():
                self._insert_trigger(connection, entry)
            case PartRecord():
                rows[entry.part] = self._insert_part(connection, entry)
            case GateRecord():
                self._insert_gate(connection, entry)
            case OutageRecord():
                _insert_outage(connection, entry)
            case EventRecord():
                connection.execute(
                    "INSERT INTO events (epoch, at_ns, wall, kind, by, detail) VALUES (?, ?, ?, ?, ?, ?)",
                    (entry.epoch, entry.at_ns, entry.wall, entry.kind, entry.by, entry.detail),
                )
            case LineMemory():
                connection.execute(_SET_STATE, ("memory", encode_memory(entry)))
            case Alive():
                connection.execute(
                    _SET_STATE + " WHERE CAST(excluded.value AS INTEGER) > CAST(value AS INTEGER)",
                    ("alive", str(entry.at_ns).encode()),
                )

    def _insert_trigger(self, connection: sqlite3.Connection, trigger: TriggerRecord) -> None:
        self._check_ours(trigger.part)
        if trigger.part.epoch != self._epoch:
            raise StoreError(f"part {trigger.part} is not of the running epoch {self._epoch}")
        if _row_of(connection, trigger.part) is not None:
            raise StoreError(f"part {trigger.part} was accepted before and has its record")
        with _once(f"part {trigger.part} was accepted twice"):
            connection.execute(_INSERT_TRIGGER, stamped_values(trigger))

    def _insert_part(self, connection: sqlite3.Connection, record: PartRecord) -> int:
        self._check_ours(record.part)
        row = _close_trigger(connection, record)
        if row is None:
            known = _row_of(connection, record.part)
            raise StoreError(
                f"part {record.part} was never accepted: no trigger is open"
                if known is None
                else f"part {record.part} has its record already (row {known})"
            )
        return row

    def _insert_gate(self, connection: sqlite3.Connection, gate: GateRecord) -> None:
        self._check_ours(gate.part)
        with _once(f"part {gate.part} has its gate record already"):
            if _insert_gate(connection, gate) == 0:
                raise StoreError(f"the gate record of {gate.part} came before the part's own record")

    def _check_ours(self, part: PartId) -> None:
        if part.station != self._station:
            raise StoreError(f"part {part} belongs to another station than {self._station}")

    def reserve(self) -> Reserve:
        return self._room.reserve()

    def top_up(self) -> bool:
        """Refill the reserve by at most 1 MiB (a few ms). False when the disk has no room for it. Never raises."""
        return self._room.top_up()

    def room_left(self) -> bool:
        """False when a commit with a new trigger would raise StoreFull as far as is known."""
        return self._room.left()

    def prune(self, *, keep_ns: int | None, max_parts: int | None, limit: int = 500) -> int:
        """Remove the oldest records, at most `limit` of a kind, and say how many; call again while it is not 0.

        keep_ns: how long a record stays, in time that `line` has been at work: a clock that jumps removes nothing,
        a device that was off keeps longer. max_parts: at most so many parts stay.
        """

        def body(connection: sqlite3.Connection) -> int:
            now_ns = self._clock.now_ns()
            connection.execute("UPDATE retention SET running = 1")
            removed = 0
            for table, rows in old_rows(connection, self._epoch, now_ns, keep_ns, max_parts, limit):
                marks = [(row,) for row in rows]
                if table == "parts":
                    connection.executemany("DELETE FROM gates WHERE part_row = ?", marks)
                connection.executemany(f"DELETE FROM {table} WHERE row = ?", marks)  # noqa: S608 - our own names
                removed += len(rows)
            connection.execute("UPDATE retention SET running = 0")
            return removed

        return self._durably(body, last_room=True)

    def close(self) -> None:
        """Mark the epoch as ended in order and release the ledger. The log's room stays on the disk."""
        try:
            if self._epoch:
                mark = (self._clock.now_ns(), self._epoch)
                self._durably(
                    lambda connection: connection.execute("UPDATE epochs SET closed_ns = ? WHERE epoch = ?", mark),
                    last_room=True,
                )
        finally:
            self._epoch = 0
            self._database.close(keep_log=True)


def _claim(database: Database, station: str) -> bool:
    """Bind a new ledger to its station; True when it is new."""
    with database.transaction() as connection:
        rows = connection.execute("SELECT station FROM meta").fetchall()
        if not rows:
            connection.execute("INSERT INTO meta (id, station) VALUES (1, ?)", (station,))
            return True
        if rows[0][0] != station:
            raise StoreError(
                f"{database.path} is the ledger of station {rows[0][0]}, not of {station}",
                hint="give this station its own data_dir, or its old name back",
            )
        return False


@contextmanager
def _once(message: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise StoreError(message) from error


def _row_of(connection: sqlite3.Connection, part: PartId) -> int | None:
    found = connection.execute("SELECT row FROM parts WHERE epoch = ? AND n = ?", (part.epoch, part.n)).fetchone()
    return None if found is None else int(found[0])


def _close_trigger(connection: sqlite3.Connection, record: PartRecord) -> int | None:
    """The part's new row; None when no trigger of it is open."""
    part = (record.part.epoch, record.part.n)
    reason = record.reasons[0].code.value if record.reasons else ""
    values = (record.verdict.value, reason, record.decided_ns, record.cutoff_ns, encode_detail(record))
    cursor = connection.execute(_INSERT_PART, values + part)
    if cursor.rowcount != 1 or cursor.lastrowid is None:
        return None
    row = cursor.lastrowid
    connection.execute("DELETE FROM open_triggers WHERE epoch = ? AND n = ?", part)
    return row


def _insert_gate(connection: sqlite3.Connection, gate: GateRecord) -> int:
    values = (gate.outcome.value, gate.at_ns, gate.part.epoch, gate.part.n)
    return connection.execute(_INSERT_GATE, values).rowcount


def _insert_outage(connection: sqlite3.Connection, outage: OutageRecord) -> None:
    connection.execute(
        "INSERT INTO outages (epoch, from_ns, to_ns, why, wall) VALUES (?, ?, ?, ?, ?)",
        (outage.epoch, outage.from_ns, outage.to_ns, outage.why, outage.wall),
    )


def _last_epoch(connection: sqlite3.Connection) -> _LastEpoch | None:
    found = connection.execute(
        "SELECT epoch, boot_id, started_ns, aged_ns, closed_ns FROM epochs ORDER BY epoch DESC LIMIT 1"
    ).fetchone()
    if found is None:
        return None
    epoch, boot_id, started_ns, aged_ns, closed_ns = found
    mark = connection.execute("SELECT CAST(value AS INTEGER) FROM state WHERE name = 'alive'").fetchone()
    return _LastEpoch(
        epoch=epoch,
        boot_id=boot_id,
        started_ns=started_ns,
        aged_ns=aged_ns,
        closed_ns=closed_ns,
        alive_ns=mark[0] if mark else started_ns,
    )


def _insert_epoch(connection: sqlite3.Connection, last: _LastEpoch | None, boot_id: str, now_ns: int, wall: str) -> int:
    aged_ns = 0
    if last is not None:
        aged_ns = last.aged_ns + max(0, last.alive_ns - last.started_ns, (last.closed_ns or 0) - last.started_ns)
    cursor = connection.execute(
        "INSERT INTO epochs (boot_id, started_ns, wall, aged_ns) VALUES (?, ?, ?, ?)",
        (boot_id, now_ns, wall, aged_ns),
    )
    # Within a boot the mark stays: a start that was killed before its first Alive must not hide the outage before
    # it. In a new boot nothing was accepted since its clock's 0.
    if last is None or last.boot_id != boot_id:
        connection.execute(_SET_STATE, ("alive", b"%d" % (now_ns if last is None else 0)))
    return int(cursor.lastrowid or 0)


def _close_left_open(connection: sqlite3.Connection, now_ns: int | None, last: _LastEpoch | None) -> int:
    """now_ns: None when the boot is another, then the old boot's last alive mark stands for the time."""
    left = connection.execute("SELECT epoch, n, trigger_ns FROM open_triggers ORDER BY epoch, n").fetchall()
    if not left:
        return 0
    station: str = connection.execute("SELECT station FROM meta").fetchone()[0]
    for epoch, n, trigger_ns in left:
        part = PartId(station=station, epoch=epoch, n=n)
        alive_ns = last.alive_ns if last is not None else trigger_ns
        at_ns = max(trigger_ns, alive_ns if now_ns is None else now_ns)
        record = PartRecord(
            part=part,
            verdict=Verdict.NOT_INSPECTED,
            reasons=(Reason(code=ReasonCode.LINE_RESTART),),
            results=(),
            decided_ns=at_ns,
            cutoff_ns=at_ns,
        )
        _close_trigger(connection, record)
        _insert_gate(connection, GateRecord(part=part, outcome=GateOutcome.REJECTED, at_ns=at_ns))
    return len(left)


def _record_outage_before(connection: sqlite3.Connection, last: _LastEpoch, wall: str) -> None:
    """The old boot's end is not known on its clock: the outage begins at its last sign of life, open-ended."""
    why = "the device was started again" if last.closed_ns is not None else "the device lost power or was reset"
    outage = OutageRecord(epoch=last.epoch, from_ns=last.alive_ns, to_ns=last.alive_ns, why=why, wall=wall)
    _insert_outage(connection, outage)
