"""One SQLite database: one writing process, any number of reading ones.

Write-ahead log, no mmap, one connection that writes and checkpoints, readers read-only: SQLite 3.40, as Debian
12 has it, is sound that way (sqlite.org/wal.html). Every sqlite3 error leaves here as a StoreError; one that
says that the disk is full, or fails, as a StoreFull.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from edge.clock import SECOND, Clock, SystemClock
from edge.errors import StoreError, StoreFull
from edge.service import FileLock
from edge.store.migrations import Schema, migrate, version_of

T = TypeVar("T")
Synchronous = Literal["FULL", "NORMAL"]
BUSY_MS = 2000
PATIENCE_S = 2.0  # how long readers wait for a database that recovers or is being made
CHECKPOINT_PAGES = 1000
_RETRY_S = 0.02
_TRANSIENT = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_CANTOPEN,
}
_REMAKING_INDEX = {sqlite3.SQLITE_READONLY_RECOVERY, sqlite3.SQLITE_READONLY_CANTINIT}


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, 0 when Python itself raised (sqlite.org/rescode.html)."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """The error for the person; IOERR counts as full: a quota or a dying disk, and nothing can be recorded."""
    code = primary_code(error)
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return StoreFull(f"{path} cannot be written: {error}", hint="free space on the disk, or replace it")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreError(f"{path} is damaged: {error}", hint="it was left as it is: keep a copy, restore the backup")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(f"{path} is in use by something else: {error}", hint="close other programs that have it open")
    return StoreError(f"{path}: {error}", hint="run edge doctor")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from error


class Database:
    """The one writing connection. Its calls may come from any thread, one at a time."""

    def __init__(self, path: Path, lock: FileLock, fd: int, connection: sqlite3.Connection) -> None:
        self.path = path
        self.fd = fd
        self._lock = lock
        self._connection = connection
        self._one_at_a_time = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it is on the disk (FULL) when this returns, or none of it. StoreError, StoreFull."""
        with self._one_at_a_time, explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._one_at_a_time, explained(self.path):
            return self._connection.execute(sql, values).fetchall()

    def checkpoint(self) -> None:
        """Move what the log holds into the database as far as readers allow; waits for nobody."""
        with self._one_at_a_time, explained(self.path):
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self, *, keep_log: bool = False) -> None:
        """keep_log: leave the log and its index on the disk, so that their room is not given away."""
        with self._one_at_a_time:
            if self.fd < 0:
                return  # closed before
            try:
                if keep_log:
                    self._close_keeping_log()
            finally:
                self._connection.close()
                # Only now: closing any descriptor of a file drops this process's POSIX locks on it (fcntl(2)).
                os.close(self.fd)
                self.fd = -1
                self._lock.release()

    def _close_keeping_log(self) -> None:
        """SQLite deletes the log with the last connection; one that cannot write must leave it where it is."""
        with explained(self.path), closing(_connect(_address(self.path, "ro"))) as keeper:
            keeper.execute("SELECT count(*) FROM sqlite_master").fetchall()
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._connection.close()


def open_writer(path: Path, schema: Schema, *, synchronous: Synchronous = "FULL") -> Database:
    """Open or make the database and take its lock. AlreadyRunning, StoreFull, StoreError."""
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(f"the writer of {path.name}")
    except OSError as error:
        raise _cannot_open(path, error) from error
    fd = -1
    try:
        fd = _private_file(path)
        with explained(path):
            return Database(path, lock, fd, _writing_connection(path, schema, synchronous))
    except BaseException:
        if fd >= 0:
            os.close(fd)
        lock.release()
        raise


def _private_file(path: Path) -> int:
    """Its descriptor. Ours alone (0600); SQLite gives the log and its index the same mode."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        os.fchmod(fd, 0o600)
    except OSError as error:
        raise _cannot_open(path, error) from error
    return fd


def _cannot_open(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path} cannot be opened: {error.strerror}", hint="check the folder, its owner and the disk")


def _writing_connection(path: Path, schema: Schema, synchronous: Synchronous) -> sqlite3.Connection:
    connection = _connect(_address(path, "rw"))
    try:
        version_of(connection, path, schema)  # before anything is written to a file that may not be ours
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        for pragma in (
            f"synchronous = {synchronous}",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
            "journal_size_limit = -1",  # the log keeps its room
            "foreign_keys = ON",
            "secure_delete = OFF",  # Debian's default writes every freed page again
            "temp_store = MEMORY",  # a full disk must not stop a statement
            "cache_spill = OFF",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.execute("BEGIN EXCLUSIVE")
        migrate(connection, path, schema)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()  # rolls back
        raise
    return connection


def _address(path: Path, mode: str) -> str:
    return f"file:{quote(str(path.absolute()))}?mode={mode}"


def _connect(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        address, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000
    )
    connection.execute("PRAGMA mmap_size = 0").fetchall()
    return connection


class Reader:
    """A read-only connection that survives the writer's death and return. Never blocks the writer.

    Every query is its own short read transaction. Its calls may come from any thread, one at a time.
    """

    def __init__(self, path: Path, schema: Schema, clock: Clock, patience_s: float) -> None:
        self.path = path
        self._schema = schema
        self._clock = clock
        self._patience_ns = int(patience_s * SECOND)
        self._one_at_a_time = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows at once. StoreError when the database stays unreadable for longer than the patience."""
        return self._patiently(lambda connection: connection.execute(sql, values).fetchall())

    def ready(self) -> None:
        """Return when the database can be read; StoreError when it cannot."""
        self._patiently(lambda connection: None)

    def _patiently(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        until = self._clock.now_ns() + self._patience_ns
        with self._one_at_a_time:
            while True:
                try:
                    return ask(self._connected())
                except sqlite3.Error as error:
                    self._drop()
                    if not self._may_pass(error) or self._clock.now_ns() >= until:
                        raise self._trouble(error) from error
                except _NotYet as error:
                    self._drop()
                    if self._clock.now_ns() >= until:
                        raise StoreError(error.message, hint=error.hint) from error
                self._clock.sleep(_RETRY_S)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _connect(_address(self.path, "ro"))
            for pragma in ("query_only = ON", "wal_autocheckpoint = 0", "temp_store = MEMORY"):
                self._connection.execute(f"PRAGMA {pragma}").fetchall()
            if version_of(self._connection, self.path, self._schema) < self._schema.version:
                raise _NotYet(
                    f"{self.path} is not set up for this release yet",
                    hint="start the service that writes it first (edge run starts all)",
                )
        return self._connection

    def _may_pass(self, error: sqlite3.Error) -> bool:
        passing = primary_code(error) in _TRANSIENT or getattr(error, "sqlite_errorcode", 0) in _REMAKING_INDEX
        return passing and self.path.exists()

    def _trouble(self, error: sqlite3.Error) -> StoreError:
        if primary_code(error) == sqlite3.SQLITE_CANTOPEN and not self.path.exists():
            return StoreError(
                f"there is no {self._schema.kind} database at {self.path} yet",
                hint="start the service that writes it first (edge run starts all)",
            )
        return explain(error, self.path)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        with self._one_at_a_time:
            self._drop()


class _NotYet(StoreError):
    """The writer is still making or migrating it."""


def open_reader(path: Path, schema: Schema, *, clock: Clock | None = None, patience_s: float = PATIENCE_S) -> Reader:
    """Open read-only; waits at most `patience_s` for a database that recovers or is being made. StoreError."""
    reader = Reader(path, schema, clock or SystemClock(), patience_s)
    try:
        reader.ready()
    except BaseException:
        reader.close()
        raise
    return reader


def integrity_problems(path: Path, schema: Schema) -> list[str]:
    """SQLite's own full check (seconds for a large database). Empty when the database is sound. StoreError."""
    reader = open_reader(path, schema)
    try:
        lines = [str(row[0]) for row in reader.rows("PRAGMA integrity_check(20)")]
        return [] if lines == ["ok"] else lines
    finally:
        reader.close()
