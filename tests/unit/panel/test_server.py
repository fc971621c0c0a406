"""The HTTP server on a real socket, against those who take connections and say nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Callable

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from edge.errors import ServiceError
from edge.panel import server
from edge.settings.station import Panel
from tests.unit.panel.desk import Desk


def get(port: int) -> bytes:
    return f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - others than this loop make it so
        await asyncio.sleep(0.01)


class Impatient(server.BoundedProtocol):
    request_within_s = 0.3


@contextlib.asynccontextmanager
async def serving(desk: Desk, protocol: type[server.BoundedProtocol] = server.BoundedProtocol) -> AsyncIterator[int]:
    """The port."""
    listener = server.listen("127.0.0.1", 0)
    port: int = listener.getsockname()[1]
    station = desk.station.model_copy(update={"panel": Panel(port=port)})
    web = server.make(desk.app(station=station), protocol)
    task = asyncio.create_task(web.serve(sockets=[listener]))
    await until(lambda: web.started)
    try:
        yield port
    finally:
        web.should_exit = True
        began = time.monotonic()
        await task
        listener.close()
        assert time.monotonic() - began < 10


async def answer(reader: asyncio.StreamReader) -> str:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    return head.split(b"\r\n")[0].decode()


def test_requests_follow_each_other_on_one_connection(desk: Desk) -> None:
    async def ask() -> None:
        async with serving(desk, Impatient) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(3):
                writer.write(get(port))
                assert await answer(reader) == "HTTP/1.1 200 OK"
            writer.write(get(port) * 2)  # both at once
            assert [await answer(reader), await answer(reader)] == ["HTTP/1.1 200 OK"] * 2
            assert await asyncio.wait_for(reader.read(), 20) == b"", "then it is silent, and is closed"
            writer.close()

    asyncio.run(ask())


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_who_says_nothing_whole_is_let_go(desk: Desk, said: bytes) -> None:
    async def ask() -> None:
        async with serving(desk, Impatient) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 20) == b""
            writer.close()

    asyncio.run(ask())


def test_connections_are_bounded(desk: Desk) -> None:
    async def ask() -> None:
        async with serving(desk) as port:
            kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(server.MAX_CONNECTIONS)]
            await asyncio.sleep(0.1)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 20) == b"", "one too many"
            writer.close()
            kept[0][1].write(get(port))
            assert await answer(kept[0][0]) == "HTTP/1.1 200 OK"
            for _, each in kept:
                each.close()

    asyncio.run(ask())


def test_a_websocket_of_a_real_browser(desk: Desk) -> None:
    async def watch() -> None:
        async with serving(desk) as port:
            address = f"ws://127.0.0.1:{port}/api/v1/live"
            async with connect(address, origin=Origin(f"http://127.0.0.1:{port}")) as live:
                first = json.loads(await asyncio.wait_for(live.recv(), 20))
                assert first["n"] == 1
                await live.send("x" * (server.MAX_WS_MESSAGE_BYTES + 1))
                with pytest.raises(ConnectionClosed) as closed:
                    await asyncio.wait_for(live.recv(), 20)
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1009

    asyncio.run(watch())


def test_it_ends_in_time_with_browsers_that_read_nothing(desk: Desk) -> None:
    async def watch() -> float:
        async with contextlib.AsyncExitStack() as end, serving(desk) as port:
            for _ in range(3):
                raw = socket.create_connection(("127.0.0.1", port))
                end.callback(raw.close)
                raw.sendall(
                    f"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
                )
            end.callback(socket.create_connection(("127.0.0.1", port)).close)
            await until(lambda: desk.live.queue_state().depth == 3)
            began = time.monotonic()
        return time.monotonic() - began

    assert asyncio.run(watch()) < 5  # 2 s are promised; this machine may be busy
    assert desk.live.queue_state().depth == 0


def test_a_port_that_is_taken() -> None:
    with server.listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(ServiceError, match=f"port {port}") as taken:
            server.listen("127.0.0.1", port)
        assert "[panel] port" in taken.value.hint
