"""What every database does: one writer, private files, refusing what it cannot serve, readers that wait."""

from __future__ import annotations

import sqlite3
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.clock import ManualClock
from edge.errors import AlreadyRunning, StoreError, StoreFull
from edge.store.database import explain, integrity_problems, open_reader, open_writer
from edge.store.migrations import Schema, append_only

ONE = Schema(kind="test", application_id=0x45540001, migrations=(("CREATE TABLE things (name TEXT NOT NULL)",),))
TWO = Schema(
    kind="test",
    application_id=ONE.application_id,
    migrations=(
        *ONE.migrations,
        ("ALTER TABLE things ADD COLUMN size INTEGER", *append_only("things", retention=False)),
    ),
)
BROKEN = Schema(
    kind="test",
    application_id=ONE.application_id,
    migrations=(*ONE.migrations, ("CREATE TABLE more (name TEXT)", "INSERT INTO nowhere VALUES (1)")),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "things.db"


def write(path: Path, schema: Schema, *names: str) -> None:
    database = open_writer(path, schema)
    with database.transaction() as connection:
        connection.executemany("INSERT INTO things (name) VALUES (?)", [(name,) for name in names])
    database.close()


def test_the_settings_that_durability_rests_on(path: Path) -> None:
    database = open_writer(path, ONE)
    asked = ("journal_mode", "synchronous", "foreign_keys", "mmap_size", "journal_size_limit", "secure_delete")
    assert [database.rows(f"PRAGMA {name}")[0][0] for name in asked] == ["wal", 2, 1, 0, -1, 0]
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()} == {0o600}
    with pytest.raises(AlreadyRunning):
        open_writer(path, ONE)
    database.close()
    database.close()  # twice is fine
    open_writer(path, ONE).close()


def test_a_migration_brings_an_old_database_up_to_date_with_its_rows(path: Path) -> None:
    write(path, ONE, "old")
    database = open_writer(path, TWO)
    assert database.rows("SELECT name, size FROM things") == [("old", None)]
    with pytest.raises(StoreError, match="append-only"), database.transaction() as connection:
        connection.execute("DELETE FROM things")
    database.close()


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    write(path, ONE, "kept")
    with pytest.raises(StoreError, match="nowhere"):
        open_writer(path, BROKEN)
    reader = open_reader(path, ONE)
    assert reader.rows("SELECT name FROM sqlite_master") == [("things",)]
    assert reader.rows("SELECT * FROM things") == [("kept",)]
    reader.close()


def test_a_database_of_a_newer_release_is_never_served(path: Path) -> None:
    write(path, TWO, "new")
    before = path.read_bytes()
    for opening in (open_writer, open_reader):
        with pytest.raises(StoreError, match="newer release") as caught:
            opening(path, ONE)
        assert caught.value.hint
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"this is not a database, but it is long enough" * 40, b"SQLite format 3\0" * 64])
def test_what_is_not_a_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for opening in (open_writer, open_reader):
        with pytest.raises(StoreError) as caught:
            opening(path, ONE)
        assert caught.value.hint
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a test database"):
        open_writer(path, ONE)
    assert path.read_bytes() == before


def test_a_damaged_page_is_an_error_with_a_hint(path: Path) -> None:
    write(path, ONE, *("x" * 500 for _ in range(200)))
    content = bytearray(path.read_bytes())
    content[4096:12_288] = b"\xff" * 8192
    path.write_bytes(content)
    reader = open_reader(path, ONE)
    with pytest.raises(StoreError, match="damaged") as caught:
        reader.rows("SELECT * FROM things")
    assert "backup" in caught.value.hint
    reader.close()
    assert integrity_problems(path, ONE)


def test_a_symbolic_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    (tmp_path / "elsewhere").touch()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="cannot be opened"):
        open_writer(path, ONE)


def test_a_transaction_is_whole_or_not_at_all(path: Path) -> None:
    database = open_writer(path, ONE)

    def insert(name: str, then: Callable[[sqlite3.Connection], object]) -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO things (name) VALUES (?)", (name,))
            then(connection)

    with pytest.raises(ZeroDivisionError):
        insert("a", lambda _: 1 // 0)
    with pytest.raises(StoreError):
        insert("b", lambda connection: connection.execute("INSERT INTO things (name) VALUES (NULL)"))
    assert database.rows("SELECT * FROM things") == []
    database.close()


def test_a_reader_says_that_nothing_is_there_yet(path: Path) -> None:
    clock = ManualClock()
    with pytest.raises(StoreError, match="there is no test database") as caught:
        open_reader(path, ONE, clock=clock)
    assert "start the service" in caught.value.hint
    assert clock.now_ns() == ManualClock().now_ns()  # it did not wait for a file that is not there


def test_a_reader_waits_for_a_database_that_is_being_made_but_not_for_ever(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    clock = ManualClock()
    with pytest.raises(StoreError, match="not set up for this release yet"):
        open_reader(path, ONE, clock=clock, patience_s=1.0)
    waited_s = (clock.now_ns() - ManualClock().now_ns()) / 1e9
    assert 1.0 <= waited_s < 1.2
    later = threading.Timer(0.1, write, (path, ONE, "here"))
    later.start()
    reader = open_reader(path, ONE, patience_s=5.0)
    later.join()
    assert reader.rows("SELECT * FROM things") == [("here",)]
    reader.close()


def test_a_reader_cannot_write_and_does_not_block_the_writer(path: Path) -> None:
    write(path, ONE, "a")
    reader = open_reader(path, ONE)
    with pytest.raises(StoreError):
        reader.rows("INSERT INTO things (name) VALUES ('b')")
    held = open_reader(path, ONE)
    held.rows("BEGIN")
    assert held.rows("SELECT count(*) FROM things") == [(1,)]  # a transaction that stays open
    started = time.monotonic()
    database = open_writer(path, ONE)
    with database.transaction() as connection:
        connection.execute("INSERT INTO things (name) VALUES ('c')")
    database.checkpoint()
    assert time.monotonic() - started < 1.0
    assert held.rows("SELECT count(*) FROM things") == [(1,)]
    assert reader.rows("SELECT count(*) FROM things") == [(2,)]
    held.close()
    reader.close()
    database.close()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, StoreFull),
        (sqlite3.SQLITE_IOERR_WRITE, StoreFull),
        (sqlite3.SQLITE_CORRUPT, StoreError),
        (sqlite3.SQLITE_BUSY, StoreError),
    ],
)
def test_errors_of_the_disk_are_told_apart_from_the_others(path: Path, code: int, kind: type[StoreError]) -> None:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    explained = explain(error, path)
    assert type(explained) is kind
    assert explained.hint
