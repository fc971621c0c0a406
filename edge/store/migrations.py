"""Schemas and how a database of an earlier release becomes one of this release.

A schema is a list of migrations; `user_version` says how many of them a database has had. They run in one
transaction: a database is never served half migrated, and never by a release older than itself.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from edge.errors import StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """kind: the database's name for people. application_id: 32 bits in its header (sqlite.org/fileformat2, 1.3.17).

    migrations: each one a list of single SQL statements, never changed once released.
    """

    kind: str
    application_id: int
    migrations: tuple[tuple[str, ...], ...]

    @property
    def version(self) -> int:
        return len(self.migrations)


def append_only(table: str, *, retention: bool) -> tuple[str, ...]:
    """SQL triggers that refuse UPDATE and DELETE; with `retention`, DELETE is allowed while its mark is set."""
    unless = "WHEN NOT EXISTS (SELECT 1 FROM retention WHERE running = 1)" if retention else ""
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    return (
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {unless} {refuse}",
    )


def version_of(connection: sqlite3.Connection, path: Path, schema: Schema) -> int:
    """How many migrations this database has had; 0 for an empty one. StoreError when it is not ours or is newer."""
    # In one statement, and so at one moment: another process may be making the database now.
    application, version, tables = connection.execute(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), "
        "(SELECT count(*) FROM sqlite_master)"
    ).fetchone()
    if application == version == tables == 0:
        return 0
    if application != schema.application_id:
        raise StoreError(f"{path} is not a {schema.kind} database", hint="is this the right file? It was not touched")
    if version > schema.version:
        raise StoreError(
            f"{path} was written by a newer release (its version {version}, this release reads {schema.version})",
            hint="install that release again; the database was not touched",
        )
    return version


def migrate(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    """Bring the database to `schema` in the transaction that the caller holds."""
    done = version_of(connection, path, schema)
    for migration in schema.migrations[done:]:
        for statement in migration:
            connection.execute(statement)
    if done < schema.version:
        connection.execute(f"PRAGMA application_id = {schema.application_id:d}")
        connection.execute(f"PRAGMA user_version = {schema.version:d}")
