"""What people decide on this station: recipes and their changes, labels of parts, preferences; and who did what.

Written by the panel alone (or by the command line while no panel runs), read by everybody. All but preferences is
append-only: SQL triggers refuse UPDATE and DELETE.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge.clock import Clock
from edge.domain import recipe as recipes
from edge.domain.change import ChangeEvent, ChangeState, states
from edge.domain.geometry import Rect
from edge.domain.ledger import StoredPart
from edge.domain.part import PartId, check_name
from edge.domain.recipe import Recipe
from edge.domain.result import RecipeRef
from edge.domain.verdict import Verdict
from edge.errors import RecipeError, StoreError, UsageError
from edge.store.database import PATIENCE_S, Database, Reader, open_reader, open_writer
from edge.store.ledger_reader import MAX_ROWS, LedgerReader, PartFilter
from edge.store.station_schema import (
    ADD_CHANGE,
    ADD_NAMED,
    CHANGES,
    MAX_KIND,
    NAMED,
    STATION,
    Named,
    change_event,
    change_values,
    named_of,
    place_of,
    place_text,
)

MAX_TEXT = 2000
_KEY = re.compile(r"[a-z][a-z0-9_.]{0,59}")
_FLAGGED = (Verdict.NG, Verdict.UNSURE)
_GENESIS = "0" * 64
_LABEL = "part, row, verdict, by, at, note, kind, place, view"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeRow:
    """A recipe version as it is listed."""

    ref: RecipeRef
    product: str
    author: str
    reason: str
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a person says that a part is: OK, NG or UNSURE. row: the part's in the ledger. The last one wins.

    kind: what the defect is called, "" for nothing. place: where it is, in px of the frame of camera `view`.
    """

    part: PartId
    row: int
    verdict: Verdict
    by: str
    at: str
    note: str
    kind: str = ""
    place: Rect | None = None
    view: str = ""

    def __post_init__(self) -> None:
        if self.verdict is Verdict.NOT_INSPECTED:
            raise UsageError("a person can say OK, NG or UNSURE", hint="choose one of them")
        if self.verdict is Verdict.OK and (self.kind or self.place):
            raise UsageError("a good part has no defect", hint="leave kind and place out, or say NG")
        if len(self.kind) > MAX_KIND or not self.kind.isprintable() or self.kind != self.kind.strip():
            raise UsageError(
                f"{self.kind[:60]!r} cannot be a kind of defect", hint=f"one word or a few, {MAX_KIND} letters"
            )
        if (self.place is None) is not (self.view == ""):
            raise UsageError("a marked place needs its camera", hint="say on which camera's frame it is")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """digest: SHA-256 over the digest before it and this row, hex; a changed row breaks every later digest."""

    id: int
    at: str
    by: str
    action: str
    detail: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPage:
    """Flagged parts that nobody has labelled, newest first. before_row: where to go on, None at the end."""

    parts: tuple[StoredPart, ...]
    before_row: int | None


class StationReader:
    """Reads recipes, labels, preferences, audit. StoreError when the database cannot be read."""

    def __init__(self, path: Path, *, clock: Clock | None = None, patience_s: float = PATIENCE_S) -> None:
        self._source: Reader | Database = open_reader(path, STATION, clock=clock, patience_s=patience_s)

    def recipe(self, name: str, version: int) -> Recipe:
        """RecipeError when there is none, or when what is stored is not what was added."""
        found = self._rows("SELECT content, digest FROM recipes WHERE name = ? AND version = ?", (name, version))
        if not found:
            known = [str(row.ref) for row in self.recipes() if row.ref.name == name]
            hint = f"known: {', '.join(known[:10])}" if known else "see the list of recipes"
            raise RecipeError(f"there is no recipe {name}@{version}", hint=hint)
        recipe = recipes.load(found[0][0])
        if (recipe.name, recipe.version, recipes.digest(recipe)) != (name, version, found[0][1]):
            raise RecipeError(f"recipe {name}@{version} was altered in the database", hint="restore the backup")
        return recipe

    def latest(self, name: str) -> Recipe:
        """The highest version. RecipeError when there is none."""
        found = self._rows("SELECT max(version) FROM recipes WHERE name = ?", (name,))
        if found[0][0] is None:
            raise RecipeError(f"there is no recipe {name!r}", hint="see the list of recipes")
        return self.recipe(name, found[0][0])

    def recipes(self) -> list[RecipeRow]:
        """All versions: by name, newest version first."""
        found = self._rows(
            """SELECT name, version, digest, product, author, reason, created_at FROM recipes
               ORDER BY name, version DESC"""
        )
        return [
            RecipeRow(
                ref=RecipeRef(name=name, version=version, digest=digest),
                product=product,
                author=author,
                reason=reason,
                created_at=created_at,
            )
            for name, version, digest, product, author, reason, created_at in found
        ]

    def labels_of(self, row: int) -> list[Label]:
        """All labels of the part in this ledger row, in order; the last one holds."""
        found = self._rows(f"SELECT {_LABEL} FROM labels WHERE row = ? ORDER BY id", (row,))  # noqa: S608
        return [_label(values) for values in found]

    def labels_for(self, rows: Sequence[int]) -> dict[int, Label]:
        """The label that holds for each of these ledger rows; rows without one are left out."""
        marks = ", ".join("?" * len(rows))
        sql = f"SELECT {_LABEL} FROM labels WHERE row IN ({marks}) ORDER BY id"  # noqa: S608
        return {values[1]: _label(values) for values in self._rows(sql, rows)}

    def newest_labels(self, verdict: Verdict, limit: int = 200) -> list[Label]:
        """The newest labels that hold and say `verdict`, newest first."""
        found = self._rows(
            f"""SELECT {_LABEL} FROM labels WHERE verdict = ? AND id IN (SELECT max(id) FROM labels GROUP BY row)
                ORDER BY id DESC LIMIT ?""",  # noqa: S608 - our own columns
            (verdict.value, max(0, min(limit, MAX_ROWS))),
        )
        return [_label(values) for values in found]

    def label_kinds(self, limit: int = 64) -> list[str]:
        """What people here call defects, the most used name first."""
        sql = "SELECT kind FROM labels WHERE kind != '' GROUP BY kind ORDER BY count(*) DESC, kind LIMIT ?"
        return [kind for (kind,) in self._rows(sql, (limit,))]

    def unreviewed(
        self, ledger: LedgerReader, *, limit: int = 50, before_row: int | None = None, lot: str | None = None
    ) -> ReviewPage:
        """NG and UNSURE parts without a label. Looks at no more than 10,000 parts a call."""
        found: list[StoredPart] = []
        for _ in range(10_000 // MAX_ROWS):
            which = PartFilter(verdicts=_FLAGGED, lot=lot, before_row=before_row)
            parts = ledger.parts(which, MAX_ROWS if before_row is not None else max(limit, 50))
            labelled = self.labels_for([part.row for part in parts])
            for part in parts:
                before_row = part.row
                if part.row not in labelled:
                    found.append(part)
                if len(found) == limit:
                    return ReviewPage(parts=tuple(found), before_row=before_row)
            if not parts:
                return ReviewPage(parts=tuple(found), before_row=None)
        return ReviewPage(parts=tuple(found), before_row=before_row)

    def changes(self) -> list[ChangeState]:
        """All changes of recipes, newest proposal first; without the proposals' reports, which may be long.

        StoreError when their events do not add up.
        """
        return states(map(change_event, self._rows(CHANGES + " ORDER BY id")))

    def reported(self) -> set[str]:
        """The changes that were proposed with a report."""
        found = self._rows("SELECT change FROM changes WHERE action = 'proposed' AND detail <> ''")
        return {change for (change,) in found}

    def report_of(self, change: str) -> str:
        """The report that the change was proposed with, as JSON; "" for none."""
        found = self._rows("SELECT detail FROM changes WHERE change = ? AND action = 'proposed'", (change,))
        return str(found[0][0]) if found else ""

    def names_for(self, rows: Sequence[int]) -> dict[int, Named]:
        """What a classifier last called the defect of the parts in these ledger rows; rows without are left out."""
        marks = ", ".join("?" * len(rows))
        found = self._rows(f"SELECT {NAMED} FROM named WHERE row IN ({marks}) ORDER BY id", rows)  # noqa: S608
        return {values[0]: named_of(values) for values in found}

    def preference(self, key: str) -> str | None:
        found = self._rows("SELECT value FROM preferences WHERE key = ?", (key,))
        return found[0][0] if found else None

    def preferences(self) -> dict[str, str]:
        return dict(self._rows("SELECT key, value FROM preferences ORDER BY key"))

    def audit(self, limit: int = 100, before_id: int | None = None) -> list[AuditRow]:
        """Newest first."""
        found = self._rows(
            """SELECT id, at, by, action, detail, digest FROM audit WHERE id < coalesce(?, id + 1)
               ORDER BY id DESC LIMIT ?""",
            (before_id, max(0, min(limit, MAX_ROWS))),
        )
        return [_audit_row(values) for values in found]

    def broken_audit(self) -> int | None:
        """The id of the first row that does not continue the chain; None when it is whole."""
        previous, last = _GENESIS, 0
        while found := self._rows(
            "SELECT id, at, by, action, detail, digest FROM audit WHERE id > ? ORDER BY id LIMIT 1000", (last,)
        ):
            for row in map(_audit_row, found):
                if row.id != last + 1 or row.digest != _chained(previous, row.at, row.by, row.action, row.detail):
                    return row.id
                previous, last = row.digest, row.id
        return None

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._source.rows(sql, values)

    def close(self) -> None:
        self._source.close()


class StationStore(StationReader):
    """The one writer; reads through the same connection. Every change is in the audit chain, in its transaction."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._database = open_writer(path, STATION, synchronous="FULL")
        self._source = self._database
        self._clock = clock

    def add_recipe(self, recipe: Recipe) -> RecipeRef:
        """Keep it as the next version of its name, whatever version it carries; the date is set when it has none."""
        with self._database.transaction() as connection:
            return self._keep_recipe(connection, recipe)

    def add_proposal(self, recipe: Recipe, event: ChangeEvent) -> RecipeRef:
        """Both or neither: what is proposed must never be there as if anybody could use it. The event gets its name."""
        with self._database.transaction() as connection:
            ref = self._keep_recipe(connection, recipe)
            self._keep_change(connection, replace(event, recipe_to=str(ref)))
        return ref

    def _keep_recipe(self, connection: sqlite3.Connection, recipe: Recipe) -> RecipeRef:
        found = connection.execute("SELECT max(version) FROM recipes WHERE name = ?", (recipe.name,)).fetchone()
        created_at = recipe.created_at or self._now()
        kept = replace(recipe, version=(found[0] or 0) + 1, created_at=created_at)
        content = recipes.dump(kept)
        if len(content) > recipes.MAX_RECIPE_BYTES:
            raise RecipeError(f"recipe {recipe.name} is too large", hint="use smaller template pictures")
        connection.execute(
            "INSERT INTO recipes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (kept.name, kept.version, kept.ref.digest, kept.product, kept.author, kept.reason, created_at, content),
        )
        self._audit(connection, kept.author, "recipe.added", f"{kept.ref} {kept.ref.digest}: {kept.reason}")
        return kept.ref

    def add_label(
        self, part: PartId, row: int, verdict: Verdict, *, by: str, note: str = "",
        kind: str = "", place: Rect | None = None, view: str = "",
    ) -> Label:  # fmt: skip
        """Confirm or overrule. UsageError on what no person can say (see `Label`) or a text that is too long."""
        label = Label(
            part=part, row=row, verdict=verdict, by=_text(by), at=self._now(), note=_text(note),
            kind=kind, place=place, view=view and check_name(view, "camera"),
        )  # fmt: skip
        values = (str(part), row, verdict.value, by, label.at, note, kind, place_text(place), view)
        with self._database.transaction() as connection:
            connection.execute(f"INSERT INTO labels ({_LABEL}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608
            what = f"{part} {verdict.value}{kind and f' {kind}'}"
            self._audit(connection, by, "part.labelled", f"{what}: {note}")
        return label

    def add_change(self, event: ChangeEvent) -> ChangeEvent:
        """Keep what happened to a change, with its time. StoreError when it does not follow what happened before."""
        with self._database.transaction() as connection:
            return self._keep_change(connection, event)

    def _keep_change(self, connection: sqlite3.Connection, event: ChangeEvent) -> ChangeEvent:
        kept = replace(event, at=self._now())
        number = connection.execute(ADD_CHANGE, change_values(kept)).lastrowid or 0
        states(map(change_event, connection.execute(CHANGES + " WHERE change = ? ORDER BY id", (event.change,))))
        what = f"{kept.recipe_from or 'nothing'} -> {kept.recipe_to}{f' ({kept.way})' if kept.way else ''}"
        proof = f" [{hashlib.sha256(kept.detail.encode()).hexdigest()}]" if kept.detail else ""
        self._audit(connection, kept.by, f"change.{kept.action}", f"{what}: {kept.reason}{proof}")
        return replace(kept, id=number)

    def add_names(self, named: Sequence[Named]) -> None:
        """What a classifier calls the defects of parts; no verdict, and no person's word."""
        at = self._now()
        values = [(one.row, str(one.part), one.kind, one.certainty, one.model, one.at or at) for one in named]
        with self._database.transaction() as connection:
            connection.executemany(ADD_NAMED, values)

    def set_preference(self, key: str, value: str, *, by: str) -> None:
        """UsageError when the key is not lower-case letters, digits, '_' and '.', or the value is too long."""
        if _KEY.fullmatch(key) is None:
            raise UsageError(f"{key[:60]!r} cannot be a preference", hint="use lower-case letters, digits, '_' and '.'")
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO preferences VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                (key, _text(value)),
            )
            self._audit(connection, by, "preference.set", f"{key} = {value}")

    def add_audit(self, by: str, action: str, detail: str) -> None:
        """Something else that a person did."""
        with self._database.transaction() as connection:
            self._audit(connection, by, check_name(action, "audited action"), detail)

    def _audit(self, connection: sqlite3.Connection, by: str, action: str, detail: str) -> None:
        found = connection.execute("SELECT digest FROM audit ORDER BY id DESC LIMIT 1").fetchone()
        at = self._now()
        by, detail = _text(by), detail[: 2 * MAX_TEXT]
        digest = _chained(found[0] if found else _GENESIS, at, by, action, detail)
        connection.execute(
            "INSERT INTO audit (at, by, action, detail, digest) VALUES (?, ?, ?, ?, ?)",
            (at, by, action, detail, digest),
        )

    def _now(self) -> str:
        return self._clock.wall().isoformat(timespec="milliseconds")


def _chained(previous: str, *texts: str) -> str:
    return hashlib.sha256(json.dumps([previous, *texts], ensure_ascii=False).encode()).hexdigest()


def _text(value: str) -> str:
    if len(value) > MAX_TEXT or "\0" in value:
        raise UsageError(f"a text of {len(value)} characters", hint=f"at most {MAX_TEXT}, without NUL")
    return value


def _label(values: tuple[Any, ...]) -> Label:
    part, row, verdict, by, at, note, kind, place, view = values
    try:
        return Label(
            part=PartId.parse(part), row=row, verdict=Verdict(verdict), by=by, at=at, note=note,
            kind=kind, place=place_of(place), view=view,
        )  # fmt: skip
    except (UsageError, RecipeError, ValueError) as error:
        raise StoreError(f"the label of row {row} cannot be read: {error}", hint="run edge doctor") from error


def _audit_row(values: tuple[Any, ...]) -> AuditRow:
    number, at, by, action, detail, digest = values
    return AuditRow(id=number, at=at, by=by, action=action, detail=detail, digest=digest)
