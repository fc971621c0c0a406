"""Requests to the line: what is asked, what the person reads, what is written down."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest
from anyio import to_thread
from anyio.to_thread import current_default_thread_limiter

from edge.bus import wire
from edge.domain.part import Mode, Purpose
from edge.errors import Refused, ServiceError
from tests.unit.panel.desk import BASE, Desk

REQUESTS: list[tuple[str, dict[str, Any], wire.Message]] = [
    (
        "mode",
        {"mode": "BYPASS", "by": "Lan", "reason": "jam", "minutes": 5},
        wire.SetMode(mode=Mode.BYPASS, by="Lan", reason="jam", minutes=5.0),
    ),
    ("mode", {"mode": "RUN", "by": "Lan"}, wire.SetMode(mode=Mode.RUN, by="Lan")),
    (
        "recipe",
        {"name": "biscuit", "version": 1, "by": "Lan"},
        wire.ActivateRecipe(name="biscuit", version=1, by="Lan"),
    ),
    ("lot", {"lot": "Lô 7", "by": "Lan"}, wire.SetLot(lot="Lô 7", by="Lan")),
    ("purpose", {"purpose": "challenge", "by": "Lan"}, wire.SetPurpose(purpose=Purpose.CHALLENGE, by="Lan")),
    ("reset", {"by": "Lan", "reason": "mended"}, wire.ResetLatch(by="Lan", reason="mended")),
]
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("mode", {"mode": "FAST", "by": "Lan"}),
    ("mode", {"mode": "RUN"}),
    ("mode", {"mode": "RUN", "by": "   "}),
    ("mode", {"mode": "RUN", "by": "a\nb"}),
    ("mode", {"mode": "RUN", "by": "x" * 61}),
    ("mode", {"mode": "RUN", "by": "Lan", "more": 1}),
    ("mode", {"mode": "BYPASS", "by": "Lan", "reason": "x", "minutes": 31}),
    ("recipe", {"name": "../x", "version": 1, "by": "Lan"}),
    ("recipe", {"name": "biscuit", "version": 0, "by": "Lan"}),
    ("lot", {"lot": "", "by": "Lan"}),
    ("purpose", {"purpose": "fun", "by": "Lan"}),
    ("reset", {"by": "Lan"}),
]


@pytest.mark.parametrize(("path", "body", "request_"), REQUESTS)
def test_a_request_reaches_the_line_and_the_audit_chain(
    desk: Desk, path: str, body: dict[str, Any], request_: wire.Message
) -> None:
    answer = desk.client().post(f"/api/v1/line/{path}", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"ok": True, "message": "", "hint": ""}
    assert desk.line.asked == [request_]
    entry = desk.books.station.audit(1)[0]
    assert (entry.by, entry.action) == ("Lan", f"line.{path}")


@pytest.mark.parametrize(("path", "body"), WRONG)
def test_a_wrong_field_never_reaches_the_line(desk: Desk, path: str, body: dict[str, Any]) -> None:
    answer = desk.client().post(f"/api/v1/line/{path}", json=body)
    assert answer.status_code == 422
    assert set(answer.json()) == {"message", "hint"}
    assert desk.line.asked == []


def test_a_refusal_reaches_the_person_and_is_written_down(desk: Desk) -> None:
    desk.line.trouble = Refused("no recipe is active", hint="choose a recipe first")
    answer = desk.client().post("/api/v1/line/mode", json={"mode": "RUN", "by": "Lan"})
    assert answer.status_code == 409
    assert answer.json() == {"message": "no recipe is active", "hint": "choose a recipe first"}
    assert desk.books.station.audit(1)[0].detail == "RUN:  [refused: no recipe is active]"


def test_a_line_that_does_not_answer(desk: Desk) -> None:
    desk.line.trouble = ServiceError("line does not answer", hint="look at the state")
    answer = desk.client().post("/api/v1/line/mode", json={"mode": "RUN", "by": "Lan"})
    assert answer.status_code == 503
    assert answer.json()["hint"] == "look at the state"
    assert "no answer" in desk.books.station.audit(1)[0].detail


def test_a_recipe_that_is_not_there_is_not_asked_for(desk: Desk) -> None:
    answer = desk.client().post("/api/v1/line/recipe", json={"name": "biscuit", "version": 9, "by": "Lan"})
    assert answer.status_code == 404
    assert desk.line.asked == []


def test_stopping_works_when_nothing_can_be_written(desk: Desk) -> None:
    """A full or failing disk must not keep anybody from stopping the line; that it is not written down is said."""
    desk.books.close()
    (desk.data / "station.db").write_bytes(b"not a database" * 100)
    answer = desk.client().post("/api/v1/line/mode", json={"mode": "STOPPED", "by": "Lan"})
    assert answer.status_code == 200
    assert "could not be written down" in answer.json()["message"]
    assert len(desk.line.asked) == 1


def test_stopping_waits_for_no_list_of_parts(desk: Desk) -> None:
    """All worker threads are busy with slow questions; the line is asked in threads of its own."""
    app, release = desk.app(), threading.Event()

    async def stop() -> httpx.Response:
        current_default_thread_limiter().total_tokens = 1
        busy = asyncio.create_task(to_thread.run_sync(release.wait, 20))
        await asyncio.sleep(0)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
            try:
                return await client.post("/api/v1/line/mode", json={"mode": "STOPPED", "by": "Lan"}, timeout=10)
            finally:
                release.set()
                await busy

    assert asyncio.run(asyncio.wait_for(stop(), 15)).status_code == 200
