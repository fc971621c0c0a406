"""Databases that are held, damaged or replaced: words and a hint, and all goes on when they are back."""

from __future__ import annotations

import pytest

from edge.clock import ManualClock
from edge.errors import StoreError
from edge.panel.books import Books
from edge.store.station import StationStore
from tests.unit.panel.desk import Desk


def test_station_db_held_by_the_command_line(desk: Desk) -> None:
    desk.books.close()
    held = StationStore(desk.data / "station.db", clock=ManualClock())
    for path in ("/api/v1/recipes", "/api/v1/audit", "/api/v1/review"):
        answer = desk.client().get(path)
        assert answer.status_code == 503
        assert "already running" in answer.json()["message"]
    page = desk.client().get("/api/v1/parts").json()
    assert len(page["parts"]) == 8
    assert "already running" in page["notes"][0]["message"]
    held.close()
    assert desk.client().get("/api/v1/recipes").status_code == 200


@pytest.mark.parametrize("name", ["station.db", "ledger.db", "evidence.db"])
def test_a_damaged_database_is_said_and_left_alone(desk: Desk, name: str) -> None:
    desk.books.close()
    if desk.ledger is not None:
        desk.ledger.close()
        desk.ledger = None
    damaged = b"this is no database" * 500
    (desk.data / name).write_bytes(damaged)
    for suffix in ("-wal", "-shm"):
        (desk.data / (name + suffix)).unlink(missing_ok=True)
    path = {"station.db": "/api/v1/recipes", "ledger.db": "/api/v1/parts"}.get(
        name, "/api/v1/parts/1/2/image/top/frame"
    )
    answer = desk.client().get(path)
    assert answer.status_code == 503, answer.text
    assert answer.json()["hint"]
    assert desk.client().get("/health").status_code == 503
    assert desk.client().get("/api/v1/state").status_code == 200
    assert (desk.data / name).read_bytes() == damaged


def test_a_ledger_that_comes_later_is_found(empty: Desk) -> None:
    with pytest.raises(StoreError, match="no ledger"):
        _ = empty.books.ledger
    empty.fill(4)
    assert len(empty.client().get("/api/v1/parts").json()["parts"]) == 4


def test_a_folder_that_cannot_be_made(desk: Desk) -> None:
    (desk.data / "file").write_text("")
    books = Books(desk.data / "file" / "data", desk.clock)
    with pytest.raises(StoreError, match="cannot be used"):
        _ = books.station
    books.close()
