"""Recipes, labels, preferences and the audit chain."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.clock import ManualClock
from edge.domain.change import Action, ChangeEvent, Way
from edge.domain.geometry import Rect
from edge.domain.recipe import Check, CheckKind, GateTiming, Locate, Recipe, View
from edge.domain.verdict import Verdict
from edge.errors import AlreadyRunning, RecipeError, StoreError, UsageError
from edge.store.database import open_writer
from edge.store.ledger import LedgerWriter
from edge.store.ledger_reader import LedgerReader
from edge.store.station import StationReader, StationStore
from edge.store.station_schema import STATION as STATION_SCHEMA
from edge.store.station_schema import Named
from tests.unit.store.ledger_values import STATION, part_id, record, trigger

RECIPE = Recipe(
    name="biscuit",
    version=77,
    product="Biscuit",
    views=(
        View(
            camera="top",
            locate=Locate(template=b"\x89PNG"),
            checks=(
                Check(
                    name="surface",
                    kind=CheckKind.ANOMALY,
                    model="biscuit@1",
                    model_digest="0" * 64,
                    unsure_from=1.0,
                    ng_from=2.0,
                ),
            ),
        ),
    ),
    gate=GateTiming(travel=800),
    author="anna",
    reason="first",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "station.db"


@pytest.fixture
def store(path: Path) -> Iterator[StationStore]:
    store = StationStore(path, clock=ManualClock())
    yield store
    store.close()


def test_versions_are_given_here_and_count_from_one(store: StationStore, path: Path) -> None:
    first = store.add_recipe(RECIPE)
    second = store.add_recipe(replace(RECIPE, reason="tighter", gate=GateTiming(travel=900), created_at="2026-02-02"))
    assert (first.version, second.version) == (1, 2)
    assert first.digest != second.digest
    reader = StationReader(path)
    assert reader.recipe("biscuit", 1) == replace(RECIPE, version=1, created_at="2026-01-01T00:00:00.000+00:00")
    assert reader.latest("biscuit").ref == second
    assert [(row.ref, row.reason, row.created_at) for row in reader.recipes()] == [
        (second, "tighter", "2026-02-02"),
        (first, "first", "2026-01-01T00:00:00.000+00:00"),
    ]
    with pytest.raises(RecipeError, match="known: biscuit@2"):
        reader.recipe("biscuit", 3)
    with pytest.raises(RecipeError):
        reader.latest("other")
    reader.close()
    with pytest.raises(AlreadyRunning):
        StationStore(path, clock=ManualClock())


def test_a_recipe_that_was_altered_in_the_database_is_refused(store: StationStore, path: Path) -> None:
    store.add_recipe(RECIPE)
    store.close()
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("UPDATE recipes SET author = 'x'")
    connection.execute("DROP TRIGGER recipes_no_update")
    connection.execute("UPDATE recipes SET content = replace(content, '\"ng_from\":2.0', '\"ng_from\":9.0')")
    connection.commit()
    connection.close()
    reader = StationReader(path)
    with pytest.raises(RecipeError, match="altered"):
        reader.recipe("biscuit", 1)
    reader.close()


def test_the_last_label_holds_and_all_are_kept(store: StationStore) -> None:
    store.add_label(part_id(1, 4), 9, Verdict.OK, by="an", note="dust")
    store.add_label(part_id(1, 4), 9, Verdict.NG, by="binh")
    assert [label.verdict for label in store.labels_of(9)] == [Verdict.OK, Verdict.NG]
    [label] = store.labels_for([8, 9]).values()
    assert (label.part, label.row, label.verdict, label.by) == (part_id(1, 4), 9, Verdict.NG, "binh")
    with pytest.raises(UsageError):
        store.add_label(part_id(1, 4), 9, Verdict.NOT_INSPECTED, by="an")
    with pytest.raises(UsageError):
        store.add_label(part_id(1, 4), 9, Verdict.OK, by="an", note="x" * 3000)
    assert len(store.labels_of(9)) == 2


def test_flagged_parts_without_a_label_are_found_page_by_page(store: StationStore, tmp_path: Path) -> None:
    ledger = LedgerWriter.open(tmp_path / "ledger.db", station=STATION, reserve_bytes=1 << 20, clock=ManualClock())
    ledger.begin_epoch(boot_id="b", now_ns=1, wall="w")
    verdicts = [Verdict.OK, Verdict.NG, Verdict.UNSURE, Verdict.NOT_INSPECTED]
    ledger.commit([trigger(1, n) for n in range(1, 241)])
    ledger.commit([record(1, n, verdicts[n % 4]) for n in range(1, 241)])
    reader = LedgerReader(tmp_path / "ledger.db")
    flagged = [n for n in range(240, 0, -1) if n % 4 in (1, 2)]
    for n in flagged[:70]:  # more than one look
        store.add_label(part_id(1, n), n, Verdict.NG, by="an")
    page = store.unreviewed(reader, limit=30)
    assert [part.row for part in page.parts] == flagged[70:100]
    page = store.unreviewed(reader, limit=30, before_row=page.before_row)
    assert [part.row for part in page.parts] == flagged[100:]
    assert page.before_row is None
    assert store.unreviewed(reader, lot="none").parts == ()
    reader.close()
    ledger.close()


def test_preferences_are_strict(store: StationStore) -> None:
    store.set_preference("panel.language", "vi", by="an")
    store.set_preference("panel.language", "en", by="an")
    assert store.preference("panel.language") == "en"
    assert store.preference("nothing") is None
    assert store.preferences() == {"panel.language": "en"}
    for key, value in (("Bad Key", "x"), ("", "x"), ("ok", "x" * 3000)):
        with pytest.raises(UsageError):
            store.set_preference(key, value, by="an")
    assert store.preferences() == {"panel.language": "en"}


def test_every_change_is_in_the_audit_chain(store: StationStore) -> None:
    store.add_recipe(RECIPE)
    store.add_label(part_id(1, 1), 1, Verdict.OK, by="an")
    store.set_preference("a", "b", by="an")
    store.add_audit("binh", "line.stopped", "tea")
    assert [row.action for row in store.audit()] == ["line.stopped", "preference.set", "part.labelled", "recipe.added"]
    assert [row.id for row in store.audit(limit=2, before_id=3)] == [2, 1]
    assert store.broken_audit() is None


@pytest.mark.parametrize(
    ("change", "first_broken"),
    [
        ("UPDATE audit SET by = 'someone' WHERE id = 3", 3),
        ("DELETE FROM audit WHERE id = 2", 3),
        ("DELETE FROM audit WHERE id = 1", 2),
    ],
)
def test_a_changed_audit_row_breaks_the_chain(store: StationStore, path: Path, change: str, first_broken: int) -> None:
    for number in range(5):
        store.add_audit("an", "thing.done", f"{number}")
    store.close()
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER audit_no_update")
    connection.execute("DROP TRIGGER audit_no_delete")
    connection.execute(change)
    connection.commit()
    connection.close()
    reader = StationReader(path)
    assert reader.broken_audit() == first_broken
    reader.close()


def test_a_reader_of_a_station_that_is_not_set_up_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no station database"):
        StationReader(tmp_path / "none.db")


def test_a_label_carries_kind_and_place(store: StationStore) -> None:
    place = Rect(x=3, y=4, width=50, height=6)
    given = store.add_label(part_id(1, 4), 9, Verdict.NG, by="an", kind="vết xước", place=place, view="top")
    assert store.labels_of(9) == [given]
    assert store.labels_for([9])[9].place == place
    assert "vết xước" in store.audit(1)[0].detail
    for wrong in (
        {"verdict": Verdict.OK, "kind": "crack"},
        {"verdict": Verdict.OK, "place": place, "view": "top"},
        {"verdict": Verdict.NG, "kind": "x" * 41},
        {"verdict": Verdict.NG, "kind": " crack"},
        {"verdict": Verdict.NG, "kind": "a\nb"},
        {"verdict": Verdict.NG, "place": place},
        {"verdict": Verdict.NG, "view": "top"},
        {"verdict": Verdict.NG, "place": place, "view": "../top"},
    ):
        with pytest.raises(UsageError):
            store.add_label(part_id(1, 4), 9, by="an", **wrong)  # type: ignore[arg-type]
    assert len(store.labels_of(9)) == 1


def test_the_newest_labels_that_hold_and_the_kinds_in_use(store: StationStore) -> None:
    for n, verdict, kind in ((1, Verdict.NG, "chip"), (2, Verdict.NG, "burnt"), (3, Verdict.NG, "burnt")):
        store.add_label(part_id(1, n), n, verdict, by="Lan", kind=kind)
    store.add_label(part_id(1, 1), 1, Verdict.OK, by="Minh")  # it was bad a moment ago
    assert [label.row for label in store.newest_labels(Verdict.NG)] == [3, 2]
    assert [label.row for label in store.newest_labels(Verdict.NG, 1)] == [3]
    assert [label.by for label in store.newest_labels(Verdict.OK)] == ["Minh"]
    assert store.label_kinds() == ["burnt", "chip"]
    assert store.label_kinds(1) == ["burnt"]


def test_a_database_of_the_release_before_becomes_one_of_this(path: Path) -> None:
    """As migration 1 made it, with a label of then."""
    first = replace(STATION_SCHEMA, migrations=STATION_SCHEMA.migrations[:1])
    database = open_writer(path, first, synchronous="FULL")
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO labels (part, row, verdict, by, at, note) VALUES ('s1/1/4', 9, 'NG', 'an', '2026', 'old')"
        )
        connection.execute("INSERT INTO preferences VALUES ('panel.language', 'vi')")
    database.close()
    with pytest.raises(StoreError, match="this release yet"):
        StationReader(path, patience_s=0.1)
    store = StationStore(path, clock=ManualClock())
    (label,) = store.labels_of(9)
    assert (label.note, label.kind, label.place, label.view) == ("old", "", None, "")
    assert store.preference("panel.language") == "vi"
    assert store.changes() == []
    store.add_label(part_id(1, 4), 9, Verdict.NG, by="an", kind="crack")
    assert [label.kind for label in store.labels_of(9)] == ["", "crack"]
    store.close()


def test_events_of_changes_are_kept_for_ever_and_must_follow(store: StationStore, path: Path) -> None:
    first = ChangeEvent(
        by="Lan", action=Action.PROPOSED, change="c1", recipe_from="biscuit@1", recipe_to="biscuit@2", reason="crumbs",
        detail='{"seen": 40}',
    )  # fmt: skip
    stored = store.add_change(first)
    assert stored == replace(first, id=1, at="2026-01-01T00:00:00.000+00:00")
    (state,) = store.changes()
    store.add_change(state.then(Action.APPROVED, by="Minh", way=Way.LOT))
    with pytest.raises(StoreError, match="does not follow"):
        store.add_change(replace(first, action=Action.CHALLENGE_PASSED))
    (state,) = store.changes()
    assert [event.action for event in state.events] == [Action.PROPOSED, Action.APPROVED]
    assert state.events[0].detail == "", "reports are read one by one"
    assert store.report_of("c1") == '{"seen": 40}'
    assert store.report_of("c2") == ""
    approved, proposed = store.audit(2)
    assert (approved.by, approved.action, approved.detail) == (
        "Minh",
        "change.approved",
        "biscuit@1 -> biscuit@2 (lot): ",
    )
    assert hashlib.sha256(b'{"seen": 40}').hexdigest() in proposed.detail, "the report cannot be changed unseen"
    store.close()
    connection = sqlite3.connect(path)
    for statement in ("UPDATE changes SET by = 'x'", "DELETE FROM changes"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


def test_a_proposed_recipe_is_kept_with_its_proposal_or_not_at_all(store: StationStore) -> None:
    event = ChangeEvent(by="Lan", action=Action.PROPOSED, change="c1", recipe_from="", recipe_to="")
    assert str(store.add_proposal(RECIPE, event)) == "biscuit@1"
    assert store.changes()[0].recipe_to == "biscuit@1"
    for wrong in (event, replace(event, change="c2", action=Action.APPROVED)):  # proposed twice, or begun in the middle
        with pytest.raises(StoreError):
            store.add_proposal(RECIPE, wrong)
    assert len(store.recipes()) == 1
    assert store.broken_audit() is None


def test_the_newest_name_of_a_defect_holds(store: StationStore) -> None:
    store.add_names([Named(row=9, part=part_id(1, 4), kind="crack", certainty=0.7, model="kinds@1")])
    store.add_names([Named(row=9, part=part_id(1, 4), kind="dent", certainty=0.9, model="kinds@2")])
    store.add_names([Named(row=10, part=part_id(1, 5), kind="crack", certainty=0.4, model="kinds@2")])
    names = store.names_for([9, 10, 11])
    assert {row: (name.kind, name.model) for row, name in names.items()} == {
        9: ("dent", "kinds@2"),
        10: ("crack", "kinds@2"),
    }
    for wrong in ({"certainty": 1.5}, {"kind": ""}, {"kind": "x" * 41}):
        with pytest.raises(UsageError):
            replace(names[9], **wrong)  # type: ignore[arg-type]
