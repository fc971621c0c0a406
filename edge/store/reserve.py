"""Room that a database keeps for the day the disk is full.

Three things grow while rows are added, and each has its room from the start:

- the database file. Ballast rows fill `target_bytes` of it. No transaction commits a page that the file has no
  block for (posix_fallocate(3) before COMMIT); when the disk gives none, a ballast row is deleted and its pages
  serve instead. SQLite would notice only at a checkpoint, when the promise has been made.
- the log. It is preallocated and never truncated, and a checkpoint starts it over from its beginning. Only a
  reader that stays in one transaction for long could make it grow.
- the log's index: one 32 KiB region lasts for a log of 16 MB (sqlite.org/walformat.html, 2.2).

The last of the ballast is for parts already accepted: a new trigger is refused before it is touched.
File systems that write every block anew (btrfs, zfs) can still refuse a write into a block they gave.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass

from edge import log
from edge.errors import StoreError, StoreFull
from edge.store.database import Database

_log = log.get(__name__)

ROW_BYTES = 262_144
LOG_BYTES = 8 * 1024 * 1024
_ROWS_PER_STEP = 4  # 1 MiB a step: with a full log still within LOG_BYTES
_GROWTH_BYTES = 1024 * 1024  # the file grows in pieces, so that it stays in one piece

TABLES = ("CREATE TABLE ballast (id INTEGER PRIMARY KEY, room BLOB NOT NULL)",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """free_bytes: what can still be recorded on a full disk. topped_up: all of the target is there."""

    free_bytes: int
    target_bytes: int
    topped_up: bool


class Room:
    """The reserve of one open database. Same thread rules as the database."""

    def __init__(self, database: Database, target_bytes: int) -> None:
        self._database = database
        self._rows_wanted = max(2, -(-target_bytes // ROW_BYTES))
        self._floor_bytes = max(1, self._rows_wanted // 8) * ROW_BYTES
        self._page_bytes: int = database.rows("PRAGMA page_size")[0][0]
        self._rows: int = database.rows("SELECT count(*) FROM ballast")[0][0]
        self._disk_full = False

    def reserve(self) -> Reserve:
        free = self._rows * ROW_BYTES + self._free_pages() * self._page_bytes
        target = self._rows_wanted * ROW_BYTES
        return Reserve(free_bytes=free, target_bytes=target, topped_up=self._rows >= self._rows_wanted)

    def left(self) -> bool:
        """Whether a new trigger can be accepted: the disk gives room, or the reserve does."""
        return not self._disk_full or self.reserve().free_bytes > self._floor_bytes

    def secure(self, connection: sqlite3.Connection, *, last_room: bool) -> None:
        """Before COMMIT: every page has its block on the disk. StoreFull when it has not, or must not be used.

        last_room: the transaction may use the last of the ballast.
        """
        pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
        need = pages * self._page_bytes
        if os.fstat(self._database.fd).st_size < need:
            self._grow(-(-need // _GROWTH_BYTES) * _GROWTH_BYTES)
        if self._disk_full and not last_room and self._free_in(connection) <= self._floor_bytes:
            self._grow(os.fstat(self._database.fd).st_size + _GROWTH_BYTES)

    def _grow(self, size: int) -> None:
        """A file longer than its pages is fine: the next checkpoint cuts it."""
        fd = self._database.fd
        have = os.fstat(fd).st_size
        try:
            os.posix_fallocate(fd, have, size - have)
        except OSError as error:
            if not self._disk_full:
                _log.warning("the disk gives no room (%s): %s lives on its reserve", error, self._database.path)
            self._disk_full = True
            raise StoreFull(
                f"no room is left for {self._database.path.name}: {error.strerror}", hint="free space on the disk"
            ) from error
        self._disk_full = False

    def _free_in(self, connection: sqlite3.Connection) -> int:
        free: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
        return self._rows * ROW_BYTES + free * self._page_bytes

    def _free_pages(self) -> int:
        free: int = self._database.rows("PRAGMA freelist_count")[0][0]
        return free

    def release(self, *, last_room: bool) -> bool:
        """Give one ballast row's pages to the database. False when there is none to give."""
        keep = 0 if last_room else self._floor_bytes // ROW_BYTES
        if self._rows <= keep:
            return False
        try:
            with self._database.transaction() as connection:
                connection.execute("DELETE FROM ballast WHERE id = (SELECT max(id) FROM ballast)")
        except StoreFull:
            return False  # the log itself has no room: a reader holds it, or the disk fails
        self._rows -= 1
        return True

    def top_up(self, steps: int = 1) -> bool:
        """Refill by at most `steps` MiB. True when full or on the way; False when the disk has no room."""
        for _ in range(steps):
            missing = min(_ROWS_PER_STEP, self._rows_wanted - self._rows)
            if missing <= 0 and not self._disk_full:
                return True
            if not self._try_add(max(missing, 0)):
                return False
        return True

    def _try_add(self, rows: int) -> bool:
        try:
            with self._database.transaction() as connection:
                # 4 bytes of each overflow page are the chain: a little less than the whole fills whole pages.
                room = ROW_BYTES - 4 * (ROW_BYTES // self._page_bytes) - 64
                connection.executemany("INSERT INTO ballast (room) VALUES (zeroblob(?))", [(room,)] * rows)
                self.secure(connection, last_room=False)
                if self._disk_full:  # taken from pages freed before: they serve better as they are
                    self._grow(os.fstat(self._database.fd).st_size + _GROWTH_BYTES)
        except StoreError:
            return False
        self._rows += rows
        return True

    def prepare_log(self) -> None:
        """Give the log its blocks. SQLite reads it up to the first frame that is not sound: zeros end it."""
        path = self._database.path.with_name(self._database.path.name + "-wal")
        try:
            # SQLite takes no locks on the log itself, so closing this descriptor drops none.
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                os.posix_fallocate(fd, 0, LOG_BYTES)
            finally:
                os.close(fd)
        except OSError as error:
            self._disk_full = True
            _log.warning("the log of %s gets no room of its own: %s", self._database.path, error)
