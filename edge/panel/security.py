"""What stands between the panel and whoever speaks HTTP to it: host, origin, sizes, times, and headers.

Host: only names under which this station itself is reached, so that a page of another site that makes its name point
here (DNS rebinding) gets nothing. Origin: nothing of another site may change or watch anything; Sec-Fetch-Site says the
same (W3C Fetch Metadata). Bodies are taken whole, bounded in bytes and time, before anything works on them. Writes are
bounded in number: each is a commit on the disk that `line` needs for its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 262_144
MAX_QUERY_BYTES = 4096
BODY_WITHIN_S = 10.0
ANSWER_WITHIN_S = 30.0
WRITES_PER_S = 5.0
WRITES_BURST = 20
API = "/api/"
LINE = "/api/v1/line/"
_SAFE = ("GET", "HEAD", "OPTIONS")
CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


def own_hosts(port: int) -> frozenset[str]:
    """The Host values of this station; a browser leaves out port 80."""
    names = ("127.0.0.1", "localhost", "[::1]")
    bare = names if port == 80 else ()
    return frozenset((*bare, *(f"{name}:{port}" for name in names)))


class Pace:
    """A token bucket: `burst` at once, then `per_s`. now_s: of any clock that does not go back."""

    def __init__(self, per_s: float = WRITES_PER_S, burst: int = WRITES_BURST) -> None:
        self._per_s, self._burst = per_s, burst
        self._left, self._at_s = float(burst), 0.0

    def allows(self, now_s: float) -> bool:
        self._left = min(self._burst, self._left + max(0.0, now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Guard:
    """Outermost. Refuses what comes from elsewhere, puts `HEADERS` on every answer, ends what takes too long."""

    def __init__(
        self,
        app: ASGIApp,
        hosts: Iterable[str],
        *,
        writes: Pace | None = None,
        body_within_s: float = BODY_WITHIN_S,
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._writes = writes or Pace()
        self._body_within_s, self._answer_within_s = body_within_s, answer_within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, _with_headers(scope, send))
        else:
            await self._app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._foreign(scope) is None:
            await self._app(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": 1008})  # before it is accepted: answered with 403

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._foreign(scope) or _unfit(scope)
        if refusal is not None:
            await _refuse(send, *refusal)
            return
        body = b""
        if scope["method"] not in _SAFE:
            taken = await _take_body(receive, self._body_within_s)
            if not isinstance(taken, bytes):
                await _refuse(send, *taken)
                return
            if self._too_many(scope["path"]):
                await _refuse(send, 429, "too many requests at once", "wait a second, then try again")
                return
            body = taken
        try:
            async with asyncio.timeout(self._answer_within_s):
                await self._app(scope, _replayed(body, receive), send)
        except TimeoutError:
            return  # a browser that does not read: its connection is closed without a whole answer

    def _too_many(self, path: str) -> bool:
        """Requests to the line have a pace of their own, in their routes: stopping is never one too many."""
        return not path.startswith(LINE) and not self._writes.allows(asyncio.get_running_loop().time())

    def _foreign(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = Headers(scope=scope)
        if headers.get("host", "").lower() not in self._hosts:
            return 403, "this is not a name of this station", "open the panel by the address that the station shows"
        origin = headers.get("origin")
        own = origin is None or origin.lower() in {f"http://{host}" for host in self._hosts}
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        from_other = headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
        if (changes and not own) or (from_other and (changes or scope["path"].startswith(API))):
            return 403, "another site asked for this", "open the panel itself and ask there"
        return None


def _unfit(scope: Scope) -> tuple[int, str, str] | None:
    if len(scope["query_string"]) > MAX_QUERY_BYTES:
        return 414, "the address is too long", "ask for less at once"
    if scope["method"] in _SAFE:
        return None
    headers = Headers(scope=scope)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        return 413, "the request is too large", f"at most {MAX_BODY_BYTES // 1024} KB"
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if scope["path"].startswith(API) and kind != "application/json":
        return 415, "the request is not JSON", "send it as application/json"
    return None


async def _take_body(receive: Receive, within_s: float) -> bytes | tuple[int, str, str]:
    """The whole body, or why it is not taken."""
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(within_s):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return 400, "the request ended early", "send it again"
                pieces.append(message.get("body", b""))
                size += len(pieces[-1])
                if size > MAX_BODY_BYTES:
                    return 413, "the request is too large", f"at most {MAX_BODY_BYTES // 1024} KB"
                if not message.get("more_body", False):
                    return b"".join(pieces)
    except TimeoutError:
        return 408, "the request came too slowly", "send it again"


def _replayed(body: bytes, receive: Receive) -> Receive:
    """What the application reads: the body at once, then what happens to the connection."""
    given = False

    async def read() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return read


def _with_headers(scope: Scope, send: Send) -> Send:
    async def put(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            if "cache-control" not in headers:
                headers["cache-control"] = "no-cache" if scope["path"].startswith("/static/") else "no-store"
        await send(message)

    return put


async def _refuse(send: Send, status: int, message: str, hint: str) -> None:
    body = json.dumps({"message": message, "hint": hint}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
