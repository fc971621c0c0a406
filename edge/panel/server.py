"""The HTTP server: one socket on this machine, bounded connections, silent ones closed, stopped from outside."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge.errors import ServiceError

MAX_CONNECTIONS = 48
WORKERS = 6  # threads for what blocks: databases, pictures, asking the line
MAX_WS_MESSAGE_BYTES = 1024
_BACKLOG = 64
_GRACEFUL_S = 1


class BoundedProtocol(H11Protocol):
    """No more than MAX_CONNECTIONS, and none that says nothing: uvicorn itself waits for a request head for ever.

    request_within_s: from the connection, or from the last answer, to a whole request head.
    """

    request_within_s = 10.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._silence: asyncio.TimerHandle | None = None
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._expect_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._answering or self.transport.is_closing():
            self._heard()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._answering and not self.transport.is_closing():
            self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._heard()
        super().handle_websocket_upgrade(event)

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_request(self) -> None:
        self._heard()
        self._silence = self.loop.call_later(self.request_within_s, self.transport.abort)

    def _heard(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None


class Server(uvicorn.Server):
    """Signals belong to `edge.service`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def make(app: ASGIApp, protocol: type[BoundedProtocol] = BoundedProtocol) -> Server:
    return Server(
        uvicorn.Config(
            app,
            http=protocol,
            ws="websockets-sansio",
            ws_max_size=MAX_WS_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level=logging.ERROR,
            proxy_headers=False,
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=_GRACEFUL_S,
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """The socket, bound before anything else is started. ServiceError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ServiceError(
            f"the panel cannot listen on {host} port {port}: {error.strerror}",
            hint="another program may use that port: end it, or choose another [panel] port in the station file",
        ) from error
    listener.setblocking(False)
    return listener


def bound_workers() -> None:
    """In the running loop: how many threads FastAPI may use."""
    current_default_thread_limiter().total_tokens = WORKERS
