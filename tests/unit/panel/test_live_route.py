"""The WebSocket of the live feed, against browsers that are quick, slow, gone or hostile."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Message
from starlette.websockets import WebSocket

from edge.panel.live import MAX_VIEWERS, Shown
from edge.panel.live_part import from_recorded
from edge.panel.routes.api_live import feed_one
from edge.panel.shapes_live import LiveMessage
from tests.unit.panel.desk import PORT, Desk, recorded


class Socket:
    """A browser's end."""

    def __init__(self) -> None:
        self.to_server: asyncio.Queue[Message] = asyncio.Queue()
        self.from_server: asyncio.Queue[Message] = asyncio.Queue()

    async def next(self) -> dict[str, Any]:
        message = await asyncio.wait_for(self.from_server.get(), 20)
        assert message["type"] == "websocket.send", message
        text = message["text"]
        LiveMessage.model_validate_json(text)
        found: dict[str, Any] = json.loads(text)
        return found

    def say(self, text: str) -> None:
        self.to_server.put_nowait({"type": "websocket.receive", "text": text})

    def ack(self, n: int) -> None:
        self.say(json.dumps({"ack": n}))

    async def closed(self) -> int:
        while True:
            message = await asyncio.wait_for(self.from_server.get(), 20)
            if message["type"] == "websocket.close":
                return int(message["code"])


@contextlib.asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[Socket]:
    socket = Socket()
    scope = {
        "type": "websocket", "path": "/api/v1/live", "query_string": b"", "subprotocols": [], "scheme": "ws",
        "headers": [(b"host", f"127.0.0.1:{PORT}".encode())], "asgi": {"version": "3.0"},
    }  # fmt: skip
    socket.to_server.put_nowait({"type": "websocket.connect"})
    task = asyncio.create_task(app(scope, socket.to_server.get, socket.from_server.put))
    accepted = await asyncio.wait_for(socket.from_server.get(), 20)
    assert accepted["type"] == "websocket.accept"
    yield socket
    socket.to_server.put_nowait({"type": "websocket.disconnect", "code": 1001})
    await asyncio.wait_for(task, 20)


def show(desk: Desk, number: int) -> None:
    """As the feed's thread would."""
    desk.live._shown = Shown(number=number, part=from_recorded(recorded(number)))


def test_a_browser_is_shown_the_newest_after_each_acknowledgement(desk: Desk) -> None:
    async def watch() -> None:
        show(desk, 1)
        async with opened(desk.app()) as socket:
            first = await socket.next()
            assert (first["n"], first["part"]["part"]["n"], first["skipped"]) == (1, 1, 0)
            for number in range(2, 6):
                show(desk, number)
                await asyncio.sleep(0.02)
            assert socket.from_server.empty(), "not before the acknowledgement"
            socket.ack(1)
            second = await socket.next()
            assert (second["n"], second["part"]["part"]["n"], second["skipped"]) == (2, 5, 3)

    asyncio.run(watch())


def test_at_most_ten_a_second_and_a_beat_when_nothing_happens(desk: Desk) -> None:
    async def watch() -> None:
        loop = asyncio.get_running_loop()
        async with opened(desk.app()) as socket:
            began = loop.time()
            for n in range(1, 5):
                show(desk, n)
                assert (await socket.next())["n"] == n
                socket.ack(n)
            assert loop.time() - began > 0.29
            beat = await socket.next()
            assert (beat["n"], beat["part"]) == (5, None)

    asyncio.run(watch())


def test_a_wrong_or_malformed_acknowledgement_ends_it(desk: Desk) -> None:
    async def say(text: str) -> int:
        async with opened(desk.app()) as socket:
            await socket.next()
            socket.say(text)
            return await socket.closed()

    for text in ('{"ack": 2}', '{"ack": -1}', '{"ack": 1, "more": 1}', "[]", "{", "\x00", '{"ack": 1e400}', "9" * 900):
        assert asyncio.run(say(text)) == 1008, text


def test_bytes_instead_of_text_end_it(desk: Desk) -> None:
    async def watch() -> int:
        async with opened(desk.app()) as socket:
            await socket.next()
            socket.to_server.put_nowait({"type": "websocket.receive", "bytes": b"x"})
            return await socket.closed()

    assert asyncio.run(watch()) == 1008


def test_a_browser_that_never_acknowledges_is_let_go(desk: Desk) -> None:
    async def watch() -> None:
        inbox: asyncio.Queue[Message] = asyncio.Queue()
        outbox: asyncio.Queue[Message] = asyncio.Queue()
        inbox.put_nowait({"type": "websocket.connect"})
        socket = WebSocket({"type": "websocket", "path": "/", "headers": []}, inbox.get, outbox.put)
        await socket.accept()
        with pytest.raises(TimeoutError):
            await feed_one(socket, desk.live, ack_within_s=0.05)
        assert outbox.qsize() == 2, "accepted, and one message"

    asyncio.run(watch())


def test_a_slow_browser_delays_nobody_and_its_place_is_given_back(desk: Desk) -> None:
    async def watch() -> None:
        app = desk.app()
        async with opened(app) as slow, opened(app) as quick:
            await slow.next()
            for n in range(1, 4):
                show(desk, n)
                assert (await quick.next())["n"] == n
                quick.ack(n)
            assert slow.from_server.empty()
            assert desk.live.queue_state().depth == 2
        assert desk.live.queue_state().depth == 0

    asyncio.run(watch())


def test_there_is_room_for_so_many(desk: Desk) -> None:
    async def watch() -> None:
        app = desk.app()
        async with contextlib.AsyncExitStack() as all_of_them:
            for _ in range(MAX_VIEWERS):
                await (await all_of_them.enter_async_context(opened(app))).next()
            async with opened(app) as late:
                assert await late.closed() == 1013

    asyncio.run(watch())


def test_the_small_picture(desk: Desk) -> None:
    part = recorded(4).part
    desk.live._keep((part, "top"), b"\xff\xd8x")
    answer = desk.client().get("/api/v1/live/picture/1/4/top")
    assert (answer.content, answer.headers["content-type"]) == (b"\xff\xd8x", "image/jpeg")
    assert "immutable" in answer.headers["cache-control"]
    assert desk.client().get("/api/v1/live/picture/1/5/top").status_code == 404
