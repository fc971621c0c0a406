"""Requests to the line. `line` decides; its refusal reaches the person in its own words; each is in the audit chain."""

from __future__ import annotations

import asyncio
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Request

from edge import log
from edge.bus import wire
from edge.domain.part import Mode
from edge.errors import EdgeError, NotThere, Refused, ServiceError, StoreError
from edge.panel import shapes
from edge.panel.seams import Deps
from edge.panel.security import Pace

_log = log.get(__name__)
router = APIRouter(prefix="/api/v1/line", responses=shapes.problems(*shapes.WRITE))


class Asking:
    """Asks the line in threads of their own, so that stopping waits for no list of parts.

    Each request may be a commit in the ledger, which verdicts wait for: so many a second, but stopping always.
    """

    def __init__(self, deps: Deps, askers: CapacityLimiter, pace: Pace) -> None:
        self._deps, self._askers, self._pace = deps, askers, pace

    async def __call__(self, request: wire.Message, by: str, action: str, detail: str) -> shapes.Done:
        stops = isinstance(request, wire.SetMode) and request.mode is Mode.STOPPED
        if not stops and not self._pace.allows(asyncio.get_running_loop().time()):
            raise ServiceError("too many requests at once", hint="wait a second, then try again")
        return await to_thread.run_sync(_ask, self._deps, request, by, action, detail, limiter=self._askers)

    async def with_lot(self, lot: str, by: str) -> wire.SetLot:
        """With the change that the beginning of this lot brings, if there is one."""
        return await to_thread.run_sync(self._deps.changes.with_lot, lot, by, limiter=self._askers)

    async def check_recipe(self, name: str, version: int) -> None:
        """NotThere when station.db has no such version; Refused when it is a change that is not approved."""
        ref = f"{name}@{version}"
        known = await to_thread.run_sync(self._deps.books.station.recipes, limiter=self._askers)
        if ref not in {str(row.ref) for row in known}:
            raise NotThere(f"there is no recipe {ref}", hint="see the list of recipes")
        await to_thread.run_sync(self._deps.changes.check_activation, name, version, limiter=self._askers)


async def asking_of(request: Request) -> Asking:
    return Asking(request.app.state.deps, request.app.state.askers, request.app.state.asks)


Ask = Annotated[Asking, Depends(asking_of)]


@router.post("/mode")
async def set_mode(wanted: shapes.SetMode, ask: Ask) -> shapes.Done:
    request = wire.SetMode(mode=wanted.mode, by=wanted.by, reason=wanted.reason, minutes=wanted.minutes)
    minutes = f" for {wanted.minutes:g} min" if wanted.minutes else ""
    return await ask(request, wanted.by, "line.mode", f"{wanted.mode.value}{minutes}: {wanted.reason}")


@router.post("/recipe", responses=shapes.problems(404))
async def activate(wanted: shapes.ActivateRecipe, ask: Ask) -> shapes.Done:
    """The line takes it when inference has loaded it; until then `preparing` names it."""
    ref = f"{wanted.name}@{wanted.version}"
    await ask.check_recipe(wanted.name, wanted.version)
    request = wire.ActivateRecipe(name=wanted.name, version=wanted.version, by=wanted.by)
    return await ask(request, wanted.by, "line.recipe", ref)


@router.post("/lot")
async def set_lot(wanted: shapes.SetLot, ask: Ask) -> shapes.Done:
    """A change that is approved for it becomes active with the lot, at one moment, as soon as inference has it."""
    request = await ask.with_lot(wanted.lot, wanted.by)
    brings = "" if request.recipe is None else " with {}@{}".format(*request.recipe)
    return await ask(request, wanted.by, "line.lot", f"{wanted.lot}{brings}")


@router.post("/purpose")
async def set_purpose(wanted: shapes.SetPurpose, ask: Ask) -> shapes.Done:
    request = wire.SetPurpose(purpose=wanted.purpose, by=wanted.by)
    return await ask(request, wanted.by, "line.purpose", wanted.purpose.value)


@router.post("/reset")
async def reset(wanted: shapes.Reset, ask: Ask) -> shapes.Done:
    request = wire.ResetLatch(by=wanted.by, reason=wanted.reason)
    return await ask(request, wanted.by, "line.reset", wanted.reason)


def _ask(deps: Deps, request: wire.Message, by: str, action: str, detail: str) -> shapes.Done:
    """Asked first and written after: a full disk must not keep anybody from stopping the line."""
    try:
        reply = deps.commands.ask(request)
    except EdgeError as error:
        outcome = "refused" if isinstance(error, Refused) else "no answer"
        _audit(deps, by, action, f"{detail} [{outcome}: {error.message}]")
        raise
    lost = _audit(deps, by, action, detail)
    return shapes.Done(ok=True, message=lost or reply.message, hint=reply.hint)


def _audit(deps: Deps, by: str, action: str, detail: str) -> str:
    """ "" when it is written; else words that say that it is not."""
    try:
        deps.books.station.add_audit(by, action, detail)
    except StoreError as error:
        _log.error("not in the audit chain: %s %s %s: %s", by, action, detail, error)
        return f"done, but it could not be written down: {error.message}"
    return ""
