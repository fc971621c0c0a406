"""Which images are kept of which parts, how far the recorder has followed the ledger, and what it missed.

Written by the recorder alone. synchronous=NORMAL: after a power cut the last rows may be gone, and with them the
position, so that the recorder looks at those parts again; images may be lost, verdicts are not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from edge.clock import Clock
from edge.domain.part import PartId, check_name
from edge.domain.verdict import Verdict
from edge.errors import StoreError, UsageError
from edge.store.database import PATIENCE_S, Database, Reader, open_reader, open_writer
from edge.store.ledger_reader import MAX_ROWS
from edge.store.migrations import Schema

EVIDENCE = Schema(
    kind="evidence",
    application_id=0x45444556,
    migrations=(
        (
            """CREATE TABLE images (id INTEGER PRIMARY KEY AUTOINCREMENT, part TEXT NOT NULL, row INTEGER NOT NULL,
               view TEXT NOT NULL, kind TEXT NOT NULL, path TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL,
               width INTEGER NOT NULL, height INTEGER NOT NULL, verdict TEXT NOT NULL,
               created_wall TEXT NOT NULL, created_ns INTEGER NOT NULL)""",
            "CREATE UNIQUE INDEX images_row ON images (row, view, kind)",
            """CREATE TABLE totals (id INTEGER PRIMARY KEY CHECK (id = 1), images INTEGER NOT NULL,
               bytes INTEGER NOT NULL)""",
            "INSERT INTO totals VALUES (1, 0, 0)",
            """CREATE TRIGGER images_added AFTER INSERT ON images
               BEGIN UPDATE totals SET images = images + 1, bytes = bytes + NEW.bytes; END""",
            """CREATE TRIGGER images_removed AFTER DELETE ON images
               BEGIN UPDATE totals SET images = images - 1, bytes = bytes - OLD.bytes; END""",
            "CREATE TABLE follow (id INTEGER PRIMARY KEY CHECK (id = 1), row INTEGER NOT NULL)",
            "INSERT INTO follow VALUES (1, 0)",
            """CREATE TABLE missed (id INTEGER PRIMARY KEY AUTOINCREMENT, part TEXT NOT NULL, row INTEGER NOT NULL,
               why TEXT NOT NULL)""",
            "CREATE INDEX missed_row ON missed (row)",
            "CREATE TABLE missed_totals (why TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID",
            """CREATE TRIGGER missed_added AFTER INSERT ON missed BEGIN INSERT INTO missed_totals VALUES (NEW.why, 1)
               ON CONFLICT DO UPDATE SET count = count + 1; END""",
        ),
        (
            # Which ledger the rows are of (`LedgerReader.identity`); "": none was followed yet.
            "ALTER TABLE follow ADD COLUMN ledger TEXT NOT NULL DEFAULT ''",
            "CREATE INDEX images_ok ON images (verdict = 'OK', id)",
        ),
    ),
)
_COLUMNS = "id, part, row, view, kind, path, bytes, width, height, verdict, created_wall, created_ns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One kept image. path: relative to the images' folder, with '/'. row: the part's in the ledger.

    kind: what it shows, such as `frame`. created_wall: ISO 8601 UTC, for people; created_ns: CLOCK_MONOTONIC.
    id: 0 until it is stored.
    """

    id: int = 0
    part: PartId
    row: int
    view: str
    kind: str
    path: str
    bytes: int
    width: int
    height: int
    verdict: Verdict
    created_wall: str
    created_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """An image that was wanted and is not there. why: a short code, such as `overwritten` or `disk_full`."""

    part: PartId
    row: int
    why: str


class EvidenceReader:
    """StoreError when the database cannot be read."""

    def __init__(self, path: Path, *, clock: Clock | None = None, patience_s: float = PATIENCE_S) -> None:
        self._source: Reader | Database = open_reader(path, EVIDENCE, clock=clock, patience_s=patience_s)

    def position(self) -> int:
        """The last row of the ledger that is done with; 0 before the first."""
        return int(self._source.rows("SELECT row FROM follow")[0][0])

    def ledger(self) -> str:
        """The identity of the ledger that `position` and the rows of images are of; "" when none was followed yet."""
        return str(self._source.rows("SELECT ledger FROM follow")[0][0])

    def images_of(self, row: int) -> list[Image]:
        """The images of the part in this row of the ledger."""
        return self._images("row = ? ORDER BY id", (row,))

    def images_for(self, rows: Sequence[int]) -> dict[int, list[Image]]:
        """By ledger row; rows without images are left out."""
        found: dict[int, list[Image]] = {}
        for image in self._images(f"row IN ({', '.join('?' * len(rows))}) ORDER BY id", tuple(rows)):
            found.setdefault(image.row, []).append(image)
        return found

    def image(self, number: int) -> Image | None:
        found = self._images("id = ?", (number,))
        return found[0] if found else None

    def oldest(self, limit: int = 100, *, ok: bool) -> list[Image]:
        """In the order in which they were stored: no clock has a say in it. ok: of OK parts, or of all others."""
        return self._images("(verdict = 'OK') = ? ORDER BY id LIMIT ?", (int(ok), max(0, min(limit, MAX_ROWS))))

    def known_paths(self, paths: Sequence[str]) -> set[str]:
        """Those of `paths` that an image has."""
        marks = ", ".join("?" * len(paths))
        rows = self._source.rows(f"SELECT path FROM images WHERE path IN ({marks})", tuple(paths))  # noqa: S608
        return {path for (path,) in rows}

    def _images(self, terms: str, values: tuple[Any, ...]) -> list[Image]:
        rows = self._source.rows(f"SELECT {_COLUMNS} FROM images WHERE {terms}", values)  # noqa: S608 - our own names
        return [_image(row) for row in rows]

    def total_bytes(self) -> int:
        return int(self._source.rows("SELECT bytes FROM totals")[0][0])

    def total_images(self) -> int:
        return int(self._source.rows("SELECT images FROM totals")[0][0])

    def missed_counts(self) -> dict[str, int]:
        """How many images were missed, by reason, ever: also those that retention has forgotten one by one."""
        return dict(self._source.rows("SELECT why, count FROM missed_totals"))

    def missed_of(self, row: int) -> list[Missed]:
        found = self._source.rows("SELECT part, row, why FROM missed WHERE row = ? ORDER BY id", (row,))
        return [Missed(part=_part(part), row=number, why=why) for part, number, why in found]

    def close(self) -> None:
        self._source.close()


class EvidenceStore(EvidenceReader):
    """The one writer; reads through the same connection."""

    def __init__(self, path: Path) -> None:
        self._database = open_writer(path, EVIDENCE, synchronous="NORMAL")
        self._source = self._database

    def record(self, *, position: int, images: Sequence[Image] = (), missed: Sequence[Missed] = ()) -> None:
        """All that came of the ledger up to row `position`, in one transaction, after the files are in place.

        The position only grows. An image already recorded for its (row, view, kind) is replaced: the recorder did
        that part again after a crash.
        """
        with self._database.transaction() as connection:
            for image in images:
                values = _checked_values(image)
                connection.execute(
                    "DELETE FROM images WHERE row = ? AND view = ? AND kind = ?", (image.row, image.view, image.kind)
                )
                connection.execute(
                    f"INSERT INTO images ({_COLUMNS[4:]}) VALUES ({', '.join('?' * 11)})",  # noqa: S608 - our own names
                    values,
                )
            for miss in missed:
                connection.execute(
                    "INSERT INTO missed (part, row, why) VALUES (?, ?, ?)",
                    (str(miss.part), miss.row, check_name(miss.why, "reason")),
                )
            connection.execute("UPDATE follow SET row = max(row, ?)", (position,))

    def follow(self, ledger: str) -> None:
        """The rows are of this ledger from now on."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE follow SET ledger = ? WHERE ledger <> ?", (ledger, ledger))

    def forget(self, images: Sequence[Image]) -> None:
        """Retention: their rows go. Remove the rows first and then the files, so that no row points at nothing."""
        with self._database.transaction() as connection:
            connection.executemany("DELETE FROM images WHERE id = ?", [(image.id,) for image in images])

    def forget_missed(self, *, below_row: int, limit: int = 1000) -> int:
        """Retention: what was missed of earlier parts, at most `limit` rows; how many went. The counts stay."""
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "DELETE FROM missed WHERE id IN (SELECT id FROM missed WHERE row < ? ORDER BY row LIMIT ?)",
                (below_row, limit),
            )
            return cursor.rowcount


def _checked_values(image: Image) -> tuple[Any, ...]:
    path = PurePosixPath(image.path)
    if path.is_absolute() or ".." in path.parts or "\\" in image.path or "\0" in image.path or not path.parts:
        raise UsageError(f"{image.path[:80]!r} is not a path inside the images' folder")
    if min(image.bytes, image.width, image.height) < 0:
        raise UsageError(f"image {image.path} has a negative size")
    return (
        str(image.part),
        image.row,
        image.view,
        check_name(image.kind, "kind of image"),
        image.path,
        image.bytes,
        image.width,
        image.height,
        image.verdict.value,
        image.created_wall,
        image.created_ns,
    )


def _image(row: tuple[Any, ...]) -> Image:
    names = [name.strip() for name in _COLUMNS.split(",")]
    values = dict(zip(names, row, strict=True))
    try:
        verdict = Verdict(values.pop("verdict"))
    except ValueError as error:
        raise StoreError(f"image {row[0]} has an unknown verdict", hint="run edge doctor") from error
    return Image(**{**values, "part": _part(values["part"]), "verdict": verdict})


def _part(text: str) -> PartId:
    try:
        return PartId.parse(text)
    except UsageError as error:
        raise StoreError(f"the evidence names a part {text[:60]!r}", hint="run edge doctor") from error
