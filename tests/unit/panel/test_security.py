"""What stands between the panel and hostile or broken browsers."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from starlette.types import Message, Scope

from edge.panel import security
from edge.panel.app import create_app
from tests.unit.panel.desk import BASE, PORT, Desk

BODY = {"mode": "RUN", "by": "Lan"}


@pytest.fixture
def desk(kept: Desk) -> Desk:
    """One for all: nothing here changes a database but the audit chain."""
    kept.line.asked.clear()
    return kept


def scope(kind: str = "http", **changes: Any) -> Scope:
    headers = {"host": f"127.0.0.1:{PORT}", **changes.pop("headers", {})}
    return {
        "type": kind, "method": "GET", "path": "/api/v1/state", "query_string": b"", "asgi": {"version": "3.0"},
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()], **changes,
    }  # fmt: skip


def test_every_answer_has_the_policy(desk: Desk) -> None:
    browser = desk.client()
    answers = [browser.get(path) for path in ("/api/v1/state", "/health", "/none", "/api/v1/parts/1/99", "/metrics")]
    answers.append(browser.get("/api/v1/state", headers={"host": "evil.example"}))
    answers.append(browser.post("/api/v1/line/mode", content=b"x"))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src 'self'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1:8080", 200), ("localhost:8080", 200), ("LOCALHOST:8080", 200), ("[::1]:8080", 200),
        ("evil.example", 403), ("evil.example:8080", 403), ("127.0.0.1", 403), ("127.0.0.1:8081", 403),
        ("127.0.0.1:8080.evil.example", 403), ("", 403),
    ],
)  # fmt: skip
def test_only_names_of_this_station(desk: Desk, host: str, code: int) -> None:
    answer = desk.client().get("/api/v1/state", headers={"host": host})
    assert answer.status_code == code
    if code == 403:
        assert answer.json()["hint"]


def test_port_80_is_left_out_by_browsers() -> None:
    assert "localhost" in security.own_hosts(80)
    assert "localhost" not in security.own_hosts(8080)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 200),
        ({"origin": BASE, "sec-fetch-site": "same-origin"}, 200),
        ({"origin": f"http://localhost:{PORT}"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": f"https://127.0.0.1:{PORT}"}, 403),
        ({"origin": "http://127.0.0.1:9000"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
def test_another_site_changes_nothing(desk: Desk, headers: dict[str, str], code: int) -> None:
    answer = desk.client().post("/api/v1/line/mode", json=BODY, headers=headers)
    assert answer.status_code == code
    assert len(desk.line.asked) == (1 if code == 200 else 0)


def test_another_site_may_lead_to_a_page_but_not_read_the_api(desk: Desk) -> None:
    other = {"sec-fetch-site": "cross-site"}
    assert desk.client().get("/health", headers=other).status_code == 503  # not refused: nothing was heard yet
    assert desk.client().get("/api/v1/state", headers=other).status_code == 403


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"content": b"{" * (security.MAX_BODY_BYTES + 1), "headers": {"content-type": "application/json"}}, 413),
        ({"content": b"{}", "headers": {"content-type": "text/plain"}}, 415),
        ({"data": {"mode": "RUN"}}, 415),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 422),
        ({"content": b"\xff\xfe", "headers": {"content-type": "application/json"}}, 422),
        ({"content": b"[" * 100_000, "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"1" * 100_000, "headers": {"content-type": "application/json"}}, 400),
    ],
)
def test_bodies_are_bounded_and_json(desk: Desk, options: dict[str, Any], code: int) -> None:
    answer = desk.client().post("/api/v1/line/mode", **options)
    assert answer.status_code == code, answer.text
    assert set(answer.json()) == {"message", "hint"}


def test_long_queries_and_unknown_paths(desk: Desk) -> None:
    assert desk.client().get("/api/v1/parts?lot=" + "x" * 5000).status_code == 414
    assert desk.client().get("/api/v1/nothing").json() == {"message": "Not Found", "hint": "see /openapi.json"}
    assert desk.client().ask("DELETE", "/api/v1/state", headers={"content-type": "application/json"}).status_code == 405


def test_writes_are_bounded_in_number_but_never_a_stop(desk: Desk) -> None:
    """Each write is a commit on the disk that `line` needs too."""
    browser = desk.client(create_app(desk.deps, writes=lambda: security.Pace(per_s=0.001, burst=3)))
    label = {"verdict": "OK", "by": "Lan"}
    codes = [browser.post("/api/v1/parts/1/2/label", json=label).status_code for _ in range(5)]
    assert codes == [201, 201, 201, 429, 429]
    lot = {"lot": "L2", "by": "Lan"}
    codes = [browser.post("/api/v1/line/lot", json=lot).status_code for _ in range(5)]
    assert codes == [200, 200, 200, 503, 503]
    assert browser.post("/api/v1/line/mode", json=BODY).status_code == 503
    assert browser.post("/api/v1/line/mode", json={"mode": "STOPPED", "by": "Lan"}).status_code == 200
    assert browser.get("/api/v1/parts").status_code == 200


def test_the_pace_comes_back_with_time() -> None:
    pace = security.Pace(per_s=5, burst=2)
    assert [pace.allows(now_s) for now_s in (100.0, 100.0, 100.0, 100.1, 100.2, 100.3, 100.4)] == [
        True, True, False, False, True, False, True,
    ]  # fmt: skip
    assert [pace.allows(now_s) for now_s in (900.0, 900.0, 900.0, 899.0)] == [True, True, False, False]


def run(desk: Desk, asked: Scope, *messages: Message, app: Any = None) -> list[Message]:
    """What the application sends when these are all the messages it gets; then nothing comes."""
    sent: list[Message] = []
    waiting = list(messages)

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run((app or desk.app())(asked, receive, send))
    return sent


def test_a_body_in_pieces_is_counted(desk: Desk) -> None:
    headers = {"content-type": "application/json", "transfer-encoding": "chunked"}
    piece = {"type": "http.request", "body": b" " * 100_000, "more_body": True}
    asked = scope(method="POST", path="/api/v1/line/mode", headers=headers)
    assert run(desk, asked, piece, piece, piece)[0]["status"] == 413


def impatient(desk: Desk) -> security.Guard:
    hosts = security.own_hosts(PORT)
    return security.Guard(desk.app(), hosts, body_within_s=0.05, answer_within_s=0.05)


def test_a_body_that_never_comes_is_given_up(desk: Desk) -> None:
    asked = scope(method="POST", path="/api/v1/line/mode", headers={"content-type": "application/json"})
    assert run(desk, asked, app=impatient(desk))[0]["status"] == 408
    assert run(desk, asked, {"type": "http.disconnect"})[0]["status"] == 400


def test_a_browser_that_reads_nothing_is_given_up(desk: Desk) -> None:
    async def stuck(message: Message) -> None:
        await asyncio.Event().wait()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def once() -> None:
        await impatient(desk)(scope(), receive, stuck)

    asyncio.run(asyncio.wait_for(once(), 5))


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"host": "evil.example:8080"}])
def test_a_websocket_of_another_site_is_refused(desk: Desk, headers: dict[str, str]) -> None:
    asked = scope("websocket", path="/api/v1/live", headers=headers)
    assert run(desk, asked, {"type": "websocket.connect"}) == [{"type": "websocket.close", "code": 1008}]


def test_a_defect_ends_one_answer_only(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        @property
        def snapshot(self) -> Any:
            raise ZeroDivisionError("secret")

    app = desk.app(watch=Broken())
    with caplog.at_level(logging.ERROR):
        answer = desk.client(app).get("/api/v1/state")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert set(answer.json()) == {"message", "hint"}
    assert "ZeroDivisionError" in caplog.text
    assert desk.client(app).get("/api/v1/events").status_code == 200
