"""The tables of station.db, and how its rows become values again.

Recipes, labels, changes, names of defects and the audit chain are append-only. What a released migration made is
never edited here: another one follows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from edge.domain.change import Action, ChangeEvent, Way
from edge.domain.geometry import Rect
from edge.domain.part import PartId
from edge.errors import StoreError, UsageError
from edge.store.migrations import Schema, append_only

MAX_KIND = 40  # letters of a defect's name
_PLACE = re.compile(r"([0-9]{1,5}),([0-9]{1,5}),([0-9]{1,5}),([0-9]{1,5})")

_FIRST = (
    """CREATE TABLE recipes (name TEXT NOT NULL, version INTEGER NOT NULL, digest TEXT NOT NULL,
       product TEXT NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL, created_at TEXT NOT NULL,
       content BLOB NOT NULL, PRIMARY KEY (name, version))""",
    """CREATE TABLE labels (id INTEGER PRIMARY KEY AUTOINCREMENT, part TEXT NOT NULL, row INTEGER NOT NULL,
       verdict TEXT NOT NULL, by TEXT NOT NULL, at TEXT NOT NULL, note TEXT NOT NULL)""",
    "CREATE INDEX labels_row ON labels (row, id)",
    """CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, by TEXT NOT NULL,
       action TEXT NOT NULL, detail TEXT NOT NULL, digest TEXT NOT NULL)""",
    "CREATE TABLE preferences (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    *append_only("recipes", retention=False),
    *append_only("labels", retention=False),
    *append_only("audit", retention=False),
)

# labels.kind: what the defect is called, "" for nothing. place: "x,y,width,height" in px of the frame of camera
# `view`, where a person marked the defect; both "" for none.
_SECOND = (
    "ALTER TABLE labels ADD COLUMN kind TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE labels ADD COLUMN place TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE labels ADD COLUMN view TEXT NOT NULL DEFAULT ''",
    # The life of a change of recipe (edge.domain.change). change: its name. recipe_from, recipe_to: NAME@VERSION.
    """CREATE TABLE changes (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, by TEXT NOT NULL,
       action TEXT NOT NULL, change TEXT NOT NULL, recipe_from TEXT NOT NULL, recipe_to TEXT NOT NULL,
       way TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL)""",
    "CREATE INDEX changes_change ON changes (change, id)",
    # What a classifier calls a part's defect; the newest of a ledger row holds. part: its id. certainty: 0 to 1.
    """CREATE TABLE named (id INTEGER PRIMARY KEY AUTOINCREMENT, row INTEGER NOT NULL, part TEXT NOT NULL,
       kind TEXT NOT NULL, certainty REAL NOT NULL, model TEXT NOT NULL, at TEXT NOT NULL)""",
    "CREATE INDEX named_row ON named (row, id)",
    *append_only("changes", retention=False),
    *append_only("named", retention=False),
)

STATION = Schema(kind="station", application_id=0x45445354, migrations=(_FIRST, _SECOND))


ADD_CHANGE = """INSERT INTO changes (at, by, action, change, recipe_from, recipe_to, way, reason, detail)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
CHANGES = """SELECT id, at, by, action, change, recipe_from, recipe_to, way, reason,
  CASE action WHEN 'proposed' THEN '' ELSE detail END FROM changes"""
NAMED = "row, part, kind, certainty, model, at"
ADD_NAMED = "INSERT INTO named (row, part, kind, certainty, model, at) VALUES (?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a classifier calls a part's defect. row: the part's in the ledger. certainty: 0 to 1. model: its name.

    at: ISO 8601 UTC; "" until it is stored. UsageError on what cannot be.
    """

    row: int
    part: PartId
    kind: str
    certainty: float
    model: str
    at: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.certainty <= 1 or not 0 < len(self.kind) <= MAX_KIND or len(self.model) > 100:
            raise UsageError(f"{self.kind[:60]!r} with certainty {self.certainty} names no defect")


def named_of(values: tuple[Any, ...]) -> Named:
    row, part, kind, certainty, model, at = values
    try:
        return Named(row=row, part=PartId.parse(part), kind=kind, certainty=certainty, model=model, at=at)
    except UsageError as error:
        raise StoreError(f"the name of row {row} cannot be read: {error}", hint="run edge doctor") from error


def change_event(values: tuple[Any, ...]) -> ChangeEvent:
    number, at, by, action, change, recipe_from, recipe_to, way, reason, detail = values
    try:
        return ChangeEvent(
            id=number, at=at, by=by, action=Action(action), change=change, recipe_from=recipe_from,
            recipe_to=recipe_to, way=Way(way) if way else None, reason=reason, detail=detail,
        )  # fmt: skip
    except (UsageError, ValueError) as error:
        raise StoreError(f"event {number} of a change cannot be read: {error}", hint="run edge doctor") from error


def change_values(event: ChangeEvent) -> tuple[str, ...]:
    """As `ADD_CHANGE` wants them."""
    way = event.way.value if event.way else ""
    told = (event.recipe_from, event.recipe_to, way, event.reason, event.detail)
    return (event.at, event.by, event.action.value, event.change, *told)


def place_text(place: Rect | None) -> str:
    return "" if place is None else f"{place.x},{place.y},{place.width},{place.height}"


def place_of(text: Any) -> Rect | None:
    """ValueError or RecipeError on what is no place."""
    if text == "":
        return None
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no place")
    x, y, width, height = (int(word) for word in found.groups())
    return Rect(x=x, y=y, width=width, height=height)
