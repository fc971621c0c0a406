"""Images kept and missed, and how far the recorder has come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.domain.verdict import Verdict
from edge.errors import AlreadyRunning, UsageError
from edge.store.database import open_writer
from edge.store.evidence import EVIDENCE, EvidenceReader, EvidenceStore, Image, Missed
from edge.store.migrations import Schema
from tests.unit.store.ledger_values import part_id


def image(row: int, view: str = "top", size: int = 1000) -> Image:
    return Image(
        part=part_id(1, row),
        row=row,
        view=view,
        kind="frame",
        path=f"1/{row}-{view}.jpg",
        bytes=size,
        width=640,
        height=480,
        verdict=Verdict.NG,
        created_wall="2026-01-01T00:00:00+00:00",
        created_ns=row,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "evidence.db"


@pytest.fixture
def store(path: Path) -> Iterator[EvidenceStore]:
    store = EvidenceStore(path)
    yield store
    store.close()


def test_images_come_back_with_the_position(store: EvidenceStore, path: Path) -> None:
    reader = EvidenceReader(path)
    assert reader.position() == 0
    store.record(position=5, images=[image(4), image(4, "side"), image(5)])
    assert reader.position() == 5
    found = reader.images_of(4)
    assert [replace(kept, id=0) for kept in found] == [image(4), image(4, "side")]
    assert reader.image(found[0].id) == found[0]
    assert reader.image(99) is None
    assert {row: len(kept) for row, kept in reader.images_for([3, 4, 5]).items()} == {4: 2, 5: 1}
    assert (reader.total_bytes(), reader.total_images()) == (3000, 3)
    store.record(position=3)
    assert reader.position() == 5  # only forward
    reader.close()
    with pytest.raises(AlreadyRunning):
        EvidenceStore(path)


def test_a_part_done_again_after_a_crash_is_not_doubled(store: EvidenceStore) -> None:
    store.record(position=1, images=[image(1, size=1000)])
    store.record(position=1, images=[image(1, size=1500)])
    assert [kept.bytes for kept in store.images_of(1)] == [1500]
    assert (store.total_bytes(), store.total_images()) == (1500, 1)


def test_retention_takes_the_oldest_and_the_totals_follow(store: EvidenceStore) -> None:
    store.record(position=9, images=[image(row) for row in (3, 1, 2)])
    store.record(position=9, images=[replace(image(row), verdict=Verdict.OK) for row in (5, 4)])
    assert [kept.row for kept in store.oldest(ok=False)] == [3, 1, 2]  # as stored, whatever the clock said
    assert [kept.row for kept in store.oldest(ok=True)] == [5, 4]
    store.forget(store.oldest(2, ok=False))
    assert [kept.row for kept in store.oldest(ok=False)] == [2]
    assert store.total_bytes() == 3000


def test_it_knows_which_paths_are_its_own(store: EvidenceStore) -> None:
    store.record(position=1, images=[image(1)])
    assert store.known_paths(["1/1-top.jpg", "1/2-top.jpg"]) == {"1/1-top.jpg"}
    assert store.known_paths([]) == set()


def test_it_knows_whose_rows_it_follows_and_an_older_release_did_not(path: Path) -> None:
    old = Schema(kind=EVIDENCE.kind, application_id=EVIDENCE.application_id, migrations=EVIDENCE.migrations[:1])
    database = open_writer(path, old, synchronous="NORMAL")
    with database.transaction() as connection:
        connection.execute("UPDATE follow SET row = 7")
    database.close()
    store = EvidenceStore(path)
    assert (store.ledger(), store.position()) == ("", 7)
    store.follow("abc")
    store.close()
    reader = EvidenceReader(path)
    assert (reader.ledger(), reader.position()) == ("abc", 7)
    reader.close()


def test_retention_needs_no_look_at_every_image(store: EvidenceStore) -> None:
    plan = store._source.rows("EXPLAIN QUERY PLAN SELECT id FROM images WHERE (verdict = 'OK') = 1 ORDER BY id LIMIT 9")
    assert "images_ok" in plan[0][3]
    assert len(plan) == 1  # and no sorting


def test_what_is_missed_is_known_and_counted_for_ever(store: EvidenceStore) -> None:
    missed = [Missed(part=part_id(1, row), row=row, why="overwritten") for row in range(1, 6)]
    store.record(position=6, missed=[*missed, Missed(part=part_id(1, 6), row=6, why="disk_full")])
    assert store.missed_counts() == {"overwritten": 5, "disk_full": 1}
    assert store.missed_of(6) == [Missed(part=part_id(1, 6), row=6, why="disk_full")]
    assert store.forget_missed(below_row=5, limit=3) == 3
    assert store.forget_missed(below_row=5, limit=3) == 1
    assert store.missed_of(1) == []
    assert store.missed_counts() == {"overwritten": 5, "disk_full": 1}


@pytest.mark.parametrize("name", ["/etc/passwd", "../x.jpg", "a/../../x", "", "a\\b", "a\0b"])
def test_a_path_that_leaves_the_folder_is_refused_and_nothing_is_recorded(store: EvidenceStore, name: str) -> None:
    with pytest.raises(UsageError):
        store.record(position=2, images=[image(1), replace(image(2), path=name)])
    assert store.position() == 0
    assert store.total_images() == 0
