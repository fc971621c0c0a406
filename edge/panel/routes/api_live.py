"""The live feed. A slow browser delays nobody: its next message waits for its word, and is then the newest."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from edge.domain.part import NAME_PATTERN, PartId
from edge.errors import NotThere, Refused
from edge.panel import shapes
from edge.panel.live import PERIOD_S
from edge.panel.seams import Deps, Feeding, deps_of
from edge.panel.shapes_live import LiveAck

ACK_WITHIN_S = 30.0
BEAT_S = 1.0  # a message at least this often, so that a page sees at once that it is cut off
_LOOK_S = 0.03
_WRONG, _TOO_SLOW, _TOO_MANY = 1008, 1001, 1013  # RFC 6455 7.4.1 and the IANA registry of close codes
router = APIRouter(prefix="/api/v1/live")
Needs = Annotated[Deps, Depends(deps_of)]
Name = Annotated[str, Path(pattern=f"^{NAME_PATTERN.pattern}$")]
Number = Annotated[int, Path(ge=0, le=shapes.MAX_NUMBER)]


@router.websocket("")
async def live(socket: WebSocket, deps: Needs) -> None:
    """LiveMessage, {"ack": n}, LiveMessage, ... Closed after 30 s without its ack, and after a wrong one."""
    await socket.accept()
    try:
        with deps.live.viewer():
            await feed_one(socket, deps.live)
    except Refused as refused:
        await socket.close(_TOO_MANY, refused.message)
    except TimeoutError:
        await _close(socket, _TOO_SLOW)
    except (ValidationError, KeyError):
        await _close(socket, _WRONG)
    except WebSocketDisconnect:
        return


@router.get(
    "/picture/{epoch}/{n}/{view}",
    response_class=Response,
    responses=shapes.problems(404, 422) | shapes.JPEG,
)
async def picture(epoch: Number, n: Number, view: Name, deps: Needs) -> Response:
    """A live part's small picture. Kept for the last parts only; evidence is under /parts."""
    found = deps.live.picture(PartId(station=deps.station.name, epoch=epoch, n=n), view)
    if found is None:
        raise NotThere("this live picture is gone", hint="kept pictures are on the part's own page")
    return Response(found, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600, immutable"})


async def feed_one(socket: WebSocket, feed: Feeding, ack_within_s: float = ACK_WITHIN_S) -> None:
    """Until the browser goes (WebSocketDisconnect), is too slow (TimeoutError) or says something else."""
    n, since, clock = 0, None, asyncio.get_running_loop().time
    while True:
        n, sent_at = n + 1, clock()
        shown = feed.shown
        message = feed.message(n, shown, since)
        async with asyncio.timeout(ack_within_s):
            await socket.send_text(message.model_dump_json())
            ack = LiveAck.model_validate_json(await socket.receive_text())
        if ack.ack != n:
            await _close(socket, _WRONG)
            return
        since = shown.number if message.part is not None else since
        await asyncio.sleep(max(0.0, sent_at + PERIOD_S - clock()))
        while feed.shown.number == shown.number and clock() - sent_at < BEAT_S:  # noqa: ASYNC110 - nothing is queued
            await asyncio.sleep(_LOOK_S)


async def _close(socket: WebSocket, code: int) -> None:
    """Also of a browser that reads nothing any more: bounded, then the connection is left to the server to drop."""
    try:
        async with asyncio.timeout(1.0):
            await socket.close(code)
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        return
