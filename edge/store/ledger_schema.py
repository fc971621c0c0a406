"""The ledger's tables, and how its rows become values again.

`parts`, `gates`, `outages` and `events` are append-only: SQL triggers refuse UPDATE, and DELETE but for retention.
What was stamped at the trigger lies in columns that `open_triggers` and `parts` share; reasons and results are
msgpack, decoded by type, so that a row that does not fit is an error and not a guess. `tally` is counted by SQL
triggers in the same transaction as the rows it counts, and stays when retention removes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from edge.domain.ledger import GateRecord, LineMemory, PartRecord, StoredPart, TriggerRecord, TriggerSource
from edge.domain.part import Mode, PartId, Purpose
from edge.domain.result import RecipeRef, Result
from edge.domain.verdict import GateOutcome, Reason, Verdict
from edge.errors import StoreError
from edge.store import reserve
from edge.store.migrations import Schema, append_only

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

_STAMPED = """epoch INTEGER NOT NULL REFERENCES epochs (epoch), n INTEGER NOT NULL CHECK (n >= 1),
  trigger_ns INTEGER NOT NULL, error_ns INTEGER NOT NULL, source TEXT NOT NULL, mode TEXT NOT NULL,
  purpose TEXT NOT NULL, lot TEXT NOT NULL, recipe_name TEXT, recipe_version INTEGER, recipe_digest TEXT,
  models TEXT NOT NULL, travel REAL NOT NULL, wall TEXT NOT NULL"""
STAMPED = (
    "epoch, n, trigger_ns, error_ns, source, mode, purpose, lot, recipe_name, recipe_version, recipe_digest, "
    "models, travel, wall"
)


def _tally(table: str, part_row: str, what: str) -> str:
    """Counts each new row of `table` under its part's epoch, lot, purpose and hour (of the wall clock: for people)."""
    columns = "epoch, lot, purpose, substr(wall, 1, 13)"
    return f"""CREATE TRIGGER {table}_tally AFTER INSERT ON {table} BEGIN
      INSERT INTO tally (epoch, lot, purpose, hour, what, count, first_row, last_row)
      SELECT {columns}, {what}, 1, row, row FROM parts WHERE row = {part_row}
      ON CONFLICT DO UPDATE SET count = count + 1, first_row = min(first_row, excluded.first_row),
        last_row = max(last_row, excluded.last_row);
    END"""  # noqa: S608 - our own names


_FIRST = (
    "CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), station TEXT NOT NULL)",
    # aged_ns: how long `line` had been at work before this epoch, in all; the age of a part needs no wall clock.
    """CREATE TABLE epochs (epoch INTEGER PRIMARY KEY AUTOINCREMENT, boot_id TEXT NOT NULL,
       started_ns INTEGER NOT NULL, wall TEXT NOT NULL, aged_ns INTEGER NOT NULL, closed_ns INTEGER)""",
    f"CREATE TABLE open_triggers ({_STAMPED}, PRIMARY KEY (epoch, n)) WITHOUT ROWID",
    f"""CREATE TABLE parts (row INTEGER PRIMARY KEY AUTOINCREMENT, {_STAMPED},
       verdict TEXT NOT NULL, reason TEXT NOT NULL, decided_ns INTEGER NOT NULL, cutoff_ns INTEGER NOT NULL,
       detail BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX parts_id ON parts (epoch, n)",
    "CREATE INDEX parts_flagged ON parts (row, verdict, reason) WHERE verdict <> 'OK'",
    """CREATE TABLE gates (row INTEGER PRIMARY KEY AUTOINCREMENT,
       part_row INTEGER NOT NULL UNIQUE REFERENCES parts (row), outcome TEXT NOT NULL, at_ns INTEGER NOT NULL)""",
    """CREATE TABLE outages (row INTEGER PRIMARY KEY AUTOINCREMENT, epoch INTEGER NOT NULL, from_ns INTEGER NOT NULL,
       to_ns INTEGER NOT NULL, why TEXT NOT NULL, wall TEXT NOT NULL)""",
    """CREATE TABLE events (row INTEGER PRIMARY KEY AUTOINCREMENT, epoch INTEGER NOT NULL, at_ns INTEGER NOT NULL,
       wall TEXT NOT NULL, kind TEXT NOT NULL, by TEXT NOT NULL, detail TEXT NOT NULL)""",
    # One page for both marks that every commit may move: 'alive' (ns) and 'memory' (msgpack).
    "CREATE TABLE state (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE tally (epoch INTEGER NOT NULL, lot TEXT NOT NULL, purpose TEXT NOT NULL, hour TEXT NOT NULL,
       what TEXT NOT NULL, count INTEGER NOT NULL, first_row INTEGER NOT NULL, last_row INTEGER NOT NULL,
       PRIMARY KEY (epoch, lot, purpose, hour, what)) WITHOUT ROWID""",
    _tally("parts", "NEW.row", "NEW.verdict"),
    _tally("gates", "NEW.part_row", "NEW.outcome"),
    "CREATE TABLE retention (id INTEGER PRIMARY KEY CHECK (id = 1), running INTEGER NOT NULL)",
    "INSERT INTO retention (id, running) VALUES (1, 0)",
    *append_only("parts", retention=True),
    *append_only("gates", retention=True),
    *append_only("outages", retention=True),
    *append_only("events", retention=True),
    *reserve.TABLES,
)

LEDGER = Schema(kind="ledger", application_id=0x45444C47, migrations=(_FIRST,))

Detail = tuple[tuple[Reason, ...], tuple[Result, ...]]
PART_COLUMNS = (
    ", ".join(f"p.{name.strip()}" for name in ("row, " + STAMPED).split(","))
    + ", p.verdict, p.decided_ns, p.cutoff_ns, p.detail, g.outcome, g.at_ns"
)

_ENCODER = msgspec.msgpack.Encoder()
_DETAIL: msgspec.msgpack.Decoder[Detail] = msgspec.msgpack.Decoder(Detail)
_MODELS: msgspec.json.Decoder[tuple[str, ...]] = msgspec.json.Decoder(tuple[str, ...])
_MEMORY: msgspec.msgpack.Decoder[LineMemory] = msgspec.msgpack.Decoder(LineMemory)


def stamped_values(trigger: TriggerRecord) -> tuple[Any, ...]:
    """In the order of STAMPED."""
    recipe = trigger.recipe
    return (
        trigger.part.epoch,
        trigger.part.n,
        trigger.trigger_ns,
        trigger.error_ns,
        trigger.source.value,
        trigger.mode.value,
        trigger.purpose.value,
        trigger.lot,
        *((recipe.name, recipe.version, recipe.digest) if recipe else (None, None, None)),
        msgspec.json.encode(trigger.models).decode(),
        float(trigger.travel),
        trigger.wall,
    )


def encode_detail(record: PartRecord) -> bytes:
    return _ENCODER.encode((record.reasons, record.results))


def encode_memory(memory: LineMemory) -> bytes:
    return _ENCODER.encode(memory)


def decode_memory(rows: Iterable[tuple[Any, ...]]) -> LineMemory | None:
    """From the rows of the state table named 'memory' (none or one)."""
    for (value,) in rows:
        return _decoded(_MEMORY, value, "the line's memory")
    return None


def stored_part(station: str, row: tuple[Any, ...]) -> StoredPart:
    """From PART_COLUMNS. StoreError when the row is not what this release writes."""
    number, (verdict, decided_ns, cutoff_ns, detail, outcome, at_ns) = row[0], row[15:]
    trigger = _trigger(station, row[1:15])
    reasons, results = _decoded(_DETAIL, detail, f"row {number}")
    return StoredPart(
        row=number,
        trigger=trigger,
        record=PartRecord(
            part=trigger.part,
            verdict=member(Verdict, verdict),
            reasons=reasons,
            results=results,
            decided_ns=decided_ns,
            cutoff_ns=cutoff_ns,
        ),
        gate=None
        if outcome is None
        else GateRecord(part=trigger.part, outcome=member(GateOutcome, outcome), at_ns=at_ns),
    )


def _trigger(station: str, values: tuple[Any, ...]) -> TriggerRecord:
    epoch, n, trigger_ns, error_ns, source, mode, purpose, lot, name, version, digest, models, travel, wall = values
    return TriggerRecord(
        part=PartId(station=station, epoch=epoch, n=n),
        trigger_ns=trigger_ns,
        error_ns=error_ns,
        source=member(TriggerSource, source),
        mode=member(Mode, mode),
        purpose=member(Purpose, purpose),
        lot=lot,
        recipe=None if name is None else RecipeRef(name=name, version=version, digest=digest),
        models=_decoded(_MODELS, models, f"part {station}/{epoch}/{n}"),
        travel=travel,
        wall=wall,
    )


def member(kind: type[E], value: str) -> E:
    try:
        return kind(value)
    except ValueError as error:
        raise StoreError(f"the ledger holds {value!r} as {kind.__name__}", hint=_HINT) from error


def _decoded(decoder: msgspec.msgpack.Decoder[T] | msgspec.json.Decoder[T], value: Any, what: str) -> T:
    try:
        return decoder.decode(value)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"{what} of the ledger cannot be read: {error}", hint=_HINT) from error


_HINT = "the database is damaged or of another release: keep a copy and run edge doctor"
