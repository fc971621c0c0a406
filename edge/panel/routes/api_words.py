"""The catalogue of words, for scripts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from edge.errors import NotThere
from edge.panel import shapes
from edge.panel.page_frame import PageFrame


def make(frame: PageFrame) -> APIRouter:
    router = APIRouter(prefix="/api/v1")

    @router.get("/words", responses=shapes.problems(404, 422))
    async def words(language: Annotated[str, Query(max_length=10)] = "vi") -> shapes.Words:
        found = frame.words_named(language)
        if found is None:
            raise NotThere(f"there are no words in {language!r}", hint="ask for vi or en")
        return shapes.Words(**found.for_scripts())

    return router
