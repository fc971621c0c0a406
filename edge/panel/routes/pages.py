"""The pages a person opens. Each is a shell in that person's language; everything that moves comes from the API."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from edge.panel.page_frame import COOKIE, PageFrame
from edge.panel.shapes import MAX_NUMBER, MAX_VERSION
from edge.panel.shapes_changes import Folder

_YEAR_S = 365 * 24 * 3600
_HERE = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")  # a path of this site and nothing else
Epoch = Annotated[int, Path(ge=0, le=MAX_NUMBER)]
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]


def make(frame: PageFrame) -> APIRouter:
    """All pages of one station, and the choice of language. They are no part of the API's description."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/")
    async def live(request: Request) -> HTMLResponse:
        return frame.page(request, "live")

    @router.get("/results")
    async def results(request: Request) -> HTMLResponse:
        return frame.page(request, "results")

    @router.get("/results/{epoch}/{n}")
    async def part(request: Request, epoch: Epoch, n: Epoch) -> HTMLResponse:
        return frame.page(request, "results", "part", epoch=epoch, n=n)

    @router.get("/review")
    async def review(request: Request) -> HTMLResponse:
        return frame.page(request, "review")

    @router.get("/teach")
    async def teach(request: Request) -> HTMLResponse:
        return frame.page(request, "teach")

    @router.get("/teach/{folder}")
    async def taught(request: Request, folder: Folder) -> HTMLResponse:
        return frame.page(request, "teach", "taught", folder=folder)

    @router.get("/models")
    async def models(request: Request) -> HTMLResponse:
        return frame.page(request, "models")

    @router.get("/models/correct")
    async def correct(request: Request) -> HTMLResponse:
        return frame.page(request, "models", "correct")

    @router.get("/models/corrections/{number}")
    async def correction(request: Request, number: Annotated[int, Path(ge=1, le=MAX_NUMBER)]) -> HTMLResponse:
        return frame.page(request, "models", "correction", number=number)

    @router.get("/recipes")
    async def recipes(request: Request) -> HTMLResponse:
        return frame.page(request, "recipes")

    @router.get("/recipes/{name}/{version}")
    async def recipe(request: Request, name: Name, version: Annotated[int, Path(ge=1, le=MAX_VERSION)]) -> HTMLResponse:
        return frame.page(request, "recipes", "recipe", name=name, version=version)

    @router.get("/system")
    async def system(request: Request) -> HTMLResponse:
        return frame.page(request, "system")

    @router.get("/language/{language}")
    async def choose_language(
        request: Request, language: str, back: Annotated[str, Query(max_length=500)] = "/"
    ) -> RedirectResponse:
        target = back if _HERE.fullmatch(back) else "/"
        response = RedirectResponse(target, status_code=303)
        if frame.words_named(language) is not None:
            response.set_cookie(
                COOKIE, language, max_age=_YEAR_S, path="/", httponly=True, samesite="lax",
                secure=request.url.scheme == "https",
            )  # fmt: skip
        return response

    return router
