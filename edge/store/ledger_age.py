"""How old a record is, without the wall clock.

Age is counted in time that `line` was at work: each epoch knows how much there was before it (`aged_ns`) and
when it started on its boot's CLOCK_MONOTONIC. A wall clock that jumps neither ages nor rejuvenates anything;
a device that was switched off keeps its records longer, never shorter.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

_STAMPS = {"parts": "trigger_ns", "outages": "to_ns", "events": "at_ns"}


def old_rows(
    connection: sqlite3.Connection, epoch: int, now_ns: int, keep_ns: int | None, max_parts: int | None, limit: int
) -> Iterator[tuple[str, list[int]]]:
    """(table, rows to remove), oldest first and at most `limit` of each. `epoch`: the running one."""
    surplus = 0 if max_parts is None else max(0, _parts(connection) - max_parts)
    eldest = None if keep_ns is None else aged_now(connection, epoch, now_ns) - keep_ns
    for table in _STAMPS:
        rows = [] if eldest is None else _older(connection, table, eldest, limit)
        if table == "parts" and surplus > len(rows):
            rows = _oldest(connection, min(surplus, limit))
        if rows:
            yield table, rows


def aged_now(connection: sqlite3.Connection, epoch: int, now_ns: int) -> int:
    """Working time of the ledger up to `now_ns` of the running epoch, ns."""
    found = connection.execute("SELECT aged_ns + ? - started_ns FROM epochs WHERE epoch = ?", (now_ns, epoch))
    row = found.fetchone()
    return 0 if row is None else int(row[0])


def _parts(connection: sqlite3.Connection) -> int:
    """Rows are numbered without gaps but for what retention took from the old end."""
    # Two look-ups: SQLite reads the whole table for both at once.
    found = connection.execute("SELECT (SELECT min(row) FROM parts), (SELECT max(row) FROM parts)")
    first, last = found.fetchone()
    return 0 if first is None else int(last - first + 1)


def _oldest(connection: sqlite3.Connection, limit: int) -> list[int]:
    return [row for (row,) in connection.execute("SELECT row FROM parts ORDER BY row LIMIT ?", (limit,))]


def _older(connection: sqlite3.Connection, table: str, eldest_ns: int, limit: int) -> list[int]:
    """The rows at the old end that are older, up to the first that is not."""
    ages = connection.execute(
        f"SELECT t.row, e.aged_ns + t.{_STAMPS[table]} - e.started_ns "  # noqa: S608 - our own names
        f"FROM {table} AS t JOIN epochs AS e USING (epoch) ORDER BY t.row LIMIT ?",
        (limit,),
    )
    rows: list[int] = []
    for row, aged_ns in ages:
        if aged_ns >= eldest_ns:
            break
        rows.append(row)
    return rows
